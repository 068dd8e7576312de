-- Marks a frame as one that cannot be priced, and why. Safe to run twice; late words change
-- nothing. KEYS: pointer, error. ARGV: S, error, seconds to live. Returns FAILED or OLD.
if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '0') then
  return 'OLD'
end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3], 'NX')
return 'FAILED'
