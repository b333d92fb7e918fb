"""Streams against a list of entries, for several node sizes; consumer groups against dicts."""
import random

import pytest

import server.link  # noqa: F401

from datastructs.listpack import lp_get_bytes, lpValidateIntegrity
from datastructs.rax import rax_last
from server import rebind
from server.fastpath import streams
from server.keyspace.db import lookupKeyWrite
from server.object import createStringObject
from server.server_h import AOF_OFF, AOF_ON, server as server_
from server.types.t_stream import streamID, streamDecodeID, streamDecrID, streamEncodeID, streamIncrID
from tests.support.clock import FakeClock
from tests.support.inprocess import InProcess

MAX = (1 << 64) - 1


@pytest.fixture(params=[(1, 4096, 0), (3, 4096, 0), (100, 4096, 0), (0, 60, 0), (3, 4096, 1), (100, 4096, 1), (0, 60, 1)],
                ids=lambda p: "entries%d-bytes%d-fast%d" % p)
def redis(request):
    entries, size, fast = request.param
    if fast:
        rebind.swap(streams.replacements())
    with InProcess(stream_node_max_entries=entries, stream_node_max_bytes=size) as r:
        yield r
    if fast:
        rebind.swap([(new, old) for old, new in streams.replacements()])


def text(id_):
    return b"%d-%d" % id_


def shown(entries):
    return [[text(id_), list(fields)] for id_, fields in entries]


@pytest.mark.parametrize("seed", range(3))
def test_against_a_list(redis, seed):
    rnd = random.Random(seed)
    model = []
    last = (0, 0)
    for step in range(200):
        op = rnd.choice(["add", "add", "add", "add", "del", "range", "rev", "trim", "approx", "minid", "len"])
        lo, hi = ((rnd.randint(0, last[0] + 1), rnd.randint(0, 3)) for _ in range(2))
        if op == "add":
            ms = last[0] + rnd.randint(0, 1)
            id_ = (ms, last[1] + 1 if ms == last[0] else rnd.randint(0, 2))
            fields = [w for _ in range(rnd.randint(1, 3)) for w in (rnd.choice([b"f", b"g"]), rnd.choice([b"1", b"-70000", b"word", b"x" * 40]))]
            if step % 3 and model:
                fields = [w for j, name in enumerate(model[-1][1][::2]) for w in (name, b"%d" % (step + j))]    # same fields as before
            assert redis("XADD", "k", text(id_), *fields) == text(id_)
            assert redis("XADD", "k", text(id_), *fields).text == "ERR The ID specified in XADD is equal or smaller than the target stream top item"
            model.append((id_, tuple(fields)))
            last = id_
        elif op == "del" and model:
            gone = rnd.choice(model)
            assert redis("XDEL", "k", text(gone[0]), "999999-1") == 1
            model.remove(gone)
        elif op in ("range", "rev"):
            ex = rnd.random() < .3
            want = [e for e in model if (e[0] > lo if ex else e[0] >= lo) and e[0] <= hi]
            n = rnd.randint(1, 5)
            if op == "range":
                assert redis("XRANGE", "k", b"(" * ex + text(lo), text(hi), "COUNT", n) == shown(want[:n])
            else:
                assert redis("XREVRANGE", "k", text(hi), b"(" * ex + text(lo), "COUNT", n) == shown(want[::-1][:n])
        elif op == "trim" and step % 4 == 0:
            n = rnd.randint(0, 8)
            assert redis("XTRIM", "k", "MAXLEN", n) == max(len(model) - n, 0)
            model = model[max(len(model) - n, 0):]
        elif op == "approx" and step % 4 == 0:
            removed = redis("XTRIM", "k", "MAXLEN", "~", 5)
            assert 0 <= removed <= max(len(model) - 5, 0)
            model = model[removed:]
        elif op == "minid" and step % 4 == 0:
            rest = [e for e in model if e[0] >= lo]
            assert redis("XTRIM", "k", "MINID", text(lo)) == len(model) - len(rest)
            model = rest
        assert redis("XLEN", "k") == len(model)
        assert redis("XRANGE", "k", "-", "+") == shown(model)
    assert redis("XREVRANGE", "k", "+", "-") == shown(model[::-1])
    info = redis("XINFO", "STREAM", "k")
    info = dict(zip(info[::2], info[1::2]))
    assert info[b"length"] == len(model) and info[b"last-generated-id"] == text(last)
    assert info[b"first-entry"] == (shown(model[:1])[0] if model else None)


def test_the_known_tail_is_the_last_node(redis):
    """What the fast path remembers of the last listpack, through all that can take the node away."""
    def check():
        s = lookupKeyWrite(redis.c.db, createStringObject(b"k")).ptr
        key, lp = rax_last(s.rax)
        assert s.tail is None or (s.tail is lp and streamEncodeID(s.tail_id) == key)

    for i in range(1, 8):
        redis("XADD", "k", "%d-0" % i, "f", i)
        check()
    for i in (7, 6, 5):
        redis("XDEL", "k", "%d-0" % i)
        check()
    redis("XADD", "k", "8-0", "f", 1, "g", 2)
    check()
    redis("COPY", "k", "copy")
    redis("XTRIM", "k", "MAXLEN", 0)
    check()
    redis("XADD", "k", "9-0", "g", 1)
    check()
    redis("XADD", "copy", "9-0", "f", 3)
    assert redis("XRANGE", "k", "-", "+") == [[b"9-0", [b"g", b"1"]]]
    assert redis("XRANGE", "copy", "-", "+") == ([[b"%d-0" % i, [b"f", b"%d" % i]] for i in range(1, 5)]
                                                 + [[b"8-0", [b"f", b"1", b"g", b"2"]], [b"9-0", [b"f", b"3"]]])


def test_one_node_with_many_entries():
    """The count passes 127, where it no longer is one byte, and so does the number of deleted entries."""
    with InProcess(stream_node_max_entries=0, stream_node_max_bytes=0) as redis:
        ids = ["%d-%d" % (1000 + i // 3, i % 3 * 10 ** i) for i in range(20)] + ["%d-1" % (1 << (20 + i // 7)) + "%03d" % i for i in range(280)]
        for id_ in ids:
            redis("XADD", "k", id_, "f", id_)
        for id_ in ids[::2]:
            redis("XDEL", "k", id_)
        ids = ids[1::2]
        for id_ in ["%d-%d" % (MAX, 0), "%d-%d" % (MAX, MAX - 1)]:
            redis("XADD", "k", id_, "f", id_)
            ids.append(id_)
        assert redis("XRANGE", "k", "-", "+") == [[i.encode(), [b"f", i.encode()]] for i in ids]
        lp = rax_last(lookupKeyWrite(redis.c.db, createStringObject(b"k")).ptr.rax)[1]
        assert lpValidateIntegrity(lp, len(lp), 1) and lp_get_bytes(lp, 6) == b"152"


def test_what_is_propagated_has_the_id(redis):
    """The ID replaces `*` in argv, and SLOWLOG still has the words of the client."""
    server_.aof_state = AOF_ON
    try:
        id_ = redis("XADD", "k", "*", "f", "v")
        assert redis.c.argv[2].ptr == id_ and redis.c.original_argv[2].ptr == b"*"
    finally:
        server_.aof_state = AOF_OFF
        redis.c.original_argv = None


def test_ids():
    ok, id_ = streamIncrID(streamID(5, MAX))
    assert ok == 0 and (id_.ms, id_.seq) == (6, 0)
    ok, id_ = streamDecrID(streamID(6, 0))
    assert ok == 0 and (id_.ms, id_.seq) == (5, MAX)
    assert streamIncrID(streamID(MAX, MAX))[0] == -1
    assert streamDecrID(streamID(0, 0))[0] == -1
    encoded = [streamEncodeID(streamID(ms, seq)) for ms in (0, 1, 256, MAX) for seq in (0, 1, 256, MAX)]
    assert encoded == sorted(encoded)                   # their bytes sort as they do
    assert [(i.ms, i.seq) for i in map(streamDecodeID, encoded[-2:])] == [(MAX, 256), (MAX, MAX)]


@pytest.mark.parametrize("id_,error", [
    ("0-0", "ERR The ID specified in XADD must be greater than 0-0"), ("x", "ERR Invalid stream ID specified as stream command argument"),
    ("1-x", "ERR Invalid stream ID specified as stream command argument"), ("-", "ERR Invalid stream ID specified as stream command argument"),
    ("18446744073709551616-1", "ERR Invalid stream ID specified as stream command argument"),
])
def test_bad_ids(redis, id_, error):
    assert redis("XADD", "k", id_, "f", "v").text == error
    assert redis("EXISTS", "k") == 0


def test_an_id_ends_at_a_nul(redis):
    """As in C, which parses a C string: `1\\0x` is 1, `-\\0x` is the lowest ID."""
    redis("XADD", "k", b"1-2\0x", "f", "v")
    assert redis("XRANGE", "k", b"-\0x", b"1\0-0") == [[b"1-2", [b"f", b"v"]]]
    assert redis("XADD", "k", b"-\0", "f", "v").text == "ERR Invalid stream ID specified as stream command argument"
    assert redis("XRANGE", "k", b"1-" + b"\0" * 126, "+").text == "ERR Invalid stream ID specified as stream command argument"


def test_the_end_of_ids(redis):
    top = b"%d-%d" % (MAX, MAX)
    assert redis("XADD", "k", top, "f", "v") == top
    assert redis("XADD", "k", "*", "f", "v").text == "ERR The stream has exhausted the last possible ID, unable to add more items"
    assert redis("XRANGE", "k", "(" + top.decode(), "+").text == "ERR invalid start ID for the interval"


def test_groups(redis):
    """Who holds what, after reading, acknowledging, claiming, deleting."""
    rnd = random.Random(1)
    with FakeClock() as clock:
        for i in range(1, 41):
            redis("XADD", "k", "%d-1" % i, "f", i)
        assert redis("XGROUP", "CREATE", "k", "g", "0") == b"OK"
        assert redis("XGROUP", "CREATE", "k", "g", "0").text == "BUSYGROUP Consumer Group name already exists"
        owner, reads = {}, 0
        for _ in range(120):
            who = rnd.choice([b"a", b"b", b"c"])
            op = rnd.choice(["read", "ack", "claim", "auto", "pending"])
            if op == "read" and reads < 40:
                n = rnd.randint(1, 4)
                got = redis("XREADGROUP", "GROUP", "g", who, "COUNT", n, "STREAMS", "k", ">")
                ids = [b"%d-1" % i for i in range(reads + 1, min(reads + n, 40) + 1)]
                assert [e[0] for e in got[0][1]] == ids
                reads += len(ids)
                owner.update(dict.fromkeys(ids, who))
            elif op == "ack" and owner:
                id_ = rnd.choice(list(owner))
                assert redis("XACK", "k", "g", id_, id_) == 1
                del owner[id_]
            elif op == "claim" and owner:
                id_ = rnd.choice(list(owner))
                assert redis("XCLAIM", "k", "g", who, 100000, id_, "JUSTID") == []      # not idle for so long
                assert redis("XCLAIM", "k", "g", who, 0, id_, "JUSTID") == [id_]
                owner[id_] = who
            elif op == "auto" and owner:
                clock.advance(ms=10)
                first = min(owner, key=lambda i: int(i[:-2]))
                _, got = redis("XAUTOCLAIM", "k", "g", who, 5, "0", "COUNT", 1, "JUSTID")
                assert len(got) <= 1
                if got:
                    assert got == [first]
                    owner[first] = who
            want = sorted(owner, key=lambda i: int(i[:-2]))
            assert [(e[0], e[1]) for e in redis("XPENDING", "k", "g", "-", "+", 100)] == [(i, owner[i]) for i in want]
            summary = redis("XPENDING", "k", "g")
            assert summary[0] == len(owner)
            assert [e[0] for e in redis("XPENDING", "k", "g", "-", "+", 100, who)] == [i for i in want if owner[i] == who]
            assert [e[0] for e in redis("XREADGROUP", "GROUP", "g", who, "STREAMS", "k", "0")[0][1]] == [i for i in want if owner[i] == who]
        held = [i for i in owner if owner[i] == b"a"]
        assert redis("XGROUP", "DELCONSUMER", "k", "g", "a") == len(held)
        assert redis("XPENDING", "k", "g")[0] == len(owner) - len(held)
        assert redis("XGROUP", "DESTROY", "k", "g") == 1
        assert redis("XPENDING", "k", "g").text.startswith("NOGROUP")
