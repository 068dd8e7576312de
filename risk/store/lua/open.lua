-- Opens a frame: from here on parts may be put.
-- KEYS: pointer, frame. ARGV: S, header, seconds to live.
-- Returns OPENED (also when it is open already: the reply may have been lost) or OLD.
local pointer = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) <= pointer then
  return 'OLD'
end
redis.call('SET', KEYS[2], ARGV[2], 'NX')
redis.call('EXPIRE', KEYS[2], ARGV[3]) -- counted from the last opening: it may wait for workers
return 'OPENED'
