-- Sets a key to a value with a number in front, unless a newer or equal one stands there.
-- KEYS: number, value. ARGV: number, value. Returns SET or OLD.
local have = tonumber(redis.call('GET', KEYS[1]) or '-1')
if tonumber(ARGV[1]) < have then
  return 'OLD'
end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[1], ARGV[1])
return 'SET'
