import type { Round } from "./fault.ts";
import { type Link, openLink } from "./link.ts";
import { type ChaosWorld, openWorld } from "./world.ts";

/** A world whose connections to Redis all pass a link that a fault may worsen, and that link. */
export async function openWorldOverLink(round: Round): Promise<{ world: ChaosWorld; link: Link }> {
  let link: Link | undefined;
  const world = await openWorld(round, {
    async through(url) {
      link = await openLink(url, round.random);
      return link;
    },
  });
  if (link === undefined) throw new Error("the world did not ask for its link");
  return { world, link };
}
