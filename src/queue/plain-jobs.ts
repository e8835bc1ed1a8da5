import { QueueKeys } from "bullmq";
import type { Redis } from "ioredis";
import type { Keys } from "./keys.ts";
import type { PreparedJob } from "./producer.ts";

/** Adds jobs of which nothing is asked but to be run; those of one tick go to Redis in one command. */
export interface PlainJobs {
  /** @returns the job's id, once Redis has it */
  add(job: PreparedJob): Promise<string>;
}

/** What a plain job's options are made of. */
const plainOptions: ReadonlySet<string> = new Set(["jobId", "attempts", "backoff"]);

/** Whether a job needs nothing of what BullMQ's own scripts do beyond putting it into its queue's list. */
export function isPlain({ opts }: Pick<PreparedJob, "opts">): boolean {
  for (const name in opts) {
    if (!plainOptions.has(name)) return false;
  }
  return true;
}

/**
 * So many jobs go at once, without waiting for the tick's end, or an eighth of those on their way where that is more: Redis
 * works on them while the others are prepared. All in one command, the two would take turns.
 */
const fewestJobs = 3;
/** So many jobs, or characters, are the most that one command keeps Redis busy with: about a millisecond. */
const mostJobs = 100;
const mostCharacters = 256 * 1024;

/** The keys, in the order the script takes them. */
const keyNames = ["wait", "meta", "id", "active", "events", "marker"] as const;

/**
 * What BullMQ's script addStandardJob does for a job without a parent, for many jobs: the job's record, its place in the
 * list, the two events, the marker that wakes workers. A test compares what both leave in Redis.
 * ARGV: the keys' prefix, how many kinds of options there are, those as JSON; then for each job its id, name, timestamp,
 * data, and the number of its options.
 */
const source = {
  numberOfKeys: keyNames.length,
  lua: `
    local wait, meta, counter, active, events, marker = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
    local maxEvents = redis.call("hget", meta, "opts.maxLenEvents")
    if not maxEvents then
      maxEvents = 10000
      redis.call("hset", meta, "opts.maxLenEvents", maxEvents)
    end
    local added = 0
    for at = 3 + ARGV[2], #ARGV, 5 do
      local id = ARGV[at]
      local job = ARGV[1] .. id
      redis.call("incr", counter)
      if redis.call("exists", job) == 1 then
        redis.call("xadd", events, "MAXLEN", "~", maxEvents, "*", "event", "duplicated", "jobId", id)
      else
        redis.call("hmset", job, "name", ARGV[at + 1], "data", ARGV[at + 3], "opts", ARGV[2 + ARGV[at + 4]],
          "timestamp", ARGV[at + 2], "delay", 0, "priority", 0)
        redis.call("xadd", events, "*", "event", "added", "jobId", id, "name", ARGV[at + 1])
        redis.call("lpush", wait, id)
        redis.call("xadd", events, "MAXLEN", "~", maxEvents, "*", "event", "waiting", "jobId", id)
        added = added + 1
      end
    end
    if added == 0 then return 0 end
    local state = redis.call("hmget", meta, "paused", "concurrency")
    if state[1] then return added end
    -- BullMQ looks before each job, and only finished or taken jobs change what it finds: here none is meanwhile.
    if state[2] and redis.call("llen", active) >= tonumber(state[2]) then return added end
    redis.call("zadd", marker, 0, "0")
    return added`,
} as const;

interface PlainScript {
  lovageAddPlain(...keysAndArguments: (string | number)[]): Promise<number>;
}

interface Waiting {
  id: string;
  name: string;
  timestamp: number;
  data: string;
  options: string;
  resolve(id: string): void;
  reject(error: unknown): void;
}

/** Where there are shards, those of one tick go to each shard in a command of its own. */
export function createPlainJobs(
  redis: Redis,
  { shards, shardOf }: Pick<Keys, "shards" | "shardOf">,
): PlainJobs {
  redis.defineCommand("lovageAddPlain", source);
  const [home, ...others] = shards.map(({ prefix }) => ofShard(redis, prefix));
  if (home === undefined || others.length === 0) return home as PlainJobs;
  const all = [home, ...others];
  return { add: (job) => (all[shardOf(job.opts.jobId)] ?? home).add(job) };
}

/** @param prefix of the shard's keys */
function ofShard(redis: Redis, prefix: string): PlainJobs {
  const { lovageAddPlain } = redis as Redis & PlainScript;
  const queueKeys = new QueueKeys(prefix);
  /** What each command for a queue begins with: the keys, and what those of its jobs begin with. */
  const heads = new Map<string, readonly string[]>();
  const lists = new Map<string, Waiting[]>();
  /** How many jobs Redis has not answered for. */
  let onItsWay = 0;

  function flush(): void {
    for (const [queue, waiting] of lists) send(queue, waiting);
    lists.clear();
  }

  function send(queue: string, waiting: readonly Waiting[]): void {
    for (const jobs of cut(waiting)) sendOnce(queue, jobs);
  }

  function headOf(queue: string): readonly string[] {
    const known = heads.get(queue);
    if (known !== undefined) return known;
    const keys = queueKeys.getKeys(queue);
    const head = [...keyNames, ""].map((name) => keys[name] as string);
    heads.set(queue, head);
    return head;
  }

  function sendOnce(queue: string, jobs: readonly Waiting[]): void {
    const kinds = [...new Set(jobs.map(({ options }) => options))];
    const parts: (string | number)[] = [...headOf(queue), kinds.length, ...kinds];
    for (const { id, name, timestamp, data, options } of jobs)
      parts.push(id, name, timestamp, data, kinds.indexOf(options) + 1);
    lovageAddPlain.apply(redis, parts).then(
      () => {
        onItsWay -= jobs.length;
        for (const { id, resolve } of jobs) resolve(id);
      },
      (error: unknown) => {
        onItsWay -= jobs.length;
        for (const { reject } of jobs) reject(error);
      },
    );
  }

  return {
    add({ queue, name, data, opts }) {
      const { jobId: id, ...options } = opts;
      return new Promise((resolve, reject) => {
        let waiting = lists.get(queue);
        if (waiting === undefined) {
          waiting = [];
          // When all that this tick's promises lead to is done: callers that go on together are sent together.
          process.nextTick(flush);
          lists.set(queue, waiting);
        }
        const timestamp = Date.now();
        waiting.push({
          id,
          name,
          timestamp,
          data: JSON.stringify(data),
          options: JSON.stringify(options),
          resolve,
          reject,
        });
        onItsWay += 1;
        if (waiting.length < Math.max(fewestJobs, onItsWay / 8)) return;
        lists.delete(queue);
        send(queue, waiting);
      });
    },
  };
}

function* cut(waiting: readonly Waiting[]): Generator<Waiting[]> {
  let jobs: Waiting[] = [];
  let characters = 0;
  for (const job of waiting) {
    if (jobs.length === mostJobs || (jobs.length > 0 && characters + job.data.length > mostCharacters)) {
      yield jobs;
      jobs = [];
      characters = 0;
    }
    jobs.push(job);
    characters += job.data.length;
  }
  if (jobs.length > 0) yield jobs;
}
