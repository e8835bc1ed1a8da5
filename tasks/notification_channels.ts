import { createHash } from "node:crypto";
import { LovageError, type NotificationChannel, type TaskContext, type TaskSettings } from "#task";
import type { Notification } from "./notification_request.ts";

const webhookTimeout = 15_000;
const mailTimeout = 45_000;

/** Sends over one channel; resolves with a fault when it was sent, yet not to everybody. */
export type Send = (notification: Notification, context: TaskContext) => Promise<LovageError | undefined>;

/** How each channel sends. No error of theirs carries the webhook's URL or the mail server's, nor a cause that might. */
export const senders: Readonly<Record<NotificationChannel, Send>> = {
  log: sendToLog,
  webhook: sendToWebhook,
  email: sendByMail,
};

/** The variables a channel needs and does not have. */
export function missingSettings(channel: NotificationChannel, settings: TaskSettings): string[] {
  const needed: Record<NotificationChannel, Record<string, string | undefined>> = {
    log: {},
    webhook: { NOTIFY_WEBHOOK_URL: settings.webhookUrl },
    email: {
      NOTIFY_SMTP_URL: settings.smtpUrl,
      NOTIFY_EMAIL_FROM: settings.emailFrom,
      NOTIFY_EMAIL_TO: settings.emailTo,
    },
  };
  return Object.entries(needed[channel]).flatMap(([name, value]) => (value ? [] : [name]));
}

async function sendToLog({ id, level, subject, message, fields }: Notification, context: TaskContext) {
  context.logger[level]({ notification: { id, subject, fields } }, `${subject}: ${message}`);
  await context.log(`${level}: ${subject}: ${message}`);
  return undefined;
}

async function sendToWebhook(notification: Notification, context: TaskContext): Promise<undefined> {
  const { id, level, subject, message, fields } = notification;
  const target = URL.parse(context.settings.webhookUrl ?? "");
  if (target === null) throw rejected("webhook", "NOTIFY_WEBHOOK_URL is not a URL");
  const headers = new Headers({ "content-type": "application/json", "idempotency-key": encodeURI(id) });
  if (target.username !== "" || target.password !== "") {
    // fetch refuses a URL with a password in it, and its error would quote the whole.
    const pair = `${decode(target.username)}:${decode(target.password)}`;
    headers.set("authorization", `Basic ${Buffer.from(pair).toString("base64")}`);
    target.username = "";
    target.password = "";
  }
  const text = `*${forSlack(subject)}*\n${forSlack(message)}`;
  let status: number;
  try {
    // Not bound to the job's signal: a request cut short may have been taken, and nobody would know.
    const response = await fetch(target, {
      method: "POST",
      headers,
      body: JSON.stringify({ text, id, level, subject, message, fields }),
      redirect: "manual",
      signal: AbortSignal.timeout(webhookTimeout),
    });
    status = response.status;
    await response.body?.cancel();
  } catch (thrown) {
    throw failed("webhook", `the request failed (${networkCode(thrown)})`);
  }
  if (status >= 200 && status < 300) return undefined;
  if (status >= 500 || status === 429 || status === 408) throw failed("webhook", `it answered ${status}`);
  throw rejected(
    "webhook",
    `it answered ${status}${status < 400 ? ", a redirect, which is not followed" : ""}`,
  );
}

/** Slack reads &, < and > as its own markup: `<!channel>` in a message would call everybody. */
function forSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function sendByMail(
  notification: Notification,
  context: TaskContext,
): Promise<LovageError | undefined> {
  const { id, level, subject, message, fields } = notification;
  const { smtpUrl, emailFrom, emailTo } = context.settings;
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  // Loaded late: most workers never send a mail.
  const { createTransport } = await import("nodemailer");
  try {
    const transport = createTransport({
      url: smtpUrl,
      connectionTimeout: webhookTimeout,
      greetingTimeout: webhookTimeout,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const sent = await transport.sendMail({
      from: emailFrom,
      to: emailTo,
      subject: level === "info" ? subject : `[${level}] ${subject}`,
      text: [message, ...(lines.length > 0 ? ["", ...lines] : [])].join("\n"),
      // A mail sent again after a crash is recognised as the same by its reader's mailbox.
      messageId: `<${createHash("sha256").update(id).digest("hex").slice(0, 40)}@lovage.local>`,
      headers: { "X-Lovage-Notification": encodeURI(id) },
      signal: AbortSignal.timeout(mailTimeout),
    });
    const refused = sent.rejected.length;
    if (refused === 0) return undefined;
    return rejected(
      "email",
      `the mail server refused ${refused} of ${refused + sent.accepted.length} recipients`,
    );
  } catch (thrown) {
    throw mailFault(thrown);
  }
}

function mailFault(thrown: unknown): LovageError {
  const { code, responseCode } = thrown as { code?: unknown; responseCode?: unknown };
  if (typeof responseCode === "number") {
    const what = `the mail server answered ${responseCode}`;
    return responseCode >= 500 ? rejected("email", what) : failed("email", what);
  }
  // Without an answer of the server these are faults of the settings, and stay.
  if (code === "EAUTH" || code === "EENVELOPE" || code === "ENOAUTH") {
    return rejected("email", `the mail was not sent (${code})`);
  }
  return failed("email", `the mail server could not be spoken to (${networkCode(thrown)})`);
}

/** A short code such as ECONNREFUSED or TimeoutError: the messages around it name hosts and addresses. */
function networkCode(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "unknown";
  const { code } = (thrown.cause ?? thrown) as { code?: unknown };
  return typeof code === "string" ? code : thrown.name;
}

function failed(channel: NotificationChannel, what: string): LovageError {
  return new LovageError("NOTIFICATION_FAILED", `channel ${channel}: ${what}`, {
    field: "channels",
    value: channel,
    hint: "it is tried again; if it stays so, see whether the receiver is up",
  });
}

function rejected(channel: NotificationChannel, what: string): LovageError {
  return new LovageError("NOTIFICATION_REJECTED", `channel ${channel}: ${what}`, {
    field: "channels",
    value: channel,
    hint: "check the channel's NOTIFY_ variables and what the receiver accepts",
  });
}
