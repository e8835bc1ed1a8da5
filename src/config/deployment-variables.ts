/** A variable that no process of Lovage reads: Compose and the scripts that deploy do. */
export interface DeploymentVariable {
  /** What holds when it is absent, written as it would be in .env; empty: none. */
  fallback: string;
  meaning: string;
  /** Never printed. */
  secret?: boolean;
}

const byScripts = "written by scripts/deploy.sh";

/**
 * What stands in a server's .env beside the settings of the processes, in the order of .env.example. A process that reads
 * the same file leaves them alone, but a name that is nearly one of them is a fault.
 */
export const deploymentVariables = {
  COMPOSE_PROJECT_NAME: { fallback: "lovage", meaning: "What Compose calls all containers together" },
  COMPOSE_IGNORE_ORPHANS: {
    fallback: "true",
    meaning:
      "Redis and the workers are two files of one project: without this, Compose takes each other's containers for left-overs",
  },
  LOVAGE_SERVICES: {
    fallback: "redis,worker-ml,worker-data,worker-default,scheduler,dashboard",
    meaning: "The containers of this host; the workers alone where it joined the Redis of another host",
  },
  LOVAGE_RELEASE: {
    fallback: "",
    meaning: `The release that runs: 12 hexadecimal digits of the hash of its files; ${byScripts}`,
  },
  LOVAGE_REDIS_CONFIG: {
    fallback: "",
    meaning: `Hash of what Redis is configured with: Redis is started anew only when it changes; ${byScripts}`,
  },
  LOVAGE_UID: {
    fallback: "",
    meaning: `Numeric user that the containers run as, the deploying user's own; ${byScripts}`,
  },
  LOVAGE_GID: { fallback: "", meaning: `Numeric group that the containers run as; ${byScripts}` },

  REDIS_BIND: {
    fallback: "0.0.0.0",
    meaning:
      "Addresses of the host that Redis listens on, separated by commas; 127.0.0.1 where all that use it run there",
  },
  REDIS_WORKER_PASSWORD: {
    fallback: "",
    meaning: "Password of Redis' user worker: workers, scheduler and dashboard",
    secret: true,
  },
  REDIS_CLIENT_PASSWORD: {
    fallback: "",
    meaning: "Password of Redis' user client: programs that enqueue and read results",
    secret: true,
  },
  REDIS_PASSWORD_PREVIOUS: {
    fallback: "",
    meaning: "The password before REDIS_PASSWORD, which is good, too, while it is rotated; empty: none",
    secret: true,
  },
  REDIS_WORKER_PASSWORD_PREVIOUS: {
    fallback: "",
    meaning: "The same for REDIS_WORKER_PASSWORD",
    secret: true,
  },
  REDIS_CLIENT_PASSWORD_PREVIOUS: {
    fallback: "",
    meaning: "The same for REDIS_CLIENT_PASSWORD",
    secret: true,
  },

  HOST_DATASETS_DIR: {
    fallback: "/home/wizardsofts/ml-datasets",
    meaning: "Folder of the host that the workers see as DATASETS_DIR",
  },
  HOST_MODELS_DIR: {
    fallback: "/home/wizardsofts/ml-models",
    meaning: "Folder of the host that the workers see as MODELS_DIR",
  },

  ML_HEALTH_PORT: { fallback: "9101", meaning: "HEALTH_PORT of the worker of the queue ml" },
  DATA_HEALTH_PORT: { fallback: "9102", meaning: "HEALTH_PORT of the worker of the queue data" },
  DEFAULT_HEALTH_PORT: { fallback: "9103", meaning: "HEALTH_PORT of the worker of the queue default" },
  SCHEDULER_HEALTH_PORT: { fallback: "9104", meaning: "HEALTH_PORT of the scheduler" },
  DASHBOARD_HEALTH_PORT: { fallback: "9105", meaning: "HEALTH_PORT of the dashboard" },
  REDIS_IMAGE: { fallback: "redis:7-alpine", meaning: "The image that Redis runs from; 7 or later" },
  WORKER_STOP_GRACE: {
    fallback: "150s",
    meaning: "How long Compose lets a container stop before it kills it; longer than WORKER_SHUTDOWN_TIMEOUT",
  },
} as const satisfies Record<string, DeploymentVariable>;
