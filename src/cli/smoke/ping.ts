import type { Client, QueueOverview, WorkerView } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import { LovageError } from "../../core/errors.ts";
import type { TaskTypes } from "../../task/catalogue.ts";
import type { QueueName } from "../../task/definition.ts";
import { type Check, count, type Finding } from "./check.ts";

export interface PingOptions {
  client: Client<TaskTypes>;
  /** Milliseconds. */
  timeout: number;
  /** A queue that was paused on purpose is no fault. */
  allowPaused: boolean;
}

/** What every smoke's job is found by. */
export const smokeTag = "smoke";

const task = "tasks.simple_tasks.ping";

/** A ping waits no shorter than this for its turn, and no longer than this when nobody is left to cancel it. Milliseconds. */
const leastExpiry = 60_000;

/** A worker's part in one queue, as its last beat tells. */
interface Server {
  worker: WorkerView;
  served: WorkerView["queues"][number];
}

/** Sends a ping through a queue and waits for its end. */
export function pingCheck(queue: QueueName, { client, timeout, allowPaused }: PingOptions): Check {
  async function look(): Promise<{ overview: QueueOverview | undefined; servers: Server[] }> {
    const [queues, workers] = await Promise.all([client.inspect.queues(), client.inspect.workers()]);
    const servers = workers.flatMap((worker) =>
      worker.queues.filter(({ name }) => name === queue).map((served) => ({ worker, served })),
    );
    return {
      overview: queues.find((candidate) => candidate.queue === queue),
      servers: servers.filter(({ worker }) => worker.state === "alive" || worker.state === "stuck"),
    };
  }

  function paused(message: string, hint: string): Finding {
    return { result: allowPaused ? "left-out" : "failed", message, hint };
  }

  const queuePaused = () =>
    paused(`the queue ${queue} is paused`, `lovage control resume ${queue}; or let it pass: --allow-paused`);

  /** Nothing came back in time: whether that is the fault of anybody but the jobs that came before. */
  async function judge(before: readonly Server[], within: string): Promise<Finding> {
    const { overview, servers } = await look();
    if (overview?.paused === true) return queuePaused();
    if (servers.length === 0) {
      return {
        result: "failed",
        message: `no live worker takes jobs from ${queue}`,
        hint: `start one: lovage worker --queues ${queue}`,
      };
    }
    const names = (of: readonly Server[]) => of.map(({ worker }) => worker.name).join(", ");
    const serving = servers.filter(({ served }) => !served.paused);
    if (serving.length === 0) {
      const flags = servers.map(({ worker }) => `--worker ${worker.name}`).join(" ");
      return paused(
        `the workers of ${queue} are paused: ${names(servers)}`,
        `lovage control resume ${queue} ${flags}`,
      );
    }
    const ahead = count(Math.max(0, (overview?.waiting ?? 0) - 1), "other job");
    const took = serving.filter((server) => tookAJob(server, before));
    if (took.length > 0) {
      const message = `the ping's turn did not come within ${within} (${ahead} wait), but ${names(took)} took others meanwhile`;
      return { result: "ok", message };
    }
    const well = serving.filter(({ worker }) => worker.state === "alive");
    if (well.length > 0 && well.every(({ served }) => served.active >= served.concurrency)) {
      const slots = well.reduce((sum, { served }) => sum + served.concurrency, 0);
      const message = `the ping's turn did not come within ${within}: ${names(well)} had all ${count(slots, "slot")} taken by long jobs`;
      return { result: "ok", message };
    }
    const why = serving.map(({ worker }) => `${worker.name} is ${worker.state}`).join(", ");
    const reason = serving.find(({ worker }) => worker.why !== "")?.worker.why;
    return {
      result: "failed",
      message: `nothing took the ping within ${within}, nor any other job: ${why}${reason === undefined ? "" : ` (${reason})`}`,
      hint: "look at the worker's log, and start it again",
    };
  }

  async function run(): Promise<Finding> {
    const { overview, servers } = await look();
    if (overview?.paused === true) return queuePaused();
    const expires = Math.max(leastExpiry, timeout);
    const began = performance.now();
    const job = await client.enqueue(task, {}, { queue, expires, tags: [smokeTag] });
    const answered = async (): Promise<Finding> => {
      const { worker } = (await job.result({ timeout })) as { worker: string };
      const after = formatMilliseconds(performance.now() - began);
      // What came of it is told here; the job itself would only stand in operators' lists.
      await job.forget().catch(() => {});
      return { result: "ok", message: `answered by ${worker} after ${after}` };
    };
    try {
      return await answered();
    } catch (error) {
      if (!(error instanceof LovageError && error.code === "WAIT_TIMEOUT")) throw error;
    }
    const within = formatMilliseconds(timeout);
    const [finding, { worker }] = await Promise.all([judge(servers, within), job.snapshot()]);
    const outcome = await job.cancel("the smoke test is over");
    if (outcome === "ended") return answered();
    if (outcome === "cancelling") {
      return {
        result: "failed",
        message: `${worker ?? "a worker"} took the ping and did not end it within ${within}`,
        hint: `lovage logs ${job.id}; is the worker's process busy computing?`,
      };
    }
    await job.forget().catch(() => {});
    return finding;
  }

  return { name: `ping ${queue}`, run };
}

/** By the worker's own clock, whose reading is compared with none but itself. */
function tookAJob({ worker, served }: Server, before: readonly Server[]): boolean {
  const known = before.find((server) => server.worker.instance === worker.instance);
  return served.takenAt !== null && served.takenAt !== (known?.served.takenAt ?? null);
}
