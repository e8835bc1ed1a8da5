import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { expect, onTestFinished, test, vi } from "vitest";
import { LovageError } from "#task";
import { sendNotification } from "../../tasks/simple_tasks.ts";
import { freePort } from "../support/free-port.ts";
import { createTestContext } from "./task-context.ts";

interface Taken {
  path: string | undefined;
  headers: IncomingHttpHeaders;
  body: { [field: string]: unknown };
}

/** A receiver of webhooks that answers with the given statuses in turn, the last for ever; 0 breaks the connection. */
async function webhook(...statuses: number[]) {
  const taken: Taken[] = [];
  const held: { gate: Promise<unknown> } = { gate: Promise.resolve() };
  const server = createServer(async (request, response) => {
    const text = (await request.toArray()).join("");
    const status = statuses.length > 1 ? statuses.shift() : statuses[0];
    taken.push({ path: request.url, headers: request.headers, body: JSON.parse(text) });
    await held.gate;
    if (!status) response.destroy();
    else response.writeHead(status, { location: "http://127.0.0.1:1/" }).end(`refused ${request.url}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { taken, held, port, url: `http://127.0.0.1:${port}/services/T0/s3cret-path` };
}

async function mailServer(options: SMTPServerOptions = {}) {
  const mails: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    authOptional: true,
    logger: false,
    onData(stream, _session, done) {
      stream.toArray().then((chunks) => {
        mails.push(Buffer.concat(chunks).toString());
        done();
      }, done);
    },
    ...options,
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.server.address() as AddressInfo;
  return { mails, url: `smtp://user:s3cret-word@127.0.0.1:${port}` };
}

const login: NonNullable<SMTPServerOptions["onAuth"]> = ({ username }, _session, done) =>
  done(null, { user: username });
const refusal = (responseCode: number) => Object.assign(new Error("refused s3cret-word"), { responseCode });
const mailbox = { emailFrom: "lovage@example.org", emailTo: "one@example.org, two@example.org" };

type World = ReturnType<typeof createTestContext>;

async function send({ context }: World, input: object) {
  const request = sendNotification.input.parse({ subject: "Disk full", message: "Node 3", ...input });
  return sendNotification.output.parse(await sendNotification.run?.(request, context));
}

async function fault(world: World, input: object): Promise<LovageError> {
  const error = await send(world, input).catch((thrown: unknown) => thrown);
  if (!(error instanceof LovageError))
    throw new Error(`expected a LovageError, got ${JSON.stringify(error)}`);
  const told = JSON.stringify([error.toRecord(), error.cause, world.logs, world.logged]);
  expect(told).not.toMatch(/s3cret|127\.0\.0\.1/);
  return error;
}

test("the log channel is the default and writes to both logs", async () => {
  const world = createTestContext();
  expect(await send(world, { level: "warn", fields: { node: 3 } })).toEqual({
    id: "job-1",
    sent: ["log"],
    alreadySent: [],
  });
  expect(world.logs).toEqual(["warn: Disk full: Node 3"]);
  expect(world.logged).toMatchObject([{ level: "warn", message: "Disk full: Node 3" }]);
});

test("a webhook gets JSON with Slack's text and the id as its idempotency key", async () => {
  const { url, taken } = await webhook(200);
  const world = createTestContext({}, { webhookUrl: url });
  const input = { id: "n-1", channels: ["webhook"], message: "5 < 6 & <!channel>", fields: { node: 3 } };
  expect(await send(world, input)).toEqual({ id: "n-1", sent: ["webhook"], alreadySent: [] });
  expect(taken).toHaveLength(1);
  expect(taken[0]?.headers).toMatchObject({ "content-type": "application/json", "idempotency-key": "n-1" });
  expect(taken[0]?.body).toEqual({
    text: "*Disk full*\n5 &lt; 6 &amp; &lt;!channel&gt;",
    id: "n-1",
    level: "info",
    subject: "Disk full",
    message: "5 < 6 & <!channel>",
    fields: { node: 3 },
  });
});

test("a password in the webhook's URL goes into a header", async () => {
  const { port, taken } = await webhook(204);
  const world = createTestContext({}, { webhookUrl: `http://me:s3cret%20word@127.0.0.1:${port}/x` });
  await send(world, { channels: ["webhook"] });
  const [, pair = ""] = taken[0]?.headers.authorization?.split(" ") ?? [];
  expect(Buffer.from(pair, "base64").toString()).toBe("me:s3cret word");
});

test.each([
  [0, "NOTIFICATION_FAILED", true],
  [500, "NOTIFICATION_FAILED", true],
  [503, "NOTIFICATION_FAILED", true],
  [429, "NOTIFICATION_FAILED", true],
  [404, "NOTIFICATION_REJECTED", false],
  [400, "NOTIFICATION_REJECTED", false],
  [302, "NOTIFICATION_REJECTED", false],
])("a webhook that answers %d is %s", async (status, code, retryable) => {
  const { url, taken } = await webhook(status);
  const error = await fault(createTestContext({}, { webhookUrl: url }), { channels: ["webhook"] });
  expect(error).toMatchObject({ code, retryable });
  expect(taken).toHaveLength(1);
});

test("a webhook that is not there is worth a retry, and not named", async () => {
  const webhookUrl = `http://127.0.0.1:${await freePort()}/s3cret`;
  const error = await fault(createTestContext({}, { webhookUrl }), { channels: ["webhook"] });
  expect(error).toMatchObject({ code: "NOTIFICATION_FAILED", retryable: true });
  expect(error.message).toContain("ECONNREFUSED");
});

test("an unconfigured channel is found before anything is sent", async () => {
  const { url, taken } = await webhook(200);
  const world = createTestContext({}, { webhookUrl: url, emailFrom: "lovage@example.org" });
  const error = await fault(world, { channels: ["log", "webhook", "email"] });
  expect(error).toMatchObject({ code: "NOTIFICATION_UNCONFIGURED", retryable: false, value: "email" });
  expect(error.message).toContain("NOTIFY_SMTP_URL, NOTIFY_EMAIL_TO");
  expect(taken).toEqual([]);
  expect(world.logs).toEqual([]);
});

test("a retry sends only over the channels that failed", async () => {
  const { url, taken } = await webhook(500, 200);
  const world = createTestContext({}, { webhookUrl: url });
  const input = { id: "n-2", channels: ["log", "webhook"] };
  expect((await fault(world, input)).code).toBe("NOTIFICATION_FAILED");
  expect(await send(world, input)).toEqual({ id: "n-2", sent: ["webhook"], alreadySent: ["log"] });
  expect(await send(world, input)).toEqual({ id: "n-2", sent: [], alreadySent: ["log", "webhook"] });
  expect(world.logs).toHaveLength(1);
  expect(taken).toHaveLength(2);
});

test("two jobs of the same id at the same time send once, and the second waits for the first", async () => {
  const { url, taken, held } = await webhook(200);
  const { promise, resolve } = Promise.withResolvers<void>();
  held.gate = promise;
  const world = createTestContext({}, { webhookUrl: url });
  const input = { id: "n-3", channels: ["webhook"] };
  const ended: string[] = [];
  const both = ["first", "second"].map((name) => send(world, input).finally(() => ended.push(name)));
  await vi.waitFor(() => expect(taken).toHaveLength(1));
  expect(ended).toEqual([]);
  resolve();
  expect(await Promise.all(both)).toEqual([
    { id: "n-3", sent: ["webhook"], alreadySent: [] },
    { id: "n-3", sent: [], alreadySent: ["webhook"] },
  ]);
  expect(taken).toHaveLength(1);
});

test("the claim of a sender that died is waited for, then sent", async () => {
  const world = createTestContext();
  await world.context.memory.set("log:n-4", "of a dead worker", 60_000);
  const sending = send(world, { id: "n-4" });
  await new Promise((resolve) => setImmediate(resolve));
  expect(world.logs).toEqual([]);
  await world.context.memory.forget("log:n-4");
  expect(await sending).toMatchObject({ sent: ["log"] });
});

test("a cancelled job stops waiting", async () => {
  const controller = new AbortController();
  const world = createTestContext({ signal: controller.signal });
  await world.context.memory.set("log:n-5", "of another", 60_000);
  const sending = send(world, { id: "n-5" });
  controller.abort(new Error("cancelled"));
  await expect(sending).rejects.toThrow();
  expect(await world.context.memory.get("log:n-5")).toBe("of another");
});

test("claims are short, and what was sent is remembered for a week", async () => {
  const world = createTestContext();
  const { memory } = world.context;
  const claim = vi.spyOn(memory, "claim");
  const set = vi.spyOn(memory, "set");
  await send(world, { id: "n-6" });
  expect(claim).toHaveBeenCalledExactlyOnceWith("log:n-6", expect.any(String), 120_000);
  expect(set).toHaveBeenCalledExactlyOnceWith("log:n-6", "sent", 7 * 86_400_000);
});

test("a mail arrives with a Message-ID made from the id", async () => {
  const { url, mails } = await mailServer({ onAuth: login });
  const settings = { ...mailbox, smtpUrl: url };
  const input = { id: "n-7", channels: ["email"], level: "error", fields: { node: 3 } };
  expect(await send(createTestContext({}, settings), input)).toMatchObject({ sent: ["email"] });
  await send(createTestContext({}, settings), input);
  expect(mails).toHaveLength(2);
  expect(mails[0]).toMatch(/^Subject: \[error\] Disk full\r$/m);
  expect(mails[0]).toMatch(/^To: one@example.org, two@example.org\r$/m);
  expect(mails[0]).toMatch(/\r\n\r\nNode 3\r\n\r\nnode: 3\r\n/);
  const ids = mails.map((mail) => /^Message-ID: (<[0-9a-f]{40}@lovage\.local>)\r$/im.exec(mail)?.[1]);
  expect(ids[0]).toBeTypeOf("string");
  expect(ids[1]).toBe(ids[0]);
});

test.each([
  [450, "NOTIFICATION_FAILED", true],
  [550, "NOTIFICATION_REJECTED", false],
])("a mail server that answers %d is %s", async (responseCode, code, retryable) => {
  const { url } = await mailServer({
    onAuth: login,
    onMailFrom: (_address, _session, done) => done(refusal(responseCode)),
  });
  const error = await fault(createTestContext({}, { ...mailbox, smtpUrl: url }), { channels: ["email"] });
  expect(error).toMatchObject({ code, retryable });
  expect(error.message).toContain(String(responseCode));
});

test("a refused password is for good, and not told", async () => {
  const { url } = await mailServer({ onAuth: (_auth, _session, done) => done(refusal(535)) });
  const error = await fault(createTestContext({}, { ...mailbox, smtpUrl: url }), { channels: ["email"] });
  expect(error).toMatchObject({ code: "NOTIFICATION_REJECTED", retryable: false });
});

test("a mail server that is not there is worth a retry", async () => {
  const smtpUrl = `smtp://user:s3cret-word@127.0.0.1:${await freePort()}`;
  const error = await fault(createTestContext({}, { ...mailbox, smtpUrl }), { channels: ["email"] });
  expect(error).toMatchObject({ code: "NOTIFICATION_FAILED", retryable: true });
});

test("a refused recipient is an error, and the others get one mail only", async () => {
  const { url, mails } = await mailServer({
    onAuth: login,
    onRcptTo: ({ address }, _session, done) => done(address.startsWith("two") ? refusal(550) : null),
  });
  const world = createTestContext({}, { ...mailbox, smtpUrl: url });
  const error = await fault(world, { id: "n-8", channels: ["email"] });
  expect(error.code).toBe("NOTIFICATION_REJECTED");
  expect(error.message).toContain("1 of 2");
  expect(await send(world, { id: "n-8", channels: ["email"] })).toMatchObject({ alreadySent: ["email"] });
  expect(mails).toHaveLength(1);
});

test("of several faults one that may pass decides", async () => {
  const { url } = await webhook(404);
  const settings = { ...mailbox, webhookUrl: url, smtpUrl: `smtp://127.0.0.1:${await freePort()}` };
  const error = await fault(createTestContext({}, settings), { channels: ["webhook", "email"] });
  expect(error).toMatchObject({ code: "NOTIFICATION_FAILED", retryable: true, value: ["webhook", "email"] });
  expect(error.message).toContain("404");
});

test.each([
  { subject: "two\r\nlines" },
  { subject: "" },
  { message: "" },
  { channels: [] },
  { channels: ["pager"] },
  { id: "white space" },
  { colour: "red" },
])("refuses %j", (part) => {
  expect(sendNotification.input.safeParse({ subject: "s", message: "m", ...part }).success).toBe(false);
});
