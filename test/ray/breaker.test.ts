import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createBreaker } from "../../src/ray/breaker.ts";
import { RayError } from "../../src/ray-client-http/index.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const silence = new RayError("RAY_UNAVAILABLE", "no answer");

function make() {
  const changes: string[] = [];
  const cluster = { up: false, asked: 0 };
  const breaker = createBreaker({
    cluster: "gpu",
    failures: 3,
    probeInterval: 10_000,
    async probe() {
      cluster.asked += 1;
      if (!cluster.up) throw silence;
    },
    onChange: (state) => changes.push(state),
  });
  const fail = async (times: number, between = 1000) => {
    for (let time = 0; time < times; time += 1) {
      breaker.note(silence);
      await vi.advanceTimersByTimeAsync(between);
    }
  };
  return { breaker, changes, cluster, fail };
}

test("it opens at a row of silences, asks by itself, and closes at the first answer", async () => {
  const { breaker, changes, cluster, fail } = make();
  await fail(2);
  expect(breaker.state).toBe("closed");
  await fail(1, 0);
  expect(breaker.state).toBe("open");
  await vi.advanceTimersByTimeAsync(20_000);
  expect([cluster.asked, breaker.state, changes]).toEqual([2, "open", ["open"]]);
  cluster.up = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect([breaker.state, changes]).toEqual(["closed", ["open", "closed"]]);
  // A new row is needed.
  await fail(2);
  expect(breaker.state).toBe("closed");
  breaker.close();
});

test("many jobs that meet one moment's fault do not open it", async () => {
  const { breaker, fail } = make();
  await fail(20, 0);
  expect(breaker.state).toBe("closed");
  await vi.advanceTimersByTimeAsync(2000);
  await fail(1, 0);
  expect(breaker.state).toBe("open");
  breaker.close();
});

test("an answer, even a refusal, ends a row; a watched Ray job's answer closes it", async () => {
  const { breaker, changes, fail } = make();
  await fail(2);
  breaker.note(new RayError("RAY_UNAUTHORIZED", "no token", { status: 401 }));
  await fail(2);
  expect(breaker.state).toBe("closed");
  await fail(1, 0);
  expect(breaker.state).toBe("open");
  breaker.note();
  expect([breaker.state, changes]).toEqual(["closed", ["open", "closed"]]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(changes).toEqual(["open", "closed"]);
});

test("jobs come back after the next question, and the later the longer the cluster was down", async () => {
  const { breaker, fail } = make();
  await fail(3, 1000);
  const soon = Array.from({ length: 100 }, () => breaker.putOff());
  expect(Math.min(...soon)).toBeGreaterThanOrEqual(9000);
  expect(Math.max(...soon)).toBeLessThan(23_000);
  await vi.advanceTimersByTimeAsync(600_000);
  const late = Array.from({ length: 100 }, () => breaker.putOff());
  expect(Math.max(...late)).toBeGreaterThan(25_000);
  expect(Math.max(...late)).toBeLessThanOrEqual(70_500);
  breaker.close();
});
