-- Counts that a run of a block starts, unless its frame is over. Not safe to run twice: a
-- repeated call counts one run more, which only makes the block priced with care earlier.
-- KEYS: pointer, starts. ARGV: S, block, seconds to live.
-- Returns runs that have started, this one included; 0 when the frame is over.
if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '0') then
  return 0
end
redis.call('HDEL', KEYS[2], 'died:' .. ARGV[2]) -- it was of the run before
local starts = redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
redis.call('EXPIRE', KEYS[2], ARGV[3])
return starts
