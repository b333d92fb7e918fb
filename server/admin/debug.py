"""debug.py - DEBUG, digests of the data set, signals of a crash, the watchdog.   Mirrors src/debug.c (6.2.14)

Lives here   the DEBUG command with all its subcommands; the digest that two servers with equal data have in common;
             what happens on SIGSEGV and its like; the software watchdog; debugDelay.
Called from  debugCommand [command]; signal handlers; serverCron, for the watchdog [cron].
Calls out    rdb and aof (RELOAD, LOADAOF); the iterators of every value type (DIGEST); server.restartServer.
State        server.watchdog_period, active_expire_enabled, skip_checksum_validation, pause_cron, aof_flush_sleep.
Departures   assertions and the rest of the bug report stand in server/log.py; a crash report knows the signal, not its
             si_code, address or registers; MALLCTL is unknown, as in a libc build; STRINGMATCH-TEST makes 100,000
             rounds, not 10,000,000; LEAK keeps the string in a list that is never read.
"""
import hashlib
import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING

from ae.monotonic import getMonotonicUs, unix_time
from datastructs.dict import (
    dictEntry, dictExpand, dictFind, dictGetIterator, dictGetSafeIterator, dictGetStats, dictNext, dictReleaseIterator,
    dictSize,
)
from datastructs.sds import sdsavail, sdslen, sdsmapchars
from datastructs.util import ULONG_MAX, atoi, double_to_llong, stringmatchlen, strtod
from datastructs.ziplist import ziplistGet, ziplistIndex, ziplistNext, ziplistRepr
from persistence.aof import flushAppendOnlyFile, loadAppendOnlyFile
from persistence.rdb import rdbPopulateSaveInfo, rdbSave
from persistence.rdb_h import RDBFLAGS_ALLOW_DUP, RDBFLAGS_NONE
from persistence.rdb_load import rdbLoad
from persistence.rdb_save import rdbSavedObjectLen
from server.admin.config_rewrite import rewriteConfig
from server.client.networking import getStringObjectSdsUsedMemory, protectClient, sdsZmallocSize, unprotectClient
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyAttributeLen, addReplyBigNum, addReplyBool, addReplyBulkCString,
    addReplyBulkSds, addReplyDouble, addReplyError, addReplyErrorObject, addReplyHelp, addReplyLongLong, addReplyMapLen,
    addReplyNull, addReplyPushLen, addReplySds, addReplySetLen, addReplyStatus, addReplyStatusFormat,
    addReplySubcommandSyntaxError, addReplyVerbatim,
)
from server.keyspace.db import EMPTYDB_NO_FLAGS, dbAdd, emptyDb, getExpire, lookupKeyWrite, signalModifiedKey
from server.keyspace.object_command import objectCommandLookupOrReply
from server.log import (
    bugReportEnd, bugReportStart, log_unexpected_exception, logStackTrace, printCrashReport, serverAssert,
    serverAssertWithInfo, serverLog, serverLogFromHandler, serverPanic,
)
from server.lru import estimateObjectIdleTime
from server.object import (
    createStringObject, getDecodedObject, getLongFromObjectOrReply, getLongLongFromObjectOrReply,
    getPositiveLongFromObjectOrReply, sdsEncodedObject, strEncoding,
)
from server.server_h import (
    AOF_OFF, C_ERR, C_OK, CLIENT_PUSHING, LIST_TAIL, LL_WARNING, new_robj, OBJ_ENCODING_HT, OBJ_ENCODING_QUICKLIST,
    OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_ZIPLIST, OBJ_HASH, OBJ_HASH_KEY, OBJ_HASH_VALUE, OBJ_LIST, OBJ_SET,
    OBJ_STREAM, OBJ_STRING, OBJ_ZSET, REDIS_VERSION, RESTART_SERVER_CONFIG_REWRITE, RESTART_SERVER_GRACEFULLY,
    RESTART_SERVER_NONE, server, shared,
)
from server.types.t_hash import (
    hashTypeCurrentObjectNewSds, hashTypeInitIterator, hashTypeNext, hashTypeReleaseIterator,
)
from server.types.t_list import listTypeEntry, listTypeGet, listTypeInitIterator, listTypeNext, listTypeReleaseIterator
from server.types.t_set import setTypeInitIterator, setTypeNextObject, setTypeReleaseIterator
from server.types.t_stream import (
    streamIterator, streamIteratorGetField, streamIteratorGetID, streamIteratorStart, streamIteratorStop,
)
from server.types.t_zset import zzlGetScore, zzlNext
from server.zmalloc import getsizeof

if TYPE_CHECKING:                                   # upward, or same layer above us: bound by server/link.py
    from replication.replication_master import changeReplicationId, clearReplicationId2
    from server.server_init import restartServer

_debugCommand_leaked = []      # objects of DEBUG LEAK


# ================================= Debugging ===============================

def xorDigest(digest, ptr):
    """XOR the SHA1 of `ptr` into `digest` (a bytearray of 20): the order of such calls does not matter."""
    digest[:] = (int.from_bytes(digest, "big")
                 ^ int.from_bytes(hashlib.sha1(ptr).digest(), "big")).to_bytes(20, "big")


def mixDigest(digest, ptr):
    """digest = SHA1(digest xor SHA1(ptr)): here the order does matter."""
    xorDigest(digest, ptr)
    digest[:] = hashlib.sha1(digest).digest()


def mixStringObjectDigest(digest, o):
    mixDigest(digest, getDecodedObject(o).ptr)


def xorObjectDigest(db, keyobj, digest, o):
    """Add the value `o`, with the expire of its key, to `digest`: ordered types by mixing, unordered ones by XOR of the
    digests of their elements."""
    mixDigest(digest, o.type.to_bytes(4, "big"))
    expiretime = getExpire(db, keyobj)

    if o.type == OBJ_STRING:
        mixStringObjectDigest(digest, o)
    elif o.type == OBJ_LIST:
        li = listTypeInitIterator(o, 0, LIST_TAIL)
        entry = listTypeEntry()
        while listTypeNext(li, entry):
            mixStringObjectDigest(digest, listTypeGet(entry))
        listTypeReleaseIterator(li)
    elif o.type == OBJ_SET:
        si = setTypeInitIterator(o)
        while True:
            sdsele = setTypeNextObject(si)
            if sdsele is None:
                break
            xorDigest(digest, sdsele)
        setTypeReleaseIterator(si)
    elif o.type == OBJ_ZSET:
        xorObjectDigest_zset(digest, o)
    elif o.type == OBJ_HASH:
        hi = hashTypeInitIterator(o)
        while hashTypeNext(hi) != C_ERR:
            eledigest = bytearray(20)
            mixDigest(eledigest, hashTypeCurrentObjectNewSds(hi, OBJ_HASH_KEY))
            mixDigest(eledigest, hashTypeCurrentObjectNewSds(hi, OBJ_HASH_VALUE))
            xorDigest(digest, eledigest)
        hashTypeReleaseIterator(hi)
    elif o.type == OBJ_STREAM:
        si = streamIterator()
        streamIteratorStart(si, o.ptr, None, None, 0)
        while True:
            ok, id_, numfields = streamIteratorGetID(si)
            if not ok:
                break
            mixDigest(digest, b"%d.%d" % (id_.ms, id_.seq))
            for _ in range(numfields):
                field, value = streamIteratorGetField(si)
                mixDigest(digest, field)
                mixDigest(digest, value)
        streamIteratorStop(si)
    else:
        serverPanic("Unknown object type")
    if expiretime != -1:
        xorDigest(digest, b"!!expire!!")


def xorObjectDigest_zset(digest, o):
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        zl = o.ptr
        eptr = ziplistIndex(zl, 0)
        serverAssert(eptr is not None)
        sptr = ziplistNext(zl, eptr)
        serverAssert(sptr is not None)
        while eptr is not None:
            ele = ziplistGet(zl, eptr)
            eledigest = bytearray(20)
            mixDigest(eledigest, b"%d" % ele if isinstance(ele, int) else ele)
            mixDigest(eledigest, b"%.17g" % zzlGetScore(zl, sptr))
            xorDigest(digest, eledigest)
            eptr, sptr = zzlNext(zl, eptr, sptr)
    elif o.encoding == OBJ_ENCODING_SKIPLIST:
        di = dictGetIterator(o.ptr.dict)
        while True:
            de = dictNext(di)
            if de is None:
                break
            eledigest = bytearray(20)
            mixDigest(eledigest, de.key)
            mixDigest(eledigest, b"%.17g" % de.val)
            xorDigest(digest, eledigest)
        dictReleaseIterator(di)
    else:
        serverPanic("Unknown sorted set encoding")


def computeDatasetDigest():
    """Return the digest (20 bytes) of all databases; equal data gives an equal digest, in whatever order it came.
    C: fills the buffer that is passed."""
    final = bytearray(20)
    for j in range(server.dbnum):
        db = server.db[j]
        if dictSize(db.dict) == 0:
            continue
        # Include the number of the database: the same keys in another database are different data.
        mixDigest(final, j.to_bytes(4, "big"))
        di = dictGetSafeIterator(db.dict)
        while True:
            de = dictNext(di)
            if de is None:
                break
            digest = bytearray(20)
            mixDigest(digest, de.key)
            xorObjectDigest(db, createStringObject(de.key), digest, de.val)
            xorDigest(final, digest)
        dictReleaseIterator(di)
    return bytes(final)


def stringmatchlen_fuzz_test():
    """Match random patterns with random strings: it must come to an end (C: util.c).  Returns how many did match."""
    total_matches = 0
    for _ in range(100000):
        str_ = bytes(random.choices(range(128), k=random.randrange(32)))
        pat = bytes(random.choices(range(128), k=random.randrange(32)))
        total_matches += stringmatchlen(pat, str_, 0)
    return total_matches


def load_or_exit(load, *args):
    """Call a loader and return its result.  An exception of ours ends the process, as a crash would in C: the data set
    in memory is a torso then, the file it came from is whole."""
    try:
        return load(*args)
    except Exception as exc:
        log_unexpected_exception(exc)
        serverLog(LL_WARNING, "The data set is loaded in part only, exiting: the file on disk is intact")
        raise SystemExit(1) from exc


def debugCommand(c):
    """DEBUG subcommand [argument ...]   [admin]"""
    sub = c.argv[1].ptr.lower()
    argc = c.argc
    if argc == 2 and sub == b"help":
        addReplyHelp(c, [
            b"AOF-FLUSH-SLEEP <microsec>",
            b"    Server will sleep before flushing the AOF, this is used for testing.",
            b"ASSERT",
            b"    Crash by assertion failed.",
            b"CHANGE-REPL-ID    Change the replication IDs of the instance.",
            b"    Dangerous: should be used only for testing the replication subsystem.",
            b"CONFIG-REWRITE-FORCE-ALL",
            b"    Like CONFIG REWRITE but writes all configuration options, including",
            b"    keywords not listed in original configuration file or default values.",
            b"CRASH-AND-RECOVER <milliseconds>",
            b"    Hard crash and restart after a <milliseconds> delay.",
            b"DIGEST",
            b"    Output a hex signature representing the current DB content.",
            b"DIGEST-VALUE <key> [<key> ...]",
            b"    Output a hex signature of the values of all the specified keys.",
            b"ERROR <string>",
            b"    Return a Redis protocol error with <string> as message. Useful for clients",
            b"    unit tests to simulate Redis errors.",
            b"LOG <message>",
            b"    Write <message> to the server log.",
            b"HTSTATS <dbid>",
            b"    Return hash table statistics of the specified Redis database.",
            b"HTSTATS-KEY <key>",
            b"    Like HTSTATS but for the hash table stored at <key>'s value.",
            b"LOADAOF",
            b"    Flush the AOF buffers on disk and reload the AOF in memory.",
            b"LUA-ALWAYS-REPLICATE-COMMANDS <0|1>",
            b"    Setting it to 1 makes Lua replication defaulting to replicating single",
            b"    commands, without the script having to enable effects replication.",
            b"OBJECT <key>",
            b"    Show low level info about `key` and associated value.",
            b"OOM",
            b"    Crash the server simulating an out-of-memory error.",
            b"PANIC",
            b"    Crash the server simulating a panic.",
            b"POPULATE <count> [<prefix>] [<size>]",
            b"    Create <count> string keys named key:<num>. If <prefix> is specified then",
            b"    it is used instead of the 'key' prefix.",
            b"DEBUG PROTOCOL <type>",
            b"    Reply with a test value of the specified type. <type> can be: string,",
            b"    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
            b"    true, false.",
            b"RELOAD [option ...]",
            b"    Save the RDB on disk and reload it back to memory. Valid <option> values:",
            b"    * MERGE: conflicting keys will be loaded from RDB.",
            b"    * NOFLUSH: the existing database will not be removed before load, but",
            b"      conflicting keys will generate an exception and kill the server."
            b"    * NOSAVE: the database will be loaded from an existing RDB file.",
            b"    Examples:",
            b"    * DEBUG RELOAD: verify that the server is able to persist, flush and reload",
            b"      the database.",
            b"    * DEBUG RELOAD NOSAVE: replace the current database with the contents of an",
            b"      existing RDB file.",
            b"    * DEBUG RELOAD NOSAVE NOFLUSH MERGE: add the contents of an existing RDB",
            b"      file to the database.",
            b"RESTART",
            b"    Graceful restart: save config, db, restart.",
            b"SDSLEN <key>",
            b"    Show low level SDS string info representing `key` and value.",
            b"SEGFAULT",
            b"    Crash the server with sigsegv.",
            b"SET-ACTIVE-EXPIRE <0|1>",
            b"    Setting it to 0 disables expiring keys in background when they are not",
            b"    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
            b"    default.",
            b"SET-SKIP-CHECKSUM-VALIDATION <0|1>",
            b"    Enables or disables checksum checks for RDB files and RESTORE's payload.",
            b"SLEEP <seconds>",
            b"    Stop the server for <seconds>. Decimals allowed.",
            b"STRINGMATCH-TEST",
            b"    Run a fuzz tester against the stringmatchlen() function.",
            b"STRUCTSIZE",
            b"    Return the size of different Redis core C structures.",
            b"ZIPLIST <key>",
            b"    Show low level info about the ziplist encoding of <key>.",
            b"PAUSE-CRON <0|1>",
            b"    Stop periodic cron job processing.",
        ])
    elif sub == b"segfault":
        # Send the signal ourselves: a real invalid access would end the interpreter before Python could report it.
        if server.crashlog_enabled:
            signal.signal(signal.SIGSEGV, sigsegvHandler)
        else:
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif sub == b"panic":
        serverPanic("DEBUG PANIC called at Unix time %d", unix_time())
    elif sub in (b"restart", b"crash-and-recover"):
        delay = 0
        if argc >= 3:
            ok, delay = getLongLongFromObjectOrReply(c, c.argv[2], None)
            if ok != C_OK:
                return
            if delay < 0:
                delay = 0
        flags = (RESTART_SERVER_GRACEFULLY | RESTART_SERVER_CONFIG_REWRITE if sub == b"restart"
                 else RESTART_SERVER_NONE)
        restartServer(flags, delay)
        addReplyError(c, b"failed to restart the server. Check server logs.")
    elif sub == b"oom":
        # C: zmalloc(ULONG_MAX), whose handler ends the process with these two messages.
        serverLog(LL_WARNING, "Out Of Memory allocating %d bytes!", ULONG_MAX)
        serverPanic("Redis aborting for OUT OF MEMORY. Allocating %d bytes!", ULONG_MAX)
    elif sub == b"assert":
        serverAssertWithInfo(c, c.argv[0], 1 == 2)
    elif sub == b"log" and argc == 3:
        serverLog(LL_WARNING, "DEBUG LOG: %s", bytes(c.argv[2].ptr))
        addReply(c, shared.ok)
    elif sub == b"leak" and argc == 3:
        _debugCommand_leaked.append(bytearray(c.argv[2].ptr))
        addReply(c, shared.ok)
    elif sub == b"reload":
        debugCommand_reload(c)
    elif sub == b"loadaof":
        if server.aof_state != AOF_OFF:
            flushAppendOnlyFile(1)
        emptyDb(-1, EMPTYDB_NO_FLAGS, None)
        protectClient(c)
        ret = load_or_exit(loadAppendOnlyFile, server.aof_filename)
        unprotectClient(c)
        if ret != C_OK:
            addReplyErrorObject(c, shared.err)
            return
        server.dirty = 0           # the loaded keys are not to be saved or propagated
        serverLog(LL_WARNING, "Append Only File loaded by DEBUG LOADAOF")
        addReply(c, shared.ok)
    elif sub == b"object" and argc == 3:
        debugCommand_object(c)
    elif sub == b"sdslen" and argc == 3:
        de = dictFind(c.db.dict, c.argv[2].ptr)
        if de is None:
            addReplyErrorObject(c, shared.nokeyerr)
            return
        val = de.val
        key = de.key
        if val.type != OBJ_STRING or not sdsEncodedObject(val):
            addReplyError(c, b"Not an sds encoded string.")
        else:
            addReplyStatusFormat(c, b"key_sds_len:%d, key_sds_avail:%d, key_zmalloc: %d, "
                                 b"val_sds_len:%d, val_sds_avail:%d, val_zmalloc: %d",
                                 sdslen(key), sdsavail(key), sdsZmallocSize(key),
                                 sdslen(val.ptr), sdsavail(val.ptr), getStringObjectSdsUsedMemory(val))
    elif sub == b"ziplist" and argc == 3:
        o = objectCommandLookupOrReply(c, c.argv[2], shared.nokeyerr)
        if o is None:
            return
        if o.encoding != OBJ_ENCODING_ZIPLIST:
            addReplyError(c, b"Not a ziplist encoded object.")
        else:
            ziplistRepr(o.ptr)
            sys.stdout.flush()
            addReplyStatus(c, b"Ziplist structure printed on stdout")
    elif sub == b"populate" and 3 <= argc <= 5:
        debugCommand_populate(c)
    elif sub == b"digest" and argc == 2:
        addReplyStatus(c, computeDatasetDigest().hex().encode())
    elif sub == b"digest-value" and argc >= 2:
        addReplyArrayLen(c, argc - 2)
        for j in range(2, argc):
            digest = bytearray(20)
            # Do not use lookupKey: a key that is expired but not yet deleted is shown, too.
            de = dictFind(c.db.dict, c.argv[j].ptr)
            if de is not None:
                xorObjectDigest(c.db, c.argv[j], digest, de.val)
            addReplyStatus(c, digest.hex().encode())
    elif sub == b"protocol" and argc == 3:
        debugCommand_protocol(c)
    elif sub == b"sleep" and argc == 3:
        debugCommand_sleep(strtod(c.argv[2].ptr)[0])
        addReply(c, shared.ok)
    elif sub == b"set-active-expire" and argc == 3:
        server.active_expire_enabled = atoi(c.argv[2].ptr)
        addReply(c, shared.ok)
    elif sub == b"set-skip-checksum-validation" and argc == 3:
        server.skip_checksum_validation = atoi(c.argv[2].ptr)
        addReply(c, shared.ok)
    elif sub == b"aof-flush-sleep" and argc == 3:
        server.aof_flush_sleep = atoi(c.argv[2].ptr)
        addReply(c, shared.ok)
    elif sub == b"lua-always-replicate-commands" and argc == 3:
        server.lua_always_replicate_commands = atoi(c.argv[2].ptr)
        addReply(c, shared.ok)
    elif sub == b"error" and argc == 3:
        addReplySds(c, b"-" + sdsmapchars(c.argv[2].ptr, b"\n\r", b"  ") + b"\r\n")
    elif sub == b"structsize" and argc == 2:
        # Sizes of our own objects; an sds is a bytes object, which has one header for all lengths.
        header = getsizeof(b"")
        sizes = b"bits:%d " % (64 if sys.maxsize > 2**32 else 32)
        sizes += b"robj:%d " % getsizeof(new_robj(OBJ_STRING, 0, None))
        sizes += b"dictentry:%d " % getsizeof(dictEntry(None, None))
        for n in (5, 8, 16, 32, 64):
            sizes += b"sdshdr%d:%d " % (n, header)
        addReplyBulkSds(c, sizes)
    elif sub == b"htstats" and argc == 3:
        ok, dbid = getLongFromObjectOrReply(c, c.argv[2], None)
        if ok != C_OK:
            return
        if dbid < 0 or dbid >= server.dbnum:
            addReplyError(c, b"Out of range database")
            return
        stats = b"[Dictionary HT]\n" + dictGetStats(server.db[dbid].dict)
        stats += b"[Expires HT]\n" + dictGetStats(server.db[dbid].expires)
        addReplyVerbatim(c, stats, b"txt")
    elif sub == b"htstats-key" and argc == 3:
        o = objectCommandLookupOrReply(c, c.argv[2], shared.nokeyerr)
        if o is None:
            return
        ht = None
        if o.encoding == OBJ_ENCODING_SKIPLIST:
            ht = o.ptr.dict
        elif o.encoding == OBJ_ENCODING_HT:
            ht = o.ptr
        if ht is None:
            addReplyError(c, b"The value stored at the specified key is not represented using an hash table")
        else:
            addReplyVerbatim(c, dictGetStats(ht), b"txt")
    elif sub == b"change-repl-id" and argc == 2:
        serverLog(LL_WARNING, "Changing replication IDs after receiving DEBUG change-repl-id")
        changeReplicationId()
        clearReplicationId2()
        addReply(c, shared.ok)
    elif sub == b"stringmatch-test" and argc == 2:
        stringmatchlen_fuzz_test()
        addReplyStatus(c, b"Apparently Redis did not crash: test passed")
    elif sub == b"config-rewrite-force-all" and argc == 2:
        # C crashes here without a config file, since its name is NULL.
        if server.configfile is None or rewriteConfig(server.configfile, 1) == -1:
            addReplyError(c, b"CONFIG-REWRITE-FORCE-ALL failed")
        else:
            addReply(c, shared.ok)
    elif sub == b"pause-cron" and argc == 3:
        server.pause_cron = atoi(c.argv[2].ptr)
        addReply(c, shared.ok)
    elif sub == b"trace":
        from server.study.trace import trace_command       # ours; imported here, since no other code of the server needs it
        trace_command(c)
    elif sub == b"clock" and argc == 2:
        from server.study.labclock import clock_command
        clock_command(c)
    elif sub == b"state":
        from server.study.state import state_command       # likewise
        state_command(c)
    else:
        addReplySubcommandSyntaxError(c)


def debugCommand_reload(c):
    """DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE] -> OK"""
    flush = save = 1
    flags = RDBFLAGS_NONE
    for j in range(2, c.argc):
        opt = c.argv[j].ptr.lower()
        if opt == b"merge":
            flags |= RDBFLAGS_ALLOW_DUP
        elif opt == b"noflush":
            flush = 0
        elif opt == b"nosave":
            save = 0
        else:
            addReplyError(c, b"DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
            return

    if save:
        if rdbSave(server.rdb_filename, rdbPopulateSaveInfo()) != C_OK:
            addReplyErrorObject(c, shared.err)
            return
    # With NOFLUSH and MERGE the file is loaded into the existing data set.
    if flush:
        emptyDb(-1, EMPTYDB_NO_FLAGS, None)
    protectClient(c)
    ret = load_or_exit(rdbLoad, server.rdb_filename, None, flags)
    unprotectClient(c)
    if ret != C_OK:
        addReplyError(c, b"Error trying to load the RDB dump")
        return
    serverLog(LL_WARNING, "DB reloaded by DEBUG RELOAD")
    addReply(c, shared.ok)


def debugCommand_sleep(seconds):
    """nanosleep(2), which a signal ends: Python's own sleep would go on after the handler."""
    utime = double_to_llong(seconds * 1000000)
    if utime < 0:
        return                              # in C the call fails with EINVAL
    end = getMonotonicUs() + utime
    asap = server.shutdown_asap
    left = seconds
    while left > 0 and server.shutdown_asap == asap:
        time.sleep(min(left, 0.02))
        left = (end - getMonotonicUs()) / 1000000


def debugCommand_object(c):
    """DEBUG OBJECT key -> status line"""
    de = dictFind(c.db.dict, c.argv[2].ptr)
    if de is None:
        addReplyErrorObject(c, shared.nokeyerr)
        return
    val = de.val
    extra = b""
    if val.encoding == OBJ_ENCODING_QUICKLIST:
        ql = val.ptr
        sz = 0
        node = ql.head
        while node is not None:
            sz += node.sz
            node = node.next
        extra = b" ql_nodes:%d ql_avg_node:%.2f ql_ziplist_max:%d ql_compressed:%d ql_uncompressed_size:%d" % (
            ql.len, ql.count / ql.len, ql.fill, 1 if ql.compress != 0 else 0, sz)
    addReplyStatusFormat(c, b"Value at:0x%x refcount:%d encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d%s",
                         id(val), val.refcount, strEncoding(val.encoding), rdbSavedObjectLen(val, c.argv[2]),
                         val.lru, estimateObjectIdleTime(val) // 1000, extra)


def debugCommand_populate(c):
    """DEBUG POPULATE count [prefix] [size] -> OK"""
    ok, keys = getPositiveLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    dictExpand(c.db.dict, keys)
    valsize = 0
    if c.argc == 5:
        ok, valsize = getPositiveLongFromObjectOrReply(c, c.argv[4], None)
        if ok != C_OK:
            return
    prefix = b"key" if c.argc == 3 else c.argv[3].ptr
    for j in range(keys):
        key = createStringObject((b"%s:%d" % (prefix, j))[:127])       # C: a buffer of 128
        if lookupKeyWrite(c.db, key) is not None:
            continue
        buf = b"value:%d" % j
        if valsize != 0:
            buf = buf[:valsize].ljust(valsize, b"\0")
        dbAdd(c.db, key, createStringObject(buf))
        signalModifiedKey(c, c.db, key)
    addReply(c, shared.ok)


def debugCommand_protocol(c):
    """DEBUG PROTOCOL type -> a sample of that type"""
    name = c.argv[2].ptr.lower()
    if name == b"string":
        addReplyBulkCString(c, b"Hello World")
    elif name == b"integer":
        addReplyLongLong(c, 12345)
    elif name == b"double":
        addReplyDouble(c, 3.14159265359)
    elif name == b"bignum":
        addReplyBigNum(c, b"1234567999999999999999999999999999999")
    elif name == b"null":
        addReplyNull(c)
    elif name == b"array":
        addReplyArrayLen(c, 3)
        for j in range(3):
            addReplyLongLong(c, j)
    elif name == b"set":
        addReplySetLen(c, 3)
        for j in range(3):
            addReplyLongLong(c, j)
    elif name == b"map":
        addReplyMapLen(c, 3)
        for j in range(3):
            addReplyLongLong(c, j)
            addReplyBool(c, j == 1)
    elif name == b"attrib":
        if c.resp >= 3:
            addReplyAttributeLen(c, 1)
            addReplyBulkCString(c, b"key-popularity")
            addReplyArrayLen(c, 2)
            addReplyBulkCString(c, b"key:123")
            addReplyLongLong(c, 90)
        # An attribute describes the reply that follows it, so there must be one.
        addReplyBulkCString(c, b"Some real reply following the attribute")
    elif name == b"push":
        if c.resp < 3:
            addReplyError(c, b"RESP2 is not supported by this command")
            return
        old_flags = c.flags
        c.flags |= CLIENT_PUSHING
        addReplyPushLen(c, 2)
        addReplyBulkCString(c, b"server-cpu-usage")
        addReplyLongLong(c, 42)
        if not old_flags & CLIENT_PUSHING:
            c.flags &= ~CLIENT_PUSHING
        # A push is not the reply of a command: the client still waits for a reply.
        addReplyBulkCString(c, b"Some real reply following the push reply")
    elif name == b"true":
        addReplyBool(c, 1)
    elif name == b"false":
        addReplyBool(c, 0)
    elif name == b"verbatim":
        addReplyVerbatim(c, b"This is a verbatim\nstring", b"txt")
    else:
        addReplyError(c, b"Wrong protocol type name. Please use one of the following: string|integer|double|bignum|"
                      b"null|array|set|map|attrib|push|verbatim|true|false")


# =========================== Crash handling  ===============================

def serverLogObjectDebugInfo(o):
    """Log the fields of an object that are safe to read in a crash report."""
    serverLog(LL_WARNING, "Object type: %d", o.type)
    serverLog(LL_WARNING, "Object encoding: %d", o.encoding)
    serverLog(LL_WARNING, "Object refcount: %d", o.refcount)


def sigsegvHandler(sig, frame):
    """Python handler of SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT: log the bug report, then end the process by the signal.

    Python runs it between two bytecodes, so it handles signals sent by a process; a fault of the interpreter itself is
    for faulthandler."""
    bugReportStart()
    serverLog(LL_WARNING, "Redis %s crashed by signal: %d", REDIS_VERSION, sig)
    logStackTrace(frame)
    printCrashReport()
    bugReportEnd(1, sig)


# =========================== Software Watchdog =============================

def watchdogSignalHandler(sig, frame):
    serverLogFromHandler(LL_WARNING, "\n--- WATCHDOG TIMER EXPIRED ---")
    logStackTrace(frame)
    serverLogFromHandler(LL_WARNING, "--------\n")


def watchdogScheduleSignal(period):
    """Start the alarm for `period` ms from now, or restart it; 0 stops it."""
    signal.setitimer(signal.ITIMER_REAL, period / 1000)


def enableWatchdog(period):
    """Log a stack trace whenever serverCron does not come round for `period` ms."""
    if server.watchdog_period == 0:
        signal.signal(signal.SIGALRM, watchdogSignalHandler)
    # A period of less than two cron periods would fire without a cause.
    min_period = (1000 // server.hz) * 2
    if period < min_period:
        period = min_period
    watchdogScheduleSignal(period)
    server.watchdog_period = period


def disableWatchdog():
    if server.watchdog_period == 0:
        return
    watchdogScheduleSignal(0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)      # also drops a pending signal
    server.watchdog_period = 0


def debugDelay(usec):
    """Sleep for `usec` us; a negative value is a fraction, -10 means a tenth of a us: sleep 1 us, every tenth time."""
    if usec < 0:
        usec = 1 if random.randrange(-usec) == 0 else 0
    if usec:
        time.sleep(usec / 1000000)
