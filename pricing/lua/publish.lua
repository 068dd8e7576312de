-- Publishes a frame in one atomic step: roll-up, pointer, history, word to subscribers.
-- KEYS: pointer, frame, parts, rollup, history.
-- ARGV: S, rollup, parts needed, history line, history length, channel, message,
--       prefix of this currency's keys, seconds that the frame before is kept.
-- Returns PUBLISHED, OLD or INCOMPLETE.
local pointer = redis.call('GET', KEYS[1])
if tonumber(ARGV[1]) <= tonumber(pointer or '0') then
  return 'OLD'
end
if redis.call('HLEN', KEYS[3]) / 2 < tonumber(ARGV[3]) then
  return 'INCOMPLETE'
end
redis.call('SET', KEYS[4], ARGV[2])
redis.call('PERSIST', KEYS[2])
redis.call('PERSIST', KEYS[3])
redis.call('SET', KEYS[1], ARGV[1])
redis.call('LPUSH', KEYS[5], ARGV[4])
redis.call('LTRIM', KEYS[5], 0, tonumber(ARGV[5]) - 1)
if pointer then
  -- Readers of the frame before may still be paging through it.
  for _, kind in ipairs({'frame:', 'parts:', 'rollup:'}) do
    redis.call('EXPIRE', ARGV[8] .. kind .. pointer, ARGV[9])
  end
end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 'PUBLISHED'
