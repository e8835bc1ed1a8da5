import type { Missing, Peer } from "../peer.ts";
import { findAsynq } from "./asynq.ts";
import { bullmq } from "./bullmq.ts";
import { findCelery } from "./celery.ts";
import { lovage } from "./lovage.ts";

const finders: Record<string, () => Promise<Peer | Missing>> = {
  lovage: async () => lovage,
  bullmq: async () => bullmq,
  celery: findCelery,
  asynq: findAsynq,
};

/** Those that a whole run compares. Variants of Lovage have names of their own in their shapes. */
export const peerNames = Object.keys(finders);

/** The peers of this machine among those named, and what lacks; their programs are built when need be. */
export async function findPeers(
  names: readonly string[],
): Promise<{ peers: Map<string, Peer>; missing: Missing[] }> {
  const peers = new Map<string, Peer>();
  const missing: Missing[] = [];
  for (const name of names) {
    const found = await finders[name]?.();
    if (found === undefined) throw new Error(`there is no peer ${name}`);
    if ("reason" in found) missing.push(found);
    else peers.set(name, found);
  }
  return { peers, missing };
}
