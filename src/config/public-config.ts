import type { Config } from "./config.ts";

const secret = "(secret)";

/**
 * The configuration as it may be shown: secrets are masked where they are set, and so are passwords inside any URL; of
 * Redis' URL its address is left. Certificates are named, not printed.
 */
export function publicConfig(config: Config): Record<string, unknown> {
  const { redis, api, ray, notify, dashboard, tracing } = config;
  const shown = {
    ...config,
    redis: {
      ...redisPlace(redis),
      password: masked(redis.password),
      sentinelPassword: masked(redis.sentinelPassword),
      ca: redis.ca && "(a certificate)",
    },
    api: { ...api, key: masked(api.key), ca: api.ca && "(a certificate)" },
    ray: { ...shownCluster(ray), clusters: byName(ray.clusters) },
    notify: { ...notify, webhookUrl: masked(notify.webhookUrl), smtpUrl: masked(notify.smtpUrl) },
    dashboard: { ...dashboard, password: masked(dashboard.password), users: masked(dashboard.users) },
    tracing: { ...tracing, headers: masked(tracing.headers) },
  };
  return JSON.parse(JSON.stringify(shown), (_key, value) =>
    typeof value === "string" ? value.replace(/:\/\/[^/@\s]*@/g, `://${secret}@`) : value,
  );
}

/** A URL wins over host and port, which then say nothing, as they do beside sentinels. */
function redisPlace(redis: Config["redis"]): Partial<Config["redis"]> {
  if (redis.url !== undefined) return { prefix: redis.prefix, url: addressOf(redis.url) };
  const { host, port, ...others } = redis;
  return redis.sentinels === undefined ? redis : others;
}

function shownCluster<Cluster extends { token: string | undefined; ca: string | undefined }>(
  cluster: Cluster,
) {
  return { ...cluster, token: masked(cluster.token), ca: cluster.ca && "(a certificate)" };
}

function byName(clusters: Config["ray"]["clusters"]): Record<string, unknown> {
  return Object.fromEntries(clusters.map(({ name, ...cluster }) => [name, shownCluster(cluster)]));
}

function addressOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? secret : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

function masked(value: string | undefined): string | undefined {
  return value === undefined ? undefined : secret;
}
