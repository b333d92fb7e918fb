"""commands.py - random commands for the comparison.

TABLE: family -> list of strategies, each of which makes one command (a list of bytes).  A new type adds its family here
and, where replies are random or unordered, its laws in laws.LAWS.  Keys come from a small pool that all families share, so
that commands meet values of the wrong type too; about one argument in ten is nonsense.
"""
from hypothesis import strategies as st

from tests.integration.differential.vocabulary import KEYS, WORDS

TIMES = [b"100", b"1000", b"5000", b"100000"]


def words(*alternatives):
    return st.sampled_from([w.encode() if isinstance(w, str) else w for w in alternatives])


key = st.sampled_from(KEYS)
#: Numbers around every limit that matters.
integer = st.one_of(
    st.integers(-20, 20), st.sampled_from([0, 1, -1, 9999, 10000, 255, 256, 65535, 1 << 31, (1 << 31) - 1, -(1 << 31),
                                           (1 << 63) - 1, -(1 << 63), (1 << 63) - 2, 1 << 62]),
    st.integers(-(1 << 63), (1 << 63) - 1)).map(lambda n: b"%d" % n)
small = st.integers(-12, 12).map(lambda n: b"%d" % n)
decimal = st.one_of(
    words("0", "1", "-1", "1.5", "3.0e3", "-0.1", "0.1", "1e10", "123456789.123456789", "1e-7", "5.0", "-0", "inf", "-inf",
          "nan", "1e400", "0x10", " 1", "1 ", "", "1.2.3"),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda f: repr(f).encode()), small)
nonsense = words("", " ", "a", "-", "+1", " 1", "1 ", "01", "1.5", "99999999999999999999", "-99999999999999999999", "foo",
                 "\0", "1\0", "\r\n", b"\xff\xfe", "#1", "nx", "get")
value = st.one_of(
    integer, words("", "a", "foo", "bar", "foobar", "hello world", "\0\x01", b"\xff\xff", "x" * 44, "y" * 45, "z" * 100,
                   "ohmytext", "mynewtext", "10", "-5", "3.14"),
    st.binary(max_size=12))


def arg(good):
    """Mostly `good`, now and then nonsense."""
    return st.integers(0, 9).flatmap(lambda n: nonsense if n == 0 else good)


def cmd(name, *args):
    """A command of fixed length; each of args is a strategy or literal bytes/str."""
    fixed = [a if isinstance(a, st.SearchStrategy) else st.just(a.encode() if isinstance(a, str) else a) for a in args]
    return st.tuples(st.just(name.encode()), *fixed).map(list)


def tail(head, *options, max_size=3):
    """`head` followed by up to max_size options, each a strategy of a list of words."""
    return st.tuples(head, st.lists(st.one_of(*options), max_size=max_size)).map(
        lambda t: t[0] + [w for option in t[1] for w in option])


def many(head, *group, min_size=1, max_size=4):
    """`head` followed by a repeated group of arguments."""
    return st.tuples(head, st.lists(st.tuples(*group), min_size=min_size, max_size=max_size)).map(
        lambda t: t[0] + [w for g in t[1] for w in g])


def opt(*parts):
    return cmd(parts[0], *parts[1:])


future = st.sampled_from(TIMES)
timestamp = words("1", "4000000000", "3999999999")
ms_timestamp = words("1", "4000000000000", "3999999999999")
set_options = [opt("NX"), opt("xx"), opt("GET"), opt("KEEPTTL"), opt("EX", arg(future)), opt("px", arg(words("100000"))),
               opt("EXAT", arg(timestamp)), opt("PXAT", arg(ms_timestamp)), opt("junk")]
getex_options = [opt("PERSIST"), opt("EX", arg(future)), opt("PX", arg(words("100000"))), opt("EXAT", arg(timestamp)),
                 opt("PXAT", arg(ms_timestamp)), opt("KEEPTTL")]
lcs_options = [opt("IDX"), opt("LEN"), opt("WITHMATCHLEN"), opt("MINMATCHLEN", arg(small)),
               opt("STRINGS", value, value), opt("KEYS", key, key)]

STRINGS = [
    cmd("SET", key, value), cmd("SET", key, value), cmd("SET", key, integer), cmd("GET", key), cmd("GET", key),
    tail(cmd("SET", key, value), *set_options), tail(cmd("GETEX", key), *getex_options, max_size=2),
    cmd("SETNX", key, value), cmd("SETEX", key, arg(future), value), cmd("PSETEX", key, arg(words("100000", "0", "-1")), value),
    cmd("GETSET", key, value), cmd("GETDEL", key), cmd("APPEND", key, value), cmd("STRLEN", key),
    cmd("SETRANGE", key, arg(st.one_of(small, words("30", "1048570", "1048577"))), value),
    cmd("GETRANGE", key, arg(small), arg(small)), cmd("SUBSTR", key, small, small), many(cmd("MGET"), key),
    many(cmd("MSET"), key, value), many(cmd("MSETNX"), key, value), cmd("MSET", key), cmd("INCR", key), cmd("DECR", key),
    cmd("INCRBY", key, arg(integer)), cmd("DECRBY", key, arg(integer)), cmd("INCRBYFLOAT", key, arg(decimal)),
    tail(cmd("STRALGO", "LCS"), *lcs_options, max_size=4), cmd("STRALGO", "x"),
]

KEYSPACE = [
    many(cmd("DEL"), key), many(cmd("UNLINK"), key), many(cmd("EXISTS"), key), many(cmd("TOUCH"), key), cmd("TYPE", key),
    cmd("RENAME", key, key), cmd("RENAMENX", key, key), cmd("MOVE", key, arg(words("0", "1", "2", "9"))),
    tail(cmd("COPY", key, key), opt("REPLACE"), opt("DB", arg(words("0", "1", "9"))), opt("x")),
    cmd("SELECT", arg(words("0", "0", "0", "1", "9"))), cmd("SWAPDB", arg(words("0", "1")), arg(words("1", "9"))),
    cmd("DBSIZE"), cmd("RANDOMKEY"), cmd("KEYS", words("*", "k*", "k[1-3]", "?1", "[^k]*", "k\\1", "")),
    tail(cmd("SCAN", arg(words("0"))), opt("MATCH", words("*", "k[0-2]", "x")), opt("COUNT", arg(words("100"))),
         opt("TYPE", words("string", "hash", "list", "x"))),
    cmd("EXPIRE", key, arg(future)), cmd("PEXPIRE", key, arg(words("100000", "-1"))), cmd("EXPIREAT", key, arg(timestamp)),
    cmd("PEXPIREAT", key, arg(ms_timestamp)), cmd("TTL", key), cmd("PTTL", key), cmd("PERSIST", key),
    cmd("EXPIRE", key, arg(integer)), cmd("OBJECT", "ENCODING", key), cmd("OBJECT", "REFCOUNT", words("none")),
    cmd("FLUSHDB", words("x", "SYNC", "ASYNC", "x")), cmd("DEBUG", "DIGEST-VALUE", key),
]

field = st.one_of(words("f1", "f2", "f3", "", "1", "-1", "12345678901"), integer, st.integers(0, 15).map(lambda n: b"g%d" % n))

HASHES = [
    many(cmd("HSET", key), field, value), many(cmd("HSET", key), field, value, max_size=10), cmd("HSET", key, field),
    many(cmd("HMSET", key), field, value), cmd("HSETNX", key, field, value), cmd("HGET", key, field),
    many(cmd("HMGET", key), field), many(cmd("HDEL", key), field), cmd("HLEN", key), cmd("HSTRLEN", key, field),
    cmd("HEXISTS", key, field), cmd("HINCRBY", key, field, arg(integer)), cmd("HINCRBYFLOAT", key, field, arg(decimal)),
    cmd("HKEYS", key), cmd("HVALS", key), cmd("HGETALL", key), cmd("HRANDFIELD", key),
    cmd("HRANDFIELD", key, arg(small)), cmd("HRANDFIELD", key, small, words("WITHVALUES", "x")),
    tail(cmd("HSCAN", key, arg(words("0"))), opt("MATCH", words("*", "g*", "f[12]")), opt("COUNT", arg(words("100")))),
]

bit = words("0", "1", "0", "1", "2")
offset = st.one_of(st.integers(0, 70), words("1023", "8388607", "8388608", "4294967296")).map(
    lambda n: n if isinstance(n, bytes) else b"%d" % n)
bit_type = st.one_of(st.integers(1, 64).map(lambda n: b"i%d" % n), st.integers(1, 63).map(lambda n: b"u%d" % n),
                     words("u8", "i8", "u64", "i65", "u0", "x8", "i", "i8x"))
bit_offset = st.one_of(st.integers(0, 70).map(lambda n: b"%d" % n), st.integers(0, 5).map(lambda n: b"#%d" % n))
bitfield_ops = [opt("GET", arg(bit_type), arg(bit_offset)), opt("SET", arg(bit_type), arg(bit_offset), arg(integer)),
                opt("INCRBY", arg(bit_type), arg(bit_offset), arg(integer)),
                opt("OVERFLOW", words("WRAP", "SAT", "FAIL", "SAT", "x"))]

BITS = [
    cmd("SETBIT", key, arg(offset), arg(bit)), cmd("SETBIT", key, arg(offset), bit), cmd("GETBIT", key, arg(offset)),
    cmd("BITCOUNT", key), cmd("BITCOUNT", key, arg(small), arg(small)), cmd("BITCOUNT", key, small),
    cmd("BITPOS", key, arg(bit)), cmd("BITPOS", key, bit, arg(small)), cmd("BITPOS", key, bit, small, arg(small)),
    many(cmd("BITOP", words("AND", "OR", "xor", "NOT", "x"), key), key), cmd("BITOP", "NOT", key, key),
    tail(cmd("BITFIELD", key), *bitfield_ops, max_size=5), tail(cmd("BITFIELD_RO", key), *bitfield_ops[:2]),
    cmd("SET", key, st.binary(max_size=20)),
]

SORTS = [
    tail(cmd("SORT", key), opt("BY", words("k*", "nosort", "k*->f1", "*")), opt("GET", words("#", "k*", "k*->f1", "x")),
         opt("LIMIT", arg(small), arg(small)), opt("ASC"), opt("DESC"), opt("ALPHA"), opt("STORE", key)),
]

element = st.one_of(words("a", "b", "c", "1", "2", "-7", "12345678901", "e" * 40), st.integers(0, 15).map(lambda n: b"%d" % n),
                    st.integers(0, 15).map(lambda n: b"m%d" % n))
end = words("LEFT", "right")

LISTS = [
    many(cmd("RPUSH", key), element), many(cmd("LPUSH", key), element, max_size=10), many(cmd("LPUSHX", key), element),
    many(cmd("RPUSHX", key), element), cmd("LPOP", key), cmd("RPOP", key), cmd("LPOP", key, arg(small)), cmd("RPOP", key, small),
    cmd("LLEN", key), cmd("LINDEX", key, arg(small)), cmd("LSET", key, arg(small), element),
    cmd("LRANGE", key, arg(small), arg(small)), cmd("LTRIM", key, small, arg(small)), cmd("LREM", key, arg(small), element),
    cmd("LINSERT", key, words("BEFORE", "AFTER", "x"), element, element), cmd("RPOPLPUSH", key, key),
    cmd("LMOVE", key, key, end, arg(end)),
    tail(cmd("LPOS", key, element), opt("RANK", arg(small)), opt("COUNT", arg(small)), opt("MAXLEN", arg(small))),
]

SETS = [
    many(cmd("SADD", key), element), many(cmd("SADD", key), element, max_size=12), many(cmd("SREM", key), element),
    cmd("SMOVE", key, key, element), cmd("SISMEMBER", key, element), many(cmd("SMISMEMBER", key), element), cmd("SCARD", key),
    cmd("SMEMBERS", key), many(cmd("SINTER"), key), many(cmd("SUNION"), key), many(cmd("SDIFF"), key),
    many(cmd("SINTERSTORE", key), key), many(cmd("SUNIONSTORE", key), key), many(cmd("SDIFFSTORE", key), key),
    cmd("SRANDMEMBER", key), cmd("SRANDMEMBER", key, arg(small)), cmd("SPOP", key, words("0", "100", "-1", "x")),
]

good_score = st.one_of(words("inf", "-inf", "1", "2", "2", "3.5", "-1e300", "1e300", "0.1", "-0", "1.5", "17179869184"), small,
                       st.floats(-1e6, 1e6, allow_nan=False).map(lambda f: repr(f).encode()))
score = st.integers(0, 11).flatmap(lambda n: decimal if n == 0 else good_score)
score_bound = st.one_of(score, words("(1", "(2", "-inf", "+inf", "(inf", "(", "-inf", "+inf"))
#: Sorted sets whose scores are all equal: with others a lexical range of a skiplist depends on the levels it has drawn.
lex_key = st.sampled_from([b"lex1", b"lex2"])
lex_bound = words("-", "+", "-", "+", "[a", "(b", "[m", "(m5", "[", "[1", "(m9", "x", "")
aggregate = [opt("AGGREGATE", words("SUM", "min", "MAX", "x")), opt("WEIGHTS", arg(score), score), opt("WITHSCORES")]
range_options = [opt("WITHSCORES"), opt("LIMIT", arg(small), arg(small)), opt("REV"), opt("BYSCORE"), opt("BYLEX")]

ZSETS = [
    many(cmd("ZADD", lex_key), st.just(b"0"), element, max_size=12),
    many(cmd("ZADD", key), arg(score), element), many(cmd("ZADD", key), score, element, max_size=12),
    many(tail(cmd("ZADD", key), opt("NX"), opt("XX"), opt("GT"), opt("lt"), opt("CH"), opt("INCR"), max_size=2), score, element,
         max_size=2),
    cmd("ZINCRBY", key, arg(score), element), many(cmd("ZREM", key), element), cmd("ZSCORE", key, element),
    many(cmd("ZMSCORE", key), element), cmd("ZCARD", key), cmd("ZRANK", key, element), cmd("ZREVRANK", key, element),
    cmd("ZCOUNT", key, score_bound, score_bound), cmd("ZLEXCOUNT", lex_key, lex_bound, lex_bound),
    tail(cmd("ZRANGE", key, arg(small), arg(small)), *range_options), tail(cmd("ZREVRANGE", key, small, small), opt("WITHSCORES")),
    tail(cmd("ZRANGE", key, score_bound, score_bound, "BYSCORE"), *range_options, max_size=2),
    tail(cmd("ZRANGEBYSCORE", key, score_bound, score_bound), *range_options[:2]),
    tail(cmd("ZREVRANGEBYSCORE", key, score_bound, score_bound), *range_options[:2]),
    tail(cmd("ZRANGEBYLEX", lex_key, lex_bound, lex_bound), range_options[1]),
    tail(cmd("ZREVRANGEBYLEX", lex_key, lex_bound, lex_bound), range_options[1]),
    tail(cmd("ZRANGESTORE", key, key, arg(small), small), *range_options[1:]),
    cmd("ZREMRANGEBYRANK", key, small, arg(small)), cmd("ZREMRANGEBYSCORE", key, score_bound, score_bound),
    cmd("ZREMRANGEBYLEX", lex_key, lex_bound, lex_bound), cmd("ZPOPMIN", key), cmd("ZPOPMAX", key, arg(small)),
    cmd("ZPOPMIN", key, small), cmd("ZRANDMEMBER", key), cmd("ZRANDMEMBER", key, arg(small)),
    tail(cmd("ZUNIONSTORE", key, "2", key, key), *aggregate), tail(cmd("ZINTERSTORE", key, "2", key, key), *aggregate),
    tail(cmd("ZUNION", "2", key, key), *aggregate), tail(cmd("ZINTER", arg(words("2")), key, key), *aggregate),
    cmd("ZDIFF", "2", key, key), cmd("ZDIFF", "2", key, key, "WITHSCORES"), cmd("ZDIFFSTORE", key, "2", key, key),
]

stream_id = words("1-1", "2-1", "3-0", "3-5", "5-1", "7", "9-9", "0-0", "0", "0-1", "100-1", "18446744073709551615-18446744073709551615",
                  "18446744073709551615-1", "12-18446744073709551615", "1-", "-1", "x", "*x")
fresh_id = st.one_of(stream_id, st.tuples(st.integers(1, 40), st.integers(0, 9)).map(lambda t: b"%d-%d" % t))
range_id = st.one_of(fresh_id, words("-", "+", "(1-1", "(5-1", "(3", "(-", "(+", "$", "(18446744073709551615-18446744073709551615", "(0-0"))
after_id = st.one_of(fresh_id, words("$", ">", "0", "0"))
group = words("g1", "g1", "g1", "g1", "g2", "g2", "nogroup", "")
consumer = words("c1", "c2", "c3", "")
trimming = st.one_of(
    cmd("MAXLEN", arg(words("0", "1", "3", "5", "10"))), cmd("MAXLEN", "~", arg(words("0", "3", "6", "9"))), cmd("MAXLEN", "=", arg(words("2", "4"))),
    cmd("MINID", fresh_id), cmd("MINID", "~", fresh_id), cmd("MINID", "=", fresh_id),
    cmd("MAXLEN", "~", words("3"), "LIMIT", arg(words("0", "1", "4"))), cmd("MINID", "~", fresh_id, "LIMIT", arg(words("0", "4"))),
    cmd("MAXLEN", "3", "LIMIT", "2"))
same_fields = words(*["f%d" % i for i in range(3)])


def join(*parts):
    """Strategies of word lists, one after the other."""
    return st.tuples(*parts).map(lambda t: [w for part in t for w in part])


def maybe(*parts):
    return st.one_of(st.just([]), cmd(parts[0], *parts[1:]))


idle = words("0", "0", "1000000", "-1")

stream = words("k0", "k0", "k0", "k0", "k1", "k1", "k2", "k3")

STREAMS = [
    many(cmd("XADD", stream, fresh_id), same_fields, value), many(cmd("XADD", stream, fresh_id), same_fields, value, max_size=8),
    join(cmd("XADD", stream), trimming, many(cmd("99-1"), field, value)), join(cmd("XADD", stream), trimming, many(cmd("60-0"), same_fields, value)),
    join(cmd("XADD", stream, "NOMKSTREAM"), many(fresh_id.map(lambda i: [i]), field, value)), cmd("XADD", stream, fresh_id, field),
    many(cmd("XADD", stream, fresh_id), st.just(b"same"), integer, max_size=1),
    many(cmd("XADD", stream, fresh_id), st.just(b"same"), value, max_size=1),
    cmd("XLEN", stream), tail(cmd("XRANGE", stream, range_id, range_id), opt("COUNT", arg(small)), max_size=2),
    tail(cmd("XREVRANGE", stream, range_id, range_id), opt("COUNT", arg(small)), max_size=1), cmd("XRANGE", stream, "-", "+"),
    cmd("XREVRANGE", stream, "+", "-"),
    many(cmd("XDEL", stream), fresh_id), join(cmd("XTRIM", stream), trimming), cmd("XSETID", stream, fresh_id),
    join(maybe("COUNT", small).map(lambda o: [b"XREAD"] + o), cmd("STREAMS", stream, stream, after_id, after_id)),
    cmd("XREAD", "STREAMS", stream, after_id),
    cmd("XREAD", "BLOCK", "1", "STREAMS", stream, after_id), cmd("XREAD", "STREAMS", stream, stream, after_id),
    join(cmd("XGROUP", "CREATE", stream, group, after_id), maybe("MKSTREAM")), cmd("XGROUP", "CREATE", stream, "g1", "0"),
    cmd("XGROUP", "CREATE", stream, "g2", "3-1"),
    cmd("XGROUP", "SETID", stream, group, words("0", "0", "3-0", "$", "x")), cmd("XGROUP", "DESTROY", stream, words("g2")),
    cmd("XGROUP", "CREATECONSUMER", stream, group, consumer),
    cmd("XGROUP", "DELCONSUMER", stream, group, consumer), cmd("XGROUP", words("HELP", "x")),
    join(cmd("XREADGROUP", "GROUP", group, consumer), maybe("COUNT", arg(small)), maybe("NOACK"), cmd("STREAMS", stream, after_id)),
    cmd("XREADGROUP", "GROUP", "g1", consumer, "STREAMS", stream, ">"),
    cmd("XREADGROUP", "GROUP", "g1", consumer, "COUNT", "2", "STREAMS", stream, ">"),
    cmd("XREADGROUP", "GROUP", "g1", consumer, "STREAMS", stream, stream, ">", "0"),
    cmd("XREADGROUP", "GROUP", "g1", consumer, "BLOCK", "1", "STREAMS", stream, ">"),
    many(cmd("XACK", stream, group), fresh_id), cmd("XPENDING", stream, group), cmd("XPENDING", stream, "g1", "-", "+", "10"),
    join(cmd("XPENDING", stream, group), maybe("IDLE", arg(idle)), st.tuples(range_id, range_id, arg(small)).map(list),
         st.one_of(st.just([]), consumer.map(lambda c: [c]))),
    tail(many(cmd("XCLAIM", stream, group, consumer, arg(idle)), fresh_id), opt("JUSTID"), opt("FORCE"), opt("RETRYCOUNT", arg(small)),
         opt("TIME", words("1000", "99999999999999")), opt("IDLE", arg(words("0", "1000"))), opt("LASTID", fresh_id)),
    many(cmd("XCLAIM", stream, "g1", consumer, "0"), fresh_id, max_size=6), many(cmd("XCLAIM", stream, "g1", consumer, "0"), fresh_id, max_size=6),
    tail(cmd("XAUTOCLAIM", stream, group, consumer, arg(idle), range_id), opt("COUNT", arg(small)), opt("JUSTID"), max_size=2),
    cmd("XAUTOCLAIM", stream, "g1", consumer, "0", "0"),
    join(cmd("XINFO", "STREAM", stream), maybe("FULL"), maybe("COUNT", arg(small))), cmd("XINFO", "GROUPS", stream),
    cmd("XINFO", "CONSUMERS", stream, group),
    cmd("XINFO", words("HELP", "x"), stream),
]

hll_word = st.one_of(words("", "a", "b", "c", "foo"), st.integers(0, 400).map(lambda n: b"e%d" % n))

HYPERLOGLOGS = [
    many(cmd("PFADD", key), hll_word), many(cmd("PFADD", key), hll_word, max_size=60), cmd("PFADD", key), cmd("PFCOUNT", key), cmd("PFCOUNT", key),
    many(cmd("PFCOUNT"), key), many(cmd("PFMERGE", key), key), cmd("PFMERGE", key),
    cmd("PFDEBUG", words("GETREG", "DECODE", "ENCODING", "TODENSE", "x"), key),
    cmd("PFDEBUG", "ENCODING", key),
    cmd("SETRANGE", key, words("0", "1", "4", "5", "8", "15", "16", "17", "18", "19", "20", "30"), st.binary(min_size=1, max_size=3)),
    cmd("GETRANGE", key, "0", "-1"), cmd("STRLEN", key), cmd("APPEND", key, words("x", "hello", b"\x7f\xff", b"\x80")),
    cmd("SET", key, words("HYLL", "HYLL" + "\0" * 12, b"HYLL\1" + b"\0" * 11 + b"\x7f\xff", b"HYLL\1" + b"\0" * 11 + b"\x7f\xfe", b"HYLL\0" + b"\0" * 30)),
]

longitude = st.one_of(words("13.361389", "15.087269", "14"), words("13.361389", "15.087269", "-122.4", "0", "180", "-180", "180.1", "0.0001", "12.758489"),
                      st.floats(-180, 180).map(lambda f: b"%.6f" % f), decimal)
latitude = st.one_of(words("38.115556", "37.502669", "38"), words("38.115556", "37.502669", "37.7", "0", "85.05112878", "-85.05112878", "86", "38.788135"),
                     st.floats(-85, 85).map(lambda f: b"%.6f" % f), decimal)
near = st.tuples(words("13.36", "15.08", "14", "13.9", "12.7"), words("38.11", "37.5", "37.9", "38.5")).map(list)
place = words("Palermo", "Catania", "a", "b", "p1", "p2", "p3", "")
unit = words("m", "km", "FT", "mi", "km", "km", "m", "x")
radius = st.one_of(words("0", "1", "100", "200", "5000", "22000", "-1", "1e3", "0.5"), decimal)
found_options = [opt("WITHDIST"), opt("WITHCOORD"), opt("WITHHASH"), opt("ASC"), opt("DESC"), opt("COUNT", arg(words("1", "2", "5", "0"))),
                 opt("COUNT", "2", "ANY")]
center = st.one_of(opt("FROMMEMBER", place), st.tuples(longitude, latitude).map(lambda t: [b"FROMLONLAT"] + list(t)),
                   near.map(lambda t: [b"FROMLONLAT"] + t))
shape = st.one_of(opt("BYRADIUS", arg(radius), unit), opt("BYBOX", arg(radius), radius, unit), opt("BYBOX", "400", "400", "km"))

GEOS = [
    many(tail(cmd("GEOADD", key), opt("NX"), opt("XX"), opt("CH"), max_size=2), longitude, latitude, place, max_size=3),
    st.tuples(key, st.lists(st.tuples(near, words("p1", "p2", "p3", "p4", "p5", "Palermo", "Catania")), min_size=1, max_size=8)).map(
        lambda t: [b"GEOADD", t[0]] + [w for n, p in t[1] for w in n + [p]]),
    many(cmd("GEOADD", key), longitude, latitude, place, max_size=10), many(cmd("GEOPOS", key), place), many(cmd("GEOHASH", key), place),
    cmd("GEODIST", key, place, place), cmd("GEODIST", key, place, place, unit),
    tail(cmd("GEORADIUS", key, arg(longitude), latitude, arg(radius), unit), *found_options, opt("STORE", key), opt("STOREDIST", key)),
    tail(cmd("GEORADIUS", key, "14", "38", words("100", "300"), "km"), *found_options, opt("STORE", key), opt("STOREDIST", key)),
    tail(cmd("GEORADIUS_RO", key, longitude, latitude, radius, unit), *found_options, opt("STORE", key)),
    tail(cmd("GEORADIUSBYMEMBER", key, place, arg(radius), unit), *found_options, opt("STORE", key)),
    tail(cmd("GEORADIUSBYMEMBER_RO", key, place, radius, unit), *found_options),
    join(cmd("GEOSEARCH", key), center, tail(shape, *found_options)), join(cmd("GEOSEARCH", key), shape, tail(center, *found_options)),
    join(cmd("GEOSEARCHSTORE", key, key), center, tail(shape, *found_options[3:], opt("STOREDIST"))),
    many(cmd("ZREM", key), place), cmd("ZRANGE", key, "0", "-1", "WITHSCORES"),
]

TRANSACTIONS = [cmd("MULTI"), cmd("EXEC"), cmd("EXEC"), cmd("MULTI"), cmd("EXEC"), cmd("DISCARD"), many(cmd("WATCH"), key, max_size=2), cmd("UNWATCH"),
                cmd("MULTI"), cmd("EXEC"), cmd("GET"), cmd("NOSUCH", "x"), cmd("HELLO", arg(words("2", "3"))), cmd("ECHO", value), cmd("PING"),
                cmd("PING", value)]

wait = words(*["0.01"] * 12, "-1", "x", "nan", "1e400", "")

BLOCKING = [
    join(many(cmd("BLPOP"), key), wait.map(lambda t: [t])), join(many(cmd("BRPOP"), key), wait.map(lambda t: [t])), cmd("BRPOPLPUSH", key, key, wait),
    cmd("BLMOVE", key, key, end, arg(end), wait), join(many(cmd("BZPOPMIN"), key), wait.map(lambda t: [t])),
    join(many(cmd("BZPOPMAX"), key), wait.map(lambda t: [t])), *LISTS[:2], *ZSETS[:2],
]

#: Settings that decide on encodings, with values on both sides of what the sequences reach.
LIMITS = {
    "hash-max-ziplist-entries": ["8", "0", "1", "3", "512"], "hash-max-ziplist-value": ["32", "0", "3", "64"],
    "list-max-ziplist-size": ["4", "1", "0", "2", "-1", "-2", "-5", "-6", "128"], "list-compress-depth": ["0", "1", "2"],
    "set-max-intset-entries": ["8", "0", "1", "3", "512"], "zset-max-ziplist-entries": ["8", "0", "1", "3", "128"],
    "zset-max-ziplist-value": ["32", "0", "3", "64"], "stream-node-max-entries": ["4", "0", "1", "2", "100"],
    "stream-node-max-bytes": ["4096", "0", "1", "40", "120"], "hll-sparse-max-bytes": ["200", "0", "30", "3000"],
    "proto-max-bulk-len": ["1mb"], "lazyfree-lazy-user-del": ["no", "yes"], "lazyfree-lazy-server-del": ["no", "yes"],
    "lazyfree-lazy-user-flush": ["no", "yes"], "activerehashing": ["yes", "no"],
}

big_value = st.one_of(value, st.sampled_from([b"z" * 2000, b"0123456789" * 400, b"q" * 5000, bytes(range(256)) * 10, b"w" * 33, b"v" * 65]))

setting = st.sampled_from([(name, v) for name, values in LIMITS.items() for v in values]).map(
    lambda t: [b"CONFIG", b"SET", t[0].encode(), t[1].encode()])
BIG_LISTS = [setting, many(cmd("RPUSH", key), big_value, max_size=8), many(cmd("LPUSH", key), big_value, max_size=8),
             cmd("LINSERT", key, words("AFTER", "BEFORE"), element, big_value), cmd("LSET", key, small, big_value), setting, *LISTS]
BIG_HASHES = [setting, many(cmd("HSET", key), field, big_value, max_size=6), cmd("HSETNX", key, big_value, value), setting, *HASHES]
BIG_SETS = [setting, many(cmd("SADD", key), st.one_of(element, big_value), max_size=6), setting, *SETS]
BIG_ZSETS = [setting, many(cmd("ZADD", key), score, st.one_of(element, big_value), max_size=6), setting, *ZSETS]
BIG_STREAMS = [setting, many(cmd("XADD", key, fresh_id), same_fields, big_value), many(cmd("XADD", key, "99"), same_fields, big_value), setting, *STREAMS]

#: What DUMP gives for "10".
TEN = b"\x00\xc0\x0a\x09\x00\xbe\x6d\x06\x89\x5a\x28\x00\x0a"

COPIES = [
    cmd("COPY", key, key, "DB", words("0", "1", "2")), cmd("COPY", key, key, "REPLACE"), cmd("MOVE", key, words("0", "1", "2")),
    cmd("SWAPDB", words("0", "1"), words("0", "1", "2")), cmd("SELECT", words("0", "1", "2")), cmd("DUMP", key), cmd("RENAME", key, key),
    cmd("RESTORE", key, arg(words("0")), words("", "x", b"\x00\x01a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00", TEN)),
    tail(cmd("RESTORE", key, words("0", "100000", "-1"), TEN), opt("REPLACE"), opt("ABSTTL"),
         opt("IDLETIME", arg(words("0", "100"))), opt("FREQ", arg(words("0", "255", "256"))), opt("x")),
    *KEYSPACE, *STRINGS[:5], *HASHES[:2], *LISTS[:2], *SETS[:2], *ZSETS[:2], *STREAMS[:2],
    cmd("OBJECT", words("ENCODING", "FREQ", "HELP", "x"), key), cmd("OBJECT", "REFCOUNT", key), cmd("EXPIRE", key, words("0", "-1")),
    cmd("PEXPIREAT", key, words("0", "-1", "1")),
]

TABLE = {"strings": STRINGS, "keyspace": KEYSPACE, "hashes": HASHES, "bits": BITS, "sort": SORTS + LISTS[:2] + SETS[:2],
         "lists": LISTS, "sets": SETS, "zsets": ZSETS, "streams": STREAMS, "hyperloglogs": HYPERLOGLOGS, "geos": GEOS, "transactions": TRANSACTIONS,
         "blocking": BLOCKING, "big lists": BIG_LISTS, "big hashes": BIG_HASHES, "big sets": BIG_SETS,
         "big zsets": BIG_ZSETS, "big streams": BIG_STREAMS, "copies": COPIES,
         "words": WORDS + WORDS + STRINGS[:3] + HASHES[:2] + LISTS[:2] + SETS[:2] + ZSETS[:2] + STREAMS[:2]}


def lines(text):
    return [line.encode().split() for line in text.strip().splitlines()]


#: What a sequence may begin with, so that it meets values of some size.
PRELUDES = {
    "strings": lines("""MSET k0 10 k1 hello k2 3.5 k3 ohmytext"""),
    "keyspace": lines("""SET k0 1 EX 100000\nHSET k1 f1 1\nRPUSH k2 a b c\nPEXPIREAT k2 4000000000000"""),
    "hashes": lines("""HSET k0 f1 1 f2 a f3 1.5\nHSET k1 g0 0 g1 1 g2 2 g3 3 g4 4 g5 5 g6 6 g7 7 g8 8 g9 9"""),
    "bits": lines("""SET k0 foobar\nSETBIT k1 70 1\nSET k2 12"""),
    "sort": lines("""RPUSH k0 3 1 2 10\nSADD k1 5 4 9 7\nMSET k2 7 k3 8\nZADD k2 1 2 2 1"""),
    "lists": lines("""RPUSH k0 a b c a b c 1 2 3 a m1 m2 m3\nRPUSH k1 1 2 a\nRPUSH k2 x"""),
    "sets": lines("""SADD k0 1 2 3 4 5\nSADD k1 a b c m1 m2 1 2 3\nSADD k2 1 2 3 4 5 6 7 8 9 10 11 12 13"""),
    "zsets": lines("""ZADD k0 1 a 2 b 3 c 3 1\nZADD k1 0 a 0 b 0 c 0 m1 0 m2 0 m3 0 m4 0 m5 0 1 0 2
ZADD k2 1 m1 2 m2 3 m3 4 m4 5 m5 6 m6 7 m7 8 m8 9 m9 10 a"""),
    "streams": lines("""XADD k0 1-1 f0 1\nXADD k0 2-1 f0 a f1 b\nXADD k0 3-0 f0 1\nXADD k0 3-5 f0 a\nXADD k0 5-1 f0 x\nXADD k0 7-0 f0 x f1 z\nXADD k0 9-9 f0 1
XADD k1 1-1 f1 1\nXADD k1 2-1 f1 2\nXGROUP CREATE k0 g1 0\nXGROUP CREATE k1 g1 0\nXGROUP CREATE k0 g2 3-0
XREADGROUP GROUP g1 c1 COUNT 4 STREAMS k0 >\nXREADGROUP GROUP g1 c2 COUNT 2 STREAMS k0 k1 > >\nXREADGROUP GROUP g2 c2 STREAMS k0 >"""),
    "hyperloglogs": lines("""PFADD k0 a b c\nPFADD k1 e1 e2 e3 e4 e5 e6 e7 e8 e9 e10\nPFADD k2"""),
    "geos": lines("""GEOADD k0 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 13.6 37.4 p1 14.2 38 p2
GEOADD k1 12.758489 38.788135 p1 17.241510 38.788135 p2 13.36 38.11 p3"""),
}
PRELUDES["blocking"] = PRELUDES["lists"] + lines("ZADD k3 1 a 2 b 3 c")
PRELUDES.update(("big " + family, PRELUDES[family]) for family in ("lists", "hashes", "sets", "zsets", "streams"))
PRELUDES["copies"] = PRELUDES["keyspace"] + lines("SADD k3 a 1 2")
PRELUDES["words"] = lines("RPUSH k0 a 1 b\nSADD k1 1 2 3\nHSET k2 f1 1 a 2\nZADD k3 1 a 2 b 3 1")
PRELUDES["transactions"] = lines("SET k0 1\nWATCH k0")


def quoted(words_):
    """The inline form of a command: a line with every word in quotes."""
    return b" ".join([b'"' + b"".join([b"\\x%02x" % byte if not 48 <= byte <= 122 or byte == 92 else b"%c" % byte for byte in w]) + b'"'
                      for w in words_]) + b"\r\n"


#: Destructive and administrative commands are one in this many, so that values live long enough to grow.
KEYSPACE_SHARE = 5
#: One command in this many comes in its inline form.
INLINE_SHARE = 20


def sequences(families, min_size=25, max_size=80):
    """Sequences of commands of the named families, most of them with preludes."""
    own = st.one_of([strategy for family in families if family != "keyspace" for strategy in TABLE[family]])
    keyspace = st.one_of(TABLE["keyspace"])
    one = st.integers(1, KEYSPACE_SHARE).flatmap(lambda n: keyspace if n == 1 else own)
    if "transactions" in families:
        one = st.one_of(one, st.one_of(TABLE["transactions"]))
    inline = one.map(lambda words_: quoted(words_) if sum(map(len, words_)) < 1000 else words_)
    body = st.lists(st.integers(1, INLINE_SHARE).flatmap(lambda n: inline if n == 1 else one), min_size=min_size, max_size=max_size)
    preludes = st.lists(st.sampled_from(families[:1] * 3 + families), max_size=1 if len(families) < 3 else 4)
    return st.tuples(preludes, body).map(lambda t: [command for family in t[0] for command in PRELUDES[family]] + t[1])
