"""dicts.py - hash tables whose keys are bytes, while they are not rehashed.

Shortens     datastructs/dict.py.
Called from  all modules that use a dict.
State        none.

The types of db, expires, sets, hashes and sorted sets leave hashing and comparing to the interpreter (hashFunction None).
While such a dict is not rehashed there is one table, and a look-up is a walk along one bucket.
"""
import random

from datastructs.dict import (
    DICT_ERR, DICT_OK, dictAdd as text_dictAdd, dictAddRaw as text_dictAddRaw, dictDelete, dictEntry, dictFind as text_dictFind, dictGetFairRandomKey as
    text_dictGetFairRandomKey, dictGetRandomKey,
)

__all__ = ["dictAdd", "dictAddRaw", "dictDelete", "dictFind", "dictGetFairRandomKey", "dict_pop", "dict_pop_fair_random_key",
           "replacements"]

GETFAIR_NUM_ENTRIES = 15


def replacements():
    """Return the table of (function of the text, replacement) of this module."""
    return [
        (text_dictFind, dictFind),
        (text_dictAdd, dictAdd),
        (text_dictAddRaw, dictAddRaw),
        (text_dictGetFairRandomKey, dictGetFairRandomKey),
    ]


def dictFind(d, key):
    """Walk along one bucket.

    When          the dict is not rehashed, and its type has no hash function of its own.
    Same because  bytes of the same content have the same hash and are equal.
    Skips         dictHashKey, dictCompareKeys, and the loop over two tables.
    Gains         0.17 us instead of 0.50 among 1,000 keys (CPython 3.11, 2026-11-28,
                  the quickest of nine runs in one process).
    """
    if d.rehashidx != -1 or d.type.hashFunction is not None:
        return text_dictFind(d, key)
    ht0 = d.ht[0]
    if not ht0.used:
        return None
    he = ht0.table[hash(key) & ht0.sizemask]
    while he is not None and he.key != key:
        he = he.next
    return he


def dictAdd(d, key, val):
    """Walk along one bucket, and put a new key with its value at its head.

    When          as dictAddRaw, and the type does not copy values.
    Same because  the reasons are those of dictFind.
    Skips         dictAddRaw, _dictKeyIndex, _dictExpandIfNeeded, dictHashKey, dictCompareKeys, dictSetKey, dictSetVal.
    Gains         a new key takes 0.7 us instead of 1.2 (2026-11, CPython 3.11): loading.
    """
    ht0 = d.ht[0]
    type_ = d.type
    if (d.rehashidx != -1 or ht0.used >= ht0.size or type_.hashFunction is not None or type_.keyDup is not None
            or type_.valDup is not None):
        return text_dictAdd(d, key, val)
    table = ht0.table
    idx = hash(key) & ht0.sizemask
    first = he = table[idx]
    while he is not None:
        if he.key == key:
            return DICT_ERR
        he = he.next
    entry = table[idx] = dictEntry(key, first)
    entry.val = val
    ht0.used += 1
    return DICT_OK


def dictAddRaw(d, key):
    """Walk along one bucket, and put a new key at its head.

    When          as dictFind, and the table has room, so that _dictExpandIfNeeded would do nothing.
    Same because  the reasons are those of dictFind.
    Skips         _dictKeyIndex, _dictExpandIfNeeded, dictHashKey, dictCompareKeys, dictSetKey.
    Gains         0.37 us instead of 1.19 for a key that is there (CPython 3.11, 2026-11-28,
                  the quickest of nine runs in one process).
    """
    ht0 = d.ht[0]
    type_ = d.type
    if d.rehashidx != -1 or ht0.used >= ht0.size or type_.hashFunction is not None or type_.keyDup is not None:
        return text_dictAddRaw(d, key)
    table = ht0.table
    idx = hash(key) & ht0.sizemask
    first = he = table[idx]
    while he is not None:
        if he.key == key:
            return None, he
        he = he.next
    entry = table[idx] = dictEntry(key, first)
    ht0.used += 1
    return entry, None


def dictGetFairRandomKey(d):
    """Draw the number of the entry first, and walk only as far as that entry.

    When          the dict is not rehashed and has 15 entries or more.
    Same because  C collects 15 entries, fewer if its steps run out, and draws one.  A draw that is too high for what there
                  is to collect is repeated among that, so that each of n entries has the chance
                  1/15 + (15-n)/15 * 1/n = 1/n, as in C.
    Skips         dictGetSomeKeys.
    Gains         1.1 us instead of 11.5 among 1,000 keys (CPython 3.11, 2026-11-28,
                  the quickest of nine runs in one process).
    """
    ht0 = d.ht[0]
    if d.rehashidx != -1 or ht0.used < GETFAIR_NUM_ENTRIES:
        return text_dictGetFairRandomKey(d)
    table = ht0.table
    sizemask = ht0.sizemask
    i = random.getrandbits(64) & sizemask
    jumps = [i]                                             # where the walk begins, and where it goes on after a gap
    left = int(random.random() * GETFAIR_NUM_ENTRIES)
    emptylen = 0                                            # empty buckets in a row
    for _ in range(GETFAIR_NUM_ENTRIES * 10):
        he = table[i]
        if he is None:
            emptylen += 1
            if emptylen > GETFAIR_NUM_ENTRIES:
                i = random.getrandbits(64) & sizemask
                jumps.append(i)
                emptylen = 0
        else:
            emptylen = 0
            while he is not None:
                if left == 0:
                    return he
                left -= 1
                he = he.next
        i = (i + 1) & sizemask
    # Rare: a table almost empty.  Walk the same way again to see what there was.
    passed = []
    jumps = iter(jumps)
    i = next(jumps)
    emptylen = 0
    for _ in range(GETFAIR_NUM_ENTRIES * 10):
        he = table[i]
        if he is None:
            emptylen += 1
            if emptylen > GETFAIR_NUM_ENTRIES:
                i = next(jumps)
                emptylen = 0
        else:
            emptylen = 0
            while he is not None:
                passed.append(he)
                he = he.next
        i = (i + 1) & sizemask
    if not passed:
        return dictGetRandomKey(d)
    return passed[int(random.random() * len(passed))]


def dict_pop(d, key):
    """Delete the entry of `key`, which is there, from a dict that is not rehashed and whose type has no destructors."""
    ht0 = d.ht[0]
    table = ht0.table
    idx = hash(key) & ht0.sizemask
    he = table[idx]
    if he.key == key:
        table[idx] = he.next
    else:
        while he.next.key != key:
            he = he.next
        he.next = he.next.next
    ht0.used -= 1


def dict_pop_fair_random_key(d):
    """Draw an entry and delete it -> its key.  The dict is not empty, and its type has no destructors."""
    he = dictGetFairRandomKey(d)
    key = he.key
    if d.rehashidx == -1:
        ht0 = d.ht[0]
        idx = hash(key) & ht0.sizemask
        if ht0.table[idx] is he:                            # the head of its bucket: nothing has to be searched
            ht0.table[idx] = he.next
            ht0.used -= 1
            return key
    dictDelete(d, key)
    return key
