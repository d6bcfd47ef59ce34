-- Takes one request from the bucket KEYS[1] (generic cell rate algorithm: one number, the time at
-- which the bucket is full again).
-- ARGV: requests in a minute, which are also the most at once.
-- Returns 1 when taken, the requests left, seconds until the bucket is full, seconds until the next.

local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local limit, period = tonumber(ARGV[1]), 60
local step = period / limit

local full_at = math.max(now, tonumber(redis.call('GET', KEYS[1])) or now)
local after = full_at + step
local wait = after - period - now
-- A microsecond of grace: sums of steps are not exact.
if wait > 0.000001 then
  return {0, 0, tostring(full_at - now), tostring(wait)}
end
redis.call('SET', KEYS[1], string.format('%.6f', after), 'EX', 2 * period)
local left = math.floor((period - (after - now)) / step + 0.000001)
return {1, math.max(0, left), tostring(after - now), '0'}
