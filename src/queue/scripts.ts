import type { Redis } from "ioredis";
import { type RateLineCommand, rateLineScript } from "./rate-line-script.ts";
import { type SlotsCommand, slotsScript } from "./slots-script.ts";

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
  /** Marks a job as cancelled; returns its data, 0 when it has ended, -1 when there is none. */
  lovageCancel: {
    numberOfKeys: 1,
    lua: `
      if redis.call("exists", KEYS[1]) == 0 then return -1 end
      if redis.call("hexists", KEYS[1], "finishedOn") == 1 then return 0 end
      redis.call("hset", KEYS[1], ARGV[1], ARGV[2])
      return redis.call("hget", KEYS[1], "data")`,
  },
  /** Replaces the data of a job that still exists. */
  lovageSetData: {
    numberOfKeys: 1,
    lua: `
      if redis.call("exists", KEYS[1]) == 0 then return 0 end
      redis.call("hset", KEYS[1], "data", ARGV[1])
      return 1`,
  },
  ...slotsScript,
  ...rateLineScript,
} as const;

/** The scripts as commands of the client. */
export interface ScriptCommands extends SlotsCommand, RateLineCommand {
  lovageSetHeld(job: string, lock: string, token: string, field: string, value: string): Promise<number>;
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
  lovageCancel(job: string, field: string, value: string): Promise<string | number>;
  lovageSetData(job: string, data: string): Promise<number>;
}

export function withScripts(redis: Redis): Redis & ScriptCommands {
  for (const [name, script] of Object.entries(sources)) redis.defineCommand(name, script);
  return redis as Redis & ScriptCommands;
}
