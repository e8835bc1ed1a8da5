/**
 * Who waits for the rate limit of a task: KEYS[1] is a sorted set of them, the first come first, KEYS[2] the limiter's
 * count of the running window. Answers -1 when the job may try at once (-2 when it stands in the line), else after how many milliseconds its turn is:
 * the limit's windows are given away in the order of the line.
 */
const lua = `
  local me, count, per, refused = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == "1"
  local jobs, cancelField = ARGV[5], ARGV[6]
  local function waits(member)
    if jobs == "" then return true end
    local job = redis.call("hmget", jobs .. member, "name", "finishedOn", cancelField)
    return job[1] and not job[2] and not job[3]
  end
  -- Jobs that were cancelled or removed hold nobody up: both ends of the line are looked at.
  for _, place in ipairs({0, -1}) do
    for _ = 1, 100 do
      local member = redis.call("zrange", KEYS[1], place, place)[1]
      if not member or member == me or waits(member) then break end
      redis.call("zrem", KEYS[1], member)
    end
  end
  local rank = redis.call("zrank", KEYS[1], me)
  if rank and not refused then return -2 end
  local ahead = rank or redis.call("zcard", KEYS[1])
  local left = redis.call("pttl", KEYS[2])
  local taken = tonumber(redis.call("get", KEYS[2]) or "0")
  if left < 0 then left, taken = per, 0 end
  local room = math.max(0, count - taken)
  if not refused and ahead < room then return -1 end
  if not rank then
    local clock = redis.call("time")
    redis.call("zadd", KEYS[1], clock[1] * 1000000 + clock[2], me)
  end
  return left + math.floor(math.max(0, ahead - room) / count) * per`;

export const rateLineScript = { lovageRateLine: { numberOfKeys: 2, lua } } as const;

export interface RateLineCommand {
  lovageRateLine(
    line: string,
    counter: string,
    member: string,
    count: number,
    per: number,
    refused: 0 | 1,
    jobs: string,
    cancelField: string,
  ): Promise<number>;
}
