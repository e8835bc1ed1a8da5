import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Client, createClient, type JobHandle } from "#client";
import { createApiKeys } from "../../../src/queue/api-keys.ts";
import { freePort } from "../../support/free-port.ts";
import type { Fault } from "../fault.ts";
import type { TalkingTasks } from "../talking-catalogue.ts";
import { openWorld } from "../world.ts";

const lines = 120;

export const dashboardKilled: Fault = {
  name: "dashboard-killed",
  title: "The dashboard is killed with -9 while many callers follow events and logs over HTTP",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random, quick, signal, say } = round;
    const world = await openWorld(round);
    const port = await freePort();
    const dashboard = () =>
      world.start(["dashboard"], {
        DASHBOARD_PORT: String(port),
        DASHBOARD_PASSWORD: "correct horse battery staple",
      });
    const catalogue = fileURLToPath(new URL("../talking-catalogue.ts", import.meta.url));
    const clients: Client<TalkingTasks>[] = [];
    try {
      const scopes = ["enqueue", "read", "control"];
      const keys = createApiKeys(world.broker);
      const { token } = await keys.create({ name: "chaos", scopes, createdBy: "chaos", rate: "1000/s" });
      const worker = { LOVAGE_TEST_CATALOGUE: catalogue, DEFAULT_CONCURRENCY: "20", JOB_LOG_LINES: "1000" };
      let [running] = await Promise.all([dashboard(), world.worker(worker)]);
      for (let count = quick ? 5 : 12; count > 0; count -= 1)
        clients.push(
          createClient<TalkingTasks>({ url: `http://127.0.0.1:${port}`, apiKey: token, timeout: "60s" }),
        );
      const listeners = clients.map((client) => listen(client));
      const talks = await Promise.all(
        clients.map((client) => client.enqueue("chaos.talk", { lines }, { delay: "500ms" })),
      );
      const logs = talks.map((job) => readLog(job));
      const load = world.load({ perSecond: 20 });
      const kills = quick ? 2 : 4;
      for (let kill = 1; kill <= kills; kill += 1) {
        await sleep(random.whole(1000, 2500), undefined, { signal });
        await running.kill();
        await sleep(random.whole(0, 1000), undefined, { signal });
        running = await dashboard();
        say(`killed and started again, ${kill} of ${kills}`);
      }
      const told = await Promise.all(logs);
      const accounts = await world.settle();
      const ended = load.calls.filter(({ answer }) => answer === "acknowledged").map(({ id }) => id);
      const heard = await Promise.all(listeners.map((one) => one.until(ended)));
      const logFaults = told.map(judgeLog);
      const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
      return {
        ...accounts,
        enqueued: accounts.enqueued + talks.length,
        completed: accounts.completed + talks.length,
        lost: accounts.lost + sum(heard.map(({ lost }) => lost)) + sum(logFaults.map(({ lost }) => lost)),
        doubled:
          accounts.doubled +
          sum(heard.map(({ doubled }) => doubled)) +
          sum(logFaults.map(({ doubled }) => doubled)),
        notes: {
          ...accounts.notes,
          kills,
          callers: clients.length,
          eventsHeard: sum(heard.map(({ events }) => events)),
          linesRead: sum(told.map(({ length }) => length)),
        },
      };
    } finally {
      await Promise.all(clients.map((client) => client.close()));
      await world.close();
    }
  },
};

/** Hears of all ends of jobs. */
function listen(client: Client<TalkingTasks>) {
  const ends = new Map<string, number>();
  const cursors = new Set<string>();
  let [events, doubled, gaps] = [0, 0, 0];
  const stream = client.events({ queues: ["default"] });
  const reading = (async () => {
    for await (const event of stream) {
      events += 1;
      if (cursors.has(event.cursor)) doubled += 1;
      cursors.add(event.cursor);
      if (event.type === "gap") gaps += 1;
      else if (/^(completed|failed|cancelled|expired)$/.test(event.type))
        ends.set(event.id, (ends.get(event.id) ?? 0) + 1);
    }
  })();
  return {
    /** Waits until the ends of all these were heard, or none comes any more. */
    async until(ids: readonly string[]): Promise<{ events: number; lost: number; doubled: number }> {
      const missing = () => ids.filter((id) => !ends.has(id)).length;
      for (let quiet = 0, before = events; missing() > 0 && quiet < 100; quiet += 1) {
        await sleep(100);
        if (events !== before) quiet = 0;
        before = events;
      }
      await stream.return?.();
      await reading;
      const again = [...ends.values()].filter((count) => count > 1).length;
      return { events, lost: missing() + gaps, doubled: doubled + again };
    },
  };
}

async function readLog(job: JobHandle<unknown>): Promise<string[]> {
  const told: string[] = [];
  for await (const line of job.logs({ follow: true })) told.push(/line \d+$/.exec(line)?.[0] ?? line);
  return told;
}

function judgeLog(told: readonly string[]): { lost: number; doubled: number } {
  const expected = Array.from({ length: lines }, (_, line) => `line ${line}`);
  const lost = expected.filter((line) => !told.includes(line)).length;
  return { lost, doubled: told.length - new Set(told).size };
}
