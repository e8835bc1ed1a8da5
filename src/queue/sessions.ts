import { createHash, randomBytes } from "node:crypto";
import type { Broker } from "./broker.ts";
import { withDeadline } from "./connection.ts";

/**
 * Logins at the dashboard: any dashboard on this Redis knows them, and they outlast its restart. Each call throws
 * `REDIS_UNAVAILABLE` when Redis does not answer in time: a page must not hang.
 */
export interface Sessions {
  read(id: string): Promise<string | undefined>;
  /** @param lifetime milliseconds after which it is forgotten */
  write(id: string, json: string, lifetime: number): Promise<void>;
  touch(id: string, lifetime: number): Promise<void>;
  remove(id: string): Promise<void>;
}

/** Milliseconds. */
const patience = 3000;

export function createSessions({ redis, keys, address }: Broker): Sessions {
  const inTime = <T>(answer: Promise<T>) => withDeadline(answer, patience, address);
  // Who can read Redis must not find ids that open a session.
  const keyOf = (id: string) => keys.session(createHash("sha256").update(id).digest("base64url"));
  return {
    async read(id) {
      return (await inTime(redis.get(keyOf(id)))) ?? undefined;
    },
    async write(id, json, lifetime) {
      await inTime(redis.set(keyOf(id), json, "PX", lifetime));
    },
    async touch(id, lifetime) {
      await inTime(redis.pexpire(keyOf(id), lifetime));
    },
    async remove(id) {
      await inTime(redis.unlink(keyOf(id)));
    },
  };
}

/** What all dashboards on this Redis sign their cookies with; made by the first of them. */
export async function readSessionSecret({ redis, keys }: Broker): Promise<string> {
  const made = randomBytes(32).toString("base64url");
  const known = await redis.set(keys.sessionSecret, made, "NX", "GET");
  return known ?? made;
}
