/** Lua of the expiry of jobs that wait. */
export const expiryScripts = {
  /**
   * Jobs of a part of a list whose data speaks of an expiry that has passed; whether it is theirs is looked at after.
   * KEYS: the list. ARGV: what a job's key begins with, the list's name, how many old ones are passed over, how many
   * are looked at, now. Ends early when it has read eight megabytes. Returns how many it looked at, then the ids.
   */
  lovageFindExpired: {
    numberOfKeys: 1,
    lua: `
      local from, count = tonumber(ARGV[3]), tonumber(ARGV[4])
      local ids
      if ARGV[2] == "wait" then
        ids = redis.call("lrange", KEYS[1], -(from + count), -(from + 1))
      else
        ids = redis.call("zrange", KEYS[1], from, from + count - 1)
      end
      local first, last, step = 1, #ids, 1
      if ARGV[2] == "wait" then first, last, step = #ids, 1, -1 end
      local found, looked, bytes = { 0 }, 0, 0
      for at = first, last, step do
        if bytes > 8388608 then break end
        looked = looked + 1
        local data, started = unpack(redis.call("hmget", ARGV[1] .. ids[at], "data", "ats"))
        if data and (started or "0") == "0" then
          bytes = bytes + #data
          local place = string.find(data, '"expiresAt":', 1, true)
          for expiry in string.gmatch(place and string.sub(data, place) or "", '"expiresAt":(%d+)') do
            if tonumber(expiry) < tonumber(ARGV[5]) then
              found[#found + 1] = ids[at]
              break
            end
          end
        end
      end
      found[1] = looked
      return found`,
  },
  /**
   * Takes a job that no worker ever took, as a worker would, wherever in the line it is. KEYS: the job, its lock, wait,
   * prioritized, active. ARGV: id, token, milliseconds of the lock.
   */
  lovageTakeUnstarted: {
    numberOfKeys: 5,
    lua: `
      local name, finished, started = unpack(redis.call("hmget", KEYS[1], "name", "finishedOn", "ats"))
      if not name or finished or (started or "0") ~= "0" then return 0 end
      if redis.call("lrem", KEYS[3], -1, ARGV[1]) == 0 and redis.call("zrem", KEYS[4], ARGV[1]) == 0 then
        return 0
      end
      redis.call("lpush", KEYS[5], ARGV[1])
      redis.call("set", KEYS[2], ARGV[2], "PX", ARGV[3])
      return 1`,
  },
} as const;

export interface ExpiryCommands {
  lovageFindExpired(
    list: string,
    keyBeginning: string,
    name: string,
    from: number,
    count: number,
    now: number,
  ): Promise<(number | string)[]>;
  lovageTakeUnstarted(...keysAndArguments: (string | number)[]): Promise<number>;
}
