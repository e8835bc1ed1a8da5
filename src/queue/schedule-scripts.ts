/**
 * Lua of schedules. A schedule is a hash; an index of all names is ordered by the moment at which each is due, +inf for
 * those that are not armed. What only the acting scheduler may do carries the term of its lease, so that one which slept
 * meanwhile changes nothing.
 */

const isActing = `
  local function acts(term)
    return term == "" or redis.call("hget", KEYS[1], "term") == term
  end`;

/** Sets the next time; an empty one means that the schedule is not armed. */
const arm = `
  local function arm(name, next, due)
    redis.call("hset", KEYS[3], "next", next, "due", due)
    redis.call("zadd", KEYS[2], due == "" and "+inf" or due, name)
  end`;

export const scheduleScripts = {
  /**
   * Takes or renews the lease. ARGV: who asks, for how many milliseconds. Returns the term, 0 when another has the
   * lease. A lease that ran out and is taken again begins a new term, even with the same holder.
   */
  lovageLease: {
    numberOfKeys: 2,
    lua: `
      local holder = redis.call("hget", KEYS[1], "holder")
      if holder and holder ~= ARGV[1] then return 0 end
      if not holder then
        redis.call("hset", KEYS[1], "holder", ARGV[1], "term", redis.call("incr", KEYS[2]), "length", ARGV[2])
      end
      redis.call("pexpire", KEYS[1], ARGV[2])
      return tonumber(redis.call("hget", KEYS[1], "term"))`,
  },
  /** Gives the lease up. ARGV: who has it, the channel on which others hear of it, by an empty message. */
  lovageLeaseEnd: {
    numberOfKeys: 1,
    lua: `
      if redis.call("hget", KEYS[1], "holder") ~= ARGV[1] then return 0 end
      redis.call("del", KEYS[1])
      redis.call("publish", ARGV[2], "")
      return 1`,
  },
  /**
   * Writes a schedule. ARGV: term, name, origin, mode ("create", "update", "either"), spec, timing, next, due, channel.
   * The next time is taken over when the schedule is new or its timing changed, and it is not paused.
   * Returns 1 created, 2 changed, 3 changed with its timing, 0 as it was; -1 not acting, -2 there is one already or one
   * of another origin, -3 there is none.
   */
  lovageSchedulePut: {
    numberOfKeys: 3,
    lua: `${isActing}${arm}
      if not acts(ARGV[1]) then return -1 end
      local origin, spec, timing, paused = unpack(redis.call("hmget", KEYS[3], "origin", "spec", "timing", "paused"))
      if origin and (origin ~= ARGV[3] or ARGV[4] == "create") then return -2 end
      if not origin and ARGV[4] == "update" then return -3 end
      if spec == ARGV[5] and timing == ARGV[6] then
        if redis.call("zscore", KEYS[2], ARGV[2]) then return 0 end
        local due = redis.call("hget", KEYS[3], "due")
        redis.call("zadd", KEYS[2], due and due ~= "" and due or "+inf", ARGV[2])
        return 3
      end
      redis.call("hset", KEYS[3], "origin", ARGV[3], "spec", ARGV[5], "timing", ARGV[6])
      if timing == ARGV[6] then return 2 end
      if paused then arm(ARGV[2], "", "") else arm(ARGV[2], ARGV[7], ARGV[8]) end
      redis.call("publish", ARGV[9], ARGV[2])
      return origin and 3 or 1`,
  },
  /** ARGV: term, name, origin, channel. Returns 1 when it was removed. KEYS end with the set of those that wait. */
  lovageScheduleRemove: {
    numberOfKeys: 4,
    lua: `${isActing}
      if not acts(ARGV[1]) then return -1 end
      if redis.call("hget", KEYS[3], "origin") ~= ARGV[3] then return 0 end
      redis.call("zrem", KEYS[2], ARGV[2])
      redis.call("srem", KEYS[4], ARGV[2])
      redis.call("del", KEYS[3])
      redis.call("publish", ARGV[4], ARGV[2])
      return 1`,
  },
  /** Takes a name out of the index whose schedule is gone. KEYS: index, schedule. ARGV: name. */
  lovageScheduleForget: {
    numberOfKeys: 2,
    lua: `
      if redis.call("exists", KEYS[2]) == 1 then return 0 end
      return redis.call("zrem", KEYS[1], ARGV[1])`,
  },
  /** ARGV: name, JSON of who paused it and why, channel. Returns 0 when there is none. */
  lovageSchedulePause: {
    numberOfKeys: 3,
    lua: `${arm}
      if redis.call("exists", KEYS[3]) == 0 then return 0 end
      redis.call("hset", KEYS[3], "paused", ARGV[2])
      arm(ARGV[1], "", "")
      redis.call("publish", ARGV[3], ARGV[1])
      return 1`,
  },
  /**
   * ARGV: name, the timing for which the next time was reckoned, next, due, channel. Returns 1, 0 when there is none,
   * 2 when it was not paused, 3 when it changed meanwhile.
   */
  lovageScheduleResume: {
    numberOfKeys: 3,
    lua: `${arm}
      if redis.call("exists", KEYS[3]) == 0 then return 0 end
      local paused, timing = unpack(redis.call("hmget", KEYS[3], "paused", "timing"))
      if not paused then return 2 end
      if timing ~= ARGV[2] then return 3 end
      redis.call("hdel", KEYS[3], "paused")
      arm(ARGV[1], ARGV[3], ARGV[4])
      redis.call("publish", ARGV[5], ARGV[1])
      return 1`,
  },
  /**
   * Moves a schedule on from a time that is due, and, in the same step, notes what is to be done for it: a job to add
   * (`firing`), or a time that waits for the earlier job's end (`queued`). KEYS: lease, index, schedule, firings, those
   * that wait. ARGV: term, name, the time from which, next, due, how many times are skipped, queued, job's id, firing,
   * the moment from which it is due.
   * Returns 1; -1 not acting; 0 when it moved on, was paused, changed or is not due any more.
   */
  lovageScheduleFire: {
    numberOfKeys: 5,
    lua: `${isActing}${arm}
      if not acts(ARGV[1]) then return -1 end
      local from, paused = unpack(redis.call("hmget", KEYS[3], "next", "paused"))
      if from ~= ARGV[3] or paused then return 0 end
      local time = redis.call("time")
      if time[1] * 1000 + math.floor(time[2] / 1000) < tonumber(ARGV[10]) then return 0 end
      arm(ARGV[2], ARGV[4], ARGV[5])
      if ARGV[6] ~= "0" then redis.call("hincrby", KEYS[3], "skipped", ARGV[6]) end
      if ARGV[7] ~= "" then
        redis.call("hset", KEYS[3], "queued", ARGV[7])
        redis.call("sadd", KEYS[5], ARGV[2])
      end
      if ARGV[8] ~= "" then
        redis.call("hset", KEYS[4], ARGV[8], ARGV[9])
        redis.call("hincrby", KEYS[3], "fired", 1)
      end
      return 1`,
  },
  /** Fires for the time that waited. KEYS as above. ARGV: term, name, the time, job's id, firing. */
  lovageScheduleFireQueued: {
    numberOfKeys: 5,
    lua: `${isActing}
      if not acts(ARGV[1]) then return -1 end
      local queued, paused = unpack(redis.call("hmget", KEYS[3], "queued", "paused"))
      if queued ~= ARGV[3] or paused then return 0 end
      redis.call("hdel", KEYS[3], "queued")
      redis.call("srem", KEYS[5], ARGV[2])
      redis.call("hset", KEYS[4], ARGV[4], ARGV[5])
      redis.call("hincrby", KEYS[3], "fired", 1)
      return 1`,
  },
  /** ARGV: term, name, the next time that is wrong, next, due. Returns 1 when it was armed again. */
  lovageScheduleRearm: {
    numberOfKeys: 3,
    lua: `${isActing}${arm}
      if not acts(ARGV[1]) then return -1 end
      local from, paused = unpack(redis.call("hmget", KEYS[3], "next", "paused"))
      if from ~= ARGV[3] or paused then return 0 end
      arm(ARGV[2], ARGV[4], ARGV[5])
      redis.call("hincrby", KEYS[3], "rearmed", 1)
      return 1`,
  },
  /**
   * Ticks a firing off once its job is there, so that whoever is told of the job finds it. KEYS: the job, firings,
   * schedule. ARGV: the job's id, last, lateness.
   */
  lovageFiringDone: {
    numberOfKeys: 3,
    lua: `
      if redis.call("exists", KEYS[1]) == 0 then return 0 end
      if redis.call("exists", KEYS[3]) == 1 then
        redis.call("hset", KEYS[3], "last", ARGV[2], "lateness", ARGV[3])
      end
      return redis.call("hdel", KEYS[2], ARGV[1])`,
  },
} as const;

export interface ScheduleCommands {
  lovageLease(lease: string, terms: string, holder: string, milliseconds: number): Promise<number>;
  lovageLeaseEnd(lease: string, holder: string, channel: string): Promise<number>;
  lovageSchedulePut(...keysAndArguments: string[]): Promise<number>;
  lovageScheduleRemove(...keysAndArguments: string[]): Promise<number>;
  lovageScheduleForget(index: string, schedule: string, name: string): Promise<number>;
  lovageSchedulePause(...keysAndArguments: string[]): Promise<number>;
  lovageScheduleResume(...keysAndArguments: string[]): Promise<number>;
  lovageScheduleFire(...keysAndArguments: string[]): Promise<number>;
  lovageScheduleFireQueued(...keysAndArguments: string[]): Promise<number>;
  lovageScheduleRearm(...keysAndArguments: string[]): Promise<number>;
}
