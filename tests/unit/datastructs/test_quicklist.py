"""quicklist.py against a plain list, over fills and compression depths."""
import gc
import random
import sys
import weakref

import pytest
from hypothesis import given, settings, strategies as st

from datastructs import quicklist as q
from datastructs.ziplist import ziplistLen, ziplistValidateIntegrity

FILLS = [1, 2, 5, 32, 66, 128, -1, -2, -5]
VALUE = st.one_of(
    st.binary(max_size=12), st.integers(-(1 << 40), 1 << 40).map(lambda n: b"%d" % n),
    st.sampled_from([b"a" * 100, b"b" * 253, b"c" * 260, b"d" * 4090, b"e" * 9000]))
OPS = st.lists(st.tuples(
    st.sampled_from(["head", "tail", "before", "after", "pop_head", "pop_tail", "range", "replace", "rotate", "del", "rdel"]),
    st.integers(-40, 40), st.integers(0, 25), VALUE), max_size=40)


def value_of(entry):
    return b"%d" % entry.longval if entry.value is None else entry.value


def contents(ql, direction=q.AL_START_HEAD):
    out, entry = [], q.quicklistEntry()
    it = q.quicklistGetIterator(ql, direction)
    while q.quicklistNext(it, entry):
        out.append(value_of(entry))
    q.quicklistReleaseIterator(it)
    return out


def check(ql, model):
    assert ql.count == len(model)
    nodes = []
    node = ql.head
    while node is not None:
        nodes.append(node)
        assert node.prev is (nodes[-2] if len(nodes) > 1 else None)
        assert node.count > 0
        if node.encoding == q.QUICKLIST_NODE_ENCODING_RAW:
            assert ziplistValidateIntegrity(node.zl, node.sz, 1) and ziplistLen(node.zl) == node.count
        if ql.fill > 0:
            assert node.count <= ql.fill
        elif node.count > 1:
            # An insert that splits a full node pushes to one half without asking for the size, as in C; and every
            # prevlen behind it may have grown by 4.
            values = [len(v) for v in model]
            assert node.sz <= q.optimization_level[-ql.fill - 1] + max(values) + 4 * node.count + 10
        node = node.next
    assert ql.len == len(nodes) and ql.tail is (nodes[-1] if nodes else None)
    depth = ql.compress
    for i, node in enumerate(nodes):
        if depth == 0 or i < depth or i >= len(nodes) - depth:
            assert node.encoding == q.QUICKLIST_NODE_ENCODING_RAW
    assert contents(ql) == model
    assert contents(ql, q.AL_START_TAIL) == model[::-1]


@pytest.mark.parametrize("compress", [0, 1, 2])
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FILLS), st.lists(VALUE, max_size=30), OPS)
def test_model(compress, fill, start, ops):
    ql, model = q.quicklistNew(fill, compress), list(start)
    for v in start:
        q.quicklistPushTail(ql, v)
    entry = q.quicklistEntry()
    for op, at, num, value in ops:
        inside = -len(model) <= at < len(model)
        if op == "head":
            q.quicklistPush(ql, value, q.QUICKLIST_HEAD)
            model.insert(0, value)
        elif op == "tail":
            q.quicklistPush(ql, value, q.QUICKLIST_TAIL)
            model.append(value)
        elif op in ("pop_head", "pop_tail"):
            ok, data, slong = q.quicklistPop(ql, q.QUICKLIST_HEAD if op == "pop_head" else q.QUICKLIST_TAIL)
            assert ok == (1 if model else 0)
            if ok:
                got = b"%d" % slong if data is None else data
                assert got == model.pop(0 if op == "pop_head" else -1)
        elif op == "rotate":
            q.quicklistRotate(ql)
            model[:] = model[-1:] + model[:-1]
        elif op == "range":
            done = q.quicklistDelRange(ql, at, num)
            assert done == (1 if inside and num else 0)
            if done:
                i = at % len(model)
                del model[i:i + num]
        elif op == "replace":
            assert q.quicklistReplaceAtIndex(ql, at, value) == inside
            if inside:
                model[at] = value
        elif op in ("before", "after"):
            if inside and at >= 0:
                assert q.quicklistIndex(ql, at, entry) and value_of(entry) == model[at]
                if op == "before":
                    q.quicklistInsertBefore(ql, entry, value)
                    model.insert(at, value)
                else:
                    q.quicklistInsertAfter(ql, entry, value)
                    model.insert(at + 1, value)
        elif model:
            doomed = model[at % len(model)]
            it = q.quicklistGetIterator(ql, q.AL_START_HEAD if op == "del" else q.AL_START_TAIL)
            while q.quicklistNext(it, entry):
                if value_of(entry) == doomed:
                    q.quicklistDelEntry(it, entry)
            q.quicklistReleaseIterator(it)
            model = [v for v in model if v != doomed]
        if compress and op in ("before", "after"):
            # As in C the reader's node stays raw until somebody releases an iterator on it.
            contents(ql)
        check(ql, model)
    copy = q.quicklistDup(ql)
    check(copy, model)


def test_iterator_from_the_middle():
    random.seed(3)
    model = [b"%d" % random.randrange(1000) for _ in range(500)]
    ql = q.quicklistNew(7, 1)
    for v in model:
        q.quicklistPushTail(ql, v)
    entry = q.quicklistEntry()
    for at in (0, 13, 250, 499, -1, -250, -500):
        for direction in (q.AL_START_HEAD, q.AL_START_TAIL):
            it = q.quicklistGetIteratorAtIdx(ql, direction, at)
            got = []
            while q.quicklistNext(it, entry):
                got.append(value_of(entry))
            i = at % 500
            assert got == (model[i:] if direction == q.AL_START_HEAD else model[i::-1])
    assert q.quicklistGetIteratorAtIdx(ql, q.AL_START_HEAD, 500) is None
    assert q.quicklistIndex(ql, -501, entry) == 0


def test_compression_happens():
    ql = q.quicklistNew(-1, 1)
    for i in range(2000):
        q.quicklistPushTail(ql, b"hello world %d" % (i % 10))
    node, raw, lzf = ql.head, 0, 0
    while node is not None:
        if node.encoding == q.QUICKLIST_NODE_ENCODING_LZF:
            assert len(q.quicklistGetLzf(node)) < node.sz
            lzf += 1
        else:
            raw += 1
        node = node.next
    assert raw == 2 and lzf == ql.len - 2


def test_split_and_merge_sizes():
    """LINSERT into a full node splits it; the parts merge again with what fits."""
    ql = q.quicklistNew(4, 0)
    for i in range(12):
        q.quicklistPushTail(ql, b"v%d" % i)
    entry = q.quicklistEntry()
    q.quicklistIndex(ql, 5, entry)
    q.quicklistInsertAfter(ql, entry, b"new")
    counts, node = [], ql.head
    while node is not None:
        counts.append(node.count)
        node = node.next
    assert sum(counts) == 13 and max(counts) <= 4
    assert contents(ql)[5:8] == [b"v5", b"new", b"v6"]


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="this interpreter frees by its collector only")
def test_no_cycle_is_left():
    gc.collect()
    gc.disable()
    try:
        class watched:
            pass
        ql = q.quicklistNew(1, 0)
        for i in range(50):
            q.quicklistPushTail(ql, b"x%d" % i)
        before = sum(isinstance(o, q.quicklistNode) for o in gc.get_objects())
        assert before >= 50
        w = watched()
        ref = weakref.ref(w)
        del w, ql
        assert ref() is None
        assert sum(isinstance(o, q.quicklistNode) for o in gc.get_objects()) == before - 50
    finally:
        gc.enable()


def test_from_ziplist():
    from tests.unit.datastructs.test_ziplist import build
    ql = q.quicklistCreateFromZiplist(3, 0, build([b"a", b"1", b"", b"c", b"d"]))
    check(ql, [b"a", b"1", b"", b"c", b"d"])
    ql = q.quicklistNew(-2, 0)
    q.quicklistAppendZiplist(ql, build([b"a", b"5"]))
    q.quicklistPushTail(ql, b"z")
    check(ql, [b"a", b"5", b"z"])


@pytest.mark.parametrize("fill", [-1, -2, -3, -4, -5, 0, 1, 7, 2000])
@pytest.mark.parametrize("size", [1, 3, 62, 63, 64, 253, 254])
def test_nodes_are_as_full_as_allowed(fill, size):
    """The short question of the push functions has the answer of _quicklistNodeAllowInsert, to the byte."""
    for push, where in ((q.quicklistPushHead, q.QUICKLIST_HEAD), (q.quicklistPushTail, q.QUICKLIST_TAIL)):
        ql = q.quicklistNew(fill, 0)
        count = 0
        while ql.len < 3:
            end = ql.head if where == q.QUICKLIST_HEAD else ql.tail
            allowed = q._quicklistNodeAllowInsert(end, fill, size)
            assert push(ql, b"v" * size) == (0 if allowed else 1)
            count += 1
        check(ql, [b"v" * size] * count)
        for left in range(count - 1, -1, -1):
            assert q.quicklistPop(ql, where) == (1, b"v" * size, None)
            assert ql.count == left and (ql.len == 0) == (left == 0)
