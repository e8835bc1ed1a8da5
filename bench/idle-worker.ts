/** How soon a worker is ready, and how much memory it holds idle: Lovage's program against a raw BullMQ worker. */

import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { queueNames } from "#task";
import { readArguments } from "./arguments.ts";
import { type Ground, onGround } from "./ground.ts";
import { type Finding, printReport, say } from "./report.ts";
import { median } from "./statistics.ts";
import { type Side, sides, startWorker } from "./worker-child.ts";

const method =
  "From the spawn to the worker's ready message; VmRSS of /proc 5 s later, idle. Cold: the first start ever, with an empty " +
  "compile cache; warm: any later start. Medians of interleaved starts.";

const { json, counts } = readArguments({ starts: { normal: 5, quick: 2 } });
const idleTime = 5000;
const megabyte = 1024 * 1024;

interface Start {
  seconds: number;
  megabytes: number;
}

async function start(
  side: Side,
  ground: Ground,
  queues: readonly string[],
  compileCache: string,
): Promise<Start> {
  const worker = await startWorker(side, ground, { prefix: side, queues, compileCache });
  await pause(idleTime);
  const bytes = worker.residentBytes();
  await worker.stop();
  return { seconds: worker.readyAfter / 1000, megabytes: bytes / megabyte };
}

const kinds = [
  { name: "one queue, warm", queues: ["default"], cold: false },
  { name: "one queue, cold", queues: ["default"], cold: true },
  { name: "three queues, warm", queues: [...queueNames], cold: false },
];

await onGround(async (ground) => {
  const warmCache = join(ground.folder, "warm-cache");
  const starts = kinds.map(({ name }) => ({ name, lovage: [] as Start[], raw: [] as Start[] }));
  say("idle worker: filling the compile cache …");
  // Not measured: these two fill the cache that the warm starts find.
  for (const side of sides) await start(side, ground, [...queueNames], warmCache);
  for (let round = 1; round <= counts.starts; round += 1) {
    for (const [index, { name, queues, cold }] of kinds.entries()) {
      for (const side of round % 2 === 0 ? sides.toReversed() : sides) {
        const compileCache = cold ? await mkdtemp(join(ground.folder, "cold-")) : warmCache;
        const measured = await start(side, ground, queues, compileCache);
        starts[index]?.[side].push(measured);
        const { seconds, megabytes } = measured;
        say(
          `start ${round} of ${counts.starts}, ${name}, ${side}: ready in ${seconds.toFixed(2)} s, ${megabytes.toFixed(0)} MB`,
        );
      }
    }
  }
  const finding = (
    kind: (typeof starts)[number],
    what: string,
    of: (start: Start) => number,
    unit: string,
    bound: number,
  ): Finding => {
    const lovage = median(kind.lovage.map(of));
    const baseline = median(kind.raw.map(of));
    const goal = { on: "lovage", sense: "most", bound } as const;
    return { what: `${what}, ${kind.name}`, unit, lovage, baseline, ratio: lovage / baseline, goal };
  };
  printReport(
    {
      benchmark: "idle-worker",
      method,
      findings: [
        ...starts.map((kind) => finding(kind, "worker ready", ({ seconds }) => seconds, "s", 1.5)),
        ...starts.map((kind) => finding(kind, "idle memory", ({ megabytes }) => megabytes, "MB", 130)),
      ],
      rounds: starts,
    },
    json,
  );
});
