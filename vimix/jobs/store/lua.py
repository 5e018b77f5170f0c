"""The scripts of the jobs in Redis: each is a change of several keys that happens whole or not at all."""

HELP = """
local P = 'vimix:'
local QUEUED, TURNS, NOTICES = P..'state:"queued"', P..'turns', P..'notices'
local function turn(id)
  local known = redis.call('hmget', P..'job:'..id, 'turn', 'created')
  return tonumber(known[1]) or tonumber(known[2])
end
local function rebuild_turns()  -- jobs that another version added or claimed are not among the turns, or still
  if redis.call('zcard', QUEUED) == redis.call('zcard', TURNS) then return end
  redis.call('del', TURNS)
  for _, id in ipairs(redis.call('zrange', QUEUED, 0, -1)) do redis.call('zadd', TURNS, turn(id), id) end
end
local function count(counters)
  for name, by in pairs(cjson.decode(counters)) do redis.call('hincrbyfloat', P..'counters', name, by) end
end
local function set(id, values)
  local key = P..'job:'..id
  local before = redis.call('hget', key, 'state')
  for name, value in pairs(values) do redis.call('hset', key, name, value) end
  if values.notify_at == 'null' then redis.call('zrem', NOTICES, id)
  elseif values.notify_at then redis.call('zadd', NOTICES, values.notify_at, id) end
  local after = redis.call('hget', key, 'state')
  if before ~= after then
    local created = cjson.decode(redis.call('hget', key, 'created'))
    if before then redis.call('zrem', P..'state:'..before, id) end
    if before == '"queued"' then redis.call('zrem', TURNS, id) end
    if after == '"queued"' then redis.call('zadd', TURNS, turn(id), id) end
    local lease = redis.call('hget', key, 'lease')
    if before == '"running"' then redis.call('hdel', P..'leases', lease) end
    if after == '"running"' then redis.call('hset', P..'leases', lease, id) end
    redis.call('zadd', P..'state:'..after, string.format('%.17g', created), id)
    if after ~= '"queued"' and after ~= '"running"' then redis.call('expire', P..'events:'..id, 3600) end
    if after == '"done"' then
      local times = redis.call('hmget', key, 'started', 'updated')
      if times[1] ~= 'null' then
        redis.call('lpush', P..'run_seconds', cjson.decode(times[2]) - cjson.decode(times[1]))
        redis.call('ltrim', P..'run_seconds', 0, tonumber(ARGV[1]) - 1)
      end
    end
  end
end
"""
"""What every script begins with. ARGV of each: `MEAN_OVER`, then its own."""
ADD = """
local id, queue_max, visitor_max, values = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), cjson.decode(ARGV[5])
if values.state == '"queued"' then
  if redis.call('zcard', QUEUED) >= queue_max then return 0 end
  local place, mine = tonumber(values.created), 0
  for _, state in ipairs({'"queued"', '"running"'}) do
    for _, other in ipairs(redis.call('zrange', P..'state:'..state, 0, -1)) do
      local job = redis.call('hmget', P..'job:'..other, 'visitor', 'run_after')
      if job[1] == values.visitor then
        if tonumber(job[2] or 0) <= tonumber(values.created) then
          place = math.max(place, turn(other) + tonumber(ARGV[6]))
        end
        if state == '"queued"' then mine = mine + 1 end
      end
    end
  end
  if visitor_max and mine >= visitor_max then return 0 end
  values.turn = string.format('%.17g', place)
end
set(id, values)
count(ARGV[7])
redis.call('zadd', P..'work:'..cjson.decode(values.work_key), values.created, id)
redis.call('zadd', P..'visitor:'..cjson.decode(values.visitor), values.created, id)
redis.call('zadd', P..'input:'..cjson.decode(values.input_key), values.created, id)
return 1
"""
CLAIM = """
local lease, now, per_visitor = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local mine = redis.call('hget', P..'leases', lease)
if mine then return mine end
if redis.call('zcard', QUEUED) == 0 then return false end
rebuild_turns()
local runs, busy = {}, {}
for _, id in ipairs(redis.call('zrange', P..'state:"running"', 0, -1)) do
  local job = redis.call('hmget', P..'job:'..id, 'visitor', 'work_key')
  runs[job[1]] = (runs[job[1]] or 0) + 1
  busy[job[2]] = true
end
for _, id in ipairs(redis.call('zrange', TURNS, 0, -1)) do
  local job = redis.call('hmget', P..'job:'..id, 'run_after', 'visitor', 'work_key', 'attempts', 'updated', 'state')
  local due = tonumber(job[1] or 0) <= now or tonumber(job[5] or 0) > now
  if job[6] == '"queued"' and due and (runs[job[2]] or 0) < per_visitor and not busy[job[3]] then
    set(id, {state='"running"', lease=lease, attempts=tostring(tonumber(job[4]) + 1), started=ARGV[3],
      heartbeat=ARGV[3], updated=ARGV[3], progress='{}'})
    return id
  end
end
return false
"""
CLAIM_NOTICE = """
local news, hold = cjson.decode(ARGV[3]), ARGV[4]
for _, id in ipairs(redis.call('zrangebyscore', NOTICES, '-inf', ARGV[2])) do
  local job = redis.call('hmget', P..'job:'..id, 'state', 'notices')
  if job[1] and news[job[1]] then
    set(id, {notify_at=hold, notices=tostring(tonumber(job[2] or 0) + 1)})
    return id
  end
end
return false
"""
CHANGE = """
local id, expect, lease, event = ARGV[2], cjson.decode(ARGV[3]), ARGV[4], ARGV[5]
local is = redis.call('hmget', P..'job:'..id, 'state', 'lease')
if not is[1] or not expect[is[1]] or (lease ~= 'null' and lease ~= is[2]) then return 0 end
if event ~= 'null' then
  redis.call('xadd', P..'events:'..id, 'maxlen', ARGV[7], '*', 'e', event)
end
set(id, cjson.decode(ARGV[6]))
count(ARGV[8])
return 1
"""
REMOVE = """
local id = ARGV[2]
local job = redis.call('hmget', P..'job:'..id, 'state', 'work_key', 'visitor', 'input_key', 'lease')
if job[1] then
  redis.call('zrem', P..'state:'..job[1], id)
  redis.call('zrem', TURNS, id)
  redis.call('zrem', NOTICES, id)
  redis.call('hdel', P..'leases', job[5])
  redis.call('zrem', P..'work:'..cjson.decode(job[2]), id)
  redis.call('zrem', P..'visitor:'..cjson.decode(job[3]), id)
  redis.call('zrem', P..'input:'..cjson.decode(job[4]), id)
end
redis.call('del', P..'job:'..id, P..'events:'..id)
return 1
"""
