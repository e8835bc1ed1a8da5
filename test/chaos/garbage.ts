import type { Broker } from "../../src/queue/broker.ts";
import type { Random } from "./random.ts";

/** What a hand, or another program, may have put into Redis in the place of a job. */
export interface Garbage {
  what: string;
  /** The fields of the job's hash; undefined: there is none. */
  fields: Record<string, string | Buffer> | undefined;
  /** The codes with which it must fail, or "any": it must end, however. */
  ends: readonly string[] | "any";
  /** Where it lies; default: the list of those that wait. */
  collection?: "delayed" | "prioritized" | "failed" | "completed" | "waiting-children";
}

const good = JSON.stringify({ v: 1, input: { milliseconds: 0 }, meta: {} });
const call = (input: string, meta = "{}", v = "1") => `{"v":${v},"input":${input},"meta":${meta}}`;
const nest = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
const invalid = ["PAYLOAD_INVALID"];
const unfit = ["INPUT_INVALID"];

function job(
  data: string | Buffer,
  more: Record<string, string | Buffer> = {},
): Record<string, string | Buffer> {
  const plain = { name: "tasks.simple_tasks.ping", opts: "{}", timestamp: String(Date.now()) };
  return { ...plain, delay: "0", priority: "0", data, ...more };
}

/** Every kind once. */
export function kindsOfGarbage(random: Random): Garbage[] {
  const bytes = Buffer.from(Array.from({ length: 200 }, () => random.whole(0, 255)));
  const odd = (field: string, value: string | Buffer): Garbage => ({
    what: `${field} is ${String(value).slice(0, 20)}`,
    fields: job(call("{}"), { [field]: value }),
    ends: "any",
  });
  const dead = (field: string, value: string | Buffer): Garbage => ({
    ...odd(field, value),
    collection: "failed",
  });
  return [
    { what: "broken JSON", fields: job('{"v":1,"inp'), ends: invalid },
    { what: "no data", fields: { name: "tasks.simple_tasks.ping", timestamp: "1" }, ends: invalid },
    { what: "an empty text", fields: job(""), ends: invalid },
    { what: "bytes", fields: job(bytes), ends: invalid },
    ...["null", "5", "[]", '"x"', "true", "{}"].map(
      (data): Garbage => ({ what: `the data ${data}`, fields: job(data), ends: invalid }),
    ),
    ...["99", "1.5", "-1", '"1"', "null", "1e999"].map(
      (v): Garbage => ({ what: `version ${v}`, fields: job(call("{}", "{}", v)), ends: invalid }),
    ),
    ...["5", '{"tags":"x"}', '{"expiresAt":"soon"}', '{"onSuccess":5}', '{"headers":{"a":1}}', "[]"].map(
      (meta): Garbage => ({ what: `meta ${meta}`, fields: job(call("{}", meta)), ends: invalid }),
    ),
    { what: "a task that is gone", fields: job(good, { name: "tasks.gone" }), ends: ["TASK_UNKNOWN"] },
    { what: "no task", fields: job(good, { name: "" }), ends: "any" },
    { what: "a huge name", fields: job(good, { name: "x".repeat(100_000) }), ends: ["TASK_UNKNOWN"] },
    { what: "a name of bytes", fields: job(good, { name: bytes }), ends: ["TASK_UNKNOWN"] },
    { what: "the name __proto__", fields: job(good, { name: "__proto__" }), ends: ["TASK_UNKNOWN"] },
    { what: "900 arrays in arrays", fields: job(call(nest(900))), ends: unfit },
    { what: "50,000 arrays in arrays", fields: job(call(nest(50_000))), ends: unfit },
    {
      what: "prototypes",
      fields: job(call('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')),
      ends: unfit,
    },
    {
      what: "prototypes in the metadata",
      fields: job(call("{}", '{"metadata":{"__proto__":{"polluted":1}}}')),
      ends: "any",
    },
    {
      what: "numbers beyond all",
      fields: job(call('{"a":-0,"b":1e999,"c":12345678901234567890}')),
      ends: unfit,
    },
    { what: "half characters", fields: job(call('{"\\ud800":"\\u0000","\\u202e":"\\udfff"}')), ends: unfit },
    { what: "10 MB", fields: job(call(JSON.stringify("x".repeat(10_000_000)))), ends: unfit },
    ...["{x", "[]", "null", '"x"', "5", '{"attempts":"many","delay":{},"backoff":5,"parent":7}'].map((opts) =>
      odd("opts", opts),
    ),
    odd("attempts", "x"),
    odd("timestamp", "soon"),
    odd("timestamp", "1e300"),
    odd("delay", "long"),
    odd("priority", "high"),
    odd("atm", "-7"),
    odd("atm", "x"),
    odd("ats", "x"),
    odd("stc", "5"),
    odd("processedOn", "x"),
    odd("progress", "{"),
    odd("progress", '{"fraction":"half","message":5}'),
    odd("stacktrace", "{"),
    odd("returnvalue", "{"),
    odd("parent", "{"),
    odd("parentKey", "nowhere"),
    odd("deid", "x"),
    ...["x", "null", "5", "{}", '{"calls":1,"batches":2}', "[]"].flatMap((text) => [
      odd("lovage:history", text),
      dead("lovage:history", text),
      odd("lovage:error", text),
      dead("lovage:error", text),
      odd("lovage:ray", text),
      dead("lovage:ray", text),
      dead("lovage:replay", text),
    ]),
    odd("lovage:cancel", "{"),
    dead("lovage:error", '{"code":5,"message":{}}'),
    dead("lovage:error", '{"code":"X","message":{"a":1},"retryable":"no","value":{"b":2}}'),
    dead("failedReason", bytes),
    dead("finishedOn", "x"),
    dead("finishedOn", "1e300"),
    dead("timestamp", "soon"),
    dead("timestamp", "1e300"),
    dead("processedOn", "x"),
    dead("data", "{"),
    dead("data", "null"),
    dead("data", call("{}", '{"tags":5,"metadata":7,"headers":[]}')),
    dead("data", call(nest(3000))),
    dead("opts", "{"),
    dead("opts", "null"),
    dead("progress", "{"),
    dead("pb", bytes),
    {
      what: "completed with a broken result",
      fields: job(good, { returnvalue: "{" }),
      ends: "any",
      collection: "completed",
    },
    ...(["delayed", "prioritized", "failed", "completed", "waiting-children"] as const).map(
      (collection): Garbage => ({
        what: `${collection}, and nothing there`,
        fields: undefined,
        ends: "any",
        collection,
      }),
    ),
    { what: "waits, and nothing there", fields: undefined, ends: "any" },
    { what: "broken, and delayed", fields: job("{"), ends: invalid, collection: "delayed" },
    { what: "broken, and prioritized", fields: job("{"), ends: invalid, collection: "prioritized" },
  ];
}

const oddIds = ["with space", "ünï", "__proto__", "a\nb", "<b>", "%00", "a/../b", '"', "'", "x".repeat(300)];

/** Ids as a hand may write them, one in four an odd one. */
export function garbageId(random: Random, number: number): string {
  return random.chance(25) ? `${random.pick(oddIds)}-${number}` : `garbage-${number}`;
}

/** Puts it there, and wakes who waits. */
export async function pushGarbage(
  { redis, keys }: Broker,
  queue: string,
  id: string,
  { fields, collection }: Garbage,
): Promise<void> {
  if (fields !== undefined) await redis.hset(keys.job(queue, id), fields);
  const now = Date.now();
  if (collection === undefined) await redis.lpush(keys.job(queue, "wait"), id);
  else await redis.zadd(keys.job(queue, collection), collection === "delayed" ? now * 0x1000 : now, id);
  await redis.zadd(keys.job(queue, "marker"), 0, "0");
}
