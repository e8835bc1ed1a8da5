import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "#client";
import { fetchTrusting } from "../../src/client/http/trust.ts";
import { readCertificate } from "../../src/dashboard/certificate.ts";
import { createApiKeys } from "../../src/queue/api-keys.ts";
import { publishManifests } from "../../src/queue/manifests.ts";
import { describeTask } from "../../src/task/manifest.ts";
import { testCatalogue } from "../support/catalogue.ts";
import { makeAuthority, type Pair } from "../support/certificate.ts";
import { createDashboardWorld, type DashboardWorld, password } from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";

const { ca, pairs } = makeAuthority(100, 100, -1, 3);
const [first, second, expired, soon] = pairs as [Pair, Pair, Pair, Pair];
const folder = mkdtempSync(join(tmpdir(), "lovage-tls-"));
const files = { certFile: join(folder, "dashboard.crt"), keyFile: join(folder, "dashboard.key") };
const logged: { level: number; msg: string; err?: { message: string } }[] = [];

function put({ cert, key }: Pair): void {
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key);
}

async function open(): Promise<DashboardWorld> {
  const logger = pino({ base: null }, { write: (line) => void logged.push(JSON.parse(line)) });
  return createDashboardWorld({ dashboard: { tls: files, logger } });
}

let world: DashboardWorld;
let port: number;
let apiKey: string;
const send = fetchTrusting(ca);
beforeAll(async () => {
  put(first);
  world = await open();
  port = Number(new URL(world.url).port);
  await publishManifests(world.broker, testCatalogue.tasks.map(describeTask));
  const keys = createApiKeys(world.broker);
  const scopes = ["enqueue", "read", "control"];
  ({ token: apiKey } = await keys.create({ name: "tls", scopes, createdBy: "tests" }));
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a connection is shown. */
async function certificateOf(options: { maxVersion?: "TLSv1.1" } = {}): Promise<TLSSocket> {
  // An old version needs old ciphers, so that it is the version that is refused.
  const old = options.maxVersion && { minVersion: "TLSv1" as const, ciphers: "DEFAULT@SECLEVEL=0" };
  const socket = connectTls({ host: "127.0.0.1", port, ca, ...options, ...old });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  return socket;
}

const serial = (socket: TLSSocket) => socket.getPeerCertificate().serialNumber;

test("pages and API are at https alone, by TLS 1.2 or later, and say so to browsers", async () => {
  expect(world.url).toBe(`https://127.0.0.1:${port}`);
  const page = await send(`${world.url}/login`);
  expect(page.status).toBe(200);
  expect(page.headers.get("strict-transport-security")).toBe("max-age=2592000");
  const socket = await certificateOf();
  expect(socket.getProtocol()).toBe("TLSv1.3");
  socket.destroy();
  await expect(certificateOf({ maxVersion: "TLSv1.1" })).rejects.toMatchObject({
    code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
  });
});

test("the cookie of a login is for https alone", async () => {
  const answer = await send(`${world.url}/login`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ name: "admin", password }).toString(),
  });
  expect(answer.status).toBe(303);
  const [cookie = ""] = answer.headers.getSetCookie();
  expect(cookie).toMatch(/; HttpOnly; Secure; SameSite=Lax$/);
  const inside = await send(world.url, { headers: { cookie: cookie.split(";")[0] ?? "" } });
  expect([inside.status, await inside.text()]).toEqual([200, expect.stringContaining("csrf-token")]);
});

describe("plain http on that port", () => {
  const say = async (request: string) => {
    const socket = connectPlain(port, "127.0.0.1");
    socket.write(request);
    return text(socket);
  };

  test("a page is found elsewhere", async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/jobs?state=failed`, { redirect: "manual" });
    expect(answer.status).toBe(308);
    expect(answer.headers.get("location")).toBe(`https://127.0.0.1:${port}/jobs?state=failed`);
  });

  test.each([
    ["a call", "POST /api/v1/jobs HTTP/1.1\r\nhost: here\r\n\r\n"],
    [
      "a key, which must not travel so",
      "GET /api/v1/jobs HTTP/1.1\r\nhost: here\r\nAuthorization: Bearer x\r\n\r\n",
    ],
    ["a host that is none", "GET / HTTP/1.1\r\nhost: here/?\r\n\r\n"],
    ["no http at all", "\x00\x01\x02"],
  ])("%s is refused with words", async (_what, request) => {
    expect(await say(request)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n.*\r\n\r\nThis port speaks https/s);
  });

  test("who says nothing does not keep the dashboard from stopping", async () => {
    const other = await open();
    const socket = connectPlain(Number(new URL(other.url).port), "127.0.0.1");
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    // Read, for the end to be seen.
    socket.resume();
    const begun = Date.now();
    await other.close();
    await ended;
    expect(Date.now() - begun).toBeLessThan(5000);
  });
});

describe("a client", () => {
  test("that is given the authority enqueues, follows live and waits", async () => {
    await world.worker({ queues: ["default"] });
    const client = createClient<never>({ url: world.url, apiKey, ca }) as unknown as typeof world.client;
    const job = await client.enqueue("test.echo", { text: "by https" });
    const types = [];
    for await (const event of job.events()) types.push(event.type);
    expect(types.at(-1)).toBe("completed");
    expect(await job.result({ timeout: "10s" })).toMatchObject({ text: "by https" });
    await expect(client.get("nobody")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
    await client.close();
  });

  test.each([
    ["none", undefined, "127.0.0.1", "name the certificate of the authority"],
    ["another one", makeAuthority().ca, "127.0.0.1", "did not sign the certificate of the dashboard"],
    ["the right one, at another name", ca, "localhost", "connect by a name or address"],
  ])("that is given %s is told at once what to do", async (_what, authority, host, hint) => {
    const client = createClient({ url: `https://${host}:${port}`, apiKey, ca: authority, timeout: "60s" });
    const begun = Date.now();
    for (const call of [() => client.tasks(), () => client.events().next()])
      await expect(call()).rejects.toMatchObject({
        code: "API_UNAVAILABLE",
        retryable: false,
        hint: expect.stringContaining(hint),
      });
    expect(Date.now() - begun).toBeLessThan(10_000);
    await client.close();
  });

  test("the command line trusts LOVAGE_CA_FILE", async () => {
    const caFile = join(folder, "ca.crt");
    writeFileSync(caFile, ca);
    const env = { LOVAGE_URL: world.url, LOVAGE_API_KEY: apiKey, LOVAGE_CA_FILE: caFile };
    const program = fileURLToPath(new URL("../../src/bin/lovage.ts", import.meta.url));
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [program, "tasks", "--json"], { env, cwd: folder });
    expect(stdout).toContain("test.echo");
  });
});

test("a new pair is used from the next connection on; one that is no pair is told, and changes nothing", async () => {
  const before = await certificateOf();
  const known = serial(before);
  put({ cert: second.cert, key: first.key });
  await eventually("the error", () => logged.find(({ level }) => level === 50));
  expect(logged.find(({ level }) => level === 50)?.err?.message).toContain(
    "is not the key of the certificate",
  );
  const still = await certificateOf();
  expect(serial(still)).toBe(known);
  put(second);
  await eventually("the new certificate", async () => {
    const socket = await certificateOf();
    const shown = serial(socket);
    socket.destroy();
    return shown !== known;
  });
  expect(before.destroyed).toBe(false);
  for (const socket of [before, still]) socket.destroy();
  put(first);
});

test.each<[string, () => void, string, string]>([
  [
    "a certificate that is not there",
    () => rmSync(files.certFile),
    "DASHBOARD_TLS_CERT_FILE",
    "cannot be read",
  ],
  ["a key that is not there", () => rmSync(files.keyFile), "DASHBOARD_TLS_KEY_FILE", "cannot be read"],
  [
    "a certificate in no PEM",
    () => writeFileSync(files.certFile, "x"),
    "DASHBOARD_TLS_CERT_FILE",
    "no certificate in PEM",
  ],
  [
    "a key in no PEM",
    () => writeFileSync(files.keyFile, "x"),
    "DASHBOARD_TLS_KEY_FILE",
    "no key without a passphrase",
  ],
  [
    "another key",
    () => writeFileSync(files.keyFile, second.key),
    "DASHBOARD_TLS_KEY_FILE",
    "is not the key of",
  ],
])("%s is a fault at the start", (_what, spoil, field, message) => {
  put(first);
  spoil();
  try {
    expect(() => readCertificate(files)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", field, message: expect.stringContaining(message) }),
    );
  } finally {
    put(first);
  }
});

test.each([
  [expired, "has expired"],
  [soon, "expires soon"],
])("a certificate whose time is over, or nearly, is warned of, and serves", async (pair, words) => {
  put(pair);
  logged.length = 0;
  const other = await open();
  expect(logged.filter(({ level }) => level === 40)).toMatchObject([{ msg: expect.stringContaining(words) }]);
  await other.close();
  put(first);
});
