import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Ground } from "../ground.ts";
import type { Peer } from "../peer.ts";
import { prefix } from "../peers/bullmq-keys.ts";
import { type Shape, separately } from "../shape.ts";

const depths = { normal: 1_000_000, quick: 20_000 };

export const depth: Shape = {
  name: "depth",
  method:
    `The speed with ${depths.normal.toLocaleString("en-US")} jobs waiting (${depths.quick.toLocaleString("en-US")} in a quick run) as a share of the speed of the same process with none: enqueuing 10 in flight, and draining the ` +
    "first of them at concurrency 4. The waiting jobs are copies, made inside Redis, of one that the peer itself enqueued.",
  figures: [
    {
      name: "depth-enqueue",
      title: "enqueue on a deep queue, to an empty one",
      unit: "×",
      better: "more",
      goals: [{ sense: "least", bound: 0.9 }],
    },
    {
      name: "depth-drain",
      title: "drain of a deep queue, to a short one",
      unit: "×",
      better: "more",
      goals: [{ sense: "least", bound: 0.9 }],
    },
  ],
  peers: ["lovage", "bullmq"],
  baseline: "bullmq",
  rounds: { normal: 3, quick: 2 },
  open: separately(async (name, { ground, quick, peer: find }) => {
    const peer = find(name);
    const jobs = quick ? 3000 : 20_000;
    const deep = quick ? depths.quick : depths.normal;
    await ground.clear();
    const client = await peer.startClient(ground);
    await client.enqueue(jobs / 2, 10);
    await ground.clear();
    const shallowEnqueue = await client.enqueue(jobs, 10);
    const shallowDrain = await drainFirst(ground, peer, jobs, jobs);
    await client.enqueue(1, 1);
    await copyWaiting(ground.redis, deep);
    const deepEnqueue = await client.enqueue(jobs, 10);
    const all = await ground.redis.llen(`${prefix}:default:wait`);
    const deepDrain = await drainFirst(ground, peer, all, jobs);
    await client.stop();
    return { "depth-enqueue": shallowEnqueue / deepEnqueue, "depth-drain": shallowDrain / deepDrain };
  }),
};

/** The seconds in which a worker does the jobs of the second to the last tenth of so many, `all` of them waiting. */
async function drainFirst(ground: Ground, peer: Peer, all: number, count: number): Promise<number> {
  const worker = await peer.startWorker(ground, { concurrency: 4 });
  try {
    const reach = async (ended: number) => {
      while ((await peer.ended(ground, all)) < ended) await pause(3);
      return performance.now();
    };
    const begun = await reach(count / 10);
    return ((await reach(count)) - begun) / 1000;
  } finally {
    await worker.stop();
  }
}

/** Puts copies of the oldest waiting job at the end of its list, in portions that do not block Redis for long. */
async function copyWaiting(redis: Redis, count: number): Promise<void> {
  const base = `${prefix}:default:`;
  const script = `
    local fields = redis.call("HGETALL", ARGV[1] .. redis.call("LINDEX", KEYS[1], -1))
    for index = ARGV[2], ARGV[3] do
      local id = "copy-" .. index
      redis.call("HSET", ARGV[1] .. id, unpack(fields))
      redis.call("LPUSH", KEYS[1], id)
    end`;
  const portion = 5000;
  for (let from = 1; from <= count; from += portion)
    await redis.eval(script, 1, `${base}wait`, base, from, Math.min(count, from + portion - 1));
}
