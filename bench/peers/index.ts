import type { Missing, Peer } from "../peer.ts";
import { bullmq } from "./bullmq.ts";
import { lovage } from "./lovage.ts";

/** The peers of this machine among those named, and what lacks; their programs are built when need be. */
export async function findPeers(
  names: readonly string[],
): Promise<{ peers: Map<string, Peer>; missing: Missing[] }> {
  const peers = new Map<string, Peer>();
  const missing: Missing[] = [];
  for (const name of names) {
    const found = await finders[name as keyof typeof finders]?.();
    if (found === undefined) throw new Error(`there is no peer ${name}`);
    if ("reason" in found) missing.push(found);
    else peers.set(name, found);
  }
  return { peers, missing };
}

const finders = {
  lovage: async (): Promise<Peer | Missing> => lovage,
  bullmq: async (): Promise<Peer | Missing> => bullmq,
};
