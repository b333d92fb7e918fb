"""lazyfree.py - freeing big values in the background.            Mirrors src/lazyfree.c (6.2.14)

Lives here   the decision what is big, and the jobs of the bio_lazy_free thread.
Called from  dbAsyncDelete for UNLINK, lazy expire, eviction, overwriting [command, cron]; FLUSHALL ASYNC; the
             functions lazyfreeFree* and lazyFree* run on [bio].
Calls out    bioCreateLazyFreeJob.
State        lazyfree_objects (still to be freed), lazyfreed_objects (done); added to by main, counted by [bio].
Invariant    what a job gets is reachable from nowhere else: the caller drops it before the thread can end.
Departures   Releasing memory needs the GIL, so another thread cannot do it beside main, only between its steps.  The
             jobs cut a value into slices of LAZYFREE_SLICE elements and sleep after each one; so main waits for a slice
             (some 100 us), never for the whole value.
"""
import threading
import time
from typing import TYPE_CHECKING

from datastructs.dict import dictCreate, dictDelete, dictFreeUnlinkedEntry, dictRelease, dictSize, dictUnlink
from datastructs.rax import raxIterator, raxNext, raxSeek, raxSize, raxStart, raxStop
from server.bio import bioCreateLazyFreeJob
from server.log import serverAssert
from server.object import decrRefCount
from server.server_h import (
    OBJ_ENCODING_HT, OBJ_ENCODING_SKIPLIST, OBJ_HASH, OBJ_LIST, OBJ_SET, OBJ_STREAM, OBJ_ZSET, server,
)

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.keyspace.db import slotToKeyDel
    from server.session.tracking import freeTrackingRadixTree

LAZYFREE_SLICE = 512               # elements freed before the thread yields to the main thread
LAZYFREE_REST = 0.0002             # s, the sleep between slices

lazyfree_objects = 0
lazyfreed_objects = 0
lazyfree_mutex = threading.Lock()  # C: both are atomic


def lazyfree_count(pending, freed):
    """Add to both counters."""
    global lazyfree_objects, lazyfreed_objects
    with lazyfree_mutex:
        lazyfree_objects += pending
        lazyfreed_objects += freed


# ----------------------------------------------------------------------------
# Functions of the bio_lazy_free thread
# ----------------------------------------------------------------------------

def free_dict_in_slices(d):
    """Release a dict of plain values bucket range by bucket range."""
    for ht in d.ht:
        table = ht.table
        if table is None:
            continue
        while table:
            for he in table[-LAZYFREE_SLICE:]:
                while he is not None:
                    val = he.val
                    if val is not None and hasattr(val, "encoding") and lazyfreeGetFreeEffort(None, val) > LAZYFREE_THRESHOLD:
                        free_object_in_slices(val)
                    he = he.next
            he = val = None
            del table[-LAZYFREE_SLICE:]
            time.sleep(LAZYFREE_REST)
        ht.table = None
        ht.size = ht.sizemask = ht.used = 0
    d.rehashidx = -1


def free_object_in_slices(o):
    """Release a big value in slices.  Other types are freed in one piece when `o` is."""
    if (o.type == OBJ_SET or o.type == OBJ_HASH) and o.encoding == OBJ_ENCODING_HT:
        free_dict_in_slices(o.ptr)
    elif o.type == OBJ_ZSET and o.encoding == OBJ_ENCODING_SKIPLIST:
        free_dict_in_slices(o.ptr.dict)
        zsl = o.ptr.zsl
        first = zsl.top
        zsl.header = zsl.tail = zsl.top = None
        n = 0
        while first is not None:            # as zslFree, level by level
            node = first
            first = first.down
            while node is not None:
                following = node.forward
                node.forward = node.backward = node.down = None
                node = following
                n += 1
                if n % LAZYFREE_SLICE == 0:
                    time.sleep(LAZYFREE_REST)
    elif o.type == OBJ_LIST:
        ql = o.ptr
        node = ql.head
        ql.head = ql.tail = None
        n = 0
        while node is not None:
            following = node.next
            node.prev = node.next = None
            node = following
            n += 1
            if n % LAZYFREE_SLICE == 0:
                time.sleep(LAZYFREE_REST)
        ql.len = ql.count = 0
    o.ptr = None


def lazyfreeFreeObject(args):
    free_object_in_slices(args.pop())
    lazyfree_count(-1, 1)


def lazyfreeFreeDatabase(args):
    ht1, ht2 = args
    args.clear()
    numkeys = dictSize(ht1)
    free_dict_in_slices(ht1)
    free_dict_in_slices(ht2)
    lazyfree_count(-numkeys, numkeys)


def lazyfreeFreeSlotsMap(args):
    slots_to_keys = args.pop()
    length = slots_map_size(slots_to_keys)
    while slots_to_keys:
        del slots_to_keys[-LAZYFREE_SLICE:]         # C: raxFree
        time.sleep(LAZYFREE_REST)
    lazyfree_count(-length, length)


def lazyFreeTrackingTable(args):
    rt = args.pop()
    length = rt.numele
    freeTrackingRadixTree(rt)
    lazyfree_count(-length, length)


def lazyFreeLuaScripts(args):
    lua_scripts = args.pop()
    length = dictSize(lua_scripts)
    free_dict_in_slices(lua_scripts)
    lazyfree_count(-length, length)


# ----------------------------------------------------------------------------
# On main
# ----------------------------------------------------------------------------

def lazyfreeGetPendingObjectsCount():
    return lazyfree_objects


def lazyfreeGetFreedObjectsCount():
    return lazyfreed_objects


def lazyfreeGetFreeEffort(key, obj):
    """Estimate the work of freeing `obj` -> about the number of its allocations; 1 for strings and blobs."""
    type_ = obj.type
    encoding = obj.encoding
    if type_ == OBJ_LIST:
        return obj.ptr.len
    if (type_ == OBJ_SET or type_ == OBJ_HASH) and encoding == OBJ_ENCODING_HT:
        return dictSize(obj.ptr)
    if type_ == OBJ_ZSET and encoding == OBJ_ENCODING_SKIPLIST:
        return obj.ptr.zsl.length
    if type_ == OBJ_STREAM:
        s = obj.ptr
        effort = s.rax.numnodes
        if s.cgroups is not None and raxSize(s.cgroups):
            ri = raxIterator()                              # the size of the first group stands for all groups
            raxStart(ri, s.cgroups)
            raxSeek(ri, "^", b"")
            serverAssert(raxNext(ri))
            cg = ri.data
            effort += raxSize(s.cgroups) * (1 + raxSize(cg.pel))
            raxStop(ri)
        return effort
    return 1


#: Up to this effort freeing at once is faster.
LAZYFREE_THRESHOLD = 64


def dbAsyncDelete(db, key):
    """Delete the key with its expire time; a big value goes to bio_lazy_free.  Returns 1 if the key existed."""
    if dictSize(db.expires) > 0:
        dictDelete(db.expires, key.ptr)
    de = dictUnlink(db.dict, key.ptr)
    if de is None:
        return 0
    val = de.val
    if lazyfreeGetFreeEffort(key, val) > LAZYFREE_THRESHOLD and val.refcount == 1:
        lazyfree_count(1, 0)
        de.val = None                                       # ORDER: before the job, the thread must hold it alone
        bioCreateLazyFreeJob(lazyfreeFreeObject, val)
    dictFreeUnlinkedEntry(db.dict, de)
    if server.cluster_enabled:
        slotToKeyDel(key.ptr)
    return 1


def freeObjAsync(key, obj):
    """Let go of a value that was taken out of the keyspace.  The caller must drop its reference, too."""
    if lazyfreeGetFreeEffort(key, obj) > LAZYFREE_THRESHOLD and obj.refcount == 1:
        lazyfree_count(1, 0)
        bioCreateLazyFreeJob(lazyfreeFreeObject, obj)
    else:
        decrRefCount(obj)


def emptyDbAsync(db):
    """Give the database two new dicts and the old ones to bio_lazy_free."""
    oldht1 = db.dict
    oldht2 = db.expires
    db.dict = dictCreate(oldht1.type)
    db.expires = dictCreate(oldht2.type)
    lazyfree_count(dictSize(oldht1), 0)
    bioCreateLazyFreeJob(lazyfreeFreeDatabase, oldht1, oldht2)


def slots_map_size(slots_to_keys):
    """Return how many keys are in a map from slots to keys."""
    return sum(map(len, filter(None, slots_to_keys)))


def freeSlotsToKeysMapAsync(slots_to_keys):
    lazyfree_count(slots_map_size(slots_to_keys), 0)
    bioCreateLazyFreeJob(lazyfreeFreeSlotsMap, slots_to_keys)


def freeTrackingRadixTreeAsync(tracking):
    lazyfree_count(tracking.numele, 0)
    bioCreateLazyFreeJob(lazyFreeTrackingTable, tracking)


def freeLuaScriptsAsync(lua_scripts):
    if dictSize(lua_scripts) > LAZYFREE_THRESHOLD:
        lazyfree_count(dictSize(lua_scripts), 0)
        bioCreateLazyFreeJob(lazyFreeLuaScripts, lua_scripts)
    else:
        dictRelease(lua_scripts)
