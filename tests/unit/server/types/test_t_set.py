"""Set commands against Python sets, as intset and as hash table."""
import random

import pytest

import server.link  # noqa: F401
from tests.support.inprocess import InProcess

NUMBERS = [b"%d" % n for n in (0, 1, -1, 5, 300, -40000, 70000, 1 << 40, -(1 << 63), (1 << 63) - 1)]
WORDS = NUMBERS + [b"a", b"b", b"", b"01", b"9223372036854775808", b"x" * 80]


@pytest.fixture(params=["intset", "hashtable", "any"])
def members(request):
    return NUMBERS if request.param == "intset" else WORDS


@pytest.fixture(params=[512, 4, 0], ids=lambda n: "limit%d" % n)
def redis(request):
    with InProcess(set_max_intset_entries=request.param) as r:
        r.limit = request.param
        yield r


@pytest.mark.parametrize("seed", range(3))
def test_against_sets(redis, members, seed):
    rnd = random.Random(seed)
    model = {b"s%d" % i: set() for i in range(3)}
    for _ in range(150):
        a, b, c = rnd.choices(list(model), k=3)
        some = rnd.choices(members, k=rnd.randint(1, 4))
        op = rnd.choice(["add", "add", "add", "rem", "move", "is", "pop", "combine", "store", "rand"])
        if op == "add":
            assert redis("SADD", a, *some) == len(set(some) - model[a])
            model[a].update(some)
        elif op == "rem":
            assert redis("SREM", a, *some) == len(set(some) & model[a])
            model[a].difference_update(some)
        elif op == "move":
            x = some[0]
            assert redis("SMOVE", a, b, x) == (x in model[a])
            if x in model[a]:
                model[a].discard(x)
                model[b].add(x)
        elif op == "is":
            assert redis("SMISMEMBER", a, *some) == [x in model[a] for x in some]
            assert redis("SISMEMBER", a, some[0]) == (some[0] in model[a])
        elif op == "pop":
            n = rnd.randint(0, 3)
            got = redis("SPOP", a, n)
            assert len(set(got)) == len(got) == min(n, len(model[a])) and set(got) <= model[a]
            model[a].difference_update(got)
        elif op == "rand":
            got = redis("SRANDMEMBER", a, 3)
            assert len(set(got)) == len(got) == min(3, len(model[a])) and set(got) <= model[a]
            got = redis("SRANDMEMBER", a, -5)
            assert len(got) == (5 if model[a] else 0) and set(got) <= model[a]
        else:
            name, want = rnd.choice([("SINTER", model[a] & model[b]), ("SUNION", model[a] | model[b] | model[c]), ("SDIFF", model[a] - model[b])])
            keys = [a, b, c] if name == "SUNION" else [a, b]
            if op == "combine":
                got = redis(name, *keys)
                assert set(got) == want and len(got) == len(want)
            else:
                assert redis(name + "STORE", c, *keys) == len(want)
                model[c] = set(want)
        for key, want in model.items():
            assert redis("SCARD", key) == len(want)
    for key, want in model.items():
        assert set(redis("SMEMBERS", key)) == want
        assert redis("EXISTS", key) == bool(want)


def test_limit_and_foreign_members(redis):
    for n in range(redis.limit):
        redis("SADD", "k", n)
    if redis.limit:
        assert redis.encoding("k") == "intset"
    redis("SADD", "k", redis.limit)
    assert redis.encoding("k") == "hashtable"
    redis("DEL", "k")
    redis("SADD", "k", 1)
    redis("SADD", "k", "x")
    assert redis.encoding("k") == "hashtable"
    redis("SREM", "k", "x")
    assert redis.encoding("k") == "hashtable"           # never back


def test_scan_sees_all(redis):
    redis("SADD", "k", *range(100))
    seen, cursor = set(), b"0"
    while True:
        cursor, found = redis("SSCAN", "k", cursor, "COUNT", 7)
        seen.update(found)
        if cursor == b"0":
            break
    assert seen == {b"%d" % n for n in range(100)}


def test_spop_is_rewritten(redis):
    """AOF and replicas get the member that was drawn, as SREM."""
    redis("SADD", "k", "a")
    assert redis("SPOP", "k") == b"a"
    assert [o.ptr for o in redis.c.argv] == [b"SREM", b"k", b"a"]
