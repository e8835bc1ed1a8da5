import { expect, test } from "vitest";
import type { Broker } from "../../src/queue/broker.ts";
import { readFeed } from "../../src/queue/event-feed.ts";
import {
  type EventReader,
  isBefore,
  type StreamEntry,
  type StreamListener,
} from "../../src/queue/event-reader.ts";
import { createKeys } from "../../src/queue/keys.ts";

const job = { id: "a", task: "t" };
const entry = (number: number, id = "a"): StreamEntry => ({
  id: `1000-${number}`,
  fields: { event: "waiting", jobId: id },
});

/** A reader whose stream a test writes; nothing is looked up of the one job that is followed. */
function scripted() {
  const stream: StreamEntry[] = [];
  const listeners = new Set<StreamListener>();
  const reader: EventReader = {
    async listen(_queue, listener) {
      listeners.add(listener);
      return { from: stream.at(-1)?.id ?? "0-0", stop: () => void listeners.delete(listener) };
    },
    history: async (_queue, after, count) => ({
      entries: stream.filter(({ id }) => isBefore(after, id)).slice(0, count),
      gap: false,
    }),
    close: async () => {},
  };
  function happen(...entries: StreamEntry[]) {
    stream.push(...entries);
    for (const listener of listeners) listener.entries(entries);
  }
  return { reader, happen, listeners };
}

const broker = { keys: createKeys("test") } as Broker;

test("a consumer that falls behind is told everything, once and in order", async () => {
  const { reader, happen } = scripted();
  const feed = readFeed(broker, reader, { queues: ["q"], job }, new AbortController().signal);
  const first = feed.next();
  await new Promise((resolve) => setImmediate(resolve));
  happen(entry(0));
  const told = [(await first).value?.at.getTime()];
  // More than is kept in memory, and then some that fits again.
  for (let number = 1; number <= 12_000; number += 1) happen(entry(number));
  const cursors = new Set<string>();
  for (let number = 1; number <= 12_000; number += 1) {
    const { value } = await feed.next();
    if (value === undefined || value.type === "gap") throw new Error("too little was told");
    cursors.add(Buffer.from(value.cursor, "base64url").toString());
  }
  expect(told).toEqual([1000]);
  expect([...cursors]).toEqual(
    Array.from({ length: 12_000 }, (_, index) => JSON.stringify({ q: `1000-${index + 1}` })),
  );
  await feed.return();
});

test("others' events fill no memory of who follows one job, and an abort ends the feed and its listening", async () => {
  const { reader, happen, listeners } = scripted();
  const over = new AbortController();
  const feed = readFeed(broker, reader, { queues: ["q"], job }, over.signal);
  const next = feed.next();
  await new Promise((resolve) => setImmediate(resolve));
  for (let number = 1; number <= 20_000; number += 1) happen(entry(number, "other"));
  happen(entry(20_001));
  expect((await next).value).toMatchObject({ type: "waiting", id: "a", task: "t" });
  const last = feed.next();
  over.abort();
  expect(await last).toMatchObject({ done: true });
  expect(listeners.size).toBe(0);
});
