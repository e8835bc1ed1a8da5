import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { distance } from "fastest-levenshtein";
import { LovageError } from "../core/errors.ts";
import { suggestion } from "../core/suggestion.ts";
import { deploymentVariables } from "./deployment-variables.ts";
import type { EnvironmentSource } from "./environment.ts";
import {
  type RayClusterConfig,
  readClusters,
  requirements,
  variableOf,
  variablesOfClusters,
} from "./ray-clusters.ts";
import { type Values, type Variable, type VariableName, variables } from "./variables.ts";

/** All settings of a process. Frozen; made once, at the start. */
export interface Config {
  readonly redis: {
    readonly url: string | undefined;
    readonly host: string;
    readonly port: number;
    /** Undefined: Redis is found by its own address. */
    readonly sentinels: readonly { readonly host: string; readonly port: number }[] | undefined;
    readonly sentinelName: string | undefined;
    readonly sentinelUsername: string | undefined;
    readonly sentinelPassword: string | undefined;
    /** Undefined: Redis' default user. */
    readonly username: string | undefined;
    readonly password: string | undefined;
    readonly tls: boolean;
    /** PEM text. */
    readonly ca: string | undefined;
    readonly prefix: string;
    /** Nodes of a cluster. Undefined: one Redis. */
    readonly cluster: readonly { readonly host: string; readonly port: number }[] | undefined;
    /** Undefined: 1, in a cluster 12. */
    readonly shards: number | undefined;
  };
  /** The HTTP API that the command line uses; no URL: it uses Redis. */
  readonly api: {
    readonly url: string | undefined;
    readonly key: string | undefined;
    readonly insecure: boolean;
    /** PEM text. */
    readonly ca: string | undefined;
  };
  readonly ray: {
    readonly address: string;
    readonly token: string | undefined;
    /** PEM text. */
    readonly ca: string | undefined;
    /** Milliseconds. */
    readonly timeouts: { readonly connect: number; readonly request: number; readonly submit: number };
    /** Milliseconds. */
    readonly unavailableTimeout: number;
    /** Requirements that each Ray job installs by pip. */
    readonly pip: readonly string[] | undefined;
    readonly expectedNodes: number;
    readonly expectedCpus: number;
    /** The clusters besides the first, which is called default. */
    readonly clusters: readonly RayClusterConfig[];
    readonly breaker: {
      readonly failures: number;
      /** Milliseconds. */
      readonly probe: number;
    };
  };
  readonly folders: {
    /** As the Ray nodes see them. */
    readonly datasets: string;
    readonly models: string;
    readonly workerDatasets: string;
    readonly workerModels: string;
    readonly uriSchemes: readonly string[];
  };
  readonly worker: {
    readonly name: string | undefined;
    readonly queues: readonly ("ml" | "data" | "default")[];
    readonly concurrency: Readonly<Record<"ml" | "data" | "default", number>>;
    /** Milliseconds. */
    readonly shutdownTimeout: number;
    readonly lockDuration: number;
    readonly isolation: {
      readonly maxJobs: number;
      /** Bytes. */
      readonly maxMemory: number;
    };
  };
  readonly retention: {
    /** Milliseconds and counts. */
    readonly result: { readonly age: number; readonly count: number };
    readonly failure: { readonly age: number; readonly count: number };
    readonly logLines: number;
  };
  readonly notify: {
    readonly webhookUrl: string | undefined;
    readonly smtpUrl: string | undefined;
    readonly emailFrom: string | undefined;
    readonly emailTo: string | undefined;
    readonly healthChannels: readonly ("log" | "webhook" | "email")[];
  };
  readonly dashboard: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string | undefined;
    /** The text of the users' file. */
    readonly users: string | undefined;
    /** Milliseconds. */
    readonly sessionAge: number;
    readonly trustProxy: boolean;
    /** Paths: the files are read again when they change. Undefined: plain http. */
    readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  };
  /** Where the process tells of its health and its metrics; no port: nowhere. */
  readonly health: { readonly host: string; readonly port: number | undefined };
  readonly tracing: {
    /** Undefined: no traces. */
    readonly endpoint: string | undefined;
    readonly headers: string | undefined;
  };
  readonly log: {
    readonly level: "trace" | "debug" | "info" | "warn" | "error";
    readonly format: "auto" | "json" | "pretty";
  };
}

/**
 * Reads the configuration from its sources, the strongest first.
 * @throws LovageError `CONFIG_INVALID`, whose message lists every fault at once and shows no secret
 */
export function loadConfig(sources: readonly EnvironmentSource[]): Config {
  const ofClusters = variablesOfClusters(sources);
  const faults = sources.flatMap((source) => misspelt(source, ofClusters));
  const values = {} as Record<string, unknown>;
  const read = (name: string, variable: Variable<unknown>, fallback = variable.fallback): unknown => {
    // An empty variable counts as absent, as in Compose files that pass `${X:-}` through.
    const source = sources.find((candidate) => (candidate.variables[name] ?? "") !== "");
    const text = source?.variables[name] ?? fallback;
    try {
      return variable.read(text);
    } catch (error) {
      const shown = variable.secret ? "(its value is secret)" : JSON.stringify(text);
      faults.push(`${name} ${(error as Error).message}: ${shown}, from ${source?.name ?? "its default"}`);
      return undefined;
    }
  };
  for (const [name, variable] of Object.entries(variables) as [VariableName, Variable<unknown>][])
    values[name] = read(name, variable);
  const readFile = (name: string, path = values[name]) => {
    if (typeof path !== "string") return undefined;
    try {
      const text = readFileSync(path, "utf8");
      // What holds no certificate would be taken for an authority that signed nothing.
      if (name.includes("_CA_FILE") && !isCertificate(text))
        faults.push(`${name} holds no certificate in PEM: ${path}`);
      return text;
    } catch (error) {
      faults.push(`${name} cannot be read: ${(error as Error).message}`);
      return undefined;
    }
  };
  const files = {
    redisCa: readFile("REDIS_CA_FILE"),
    apiCa: readFile("LOVAGE_CA_FILE"),
    rayCa: readFile("RAY_CA_FILE"),
    pip: readFile("RAY_PIP_FILE"),
    users: readFile("DASHBOARD_USERS_FILE"),
  };
  const clusters = readClusters(sources, {
    read: (name, cluster, fallback) => read(variableOf(name, cluster), variables[name], fallback),
    readFile: (name, cluster, path) => readFile(variableOf(name, cluster), path),
    folders: { datasets: String(values["DATASETS_DIR"]), models: String(values["MODELS_DIR"]) },
  });
  if ((values["LOVAGE_URL"] === undefined) !== (values["LOVAGE_API_KEY"] === undefined))
    faults.push("LOVAGE_URL and LOVAGE_API_KEY belong together: set both, or neither to use Redis");
  faults.push(...redisFaults(values));
  if ((values["DASHBOARD_TLS_CERT_FILE"] === undefined) !== (values["DASHBOARD_TLS_KEY_FILE"] === undefined))
    faults.push(
      "DASHBOARD_TLS_CERT_FILE and DASHBOARD_TLS_KEY_FILE belong together: set both, or neither for plain http",
    );
  if (faults.length > 0) {
    const heading =
      faults.length === 1 ? "the configuration has a fault" : `the configuration has ${faults.length} faults`;
    throw new LovageError(
      "CONFIG_INVALID",
      [`${heading}:`, ...faults.map((fault) => `  ${fault}`)].join("\n"),
      {
        hint: "see .env.example for every variable, its meaning and its default",
      },
    );
  }
  return deepFreeze(assemble(values as unknown as Values, files, clusters));
}

/** Redis is in one place. What a fault of reading left out is told already. */
function redisFaults(values: Record<string, unknown>): string[] {
  const faults: string[] = [];
  const cluster = Array.isArray(values["REDIS_CLUSTER"]);
  if (cluster && values["REDIS_URL"] !== undefined)
    faults.push("REDIS_URL and REDIS_CLUSTER exclude each other: a cluster is found by its nodes alone");
  if (!Array.isArray(values["REDIS_SENTINELS"])) return faults;
  const sentinels = values["REDIS_SENTINELS"].length > 0;
  if (cluster && sentinels)
    faults.push(
      "REDIS_SENTINELS and REDIS_CLUSTER exclude each other: a cluster replaces its masters itself",
    );
  if (sentinels !== (values["REDIS_SENTINEL_NAME"] !== undefined))
    faults.push("REDIS_SENTINELS and REDIS_SENTINEL_NAME belong together: set both, or neither");
  if (sentinels && values["REDIS_URL"] !== undefined) {
    faults.push(
      "REDIS_URL and REDIS_SENTINELS both say where Redis is: leave one out; with sentinels user, password and TLS go into REDIS_USERNAME, REDIS_PASSWORD and REDIS_TLS",
    );
  }
  return faults;
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text) !== undefined;
  } catch {
    return false;
  }
}

/**
 * Names that look like one of ours. In a file of ours, names that begin like ours and are not are faults too; the
 * environment holds other programs' variables (Ray alone has hundreds), so there only a near miss counts. What only Compose
 * and the deploying scripts read stands in the same file.
 */
function misspelt(source: EnvironmentSource, ofClusters: readonly string[]): string[] {
  const known = [...Object.keys(variables), ...ofClusters, ...Object.keys(deploymentVariables)];
  const families = new Set(known.map((name) => name.slice(0, name.indexOf("_") + 1)));
  // Compose reads many more of that name from the same file.
  families.delete("COMPOSE_");
  return Object.keys(source.variables).flatMap((name) => {
    if (known.includes(name)) return [];
    const near = suggestion(name, known);
    const typo = near !== undefined && distance(name, near) <= 2 && name.length >= 6;
    const stranger = source.own && [...families].some((family) => name.startsWith(family));
    if (!typo && !stranger) return [];
    return [
      `${name} (in ${source.name}) is not a variable of Lovage${near ? `; did you mean ${near}?` : ""}`,
    ];
  });
}

/** The texts of the files that variables name. */
interface Files {
  redisCa: string | undefined;
  apiCa: string | undefined;
  rayCa: string | undefined;
  pip: string | undefined;
  users: string | undefined;
}

function assemble(values: Values, files: Files, clusters: readonly RayClusterConfig[]): Config {
  const { DASHBOARD_TLS_CERT_FILE: certFile, DASHBOARD_TLS_KEY_FILE: keyFile } = values;
  return {
    redis: {
      url: values.REDIS_URL,
      host: values.REDIS_HOST,
      port: values.REDIS_PORT,
      sentinels: values.REDIS_SENTINELS.length === 0 ? undefined : values.REDIS_SENTINELS,
      sentinelName: values.REDIS_SENTINEL_NAME,
      sentinelUsername: values.REDIS_SENTINEL_USERNAME,
      sentinelPassword: values.REDIS_SENTINEL_PASSWORD,
      username: values.REDIS_USERNAME,
      password: values.REDIS_PASSWORD,
      tls: values.REDIS_TLS,
      ca: files.redisCa,
      prefix: values.REDIS_PREFIX,
      cluster: values.REDIS_CLUSTER,
      shards: values.REDIS_SHARDS,
    },
    api: {
      url: values.LOVAGE_URL,
      key: values.LOVAGE_API_KEY,
      insecure: values.LOVAGE_INSECURE,
      ca: files.apiCa,
    },
    ray: {
      address: values.RAY_ADDRESS,
      token: values.RAY_AUTH_TOKEN,
      ca: files.rayCa,
      timeouts: {
        connect: values.RAY_CONNECT_TIMEOUT,
        request: values.RAY_REQUEST_TIMEOUT,
        submit: values.RAY_SUBMIT_TIMEOUT,
      },
      unavailableTimeout: values.RAY_UNAVAILABLE_TIMEOUT,
      pip: requirements(files.pip),
      expectedNodes: values.RAY_EXPECTED_NODES,
      expectedCpus: values.RAY_EXPECTED_CPUS,
      clusters,
      breaker: { failures: values.RAY_BREAKER_FAILURES, probe: values.RAY_BREAKER_PROBE },
    },
    folders: {
      datasets: values.DATASETS_DIR,
      models: values.MODELS_DIR,
      workerDatasets: values.WORKER_DATASETS_DIR ?? values.DATASETS_DIR,
      workerModels: values.WORKER_MODELS_DIR ?? values.MODELS_DIR,
      uriSchemes: values.URI_SCHEMES,
    },
    worker: {
      name: values.WORKER_NAME,
      queues: values.WORKER_QUEUES,
      concurrency: {
        ml: values.ML_CONCURRENCY,
        data: values.DATA_CONCURRENCY,
        default: values.DEFAULT_CONCURRENCY,
      },
      shutdownTimeout: values.WORKER_SHUTDOWN_TIMEOUT,
      lockDuration: values.WORKER_LOCK_DURATION,
      isolation: {
        maxJobs: values.ISOLATED_MAX_JOBS,
        maxMemory: values.ISOLATED_MAX_MEMORY * 1024 * 1024,
      },
    },
    retention: {
      result: { age: values.RESULT_AGE, count: values.RESULT_COUNT },
      failure: { age: values.FAILURE_AGE, count: values.FAILURE_COUNT },
      logLines: values.JOB_LOG_LINES,
    },
    notify: {
      webhookUrl: values.NOTIFY_WEBHOOK_URL,
      smtpUrl: values.NOTIFY_SMTP_URL,
      emailFrom: values.NOTIFY_EMAIL_FROM,
      emailTo: values.NOTIFY_EMAIL_TO,
      healthChannels: values.HEALTH_CHANNELS,
    },
    dashboard: {
      host: values.DASHBOARD_HOST,
      port: values.DASHBOARD_PORT,
      user: values.DASHBOARD_USER,
      password: values.DASHBOARD_PASSWORD,
      users: files.users,
      sessionAge: values.DASHBOARD_SESSION_AGE,
      trustProxy: values.DASHBOARD_TRUST_PROXY,
      tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    },
    health: { host: values.HEALTH_HOST, port: values.HEALTH_PORT },
    tracing: {
      endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
      headers: values.OTEL_EXPORTER_OTLP_HEADERS,
    },
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === "object" && part !== null) deepFreeze(part);
  }
  return Object.freeze(value);
}
