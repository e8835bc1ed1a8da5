import { drain } from "../drained.ts";
import type { Ground } from "../ground.ts";
import { type Shape, separately } from "../shape.ts";

export const redisCost: Shape = {
  name: "redis-cost",
  method:
    "Empty jobs, enqueued 20 in flight, then run by one worker with four slots. Bytes are the growth of `used_memory` for each job, without connections, buffers and scripts; commands are " +
    "all that `INFO commandstats` counts, those inside scripts too; CPU is Redis' own (`used_cpu_user` and `used_cpu_sys`).",
  figures: [
    { name: "bytes-waiting", title: "Redis memory of a waiting job", unit: "bytes", better: "less" },
    { name: "bytes-finished", title: "Redis memory of a finished job", unit: "bytes", better: "less" },
    { name: "commands-enqueue", title: "Redis commands, enqueuing a job", unit: "commands", better: "less" },
    { name: "commands-run", title: "Redis commands, running a job", unit: "commands", better: "less" },
    { name: "redis-cpu-enqueue", title: "Redis' CPU, enqueuing a job", unit: "µs", better: "less" },
    { name: "redis-cpu-run", title: "Redis' CPU, running a job", unit: "µs", better: "less" },
  ],
  peers: ["lovage", "bullmq", "celery", "asynq"],
  baseline: "bullmq",
  rounds: { normal: 3, quick: 1 },
  open: separately(async (name, { ground, quick, peer: find }) => {
    const peer = find(name);
    // Few enough that none is removed yet when the last one ends.
    const jobs = Math.max(500, Math.ceil((quick ? 3000 : 8000) * peer.share));
    await ground.clear();
    const empty = await measured(ground);
    const client = await peer.startClient(ground);
    await client.enqueue(100, 20);
    await ground.clear();
    await ground.redis.config("RESETSTAT");
    const before = await measured(ground);
    await client.enqueue(jobs, 20);
    const enqueued = await measured(ground);
    await client.stop();

    let released = enqueued;
    await drain(ground, peer, jobs, [{ concurrency: 4 }], {
      lookEvery: 200,
      async beforeRelease() {
        await ground.redis.config("RESETSTAT");
        released = await measured(ground);
      },
    });
    const finished = await measured(ground);
    return {
      "bytes-waiting": (enqueued.bytes - before.bytes) / jobs,
      "bytes-finished": (finished.bytes - empty.bytes) / jobs,
      "commands-enqueue": (enqueued.commands - before.commands) / jobs,
      "commands-run": (finished.commands - released.commands) / jobs,
      "redis-cpu-enqueue": (enqueued.cpuMicroseconds - before.cpuMicroseconds) / jobs,
      "redis-cpu-run": (finished.cpuMicroseconds - released.cpuMicroseconds) / jobs,
    };
  }),
};

async function measured({ redis }: Ground) {
  const info = await redis.info("all");
  const field = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1]);
  const calls = [...info.matchAll(/^cmdstat_[^:]+:calls=(\d+)/gm)].map((match) => Number(match[1]));
  return {
    // Without what connections, the file's buffer and cached scripts take: that comes and goes.
    bytes: ["mem_clients_normal", "mem_aof_buffer", "used_memory_scripts_eval"].reduce(
      (bytes, name) => bytes - (field(name) || 0),
      field("used_memory"),
    ),
    commands: calls.reduce((sum, each) => sum + each, 0),
    cpuMicroseconds: (field("used_cpu_user") + field("used_cpu_sys")) * 1e6,
  };
}
