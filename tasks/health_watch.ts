import * as z from "zod";
import type { TaskContext } from "#task";
import { type Observation, type Reason, Verdict } from "./health_verdict.ts";
import type { NotificationRequest } from "./notification_request.ts";

const notificationTask = "tasks.simple_tasks.send_notification";
const memoryKey = "last-verdict";
/** Longer than jobs and notifications are remembered, so that an id made from it cannot come back too early. */
const memoryAge = 30 * 86_400_000;

type Outgoing = z.input<typeof NotificationRequest> & { id: string };

const Remembered = z.object({
  verdict: Verdict,
  /** When the verdict last changed, in milliseconds since 1970. */
  changedAt: z.number(),
  /** The notification of that change, as long as it may not be enqueued. */
  unsent: z.custom<Outgoing>((value) => typeof value === "object" && value !== null).optional(),
});
type Remembered = z.infer<typeof Remembered>;

/** Looks at Ray, Redis and the queues. A Ray that does not answer is an observation, not an error. */
export async function observe(context: TaskContext): Promise<Observation> {
  const { cluster, broker, settings, signal } = context;
  const [ray, redis, queues] = await Promise.all([
    observeRay(cluster, settings),
    broker.redis(),
    broker.queues(),
  ]);
  // An abort makes the cluster's calls fail too, and that says nothing about the cluster.
  signal.throwIfAborted();
  return { ray, redis, queues };
}

async function observeRay(
  cluster: TaskContext["cluster"],
  settings: TaskContext["settings"],
): Promise<Observation["ray"]> {
  const [nodes, demand] = await Promise.allSettled([cluster.nodes(), cluster.pendingDemand()]);
  if (nodes.status === "rejected") return { reachable: false, error: reasonOf(nodes.reason) };
  const alive = nodes.value.filter((node) => node.alive);
  const cpus = alive.map((node) => node.cpus);
  return {
    reachable: true,
    nodes: { alive: alive.length, expected: settings.expectedNodes },
    cpus: {
      alive: cpus.reduce((sum, count) => sum + count, 0),
      expected: settings.expectedCpus,
      largestNode: Math.max(0, ...cpus),
    },
    pendingDemand: demand.status === "fulfilled" ? demand.value : null,
  };
}

/** The code and message of what the cluster threw. */
export function reasonOf(thrown: unknown): Reason {
  const { code, message } = thrown as { code?: unknown; message?: unknown };
  return {
    code: typeof code === "string" ? code : "RAY_UNAVAILABLE",
    // Ray answers some faults with a whole traceback.
    message: (typeof message === "string" ? message : String(thrown)).slice(0, 500),
  };
}

/**
 * Remembers the verdict and has a change of it notified: each change once, whatever dies in between. The change is
 * written down with its notification first, then enqueued under an id made from the change before it, then ticked
 * off; the next check enqueues what was not ticked off, and an id that is there already is not enqueued again.
 * @returns the verdict before and the ids of the notifications enqueued now
 */
export async function notifyOfChange(
  context: TaskContext,
  verdict: Verdict,
  reasons: readonly Reason[],
): Promise<{ previous: Verdict | null; notified: string[] }> {
  const last = await recall(context);
  const notified: string[] = [];
  const flush = async (state: Remembered) => {
    const { unsent, ...settled } = state;
    if (unsent !== undefined) {
      notified.push(await context.enqueue(notificationTask, unsent, { id: unsent.id }));
    }
    await remember(context, settled);
  };

  if (last?.unsent !== undefined) await flush(last);
  if (last?.verdict === verdict || (last === undefined && verdict === "ok")) {
    const { changedAt } = last ?? { changedAt: Date.now() };
    await remember(context, { verdict, changedAt });
  } else {
    const next: Remembered = { verdict, changedAt: Math.max(Date.now(), (last?.changedAt ?? 0) + 1) };
    const unsent = outgoing(context, last, verdict, reasons);
    if (unsent !== undefined) await remember(context, { ...next, unsent });
    await flush(unsent === undefined ? next : { ...next, unsent });
  }
  return { previous: last?.verdict ?? null, notified };
}

function outgoing(
  context: TaskContext,
  last: Remembered | undefined,
  verdict: Verdict,
  reasons: readonly Reason[],
): Outgoing | undefined {
  const channels = [...context.settings.healthChannels];
  if (channels.length === 0) return undefined;
  // Two checks at the same time see the same change before: their notifications have the same id.
  const since = last?.changedAt ?? `first-${context.job.enqueuedAt.getTime()}`;
  return {
    id: `cluster-health-${since}`,
    subject: `Cluster health: ${verdict}${last === undefined ? "" : ` (was ${last.verdict})`}`,
    message: reasons.map(({ code, message }) => `${code}: ${message}`).join("\n") || "All is well again.",
    channels,
    level: { ok: "info" as const, degraded: "warn" as const, down: "error" as const }[verdict],
    fields: { verdict, previous: last?.verdict ?? null },
  };
}

async function recall(context: TaskContext): Promise<Remembered | undefined> {
  const text = await context.memory.get(memoryKey);
  // What another version wrote in another form is as good as nothing.
  return text === undefined ? undefined : Remembered.safeParse(JSON.parse(text)).data;
}

async function remember(context: TaskContext, state: Remembered): Promise<void> {
  await context.memory.set(memoryKey, JSON.stringify(state), memoryAge);
}
