-- Leases of connections: KEYS[1] the holders with the end of their lease, KEYS[2] the call of
-- somebody urgent who found no connection free, KEYS[3] since when this Valkey remembers.
-- ARGV: take | keep | leave, holder, number, most at once, seconds of a lease, 1 when urgent.
-- Returns the number held. When it is less than what one has, it is time to stop.
--
-- One connection is left free for urgent mail where there are several; where there is only one, the
-- call makes its holder give it up.

local CALL_MS = 3000
-- After a Valkey that was lost, those who hold connections enter them again within so many seconds;
-- nobody is lent any before that.
local GRACE = 1

local op, holder, number = ARGV[1], ARGV[2], tonumber(ARGV[3])
local most, seconds, urgent = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000

local function name(i) return holder .. ':' .. i end

if op == 'leave' then
  for i = 1, number do redis.call('ZREM', KEYS[1], name(i)) end
  return 0
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local since = redis.call('GET', KEYS[3])
if not since then
  since = string.format('%.6f', now)
  redis.call('SET', KEYS[3], since)
end
local is_new = now - tonumber(since) < GRACE
local called = not urgent and redis.call('EXISTS', KEYS[2]) == 1

local mine = 0
if op == 'keep' then
  for i = 1, number do
    if redis.call('ZSCORE', KEYS[1], name(i)) then mine = mine + 1 end
  end
end
local free = most - redis.call('ZCARD', KEYS[1]) + mine
if op == 'take' and not urgent and most > 1 then free = free - 1 end
local held = math.max(0, math.min(number, free))
if (called or is_new) and op == 'take' then held = 0 end

-- Leases that a lost Valkey forgot are entered again, as far as there is room.
for i = 1, held do redis.call('ZADD', KEYS[1], string.format('%.6f', now + seconds), name(i)) end
redis.call('EXPIRE', KEYS[1], math.ceil(seconds) * 2)
if urgent and op == 'take' then
  if held == 0 then redis.call('SET', KEYS[2], holder, 'PX', CALL_MS)
  else redis.call('DEL', KEYS[2]) end
end
-- Who is called off holds its connections until they are closed, and begins nothing more.
return (called and op == 'keep') and 0 or held
