-- Puts one part of a frame. Safe to run twice; a late part changes nothing.
-- KEYS: pointer, frame, parts. ARGV: S, block, sums, columns, seconds to live.
-- Returns {LATE | UNKNOWN | PUT | DUPLICATE, parts present}; parts also on DUPLICATE, so
-- that a lost reply to the completing put cannot strand the frame.
local pointer = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) <= pointer then
  return {'LATE', 0}
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  return {'UNKNOWN', 0}
end
local code = 'DUPLICATE'
if redis.call('HSETNX', KEYS[3], 'sums:' .. ARGV[2], ARGV[3]) == 1 then
  redis.call('HSET', KEYS[3], 'columns:' .. ARGV[2], ARGV[4])
  redis.call('EXPIRE', KEYS[3], ARGV[5])
  code = 'PUT'
end
return {code, redis.call('HLEN', KEYS[3]) / 2}
