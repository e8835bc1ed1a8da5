import { pino } from "pino";
import { expect, test } from "vitest";
import { repeatedLine } from "../../src/observe/repeated-line.ts";

function world(options: pino.LoggerOptions = {}) {
  const lines: string[] = [];
  const settings = { formatters: { level: (label: string) => ({ level: label }) }, ...options };
  const logger = pino(
    { ...settings, timestamp: () => ',"time":"now"' },
    { write: (line) => lines.push(line) },
  );
  return { logger, lines };
}

const fields = { job: null, task: 'a "task"', queue: "default", attempt: 1, milliseconds: null } as const;

test("a line that is filled in is the line that pino would write", () => {
  const { logger, lines } = world({ base: { worker: "ml@host" }, redact: { paths: ["password"] } });

  repeatedLine(logger, fields, "completed")('job-"1"', 17);
  logger.info({ ...fields, job: 'job-"1"', milliseconds: 17 }, "completed");

  expect(lines[0]).toBe(lines[1]);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "info", worker: "ml@host", job: 'job-"1"' });
});

test("it has the time of its writing", async () => {
  const lines: string[] = [];
  let now = "first";
  const timed = pino({ timestamp: () => `,"time":"${now}"` }, { write: (line) => lines.push(line) });
  const line = repeatedLine(timed, fields, "completed");

  line("a", 1);
  now = "second";
  const begun = Date.now();
  await expect.poll(() => Date.now()).toBeGreaterThan(begun);
  line("b", 1);

  expect(lines.map((each) => JSON.parse(each).time)).toEqual(["first", "second"]);
});

test("nothing is written where the level is higher", () => {
  const { logger, lines } = world({ level: "warn" });

  repeatedLine(logger, fields, "completed")("a", 1);

  expect(lines).toEqual([]);
});

test("a destination that sorts by level gets its lines, too", () => {
  const lines: string[] = [];
  const logger = pino(
    {},
    pino.multistream([{ level: "info", stream: { write: (line) => lines.push(line) } }]),
  );

  repeatedLine(logger, fields, "completed")("a", 17);

  expect(JSON.parse(lines[0] ?? "{}")).toMatchObject({ job: "a", milliseconds: 17, msg: "completed" });
});
