import { expect, test } from "vitest";
import { loadConfig, publicConfig, type VariableName, variables } from "../../src/config/index.ts";

test("no variable that is secret can be read from what is shown", () => {
  const secrets = Object.entries(variables)
    .filter(([, { secret }]) => secret === true)
    .map(([name]) => name as VariableName);
  expect(secrets).toContain("REDIS_PASSWORD");
  const values: Partial<Record<VariableName, string>> = {
    REDIS_URL: "redis://user:s3cr3t@redis.test:6380/2?password=s3cr3t",
    NOTIFY_WEBHOOK_URL: "https://hooks.test/s3cr3t",
    NOTIFY_SMTP_URL: "smtp://me:s3cr3t@mail.test",
  };
  const all = Object.fromEntries(secrets.map((name) => [name, values[name] ?? "s3cr3t"]));
  const address = { RAY_ADDRESS: "http://me:s3cr3t@ray.test:8265", LOVAGE_URL: "https://lovage.test" };
  const config = loadConfig([{ name: "a test", own: false, variables: { ...all, ...address } }]);
  const shown = publicConfig(config);
  expect(JSON.stringify(config)).toContain("s3cr3t");
  expect(JSON.stringify(shown)).not.toContain("s3cr3t");
  expect(shown).toMatchObject({
    redis: { url: "redis://redis.test:6380/2", password: "(secret)" },
    ray: { address: "http://(secret)@ray.test:8265", token: "(secret)" },
    notify: { smtpUrl: "(secret)" },
  });
});

test("the token of a further Ray cluster is not shown, either", () => {
  const variables = { RAY_CLUSTERS: "gpu=http://me:s3cr3t@ray.test", RAY_AUTH_TOKEN_GPU: "s3cr3t" };
  const config = loadConfig([{ name: "a test", own: false, variables }]);
  expect(JSON.stringify(publicConfig(config))).not.toContain("s3cr3t");
  expect(publicConfig(config)).toMatchObject({
    ray: { clusters: { gpu: { address: "http://(secret)@ray.test", token: "(secret)" } } },
  });
});

test("what is not set is not shown as a secret", () => {
  const shown = publicConfig(loadConfig([])) as { redis: Record<string, unknown> };
  expect(shown.redis).not.toHaveProperty("password");
  expect(shown.redis["host"]).toBe("127.0.0.1");
});
