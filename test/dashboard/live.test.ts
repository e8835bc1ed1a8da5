import { createParser } from "eventsource-parser";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createDashboardWorld,
  type DashboardSession,
  type DashboardWorld,
} from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";

let world: DashboardWorld;

beforeAll(async () => {
  world = await createDashboardWorld();
});
afterAll(() => world?.close());

/** What a page hears. */
async function listen(session: DashboardSession) {
  const abort = new AbortController();
  const answer = await session.fetch("/live", { signal: abort.signal });
  const heard: string[] = [];
  let ended = false;
  const parser = createParser({ onEvent: ({ event }) => void heard.push(event ?? "") });
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
    ended = true;
  };
  void read().catch(() => {});
  return { answer, heard, ended: () => ended, close: () => abort.abort() };
}

test("jobs, pauses and beats are told to all pages, each topic once a second at most", async () => {
  const session = await world.login("operator");
  const [one, other] = await Promise.all([listen(session), listen(session)]);
  expect(one.answer.headers.get("content-type")).toBe("text/event-stream");
  const begun = Date.now();
  await eventually("the feed to be on", async () => {
    await world.client.enqueueMany(
      Array.from({ length: 50 }, () => ({ task: "test.echo", input: {} }) as const),
    );
    return one.heard.includes("jobs") && other.heard.includes("queues");
  });
  await session.post("/queues/ml/pause");
  await eventually("all topics", () =>
    ["workers", "schedules", "ray", "workflows"].every((topic) => one.heard.includes(topic)),
  );
  const seconds = (Date.now() - begun) / 1000;
  expect(one.heard.filter((topic) => topic === "jobs").length).toBeLessThanOrEqual(seconds + 2);
  one.close();
  other.close();
});

test("a stream ends with the login that opened it", async () => {
  const [leaving, staying] = await Promise.all([world.login("viewer"), world.login("viewer")]);
  const [left, stays] = await Promise.all([listen(leaving), listen(staying)]);
  await leaving.post("/logout");
  // Sooner than the next look at who is still logged in.
  await eventually("the stream to end", left.ended, 5000);
  expect(stays.ended()).toBe(false);
  stays.close();
});

test("a page may ask whether it would be let in, without a stream", async () => {
  const session = await world.login("viewer");
  expect((await session.fetch("/live", { method: "HEAD" })).status).toBe(200);
  const refused = await fetch(`${world.url}/live`, { method: "HEAD" });
  expect(refused.status).toBe(401);
});
