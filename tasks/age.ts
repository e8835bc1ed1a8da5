import * as z from "zod";

const unitMilliseconds: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** An age as a caller writes it ("90s", "12h", "7d", "2w"); in the task it is a number of milliseconds. */
export const Age = z
  .string()
  .regex(/^\d{1,6}(ms|[smhdw])$/, 'not an age: write it as "90s", "30m", "12h", "7d" or "2w"')
  .transform(
    (text) => Number.parseInt(text, 10) * (unitMilliseconds[text.replace(/^\d+/, "")] ?? Number.NaN),
  );
