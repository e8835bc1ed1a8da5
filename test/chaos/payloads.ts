import * as fc from "fast-check";
import * as z from "zod";
import { catalogue } from "#tasks";

/** A call of one of the tasks. */
export interface Payload {
  task: string;
  input: unknown;
}

/** The part of a JSON schema that the tasks use. */
interface Schema {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema | boolean;
  prefixItems?: Schema[];
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}

/** What such a schema lets through, nearly: patterns, and what values have to do with each other, are left to chance. */
function valuesOf(schema: Schema | boolean): fc.Arbitrary<unknown> {
  if (typeof schema === "boolean") return fc.jsonValue({ maxDepth: 2 });
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map(valuesOf));
  switch (schema.type) {
    case "string":
      return fc.string({
        minLength: schema.minLength ?? 0,
        maxLength: Math.min(schema.maxLength ?? 30, (schema.minLength ?? 0) + 30),
      });
    case "integer":
    case "number": {
      const min = Math.max(schema.minimum ?? -1000, Number.MIN_SAFE_INTEGER);
      const max = Math.max(min, Math.min(schema.maximum ?? 1000, Number.MAX_SAFE_INTEGER));
      return schema.type === "integer"
        ? fc.integer({ min: Math.ceil(min), max: Math.floor(max) })
        : fc.double({ min, max, noNaN: true });
    }
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array": {
      if (schema.prefixItems !== undefined) return fc.tuple(...schema.prefixItems.map(valuesOf));
      const minLength = schema.minItems ?? 0;
      const maxLength = Math.min(schema.maxItems ?? 4, minLength + 4);
      return fc.array(valuesOf(schema.items ?? true), { minLength, maxLength });
    }
    case "object": {
      if (schema.properties === undefined)
        return fc.dictionary(fc.string(), valuesOf(schema.additionalProperties ?? true), { maxKeys: 3 });
      const fields = Object.entries(schema.properties).map(([name, field]) => [name, valuesOf(field)]);
      const model = Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>;
      return fc.record(model, { requiredKeys: schema.required ?? [] });
    }
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** What often breaks what reads it. */
const oddities = fc.oneof(
  fc.constantFrom<unknown>(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    2 ** 53 + 1,
    "\ud800",
    "a\u0000b",
    "\u202e",
    "' OR 1=1; --",
    "{{7*7}}",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    JSON.parse('{"__proto__": {"polluted": true}}'),
    { constructor: { prototype: { polluted: true } } },
    null,
    undefined,
    [],
    {},
    "x".repeat(5000),
  ),
  fc.integer({ min: 500, max: 3000 }).map(deep),
);

/** Arrays in arrays. */
export function deep(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level += 1) value = [value];
  return value;
}

/** A valid value with one thing wrong somewhere. */
function spoiled(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.tuple(valid, fc.nat(), fc.constantFrom("leave out", "add", "replace"), oddities).map(spoil);
}

function spoil([value, pick, how, odd]: [unknown, number, string, unknown]): unknown {
  if (typeof value !== "object" || value === null) return odd;
  const entries = Object.entries(value);
  const at = entries.length === 0 ? 0 : pick % entries.length;
  const deeper = entries[at]?.[1];
  if (how === "replace" && typeof deeper === "object" && deeper !== null && pick % 2 === 0)
    entries.splice(at, 1, [entries[at]?.[0] ?? "", spoil([deeper, pick >> 1, how, odd])]);
  else if (how === "replace" && entries.length > 0) entries.splice(at, 1, [entries[at]?.[0] ?? "", odd]);
  else if (how === "leave out") entries.splice(at, 1);
  else entries.push([`extra${pick}`, odd]);
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

/** Calls of all tasks: some valid, some nearly, some wildly invalid. */
export const payloads: fc.Arbitrary<Payload> = fc.oneof(
  ...catalogue.tasks.map(({ name, input }) => {
    const valid = valuesOf(z.toJSONSchema(input, { io: "input", unrepresentable: "any" }) as Schema);
    const wild = fc.oneof(
      oddities,
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
    );
    return fc.record({
      task: fc.oneof(
        { arbitrary: fc.constant(name), weight: 20 },
        fc.oneof(
          fc.string(),
          fc.constantFrom("__proto__", "constructor", "lovage.sleep", "x".repeat(10_000)),
        ),
      ),
      input: fc.oneof(
        { arbitrary: valid, weight: 3 },
        { arbitrary: spoiled(valid), weight: 4 },
        { arbitrary: wild, weight: 3 },
      ),
    });
  }),
);
