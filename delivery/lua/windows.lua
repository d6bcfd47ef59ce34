-- Takes up to ARGV[1] from all counters KEYS at once, none above its limit ARGV[2 ...]; a negative
-- number gives back. Returns the number taken, or -1 when a counter is not there: then it has to be
-- set from the books first, since nobody knows what was taken already.

local wanted = tonumber(ARGV[1])
local granted = wanted
for i, key in ipairs(KEYS) do
  local used = tonumber(redis.call('GET', key))
  if not used then return -1 end
  granted = math.min(granted, math.max(0, ARGV[i + 1] - used))
  if wanted < 0 then granted = math.max(wanted, -used) end
end
for _, key in ipairs(KEYS) do redis.call('INCRBY', key, granted) end
return granted
