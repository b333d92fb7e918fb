"""vocabulary.py - every command of the table with any number of words, out of those that mean something to it.

For the errors: which one is found first, and its text.  OPTIONS holds what each command's parser looks for (read in the C
source); to these come keys, numbers and nonsense.  Commands that would stop, block or detach a server or its client are only
sent with an arity they refuse (ARITY_ONLY), or with the few words that are listed (ONLY).
"""
from hypothesis import strategies as st

import server.link  # noqa: F401
from server.commandtable import redisCommandTable

OPTIONS = {
    "set": "NX XX GET KEEPTTL EX PX EXAT PXAT", "getex": "PERSIST EX PX EXAT PXAT", "stralgo": "LCS IDX LEN WITHMATCHLEN MINMATCHLEN STRINGS KEYS",
    "bitfield": "GET SET INCRBY OVERFLOW WRAP SAT FAIL u8 i16 #1 u64 i64", "bitfield_ro": "GET u8 #1 SET", "bitop": "AND OR XOR NOT",
    "linsert": "BEFORE AFTER", "lpos": "RANK COUNT MAXLEN", "lmove": "LEFT RIGHT", "blmove": "LEFT RIGHT", "zadd": "NX XX GT LT CH INCR inf",
    "sort": "BY GET LIMIT ASC DESC ALPHA STORE nosort k* #", "scan": "MATCH COUNT TYPE string k*", "sscan": "MATCH COUNT k*",
    "hscan": "MATCH COUNT k*",
    "zscan": "MATCH COUNT k*", "copy": "DB REPLACE", "restore": "REPLACE ABSTTL IDLETIME FREQ", "restore-asking": "REPLACE ABSTTL IDLETIME FREQ",
    "zunionstore": "WEIGHTS AGGREGATE SUM MIN MAX", "zinterstore": "WEIGHTS AGGREGATE SUM MIN MAX", "zdiffstore": "WEIGHTS AGGREGATE SUM",
    "zunion": "WEIGHTS AGGREGATE SUM MIN MAX WITHSCORES", "zinter": "WEIGHTS AGGREGATE SUM MIN MAX WITHSCORES", "zdiff": "WITHSCORES WEIGHTS",
    "zrange": "WITHSCORES LIMIT REV BYSCORE BYLEX - + [a (1", "zrangestore": "LIMIT REV BYSCORE BYLEX WITHSCORES - + [a (1",
    "zrangebyscore": "WITHSCORES LIMIT (1 inf", "zrevrangebyscore": "WITHSCORES LIMIT (1 inf", "zrangebylex": "LIMIT - + [a (b",
    "zrevrangebylex": "LIMIT - + [a (b", "zrevrange": "WITHSCORES", "zlexcount": "- + [a (b", "zremrangebylex": "- + [a (b", "zcount": "(1 -inf +inf",
    "geoadd": "NX XX CH 13.36 38.11", "geodist": "m km ft mi",
    "georadius": "m km ft mi WITHDIST WITHHASH WITHCOORD COUNT ANY ASC DESC STORE STOREDIST 13.36 38.11",
    "georadiusbymember": "m km ft mi WITHDIST WITHHASH WITHCOORD COUNT ANY ASC DESC STORE STOREDIST",
    "geosearch": "FROMMEMBER FROMLONLAT BYRADIUS BYBOX m km WITHDIST WITHHASH WITHCOORD COUNT ANY ASC DESC 13.36 38.11",
    "geosearchstore": "FROMMEMBER FROMLONLAT BYRADIUS BYBOX m km STOREDIST COUNT ANY ASC WITHDIST 13.36 38.11",
    "pfdebug": "GETREG DECODE ENCODING TODENSE", "xadd": "NOMKSTREAM MAXLEN MINID ~ = LIMIT 1-1 5-5 99", "xrange": "- + COUNT (1-1 1-1",
    "xrevrange": "- + COUNT (1-1 1-1", "xread": "COUNT STREAMS BLOCK\0001 $ > 1-1",
    "xreadgroup": "GROUP g1 c1 COUNT STREAMS BLOCK\0001 NOACK $ > 1-1",
    "xgroup": "CREATE SETID DESTROY CREATECONSUMER DELCONSUMER HELP MKSTREAM g1 c1 $ 1-1", "xsetid": "1-1 $", "xack": "g1 1-1",
    "xpending": "g1 IDLE - + (1-1 c1", "xclaim": "g1 c1 1-1 IDLE TIME RETRYCOUNT FORCE JUSTID LASTID", "xautoclaim": "g1 c1 1-1 COUNT JUSTID",
    "xinfo": "STREAM GROUPS CONSUMERS HELP FULL COUNT g1", "xdel": "1-1", "xtrim": "MAXLEN MINID ~ = LIMIT 1-1",
    "flushall": "ASYNC SYNC", "flushdb": "ASYNC SYNC", "hello": "2 3 AUTH SETNAME", "failover": "TO FORCE ABORT TIMEOUT", "expire": "NX",
    "srandmember": "", "hrandfield": "WITHVALUES", "zrandmember": "WITHSCORES", "incrbyfloat": "1e3 inf", "hincrbyfloat": "1e3 inf",
}
OPTIONS["georadius_ro"] = OPTIONS["georadius"]
OPTIONS["georadiusbymember_ro"] = OPTIONS["georadiusbymember"]

#: Only these words (besides keys): others would give replies of which nothing can be said, or change more than data.
ONLY = {
    "object": "ENCODING FREQ HELP nosuch", "debug": "OBJECT DIGEST-VALUE STRINGMATCH-LEN nosuch",
    "client": "HELP GETNAME SETNAME GETREDIR CACHING yes nosuch UNBLOCK ERROR",
    "config": "GET SET nosuch hash-max-ziplist-value maxmemory-x HELP", "memory": "HELP nosuch", "slowlog": "HELP nosuch",
    "latency": "HELP nosuch HISTORY RESET",
    "acl": "HELP WHOAMI CAT nosuch", "module": "LIST HELP UNLOAD nosuch", "pubsub": "CHANNELS NUMSUB NUMPAT HELP nosuch",
    "command": "INFO COUNT GETKEYS get set nosuch eval HELP 1",
    "wait": "0 x -1 1.5", "cluster": "INFO SLOTS nosuch", "role": "x", "lolwut": "VERSION x", "auth": "x default", "publish": "x y", "info": "nosuch",
}
ARITY_ONLY = {"shutdown", "sync", "psync", "monitor", "slaveof", "replicaof", "subscribe", "psubscribe", "unsubscribe", "punsubscribe", "migrate",
              "bgsave", "bgrewriteaof", "save", "replconf", "eval", "evalsha", "script", "pfselftest", "post", "host:", "info", "lolwut"}
BLOCKING = {"blpop", "brpop", "bzpopmin", "bzpopmax", "brpoplpush", "blmove"}
#: Commands to which a large negative count is a very large job.
SMALL_COUNTS = {"srandmember", "hrandfield", "zrandmember", "spop"}

#: Commands whose numbers are times: no key may live as short as a sequence takes.
TIMES = {"set", "getex", "setex", "psetex", "expire", "pexpire", "restore", "restore-asking"}

KEYS = [b"k%d" % i for i in range(4)]
SMALL = [b"0", b"1", b"-1", b"2", b"3"]
NUMBERS = SMALL + [b"-9223372036854775807", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"1.5", b"1e3", b"100000"]
NONSENSE = [b"", b"x", b"abc", b"\0", b"\xff\xfe", b"-", b"nan"]


def words_for(name):
    keys = st.sampled_from(KEYS)
    if name in ONLY:
        return st.one_of(keys, st.sampled_from(ONLY[name].encode().split()))
    numbers = st.sampled_from(SMALL if name in SMALL_COUNTS else [b"0"] + NUMBERS[5:] if name in TIMES else NUMBERS)
    choices = [keys, keys, numbers, numbers, st.sampled_from(NONSENSE)]
    if OPTIONS.get(name):
        choices += [st.sampled_from(OPTIONS[name].encode().split(b" ")).flatmap(lambda w: st.sampled_from([w, w.lower()]))] * 4
    return st.one_of(choices)


def command(name, arity):
    least = abs(arity)
    if name in ARITY_ONLY:
        length = st.integers(1, least - 1) if arity < 0 else st.integers(1, least + 2).filter(lambda n: n != least)
        if arity == -1:
            return None
    elif name in ("object", "debug", "client", "config"):
        length = st.integers(1, 4)
    elif arity > 0:
        length = st.one_of(st.just(arity), st.just(arity), st.just(arity), st.integers(1, arity + 2))
    else:
        length = st.one_of(st.integers(least, least + 4), st.integers(least, least + 8), st.integers(1, least + 1))
    words = words_for(name)
    made = length.flatmap(lambda n: st.lists(words, min_size=n - 1, max_size=n - 1)).map(
        lambda tail: [name.encode()] + [part for w in tail for part in (w.split(b"\0") if w[:5].upper() == b"BLOCK" else [w])])
    if name in BLOCKING:
        made = st.tuples(made, st.sampled_from([b"0.01", b"-1", b"x", b""])).map(lambda t: t[0][:-1] + [t[1]] if len(t[0]) > 2 else t[0])
    return made


def text(name):
    return name.decode() if isinstance(name, bytes) else name


WORDS = [c for c in [command(text(row.name), row.arity) for row in redisCommandTable()] if c is not None]
