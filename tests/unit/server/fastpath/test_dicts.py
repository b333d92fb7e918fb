"""server/fastpath/dicts.py and skiplists.py beside datastructs/dict.py and zskiplist.py."""
import random

import pytest
from hypothesis import given, settings, strategies as st

from datastructs import dict as dict_module
from datastructs import zskiplist
from datastructs.dict import DICT_ERR, DICT_OK, DICT_RESIZE_AVOID, dict_entries, dictAddRaw, dictCreate, dictDelete, dictExpand, dictType
from server.fastpath import dicts, skiplists
from tests.unit.datastructs.test_zskiplist import ELES, MEMBERS, SCORES, content, model

KEYS = st.integers(0, 60).map(lambda i: b"%d" % i)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ardf"), KEYS), max_size=300), st.booleans())
def test_against_builtin_dict(ops, builtin):
    d = dictCreate(dictType() if builtin else dictType(hash, keyCompare=lambda a, b: a == b))
    expected = {}
    for n, (op, key) in enumerate(ops):
        if op == "a":
            assert dicts.dictAdd(d, key, n) == (DICT_ERR if key in expected else DICT_OK)
            expected.setdefault(key, n)
        elif op == "r":
            entry, existing = dicts.dictAddRaw(d, key)
            assert (entry is None) == (key in expected) and (existing is None) == (entry is not None)
            (entry or existing).val = n
            expected[key] = n
        elif op == "d":
            dictDelete(d, key)
            expected.pop(key, None)
        else:
            he = dicts.dictFind(d, key)
            assert (he.val if he is not None else None) == expected.get(key)
    assert {de.key: de.val for de in dict_entries(d)} == expected


@given(MEMBERS, st.lists(st.tuples(ELES, SCORES), max_size=10), st.integers(0, 1000))
def test_skiplist_insert(members, more, seed):
    zsl = zskiplist.zslCreate()
    random.seed(seed)
    for ele, score in members.items():
        node = skiplists.zslInsert(zsl, score, ele)
        assert (node.score, node.ele) == (score, ele)
    for ele, score in more:
        if ele in members:
            assert zskiplist.zslDelete(zsl, members[ele], ele) == 1
        (skiplists.zslInsert if len(ele) % 2 else zskiplist.zslInsert)(zsl, score, ele)
        members[ele] = score
    assert content(zsl) == model(members)


class Draws:
    """Stands for the module random: bits come from a seeded generator, random() gives what was put in."""

    def __init__(self, seed, floats):
        self.getrandbits = random.Random(seed).getrandbits
        self.random = iter(floats).__next__


@pytest.mark.parametrize("n, slots", [(16, 16), (20, 32), (40, 32), (15, 64), (15, 1024), (18, 4096)])
def test_fair_random_key_draws_by_the_law_of_c(monkeypatch, n, slots):
    """Whatever walk the generator gives: of the entries C would collect on it each has the same chance."""
    monkeypatch.setattr(dict_module, "dict_can_resize", DICT_RESIZE_AVOID)     # let chains grow
    d = dictCreate(dict_module.setDictType)
    dictExpand(d, slots)
    for i in range(n):
        dictAddRaw(d, b"%d" % i)
    assert d.rehashidx == -1 and d.ht[0].size == slots
    for seed in range(60):
        monkeypatch.setattr(dict_module, "random", Draws(seed, ()))
        entries = dict_module.dictGetSomeKeys(d, 15)
        for drawn in range(15):
            for again in range(len(entries) if drawn >= len(entries) else 1):
                monkeypatch.setattr(dicts, "random", Draws(seed, ((drawn + .5) / 15, (again + .5) / max(len(entries), 1))))
                if not entries:
                    assert dicts.dictGetFairRandomKey(d) is not None      # dictGetRandomKey
                elif drawn < len(entries):
                    assert dicts.dictGetFairRandomKey(d) is entries[drawn]
                else:
                    assert dicts.dictGetFairRandomKey(d) is entries[again]
