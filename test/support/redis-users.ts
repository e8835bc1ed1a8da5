import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
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
  { redis: admin }: Broker,
  { url, prefix, shards }: RedisSettings & { url: string; prefix: string },
): Promise<RedisUsers> {
  const rules = shards === undefined ? rulesOf : spreadRulesOf;
  const make = async (user: RedisUser) => {
    const username = `${user}-${prefix}`;
    const password = randomUUID();
    await admin.acl("SETUSER", username, "reset", "on", `>${password}`, ...rules(user, prefix));
    return { username, password };
  };
  const [worker, client] = [await make("worker"), await make("client")];
  const [, file] = (await admin.config("GET", "aclfile")) as string[];
  if (file !== "") await admin.acl("SAVE");
  const { hostname: host, port } = new URL(url);
  return {
    worker: { url: Object.assign(new URL(url), worker).href, prefix, shards },
    client: { host, port: Number(port), prefix, shards, ...client },
    async remove() {
      await admin.acl("DELUSER", worker.username, client.username);
    },
  };
}
