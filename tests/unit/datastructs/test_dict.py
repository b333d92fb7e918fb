"""dict.py against a plain Python dict, through growth, shrinking and rehashing."""
import random

import pytest
from hypothesis import given, settings, strategies as st

from datastructs import dict as dict_module
from datastructs.dict import (
    DICT_ERR, DICT_OK, DICT_RESIZE_AVOID, DICT_RESIZE_ENABLE, dict_entries, dictAdd, dictAddOrFind, dictAddRaw,
    dictCreate, dictDelete, dictEmpty, dictExpand, dictFetchValue, dictFind, dictGetFairRandomKey, dictGetIterator,
    dictGetRandomKey, dictGetSafeIterator, dictGetSomeKeys, dictGetStats, dictNext, dictRehash, dictReleaseIterator,
    dictReplace, dictResize, dictScan, dictSdsCaseHash, dictSdsKeyCaseCompare, dictSetResizeEnabled, dictSize, dictType,
    dictUnlink, rev,
)

plain = dictType()


def filled(n):
    d = dictCreate(plain)
    for i in range(n):
        assert dictAdd(d, b"key:%d" % i, i) == DICT_OK
    return d


keys = st.integers(0, 60).map(lambda i: b"%d" % i)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("arduf"), keys), max_size=300))
def test_against_builtin_dict(ops):
    d = dictCreate(plain)
    model = {}
    for n, (op, key) in enumerate(ops):
        if op == "a":
            assert dictAdd(d, key, n) == (DICT_ERR if key in model else DICT_OK)
            model.setdefault(key, n)
        elif op == "r":
            assert dictReplace(d, key, n) == (0 if key in model else 1)
            model[key] = n
        elif op == "d":
            assert dictDelete(d, key) == (DICT_OK if key in model else DICT_ERR)
            model.pop(key, None)
        elif op == "u":
            de = dictUnlink(d, key)
            assert (de.val if de is not None else None) == model.pop(key, None)
        else:
            assert dictFetchValue(d, key) == model.get(key)
        assert dictSize(d) == len(model)
        if n % 7 == 0:
            dictResize(d)
    assert {de.key: de.val for de in dict_entries(d)} == model


def test_add_raw_gives_entry_or_existing():
    d = filled(3)
    de, existing = dictAddRaw(d, b"new")
    assert de.key == b"new" and existing is None
    again, existing = dictAddRaw(d, b"new")
    assert again is None and existing is de
    assert dictAddOrFind(d, b"new") is de


def test_rehashing_moves_one_bucket_a_step():
    d = filled(4)
    assert d.rehashidx == -1 and d.ht[0].size == 4
    dictAdd(d, b"x", 0)
    assert d.rehashidx == 0 and d.ht[1].size == 8
    steps = 0
    while dictRehash(d, 1):
        steps += 1
        assert steps < 10
    assert d.rehashidx == -1 and d.ht[0].size == 8 and d.ht[1].table is None


def test_avoid_resize_until_forced():
    dictSetResizeEnabled(DICT_RESIZE_AVOID)
    try:
        d = filled(24)
        assert d.ht[0].size == 4 and d.rehashidx == -1
        dictAdd(d, b"x", 0)
        assert d.rehashidx == 0                             # 24 / 4 > 5
    finally:
        dictSetResizeEnabled(DICT_RESIZE_ENABLE)
    assert dict_module.dict_can_resize == DICT_RESIZE_ENABLE


def test_expand_allowed_is_asked():
    asked = []
    d = dictCreate(dictType(expandAllowed=lambda more, ratio: asked.append((more, ratio)) or 0))
    for i in range(10):
        dictAdd(d, i, i)
    assert d.ht[0].size == 4 and asked[0] == (64, 1.0)


def test_destructors_run():
    dead = []
    d = dictCreate(dictType(keyDestructor=dead.append, valDestructor=dead.append))
    dictAdd(d, b"a", 1)
    dictAdd(d, b"b", 2)
    dictReplace(d, b"a", 3)
    assert dead == [1]
    dictDelete(d, b"a")
    assert dead == [1, b"a", 3]
    calls = []
    dictEmpty(d, calls.append)
    assert dead == [1, b"a", 3, b"b", 2] and calls == [None]


def test_case_insensitive_type():
    d = dictCreate(dictType(dictSdsCaseHash, keyCompare=dictSdsKeyCaseCompare))
    dictAdd(d, b"GeT", 1)
    assert dictFind(d, b"get").val == 1
    assert dictAdd(d, b"GET", 2) == DICT_ERR


@given(st.integers(0, 2**64 - 1))
def test_rev_turns_the_bits_round(v):
    assert rev(v) == int("{:064b}".format(v)[::-1], 2)


@pytest.mark.parametrize("n", [1, 5, 14, 15, 16, 100, 1000])
def test_fair_random_keys_empty_a_dict(n):
    d = filled(n)
    left = {b"key:%d" % i for i in range(n)}
    while left:
        key = dictGetFairRandomKey(d).key
        assert dictDelete(d, key) == DICT_OK
        left.remove(key)
        assert dictSize(d) == len(left) and {e.key for e in dict_entries(d)} == left
        if len(left) % 97 == 0:
            dictResize(d)                                           # go on while it rehashes


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(0, 2**32), st.sampled_from([0, 1, 50]))
def test_scan_reports_all_that_stays(n, seed, churn):
    rng = random.Random(seed)
    d = filled(n)
    stay = {b"key:%d" % i for i in range(n)}
    seen = set()
    cursor = 0
    for _ in range(100000):
        cursor = dictScan(d, cursor, lambda privdata, de: seen.add(de.key), None, None)
        if cursor == 0:
            break
        for _ in range(churn):                              # the table grows and shrinks under the scan
            dictReplace(d, b"other:%d" % rng.randrange(2000), 0)
        if rng.random() < 0.2:
            for i in range(2000):
                dictDelete(d, b"other:%d" % i)
            dictResize(d)
    assert cursor == 0 and stay <= seen


def test_safe_iterator_allows_deleting():
    d = filled(50)
    di = dictGetSafeIterator(d)
    seen = 0
    de = dictNext(di)
    while de is not None:
        seen += 1
        dictDelete(d, de.key)
        de = dictNext(di)
    dictReleaseIterator(di)
    assert seen == 50 and dictSize(d) == 0 and d.pauserehash == 0


def test_unsafe_iterator_detects_misuse():
    d = filled(20)
    di = dictGetIterator(d)
    dictNext(di)
    dictDelete(d, b"key:3")
    with pytest.raises(AssertionError):
        dictReleaseIterator(di)


def test_random_keys_are_members():
    d = filled(33)                                          # in the middle of a rehash
    names = {b"key:%d" % i for i in range(33)}
    assert {dictGetRandomKey(d).key for _ in range(2000)} == names
    assert {dictGetFairRandomKey(d).key for _ in range(2000)} == names
    for count in (1, 5, 100):
        some = dictGetSomeKeys(d, count)
        assert len(some) <= count and {de.key for de in some} <= names
    assert dictGetRandomKey(dictCreate(plain)) is None


def test_stats_text():
    d = dictCreate(plain)
    assert dictGetStats(d) == (b"Hash table 0 stats (main hash table):\n"
                               b"No stats available for empty dictionaries\n")
    dictExpand(d, 16)
    dictAdd(d, b"a", 1)
    assert dictGetStats(d) == (b"Hash table 0 stats (main hash table):\n table size: 16\n number of elements: 1\n"
                               b" different slots: 1\n max chain length: 1\n avg chain length (counted): 1.00\n"
                               b" avg chain length (computed): 1.00\n Chain length distribution:\n"
                               b"   0: 15 (93.75%)\n   1: 1 (6.25%)\n")
