"""The steps of the request budget as Redis runs them: each script is indivisible.

Lives here: the rules of `budget_rules.py` in Lua, with its numbers. Not here: who calls them
(`redis_budget.py`). Both say the same: `test_request_budget.py` runs every rule against both.

Keys: 1 `pace` (hash), 2 `askers` (hash by holder), 3 `used` of a key (hash by day; `<day>:over`).
Argument 1 is the time in seconds since 1970, or empty for Redis's own.
"""

from ayne_dagster.sources import budget_rules as rules

_PRELUDE = (
    f"""
local EARLY, LEASE, POLL = {rules.EARLY_SECONDS}, {rules.LEASE_SECONDS}, {rules.PLACE_POLL_SECONDS}
local LONGEST_PAUSE, RECOVERY = {rules.LONGEST_PAUSE_SECONDS}, {rules.RECOVERY_SECONDS}
local SLOWEST, LONGEST_NAP = {rules.SLOWEST_SHARE}, {rules.LONGEST_NAP_SECONDS}
local MISSED, GRAIN = {rules.MISSED_SECONDS}, {rules.CLOCK_GRAIN_SECONDS}
"""
    """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

-- Lua's own words for numbers have 14 digits: too few for a time with its milliseconds.
local function exact(seconds) return string.format('%.6f', seconds) end

-- Days since 1970 as a date (Howard Hinnant's civil_from_days, for years from 1970 on).
local function date_of(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524)
    - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02d', year, month, doy - math.floor((153 * mp + 2) / 5) + 1)
end

local function read_used()
  local day = date_of(math.floor(now / 86400))
  local used = tonumber(redis.call('HGET', KEYS[3], day) or '0')
  return day, used, redis.call('HEXISTS', KEYS[3], day .. ':over')
end

local function read_pace()
  local found = redis.call('HMGET', KEYS[1], 'next_send_at', 'paused_until')
  return tonumber(found[1] or '0'), tonumber(found[2] or '0')
end

local function keep_pace(next_send_at, paused_until)
  redis.call('HSET', KEYS[1], 'next_send_at', exact(next_send_at),
    'paused_until', exact(paused_until))
end

local function read_askers()
  local found, askers = redis.call('HGETALL', KEYS[2]), {}
  for i = 1, #found, 2 do
    local places, lives_until, ticket, due_at =
      string.match(found[i + 1], '([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)')
    askers[found[i]] = {places = tonumber(places), lives_until = tonumber(lives_until),
      ticket = tonumber(ticket), due_at = tonumber(due_at)}
  end
  return askers
end

-- Ticket 0: nobody waits.
local function keep_asker(holder, places, ticket, due_at)
  redis.call('HSET', KEYS[2], holder, string.format('%d %s %d %s', places, exact(now + LEASE),
    ticket, exact(due_at)))
end

local function places_held(asker)
  local is_alive = now < asker.lives_until and asker.lives_until <= now + LEASE + GRAIN
  return is_alive and asker.places or 0
end
"""
)

ASK = (
    _PRELUDE
    + """
local holder, held, per_second = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local quota, max_connections = tonumber(ARGV[5]), tonumber(ARGV[6])

local day, used, is_over = read_used()
if is_over == 1 or (quota >= 0 and used >= quota) then
  return {'over', '0', day, used, is_over}
end

local next_send_at, paused_until = read_pace()
if paused_until > now + LONGEST_PAUSE + GRAIN then paused_until = 0 end
local interval = 0
if per_second > 0 then
  local recovered = math.max(0, (now - paused_until) / RECOVERY)
  interval = 1 / per_second / math.min(1, SLOWEST + (1 - SLOWEST) * recovered)
end
next_send_at = math.min(next_send_at, now + interval + EARLY)

local function is_waiting(asker)
  return asker.ticket > 0 and now - MISSED <= asker.due_at
    and asker.due_at <= now + 2 * LONGEST_NAP
end

local askers = read_askers()
local me = askers[holder] or {ticket = 0, due_at = 0}
askers[holder] = nil
local last, in_use = 0, held
for name, asker in pairs(askers) do
  local heard_of = math.max(asker.lives_until, asker.due_at + LEASE)
  if heard_of < now or heard_of > now + 2 * LEASE then
    redis.call('HDEL', KEYS[2], name)
    askers[name] = nil
  else
    if is_waiting(asker) then last = math.max(last, asker.ticket) end
    in_use = in_use + places_held(asker)
  end
end
local ticket = me.ticket
if ticket == 0 or me.due_at > now + 2 * LONGEST_NAP then ticket = last + 1 end

local ahead = 0
for _, asker in pairs(askers) do
  if is_waiting(asker) and asker.ticket < ticket then ahead = ahead + 1 end
end
local slot_at = math.max(next_send_at - EARLY, paused_until) + ahead * interval
local nap = math.max(0, slot_at - now)
if max_connections >= 0 and max_connections - in_use <= ahead then
  nap = math.max(nap, POLL * (ahead + 1))
end
if nap > GRAIN then
  nap = math.min(nap, LONGEST_NAP)
  keep_asker(holder, held, ticket, now + nap)
  keep_pace(next_send_at, paused_until)
  return {'wait', exact(nap), day, used, is_over}
end

redis.call('HINCRBY', KEYS[3], day, 1)
keep_pace(math.max(next_send_at, now) + interval, paused_until)
keep_asker(holder, held + 1, 0, 0)
return {'go', '0', day, used + 1, is_over}
"""
)

TELL = (
    _PRELUDE
    + """
local me = read_askers()[ARGV[2]] or {ticket = 0, due_at = 0}
keep_asker(ARGV[2], tonumber(ARGV[3]), me.ticket, me.due_at)
return 1
"""
)

PAUSE = (
    _PRELUDE
    + """
local _, paused_until = read_pace()
if paused_until > now + LONGEST_PAUSE + GRAIN then paused_until = 0 end
redis.call('HSET', KEYS[1], 'paused_until', exact(math.max(paused_until, now + ARGV[2])))
return 1
"""
)

MARK_OVER = "redis.call('HSET', KEYS[3], ARGV[2] .. ':over', 1) return 1"

READ = (
    _PRELUDE
    + """
local next_send_at, paused_until = read_pace()
local _, used, is_over = read_used()
local places = 0
for _, asker in pairs(read_askers()) do places = places + places_held(asker) end
return {exact(now), exact(next_send_at), exact(paused_until), used, is_over, places}
"""
)
