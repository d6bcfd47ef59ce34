-- Counters of allowances; the value of each is "generation used", where the generation is a random
-- word of the moment when it was set from the books.
--
-- take WANTED LIMIT...: takes up to WANTED from all counters KEYS at once, none above its limit.
-- Returns the number taken and the counters' generations; -1 when a counter is not there: then it
-- has to be set from the books first, since nobody knows what was taken already.
-- give NUMBER GENERATION...: gives back what was not used, to those counters from which it was
-- taken. One that was set anew since then never counted it.

local op, number = ARGV[1], tonumber(ARGV[2])
local generations, used = {}, {}
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if value then
    generations[i], used[i] = string.match(value, '^(%w+) (%d+)$')
  elseif op == 'take' then
    return {-1}
  end
end

local function add(i, count)
  redis.call('SET', KEYS[i], generations[i] .. ' ' .. math.max(0, used[i] + count), 'KEEPTTL')
end

if op == 'give' then
  for i = 1, #KEYS do
    if generations[i] == ARGV[i + 2] then add(i, -number) end
  end
  return {number}
end

local granted = number
for i = 1, #KEYS do granted = math.min(granted, math.max(0, ARGV[i + 2] - used[i])) end
for i = 1, #KEYS do add(i, granted) end
return {granted, unpack(generations)}
