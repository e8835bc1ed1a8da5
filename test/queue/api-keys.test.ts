import { afterAll, beforeAll, expect, test } from "vitest";
import { createApiKeyCheck, createApiKeys } from "../../src/queue/api-keys.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(() => world.close());

const wanted = { name: "a key", scopes: ["read"], createdBy: "a test" };

test("a token has 256 bits, and only their hash is in Redis", async () => {
  const keys = createApiKeys(world.broker);
  const { key, token } = await keys.create({
    ...wanted,
    scopes: ["enqueue:tasks.data_tasks.*", "enqueue", "read"],
  });
  expect(token).toMatch(/^lovage_[0-9a-f]{12}_[0-9a-f]{64}$/);
  const secret = token.slice(-64);
  const stored = JSON.stringify(await world.broker.redis.hgetall(world.broker.keys.apiKeys));
  expect(stored).not.toContain(secret);
  expect(key).toMatchObject({
    id: token.slice(7, 19),
    scopes: ["enqueue:tasks.data_tasks.*", "enqueue:*", "read"],
    rate: "100/s",
    expiresAt: null,
    usedAt: null,
  });
  await expect(keys.list()).resolves.toContainEqual(key);
});

test("a token is found by its owner's key; another secret, id or form is none", async () => {
  const { key, token } = await createApiKeys(world.broker).create(wanted);
  const check = createApiKeyCheck(world.broker);
  await expect(check.find(token)).resolves.toMatchObject({ id: key.id, name: "a key" });
  const other = token.endsWith("0") ? "1" : "0";
  await expect(check.find(token.slice(0, -1) + other)).resolves.toBeUndefined();
  await expect(check.find(`lovage_000000000000_${token.slice(-64)}`)).resolves.toBeUndefined();
  await expect(check.find("lovage_")).resolves.toBeUndefined();
  await expect(check.find(`${token}\n`)).resolves.toBeUndefined();
});

test("that it was used is noted, about", async () => {
  const keys = createApiKeys(world.broker);
  const { key, token } = await keys.create(wanted);
  await createApiKeyCheck(world.broker).find(token);
  const used = await eventually("the use is noted", async () => {
    const found = (await keys.list()).find(({ id }) => id === key.id);
    return found?.usedAt ?? undefined;
  });
  expect(Date.now() - used.getTime()).toBeLessThan(60_000);
});

test("a revoked key is worth nothing within a second or two, and cannot be revoked twice", async () => {
  const keys = createApiKeys(world.broker);
  const { key, token } = await keys.create(wanted);
  const check = createApiKeyCheck(world.broker);
  await expect(check.find(token)).resolves.toBeDefined();
  await keys.revoke(key.id);
  const revoked = Date.now();
  await eventually("the key is refused", async () => (await check.find(token)) === undefined);
  expect(Date.now() - revoked).toBeLessThan(5000);
  await expect(keys.revoke(key.id)).rejects.toMatchObject({ code: "KEY_NOT_FOUND", field: "id" });
  expect(await world.broker.redis.hget(world.broker.keys.apiKeysUsed, key.id)).toBeNull();
});

test("a key expires", async () => {
  const keys = createApiKeys(world.broker);
  const { token } = await keys.create({ ...wanted, expiresAt: new Date(Date.now() + 300) });
  const check = createApiKeyCheck(world.broker);
  await expect(check.find(token)).resolves.toBeDefined();
  await eventually("it has expired", async () => (await check.find(token)) === undefined);
});

test.each([
  [{ scopes: [] }, "scopes", /use read, control/],
  [{ scopes: ["reed"] }, "scopes", /did you mean read/],
  [{ scopes: ["enqueue:a b"] }, "scopes", /use read, control/],
  [{ scopes: ["enqueue:*a*b*c*"] }, "scopes", /three \*/],
  [{ name: "" }, "name", /1 to 100/],
  [{ name: "a\nb" }, "name", /one line/],
  [{ rate: "fast" }, "rate", /10\/s/],
  [{ expiresAt: new Date(0) }, "expiresAt", /still to come/],
])("%j is refused", async (fault, field, hint) => {
  await expect(createApiKeys(world.broker).create({ ...wanted, ...fault })).rejects.toMatchObject({
    code: "INPUT_INVALID",
    field,
    hint: expect.stringMatching(hint),
  });
});
