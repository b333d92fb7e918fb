"""The shortcuts of skiplists.py and dict_pop against the functions of the text that they stand for."""
import random

from datastructs.dict import dictAdd, dictCreate, dictDelete, dictFind, dictSize, setDictType
from datastructs.zskiplist import zslCreate, zslDelete, zslInsert as text_zslInsert
from server.fastpath.dicts import dict_pop
from server.fastpath.skiplists import zslInsert, zsl_pop_first


def levels(zsl):
    """All there is in a list: for each level the (element, span) of its nodes, the header first; then the way back."""
    rows = []
    header = zsl.top
    while header is not None:
        row = []
        node = header
        while node is not None:
            row.append((node.ele, node.score, node.span))
            node = node.forward
        rows.append(row)
        header = header.down
    back = []
    node = zsl.tail
    while node is not None:
        back.append(node.ele)
        node = node.backward
    return rows, back, zsl.length, zsl.level


def twins(seed, insert):
    """Two lists of the same shape: the levels are drawn alike."""
    made = []
    for _ in range(2):
        random.seed(seed)
        zsl = zslCreate()
        for j in range(200):
            insert(zsl, float(random.randrange(20)), b"m%d" % j)
        made.append(zsl)
    return made


def test_pop_first_leaves_what_zslDelete_leaves():
    for insert in text_zslInsert, zslInsert:
        a, b = twins(7, insert)
        assert levels(a) == levels(b) and a.level > 1
        while a.length:
            first = a.header.forward
            score, ele = first.score, first.ele
            assert zslDelete(a, score, ele) == 1
            node = zsl_pop_first(b)
            assert (node.score, node.ele) == (score, ele)
            assert levels(a) == levels(b)
        assert b.tail is None and b.level == 1


def test_dict_pop_deletes_one_entry():
    d = dictCreate(setDictType)
    keys = [b"k%d" % j for j in range(64)]
    for key in keys:
        dictAdd(d, key, None)
    while d.rehashidx != -1:
        dictFind(d, b"k0")
    random.seed(3)
    random.shuffle(keys)
    for j, key in enumerate(keys):
        dict_pop(d, key)
        assert dictFind(d, key) is None and dictSize(d) == len(keys) - j - 1
        for other in keys[j + 1:]:
            assert dictFind(d, other) is not None
    assert dictDelete(d, keys[0]) != 0
