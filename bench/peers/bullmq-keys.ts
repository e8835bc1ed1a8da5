import type { Ground } from "../ground.ts";
import type { Peer } from "../peer.ts";

/** What the keys of Lovage and of BullMQ begin with here. */
export const prefix = "bench";

const key = (name: string) => `${prefix}:default:${name}`;

/** How the jobs of BullMQ's queue "default" are looked at; Lovage's lie in the same layout. */
export const bullmqKeys: Pick<Peer, "hold" | "ended" | "failed"> = {
  async hold({ redis }: Ground) {
    await redis.multi().rename(key("wait"), key("held")).del(key("marker")).exec();
    return async () => {
      // The marker is what wakes BullMQ's workers.
      await redis.multi().rename(key("held"), key("wait")).zadd(key("marker"), 0, "0").exec();
    };
  },
  async ended({ redis }, jobs) {
    const answers = await redis.multi().llen(key("wait")).llen(key("active")).exec();
    return jobs - Number(answers?.[0]?.[1]) - Number(answers?.[1]?.[1]);
  },
  async failed({ redis }) {
    return (await redis.zcard(key("failed"))) + (await redis.zcard(key("delayed")));
  },
};
