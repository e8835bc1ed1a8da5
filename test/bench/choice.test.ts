import { expect, test } from "vitest";
import { readArguments } from "../../bench/arguments.ts";
import { chosen } from "../../bench/choice.ts";
import { shapes } from "../../bench/shapes/index.ts";

const namesOf = (options: Parameters<typeof chosen>[1]) => chosen(shapes, options).map(({ name }) => name);

test("a figure's name means its shape; without names all are meant", () => {
  expect(namesOf({ only: ["round-trip-p99", "drain-4"], peers: undefined })).toEqual([
    "drain-4",
    "round-trip",
  ]);
  expect(namesOf({ only: undefined, peers: undefined })).toHaveLength(shapes.length);
});

test("whom the ratios are to is measured, whoever is chosen", () => {
  const [drain] = chosen(shapes, { only: ["drain-4"], peers: ["lovage"] });
  expect(drain?.peers).toEqual(["lovage", "bullmq"]);
});

test("a name that does not exist is refused, with those that do", () => {
  expect(() => chosen(shapes, { only: ["drian"], peers: undefined })).toThrow(
    /no shape drian; there are enqueue,/,
  );
  expect(() => chosen(shapes, { only: undefined, peers: ["rq"] })).toThrow(/no peer rq; there are lovage,/);
});

test("the command line is read", () => {
  expect(readArguments(["--quick", "--only", "start,ray", "--rounds", "3"])).toEqual({
    quick: true,
    json: false,
    only: ["start", "ray"],
    peers: undefined,
    rounds: 3,
  });
  expect(() => readArguments(["--rounds", "none"])).toThrow("--rounds is no whole number");
  expect(() => readArguments(["--jobs", "3"])).toThrow("--jobs");
});
