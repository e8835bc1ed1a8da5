import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import type { Catalogue } from "#task";
import type { JobState } from "../../src/core/states.ts";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import { sweepParkedWorkflows } from "../../src/queue/parked-workflows.ts";
import { addJobs, prepareJob } from "../../src/queue/producer.ts";
import { readSnapshot } from "../../src/queue/snapshot.ts";
import type { Crash, CrashProxy } from "../support/crash-proxy.ts";
import { eventually } from "../support/eventually.ts";
import { startLife } from "../support/mortal-worker.ts";
import { createProgramCatalogue, type Expected, expectedOf, type Node, programName } from "./program.ts";

/** How a worker dies, and whether another one does whatever else there is to do before what the dead one held is free. */
export interface Death extends Crash {
  late: boolean;
}

/** Up to three deaths, one after another. */
export const deaths: fc.Arbitrary<Death[]> = fc.array(
  fc.record({
    at: fc.oneof(fc.integer({ min: 10, max: 60 }), fc.integer({ min: 10, max: 200 })),
    carriedOut: fc.boolean(),
    late: fc.boolean(),
  }),
  { minLength: 1, maxLength: 3, size: "max" },
);

/** Something that the program, or a call of it, should have done and did not; or did more often than it may. */
export interface TrialFault {
  what: "lost" | "doubled";
  text: string;
}

/** What one program came to, with workers that died on the way. */
export interface Trial {
  /** Every way in which it differs from the same program without crashes; none is as it should be. */
  faults: TrialFault[];
  /** How the workflow ended; undefined: it did not. */
  state?: JobState;
  /** How many workers really died: a program may end before its crash comes. */
  crashes: number;
  /** The commands that each worker sent, the last of a dead one being the one at which it died. */
  commands: string[][];
  /** How often a workflow had to be found by the sweeper, as it would have been half a minute later. */
  swept: number;
}

export interface TrialWorld {
  redis: string;
  prefix: string;
}

const queue = "default";
const id = "trial";
/** Milliseconds without an end after which the sweeper is sent, and after which the workflow counts as lost. */
const patience = { sweep: 1500, end: 20_000 };

/** A workflow that is tried. */
export interface Subject {
  /** The name of its task. */
  task: string;
  input: unknown;
  /** What the workers run; `alive` throws once a worker is dead. */
  catalogueOf(alive: () => void): Catalogue;
  /** What is wrong with how it ended. */
  compare(broker: Broker, trial: Trial): Promise<TrialFault[]>;
}

/** Runs a program with one worker after another, each of which dies at its command, and a last one that does not. */
export function tryProgram(program: Node, crashes: readonly Death[], world: TrialWorld): Promise<Trial> {
  const seen = new Map<string, Set<string>>();
  const executions = new Map<string, number>();
  const subject: Subject = {
    task: programName,
    input: { node: program, path: "0", before: "start" },
    catalogueOf: noting({ seen, executions }),
    compare: (broker, trial) => compare(broker, expectedOf(program), { seen, executions, ...trial }),
  };
  return tryWorkflow(subject, crashes, world);
}

/** The same of any workflow. */
export async function tryWorkflow(
  { task, input, catalogueOf, compare }: Subject,
  crashes: readonly Death[],
  { redis, prefix }: TrialWorld,
): Promise<Trial> {
  const broker = await openBroker({ redis: { url: redis, prefix } });
  const trial: Trial = { faults: [], crashes: 0, commands: [], swept: 0 };
  const burials: Promise<void>[] = [];
  try {
    const target = { name: task, queue, retry: { attempts: 1 } };
    await addJobs(broker, [prepareJob(target, input, { id })]);
    for (const crash of [...crashes, undefined]) {
      const life = await startLife({ redis, prefix }, crash, catalogueOf);
      try {
        await untilOver(broker, life.proxy, trial);
      } finally {
        trial.commands.push([...life.proxy.commands]);
        if (life.proxy.crashing.aborted) trial.crashes += 1;
        burials.push(life.end());
      }
      if (!life.proxy.crashing.aborted) break;
      await life.proxy.crashed;
      if (crash?.late) {
        const other = await startLife({ redis, prefix }, undefined, catalogueOf);
        await untilOthersDone(broker);
        await other.end();
      }
      await letLocksRunOut(broker);
    }
    trial.state = (await readSnapshot(broker, queue, id)).state;
    trial.faults.push(...(await compare(broker, trial)));
  } catch (error) {
    trial.faults.push({ what: "lost", text: String(error) });
  } finally {
    await Promise.all(burials);
    for await (const keys of broker.redis.scanStream({ match: `${prefix}:*`, count: 1000 }))
      if (keys.length > 0) await broker.redis.unlink(...keys);
    await broker.close();
  }
  return trial;
}

interface Seen {
  seen: Map<string, Set<string>>;
  executions: Map<string, number>;
}

/** A catalogue that notes what happens. */
function noting({ seen, executions }: Seen): Parameters<typeof startLife>[2] {
  return (alive) =>
    createProgramCatalogue({
      executed(label) {
        alive();
        executions.set(label, (executions.get(label) ?? 0) + 1);
      },
      saw(label, nonce) {
        alive();
        seen.set(label, (seen.get(label) ?? new Set()).add(nonce));
      },
    });
}

/** Until the workflow has ended and nothing of it is left to do, or the worker is dead. */
async function untilOver(broker: Broker, proxy: CrashProxy, trial: Trial): Promise<void> {
  const begun = Date.now();
  let swept = begun;
  while (!proxy.crashing.aborted) {
    if (await isOver(broker)) return;
    if (Date.now() - begun > patience.end) throw new Error(`never ended; ${await describeQueue(broker)}`);
    if (Date.now() - swept > patience.sweep) {
      swept = Date.now();
      trial.swept += (await sweepParkedWorkflows(broker.shards[0], queue)).length;
    }
    await sleep(3);
  }
}

/** Until only those jobs are left that the dead worker holds, and what waits for them. */
async function untilOthersDone(broker: Broker): Promise<void> {
  const held = await broker.redis.lrange(broker.keys.at(id).active(queue), 0, -1);
  await eventually("the others have ended", async () => {
    const { wait, delayed } = await broker.queue(queue).getJobCounts("wait", "delayed");
    const active = await broker.redis.lrange(broker.keys.at(id).active(queue), 0, -1);
    return wait === 0 && delayed === 0 && active.every((job) => held.includes(job));
  });
}

/** Ended, and no call of it waits or runs. */
async function isOver(broker: Broker): Promise<boolean> {
  if ((await broker.redis.hexists(broker.keys.job(queue, id), "finishedOn")) === 0) return false;
  const counts = await broker.queue(queue).getJobCounts("wait", "active", "delayed", "waiting-children");
  return Object.values(counts).every((count) => count === 0);
}

async function describeQueue(broker: Broker): Promise<string> {
  const counts = await broker.queue(queue).getJobCounts();
  return JSON.stringify(Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)));
}

/** As if so much time had passed: what the dead worker held is free, and the next look for stalled jobs finds it. */
async function letLocksRunOut({ redis, keys }: Broker): Promise<void> {
  const held = await redis.lrange(keys.at(id).active(queue), 0, -1);
  await redis.del(keys.job(queue, "stalled-check"), ...held.map((job) => keys.lock(queue, job)));
  if (held.length > 0) await redis.sadd(keys.job(queue, "stalled"), ...held);
}

async function compare(
  broker: Broker,
  expected: Expected,
  { seen, executions, crashes }: Seen & Pick<Trial, "crashes">,
): Promise<TrialFault[]> {
  const faults: TrialFault[] = [];
  const lost = (text: string) => void faults.push({ what: "lost", text });
  const doubled = (text: string) => void faults.push({ what: "doubled", text });
  const { output, error, state } = await readSnapshot(broker, queue, id);
  const { outcome } = expected;
  if ("value" in outcome) {
    if (state !== "completed" || output !== outcome.value)
      lost(`ended ${state} with ${JSON.stringify(output ?? error)} instead of ${outcome.value}`);
  } else if (state !== "failed" || error === undefined || !outcome.errors.includes(error.message)) {
    const wanted = outcome.errors.join(" or ");
    lost(`ended ${state} with ${JSON.stringify(output ?? error)} instead of the error of ${wanted}`);
  }
  for (const [label, times] of expected.executions) {
    const really = executions.get(label) ?? 0;
    if (really < times) lost(`${label} ran ${really} times instead of ${times}`);
  }
  for (const [label, really] of executions) {
    const times = expected.executions.get(label) ?? expected.possible.get(label) ?? 0;
    // What ran when its worker died runs once more.
    const most = times === 0 ? 0 : times + crashes;
    if (really > most) doubled(`${label} ran ${really} times instead of ${most} at most`);
  }
  for (const [label, given] of seen)
    if (given.size > 1)
      doubled(`the outcome of ${label} was another when the function ran again: ${[...given]}`);
  const ids = new Map<string, Set<string>>();
  for (const job of await broker.queue(queue).getJobs(["completed", "failed"])) {
    const input = job.data.input as { label?: string; path?: string };
    const call = `${job.name} of ${input.label ?? input.path ?? job.id}`;
    ids.set(call, (ids.get(call) ?? new Set()).add(job.id ?? ""));
  }
  for (const [label, jobs] of ids)
    if (jobs.size > 1) doubled(`${label} was called as ${[...jobs].join(" and ")}`);
  return faults;
}
