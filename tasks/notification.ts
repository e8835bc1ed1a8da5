import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { LovageError, type NotificationChannel, notificationChannels, type TaskContext } from "#task";
import { missingSettings, senders } from "./notification_channels.ts";
import type { Notification, NotificationRequest } from "./notification_request.ts";

/** Milliseconds a sender may be silent before another may send in its place; longer than any channel's timeout. */
const claimAge = 120_000;
/** Milliseconds for which a sent notification is remembered. */
const sentAge = 7 * 86_400_000;
const lookInterval = 250;
const sent = "sent";

export const NotificationReceipt = z.strictObject({
  id: z.string(),
  /** Sent by this attempt. */
  sent: z.array(z.enum(notificationChannels)),
  /** Sent before: by an earlier attempt or another job. */
  alreadySent: z.array(z.enum(notificationChannels)),
});

type Delivered = { channel: NotificationChannel; now: boolean; fault?: LovageError };

/**
 * Sends over every channel that has not had the notification. A channel that failed does not stop the others, and
 * another attempt sends over it alone. Only a sender killed between sending and noting it is repeated: the receiver
 * can tell by the `Idempotency-Key` or the mail's `Message-ID`.
 * @throws LovageError `NOTIFICATION_UNCONFIGURED` before anything is sent, `NOTIFICATION_FAILED`,
 * `NOTIFICATION_REJECTED`
 */
export async function notify(
  request: z.output<typeof NotificationRequest>,
  context: TaskContext,
): Promise<z.infer<typeof NotificationReceipt>> {
  const { id = context.job.id, channels: named, ...content } = request;
  const channels = [...new Set(named)];
  refuseUnconfigured(channels, context);
  const notification = { ...content, id };
  const results = await Promise.allSettled(
    channels.map((channel) => deliver(channel, notification, context)),
  );
  const delivered = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const faults = results.flatMap((result): unknown[] => {
    if (result.status === "rejected") return [result.reason];
    return result.value.fault === undefined ? [] : [result.value.fault];
  });
  if (faults.length > 0) throw worst(faults);
  return {
    id,
    sent: delivered.flatMap(({ channel, now }) => (now ? [channel] : [])),
    alreadySent: delivered.flatMap(({ channel, now }) => (now ? [] : [channel])),
  };
}

function refuseUnconfigured(channels: readonly NotificationChannel[], context: TaskContext): void {
  for (const channel of channels) {
    const missing = missingSettings(channel, context.settings);
    if (missing.length === 0) continue;
    const what = `channel ${channel} is not configured: ${missing.join(", ")} not set; nothing was sent`;
    throw new LovageError("NOTIFICATION_UNCONFIGURED", what, {
      field: "channels",
      value: channel,
      hint: "set the variables for the workers of the queue default, or leave the channel out",
    });
  }
}

async function deliver(
  channel: NotificationChannel,
  notification: Notification,
  context: TaskContext,
): Promise<Delivered> {
  const key = `${channel}:${notification.id}`;
  if (!(await claim(key, channel, context))) return { channel, now: false };
  let fault: LovageError | undefined;
  try {
    fault = await senders[channel](notification, context);
  } catch (error) {
    await context.memory.forget(key);
    throw error;
  }
  await context.memory.set(key, sent, sentAge);
  return fault === undefined ? { channel, now: true } : { channel, now: true, fault };
}

/** Waits while somebody else sends; true when it is ours to send, false when it was sent. */
async function claim(key: string, channel: NotificationChannel, context: TaskContext): Promise<boolean> {
  const token = `${context.job.id}/${context.job.attempt}/${randomUUID()}`;
  for (const until = Date.now() + 2 * claimAge; ; ) {
    context.signal.throwIfAborted();
    if (await context.memory.claim(key, token, claimAge)) return true;
    if ((await context.memory.get(key)) === sent) return false;
    if (Date.now() > until) break;
    await sleep(lookInterval, undefined, { signal: context.signal });
  }
  throw new LovageError(
    "NOTIFICATION_FAILED",
    `channel ${channel}: another job has been sending it for too long`,
    {
      field: "channels",
      value: channel,
    },
  );
}

/** One error for several: of a fault that may pass, if there is one, so that the others are not given up with it. */
function worst(faults: readonly unknown[]): unknown {
  const [first] = faults;
  if (faults.length === 1) return first;
  const coded = faults.filter((fault) => fault instanceof LovageError);
  // Anything else is not a channel's fault, such as a Redis that is away.
  if (coded.length < faults.length) return faults.find((fault) => !(fault instanceof LovageError));
  const chosen = coded.find((fault) => fault.retryable) ?? coded[0];
  if (chosen === undefined) return first;
  return new LovageError(chosen.code, coded.map((fault) => fault.message).join("; "), {
    field: "channels",
    value: coded.map((fault) => fault.value),
    hint: chosen.hint,
    retryable: chosen.retryable,
  });
}
