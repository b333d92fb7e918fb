"""Sorted set commands against a dict, as ziplist and as skiplist."""
import random

import pytest

import server.link  # noqa: F401
from datastructs.adlist import listDelNode
from tests.support.inprocess import InProcess

INF = float("inf")
SCORES = [0.0, 1.0, -1.0, 1.5, 2.0, 1e300, -1e300, INF, -INF, 0.1, 17179869184.0]
MEMBERS = [b"a", b"b", b"c", b"", b"1", b"-7", b"m" * 70, b"\0", b"aa", b"z"]


@pytest.fixture(params=[128, 3, 0], ids=lambda n: "limit%d" % n)
def redis(request):
    with InProcess(zset_max_ziplist_entries=request.param) as r:
        r.limit = request.param
        yield r


def text(score):
    return "inf" if score == INF else "-inf" if score == -INF else repr(score)


def ordered(model):
    return sorted(model, key=lambda m: (model[m], m))


def bounds(rnd):
    """Two score bounds: their texts, and the test they mean."""
    lo, hi = rnd.choice(SCORES), rnd.choice(SCORES)
    ex_lo, ex_hi = rnd.random() < .3, rnd.random() < .3
    return ("(" * ex_lo + text(lo), "(" * ex_hi + text(hi),
            lambda s: (s > lo if ex_lo else s >= lo) and (s < hi if ex_hi else s <= hi))


@pytest.mark.parametrize("seed", range(6))
def test_against_a_dict(redis, seed):
    rnd = random.Random(seed)
    model = {}
    for _ in range(200):
        m, s, i, j = rnd.choice(MEMBERS), rnd.choice(SCORES), rnd.randint(-6, 6), rnd.randint(-6, 6)
        op = rnd.choice(["add", "add", "add", "flags", "incr", "rem", "rank", "byscore", "range", "remrank", "remscore", "pop"])
        order = ordered(model)
        n = len(order)
        if op == "add":
            assert redis("ZADD", "k", text(s), m) == (m not in model)
            model[m] = s
        elif op == "flags":
            flag = rnd.choice(["NX", "XX", "GT", "LT"])
            old = model.get(m)
            done = {"NX": old is None, "XX": old is not None, "GT": old is None or s > old, "LT": old is None or s < old}[flag]
            assert redis("ZADD", "k", flag, "CH", text(s), m) == (done and old != s)
            if done:
                model[m] = s
        elif op == "incr" and abs(model.get(m, 0.0)) != INF:
            model[m] = model.get(m, 0.0) + i
            assert float(redis("ZINCRBY", "k", i, m)) == model[m]
        elif op == "rem":
            assert redis("ZREM", "k", m, m) == (model.pop(m, None) is not None)
        elif op == "rank":
            assert redis("ZRANK", "k", m) == (order.index(m) if m in model else None)
            assert redis("ZREVRANK", "k", m) == (n - 1 - order.index(m) if m in model else None)
        elif op == "byscore":
            lo, hi, inside = bounds(rnd)
            want = [x for x in order if inside(model[x])]
            assert redis("ZCOUNT", "k", lo, hi) == len(want)
            assert redis("ZRANGEBYSCORE", "k", lo, hi) == want
            assert redis("ZRANGEBYSCORE", "k", lo, hi, "LIMIT", 1, 2) == want[1:3]
            assert redis("ZREVRANGEBYSCORE", "k", hi, lo) == want[::-1]
            assert redis("ZRANGE", "k", hi, lo, "BYSCORE", "REV", "LIMIT", 1, -1) == want[::-1][1:]
        elif op in ("range", "remrank"):
            lo, hi = max(i + n if i < 0 else i, 0), j + n if j < 0 else j
            want = order[lo:hi + 1] if hi >= 0 else []
            if op == "range":
                got = redis("ZRANGE", "k", i, j, "WITHSCORES")
                assert got[::2] == want and [float(x) for x in got[1::2]] == [model[x] for x in want]
            elif rnd.random() < .3:
                assert redis("ZREMRANGEBYRANK", "k", i, j) == len(want)
                model = {x: y for x, y in model.items() if x not in want}
        elif op == "remscore" and rnd.random() < .3:
            lo, hi, inside = bounds(rnd)
            gone = [x for x in order if inside(model[x])]
            assert redis("ZREMRANGEBYSCORE", "k", lo, hi) == len(gone)
            model = {x: y for x, y in model.items() if x not in gone}
        elif op == "pop" and model:
            m = order[0 if i < 0 else -1]
            assert redis("ZPOPMIN" if i < 0 else "ZPOPMAX", "k")[0] == m
            del model[m]
        assert redis("ZCARD", "k") == len(model)
        assert redis("ZRANGE", "k", 0, -1) == ordered(model)
        for m in MEMBERS:
            got = redis("ZSCORE", "k", m)
            assert (None if got is None else float(got)) == model.get(m)


@pytest.mark.parametrize("seed", range(3))
def test_by_lex(redis, seed):
    rnd = random.Random(seed)
    model = set(rnd.sample([b"%c%c" % (x, y) for x in b"abcd" for y in b"abcd"] + [b"", b"a"], 9))
    redis("ZADD", "k", *[w for m in model for w in (0, m)])
    order = sorted(model)
    for _ in range(60):
        lo, hi = rnd.choice(order + [b"b", b"c"]), rnd.choice(order + [b"b", b"e"])
        ex_lo, ex_hi = rnd.random() < .5, rnd.random() < .5
        want = [m for m in order if (m > lo if ex_lo else m >= lo) and (m < hi if ex_hi else m <= hi)]
        args = [b"[("[ex_lo:ex_lo + 1] + lo, b"[("[ex_hi:ex_hi + 1] + hi]
        assert redis("ZLEXCOUNT", "k", *args) == len(want)
        assert redis("ZRANGEBYLEX", "k", *args) == want
        assert redis("ZREVRANGEBYLEX", "k", *args[::-1]) == want[::-1]
        assert redis("ZRANGE", "k", *args, "BYLEX", "LIMIT", 1, 3) == want[1:4]
    assert redis("ZRANGEBYLEX", "k", "-", "+") == order
    assert redis("ZREMRANGEBYLEX", "k", "[b", "+") == len([m for m in order if m >= b"b"])
    assert redis("ZRANGE", "k", 0, -1) == [m for m in order if m < b"b"]


@pytest.mark.parametrize("seed", range(3))
def test_union_inter_diff(redis, seed):
    rnd = random.Random(seed)
    for _ in range(25):
        redis("DEL", "a", "b", "s")
        a, b = ({m: float(rnd.randint(-5, 5)) for m in rnd.sample(MEMBERS, rnd.randint(1, 8))} for _ in range(2))
        s = set(rnd.sample(MEMBERS, 3))
        for key, model in ((b"a", a), (b"b", b)):
            redis("ZADD", key, *[w for m, x in model.items() for w in (text(x), m)])
        redis("SADD", "s", *s)
        fold = rnd.choice([sum, min, max])
        args = ["3", "a", "b", "s", "WEIGHTS", 2, 1, -1, "AGGREGATE", fold.__name__]
        inputs = [{m: 2 * x for m, x in a.items()}, b, dict.fromkeys(s, -1.0)]
        everything = {m: fold([x[m] for x in inputs if m in x]) for m in set(a) | set(b) | s}
        common = {m: x for m, x in everything.items() if m in a and m in b and m in s}
        for name, want in (("ZUNION", everything), ("ZINTER", common)):
            got = redis(name, *args, "WITHSCORES")
            assert got[::2] == ordered(want) and [float(x) for x in got[1::2]] == [want[m] for m in ordered(want)]
            assert redis(name + "STORE", "d", *args) == len(want)
            assert redis("ZRANGE", "d", 0, -1) == ordered(want)
        want = {m: x for m, x in a.items() if m not in b}
        assert redis("ZDIFF", "2", "a", "b") == ordered(want)
        assert redis("ZDIFFSTORE", "d", "2", "a", "b") == len(want)


def test_limits(redis):
    for n in range(redis.limit):
        redis("ZADD", "k", n, n)
    if redis.limit:
        assert redis.encoding("k") == "ziplist"
    redis("ZADD", "k", 1000, "last")
    assert redis.encoding("k") == "skiplist"
    redis("ZREM", "k", "last")
    if redis.limit:
        assert redis.encoding("k") == "skiplist"             # never back
    redis("ZADD", "v", 1, "x" * 65)
    assert redis.encoding("v") == "skiplist"


def test_nan(redis):
    redis("ZADD", "k", "inf", "a")
    assert redis("ZINCRBY", "k", "-inf", "a").text == "ERR resulting score is not a number (NaN)"
    assert redis("ZADD", "k", "nan", "a").text == "ERR value is not a valid float"
    assert redis("ZADD", "k", "1", "b", "x", "c").text == "ERR value is not a valid float"
    assert redis("ZCARD", "k") == 1                          # nothing of a command with an error is done


def test_four_words(redis):
    """ZADD with one pair has a lane of its own: it must see what is no score, and what is an option."""
    for words, error in (((b"nx", b"1"), "ERR syntax error"), ((b"CH", b"1"), "ERR syntax error"), ((b"incr", b"m"), "ERR syntax error"),
                         ((b"x", b"m"), "ERR value is not a valid float"), ((b"nan", b"m"), "ERR value is not a valid float"),
                         ((b"", b"m"), "ERR value is not a valid float"), ((b" 1", b"m"), "ERR value is not a valid float")):
        assert redis("ZADD", "k", *words).text == error
        assert redis("EXISTS", "k") == 0
    for score in (b"1", b"+1", b"0x10", b"1e2", b"-inf", b"00012"):
        redis("ZADD", "k", score, score)
    assert redis("ZRANGE", "k", 0, -1) == [b"-inf", b"+1", b"1", b"00012", b"0x10", b"1e2"]
    assert redis("ZADD", "k", "1", "1") == 0
    redis("SET", "s", "v")
    assert redis("ZADD", "s", "1", "m").text.startswith("WRONGTYPE")
    assert redis("ZADD", "s", "x", "m").text == "ERR value is not a valid float"


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("limit", [0, 128])
def test_pop_replies(resp, limit):
    """The protocol of the pops, byte by byte."""
    with InProcess(zset_max_ziplist_entries=limit) as r:
        c = r.c

        def raw(*words):
            r.reply = lambda: None
            r(*words)
            del r.reply
            out = bytes(c.buf)
            while c.reply.len:              # the length is deferred, so the reply is in the list
                out += bytes(c.reply.head.value.buf)
                listDelNode(c.reply, c.reply.head)
            c.buf = bytearray()
            c.bufpos = c.reply_bytes = 0
            return out

        def double(text):
            return b"$%d\r\n%b\r\n" % (len(text), text) if resp == 2 else b",%b\r\n" % text

        for score, m in ((1, "a"), (1.5, "b"), ("inf", "c"), ("-inf", "d"), (3, "12"), (4, "e")):
            r("ZADD", "k", score, m)
        c.resp = resp
        assert raw("ZPOPMIN", "k") == b"*2\r\n$1\r\nd\r\n" + double(b"-inf")
        assert raw("ZPOPMAX", "k", 1) == (b"*2\r\n" if resp == 2 else b"*1\r\n*2\r\n") + b"$1\r\nc\r\n" + double(b"inf")
        nested = b"" if resp == 2 else b"*2\r\n"
        assert raw("ZPOPMIN", "k", 2) == (b"*4\r\n" if resp == 2 else b"*2\r\n") + \
            nested + b"$1\r\na\r\n" + double(b"1") + nested + b"$1\r\nb\r\n" + double(b"1.5")
        assert raw("BZPOPMIN", "k", 0) == b"*3\r\n$1\r\nk\r\n$2\r\n12\r\n" + double(b"3")
        assert raw("ZPOPMAX", "k", 9) == (b"*2\r\n" if resp == 2 else b"*1\r\n*2\r\n") + b"$1\r\ne\r\n" + double(b"4")
        assert raw("ZPOPMAX", "k", 9) == raw("ZPOPMIN", "k") == b"*0\r\n" and raw("EXISTS", "k") == b":0\r\n"
