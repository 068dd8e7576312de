-- Publishes a frame in one atomic step: roll-up, pointer, history, word to subscribers.
-- KEYS: pointer, frame, parts, rollup, history; then frame, rollup and parts of the frame before.
-- ARGV: S, rollup, parts needed, history line, history length, channel, message,
--       number of the frame before, seconds that it is kept, seconds that its parts are.
-- Returns PUBLISHED, OLD, INCOMPLETE, or MOVED when another frame is published than the one before.
local pointer = redis.call('GET', KEYS[1])
if tonumber(ARGV[1]) <= tonumber(pointer or '0') then
  return 'OLD'
end
if redis.call('HLEN', KEYS[3]) / 2 < tonumber(ARGV[3]) then
  return 'INCOMPLETE'
end
if (pointer or '0') ~= ARGV[8] then
  return 'MOVED'
end
redis.call('SET', KEYS[4], ARGV[2])
redis.call('PERSIST', KEYS[2])
redis.call('PERSIST', KEYS[3])
redis.call('SET', KEYS[1], ARGV[1])
redis.call('LPUSH', KEYS[5], ARGV[4])
redis.call('LTRIM', KEYS[5], 0, tonumber(ARGV[5]) - 1)
-- Readers of the frame before may still be paging through it.
redis.call('EXPIRE', KEYS[6], ARGV[9])
redis.call('EXPIRE', KEYS[7], ARGV[9])
redis.call('EXPIRE', KEYS[8], ARGV[10])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 'PUBLISHED'
