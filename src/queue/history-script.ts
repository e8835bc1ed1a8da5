/**
 * Writes figures into hashes that expire by themselves. KEYS come in threes: one hash for each resolution. ARGV[1]: how
 * ("add", or "greatest" of the old and the new figure); then for each three of KEYS their times of expiry in
 * milliseconds since 1970, a number of figures, and so many fields and figures.
 */
const lua = `
  local function add(key, field, figure) redis.call("hincrby", key, field, figure) end
  local function greatest(key, field, figure)
    local known = tonumber(redis.call("hget", key, field))
    if not known or known < tonumber(figure) then redis.call("hset", key, field, figure) end
  end
  local write = ARGV[1] == "add" and add or greatest
  local at = 2
  for first = 1, #KEYS, 3 do
    local count = tonumber(ARGV[at + 3])
    for which = 0, 2 do
      local key = KEYS[first + which]
      for pair = 1, count do write(key, ARGV[at + 2 + 2 * pair], ARGV[at + 3 + 2 * pair]) end
      redis.call("pexpireat", key, ARGV[at + which])
    end
    at = at + 4 + 2 * count
  end
  return 1`;

/** Its number of keys is its first argument. */
export const historyScript = { lovageHistory: { lua } } as const;

export interface HistoryCommand {
  lovageHistory(numberOfKeys: number, ...keysAndArguments: (string | number)[]): Promise<number>;
}
