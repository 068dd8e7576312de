-- Puts one part of the sums of a frame. Safe to run twice; a late part changes nothing but its
-- count, which is for monitoring and may count a repeated call twice.
-- KEYS: pointer, frame, parts, counts. ARGV: S, part, sums, seconds to live.
-- Returns {LATE | UNKNOWN | PUT | DUPLICATE, parts present}; parts also on DUPLICATE, so
-- that a lost reply to the completing put cannot strand the frame.
local pointer = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) <= pointer then
  redis.call('HINCRBY', KEYS[4], 'LATE', 1)
  return {'LATE', 0}
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('HINCRBY', KEYS[4], 'UNKNOWN', 1)
  return {'UNKNOWN', 0}
end
local code = 'DUPLICATE'
if redis.call('HSETNX', KEYS[3], ARGV[2], ARGV[3]) == 1 then
  redis.call('EXPIRE', KEYS[3], ARGV[4])
  code = 'PUT'
end
redis.call('HINCRBY', KEYS[4], code, 1)
return {code, redis.call('HLEN', KEYS[3])}
