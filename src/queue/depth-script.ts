/**
 * How many jobs of a queue are in each state, and how long the oldest has been, at the cost of a few single looks however
 * long the queue is. KEYS[1]: what the queue's keys begin with. Answers, for each state of {@link depthStates}, a count and
 * the age in milliseconds (-1: not known), and then whether the queue is paused. Redis' own clock counts.
 *
 * Of jobs by priority two are looked at: the next one, and the first of the least priority, which may starve. A job that
 * was tried before has waited since its last attempt began at the longest.
 */
const lua = `
  local base = KEYS[1]
  local clock = redis.call("time")
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

  local function fields(id, ...) return redis.call("hmget", base .. id, ...) end
  local function ago(moment) return moment and math.max(0, now - moment) or -1 end

  local function waited(id)
    if not id then return -1 end
    local job = fields(id, "timestamp", "delay", "processedOn")
    local enqueued = tonumber(job[1])
    -- Others may have written it.
    if not enqueued then return -1 end
    return ago(math.max(enqueued + (tonumber(job[2]) or 0), tonumber(job[3]) or 0))
  end

  local function taken(id)
    return id and ago(tonumber(fields(id, "processedOn")[1])) or -1
  end

  local prioritized = base .. "prioritized"
  local last = redis.call("zrange", prioritized, -1, -1, "WITHSCORES")
  local least = last[2] and math.floor(last[2] / 0x100000000) * 0x100000000
  local starving = least and redis.call("zrangebyscore", prioritized, string.format("%.0f", least), "+inf", "LIMIT", 0, 1)[1]
  local waiting = math.max(
    waited(redis.call("lindex", base .. "wait", -1)),
    waited(redis.call("zrange", prioritized, 0, 0)[1]),
    waited(starving))

  local function due(name)
    local first = redis.call("zrange", base .. name, 0, 0, "WITHSCORES")[2]
    return first and ago(math.floor(first / 0x1000)) or -1
  end

  local parked = redis.call("zrange", base .. "waiting-children", 0, 0)[1]
  local function size(name) return redis.call("zcard", base .. name) end
  return {
    redis.call("llen", base .. "wait") + size("prioritized"), waiting,
    size("delayed"), due("delayed"),
    redis.call("llen", base .. "active"), taken(redis.call("lindex", base .. "active", -1)),
    size("waiting-children"), taken(parked),
    size("completed"), -1,
    size("failed"), -1,
    redis.call("hexists", base .. "meta", "paused"),
  }`;

/** The states that are counted, in the order of the script's answer. Cancelled and expired jobs count as failed. */
export const depthStates = [
  "waiting",
  "scheduled",
  "active",
  "waiting-children",
  "completed",
  "failed",
] as const;

export const depthScript = { lovageDepth: { numberOfKeys: 1, lua } } as const;

export interface DepthCommand {
  lovageDepth(base: string): Promise<number[]>;
}
