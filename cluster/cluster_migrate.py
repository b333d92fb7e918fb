"""cluster_migrate.py - DUMP, RESTORE, MIGRATE.        Mirrors src/cluster.c 5038-5700 (6.2.14)

Lives here   the payload of DUMP: a value in RDB form, two bytes of version, eight of CRC-64; the commands.
Called from  the command table [command].
Calls out    rdbSaveObject, rdbLoadObject, crc64.
State        server.migrate_cached_sockets.
Departures   RESTORE takes payloads of RDB version 10 (Redis 7.0) too.
"""
import errno
import os

from ae.monotonic import mstime
from datastructs.crc64 import crc64
from datastructs.dict import (dictAdd, dictDelete, dictFetchValue, dictGetRandomKey, dictGetSafeIterator, dictNext,
                              dictReleaseIterator, dictSize)
from datastructs.util import atoi, to_llong
from persistence.rdb_h import RDB_VERSION, RDB_VERSION_READABLE
from persistence.rdb_load import BROKEN_VALUE, deep_validation, rdbLoadObject, rdbLoadObjectType
from persistence.rdb_save import rdbSaveObject, rdbSaveObjectType
from persistence.rio import rio, rioInitWithBuffer, rioWriteBulkCount, rioWriteBulkLongLong, rioWriteBulkString
from server.client.connection import (connBlockingConnect, connClose, connCreateSocket, connEnableTcpNoDelay,
                                      connSyncReadLine, connSyncWrite)
from server.client.networking import (redactClientCommandArgument, replaceClientCommandVector,
                                      rewriteClientCommandVector)
from server.client.networking_reply import (addReply, addReplyBulkSds, addReplyError, addReplyErrorFormat,
                                            addReplyErrorObject, addReplyNull, addReplyProto)
from server.client.syncio import sync_errno
from server.client.tls import connCreateTLS
from server.keyspace.db import (dbAdd, dbDelete, getExpire, lookupKeyRead, lookupKeyWrite, setExpire,
                                signalModifiedKey)
from server.keyspace.expire import checkAlreadyExpired
from server.keyspace.notify import notifyKeyspaceEvent
from server.keyspace.object_command import objectSetLRUOrLFU
from server.log import serverLog
from server.lru import LRU_CLOCK
from server.object import (createStringObject, getLongFromObjectOrReply, getLongLongFromObjectOrReply,
                           object_get_bytes)
from server.server_h import C_ERR, C_OK, LL_VERBOSE, NOTIFY_GENERIC, server, shared


# -----------------------------------------------------------------------------
# DUMP, RESTORE and MIGRATE commands
# -----------------------------------------------------------------------------


def createDumpPayload(payload, o, key):
    """Make `payload` a memory rio with the DUMP form of the value in payload.ptr."""
    rioInitWithBuffer(payload, bytearray())
    rdbSaveObjectType(payload, o)
    rdbSaveObject(payload, o, key)
    buf = payload.ptr
    buf += RDB_VERSION.to_bytes(2, "little")
    buf += crc64(0, bytes(buf)).to_bytes(8, "little")


def verifyDumpPayload(p):
    """Check version and checksum of a payload -> C_OK or C_ERR."""
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
    addReplyBulkSds(c, bytes(payload.ptr))


def restoreCommand(c):
    """RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency] -> status   [write, denyoom]"""
    lfu_freq = lru_idle = lru_clock = -1
    replace = absttl = 0
    j = 4
    while j < c.argc:
        additional = c.argc - j - 1
        opt = object_get_bytes(c.argv[j]).lower()
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

    data = object_get_bytes(c.argv[3])
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
        ttl = to_llong(ttl + mstime())
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
    type_ = rdbLoadObjectType(payload, int.from_bytes(data[-10:-8], "little"))
    if type_ == -1:
        return None
    try:
        obj, _ = rdbLoadObject(type_, payload, key)
    except BROKEN_VALUE as e:
        if not deep_validation():
            raise                                   # an assertion of C fails here: the caller reports the error
        serverLog(LL_VERBOSE, "RESTORE: payload of type %d is broken: %s", type_, e)
        return None
    return obj


# -----------------------------------------------------------------------------
# MIGRATE: the cache of connections to target instances
# -----------------------------------------------------------------------------

MIGRATE_SOCKET_CACHE_ITEMS = 64    # connections kept
MIGRATE_SOCKET_CACHE_TTL = 10      # seconds after which an unused connection is closed


class migrateCachedSocket:
    """A connection to a target; in server.migrate_cached_sockets under b"host:port"."""
    __slots__ = ("conn", "last_dbid", "last_use_time")

    def __init__(self, conn):
        self.conn = conn
        self.last_dbid = -1        # database selected there; -1 = not known
        self.last_use_time = server.unixtime  # s


def migrateGetSocket(c, host, port, timeout):
    """Return the cached or a new migrateCachedSocket to host:port, or None after an error reply."""
    name = host.ptr + b":" + port.ptr
    cs = dictFetchValue(server.migrate_cached_sockets, name)
    if cs is not None:
        cs.last_use_time = server.unixtime
        return cs
    if dictSize(server.migrate_cached_sockets) == MIGRATE_SOCKET_CACHE_ITEMS:
        de = dictGetRandomKey(server.migrate_cached_sockets)
        connClose(de.val.conn)
        dictDelete(server.migrate_cached_sockets, de.key)
    conn = connCreateTLS() if server.tls_cluster else connCreateSocket()
    if connBlockingConnect(conn, os.fsdecode(host.ptr.partition(b"\0")[0]), atoi(port.ptr), timeout) != C_OK:
        addReplyError(c, b"-IOERR error or timeout connecting to the client")
        connClose(conn)
        return None
    connEnableTcpNoDelay(conn)
    cs = migrateCachedSocket(conn)
    dictAdd(server.migrate_cached_sockets, name, cs)
    return cs


def migrateCloseSocket(host, port):
    """Close and forget the connection to host:port, if there is one."""
    name = host.ptr + b":" + port.ptr
    cs = dictFetchValue(server.migrate_cached_sockets, name)
    if cs is not None:
        connClose(cs.conn)
        dictDelete(server.migrate_cached_sockets, name)


def migrateCloseTimedoutSockets():
    """Close the connections that were not used for MIGRATE_SOCKET_CACHE_TTL seconds.  [cron]"""
    di = dictGetSafeIterator(server.migrate_cached_sockets)
    de = dictNext(di)
    while de is not None:
        if server.unixtime - de.val.last_use_time > MIGRATE_SOCKET_CACHE_TTL:
            connClose(de.val.conn)
            dictDelete(server.migrate_cached_sockets, de.key)
        de = dictNext(di)
    dictReleaseIterator(di)


# -----------------------------------------------------------------------------
# MIGRATE
# -----------------------------------------------------------------------------

class migrate_args:
    """Parsed arguments of MIGRATE."""
    __slots__ = ("copy", "replace", "username", "password", "timeout", "dbid", "first_key", "num_keys")

    def __init__(self):
        self.copy = 0
        self.replace = 0
        self.username = None       # bytes
        self.password = None       # bytes
        self.timeout = 0           # ms, for each read and write
        self.dbid = 0              # database at the target
        self.first_key = 3         # position of the first key in argv
        self.num_keys = 1


def migrateCommand_parse(c):
    """Parse the arguments -> migrate_args, or None after an error.  Passwords are redacted from the slow log."""
    a = migrate_args()
    j = 6
    while j < c.argc:
        moreargs = c.argc - 1 - j
        opt = c.argv[j].ptr.lower()
        if opt == b"copy":
            a.copy = 1
        elif opt == b"replace":
            a.replace = 1
        elif opt == b"auth" and moreargs >= 1:
            j += 1
            a.password = c.argv[j].ptr
            redactClientCommandArgument(c, j)
        elif opt == b"auth2" and moreargs >= 2:
            a.username = c.argv[j + 1].ptr
            a.password = c.argv[j + 2].ptr
            redactClientCommandArgument(c, j + 1)
            redactClientCommandArgument(c, j + 2)
            j += 2
        elif opt == b"keys":
            if c.argv[3].ptr:
                addReplyError(c, b"When using MIGRATE KEYS option, the key argument must be set to the empty string")
                return None
            a.first_key = j + 1
            a.num_keys = c.argc - j - 1
            break
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return None
        j += 1
    ok, a.timeout = getLongFromObjectOrReply(c, c.argv[5], None)
    if ok == C_OK:
        ok, a.dbid = getLongFromObjectOrReply(c, c.argv[4], None)
    if ok != C_OK:
        return None
    if a.timeout <= 0:
        a.timeout = 1000
    return a


def migrateCommand_request(c, a, keys, select):
    """Build what goes over the wire: AUTH, SELECT, a RESTORE a key -> (bytes, keys still alive)."""
    cmd = rio()
    rioInitWithBuffer(cmd, bytearray())
    if a.password is not None:
        rioWriteBulkCount(cmd, b"*", 3 if a.username is not None else 2)
        rioWriteBulkString(cmd, b"AUTH")
        if a.username is not None:
            rioWriteBulkString(cmd, a.username)
        rioWriteBulkString(cmd, a.password)
    if select:
        rioWriteBulkCount(cmd, b"*", 2)
        rioWriteBulkString(cmd, b"SELECT")
        rioWriteBulkLongLong(cmd, a.dbid)
    alive = []
    for key, o in keys:
        ttl = 0
        expireat = getExpire(c.db, key)
        if expireat != -1:
            ttl = expireat - mstime()
            if ttl < 0:                     # it has expired since it was looked up
                continue
            if ttl < 1:
                ttl = 1
        alive.append((key, o))
        rioWriteBulkCount(cmd, b"*", 5 if a.replace else 4)
        rioWriteBulkString(cmd, b"RESTORE-ASKING" if server.cluster_enabled else b"RESTORE")
        rioWriteBulkString(cmd, key.ptr)
        rioWriteBulkLongLong(cmd, ttl)
        payload = rio()
        createDumpPayload(payload, o, key)
        rioWriteBulkString(cmd, payload.ptr)
        if a.replace:
            rioWriteBulkString(cmd, b"REPLACE")
    return bytes(cmd.ptr), alive


def migrateCommand(c):
    """MIGRATE host port key|"" dbid timeout [COPY] [REPLACE] [AUTH password] [AUTH2 user password] [KEYS key ...]
    -> OK | NOKEY   [write, random]"""
    a = migrateCommand_parse(c)
    if a is None:
        return
    keys = []
    for key in c.argv[a.first_key:a.first_key + a.num_keys]:
        o = lookupKeyRead(c.db, key)
        if o is not None:
            keys.append((key, o))
    if not keys:                            # no error: keys expire
        addReplyProto(c, b"+NOKEY\r\n")
        return
    # A cached connection may have been closed: try once more, on a new one.
    if migrateCommand_try(c, a, keys, 1):
        migrateCommand_try(c, a, keys, 0)


def migrateCommand_try(c, a, keys, may_retry):
    """One attempt over one connection -> 1 to try again (nothing was processed), 0 when the reply is sent."""
    host, port = c.argv[1], c.argv[2]       # argv may be rewritten as DEL below
    cs = migrateGetSocket(c, host, port, a.timeout)
    if cs is None:
        return 0
    select = cs.last_dbid != a.dbid
    buf, keys = migrateCommand_request(c, a, keys, select)
    for pos in range(0, len(buf), 64 * 1024):
        chunk = buf[pos:pos + 64 * 1024]
        if connSyncWrite(cs.conn, chunk, a.timeout) != len(chunk):
            return migrateCommand_socket_err(c, host, port, b"writing", may_retry)
    auth_reply = select_reply = b""
    if a.password is not None:
        auth_reply = connSyncReadLine(cs.conn, 1024, a.timeout)
        if not auth_reply:
            return migrateCommand_socket_err(c, host, port, b"reading", may_retry)
    if select:
        select_reply = connSyncReadLine(cs.conn, 1024, a.timeout)
        if not select_reply:
            return migrateCommand_socket_err(c, host, port, b"reading", may_retry)

    error_from_target = socket_error = 0
    newargv = [createStringObject(b"DEL")]  # the propagated DEL: only keys whose transfer was confirmed
    for j, (key, _) in enumerate(keys):
        restore_reply = connSyncReadLine(cs.conn, 1024, a.timeout)
        if not restore_reply:
            socket_error = 1
            if not error_from_target and j == 0 and may_retry and sync_errno() != errno.ETIMEDOUT:
                return migrateCommand_socket_err(c, host, port, b"reading", may_retry)
            break
        error = next((r for r in (auth_reply, select_reply, restore_reply) if r[:1] == b"-"), None)
        if error is not None:
            if not error_from_target:
                cs.last_dbid = -1           # the selected database is not known
                error_from_target = 1
                addReplyErrorFormat(c, b"Target instance replied with error: %s", error[1:])
        elif not a.copy:
            dbDelete(c.db, key)
            signalModifiedKey(c, c.db, key)
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
            server.dirty += 1
            newargv.append(key)
    if socket_error:
        migrateCloseSocket(host, port)
    if len(newargv) > 1:
        replaceClientCommandVector(c, newargv)
    if error_from_target:
        return 0
    if socket_error:
        return migrateCommand_socket_err(c, host, port, b"reading", 0)
    cs.last_dbid = a.dbid
    addReply(c, shared.ok)
    return 0


def migrateCommand_socket_err(c, host, port, doing, may_retry):
    """The connection broke -> 1 to try again; 0 after the error reply."""
    timed_out = sync_errno() == errno.ETIMEDOUT
    migrateCloseSocket(host, port)
    if may_retry and not timed_out:
        return 1
    addReplyError(c, b"-IOERR error or timeout %s to target instance" % doing)
    return 0
