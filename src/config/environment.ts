import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "dotenv";

/** What a running `lovage dev` leaves. */
const devFile = join(".lovage", "dev.env");

/** Variables and where they came from, the strongest source first. */
export interface EnvironmentSource {
  /** For messages: "the environment" or a file's path. */
  name: string;
  /** Whether all of its variables are meant for Lovage, so that an unknown name there is a fault. */
  own: boolean;
  variables: Record<string, string | undefined>;
}

/**
 * The sources in the order of precedence: the process' environment, `.env`, and what a running `lovage dev` of the same
 * folder left in `.lovage/dev.env`, so that commands typed beside it find its Redis and Ray.
 */
export function environmentSources(
  environment: Record<string, string | undefined>,
  folder: string,
): EnvironmentSource[] {
  const sources: EnvironmentSource[] = [{ name: "the environment", own: false, variables: environment }];
  for (const file of [".env", devFile]) {
    const path = join(folder, file);
    if (!existsSync(path)) continue;
    const stronger: Variables = Object.assign({}, ...sources.toReversed().map(({ variables }) => variables));
    const variables = withoutContradicted(parse(readFileSync(path)), stronger, file === devFile);
    sources.push({ name: file, own: true, variables });
  }
  return sources;
}

type Variables = Record<string, string | undefined>;

/**
 * What a weaker source says of a place that a stronger one moved is about another place: a URL of Redis where the host,
 * the port or sentinels were given anew, sentinels where an address was, and of a local stack the cluster's token and folders where the address was.
 */
function withoutContradicted(variables: Variables, stronger: Variables, isLocalStack: boolean): Variables {
  const url = URL.parse(variables["REDIS_URL"] ?? "");
  const { REDIS_HOST: host, REDIS_PORT: port, RAY_ADDRESS: address } = stronger;
  const elsewhere =
    url !== null &&
    (stronger["REDIS_SENTINELS"] ||
      (host && loopback(host) !== loopback(url.hostname)) ||
      (port && port !== (url.port || "6379")));
  const withoutSentinels = stronger["REDIS_URL"] || host || port;
  const otherCluster = isLocalStack && address && address !== variables["RAY_ADDRESS"];
  return Object.fromEntries(
    Object.entries(variables).filter(
      ([name]) =>
        !(elsewhere && name === "REDIS_URL") &&
        !(withoutSentinels && name.startsWith("REDIS_SENTINEL")) &&
        !(otherCluster && /^(RAY_|DATASETS_|MODELS_)/.test(name)),
    ),
  );
}

function loopback(host: string): string {
  return host === "localhost" ? "127.0.0.1" : host;
}
