import type { JobQuery } from "./found-job.ts";
import { jobFields } from "./keys.ts";
import { plainRun } from "./search-text.ts";

/**
 * What the script looks for. It lets through whatever may fit: what is exact needs JSON and Unicode, which are left to
 * the caller, who reads the few that are let through.
 */
export interface Sieve {
  /** Any of these. */
  tasks?: readonly string[];
  worker?: string;
  /** Milliseconds since 1970. */
  since?: number;
  until?: number;
  /** In the data, as it is written there. */
  data?: string;
  /** In the data, the result or the error, in small letters. */
  text?: string;
  /** Each somewhere in the error. */
  error?: string[];
  /** Whether the job must, or must not, have been told to cancel. */
  cancelled?: "yes" | "no";
}

/** Codes that Lovage reads out of BullMQ's own reasons, where the job has no error record. */
const unwrittenCodes = ["JOB_STALLED", "JOB_FAILED"];

/** The sieve of a query; undefined when it lets everything through. */
export function sieveOf(query: JobQuery, extra: Pick<Sieve, "error" | "cancelled">): Sieve | undefined {
  const { worker, since, until, tag, text, code } = query;
  const tasks = query.task === undefined ? query.tasks : [query.task];
  const error = [
    ...(extra.error ?? []),
    ...(code === undefined || unwrittenCodes.includes(code) ? [] : [code]),
  ];
  const data = plainRun(tag);
  const anywhere = plainRun(text)?.toLowerCase();
  const sieve: Sieve = {
    ...(tasks !== undefined && { tasks }),
    ...(worker !== undefined && { worker }),
    ...(since !== undefined && { since: since.getTime() }),
    ...(until !== undefined && { until: until.getTime() }),
    ...(data !== undefined && { data }),
    ...(anywhere !== undefined && { text: anywhere }),
    ...(error.length > 0 && { error }),
    ...(extra.cancelled !== undefined && { cancelled: extra.cancelled }),
  };
  return Object.keys(sieve).length === 0 ? undefined : sieve;
}

/**
 * Looks at some jobs inside Redis, which is two to three times as fast as reading them. Ends early when it has read
 * many bytes, so that Redis answers others soon.
 * KEYS: what job keys begin with. Arguments: the sieve as JSON, the ids.
 * Returns how many were looked at, when the last of them was enqueued, and the places of those let through, from 1.
 */
export const searchScript = {
  lovageSieve: {
    numberOfKeys: 1,
    lua: `
      local sieve = cjson.decode(ARGV[1])
      local named
      if sieve.tasks then
        named = {}
        for _, task in ipairs(sieve.tasks) do named[task] = true end
      end
      local fields = { "timestamp", "name", "pb" }
      local big = #fields
      if sieve.data or sieve.text then fields[#fields + 1] = "data" end
      if sieve.text then fields[#fields + 1] = "returnvalue" end
      local errors = #fields
      if sieve.text or sieve.error then
        fields[#fields + 1] = "${jobFields.error}"
        fields[#fields + 1] = "failedReason"
      end
      local wish = #fields + 1
      if sieve.cancelled then fields[wish] = "${jobFields.cancel}" end
      local bytes, looked, last = 0, 0, ""
      local passed = {}
      local function fits(job)
        if named and not named[job[2]] then return false end
        if sieve.worker and job[3] ~= sieve.worker then return false end
        local at = tonumber(job[1]) or 0
        if sieve.since and at < sieve.since then return false end
        if sieve["until"] and at >= sieve["until"] then return false end
        if sieve.cancelled and (job[wish] ~= false) ~= (sieve.cancelled == "yes") then return false end
        if sieve.data and not string.find(job[big + 1] or "", sieve.data, 1, true) then return false end
        for _, code in ipairs(sieve.error or {}) do
          local said = (job[errors + 1] or "") .. (job[errors + 2] or "")
          if not string.find(said, code, 1, true) then return false end
        end
        if not sieve.text then return true end
        for at = big + 1, errors + 2 do
          if job[at] and string.find(string.lower(job[at]), sieve.text, 1, true) then return true end
        end
        return false
      end
      for at = 2, #ARGV do
        local job = redis.call("hmget", KEYS[1] .. ARGV[at], unpack(fields))
        looked = looked + 1
        for index = big + 1, #fields do bytes = bytes + #(job[index] or "") end
        if job[2] then
          last = job[1]
          if fits(job) then passed[#passed + 1] = looked end
        end
        if bytes > 2000000 then break end
      end
      return { looked, last, unpack(passed) }`,
  },
  /**
   * Goes on with a list that grows at its head and is taken from at its end.
   * Arguments: how many, where the next one was, how many were left from it on, which one was the end, how many of the
   * following ones were passed, the ids of those (the last first), the ids of the next ones. No ids: from the head.
   * Returns where the next one is now, how many are left from it on, which one is the end, 1 if the place was lost, ids.
   */
  lovageListSlice: {
    numberOfKeys: 1,
    lua: `
      local list, count, was, left = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
      local passed = tonumber(ARGV[5])
      local length = redis.call("llen", list)
      local function find()
        if #ARGV == 5 then return 0, 0 end
        if passed > 0 then
          -- Where nothing came, or nothing was taken, it is where it was, counted from one of the ends.
          if was > 0 and redis.call("lindex", list, was - 1) == ARGV[6] then return was, 0 end
          if redis.call("lindex", list, -left - 1) == ARGV[6] then return length - left, 0 end
        end
        for at = 6, #ARGV do
          local found = redis.call("lpos", list, ARGV[at])
          if found then return found + (at < 6 + passed and 1 or 0), 0 end
        end
        -- Jobs are taken from the end: if that is still there, those around the place were removed, else all was taken.
        if redis.call("lpos", list, ARGV[4], "rank", -1) then return math.max(0, length - left), 1 end
        return length, 0
      end
      local start, lost = find()
      local ids = redis.call("lrange", list, start, start + count - 1)
      return { start, length - start, redis.call("lindex", list, -1) or "", lost, unpack(ids) }`,
  },
} as const;

export interface SearchCommands {
  lovageListSlice(
    list: string,
    ...args: (string | number)[]
  ): Promise<[index: number, left: number, last: string, lost: 0 | 1, ...ids: string[]]>;
  lovageSieve(
    keyPrefix: string,
    sieve: string,
    ...ids: string[]
  ): Promise<[looked: number, last: string, ...places: number[]]>;
}
