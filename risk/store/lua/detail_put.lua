-- Puts the detail of one block. Safe to run twice; a late block changes nothing but its count.
-- KEYS: detail pointer, open detail, detail, counts. ARGV: S, block, totals, columns.
-- Returns {LATE | UNKNOWN | PUT | DUPLICATE, blocks present}.
local code = 'DUPLICATE'
if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '0') then
  code = 'LATE'
elseif redis.call('GET', KEYS[2]) ~= ARGV[1] then
  code = 'UNKNOWN'
end
if code ~= 'DUPLICATE' then
  redis.call('HINCRBY', KEYS[4], 'DETAIL_' .. code, 1)
  return {code, 0}
end
if redis.call('HSETNX', KEYS[3], 'totals:' .. ARGV[2], ARGV[3]) == 1 then
  redis.call('HSET', KEYS[3], 'columns:' .. ARGV[2], ARGV[4])
  code = 'PUT'
end
redis.call('HINCRBY', KEYS[4], 'DETAIL_' .. code, 1)
return {code, redis.call('HLEN', KEYS[3]) / 2}
