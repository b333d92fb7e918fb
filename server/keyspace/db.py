"""db.py - the keyspace: looking keys up, adding, replacing and deleting them.       Mirrors src/db.c (6.2.14)

Lives here   lookupKey*, dbAdd, setKey, dbDelete; emptyDb and the backup of a diskless load; hooks of a key change
             (signalModifiedKey, signalFlushedDb); the expires API (setExpire, getExpire, expireIfNeeded); the map from
             cluster slots to keys.
Parts        db_command.py (C 560-1230: the commands that work on any type), db_scan.py (C 700-960: SCAN and its
             relatives), db_getkeys.py (C 1560-1990: which arguments of a command are keys).
Called from  every command [command]; expire.c, evict.c [before, cron]; RDB and AOF loading [startup].
Calls out    datastructs.dict, notify, lazyfree, multi.touchWatchedKey, tracking, blocked.signalKeyAsReady.
State        server.db[].dict and .expires; with a cluster server.cluster.slots_to_keys.
Invariant    every key in db.expires is in db.dict. In cluster mode each key of db 0 stands in slots_to_keys once.
Departures   values are not counted by reference.
"""
from itertools import islice
from typing import TYPE_CHECKING

from ae.monotonic import mstime
from cluster.cluster_h import CLUSTER_SLOTS
from datastructs.dict import (
    dictCreate, dictAdd, dictFind, dictSize, dictDelete, dictUnlink, dictFreeUnlinkedEntry, dictAddOrFind,
    dictEmpty, dictGetFairRandomKey, DICT_OK,
)
from datastructs.util import to_llong
from server.log import serverAssert, serverAssertWithInfo
from server.server_h import (
    server, shared, redisDb, C_OK, C_ERR, CLIENT_MASTER, CMD_READONLY, MAXMEMORY_FLAG_LFU, NOTIFY_EXPIRED,
    NOTIFY_KEY_MISS, PROPAGATE_AOF, PROPAGATE_REPL, OBJ_STRING, OBJ_ENCODING_EMBSTR, OBJ_ENCODING_RAW,
)
from server.object import createStringObject, createRawStringObject, getDecodedObject
from server.client.networking import checkClientPauseTimeoutAndReturnIfPaused
from server.client.networking_reply import addReply, addReplyErrorObject
from server.keyspace.lazyfree import dbAsyncDelete, emptyDbAsync, freeObjAsync, freeSlotsToKeysMapAsync
from server.keyspace.notify import notifyKeyspaceEvent
from server.latency_samples import latencyAddSampleIfNeeded, latencyEndMonitor, latencyStartMonitor
from server.lru import LRU_CLOCK, LFUDecrAndReturn, LFUGetTimeInMinutes, LFULogIncr
from server.server_state import hasActiveChildProcess

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from cluster.cluster import keyHashSlot
    from server.keyspace.expire import rememberSlaveKeyWithExpire, flushSlaveKeysWithExpireList
    from server.server import propagate
    from server.session.blocked import signalKeyAsReady
    from server.session.multi import touchWatchedKey, touchAllWatchedKeysInDb
    from server.session.tracking import trackingInvalidateKey, trackingInvalidateKeysOnFlush

LOOKUP_NONE = 0
LOOKUP_NOTOUCH = 1 << 0      # do not update the access time
LOOKUP_NONOTIFY = 1 << 1     # no keymiss event

EMPTYDB_NO_FLAGS = 0
EMPTYDB_ASYNC = 1 << 0       # a bio thread frees the old data


class dbBackup:
    """The old data set, kept while a replica loads a new one in swapdb mode."""
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
    """The value at `key` or None, whatever its expire says.  Commands go through lookupKeyRead / lookupKeyWrite.  HOT"""
    de = dictFind(db.dict, key.ptr)
    if de is not None:
        val = de.val

        # While a child saves, updating the access time of each value read would copy the pages it shares with us.
        if not hasActiveChildProcess() and not flags & LOOKUP_NOTOUCH:
            if server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
                updateLFU(val)
            else:
                val.lru = LRU_CLOCK()
        return val
    return None


def lookupKeyReadWithFlags(db, key, flags):
    """Look up a key to read it: value or None.  Counts hits and misses, expires the key, sends the keymiss event.  HOT

    On a replica an expired key stays in the dict until the master deletes it, but readers already get None.
    """
    val = None
    expired = expireIfNeeded(db, key) == 1
    # A master has deleted the key.  A replica only hides it from clients that read, but never from
    # its master, nor from write commands (which must see the same data set as the master).
    if not expired or not (server.masterhost is None or (
            server.current_client is not None and server.current_client is not server.master and
            server.current_client.cmd is not None and server.current_client.cmd.flags & CMD_READONLY)):
        val = lookupKey(db, key, flags)
    if val is not None:
        server.stat_keyspace_hits += 1
        return val

    # keymiss
    if not flags & LOOKUP_NONOTIFY:
        notifyKeyspaceEvent(NOTIFY_KEY_MISS, b"keymiss", key, db.id)
    server.stat_keyspace_misses += 1
    return None


def lookupKeyRead(db, key):
    return lookupKeyReadWithFlags(db, key, LOOKUP_NONE)


def lookupKeyWriteWithFlags(db, key, flags):
    """Look up a key to change it: value or None.  Deletes it first if its time is over.  HOT"""
    expireIfNeeded(db, key)
    return lookupKey(db, key, flags)


def lookupKeyWrite(db, key):
    return lookupKeyWriteWithFlags(db, key, LOOKUP_NONE)


def SentReplyOnKeyMiss(c, reply):
    if reply.encoding != OBJ_ENCODING_RAW and reply.encoding != OBJ_ENCODING_EMBSTR:        # sdsEncodedObject
        serverAssert(0)
    rep = reply.ptr
    if len(rep) > 1 and rep[0] == 0x2d:     # '-': errors are counted
        addReplyErrorObject(c, reply)
    else:
        addReply(c, reply)


def lookupKeyReadOrReply(c, key, reply):
    o = lookupKeyRead(c.db, key)
    if o is None:
        SentReplyOnKeyMiss(c, reply)
    return o


def lookupKeyWriteOrReply(c, key, reply):
    o = lookupKeyWrite(c.db, key)
    if o is None:
        SentReplyOnKeyMiss(c, reply)
    return o


def dbAdd(db, key, val):
    """Add a key that must not exist yet.  Wakes clients blocked on it.  HOT"""
    retval = dictAdd(db.dict, key.ptr, val)
    retval == DICT_OK or serverAssertWithInfo(None, key, 0)
    signalKeyAsReady(db, key, val.type)
    if server.cluster_enabled:
        slotToKeyAdd(key.ptr)


def dbAddRDBLoad(db, key, val):
    """dbAdd for the RDB loader: `key` is bytes -> 1, or 0 when it exists already (the caller decides what that means)."""
    retval = dictAdd(db.dict, key, val)
    if retval != DICT_OK:
        return 0
    if server.cluster_enabled:
        slotToKeyAdd(key)
    return 1


def dbOverwrite(db, key, val):
    """Replace the value of a key that must exist; its expire stays.  HOT"""
    de = dictFind(db.dict, key.ptr)
    de is not None or serverAssertWithInfo(None, key, 0)
    old = de.val
    if server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
        val.lru = old.lru
    de.val = val                                                # dictSetVal

    if server.lazyfree_lazy_server_del:
        freeObjAsync(key, old)


def genericSetKey(c, db, key, val, keepttl, signal):
    """Set `key` to `val`, whatever its old value.  Removes the expire unless `keepttl`; touches watched keys if `signal`.  HOT

    `c` may be None when no client is behind the change.
    """
    if lookupKeyWrite(db, key) is None:
        dbAdd(db, key, val)
    else:
        dbOverwrite(db, key, val)
    if not keepttl:
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
                # A replica cannot delete expired keys: if all keys may be expired, stop looking for one that is not.
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
        # C: an sds can always be grown. Here a RAW value is bytes until it is first modified.
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

    # ORDER: touch the watched keys while they still exist.
    signalFlushedDb(dbnum, async_)
    removed = emptyDbStructure(server.db, dbnum, async_, callback)

    # A cluster has only db 0, so flush the whole slot map.
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
    """Save the data set in a backup and leave empty dbs -> dbBackup for restoreDbBackup or discardDbBackup."""
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
    """Mark WATCHing clients dirty and invalidate client-side caches: client `c`, or none (None), has changed a key.  HOT"""
    touchWatchedKey(db, key)
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
# Expires API
# ---------------------------------------------------------------------------

def removeExpire(db, key):
    """Make a key persistent -> 1, or 0 when it had no expire.  The key must exist."""
    dictFind(db.dict, key.ptr) is not None or serverAssertWithInfo(None, key, 0)
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
    ht0, ht1 = db.expires.ht
    if ht0.used + ht1.used == 0:                                # dictSize
        return -1
    de = dictFind(db.expires, key.ptr)
    if de is None:
        return -1
    dictFind(db.dict, key.ptr) is not None or serverAssertWithInfo(None, key, 0)
    return de.val


def deleteExpiredKeyAndPropagate(db, keyobj):
    """Delete an expired key here, on the replicas and in the AOF, and notify listeners."""
    expire_latency = latencyStartMonitor()
    if server.lazyfree_lazy_expire:
        dbAsyncDelete(db, keyobj)
    else:
        dbSyncDelete(db, keyobj)
    latencyAddSampleIfNeeded("expire-del", latencyEndMonitor(expire_latency))
    notifyKeyspaceEvent(NOTIFY_EXPIRED, b"expired", keyobj, db.id)
    signalModifiedKey(None, db, keyobj)
    propagateExpire(db, keyobj, server.lazyfree_lazy_expire)
    server.stat_expiredkeys += 1


def propagateExpire(db, key, lazy):
    """Send a DEL (UNLINK if `lazy`) for an expired key to replicas and AOF.

    Only the master decides when a key expires; since both streams keep the order of writes, all data sets agree with it.
    """
    argv = [shared.unlink if lazy else shared.del_, key]
    # The expire must be propagated regardless of the command being executed.
    prev_replication_allowed = server.replication_allowed
    server.replication_allowed = 1
    propagate(server.delCommand, db.id, argv, PROPAGATE_AOF | PROPAGATE_REPL)
    server.replication_allowed = prev_replication_allowed


def keyIsExpired(db, key):
    """Is the key's time over -> 1 or 0.  Changes nothing."""
    when = getExpire(db, key)
    if when < 0:
        return 0
    # Do not expire keys while an RDB or AOF is being loaded.
    if server.loading:
        return 0

    if server.lua_caller is not None:
        # A script sees the time of its start, so that a key cannot expire between two of its calls.
        now = server.lua_time_snapshot
    elif server.fixed_time_expire > 0:
        # A command sees the time of its start, since it may look up the same key twice.
        now = server.mstime
    else:
        now = mstime()
    return 1 if now > when else 0


def expireIfNeeded(db, key):
    """Called before a key is used -> 1 if it is expired, 0 if it is valid (or absent).

    A master deletes the key and propagates that. A replica, or a server with paused clients, only returns 1.
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
# Slot to Key API: which keys live in a hash slot.  server.cluster.slots_to_keys has a dict of keys for each slot that has
# any, in the order of their arrival (D-90).  C: a radix tree over slot and key, and a count for each slot.
# ---------------------------------------------------------------------------

def slotToKeyUpdateKey(key, add):
    """Update the slot's dict after `key` (bytes, shared with the keyspace) was added or removed."""
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


# Resharding gets the first keys of one slot again and again, and moves them.  The deleted keys leave holes in the dict, and each call
# would walk over all of them; so the dict is rebuilt when that walk has cost as much as a rebuild.
_getKeysInSlot_keys = None         # the dict of the last call
_getKeysInSlot_size = 0            # its maximum size since it was built
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
