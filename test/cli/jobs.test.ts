import { expect, test, vi } from "vitest";
import type { FoundJob, JobPage, JobQuery, SearchOptions } from "../../src/client/index.ts";
import { documentOf, lovage } from "./scripted-doors.ts";

function found(id: string, given: Partial<FoundJob> = {}): FoundJob {
  const enqueuedAt = new Date("2026-01-02T03:04:05Z");
  const times = { enqueuedAt, startedAt: null, endedAt: null, at: null };
  const rest = {
    attempt: 1,
    attempts: 3,
    priority: 0,
    worker: null,
    tags: [],
    input: "{}",
    error: null,
    rayJob: null,
  };
  return { id, task: "t.one", queue: "ml", state: "waiting", ...times, ...rest, ...given };
}

/** A client that answers with one part after the other. */
function parts(...pages: Partial<JobPage>[]) {
  let at = 0;
  return vi.fn(async (_query?: JobQuery, _options?: SearchOptions): Promise<JobPage> => {
    const page = pages[at] ?? {};
    at += 1;
    return { jobs: [], cursor: at < pages.length ? `c${at}` : null, looked: at * 100, total: 1000, ...page };
  });
}

test("every option reaches the search, and a moment may be given as one or as how long ago", async () => {
  const search = parts({});
  const args = ["--id", "a", "--task", "t", "--state", "failed", "--state", "expired", "--queue", "ml"];
  const more = [
    "--tag",
    "g",
    "--text",
    "x y",
    "--code",
    "C",
    "--worker",
    "w",
    "--since",
    "2026-01-01T00:00:00Z",
  ];
  const before = Date.now();
  const ended = await lovage(["jobs", ...args, ...more, "--until", "1h", "--limit", "7"], {
    script: { search },
  });
  expect(ended.code).toBe(0);
  const [query, options] = search.mock.calls[0] ?? [];
  expect(options).toEqual({ limit: 7 });
  expect(query).toMatchObject({
    id: "a",
    task: "t",
    states: ["failed", "expired"],
    queue: "ml",
    tag: "g",
    text: "x y",
    code: "C",
    worker: "w",
    since: new Date("2026-01-01T00:00:00Z"),
  });
  const ago = before - (query?.until?.getTime() ?? 0);
  expect(Math.abs(ago - 3_600_000)).toBeLessThan(60_000);
});

test("it goes on over the parts until it has enough, and says that there is more", async () => {
  const search = parts(
    { jobs: [found("a")] },
    {},
    { jobs: [found("b"), found("c")] },
    { jobs: [found("d")] },
  );
  const ended = await lovage(["jobs", "--limit", "3", "--json"], { script: { search } });
  expect(search.mock.calls.map(([, options]) => options)).toEqual([
    { limit: 3 },
    { limit: 2, cursor: "c1" },
    { limit: 2, cursor: "c2" },
  ]);
  expect(documentOf(ended)).toMatchObject({
    jobs: [{ id: "a" }, { id: "b" }, { id: "c" }],
    looked: 300,
    total: 1000,
    more: true,
  });
  const text = await lovage(["jobs", "--limit", "3"], {
    script: { search: parts({ jobs: [found("a"), found("b"), found("c")] }, {}) },
  });
  expect(text.stderr).toContain("a larger --limit looks on");
});

test("a table tells what matters in each state; nothing found is said", async () => {
  const endedAt = new Date("2026-01-02T05:00:00Z");
  const jobs = [
    found("runs", { state: "active", startedAt: endedAt, worker: "w1" }),
    found("broke", { state: "failed", endedAt, error: { code: "BAD", message: "first\nsecond" } }),
    found("later", { state: "scheduled", at: endedAt }),
    found("line", { input: '{"text":"\u001b[31mred"}' }),
  ];
  const { stdout } = await lovage(["jobs"], { script: { search: parts({ jobs }) } });
  for (const text of [
    "started 2026-01-02 05:00:00Z",
    "ended 2026-01-02",
    "starts 2026-01-02",
    "BAD: first",
    "w1",
  ])
    expect(stdout).toContain(text);
  expect(stdout).not.toContain("second");
  expect(stdout).not.toContain("\u001b[31m");
  expect((await lovage(["jobs"], { script: { search: parts({}) } })).stdout).toContain("no job fits");
});

test("it shows how far it has looked, and Ctrl-C tells what was found by then", async () => {
  const over = new AbortController();
  const search = parts({ jobs: [found("a")] }, {}, {});
  search.mockImplementationOnce(async () => ({ jobs: [found("a")], cursor: "c1", looked: 100, total: 1000 }));
  search.mockImplementationOnce(async () => {
    over.abort(new Error("Ctrl-C"));
    return new Promise(() => {});
  });
  const ended = await lovage(["jobs"], { script: { search }, signal: over.signal });
  expect(ended.code).toBe(130);
  expect(ended.stderr).toContain("looking 10% 1 found");
  expect(ended.stderr).toContain("interrupted after 100 of 1000 jobs; 1 found");
});

test.each([
  [["--state", "actve"], "Did you mean active?"],
  [["--since", "soon"], "2026-01-31"],
  [["--limit", "0"], "whole number from 1"],
  [["--queue", "mi"], "Did you mean ml?"],
])("%j is wrong usage, and nothing is sent", async (args, text) => {
  const search = parts({});
  const ended = await lovage(["jobs", ...args], { script: { search } });
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(text);
  expect(search).not.toHaveBeenCalled();
});
