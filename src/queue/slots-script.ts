/**
 * The slots of one task that has a concurrency limit, in keys that begin with KEYS[1]:
 * - `:slots` and `:slots:<key>`, sorted sets: who holds a lease, by the moment it runs out;
 * - `:line:<key>`, a sorted set: who waits, the oldest job first;
 * - `:ring`, a sorted set: the keys that have both waiters and room, by whose turn it is;
 * - `:who`, a hash: the age and the key of everybody in any of these;
 * - `:unclaimed`, a hash: who was granted a lease and woken, and has not come yet;
 * - `:worker`, a hash: which worker runs each job, so that one that lost a job to another does not give its slot away.
 * Redis' own clock counts, so that the workers' clocks need not agree.
 */
const lua = `
  local base, op, me = KEYS[1], ARGV[1], ARGV[2]
  local lease, total, perKey = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local jobs, cancelField, worker = ARGV[6], ARGV[7], ARGV[8]
  local slots, ring, who, unclaimed = base .. ":slots", base .. ":ring", base .. ":who", base .. ":unclaimed"
  local workers = base .. ":worker"
  local clock = redis.call("time")
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  local granted = {}

  local function lineOf(key) return base .. ":line:" .. key end

  local function split(entry)
    local since, key = string.match(entry, "^(%d+):(.*)$")
    return tonumber(since), key
  end

  local function hasRoom(key)
    return perKey == 0 or redis.call("zcard", slots .. ":" .. key) < perKey
  end

  local function refresh(key)
    if redis.call("exists", lineOf(key)) == 0 or not hasRoom(key) then
      redis.call("zrem", ring, key)
    elseif not redis.call("zscore", ring, key) then
      redis.call("zadd", ring, redis.call("incr", base .. ":turn"), key)
    end
  end

  local function hold(member, key)
    redis.call("zadd", slots, now + lease, member)
    if perKey > 0 then redis.call("zadd", slots .. ":" .. key, now + lease, member) end
  end

  local function drop(member, key)
    redis.call("zrem", slots, member)
    if perKey > 0 then redis.call("zrem", slots .. ":" .. key, member) end
    redis.call("hdel", workers, member)
  end

  -- Where jobs may be in other shards than the limit, who is woken is looked at after.
  local function waits(member)
    if jobs == "" then return true end
    local job = redis.call("hmget", jobs .. member, "name", "finishedOn", cancelField)
    return job[1] and not job[2] and not job[3]
  end

  -- A lease nobody renews is a dead worker's, unless its job was never taken: then the job gets its place back.
  local function expire()
    for _, member in ipairs(redis.call("zrangebyscore", slots, "-inf", now)) do
      local since, key = split(redis.call("hget", who, member) or "0:")
      drop(member, key)
      if redis.call("hdel", unclaimed, member) == 1 then
        redis.call("zadd", lineOf(key), since, member)
      else
        redis.call("hdel", who, member)
      end
      refresh(key)
    end
  end

  local function grant()
    -- Lua returns no more than some thousands of values; whoever asks or leaves next goes on.
    while #granted < 1000 and (total == 0 or redis.call("zcard", slots) < total) do
      local key = redis.call("zrange", ring, 0, 0)[1]
      if not key then return end
      local first = redis.call("zpopmin", lineOf(key))[1]
      if first and (first == me or waits(first)) then
        hold(first, key)
        redis.call("zadd", ring, redis.call("incr", base .. ":turn"), key)
        if first == me then
          redis.call("hset", workers, me, worker)
        else
          redis.call("hset", unclaimed, first, 1)
          granted[#granted + 1] = first
        end
      elseif first then
        redis.call("hdel", who, first)
      end
      refresh(key)
    end
  end

  if op == "renew" then
    local lost = {}
    for index = 9, #ARGV do
      local member = ARGV[index]
      if redis.call("zscore", slots, member) and redis.call("hget", workers, member) == worker then
        local _, key = split(redis.call("hget", who, member) or "0:")
        hold(member, key)
      else
        lost[#lost + 1] = member
      end
    end
    return lost
  end

  expire()
  if op == "leave" then
    local entry = redis.call("hget", who, me)
    local runs = redis.call("hget", workers, me)
    if entry and (not runs or runs == worker) then
      local _, key = split(entry)
      drop(me, key)
      redis.call("zrem", lineOf(key), me)
      redis.call("hdel", who, me)
      redis.call("hdel", unclaimed, me)
      refresh(key)
    end
    grant()
    return {0, unpack(granted)}
  end

  local key, force = ARGV[10], ARGV[11] == "1"
  local entry = redis.call("hget", who, me)
  local _, earlier = split(entry or "0:" .. key)
  if earlier ~= key then
    -- The task's code makes another key of the same input by now.
    drop(me, earlier)
    redis.call("zrem", lineOf(earlier), me)
    redis.call("hdel", unclaimed, me)
    refresh(earlier)
    entry = false
  end
  local idle = redis.call("zcard", ring) == 0 and redis.call("exists", lineOf(key)) == 0
  if not entry and idle and (total == 0 or redis.call("zcard", slots) < total) and hasRoom(key) then
    -- Nobody waits and there is room, as at most times.
    hold(me, key)
    redis.call("hset", who, me, "0:" .. key)
    redis.call("hset", workers, me, worker)
    return {-1}
  end
  if not entry then
    -- Many jobs are enqueued in one millisecond; they stay in the order in which they come here.
    local place = ARGV[9] * 4096 + redis.call("incr", base .. ":turn") % 4096
    entry = string.format("%.0f", place) .. ":" .. key
    redis.call("hset", who, me, entry)
  end
  local since = split(entry)
  if force or redis.call("zscore", slots, me) then
    redis.call("hdel", unclaimed, me)
    redis.call("zrem", lineOf(key), me)
    hold(me, key)
    redis.call("hset", workers, me, worker)
    refresh(key)
    grant()
    return {-1, unpack(granted)}
  end
  redis.call("zadd", lineOf(key), since, me)
  refresh(key)
  grant()
  if redis.call("zscore", slots, me) then return {-1, unpack(granted)} end
  return {redis.call("zrank", lineOf(key), me), unpack(granted)}`;

export const slotsScript = { lovageSlots: { numberOfKeys: 1, lua } } as const;

export interface SlotsCommand {
  /** `ask` answers -1 or how many of its key wait before it, and then who must be woken; `leave` likewise. */
  lovageSlots(
    base: string,
    op: "ask" | "leave",
    member: string,
    lease: number,
    total: number,
    perKey: number,
    jobs: string,
    cancelField: string,
    worker: string,
    ...more: (string | number)[]
  ): Promise<[number, ...string[]]>;
  /** Those whose lease has run out. */
  lovageSlots(
    base: string,
    op: "renew",
    member: "",
    lease: number,
    total: number,
    perKey: number,
    jobs: string,
    cancelField: string,
    worker: string,
    ...members: string[]
  ): Promise<string[]>;
}
