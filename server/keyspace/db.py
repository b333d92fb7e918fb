"""db.py - the keyspace: looking keys up, adding, replacing and deleting them.       Mirrors src/db.c (6.2.14)

Lives here   lookupKey*, dbAdd, setKey, dbDelete; emptyDb and the backup of a diskless load; hooks of a key change
             (signalModifiedKey, signalFlushedDb); the commands that work on any type: DEL UNLINK EXISTS SELECT
             RANDOMKEY KEYS SCAN DBSIZE LASTSAVE TYPE SHUTDOWN RENAME RENAMENX MOVE COPY SWAPDB FLUSHDB FLUSHALL;
             the expires API (setExpire, getExpire, expireIfNeeded); which arguments of a command are keys; the map
             from cluster slots to keys.
Called from  every command [command]; expire.c, evict.c [before, cron]; RDB and AOF loading [startup].
Calls out    datastructs.dict, notify, lazyfree, multi.touchWatchedKey, tracking, blocked.signalKeyAsReady.
State        server.db[].dict and .expires; with a cluster server.cluster.slots_to_keys.
Invariant    every key in db.expires is in db.dict. In cluster mode each key of db 0 stands in slots_to_keys once.
Departures   values are not counted by reference; only where a value changes its key (RENAME, MOVE) an extra reference
             keeps the deletion of the old key from destroying it.  A getkeys proc returns a list of positions.
Extend       a new type: getObjectTypeName, copyCommand, scanGenericCommand if it can be scanned.
"""
import errno
import sys
from itertools import islice
from typing import TYPE_CHECKING

from ae.monotonic import mstime
from cluster.cluster_h import CLUSTER_SLOTS
from datastructs.dict import (
    dictCreate, dictAdd, dictAddRaw, dictFind, dictSize, dictDelete, dictUnlink, dictFreeUnlinkedEntry, dictAddOrFind, dictEmpty,
    dictGetFairRandomKey, dictGetSafeIterator, dictNext, dictReleaseIterator, dictScan, DICT_OK,
)
from datastructs.intset import intsetGet
from datastructs.util import atoi, stringmatchlen, strtoul, to_llong
from datastructs.ziplist import ziplistIndex, ziplistNext, ziplistGet
from server.log import serverAssert, serverAssertWithInfo, serverPanic
from server.server_h import (
    server, shared, redisDb, C_OK, C_ERR, CLIENT_MASTER, CMD_READONLY, CMD_MODULE, CHILD_TYPE_RDB,
    MAXMEMORY_FLAG_LFU, NOTIFY_GENERIC, NOTIFY_EXPIRED, NOTIFY_KEY_MISS, PROPAGATE_AOF, PROPAGATE_REPL,
    OBJ_STRING, OBJ_LIST, OBJ_SET, OBJ_ZSET, OBJ_HASH, OBJ_STREAM, OBJ_ENCODING_RAW, OBJ_ENCODING_HT,
    OBJ_ENCODING_SKIPLIST, SHUTDOWN_NOSAVE, SHUTDOWN_SAVE,
)
from server.object import (
    createStringObject, createRawStringObject, decrRefCount, dupStringObject, getDecodedObject, sdsEncodedObject,
    getIntFromObjectOrReply, getLongFromObjectOrReply,
)
from server.client.networking import checkClientPauseTimeoutAndReturnIfPaused
from server.client.networking_reply import (
    addReply, addReplyError, addReplyErrorObject, addReplyLongLong, addReplyNull, addReplyBulk, addReplyBulkCBuffer,
    addReplyBulkLongLong, addReplyArrayLen, addReplyStatus, addReplyDeferredLen, setDeferredArrayLen,
)
from server.keyspace.lazyfree import dbAsyncDelete, emptyDbAsync, freeObjAsync, freeSlotsToKeysMapAsync
from server.keyspace.notify import notifyKeyspaceEvent
from server.latency_samples import latencyAddSample
from server.lru import LFUDecrAndReturn, LFUGetTimeInMinutes, LFULogIncr

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from cluster.cluster import keyHashSlot
    from persistence.rdb import rdbSave, rdbPopulateSaveInfo, killRDBChild
    from server.keyspace.expire import rememberSlaveKeyWithExpire, flushSlaveKeysWithExpireList
    from server.server import propagate, prepareForShutdown
    from server.session.blocked import signalKeyAsReady
    from server.session.multi import touchWatchedKey, touchAllWatchedKeysInDb
    from server.session import tracking
    from server.session.tracking import trackingInvalidateKey, trackingInvalidateKeysOnFlush
    from server.types.t_hash import hashTypeDup
    from server.types.t_list import listTypeDup
    from server.types.t_set import setTypeDup
    from server.types.t_stream import streamDup
    from server.types.t_zset import zsetDup

LOOKUP_NONE = 0
LOOKUP_NOTOUCH = 1 << 0      # leave the access time alone
LOOKUP_NONOTIFY = 1 << 1     # no keymiss event

EMPTYDB_NO_FLAGS = 0
EMPTYDB_ASYNC = 1 << 0       # the old data is freed by the bio thread


class dbBackup:
    """The data set put aside while a replica loads a new one in swapdb mode."""
    __slots__ = ("dbarray", "slots_to_keys")

    def __init__(self):
        self.dbarray = []             # redisDb, one for each of server.db
        self.slots_to_keys = None     # as in clusterState, cluster only


# ---------------------------------------------------------------------------
# C-level DB API
# ---------------------------------------------------------------------------

def updateLFU(val):
    """Age the 8-bit access counter in val.lru, then count this access."""
    counter = LFULogIncr(LFUDecrAndReturn(val))
    val.lru = (LFUGetTimeInMinutes() << 8) | counter


def lookupKey(db, key, flags):
    """The value at `key` or None, whatever its expire says.  Commands go through lookupKeyRead / lookupKeyWrite.

    HOT: LRU_CLOCK() is server.lruclock for every legal hz, and is read here without the call.  The fast lane of dictFind
    is written out.
    """
    d = db.dict
    ptr = key.ptr
    if d.rehashidx == -1 and d.type.builtin:
        ht0 = d.ht[0]
        if not ht0.used:
            return None
        de = ht0.table[hash(ptr) & ht0.sizemask]
        while de is not None and de.key != ptr:
            de = de.next
    else:
        de = dictFind(d, ptr)
    if de is None:
        return None
    val = de.val
    # While a child saves, touching every value read would copy the pages it shares with us.
    if server.child_pid == -1 and not flags & LOOKUP_NOTOUCH:   # hasActiveChildProcess
        if server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
            updateLFU(val)
        else:
            val.lru = server.lruclock                           # LRU_CLOCK
    return val


def lookupKeyReadWithFlags(db, key, flags):
    """Look up a key to read it: value or None.  Counts hits and misses, expires the key, tells keymiss listeners.

    On a replica an expired key stays in the dict until the master deletes it, but readers already get None.
    HOT: expireIfNeeded does nothing while no key of the db has an expire, so that test comes first.
    """
    ht0, ht1 = db.expires.ht                                    # dictSize
    if (ht0.used or ht1.used) and expireIfNeeded(db, key) == 1:
        # A master has deleted it. A replica only knows that it is dead: it hides the key from clients that read,
        # never from its master, and not from a writing command (which must see what the master sees).
        current = server.current_client
        if server.masterhost is None or (
                current is not None and current is not server.master and
                current.cmd is not None and current.cmd.flags & CMD_READONLY):
            val = None
        else:
            val = lookupKey(db, key, flags)
    else:
        val = lookupKey(db, key, flags)
    if val is not None:
        server.stat_keyspace_hits += 1
        return val
    if server.notify_keyspace_events & NOTIFY_KEY_MISS and not flags & LOOKUP_NONOTIFY:
        notifyKeyspaceEvent(NOTIFY_KEY_MISS, b"keymiss", key, db.id)
    server.stat_keyspace_misses += 1
    return None


def lookupKeyRead(db, key):
    return lookupKeyReadWithFlags(db, key, LOOKUP_NONE)


def lookupKeyWriteWithFlags(db, key, flags):
    """Look up a key to change it: value or None.  Deletes it first if its time is over.  HOT."""
    ht0, ht1 = db.expires.ht                                    # dictSize
    if ht0.used or ht1.used:
        expireIfNeeded(db, key)
    return lookupKey(db, key, flags)


def lookupKeyWrite(db, key):
    return lookupKeyWriteWithFlags(db, key, LOOKUP_NONE)


def SentReplyOnKeyMiss(c, reply):
    serverAssert(sdsEncodedObject(reply))
    rep = reply.ptr
    if len(rep) > 1 and rep[0] == 0x2d:     # '-': errors are counted
        addReplyErrorObject(c, reply)
    else:
        addReply(c, reply)


def lookupKeyReadOrReply(c, key, reply):
    o = lookupKeyReadWithFlags(c.db, key, LOOKUP_NONE)
    if o is None:
        SentReplyOnKeyMiss(c, reply)
    return o


def lookupKeyWriteOrReply(c, key, reply):
    o = lookupKeyWrite(c.db, key)
    if o is None:
        SentReplyOnKeyMiss(c, reply)
    return o


def dbAdd(db, key, val):
    """Add a key that must not exist yet.  Wakes clients blocked on it.

    HOT: signalKeyAsReady does nothing while nobody is blocked, so that test comes first.
    """
    retval = dictAdd(db.dict, key.ptr, val)
    if retval != DICT_OK:
        serverAssertWithInfo(None, key, retval == DICT_OK)
    if server.blocked_clients:
        signalKeyAsReady(db, key, val.type)
    if server.cluster_enabled:
        slotToKeyAdd(key.ptr)


def dbAddRDBLoad(db, key, val):
    """dbAdd for the RDB loader: `key` is bytes -> 1, or 0 when it exists already (the caller decides what that means)."""
    de, _ = dictAddRaw(db.dict, key)                # dictAdd
    if de is None:
        return 0
    de.val = val
    if server.cluster_enabled:
        slotToKeyAdd(key)
    return 1


def dbOverwrite(db, key, val):
    """Replace the value of a key that must exist; its expire stays."""
    de = dictFind(db.dict, key.ptr)
    if de is None:
        serverAssertWithInfo(None, key, de is not None)
    old = de.val
    if server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
        val.lru = old.lru
    de.val = val
    if server.lazyfree_lazy_server_del:
        freeObjAsync(key, old)
    elif old.type != OBJ_STRING:
        decrRefCount(old)                       # dictFreeVal; nothing to do for a string


def genericSetKey(c, db, key, val, keepttl, signal):
    """Make `key` hold `val`, whatever it held.  The expire is dropped unless `keepttl`; watchers are told if `signal`.

    `c` may be None when no client is behind the change.

    HOT: C looks the key up with lookupKeyWrite and then again in dbOverwrite; here dbOverwrite is written out, on the
    entry that is found once.  The access time that a lookup leaves in the old value is lost with it.
    """
    ht0, ht1 = db.expires.ht                                    # dictSize
    expires = ht0.used or ht1.used
    if expires:
        expireIfNeeded(db, key)                                 # lookupKeyWrite
    de = dictFind(db.dict, key.ptr)
    if de is None:
        dbAdd(db, key, val)
    else:
        old = de.val                                            # dbOverwrite
        if server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
            if server.child_pid == -1:
                updateLFU(old)                                  # lookupKey
            val.lru = old.lru
        de.val = val
        if server.lazyfree_lazy_server_del:
            freeObjAsync(key, old)
        elif old.type != OBJ_STRING:
            decrRefCount(old)
    if expires and not keepttl:
        removeExpire(db, key)
    if signal:
        signalModifiedKey(c, db, key)


def setKey(c, db, key, val):
    genericSetKey(c, db, key, val, 0, 1)


def dbRandomKey(db):
    """A random key that is not expired, as robj, or None when the db is empty."""
    maxtries = 100
    allvolatile = dictSize(db.dict) == dictSize(db.expires)

    while True:
        de = dictGetFairRandomKey(db.dict)
        if de is None:
            return None
        keyobj = createStringObject(de.key)
        if dictFind(db.expires, de.key) is not None:
            if allvolatile and server.masterhost is not None:
                # A replica cannot delete expired keys: when all of them may be dead, give up looking for a live one.
                maxtries -= 1
                if maxtries == 0:
                    return keyobj
            if expireIfNeeded(db, keyobj):
                continue
        return keyobj


def dbSyncDelete(db, key):
    """Delete key, value and expire -> 1, or 0 when there was no such key."""
    if dictSize(db.expires) > 0:
        dictDelete(db.expires, key.ptr)
    de = dictUnlink(db.dict, key.ptr)
    if de is None:
        return 0
    dictFreeUnlinkedEntry(db.dict, de)
    if server.cluster_enabled:
        slotToKeyDel(key.ptr)
    return 1


def dbDelete(db, key):
    """Delete a key the way lazyfree-lazy-server-del asks for -> 1 or 0."""
    return dbAsyncDelete(db, key) if server.lazyfree_lazy_server_del else dbSyncDelete(db, key)


def dbUnshareStringValue(db, key, o):
    """Make the string `o`, found at `key`, changeable in place -> the robj to change, its ptr a bytearray.

    Usage: o = lookupKeyWrite(db, key); checkType; o = dbUnshareStringValue(db, key, o); change o.ptr.
    """
    serverAssert(o.type == OBJ_STRING)
    if o.refcount != 1 or o.encoding != OBJ_ENCODING_RAW:
        decoded = getDecodedObject(o)
        o = createRawStringObject(decoded.ptr)
        dbOverwrite(db, key, o)
    if type(o.ptr) is not bytearray:
        # C: an sds can always be grown. A RAW value that nobody changed yet is bytes here.
        o.ptr = bytearray(o.ptr)
    return o


def emptyDbStructure(dbarray, dbnum, async_, callback):
    """Remove all keys of dbarray[dbnum], or of all when dbnum is -1 -> number of keys removed.

    dbarray is server.db or a backup.
    """
    removed = 0
    if dbnum == -1:
        startdb, enddb = 0, server.dbnum - 1
    else:
        startdb = enddb = dbnum

    for j in range(startdb, enddb + 1):
        db = dbarray[j]
        removed += dictSize(db.dict)
        if async_:
            emptyDbAsync(db)
        else:
            dictEmpty(db.dict, callback)
            dictEmpty(db.expires, callback)
        db.avg_ttl = 0
        db.expires_cursor = 0
    return removed


def emptyDb(dbnum, flags, callback):
    """Flush one db, or all with dbnum -1 -> number of keys removed, -1 when dbnum is out of range.

    `callback` is called now and then while a big dict is emptied.
    """
    async_ = flags & EMPTYDB_ASYNC
    if dbnum < -1 or dbnum >= server.dbnum:
        return -1

    # ORDER: watchers are touched while the keys are still there.
    signalFlushedDb(dbnum, async_)
    removed = emptyDbStructure(server.db, dbnum, async_, callback)

    # A cluster has db 0 only, so its whole map goes.
    if server.cluster_enabled:
        slotToKeyFlush(async_)
    if dbnum == -1:
        flushSlaveKeysWithExpireList()
    return removed


def _copy_db(dst, src):
    """C assigns redisDb structs by value; clients point at ours, so the fields are copied instead."""
    for name in redisDb.__slots__:
        setattr(dst, name, getattr(src, name))


def backupDb():
    """Put the data set aside and leave empty dbs -> dbBackup for restoreDbBackup or discardDbBackup."""
    backup = dbBackup()
    for db in server.db:
        saved = redisDb()
        _copy_db(saved, db)
        backup.dbarray.append(saved)
        db.dict = dictCreate(saved.dict.type)
        db.expires = dictCreate(saved.expires.type)

    if server.cluster_enabled:
        cluster = server.cluster
        backup.slots_to_keys = cluster.slots_to_keys
        cluster.slots_to_keys = [None] * CLUSTER_SLOTS
    return backup


def discardDbBackup(backup, flags, callback):
    """Free a backup; slow like FLUSHALL unless `flags` has EMPTYDB_ASYNC."""
    async_ = flags & EMPTYDB_ASYNC
    emptyDbStructure(backup.dbarray, -1, async_, callback)
    if server.cluster_enabled:
        freeSlotsToKeysMap(backup.slots_to_keys, async_)
    backup.dbarray = None
    backup.slots_to_keys = None


def restoreDbBackup(backup):
    """Make a backup the data set again; the dbs were emptied with emptyDb before."""
    for db, saved in zip(server.db, backup.dbarray):
        serverAssert(dictSize(db.dict) == 0)
        serverAssert(dictSize(db.expires) == 0)
        _copy_db(db, saved)

    if server.cluster_enabled:
        cluster = server.cluster
        serverAssert(not any(cluster.slots_to_keys))
        cluster.slots_to_keys = backup.slots_to_keys
    backup.dbarray = None
    backup.slots_to_keys = None


def selectDb(c, id_):
    if id_ < 0 or id_ >= server.dbnum:
        return C_ERR
    c.db = server.db[id_]
    return C_OK


def dbTotalServerKeyCount():
    total = 0
    for db in server.db:
        total += dictSize(db.dict)
    return total


# ---------------------------------------------------------------------------
# Hooks for key space changes.
#
# signalModifiedKey() is called for every key that changes, signalFlushedDb() for every flush.
# ---------------------------------------------------------------------------

def signalModifiedKey(c, db, key):
    """A key was changed, by client `c` or by nobody (None): WATCH and client-side caches hear of it.  HOT."""
    ht0, ht1 = db.watched_keys.ht                               # dictSize
    if ht0.used or ht1.used:
        touchWatchedKey(db, key)
    if tracking.TrackingTable is not None:                      # None: no client has ever tracked keys
        trackingInvalidateKey(c, key, 1)


def signalFlushedDb(dbid, async_):
    if dbid == -1:
        startdb, enddb = 0, server.dbnum - 1
    else:
        startdb = enddb = dbid
    for j in range(startdb, enddb + 1):
        touchAllWatchedKeysInDb(server.db[j], None)
    trackingInvalidateKeysOnFlush(async_)


# ---------------------------------------------------------------------------
# Type agnostic commands operating on the key space
# ---------------------------------------------------------------------------

def getFlushCommandFlags(c):
    """Parse [ASYNC|SYNC] of FLUSHALL and FLUSHDB -> (C_OK, EMPTYDB_* flags), or C_ERR when an error was replied."""
    if c.argc == 2 and c.argv[1].ptr.lower() == b"sync":
        return C_OK, EMPTYDB_NO_FLAGS
    if c.argc == 2 and c.argv[1].ptr.lower() == b"async":
        return C_OK, EMPTYDB_ASYNC
    if c.argc == 1:
        return C_OK, EMPTYDB_ASYNC if server.lazyfree_lazy_user_flush else EMPTYDB_NO_FLAGS
    addReplyErrorObject(c, shared.syntaxerr)
    return C_ERR, 0


def flushAllDataAndResetRDB(flags):
    """Empty all dbs, stop a child that saves the old data, and save the empty data set."""
    server.dirty += emptyDb(-1, flags, None)
    if server.child_type == CHILD_TYPE_RDB:
        killRDBChild()
    if server.saveparamslen > 0:
        # rdbSave clears dirty, but then this FLUSHALL would reach neither AOF nor replicas.
        saved_dirty = server.dirty
        rdbSave(server.rdb_filename, rdbPopulateSaveInfo())
        server.dirty = saved_dirty
    # Propagate even the flush of an empty server.
    server.dirty += 1


def flushdbCommand(c):
    """FLUSHDB [ASYNC|SYNC] -> OK   [write]"""
    ok, flags = getFlushCommandFlags(c)
    if ok == C_ERR:
        return
    server.dirty += emptyDb(c.db.id, flags, None)
    addReply(c, shared.ok)


def flushallCommand(c):
    """FLUSHALL [ASYNC|SYNC] -> OK   [write]"""
    ok, flags = getFlushCommandFlags(c)
    if ok == C_ERR:
        return
    flushAllDataAndResetRDB(flags)
    addReply(c, shared.ok)


def delGenericCommand(c, lazy):
    numdel = 0
    db = c.db
    for j in range(1, c.argc):
        key = c.argv[j]
        expireIfNeeded(db, key)
        deleted = dbAsyncDelete(db, key) if lazy else dbSyncDelete(db, key)
        if deleted:
            signalModifiedKey(c, db, key)
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, db.id)
            server.dirty += 1
            numdel += 1
    addReplyLongLong(c, numdel)


def delCommand(c):
    """DEL key [key ...] -> int   [write]"""
    delGenericCommand(c, server.lazyfree_lazy_user_del)


def unlinkCommand(c):
    """UNLINK key [key ...] -> int   [write, fast]"""
    delGenericCommand(c, 1)


def existsCommand(c):
    """EXISTS key [key ...] -> int, a key named twice counts twice   [read-only, fast]"""
    count = 0
    for j in range(1, c.argc):
        if lookupKeyReadWithFlags(c.db, c.argv[j], LOOKUP_NOTOUCH) is not None:
            count += 1
    addReplyLongLong(c, count)


def selectCommand(c):
    """SELECT index -> OK   [fast]"""
    ok, id_ = getIntFromObjectOrReply(c, c.argv[1])
    if ok != C_OK:
        return
    if server.cluster_enabled and id_ != 0:
        addReplyError(c, b"SELECT is not allowed in cluster mode")
        return
    if selectDb(c, id_) == C_ERR:
        addReplyError(c, b"DB index is out of range")
    else:
        addReply(c, shared.ok)


def randomkeyCommand(c):
    """RANDOMKEY -> key or nil   [read-only, random]"""
    key = dbRandomKey(c.db)
    if key is None:
        addReplyNull(c)
        return
    addReplyBulk(c, key)


def keysCommand(c):
    """KEYS pattern -> array   [read-only, to-sort]"""
    pattern = c.argv[1].ptr
    numkeys = 0
    replylen = addReplyDeferredLen(c)

    di = dictGetSafeIterator(c.db.dict)
    allkeys = pattern == b"*"
    while True:
        de = dictNext(di)
        if de is None:
            break
        key = de.key
        if allkeys or stringmatchlen(pattern, key, 0):
            keyobj = createStringObject(key)
            if not keyIsExpired(c.db, keyobj):
                addReplyBulk(c, keyobj)
                numkeys += 1
    dictReleaseIterator(di)
    setDeferredArrayLen(c, replylen, numkeys)


def scanCallback(privdata, de):
    """dictScan's callback: append what the entry stands for to the list privdata[0], as bytes."""
    keys, o = privdata
    if o is None or o.type == OBJ_SET:
        keys.append(de.key)
    elif o.type == OBJ_HASH:
        keys.append(de.key)
        keys.append(de.val)
    elif o.type == OBJ_ZSET:
        keys.append(de.key)
        keys.append(b"%.17g" % de.val)
    else:
        serverPanic("Type not handled in SCAN callback.")


def parseScanCursorOrReply(c, o):
    """Read a cursor -> (C_OK, 0 .. 2^64-1), or (C_ERR, 0) when an error was replied.

    C: strtoul(), so a sign is allowed, "-1" wraps around, and an empty string is 0.
    """
    cursor, rest, errno_ = strtoul(o.ptr)
    if o.ptr[:1].isspace() or rest or errno_ == errno.ERANGE:
        addReplyError(c, b"invalid cursor")
        return C_ERR, 0
    return C_OK, cursor


def scanGenericCommand(c, o, cursor):
    """SCAN (o is None), HSCAN, SSCAN, ZSCAN: options, one step of iteration, filter, reply.

    A value that is no hash table is small and is returned whole, with cursor 0.
    """
    keys = []
    count = 10
    pat = None
    typename = None
    use_pattern = False

    serverAssert(o is None or o.type == OBJ_SET or o.type == OBJ_HASH or o.type == OBJ_ZSET)

    # Step 1: Parse options.
    i = 2 if o is None else 3      # argv[1] is the key, if any, and the cursor comes before the options
    while i < c.argc:
        j = c.argc - i
        opt = c.argv[i].ptr.lower()
        if opt == b"count" and j >= 2:
            ok, count = getLongFromObjectOrReply(c, c.argv[i + 1])
            if ok != C_OK:
                return
            if count < 1:
                addReplyErrorObject(c, shared.syntaxerr)
                return
            i += 2
        elif opt == b"match" and j >= 2:
            pat = c.argv[i + 1].ptr
            use_pattern = pat != b"*"
            i += 2
        elif opt == b"type" and o is None and j >= 2:
            typename = c.argv[i + 1].ptr
            i += 2
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return

    # Step 2: Iterate the collection.
    ht = None
    if o is None:
        ht = c.db.dict
    elif o.encoding == OBJ_ENCODING_HT:
        ht = o.ptr
        if o.type == OBJ_HASH:
            count *= 2             # fields and values both stand in `keys`
    elif o.encoding == OBJ_ENCODING_SKIPLIST:
        ht = o.ptr.dict
        count *= 2

    if ht is not None:
        # A nearly empty table may need many buckets for one key: ten times COUNT is the limit.
        maxiterations = count * 10
        privdata = (keys, o)
        while True:
            cursor = dictScan(ht, cursor, scanCallback, None, privdata)
            if not cursor or maxiterations == 0 or len(keys) >= count:
                break
            maxiterations -= 1
    elif o.type == OBJ_SET:
        pos = 0
        while True:
            ok, ll = intsetGet(o.ptr, pos)
            if not ok:
                break
            keys.append(b"%d" % ll)
            pos += 1
        cursor = 0
    elif o.type == OBJ_HASH or o.type == OBJ_ZSET:
        zl = o.ptr
        p = ziplistIndex(zl, 0)
        while p is not None:
            v = ziplistGet(zl, p)
            keys.append(b"%d" % v if type(v) is int else v)
            p = ziplistNext(zl, p)
        serverAssert(not len(keys) & 1)             # every field has its value
        cursor = 0
    else:
        serverPanic("Not handled encoding in SCAN.")

    # Step 3: Filter elements.
    if o is None:
        reply = []
        for key in keys:
            if use_pattern and not stringmatchlen(pat, key, 0):
                continue
            kobj = createStringObject(key)
            if typename is not None:
                typecheck = lookupKeyReadWithFlags(c.db, kobj, LOOKUP_NOTOUCH)
                if typename.lower() != getObjectTypeName(typecheck):
                    continue
            if expireIfNeeded(c.db, kobj):
                continue
            reply.append(key)
    elif not use_pattern:
        reply = keys
    elif o.type == OBJ_SET:
        reply = [key for key in keys if stringmatchlen(pat, key, 0)]
    else:
        reply = []
        for j in range(0, len(keys), 2):
            if stringmatchlen(pat, keys[j], 0):     # only the field is matched, its value goes along
                reply += keys[j:j + 2]

    # Step 4: Reply to the client.
    addReplyArrayLen(c, 2)
    addReplyBulkLongLong(c, cursor)
    addReplyArrayLen(c, len(reply))
    for key in reply:
        addReplyBulkCBuffer(c, key)


def scanCommand(c):
    """SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] -> [cursor, keys]   [read-only, random]"""
    ok, cursor = parseScanCursorOrReply(c, c.argv[1])
    if ok == C_ERR:
        return
    scanGenericCommand(c, None, cursor)


def dbsizeCommand(c):
    """DBSIZE -> int   [read-only, fast]"""
    addReplyLongLong(c, dictSize(c.db.dict))


def lastsaveCommand(c):
    """LASTSAVE -> seconds since 1970   [random, fast]"""
    addReplyLongLong(c, server.lastsave)


def getObjectTypeName(o):
    """The word TYPE replies, as bytes; None is "none"."""
    if o is None:
        return b"none"
    if o.type == OBJ_STRING:
        return b"string"
    if o.type == OBJ_LIST:
        return b"list"
    if o.type == OBJ_SET:
        return b"set"
    if o.type == OBJ_ZSET:
        return b"zset"
    if o.type == OBJ_HASH:
        return b"hash"
    if o.type == OBJ_STREAM:
        return b"stream"
    return b"unknown"


def typeCommand(c):
    """TYPE key -> status   [read-only, fast]"""
    o = lookupKeyReadWithFlags(c.db, c.argv[1], LOOKUP_NOTOUCH)
    addReplyStatus(c, getObjectTypeName(o))


def shutdownCommand(c):
    """SHUTDOWN [NOSAVE|SAVE]   [admin, no-script]; replies only when it fails"""
    flags = 0
    if c.argc > 2:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    if c.argc == 2:
        opt = c.argv[1].ptr.lower()
        if opt == b"nosave":
            flags |= SHUTDOWN_NOSAVE
        elif opt == b"save":
            flags |= SHUTDOWN_SAVE
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
    if prepareForShutdown(flags) == C_OK:
        sys.exit(0)
    addReplyError(c, b"Errors trying to SHUTDOWN. Check logs.")


def hold_value(o):
    """incrRefCount: a deletion of the key that holds `o` shall not take the value apart."""
    if o.refcount == 1:
        o.refcount = 2


def release_value(o):
    if o.refcount == 2:
        o.refcount = 1


def renameGenericCommand(c, nx):
    db = c.db
    src, dst = c.argv[1], c.argv[2]
    samekey = src.ptr == dst.ptr

    o = lookupKeyWriteOrReply(c, src, shared.nokeyerr)
    if o is None:
        return
    if samekey:
        addReply(c, shared.czero if nx else shared.ok)
        return

    expire = getExpire(db, src)
    if lookupKeyWrite(db, dst) is not None:
        if nx:
            addReply(c, shared.czero)
            return
        dbDelete(db, dst)
    dbAdd(db, dst, o)
    if expire != -1:
        setExpire(c, db, dst, expire)
    hold_value(o)
    dbDelete(db, src)
    release_value(o)
    signalModifiedKey(c, db, src)
    signalModifiedKey(c, db, dst)
    notifyKeyspaceEvent(NOTIFY_GENERIC, b"rename_from", src, db.id)
    notifyKeyspaceEvent(NOTIFY_GENERIC, b"rename_to", dst, db.id)
    server.dirty += 1
    addReply(c, shared.cone if nx else shared.ok)


def renameCommand(c):
    """RENAME key newkey -> OK   [write]"""
    renameGenericCommand(c, 0)


def renamenxCommand(c):
    """RENAMENX key newkey -> 1 or 0   [write, fast]"""
    renameGenericCommand(c, 1)


def moveCommand(c):
    """MOVE key db -> 1 or 0   [write, fast]"""
    key = c.argv[1]
    if server.cluster_enabled:
        addReplyError(c, b"MOVE is not allowed in cluster mode")
        return

    src = c.db
    srcid = c.db.id
    ok, dbid = getIntFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return
    if selectDb(c, dbid) == C_ERR:
        addReplyError(c, b"DB index is out of range")
        return
    dst = c.db
    selectDb(c, srcid)

    if src is dst:
        addReplyErrorObject(c, shared.sameobjecterr)
        return

    o = lookupKeyWrite(c.db, key)
    if o is None:
        addReply(c, shared.czero)
        return
    expire = getExpire(c.db, key)
    if lookupKeyWrite(dst, key) is not None:
        addReply(c, shared.czero)
        return
    dbAdd(dst, key, o)
    if expire != -1:
        setExpire(c, dst, key, expire)
    hold_value(o)
    dbDelete(src, key)
    release_value(o)
    signalModifiedKey(c, src, key)
    signalModifiedKey(c, dst, key)
    notifyKeyspaceEvent(NOTIFY_GENERIC, b"move_from", key, src.id)
    notifyKeyspaceEvent(NOTIFY_GENERIC, b"move_to", key, dst.id)
    server.dirty += 1
    addReply(c, shared.cone)


def copyCommand(c):
    """COPY source destination [DB index] [REPLACE] -> 1 or 0   [write, denyoom]"""
    src = dst = c.db
    srcid = dbid = c.db.id
    replace = delete = 0
    j = 3
    while j < c.argc:
        additional = c.argc - j - 1
        opt = c.argv[j].ptr.lower()
        if opt == b"replace":
            replace = 1
        elif opt == b"db" and additional >= 1:
            ok, dbid = getIntFromObjectOrReply(c, c.argv[j + 1])
            if ok != C_OK:
                return
            if selectDb(c, dbid) == C_ERR:
                addReplyError(c, b"DB index is out of range")
                return
            dst = c.db
            selectDb(c, srcid)
            j += 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
        j += 1

    if server.cluster_enabled == 1 and (srcid != 0 or dbid != 0):
        addReplyError(c, b"Copying to another database is not allowed in cluster mode")
        return

    key, newkey = c.argv[1], c.argv[2]
    if src is dst and key.ptr == newkey.ptr:
        addReplyErrorObject(c, shared.sameobjecterr)
        return

    o = lookupKeyWrite(c.db, key)
    if o is None:
        addReply(c, shared.czero)
        return
    expire = getExpire(c.db, key)

    if lookupKeyWrite(dst, newkey) is not None:
        if replace:
            delete = 1
        else:
            addReply(c, shared.czero)
            return

    if o.type == OBJ_STRING:
        newobj = dupStringObject(o)
    elif o.type == OBJ_LIST:
        newobj = listTypeDup(o)
    elif o.type == OBJ_SET:
        newobj = setTypeDup(o)
    elif o.type == OBJ_ZSET:
        newobj = zsetDup(o)
    elif o.type == OBJ_HASH:
        newobj = hashTypeDup(o)
    elif o.type == OBJ_STREAM:
        newobj = streamDup(o)
    else:
        addReplyError(c, b"unknown type object")
        return

    if delete:
        dbDelete(dst, newkey)
    dbAdd(dst, newkey, newobj)
    if expire != -1:
        setExpire(c, dst, newkey, expire)
    signalModifiedKey(c, dst, newkey)
    notifyKeyspaceEvent(NOTIFY_GENERIC, b"copy_to", newkey, dst.id)
    server.dirty += 1
    addReply(c, shared.cone)


def scanDatabaseForReadyLists(db):
    """After SWAPDB: signal the keys that clients are blocked on and that now exist."""
    di = dictGetSafeIterator(db.blocking_keys)
    while True:
        de = dictNext(di)
        if de is None:
            break
        key = de.key
        value = lookupKey(db, key, LOOKUP_NOTOUCH)
        if value is not None:
            signalKeyAsReady(db, key, value.type)
    dictReleaseIterator(di)


def dbSwapDatabases(id1, id2):
    """Exchange the data of two dbs, so that connected clients see it at once -> C_ERR when an id is out of range.

    Blocked and watching clients stay with their db number: those dicts are not exchanged.
    """
    if id1 < 0 or id1 >= server.dbnum or id2 < 0 or id2 >= server.dbnum:
        return C_ERR
    if id1 == id2:
        return C_OK
    db1, db2 = server.db[id1], server.db[id2]

    db1.dict, db2.dict = db2.dict, db1.dict
    db1.expires, db2.expires = db2.expires, db1.expires
    db1.avg_ttl, db2.avg_ttl = db2.avg_ttl, db1.avg_ttl
    db1.expires_cursor, db2.expires_cursor = db2.expires_cursor, db1.expires_cursor

    # dbAdd signals keys as they are created; the ones that came by the swap have to be looked for.
    scanDatabaseForReadyLists(db1)
    touchAllWatchedKeysInDb(db1, db2)
    scanDatabaseForReadyLists(db2)
    touchAllWatchedKeysInDb(db2, db1)
    return C_OK


def swapdbCommand(c):
    """SWAPDB index1 index2 -> OK   [write, fast]"""
    if server.cluster_enabled:
        addReplyError(c, b"SWAPDB is not allowed in cluster mode")
        return
    ok, id1 = getIntFromObjectOrReply(c, c.argv[1], b"invalid first DB index")
    if ok != C_OK:
        return
    ok, id2 = getIntFromObjectOrReply(c, c.argv[2], b"invalid second DB index")
    if ok != C_OK:
        return
    if dbSwapDatabases(id1, id2) == C_ERR:
        addReplyError(c, b"DB index is out of range")
        return
    server.dirty += 1
    addReply(c, shared.ok)


# ---------------------------------------------------------------------------
# Expires API
# ---------------------------------------------------------------------------

def removeExpire(db, key):
    """Make a key persistent -> 1, or 0 when it had no expire.  The key must exist."""
    serverAssertWithInfo(None, key, dictFind(db.dict, key.ptr) is not None)
    return 1 if dictDelete(db.expires, key.ptr) == DICT_OK else 0


def setExpire(c, db, key, when):
    """Let an existing key expire at `when`, ms of the wall clock.  `c` is the client that asked, or None."""
    kde = dictFind(db.dict, key.ptr)
    serverAssertWithInfo(None, key, kde is not None)
    de = dictAddOrFind(db.expires, kde.key)     # the key bytes are shared by both dicts
    de.val = to_llong(when)                     # dictSetSignedIntegerVal

    if server.masterhost is not None and server.repl_slave_ro == 0:
        if c is not None and not c.flags & CLIENT_MASTER:
            rememberSlaveKeyWithExpire(db, key)


def getExpire(db, key):
    """When the key expires, ms of the wall clock; -1 when never."""
    if dictSize(db.expires) == 0:
        return -1
    de = dictFind(db.expires, key.ptr)
    if de is None:
        return -1
    serverAssertWithInfo(None, key, dictFind(db.dict, key.ptr) is not None)
    return de.val


def deleteExpiredKeyAndPropagate(db, keyobj):
    """The key's time is over: delete it here, on the replicas and in the AOF, and tell who listens."""
    threshold = server.latency_monitor_threshold
    expire_latency = mstime() if threshold else 0           # latencyStartMonitor
    if server.lazyfree_lazy_expire:
        dbAsyncDelete(db, keyobj)
    else:
        dbSyncDelete(db, keyobj)
    if threshold:
        expire_latency = mstime() - expire_latency          # latencyEndMonitor
        if expire_latency >= threshold:                     # latencyAddSampleIfNeeded
            latencyAddSample(b"expire-del", expire_latency)
    notifyKeyspaceEvent(NOTIFY_EXPIRED, b"expired", keyobj, db.id)
    signalModifiedKey(None, db, keyobj)
    propagateExpire(db, keyobj, server.lazyfree_lazy_expire)
    server.stat_expiredkeys += 1


def propagateExpire(db, key, lazy):
    """Send a DEL (UNLINK if `lazy`) for an expired key to replicas and AOF.

    Only the master decides when a key dies; since both streams keep the order of writes, everybody agrees with it.
    """
    argv = [shared.unlink if lazy else shared.del_, key]
    # Whatever is being executed, an expire must reach the replicas.
    prev_replication_allowed = server.replication_allowed
    server.replication_allowed = 1
    propagate(server.delCommand, db.id, argv, PROPAGATE_AOF | PROPAGATE_REPL)
    server.replication_allowed = prev_replication_allowed


def keyIsExpired(db, key):
    """Is the key's time over -> 1 or 0.  Changes nothing."""
    when = getExpire(db, key)
    if when < 0:
        return 0
    # Expired keys that come with an RDB or AOF are judged later.
    if server.loading:
        return 0

    if server.lua_caller is not None:
        # Time stands still for a script: a key cannot vanish between two of its calls.
        now = server.lua_time_snapshot
    elif server.fixed_time_expire > 0:
        # Nor within one command, which may look the same key up twice.
        now = server.mstime
    else:
        now = mstime()
    return 1 if now > when else 0


def expireIfNeeded(db, key):
    """Called before a key is used -> 1 when its time is over, 0 when it is alive (or absent).

    A master deletes the key and propagates that. A replica, or a server whose clients are paused, only says so.
    """
    if not keyIsExpired(db, key):
        return 0
    if server.masterhost is not None:
        return 1
    if checkClientPauseTimeoutAndReturnIfPaused():
        return 1
    deleteExpiredKeyAndPropagate(db, key)
    return 1


# ---------------------------------------------------------------------------
# API to get key arguments from commands
#
# Every function here returns the argv positions of the keys as a list, empty when the command makes no sense (it will
# reply the error itself). getKeysPrepareResult and getKeysFreeResult have no counterpart.
# ---------------------------------------------------------------------------

def getKeysUsingCommandTable(cmd, argv, argc):
    """The plain case: first key, last key and step of the table."""
    if cmd.firstkey == 0:
        return []
    last = cmd.lastkey
    if last < 0:
        last = argc + last
    if last >= argc:
        if cmd.flags & CMD_MODULE or cmd.arity < 0:
            return []
        serverPanic("Redis built-in command declared keys positions not matching the arity requirements.")
    return list(range(cmd.firstkey, last + 1, cmd.keystep))


def getKeysFromCommand(cmd, argv, argc):
    """argv positions of all keys of a command."""
    if cmd.getkeys_proc is not None:
        return cmd.getkeys_proc(cmd, argv, argc)
    return getKeysUsingCommandTable(cmd, argv, argc)


def genericGetKeys(storeKeyOfs, keyCountOfs, firstKeyOfs, keyStep, argv, argc):
    """COMMAND [destkey] <num-keys> <key> [...] <options>; a storeKeyOfs of 0 means there is no destkey."""
    num = atoi(argv[keyCountOfs].ptr)
    if num < 1 or num > (argc - firstKeyOfs) // keyStep:
        return []
    keys = [firstKeyOfs + i * keyStep for i in range(num)]
    if storeKeyOfs:
        keys.append(storeKeyOfs)
    return keys


def zunionInterDiffStoreGetKeys(cmd, argv, argc):
    return genericGetKeys(1, 2, 3, 1, argv, argc)


def zunionInterDiffGetKeys(cmd, argv, argc):
    return genericGetKeys(0, 1, 2, 1, argv, argc)


def evalGetKeys(cmd, argv, argc):
    return genericGetKeys(0, 2, 3, 1, argv, argc)


def sortGetKeys(cmd, argv, argc):
    """SORT key ... STORE dest: only as much of the options is parsed as needed to find the last STORE."""
    keys = [1]
    store = None
    skiplist = {b"limit": 2, b"get": 1, b"by": 1}
    i = 2
    while i < argc:
        opt = argv[i].ptr.lower()
        if opt in skiplist:
            i += skiplist[opt]
        elif opt == b"store" and i + 1 < argc:
            store = i + 1      # C: no skip, so "STORE store x" finds x, as SORT itself does
        i += 1
    if store is not None:
        keys.append(store)
    return keys


def migrateGetKeys(cmd, argv, argc):
    """MIGRATE host port key|"" db timeout [options] [KEYS key ...]"""
    first = 3
    num = 1
    if argc > 6:
        for i in range(6, argc):
            if argv[i].ptr.lower() == b"keys" and len(argv[3].ptr) == 0:
                first = i + 1
                num = argc - first
                break
    return list(range(first, first + num))


def georadiusGetKeys(cmd, argv, argc):
    """GEORADIUS[BYMEMBER] key ... [STORE key] [STOREDIST key]; the last of the two counts."""
    stored_key = -1
    i = 5
    while i < argc:
        if argv[i].ptr.lower() in (b"store", b"storedist") and i + 1 < argc:
            stored_key = i + 1
            i += 1
        i += 1
    return [1] if stored_key == -1 else [1, stored_key]


def lcsGetKeys(cmd, argv, argc):
    """STRALGO LCS ... [KEYS key1 key2] ..."""
    for i in range(1, argc):
        arg = argv[i].ptr.lower()
        moreargs = argc - 1 - i
        if arg == b"strings":
            break
        if arg == b"keys" and moreargs >= 2:
            return [i + 1, i + 2]
    return []


def memoryGetKeys(cmd, argv, argc):
    """MEMORY USAGE key"""
    if argc >= 3 and argv[1].ptr.lower() == b"usage":
        return [2]
    return []


def xreadGetKeys(cmd, argv, argc):
    """XREAD[GROUP] [GROUP group consumer] [BLOCK ms] [COUNT n] [NOACK] STREAMS key ... id ..."""
    streams_pos = -1
    num = 0
    i = 1
    while i < argc:
        arg = argv[i].ptr.lower()
        if arg == b"block" or arg == b"count":
            i += 1
        elif arg == b"group":
            i += 2
        elif arg == b"noack":
            pass
        elif arg == b"streams":
            streams_pos = i        # the word itself; a group or a stream may be called like that too
            break
        else:
            break
        i += 1
    if streams_pos != -1:
        num = argc - streams_pos - 1
    if streams_pos == -1 or num == 0 or num % 2 != 0:
        return []
    num //= 2                      # one id for each key
    return list(range(streams_pos + 1, argc - num))


# ---------------------------------------------------------------------------
# Slot to Key API: which keys live in a hash slot.  server.cluster.slots_to_keys has a dict of keys for each slot that has
# any, in the order of their arrival (D-90).  C: a radix tree over slot and key, and a count for each slot.
# ---------------------------------------------------------------------------

def slotToKeyUpdateKey(key, add):
    """Note that `key` (bytes, shared with the keyspace) has come or gone."""
    hashslot = keyHashSlot(key)
    slots_to_keys = server.cluster.slots_to_keys
    keys = slots_to_keys[hashslot]
    if add:
        if keys is None:
            slots_to_keys[hashslot] = {key: None}
        else:
            keys[key] = None
    elif keys is not None:
        keys.pop(key, None)
        if not keys:
            slots_to_keys[hashslot] = None


def slotToKeyAdd(key):
    slotToKeyUpdateKey(key, 1)


def slotToKeyDel(key):
    slotToKeyUpdateKey(key, 0)


def freeSlotsToKeysMap(slots_to_keys, async_):
    if async_:
        freeSlotsToKeysMapAsync(slots_to_keys)


def slotToKeyFlush(async_):
    old = server.cluster.slots_to_keys
    server.cluster.slots_to_keys = [None] * CLUSTER_SLOTS
    freeSlotsToKeysMap(old, async_)


# A reshard asks for the first keys of one slot again and again, and moves them.  A dict keeps the holes, and each call
# would walk over all of them: so the dict is built anew when the walking has cost as much as that.
_getKeysInSlot_keys = None         # the dict that was asked for last
_getKeysInSlot_size = 0            # its greatest size since it was built
_getKeysInSlot_walked = 0          # holes that were walked over since then


def getKeysInSlot(hashslot, count):
    """Up to `count` keys of a slot -> list of robj."""
    global _getKeysInSlot_keys, _getKeysInSlot_size, _getKeysInSlot_walked
    keys = server.cluster.slots_to_keys[hashslot]
    if keys is None:
        return []
    if keys is not _getKeysInSlot_keys or len(keys) > _getKeysInSlot_size:
        _getKeysInSlot_keys, _getKeysInSlot_size, _getKeysInSlot_walked = keys, len(keys), 0
    _getKeysInSlot_walked += _getKeysInSlot_size - len(keys)
    if _getKeysInSlot_walked > 16 * len(keys):
        keys = server.cluster.slots_to_keys[hashslot] = dict.fromkeys(keys)
        _getKeysInSlot_keys, _getKeysInSlot_size, _getKeysInSlot_walked = keys, len(keys), 0
    return [createStringObject(key) for key in islice(keys, min(count, len(keys)))]


def delKeysInSlot(hashslot):
    """Delete all keys of a slot -> how many."""
    j = 0
    for key in list(server.cluster.slots_to_keys[hashslot] or ()):
        dbDelete(server.db[0], createStringObject(key))
        j += 1
    return j


def countKeysInSlot(hashslot):
    return len(server.cluster.slots_to_keys[hashslot] or ())
