import * as z from "zod";
import { defineTask } from "#task";
import { CleanupReport, CleanupRequest, cleanUp } from "./cleanup.ts";
import { judge, Observation, Reason, Verdict } from "./health_verdict.ts";
import { notifyOfChange, observe } from "./health_watch.ts";
import { NotificationReceipt, notify } from "./notification.ts";
import { NotificationRequest } from "./notification_request.ts";

export const ping = defineTask({
  name: "tasks.simple_tasks.ping",
  queue: "default",
  description: "Answers; shows that a worker takes jobs",
  input: z.strictObject({}),
  output: z.strictObject({ status: z.literal("pong"), worker: z.string() }),
  retry: { attempts: 1 },
  run: async (_input, context) => ({ status: "pong" as const, worker: context.worker.name }),
});

export const checkClusterHealth = defineTask({
  name: "tasks.simple_tasks.check_cluster_health",
  queue: "default",
  description: "Judges Ray, Redis and the queues; notifies when the verdict changes",
  input: z.strictObject({}),
  output: z.strictObject({
    verdict: Verdict,
    reasons: z.array(Reason),
    /** The verdict of the check before; null at the first. */
    previous: Verdict.nullable(),
    /** Ids of the notifications that were enqueued: none unless the verdict changed. */
    notified: z.array(z.string()),
    ...Observation.shape,
  }),
  retry: { attempts: 3, backoff: "5s", maxBackoff: "1m" },
  // A check that comes late says nothing that the next does not say as well.
  schedule: { every: "5m", missed: "skip", expires: "5m", tags: ["scheduled"] },
  async run(_input, context) {
    const seen = await observe(context);
    const { verdict, reasons } = judge(seen);
    const change = await notifyOfChange(context, verdict, reasons);
    return { verdict, reasons, ...change, ...seen };
  },
});

export const sendNotification = defineTask({
  name: "tasks.simple_tasks.send_notification",
  queue: "default",
  description: "Sends a message by webhook, e-mail or log; the same notification id once over each channel",
  input: NotificationRequest,
  output: NotificationReceipt,
  retry: { attempts: 5, backoff: "10s", maxBackoff: "5m" },
  run: notify,
});

export const cleanupOldResults = defineTask({
  name: "tasks.simple_tasks.cleanup_old_results",
  queue: "default",
  description: "Removes old jobs, logs, finished Ray jobs and what crashed programs left on disk",
  input: CleanupRequest,
  output: CleanupReport,
  retry: { attempts: 3, backoff: "30s" },
  run: cleanUp,
});
