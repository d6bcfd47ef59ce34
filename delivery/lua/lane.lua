-- The mark of a lane, KEYS[1]: "waiting:TOKEN" while a task for it stands in the queue,
-- "working:TOKEN" while one is on it, "resting" while nothing could go.
-- ARGV: take | wait | start | keep | leave | rest, token, milliseconds until the mark lapses.
-- Returns 1 when that is so now, 0 when the lane is another's.
--
-- A task that has waited for so long that its mark lapsed starts all the same, also when another
-- was sent after it: that one finds the lane taken. So a long queue starves no lane.

local op, token, lasts = ARGV[1], ARGV[2], ARGV[3]
local mark = redis.call('GET', KEYS[1])
local waiting, working = 'waiting:' .. token, 'working:' .. token

local function set(value)
  redis.call('SET', KEYS[1], value, 'PX', lasts)
  return 1
end

if op == 'take' then return mark and 0 or set(waiting) end
if op == 'wait' then return (not mark or mark == waiting) and set(waiting) or 0 end
if op == 'start' then
  local is_free = not mark or mark == working or string.sub(mark, 1, 8) == 'waiting:'
  return is_free and set(working) or 0
end
if mark and mark ~= working then return 0 end
if op == 'keep' then return set(working) end
if op == 'rest' then return set('resting') end
if mark then redis.call('DEL', KEYS[1]) end
return 1
