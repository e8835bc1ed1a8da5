import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jobStates } from "../../src/core/states.ts";
import type { FoundJob, JobQuery } from "../../src/queue/found-job.ts";
import { searchJobs } from "../../src/queue/job-search.ts";
import { createKeys } from "../../src/queue/keys.ts";
import { queueNames } from "../../src/task/definition.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

interface Walked {
  jobs: FoundJob[];
  looked: number;
  total: number;
}

/** All parts of a search; between them `meanwhile` may change things. */
async function walk(
  where: World,
  query: JobQuery,
  { limit = 50, budget = 250, meanwhile = async () => {} } = {},
): Promise<Walked> {
  const jobs: FoundJob[] = [];
  let cursor: string | undefined;
  for (let part = 0; ; part += 1) {
    const page = await searchJobs(where.broker, query, { limit, cursor, budget });
    expect(page.jobs.length).toBeLessThanOrEqual(limit);
    jobs.push(...page.jobs);
    if (page.cursor === null) return { jobs, looked: page.looked, total: page.total };
    if (part > 2000) throw new Error("the search does not end");
    cursor = page.cursor;
    await meanwhile();
  }
}

const idsOf = ({ jobs }: Pick<Walked, "jobs">) => jobs.map(({ id }) => id).toSorted();

/** Jobs in every state, in BullMQ's layout, each with what the filters ask about. */
const arbitraryJob = fc.record({
  queue: fc.constantFrom(...queueNames),
  state: fc.constantFrom(...jobStates),
  // Few moments, so that many jobs share one.
  minute: fc.integer({ min: 0, max: 5 }),
  task: fc.constantFrom("test.a", "test.b"),
  tags: fc.subarray(["x", 'say "y"', "zürich"]),
  code: fc.constantFrom("JOB_FAILED", "INPUT_INVALID", "JOB_STALLED"),
  worker: fc.constantFrom("one", "two"),
  text: fc.constantFrom(
    "plain",
    "Überall",
    'a "quoted" word',
    "back\\slash/es",
    "line\nbreak",
    "日本",
    "MiXed Case",
  ),
  ascii: fc.boolean(),
  priority: fc.integer({ min: 0, max: 9 }),
  prefix: fc.constantFrom("a", "ab", "b"),
});
type Made =
  typeof arbitraryJob extends fc.Arbitrary<infer T> ? T & { id: string; enqueuedAt: number } : never;

/** A moment in the past: the search begins now, and scheduled jobs lie after it. */
const base = Date.now() - 3_600_000;

async function put(where: World, jobs: readonly Made[]): Promise<void> {
  const { redis, keys } = where.broker;
  const pipeline = redis.pipeline();
  for (const [index, job] of jobs.entries()) {
    const { queue, id, enqueuedAt, state } = job;
    const list = (name: string) => keys.at("").of(queue, name);
    const data = JSON.stringify({ v: 1, input: { text: job.text }, meta: { tags: job.tags } });
    const endedAt = enqueuedAt + 60_000;
    const error = (code: string) => JSON.stringify({ code, message: `why ${job.text}`, retryable: false });
    const cancelledEarly = state === "cancelled" && job.priority % 2 === 0;
    pipeline.hset(keys.job(queue, id), {
      name: job.task,
      data: job.ascii ? asciiOf(data) : data,
      opts: '{"attempts":3}',
      timestamp: enqueuedAt,
      delay: state === "scheduled" ? base + 7_200_000 - enqueuedAt : 0,
      priority: job.priority,
      ...(state !== "waiting" && state !== "scheduled" && !cancelledEarly && { pb: job.worker }),
      ...(state === "completed" && { returnvalue: JSON.stringify({ said: job.text }), finishedOn: endedAt }),
      ...(state === "failed" &&
        (job.code === "JOB_STALLED"
          ? { failedReason: "job stalled more than allowable limit", finishedOn: endedAt }
          : { failedReason: `${job.code}: no`, "lovage:error": error(job.code), finishedOn: endedAt })),
      ...(state === "expired" && {
        "lovage:error": error("JOB_EXPIRED"),
        failedReason: "x",
        finishedOn: endedAt,
      }),
      ...(state === "cancelled" && { "lovage:cancel": '{"reason":"no"}' }),
      ...(state === "cancelled" &&
        !cancelledEarly && {
          "lovage:error": error("JOB_CANCELLED"),
          failedReason: "x",
          finishedOn: endedAt,
        }),
    });
    if (state === "completed") pipeline.zadd(list("completed"), endedAt, id);
    else if (state === "active") pipeline.lpush(list("active"), id);
    else if (state === "waiting-children") pipeline.zadd(list("waiting-children"), enqueuedAt, id);
    else if (state === "scheduled") pipeline.zadd(list("delayed"), (base + 7_200_000) * 0x1000 + index, id);
    else if (state === "waiting" || cancelledEarly) {
      if (job.priority === 0) pipeline.lpush(list("wait"), id);
      else pipeline.zadd(list("prioritized"), job.priority * 2 ** 32 + index, id);
    } else pipeline.zadd(list("failed"), endedAt, id);
  }
  await pipeline.exec();
}

/** JSON as Python writes it: everything beyond ASCII escaped, and spaces between the parts. */
function asciiOf(json: string): string {
  return json
    .replaceAll(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replaceAll('":', '": ');
}

function codeOf({ state, code, priority }: Made): string | undefined {
  if (state === "failed") return code;
  if (state === "cancelled" && priority % 2 === 1) return "JOB_CANCELLED";
  return state === "expired" ? "JOB_EXPIRED" : undefined;
}

function expected(jobs: readonly Made[], query: JobQuery): string[] {
  const wanted = query.text?.toLowerCase();
  const has = (text: string) => wanted === undefined || text.toLowerCase().includes(wanted);
  const taken = (job: Made) =>
    job.state !== "waiting" &&
    job.state !== "scheduled" &&
    !(job.state === "cancelled" && job.priority % 2 === 0);
  return jobs
    .filter(
      (job) =>
        (query.queue === undefined || job.queue === query.queue) &&
        (query.states === undefined || query.states.includes(job.state)) &&
        (query.task === undefined || job.task === query.task) &&
        (query.tag === undefined || job.tags.includes(query.tag)) &&
        (query.code === undefined || codeOf(job) === query.code) &&
        (query.worker === undefined || (taken(job) && job.worker === query.worker)) &&
        (query.id === undefined || job.id.startsWith(query.id)) &&
        (query.since === undefined || job.enqueuedAt >= query.since.getTime()) &&
        (query.until === undefined || job.enqueuedAt < query.until.getTime()) &&
        has(job.text),
    )
    .map(({ id }) => id)
    .toSorted();
}

const minute = fc.integer({ min: 0, max: 6 }).map((count) => new Date(base + count * 60_000));
const arbitraryQuery = fc
  .record({
    queue: fc.constantFrom(...queueNames),
    states: fc.uniqueArray(fc.constantFrom(...jobStates), { minLength: 1 }),
    task: fc.constantFrom("test.a", "test.b", "test"),
    tag: fc.constantFrom("x", 'say "y"', "zürich", "zu"),
    code: fc.constantFrom("JOB_FAILED", "INPUT_INVALID", "JOB_STALLED", "JOB_CANCELLED", "JOB_EXPIRED"),
    worker: fc.constantFrom("one", "two", "three"),
    text: fc.constantFrom(
      "PLAIN",
      "überall",
      "ÜBER",
      'a "quoted',
      "BACK\\slash/",
      "line\nbreak",
      "日本",
      "mixed cASE",
      "nowhere",
    ),
    id: fc.constantFrom("a", "ab", "c"),
    since: minute,
    until: minute,
  })
  // Of all filters at once nearly nothing would fit.
  .chain((whole) =>
    fc
      .subarray(Object.keys(whole) as (keyof typeof whole)[], { minLength: 1, maxLength: 2 })
      .map((names) => Object.fromEntries(names.map((name) => [name, whole[name]])) as JobQuery),
  );

test("all parts together have exactly the jobs that fit, whatever the size of the parts", async () => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryJob, { minLength: 1, maxLength: 150 }),
      fc.array(arbitraryQuery, { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom(0, 250),
      async (drafts, queries, limit, budget) => {
        round += 1;
        const part = { ...world, broker: brokerOf(`r${round}`) };
        const jobs = drafts.map((draft, index) => ({
          ...draft,
          id: `${draft.prefix}-${index}`,
          enqueuedAt: base + draft.minute * 60_000,
        }));
        await put(part, jobs);
        for (const query of [{}, ...queries]) {
          const walked = await walk(part, query, { limit, budget });
          expect(idsOf(walked)).toEqual(expected(jobs, query));
          // A query for ids that are whole looks at no others; there are none such here.
          expect(walked.looked).toBe(walked.total);
        }
        const states = new Map(jobs.map(({ id, state }) => [id, state]));
        const { jobs: all } = await walk(part, {}, { limit, budget });
        for (const job of all) expect(job.state).toBe(states.get(job.id));
      },
    ),
    { numRuns: 40 },
  );
});

/** The world's Redis under another prefix, which its end removes all the same. */
function brokerOf(name: string): World["broker"] {
  const prefix = `${world.prefix}:${name}`;
  const keys = createKeys(prefix);
  return { ...world.broker, keys, shards: [{ ...world.broker, keys: { ...keys, ...keys.at("") } }] };
}

test("running jobs come first, then the nearest to now, however large the parts are", async () => {
  const part = { ...world, broker: brokerOf("order") };
  const like = { task: "test.a", code: "JOB_FAILED", worker: "one", text: "plain", prefix: "a" } as const;
  const jobs = Array.from({ length: 120 }, (_, index) => ({
    queue: queueNames[index % 3] ?? "default",
    state: jobStates[index % 5] ?? "waiting",
    ...like,
    minute: 0,
    tags: [],
    ascii: false,
    priority: 0,
    id: `a-${index}`,
    enqueuedAt: base - 1000 + index * 7,
  }));
  await put(part, jobs);
  // A part whose time is over gives what it has found, and not strictly in order.
  const ids = async (limit: number) =>
    (await walk(part, {}, { limit, budget: 60_000 })).jobs.map(({ id }) => id);
  const whole = await ids(1000);
  expect(whole.length).toBe(120);
  for (const limit of [1, 7, 50]) expect(await ids(limit)).toEqual(whole);
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const order = whole.map((id) => byId.get(id));
  const firstOther = order.findIndex((job) => job?.state !== "active");
  expect(order.slice(firstOther).every((job) => job?.state !== "active")).toBe(true);
  for (const state of ["waiting", "completed"]) {
    const times = order.filter((job) => job?.state === state).map((job) => job?.enqueuedAt ?? 0);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  }
});

test("a whole id is found at once, in each queue, before others that begin so", async () => {
  const small = await createWorld();
  try {
    for (const id of ["flow-2", "flow", "flow-1", "other"])
      await small.client.enqueue("test.echo", {}, { id, ...(id === "flow-2" && { delay: "1h" }) });
    await small.client.enqueue("test.echo", {}, { id: "flow", queue: "ml" });
    const first = await searchJobs(small.broker, { id: "flow" }, { limit: 2 });
    expect(first.jobs.map(({ queue, id }) => `${queue}:${id}`)).toEqual(["ml:flow", "default:flow"]);
    expect(first.cursor).not.toBeNull();
    const all = await walk(small, { id: "flow" }, { limit: 2 });
    expect(idsOf(all)).toEqual(["flow", "flow", "flow-1", "flow-2"]);
    expect(idsOf(await walk(small, { id: "flow", queue: "ml" }))).toEqual(["flow"]);
    expect(idsOf(await walk(small, { id: "flow", states: ["scheduled"] }))).toEqual(["flow-2"]);
  } finally {
    await small.close();
  }
});

test("no job is given twice while jobs come, run, fail, are tried again, are cancelled and are handed back", async () => {
  const busy = await createWorld();
  const made: string[] = [];
  const enqueue = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      const end = ["result", "coded", "fail-first", "error"][index % 4];
      const options = {
        ...(index % 3 === 0 && { priority: index % 10 }),
        ...(index % 7 === 0 && { delay: `${50 + index}ms` }),
        ...(index % 5 === 0 && { queue: "data" as const }),
      };
      made.push((await busy.client.enqueue("test.echo", { end, text: `t${index}` }, options)).id);
    }
    await busy.client.enqueue("test.climb", { rounds: 3 });
  };
  await enqueue(120);
  let worker = await busy.worker({ concurrency: 4, shutdownTimeout: 1 });
  try {
    for (let round = 0; round < 6; round += 1) {
      let step = 0;
      const walked = await walk(
        busy,
        {},
        {
          limit: 7,
          meanwhile: async () => {
            step += 1;
            if (step % 4 === 0) await enqueue(5);
            if (step % 6 === 0) await busy.client.control.cancel(made[(step * 13) % made.length] ?? "");
            // A worker that stops hands its jobs back to the front of the line.
            if (step % 9 === 0) {
              await worker.stop();
              worker = await busy.worker({ concurrency: 4, shutdownTimeout: 1 });
            }
          },
        },
      );
      const ids = walked.jobs.map(({ queue, id }) => `${queue}:${id}`);
      expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
      expect(ids.length).toBeGreaterThan(0);
    }
    // Each by itself: one that moves from a list to one that was looked at before is in neither.
    await eventually("all have ended", async () => {
      const jobs = await Promise.all(made.map((id) => busy.client.get(id)));
      const ends = await Promise.all(jobs.map(async (job) => (await job.snapshot()).endedAt));
      return ends.every((end) => end !== undefined && end !== null);
    });
    const { jobs } = await walk(busy, {});
    expect(made.filter((id) => !jobs.some((job) => job.id === id))).toEqual([]);
  } finally {
    await busy.close();
  }
}, 120_000);
