import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import type { ClusterNode, OwnCluster } from "./own-cluster.ts";

/** How many keys go at once. */
const batch = 10;

/** A slot on its way: it is here and there. */
export interface Move {
  keys(...names: string[]): Promise<void>;
  /**
   * Moves what is left, and ends it.
   * @param slowness milliseconds between two batches of keys
   * @returns how many keys were moved
   */
  end(slowness?: number): Promise<number>;
}

/** Begins to move a slot from one master to another while it is used, as `redis-cli --cluster reshard` does: key by key. */
export async function beginMove(
  { masters }: OwnCluster,
  slot: number,
  from: ClusterNode,
  to: ClusterNode,
): Promise<Move> {
  const nodes = new Map(masters.map((node) => [node, new Redis({ host: "127.0.0.1", port: node.port })]));
  const tell = (node: ClusterNode, ...words: [string, ...(string | number)[]]) =>
    (nodes.get(node) as Redis).call(...words);
  const [here, there] = [await tell(from, "CLUSTER", "MYID"), await tell(to, "CLUSTER", "MYID")];
  await tell(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", String(here));
  await tell(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", String(there));
  const keys = async (...names: string[]) => {
    await tell(from, "MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", ...names);
  };
  return {
    keys,
    async end(slowness = 0) {
      let moved = 0;
      for (;;) {
        const names = (await tell(from, "CLUSTER", "GETKEYSINSLOT", slot, batch)) as string[];
        if (names.length === 0) break;
        moved += names.length;
        await keys(...names);
        await pause(slowness);
      }
      // The new owner first, so that nobody is sent to one who does not know of it.
      for (const node of [to, from, ...masters.filter((other) => other !== to && other !== from)])
        await tell(node, "CLUSTER", "SETSLOT", slot, "NODE", String(there));
      for (const redis of nodes.values()) redis.disconnect();
      return moved;
    },
  };
}
