-- Sets a key to a value with a number, unless one with a higher number stands there.
-- KEYS: number, value. ARGV: number, value. Returns {SET | OLD, the value before}.
local before = redis.call('GET', KEYS[2])
if tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[1]) or '-1') then
  return {'OLD', before}
end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[1], ARGV[1])
return {'SET', before}
