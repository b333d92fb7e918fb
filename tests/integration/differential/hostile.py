"""hostile.py - spellings of numbers that C and Python read differently, and where to put them.

SPELLINGS are what is sent; CALLS holds at least one valid call of every command, with each of its options; SETUP makes the
data that the calls speak of.  A test replaces each word of each call by each spelling.
"""

#: The short list, for every run; MORE comes on top in the long form.
SPELLINGS = [
    b"", b" ", b"-", b"+5", b" 5", b"5 ", b"007", b"-0", b"1_000", b"0x10", b"5\0", b"5.0", b"5e3", b".5", b"1e400", b"1e-400",
    b"-inf", b"nan", b"0x1p3", "\u0663\u0662".encode(), b"1\xa0", b"9223372036854775807", b"9223372036854775808",
    b"-9223372036854775808", b"18446744073709551615", b"4294967297", b"9" * 5000, b"-" + b"9" * 5000, b"0" * 4400 + b"1",
    b"0." + b"0" * 4400 + b"1", b"1e" + b"0" * 4400 + b"2",
]
MORE = [
    b"+", b"--1", b"+-1", b"-5", b"\t5", b"\n\v\f\r7", b"-007", b"_1", b"1__0", b"1_", b"-0X1f", b"0x", b"0b1", b"0o7", b"\0", b"\x005",
    b"5\x006", b"5.", b".", b"e5", b"1e", b"1e+", b"-1e400", b"inf", b"+Infinity", b"infinit", b"-nan", b"nan(12)", b"0x.8", b"0x1p",
    b"\xb2", b"\xa01", b"\xd9", b"-9223372036854775807", b"-9223372036854775809", b"18446744073709551616", b"-18446744073709551615",
    b"2147483647", b"2147483648", b"-2147483649", b"4611686018427387904", b"1844674407370955162", b"9223372036854775", b"0" * 5000,
    b"-" + b"0" * 5000 + b"1", b"1e" + b"9" * 5000, b"1e-" + b"9" * 5000, b"0x" + b"f" * 5000, b"#1", b"(5", b"[5", b"1-", b"-1-1", b"1-1-1",
    b"1-18446744073709551616", b"u64", b"i65", b"\xff\xfe", b"1,5", b"5k", b"1gb", b"9223372036854775807gb", b"-1gb",
]

SETUP = [line.split(b" ") for line in b"""\
FLUSHALL
SELECT 0
SET n 10
SET s hello
SET f 1.5
SET t x PX 100000
RPUSH l a b c
RPUSH nl 3 1 2
SADD si 1 2 3
SADD sj 2 3 4
HSET h f 1 g 2.5 w x
ZADD z 1 a 2 b 3 c
ZADD zz 2 b 5 d
GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
XADD x 1-1 f v
XADD x 2-2 f v
XADD x 3-3 f v
XGROUP CREATE x gr 0
XREADGROUP GROUP gr al COUNT 2 STREAMS x >
PFADD hll a b c""".split(b"\n")]

#: What a call has to be followed by, so that the next one finds the server as it was.
AFTER = {
    b"SELECT": [[b"SELECT", b"0"]], b"CLIENT": [[b"CLIENT", b"UNPAUSE"], [b"CLIENT", b"TRACKING", b"OFF"]],
    b"REPLICAOF": [[b"REPLICAOF", b"NO", b"ONE"]], b"SLAVEOF": [[b"REPLICAOF", b"NO", b"ONE"]], b"WATCH": [[b"UNWATCH"]],
    b"DEBUG": [[b"DEBUG", b"PAUSE-CRON", b"0"], [b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1"], [b"DEBUG", b"LUA-ALWAYS-REPLICATE-COMMANDS", b"0"],
               [b"DEBUG", b"SET-SKIP-CHECKSUM-VALIDATION", b"0"]],
    **{name: [[b"RPUSH", b"l", b"a", b"b", b"c"]] for name in (b"BRPOP", b"BLPOP", b"BRPOPLPUSH", b"BLMOVE")},
    **{name: [[b"ZADD", b"z", b"1", b"a", b"2", b"b"]] for name in (b"BZPOPMIN", b"BZPOPMAX")},
    b"HELLO": [[b"HELLO", b"2"]], b"SUBSCRIBE": [[b"UNSUBSCRIBE"]], b"PSUBSCRIBE": [[b"PUNSUBSCRIBE"]],
}

#: {dump} is the payload of DUMP n.  A word that begins with ! stays as it is.
CALLS = """\
GET n
GETEX t
GETEX t EX 100
GETEX t PX 100000
GETEX t EXAT 4000000000
GETEX t PXAT 4000000000000
GETDEL s
SET k v
SET k v EX 100 NX
SET k v PX 100000 XX
SET k v EXAT 4000000000 GET
SET k v PXAT 4000000000000
SET k v KEEPTTL
SETNX k v
SETEX k 100 v
PSETEX k 100000 v
APPEND s x
STRLEN s
DEL k k2
UNLINK k k2
EXISTS n s
SETBIT s 7 1
GETBIT s 7
BITFIELD s GET u8 0 SET i16 #1 100 INCRBY i8 8 5
BITFIELD s OVERFLOW SAT INCRBY u4 #2 3 OVERFLOW FAIL SET u8 0 7
BITFIELD_RO s GET u8 0 GET i64 #0
SETRANGE s 3 abc
GETRANGE s 1 3
SUBSTR s 0 -1
INCR n
DECR n
MGET n s
RPUSH l x
LPUSH l x
RPUSHX l x
LPUSHX l x
LINSERT l BEFORE b x
RPOP l
RPOP l 1
LPOP l
LPOP l 1
BRPOP k l 0.01
BLPOP k l 0.01
BRPOPLPUSH l k 0.01
BLMOVE l k LEFT RIGHT 0.01
LLEN l
LINDEX l 1
LSET l 1 x
LRANGE l 0 -1
LTRIM l 0 5
LPOS l a RANK 1 COUNT 2 MAXLEN 10
LREM l 1 a
RPOPLPUSH l k
LMOVE l k LEFT RIGHT
SADD si 9 10
SREM si 1 2
SMOVE si k 1
SISMEMBER si 1
SMISMEMBER si 1 2
SCARD si
SPOP si 9
SRANDMEMBER si 3
SINTER si sj
SINTERSTORE k si sj
SUNION si sj
SUNIONSTORE k si sj
SDIFF si sj
SDIFFSTORE k si sj
SMEMBERS si
SSCAN si 0 MATCH * COUNT 10
ZADD z 4 d
ZADD z XX GT CH 4 d 5 e
ZADD z INCR 1.5 a
ZINCRBY z 1.5 a
ZREM z a b
ZREMRANGEBYSCORE z 1 (2
ZREMRANGEBYRANK z 0 1
ZREMRANGEBYLEX z [a [b
ZUNIONSTORE k 2 z zz WEIGHTS 1 2.5 AGGREGATE SUM
ZINTERSTORE k 2 z zz WEIGHTS 1 2.5 AGGREGATE MAX
ZDIFFSTORE k 2 z zz
ZUNION 2 z zz WEIGHTS 1 2.5 AGGREGATE MIN WITHSCORES
ZINTER 2 z zz WEIGHTS 1 2.5 AGGREGATE MIN WITHSCORES
ZDIFF 2 z zz WITHSCORES
ZRANGE z 0 -1 WITHSCORES
ZRANGE z 1 5 BYSCORE LIMIT 0 2
ZRANGE z 5 (1 BYSCORE REV LIMIT 1 -1
ZRANGE z [a [c BYLEX LIMIT 0 2
ZRANGESTORE k z 1 5 BYSCORE LIMIT 0 2
ZRANGEBYSCORE z -inf +inf WITHSCORES LIMIT 0 2
ZREVRANGEBYSCORE z +inf -inf WITHSCORES LIMIT 0 2
ZRANGEBYLEX z - + LIMIT 0 2
ZREVRANGEBYLEX z + - LIMIT 0 2
ZCOUNT z 1 2
ZLEXCOUNT z [a [b
ZREVRANGE z 0 1 WITHSCORES
ZCARD z
ZSCORE z a
ZMSCORE z a b
ZRANK z a
ZREVRANK z a
ZSCAN z 0 MATCH * COUNT 10
ZPOPMIN z 1
ZPOPMAX z 1
BZPOPMIN k z 0.01
BZPOPMAX k z 0.01
ZRANDMEMBER z 9 WITHSCORES
HSET h a 1 b 2
HSETNX h a 1
HGET h f
HMSET h a 1 b 2
HMGET h f g
HINCRBY h f 5
HINCRBYFLOAT h g 1.5
HDEL h f g
HLEN h
HSTRLEN h f
HKEYS h
HVALS h
HGETALL h
HEXISTS h f
HRANDFIELD h 9 WITHVALUES
HSCAN h 0 MATCH * COUNT 10
INCRBY n 5
DECRBY n 5
INCRBYFLOAT f 1.5
GETSET n 5
MSET a 1 b 2
MSETNX a 1 b 2
RANDOMKEY
SELECT 1
SWAPDB 0 1
MOVE n 1
COPY n k DB 1 REPLACE
RENAME n k
RENAMENX n k
EXPIRE n 100
EXPIREAT n 4000000000
PEXPIRE n 100000
PEXPIREAT n 4000000000000
KEYS *
SCAN 0 MATCH * COUNT 10 TYPE string
DBSIZE
AUTH default x
PING x
ECHO x
SAVE
BGSAVE !nosuch
BGREWRITEAOF !nosuch
SHUTDOWN !nosuch
LASTSAVE
TYPE n
MULTI
DISCARD
EXEC
REPLCONF listening-port 1234
REPLCONF rdb-only 0
FLUSHDB SYNC
FLUSHALL SYNC
SORT nl BY w_* LIMIT 0 10 GET # GET d_* DESC
SORT nl LIMIT 0 2 ALPHA STORE k
INFO nosuch
TTL t
PTTL t
TOUCH n s
PERSIST t
SLAVEOF !127.0.0.1 6666
REPLICAOF !127.0.0.1 6666
ROLE
DEBUG OBJECT n
DEBUG SDSLEN n
DEBUG ZIPLIST h
DEBUG DIGEST-VALUE n s
DEBUG STRINGMATCH-LEN 1 a*
DEBUG PAUSE-CRON 0
DEBUG SET-ACTIVE-EXPIRE 1
DEBUG SET-SKIP-CHECKSUM-VALIDATION 0
DEBUG HTSTATS 0
DEBUG HTSTATS-KEY z
DEBUG CHANGE-REPL-ID
DEBUG PROTOCOL integer
DEBUG ERROR x
DEBUG POPULATE !3 key !10
CONFIG GET maxmemory
CONFIG SET timeout 0
CONFIG RESETSTAT
SUBSCRIBE c
UNSUBSCRIBE c
PSUBSCRIBE c*
PUNSUBSCRIBE c*
PUBLISH c m
PUBSUB CHANNELS *
PUBSUB NUMSUB c
WATCH n
UNWATCH
CLUSTER INFO
RESTORE k 0 {dump} REPLACE
RESTORE k 100000 {dump} REPLACE IDLETIME 5
RESTORE k 4000000000000 {dump} REPLACE ABSTTL FREQ 5
RESTORE-ASKING k 0 {dump} REPLACE
MIGRATE !127.0.0.1 1 n 0 10
MIGRATE !127.0.0.1 1 !"" 0 10 COPY REPLACE KEYS n s
ASKING
READONLY
READWRITE
DUMP n
OBJECT ENCODING n
OBJECT FREQ n
OBJECT IDLETIME n
OBJECT REFCOUNT n
MEMORY USAGE l SAMPLES 5
CLIENT KILL ID 123456
CLIENT KILL ADDR 1.2.3.4:5
CLIENT KILL TYPE pubsub SKIPME yes
CLIENT PAUSE 1 !WRITE
CLIENT UNBLOCK 123456 ERROR
CLIENT TRACKING ON REDIRECT 123456
CLIENT LIST ID 123456
CLIENT REPLY ON
CLIENT SETNAME x
CLIENT CACHING yes
HELLO 3 SETNAME x
EVAL !return 0
EVAL !return 1 a b
EVALSHA !ffffffffffffffffffffffffffffffffffffffff 1 k a
SLOWLOG GET 10
SCRIPT EXISTS ffff
TIME
BITOP AND k s n
BITCOUNT s 0 -1
BITPOS s 1 0 -1
WAIT 0 1
COMMAND INFO get
COMMAND GETKEYS EVAL x 1 k
COMMAND GETKEYS ZUNIONSTORE k 1 z
COMMAND GETKEYS GET k
COMMAND GETKEYS MIGRATE h 1 k 0 10
GEOADD g NX 13.5 38.5 x
GEORADIUS g 15 37 200 km WITHDIST WITHHASH WITHCOORD COUNT 5 ASC
GEORADIUS g 15 37 200 km STOREDIST k
GEORADIUS_RO g 15 37 200 km
GEORADIUSBYMEMBER g Palermo 200 km COUNT 5 ANY
GEORADIUSBYMEMBER_RO g Palermo 200 km
GEOHASH g Palermo
GEOPOS g Palermo
GEODIST g Palermo Catania km
GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC COUNT 5
GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km WITHCOORD
GEOSEARCHSTORE k g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST
PFADD hll x y
PFCOUNT hll
PFMERGE k hll
PFDEBUG ENCODING hll
XADD x 9-9 f v
XADD x MAXLEN ~ 100 LIMIT 10 * f v
XADD x MINID = 1-1 * f v
XRANGE x - + COUNT 10
XRANGE x (1-1 2-2
XREVRANGE x + - COUNT 10
XLEN x
XREAD COUNT 2 BLOCK 1 STREAMS x 0-0
XREADGROUP GROUP gr al COUNT 2 BLOCK 1 STREAMS x 0
XGROUP CREATE x g2 0-0 MKSTREAM
XGROUP SETID x gr 0-0
XGROUP CREATECONSUMER x gr bo
XGROUP DELCONSUMER x gr bo
XGROUP DESTROY x nosuch
XSETID x 9-9
XACK x gr 1-1
XPENDING x gr
XPENDING x gr IDLE 0 - + 10 al
XCLAIM x gr bo 0 1-1 2-2 IDLE 5 RETRYCOUNT 3 FORCE
XCLAIM x gr bo 0 1-1 TIME 1000 JUSTID LASTID 1-1
XAUTOCLAIM x gr bo 0 0-0 COUNT 10 JUSTID
XINFO STREAM x FULL COUNT 1
XINFO GROUPS x
XINFO CONSUMERS x gr
XDEL x 1-1
XTRIM x MAXLEN ~ 100 LIMIT 10
XTRIM x MINID 1-1
LATENCY HISTORY x
LATENCY RESET x
LOLWUT VERSION 5 10 2 2
LOLWUT VERSION 6 10 5
ACL GENPASS 32
ACL LOG 5
ACL SETUSER bob on
ACL GETUSER bob
ACL DELUSER bob
ACL CAT string
STRALGO LCS STRINGS abc abd IDX MINMATCHLEN 1 WITHMATCHLEN
STRALGO LCS KEYS s s LEN
FAILOVER TO !127.0.0.1 6666 TIMEOUT 100
FAILOVER ABORT
MODULE UNLOAD x
RESET""".split("\n")

#: Commands that take no number, or change what the connection is.
LEFT_OUT = {"sync", "psync", "monitor", "pfselftest", "post", "host:"}

#: Numbers so far below zero that the command would have to make as many random elements.
MANY_RANDOM = {b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER"}
#: Commands whose replies only agree as far as errors go: times, sizes, random words, texts of another program.
LOOSE = {b"ACL", b"CLIENT", b"CLUSTER", b"DEBUG", b"EVAL", b"INFO", b"LASTSAVE", b"LATENCY", b"LOLWUT", b"MEMORY", b"MODULE", b"OBJECT",
         b"RANDOMKEY", b"ROLE", b"SLOWLOG", b"TIME", b"SORT", b"HELLO", b"COMMAND", b"KEYS", b"SCAN", b"DUMP", b"XADD"}


def calls(dump):
    """The calls as (words, positions that may be replaced)."""
    for line in CALLS:
        words = line.split()
        free = [i for i, w in enumerate(words) if i and w[0] != "!"]
        yield [dump if w == "{dump}" else w.lstrip("!").replace('""', "").encode() for w in words], free


def spellings_for(name, position, spellings):
    if name in MANY_RANDOM:
        return [s for s in spellings if not (s[:1] == b"-" and len(s) > 5)]
    return spellings


#: Directives that are not in the table of config_table.py; @ is where a spelling goes.
SPECIAL_DIRECTIVES = [
    "save @ 1", "save 1 @", "save @", "replicaof 127.0.0.1 @", "unixsocketperm @", "client-output-buffer-limit normal @ 0 0",
    "client-output-buffer-limit pubsub 0 @ 0", "client-output-buffer-limit replica 0 0 @", "client-output-buffer-limit @ 0 0 0",
    "oom-score-adj-values @ 0 0", "oom-score-adj-values 0 0 @", "notify-keyspace-events @", "dir @", "logfile @",
    "rename-command @ x", "bind @", "cluster-config-file @", "list-max-ziplist-entries @", "include @", "nosuch @", "user @ on",
]
#: What is asked of the real server for each directive in the short run (it has to be started for each).
DIRECTIVE_SPELLINGS = [b"+5", b"5\0", b"-1", b"9223372036854775808"]
#: CONFIG SET of these would listen elsewhere, or look names up.
CONFIG_SET_LEFT_OUT = {b"bind", b"port", b"tls-port", b"unixsocket"}
CONFIG_SET_SPECIAL = {
    b"save": [b"@ 1", b"1 @", b"@"], b"client-output-buffer-limit": [b"slave @ 0 0", b"pubsub 0 @ 0", b"slave 0 0 @", b"@ 0 0 0"],
    b"oom-score-adj-values": [b"@ 0 0", b"0 0 @"],
}
