import { expect, test } from "vitest";
import { ProgressWriter } from "../../src/queue/progress-writer.ts";
import { eventually } from "../support/eventually.ts";

const say = (message: string) => ({ fraction: null, message });

/** Writes that the test ends one by one. */
function scripted() {
  const written: string[] = [];
  const faults: string[] = [];
  let current = Promise.withResolvers<void>();
  const writer = new ProgressWriter(
    (json) => {
      written.push(JSON.parse(json).message);
      current = Promise.withResolvers();
      return current.promise;
    },
    (error) => faults.push(error.message),
  );
  return {
    writer,
    written,
    faults,
    done: () => current.resolve(),
    fail: (why: string) => current.reject(new Error(why)),
  };
}

test("while Redis does not answer, only the first report waits for it", async () => {
  const { writer, written, done } = scripted();
  const first = writer.report(say("a"));
  for (const message of ["b", "c", "d"]) await writer.report(say(message));
  expect(written).toEqual(["a"]);
  done();
  await first;
  await eventually("the newest is written", () => written.length === 2);
  expect(written).toEqual(["a", "d"]);
});

test("what is reported is what it was then, whatever becomes of the object", async () => {
  const { writer, written, done } = scripted();
  const progress = say("a");
  void writer.report(progress);
  progress.message = "b";
  const held = writer.report(progress);
  progress.message = "c";
  await held;
  done();
  await eventually("it is written", () => written.length === 2);
  expect(written).toEqual(["a", "b"]);
});

test("the end waits for the write under way, then writes the last; nothing comes later", async () => {
  const { writer, written, done } = scripted();
  const first = writer.report(say("a"));
  await writer.report(say("b"));
  let closed = false;
  const closing = writer.close().then(() => {
    closed = true;
  });
  done();
  await first;
  await eventually("the last is written", () => written.length === 2);
  expect(closed).toBe(false);
  done();
  await closing;
  await writer.report(say("late"));
  await writer.close();
  expect(written).toEqual(["a", "b"]);
});

test("a report that cannot be written is tried again, and at the end only told", async () => {
  const { writer, written, faults, fail } = scripted();
  const first = writer.report(say("a"));
  fail("refused");
  await expect(first).rejects.toThrow("refused");
  await eventually("it is tried again", () => written.length === 2);
  fail("refused again");
  await eventually("it is told", () => faults.length === 1);
  const closing = writer.close();
  await eventually("the end tries it too", () => written.length === 3);
  fail("and again");
  await closing;
  expect(written).toEqual(["a", "a", "a"]);
  expect(faults).toEqual(["refused again", "and again"]);
});

test("with the lock lost nothing is written and nobody waits", async () => {
  const { writer, written } = scripted();
  void writer.report(say("a"));
  await writer.report(say("b"));
  writer.abandon();
  await writer.report(say("c"));
  expect(written).toEqual(["a"]);
});
