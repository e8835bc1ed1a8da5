import type { Config } from "./config.ts";

const secret = "(secret)";

/**
 * The configuration as it may be shown: secrets are masked where they are set, and so are passwords inside any URL.
 * Certificates are named, not printed.
 */
export function publicConfig(config: Config): Record<string, unknown> {
  const { redis, ray, notify } = config;
  const shown = {
    ...config,
    redis: {
      ...redis,
      url: masked(redis.url),
      password: masked(redis.password),
      ca: redis.ca && "(a certificate)",
    },
    ray: { ...ray, token: masked(ray.token), ca: ray.ca && "(a certificate)" },
    notify: { ...notify, webhookUrl: masked(notify.webhookUrl), smtpUrl: masked(notify.smtpUrl) },
  };
  return JSON.parse(JSON.stringify(shown), (_key, value) =>
    typeof value === "string" ? value.replace(/:\/\/[^/@\s]*@/g, `://${secret}@`) : value,
  );
}

function masked(value: string | undefined): string | undefined {
  return value === undefined ? undefined : secret;
}
