"""List commands against a Python list, for several node sizes and compression depths."""
import random

import pytest

import server.link  # noqa: F401
from tests.support.inprocess import InProcess
from tests.support.resp import RespError


@pytest.fixture(params=[(128, 0), (2, 0), (1, 1), (-1, 0), (3, 2)], ids=lambda p: "size%d-depth%d" % p)
def redis(request):
    size, depth = request.param
    with InProcess(list_max_ziplist_size=size, list_compress_depth=depth) as r:
        yield r


def place(n, i):
    return i + n if i < 0 else i


def part(model, start, end):
    n = len(model)
    start, end = max(place(n, start), 0), place(n, end)
    return model[start:end + 1] if end >= 0 else []


def lrem(model, count, x):
    found = [i for i, v in enumerate(model) if v == x]
    gone = found[count:] if count < 0 else found[:count] if count else found
    for i in reversed(gone):
        del model[i]
    return len(gone)


def lpos(model, x, rank, count, maxlen):
    order = range(len(model)) if rank > 0 else range(len(model) - 1, -1, -1)
    found = [i for k, i in enumerate(order) if model[i] == x and (not maxlen or k < maxlen)][abs(rank) - 1:]
    return found[:count] if count else found


@pytest.mark.parametrize("seed", range(4))
def test_against_a_list(redis, seed):
    rnd = random.Random(seed)
    model = []
    words = [b"a", b"b", b"7", b"-129", b"12345678901", b"x" * 70, b"y" * 300, b"\0\xff"]
    for step in range(300):
        x, y, i, j, n = rnd.choice(words), rnd.choice(words), rnd.randint(-9, 9), rnd.randint(-9, 9), len(model)
        op = rnd.choice(["push", "push", "push", "pop", "insert", "set", "rem", "trim", "index", "range", "pos", "move", "popn"])
        left = rnd.random() < .5
        if op == "push":
            model.insert(0 if left else n, x)
            assert redis("LPUSH" if left else "RPUSH", "k", x) == n + 1
        elif op == "pop":
            want = model.pop(0 if left else -1) if model else None
            assert redis("LPOP" if left else "RPOP", "k") == want
        elif op == "popn":
            i = abs(i) // 3
            want = model[:i] if left else model[n - i:][::-1] if i < n else model[::-1]
            del model[(0 if left else max(n - i, 0)):(i if left else n)]
            assert redis("LPOP" if left else "RPOP", "k", i) == (want if n else None)
        elif op == "insert":
            if x in model:
                model.insert(model.index(x) + (not left), y)
            want = len(model) if x in model else -1 if n else 0
            assert redis("LINSERT", "k", "BEFORE" if left else "AFTER", x, y) == want
        elif op == "set":
            if 0 <= place(n, i) < n:
                model[i] = x
                assert redis("LSET", "k", i, x) == b"OK"
            else:
                assert isinstance(redis("LSET", "k", i, x), RespError)
        elif op == "rem":
            assert redis("LREM", "k", i % 5 - 2, x) == lrem(model, i % 5 - 2, x)
        elif op == "trim" and step % 5 == 0:
            model[:] = part(model, i, j)
            assert redis("LTRIM", "k", i, j) == b"OK"
        elif op == "index":
            assert redis("LINDEX", "k", i) == (model[i] if 0 <= place(n, i) < n else None)
        elif op == "range":
            assert redis("LRANGE", "k", i, j) == part(model, i, j)
        elif op == "pos" and i:
            assert redis("LPOS", "k", x, "RANK", i, "COUNT", abs(j) // 3, "MAXLEN", n // 2) == lpos(model, x, i, abs(j) // 3, n // 2)
        elif op == "move":
            if model:
                moved = model.pop(0 if left else -1)
                model.insert(0 if left else n - 1, moved) if step % 2 else model.insert(n - 1 if left else 0, moved)
                to = left if step % 2 else not left
                assert redis("LMOVE", "k", "k", "LEFT" if left else "RIGHT", "LEFT" if to else "RIGHT") == moved
        assert redis("LLEN", "k") == len(model)
        assert redis("LRANGE", "k", 0, -1) == model
    if model:
        assert redis.encoding("k") == "quicklist"
    assert redis("EXISTS", "k") == bool(model)


def test_pop_count_must_not_be_negative(redis):
    redis("RPUSH", "k", "a")
    assert redis("LPOP", "k", -1).text == "ERR value is out of range, must be positive"
    assert redis("LPOP", "nokey", 2) is None
    assert redis("RPUSHX", "nokey", "a") == 0
    assert redis("LSET", "nokey", 0, "a").text == "ERR no such key"
    assert redis("LSET", "k", 1, "a").text == "ERR index out of range"


def test_range_of_a_damaged_list():
    """A node that claims more elements than it has: an assertion where the range starts, C's mark for no element behind, and no loop."""
    with InProcess() as r:
        r("RPUSH", "k", "a", "b")
        ql = r.c.db.dict.ht[0].table
        ql = next(de for de in ql if de is not None).val.ptr
        ql.count = ql.head.count = 3
        for start, end in ((-1, -1), (2, 2)):
            with pytest.raises(AssertionError):
                r("LRANGE", "k", start, end)
            r.c.buf = bytearray()
            r.c.bufpos = 0
        assert r("LRANGE", "k", 0, -1) == [b"a", b"b", b"-123456789"]
