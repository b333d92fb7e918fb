"""Hash commands against a Python dict, in both encodings and over the change from one to the other."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import server.link  # noqa: F401
from server.server_h import server
from tests.support.inprocess import InProcess

FIELD = st.one_of(st.sampled_from([b"a", b"b", b"1", b"12", b"-5", b"70000", b"", b"\x03abc"]), st.binary(max_size=4))
VALUE = st.one_of(FIELD, st.integers(-(1 << 40), 1 << 40).map(lambda n: b"%d" % n),
                  st.integers(60, 66).map(lambda n: b"v" * n), st.integers(248, 256).map(lambda n: b"w" * n))
OPS = st.lists(st.tuples(st.sampled_from(["set", "set", "set", "mset", "setnx", "del", "get"]), FIELD, VALUE, FIELD, VALUE), max_size=40)


@pytest.mark.parametrize("entries, value", [(512, 64), (3, 64), (0, 64), (512, 1 << 20)])
@settings(max_examples=60, deadline=None)
@given(OPS)
def test_against_a_dict(entries, value, ops):
    with InProcess(hash_max_ziplist_entries=entries, hash_max_ziplist_value=value) as redis:
        model = {}
        for op, f, v, f2, v2 in ops:
            dirty = server.dirty
            if op == "set":
                assert redis("HSET", "h", f, v) == (f not in model)
                model[f] = v
                assert server.dirty == dirty + 1
            elif op == "mset":
                new = len({f, f2} - set(model))
                assert redis("HSET", "h", f, v, f2, v2) == new
                model[f] = v
                model[f2] = v2
                assert server.dirty == dirty + 2
            elif op == "setnx":
                assert redis("HSETNX", "h", f, v) == (f not in model)
                model.setdefault(f, v)
            elif op == "del":
                assert redis("HDEL", "h", f) == (f in model)
                model.pop(f, None)
            assert redis("HGET", "h", f) == model.get(f)
            assert redis("HLEN", "h") == len(model)
            flat = redis("HGETALL", "h")
            assert dict(zip(flat[::2], flat[1::2])) == model and len(flat) == 2 * len(model)
        if not model:
            assert redis("EXISTS", "h") == 0
        elif len(model) > entries:
            assert redis.encoding("h") == "hashtable"


def test_reply_is_that_of_the_name():
    with InProcess(hash_max_ziplist_entries=0) as redis:
        assert [redis("HMSET", "h", "a", 1), redis("hset", "h", "a", 2), redis("hMset", "h", "b", 3)] == [b"OK", 0, b"OK"]
        assert redis("SET", "s", 1) == b"OK"
        assert str(redis("HSET", "s", "a", 1)).startswith("WRONGTYPE")
