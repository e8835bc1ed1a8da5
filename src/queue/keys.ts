import { createShardMap, type ShardMap } from "./shards.ts";

/** The names of keys. BullMQ's own layout is `prefix:queue:…`; ours stand beside it. */
export interface Keys {
  readonly shards: readonly ShardKeys[];
  /** The number of the shard that a job is in. */
  shardOf(id: string): number;
  /** The number of the shard in which what has this name is, if it is no job. */
  shardOfText(text: string): number;
  /** The keys of the shard that a job is in. */
  at(id: string): ShardKeys;
  job(queue: string, id: string): string;
  /** Where the job of a key is. */
  placeOf(jobKey: string): { queue: string; id: string };
  lock(queue: string, id: string): string;
  logs(queue: string, id: string): string;
  /** How many shards there are, as the first worker noted it; found without knowing it. */
  readonly layout: string;
  /** Hash: task name → manifest. */
  readonly manifests: string;
  memory(task: string, key: string): string;
  /** Hash: the job that was made for an idempotency key. */
  idempotency(task: string, key: string): string;
  /** Set of the submission ids of Ray jobs that must stop. */
  readonly rayStops: string;
  /** What the keys of a task's concurrency limit begin with. */
  slots(task: string): string;
  /** Sorted set: who waits for a task's rate limit. */
  rateLine(task: string): string;
  /** What the counters of a task's rate limits begin with. */
  rates(task: string): string;
  /** Channel on which cancellations are announced. */
  readonly cancellations: string;
  /** Hash: worker's name → its last beat. */
  readonly workers: string;
  /** Hash: the limits that operators set for tasks, instead of those of their definitions. */
  readonly limits: string;
  /** What tells this Redis from every other. */
  readonly redisId: string;
  /** Hash: API key's id → what is known of it. */
  readonly apiKeys: string;
  /** Hash: API key's id → when it was used last, about. */
  readonly apiKeysUsed: string;
  /** What the counters of requests by API key begin with. */
  readonly apiRates: string;
  /** Hash: what happened within one step of time in a queue, or to a task in it. `begin`: milliseconds since 1970. */
  history(step: number, begin: number, scope: string): string;
  /** Sorted set of all schedules by the moment at which each is due. */
  readonly schedules: string;
  /** Hash of one schedule. */
  schedule(name: string): string;
  /** Set of the schedules of which a time waits for the end of an earlier job. */
  readonly schedulesQueued: string;
  /** Hash: job's id → a firing whose job is still to be added. */
  readonly scheduleFirings: string;
  /** Channel on which changes of schedules are announced. */
  readonly scheduleChanges: string;
  /** Hash: which scheduler acts, and in which term. */
  readonly schedulerLease: string;
  /** Counter of the terms. */
  readonly schedulerTerms: string;
  /** Channel of requests to workers. */
  readonly control: string;
  /** Channel of the answers to one client's requests. */
  answers(client: string): string;
  /** A login at the dashboard, by the digest of its id. */
  session(digest: string): string;
  /** What the dashboards sign the cookies of logins with. */
  readonly sessionSecret: string;
  /** What the counters of failed logins begin with. */
  readonly logins: string;
  /** Stream: who did what at the dashboard. */
  readonly audit: string;
}

/** The keys of one shard, of which each queue has a part. */
export interface ShardKeys {
  readonly shard: number;
  readonly prefix: string;
  job(queue: string, id: string): string;
  lock(queue: string, id: string): string;
  logs(queue: string, id: string): string;
  /** One of BullMQ's own keys of a queue, such as `wait`; what all of them begin with where the name is "". */
  of(queue: string, name: string): string;
  /** BullMQ's key of the job that has a deduplication key now. */
  deduplication(queue: string, id: string): string;
  /** BullMQ's list of the jobs that run. */
  active(queue: string): string;
  /** BullMQ's hash of a queue's settings. */
  meta(queue: string): string;
  /** BullMQ's stream of a queue's events. */
  events(queue: string): string;
  /** BullMQ's sorted set of the jobs that failed, by the time of their end. */
  failed(queue: string): string;
}

/** @param prefix what all keys begin with where there is one shard; else a part of the hash tags */
export function createKeys(prefix: string, map: ShardMap = createShardMap(prefix, 1, false)): Keys {
  const shards = map.prefixes.map(createShardKeys);
  const [home = createShardKeys(prefix, 0)] = shards;
  const at = map.count === 1 ? () => home : (id: string) => shards[map.of(id)] ?? home;
  const by = map.count === 1 ? () => home : (text: string) => shards[map.ofText(text)] ?? home;
  return {
    ...createHomeKeys(home.prefix, by),
    layout: `${prefix}:layout`,
    ...createJobKeys(map.count === 1 ? home : undefined, at),
    shards,
    shardOf: map.of,
    shardOfText: map.ofText,
    at,
  };
}

/** @param only the one shard that there is, so that its keys cost nothing more */
function createJobKeys(only: ShardKeys | undefined, at: (id: string) => ShardKeys) {
  return {
    job: only?.job ?? ((queue: string, id: string) => at(id).job(queue, id)),
    lock: only?.lock ?? ((queue: string, id: string) => at(id).lock(queue, id)),
    logs: only?.logs ?? ((queue: string, id: string) => at(id).logs(queue, id)),
    placeOf(jobKey: string) {
      // A hash tag has colons in it; a prefix without one has none.
      const rest = jobKey.slice(jobKey.indexOf(":", jobKey.indexOf("}") + 1) + 1);
      const colon = rest.indexOf(":");
      return { queue: rest.slice(0, colon), id: rest.slice(colon + 1) };
    },
  };
}

function createShardKeys(prefix: string, shard: number): ShardKeys {
  return {
    shard,
    prefix,
    job: (queue, id) => `${prefix}:${queue}:${id}`,
    lock: (queue, id) => `${prefix}:${queue}:${id}:lock`,
    logs: (queue, id) => `${prefix}:${queue}:${id}:logs`,
    of: (queue, name) => `${prefix}:${queue}:${name}`,
    deduplication: (queue, id) => `${prefix}:${queue}:de:${id}`,
    active: (queue) => `${prefix}:${queue}:active`,
    meta: (queue) => `${prefix}:${queue}:meta`,
    events: (queue) => `${prefix}:${queue}:events`,
    failed: (queue) => `${prefix}:${queue}:failed`,
  };
}

/** What there is once; what belongs to one task is spread by its name. */
function createHomeKeys(prefix: string, by: (text: string) => ShardKeys) {
  return {
    manifests: `${prefix}:tasks`,
    memory: (task: string, key: string) => `${by(`${task}:${key}`).prefix}:memory:${task}:${key}`,
    idempotency: (task: string, key: string) => `${prefix}:idempotency:${task}:${key}`,
    rayStops: `${prefix}:ray-stops`,
    slots: (task: string) => `${by(task).prefix}:concurrency:${task}`,
    rateLine: (task: string) => `${by(task).prefix}:rate-line:${task}`,
    rates: (task: string) => `${by(task).prefix}:rate`,
    cancellations: `${prefix}:cancellations`,
    workers: `${prefix}:workers`,
    limits: `${prefix}:limits`,
    redisId: `${prefix}:redis-id`,
    apiKeys: `${prefix}:api-keys`,
    apiKeysUsed: `${prefix}:api-keys-used`,
    apiRates: `${prefix}:api-rate`,
    history: (step: number, begin: number, scope: string) => `${prefix}:history:${step}:${begin}:${scope}`,
    schedules: `${prefix}:schedules`,
    schedule: (name: string) => `${prefix}:schedule:${name}`,
    schedulesQueued: `${prefix}:schedules-queued`,
    scheduleFirings: `${prefix}:schedule-firings`,
    scheduleChanges: `${prefix}:schedule-changes`,
    schedulerLease: `${prefix}:scheduler-lease`,
    schedulerTerms: `${prefix}:scheduler-terms`,
    control: `${prefix}:control`,
    answers: (client: string) => `${prefix}:answers:${client}`,
    session: (digest: string) => `${prefix}:session:${digest}`,
    sessionSecret: `${prefix}:session-secret`,
    logins: `${prefix}:logins`,
    audit: `${prefix}:audit`,
  };
}

/** Fields that Lovage adds to BullMQ's hash of a job, so that they live and go with it. */
export const jobFields = {
  /** JSON of the cancellation: reason and time. */
  cancel: "lovage:cancel",
  /** JSON of the last attempt's ErrorRecord. */
  error: "lovage:error",
  /** JSON of the attempt's Ray job. */
  rayJob: "lovage:ray",
  /** How far the Ray job's log is mirrored: the submission id and a number of characters. */
  logCursor: "lovage:log-cursor",
  /** JSON of the last job that this dead one was made into again: its number, id, queue, input's fingerprint. */
  replay: "lovage:replay",
  /** How many lines were ever written to the job's log, trimmed ones included. */
  logLines: "lovage:log-lines",
  /** JSON of a workflow's History. */
  history: "lovage:history",
  /** How many of a workflow's calls are known to be in Redis. */
  added: "lovage:added",
  /** What the names of the fields with the outcomes of a workflow's steps begin with; the place follows. */
  step: "lovage:step:",
  /** A parked workflow is run again when no more of its calls than this are pending. */
  wakeAt: "lovage:wake-at",
  /** Set when something happened that a workflow should see, while it was not parked. */
  nudge: "lovage:nudge",
} as const;
