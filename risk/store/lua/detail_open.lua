-- Opens the detail of a published frame: from here on its blocks may be put.
-- KEYS: pointer, detail pointer, open detail, frame, rollup, detail; then frame, rollup and detail of
-- the detail that is open now.
-- ARGV: S, number of the detail that is open now, seconds that it is kept.
-- Returns OPENED (also when it is open already), OLD, GONE when the frame is not published or no
-- longer there, or MOVED when another detail is open than the one given.
local number = tonumber(ARGV[1])
local published = redis.call('GET', KEYS[2]) or '0'
if number <= tonumber(published) then
  return 'OLD'
end
local pointer = redis.call('GET', KEYS[1]) or '0'
if number > tonumber(pointer) or redis.call('EXISTS', KEYS[4], KEYS[5]) < 2 then
  return 'GONE'
end
local open = redis.call('GET', KEYS[3]) or '0'
if open ~= ARGV[2] then
  return 'MOVED'
end
redis.call('SET', KEYS[3], ARGV[1])
redis.call('PERSIST', KEYS[4])
redis.call('PERSIST', KEYS[5])
if open ~= '0' and open ~= ARGV[1] and open ~= published then
  if open ~= pointer then
    redis.call('EXPIRE', KEYS[7], ARGV[3])
    redis.call('EXPIRE', KEYS[8], ARGV[3])
  end
  redis.call('DEL', KEYS[9])
end
return 'OPENED'
