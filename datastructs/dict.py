"""dict.py - hash table that grows and shrinks a bucket at a time.      Mirrors src/dict.c, src/dict.h (6.2.14)

Lives here   dict_ (two tables while rehashing), iterators, dictScan, random sampling, statistics;
             the hash and compare functions that server.c keeps for its dictTypes (byte strings, robj), so that
             every layer can build a dictType.
Called from  everywhere.
State        dict_can_resize, dict_force_resize_ratio: one policy for all dicts of the process.
Invariant    rehashidx == -1  <=>  ht[1] is empty and unused; buckets of ht[0] below rehashidx are empty.
Rules for callers  A dictType field that is None means: builtin hash, ==, nothing to destroy.  Never insert, find or
             delete while an unsafe iterator runs.  de.val holds the C union's pointer, integer or double.
Departures   the hash is Python's seeded SipHash (D-13), so hashes are signed: only `h & sizemask` is used.  privdata is gone.
             The macros dictSize, dictIsRehashing and dictHashKey are written out where a tail comment names them.
             Names of dict.c that do not exist here: D-28.
"""
import random
import time

DICT_OK = 0
DICT_ERR = 1

# dictResizeEnable
DICT_RESIZE_ENABLE = 0
DICT_RESIZE_AVOID = 1
DICT_RESIZE_FORBID = 2

DICT_HT_INITIAL_SIZE = 4
LONG_MAX = 0x7fffffffffffffff
ULONG_MASK = 0xffffffffffffffff

#: AVOID while a child process exists: moving a bucket would copy the page it is on.
dict_can_resize = DICT_RESIZE_ENABLE
#: Above this many elements a bucket the table grows even under AVOID.
dict_force_resize_ratio = 5


class dictEntry:
    __slots__ = ("key", "val", "next")

    def __init__(self, key, next_):
        self.key = key
        self.val = None            # object, int or float
        self.next = next_          # next entry of the same bucket


class dictType:
    """How keys are hashed, compared and destroyed; None = the default."""
    __slots__ = ("hashFunction", "keyDup", "valDup", "keyCompare", "keyDestructor", "valDestructor", "expandAllowed",
                 "builtin")

    def __init__(self, hashFunction=None, keyDup=None, valDup=None, keyCompare=None, keyDestructor=None,
                 valDestructor=None, expandAllowed=None):
        self.hashFunction = hashFunction      # f(key) -> int
        self.keyDup = keyDup                  # f(key) -> key to store
        self.valDup = valDup                  # f(val) -> value to store
        self.keyCompare = keyCompare          # f(key1, key2) -> true if equal
        self.keyDestructor = keyDestructor    # f(key)
        self.valDestructor = valDestructor    # f(val)
        self.expandAllowed = expandAllowed    # f(bytes of the new table, used/size) -> true if it may grow
        self.builtin = hashFunction is None and keyCompare is None          # keys use the builtin hash and == (ours)


class dictht:
    """One hash table."""
    __slots__ = ("table", "size", "sizemask", "used")

    def __init__(self):
        self.table = None          # list of dictEntry or None; None before the first insertion
        self.size = 0              # buckets, a power of two, or 0
        self.sizemask = 0          # size - 1
        self.used = 0              # entries


class dict_:
    __slots__ = ("type", "ht", "rehashidx", "pauserehash")

    def __init__(self, type_):
        self.type = type_
        self.ht = [dictht(), dictht()]
        self.rehashidx = -1        # next bucket of ht[0] to move; -1 = not rehashing
        self.pauserehash = 0       # > 0 = paused, by safe iterators and dictScan

    def __repr__(self):
        return "<dict_ used=%d size=%d>" % (self.ht[0].used + self.ht[1].used, self.ht[0].size + self.ht[1].size)


class dictIterator:
    """safe = 1: the dict may be changed meanwhile (rehashing is paused); safe = 0: only dictNext may be called."""
    __slots__ = ("d", "index", "table", "safe", "entry", "nextEntry", "fingerprint")

    def __init__(self, d):
        self.d = d
        self.index = -1            # bucket; -1 = not started
        self.table = 0             # 0 or 1
        self.safe = 0
        self.entry = None
        self.nextEntry = None      # read ahead: the caller may delete `entry`
        self.fingerprint = None    # unsafe only: state of the dict at the start


# ----------------------------------------------------------------------------
# hash functions
# ----------------------------------------------------------------------------

def dictGenHashFunction(key):
    """Hash a byte string of any type: bytes and a bytearray with the same content meet."""
    return hash(bytes(key))


def dictGenCaseHashFunction(key):
    """Hash a byte string whatever the case of its letters."""
    return hash(key.lower())


# C: the functions and dictTypes below are in server.c; here the lower layers need them too.

def dictSdsCaseHash(key):
    return dictGenCaseHashFunction(key)


def dictSdsKeyCaseCompare(key1, key2):
    return key1.lower() == key2.lower()


def dictObjHash(key):
    """Hash a string object that is never INT encoded, for instance an argument of a command."""
    return dictGenHashFunction(key.ptr)


def dictObjKeyCompare(key1, key2):
    return key1.ptr == key2.ptr


def dictEncObjHash(key):
    """Hash a string object in any encoding: 12 and "12" must meet in one bucket."""
    ptr = key.ptr
    if ptr.__class__ is int:                                # OBJ_ENCODING_INT
        return dictGenHashFunction(b"%d" % ptr)
    return dictGenHashFunction(ptr)


def dictEncObjKeyCompare(key1, key2):
    ptr1 = key1.ptr
    ptr2 = key2.ptr
    if ptr1.__class__ is int:
        if ptr2.__class__ is int:
            return ptr1 == ptr2
        ptr1 = b"%d" % ptr1
    elif ptr2.__class__ is int:
        ptr2 = b"%d" % ptr2
    return ptr1 == ptr2


#: Set values: member -> None.  Members are bytes, so the builtin hash and == do.
setDictType = dictType()
#: The dict of a sorted set: member -> score (float).
zsetDictType = dictType()
#: Hash values: field -> value, both bytes.
hashDictType = dictType()
#: Members about to be replied (SRANDMEMBER, ZRANDMEMBER): bytes -> score or None.
sdsReplyDictType = dictType()


# ----------------------------------------------------------------------------
# macros of dict.h
# ----------------------------------------------------------------------------

def dictFreeVal(d, entry):
    if d.type.valDestructor is not None:
        d.type.valDestructor(entry.val)


def dictSetVal(d, entry, val):
    if d.type.valDup is not None:
        entry.val = d.type.valDup(val)
    else:
        entry.val = val


def dictFreeKey(d, entry):
    if d.type.keyDestructor is not None:
        d.type.keyDestructor(entry.key)


def dictSetKey(d, entry, key):
    if d.type.keyDup is not None:
        entry.key = d.type.keyDup(key)
    else:
        entry.key = key


def dictCompareKeys(d, key1, key2):
    if d.type.keyCompare is not None:
        return d.type.keyCompare(key1, key2)
    return key1 == key2


def dictHashKey(d, key):
    if d.type.hashFunction is not None:
        return d.type.hashFunction(key)
    return hash(key)


def dictSlots(d):
    return d.ht[0].size + d.ht[1].size


def dictSize(d):
    return d.ht[0].used + d.ht[1].used


def dictIsRehashing(d):
    return d.rehashidx != -1


def dictPauseRehashing(d):
    d.pauserehash += 1


def dictResumeRehashing(d):
    d.pauserehash -= 1


def randomULong():
    return random.getrandbits(64)


# ----------------------------------------------------------------------------
# API implementation
# ----------------------------------------------------------------------------

def _dictReset(ht):
    ht.table = None
    ht.size = 0
    ht.sizemask = 0
    ht.used = 0


def dictCreate(type_):
    return dict_(type_)


def dictResize(d):
    """Shrink (or grow) the table to the smallest power of two that holds the elements -> DICT_OK or DICT_ERR."""
    if dict_can_resize != DICT_RESIZE_ENABLE or dictIsRehashing(d):
        return DICT_ERR
    minimal = d.ht[0].used
    if minimal < DICT_HT_INITIAL_SIZE:
        minimal = DICT_HT_INITIAL_SIZE
    return dictExpand(d, minimal)


def _dictExpand(d, size):
    """Create the first table, or a second one to rehash into -> (DICT_OK or DICT_ERR, malloc_failed)."""
    if dictIsRehashing(d) or d.ht[0].used > size:
        return DICT_ERR, 0
    realsize = _dictNextPower(size)
    if realsize < size or realsize * 8 > ULONG_MASK:        # overflow
        return DICT_ERR, 0
    if realsize == d.ht[0].size:
        return DICT_ERR, 0
    n = dictht()
    n.size = realsize
    n.sizemask = realsize - 1
    try:
        n.table = [None] * realsize
    except (MemoryError, OverflowError):
        return DICT_ERR, 1
    if d.ht[0].table is None:
        d.ht[0] = n
        return DICT_OK, 0
    d.ht[1] = n
    d.rehashidx = 0
    return DICT_OK, 0


def dictExpand(d, size):
    """Create the first or second table -> DICT_OK, or DICT_ERR if nothing was done.  MemoryError where zcalloc() aborts."""
    ok, malloc_failed = _dictExpand(d, size)
    if malloc_failed:
        raise MemoryError("dictExpand: out of memory for %d buckets" % size)
    return ok


def dictTryExpand(d, size):
    """Create the first or second table -> DICT_OK, or DICT_ERR if the memory was not there."""
    _, malloc_failed = _dictExpand(d, size)
    return DICT_ERR if malloc_failed else DICT_OK


def dictRehash(d, n):
    """Move `n` buckets to the new table -> 1 while keys remain to be moved, else 0.  HOT

    At most n*10 empty buckets are visited, so that a step stays short in a sparse table.
    """
    ht0, ht1 = d.ht
    if dict_can_resize == DICT_RESIZE_FORBID or d.rehashidx == -1:          # dictIsRehashing
        return 0
    if dict_can_resize == DICT_RESIZE_AVOID:
        s0 = ht0.size
        s1 = ht1.size
        if ((s1 > s0 and s1 // s0 < dict_force_resize_ratio) or
                (s1 < s0 and s0 // s1 < dict_force_resize_ratio)):
            return 0
    empty_visits = n * 10
    table0 = ht0.table
    table1 = ht1.table
    sizemask1 = ht1.sizemask
    hashFunction = d.type.hashFunction
    if hashFunction is None:
        hashFunction = hash
    while n and ht0.used:
        n -= 1
        idx = d.rehashidx
        while table0[idx] is None:
            idx += 1
            empty_visits -= 1
            if empty_visits == 0:
                d.rehashidx = idx
                return 1
        de = table0[idx]
        moved = 0
        while de is not None:
            nextde = de.next
            h = hashFunction(de.key) & sizemask1
            de.next = table1[h]
            table1[h] = de
            moved += 1
            de = nextde
        ht0.used -= moved
        ht1.used += moved
        table0[idx] = None
        d.rehashidx = idx + 1

    if ht0.used == 0:
        d.ht[0] = ht1
        _dictReset(ht0)
        d.ht[1] = ht0
        d.rehashidx = -1
        return 0
    return 1


def timeInMilliseconds():
    return time.time_ns() // 1000000


def dictRehashMilliseconds(d, ms):
    """Rehash for about `ms` milliseconds -> number of buckets asked for."""
    if d.pauserehash > 0:
        return 0
    start = timeInMilliseconds()
    rehashes = 0
    while dictRehash(d, 100):
        rehashes += 100
        if timeInMilliseconds() - start > ms:
            break
    return rehashes


def _dictRehashStep(d):
    if d.pauserehash == 0:
        dictRehash(d, 1)


def dictAdd(d, key, val):
    """Add `key` with `val` -> DICT_OK, or DICT_ERR if the key is there already."""
    entry, _ = dictAddRaw(d, key)
    if entry is None:
        return DICT_ERR
    valDup = d.type.valDup
    entry.val = val if valDup is None else valDup(val)      # dictSetVal
    return DICT_OK


def dictAddRaw(d, key):
    """Add `key` without a value -> (entry, None), or (None, the entry that has the key).  HOT

    A new entry goes to the head of its bucket: what was added last is likely to be used next.
    """
    if d.rehashidx != -1:                                   # dictIsRehashing
        _dictRehashStep(d)
    hashFunction = d.type.hashFunction
    h = hash(key) if hashFunction is None else hashFunction(key)        # dictHashKey
    index, existing = _dictKeyIndex(d, key, h)
    if index == -1:
        return None, existing
    ht = d.ht[1] if d.rehashidx != -1 else d.ht[0]          # dictIsRehashing
    table = ht.table
    keyDup = d.type.keyDup
    entry = table[index] = dictEntry(key if keyDup is None else keyDup(key), table[index])      # dictSetKey
    ht.used += 1
    return entry, None


def dictReplace(d, key, val):
    """Add `key`, or overwrite its value -> 1 if the key is new, 0 if a value was replaced (and destroyed).  Not called here."""
    entry, existing = dictAddRaw(d, key)
    if entry is not None:
        dictSetVal(d, entry, val)
        return 1
    auxentry = dictEntry(existing.key, None)
    auxentry.val = existing.val
    # ORDER: set the new value, then free the old one; both may be the same object.
    dictSetVal(d, existing, val)
    dictFreeVal(d, auxentry)
    return 0


def dictAddOrFind(d, key):
    """Add `key` if it is not there -> its entry, new or old."""
    entry, existing = dictAddRaw(d, key)
    return entry if entry is not None else existing


def dictGenericDelete(d, key, nofree):
    """Unlink the entry of `key` -> the entry or None.  nofree = 1: the destructors are not called.  HOT"""
    ht0, ht1 = d.ht
    if ht0.used == 0 and ht1.used == 0:
        return None
    if d.rehashidx != -1:                                   # dictIsRehashing
        _dictRehashStep(d)
    hashFunction = d.type.hashFunction
    h = hash(key) if hashFunction is None else hashFunction(key)        # dictHashKey
    keyCompare = d.type.keyCompare
    for ht in d.ht:
        idx = h & ht.sizemask
        he = ht.table[idx]
        prevHe = None
        while he is not None:
            if key == he.key if keyCompare is None else keyCompare(key, he.key):     # dictCompareKeys
                if prevHe is not None:
                    prevHe.next = he.next
                else:
                    ht.table[idx] = he.next
                if not nofree:
                    dictFreeKey(d, he)
                    dictFreeVal(d, he)
                ht.used -= 1
                return he
            prevHe = he
            he = he.next
        if d.rehashidx == -1:                               # dictIsRehashing
            break
    return None


def dictDelete(d, key):
    """Delete `key` and destroy its entry -> DICT_OK, or DICT_ERR if it is not there."""
    return DICT_ERR if dictGenericDelete(d, key, 0) is None else DICT_OK


def dictUnlink(d, key):
    """Unlink the entry of `key` without destroying it -> the entry or None; the caller ends with dictFreeUnlinkedEntry()."""
    return dictGenericDelete(d, key, 1)


def dictFreeUnlinkedEntry(d, he):
    if he is None:
        return
    dictFreeKey(d, he)
    dictFreeVal(d, he)


def _dictClear(d, ht, callback):
    """Destroy all entries of one table -> DICT_OK; `callback(None)` is called every 65536 buckets.

    Entries without destructors, in a table without reference cycles, are freed with the table.
    """
    if callback is not None or d.type.keyDestructor is not None or d.type.valDestructor is not None:
        i = 0
        while i < ht.size and ht.used > 0:
            if callback is not None and (i & 65535) == 0:
                callback(None)
            he = ht.table[i]
            ht.table[i] = None                              # free the entries bucket by bucket, not all at the end
            while he is not None:
                nextHe = he.next
                dictFreeKey(d, he)
                dictFreeVal(d, he)
                ht.used -= 1
                he = nextHe
            i += 1
    _dictReset(ht)
    return DICT_OK


def dictRelease(d):
    """Destroy all entries."""
    _dictClear(d, d.ht[0], None)
    _dictClear(d, d.ht[1], None)
    d.rehashidx = -1


def dictFind(d, key):
    """Look up `key` -> its entry or None.  Does one step of rehashing on the way.  HOT"""
    ht0, ht1 = d.ht
    if ht0.used + ht1.used == 0:                            # dictSize
        return None
    if d.rehashidx != -1:                                   # dictIsRehashing
        _dictRehashStep(d)
    hashFunction = d.type.hashFunction
    h = hash(key) if hashFunction is None else hashFunction(key)        # dictHashKey
    keyCompare = d.type.keyCompare
    for ht in d.ht:
        he = ht.table[h & ht.sizemask]
        while he is not None:
            if key == he.key if keyCompare is None else keyCompare(key, he.key):     # dictCompareKeys
                return he
            he = he.next
        if d.rehashidx == -1:                               # dictIsRehashing
            return None
    return None


def dictFetchValue(d, key):
    """Look up `key` -> its value or None."""
    he = dictFind(d, key)
    return he.val if he is not None else None


def dictFingerprint(d):
    """Take the state of the dict -> tuple; two different ones mean that an unsafe iterator was misused.

    C: folds the six numbers into 64 bits; a tuple is quicker here and never collides.
    """
    ht0, ht1 = d.ht
    return (id(ht0.table), ht0.size, ht0.used, id(ht1.table), ht1.size, ht1.used)


def dictGetIterator(d):
    return dictIterator(d)


def dictGetSafeIterator(d):
    i = dictGetIterator(d)
    i.safe = 1
    return i


def dictNext(iter_):
    """Step to the next entry -> the entry, or None at the end."""
    while 1:
        if iter_.entry is None:
            d = iter_.d
            ht = d.ht[iter_.table]
            if iter_.index == -1 and iter_.table == 0:
                if iter_.safe:
                    dictPauseRehashing(d)
                else:
                    iter_.fingerprint = dictFingerprint(d)
            iter_.index += 1
            if iter_.index >= ht.size:
                if dictIsRehashing(d) and iter_.table == 0:
                    iter_.table += 1
                    iter_.index = 0
                    ht = d.ht[1]
                else:
                    break
            iter_.entry = ht.table[iter_.index]
        else:
            iter_.entry = iter_.nextEntry
        if iter_.entry is not None:
            iter_.nextEntry = iter_.entry.next
            return iter_.entry
    return None


def dictReleaseIterator(iter_):
    if not (iter_.index == -1 and iter_.table == 0):
        if iter_.safe:
            dictResumeRehashing(iter_.d)
        elif iter_.fingerprint != dictFingerprint(iter_.d):
            raise AssertionError("iter->fingerprint == dictFingerprint(iter->d)")
    iter_.entry = iter_.nextEntry = None


def dict_entries(d):
    """Generate all entries: an unsafe iterator for plain `for` loops, whose body must not touch `d`."""
    fingerprint = dictFingerprint(d)
    for ht in d.ht:
        if ht.used == 0:
            continue
        for he in ht.table:
            while he is not None:
                nextHe = he.next
                yield he
                he = nextHe
    if fingerprint != dictFingerprint(d):
        raise AssertionError("dict changed while dict_entries() runs")


def dictGetRandomKey(d):
    """Draw an entry -> the entry, or None if there is none.  Buckets are drawn evenly, so entries of long chains come less often."""
    if dictSize(d) == 0:
        return None
    if dictIsRehashing(d):
        _dictRehashStep(d)
    ht0, ht1 = d.ht
    he = None
    if dictIsRehashing(d):
        while he is None:
            h = d.rehashidx + randomULong() % (dictSlots(d) - d.rehashidx)      # the buckets below rehashidx are empty
            he = ht1.table[h - ht0.size] if h >= ht0.size else ht0.table[h]
    else:
        while he is None:
            h = randomULong() & ht0.sizemask
            he = ht0.table[h]

    # A bucket is a linked list: count its entries, then walk to the one drawn.
    listlen = 0
    orighe = he
    while he is not None:
        he = he.next
        listlen += 1
    listele = randomULong() % listlen
    he = orighe
    while listele:
        he = he.next
        listele -= 1
    return he


def dictGetSomeKeys(d, count):
    """Collect entries of neighbouring buckets from a random place on -> list of up to `count` entries, with duplicates.

    For sampling (eviction), not for an even distribution.  It gives up after count*10 buckets, so it may return
    fewer entries than asked for, even none.
    """
    if dictSize(d) < count:
        count = dictSize(d)
    maxsteps = count * 10
    for j in range(count):
        if dictIsRehashing(d):
            _dictRehashStep(d)
        else:
            break

    tables = 2 if dictIsRehashing(d) else 1
    maxsizemask = d.ht[0].sizemask
    if tables > 1 and maxsizemask < d.ht[1].sizemask:
        maxsizemask = d.ht[1].sizemask

    des = []
    i = randomULong() & maxsizemask                         # a random index in the larger table
    emptylen = 0                                            # empty buckets in a row
    while len(des) < count and maxsteps:
        maxsteps -= 1
        for j in range(tables):
            if tables == 2 and j == 0 and i < d.rehashidx:
                # The buckets of ht[0] below rehashidx are empty.  If i is also beyond the end of a smaller ht[1], skip to rehashidx.
                if i >= d.ht[1].size:
                    i = d.rehashidx
                else:
                    continue
            ht = d.ht[j]
            if i >= ht.size:
                continue
            he = ht.table[i]
            if he is None:
                emptylen += 1
                if emptylen >= 5 and emptylen > count:
                    i = randomULong() & maxsizemask
                    emptylen = 0
            else:
                emptylen = 0
                while he is not None:
                    des.append(he)
                    he = he.next
                    if len(des) == count:
                        return des
        i = (i + 1) & maxsizemask
    return des


GETFAIR_NUM_ENTRIES = 15


def dictGetFairRandomKey(d):
    """Draw an entry with a better distribution than dictGetRandomKey(): among the entries of a range of buckets -> entry or None."""
    entries = dictGetSomeKeys(d, GETFAIR_NUM_ENTRIES)
    # dictGetSomeKeys may return no entry even if the dict is not empty.
    if not entries:
        return dictGetRandomKey(d)
    idx = randomULong() % len(entries)
    return entries[idx]


#: Each byte with its bits reversed.
reversed_bytes = bytes(int("{:08b}".format(byte)[::-1], 2) for byte in range(256))


def rev(v):
    """Reverse the 64 bits of `v`: the bits of each byte by a table, then the order of the bytes."""
    return int.from_bytes(v.to_bytes(8, "little").translate(reversed_bytes), "big")


def dictScan(d, v, fn, bucketfn, privdata):
    """Call fn(privdata, de) for the entries of one cursor position -> the next cursor, 0 at the end.

    What is promised?  Every entry that is there from the first call (cursor 0) to the last is reported at least
    once.  Entries may be reported twice.  No state is kept between the calls, whatever happens to the table.

    How?  Tables are powers of two, and an entry's bucket is the low bits of its hash.  The cursor counts with its
    bits reversed: the highest bit of the mask changes first.

    Why does that survive growth?  Say bucket 1100 of 16 is done, and the table grows to 64.  Its entries went to
    the buckets ??1100.  A counter that varies the high bits first has left exactly the cursors that end in 1100
    behind it, and will produce none of them again.

    And shrinking?  From 16 to 8 the buckets 0110 and 1110 become 110.  If both are done, 110 is behind the cursor
    too; if only one is, 110 is still to come and one half of it is reported again: hence the duplicates.

    And two tables?  Visit the bucket in the smaller one, then all its expansions in the bigger one: the bigger table
    is then only a finer view of the smaller, and it does not matter which keys have been moved already.

    Weak points: duplicates; a whole bucket (with all its expansions) must be delivered in one call.
    """
    if dictSize(d) == 0:
        return 0
    dictPauseRehashing(d)                                   # fn may call dictFind

    if not dictIsRehashing(d):
        t0 = d.ht[0]
        m0 = t0.sizemask
        idx = v & m0
        if bucketfn is not None:
            bucketfn(privdata, t0.table, idx)
        de = t0.table[idx]
        while de is not None:
            next_ = de.next
            fn(privdata, de)
            de = next_
        # Set the bits above the mask, so that the increment of the reversed cursor carries through them.
        v |= ~m0 & ULONG_MASK
        v = rev(v)
        v = (v + 1) & ULONG_MASK
        v = rev(v)
    else:
        t0, t1 = d.ht
        if t0.size > t1.size:
            t0, t1 = t1, t0
        m0 = t0.sizemask
        m1 = t1.sizemask
        idx = v & m0
        if bucketfn is not None:
            bucketfn(privdata, t0.table, idx)
        de = t0.table[idx]
        while de is not None:
            next_ = de.next
            fn(privdata, de)
            de = next_
        while 1:
            idx = v & m1
            if bucketfn is not None:
                bucketfn(privdata, t1.table, idx)
            de = t1.table[idx]
            while de is not None:
                next_ = de.next
                fn(privdata, de)
                de = next_
            v |= ~m1 & ULONG_MASK
            v = rev(v)
            v = (v + 1) & ULONG_MASK
            v = rev(v)
            if not v & (m0 ^ m1):                           # all expansions of the small bucket are done
                break

    dictResumeRehashing(d)
    return v


# ----------------------------------------------------------------------------
# private functions
# ----------------------------------------------------------------------------

def dictTypeExpandAllowed(d):
    """Ask the type whether the dict may grow -> true if so: a big table is allocated at once, and maxmemory may not allow it."""
    if d.type.expandAllowed is None:
        return 1
    return d.type.expandAllowed(_dictNextPower(d.ht[0].used + 1) * 8, d.ht[0].used / d.ht[0].size)


def _dictExpandIfNeeded(d):
    """Create the first table, or start to grow if the dict is full -> DICT_OK, or DICT_ERR if it could not."""
    if d.rehashidx != -1:                                   # dictIsRehashing
        return DICT_OK
    ht0 = d.ht[0]
    if ht0.size == 0:
        return dictExpand(d, DICT_HT_INITIAL_SIZE)
    if (ht0.used >= ht0.size and
            (dict_can_resize == DICT_RESIZE_ENABLE or
             (dict_can_resize != DICT_RESIZE_FORBID and ht0.used // ht0.size > dict_force_resize_ratio)) and
            dictTypeExpandAllowed(d)):
        return dictExpand(d, ht0.used + 1)
    return DICT_OK


def _dictNextPower(size):
    if size >= LONG_MAX:
        return LONG_MAX + 1
    if size <= DICT_HT_INITIAL_SIZE:
        return DICT_HT_INITIAL_SIZE
    return 1 << (size - 1).bit_length()


def _dictKeyIndex(d, key, hash_):
    """Find the bucket for a new `key` -> (index, None), or (-1, its entry) if it is there, or (-1, None) if growing failed.

    While the dict is rehashed the index is one of ht[1].
    """
    if _dictExpandIfNeeded(d) == DICT_ERR:
        return -1, None
    keyCompare = d.type.keyCompare
    for ht in d.ht:
        idx = hash_ & ht.sizemask
        he = ht.table[idx]
        while he is not None:
            if key == he.key if keyCompare is None else keyCompare(key, he.key):     # dictCompareKeys
                return -1, he
            he = he.next
        if d.rehashidx == -1:                               # dictIsRehashing
            break
    return idx, None


def dictEmpty(d, callback=None):
    """Destroy all entries, but keep the dict."""
    _dictClear(d, d.ht[0], callback)
    _dictClear(d, d.ht[1], callback)
    d.rehashidx = -1
    d.pauserehash = 0


def dictSetResizeEnabled(enable):
    global dict_can_resize
    dict_can_resize = enable


# ----------------------------------------------------------------------------
# Debugging
# ----------------------------------------------------------------------------

DICT_STATS_VECTLEN = 50


def _dictGetStatsHt(ht, tableid):
    name = "main hash table" if tableid == 0 else "rehashing target"
    if ht.used == 0:
        return "Hash table %d stats (%s):\nNo stats available for empty dictionaries\n" % (tableid, name)

    slots = maxchainlen = totchainlen = 0
    clvector = [0] * DICT_STATS_VECTLEN
    for he in ht.table:
        if he is None:
            clvector[0] += 1
            continue
        slots += 1
        chainlen = 0
        while he is not None:
            chainlen += 1
            he = he.next
        clvector[chainlen if chainlen < DICT_STATS_VECTLEN else DICT_STATS_VECTLEN - 1] += 1
        if chainlen > maxchainlen:
            maxchainlen = chainlen
        totchainlen += chainlen

    text = ("Hash table %d stats (%s):\n"
            " table size: %d\n"
            " number of elements: %d\n"
            " different slots: %d\n"
            " max chain length: %d\n"
            " avg chain length (counted): %.02f\n"
            " avg chain length (computed): %.02f\n"
            " Chain length distribution:\n" % (
                tableid, name, ht.size, ht.used, slots, maxchainlen, totchainlen / slots, ht.used / slots))
    for i in range(DICT_STATS_VECTLEN - 1):
        if clvector[i] == 0:
            continue
        text += "   %s%d: %d (%.02f%%)\n" % ("", i, clvector[i], clvector[i] / ht.size * 100)
    return text


def dictGetStats(d):
    """Write the statistics of DEBUG HTSTATS -> bytes."""
    text = _dictGetStatsHt(d.ht[0], 0)
    if dictIsRehashing(d):
        text += _dictGetStatsHt(d.ht[1], 1)
    return text.encode()
