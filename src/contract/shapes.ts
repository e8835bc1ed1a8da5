import * as z from "zod";
import { toMilliseconds } from "../core/durations.ts";
import { jobStates } from "../core/states.ts";
import { queueNames } from "../task/queue-names.ts";

/** How a codec is shown in the OpenAPI document: as what travels. */
export function shownAs(shown: Readonly<Record<string, unknown>>) {
  return {
    override({ jsonSchema }: { jsonSchema: Record<string, unknown> }) {
      delete jsonSchema["pattern"];
      delete jsonSchema["anyOf"];
      Object.assign(jsonSchema, shown);
    },
  };
}

/** ISO 8601 has four digits for the year. */
function isPlain(date: Date): boolean {
  return date.getTime() >= 0 && date.getUTCFullYear() <= 9999;
}

/** ISO 8601 on the wire, a Date on both sides. */
export const Moment = z
  .codec(
    z.iso.datetime({ offset: true }),
    z.date().refine(isPlain, { error: "lies before 1970 or after 9999" }),
    {
      decode: (text) => new Date(text),
      encode: (date) => date.toISOString(),
    },
  )
  .meta(shownAs({ type: "string", format: "date-time" }));

export const Queue = z.enum(queueNames).meta({ id: "Queue" });
export const State = z.enum(jobStates).meta({ id: "State" });

/** Ten years, in milliseconds: no time that is waited for is longer. */
const longest = 315_360_000_000;

export const DurationText = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,6})? ?(ms|s|m|h|d|w|y|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?)?$/)
  .refine((text) => toMilliseconds(text) <= longest, { error: "is longer than ten years" });

/** "30s", "15m", or a number of milliseconds. */
export const Duration = z.union([DurationText, z.number().min(0).max(longest)]).meta({
  id: "Duration",
  description: '"30s", "15m", "2h", "1d", or a number of milliseconds',
  examples: ["30s"],
});

/** Whatever a task takes or gives; its own schema says more. */
export const Anything = z.unknown();

/** A text of a line, such as an id that others chose: no control characters, no halves of characters. */
export function line(most: number) {
  return z
    .string()
    .regex(new RegExp(`^[^\\u0000-\\u001f\\u007f]{1,${most}}$`, "u"))
    .refine((text) => text.isWellFormed(), { error: "has half a character" });
}

export const JobId = line(500).meta({ examples: ["3f0e6e9c-6d0c-4c5d-9d43-8a1f3f2b7c11"] });

export const TaskName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,200}$/)
  .meta({ examples: ["tasks.simple_tasks.ping"] });

export const WorkerName = line(200);
export const Tag = z.string().min(1).max(100);
export const ErrorCodeText = z.string().regex(/^[A-Za-z0-9_.-]{1,100}$/);
/** Where a list or a stream goes on; only who made it can read it. */
export const Cursor = z.string().regex(/^[A-Za-z0-9_-]{1,8000}$/);

/** A whole number in a query. */
export function whole(least: number, most: number) {
  return z
    .codec(z.string().regex(/^\d{1,15}$/), z.number().int().min(least).max(most), {
      decode: Number,
      encode: String,
    })
    .meta(shownAs({ type: "integer", minimum: least, maximum: most }));
}

/** Several in a query: repeated, or with commas between. */
export function several<Item extends z.ZodType<string, string>>(item: Item, most: number) {
  // Without the names of shapes, which would become references.
  const { $schema: _schema, ...items } = z.toJSONSchema(item, { metadata: z.registry() });
  return z
    .codec(z.union([z.string(), z.array(z.string())]), z.array(item).min(1).max(most), {
      decode: (given) =>
        (typeof given === "string"
          ? given.split(",")
          : given.flatMap((text) => text.split(","))) as z.input<Item>[],
      encode: (texts) => texts.join(","),
    })
    .meta(shownAs({ type: "array", items, minItems: 1, maxItems: most }));
}

/** RFC 9457, with Lovage's own members. */
export const Problem = z
  .object({
    type: z.string().meta({ description: "Where the code is explained" }),
    title: z.string().meta({ description: "What the code means" }),
    status: z.number().int(),
    detail: z.string().meta({ description: "What happened this time" }),
    code: z.string().meta({ description: "Stable: match on it" }),
    field: z.string().optional().meta({ description: "What is at fault, as a dotted path" }),
    value: z.string().optional().meta({ description: "The value at fault; never a secret" }),
    hint: z.string().optional().meta({ description: "What to do about it" }),
    retryable: z.boolean().meta({ description: "Whether the same request may succeed later" }),
  })
  .meta({ id: "Problem" });

/** Of a health check, and of whoever wants to know with whom it speaks. */
export const Health = z.object({ status: z.literal("ok"), version: z.string() }).meta({ id: "Health" });
