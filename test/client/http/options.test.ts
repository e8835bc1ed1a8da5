import { expect, test } from "vitest";
import { type ClientOptions, createClient } from "#client";
import { createClient as createHttpClient } from "../../../src/client/http/index.ts";

const apiKey = "lovage_0123456789ab_s3cr3t";

test.each<[string, unknown, string]>([
  ["neither", {}, "redis"],
  ["both", { redis: "redis://127.0.0.1", url: "https://lovage.test", apiKey }, "url"],
  ["a Redis and a key", { redis: "redis://127.0.0.1", apiKey }, "url"],
  ["no URL", { url: "lovage.test", apiKey }, "url"],
  ["another protocol", { url: "redis://lovage.test", apiKey }, "url"],
  ["a password in the URL", { url: "https://me:s3cr3t@lovage.test", apiKey }, "url"],
  ["a query", { url: "https://lovage.test/?key=s3cr3t", apiKey }, "url"],
  ["plain http to another machine", { url: "http://lovage.test", apiKey }, "url"],
  ["what only begins like a loopback address", { url: "http://127.0.0.1.evil.test", apiKey }, "url"],
  ["no key", { url: "https://lovage.test" }, "apiKey"],
  ["a key that no header can hold", { url: "https://lovage.test", apiKey: "s3cr3t\n" }, "apiKey"],
  ["a timeout that is none", { url: "https://lovage.test", apiKey, timeout: "soon" }, "timeout"],
])("%s: refused when the client is made, without a secret", (_what, options, field) => {
  for (const create of [createClient, createHttpClient] as const) {
    let refused: unknown;
    try {
      (create as typeof createClient)(options as ClientOptions);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ code: "INPUT_INVALID", field });
    expect(JSON.stringify((refused as { toRecord(): unknown }).toRecord())).not.toContain("s3cr3t");
  }
});

test.each([
  "https://lovage.test",
  "https://lovage.test/behind/a/prefix/",
  "http://localhost:5555",
  "http://127.0.0.7:5555",
  "http://[::1]:5555",
])("%s is taken", (url) => {
  expect(() => createClient({ url, apiKey })).not.toThrow();
});

test("a prefix of the address stays, and plain http is for who asks for it", async () => {
  const asked: string[] = [];
  const client = createClient({
    url: "http://lovage.test/behind/",
    apiKey,
    insecure: true,
    fetch: async (url) => {
      asked.push(String(url));
      return Response.json({ tasks: [] });
    },
  });
  expect(await client.tasks()).toEqual([]);
  expect(asked).toEqual(["http://lovage.test/behind/api/v1/tasks"]);
});
