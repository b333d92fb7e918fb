"""cluster_migrate.py - DUMP, RESTORE, MIGRATE.        Mirrors src/cluster.c 5038-5700 (6.2.14)

Lives here   the payload of DUMP: a value in RDB form, two bytes of version, eight of CRC-64; the commands.
Called from  the command table [command].
Calls out    rdbSaveObject, rdbLoadObject, crc64.
State        server.migrate_cached_sockets.
Departures   RESTORE takes payloads of RDB version 10 (Redis 7.0) too.
"""
from ae.monotonic import mstime
from datastructs.crc64 import crc64
from persistence.rdb_h import RDB_VERSION, RDB_VERSION_READABLE
from persistence.rdb_load import BROKEN_VALUE, deep_validation, rdbLoadObject, rdbLoadObjectType
from persistence.rdb_save import rdbSaveObject, rdbSaveObjectType
from persistence.rio import rio, rioInitWithBuffer
from server.client.networking import rewriteClientCommandVector
from server.client.networking_reply import (addReply, addReplyBulkSds, addReplyError, addReplyErrorFormat,
                                            addReplyErrorObject, addReplyNull)
from server.keyspace.db import dbAdd, dbDelete, lookupKeyRead, lookupKeyWrite, setExpire, signalModifiedKey
from server.keyspace.evict import LRU_CLOCK
from server.keyspace.expire import checkAlreadyExpired
from server.keyspace.notify import notifyKeyspaceEvent
from server.keyspace.object_command import objectSetLRUOrLFU
from server.log import serverLog
from server.object import getLongLongFromObjectOrReply, objectGetBytes
from server.server_h import C_ERR, C_OK, LL_VERBOSE, NOTIFY_GENERIC, server, shared

# -----------------------------------------------------------------------------
# DUMP, RESTORE and MIGRATE commands
# -----------------------------------------------------------------------------

def createDumpPayload(payload, o, key):
    """Make `payload` a memory rio with the DUMP form of the value in payload.wbuf."""
    rioInitWithBuffer(payload, b"")
    rdbSaveObjectType(payload, o)
    rdbSaveObject(payload, o, key)
    buf = payload.wbuf
    buf += RDB_VERSION.to_bytes(2, "little")
    buf += crc64(0, bytes(buf)).to_bytes(8, "little")


def verifyDumpPayload(p):
    """Are version and checksum of a payload right? C_OK, C_ERR."""
    if len(p) < 10:
        return C_ERR
    if int.from_bytes(p[-10:-8], "little") > RDB_VERSION_READABLE:
        return C_ERR
    if server.skip_checksum_validation:
        return C_OK
    return C_OK if crc64(0, p[:-8]).to_bytes(8, "little") == p[-8:] else C_ERR


def dumpCommand(c):
    """DUMP key -> payload or nil   [readonly, random, @keyspace]"""
    o = lookupKeyRead(c.db, c.argv[1])
    if o is None:
        addReplyNull(c)
        return
    payload = rio()
    createDumpPayload(payload, o, c.argv[1])
    addReplyBulkSds(c, bytes(payload.wbuf))


def restoreCommand(c):
    """RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency] -> status   [write, denyoom]"""
    lfu_freq = lru_idle = lru_clock = -1
    replace = absttl = 0
    j = 4
    while j < c.argc:
        additional = c.argc - j - 1
        opt = objectGetBytes(c.argv[j]).lower()
        if opt == b"replace":
            replace = 1
        elif opt == b"absttl":
            absttl = 1
        elif opt == b"idletime" and additional >= 1 and lfu_freq == -1:
            ok, lru_idle = getLongLongFromObjectOrReply(c, c.argv[j + 1], None)
            if ok != C_OK:
                return
            if lru_idle < 0:
                addReplyError(c, b"Invalid IDLETIME value, must be >= 0")
                return
            lru_clock = LRU_CLOCK()
            j += 1
        elif opt == b"freq" and additional >= 1 and lru_idle == -1:
            ok, lfu_freq = getLongLongFromObjectOrReply(c, c.argv[j + 1], None)
            if ok != C_OK:
                return
            if lfu_freq < 0 or lfu_freq > 255:
                addReplyError(c, b"Invalid FREQ value, must be >= 0 and <= 255")
                return
            j += 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
        j += 1

    key = c.argv[1]
    if not replace and lookupKeyWrite(c.db, key) is not None:
        addReplyErrorObject(c, shared.busykeyerr)
        return

    ok, ttl = getLongLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    if ttl < 0:
        addReplyError(c, b"Invalid TTL value, must be >= 0")
        return

    data = objectGetBytes(c.argv[3])
    if verifyDumpPayload(data) == C_ERR:
        addReplyError(c, b"DUMP payload version or checksum are wrong")
        return

    obj = restoreCommand_load(data, key.ptr)
    if obj is None:
        addReplyError(c, b"Bad data format")
        return

    deleted = 0
    if replace:
        deleted = dbDelete(c.db, key)

    if ttl and not absttl:
        ttl += mstime()
    if ttl and checkAlreadyExpired(ttl):
        if deleted:
            rewriteClientCommandVector(c, shared.del_, key)
            signalModifiedKey(c, c.db, key)
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
            server.dirty += 1
        addReply(c, shared.ok)
        return

    dbAdd(c.db, key, obj)
    if ttl:
        setExpire(c, c.db, key, ttl)
    objectSetLRUOrLFU(obj, lfu_freq, lru_idle, lru_clock, 1000)
    signalModifiedKey(c, c.db, key)
    notifyKeyspaceEvent(NOTIFY_GENERIC, b"restore", key, c.db.id)
    addReply(c, shared.ok)
    server.dirty += 1


def restoreCommand_load(data, key):
    """Return the value of a verified payload, or None."""
    payload = rio()
    rioInitWithBuffer(payload, data)
    type_ = rdbLoadObjectType(payload)
    if type_ == -1:
        return None
    try:
        obj, _ = rdbLoadObject(type_, payload, key)
    except BROKEN_VALUE as e:
        if not deep_validation():
            raise                                   # C runs into an assertion: leave the report to the caller
        serverLog(LL_VERBOSE, "RESTORE: payload of type %d is broken: %s", type_, e)
        return None
    return obj


def migrateCommand(c):
    """MIGRATE host port key|"" dbid timeout [COPY] [REPLACE] [AUTH ...] [KEYS key ...] -> status   [write, random]"""
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)
