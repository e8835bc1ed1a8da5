import { sections } from "../../src/dashboard/layout.ts";
import { type BenchDashboard, startDashboard } from "../dashboard.ts";
import { type Fill, fillJobs, rareText } from "../job-fill.ts";
import type { OpenShape, Shape } from "../shape.ts";

/** Searches, by what they cost: few that fit far away, many that fit, none. */
const searches = [
  "state=failed",
  "state=active,waiting&task=tasks.simple_tasks.ping",
  `text=${rareText}`,
  `state=completed&text=${rareText}`,
  "tag=batch-7",
  "tag=nobody",
  "code=RAY_JOB_FAILED",
  "worker=worker-3",
  "id=done-0000002a",
  "since=1h&state=completed",
];
const deep = "lovage";
const shallow = "few jobs";
const bound = { sense: "most", bound: 500 } as const;

export const pages: Shape = {
  name: "pages",
  method:
    "Milliseconds until the last byte of the answer, on the loopback, one request after another. `lovage` has 1,000,000 waiting and 100,000 finished jobs " +
    "(a quick run: 20,000 and 10,000), `few jobs` 100 of each, in BullMQ's layout over three queues. In each round the slowest page, search and question counts.",
  figures: [
    {
      name: "pages-overview",
      title: "dashboard's overview page",
      unit: "ms",
      better: "less",
      goals: [bound],
    },
    { name: "pages-slowest", title: "slowest page", unit: "ms", better: "less", goals: [bound] },
    { name: "pages-search", title: "slowest of 10 searches", unit: "ms", better: "less", goals: [bound] },
    {
      name: "pages-inspect",
      title: "inspect queues and reserved",
      unit: "ms",
      better: "less",
      goals: [bound],
    },
  ],
  peers: [deep, shallow],
  baseline: shallow,
  rounds: { normal: 7, quick: 2 },
  async open({ ground, quick }): Promise<OpenShape> {
    await ground.clear();
    const fills: Record<string, Fill> = {
      [deep]: {
        prefix: "deep",
        finished: quick ? 10_000 : 100_000,
        waiting: quick ? 20_000 : 1_000_000,
      },
      [shallow]: { prefix: "shallow", finished: 100, waiting: 100 },
    };
    // What has been started is stopped when the rest cannot be.
    await using started = new AsyncDisposableStack();
    const dashboards = new Map<string, BenchDashboard>();
    for (const [name, fill] of Object.entries(fills)) {
      await fillJobs(ground.redis, fill);
      const dashboard = await startDashboard({ url: ground.url, prefix: fill.prefix });
      started.defer(() => dashboard.stop());
      dashboards.set(name, dashboard);
    }
    const all = started.move();
    return {
      async run(name, round) {
        const dashboard = dashboards.get(name);
        if (dashboard === undefined) throw new Error(`there is no dashboard ${name}`);
        // What is measured is the answer, not the first translation of a page's code.
        if (round === 0) await readAll(dashboard);
        return readAll(dashboard);
      },
      close: () => all.disposeAsync(),
    };
  },
};

async function readAll(dashboard: BenchDashboard) {
  const { client } = dashboard;
  const [failed] = (await client.search({ states: ["failed"] }, { limit: 1 })).jobs;
  const [waiting] = (await client.search({ states: ["waiting"] }, { limit: 1 })).jobs;
  const paths = [
    ...sections.map(({ path }) => path),
    `/jobs/${failed?.queue}/${failed?.id}`,
    `/jobs/${waiting?.queue}/${waiting?.id}`,
    `/jobs?id=${failed?.id}`,
    "/jobs/matching/cancel?task=tasks.simple_tasks.ping",
  ];
  const slowest = async (all: readonly string[]) => {
    let worst = 0;
    for (const path of all) worst = Math.max(worst, (await dashboard.time(path)) ?? 0);
    return worst;
  };
  const begun = performance.now();
  await client.inspect.queues();
  await client.inspect.reserved();
  const inspected = performance.now() - begun;
  return {
    "pages-overview": (await dashboard.time("/")) ?? Number.NaN,
    "pages-slowest": await slowest(paths),
    "pages-search": await slowest(searches.map((query) => `/jobs?${query}`)),
    "pages-inspect": inspected,
  };
}
