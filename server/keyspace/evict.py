"""evict.py - keys that must go when memory is full.     Mirrors src/evict.c (6.2.14)

Lives here   the pool of eviction candidates, the state of maxmemory, performEvictions.  The LRU clock and the LFU counter
             stand in server/lru.py, below object.py.
Called from  processCommand, before every command while maxmemory is set [command]; evictionTimeProc [timer];
             CONFIG SET maxmemory.
Calls out    dbSyncDelete, dbAsyncDelete, propagateExpire, signalModifiedKey, notifyKeyspaceEvent.
State        EvictionPoolLRU, the C statics next_db and isEvictionProcRunning.
Invariant    pool entries with a key stand left of the empty ones, in ascending order of idle.
Departures   mem_freed adds the computed size of each evicted key instead of the difference of two exact readings
             (a reading costs too much, see zmalloc_estimate.py); the gauges correct it at their next reading.  Under a load so
             dense that memory is read in steps, a guess alone evicts only when it is 1/NEAR beyond the limit.
"""
import time

from ae.ae import AE_NOMORE, aeCreateTimeEvent
from ae.monotonic import elapsedStart, elapsedUs
from datastructs.dict import dictFind, dictGetRandomKey, dictGetSomeKeys, dictSize, dictSlots
from datastructs.sds import sdsalloc
from datastructs.util import ULONG_MAX
from persistence.aof_buffer import aofRewriteBufferSize
from server.client.networking import (
    checkClientPauseTimeoutAndReturnIfPaused, flushSlavesOutputBuffers, getClientOutputBufferMemoryUsage,
)
from server.bio import BIO_LAZY_FREE, bioPendingJobsOfType
from server.keyspace.db import dbSyncDelete, propagateExpire, signalModifiedKey
from server.keyspace.lazyfree import dbAsyncDelete, LAZYFREE_THRESHOLD, lazyfreeGetFreeEffort
from server.keyspace.notify import notifyKeyspaceEvent
from server.keyspace.object_command import (
    OBJ_COMPUTE_SIZE_DEF_SAMPLES, objectComputeSize, SIZEOF_DICTENTRY, SIZEOF_ROBJ,
)
from server.latency_samples import latencyAddSampleIfNeeded, latencyEndMonitor, latencyStartMonitor
from server.log import serverAssert, serverPanic
from server.lru import estimateObjectIdleTime, LFUDecrAndReturn
from server.object import createStringObject
from server.server_h import (
    AOF_OFF, C_ERR, C_OK, MAXMEMORY_ALLKEYS_RANDOM, MAXMEMORY_FLAG_ALLKEYS, MAXMEMORY_FLAG_LFU, MAXMEMORY_FLAG_LRU,
    MAXMEMORY_NO_EVICTION, MAXMEMORY_VOLATILE_RANDOM, MAXMEMORY_VOLATILE_TTL, NOTIFY_EVICTED, OBJ_ENCODING_HT,
    OBJ_ENCODING_QUICKLIST, server,
)
from server.zmalloc import zmalloc_size, zmalloc_used_memory
from server.zmalloc_estimate import (
    NEAR, SMALL_BLOCK_MAX, confirm_estimate, estimate_used_memory, forget_estimate, note_freed, surely_below,
)


# ----------------------------------------------------------------------------
# Data structures
# ----------------------------------------------------------------------------

#: Results of performEvictions()
EVICT_OK = 0
EVICT_RUNNING = 1
EVICT_FAIL = 2

#: Keys are sampled, not ordered; keeping the best candidates between samplings approximates true LRU.
EVPOOL_SIZE = 16
EVPOOL_CACHED_SDS_SIZE = 255


class evictionPoolEntry:
    __slots__ = ("idle", "key", "dbid")

    def __init__(self):
        self.idle = 0              # ms of idleness; 255 - frequency for LFU; ULLONG_MAX - ms for TTL
        self.key = None            # bytes; None = empty
        self.dbid = 0


EvictionPoolLRU = None             # list of EVPOOL_SIZE evictionPoolEntry
ULLONG_MAX = ULONG_MAX
SIZEOF_INT = 32                    # an expire time


def evictionPoolAlloc():
    global EvictionPoolLRU
    EvictionPoolLRU = [evictionPoolEntry() for _ in range(EVPOOL_SIZE)]


def evictionPoolPopulate(dbid, sampledict, keydict, pool):
    """Sample a few keys; put those that are better candidates than one in the pool (or find room) into it.

    Ascending order: the worst candidate is at the left, the best one at the right end of the filled part.
    """
    policy = server.maxmemory_policy
    for de in dictGetSomeKeys(sampledict, server.maxmemory_samples):
        key = de.key
        o = None
        if policy != MAXMEMORY_VOLATILE_TTL:
            if sampledict is not keydict:
                de = dictFind(keydict, key)
            o = de.val

        if policy & MAXMEMORY_FLAG_LRU:
            idle = estimateObjectIdleTime(o)
        elif policy & MAXMEMORY_FLAG_LFU:
            idle = 255 - LFUDecrAndReturn(o)                # the least frequently used first
        elif policy == MAXMEMORY_VOLATILE_TTL:
            idle = ULLONG_MAX - de.val                      # the key that expires first, first
        else:
            serverPanic("Unknown eviction policy in evictionPoolPopulate()")

        k = 0
        while k < EVPOOL_SIZE and pool[k].key is not None and pool[k].idle < idle:
            k += 1
        if k == 0 and pool[EVPOOL_SIZE - 1].key is not None:
            continue                                        # worse than the worst, and no room
        if k < EVPOOL_SIZE and pool[k].key is None:
            entry = pool[k]
        elif pool[EVPOOL_SIZE - 1].key is None:
            entry = pool.pop()                              # there is room at the right: shift the better ones
            pool.insert(k, entry)
        else:
            k -= 1                                          # the pool is full: drop the worst one
            entry = pool.pop(0)
            pool.insert(k, entry)
        entry.key = key
        entry.idle = idle
        entry.dbid = dbid


# ----------------------------------------------------------------------------
# The state of memory, and the eviction loop
# ----------------------------------------------------------------------------

def freeMemoryGetNotCountedMemory():
    """Return the bytes in the AOF buffers and the output buffers of replicas.

    Evicting keys writes to both: if they counted, eviction would feed on itself until the dataset is empty.
    """
    overhead = 0
    slaves = server.slaves
    if slaves.len:
        node = slaves.head
        while node is not None:
            # c.buf is part of C's client and has a fixed size; ours grows with the stream.
            overhead += getClientOutputBufferMemoryUsage(node.value) + zmalloc_size(node.value.buf)
            node = node.next
    if server.aof_state != AOF_OFF:
        overhead += sdsalloc(server.aof_buf) + aofRewriteBufferSize()
    return overhead


def getMaxmemoryState(want_level=0):
    """Compare memory with maxmemory -> (C_OK or C_ERR, total, logical, tofree, level).

    total    bytes in use
    logical  total without the buffers that do not count; 0 with C_OK
    tofree   bytes to free to get below the limit; 0 with C_OK
    level    share of maxmemory in use, may be above 1; 0.0 unless want_level
    """
    if server.maxmemory:
        mem_reported, guess = estimate_used_memory(server.maxmemory)
        return_ok_asap = mem_reported + guess <= server.maxmemory
    else:
        mem_reported = zmalloc_used_memory()
        guess = 0
        return_ok_asap = True
    if return_ok_asap and not want_level:
        return C_OK, mem_reported, 0, 0, 0.0

    overhead = freeMemoryGetNotCountedMemory()
    mem_used = mem_reported - overhead if mem_reported > overhead else 0
    level = 0.0
    if want_level and server.maxmemory:
        level = mem_used / server.maxmemory
    if return_ok_asap or mem_used + guess <= server.maxmemory:
        return C_OK, mem_reported, 0, 0, level
    # Evict keys only after a reading, or after an estimate so far over the limit that waiting for the next reading is bad.
    mem_reported, guess = confirm_estimate()
    mem_used = mem_reported - overhead if mem_reported > overhead else 0
    if mem_used <= server.maxmemory:
        mem_used += guess
        if mem_used <= server.maxmemory + server.maxmemory // NEAR:
            return C_OK, mem_reported, 0, 0, level
        mem_reported += guess
    return C_ERR, mem_reported, mem_used, mem_used - server.maxmemory, level


def overMaxmemoryAfterAlloc(moremem):
    """Tell whether `moremem` bytes more would break the limit -> 1 or 0."""
    if not server.maxmemory:
        return 0
    mem_used = zmalloc_used_memory()
    if mem_used + moremem <= server.maxmemory:
        return 0
    overhead = freeMemoryGetNotCountedMemory()
    mem_used = mem_used - overhead if mem_used > overhead else 0
    return 1 if mem_used + moremem > server.maxmemory else 0


isEvictionProcRunning = 0


def evictionTimeProc(eventLoop, id_, clientData):
    """Timer: go on evicting, a slice each turn of the loop, until memory is fine or nothing is left."""
    global isEvictionProcRunning
    if performEvictions() == EVICT_RUNNING:
        return 0
    isEvictionProcRunning = 0
    return AE_NOMORE


def start_eviction_time_proc():
    global isEvictionProcRunning
    if not isEvictionProcRunning:
        isEvictionProcRunning = 1
        aeCreateTimeEvent(server.el, 0, evictionTimeProc, None, None)


def isSafeToPerformEvictions():
    """Tell whether keys may be evicted now -> 0 after a script's timeout, while loading, on a replica, or in a pause; else 1."""
    if server.lua_timedout or server.loading:
        return 0
    if server.masterhost is not None and server.repl_slave_ignore_maxmemory:
        return 0
    if checkClientPauseTimeoutAndReturnIfPaused():
        return 0
    return 1


def evictionTimeLimitUs():
    """Microseconds one call may evict, by maxmemory-eviction-tenacity: 0..500 up to 10, then 15 % more a step."""
    tenacity = server.maxmemory_eviction_tenacity
    serverAssert(tenacity >= 0)
    serverAssert(tenacity <= 100)
    if tenacity <= 10:
        return 50 * tenacity
    if tenacity < 100:
        return int(500.0 * 1.15 ** (tenacity - 10.0))
    return ULONG_MAX


_performEvictions_next_db = 0


def performEvictions():
    """Evict keys until memory is below maxmemory, for a limited time.  Called before commands are executed.

    EVICT_OK       memory is fine, or evicting is not allowed now
    EVICT_RUNNING  still over the limit, the time is over; evictionTimeProc goes on
    EVICT_FAIL     still over the limit, and nothing to evict: commands that need memory must be refused
    """
    global _performEvictions_next_db
    if not isSafeToPerformEvictions():
        return EVICT_OK
    if surely_below(server.maxmemory):
        return EVICT_OK
    keys_freed = 0
    slaves = server.slaves.len
    result = EVICT_FAIL

    ok, _, _, mem_tofree, _ = getMaxmemoryState()
    if ok == C_OK:
        return EVICT_OK
    if server.maxmemory_policy == MAXMEMORY_NO_EVICTION:
        return EVICT_FAIL

    eviction_time_limit_us = evictionTimeLimitUs()
    mem_freed = 0
    policy = server.maxmemory_policy
    latency = latencyStartMonitor()
    evictionTimer = elapsedStart()

    while mem_freed < mem_tofree:
        bestkey = None
        bestdbid = 0

        if policy & (MAXMEMORY_FLAG_LRU | MAXMEMORY_FLAG_LFU) or policy == MAXMEMORY_VOLATILE_TTL:
            pool = EvictionPoolLRU
            while bestkey is None:
                total_keys = 0
                for i in range(server.dbnum):               # all databases share one pool
                    db = server.db[i]
                    d = db.dict if policy & MAXMEMORY_FLAG_ALLKEYS else db.expires
                    keys = dictSize(d)
                    if keys != 0:
                        evictionPoolPopulate(i, d, db.dict, pool)
                        total_keys += keys
                if not total_keys:
                    break
                for k in range(EVPOOL_SIZE - 1, -1, -1):    # best candidate first
                    entry = pool[k]
                    if entry.key is None:
                        continue
                    bestdbid = entry.dbid
                    db = server.db[bestdbid]
                    de = dictFind(db.dict if policy & MAXMEMORY_FLAG_ALLKEYS else db.expires, entry.key)
                    entry.key = None
                    entry.idle = 0
                    if de is not None:                      # else the key no longer exists (C: a ghost)
                        bestkey = de.key
                        break
        elif policy == MAXMEMORY_ALLKEYS_RANDOM or policy == MAXMEMORY_VOLATILE_RANDOM:
            for _ in range(server.dbnum):                   # visit the databases in turn
                _performEvictions_next_db += 1
                j = _performEvictions_next_db % server.dbnum
                db = server.db[j]
                d = db.dict if policy == MAXMEMORY_ALLKEYS_RANDOM else db.expires
                if dictSize(d) != 0:
                    bestkey = dictGetRandomKey(d).key
                    bestdbid = j
                    break

        if bestkey is None:
            break                                           # cant_free: no key is left, the result stays EVICT_FAIL
        db = server.db[bestdbid]
        keyobj = createStringObject(bestkey)
        propagateExpire(db, keyobj, server.lazyfree_lazy_eviction)
        # The memory of propagation and invalidation messages is not subtracted: it is freed later anyway, and the loop
        # might never end.
        small, large = evicted_size(db, keyobj)
        eviction_latency = latencyStartMonitor()
        if server.lazyfree_lazy_eviction:
            dbAsyncDelete(db, keyobj)
        else:
            dbSyncDelete(db, keyobj)
        latencyAddSampleIfNeeded("eviction-del", latencyEndMonitor(eviction_latency))
        mem_freed += note_freed(small, large)
        server.stat_evictedkeys += 1
        signalModifiedKey(None, db, keyobj)
        notifyKeyspaceEvent(NOTIFY_EVICTED, b"evicted", keyobj, db.id)
        keys_freed += 1

        if keys_freed % 16 == 0:
            if slaves:                                      # else the DELs would accumulate in a long loop
                flushSlavesOutputBuffers()
            if server.lazyfree_lazy_eviction:               # bio frees memory meanwhile, which mem_freed does not include
                if getMaxmemoryState()[0] == C_OK:
                    result = EVICT_RUNNING if isEvictionProcRunning else EVICT_OK
                    break
            if elapsedUs(evictionTimer) > eviction_time_limit_us:
                start_eviction_time_proc()
                result = EVICT_RUNNING
                break
    else:                                                   # memory is below the limit
        result = EVICT_RUNNING if isEvictionProcRunning else EVICT_OK

    if result == EVICT_FAIL:                                # bio_lazy_free may still free values: wait for it
        lazyfree_latency = latencyStartMonitor()
        while (bioPendingJobsOfType(BIO_LAZY_FREE) and
                elapsedUs(evictionTimer) < eviction_time_limit_us):
            forget_estimate()                       # bio has freed memory that the estimate does not include
            if getMaxmemoryState()[0] == C_OK:
                result = EVICT_OK
                break
            time.sleep(min(eviction_time_limit_us, 1000) / 1000000)
        latencyAddSampleIfNeeded("eviction-lazyfree", latencyEndMonitor(lazyfree_latency))

    latencyAddSampleIfNeeded("eviction-cycle", latencyEndMonitor(latency))
    return result


def evicted_size(db, keyobj):
    """Compute what deleting the key will free at once -> (bytes in small blocks, bytes of malloc)."""
    de = dictFind(db.dict, keyobj.ptr)
    if de is None:
        return 0, 0
    o = de.val
    small = SIZEOF_DICTENTRY
    large = 0
    keysize = zmalloc_size(de.key)
    if keysize <= SMALL_BLOCK_MAX:
        small += keysize
    else:
        large += keysize
    if dictSize(db.expires) and dictFind(db.expires, keyobj.ptr) is not None:
        small += SIZEOF_DICTENTRY + SIZEOF_INT
    if o.refcount != 1:
        return small, large                                 # a shared integer is not freed
    if server.lazyfree_lazy_eviction and lazyfreeGetFreeEffort(keyobj, o) > LAZYFREE_THRESHOLD:
        return small, large
    size = objectComputeSize(o, OBJ_COMPUTE_SIZE_DEF_SAMPLES)
    ptr = o.ptr
    if ptr.__class__ is bytes or ptr.__class__ is bytearray or o.encoding == OBJ_ENCODING_QUICKLIST:
        blob = size - SIZEOF_ROBJ
        if blob > SMALL_BLOCK_MAX:
            return small + SIZEOF_ROBJ, large + blob
    elif o.encoding == OBJ_ENCODING_HT:
        table = dictSlots(ptr) * 8
        return small + size - table, large + table
    return small + size, large
