import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseInput } from "../../src/cli/json-input.ts";

test.each([
  ['{"a": 1,}', "line 1, column 9", "          ^"],
  ["{a: 1}", "line 1, column 2", "   ^"],
  ['{"a": nope}', "line 1, column 8", "         ^"],
  ["hello", "line 1, column 1", "  ^"],
  ['{"a":', "line 1, column 6", "       ^"],
  ['{\n  "a": 1\n  "b": 2\n}', "line 3, column 3", "    ^"],
  ['{"a":1}}', "line 1, column 8", "         ^"],
  ['{"a": "it is"} Unexpected token', "line 1, column 16", "^"],
  ["", "line 1, column 1", ""],
])("%j: the place of the fault", (text, place, marker) => {
  expect(() => parseInput(text)).toThrow(
    expect.objectContaining({
      code: "USAGE",
      field: "input",
      message: expect.stringContaining(place),
      hint: expect.stringContaining("quote it for the shell"),
    }),
  );
  expect(() => parseInput(text)).toThrow(new RegExp(`${marker.replace("^", "\\^")}$`));
});

test("a fault far inside shows its surroundings only", () => {
  const text = `{"list": [${"1234567890, ".repeat(1000)}x]}`;
  const error = (() => {
    try {
      return parseInput(text);
    } catch (thrown) {
      return thrown as Error;
    }
  })() as Error;
  expect(error.message).toContain(`column ${text.indexOf("x") + 1}`);
  expect(error.message.length).toBeLessThan(250);
});

test("a stray letter is found wherever it stands between tokens", () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.nat(), (numbers, seed) => {
      const at = seed % numbers.length;
      const parts = numbers.map((value, index) => (index === at ? "x" : String(value)));
      const text = `[${parts.join(",")}]`;
      expect(() => parseInput(text)).toThrow(`column ${text.indexOf("x") + 1}`);
    }),
  );
});
