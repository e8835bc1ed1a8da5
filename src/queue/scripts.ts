import type { Redis } from "ioredis";
import { type DepthCommand, depthScript } from "./depth-script.ts";
import { type ExpiryCommands, expiryScripts } from "./expiry-scripts.ts";
import { type FinishCommand, finishScript } from "./finish-script.ts";
import { type HistoryCommand, historyScript } from "./history-script.ts";
import { type RateLineCommand, rateLineScript } from "./rate-line-script.ts";
import { goOnWhenFull } from "./room.ts";
import { type ScheduleCommands, scheduleScripts } from "./schedule-scripts.ts";
import { type SearchCommands, searchScript } from "./search-script.ts";
import { type SlotsCommand, slotsScript } from "./slots-script.ts";

/** Where BullMQ keeps what is needed to let a parked job run again, in the order the scripts take it. */
export const parkedQueueKeys = [
  "waiting-children",
  "wait",
  "prioritized",
  "pc",
  "marker",
  "meta",
  "events",
] as const;

/**
 * Lets a workflow that waits for its calls run again before all of them have ended, as BullMQ does when they have.
 * KEYS: the job, then {@link parkedQueueKeys}. ARGV: id, why ("ended": as few calls are pending as it asked to hear of; "now":
 * in any case, even if it is just about to wait; "check": either has come to pass meanwhile).
 */
const wake = `
  local function wake(id, why)
    local job = KEYS[1]
    if redis.call("exists", job) == 0 then return 0 end
    local few = false
    local at = redis.call("hget", job, "lovage:wake-at")
    if at then few = redis.call("scard", job .. ":dependencies") <= tonumber(at) end
    local nudged = redis.call("hexists", job, "lovage:nudge") == 1
    if why == "ended" and not few then return 0 end
    if why == "check" and not few and not nudged and redis.call("scard", job .. ":dependencies") > 0 then return 0 end
    if redis.call("zrem", KEYS[2], id) == 0 then
      if why == "now" then redis.call("hset", job, "lovage:nudge", "1") end
      return 0
    end
    redis.call("hdel", job, "lovage:nudge")
    local priority = tonumber(redis.call("hget", job, "priority")) or 0
    if priority == 0 then
      redis.call("rpush", KEYS[3], id)
    else
      local turn = redis.call("incr", KEYS[5])
      redis.call("zadd", KEYS[4], priority * 0x100000000 + turn % 0x100000000, id)
    end
    if redis.call("hexists", KEYS[7], "paused") == 0 then redis.call("zadd", KEYS[6], 0, "0") end
    redis.call("xadd", KEYS[8], "*", "event", "waiting", "jobId", id, "prev", "waiting-children")
    return 1
  end`;

/** Lua that must be atomic: a job may be removed, or its lock lost, between any two commands. */
const sources = {
  /** Sets a field of a job only while the caller holds the job's lock. */
  lovageSetHeld: {
    numberOfKeys: 2,
    lua: `
      if redis.call("get", KEYS[2]) ~= ARGV[1] then return 0 end
      if redis.call("exists", KEYS[1]) == 0 then return 0 end
      redis.call("hset", KEYS[1], ARGV[2], ARGV[3])
      return 1`,
  },
  /**
   * Takes a start back that began nothing. Only from who holds the lock: another worker's start stands, or two starts
   * would have one number.
   */
  lovageUnstart: {
    numberOfKeys: 2,
    lua: `
      if redis.call("get", KEYS[2]) ~= ARGV[1] then return 0 end
      return redis.call("hincrby", KEYS[1], "ats", -1)`,
  },
  /** Appends lines to the log of a job whose lock the caller holds, keeps the last ones, counts all, and moves a cursor. */
  lovageLog: {
    numberOfKeys: 3,
    lua: `
      if redis.call("get", KEYS[3]) ~= ARGV[1] then return 0 end
      redis.call("rpush", KEYS[2], unpack(ARGV, 6))
      redis.call("ltrim", KEYS[2], -tonumber(ARGV[2]), -1)
      if ARGV[5] ~= "" then redis.call("hset", KEYS[1], ARGV[4], ARGV[5]) end
      return redis.call("hincrby", KEYS[1], ARGV[3], #ARGV - 5)`,
  },
  /** Tells the progress of a job whose lock the caller holds, as BullMQ tells it. KEYS: job, lock, events, meta. */
  lovageProgress: {
    numberOfKeys: 4,
    lua: `
      if redis.call("get", KEYS[2]) ~= ARGV[1] then return 0 end
      redis.call("hset", KEYS[1], "progress", ARGV[3])
      local kept = redis.call("hget", KEYS[4], "opts.maxLenEvents") or 10000
      redis.call("xadd", KEYS[3], "MAXLEN", "~", kept, "*", "event", "progress", "jobId", ARGV[2], "data", ARGV[3])
      return 1`,
  },
  /** Marks a job as cancelled; returns its data, 0 when it has ended, -1 when there is none. */
  lovageCancel: {
    numberOfKeys: 1,
    lua: `
      if redis.call("exists", KEYS[1]) == 0 then return -1 end
      if redis.call("hexists", KEYS[1], "finishedOn") == 1 then return 0 end
      redis.call("hset", KEYS[1], ARGV[1], ARGV[2])
      return redis.call("hget", KEYS[1], "data")`,
  },
  lovageWake: { numberOfKeys: 8, lua: `${wake}\n      return wake(ARGV[1], ARGV[2])` },
  /**
   * Mends a workflow whose calls have ended without its hearing of it: a job that was removed by hand, a link that was
   * left. Then lets it run if it should. KEYS and ARGV[1] as of lovageWake; returns 1 when it runs again.
   */
  lovageSweep: {
    numberOfKeys: 8,
    lua: `${wake}
      for _, child in ipairs(redis.call("smembers", KEYS[1] .. ":dependencies")) do
        local ended, reason, value = unpack(redis.call("hmget", child, "finishedOn", "failedReason", "returnvalue"))
        local gone = redis.call("exists", child) == 0
        if gone or ended then
          redis.call("srem", KEYS[1] .. ":dependencies", child)
          if gone then
            redis.call("hset", KEYS[1] .. ":failed", child, "CHILD_LOST: the job was removed before it ended")
          elseif reason then
            redis.call("hset", KEYS[1] .. ":failed", child, reason)
          else
            redis.call("hset", KEYS[1] .. ":processed", child, value or "null")
          end
        end
      end
      return wake(ARGV[1], "check")`,
  },
  /** Replaces the data of a job that still exists. */
  lovageSetData: {
    numberOfKeys: 1,
    lua: `
      if redis.call("exists", KEYS[1]) == 0 then return 0 end
      redis.call("hset", KEYS[1], "data", ARGV[1])
      return 1`,
  },
  /** Replaces a hash. ARGV: its fields and values. */
  lovageReplaceHash: {
    numberOfKeys: 1,
    lua: `
      redis.call("del", KEYS[1])
      for at = 1, #ARGV, 2 do redis.call("hset", KEYS[1], ARGV[at], ARGV[at + 1]) end
      return 1`,
  },
  /** Sets a key that is not there; returns what it holds. */
  lovageSetOnce: {
    numberOfKeys: 1,
    lua: `
      redis.call("set", KEYS[1], ARGV[1], "NX")
      return redis.call("get", KEYS[1])`,
  },
  /** Sets a field of a hash that lacks it. */
  lovageSetMissing: { numberOfKeys: 1, lua: 'return redis.call("hsetnx", KEYS[1], ARGV[1], ARGV[2])' },
  /**
   * Writes a worker's beat under its name, by Redis' clock, unless another live worker has the name; returns the time in
   * milliseconds, or 0.
   */
  lovageBeat: {
    numberOfKeys: 1,
    lua: `
      local time = redis.call("time")
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      local known = redis.call("hget", KEYS[1], ARGV[1])
      if known then
        local at, instance = string.match(known, "^(%d+) (%S+) ")
        local other = at and instance ~= ARGV[2] and instance ~= ARGV[3]
        if other and now - tonumber(at) < tonumber(ARGV[4]) then return 0 end
      end
      redis.call("hset", KEYS[1], ARGV[1], string.format("%.0f %s %s", now, ARGV[2], ARGV[5]))
      return now`,
  },
  /** Removes a worker's beat, if it is still the one that is meant. */
  lovageForget: {
    numberOfKeys: 1,
    lua: `
      local known = redis.call("hget", KEYS[1], ARGV[1])
      if not known or string.match(known, "^%d+ (%S+) ") ~= ARGV[2] then return 0 end
      return redis.call("hdel", KEYS[1], ARGV[1])`,
  },
  /**
   * Claims the next replay of a dead job. A claim whose job was not added yet is given again to the same input.
   * Arguments: field, what the id begins with, the input's fingerprint, queue, "1" to replay what was replayed.
   * Returns [1 to add | 0 added already with this input, id, queue, record]; [2, id] when added with another input; [-1].
   */
  lovageClaimReplay: {
    numberOfKeys: 1,
    lua: `
      if redis.call("exists", KEYS[1]) == 0 then return { -1 } end
      local found = redis.call("hget", KEYS[1], ARGV[1])
      local last = found and cjson.decode(found) or { n = 0 }
      if found then
        local same = last.hash == ARGV[3]
        if not last.added then
          if same then return { 1, last.id, last.queue, found } end
        elseif ARGV[5] ~= "1" then
          if same then return { 0, last.id, last.queue, found } end
          return { 2, last.id }
        end
      end
      local n = last.n + 1
      local id = ARGV[2] .. "~replay-" .. n
      local record = cjson.encode({ n = n, id = id, queue = ARGV[4], hash = ARGV[3] })
      redis.call("hset", KEYS[1], ARGV[1], record)
      return { 1, id, ARGV[4], record }`,
  },
  /** Notes that a claimed replay was added, unless a later one was claimed meanwhile. */
  lovageReplayed: {
    numberOfKeys: 1,
    lua: `
      if redis.call("hget", KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
      local record = cjson.decode(ARGV[2])
      record.added = true
      redis.call("hset", KEYS[1], ARGV[1], cjson.encode(record))
      return 1`,
  },
  ...historyScript,
  ...slotsScript,
  lovageFinish: finishScript,
  ...rateLineScript,
  ...scheduleScripts,
  ...expiryScripts,
  ...searchScript,
  ...depthScript,
} as const;

/** The scripts as commands of the client. */
export interface ScriptCommands
  extends HistoryCommand,
    SlotsCommand,
    FinishCommand,
    RateLineCommand,
    ScheduleCommands,
    ExpiryCommands,
    SearchCommands,
    DepthCommand {
  lovageSetHeld(job: string, lock: string, token: string, field: string, value: string): Promise<number>;
  lovageUnstart(job: string, lock: string, token: string): Promise<number>;
  lovageLog(
    job: string,
    logs: string,
    lock: string,
    token: string,
    keep: number,
    countField: string,
    cursorField: string,
    cursor: string,
    ...lines: string[]
  ): Promise<number>;
  lovageProgress(
    job: string,
    lock: string,
    events: string,
    meta: string,
    token: string,
    id: string,
    json: string,
  ): Promise<number>;
  lovageCancel(job: string, field: string, value: string): Promise<string | number>;
  lovageSetData(job: string, data: string): Promise<number>;
  lovageReplaceHash(key: string, ...fieldsAndValues: string[]): Promise<number>;
  lovageSetOnce(key: string, value: string): Promise<string>;
  lovageSetMissing(key: string, field: string, value: string | number): Promise<number>;
  lovageBeat(
    workers: string,
    name: string,
    instance: string,
    replaces: string,
    silentAfter: number,
    beat: string,
  ): Promise<number>;
  lovageForget(workers: string, name: string, instance: string): Promise<number>;
  lovageClaimReplay(
    job: string,
    field: string,
    idBeginning: string,
    hash: string,
    queue: string,
    again: "0" | "1",
  ): Promise<[number, string, string, string]>;
  lovageReplayed(job: string, field: string, record: string): Promise<number>;
  lovageWake(...args: string[]): Promise<number>;
  lovageSweep(...args: string[]): Promise<number>;
}

export function withScripts(redis: Redis): Redis & ScriptCommands {
  goOnWhenFull(redis);
  for (const [name, script] of Object.entries(sources)) redis.defineCommand(name, script);
  return redis as Redis & ScriptCommands;
}
