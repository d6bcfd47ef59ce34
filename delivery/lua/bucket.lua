-- Takes up to ARGV[3] messages from the token bucket KEYS[1]; a negative number gives back.
-- ARGV: messages per second, recipients per hour (0: no limit), number, 1 when urgent.
-- Returns the number taken, and the seconds until the next one when it is 0.
--
-- A bucket that is not there is empty: after a Valkey that was lost, nobody sends a burst on top of
-- what was sent before. What is urgent and has to wait keeps the others waiting too.

local SECOND_BURST, HOUR_BURST, URGENT = 0.25, 36, 2

local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'at', 'second', 'hour', 'urgent')
local passed = math.max(0, now - (tonumber(kept[1]) or now))
local wanted, urgent = tonumber(ARGV[3]), ARGV[4] == '1'
local granted, wait = wanted, 0

-- What is in one of the two; a limit that is not set holds nothing for later.
local function level(rate, before, seconds)
  if rate == 0 then return 0 end
  local limit = math.max(1, rate * seconds)
  local tokens = math.min(limit, (tonumber(before) or 0) + passed * rate)
  if wanted < 0 then tokens = math.min(limit, tokens - wanted) end
  if tokens < 1 then wait = math.max(wait, (1 - tokens) / rate) end
  if wanted > 0 then granted = math.min(granted, math.max(0, math.floor(tokens))) end
  return tokens
end

local second = level(tonumber(ARGV[1]), kept[2], SECOND_BURST)
local hour = level(tonumber(ARGV[2]) / 3600, kept[3], HOUR_BURST)

if wanted < 0 then
  granted = 0
elseif not urgent and now < (tonumber(kept[4]) or 0) then
  granted, wait = 0, math.max(wait, 0.1)
end
local waits_urgently = tonumber(kept[4]) or 0
if urgent and wanted > 0 then waits_urgently = granted > 0 and 0 or now + URGENT end

redis.call('HSET', KEYS[1], 'at', string.format('%.6f', now),
  'second', string.format('%.6f', math.max(0, second - math.max(0, granted))),
  'hour', string.format('%.6f', math.max(0, hour - math.max(0, granted))),
  'urgent', string.format('%.6f', waits_urgently))
redis.call('EXPIRE', KEYS[1], 7200)
return {granted, string.format('%.6f', granted > 0 and 0 or wait)}
