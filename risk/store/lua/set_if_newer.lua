-- Sets a key to a value with a number, unless one with a higher number stands there.
-- KEYS: number, value; optionally a log and its count. ARGV: number, value; then what the log takes
-- of it, its length. Returns {SET | OLD, the value before}. A repeated call logs nothing again.
local before = redis.call('GET', KEYS[2])
local number = tonumber(redis.call('GET', KEYS[1]) or '-1')
if tonumber(ARGV[1]) < number then
  return {'OLD', before}
end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[1], ARGV[1])
if KEYS[3] and tonumber(ARGV[1]) > number then
  local count = redis.call('INCR', KEYS[4])
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'n', count, 'p', ARGV[3])
end
return {'SET', before}
