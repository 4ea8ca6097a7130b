#!lua flags=allow-oom
-- When the present era of the store began (see era.part.lua).
--
-- KEYS[1]  the partition's prefix P: era fence
-- ARGV     server
-- Returns  µs, 0 for the first era
-- Invariant: once it was asked for, nobody takes this era for the one before.

--@include finish

return text((era(KEYS[1], clock(), ARGV[1])))
