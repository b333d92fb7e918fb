"""adlist.py against a Python list."""
from hypothesis import given, strategies as st

from datastructs.adlist import (
    AL_START_TAIL, list_values, listAddNodeHead, listAddNodeTail, listCreate, listDelNode, listDup, listEmpty,
    listGetIterator, listIndex, listInsertNode, listJoin, listNext, listRotateHeadToTail, listRotateTailToHead,
    list_link_node_head, list_link_node_tail, listNode, listSearchKey,
)


def backwards(l):
    it = listGetIterator(l, AL_START_TAIL)
    out = []
    node = listNext(it)
    while node is not None:
        out.append(node.value)
        node = listNext(it)
    return out


@given(st.lists(st.tuples(st.sampled_from("htHTdiarR"), st.integers(0, 1000)), max_size=80))
def test_against_python_list(ops):
    l = listCreate()
    model = []
    for op, n in ops:
        if op == "h":
            listAddNodeHead(l, n)
            model.insert(0, n)
        elif op == "t":
            listAddNodeTail(l, n)
            model.append(n)
        elif op == "H":
            list_link_node_head(l, listNode(n))
            model.insert(0, n)
        elif op == "T":
            list_link_node_tail(l, listNode(n))
            model.append(n)
        elif op == "r":
            listRotateTailToHead(l)
            model[:] = model[-1:] + model[:-1]
        elif op == "R":
            listRotateHeadToTail(l)
            model[:] = model[1:] + model[:1]
        elif model:
            at = n % len(model)
            node = listIndex(l, at)
            assert node.value == model[at] and listIndex(l, at - len(model)) is node
            if op == "d":
                listDelNode(l, node)
                assert node.next is None and node.prev is None
                del model[at]
            else:
                listInsertNode(l, node, n, op == "a")
                model.insert(at + (op == "a"), n)
        assert list(list_values(l)) == model and l.len == len(model)
        assert backwards(l) == model[::-1]


def test_free_dup_match_join():
    freed = []
    l = listCreate()
    l.free = freed.append
    l.match = lambda value, key: value == key
    for i in range(3):
        listAddNodeTail(l, b"%d" % i)
    assert listSearchKey(l, b"1").value == b"1" and listSearchKey(l, b"9") is None
    copy = listDup(l)
    other = listCreate()
    listAddNodeTail(other, b"x")
    listJoin(copy, other)
    assert list(list_values(copy)) == [b"0", b"1", b"2", b"x"] and other.len == 0
    listEmpty(l)
    assert freed == [b"0", b"1", b"2"] and l.head is None
