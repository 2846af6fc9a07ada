package redis

import (
	goredis "github.com/redis/go-redis/v9"
)

// scripts are the changes that have to be atomic. Each touches keys of one hash tag only.
//
// Fields of an item: o owner, e epoch, v value, x end in microseconds, n token of the Insert that made it, t token of the
// Take that took it.
//
// The first line lets a full server refuse a script before its first step; without it only a first step that takes memory
// is refused, and a DEL opens the door for what follows. Those that free memory run on a full server too.
//
// Source: Redis documentation, "Redis Lua API reference", Script flags.
type scripts struct{ enroll, insert, replace, take, drop, sweep *goredis.Script }

func newScripts() scripts {
	return scripts{
		enroll: goredis.NewScript(enrollScript), insert: goredis.NewScript(insertScript), replace: goredis.NewScript(replaceScript),
		take: goredis.NewScript(takeScript), drop: goredis.NewScript(dropScript), sweep: goredis.NewScript(sweepScript),
	}
}

const (
	// enrollScript enters an item in its owner's index and returns the owner's epoch.
	// KEYS epoch, index. ARGV an epoch for an owner without one or '' to find nothing then, the item's key, its end,
	// milliseconds that the keys must last, the end of what is to be forgotten. What something else put there would lock the
	// owner out for good, so it goes.
	enrollScript = `#!lua
for i, kind in ipairs({'string', 'zset'}) do
  local there = redis.call('TYPE', KEYS[i]).ok
  if there ~= kind and there ~= 'none' then
    redis.call('DEL', KEYS[i])
  end
end
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  if ARGV[1] == '' then
    return false
  end
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[5])
redis.call('ZADD', KEYS[2], 'GT', ARGV[3], epoch .. ARGV[2])
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', key, ARGV[4])
  end
end
return epoch`

	// insertScript stores an item where there is none, and otherwise returns owner and epoch of the one there.
	// KEYS item. ARGV owner, epoch, value, end, milliseconds to last, now, the caller's token.
	insertScript = `#!lua
local there = redis.call('HMGET', KEYS[1], 'x', 'n', 'o', 'e')
if (tonumber(there[1]) or 0) > tonumber(ARGV[6]) then
  if there[2] == ARGV[7] then
    return {}
  end
  return {there[3], there[4]}
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'e', ARGV[2], 'v', ARGV[3], 'x', ARGV[4], 'n', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {}`

	// replaceScript gives an item that can still be taken a new value and end, where it is of the owner and epoch, and
	// tells whether it did. The inserter's token stays: a repeated Insert has not failed because of this.
	// KEYS item. ARGV owner, epoch, value, end, milliseconds to last, now.
	replaceScript = `#!lua
local there = redis.call('HMGET', KEYS[1], 'x', 't', 'o', 'e')
if (tonumber(there[1]) or 0) <= tonumber(ARGV[6]) or there[2] then
  return 0
end
if there[3] ~= ARGV[1] or there[4] ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'x', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1`

	// takeScript marks an item as taken by the caller, where nobody took it before, and returns it with the taker's token.
	// KEYS item. ARGV now, the caller's token.
	takeScript = `#!lua
local item = redis.call('HMGET', KEYS[1], 'x', 't', 'o', 'e', 'v')
if (tonumber(item[1]) or 0) <= tonumber(ARGV[1]) then
  return false
end
if not item[2] then
  redis.call('HSET', KEYS[1], 't', ARGV[2])
  item[2] = ARGV[2]
end
return item`

	// dropScript ends the owner's epoch and returns the index, as far as one answer should hold of it; the items of longer
	// ones end by expiry. KEYS epoch, index.
	dropScript = `#!lua flags=allow-oom
redis.call('DEL', KEYS[1])
if redis.call('TYPE', KEYS[2]).ok ~= 'zset' then
  redis.call('DEL', KEYS[2])
end
return redis.call('ZRANGE', KEYS[2], 0, 9999)`

	// sweepScript deletes an item of the epoch. KEYS item. ARGV epoch.
	sweepScript = `#!lua flags=allow-oom
if redis.call('HGET', KEYS[1], 'e') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0`
)
