import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Broker } from "../../src/queue/broker.ts";
import type { RedisSettings } from "../../src/queue/connection.ts";

export type RedisUser = "worker" | "client";

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

/** Both users for one prefix, with the rules that are deployed. Made by the default user, who may do anything. */
export async function makeRedisUsers(
  admin: Broker,
  prefix: string,
): Promise<Record<RedisUser, RedisSettings> & { remove(): Promise<void> }> {
  const url = new URL(`redis://${admin.address}`);
  const names = { worker: `worker-${prefix}`, client: `client-${prefix}` };
  const make = async (user: RedisUser): Promise<RedisSettings> => {
    const password = randomUUID();
    const username = names[user];
    await admin.redis.acl("SETUSER", username, "reset", "on", `>${password}`, ...rulesOf(user, prefix));
    return { host: url.hostname, port: Number(url.port), username, password, prefix };
  };
  const made = { worker: await make("worker"), client: await make("client") };
  const [, file] = (await admin.redis.config("GET", "aclfile")) as string[];
  if (file !== "") await admin.redis.acl("SAVE");
  return {
    ...made,
    async remove() {
      await admin.redis.acl("DELUSER", names.worker, names.client);
    },
  };
}
