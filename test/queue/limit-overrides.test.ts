import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import {
  clearLimitOverride,
  createLimitOverrides,
  readLimitOverrides,
  setRateLimit,
  setTimeLimit,
} from "../../src/queue/limit-overrides.ts";

let broker: Broker;
beforeEach(async () => {
  broker = await openBroker({
    redis: { url: inject("redisUrl"), prefix: `test-${randomUUID().slice(0, 8)}` },
  });
});
afterEach(async () => {
  await broker.redis.del(broker.keys.limits);
  await broker.close();
});

test("limits are kept, told apart from none, and cleared one by one", async () => {
  const view = createLimitOverrides(broker, () => {});
  await view.start();
  expect([view.rateLimit("a"), view.timeLimits("a")]).toEqual([undefined, undefined]);

  await setRateLimit(broker, "a", "10/m");
  await setTimeLimit(broker, "a", { softTimeLimit: "5s" });
  await setRateLimit(broker, "b", "off");
  await setTimeLimit(broker, "b", "off");
  // The view is in memory: it changes when it is told to, not by itself at each question.
  expect(view.rateLimit("a")).toBeUndefined();
  await view.refresh();
  expect([view.rateLimit("a"), view.timeLimits("a")]).toEqual([{ count: 10, per: 60_000 }, { soft: 5000 }]);
  expect([view.rateLimit("b"), view.timeLimits("b")]).toEqual(["off", {}]);

  await clearLimitOverride(broker, "a", "rate");
  await view.refresh();
  expect([view.rateLimit("a"), view.timeLimits("a")]).toEqual([undefined, { soft: 5000 }]);
  view.stop();
});

test("what does not fit is refused before it is kept, and what others wrote limits nothing", async () => {
  await expect(setRateLimit(broker, "a", "often")).rejects.toMatchObject({ code: "INPUT_INVALID" });
  await expect(setTimeLimit(broker, "a", { softTimeLimit: "2s", timeLimit: "1s" })).rejects.toMatchObject({
    code: "INPUT_INVALID",
    field: "softTimeLimit",
  });
  expect(await broker.redis.exists(broker.keys.limits)).toBe(0);
  await broker.redis.hset(broker.keys.limits, {
    "rate:a": "10/m",
    "time:a": '{"soft":"long"}',
    "rate:b": '{"count":1,"per":5}',
    nonsense: "1",
    "hue:a": "{}",
  });
  expect(await readLimitOverrides(broker)).toEqual(new Map([["b", { rate: { count: 1, per: 5 } }]]));
});
