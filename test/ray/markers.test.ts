import fc from "fast-check";
import { expect, test } from "vitest";
import { createLineReader, marker } from "../../src/ray/markers.ts";

const log = [
  "begin",
  "",
  `${marker}{"type":"progress","fraction":0.5,"message":"half","rows":3}`,
  `not at the start ${marker}{"type":"result","value":1}`,
  `${marker}no json`,
  `${marker}{"type":"strange"}`,
  `${marker}{"type":"failure","code":"INPUT_X","message":"m","retry":false,"field":"f"}`,
  `${marker}{"type":"result","value":{"é":[1,2]}}`,
  "unfinished",
].join("\n");

const expected = [
  { type: "text", text: "begin" },
  { type: "progress", progress: { fraction: 0.5, message: "half", rows: 3 } },
  { type: "text", text: `not at the start ${marker}{"type":"result","value":1}` },
  { type: "text", text: `${marker}no json` },
  { type: "text", text: `${marker}{"type":"strange"}` },
  { type: "failure", error: expect.objectContaining({ code: "INPUT_X", retryable: false, field: "f" }) },
  { type: "result", value: { é: [1, 2] } },
  { type: "text", text: "unfinished" },
];

test("a log reads the same however it is cut into pieces", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (cuts) => {
      const reader = createLineReader();
      const lines = [];
      let at = 0;
      for (let cut = 0; at < log.length; cut += 1) {
        const length = cuts[cut % cuts.length] ?? 1;
        lines.push(...reader.push(log.slice(at, at + length)));
        at += length;
      }
      lines.push(...reader.end());
      expect(lines).toEqual(expected);
    }),
  );
});

test("a line without an end does not fill the memory", () => {
  const reader = createLineReader();
  for (let piece = 0; piece < 100; piece += 1) reader.push("x".repeat(100_000));
  expect(reader.pending).toBeLessThan(1_000_000);
});
