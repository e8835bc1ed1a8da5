import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Cluster, type Redis } from "ioredis";
import type { Broker } from "../../src/queue/broker.ts";
import type { RedisSettings } from "../../src/queue/connection.ts";

export type RedisUser = "worker" | "client";

/** The rules of a user where its keys are spread over shards, as docs/redis-cluster.md tells to make them. */
function spreadRulesOf(user: RedisUser, prefix: string): string[] {
  const layout = {
    worker: [`~${prefix}:layout`, `~${prefix}:redis-id`],
    client: [`(+get %R~${prefix}:layout)`],
  };
  return [...rulesOf(user, `{${prefix}:*}`), ...layout[user]];
}

/** The same in a cluster, where everybody has to ask which node has which slots; the user worker may anyway. */
function clusterRulesOf(user: RedisUser, prefix: string): string[] {
  const asks = user === "client" ? ["+cluster|slots", "+cluster|info"] : [];
  return [...spreadRulesOf(user, prefix), ...asks];
}

/** The rules of a user as deploy/redis/start.sh reads them. */
export function rulesOf(user: RedisUser, prefix: string): string[] {
  const file = new URL("../../deploy/redis/users.acl.rules", import.meta.url);
  const lines = readFileSync(file, "utf8").split("\n");
  const rules = lines.flatMap((line) =>
    line.startsWith(`${user} `) ? [line.slice(user.length + 1).replaceAll("{prefix}", prefix)] : [],
  );
  // Redis takes a selector as one argument.
  return rules.flatMap((line) => line.match(/\([^)]*\)|\S+/g) ?? []);
}

export interface RedisUsers {
  readonly worker: RedisSettings;
  readonly client: RedisSettings;
  remove(): Promise<void>;
}

/** Both users for one prefix, with the rules that are deployed. Made by the default user, who may do anything. */
export async function makeRedisUsers(
  { redis: admin }: Pick<Broker, "redis">,
  settings: RedisSettings & { url: string; prefix: string },
): Promise<RedisUsers> {
  const { url, prefix, shards, cluster } = settings;
  const rules = cluster !== undefined ? clusterRulesOf : shards !== undefined ? spreadRulesOf : rulesOf;
  // Users are each node's own.
  const nodes = eachNode(admin, "all");
  const make = async (user: RedisUser) => {
    const username = `${user}-${prefix}`;
    const password = randomUUID();
    for (const node of nodes)
      await node.acl("SETUSER", username, "reset", "on", `>${password}`, ...rules(user, prefix));
    return { username, password };
  };
  const [worker, client] = [await make("worker"), await make("client")];
  for (const node of nodes) {
    const [, file] = (await node.config("GET", "aclfile")) as string[];
    if (file !== "") await node.acl("SAVE");
  }
  const { hostname: host, port } = new URL(url);
  const alone = { host, port: Number(port), prefix, shards };
  return {
    worker:
      cluster === undefined
        ? { url: Object.assign(new URL(url), worker).href, prefix, shards }
        : { ...settings, ...worker },
    client: cluster === undefined ? { ...alone, ...client } : { ...settings, ...client },
    async remove() {
      for (const node of nodes) await node.acl("DELUSER", worker.username, client.username);
    },
  };
}

/** The nodes of a cluster; one Redis alone is its own. */
export function eachNode(redis: unknown, role: "master" | "all" = "master"): Redis[] {
  return redis instanceof Cluster ? redis.nodes(role) : [redis as Redis];
}
