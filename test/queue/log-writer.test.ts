import { expect, test } from "vitest";
import { LogWriter } from "../../src/queue/log-writer.ts";
import { eventually } from "../support/eventually.ts";

/** Writes that the test ends one by one. */
function scripted(keep = 100) {
  const written: (readonly string[])[] = [];
  const cursors: (string | undefined)[] = [];
  let current = Promise.withResolvers<void>();
  const writer = new LogWriter(({ lines, cursor }) => {
    written.push(lines);
    cursors.push(cursor);
    current = Promise.withResolvers();
    return current.promise;
  }, keep);
  return {
    writer,
    written,
    cursors,
    done: () => current.resolve(),
    fail: (why: string) => current.reject(new Error(why)),
  };
}

test("lines that come while one is written go together, in their order, with the last cursor", async () => {
  const { writer, written, cursors, done } = scripted();
  const first = writer.add({ lines: ["a"], cursor: "1" });
  const others = [["b"], ["c", "d"], ["e"]].map((lines, at) => writer.add({ lines, cursor: `${at + 2}` }));
  done();
  await first;
  const settled = writer.settle();
  await eventually("the next is written", () => written.length === 2);
  expect(written).toEqual([["a"], ["b", "c", "d", "e"]]);
  expect(cursors).toEqual(["1", "4"]);
  done();
  await Promise.all([...others, settled]);
  expect(written).toHaveLength(2);
});

test("while nothing can be written only so many are held as would be kept", async () => {
  const { writer, written, done } = scripted(100);
  const first = writer.add({ lines: ["a"] });
  for (let line = 1; line <= 100_000; line += 1) void writer.add({ lines: [`line ${line}`] });
  done();
  await first;
  const settled = writer.settle();
  await eventually("the next is written", () => written.length === 2);
  const second = written[1] ?? [];
  expect(second).toHaveLength(100);
  expect(second[0]).toBe("… 99901 lines left out …");
  expect(second.slice(1)).toEqual(Array.from({ length: 99 }, (_, at) => `line ${99_902 + at}`));
  done();
  await settled;
});

test("a write that fails is told to whom it concerns, and the next one goes on", async () => {
  const { writer, written, done, fail } = scripted();
  const first = writer.add({ lines: ["a"] });
  const second = writer.add({ lines: ["b"] });
  fail("refused");
  await expect(first).rejects.toThrow("refused");
  const settled = writer.settle();
  await eventually("the next is written", () => written.length === 2);
  done();
  await Promise.all([second, settled]);
  expect(written).toEqual([["a"], ["b"]]);
});
