-- Puts the detail of one block. Safe to run twice; a late block changes nothing but its count.
-- With the starts of a frame it also counts that a run of the next block begins, as start.lua does,
-- which saves a round trip: a repeated call counts one run more.
-- KEYS: detail pointer, open detail, detail, counts, and starts if a next block begins. ARGV: S,
-- block, totals, columns, and for a next block: its unit, the task's name, seconds to live.
-- Returns {LATE | UNKNOWN | PUT | DUPLICATE, blocks present, runs of the next block that have
-- started, this one included; 0 when none does}.
local code = 'DUPLICATE'
if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '0') then
  code = 'LATE'
elseif redis.call('GET', KEYS[2]) ~= ARGV[1] then
  code = 'UNKNOWN'
end
if code ~= 'DUPLICATE' then
  redis.call('HINCRBY', KEYS[4], 'DETAIL_' .. code, 1)
  return {code, 0, 0}
end
if redis.call('HSETNX', KEYS[3], 'totals:' .. ARGV[2], ARGV[3]) == 1 then
  redis.call('HSET', KEYS[3], 'columns:' .. ARGV[2], ARGV[4])
  code = 'PUT'
end
redis.call('HINCRBY', KEYS[4], 'DETAIL_' .. code, 1)
local begun = 0
if KEYS[5] then
  redis.call('HDEL', KEYS[5], 'died:' .. ARGV[5]) -- it was of the run before
  begun = redis.call('HINCRBY', KEYS[5], ARGV[5], 1)
  redis.call('HSET', KEYS[5], 'at:' .. ARGV[6], ARGV[5])
  redis.call('EXPIRE', KEYS[5], ARGV[7])
end
return {code, redis.call('HLEN', KEYS[3]) / 2, begun}
