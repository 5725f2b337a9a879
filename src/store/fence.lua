-- fence.lua - learns what became of a commit whose answer was lost, or makes sure that it never happens.
-- A command may still lie in a dead connection's buffer, so "not recorded" alone would prove nothing: the
-- fence takes the commit's record, and commit.lua finds it there and does nothing.
-- KEYS[1]: meta of its first index.  ARGV: commit field, commit number.
-- Returns the record: "<number> <sequence>.." when it was done, "<number> x" when it is fenced now.
local record = redis.call('HGET', KEYS[1], ARGV[1])
if record and string.match(record, '^%d+') == ARGV[2] then
    return record
end
local fenced = ARGV[2] .. ' x'
-- A greater number: this fence itself comes late from a dead connection's buffer, nobody waits for its answer any more,
-- and the record is that of the commit that has the slot now.
if record and tonumber(string.match(record, '^%d+')) > tonumber(ARGV[2]) then
    return fenced
end
record = fenced
redis.call('HSET', KEYS[1], ARGV[1], record)
return record
