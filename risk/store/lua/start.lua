-- Counts that a run of a part or block starts, unless it is over. Not safe to run twice: a repeated
-- call counts one run more, which only makes the block priced with care earlier.
-- KEYS: pointer of the product, starts, frame. ARGV: S, unit, seconds to live, 1 to count or 0, name
-- of the task that is now at the unit or ''.
-- Returns {runs that have started, this one included; 0 when it is over, what the unit's last run
-- was at or '', header of the frame or '', the pointer}: what a run needs, in one round trip.
local pointer = redis.call('GET', KEYS[1]) or '0'
if tonumber(ARGV[1]) <= tonumber(pointer) then
  return {0, '', '', pointer}
end
redis.call('HDEL', KEYS[2], 'died:' .. ARGV[2]) -- it was of the run before
local starts = redis.call('HINCRBY', KEYS[2], ARGV[2], ARGV[4])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[2], 'at:' .. ARGV[5], ARGV[2])
end
redis.call('EXPIRE', KEYS[2], ARGV[3])
local at = redis.call('HGET', KEYS[2], 'at:' .. ARGV[2]) or ''
return {math.max(starts, 1), at, redis.call('GET', KEYS[3]) or '', pointer}
