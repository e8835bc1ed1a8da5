/** BullMQ's keys of a queue, in the order that {@link finishScript} takes them. */
export const finishKeys = [
  "wait",
  "active",
  "prioritized",
  "events",
  "stalled",
  "delayed",
  "meta",
  "pc",
  "completed",
  "marker",
] as const;

/** What the script says of a job that it left untouched: BullMQ's own script is to end it. */
export const leftToBullMq = -100;

/**
 * What BullMQ's script moveToFinished does for a completed job without a parent and the next one that is fetched for its
 * slot, for many jobs: what holds for all of them is looked at once. Whatever is out of the ordinary is left as it is. A test
 * compares what both leave in Redis.
 * ARGV: the keys' prefix, the time, the worker's name, how long a lock holds, how many completed jobs are kept and for how
 * many seconds; then for each job its id, its lock's token, its result, and whether (1) a next one is wanted.
 * Replies: one a job, as BullMQ's script does, or {@link leftToBullMq}; none at all: all are left.
 */
export const finishScript = {
  numberOfKeys: finishKeys.length,
  lua: `
    local call, try = redis.call, redis.pcall
    local wait, active, prioritized, events, stalled = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
    local delayed, meta, pc, completed, marker = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
    local prefix, now, worker, lockDuration = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
    local most, age = tonumber(ARGV[5]), tonumber(ARGV[6])

    local state = call("hmget", meta, "paused", "concurrency", "max", "opts.maxLenEvents")
    local closed, slots = state[1], tonumber(state[2])
    if state[3] or not state[4] then return nil end
    if #call("zrangebyscore", delayed, 0, (now + 1) * 0x1000 - 1, "LIMIT", 0, 1) > 0 then return nil end

    local function fromPrioritized()
      local first = call("zpopmin", prioritized)[1]
      if first then call("lpush", active, first) else call("del", pc) end
      return first
    end

    local function takeNext()
      local id = call("rpoplpush", wait, active)
      if not id then return fromPrioritized() end
      if string.sub(id, 1, 2) ~= "0:" then return id end
      -- A marker of older versions, which is no job.
      call("lrem", active, 1, id)
      return id == "0:0" and fromPrioritized()
    end

    local woke, untilDelayed = false, nil
    local function fetch(token)
      if closed or (slots and call("llen", active) >= slots) then return {0, 0, 0, 0} end
      local id = takeNext()
      if not id then
        if untilDelayed == nil then
          local score = tonumber(call("zrange", delayed, 0, 0, "WITHSCORES")[2])
          untilDelayed = score and score / 0x1000 or false
        end
        return untilDelayed and {0, 0, 0, untilDelayed} or 0
      end
      local job = prefix .. id
      local fields = try("hgetall", job)
      -- A key of another kind in the job's place: it stays with the active ones, and is found there.
      if fields.err then return 0 end
      local starts = 0
      for at = 1, #fields, 2 do
        if fields[at] == "ats" then starts = tonumber(fields[at + 1]) or 0 end
      end
      starts = string.format("%d", starts + 1)
      call("set", job .. ":lock", token, "PX", lockDuration)
      call("xadd", events, "*", "event", "active", "jobId", id, "prev", "waiting")
      call("hset", job, "processedOn", ARGV[2], "pb", worker, "ats", starts)
      local size = #fields
      fields[size + 1], fields[size + 2] = "processedOn", ARGV[2]
      fields[size + 3], fields[size + 4] = "pb", worker
      fields[size + 5], fields[size + 6] = "ats", starts
      woke = true
      return {fields, id, 0, 0}
    end

    -- Few jobs ever waited for others: those of all are asked for at once, and one by one only where there are any.
    local children = {}
    for at = 7, #ARGV, 4 do
      local job = prefix .. ARGV[at]
      children[#children + 1] = job .. ":dependencies"
      children[#children + 1] = job .. ":unsuccessful"
    end
    local childless = call("exists", unpack(children)) == 0

    local replies, scores, released, idle = {}, {}, {}, false
    for at = 7, #ARGV, 4 do
      local id, token, result = ARGV[at], ARGV[at + 1], ARGV[at + 2]
      local job = prefix .. id
      local lock = job .. ":lock"
      local reply = ${leftToBullMq}
      local known = try("hmget", job, "timestamp", "atm", "parentKey", "deid")
      if known[1] and not known[3] and not known[4] and try("get", lock) == token
        and (childless or call("exists", job .. ":dependencies", job .. ":unsuccessful") == 0)
        and call("lrem", active, -1, id) > 0 then
        -- Before the next job is taken, which may be the same one where a list has it twice.
        call("del", lock)
        local attempts = string.format("%d", (tonumber(known[2]) or 0) + 1)
        call("hset", job, "returnvalue", result, "finishedOn", ARGV[2], "atm", attempts)
        if #released == 0 then
          call("xadd", events, "MAXLEN", "~", state[4], "*", "event", "completed", "jobId", id, "returnvalue", result, "prev", "active")
        else
          call("xadd", events, "*", "event", "completed", "jobId", id, "returnvalue", result, "prev", "active")
        end
        released[#released + 1] = id
        scores[#scores + 1] = ARGV[2]
        scores[#scores + 1] = id
        reply = ARGV[at + 3] == "1" and fetch(token) or 0
        if reply == 0 then idle = true end
      end
      replies[#replies + 1] = reply
    end
    if #released == 0 then return replies end
    call("srem", stalled, unpack(released))
    call("zadd", completed, unpack(scores))
    if woke then call("zadd", marker, 0, "0") end
    if idle and call("exists", wait, active, prioritized) == 0 then call("xadd", events, "*", "event", "drained") end

    local function forget(ids)
      local keys = {}
      for at, id in ipairs(ids) do
        local job = prefix .. id
        local parent = try("hget", job, "parentKey")
        -- A parent that still waits for it: BullMQ lets it go on.
        if type(parent) == "string" and parent ~= "" and call("sismember", parent .. ":dependencies", job) == 1 then
          keys, ids = {}, {}
          break
        end
        local size = at * 6 - 6
        keys[size + 1], keys[size + 2], keys[size + 3] = job, job .. ":logs", job .. ":dependencies"
        keys[size + 4], keys[size + 5], keys[size + 6] = job .. ":processed", job .. ":failed", job .. ":unsuccessful"
      end
      if #ids == 0 then return end
      call("del", unpack(keys))
      call("zrem", completed, unpack(ids))
    end
    forget(call("zrangebyscore", completed, "-inf", now - age * 1000, "LIMIT", 0, 500))
    local over = call("zcard", completed) - most
    if over > 0 then forget(call("zrange", completed, 0, math.min(over, 500) - 1)) end
    return replies`,
} as const;

export interface FinishCommand {
  lovageFinish(...keysAndArguments: (string | number)[]): Promise<unknown[] | null>;
}
