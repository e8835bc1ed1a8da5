import { createHash, randomBytes } from "node:crypto";
import type { Broker } from "./broker.ts";

/** Logins at the dashboard: any dashboard on this Redis knows them, and they outlast its restart. */
export interface Sessions {
  read(id: string): Promise<string | undefined>;
  /** @param lifetime milliseconds after which it is forgotten */
  write(id: string, json: string, lifetime: number): Promise<void>;
  touch(id: string, lifetime: number): Promise<void>;
  remove(id: string): Promise<void>;
}

export function createSessions({ redis, keys }: Broker): Sessions {
  // Who can read Redis must not find ids that open a session.
  const keyOf = (id: string) => keys.session(createHash("sha256").update(id).digest("base64url"));
  return {
    async read(id) {
      return (await redis.get(keyOf(id))) ?? undefined;
    },
    async write(id, json, lifetime) {
      await redis.set(keyOf(id), json, "PX", lifetime);
    },
    async touch(id, lifetime) {
      await redis.pexpire(keyOf(id), lifetime);
    },
    async remove(id) {
      await redis.unlink(keyOf(id));
    },
  };
}

/** What all dashboards on this Redis sign their cookies with; made by the first of them. */
export async function readSessionSecret({ redis, keys }: Broker): Promise<string> {
  const made = randomBytes(32).toString("base64url");
  const known = await redis.set(keys.sessionSecret, made, "NX", "GET");
  return known ?? made;
}
