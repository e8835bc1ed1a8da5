import { afterAll, beforeAll, expect, test } from "vitest";
import { succeeds } from "./support/command.ts";
import { containers } from "./support/containers.ts";
import { deploy, identities, script, secretNames, secretOf } from "./support/deployed.ts";
import { onLaptop, onServer } from "./support/lab.ts";

const root = "/home/wizardsofts/lovage";
const folder = "/tmp/lovage-certificates";
const trusted = `${folder}/trusted.crt`;

const tls = (...args: string[]) => script("tls.sh", args);
const onLaptopShell = (text: string, input?: string) =>
  onLaptop("bash", ["-ec", text], input === undefined ? {} : { input });
const ping = async (...args: string[]) => {
  const env = { REDISCLI_AUTH: await secretOf("REDIS_CLIENT_PASSWORD") };
  const { stdout, stderr } = await onLaptop(
    "redis-cli",
    ["-h", "10.0.0.84", "-p", "6380", "--user", "client", "--no-auth-warning", ...args, "ping"],
    { env, timeoutMs: 30_000 },
  );
  return stdout + stderr;
};
const lovage = async (...args: string[]) => (await succeeds(script("lovage.sh", args))).stdout;
/** All that an operation which is refused must leave alone. */
const state = async () => ({
  containers: await identities(),
  files: (await succeeds(onServer("sh", ["-c", `cd ${root}; find .env tls -type f -exec md5sum {} +`])))
    .stdout,
});
const fingerprints = async () => {
  const { stdout } = await succeeds(tls("show"));
  return [...stdout.matchAll(/SHA-256 +(\S+)/g)].map(([, hex]) => hex);
};

beforeAll(async () => {
  await succeeds(deploy());
  await succeeds(tls("off"));
  // An authority and certificates that somebody else made: one that fits, and some that do not.
  await succeeds(
    onLaptopShell(`rm -rf ${folder}; mkdir -p ${folder}; cd ${folder}
      key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $1.key 2>/dev/null; }
      authority() { key $1; openssl req -x509 -key $1.key -subj /CN=$1 -days 30 -out $1.crt; }
      sign() { # NAME SAN DAYS
        key $1
        openssl req -new -key $1.key -subj /CN=$1 -out $1.csr
        openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -set_serial 0x$(openssl rand -hex 8) -days $3 \\
          -extfile <(echo subjectAltName=$2) -out $1.crt 2>/dev/null
      }
      authority ca; authority stranger
      sign good IP:10.0.0.84,DNS:server84 20
      sign elsewhere DNS:lovage.example,IP:192.0.2.1 20
      sign ended IP:10.0.0.84 -1`),
  );
});
afterAll(async () => {
  await succeeds(tls("off"));
  await onLaptop("rm", ["-rf", folder]);
});

test.each([
  ["good", "elsewhere", "ca", "the key belongs to another certificate"],
  ["ended", "ended", "ca", "it ended"],
  ["good", "good", "stranger", "--ca did not sign it"],
  ["elsewhere", "elsewhere", "ca", "it is good for none of this host's names"],
  ["good", "ca.crt", "ca", "no PEM file of a key"],
])(
  "certificate %s with key %s of %s is refused before anything is touched",
  async (certificate, key, ca, why) => {
    const before = await state();
    const keyFile = `${folder}/${key.includes(".") ? key : `${key}.key`}`;
    const { code, stdout, stderr } = await tls(
      "on",
      ...["--certificate", `${folder}/${certificate}.crt`, "--key", keyFile, "--ca", `${folder}/${ca}.crt`],
    );
    expect(stdout + stderr).toContain(why);
    expect(code).toBe(1);
    expect(await state()).toEqual(before);
    // The key that came did not stay.
    expect((await onServer("sh", ["-c", `ls -d ${root}/tls/given-*`])).code).not.toBe(0);
  },
);

test("on: all that is said to Redis and the dashboard is encrypted, and jobs that waited are kept", async () => {
  await lovage("control", "pause", "data");
  const waiting = await lovage("enqueue", "tasks.simple_tasks.ping", "{}", "--queue", "data", "--json");
  const { id } = JSON.parse(waiting) as { id: string };
  const { stdout } = await succeeds(tls("on"));
  expect(stdout).toMatch(/dashboard +ok/);
  await lovage("control", "resume", "data");
  expect(await lovage("result", id, "--timeout", "30s", "--json")).toContain("pong");

  expect(await ping()).not.toContain("PONG");
  await succeeds(tls("trust", trusted));
  expect(await ping("--tls", "--cacert", trusted)).toBe("PONG\n");
  expect(await ping("--tls", "--cacert", `${folder}/stranger.crt`)).not.toContain("PONG");
  const redis = (await containers())["redis"];
  expect(redis?.State.Health?.Status).toBe("healthy");

  const visit = (ca: string) =>
    onLaptop("curl", ["-s", "--cacert", ca, "-w", "%{http_code}", "https://10.0.0.84:5555/livez"]);
  expect((await visit(trusted)).stdout).toMatch(/200$/);
  expect((await visit(`${folder}/stranger.crt`)).code).toBe(60);

  // Keys are for their users alone, and were never shown.
  const modes = await succeeds(
    onServer("sh", [
      "-c",
      `stat -c '%a %U' ${root}/tls/authority/ca.key ${root}/tls/*/redis.key ${root}/tls/*/dashboard.key`,
    ]),
  );
  expect(modes.stdout).toBe("600 wizardsofts\n".repeat(3));
  for (const name of secretNames) expect(stdout).not.toContain(await secretOf(name));
  expect(stdout).not.toContain("PRIVATE KEY");
});

test("the authority signs for nobody but this host and private names", async () => {
  const { code, stdout, stderr } = await tls("on", "--name", "www.example.com");
  expect(code).toBe(1);
  expect(stdout + stderr).toContain("permitted subtree violation");
  expect(stdout + stderr).toContain("--new-authority");
  // It is forgotten again.
  expect((await succeeds(tls("on"))).stdout).toContain("TLS is on, as before");
});

test("renew: new certificates, and nobody is interrupted", async () => {
  const [authority, ...before] = await fingerprints();
  const running = await identities();
  const { stdout } = await succeeds(tls("renew", "--days", "20"));
  expect(stdout).toMatch(/dashboard +ok/);
  const [same, ...after] = await fingerprints();
  expect(same).toBe(authority);
  expect(after.filter((fingerprint) => before.includes(fingerprint))).toEqual([]);
  const served = await succeeds(
    onLaptopShell(`for port in 6380 5555; do
      openssl s_client -connect 10.0.0.84:$port </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 | cut -d= -f2
    done`),
  );
  expect(served.stdout.trim().split("\n")).toEqual(after);
  expect(await identities()).toEqual(running);
});

test("a certificate that ends soon is told of", async () => {
  const { stdout } = await succeeds(deploy(["--check"]));
  expect(stdout).toMatch(/warn +\S+redis\.crt ends in (19|20) days/);
  expect((await succeeds(script("status.sh"))).stdout).toMatch(
    /TLS: on; the certificate that ends first is good for (19|20) days/,
  );
});

test("off: all is in plain text again", async () => {
  const { stdout } = await succeeds(tls("off"));
  expect(stdout).toMatch(/dashboard +ok/);
  expect(await ping()).toBe("PONG\n");
  expect((await tls("trust", `${folder}/none`)).stderr).toContain("TLS is off");
  expect((await onLaptop("test", ["-e", `${folder}/none`])).code).toBe(1);
});
