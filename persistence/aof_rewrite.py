"""aof_rewrite.py - the AOF rewrite in a child process.        Mirrors src/aof.c 1036-2010 (6.2.14)

Lives here   commands that rebuild each type; the child's work; the three pipes between parent and child;
             BGREWRITEAOF; the done handler.
Called from  bgrewriteaofCommand [command], serverCron [cron], startAppendOnly [command]; checkChildrenDone [cron].
Calls out    rdbSaveRio (preamble), types' iterators, bio, ae.
State        server.aof_pipe_*: parent -> child data, child -> parent "stop", parent -> child "stopped".
             server.aof_child_diff: [child] data received through the data pipe.
ORDER        child writes the data set; reads the diff until quiet; asks the parent to stop sending; appends the diff,
             renames.  The parent appends the data it had not sent, renames again, and continues with the new file.
"""
import errno
import os
import select
import signal
from typing import TYPE_CHECKING

from ae.ae import AE_ERR, AE_READABLE, AE_WRITABLE, aeCreateFileEvent, aeDeleteFileEvent
from ae.monotonic import mstime, unix_time, ustime
from datastructs.dict import dictGetIterator, dictGetSafeIterator, dictNext, dictReleaseIterator, dictSize
from datastructs.intset import intsetGet
from datastructs.quicklist import (AL_START_HEAD, quicklistGetIterator, quicklistNext, quicklistReleaseIterator,
                                   quicklistEntry)
from datastructs.rax import raxIterator, raxNext, raxSeek, raxSize, raxStart, raxStop
from datastructs.ziplist import ziplistGet, ziplistIndex, ziplistNext
from persistence.aof_buffer import (
    aof_background_fsync, aofRewriteBufferReset, aofRewriteBufferSize, aofRewriteBufferWrite, aofUpdateCurrentSize,
)
from persistence.rdb_h import RDBFLAGS_AOF_PREAMBLE
from persistence.rdb_save import rdbSaveRio, startSaving, stopSaving
from persistence.rio import (
    close_after_error, rio, RIO_FILE_BUFFER, rioInitWithFile, rioSetAutoSync, rioWrite, rioWriteBulkCount,
    rioWriteBulkDouble, rioWriteBulkLongLong, rioWriteBulkString)
from replication.script_cache import replicationScriptCacheFlush
from server.bio import bioCreateCloseJob
from server.client.networking_reply import addReplyError, addReplyStatus
from server.keyspace.db import dbTotalServerKeyCount, getExpire
from server.latency_samples import latencyAddSampleIfNeeded, latencyEndMonitor, latencyStartMonitor
from server.log import serverAssert, serverLog, serverPanic
from server.os_process import (
    exitFromChild, redisFork, redisSetCpuAffinity, redisSetProcTitle, sendChildCowInfo, sendChildInfo,
)
from server.server_h import (
    AOF_FSYNC_ALWAYS, AOF_FSYNC_EVERYSEC, AOF_ON, AOF_READ_DIFF_INTERVAL_BYTES, AOF_REWRITE_ITEMS_PER_CMD,
    AOF_WAIT_REWRITE, C_ERR, C_OK, CHILD_INFO_TYPE_AOF_COW_SIZE, CHILD_INFO_TYPE_CURRENT_INFO, CHILD_TYPE_AOF,
    LL_NOTICE, LL_VERBOSE, LL_WARNING, new_robj, OBJ_ENCODING_EMBSTR, OBJ_ENCODING_HT, OBJ_ENCODING_INT, OBJ_ENCODING_INTSET,
    OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_RAW, OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_ZIPLIST, OBJ_HASH, OBJ_HASH_KEY,
    OBJ_HASH_VALUE, OBJ_LIST, OBJ_SET, OBJ_STREAM, OBJ_STRING, OBJ_ZSET, REDIS_AUTOSYNC_BYTES, server)
from server.server_state import hasActiveChildProcess, resetChildState
from server.types.t_hash import (hashTypeCurrentFromHashTable, hashTypeCurrentFromZiplist, hashTypeInitIterator,
                                 hashTypeLength, hashTypeNext, hashTypeReleaseIterator)
from server.types.t_list import listTypeLength
from server.types.t_set import setTypeSize
from server.types.t_stream import (streamDecodeID, streamID, streamIterator, streamIteratorGetField, streamIteratorGetID,
                                   streamIteratorStart, streamIteratorStop)
from server.types.t_zset import zsetLength, zzlGetScore, zzlNext


if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.replication_master import bg_unlink


def killAppendOnlyChild():
    """Kill the rewriting child, if there is one, and clean up after it."""
    if server.child_type != CHILD_TYPE_AOF:
        return
    serverLog(LL_NOTICE, "Killing running AOF rewrite child: %d", server.child_pid)
    try:
        os.kill(server.child_pid, signal.SIGUSR1)
        os.waitpid(server.child_pid, 0)
    except OSError:
        pass
    aofRewriteBufferReset()
    aofRemoveTempFile(server.child_pid)
    resetChildState()
    server.aof_rewrite_time_start = -1
    aofClosePipes()

# ----------------------------------------------------------------------------
# AOF rewrite
#
# The functions return 1, or 0 on error.
# -------------------------------------------------------------------------


def rioWriteBulkObject(r, obj):
    """Write a string object as a bulk string -> 1 or 0."""
    encoding = obj.encoding
    if encoding == OBJ_ENCODING_INT:
        return rioWriteBulkLongLong(r, obj.ptr)
    if encoding == OBJ_ENCODING_RAW or encoding == OBJ_ENCODING_EMBSTR:
        return rioWriteBulkString(r, obj.ptr)
    serverPanic("Unknown string encoding")
    return 0


def rewriteListObject(r, key, o):
    """Write the RPUSH commands that rebuild a list -> 1 or 0."""
    count = 0
    items = listTypeLength(o)

    if o.encoding == OBJ_ENCODING_QUICKLIST:
        list_ = o.ptr
        li = quicklistGetIterator(list_, AL_START_HEAD)
        entry = quicklistEntry()

        while quicklistNext(li, entry):
            if count == 0:
                cmd_items = AOF_REWRITE_ITEMS_PER_CMD if items > AOF_REWRITE_ITEMS_PER_CMD else items
                if (not rioWriteBulkCount(r, b"*", 2 + cmd_items) or
                        not rioWriteBulkString(r, b"RPUSH") or
                        not rioWriteBulkObject(r, key)):
                    quicklistReleaseIterator(li)
                    return 0

            if entry.value is not None:
                if not rioWriteBulkString(r, entry.value):
                    quicklistReleaseIterator(li)
                    return 0
            else:
                if not rioWriteBulkLongLong(r, entry.longval):
                    quicklistReleaseIterator(li)
                    return 0
            count += 1
            if count == AOF_REWRITE_ITEMS_PER_CMD:
                count = 0
            items -= 1
        quicklistReleaseIterator(li)
    else:
        serverPanic("Unknown list encoding")
    return 1


def rewriteSetObject(r, key, o):
    """Write the SADD commands that rebuild a set -> 1 or 0."""
    count = 0
    items = setTypeSize(o)

    if o.encoding == OBJ_ENCODING_INTSET:
        ii = 0
        while True:
            found, llval = intsetGet(o.ptr, ii)
            if not found:
                break
            ii += 1
            if count == 0:
                cmd_items = AOF_REWRITE_ITEMS_PER_CMD if items > AOF_REWRITE_ITEMS_PER_CMD else items
                if (not rioWriteBulkCount(r, b"*", 2 + cmd_items) or
                        not rioWriteBulkString(r, b"SADD") or
                        not rioWriteBulkObject(r, key)):
                    return 0
            if not rioWriteBulkLongLong(r, llval):
                return 0
            count += 1
            if count == AOF_REWRITE_ITEMS_PER_CMD:
                count = 0
            items -= 1
    elif o.encoding == OBJ_ENCODING_HT:
        di = dictGetIterator(o.ptr)
        while (de := dictNext(di)) is not None:
            ele = de.key
            if count == 0:
                cmd_items = AOF_REWRITE_ITEMS_PER_CMD if items > AOF_REWRITE_ITEMS_PER_CMD else items
                if (not rioWriteBulkCount(r, b"*", 2 + cmd_items) or
                        not rioWriteBulkString(r, b"SADD") or
                        not rioWriteBulkObject(r, key)):
                    dictReleaseIterator(di)
                    return 0
            if not rioWriteBulkString(r, ele):
                dictReleaseIterator(di)
                return 0
            count += 1
            if count == AOF_REWRITE_ITEMS_PER_CMD:
                count = 0
            items -= 1
        dictReleaseIterator(di)
    else:
        serverPanic("Unknown set encoding")
    return 1


def rewriteSortedSetObject(r, key, o):
    """Write the ZADD commands that rebuild a sorted set -> 1 or 0."""
    count = 0
    items = zsetLength(o)

    if o.encoding == OBJ_ENCODING_ZIPLIST:
        zl = o.ptr
        eptr = ziplistIndex(zl, 0)
        serverAssert(eptr is not None)
        sptr = ziplistNext(zl, eptr)
        serverAssert(sptr is not None)

        while eptr is not None:
            v = ziplistGet(zl, eptr)
            score = zzlGetScore(zl, sptr)
            if count == 0:
                cmd_items = AOF_REWRITE_ITEMS_PER_CMD if items > AOF_REWRITE_ITEMS_PER_CMD else items
                if (not rioWriteBulkCount(r, b"*", 2 + cmd_items * 2) or
                        not rioWriteBulkString(r, b"ZADD") or
                        not rioWriteBulkObject(r, key)):
                    return 0
            if not rioWriteBulkDouble(r, score):
                return 0
            if type(v) is not int:
                if not rioWriteBulkString(r, v):
                    return 0
            else:
                if not rioWriteBulkLongLong(r, v):
                    return 0
            eptr, sptr = zzlNext(zl, eptr, sptr)
            count += 1
            if count == AOF_REWRITE_ITEMS_PER_CMD:
                count = 0
            items -= 1
    elif o.encoding == OBJ_ENCODING_SKIPLIST:
        zs = o.ptr
        di = dictGetIterator(zs.dict)
        while (de := dictNext(di)) is not None:
            ele = de.key
            score = de.val
            if count == 0:
                cmd_items = AOF_REWRITE_ITEMS_PER_CMD if items > AOF_REWRITE_ITEMS_PER_CMD else items
                if (not rioWriteBulkCount(r, b"*", 2 + cmd_items * 2) or
                        not rioWriteBulkString(r, b"ZADD") or
                        not rioWriteBulkObject(r, key)):
                    dictReleaseIterator(di)
                    return 0
            if not rioWriteBulkDouble(r, score) or not rioWriteBulkString(r, ele):
                dictReleaseIterator(di)
                return 0
            count += 1
            if count == AOF_REWRITE_ITEMS_PER_CMD:
                count = 0
            items -= 1
        dictReleaseIterator(di)
    else:
        serverPanic("Unknown sorted zset encoding")
    return 1


def rioWriteHashIteratorCursor(r, hi, what):
    """Write the field or the value under the iterator -> 1 or 0."""
    if hi.encoding == OBJ_ENCODING_ZIPLIST:
        v = hashTypeCurrentFromZiplist(hi, what)
        if type(v) is not int:
            return rioWriteBulkString(r, v)
        return rioWriteBulkLongLong(r, v)
    if hi.encoding == OBJ_ENCODING_HT:
        value = hashTypeCurrentFromHashTable(hi, what)
        return rioWriteBulkString(r, value)
    serverPanic("Unknown hash encoding")
    return 0


def rewriteHashObject(r, key, o):
    """Write the HMSET commands that rebuild a hash -> 1 or 0."""
    count = 0
    items = hashTypeLength(o)

    hi = hashTypeInitIterator(o)
    while hashTypeNext(hi) != C_ERR:
        if count == 0:
            cmd_items = AOF_REWRITE_ITEMS_PER_CMD if items > AOF_REWRITE_ITEMS_PER_CMD else items
            if (not rioWriteBulkCount(r, b"*", 2 + cmd_items * 2) or
                    not rioWriteBulkString(r, b"HMSET") or
                    not rioWriteBulkObject(r, key)):
                hashTypeReleaseIterator(hi)
                return 0

        if (not rioWriteHashIteratorCursor(r, hi, OBJ_HASH_KEY) or
                not rioWriteHashIteratorCursor(r, hi, OBJ_HASH_VALUE)):
            hashTypeReleaseIterator(hi)
            return 0
        count += 1
        if count == AOF_REWRITE_ITEMS_PER_CMD:
            count = 0
        items -= 1
    hashTypeReleaseIterator(hi)
    return 1


def rioWriteBulkStreamID(r, id_):
    replyid = b"%d-%d" % (id_.ms, id_.seq)
    return rioWriteBulkString(r, replyid)


def rioWriteStreamPendingEntry(r, key, groupname, consumer, rawid, nack):
    """Write the XCLAIM that puts a message into a consumer's pending list -> 1 or 0."""
    id_ = streamDecodeID(rawid)
    if rioWriteBulkCount(r, b"*", 12) == 0:
        return 0
    if rioWriteBulkString(r, b"XCLAIM") == 0:
        return 0
    if rioWriteBulkObject(r, key) == 0:
        return 0
    if rioWriteBulkString(r, groupname) == 0:
        return 0
    if rioWriteBulkString(r, consumer.name) == 0:
        return 0
    if rioWriteBulkString(r, b"0") == 0:
        return 0
    if rioWriteBulkStreamID(r, id_) == 0:
        return 0
    if rioWriteBulkString(r, b"TIME") == 0:
        return 0
    if rioWriteBulkLongLong(r, nack.delivery_time) == 0:
        return 0
    if rioWriteBulkString(r, b"RETRYCOUNT") == 0:
        return 0
    if rioWriteBulkLongLong(r, nack.delivery_count) == 0:
        return 0
    if rioWriteBulkString(r, b"JUSTID") == 0:
        return 0
    if rioWriteBulkString(r, b"FORCE") == 0:
        return 0
    return 1


def rioWriteStreamEmptyConsumer(r, key, groupname, consumer):
    """Write the XGROUP CREATECONSUMER for a consumer that has nothing pending -> 1 or 0."""
    if rioWriteBulkCount(r, b"*", 5) == 0:
        return 0
    if rioWriteBulkString(r, b"XGROUP") == 0:
        return 0
    if rioWriteBulkString(r, b"CREATECONSUMER") == 0:
        return 0
    if rioWriteBulkObject(r, key) == 0:
        return 0
    if rioWriteBulkString(r, groupname) == 0:
        return 0
    if rioWriteBulkString(r, consumer.name) == 0:
        return 0
    return 1


def rewriteStreamObject(r, key, o):
    """Write the XADD, XSETID, XGROUP and XCLAIM commands that rebuild a stream with its groups -> 1 or 0."""
    s = o.ptr
    si = streamIterator()
    streamIteratorStart(si, s, None, None, 0)

    if s.length:
        # Emit an XADD for each entry.
        while True:
            found, id_, numfields = streamIteratorGetID(si)
            if not found:
                break
            if (not rioWriteBulkCount(r, b"*", 3 + numfields * 2) or
                    not rioWriteBulkString(r, b"XADD") or
                    not rioWriteBulkObject(r, key) or
                    not rioWriteBulkStreamID(r, id_)):
                streamIteratorStop(si)
                return 0
            while numfields:
                numfields -= 1
                field, value = streamIteratorGetField(si)
                if not rioWriteBulkString(r, field) or not rioWriteBulkString(r, value):
                    streamIteratorStop(si)
                    return 0
    else:
        # An empty stream may have groups: create it by adding an entry that is trimmed at once.
        id_ = streamID()
        id_.ms, id_.seq = 0, 1
        if (not rioWriteBulkCount(r, b"*", 7) or
                not rioWriteBulkString(r, b"XADD") or
                not rioWriteBulkObject(r, key) or
                not rioWriteBulkString(r, b"MAXLEN") or
                not rioWriteBulkString(r, b"0") or
                not rioWriteBulkStreamID(r, id_) or
                not rioWriteBulkString(r, b"x") or
                not rioWriteBulkString(r, b"y")):
            streamIteratorStop(si)
            return 0

    # The last ID may be newer than the last entry (XDEL).
    if (not rioWriteBulkCount(r, b"*", 3) or
            not rioWriteBulkString(r, b"XSETID") or
            not rioWriteBulkObject(r, key) or
            not rioWriteBulkStreamID(r, s.last_id)):
        streamIteratorStop(si)
        return 0

    # Create all the consumer groups.
    if s.cgroups is not None:
        ri = raxIterator()
        raxStart(ri, s.cgroups)
        raxSeek(ri, "^", b"")
        while raxNext(ri):
            group = ri.data
            if (not rioWriteBulkCount(r, b"*", 5) or
                    not rioWriteBulkString(r, b"XGROUP") or
                    not rioWriteBulkString(r, b"CREATE") or
                    not rioWriteBulkObject(r, key) or
                    not rioWriteBulkString(r, bytes(ri.key)) or
                    not rioWriteBulkStreamID(r, group.last_id)):
                raxStop(ri)
                streamIteratorStop(si)
                return 0

            # An XCLAIM for each pending message; consumers without any get an XGROUP CREATECONSUMER.
            ri_cons = raxIterator()
            raxStart(ri_cons, group.consumers)
            raxSeek(ri_cons, "^", b"")
            while raxNext(ri_cons):
                consumer = ri_cons.data
                if raxSize(consumer.pel) == 0:
                    if rioWriteStreamEmptyConsumer(r, key, bytes(ri.key), consumer) == 0:
                        raxStop(ri_cons)
                        raxStop(ri)
                        streamIteratorStop(si)
                        return 0
                    continue
                ri_pel = raxIterator()
                raxStart(ri_pel, consumer.pel)
                raxSeek(ri_pel, "^", b"")
                while raxNext(ri_pel):
                    nack = ri_pel.data
                    if rioWriteStreamPendingEntry(r, key, bytes(ri.key), consumer, bytes(ri_pel.key), nack) == 0:
                        raxStop(ri_pel)
                        raxStop(ri_cons)
                        raxStop(ri)
                        streamIteratorStop(si)
                        return 0
                raxStop(ri_pel)
            raxStop(ri_cons)
        raxStop(ri)

    streamIteratorStop(si)
    return 1


def aofReadDiffFromParent():
    """[child] Take what the parent has sent so far into server.aof_child_diff -> bytes read."""
    total = 0
    while True:
        try:
            data = os.read(server.aof_pipe_read_data_from_parent, 65536)
        except OSError:                             # EAGAIN: nothing more for now
            return total
        if not data:
            return total
        server.aof_child_diff += data
        total += len(data)


def rewriteAppendOnlyFileRio(aof):
    """Write the data set as commands -> C_OK, C_ERR."""
    di = None
    processed = 0
    key_count = 0
    updated_time = 0
    key = new_robj(OBJ_STRING, OBJ_ENCODING_RAW, None)

    for j in range(server.dbnum):
        selectcmd = b"*2\r\n$6\r\nSELECT\r\n"
        db = server.db[j]
        d = db.dict
        if dictSize(d) == 0:
            continue
        di = dictGetSafeIterator(d)

        # SELECT the new DB
        if rioWrite(aof, selectcmd) == 0:
            return rewriteAppendOnlyFileRio_werr(di)
        if rioWriteBulkLongLong(aof, j) == 0:
            return rewriteAppendOnlyFileRio_werr(di)

        # Iterate this DB writing every entry
        while (de := dictNext(di)) is not None:
            key.ptr = de.key                        # initStaticStringObject
            o = de.val
            expiretime = getExpire(db, key)

            # Save the key and associated value
            if o.type == OBJ_STRING:
                cmd = b"*3\r\n$3\r\nSET\r\n"
                if rioWrite(aof, cmd) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
                if rioWriteBulkObject(aof, key) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
                if rioWriteBulkObject(aof, o) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
            elif o.type == OBJ_LIST:
                if rewriteListObject(aof, key, o) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
            elif o.type == OBJ_SET:
                if rewriteSetObject(aof, key, o) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
            elif o.type == OBJ_ZSET:
                if rewriteSortedSetObject(aof, key, o) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
            elif o.type == OBJ_HASH:
                if rewriteHashObject(aof, key, o) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
            elif o.type == OBJ_STREAM:
                if rewriteStreamObject(aof, key, o) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
            else:
                serverPanic("Unknown object type")

            # Save the expire time
            if expiretime != -1:
                cmd = b"*3\r\n$9\r\nPEXPIREAT\r\n"
                if rioWrite(aof, cmd) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
                if rioWriteBulkObject(aof, key) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)
                if rioWriteBulkLongLong(aof, expiretime) == 0:
                    return rewriteAppendOnlyFileRio_werr(di)

            # Read some diff from the parent process from time to time.
            if aof.processed_bytes > processed + AOF_READ_DIFF_INTERVAL_BYTES:
                processed = aof.processed_bytes
                aofReadDiffFromParent()

            # About once a second, looking at the clock every 1024 keys.
            key_count += 1
            if (key_count - 1) & 1023 == 0:
                now = mstime()
                if now - updated_time >= 1000:
                    sendChildInfo(CHILD_INFO_TYPE_CURRENT_INFO, key_count, "AOF rewrite")
                    updated_time = now
        dictReleaseIterator(di)
        di = None
    return C_OK


def rewriteAppendOnlyFileRio_werr(di):
    """The label werr of C -> C_ERR."""
    if di is not None:
        dictReleaseIterator(di)
    return C_ERR


def rewriteAppendOnlyFile(filename):
    """[child] Write the whole data set, then the diff from the parent, to a file of that name -> C_OK, C_ERR."""
    # The name must differ from the one that rewriteAppendOnlyFileBackground uses.
    tmpfile = "temp-rewriteaof-%d.aof" % os.getpid()
    try:
        fp = open(tmpfile, "wb", buffering=RIO_FILE_BUFFER)
    except OSError as e:
        serverLog(LL_WARNING, "Opening the temp file for AOF rewrite in rewriteAppendOnlyFile(): %s", e.strerror)
        return C_ERR

    server.aof_child_diff = bytearray()
    aof = rio()
    rioInitWithFile(aof, fp)
    if server.aof_rewrite_incremental_fsync:
        rioSetAutoSync(aof, REDIS_AUTOSYNC_BYTES)
    startSaving(RDBFLAGS_AOF_PREAMBLE)
    try:
        rewriteAppendOnlyFile_write(aof, fp)
    except OSError as e:
        serverLog(LL_WARNING, "Write error writing append only file on disk: %s", e.strerror)
        close_after_error(fp)
        os.unlink(tmpfile)
        stopSaving(0)
        return C_ERR

    try:
        os.rename(tmpfile, filename)
    except OSError as e:
        serverLog(LL_WARNING, "Error moving temp append only file on the final destination: %s", e.strerror)
        os.unlink(tmpfile)
        stopSaving(0)
        return C_ERR
    serverLog(LL_NOTICE, "SYNC append only file rewrite performed")
    stopSaving(1)
    return C_OK


def rewriteAppendOnlyFile_write(aof, fp):
    """Write the file; raises OSError where C jumps to werr."""
    if server.aof_use_rdb_preamble:
        retval, error = rdbSaveRio(aof, RDBFLAGS_AOF_PREAMBLE, None)
        if retval == C_ERR:
            raise OSError(error, os.strerror(error))
    elif rewriteAppendOnlyFileRio(aof) == C_ERR:
        raise OSError(aof.error, os.strerror(aof.error))

    # A slow fsync now, while the parent is still sending, makes the last one fast.
    fp.flush()
    os.fsync(fp.fileno())

    # Read the diff until no data has arrived for 20 ms, and for at most one second.
    nodata = 0
    start = mstime()
    while mstime() - start < 1000 and nodata < 20:
        if not fd_wait(server.aof_pipe_read_data_from_parent, 1):
            nodata += 1
            continue
        nodata = 0
        if aofReadDiffFromParent() == 0:
            nodata += 1                             # the parent has exited: at end of file poll always returns at once

    # Ask the parent to stop sending; wait up to five seconds for its ack.
    os.write(server.aof_pipe_write_ack_to_parent, b"!")
    if not fd_wait(server.aof_pipe_read_ack_from_parent, 5000):
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    if os.read(server.aof_pipe_read_ack_from_parent, 1) != b"!":
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    serverLog(LL_NOTICE, "Parent agreed to stop sending diffs. Finalizing AOF...")

    aofReadDiffFromParent()
    diff = server.aof_child_diff
    serverLog(LL_NOTICE, "Concatenating %.2f MB of AOF diff received from parent.", len(diff) / (1024 * 1024))

    cow_updated_time = mstime()
    key_count = dbTotalServerKeyCount()
    for pos in range(0, len(diff), 8 << 20):
        if rioWrite(aof, diff[pos:pos + (8 << 20)]) == 0:
            raise OSError(aof.error, os.strerror(aof.error))
        now = mstime()
        if now - cow_updated_time >= 1000:
            sendChildInfo(CHILD_INFO_TYPE_CURRENT_INFO, key_count, "AOF rewrite")
            cow_updated_time = now

    # Make sure that no data stay in the buffers of this process or of the system.
    fp.flush()
    os.fsync(fp.fileno())
    fp.close()


def fd_wait(fd, milliseconds):
    """Wait until `fd` can be read -> false after the time (C: aeWait; syncRead in the case of the ack)."""
    p = select.poll()
    p.register(fd, select.POLLIN)
    return bool(p.poll(milliseconds))

# ----------------------------------------------------------------------------
# AOF rewrite pipes for IPC
# --------------------------------------------------------------------------


def aofChildPipeReadable(el, fd, privdata, mask):
    """The child asks us to stop sending: agree."""
    try:
        byte = os.read(fd, 1)
    except OSError:
        byte = b""
    if byte == b"!":
        serverLog(LL_NOTICE, "AOF rewrite child asks to stop sending diffs.")
        server.aof_stop_sending_diff = 1
        try:
            os.write(server.aof_pipe_write_ack_to_child, b"!")
        except OSError as e:                        # the child will time out, or has exited already
            serverLog(LL_WARNING, "Can't send ACK to AOF child: %s", e.strerror)
    aeDeleteFileEvent(server.el, server.aof_pipe_read_ack_from_child, AE_READABLE)


def aofCreatePipes():
    """Make the three pipes -> C_OK, C_ERR."""
    fds = []
    try:
        fds += os.pipe()                            # parent -> child: data
        fds += os.pipe()                            # child -> parent: ack
        fds += os.pipe()                            # parent -> child: ack
        os.set_blocking(fds[0], False)
        os.set_blocking(fds[1], False)
        if aeCreateFileEvent(server.el, fds[2], AE_READABLE, aofChildPipeReadable, None) == AE_ERR:
            raise OSError(errno.ERANGE, os.strerror(errno.ERANGE))
    except OSError as e:
        serverLog(LL_WARNING, "Error opening /setting AOF rewrite IPC pipes: %s", e.strerror)
        for fd in fds:
            os.close(fd)
        return C_ERR

    server.aof_pipe_write_data_to_child = fds[1]
    server.aof_pipe_read_data_from_parent = fds[0]
    server.aof_pipe_write_ack_to_parent = fds[3]
    server.aof_pipe_read_ack_from_child = fds[2]
    server.aof_pipe_write_ack_to_child = fds[5]
    server.aof_pipe_read_ack_from_parent = fds[4]
    server.aof_stop_sending_diff = 0
    return C_OK


def aofClosePipes():
    aeDeleteFileEvent(server.el, server.aof_pipe_read_ack_from_child, AE_READABLE)
    aeDeleteFileEvent(server.el, server.aof_pipe_write_data_to_child, AE_WRITABLE)
    os.close(server.aof_pipe_write_data_to_child)
    os.close(server.aof_pipe_read_data_from_parent)
    os.close(server.aof_pipe_write_ack_to_parent)
    os.close(server.aof_pipe_read_ack_from_child)
    os.close(server.aof_pipe_write_ack_to_child)
    os.close(server.aof_pipe_read_ack_from_parent)

# ----------------------------------------------------------------------------
# AOF background rewrite
# -------------------------------------------------------------------------


def rewriteAppendOnlyFileBackground():
    """Fork a child that rewrites the AOF -> C_OK, C_ERR.  See the ORDER in the head of this file."""
    if hasActiveChildProcess():
        return C_ERR
    if aofCreatePipes() != C_OK:
        return C_ERR
    childpid = redisFork(CHILD_TYPE_AOF)
    if childpid == 0:
        redisSetProcTitle("redis-aof-rewrite")
        redisSetCpuAffinity(server.aof_rewrite_cpulist)
        tmpfile = "temp-rewriteaof-bg-%d.aof" % os.getpid()
        if rewriteAppendOnlyFile(tmpfile) == C_OK:
            sendChildCowInfo(CHILD_INFO_TYPE_AOF_COW_SIZE, "AOF rewrite")
            exitFromChild(0)
        else:
            exitFromChild(1)
    if childpid == -1:
        serverLog(LL_WARNING, "Can't rewrite append only file in background: fork: %s", os.strerror(errno.EAGAIN))
        aofClosePipes()
        return C_ERR
    serverLog(LL_NOTICE, "Background append only file rewriting started by pid %d", childpid)
    server.aof_rewrite_scheduled = 0
    server.aof_rewrite_time_start = unix_time()

    # The diff must begin with a SELECT, since it is appended after the child's last database.
    server.aof_selected_db = -1
    replicationScriptCacheFlush()
    return C_OK


def bgrewriteaofCommand(c):
    """BGREWRITEAOF -> status   [admin, noscript]"""
    if server.child_type == CHILD_TYPE_AOF:
        addReplyError(c, b"Background append only file rewriting already in progress")
    elif hasActiveChildProcess():
        server.aof_rewrite_scheduled = 1
        addReplyStatus(c, b"Background append only file rewriting scheduled")
    elif rewriteAppendOnlyFileBackground() == C_OK:
        addReplyStatus(c, b"Background append only file rewriting started")
    else:
        addReplyError(c, b"Can't execute an AOF background rewriting. "
                         b"Please check the server logs for more information.")


def aofRemoveTempFile(childpid):
    bg_unlink("temp-rewriteaof-bg-%d.aof" % childpid)
    bg_unlink("temp-rewriteaof-%d.aof" % childpid)


def backgroundRewriteDoneHandler(exitcode, bysignal):
    """The rewriting child is gone: finish and install its file, or note the error."""
    if not bysignal and exitcode == 0:
        backgroundRewriteDoneHandler_install()
    elif not bysignal:
        server.aof_lastbgrewrite_status = C_ERR
        serverLog(LL_WARNING, "Background AOF rewrite terminated with error")
    else:
        # We stop a child with SIGUSR1: this is no error.
        if bysignal != signal.SIGUSR1:
            server.aof_lastbgrewrite_status = C_ERR
        serverLog(LL_WARNING, "Background AOF rewrite terminated by signal %d", bysignal)

    aofClosePipes()
    aofRewriteBufferReset()
    aofRemoveTempFile(server.child_pid)
    server.aof_rewrite_time_last = unix_time() - server.aof_rewrite_time_start
    server.aof_rewrite_time_start = -1
    # The first AOF does not exist yet: schedule another rewrite.
    if server.aof_state == AOF_WAIT_REWRITE:
        server.aof_rewrite_scheduled = 1


def backgroundRewriteDoneHandler_install():
    """Append the rest of the diff to the child's file and put it in the place of the AOF.  An error returns early and
    leaves the old file in use (C: goto cleanup)."""
    now = ustime()
    serverLog(LL_NOTICE, "Background AOF rewrite terminated with success")

    latency = latencyStartMonitor()
    tmpfile = "temp-rewriteaof-bg-%d.aof" % server.child_pid
    try:
        newfd = os.open(tmpfile, os.O_WRONLY | os.O_APPEND)
    except OSError as e:
        serverLog(LL_WARNING, "Unable to open the temporary AOF produced by the child: %s", e.strerror)
        return
    try:
        aofRewriteBufferWrite(newfd)
    except OSError as e:
        serverLog(LL_WARNING, "Error trying to flush the parent diff to the rewritten AOF: %s", e.strerror)
        os.close(newfd)
        return
    latencyAddSampleIfNeeded("aof-rewrite-diff-write", latencyEndMonitor(latency))

    if server.aof_fsync == AOF_FSYNC_EVERYSEC:
        aof_background_fsync(newfd)
    elif server.aof_fsync == AOF_FSYNC_ALWAYS:
        latency = latencyStartMonitor()
        try:
            os.fdatasync(newfd)
        except OSError as e:
            serverLog(LL_WARNING, "Error trying to fsync the parent diff to the rewritten AOF: %s", e.strerror)
            os.close(newfd)
            return
        latencyAddSampleIfNeeded("aof-rewrite-done-fsync", latencyEndMonitor(latency))

    serverLog(LL_NOTICE, "Residual parent diff successfully flushed to the rewritten AOF (%.2f MB)",
              aofRewriteBufferSize() / (1024 * 1024))

    # rename(2) unlinks the old file, and the kernel frees it when its last descriptor is closed, which may take long for
    # a big file: a bio thread closes it.  If the AOF is off the file is not open, so open it for that purpose.
    oldfd = -1
    if server.aof_fd == -1:
        try:
            oldfd = os.open(server.aof_filename, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            pass                                    # there is no old file

    latency = latencyStartMonitor()
    try:
        os.rename(tmpfile, server.aof_filename)
    except OSError as e:
        serverLog(LL_WARNING, "Error trying to rename the temporary AOF file %s into %s: %s", tmpfile,
                  server.aof_filename, e.strerror)
        os.close(newfd)
        if oldfd != -1:
            os.close(oldfd)
        return
    latencyAddSampleIfNeeded("aof-rename", latencyEndMonitor(latency))

    if server.aof_fd == -1:
        os.close(newfd)                             # a rewrite on request, with the AOF off
    else:
        oldfd = server.aof_fd
        server.aof_fd = newfd
        server.aof_selected_db = -1                 # the next command must SELECT again
        aofUpdateCurrentSize()
        server.aof_rewrite_base_size = server.aof_current_size
        server.aof_fsync_offset = server.aof_current_size
        server.aof_last_fsync = server.unixtime
        # The commands in aof_buf were also in the rewrite buffer, which has just been written.
        server.aof_buf = bytearray()

    server.aof_lastbgrewrite_status = C_OK
    serverLog(LL_NOTICE, "Background AOF rewrite finished successfully")
    if server.aof_state == AOF_WAIT_REWRITE:
        server.aof_state = AOF_ON
    if oldfd != -1:
        bioCreateCloseJob(oldfd)
    serverLog(LL_VERBOSE, "Background AOF rewrite signal handler took %dus", ustime() - now)
