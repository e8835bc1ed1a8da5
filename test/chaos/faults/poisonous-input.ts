import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { catalogue as real } from "#tasks";
import { LovageError } from "../../../src/core/errors.ts";
import { isEnded } from "../../../src/core/states.ts";
import { readSnapshot } from "../../../src/queue/snapshot.ts";
import { type Books, noBooks } from "../books.ts";
import type { Fault } from "../fault.ts";
import { type Garbage, garbageId, kindsOfGarbage, pushGarbage } from "../garbage.ts";
import { startOperators } from "../operators.ts";
import { type Payload, payloads } from "../payloads.ts";
import type { Random } from "../random.ts";
import { type ChaosWorld, openWorld } from "../world.ts";

const queues = ["ml", "data", "default"];
const catalogueUrl = fileURLToPath(new URL("../poison-catalogue.ts", import.meta.url));

/** A job that the round made, and how it may end. */
interface Made {
  queue: string;
  id: string;
  what: string;
  ends: Garbage["ends"];
}

/** Calls that are no calls, and jobs that are none, at every door, while good ones come and go. */
export const poisonousInput: Fault = {
  name: "poisonous-input",
  title: "Generated payloads and raw garbage at SDK, HTTP API and in Redis, under load",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  patience: 30,
  async run(round) {
    const { random, quick, say, signal } = round;
    const world = await openWorld(round, {
      environment: { LOVAGE_TEST_CATALOGUE: catalogueUrl, FAILURE_AGE: "1d" },
    });
    try {
      const serving = { WORKER_QUEUES: queues.join() };
      await Promise.all([world.worker(serving), world.worker(serving)]);
      const operators = await startOperators(world);
      world.load({ perSecond: 10 });
      const wrong: string[] = [];
      const made: Made[] = [];
      const seed = random.whole(0, 2 ** 31 - 1);
      const given = fc.sample(payloads, { seed, numRuns: quick ? 750 : 7500 });
      const garbage = Array.from({ length: quick ? 2 : 20 }, () => kindsOfGarbage(random)).flat();
      const half = Math.floor(given.length / 2);
      const refused = { sdk: 0, http: 0 };

      await Promise.all([
        offerToSdk(world, given.slice(0, half), { made, wrong, refused }),
        offerToApi(operators, given.slice(half), { made, wrong, refused }),
        pushAll(world, random, garbage, made),
      ]);
      say(
        `${made.length} jobs made, ${refused.sdk} and ${refused.http} calls refused; ${wrong.length} wrong`,
      );
      await untilEnded(world, made, { say, signal });
      await lookAtAll(operators, made, random, quick);
      wrong.push(...operators.troubles);
      if (operators.dashboard.process.exitCode !== null) wrong.push("the dashboard died");
      if (world.workers().length < 2) wrong.push("a worker died");
      const own = await balanceMade(world, made, wrong);
      const load = await world.settle();
      for (const text of wrong.slice(0, 10)) say(text);
      return {
        enqueued: own.enqueued + load.enqueued,
        completed: own.completed + load.completed,
        failed: own.failed + load.failed,
        cancelled: load.cancelled,
        expired: load.expired,
        lost: own.lost + load.lost + wrong.length,
        doubled: load.doubled,
        notes: {
          ...load.notes,
          payloads: given.length,
          garbage: garbage.length,
          refusedBySdk: refused.sdk,
          refusedByApi: refused.http,
          ...(wrong[0] !== undefined && { wrong: wrong[0] }),
        },
      };
    } finally {
      await world.close();
    }
  },
};

interface Notes {
  made: Made[];
  wrong: string[];
  refused: { sdk: number; http: number };
}

const queueOf = new Map<string, string>(real.tasks.map(({ name, queue }) => [name, queue]));
const accepted = { what: "an accepted call", ends: "any" } as const;

/** How many calls are under way at once. */
const atOnce = 10;

async function inLanes<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) await act(next);
    }),
  );
}

async function offerToSdk(world: ChaosWorld, given: readonly Payload[], notes: Notes): Promise<void> {
  await inLanes(given, async ({ task, input }) => {
    try {
      const { id } = await world.client.enqueue(task as "chaos.entry", input as never);
      notes.made.push({ queue: queueOf.get(task) ?? "default", id, ...accepted });
    } catch (error) {
      notes.refused.sdk += 1;
      if (!(error instanceof LovageError)) notes.wrong.push(`the SDK threw ${String(error).slice(0, 200)}`);
    }
  });
}

async function offerToApi(
  operators: Awaited<ReturnType<typeof startOperators>>,
  given: readonly Payload[],
  notes: Notes,
): Promise<void> {
  await inLanes(given, async ({ task, input }) => {
    const body = toBody({ task, input });
    const { status, code, id } = await operators.post("/jobs", body);
    if (status === 201) notes.made.push({ queue: queueOf.get(task) ?? "default", id, ...accepted });
    else notes.refused.http += 1;
    if (status !== 201 && code === "") notes.wrong.push(`the API answered ${status} without a code`);
  });
}

/** As JSON where it has a form in it; else its name, which is none. */
function toBody(call: Payload): string {
  try {
    return JSON.stringify(call);
  } catch {
    return String(call.task);
  }
}

async function pushAll(
  world: ChaosWorld,
  random: Random,
  garbage: readonly Garbage[],
  made: Made[],
): Promise<void> {
  for (const [number, one] of garbage.entries()) {
    const queue = random.pick(queues);
    const id = garbageId(random, number);
    await pushGarbage(world.broker, queue, id, one);
    // What lies where nobody works on it has ended, or is none.
    const works = one.collection === undefined || ["delayed", "prioritized"].includes(one.collection);
    if (one.fields !== undefined && works) made.push({ queue, id, what: one.what, ends: one.ends });
  }
}

/** Milliseconds in which at least one more must end. */
const patience = 30_000;

async function untilEnded(
  { broker }: ChaosWorld,
  made: readonly Made[],
  { say, signal }: { say(text: string): void; signal: AbortSignal },
): Promise<void> {
  let before = Number.POSITIVE_INFINITY;
  for (let until = Date.now() + patience; ; ) {
    const pipeline = broker.redis.pipeline();
    for (const { queue, id } of made) pipeline.hexists(broker.keys.job(queue, id), "finishedOn");
    const left = ((await pipeline.exec()) ?? []).filter(([, ended]) => ended === 0).length;
    if (left < before) until = Date.now() + patience;
    before = left;
    if (left === 0 || Date.now() > until) return;
    say(`${left} have not ended yet`);
    await sleep(3000, undefined, { signal });
  }
}

/** Everything that shows jobs is looked at, with the garbage in place. */
async function lookAtAll(
  operators: Awaited<ReturnType<typeof startOperators>>,
  made: readonly Made[],
  random: Random,
  quick: boolean,
): Promise<void> {
  const places = [
    "/",
    "/jobs",
    "/jobs?text=x",
    "/jobs?state=failed",
    "/jobs?state=waiting",
    "/jobs?code=PAYLOAD_INVALID",
    "/jobs?tag=x",
    "/tasks",
    "/workers",
    "/workflows",
    "/charts",
    "/metrics",
    "/api/v1/jobs?limit=1000",
    "/api/v1/jobs?text=x&limit=1000",
    "/api/v1/dead-letters?limit=1000",
    "/api/v1/queues",
    "/api/v1/workers",
  ];
  for (const place of places) await operators.look(place);
  const foreign = made.filter(({ what }) => what !== accepted.what);
  const ofEachKind = [...new Map(foreign.map((job) => [job.what, job])).values()];
  await inLanes(quick ? ofEachKind : foreign, async ({ queue, id }) => {
    const path = encodeURIComponent(id);
    const page = `/jobs/${queue}/${path}`;
    const api = `/api/v1/jobs/${path}`;
    const all = [
      page,
      `${page}/replay`,
      `${api}?queue=${queue}`,
      `${api}/result?queue=${queue}`,
      `${api}/workflow?queue=${queue}`,
    ];
    for (const place of quick ? [page, random.pick(all.slice(1))] : all) await operators.look(place);
  });
  for (const queue of queues)
    for (const status of ["latest", "failed", "completed", "waiting-children"])
      await operators.look(`/board/api/queues?activeQueue=${queue}&status=${status}&page=1&jobsPerPage=50`);
  await operators.command("jobs", "--limit", "500");
  await operators.command("dead", "list");
  await operators.command("inspect", "queues");
  const one = random.pick(foreign.filter(({ id }) => id.startsWith("garbage-")));
  await operators.command("status", one.id, "--queue", one.queue);
}

async function balanceMade(
  { broker }: ChaosWorld,
  made: readonly Made[],
  wrong: string[],
): Promise<Pick<Books, "enqueued" | "completed" | "failed" | "lost">> {
  const books = { ...noBooks };
  for (const { queue, id, what, ends } of made) {
    books.enqueued += 1;
    const job = await readSnapshot(broker, queue, id).catch(() => undefined);
    const state = job?.state;
    if (state === "completed" || state === "failed") books[state] += 1;
    if (job === undefined || !isEnded(job.state)) {
      books.lost += 1;
      wrong.push(`${what} (${queue}:${id.slice(0, 40)}) is ${state ?? "gone"}`);
    } else if (ends !== "any" && (state !== "failed" || !ends.includes(job.error?.code ?? ""))) {
      wrong.push(`${what} ended ${state} ${job.error?.code ?? ""} instead of ${ends.join()}`);
    }
  }
  return books;
}
