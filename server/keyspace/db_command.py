"""db_command.py - the commands that work on keys of any type.     Mirrors src/db.c, "Type agnostic commands operating on the key space"

Lives here   FLUSHDB FLUSHALL DEL UNLINK EXISTS SELECT RANDOMKEY KEYS SCAN DBSIZE LASTSAVE TYPE SHUTDOWN RENAME RENAMENX
             MOVE COPY SWAPDB; dbSwapDatabases.
Called from  call [command]; replication_slave: dbSwapDatabases.
Calls out    the keyspace API (db.py), the types (COPY), rdbSave (FLUSHALL), prepareForShutdown.
Departures   values are not counted by reference; only where a value changes its key (RENAME, MOVE) an extra reference
             keeps the deletion of the old key from destroying it.
Extend       a new type: copyCommand.
"""
import sys
from typing import TYPE_CHECKING

from datastructs.dict import dictGetSafeIterator, dictNext, dictReleaseIterator, dictSize
from datastructs.util import stringmatchlen
from persistence.rdb import killRDBChild, rdbPopulateSaveInfo, rdbSave
from server.client.networking_reply import (
    addReply, addReplyBulk, addReplyDeferredLen, addReplyError, addReplyErrorObject, addReplyLongLong, addReplyNull,
    addReplyStatus, setDeferredArrayLen,
)
from server.keyspace.db import (
    dbAdd, dbDelete, dbRandomKey, dbSyncDelete, emptyDb, EMPTYDB_ASYNC, EMPTYDB_NO_FLAGS, expireIfNeeded, getExpire,
    keyIsExpired, LOOKUP_NOTOUCH, lookupKey, lookupKeyReadWithFlags, lookupKeyWrite, lookupKeyWriteOrReply, selectDb,
    setExpire, signalModifiedKey,
)
from server.keyspace.db_scan import getObjectTypeName, parseScanCursorOrReply, scanGenericCommand
from server.keyspace.lazyfree import dbAsyncDelete
from server.keyspace.notify import notifyKeyspaceEvent
from server.object import createStringObject, dupStringObject, getIntFromObjectOrReply
from server.server_h import (
    C_ERR, C_OK, CHILD_TYPE_RDB, NOTIFY_GENERIC, OBJ_HASH, OBJ_LIST, OBJ_SET, OBJ_STREAM, OBJ_STRING, OBJ_ZSET, server,
    shared, SHUTDOWN_NOSAVE, SHUTDOWN_SAVE,
)
from server.session.blocked import signalKeyAsReady
from server.session.multi import touchAllWatchedKeysInDb
from server.types.t_hash import hashTypeDup
from server.types.t_list import listTypeDup
from server.types.t_set import setTypeDup
from server.types.t_stream import streamDup
from server.types.t_zset import zsetDup
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.server import prepareForShutdown


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
        # Restore dirty, which rdbSave clears, or this FLUSHALL would not be propagated to AOF and replicas.
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

    # dbAdd signals keys when they are created; after a swap the keys that clients wait for must be searched.
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
