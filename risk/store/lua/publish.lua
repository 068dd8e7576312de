-- Publishes the sums of a frame in one atomic step: roll-up, pointer, history, word to subscribers.
-- KEYS: pointer, frame, parts, rollup, history, detail pointer, open detail, counts; then frame,
-- rollup and parts of the frame before; valuation date, closes; log of sums, its count.
-- ARGV: S, rollup, parts needed (0: they were not stored), history line, history length, channel,
--       message, number of the frame before, seconds that it is kept, valuation date (ISO), what
--       the log takes of the sums, its length.
-- The last frame of a date is its close: its sums are kept when a frame of a later date is published.
-- A market that goes back in time starts anew, without closes.
-- Returns PUBLISHED, OLD, UNKNOWN, INCOMPLETE, or MOVED when another frame is published than the one
-- before.
local pointer = redis.call('GET', KEYS[1])
local undivided = ARGV[3] == '0' -- its part was not put: it is counted here
if tonumber(ARGV[1]) <= tonumber(pointer or '0') then
  if undivided then
    redis.call('HINCRBY', KEYS[8], 'LATE', 1)
  end
  return 'OLD'
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  if undivided then
    redis.call('HINCRBY', KEYS[8], 'UNKNOWN', 1)
  end
  return 'UNKNOWN'
end
if redis.call('HLEN', KEYS[3]) < tonumber(ARGV[3]) then
  return 'INCOMPLETE'
end
if (pointer or '0') ~= ARGV[8] then
  return 'MOVED'
end
if undivided then
  redis.call('HINCRBY', KEYS[8], 'PUT', 1)
end
local date = redis.call('GET', KEYS[12])
if date and date < ARGV[10] then
  local close = redis.call('GET', KEYS[10])
  if close then
    redis.call('HSET', KEYS[13], date, close)
  end
elseif date and date > ARGV[10] then
  redis.call('DEL', KEYS[13])
end
if date ~= ARGV[10] then
  redis.call('SET', KEYS[12], ARGV[10])
end
redis.call('SET', KEYS[4], ARGV[2])
redis.call('PERSIST', KEYS[2])
redis.call('DEL', KEYS[3])
redis.call('SET', KEYS[1], ARGV[1])
redis.call('LPUSH', KEYS[5], ARGV[4])
redis.call('LTRIM', KEYS[5], 0, tonumber(ARGV[5]) - 1)
-- Readers may still have the frame before; its detail may be published, or be under way.
if ARGV[8] ~= redis.call('GET', KEYS[6]) and ARGV[8] ~= redis.call('GET', KEYS[7]) then
  redis.call('EXPIRE', KEYS[9], ARGV[9])
  redis.call('EXPIRE', KEYS[10], ARGV[9])
end
redis.call('DEL', KEYS[11])
local count = redis.call('INCR', KEYS[15]) -- once, as a frame is published once
redis.call('XADD', KEYS[14], 'MAXLEN', '~', ARGV[12], '*', 'n', count, 'p', ARGV[11])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 'PUBLISHED'
