"""replication_slave.py - a replica and its master.            Mirrors src/replication.c, lines 1456-3030 (6.2.14)

The transitions of server.repl_state.  Each arrow is one event of the loop; tests/unit/replication has the same table.

   NONE --REPLICAOF--> CONNECT --connectWithMaster--> CONNECTING --connected: PING--> RECEIVE_PING_REPLY
                          ^                                                                |  +PONG (or -NOAUTH)
                          |                                                          SEND_HANDSHAKE
     any error or timeout |                                        AUTH, REPLCONF port, ip, capa at once |
     (try again in 1 s)   |    RECEIVE_AUTH_REPLY <------------------------------------------------------'
                          |        -> RECEIVE_PORT_REPLY -> RECEIVE_IP_REPLY -> RECEIVE_CAPA_REPLY
                          |                                                          |
                          +-- RECEIVE_PSYNC_REPLY <---PSYNC <replid> <offset>--- SEND_PSYNC
                          |      |          |
                          |      |+CONTINUE |+FULLRESYNC, or SYNC with a master without PSYNC
                          |      |          `--> TRANSFER --RDB received and loaded--.
                          |      `--------------------> CONNECTED <------------------'
                          `---link lost, master is cached---'             REPLICAOF NO ONE: from anywhere to NONE

Called from  REPLICAOF [command]; ae: syncWithMaster, readSyncBulkPayload [read]; freeClient: the link is lost; replicationCron.
State        server.masterhost, master, cached_master, repl_state, repl_transfer_*, master_replid, master_initial_offset.
Invariant    server.master is set  <=>  CONNECTED.  repl_transfer_s belongs to us from CONNECTING to TRANSFER, to the
             client server.master after that.  master and cached_master are never both set.
Departures   C's gotos are functions: syncWithMaster_error.
"""
import os
import re
import sys
import time
from typing import TYPE_CHECKING

from ae.monotonic import unix_time
from datastructs.adlist import listEmpty
from datastructs.util import strtol, strtoll, to_llong
from persistence.aof import startAppendOnly, stopAppendOnly
from persistence.rdb import killRDBChild
from persistence.rdb_h import RDBFLAGS_REPLICATION
from persistence.rdb_load import rdbLoad, rdbLoadRio, startLoading, stopLoading
from persistence.rio import rio, rioFreeConn, rioInitWithConn, rioRead
from replication.replication_master import (
    bg_unlink, clearReplicationId2, createReplicationBacklog, freeReplicationBacklog, shiftReplicationId,
)
from server.bio import bioCreateCloseJob
from server.client.connection import (
    CONN_STATE_CONNECTED, connBlock, connClose, connConnect, connCreateSocket, connGetInfo, connGetLastError,
    connGetState, connNonBlock, connPeerToString, connRead, connRecvTimeout, connSetPrivateData, connSetReadHandler,
    connSetWriteHandler, connSyncReadLine, connSyncWrite, connWrite,
)
from server.client.networking import (
    catClientInfoString, clientHasPendingReplies, createClient, disconnectSlaves, freeClient, freeClientAsync,
    linkClient, readQueryFromClient, resetClient, sendReplyToClient, unlinkClient,
)
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyBulkCString, addReplyBulkLongLong, addReplyDeferredLen,
    addReplyError, addReplyLongLong, addReplySds, setDeferredArrayLen,
)
from server.client.syncio import sync_errno
from server.client.tls import connCreateTLS
from server.keyspace.db import (
    EMPTYDB_ASYNC, EMPTYDB_NO_FLAGS, backupDb, dbTotalServerKeyCount, discardDbBackup, emptyDb, restoreDbBackup,
    selectDb,
)
from server.log import serverAssert, serverLog
from server.object import getLongFromObjectOrReply
from server.os_process import setOOMScoreAdj
from server.server_h import (
    AOF_OFF, C_ERR, C_OK, CHILD_TYPE_RDB, CLIENT_CLOSE_AFTER_REPLY, CLIENT_CLOSE_ASAP, CLIENT_MASTER,
    CLIENT_MASTER_FORCE_REPLY, CLIENT_MULTI, CLIENT_PRE_PSYNC, CLIENT_SLAVE, CONFIG_RUN_ID_SIZE,
    FAILOVER_IN_PROGRESS, LL_NOTICE, LL_WARNING, NO_FAILOVER, PROTO_IOBUF_LEN, REPL_DISKLESS_LOAD_SWAPDB,
    REPL_DISKLESS_LOAD_WHEN_DB_EMPTY, REPL_STATE_CONNECT, REPL_STATE_CONNECTED, REPL_STATE_CONNECTING,
    REPL_STATE_NONE, REPL_STATE_RECEIVE_AUTH_REPLY, REPL_STATE_RECEIVE_CAPA_REPLY, REPL_STATE_RECEIVE_IP_REPLY,
    REPL_STATE_RECEIVE_PING_REPLY, REPL_STATE_RECEIVE_PORT_REPLY, REPL_STATE_RECEIVE_PSYNC_REPLY,
    REPL_STATE_SEND_HANDSHAKE, REPL_STATE_SEND_PSYNC, REPL_STATE_TRANSFER, SLAVE_STATE_ONLINE, SUPERVISED_SYSTEMD,
    rdbSaveInfo, server, shared,
)
from server.server_state import allPersistenceDisabled
from server.session.blocked import disconnectAllBlockedClients
from server.session.multi import discardTransaction
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.replication import abortFailover, clearFailoverState
    from server.server_process import redisCommunicateSystemd


# ----------------------------------- SLAVE --------------------------------


def slaveIsInHandshakeState():
    """Tell whether we talk with the master before it has answered PSYNC -> 1 or 0."""
    return REPL_STATE_RECEIVE_PING_REPLY <= server.repl_state <= REPL_STATE_RECEIVE_PSYNC_REPLY


_replicationSendNewlineToMaster_newline_sent = 0    # s, when the last newline was sent


def replicationSendNewlineToMaster():
    """Tell the master that we live while we empty or load the data set: one newline a second, at most.

    A single byte is sent whole or not at all, and is harmless protocol.
    """
    global _replicationSendNewlineToMaster_newline_sent
    now = unix_time()
    if now != _replicationSendNewlineToMaster_newline_sent:
        _replicationSendNewlineToMaster_newline_sent = now
        if server.repl_transfer_s is not None:
            connWrite(server.repl_transfer_s, b"\n")


def replicationEmptyDbCallback(privdata):
    if server.repl_state == REPL_STATE_TRANSFER:
        replicationSendNewlineToMaster()


def replicationCreateMasterClient(conn, dbid):
    """Make server.master, the client whose commands are the stream; with conn None only to be cached.

    `dbid`: the database that the stream has selected; -1 = it will begin with a SELECT.
    """
    server.master = createClient(conn)
    if conn is not None:
        connSetReadHandler(server.master.conn, readQueryFromClient)

    # CLIENT_DENY_BLOCKING is not set, as in C: a blocking command in the stream is a bug that should be noticed.
    server.master.flags |= CLIENT_MASTER
    server.master.authenticated = 1
    server.master.reploff = server.master_initial_offset
    server.master.read_reploff = server.master.reploff
    server.master.user = None                       # may call all commands
    server.master.replid = server.master_replid
    # We synced with SYNC: there are no offsets and no ACKs.
    if server.master.reploff == -1:
        server.master.flags |= CLIENT_PRE_PSYNC
    if dbid != -1:
        selectDb(server.master, dbid)


def restartAOFAfterSYNC():
    """Start the AOF again, which was stopped for the full resync.  Without it this replica may not go on."""
    max_tries = 10
    for _ in range(max_tries):
        if startAppendOnly() == C_OK:
            return
        serverLog(LL_WARNING, "Failed enabling the AOF after successful master synchronization! "
                              "Trying it again in one second.")
        time.sleep(1)
    serverLog(LL_WARNING, "FATAL: this replica instance finished the synchronization with its master, but the AOF "
                          "can't be turned on. Exiting now.")
    sys.exit(1)


def useDisklessLoad():
    """Tell whether the RDB is to be parsed from the socket, and not stored in a file first -> True or False."""
    return (server.repl_diskless_load == REPL_DISKLESS_LOAD_SWAPDB or
            (server.repl_diskless_load == REPL_DISKLESS_LOAD_WHEN_DB_EMPTY and dbTotalServerKeyCount() == 0))


def disklessLoadMakeBackup():
    return backupDb()


def disklessLoadRestoreBackup(backup):
    restoreDbBackup(backup)


def disklessLoadDiscardBackup(backup, flag):
    discardDbBackup(backup, flag, replicationEmptyDbCallback)


REPL_MAX_WRITTEN_BEFORE_FSYNC = 1024 * 1024 * 8     # bytes

_readSyncBulkPayload_eofmark = b""                  # 40 random bytes that mark the end of this transfer
_readSyncBulkPayload_lastbytes = b""                # the last 40 bytes received
_readSyncBulkPayload_usemark = 0                    # 1 = the length is not known, the EOF mark ends the file


def readSyncBulkPayload(conn):
    """Read handler in REPL_STATE_TRANSFER: take the RDB, and when it is complete load it, and become CONNECTED.

    By file: one piece of the socket a call.  Diskless: the first call after the length blocks until all is loaded;
    clients are served from inside of the loader.
    """
    use_diskless_load = useDisklessLoad()

    if server.repl_transfer_size == -1:
        readSyncBulkPayload_length(conn, use_diskless_load)
        return
    if not use_diskless_load and not readSyncBulkPayload_to_file(conn):
        return

    serverLog(LL_NOTICE, "MASTER <-> REPLICA sync: Flushing old data")

    # A child that rewrites the AOF shares its pages with us: emptying and loading would copy them all.
    if server.aof_state != AOF_OFF:
        stopAppendOnly()

    diskless_load_backup = None
    if use_diskless_load and server.repl_diskless_load == REPL_DISKLESS_LOAD_SWAPDB:
        diskless_load_backup = disklessLoadMakeBackup()
    # With a backup the databases are empty already, but a flush does more (WATCH, client-side caches).
    empty_db_flags = EMPTYDB_ASYNC if server.repl_slave_lazy_flush else EMPTYDB_NO_FLAGS
    emptyDb(-1, empty_db_flags, replicationEmptyDbCallback)

    # ORDER: remove this handler first, since the loader processes events.
    connSetReadHandler(conn, None)
    serverLog(LL_NOTICE, "MASTER <-> REPLICA sync: Loading DB in memory")
    rsi = rdbSaveInfo()
    ok = 0
    try:
        if use_diskless_load:
            ok = readSyncBulkPayload_from_socket(conn, rsi, diskless_load_backup, empty_db_flags)
        else:
            ok = readSyncBulkPayload_from_file(rsi)
    finally:
        # C: a bug in the loader would be a crash.  Here it is logged, and replicationCron tries again.
        if not ok and server.loading:
            stopLoading(0)
            cancelReplicationHandshake(0)
            emptyDb(-1, empty_db_flags, replicationEmptyDbCallback)
    if not ok:
        return

    replicationCreateMasterClient(server.repl_transfer_s, rsi.repl_stream_db)
    server.repl_state = REPL_STATE_CONNECTED
    server.repl_down_since = 0

    # Our history is the master's now, and we have no older one.
    server.replid = server.master.replid
    server.master_repl_offset = server.master.reploff
    clearReplicationId2()

    # A replica keeps a backlog even without replicas of its own: it may be promoted.
    if server.repl_backlog is None:
        createReplicationBacklog()
    serverLog(LL_NOTICE, "MASTER <-> REPLICA sync: Finished with success")

    if server.supervised_mode == SUPERVISED_SYSTEMD:
        redisCommunicateSystemd("STATUS=MASTER <-> REPLICA sync: Finished with success. Ready to accept connections "
                                "in read-write mode.\n")

    # After a diskless transfer the master waits for this ACK before it sends the stream.
    if _readSyncBulkPayload_usemark:
        replicationSendAck()

    if server.aof_enabled:
        restartAOFAfterSYNC()


def readSyncBulkPayload_length(conn, use_diskless_load):
    """Read "$<length>" or "$EOF:<mark>".  Newlines may precede it, while the master is creating the RDB."""
    global _readSyncBulkPayload_eofmark, _readSyncBulkPayload_lastbytes, _readSyncBulkPayload_usemark
    buf = connSyncReadLine(conn, 1024, server.repl_syncio_timeout * 1000)
    if buf is None:
        serverLog(LL_WARNING, "I/O error reading bulk count from MASTER: %s", os.strerror(sync_errno()))
        cancelReplicationHandshake(1)
        return

    if buf.startswith(b"-"):
        serverLog(LL_WARNING, "MASTER aborted replication with an error: %s", buf[1:])
        cancelReplicationHandshake(1)
    elif not buf:
        server.repl_transfer_lastio = server.unixtime
    elif not buf.startswith(b"$"):
        serverLog(LL_WARNING, "Bad protocol from MASTER, the first byte is not '$' (we received '%s'), are you sure "
                              "the host and port are right?", buf)
        cancelReplicationHandshake(1)
    elif buf.startswith(b"$EOF:") and len(buf) - 5 >= CONFIG_RUN_ID_SIZE:
        _readSyncBulkPayload_usemark = 1
        _readSyncBulkPayload_eofmark = buf[5:5 + CONFIG_RUN_ID_SIZE]
        _readSyncBulkPayload_lastbytes = b"\0" * CONFIG_RUN_ID_SIZE
        server.repl_transfer_size = 0               # 0 marks that the preamble has been read
        serverLog(LL_NOTICE, "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF %s",
                  "to parser" if use_diskless_load else "to disk")
    else:
        _readSyncBulkPayload_usemark = 0
        server.repl_transfer_size = strtol(buf[1:])[0]
        serverLog(LL_NOTICE, "MASTER <-> REPLICA sync: receiving %d bytes from master %s",
                  server.repl_transfer_size, "to parser" if use_diskless_load else "to disk")


def readSyncBulkPayload_to_file(conn):
    """Store one piece of the transfer -> 1 when the RDB is complete, 0: not yet, or the transfer was cancelled."""
    global _readSyncBulkPayload_lastbytes
    usemark = _readSyncBulkPayload_usemark
    if usemark:
        readlen = PROTO_IOBUF_LEN
    else:
        readlen = min(server.repl_transfer_size - server.repl_transfer_read, PROTO_IOBUF_LEN)

    buf = connRead(conn, readlen)
    if not buf:
        if connGetState(conn) == CONN_STATE_CONNECTED:
            return 0                                # EAGAIN
        serverLog(LL_WARNING, "I/O error trying to sync with MASTER: %s",
                  connGetLastError(conn) if buf is None else "connection lost")
        cancelReplicationHandshake(1)
        return 0
    nread = len(buf)
    server.stat_net_input_bytes += nread

    # Look for the mark only at the end of what was read: the master sends nothing after it.
    eof_reached = 0
    if usemark:
        if nread >= CONFIG_RUN_ID_SIZE:
            lastbytes = buf[-CONFIG_RUN_ID_SIZE:]
        else:
            lastbytes = _readSyncBulkPayload_lastbytes[nread:] + buf
        _readSyncBulkPayload_lastbytes = lastbytes
        if lastbytes == _readSyncBulkPayload_eofmark:
            eof_reached = 1

    server.repl_transfer_lastio = server.unixtime
    try:
        nwritten = os.write(server.repl_transfer_fd, buf)
        err = "short write"
    except OSError as e:
        nwritten = -1
        err = e.strerror
    if nwritten != nread:
        serverLog(LL_WARNING, "Write error or short write writing to the DB dump file needed for MASTER <-> REPLICA "
                              "synchronization: %s", err)
        cancelReplicationHandshake(1)
        return 0
    server.repl_transfer_read += nread

    # The mark is not part of the file.
    if eof_reached:
        try:
            os.ftruncate(server.repl_transfer_fd, server.repl_transfer_read - CONFIG_RUN_ID_SIZE)
        except OSError as e:
            serverLog(LL_WARNING, "Error truncating the RDB file received from the master for SYNC: %s", e.strerror)
            cancelReplicationHandshake(1)
            return 0

    # Sync piece by piece: a single sync at the end would take long.
    if server.repl_transfer_read >= server.repl_transfer_last_fsync_off + REPL_MAX_WRITTEN_BEFORE_FSYNC:
        os.fdatasync(server.repl_transfer_fd)       # rdb_fsync_range; sync_file_range(2) is not available here
        server.repl_transfer_last_fsync_off = server.repl_transfer_read

    if not usemark and server.repl_transfer_read == server.repl_transfer_size:
        eof_reached = 1
    return eof_reached


def readSyncBulkPayload_from_socket(conn, rsi, diskless_load_backup, empty_db_flags):
    """Load the RDB right from the socket -> 1, or 0 when that failed and the old state is back."""
    rdb = rio()
    rioInitWithConn(rdb, conn, server.repl_transfer_size)

    # The loader cannot wait in the event loop: make the socket blocking.
    connBlock(conn)
    connRecvTimeout(conn, server.repl_timeout * 1000)
    startLoading(server.repl_transfer_size, RDBFLAGS_REPLICATION)

    if rdbLoadRio(rdb, RDBFLAGS_REPLICATION, rsi) != C_OK:
        stopLoading(0)
        serverLog(LL_WARNING, "Failed trying to load the MASTER synchronization DB from socket")
        cancelReplicationHandshake(1)
        rioFreeConn(rdb)
        # The loaded data set is incomplete.  The AOF stays off until we are synced, or promoted.
        emptyDb(-1, empty_db_flags, replicationEmptyDbCallback)
        if diskless_load_backup is not None:
            disklessLoadRestoreBackup(diskless_load_backup)
        return 0

    if diskless_load_backup is not None:
        disklessLoadDiscardBackup(diskless_load_backup, empty_db_flags)

    if _readSyncBulkPayload_usemark:
        if rioRead(rdb, CONFIG_RUN_ID_SIZE) != _readSyncBulkPayload_eofmark:
            stopLoading(0)
            serverLog(LL_WARNING, "Replication stream EOF marker is broken")
            cancelReplicationHandshake(1)
            rioFreeConn(rdb)
            return 0

    stopLoading(1)
    rioFreeConn(rdb)
    connNonBlock(conn)
    connRecvTimeout(conn, 0)
    return 1


def readSyncBulkPayload_from_file(rsi):
    """Make the received file our RDB file, and load it -> 1 or 0."""
    # A child that saves our old data set would overwrite this file.
    if server.child_type == CHILD_TYPE_RDB:
        serverLog(LL_NOTICE, "Replica is about to load the RDB file received from the master, but there is a pending "
                             "RDB child running. Killing process %d and removing its temp file to avoid any race",
                  server.child_pid)
        killRDBChild()

    # ORDER: sync the file before it is renamed, see rdbSave.
    try:
        os.fsync(server.repl_transfer_fd)
    except OSError as e:
        serverLog(LL_WARNING, "Failed trying to sync the temp DB to disk in MASTER <-> REPLICA synchronization: %s",
                  e.strerror)
        cancelReplicationHandshake(1)
        return 0

    # An open descriptor of the old file keeps rename() from freeing its blocks; a bio thread does that.
    try:
        old_rdb_fd = os.open(server.rdb_filename, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        old_rdb_fd = -1
    try:
        os.rename(server.repl_transfer_tmpfile, server.rdb_filename)
    except OSError as e:
        serverLog(LL_WARNING, "Failed trying to rename the temp DB into %s in MASTER <-> REPLICA synchronization: %s",
                  server.rdb_filename, e.strerror)
        cancelReplicationHandshake(1)
        if old_rdb_fd != -1:
            os.close(old_rdb_fd)
        return 0
    if old_rdb_fd != -1:
        bioCreateCloseJob(old_rdb_fd)

    ok = rdbLoad(server.rdb_filename, rsi, RDBFLAGS_REPLICATION) == C_OK
    if not ok:
        serverLog(LL_WARNING, "Failed trying to load the MASTER synchronization DB from disk")
        cancelReplicationHandshake(1)
    if server.rdb_del_sync_files and allPersistenceDisabled():
        serverLog(LL_NOTICE, "Removing the RDB file obtained from the master. This replica has persistence disabled")
        bg_unlink(server.rdb_filename)
    if not ok:
        return 0                                    # the AOF stays off until we are synced, or promoted

    os.close(server.repl_transfer_fd)
    server.repl_transfer_fd = -1
    server.repl_transfer_tmpfile = None
    return 1


def receiveSynchronousResponse(conn):
    """Read one line of the master -> bytes; on error they start with "-"."""
    buf = connSyncReadLine(conn, 256, server.repl_syncio_timeout * 1000)
    if buf is None:
        return b"-Reading from master: " + os.strerror(sync_errno()).encode()
    server.repl_transfer_lastio = server.unixtime
    return buf


def sendCommandRaw(conn, cmd):
    """Send protocol -> None, or an error that starts with "-"."""
    if connSyncWrite(conn, cmd, server.repl_syncio_timeout * 1000) == -1:
        return b"-Writing to master: " + connGetLastError(conn).encode()
    return None


def sendCommand(conn, *args):
    """Send a command of the handshake -> None, or an error that starts with "-"."""
    return sendCommandArgv(conn, args)


def sendCommandArgv(conn, argv):
    cmd = b"*%d\r\n" % len(argv)
    for arg in argv:
        cmd += b"$%d\r\n%b\r\n" % (len(arg), arg)
    return sendCommandRaw(conn, cmd)


PSYNC_WRITE_ERROR = 0          # PSYNC could not be sent
PSYNC_WAIT_REPLY = 1           # come again with read_reply 1
PSYNC_CONTINUE = 2             # accepted: server.master was resurrected
PSYNC_FULLRESYNC = 3           # master_replid and master_initial_offset are set, the RDB follows
PSYNC_NOT_SUPPORTED = 4        # try the old SYNC
PSYNC_TRY_LATER = 5            # the master cannot sync now


def slaveTryPartialResynchronization(conn, read_reply):
    """Ask for the stream from where the cached master stopped -> PSYNC_*.

    In two calls: read_reply 0 sends PSYNC, read_reply 1 reads the answer (PSYNC_WAIT_REPLY: not here yet, come again).
    Without a cached master "PSYNC ? -1" asks for everything, and learns the replid and offset for the next time.
    Any other result but PSYNC_WAIT_REPLY has removed our read handler from the connection.
    """
    # --- Writing half
    if not read_reply:
        # -1: not known.  It stays -1 if the master supports only SYNC.
        server.master_initial_offset = -1

        if server.cached_master is not None:
            psync_replid = server.cached_master.replid
            psync_offset = b"%d" % to_llong(server.cached_master.reploff + 1)
            serverLog(LL_NOTICE, "Trying a partial resynchronization (request %s:%s).", psync_replid, psync_offset)
        else:
            serverLog(LL_NOTICE, "Partial resynchronization not possible (no cached master)")
            psync_replid = b"?"
            psync_offset = b"-1"

        if server.failover_state == FAILOVER_IN_PROGRESS:
            err = sendCommand(conn, b"PSYNC", psync_replid, psync_offset, b"FAILOVER")
        else:
            err = sendCommand(conn, b"PSYNC", psync_replid, psync_offset)
        if err is not None:
            serverLog(LL_WARNING, "Unable to send PSYNC to master: %s", err)
            connSetReadHandler(conn, None)
            return PSYNC_WRITE_ERROR
        return PSYNC_WAIT_REPLY

    # --- Reading half
    reply = receiveSynchronousResponse(conn)
    if not reply:
        return PSYNC_WAIT_REPLY                     # a newline: the master is busy, but alive

    connSetReadHandler(conn, None)

    if reply.startswith(b"+FULLRESYNC"):
        words = reply.split(b" ", 2)
        if len(words) < 3 or len(words[1]) != CONFIG_RUN_ID_SIZE:
            serverLog(LL_WARNING, "Master replied with wrong +FULLRESYNC syntax.")
            # Continue, but with an id that no master will ever accept.
            server.master_replid = b"\0" * CONFIG_RUN_ID_SIZE
        else:
            server.master_replid = words[1]
            server.master_initial_offset = strtoll(words[2])[0]
            serverLog(LL_NOTICE, "Full resync from master: %s:%d", server.master_replid, server.master_initial_offset)
        replicationDiscardCachedMaster()
        return PSYNC_FULLRESYNC

    if reply.startswith(b"+CONTINUE"):
        serverLog(LL_NOTICE, "Successful partial resynchronization with master.")

        # The master may have a new id: it was promoted meanwhile, or replicates from another master now.
        # The old id stays valid up to this offset, for our own replicas.
        new = re.match(rb"[^\r\n\0]*", reply[10:]).group()
        if len(new) == CONFIG_RUN_ID_SIZE and new != server.cached_master.replid:
            serverLog(LL_WARNING, "Master replication ID changed to %s", new)
            server.replid2 = server.cached_master.replid
            server.second_replid_offset = to_llong(server.master_repl_offset + 1)
            server.replid = new
            server.cached_master.replid = new
            disconnectSlaves()                      # they get the new id when they reconnect

        replicationResurrectCachedMaster(conn)

        # After a restart we have a cached master (from the RDB), but no backlog.
        if server.repl_backlog is None:
            createReplicationBacklog()
        return PSYNC_CONTINUE

    if reply.startswith(b"-NOMASTERLINK") or reply.startswith(b"-LOADING"):
        serverLog(LL_NOTICE, "Master is currently unable to PSYNC but should be in the future: %s", reply)
        return PSYNC_TRY_LATER

    if not reply.startswith(b"-ERR"):
        serverLog(LL_WARNING, "Unexpected reply to PSYNC from master: %s", reply)
    else:
        serverLog(LL_NOTICE, "Master does not support PSYNC or is in error state (reply: %s)", reply)
    replicationDiscardCachedMaster()
    return PSYNC_NOT_SUPPORTED


def syncWithMaster(conn):
    """Do one step of the handshake per call, from CONNECTING to RECEIVE_PSYNC_REPLY (see the picture above).

    Connect handler first, read handler afterwards.  Waits for the rest of a line that has begun, but for no new one.
    """
    # REPLICAOF NO ONE came while we were connecting.
    if server.repl_state == REPL_STATE_NONE:
        connClose(conn)
        return

    if connGetState(conn) != CONN_STATE_CONNECTED:
        serverLog(LL_WARNING, "Error condition on socket for SYNC: %s", connGetLastError(conn))
        syncWithMaster_error(conn)
        return

    if server.repl_state == REPL_STATE_CONNECTING:
        serverLog(LL_NOTICE, "Non blocking connect for SYNC fired the event.")
        # Wait only for the reply.
        connSetReadHandler(conn, syncWithMaster)
        connSetWriteHandler(conn, None)
        server.repl_state = REPL_STATE_RECEIVE_PING_REPLY
        # Send a PING first: a peer that accepts but never replies must be found before we wait for its RDB.
        err = sendCommand(conn, b"PING")
        if err is not None:
            syncWithMaster_write_error(conn, err)
        return

    if server.repl_state == REPL_STATE_RECEIVE_PING_REPLY:
        reply = receiveSynchronousResponse(conn)
        # A master that requires AUTH is alive, too.  Very old versions have an error without a code for that.
        if not reply.startswith((b"+", b"-NOAUTH", b"-NOPERM", b"-ERR operation not permitted")):
            serverLog(LL_WARNING, "Error reply to PING from master: '%s'", reply)
            syncWithMaster_error(conn)
            return
        serverLog(LL_NOTICE, "Master replied to PING, replication can continue...")
        server.repl_state = REPL_STATE_SEND_HANDSHAKE

    # Send all of them at once: this takes one round trip.
    if server.repl_state == REPL_STATE_SEND_HANDSHAKE:
        if server.masterauth is not None:
            args = [b"AUTH"]
            if server.masteruser is not None:
                args.append(os.fsencode(server.masteruser))
            args.append(server.masterauth)
            err = sendCommandArgv(conn, args)
            if err is not None:
                syncWithMaster_write_error(conn, err)
                return

        # Send our address, which INFO and ROLE of the master show (Sentinels read them).
        if server.slave_announce_port:
            port = server.slave_announce_port
        elif server.tls_replication and server.tls_port:
            port = server.tls_port
        else:
            port = server.port
        err = sendCommand(conn, b"REPLCONF", b"listening-port", b"%d" % port)
        if err is not None:
            syncWithMaster_write_error(conn, err)
            return
        if server.slave_announce_ip:
            err = sendCommand(conn, b"REPLCONF", b"ip-address", os.fsencode(server.slave_announce_ip))
            if err is not None:
                syncWithMaster_write_error(conn, err)
                return

        # eof: we can take an RDB without length.  psync2: we understand "+CONTINUE <new id>".
        err = sendCommand(conn, b"REPLCONF", b"capa", b"eof", b"capa", b"psync2")
        if err is not None:
            syncWithMaster_write_error(conn, err)
            return
        server.repl_state = REPL_STATE_RECEIVE_AUTH_REPLY
        return

    if server.repl_state == REPL_STATE_RECEIVE_AUTH_REPLY and server.masterauth is None:
        server.repl_state = REPL_STATE_RECEIVE_PORT_REPLY

    if server.repl_state == REPL_STATE_RECEIVE_AUTH_REPLY:
        reply = receiveSynchronousResponse(conn)
        if reply.startswith(b"-"):
            serverLog(LL_WARNING, "Unable to AUTH to MASTER: %s", reply)
            syncWithMaster_error(conn)
            return
        server.repl_state = REPL_STATE_RECEIVE_PORT_REPLY
        return

    # An error of a REPLCONF is ignored: old masters do not know all of them.
    if server.repl_state == REPL_STATE_RECEIVE_PORT_REPLY:
        reply = receiveSynchronousResponse(conn)
        if reply.startswith(b"-"):
            serverLog(LL_NOTICE, "(Non critical) Master does not understand REPLCONF listening-port: %s", reply)
        server.repl_state = REPL_STATE_RECEIVE_IP_REPLY
        return

    if server.repl_state == REPL_STATE_RECEIVE_IP_REPLY and not server.slave_announce_ip:
        server.repl_state = REPL_STATE_RECEIVE_CAPA_REPLY

    if server.repl_state == REPL_STATE_RECEIVE_IP_REPLY:
        reply = receiveSynchronousResponse(conn)
        if reply.startswith(b"-"):
            serverLog(LL_NOTICE, "(Non critical) Master does not understand REPLCONF ip-address: %s", reply)
        server.repl_state = REPL_STATE_RECEIVE_CAPA_REPLY
        return

    if server.repl_state == REPL_STATE_RECEIVE_CAPA_REPLY:
        reply = receiveSynchronousResponse(conn)
        if reply.startswith(b"-"):
            serverLog(LL_NOTICE, "(Non critical) Master does not understand REPLCONF capa: %s", reply)
        server.repl_state = REPL_STATE_SEND_PSYNC

    # Use PSYNC in any case: even with a full resync we get the replid and the offset for the next time.
    if server.repl_state == REPL_STATE_SEND_PSYNC:
        if slaveTryPartialResynchronization(conn, 0) == PSYNC_WRITE_ERROR:
            abortFailover("Write error to failover target")
            syncWithMaster_write_error(conn, b"Write error sending the PSYNC command.")
            return
        server.repl_state = REPL_STATE_RECEIVE_PSYNC_REPLY
        return

    if server.repl_state != REPL_STATE_RECEIVE_PSYNC_REPLY:
        serverLog(LL_WARNING, "syncWithMaster(): state machine error, state should be RECEIVE_PSYNC but is %d",
                  server.repl_state)
        syncWithMaster_error(conn)
        return

    psync_result = slaveTryPartialResynchronization(conn, 1)
    if psync_result == PSYNC_WAIT_REPLY:
        return

    # During our FAILOVER, this reply means that the other side is the master now.
    if server.failover_state == FAILOVER_IN_PROGRESS:
        if psync_result == PSYNC_CONTINUE or psync_result == PSYNC_FULLRESYNC:
            clearFailoverState()
        else:
            abortFailover("Failover target rejected psync request")
            return

    if psync_result == PSYNC_TRY_LATER:
        syncWithMaster_error(conn)
        return

    if psync_result == PSYNC_CONTINUE:
        serverLog(LL_NOTICE, "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.")
        if server.supervised_mode == SUPERVISED_SYSTEMD:
            redisCommunicateSystemd("STATUS=MASTER <-> REPLICA sync: Partial Resynchronization accepted. Ready to "
                                    "accept connections in read-write mode.\n")
        return

    # We get a new data set: our own replicas need it, too, and must not resync partially from our backlog.
    disconnectSlaves()
    freeReplicationBacklog()

    if psync_result == PSYNC_NOT_SUPPORTED:
        serverLog(LL_NOTICE, "Retrying with SYNC...")
        if connSyncWrite(conn, b"SYNC\r\n", server.repl_syncio_timeout * 1000) == -1:
            serverLog(LL_WARNING, "I/O error writing to MASTER: %s", os.strerror(sync_errno()))
            syncWithMaster_error(conn)
            return

    if not useDisklessLoad():
        err = ""
        for _ in range(5):
            tmpfile = "temp-%d.%d.rdb" % (server.unixtime, os.getpid())
            try:
                server.repl_transfer_fd = os.open(tmpfile, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o644)
                break
            except OSError as e:
                err = e.strerror
            time.sleep(1)
        if server.repl_transfer_fd == -1:
            serverLog(LL_WARNING, "Opening the temp file needed for MASTER <-> REPLICA synchronization: %s", err)
            syncWithMaster_error(conn)
            return
        server.repl_transfer_tmpfile = tmpfile

    if connSetReadHandler(conn, readSyncBulkPayload) == C_ERR:
        serverLog(LL_WARNING, "Can't create readable event for SYNC: %s (%s)", connGetLastError(conn),
                  connGetInfo(conn))
        syncWithMaster_error(conn)
        return

    server.repl_state = REPL_STATE_TRANSFER
    server.repl_transfer_size = -1
    server.repl_transfer_read = 0
    server.repl_transfer_last_fsync_off = 0
    server.repl_transfer_lastio = server.unixtime


def syncWithMaster_error(conn):
    """Give this attempt up; replicationCron makes the next one."""
    connClose(conn)
    server.repl_transfer_s = None
    if server.repl_transfer_fd != -1:
        os.close(server.repl_transfer_fd)
    server.repl_transfer_tmpfile = None
    server.repl_transfer_fd = -1
    server.repl_state = REPL_STATE_CONNECT


def syncWithMaster_write_error(conn, err):
    serverLog(LL_WARNING, "Sending command to master in replication handshake: %s", err)
    syncWithMaster_error(conn)


def connectWithMaster():
    """Start connecting -> C_OK, C_ERR; syncWithMaster goes on."""
    server.repl_transfer_s = connCreateTLS() if server.tls_replication else connCreateSocket()
    src_addr = server.bindaddr[0] if server.bindaddr_count else None            # NET_FIRST_BIND_ADDR
    if connConnect(server.repl_transfer_s, server.masterhost, server.masterport, src_addr, syncWithMaster) == C_ERR:
        serverLog(LL_WARNING, "Unable to connect to MASTER: %s", connGetLastError(server.repl_transfer_s))
        connClose(server.repl_transfer_s)
        server.repl_transfer_s = None
        return C_ERR

    server.repl_transfer_lastio = server.unixtime
    server.repl_state = REPL_STATE_CONNECTING
    serverLog(LL_NOTICE, "MASTER <-> REPLICA sync started")
    return C_OK


def undoConnectWithMaster():
    """Part of cancelReplicationHandshake."""
    connClose(server.repl_transfer_s)
    server.repl_transfer_s = None


def replicationAbortSyncTransfer():
    """Part of cancelReplicationHandshake."""
    serverAssert(server.repl_state == REPL_STATE_TRANSFER)
    undoConnectWithMaster()
    if server.repl_transfer_fd != -1:
        os.close(server.repl_transfer_fd)
        bg_unlink(server.repl_transfer_tmpfile)
        server.repl_transfer_tmpfile = None
        server.repl_transfer_fd = -1


def cancelReplicationHandshake(reconnect):
    """Stop connecting, the handshake or the transfer -> 1 (the state is CONNECT, or CONNECTING with `reconnect`),
    or 0 when there was nothing to stop."""
    if server.repl_state == REPL_STATE_TRANSFER:
        replicationAbortSyncTransfer()
        server.repl_state = REPL_STATE_CONNECT
    elif server.repl_state == REPL_STATE_CONNECTING or slaveIsInHandshakeState():
        undoConnectWithMaster()
        server.repl_state = REPL_STATE_CONNECT
    else:
        return 0

    if not reconnect:
        return 1

    # Connect at once instead of in the next replicationCron.
    serverLog(LL_NOTICE, "Reconnecting to MASTER %s:%d after failure", server.masterhost, server.masterport)
    connectWithMaster()
    return 1


def replicationSetMaster(ip, port):
    """Become a replica of that master, or of another one than before."""
    was_master = server.masterhost is None

    # ORDER: masterhost is None while the old link is closed, or closing it would start a reconnection.
    server.masterhost = None
    if server.master is not None:
        freeClient(server.master)
    disconnectAllBlockedClients()                   # a replica does not serve blocked clients
    server.masterhost = ip
    server.masterport = port

    setOOMScoreAdj(-1)

    # Our replicas must reconnect to get the new id; they may then resync partially.
    disconnectSlaves()
    cancelReplicationHandshake(0)
    # After a failover our history may be the beginning of the new master's: use it for a partial resync.
    if was_master:
        replicationDiscardCachedMaster()
        replicationCacheMasterUsingMyself()

    server.repl_state = REPL_STATE_CONNECT
    serverLog(LL_NOTICE, "Connecting to MASTER %s:%d", server.masterhost, server.masterport)
    connectWithMaster()


def replicationUnsetMaster():
    """Become a master."""
    if server.masterhost is None:
        return

    # ORDER: as in replicationSetMaster.
    server.masterhost = None
    if server.master is not None:
        freeClient(server.master)
    replicationDiscardCachedMaster()
    cancelReplicationHandshake(0)
    # ORDER: after freeClient(server.master), which sets the offset up to which both histories are equal.
    shiftReplicationId()
    # They reconnect at once, resync partially, and get the new id.
    disconnectSlaves()
    server.repl_state = REPL_STATE_NONE

    # After a partial resync the replica still has the database that our former master selected.
    server.slaveseldb = -1

    setOOMScoreAdj(-1)

    # Count repl-backlog-ttl from now, not from the time when our last replica disconnected while we were a replica.
    server.repl_no_slaves_since = server.unixtime

    server.repl_down_since = 0

    # A full resync had stopped the AOF, which was to be restarted at its end: restart it now.
    if server.aof_enabled and server.aof_state == AOF_OFF:
        restartAOFAfterSYNC()


def replicationHandleMasterDisconnection():
    """freeClient: the link with the master is gone.  Connect again at once."""
    server.master = None
    server.repl_state = REPL_STATE_CONNECT
    server.repl_down_since = server.unixtime
    # Keep our replicas connected: if we resync partially, they are not affected.
    if server.masterhost is not None:
        serverLog(LL_NOTICE, "Reconnecting to MASTER %s:%d", server.masterhost, server.masterport)
        connectWithMaster()


def replicaofCommand(c):
    """REPLICAOF host port | REPLICAOF NO ONE -> OK   [admin, noscript, stale]"""
    # In cluster mode only the cluster changes the roles.
    if server.cluster_enabled:
        addReplyError(c, b"REPLICAOF not allowed in cluster mode.")
        return

    if server.failover_state != NO_FAILOVER:
        addReplyError(c, b"REPLICAOF not allowed while failing over.")
        return

    if c.argv[1].ptr.lower() == b"no" and c.argv[2].ptr.lower() == b"one":
        if server.masterhost is not None:
            replicationUnsetMaster()
            serverLog(LL_NOTICE, "MASTER MODE enabled (user request from '%s')", catClientInfoString(b"", c))
    else:
        # A replica would be disconnected with our other replicas.
        if c.flags & CLIENT_SLAVE:
            addReplyError(c, b"Command is not valid when client is a replica.")
            return

        ok, port = getLongFromObjectOrReply(c, c.argv[2], None)
        if ok != C_OK:
            return

        host = os.fsdecode(c.argv[1].ptr.partition(b"\0")[0])
        if (server.masterhost is not None and server.masterhost.lower() == host.lower() and
                server.masterport == port):
            serverLog(LL_NOTICE, "REPLICAOF would result into synchronization with the master we are already connected "
                                 "with. No operation performed.")
            addReplySds(c, b"+OK Already connected to specified master\r\n")
            return
        replicationSetMaster(host, port)
        serverLog(LL_NOTICE, "REPLICAOF %s:%d enabled (user request from '%s')", server.masterhost, server.masterport,
                  catClientInfoString(b"", c))
    addReply(c, shared.ok)


def roleCommand(c):
    """ROLE -> array: "master", offset, [[ip, port, acknowledged offset], ...], or "slave", host, port, state, offset"""
    if server.masterhost is None:
        slaves = 0
        addReplyArrayLen(c, 3)
        addReplyBulkCBuffer(c, b"master")
        addReplyLongLong(c, server.master_repl_offset)
        mbcount = addReplyDeferredLen(c)
        ln = server.slaves.head
        while ln is not None:
            slave = ln.value
            ln = ln.next
            slaveaddr = slave.slave_addr
            if slaveaddr is None:
                ok, slaveaddr, _ = connPeerToString(slave.conn)
                if ok == -1:
                    continue
            if slave.replstate != SLAVE_STATE_ONLINE:
                continue
            addReplyArrayLen(c, 3)
            addReplyBulkCString(c, os.fsencode(slaveaddr))
            addReplyBulkLongLong(c, slave.slave_listening_port)
            addReplyBulkLongLong(c, slave.repl_ack_off)
            slaves += 1
        setDeferredArrayLen(c, mbcount, slaves)
    else:
        addReplyArrayLen(c, 5)
        addReplyBulkCBuffer(c, b"slave")
        addReplyBulkCString(c, os.fsencode(server.masterhost))
        addReplyLongLong(c, server.masterport)
        if slaveIsInHandshakeState():
            slavestate = b"handshake"
        elif server.repl_state == REPL_STATE_NONE:
            slavestate = b"none"
        elif server.repl_state == REPL_STATE_CONNECT:
            slavestate = b"connect"
        elif server.repl_state == REPL_STATE_CONNECTING:
            slavestate = b"connecting"
        elif server.repl_state == REPL_STATE_TRANSFER:
            slavestate = b"sync"
        elif server.repl_state == REPL_STATE_CONNECTED:
            slavestate = b"connected"
        else:
            slavestate = b"unknown"
        addReplyBulkCString(c, slavestate)
        addReplyLongLong(c, server.master.reploff if server.master is not None else -1)


def replicationSendAck():
    """Tell the master how far we are: REPLCONF ACK <offset>, the one thing that is ever said to it."""
    c = server.master
    if c is not None:
        c.flags |= CLIENT_MASTER_FORCE_REPLY
        addReplyArrayLen(c, 3)
        addReplyBulkCString(c, b"REPLCONF")
        addReplyBulkCString(c, b"ACK")
        addReplyBulkLongLong(c, c.reploff)
        c.flags &= ~CLIENT_MASTER_FORCE_REPLY

# ---------------------- MASTER CACHING FOR PSYNC --------------------------
#
# The client of a lost master is not freed but kept, without a connection: a partial resync needs its replid, its offset,
# its selected database and its ACL user.


def replicationCacheMaster(c):
    """freeClient(server.master): keep the client as server.cached_master, and handle the disconnection.

    What was received and not applied is dropped: it will be asked for again.
    """
    serverAssert(server.master is not None and server.cached_master is None)
    serverLog(LL_NOTICE, "Caching the disconnected master state.")

    unlinkClient(c)

    c.querybuf = b""
    c.qb_pos = 0
    c.pending_querybuf = bytearray()
    c.read_reploff = c.reploff
    # The offset does not advance inside of a transaction: the master will send the whole transaction again.
    if c.flags & CLIENT_MULTI:
        discardTransaction(c)
    listEmpty(c.reply)
    c.sentlen = 0
    c.reply_bytes = 0
    c.buf = bytearray()
    c.bufpos = 0
    resetClient(c)

    server.cached_master = server.master

    # Both refer to the closed connection.
    c.peerid = None
    c.sockname = None

    replicationHandleMasterDisconnection()


def replicationCacheMasterUsingMyself():
    """A master becomes a replica: pretend that our own stream was one we have read, up to our offset.

    If the new master was our replica (a failover), it knows our id as its second one, and lets us continue.
    """
    serverLog(LL_NOTICE, "Before turning into a replica, using my own master parameters to synthesize a cached master: "
                         "I may be able to synchronize with the new master with just a partial transfer.")

    server.master_initial_offset = server.master_repl_offset
    # The new master's stream begins with a SELECT.
    replicationCreateMasterClient(None, -1)
    server.master.replid = server.replid

    unlinkClient(server.master)
    server.cached_master = server.master
    server.master = None


def replicationDiscardCachedMaster():
    """There will be no partial resync with it any more."""
    if server.cached_master is None:
        return
    serverLog(LL_NOTICE, "Discarding previously cached master state.")
    server.cached_master.flags &= ~CLIENT_MASTER    # or freeClient would handle it as a lost link
    freeClient(server.cached_master)
    server.cached_master = None


def replicationResurrectCachedMaster(conn):
    """The master lets us continue: the cached client goes on, with this connection."""
    server.master = server.cached_master
    server.cached_master = None
    server.master.conn = conn
    connSetPrivateData(server.master.conn, server.master)
    server.master.flags &= ~(CLIENT_CLOSE_AFTER_REPLY | CLIENT_CLOSE_ASAP)
    server.master.authenticated = 1
    server.master.lastinteraction = server.unixtime
    server.repl_state = REPL_STATE_CONNECTED
    server.repl_down_since = 0

    linkClient(server.master)
    if connSetReadHandler(server.master.conn, readQueryFromClient) == C_ERR:
        serverLog(LL_WARNING, "Error resurrecting the cached master, impossible to add the readable handler: %s",
                  connGetLastError(conn))
        freeClientAsync(server.master)

    if clientHasPendingReplies(server.master):
        if connSetWriteHandler(server.master.conn, sendReplyToClient) == C_ERR:
            serverLog(LL_WARNING, "Error resurrecting the cached master, impossible to add the writable handler: %s",
                      connGetLastError(conn))
            freeClientAsync(server.master)
