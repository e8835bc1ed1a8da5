import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import * as z from "zod";
import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { parseRate } from "../core/rate.ts";
import { suggestion } from "../core/suggestion.ts";
import type { Broker } from "./broker.ts";

/** What an API key is allowed, as a text: `read`, `control`, or `enqueue:` and a pattern of task names. */
export type KeyScope = "read" | "control" | `enqueue:${string}`;

/** An API key, without its secret: that is known to its owner alone. */
export interface ApiKey {
  id: string;
  /** What a person calls it. */
  name: string;
  scopes: readonly KeyScope[];
  /** Requests that it may make, as in "100/s". */
  rate: string;
  createdAt: Date;
  /** Who made it. */
  createdBy: string;
  /** Null: it does not expire. */
  expiresAt: Date | null;
  /** To the minute; null: never. */
  usedAt: Date | null;
}

export interface NewApiKey {
  name: string;
  scopes: readonly string[];
  createdBy: string;
  /** Default: never. */
  expiresAt?: Date;
  /** Default "100/s". */
  rate?: string;
}

/** API keys, as operators see to them. */
export interface ApiKeys {
  /**
   * @returns the key, and the token that its owner sends: it is kept nowhere and cannot be told again
   * @throws LovageError `INPUT_INVALID`
   */
  create(wanted: NewApiKey): Promise<{ key: ApiKey; token: string }>;
  /** The newest first. */
  list(): Promise<ApiKey[]>;
  /** From now on its token is worth nothing. @throws LovageError `KEY_NOT_FOUND` */
  revoke(id: string): Promise<void>;
}

export const defaultApiRate = "100/s";

const Stored = z.object({
  name: z.string(),
  scopes: z.array(z.string()),
  rate: z.string(),
  /** SHA-256 of the token's secret, in hexadecimal. */
  hash: z.string(),
  createdAt: z.number(),
  createdBy: z.string(),
  expiresAt: z.number().nullable(),
});

export function createApiKeys({ redis, keys }: Pick<Broker, "redis" | "keys">): ApiKeys {
  return {
    async create({ name, scopes, createdBy, expiresAt, rate = defaultApiRate }) {
      if (!/^\S.{0,98}\S$|^\S$/.test(name))
        throw refused("name", name, "use 1 to 100 characters of one line");
      parseRate(rate, "rate");
      if (expiresAt !== undefined && !(expiresAt.getTime() > Date.now()))
        throw refused("expiresAt", expiresAt, "use a moment that is still to come");
      const id = randomBytes(6).toString("hex");
      const secret = randomBytes(32).toString("hex");
      const stored: z.infer<typeof Stored> = {
        name,
        scopes: readScopes(scopes),
        rate,
        hash: hashOf(secret),
        createdAt: Date.now(),
        createdBy,
        expiresAt: expiresAt?.getTime() ?? null,
      };
      await redis.hset(keys.apiKeys, id, JSON.stringify(stored));
      return { key: toKey(id, stored, undefined), token: `lovage_${id}_${secret}` };
    },
    async list() {
      const [all, used] = await Promise.all([redis.hgetall(keys.apiKeys), redis.hgetall(keys.apiKeysUsed)]);
      return Object.entries(all)
        .flatMap(([id, json]) => {
          const stored = Stored.safeParse(parseJson(json));
          return stored.success ? [toKey(id, stored.data, used[id])] : [];
        })
        .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
    },
    async revoke(id) {
      const [[, removed] = []] =
        (await redis.multi().hdel(keys.apiKeys, id).hdel(keys.apiKeysUsed, id).exec()) ?? [];
      if (removed !== 1) {
        throw new LovageError("KEY_NOT_FOUND", `no API key has the id ${JSON.stringify(id)}`, {
          field: "id",
          value: id,
          hint: "see lovage keys list; the id is what follows the first _ of the token",
        });
      }
    },
  };
}

/** Tells whose a token is. */
export interface ApiKeyCheck {
  /**
   * @returns undefined for a token that is none, was revoked or has expired. A revocation is known everywhere after a
   * second.
   */
  find(token: string): Promise<ApiKey | undefined>;
}

/** How long what Redis said of a key is believed, in milliseconds. */
const believed = 1000;

/** How often at most it is noted that a key was used, in milliseconds. */
const noteInterval = 60_000;

const tokenForm = /^lovage_([0-9a-f]{12})_([0-9a-f]{64})$/;

export function createApiKeyCheck({ redis, keys }: Pick<Broker, "redis" | "keys">): ApiKeyCheck {
  const known = new Map<string, { until: number; json: Promise<string | null> }>();
  const noted = new Map<string, number>();

  function read(id: string, now: number): Promise<string | null> {
    const found = known.get(id);
    if (found !== undefined && found.until > now) return found.json;
    // Only keys that exist are kept: whoever tries ids at random fills no memory.
    for (const [other, { until }] of known) if (until <= now) known.delete(other);
    const json = redis.hget(keys.apiKeys, id);
    known.set(id, { until: now + believed, json });
    json.then(
      (answer) => answer ?? known.delete(id),
      () => known.delete(id),
    );
    return json;
  }

  function note(id: string, now: number): void {
    if (now - (noted.get(id) ?? 0) < noteInterval) return;
    noted.set(id, now);
    redis.hset(keys.apiKeysUsed, id, now).catch(() => noted.delete(id));
  }

  return {
    async find(token) {
      const [, id = "", secret = ""] = tokenForm.exec(token) ?? [];
      if (id === "") return undefined;
      const now = Date.now();
      const stored = Stored.safeParse(parseJson((await read(id, now)) ?? ""));
      if (!stored.success) return undefined;
      if (!timingSafeEqual(Buffer.from(stored.data.hash, "hex"), digest(secret))) return undefined;
      if (stored.data.expiresAt !== null && stored.data.expiresAt <= now) return undefined;
      note(id, now);
      return toKey(id, stored.data, String(now));
    },
  };
}

function toKey(id: string, stored: z.infer<typeof Stored>, used: string | undefined): ApiKey {
  return {
    id,
    name: stored.name,
    scopes: stored.scopes as KeyScope[],
    rate: stored.rate,
    createdAt: new Date(stored.createdAt),
    createdBy: stored.createdBy,
    expiresAt: stored.expiresAt === null ? null : new Date(stored.expiresAt),
    usedAt: used === undefined ? null : new Date(Number(used)),
  };
}

function digest(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function hashOf(secret: string): string {
  return digest(secret).toString("hex");
}

/** @throws LovageError `INPUT_INVALID` */
function readScopes(scopes: readonly string[]): KeyScope[] {
  if (scopes.length === 0) throw refused("scopes", scopes, scopeHint);
  return [...new Set(scopes)].map((scope) => {
    if (scope === "enqueue") return "enqueue:*";
    if (/^(read|control|enqueue:[A-Za-z0-9_.*-]{1,200})$/.test(scope)) {
      // Each star multiplies what a match may cost.
      if (scope.split("*").length <= 4) return scope as KeyScope;
      throw refused("scopes", scope, "use up to three * in a pattern");
    }
    const near = suggestion(scope, ["read", "control", "enqueue"]);
    throw refused("scopes", scope, near === undefined ? scopeHint : `did you mean ${near}?`);
  });
}

const scopeHint = "use read, control, enqueue, or enqueue: and a pattern such as tasks.data_tasks.*";

function refused(field: string, value: unknown, hint: string): LovageError {
  return new LovageError("INPUT_INVALID", `${field} is ${JSON.stringify(value)}; ${hint}`, {
    field,
    value,
    hint,
  });
}
