import { expect, test } from "vitest";
import { addBooks, faultsOf, noBooks } from "./books.ts";

const balanced = { ...noBooks, enqueued: 10, completed: 6, failed: 2, cancelled: 1, expired: 1 };

test.each([
  ["balanced books have no fault", {}, []],
  ["a job that has not ended", { completed: 5 }, ["10 enqueued but 9 ended"]],
  ["a job that ended twice", { completed: 7 }, ["10 enqueued but 11 ended"]],
  ["a lost one", { lost: 1 }, ["1 lost"]],
  ["a doubled one", { doubled: 2 }, ["2 doubled"]],
])("%s", (_what, change, faults) => {
  expect(faultsOf({ ...balanced, ...change })).toEqual(faults);
});

test("books of nothing prove nothing", () => {
  expect(faultsOf(noBooks)).toEqual(["nothing was enqueued"]);
});

test("rounds are added up; of a note the largest figure stands, of texts the last", () => {
  const one = { ...balanced, lost: 1, notes: { runs: 12, error: "first", kills: 3 } };
  const other = { ...balanced, doubled: 1, notes: { runs: 11, error: "second" } };
  expect(addBooks(one, other)).toEqual({
    enqueued: 20,
    completed: 12,
    failed: 4,
    cancelled: 2,
    expired: 2,
    lost: 1,
    doubled: 1,
    notes: { runs: 12, error: "second", kills: 3 },
  });
});
