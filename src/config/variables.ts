import * as z from "zod";
import { toMilliseconds } from "../core/durations.ts";
import { isWorkerName, workerNameRule } from "../core/worker-name.ts";

/** One environment variable: how its text is read, what stands when it is absent, and what it means. */
export interface Variable<T> {
  read: (text: string) => T;
  /** The value when absent, written as it would be in .env; empty: none. */
  fallback: string;
  meaning: string;
  /** Never printed, not even in an error. */
  secret?: boolean;
}

const optional =
  <T>(read: (text: string) => T) =>
  (text: string) =>
    text === "" ? undefined : read(text);

/** Throws a plain Error whose message completes "NAME …"; the loader collects them. */
const reject = (what: string): never => {
  throw new Error(what);
};

const string = (text: string) => text;
const duration = (text: string) => {
  try {
    return toMilliseconds(/^\d+$/.test(text) ? Number(text) : text);
  } catch {
    return reject('is not a duration such as "30s", "15m", "2h"');
  }
};
const atLeast = (least: string) => (text: string) => {
  const value = duration(text);
  return value >= toMilliseconds(least) ? value : reject(`is shorter than ${least}`);
};
const workerName = (text: string) => (isWorkerName(text) ? text : reject(`is not made of ${workerNameRule}`));
const number = (schema: z.ZodNumber, kind: string) => (text: string) => {
  const result = schema.safeParse(text.trim() === "" ? Number.NaN : Number(text));
  return result.success ? result.data : reject(`is not ${kind}`);
};
const count = (least: number) => number(z.number().int().min(least), `a whole number from ${least} on`);
const port = number(z.number().int().min(1).max(65_535), "a port number from 1 to 65535");
const flag = (text: string) => {
  const result = z.stringbool().safeParse(text);
  return result.success ? result.data : reject("is neither true nor false");
};
const url =
  (...schemes: string[]) =>
  (text: string) => {
    const parsed = URL.parse(text);
    return parsed !== null && schemes.includes(parsed.protocol.slice(0, -1))
      ? text
      : reject(`is not a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`);
  };
const absolutePath = (text: string) => (text.startsWith("/") ? text : reject("is not an absolute path"));
const oneOf =
  <T extends string>(...choices: T[]) =>
  (text: string): T =>
    choices.find((choice) => choice === text) ?? reject(`is none of ${choices.join(", ")}`);
/** Host and port each; an IPv6 address stands in brackets. */
const endpoints = (defaultPort: number) => (text: string) =>
  list(text).map((item) => {
    const parsed = /^[^/@?#\s]+$/.test(item) ? URL.parse(`tcp://${item}`) : null;
    if (parsed === null || parsed.hostname === "" || parsed.port === "0")
      return reject(`has ${JSON.stringify(item)}, which is not host:port`);
    const host = parsed.hostname.replace(/^\[|\]$/g, "");
    return { host, port: parsed.port === "" ? defaultPort : Number(parsed.port) };
  });
const list = (text: string) => text.split(",").flatMap((item) => item.trim() || []);
const listOf =
  <T extends string>(...choices: T[]) =>
  (text: string): T[] =>
    list(text).map(oneOf(...choices));

const clusters = (text: string): { name: string; address: string }[] => {
  const found = list(text).map((item) => {
    const at = item.indexOf("=");
    const [name, address] = [item.slice(0, Math.max(at, 0)), item.slice(at + 1)];
    if (!/^[a-z][a-z0-9_]{0,30}$/.test(name) || name === "default") {
      return reject(
        `is not a list such as gpu=http://10.0.0.9:8265, of names of small letters, digits and _ but default`,
      );
    }
    return { name, address: url("http", "https")(address) };
  });
  const names = new Set(found.map(({ name }) => name));
  return names.size === found.length ? found : reject("names a cluster twice");
};

const variable = <T>(
  read: (text: string) => T,
  fallback: string,
  meaning: string,
  secret = false,
): Variable<T> => ({ read, fallback, meaning, secret });

/** Every variable Lovage reads, in the order of .env.example. */
export const variables = {
  REDIS_URL: variable(
    optional(url("redis", "rediss")),
    "",
    "Redis as one URL (redis://:password@host:port/0, rediss:// for TLS); wins over the REDIS_ parts below",
    true,
  ),
  REDIS_HOST: variable(string, "127.0.0.1", "Redis' host"),
  REDIS_PORT: variable(port, "6380", "Redis' port"),
  REDIS_USERNAME: variable(
    optional(string),
    "",
    "Redis' user: worker for a worker, scheduler or dashboard, client for what only calls; empty: the default user",
  ),
  REDIS_PASSWORD: variable(optional(string), "", "That user's password", true),
  REDIS_TLS: variable(flag, "false", "Speak TLS to Redis, and to its sentinels"),
  REDIS_CA_FILE: variable(
    optional(absolutePath),
    "",
    "PEM file of the authority that signed Redis' certificate",
  ),
  REDIS_SENTINELS: variable(
    endpoints(26_379),
    "",
    "Sentinels that know where Redis' master is, as host:port,host:port; instead of REDIS_URL or REDIS_HOST and REDIS_PORT",
  ),
  REDIS_SENTINEL_NAME: variable(optional(string), "", "What the sentinels call the master"),
  REDIS_SENTINEL_USERNAME: variable(optional(string), "", "The sentinels' user; empty: their default user"),
  REDIS_SENTINEL_PASSWORD: variable(optional(string), "", "That user's password", true),
  REDIS_CLUSTER: variable(
    optional(endpoints(6379)),
    "",
    "Nodes of a Redis Cluster, as host:port,host:port; instead of REDIS_URL, REDIS_HOST and REDIS_PORT",
  ),
  REDIS_SHARDS: variable(
    optional(number(z.number().int().min(1).max(64), "a whole number from 1 to 64")),
    "",
    "In how many parts each queue lies; the same for all processes, from the start on; empty: 1, in a cluster 12",
  ),
  REDIS_PREFIX: variable(
    string,
    "lovage",
    "What every key in Redis begins with; another one is another world",
  ),

  LOVAGE_URL: variable(
    optional(url("http", "https")),
    "",
    "A dashboard whose HTTP API the commands for callers and operators use instead of Redis",
  ),
  LOVAGE_API_KEY: variable(optional(string), "", "The API key for LOVAGE_URL", true),
  LOVAGE_INSECURE: variable(
    flag,
    "false",
    "Let the API key travel over plain http to another machine, on a network that is trusted",
  ),
  LOVAGE_CA_FILE: variable(
    optional(absolutePath),
    "",
    "PEM file of the authority that signed the certificate of LOVAGE_URL, where no public one did",
  ),

  RAY_ADDRESS: variable(
    url("http", "https"),
    "http://127.0.0.1:8265",
    "Ray's dashboard, which serves its Jobs API",
  ),
  RAY_AUTH_TOKEN: variable(optional(string), "", "Token of a cluster in token mode", true),
  RAY_CA_FILE: variable(
    optional(absolutePath),
    "",
    "PEM file of the authority that signed Ray's certificate",
  ),
  RAY_CLUSTERS: variable(
    clusters,
    "",
    "Further clusters, as gpu=http://10.0.0.9:8265,eu=https://…; what RAY_AUTH_TOKEN, RAY_CA_FILE, RAY_PIP_FILE, RAY_EXPECTED_NODES, RAY_EXPECTED_CPUS, DATASETS_DIR and MODELS_DIR say of the first, RAY_AUTH_TOKEN_GPU and so on say of another",
  ),
  RAY_BREAKER_FAILURES: variable(
    count(1),
    "5",
    "Calls in a row that a cluster does not answer, after which nothing is begun there",
  ),
  RAY_BREAKER_PROBE: variable(
    atLeast("100ms"),
    "10s",
    "How often such a cluster is asked whether it is back",
  ),
  RAY_CONNECT_TIMEOUT: variable(atLeast("100ms"), "5s", "Longest wait for a connection to Ray"),
  RAY_REQUEST_TIMEOUT: variable(atLeast("100ms"), "15s", "Longest wait for an answer of Ray"),
  RAY_SUBMIT_TIMEOUT: variable(atLeast("100ms"), "60s", "Longest wait for the answer to a submit"),
  RAY_UNAVAILABLE_TIMEOUT: variable(
    duration,
    "10m",
    "How long a job waits for a cluster that does not answer",
  ),
  RAY_PIP_FILE: variable(
    optional(absolutePath),
    "",
    "Requirements file that each Ray job installs by pip, where the cluster lacks packages; empty: none",
  ),
  RAY_EXPECTED_NODES: variable(count(1), "9", "Nodes the health check expects"),
  RAY_EXPECTED_CPUS: variable(count(1), "25", "CPUs the health check expects"),

  DATASETS_DIR: variable(absolutePath, "/datasets", "Folder of data sets, as the Ray nodes see it"),
  MODELS_DIR: variable(absolutePath, "/models", "Folder of models, as the Ray nodes see it"),
  WORKER_DATASETS_DIR: variable(
    optional(absolutePath),
    "",
    "The same folder as a worker sees it; empty: as the Ray nodes do",
  ),
  WORKER_MODELS_DIR: variable(
    optional(absolutePath),
    "",
    "The same folder as a worker sees it; empty: as the Ray nodes do",
  ),
  URI_SCHEMES: variable(
    list,
    "",
    "URI schemes that inputs may name besides paths, such as s3,gs; empty: none",
  ),

  WORKER_NAME: variable(
    optional(workerName),
    "",
    "Name of the worker; empty: its queues and the host's name",
  ),
  WORKER_QUEUES: variable(
    listOf("ml", "data", "default"),
    "ml,data,default",
    "Queues a worker takes jobs from when it is started without --queues",
  ),
  ML_CONCURRENCY: variable(count(1), "2", "Jobs of the queue ml that one worker runs at once"),
  DATA_CONCURRENCY: variable(count(1), "4", "Jobs of the queue data that one worker runs at once"),
  DEFAULT_CONCURRENCY: variable(count(1), "4", "Jobs of the queue default that one worker runs at once"),
  WORKER_SHUTDOWN_TIMEOUT: variable(
    duration,
    "25s",
    "How long a stopping worker lets its jobs finish before it hands them back",
  ),
  WORKER_LOCK_DURATION: variable(
    atLeast("1s"),
    "30s",
    "How long a worker may be silent before another takes its jobs over",
  ),

  ISOLATED_MAX_JOBS: variable(
    count(1),
    "100",
    "Jobs that one process of isolated tasks runs before a new one takes its place",
  ),
  ISOLATED_MAX_MEMORY: variable(
    count(1),
    "512",
    "Megabytes that a process of isolated tasks may hold after a job; with more it is replaced",
  ),

  RESULT_AGE: variable(atLeast("1s"), "1d", "How long a completed job and its result are kept"),
  RESULT_COUNT: variable(count(1), "10000", "How many completed jobs a queue keeps at most"),
  FAILURE_AGE: variable(atLeast("1s"), "7d", "How long a failed, cancelled or expired job is kept"),
  FAILURE_COUNT: variable(count(1), "10000", "How many failed jobs a queue keeps at most"),
  JOB_LOG_LINES: variable(count(1), "1000", "How many lines of its log a job keeps"),

  NOTIFY_WEBHOOK_URL: variable(
    optional(url("http", "https")),
    "",
    "Where webhook notifications are posted",
    true,
  ),
  NOTIFY_SMTP_URL: variable(
    optional(url("smtp", "smtps")),
    "",
    "Mail server (smtps://user:password@host:465) for e-mail notifications",
    true,
  ),
  NOTIFY_EMAIL_FROM: variable(optional(string), "", "Sender of e-mail notifications"),
  NOTIFY_EMAIL_TO: variable(optional(string), "", "Recipients of e-mail notifications, separated by commas"),
  HEALTH_CHANNELS: variable(
    listOf("log", "webhook", "email"),
    "log",
    "Channels that hear of a change of the cluster's health",
  ),

  DASHBOARD_HOST: variable(
    string,
    "127.0.0.1",
    "Address the dashboard listens on; anything but loopback needs a password of its own",
  ),
  DASHBOARD_PORT: variable(port, "5555", "Port of the dashboard and the HTTP API"),
  DASHBOARD_USER: variable(string, "admin", "Name of the dashboard's first user, an admin"),
  DASHBOARD_PASSWORD: variable(
    optional(string),
    "",
    "That user's password; empty: on loopback a random one is made and printed once",
    true,
  ),
  DASHBOARD_USERS_FILE: variable(
    optional(absolutePath),
    "",
    "File of further users, a line each: name:role:hash, as `lovage users hash` prints it",
  ),
  DASHBOARD_SESSION_AGE: variable(atLeast("1m"), "12h", "How long a login lasts without use"),
  DASHBOARD_TRUST_PROXY: variable(
    flag,
    "false",
    "Whether a proxy before the dashboard tells the caller's address and protocol (X-Forwarded-…)",
  ),
  DASHBOARD_TLS_CERT_FILE: variable(
    optional(absolutePath),
    "",
    "PEM file of the dashboard's certificate, with those between it and its authority; empty: plain http",
  ),
  DASHBOARD_TLS_KEY_FILE: variable(
    optional(absolutePath),
    "",
    "PEM file of the certificate's key; both files are read again when they change",
  ),

  HEALTH_HOST: variable(string, "127.0.0.1", "Address of a process' /livez, /readyz and /metrics"),
  HEALTH_PORT: variable(
    optional(port),
    "",
    "Port of a process' /livez, /readyz and /metrics; empty: none. Each process on a host needs its own",
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(
    optional(url("http", "https")),
    "",
    "Where traces are sent, by OTLP over HTTP; empty: none are made",
  ),
  OTEL_EXPORTER_OTLP_HEADERS: variable(
    optional(string),
    "",
    "Headers for that, as name=value, separated by commas",
    true,
  ),

  LOG_LEVEL: variable(oneOf("trace", "debug", "info", "warn", "error"), "info", "Least level that is logged"),
  LOG_FORMAT: variable(
    oneOf("auto", "json", "pretty"),
    "auto",
    "How lines are logged; auto: pretty on a terminal, else JSON",
  ),
};

export type VariableName = keyof typeof variables;
export type Values = { [Name in VariableName]: ReturnType<(typeof variables)[Name]["read"]> };
