import { availableParallelism, freemem, hostname, totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { Consumer } from "../queue/consumer.ts";
import type { ControlHandlers } from "../queue/control.ts";
import type { ServedQueue } from "../queue/control-commands.ts";
import type { HeldJob } from "../queue/held-job.ts";
import type { LimitOverrides } from "../queue/limit-overrides.ts";
import { excerptOf } from "../queue/queue-jobs.ts";
import { type Catalogue, kindOf } from "../task/catalogue.ts";
import type { Call } from "../task/codec.ts";
import type { QueueName } from "../task/definition.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { ServedQueues } from "./served-queues.ts";
import type { Tally } from "./tally.ts";

export interface RemoteControlParts {
  queues: ServedQueues;
  heartbeat: Heartbeat;
  tally: Tally;
  catalogue: Catalogue;
  limits: LimitOverrides;
  version: string;
  /** Without the password. */
  redisAddress: string;
  /** The configuration without its secrets. */
  conf: Record<string, unknown>;
  /** The concurrency of a queue that is added without one. */
  concurrencyOf(queue: QueueName): number;
  submissionIdOf(job: HeldJob): string | undefined;
  /** Takes no more jobs of a queue; returns at once. */
  removeQueue(queue: QueueName): void;
  /** Begins a warm stop; returns at once. */
  shutdown(): void;
}

/** What a worker does when it is asked. Every answer is made at once: who asks waits a second. */
export function createRemoteControl(parts: RemoteControlParts): ControlHandlers {
  const { queues, heartbeat, tally, catalogue, limits } = parts;

  async function change(
    queue: QueueName | undefined,
    act: (consumer: Consumer) => Promise<void>,
  ): Promise<ServedQueue[]> {
    const consumers = queues.consumers(queue);
    await Promise.all(consumers.map(act));
    return consumers.map((consumer) => toServed(consumer.status()));
  }

  function served(): ServedQueue[] {
    return queues.status().map(toServed);
  }

  return {
    ping: () => ({ ok: "pong" }),
    active: () =>
      queues.held().map((job) => ({
        id: job.id,
        task: job.task,
        queue: job.queue,
        attempt: job.attempt,
        startedAt: new Date(job.takenAt).toISOString(),
        running: Date.now() - job.takenAt,
        rayJob: parts.submissionIdOf(job) ?? null,
        input: excerptOf((job.data as Partial<Call> | null)?.input),
      })),
    registered() {
      const names = new Set(queues.status().map(({ name }) => name));
      return catalogue.tasks.map((task) => ({
        name: task.name,
        queue: task.queue,
        kind: kindOf(task),
        served: names.has(task.queue),
      }));
    },
    stats() {
      const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
      const { user, system } = process.cpuUsage();
      const taken = Math.max(0, ...queues.status().map(({ takenAt }) => takenAt ?? 0));
      return {
        pid: process.pid,
        host: hostname(),
        startedAt: new Date(heartbeat.startedAt).toISOString(),
        uptime: Date.now() - heartbeat.startedAt,
        queues: served(),
        completed: tally.completed,
        failed: tally.failed,
        retried: tally.retry,
        cancelled: tally.cancelled,
        expired: tally.expired,
        handedBack: tally["handed-back"],
        lastTakenAt: taken === 0 ? null : new Date(taken).toISOString(),
        eventLoopLag: heartbeat.lag(),
        memory: { rss, heapUsed, heapTotal, external },
        cpu: { user: Math.round(user / 1000), system: Math.round(system / 1000) },
      };
    },
    conf: () => parts.conf,
    report: () => ({
      lovage: parts.version,
      node: process.versions.node,
      v8: process.versions.v8,
      openssl: process.versions.openssl ?? "",
      platform: process.platform,
      arch: process.arch,
      cpus: availableParallelism(),
      host: hostname(),
      pid: process.pid,
      redis: parts.redisAddress,
      memory: {
        total: totalmem(),
        free: freemem(),
        rss: process.memoryUsage.rss(),
        heapLimit: getHeapStatistics().heap_size_limit,
      },
    }),
    async "load-limits"() {
      await limits.refresh();
      return { loaded: true };
    },
    concurrency: ({ concurrency, queue }) =>
      change(queue, (consumer) => consumer.setConcurrency(concurrency)),
    pause: ({ queue }) => change(queue, (consumer) => consumer.pause()),
    resume: ({ queue }) => change(queue, (consumer) => consumer.resume()),
    // Asked of all workers, some serve the queue already, and some never did: for them nothing changes.
    async "add-queue"({ queue, concurrency }) {
      await queues.add(queue, concurrency ?? parts.concurrencyOf(queue));
      return served();
    },
    "remove-queue"({ queue }) {
      if (queues.consumers(queue).length > 0) parts.removeQueue(queue);
      return served();
    },
    shutdown() {
      parts.shutdown();
      return { stopping: true };
    },
  };
}

function toServed({ name, concurrency, active, paused }: ReturnType<Consumer["status"]>): ServedQueue {
  return { name, concurrency, active, paused };
}
