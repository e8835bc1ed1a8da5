import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "dotenv";
import { expect, onTestFinished, test } from "vitest";
import {
  type DeploymentVariable,
  deploymentVariables,
  type EnvironmentSource,
  environmentSources,
  loadConfig,
  variables,
} from "../../src/config/index.ts";
import { LovageError } from "../../src/core/errors.ts";
import { makeCertificate } from "../support/certificate.ts";

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lovage-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const from = (variables: Record<string, string>, own = false): EnvironmentSource => ({
  name: own ? ".env" : "the environment",
  own,
  variables,
});

function faults(...sources: EnvironmentSource[]): string {
  try {
    loadConfig(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(LovageError);
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    return (error as LovageError).message;
  }
  throw new Error("the configuration was accepted");
}

test("the defaults are those of server 84, and frozen", () => {
  const config = loadConfig([]);
  expect(config).toMatchObject({
    redis: { port: 6380, prefix: "lovage", password: undefined },
    ray: { address: "http://127.0.0.1:8265", expectedNodes: 9, expectedCpus: 25 },
    folders: {
      datasets: "/datasets",
      models: "/models",
      workerDatasets: "/datasets",
      workerModels: "/models",
    },
    worker: {
      queues: ["ml", "data", "default"],
      concurrency: { ml: 2, data: 4, default: 4 },
      shutdownTimeout: 25_000,
    },
  });
  expect(Object.isFrozen(config) && Object.isFrozen(config.worker.concurrency)).toBe(true);
});

test("all faults come in one message", () => {
  const text = faults(
    from({ REDIS_PORT: "80000", RAY_ADDRESS: "cluster:8265", ML_CONCURRENCY: "two", RESULT_AGE: "long" }),
  );
  for (const name of ["REDIS_PORT", "RAY_ADDRESS", "ML_CONCURRENCY", "RESULT_AGE"])
    expect(text).toContain(name);
  expect(text).toContain("has 4 faults");
  expect(text).toContain("a port number from 1 to 65535");
});

test("what could not work is refused, not discovered", () => {
  const text = faults(from({ WORKER_LOCK_DURATION: "0", WORKER_NAME: "my worker", RESULT_AGE: "1ms" }));
  expect(text).toContain('WORKER_LOCK_DURATION is shorter than 1s: "0"');
  expect(text).toContain("WORKER_NAME is not made of");
  expect(text).toContain("RESULT_AGE is shorter than 1s");
});

test("Redis is found by sentinels", () => {
  const given = {
    REDIS_SENTINELS: "10.0.0.1:26380, redis.test,[::1]:26379",
    REDIS_SENTINEL_NAME: "mymaster",
    REDIS_SENTINEL_PASSWORD: "pw",
  };
  expect(loadConfig([from(given)]).redis).toMatchObject({
    sentinels: [
      { host: "10.0.0.1", port: 26_380 },
      { host: "redis.test", port: 26_379 },
      { host: "::1", port: 26_379 },
    ],
    sentinelName: "mymaster",
    sentinelPassword: "pw",
  });
  expect(loadConfig([]).redis.sentinels).toBe(undefined);
  expect(faults(from({ REDIS_SENTINELS: "10.0.0.1" }))).toContain("REDIS_SENTINEL_NAME belong together");
  expect(faults(from({ REDIS_SENTINEL_NAME: "x" }))).toContain("belong together");
  const both = faults(from({ ...given, REDIS_URL: "redis://:secret@10.0.0.9" }));
  expect(both).toContain("REDIS_URL and REDIS_SENTINELS both say where Redis is");
  expect(both).not.toContain("secret");
  for (const bad of ["redis://10.0.0.1:1", "me@host:1", "host:0", "host:99999", "a b:1"])
    expect(faults(from({ REDIS_SENTINELS: bad, REDIS_SENTINEL_NAME: "x" })), bad).toContain(
      "is not host:port",
    );
});

test("a place that is given anew is not mixed with what a weaker source says of another", () => {
  const folder = makeFolder();
  mkdirSync(join(folder, ".lovage"));
  writeFileSync(
    join(folder, ".lovage", "dev.env"),
    "REDIS_URL=redis://:pw@127.0.0.1:6380\nRAY_ADDRESS=http://127.0.0.1:8265\nRAY_AUTH_TOKEN=local\nMODELS_DIR=/here\n",
  );
  const read = (environment: Record<string, string>) => loadConfig(environmentSources(environment, folder));
  expect(read({ REDIS_HOST: "localhost" }).redis.url).toBe("redis://:pw@127.0.0.1:6380");
  const sentinels = { REDIS_SENTINELS: "10.0.0.1", REDIS_SENTINEL_NAME: "mymaster" };
  expect(read(sentinels).redis).toMatchObject({ url: undefined, sentinelName: "mymaster" });
  expect(read({ REDIS_HOST: "10.0.0.84" }).redis).toMatchObject({ url: undefined, host: "10.0.0.84" });
  expect(read({ REDIS_PORT: "6390" }).redis.url).toBeUndefined();
  expect(read({}).ray).toMatchObject({ address: "http://127.0.0.1:8265", token: "local" });
  const elsewhere = read({ RAY_ADDRESS: "http://10.0.0.84:8265" });
  expect(elsewhere).toMatchObject({ ray: { token: undefined }, folders: { models: "/models" } });
});

test("further Ray clusters, each with what it has of its own", () => {
  const config = loadConfig([
    from(
      {
        RAY_CLUSTERS: "gpu=http://10.0.0.9:8265, eu=https://ray.test",
        RAY_AUTH_TOKEN_GPU: "a token",
        RAY_EXPECTED_NODES_GPU: "4",
        DATASETS_DIR: "/shared",
        DATASETS_DIR_EU: "/mnt/eu",
      },
      true,
    ),
  ]);
  expect(config.ray.clusters).toMatchObject([
    {
      name: "gpu",
      address: "http://10.0.0.9:8265",
      token: "a token",
      expectedNodes: 4,
      expectedCpus: 1,
      datasets: "/shared",
    },
    { name: "eu", address: "https://ray.test", token: undefined, datasets: "/mnt/eu", models: "/models" },
  ]);
});

test("what is said of a Ray cluster is checked like all else, and of one that is not named is misspelt", () => {
  const clusters = { RAY_CLUSTERS: "gpu=http://10.0.0.9:8265" };
  const wrong = { ...clusters, RAY_EXPECTED_CPUS_GPU: "many", RAY_AUTH_TOKEN_GPX: "secret" };
  const message = faults(from(wrong, true));
  expect(message).toContain('RAY_EXPECTED_CPUS_GPU is not a whole number from 1 on: "many"');
  expect(message).toContain("RAY_AUTH_TOKEN_GPX (in .env) is not a variable of Lovage");
  expect(message).not.toContain("secret");
  expect(faults(from({ RAY_CLUSTERS: "default=http://x" }))).toContain("RAY_CLUSTERS is not a list such as");
  expect(faults(from({ RAY_CLUSTERS: "gpu=10.0.0.9" }))).toContain("RAY_CLUSTERS is not a URL");
  expect(faults(from({ RAY_CLUSTERS: "a=http://x,a=http://y" }))).toContain("names a cluster twice");
});

test("a misspelt name gets a suggestion, wherever it stands", () => {
  expect(faults(from({ REDIS_PASWORD: "x" }))).toContain(
    "REDIS_PASWORD (in the environment) is not a variable of Lovage; did you mean REDIS_PASSWORD?",
  );
  expect(faults(from({ RAY_TOKEN: "x" }, true))).toContain("RAY_TOKEN (in .env)");
});

test("other programs' variables in the environment are none of our business", () => {
  expect(() =>
    loadConfig([
      from({ RAY_memory_monitor_refresh_ms: "0", RAY_AUTH_MODE: "token", PATH: "/bin", REDISCLI_AUTH: "x" }),
    ]),
  ).not.toThrow();
});

test("what only Compose and the deploying scripts read is left alone in .env, and a misspelt one gets a suggestion", () => {
  const values = Object.fromEntries(Object.keys(deploymentVariables).map((name) => [name, "x"]));
  const compose = { COMPOSE_PROFILES: "x", COMPOSE_HTTP_TIMEOUT: "120" };
  expect(loadConfig([from({ ...values, ...compose }, true)])).toEqual(loadConfig([]));
  const text = faults(
    from({ REDIS_WORKER_PASWORD: "x", HOST_DATASET_DIR: "/x", COMPOSE_PROJECTNAME: "y" }, true),
  );
  expect(text).toContain("did you mean REDIS_WORKER_PASSWORD?");
  expect(text).toContain("did you mean HOST_DATASETS_DIR?");
  expect(text).toContain("did you mean COMPOSE_PROJECT_NAME?");
  expect(faults(from({ HOST_CACHE_DIR: "/x" }, true))).toContain(
    "HOST_CACHE_DIR (in .env) is not a variable",
  );
});

test("the two lists of variables have no name in common", () => {
  expect(Object.keys(deploymentVariables).filter((name) => Object.hasOwn(variables, name))).toEqual([]);
});

test("the dashboard's certificate and its key come together", () => {
  const files = { DASHBOARD_TLS_CERT_FILE: "/tls/a.crt", DASHBOARD_TLS_KEY_FILE: "/tls/a.key" };
  expect(loadConfig([from(files)]).dashboard.tls).toEqual({ certFile: "/tls/a.crt", keyFile: "/tls/a.key" });
  expect(loadConfig([]).dashboard.tls).toBeUndefined();
  expect(faults(from({ DASHBOARD_TLS_CERT_FILE: "/tls/a.crt" }))).toContain("belong together");
});

test("a secret is never printed, not even a faulty one", () => {
  const text = faults(
    from({ REDIS_URL: "http://:s3cr3t@host", NOTIFY_SMTP_URL: "s3cr3t", NOTIFY_WEBHOOK_URL: "s3cr3t" }),
  );
  expect(text).toContain("REDIS_URL");
  expect(text).not.toContain("s3cr3t");
});

test("the environment wins over .env, .env over a running dev stack; empty counts as absent", () => {
  const folder = makeFolder();
  writeFileSync(join(folder, ".env"), "REDIS_HOST=from-file\nREDIS_PORT=7000\n");
  const config = loadConfig(environmentSources({ REDIS_HOST: "from-environment", REDIS_PORT: "" }, folder));
  expect(config.redis).toMatchObject({ host: "from-environment", port: 7000 });
});

test("a certificate that cannot be read is a fault", () => {
  expect(faults(from({ RAY_CA_FILE: "/nowhere/ca.pem" }))).toContain("RAY_CA_FILE cannot be read");
  const folder = makeFolder();
  const [none, good] = [join(folder, "none.crt"), join(folder, "good.crt")];
  const { ca } = makeCertificate();
  writeFileSync(none, "-----BEGIN CERTIFICATE-----\n");
  writeFileSync(good, ca);
  expect(faults(from({ REDIS_CA_FILE: none }))).toContain("REDIS_CA_FILE holds no certificate in PEM");
  const config = loadConfig([from({ REDIS_CA_FILE: good, LOVAGE_CA_FILE: good })]);
  expect([config.redis.ca, config.api.ca]).toEqual([ca, ca]);
});

test(".env.example lists every variable with its meaning and its default", () => {
  const text = readFileSync(new URL("../../.env.example", import.meta.url), "utf8");
  // Its defaults are commented out, so that a copy changes nothing until a line is edited.
  const listed = parse(text.replaceAll(/^#(?=[A-Z_]+=)/gm, ""));
  const all: Record<string, Pick<DeploymentVariable, "fallback" | "meaning">> = {
    ...variables,
    ...deploymentVariables,
  };
  const expected = Object.fromEntries(Object.entries(all).map(([name, { fallback }]) => [name, fallback]));
  expect(listed).toEqual(expected);
  for (const { meaning } of Object.values(all)) expect(text).toContain(`# ${meaning}`);
});
