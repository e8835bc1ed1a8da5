import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, expect, test } from "vitest";
import type * as Sdk from "../../src/client/http/index.ts";
import { createHttpWorld } from "../support/sides.ts";
import { openBrowser, openPage } from "./chromium.ts";

let browser: Browser;
let world: Awaited<ReturnType<typeof createHttpWorld>>;
let bundle: string;

beforeAll(async () => {
  const building = await rolldown({
    input: fileURLToPath(new URL("../../src/client/http/index.ts", import.meta.url)),
    platform: "browser",
  });
  const { output } = await building.generate({ format: "esm", minify: true });
  expect(output).toHaveLength(1);
  bundle = output[0].code;
  [browser, world] = await Promise.all([openBrowser(), createHttpWorld()]);
  await world.worker({ queues: ["default"] });
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
});

test("the bundle of lovage/http is small and has nothing of Redis or Node", () => {
  expect(bundle).not.toMatch(/ioredis|bullmq|from"node:|require\("|luxon/);
  expect(bundle.length).toBeLessThan(250_000);
});

test("in a browser: enqueue, follow live, wait, and the same errors", async () => {
  const page = await openPage(browser);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  // A page of somebody's own on the dashboard's origin, as behind one proxy.
  await page.route("**/own/", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: '<script type="module">import * as sdk from "./sdk.js"; window.sdk = sdk;</script>',
    }),
  );
  await page.route("**/own/sdk.js", (route) =>
    route.fulfill({ contentType: "text/javascript", body: bundle }),
  );
  await page.goto(`${world.url}/own/`);
  await page.waitForFunction("window.sdk");
  const told = await page.evaluate(
    async ({ url, apiKey }) => {
      const { createClient } = (globalThis as unknown as { sdk: typeof Sdk }).sdk;
      const client = createClient<{ "test.echo": { input: object; output: { text: string } } }>({
        url,
        apiKey,
      });
      const job = await client.enqueue("test.echo", { text: "from a browser", seconds: 0.3 });
      const events: string[] = [];
      for await (const event of job.events()) events.push(event.type);
      const lines: string[] = [];
      for await (const line of job.logs({ follow: true })) lines.push(line);
      const result = await job.result({ timeout: "20s" });
      const refused = await client.enqueue("test.echo", { text: 5 }).catch((error) => error.code);
      const feed = client.events();
      const waiting = feed.next();
      await client.close();
      return { events, lines, result, refused, after: await waiting };
    },
    { url: world.url, apiKey: world.apiKey },
  );
  expect(told).toMatchObject({
    lines: ["began from a browser"],
    result: { text: "from a browser", attempt: 1 },
    refused: "INPUT_INVALID",
    after: { done: true },
  });
  expect(told.events.at(-1)).toBe("completed");
  expect(faults).toEqual([]);
});
