"""commands.py - random commands for the comparison.

TABLE: family -> list of strategies, each of which makes one command (a list of bytes).  A new type adds its family here
and, where replies are random or unordered, its laws in laws.LAWS.  Keys come from a small pool that all families share, so
that commands meet values of the wrong type too; about one argument in ten is nonsense.
"""
from hypothesis import strategies as st

KEYS = [b"k%d" % i for i in range(4)]
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

score = st.one_of(decimal, words("inf", "-inf", "1", "2", "2", "3.5", "-1e300", "1e300", "0.1"))
score_bound = st.one_of(score, words("(1", "(2", "-inf", "+inf", "(inf", "("))
lex_bound = words("-", "+", "[a", "(b", "[m", "(m5", "[", "x", "")
aggregate = [opt("AGGREGATE", words("SUM", "min", "MAX", "x")), opt("WEIGHTS", arg(score), score), opt("WITHSCORES")]
range_options = [opt("WITHSCORES"), opt("LIMIT", arg(small), arg(small)), opt("REV"), opt("BYSCORE"), opt("BYLEX")]

ZSETS = [
    many(cmd("ZADD", key), arg(score), element), many(cmd("ZADD", key), score, element, max_size=12),
    many(tail(cmd("ZADD", key), opt("NX"), opt("XX"), opt("GT"), opt("lt"), opt("CH"), opt("INCR"), max_size=2), score, element,
         max_size=2),
    cmd("ZINCRBY", key, arg(score), element), many(cmd("ZREM", key), element), cmd("ZSCORE", key, element),
    many(cmd("ZMSCORE", key), element), cmd("ZCARD", key), cmd("ZRANK", key, element), cmd("ZREVRANK", key, element),
    cmd("ZCOUNT", key, score_bound, score_bound), cmd("ZLEXCOUNT", key, lex_bound, lex_bound),
    tail(cmd("ZRANGE", key, arg(small), arg(small)), *range_options), tail(cmd("ZREVRANGE", key, small, small), opt("WITHSCORES")),
    tail(cmd("ZRANGE", key, score_bound, score_bound, "BYSCORE"), *range_options, max_size=2),
    tail(cmd("ZRANGEBYSCORE", key, score_bound, score_bound), *range_options[:2]),
    tail(cmd("ZREVRANGEBYSCORE", key, score_bound, score_bound), *range_options[:2]),
    tail(cmd("ZRANGEBYLEX", key, lex_bound, lex_bound), range_options[1]),
    tail(cmd("ZREVRANGEBYLEX", key, lex_bound, lex_bound), range_options[1]),
    tail(cmd("ZRANGESTORE", key, key, arg(small), small), *range_options[1:]),
    cmd("ZREMRANGEBYRANK", key, small, arg(small)), cmd("ZREMRANGEBYSCORE", key, score_bound, score_bound),
    cmd("ZREMRANGEBYLEX", key, lex_bound, lex_bound), cmd("ZPOPMIN", key), cmd("ZPOPMAX", key, arg(small)),
    cmd("ZPOPMIN", key, small), cmd("ZRANDMEMBER", key), cmd("ZRANDMEMBER", key, arg(small)),
    tail(cmd("ZUNIONSTORE", key, "2", key, key), *aggregate), tail(cmd("ZINTERSTORE", key, "2", key, key), *aggregate),
    tail(cmd("ZUNION", "2", key, key), *aggregate), tail(cmd("ZINTER", arg(words("2")), key, key), *aggregate),
    cmd("ZDIFF", "2", key, key), cmd("ZDIFF", "2", key, key, "WITHSCORES"), cmd("ZDIFFSTORE", key, "2", key, key),
]

TABLE = {"strings": STRINGS, "keyspace": KEYSPACE, "hashes": HASHES, "bits": BITS, "sort": SORTS + LISTS[:2] + SETS[:2],
         "lists": LISTS, "sets": SETS, "zsets": ZSETS}


#: Destructive and administrative commands are one in this many, so that values live long enough to grow.
KEYSPACE_SHARE = 5


def sequences(families, min_size=10, max_size=60):
    """Sequences of commands of the named families."""
    own = st.one_of([strategy for family in families if family != "keyspace" for strategy in TABLE[family]])
    keyspace = st.one_of(TABLE["keyspace"])
    one = st.integers(1, KEYSPACE_SHARE).flatmap(lambda n: keyspace if n == 1 else own)
    return st.lists(one, min_size=min_size, max_size=max_size)
