-- Publishes the detail of a frame in one atomic step.
-- KEYS: pointer, detail pointer, open detail, detail, head; then frame, rollup, detail and head of
-- the detail before.
-- ARGV: S, head, blocks needed, number of the detail before, seconds that it is kept, channel, message.
-- Returns PUBLISHED, OLD, UNKNOWN, INCOMPLETE, or MOVED when another detail is published than the
-- one before.
local before = redis.call('GET', KEYS[2]) or '0'
if tonumber(ARGV[1]) <= tonumber(before) then
  return 'OLD'
end
if redis.call('GET', KEYS[3]) ~= ARGV[1] then
  return 'UNKNOWN'
end
if redis.call('HLEN', KEYS[4]) / 2 < tonumber(ARGV[3]) then
  return 'INCOMPLETE'
end
if before ~= ARGV[4] then
  return 'MOVED'
end
redis.call('SET', KEYS[5], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[3])
-- Readers of the detail before may still be paging through it.
if before ~= redis.call('GET', KEYS[1]) then
  redis.call('EXPIRE', KEYS[6], ARGV[5])
  redis.call('EXPIRE', KEYS[7], ARGV[5])
end
redis.call('EXPIRE', KEYS[8], ARGV[5])
redis.call('EXPIRE', KEYS[9], ARGV[5])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 'PUBLISHED'
