import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { deploymentVariables } from "../../src/config/deployment-variables.ts";
import { variables } from "../../src/config/variables.ts";

const script = readFileSync(new URL("../../deploy/server/carried.sh", import.meta.url), "utf8");
const pattern = [...script.matchAll(/^carried\+?='(.*)'$/gm)].map(([, part]) => part).join("");
const carried = new RegExp(`^(?:${pattern})$`);

/** Of a host alone, or of the host of Redis, or written for each host by the scripts. A new variable must be put somewhere. */
const own = [
  "REDIS_URL",
  "REDIS_USERNAME",
  "REDIS_PASSWORD",
  "REDIS_BIND",
  // A deployed installation has one Redis of its own.
  "REDIS_SENTINELS",
  "REDIS_SENTINEL_NAME",
  "REDIS_SENTINEL_USERNAME",
  "REDIS_SENTINEL_PASSWORD",
  "REDIS_CLUSTER",
  "REDIS_SHARDS",
  "REDIS_IMAGE",
  "REDIS_CLIENT_PASSWORD",
  "REDIS_PASSWORD_PREVIOUS",
  "REDIS_WORKER_PASSWORD_PREVIOUS",
  "REDIS_CLIENT_PASSWORD_PREVIOUS",
  "WORKER_NAME",
  "WORKER_QUEUES",
  "ML_CONCURRENCY",
  "DATA_CONCURRENCY",
  "DEFAULT_CONCURRENCY",
];
const ownPrefixes = /^(LOVAGE|COMPOSE|DASHBOARD|HOST|HEALTH_(HOST|PORT)|[A-Z]+_HEALTH_PORT)/;

test("each variable is carried to a host that joins, or is known not to be", () => {
  const names = [...Object.keys(variables), ...Object.keys(deploymentVariables)];
  const unclear = names.filter(
    (name) => carried.test(name) === (own.includes(name) || ownPrefixes.test(name)),
  );
  expect(unclear).toEqual([]);
});

test("no secret leaves the host of Redis that a worker does not need", () => {
  const secrets = Object.entries({ ...variables, ...deploymentVariables })
    .filter(([, variable]) => "secret" in variable && variable.secret === true)
    .map(([name]) => name);
  expect(secrets).toContain("REDIS_PASSWORD");
  expect(secrets.filter((name) => carried.test(name)).sort()).toEqual([
    "NOTIFY_SMTP_URL",
    "NOTIFY_WEBHOOK_URL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "RAY_AUTH_TOKEN",
    "REDIS_WORKER_PASSWORD",
  ]);
});
