"""The LCS table in bits against the table of numbers; MSET against SET."""
import pytest
from hypothesis import given, settings, strategies as st

import server.link  # noqa: F401

from server.command_lookup import lookupCommand
from server.object import createObject
from server.server_h import MAXMEMORY_FLAG_LFU, OBJ_STRING, server
from server.types.t_string import lcs_bit_rows
from tests.support.inprocess import InProcess

words = st.one_of(st.binary(max_size=20), st.text("ab", max_size=30).map(str.encode))


def lcs_table(a, b):
    table = [[0] * (len(b) + 1)]
    for x in a:
        row = [0]
        for j, y in enumerate(b):
            row.append(table[-1][j] + 1 if x == y else max(table[-1][j + 1], row[j]))
        table.append(row)
    return table


@given(words, words)
def test_rows(a, b):
    table = lcs_table(a, b)
    rows = lcs_bit_rows(a, b, 1)
    assert len(rows) == len(a) + 1
    for i, bits in enumerate(rows):
        length = 0
        for j in range(len(b)):
            length += not bits >> j & 1
            assert length == table[i][j + 1]
    assert lcs_bit_rows(a, b, 0) == rows[-1:]


WRITES = st.lists(st.tuples(st.sampled_from(["a", "b", "c", "list", "0"]), st.one_of(
    st.binary(max_size=8), st.integers(-20000, 20000).map(lambda n: b"%d" % n),
    st.sampled_from([b"", b"-", b"-0", b"007", b"9" * 20, b"9223372036854775807", b"x" * 44, b"x" * 45, b"5" * 45]))), min_size=1, max_size=6)


@pytest.mark.parametrize("fields", [
    {}, {"maxmemory_policy": MAXMEMORY_FLAG_LFU}, {"lazyfree_lazy_server_del": 1}, {"maxmemory": 1 << 40}])
@pytest.mark.parametrize("volatile", [0, 1])
@settings(max_examples=40, deadline=None)
@given(st.lists(WRITES, max_size=4))
def test_mset_is_many_sets(fields, volatile, commands):
    """Fast and general lane of MSET: values, encodings, expires and dirty are those of SET, key by key."""
    states = []
    for many in (1, 0):
        with InProcess(**fields) as redis:
            redis("RPUSH", "list", "x")
            if volatile:
                redis("SET", "b", "1", "EX", "100")
            for pairs in commands:
                if many:
                    assert redis("MSET", *(word for pair in pairs for word in pair)) == b"OK"
                else:
                    for key, value in pairs:
                        redis("SET", key, value)
            states.append((server.dirty, redis("DBSIZE"), redis("TTL", "b"), [
                (redis("TYPE", k), redis.encoding(k), redis("GET", k) if redis("TYPE", k) == b"string" else 0)
                for k in ("a", "b", "c", "list", "0") if redis("EXISTS", k)]))
    assert states[0] == states[1]


def test_msetnx_sets_all_or_nothing():
    with InProcess() as redis:
        assert redis("MSETNX", "a", "1", "b", "x") == 1
        assert redis("MSETNX", "c", "1", "b", "y") == 0
        assert redis("MGET", "a", "b", "c") == [b"1", b"x", None]
        assert redis.encoding("a") == "int" and redis.encoding("b") == "embstr"


@pytest.mark.parametrize("value", [b"", b"text", b"x" * 44, b"x" * 45, b"12345", b"-7", b"-", b"9" * 30])
@pytest.mark.parametrize("command", ["SET", "MSET"])
def test_arguments_of_an_inline_request(command, value):
    """They are RAW, whatever their length, and are stored in the encoding of any other value."""
    with InProcess() as redis:
        redis(command, "k", value)
        want = redis.encoding("k")
        c = redis.c
        c.argv = [createObject(OBJ_STRING, word) for word in (command.encode(), b"k", value)]
        c.argc = 3
        c.cmd = lookupCommand(command.encode())
        c.cmd.proc(c)
        assert redis.reply() == b"OK"
        assert redis.encoding("k") == want and redis("GET", "k") == value
