/** Each page of the dashboard, and the search, at the server, over very many jobs. */

import { hash } from "@node-rs/argon2";
import { createClient } from "#client";
import { catalogue } from "#tasks";
import type { ClusterDoor } from "../src/core/cluster.ts";
import { createDashboard } from "../src/dashboard/dashboard.ts";
import { sections } from "../src/dashboard/layout.ts";
import { createLogger } from "../src/observe/logger.ts";
import { openBroker } from "../src/queue/broker.ts";
import { publishManifests } from "../src/queue/manifests.ts";
import { describeTask } from "../src/task/catalogue.ts";
import { readArguments } from "./arguments.ts";
import { onGround } from "./ground.ts";
import { fillJobs, rareText } from "./job-fill.ts";
import { type Finding, printReport, say } from "./report.ts";
import { median } from "./statistics.ts";

const { json, counts } = readArguments({
  finished: { normal: 100_000, quick: 10_000 },
  waiting: { normal: 1_000_000, quick: 50_000 },
  rounds: { normal: 10, quick: 5 },
});

const method =
  "Milliseconds between a request and the last byte of its answer, on the loopback, one after another, with nothing else going on; " +
  "the worst of the rounds against the goal, and beside it the median. The jobs lie in BullMQ's layout over three queues; nobody works on them.";

/** Milliseconds. */
const goal = 500;
const prefix = "bench";
const password = "bench bench bench";
const cluster: ClusterDoor = {
  clusters: [],
  nodes: async () => [],
  rayJobs: async () => [],
  rayJob: async () => null,
  async *log() {},
  close: async () => {},
};

/** Searches, by what they cost: few that fit far away, many that fit, none. */
const searches = [
  ["failed ones", "state=failed"],
  ["of a task, running or waiting", "state=active,waiting&task=tasks.simple_tasks.ping"],
  ["a text that one in a million has", `text=${rareText}`],
  ["a text among the completed", `state=completed&text=${rareText}`],
  ["a tag", "tag=batch-7"],
  ["a tag that none has", "tag=nobody"],
  ["an error code", "code=RAY_JOB_FAILED"],
  ["a worker", "worker=worker-3"],
  ["the beginning of an id", "id=done-0000002a"],
  ["of the last hour", "since=1h&state=completed"],
] as const;

/** None where there is no such page. */
async function measure(url: string, cookie: string): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < counts.rounds; round += 1) {
    const begun = performance.now();
    const answer = await fetch(url, { headers: { cookie, accept: "text/html" }, redirect: "manual" });
    await answer.text();
    if (answer.status === 404) return [];
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
    times.push(performance.now() - begun);
  }
  return times;
}

async function logIn(url: string): Promise<string> {
  const answer = await fetch(`${url}/login`, {
    method: "POST",
    body: new URLSearchParams({ name: "bench", password }),
    redirect: "manual",
  });
  const cookie = answer.headers.getSetCookie()[0]?.split(";")[0];
  if (cookie === undefined) throw new Error(`the login answered ${answer.status}`);
  return cookie;
}

await onGround(async (ground) => {
  const begun = Date.now();
  await fillJobs(ground.redis, { prefix, finished: counts.finished, waiting: counts.waiting });
  say(`filled in ${((Date.now() - begun) / 1000).toFixed(0)} s`);
  const redis = { url: ground.url, prefix };
  const broker = await openBroker({ redis });
  await publishManifests(broker, catalogue.tasks.map(describeTask));
  const client = createClient({ redis });
  const dashboard = createDashboard({
    client,
    broker,
    cluster,
    logger: await createLogger({ level: "silent", format: "json" }),
    version: "bench",
    host: "127.0.0.1",
    port: 0,
    users: {
      listed: [{ name: "bench", role: "admin", hash: await hash(password, { memoryCost: 64, timeCost: 1 }) }],
    },
    sessionAge: 3_600_000,
    trustProxy: false,
  });
  await dashboard.start();
  try {
    const cookie = await logIn(dashboard.url);
    const [job] = (await client.search({ states: ["failed"] }, { limit: 1 })).jobs;
    const [waiting] = (await client.search({ states: ["waiting"] }, { limit: 1 })).jobs;
    const pages = [
      ...sections.map(({ path, name }) => [`page ${name}`, path] as const),
      ["page of a failed job", `/jobs/${job?.queue}/${job?.id}`] as const,
      ["page of a waiting job", `/jobs/${waiting?.queue}/${waiting?.id}`] as const,
      ["page of the id of a job", `/jobs?id=${job?.id}`] as const,
      ["count of all that match", "/jobs/matching/cancel?task=tasks.simple_tasks.ping"] as const,
      ...searches.map(([name, query]) => [`search: ${name}`, `/jobs?${query}`] as const),
    ];
    const rounds: { what: string; times: number[] }[] = [];
    for (const [what, path] of pages) {
      const times = await measure(dashboard.url + path, cookie);
      if (times.length === 0) {
        say(`${what}: there is none`);
        continue;
      }
      rounds.push({ what, times });
      say(`${what}: ${median(times).toFixed(0)} ms, at worst ${Math.max(...times).toFixed(0)} ms`);
    }
    printReport({ benchmark: "search", method, findings: rounds.map(toFinding), rounds }, json);
  } finally {
    await dashboard.stop();
    await client.close();
    await broker.close();
  }
});

function toFinding({ what, times }: { what: string; times: readonly number[] }): Finding {
  const worst = Math.max(...times);
  const middle = median(times);
  return {
    what: `${what}, worst and median`,
    unit: "ms",
    lovage: worst,
    baseline: middle,
    ratio: worst / middle,
    goal: { on: "lovage", sense: "most", bound: goal },
  };
}
