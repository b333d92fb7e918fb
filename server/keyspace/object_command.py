"""object_command.py - what objects cost: OBJECT and MEMORY.      Mirrors src/object.c (6.2.14), from line 770 on

Lives here   objectCommand, memoryCommand; objectComputeSize, getMemoryOverheadData, getMemoryDoctorReport,
             objectSetLRUOrLFU.
Called from  the command table; INFO memory and serverCron through getMemoryOverheadData; rdb loading and RESTORE
             through objectSetLRUOrLFU; evict.py through objectComputeSize.
State        none.
Departures   sizes are those of this interpreter's objects: a key with a short value takes some 250 bytes, not 90.
             MALLOC-STATS says what a libc build of Redis says; PURGE runs malloc_trim().
"""
import struct

from datastructs.dict import dict_entries, dictEntry, dictFind, dictSize, dictSlots
from datastructs.adlist import listNode
from datastructs.intset import intsetBlobLen
from datastructs.rax import raxIterator, raxNext, raxSeek, raxSize, raxStart, raxStop
from datastructs.sds import sdsAllocSize
from datastructs.util import LLONG_MAX, to_llong
from datastructs.zskiplist import zskiplistNode
from persistence.aof_buffer import aofRewriteBufferSize
from server.client.networking_reply import (
    addReply, addReplyBulkCString, addReplyDouble, addReplyError, addReplyErrorObject, addReplyHelp, addReplyLongLong,
    addReplyMapLen, addReplyNull, addReplySubcommandSyntaxError, addReplyVerbatim,
)
from server.keyspace.db import LOOKUP_NONOTIFY, LOOKUP_NOTOUCH, SentReplyOnKeyMiss, lookupKeyReadWithFlags
from server.log import serverAssert, serverPanic
from server.lru import estimateObjectIdleTime, LFUDecrAndReturn, LFUGetTimeInMinutes
from server.object import getLongLongFromObjectOrReply, strEncoding
from server.server_h import (
    AOF_OFF, C_OK, CLIENT_TYPE_MASTER, CLIENT_TYPE_NORMAL, CLIENT_TYPE_PUBSUB, CLIENT_TYPE_SLAVE, LRU_CLOCK_MAX,
    LRU_CLOCK_RESOLUTION, MAXMEMORY_FLAG_LFU, new_robj, OBJ_ENCODING_EMBSTR, OBJ_ENCODING_HT, OBJ_ENCODING_INT,
    OBJ_ENCODING_INTSET, OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_RAW, OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_ZIPLIST,
    OBJ_HASH, OBJ_LIST, OBJ_SET, OBJ_STREAM, OBJ_STRING, OBJ_ZSET, redisMemOverhead, server, shared,
)
from server.zmalloc import ZMALLOC_LIB, jemalloc_purge, zmalloc_size, zmalloc_used_memory

# Sizes of the structs, as zmalloc_size() of one of them
SIZEOF_ROBJ = zmalloc_size(new_robj(0, 0, None))
SIZEOF_DICTENTRY = zmalloc_size(dictEntry(None, None))
SIZEOF_LISTNODE = zmalloc_size(listNode(None))
SIZEOF_POINTER = 8
SIZEOF_DICT = 320                  # dict_, its list of two dictht, and the headers of the tables
SIZEOF_FLOAT = 32
SIZEOF_QUICKLIST = 96
SIZEOF_QUICKLISTNODE = 128 + 64    # the node, and the bytearray object around its ziplist
SIZEOF_SKIPLISTTOWER = zmalloc_size(zskiplistNode(0.0, None)) * 4 // 3     # one node a level: 4/3 levels on average
SIZEOF_BLOB = 64                   # the bytearray object around a ziplist or intset
SIZEOF_RAXNODE = 160               # node, its key bytes, its list of children
SIZEOF_STREAM = 128
SIZEOF_STREAMCG = 112
SIZEOF_STREAMNACK = 96
SIZEOF_STREAMCONSUMER = 96

# ----------------------------------------------------------------------------
# Memory introspection
# ----------------------------------------------------------------------------


def streamRadixTreeMemoryUsage(rax):
    """A guess at the bytes of a radix tree: its nodes and the values hanging on them."""
    return rax.numele * 16 + rax.numnodes * SIZEOF_RAXNODE


OBJ_COMPUTE_SIZE_DEF_SAMPLES = 5   # elements sampled


def objectComputeSize(o, sample_size):
    """Return the bytes that the value takes.  Big aggregates are judged by their first `sample_size` elements."""
    asize = SIZEOF_ROBJ
    elesize = samples = 0
    type_ = o.type
    encoding = o.encoding
    ptr = o.ptr
    if type_ == OBJ_STRING:
        if encoding == OBJ_ENCODING_INT or encoding == OBJ_ENCODING_RAW or encoding == OBJ_ENCODING_EMBSTR:
            asize += zmalloc_size(ptr)
        else:
            serverPanic("Unknown string encoding")
    elif type_ == OBJ_LIST:
        if encoding == OBJ_ENCODING_QUICKLIST:
            node = ptr.head
            asize += SIZEOF_QUICKLIST
            while node is not None and samples < sample_size:
                elesize += SIZEOF_QUICKLISTNODE + node.sz
                samples += 1
                node = node.next
            if samples:
                asize += int(elesize / samples * ptr.len)
        elif encoding == OBJ_ENCODING_ZIPLIST:
            asize += SIZEOF_BLOB + len(ptr)
        else:
            serverPanic("Unknown list encoding")
    elif type_ == OBJ_SET:
        if encoding == OBJ_ENCODING_HT:
            asize += SIZEOF_DICT + SIZEOF_POINTER * dictSlots(ptr)
            for de in dict_entries(ptr):
                if samples >= sample_size:
                    break
                elesize += SIZEOF_DICTENTRY + zmalloc_size(de.key)
                samples += 1
            if samples:
                asize += int(elesize / samples * dictSize(ptr))
        elif encoding == OBJ_ENCODING_INTSET:
            asize += SIZEOF_BLOB + intsetBlobLen(ptr)
        else:
            serverPanic("Unknown set encoding")
    elif type_ == OBJ_ZSET:
        if encoding == OBJ_ENCODING_ZIPLIST:
            asize += SIZEOF_BLOB + len(ptr)
        elif encoding == OBJ_ENCODING_SKIPLIST:
            d = ptr.dict
            asize += SIZEOF_DICT + SIZEOF_POINTER * dictSlots(d) + 128 + ptr.zsl.level * zmalloc_size(ptr.zsl.header)
            znode = ptr.zsl.header.forward
            while znode is not None and samples < sample_size:
                elesize += zmalloc_size(znode.ele) + SIZEOF_DICTENTRY + SIZEOF_FLOAT + SIZEOF_SKIPLISTTOWER
                samples += 1
                znode = znode.forward
            if samples:
                asize += int(elesize / samples * dictSize(d))
        else:
            serverPanic("Unknown sorted set encoding")
    elif type_ == OBJ_HASH:
        if encoding == OBJ_ENCODING_ZIPLIST:
            asize += SIZEOF_BLOB + len(ptr)
        elif encoding == OBJ_ENCODING_HT:
            asize += SIZEOF_DICT + SIZEOF_POINTER * dictSlots(ptr)
            for de in dict_entries(ptr):
                if samples >= sample_size:
                    break
                elesize += SIZEOF_DICTENTRY + zmalloc_size(de.key) + zmalloc_size(de.val)
                samples += 1
            if samples:
                asize += int(elesize / samples * dictSize(ptr))
        else:
            serverPanic("Unknown hash encoding")
    elif type_ == OBJ_STREAM:
        asize += SIZEOF_STREAM + streamRadixTreeMemoryUsage(ptr.rax)
        asize += stream_listpacks_size(ptr.rax, sample_size)
        if ptr.cgroups is not None:
            ri = raxIterator()
            raxStart(ri, ptr.cgroups)
            raxSeek(ri, "^", b"")
            while raxNext(ri):
                cg = ri.data
                asize += SIZEOF_STREAMCG + streamRadixTreeMemoryUsage(cg.pel) + SIZEOF_STREAMNACK * raxSize(cg.pel)
                cri = raxIterator()
                raxStart(cri, cg.consumers)
                raxSeek(cri, "^", b"")
                while raxNext(cri):                         # their NACKs are counted with the group
                    consumer = cri.data
                    asize += (SIZEOF_STREAMCONSUMER + len(consumer.name) +
                              streamRadixTreeMemoryUsage(consumer.pel))
                raxStop(cri)
            raxStop(ri)
    else:
        serverPanic("Unknown object type")
    return asize


def stream_listpacks_size(rax, sample_size):
    """Return the bytes of the listpacks of a stream: the first ones give the average, the last one is often half full."""
    lpsize = samples = 0
    ri = raxIterator()
    raxStart(ri, rax)
    raxSeek(ri, "^", b"")
    while samples < sample_size and raxNext(ri):
        lpsize += zmalloc_size(ri.data)
        samples += 1
    if rax.numele > samples:
        if samples:
            lpsize //= samples
        lpsize *= rax.numele - 1
        raxSeek(ri, "$", b"")
        raxNext(ri)
        lpsize += zmalloc_size(ri.data)
    raxStop(ri)
    return lpsize


def float_of(num, den=1):
    """Divide as C does in a `float`: 24 bits of mantissa, and no exception for a zero."""
    if den == 0:
        return float("nan") if num == 0 else float("inf") if num > 0 else float("-inf")
    return struct.unpack("f", struct.pack("f", num / den))[0]


def freeMemoryOverheadData(mh):
    """Nothing to free."""


def getMemoryOverheadData():
    """A redisMemOverhead: where the memory goes, for INFO and MEMORY STATS."""
    zmalloc_used = zmalloc_used_memory()
    mh = redisMemOverhead()
    stats = server.cron_malloc_stats

    mh.total_allocated = zmalloc_used
    mh.startup_allocated = server.initial_memory_usage
    mh.peak_allocated = server.stat_peak_memory
    mh.total_frag = float_of(stats.process_rss, stats.zmalloc_used)
    mh.total_frag_bytes = stats.process_rss - stats.zmalloc_used
    mh.allocator_frag = float_of(stats.allocator_active, stats.allocator_allocated)
    mh.allocator_frag_bytes = stats.allocator_active - stats.allocator_allocated
    mh.allocator_rss = float_of(stats.allocator_resident, stats.allocator_active)
    mh.allocator_rss_bytes = stats.allocator_resident - stats.allocator_active
    mh.rss_extra = float_of(stats.process_rss, stats.allocator_resident)
    mh.rss_extra_bytes = stats.process_rss - stats.allocator_resident

    mem_total = server.initial_memory_usage

    mem = 0
    if server.repl_backlog is not None:
        mem += zmalloc_size(server.repl_backlog)
    mh.repl_backlog = mem
    mem_total += mem

    # clientsCronTrackClientsMemUsage() updates these: adding up the clients here would be O(clients)
    mh.clients_slaves = server.stat_clients_type_memory[CLIENT_TYPE_SLAVE]
    mh.clients_normal = (server.stat_clients_type_memory[CLIENT_TYPE_MASTER] +
                         server.stat_clients_type_memory[CLIENT_TYPE_PUBSUB] +
                         server.stat_clients_type_memory[CLIENT_TYPE_NORMAL])
    mem_total += mh.clients_slaves
    mem_total += mh.clients_normal

    mem = 0
    if server.aof_state != AOF_OFF:
        mem += sdsAllocSize(server.aof_buf)
        mem += aofRewriteBufferSize()
    mh.aof_buffer = mem
    mem_total += mem

    mem = server.lua_scripts_mem
    for d in (server.lua_scripts, server.repl_scriptcache_dict):
        if d is not None:
            mem += dictSize(d) * SIZEOF_DICTENTRY + dictSlots(d) * SIZEOF_POINTER
    fifo = server.repl_scriptcache_fifo
    if fifo is not None and fifo.len > 0:
        mem += fifo.len * (SIZEOF_LISTNODE + zmalloc_size(fifo.head.value))
    mh.lua_caches = mem
    mem_total += mem

    for j in range(server.dbnum):
        db = server.db[j]
        keyscount = dictSize(db.dict)
        if keyscount == 0:
            continue
        mh.total_keys += keyscount
        overhead_ht_main = keyscount * (SIZEOF_DICTENTRY + SIZEOF_ROBJ) + dictSlots(db.dict) * SIZEOF_POINTER
        mem_total += overhead_ht_main
        overhead_ht_expires = dictSize(db.expires) * SIZEOF_DICTENTRY + dictSlots(db.expires) * SIZEOF_POINTER
        mem_total += overhead_ht_expires
        mh.db.append((j, overhead_ht_main, overhead_ht_expires))
        mh.num_dbs += 1

    mh.overhead_total = mem_total
    mh.dataset = zmalloc_used - mem_total
    mh.peak_perc = float_of(zmalloc_used * 100, mh.peak_allocated)

    net_usage = 1                                           # usage without the memory used at start-up
    if zmalloc_used > mh.startup_allocated:
        net_usage = zmalloc_used - mh.startup_allocated
    mh.dataset_perc = float_of(mh.dataset * 100, net_usage)
    mh.bytes_per_key = net_usage // mh.total_keys if mh.total_keys else 0
    return mh


DOCTOR_FINE = b"Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
DOCTOR_EMPTY = (
    b"Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these "
    b"conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back "
    b"to our programming as soon as I finished rebooting.\n")
DOCTOR_ISSUES = b"Sam, I detected a few issues in this Redis instance memory implants:\n\n"
DOCTOR_BIG_PEAK = (
    b" * Peak memory: In the past this instance used more than 150% the memory that is currently using. The allocator "
    b"is normally not able to release memory after a peak, so you can expect to see a big fragmentation ratio, however "
    b"this is actually harmless and is only due to the memory peak, and if the Redis instance Resident Set Size (RSS) "
    b"is currently bigger than expected, the memory will be used as soon as you fill the Redis instance with more data. "
    b"If the memory peak was only occasional and you want to try to reclaim memory, please try the MEMORY PURGE "
    b"command, otherwise the only other option is to shutdown and restart the instance.\n\n")
DOCTOR_HIGH_FRAG = (
    b" * High total RSS: This instance has a memory fragmentation and RSS overhead greater than 1.4 (this means that "
    b"the Resident Set Size of the Redis process is much larger than the sum of the logical allocations Redis "
    b"performed). This problem is usually due either to a large peak memory (check if there is a peak memory entry "
    b"above in the report) or may result from a workload that causes the allocator to fragment memory a lot. If the "
    b"problem is a large peak memory, then there is no issue. Otherwise, make sure you are using the Jemalloc allocator "
    b"and not the default libc malloc. Note: The currently used allocator is \"%s\".\n\n")
DOCTOR_HIGH_ALLOC_FRAG = (
    b" * High allocator fragmentation: This instance has an allocator external fragmentation greater than 1.1. This "
    b"problem is usually due either to a large peak memory (check if there is a peak memory entry above in the report) "
    b"or may result from a workload that causes the allocator to fragment memory a lot. You can try enabling "
    b"'activedefrag' config option.\n\n")
DOCTOR_HIGH_ALLOC_RSS = (
    b" * High allocator RSS overhead: This instance has an RSS memory overhead is greater than 1.1 (this means that the "
    b"Resident Set Size of the allocator is much larger than the sum what the allocator actually holds). This problem "
    b"is usually due to a large peak memory (check if there is a peak memory entry above in the report), you can try "
    b"the MEMORY PURGE command to reclaim it.\n\n")
DOCTOR_HIGH_PROC_RSS = (
    b" * High process RSS overhead: This instance has non-allocator RSS memory overhead is greater than 1.1 (this means "
    b"that the Resident Set Size of the Redis process is much larger than the RSS the allocator holds). This problem "
    b"may be due to Lua scripts or Modules.\n\n")
DOCTOR_BIG_SLAVE_BUF = (
    b" * Big replica buffers: The replica output buffers in this instance are greater than 10MB for each replica (on "
    b"average). This likely means that there is some replica instance that is struggling receiving data, either because "
    b"it is too slow or because of networking issues. As a result, data piles on the master output buffers. Please try "
    b"to identify what replica is not receiving data correctly and why. You can use the INFO output in order to check "
    b"the replicas delays and the CLIENT LIST command to check the output buffers of each replica.\n\n")
DOCTOR_BIG_CLIENT_BUF = (
    b" * Big client buffers: The clients output buffers in this instance are greater than 200K per client (on average). "
    b"This may result from different causes, like Pub/Sub clients subscribed to channels bot not receiving data fast "
    b"enough, so that data piles on the Redis instance output buffer, or clients sending commands with large replies or "
    b"very large sequences of commands in the same pipeline. Please use the CLIENT LIST command in order to investigate "
    b"the issue if it causes problems in your instance, or to understand better why certain clients are using a big "
    b"amount of memory.\n\n")
DOCTOR_MANY_SCRIPTS = (
    b" * Many scripts: There seem to be many cached scripts in this instance (more than 1000). This may be because "
    b"scripts are generated and `EVAL`ed, instead of being parameterized (with KEYS and ARGV), `SCRIPT LOAD`ed and "
    b"`EVALSHA`ed. Unless `SCRIPT FLUSH` is called periodically, the scripts' caches may end up consuming most of your "
    b"memory.\n\n")
DOCTOR_END = b"I'm here to keep you safe, Sam. I want to help you.\n"


def getMemoryDoctorReport():
    """MEMORY DOCTOR: what looks odd, and what to do about it, as bytes."""
    mh = getMemoryOverheadData()
    if mh.total_allocated < 1024 * 1024 * 5:
        return DOCTOR_EMPTY
    issues = []
    if mh.peak_allocated / mh.total_allocated > 1.5:
        issues.append(DOCTOR_BIG_PEAK)
    if mh.total_frag > 1.4 and mh.total_frag_bytes > 10 << 20:
        issues.append(DOCTOR_HIGH_FRAG % ZMALLOC_LIB.encode())
    if mh.allocator_frag > 1.1 and mh.allocator_frag_bytes > 10 << 20:
        issues.append(DOCTOR_HIGH_ALLOC_FRAG)
    if mh.allocator_rss > 1.1 and mh.allocator_rss_bytes > 10 << 20:
        issues.append(DOCTOR_HIGH_ALLOC_RSS)
    if mh.rss_extra > 1.1 and mh.rss_extra_bytes > 10 << 20:
        issues.append(DOCTOR_HIGH_PROC_RSS)
    numslaves = server.slaves.len
    numclients = server.clients.len - numslaves
    if numslaves > 0 and mh.clients_slaves // numslaves > 1024 * 1024 * 10:
        issues.append(DOCTOR_BIG_SLAVE_BUF)
    if numclients > 0 and mh.clients_normal // numclients > 1024 * 200:
        issues.append(DOCTOR_BIG_CLIENT_BUF)
    if server.lua_scripts is not None and dictSize(server.lua_scripts) > 1000:
        issues.append(DOCTOR_MANY_SCRIPTS)
    if not issues:
        return DOCTOR_FINE
    return DOCTOR_ISSUES + b"".join(issues) + DOCTOR_END


def objectSetLRUOrLFU(val, lfu_freq, lru_idle, lru_clock, lru_multiplier):
    """Set the access history of a loaded object, if the policy uses it; negative = not given.  1 if it was set.

    lru_idle is in units of 1/lru_multiplier ms (1000: seconds).
    """
    if server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
        if lfu_freq >= 0:
            serverAssert(lfu_freq <= 255)
            val.lru = (LFUGetTimeInMinutes() << 8) | lfu_freq
            return 1
    elif lru_idle >= 0:
        lru_idle = to_llong(lru_idle * lru_multiplier)
        lru_idle = -(-lru_idle // LRU_CLOCK_RESOLUTION) if lru_idle < 0 else lru_idle // LRU_CLOCK_RESOLUTION
        lru_abs = lru_clock - lru_idle
        if lru_abs < 0:                                     # older than the clock can represent: use half of its range
            lru_abs = (lru_clock + LRU_CLOCK_MAX // 2) % LRU_CLOCK_MAX
        val.lru = lru_abs & LRU_CLOCK_MAX                   # a field of LRU_BITS bits
        return 1
    return 0


# ----------------------------------------------------------------------------
# The OBJECT and MEMORY commands
# ----------------------------------------------------------------------------

def objectCommandLookup(c, key):
    """The value, looked at without touching its LRU or LFU field."""
    return lookupKeyReadWithFlags(c.db, key, LOOKUP_NOTOUCH | LOOKUP_NONOTIFY)


def objectCommandLookupOrReply(c, key, reply):
    o = objectCommandLookup(c, key)
    if o is None:
        SentReplyOnKeyMiss(c, reply)
    return o


def objectCommand(c):
    """OBJECT ENCODING|FREQ|IDLETIME|REFCOUNT key   [read-only, random]"""
    sub = c.argv[1].ptr.lower()
    if c.argc == 2 and sub == b"help":
        addReplyHelp(c, [
            b"ENCODING <key>",
            b"    Return the kind of internal representation used in order to store the value",
            b"    associated with a <key>.",
            b"FREQ <key>",
            b"    Return the access frequency index of the <key>. The returned integer is",
            b"    proportional to the logarithm of the recent access frequency of the key.",
            b"IDLETIME <key>",
            b"    Return the idle time of the <key>, that is the approximated number of",
            b"    seconds elapsed since the last access to the key.",
            b"REFCOUNT <key>",
            b"    Return the number of references of the value associated with the specified",
            b"    <key>.",
        ])
    elif sub == b"refcount" and c.argc == 3:
        o = objectCommandLookupOrReply(c, c.argv[2], shared.null[c.resp])
        if o is None:
            return
        addReplyLongLong(c, o.refcount)
    elif sub == b"encoding" and c.argc == 3:
        o = objectCommandLookupOrReply(c, c.argv[2], shared.null[c.resp])
        if o is None:
            return
        addReplyBulkCString(c, strEncoding(o.encoding))
    elif sub == b"idletime" and c.argc == 3:
        o = objectCommandLookupOrReply(c, c.argv[2], shared.null[c.resp])
        if o is None:
            return
        if server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
            addReplyError(c, b"An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
                             b"switching between policies at runtime LRU and LFU data will take some time to adjust.")
            return
        addReplyLongLong(c, estimateObjectIdleTime(o) // 1000)
    elif sub == b"freq" and c.argc == 3:
        o = objectCommandLookupOrReply(c, c.argv[2], shared.null[c.resp])
        if o is None:
            return
        if not server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
            addReplyError(c, b"An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
                             b"when switching between policies at runtime LRU and LFU data will take some time to "
                             b"adjust.")
            return
        addReplyLongLong(c, LFUDecrAndReturn(o))            # decayed now: the stored counter is that of the last access
    else:
        addReplySubcommandSyntaxError(c)


def memoryCommand(c):
    """MEMORY DOCTOR|MALLOC-STATS|PURGE|STATS|USAGE key [SAMPLES count]   [read-only, random]"""
    sub = c.argv[1].ptr.lower()
    if sub == b"help" and c.argc == 2:
        addReplyHelp(c, [
            b"DOCTOR",
            b"    Return memory problems reports.",
            b"MALLOC-STATS"
            b"    Return internal statistics report from the memory allocator.",
            b"PURGE",
            b"    Attempt to purge dirty pages for reclamation by the allocator.",
            b"STATS",
            b"    Return information about the memory usage of the server.",
            b"USAGE <key> [SAMPLES <count>]",
            b"    Return memory in bytes used by <key> and its value. Nested values are",
            b"    sampled up to <count> times (default: 5).",
        ])
    elif sub == b"usage" and c.argc >= 3:
        samples = OBJ_COMPUTE_SIZE_DEF_SAMPLES
        j = 3
        while j < c.argc:
            if c.argv[j].ptr.lower() == b"samples" and j + 1 < c.argc:
                ok, samples = getLongLongFromObjectOrReply(c, c.argv[j + 1], None)
                if ok != C_OK:
                    return
                if samples < 0:
                    addReplyErrorObject(c, shared.syntaxerr)
                    return
                if samples == 0:
                    samples = LLONG_MAX
                j += 1
            else:
                addReplyErrorObject(c, shared.syntaxerr)
                return
            j += 1
        de = dictFind(c.db.dict, c.argv[2].ptr)
        if de is None:
            addReplyNull(c)
            return
        addReplyLongLong(c, objectComputeSize(de.val, samples) + zmalloc_size(de.key) + SIZEOF_DICTENTRY)
    elif sub == b"stats" and c.argc == 2:
        memoryCommand_stats(c)
    elif sub == b"malloc-stats" and c.argc == 2:
        addReplyBulkCString(c, b"Stats not supported for the current allocator")
    elif sub == b"doctor" and c.argc == 2:
        addReplyVerbatim(c, getMemoryDoctorReport(), b"txt")
    elif sub == b"purge" and c.argc == 2:
        if jemalloc_purge() == 0:
            addReply(c, shared.ok)
        else:
            addReplyError(c, b"Error purging dirty pages")
    else:
        addReplySubcommandSyntaxError(c)


def memoryCommand_stats(c):
    mh = getMemoryOverheadData()
    stats = server.cron_malloc_stats
    addReplyMapLen(c, 25 + mh.num_dbs)

    addReplyBulkCString(c, b"peak.allocated")
    addReplyLongLong(c, mh.peak_allocated)
    addReplyBulkCString(c, b"total.allocated")
    addReplyLongLong(c, mh.total_allocated)
    addReplyBulkCString(c, b"startup.allocated")
    addReplyLongLong(c, mh.startup_allocated)
    addReplyBulkCString(c, b"replication.backlog")
    addReplyLongLong(c, mh.repl_backlog)
    addReplyBulkCString(c, b"clients.slaves")
    addReplyLongLong(c, mh.clients_slaves)
    addReplyBulkCString(c, b"clients.normal")
    addReplyLongLong(c, mh.clients_normal)
    addReplyBulkCString(c, b"aof.buffer")
    addReplyLongLong(c, mh.aof_buffer)
    addReplyBulkCString(c, b"lua.caches")
    addReplyLongLong(c, mh.lua_caches)
    for dbid, overhead_ht_main, overhead_ht_expires in mh.db:
        addReplyBulkCString(c, b"db.%d" % dbid)
        addReplyMapLen(c, 2)
        addReplyBulkCString(c, b"overhead.hashtable.main")
        addReplyLongLong(c, overhead_ht_main)
        addReplyBulkCString(c, b"overhead.hashtable.expires")
        addReplyLongLong(c, overhead_ht_expires)
    addReplyBulkCString(c, b"overhead.total")
    addReplyLongLong(c, mh.overhead_total)
    addReplyBulkCString(c, b"keys.count")
    addReplyLongLong(c, mh.total_keys)
    addReplyBulkCString(c, b"keys.bytes-per-key")
    addReplyLongLong(c, mh.bytes_per_key)
    addReplyBulkCString(c, b"dataset.bytes")
    addReplyLongLong(c, mh.dataset)
    addReplyBulkCString(c, b"dataset.percentage")
    addReplyDouble(c, mh.dataset_perc)
    addReplyBulkCString(c, b"peak.percentage")
    addReplyDouble(c, mh.peak_perc)
    addReplyBulkCString(c, b"allocator.allocated")
    addReplyLongLong(c, stats.allocator_allocated)
    addReplyBulkCString(c, b"allocator.active")
    addReplyLongLong(c, stats.allocator_active)
    addReplyBulkCString(c, b"allocator.resident")
    addReplyLongLong(c, stats.allocator_resident)
    addReplyBulkCString(c, b"allocator-fragmentation.ratio")
    addReplyDouble(c, mh.allocator_frag)
    addReplyBulkCString(c, b"allocator-fragmentation.bytes")
    addReplyLongLong(c, mh.allocator_frag_bytes)
    addReplyBulkCString(c, b"allocator-rss.ratio")
    addReplyDouble(c, mh.allocator_rss)
    addReplyBulkCString(c, b"allocator-rss.bytes")
    addReplyLongLong(c, mh.allocator_rss_bytes)
    addReplyBulkCString(c, b"rss-overhead.ratio")
    addReplyDouble(c, mh.rss_extra)
    addReplyBulkCString(c, b"rss-overhead.bytes")
    addReplyLongLong(c, mh.rss_extra_bytes)
    addReplyBulkCString(c, b"fragmentation")                # all of RSS over used, the oldest of these ratios
    addReplyDouble(c, mh.total_frag)
    addReplyBulkCString(c, b"fragmentation.bytes")
    addReplyLongLong(c, mh.total_frag_bytes)
