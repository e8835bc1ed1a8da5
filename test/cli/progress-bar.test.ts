import { Writable } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createProgressBar } from "../../src/cli/progress-bar.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function paper(): { output: Writable; written: () => string } {
  let text = "";
  const output = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return { output, written: () => text };
}

test("lines come at most every two seconds, the newest then, the last in any case", () => {
  const { output, written } = paper();
  const bar = createProgressBar(output, "job");
  for (let step = 0; step < 50; step += 1) {
    bar.show({ fraction: step / 50, message: `step ${step}` });
    vi.advanceTimersByTime(100);
  }
  expect(written()).toBe("job 0% step 0\njob 38% step 19\njob 78% step 39\n");
  bar.stop();
  bar.stop();
  expect(written().split("\n").slice(3)).toEqual(["job 98% step 49", ""]);
  vi.advanceTimersByTime(10_000);
  expect(written().split("\n")).toHaveLength(5);
});

test("a held line comes out though nothing follows; the same one never twice; lines stay lines", () => {
  const { output, written } = paper();
  const bar = createProgressBar(output, "job");
  bar.show({ fraction: null, message: "one" });
  bar.show({ fraction: null, message: "two\nlines" });
  vi.advanceTimersByTime(2000);
  bar.show({ fraction: null, message: "two\nlines" });
  vi.advanceTimersByTime(2000);
  expect(written()).toBe("job one\njob two lines\n");
});

test("on a terminal it is a bar that keeps its fraction, and listens to no signal", () => {
  const before = process.listenerCount("SIGINT");
  const { output, written } = paper();
  const bar = createProgressBar(Object.assign(output, { isTTY: true, columns: 80 }), "job");
  expect(process.listenerCount("SIGINT")).toBe(before);
  bar.show({ fraction: 0.5, message: "half" });
  bar.show({ fraction: null, message: "trial 3" });
  bar.stop();
  expect(written()).toMatch(/█{12}░{12} 50% trial 3/);
});
