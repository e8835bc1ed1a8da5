import { setTimeout as sleep } from "node:timers/promises";
import { createLogger } from "../../src/observe/logger.ts";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import { sweepParkedWorkflows } from "../../src/queue/parked-workflows.ts";
import { addJobs, prepareJob } from "../../src/queue/producer.ts";
import { readSnapshot } from "../../src/queue/snapshot.ts";
import { createClusterOperations } from "../../src/ray/cluster.ts";
import { createProgramPackage } from "../../src/ray/program.ts";
import { createRayRunner } from "../../src/ray/runner.ts";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { createWorker } from "../../src/worker/worker.ts";
import { type Crash, type CrashProxy, startCrashProxy } from "../support/crash-proxy.ts";
import { createProgramCatalogue, type Expected, expectedOf, type Node, programName } from "./program.ts";

/** What one program came to, with workers that died on the way. */
export interface Trial {
  /** Every way in which it differs from the same program without crashes; none is as it should be. */
  faults: string[];
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

/** Runs a program with one worker after another, each of which dies at its command, and a last one that does not. */
export async function tryProgram(
  program: Node,
  crashes: readonly Crash[],
  { redis, prefix }: TrialWorld,
): Promise<Trial> {
  const broker = await openBroker({ redis: { url: redis, prefix } });
  const seen = new Map<string, Set<string>>();
  const executions = new Map<string, number>();
  const trial: Trial = { faults: [], crashes: 0, commands: [], swept: 0 };
  const burials: Promise<void>[] = [];
  try {
    const target = { name: programName, queue, retry: { attempts: 1 } };
    await addJobs(broker, [prepareJob(target, { node: program, path: "0", before: "start" }, { id })]);
    for (const crash of [...crashes, undefined]) {
      const life = await startLife({ redis, prefix }, crash, { seen, executions });
      try {
        await untilOver(broker, life.proxy, trial);
      } finally {
        trial.commands.push([...life.proxy.commands]);
        if (life.proxy.crashing.aborted) trial.crashes += 1;
        burials.push(life.end());
      }
      if (!life.proxy.crashing.aborted) break;
      await life.proxy.crashed;
      await letLocksRunOut(broker);
    }
    trial.faults.push(...(await compare(broker, expectedOf(program), { seen, executions, ...trial })));
  } catch (error) {
    trial.faults.push(String(error));
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

interface Life {
  proxy: CrashProxy;
  end(): Promise<void>;
}

const silent = createLogger({ level: "silent", format: "json" });

/** A worker that dies at a command. */
async function startLife(
  { redis, prefix }: TrialWorld,
  crash: Crash | undefined,
  notes: Seen,
): Promise<Life> {
  const proxy = await startCrashProxy(redis);
  const alive = () => {
    if (proxy.crashing.aborted) throw new Error("this process is dead");
  };
  const catalogue = createProgramCatalogue({
    executed(label) {
      alive();
      notes.executions.set(label, (notes.executions.get(label) ?? 0) + 1);
    },
    saw(label, what) {
      alive();
      notes.seen.set(label, (notes.seen.get(label) ?? new Set()).add(what));
    },
  });
  const { broker, disconnect } = withEnd(await openBroker({ redis: { url: proxy.url, prefix } }));
  const ray = createRayClient({ address: "http://127.0.0.1:1" });
  const worker = createWorker({
    name: "trial",
    queues: [{ name: queue, concurrency: 4 }],
    broker,
    catalogue,
    rayRunner: createRayRunner({
      client: ray,
      programs: createProgramPackage(ray, import.meta.dirname),
      settings: {
        world: prefix,
        datasetsDir: "",
        modelsDir: "",
        uriSchemes: [],
        pip: undefined,
        unavailableTimeout: 1000,
      },
    }),
    cluster: createClusterOperations(ray),
    settings: {
      expectedNodes: 1,
      expectedCpus: 1,
      datasetsDir: "",
      modelsDir: "",
      healthChannels: [],
      webhookUrl: undefined,
      smtpUrl: undefined,
      emailFrom: undefined,
      emailTo: undefined,
    },
    logger: await silent,
    shutdownTimeout: 0,
    lockDuration: 30_000,
    retention: { result: { age: 60_000, count: 1000 }, failure: { age: 60_000, count: 1000 }, logLines: 10 },
  });
  proxy.arm(crash);
  const starting = worker.start().catch((error) => {
    // Who dies while it starts may not be able to.
    if (!proxy.crashing.aborted) throw error;
  });
  await Promise.race([starting, proxy.crashed]);
  return {
    proxy,
    async end() {
      if (proxy.crashing.aborted) {
        disconnect();
        // It would wait five seconds for what it cannot do any more.
        worker.stop().catch(() => {});
      } else {
        await starting;
        await worker.stop();
      }
      await Promise.all([broker.close(), ray.close()]);
      await proxy.close();
    },
  };
}

/** A broker all of whose connections can be ended at once, also those that BullMQ made of its own. */
function withEnd(broker: Broker): { broker: Broker; disconnect(): void } {
  const all: Pick<Broker["redis"], "disconnect">[] = [broker.redis];
  const duplicate = broker.redis.duplicate.bind(broker.redis);
  broker.redis.duplicate = (options) => {
    const further = duplicate(options);
    all.push(further);
    return further;
  };
  return {
    broker: {
      ...broker,
      duplicate(options) {
        const further = broker.duplicate(options);
        all.push(further);
        return further;
      },
    },
    disconnect() {
      for (const redis of all) redis.disconnect();
    },
  };
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
      trial.swept += (await sweepParkedWorkflows(broker, queue)).length;
    }
    await sleep(3);
  }
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
  const held = await redis.lrange(keys.active(queue), 0, -1);
  await redis.del(keys.job(queue, "stalled-check"), ...held.map((job) => keys.lock(queue, job)));
  if (held.length > 0) await redis.sadd(keys.job(queue, "stalled"), ...held);
}

async function compare(
  broker: Broker,
  expected: Expected,
  { seen, executions, crashes }: Seen & Pick<Trial, "crashes">,
): Promise<string[]> {
  const faults: string[] = [];
  const { output, error, state } = await readSnapshot(broker, queue, id);
  const { outcome } = expected;
  if ("value" in outcome) {
    if (state !== "completed" || output !== outcome.value)
      faults.push(`ended ${state} with ${JSON.stringify(output ?? error)} instead of ${outcome.value}`);
  } else if (state !== "failed" || error === undefined || !outcome.errors.includes(error.message)) {
    const wanted = outcome.errors.join(" or ");
    faults.push(`ended ${state} with ${JSON.stringify(output ?? error)} instead of the error of ${wanted}`);
  }
  for (const [label, times] of expected.executions) {
    const really = executions.get(label) ?? 0;
    if (really < times || really > times + crashes)
      faults.push(`${label} ran ${really} times instead of ${times}, with ${crashes} crashes`);
  }
  for (const [label, really] of executions) {
    if (expected.executions.has(label)) continue;
    const times = expected.possible.get(label);
    if (times === undefined) faults.push(`${label} ran and should not`);
    else if (really > times + crashes)
      faults.push(`${label} ran ${really} times instead of ${times} at most`);
  }
  for (const [label, given] of seen)
    if (given.size > 1)
      faults.push(`the outcome of ${label} was another when the function ran again: ${[...given]}`);
  const ids = new Map<string, Set<string>>();
  for (const job of await broker.queue(queue).getJobs(["completed", "failed"])) {
    const input = job.data.input as { label?: string; path?: string };
    const call = `${job.name} of ${input.label ?? input.path ?? job.id}`;
    ids.set(call, (ids.get(call) ?? new Set()).add(job.id ?? ""));
  }
  for (const [label, jobs] of ids)
    if (jobs.size > 1) faults.push(`${label} was called as ${[...jobs].join(" and ")}`);
  return faults;
}
