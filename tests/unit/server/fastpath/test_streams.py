"""server/fastpath/streams.py beside datastructs/listpack.py and server/types/t_stream.py, byte by byte."""
import struct

from hypothesis import given, settings, strategies as st

import server.link  # noqa: F401

from datastructs import listpack as l
from datastructs.rax import rax_last
from server.fastpath import streams as f
from server.server_h import C_OK, robj, server as server_
from server.types import t_stream as t
from tests.unit.datastructs.test_listpack import VALUE

ID = st.tuples(st.integers(0, 3), st.one_of(st.integers(0, 300), st.integers(0, (1 << 64) - 1)))
FIELDS = st.lists(st.tuples(st.sampled_from([b"f", b"g", b"7"]), VALUE), min_size=1, max_size=3)


def argv(fields):
    out = []
    for word in (w for pair in fields for w in pair):
        o = robj()
        o.ptr = word
        out.append(o)
    return out


def step_through(lp, next_):
    out, p = [], l.lpFirst(lp)
    while p is not None and len(out) < 1000:
        out.append(p)
        p = next_(lp, p)
    return out


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(ID, FIELDS), max_size=12), st.sampled_from([0, 1, 3, 200]), st.sampled_from([0, 200, 4096]))
def test_entries_have_the_bytes_of_the_text(entries, max_entries, max_bytes):
    before = server_.stream_node_max_entries, server_.stream_node_max_bytes
    server_.stream_node_max_entries, server_.stream_node_max_bytes = max_entries, max_bytes
    try:
        one, other = t.streamNew(), t.streamNew()
        ms, seq = 0, 0
        for (dms, dseq), fields in entries:
            ms, seq = ms + dms, dseq
            results = [append(s, argv(fields), len(fields), t.streamID(ms, seq))
                       for append, s in ((f.streamAppendItem, one), (t.streamAppendItem, other))]
            assert results[0][0] == results[1][0] and (results[0][0] == C_OK or results[0] == results[1])
            assert list(t.rax_items(one.rax)) == list(t.rax_items(other.rax))
            assert (one.length, repr(one.last_id)) == (other.length, repr(other.last_id))
            lp = rax_last(one.rax)[1]
            if lp is not None:
                assert l.lpValidateIntegrity(lp, len(lp), 1)
                assert step_through(lp, f.lpNext) == step_through(lp, l.lpNext)
    finally:
        server_.stream_node_max_entries, server_.stream_node_max_bytes = before


@given(st.lists(st.one_of(st.integers(-200, 200), st.integers(-(1 << 63), (1 << 63) - 1), VALUE)))
def test_append_all_writes_what_append_writes(eles):
    one, all_ = l.lpNew(), l.lpNew()
    for ele in eles:
        one = l.lpAppend(one, b"%d" % ele if type(ele) is int else ele)
    f.append_all(all_, eles)
    assert all_ == one


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_steps_over_damaged_bytes(body):
    """The same step, or the same exception."""
    lp = bytearray(struct.pack("<IH", len(body) + 7, 0xffff) + body + b"\xff")

    def outcome(next_, p):
        try:
            return next_(lp, p)
        except (AssertionError, IndexError, struct.error) as e:
            return type(e)
    for p in range(6, len(lp) - 1):
        assert outcome(f.lpNext, p) == outcome(l.lpNext, p)
