import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { tellsTheTruth, untilSynced } from "../../src/queue/disk-syncs.ts";

/** A server that answers `INFO persistence` as told, the last one again and again. */
function server(answers: { pending?: number; delayed?: number; status?: string }[]) {
  const looks: number[] = [];
  const redis = {
    async info() {
      const { pending = 0, delayed = 0, status = "ok" } = answers[looks.length] ?? answers.at(-1) ?? {};
      looks.push(performance.now());
      return `aof_pending_bio_fsync:${pending}\r\naof_delayed_fsync:${delayed}\r\naof_last_write_status:${status}\r\n`;
    },
  };
  return { redis: redis as unknown as Redis, looks };
}

test("a sync that was due after the write has ended: two looks, a second after the first one", async () => {
  const { redis, looks } = server([{}]);
  expect(await untilSynced(redis, Date.now() + 10_000)).toBe(true);
  // A timer may fire a moment early; the look that follows then does not count.
  expect(looks.length).toBeGreaterThanOrEqual(3);
  expect((looks.at(-2) ?? 0) - (looks[0] ?? 0)).toBeGreaterThanOrEqual(1099);
});

test("while a sync runs nothing is confirmed", async () => {
  const { redis, looks } = server([{}, { pending: 1 }, { pending: 1 }, {}, { pending: 1 }, {}, {}]);
  expect(await untilSynced(redis, Date.now() + 10_000)).toBe(true);
  expect(looks.length).toBeGreaterThanOrEqual(7);
});

test("a sync that was put off begins the wait anew", async () => {
  const { redis, looks } = server([{}, { delayed: 1 }]);
  expect(await untilSynced(redis, Date.now() + 10_000)).toBe(true);
  expect((looks.at(-1) ?? 0) - (looks[1] ?? 0)).toBeGreaterThanOrEqual(1099);
});

test.each([
  ["a sync that does not end", { pending: 1 }],
  ["a disk that refuses", { status: "err" }],
])("%s is not confirmed", async (_what, answer) => {
  const { redis } = server([answer]);
  expect(await untilSynced(redis, Date.now() + 1500)).toBe(false);
});

test.each([
  ["Redis 7.2", "redis_version:7.2.4", "everysec", true],
  ["Redis 7.4", "redis_version:7.4.1", "everysec", false],
  ["Redis 8", "redis_version:8.2.0", "everysec", true],
  ["Valkey", "redis_version:7.2.4\r\nvalkey_version:9.1.2", "everysec", false],
  ["Valkey that syncs at each write", "redis_version:7.2.4\r\nvalkey_version:9.1.2", "always", true],
  ["Valkey that does not say", "redis_version:7.2.4\r\nvalkey_version:9.1.2", undefined, false],
])("whether WAITAOF is taken at its word: %s", async (_what, info, appendfsync, told) => {
  const redis = {
    info: async () => info,
    config: async () =>
      appendfsync === undefined ? Promise.reject(new Error("NOPERM")) : ["appendfsync", appendfsync],
    once: () => {},
  };
  expect(await tellsTheTruth(redis as unknown as Redis)).toBe(told);
});
