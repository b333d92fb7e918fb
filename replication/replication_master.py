"""replication_master.py - a master and its replicas.           Mirrors src/replication.c, lines 50-1455 (6.2.14)

Lives here   small helpers of all three parts; the backlog ring; the stream to the replicas; PSYNC and SYNC; REPLCONF;
             sending the RDB, from the file or from the child's pipe; the replication ids.
Called from  propagate() [command]; syncCommand, replconfCommand [command]; ae: sendBulkToSlave, rdbPipe* [write, read];
             backgroundSaveDoneHandler, replicationCron [cron].
Calls out    rdbSaveBackground, rdbSaveToSlavesSockets; addReplyProto into the replicas' buffers.
State        server.replid, replid2, master_repl_offset, second_replid_offset, slaveseldb, slaves, repl_backlog*;
             client.replstate, psync_initial_offset, repldb*; RDBGeneratedByReplication here.
Invariant    repl_backlog_off + repl_backlog_histlen == master_repl_offset + 1: the ring always ends with the last byte
             of the stream.  Replicas are never attached without a backlog.
             A replica's states: (client) -> WAIT_BGSAVE_START -> WAIT_BGSAVE_END -> SEND_BULK -> ONLINE
                                from disk; diskless skips SEND_BULK, and a partial resync goes to ONLINE at once.
Departures   a command is written as RESP once, and that string goes into the ring and into every buffer; C writes it
             piece by piece into each.  The bytes are the same.
"""
import os
from typing import TYPE_CHECKING

from ae.ae import AE_ERR, AE_READABLE, aeCreateFileEvent, aeDeleteFileEvent
from ae.anet import anetFormatAddr
from ae.monotonic import ustime
from datastructs.adlist import listAddNodeTail, listDelNode
from datastructs.sds import sdscatrepr
from datastructs.util import getRandomHexChars, to_llong
from persistence.rdb import killRDBChild, rdbPopulateSaveInfo, rdbSaveBackground, rdbSaveToSlavesSockets
from replication.script_cache import replicationScriptCacheFlush
from server.bio import bioCreateCloseJob
from server.client.connection import (
    CONN_STATE_CONNECTED, connDisableTcpNoDelay, connGetLastError, connGetPrivateData, connGetState,
    connHasWriteHandler, connPeerToString, connSetWriteHandler, connWrite,
)
from server.client.networking import (
    catClientInfoString, clientHasPendingReplies, freeClient, freeClientAsync, getClientPeerId, sendReplyToClient,
)
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyError, addReplyErrorFormat, addReplyErrorObject, addReplyProto,
    addReplySds, copyClientOutputBuffer,
)
from server.log import serverAssert, serverLog, serverPanic
from server.object import (
    createObject, getLongFromObjectOrReply, getLongLongFromObject, getLongLongFromObjectOrReply,
    getRangeLongFromObjectOrReply, object_get_bytes,
)
from server.server_h import (
    C_ERR, C_OK, CHILD_TYPE_RDB, CLIENT_CLOSE_AFTER_REPLY, CLIENT_LUA, CLIENT_PRE_PSYNC, CLIENT_REPL_RDBONLY,
    CLIENT_SLAVE, CLIENT_UNIX_SOCKET, CONFIG_REPL_BACKLOG_MIN_SIZE, CONFIG_RUN_ID_SIZE, LL_DEBUG, LL_NOTICE,
    LL_VERBOSE, LL_WARNING, NET_HOST_STR_LEN, NO_FAILOVER, OBJ_ENCODING_INT, OBJ_STRING, PROTO_IOBUF_LEN,
    PROTO_SHARED_SELECT_CMDS, RDB_CHILD_TYPE_DISK, RDB_CHILD_TYPE_SOCKET, REPL_STATE_CONNECTED, REPL_STATE_NONE,
    SLAVE_CAPA_EOF, SLAVE_CAPA_PSYNC2, SLAVE_STATE_ONLINE, SLAVE_STATE_SEND_BULK, SLAVE_STATE_WAIT_BGSAVE_END,
    SLAVE_STATE_WAIT_BGSAVE_START, server, shared,
)
from server.server_state import allPersistenceDisabled, hasActiveChildProcess
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.replication import refreshGoodSlavesCount
    from replication.replication_slave import replicationSendAck, replicationUnsetMaster
    from server.server_cron import checkChildrenDone

# 1 = the RDB file on disk was made only for a replica, see removeRDBUsedToSyncReplicas.
RDBGeneratedByReplication = 0

# --------------------------- Utility functions ----------------------------


def replicationGetSlaveName(c):
    """Name the replica as ip:port for the log, with the port it listens on, which is the one an operator knows it by."""
    addr = c.slave_addr
    if addr is None:
        ok, addr, _ = connPeerToString(c.conn)
        if ok == -1:
            return "client id #%d" % c.id
    if c.slave_listening_port:
        return anetFormatAddr(addr, c.slave_listening_port)
    return "%s:<unknown-replica-port>" % addr


def bg_unlink(filename):
    """unlink(2), and let a bio thread close the last descriptor, which is what takes long for a big file.

    -> 0, or -1 when there is no such file to unlink.
    """
    try:
        fd = os.open(filename, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        fd = -1
    try:
        os.unlink(filename)
    except OSError:
        if fd != -1:
            os.close(fd)
        return -1
    if fd != -1:
        bioCreateCloseJob(fd)
    return 0

# ---------------------------------- MASTER --------------------------------


def createReplicationBacklog():
    """Make an empty ring: the first byte it will hold is the next one of the stream."""
    serverAssert(server.repl_backlog is None)
    server.repl_backlog = bytearray(server.repl_backlog_size)
    server.repl_backlog_histlen = 0
    server.repl_backlog_idx = 0
    server.repl_backlog_off = to_llong(server.master_repl_offset + 1)


def resizeReplicationBacklog(newsize):
    """Take `newsize` bytes for the backlog, empty: copying the old one would cost time and twice the memory."""
    if newsize < CONFIG_REPL_BACKLOG_MIN_SIZE:
        newsize = CONFIG_REPL_BACKLOG_MIN_SIZE
    if server.repl_backlog_size == newsize:
        return
    server.repl_backlog_size = newsize
    if server.repl_backlog is not None:
        server.repl_backlog = bytearray(newsize)
        server.repl_backlog_histlen = 0
        server.repl_backlog_idx = 0
        server.repl_backlog_off = to_llong(server.master_repl_offset + 1)


def freeReplicationBacklog():
    serverAssert(server.slaves.len == 0)
    server.repl_backlog = None


def feedReplicationBacklog(p):
    """Append bytes to the ring, and count them in master_repl_offset: the two never move apart.  HOT

    Only with a backlog.  The oldest bytes are overwritten.
    """
    srv = server
    ring = srv.repl_backlog
    size = srv.repl_backlog_size
    idx = srv.repl_backlog_idx
    length = len(p)
    srv.master_repl_offset = to_llong(srv.master_repl_offset + length)
    histlen = srv.repl_backlog_histlen + length

    end = idx + length
    if end < size:                                  # the common case: no wrap
        ring[idx:end] = p
        idx = end
    else:
        view = memoryview(p)
        while view:
            thislen = min(size - idx, len(view))
            ring[idx:idx + thislen] = view[:thislen]
            idx += thislen
            if idx == size:
                idx = 0
            view = view[thislen:]

    srv.repl_backlog_idx = idx
    srv.repl_backlog_histlen = histlen = size if histlen > size else histlen
    srv.repl_backlog_off = srv.master_repl_offset - histlen + 1


def feedReplicationBacklogWithObject(o):
    feedReplicationBacklog(b"%d" % o.ptr if o.encoding == OBJ_ENCODING_INT else o.ptr)


def canFeedReplicaReplBuffer(replica):
    """Tell whether the stream belongs into the replica's buffer now -> 1 or 0.

    Not if it only wants the RDB; and not before its BGSAVE has begun, since what is written until then is in the RDB.
    """
    if replica.flags & CLIENT_REPL_RDBONLY:
        return 0
    if replica.replstate == SLAVE_STATE_WAIT_BGSAVE_START:
        return 0
    return 1


def replicationFeedSlaves(slaves, dictid, argv):
    """Send a write command to the ring and to all replicas, with a SELECT before it if the database changes.  HOT

    Only the top master makes a stream.  A replica passes on its master's, byte by byte
    (replicationFeedSlavesFromMasterStream), so that all of them share one id and one count of offsets.
    """
    if server.masterhost is not None:
        return

    if server.repl_backlog is None and slaves.len == 0:
        return

    # There are no replicas without a backlog.
    serverAssert(not (slaves.len != 0 and server.repl_backlog is None))

    if server.slaveseldb != dictid:
        if 0 <= dictid < PROTO_SHARED_SELECT_CMDS:
            selectcmd = shared.select[dictid]
        else:
            digits = b"%d" % dictid
            selectcmd = createObject(OBJ_STRING, b"*2\r\n$6\r\nSELECT\r\n$%d\r\n%b\r\n" % (len(digits), digits))

        if server.repl_backlog is not None:
            feedReplicationBacklogWithObject(selectcmd)

        ln = slaves.head
        while ln is not None:
            slave = ln.value
            ln = ln.next
            if not canFeedReplicaReplBuffer(slave):
                continue
            addReply(slave, selectcmd)
    server.slaveseldb = dictid

    # Append the command to the backlog, as RESP.
    if server.repl_backlog is not None:
        feedReplicationBacklog(b"*%d\r\n" % len(argv))
        for o in argv:
            s = object_get_bytes(o)
            feedReplicationBacklog(b"$%d\r\n" % len(s))
            feedReplicationBacklogWithObject(o)
            feedReplicationBacklog(b"\r\n")

    # The stream for replicas that wait for their RDB is kept in their output buffers.
    ln = slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        if not canFeedReplicaReplBuffer(slave):
            continue
        addReplyArrayLen(slave, len(argv))
        for o in argv:
            addReplyBulk(slave, o)


def showLatestBacklog():
    """Log the last bytes of the ring: something in the stream made a command fail, and there it must be."""
    if server.repl_backlog is None:
        return
    dumplen = min(256, server.repl_backlog_histlen)
    size = server.repl_backlog_size
    idx = (server.repl_backlog_idx + (size - dumplen)) % size
    dump = b""
    while dumplen:
        thislen = min(size - idx, dumplen)
        dump = sdscatrepr(dump, bytes(server.repl_backlog[idx:idx + thislen]))
        dumplen -= thislen
        idx = 0
    serverLog(LL_WARNING, "Latest backlog is: '%s'", dump)


def replicationFeedSlavesFromMasterStream(slaves, buf, buflen):
    """A replica hands on the first `buflen` bytes of `buf`, as its master sent them.  HOT"""
    data = buf[:buflen]
    if server.repl_backlog is not None:
        feedReplicationBacklog(data)
    ln = slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        if canFeedReplicaReplBuffer(slave):
            addReplyProto(slave, data)


def replicationFeedMonitors(c, monitors, dictid, argv):
    """Show one command to all clients in MONITOR mode."""
    if monitors is None or monitors.len == 0 or server.loading:
        return
    tv_sec, tv_usec = divmod(ustime(), 1000000)
    cmdrepr = b"+%d.%06d " % (tv_sec, tv_usec)
    if c.flags & CLIENT_LUA:
        cmdrepr += b"[%d lua] " % dictid
    elif c.flags & CLIENT_UNIX_SOCKET:
        cmdrepr += b"[%d unix:%s] " % (dictid, os.fsencode(server.unixsocket))
    else:
        cmdrepr += b"[%d %s] " % (dictid, getClientPeerId(c))
    words = []
    for o in argv:
        if o.encoding == OBJ_ENCODING_INT:
            words.append(b'"%d"' % o.ptr)
        else:
            words.append(sdscatrepr(b"", o.ptr))
    cmdobj = createObject(OBJ_STRING, cmdrepr + b" ".join(words) + b"\r\n")

    ln = monitors.head
    while ln is not None:
        monitor = ln.value
        ln = ln.next
        addReply(monitor, cmdobj)


def addReplyReplicationBacklog(c, offset):
    """Send the ring from `offset` of the stream to its end -> bytes sent.  The caller has tested that it is there."""
    size = server.repl_backlog_size
    histlen = server.repl_backlog_histlen
    serverLog(LL_DEBUG, "[PSYNC] Replica request offset: %d", offset)
    if histlen == 0:
        serverLog(LL_DEBUG, "[PSYNC] Backlog history len is zero")
        return 0
    serverLog(LL_DEBUG, "[PSYNC] Backlog size: %d", size)
    serverLog(LL_DEBUG, "[PSYNC] First byte: %d", server.repl_backlog_off)
    serverLog(LL_DEBUG, "[PSYNC] History len: %d", histlen)
    serverLog(LL_DEBUG, "[PSYNC] Current index: %d", server.repl_backlog_idx)

    # Number of bytes of the history that the replica has already.
    skip = offset - server.repl_backlog_off
    serverLog(LL_DEBUG, "[PSYNC] Skipping: %d", skip)

    # j: the index of the oldest byte in the ring, then that of the first byte to send.
    j = (server.repl_backlog_idx + (size - histlen)) % size
    serverLog(LL_DEBUG, "[PSYNC] Index of first byte: %d", j)
    j = (j + skip) % size

    length = histlen - skip
    serverLog(LL_DEBUG, "[PSYNC] Reply total length: %d", length)
    while length:                                   # twice at most: up to the ring's end, then from its start
        thislen = min(size - j, length)
        serverLog(LL_DEBUG, "[PSYNC] addReply() length: %d", thislen)
        addReplySds(c, bytes(server.repl_backlog[j:j + thislen]))
        length -= thislen
        j = 0
    return histlen - skip


def getPsyncInitialOffset():
    """Return the offset for a full resync.  It is right only between the fork and the next command that writes."""
    return server.master_repl_offset


def replicationSetupSlaveForFullResync(slave, offset):
    """From now on the replica collects the stream that follows `offset` -> C_OK, or C_ERR: it is about to be closed.

    To be called right after the fork, or for a replica that joins one under way, with the offset of the replica that
    it joins.
    """
    slave.psync_initial_offset = offset
    slave.replstate = SLAVE_STATE_WAIT_BGSAVE_END
    # The stream must begin with a SELECT, since this replica has received none.
    server.slaveseldb = -1

    # A client that used SYNC expects the bulk and nothing before it.
    if not slave.flags & CLIENT_PRE_PSYNC:
        buf = b"+FULLRESYNC %b %d\r\n" % (server.replid, offset)
        if connWrite(slave.conn, buf) != len(buf):
            freeClientAsync(slave)
            return C_ERR
    return C_OK


def masterTryPartialResynchronization(c, psync_offset):
    """Serve PSYNC <replid> <offset> from the ring -> C_OK (also when the client broke meanwhile), C_ERR: full resync.

    Granted if the replica shares our history, and the ring still has what it misses:

        replid == our replid,  or  replid == replid2 and offset <= second_replid_offset     (the history)
        repl_backlog_off  <=  offset  <=  repl_backlog_off + repl_backlog_histlen           (the ring)

    On C_ERR nothing has been replied: +FULLRESYNC must carry the offset at the time of the fork.
    """
    replid_arg = c.argv[1].ptr
    master_replid = replid_arg.lower()
    is_id1 = master_replid == server.replid
    is_id2 = master_replid == server.replid2

    if not is_id1 and (not is_id2 or psync_offset > server.second_replid_offset):
        # A replica sends "?" to ask for a full resync.
        if not master_replid.startswith(b"?"):
            if not is_id2:
                serverLog(LL_NOTICE, "Partial resynchronization not accepted: "
                                     "Replication ID mismatch (Replica asked for '%s', my "
                                     "replication IDs are '%s' and '%s')", replid_arg, server.replid, server.replid2)
            else:
                serverLog(LL_NOTICE, "Partial resynchronization not accepted: "
                                     "Requested offset for second ID was %d, but I can reply up to %d",
                          psync_offset, server.second_replid_offset)
        else:
            serverLog(LL_NOTICE, "Full resync requested by replica %s", replicationGetSlaveName(c))
        return C_ERR

    if (server.repl_backlog is None or psync_offset < server.repl_backlog_off or
            psync_offset > server.repl_backlog_off + server.repl_backlog_histlen):
        serverLog(LL_NOTICE, "Unable to partial resync with replica %s for lack of backlog (Replica request was: %d).",
                  replicationGetSlaveName(c), psync_offset)
        if psync_offset > server.master_repl_offset:
            serverLog(LL_WARNING, "Warning: replica %s tried to PSYNC with an offset that is greater than the master "
                                  "replication offset.", replicationGetSlaveName(c))
        return C_ERR

    c.flags |= CLIENT_SLAVE
    c.replstate = SLAVE_STATE_ONLINE
    c.repl_ack_time = server.unixtime
    c.repl_put_online_on_ack = 0
    listAddNodeTail(server.slaves, c)
    # ORDER: written directly, since the output buffer gets the stream from here on.  The socket's buffer is empty: syncCommand has
    # refused clients with pending replies.
    if c.slave_capa & SLAVE_CAPA_PSYNC2:
        buf = b"+CONTINUE %b\r\n" % server.replid
    else:
        buf = b"+CONTINUE\r\n"
    if connWrite(c.conn, buf) != len(buf):
        freeClientAsync(c)
        return C_OK
    psync_len = addReplyReplicationBacklog(c, psync_offset)
    serverLog(LL_NOTICE, "Partial resynchronization request from %s accepted. Sending %d bytes of backlog starting "
                         "from offset %d.", replicationGetSlaveName(c), psync_len, psync_offset)
    # slaveseldb is not reset: the replica still has the selected database.
    refreshGoodSlavesCount()
    return C_OK


def startBgsaveForReplication(mincapa):
    """Start the BGSAVE that all replicas in WAIT_BGSAVE_START wait for -> C_OK, C_ERR.

    `mincapa`: SLAVE_CAPA_* that all of them have; a stream without known length (diskless) needs SLAVE_CAPA_EOF.
    They are set up for the full resync; if no BGSAVE can be started they get an error, and are replicas no more.
    """
    global RDBGeneratedByReplication
    socket_target = server.repl_diskless_sync and mincapa & SLAVE_CAPA_EOF

    serverLog(LL_NOTICE, "Starting BGSAVE for SYNC with target: %s", "replicas sockets" if socket_target else "disk")

    # Without replication info in the file the replica would not know the selected database.
    rsi = rdbPopulateSaveInfo()
    if rsi is not None:
        if socket_target:
            retval = rdbSaveToSlavesSockets(rsi)
        else:
            retval = rdbSaveBackground(server.rdb_filename, rsi)
    else:
        serverLog(LL_WARNING, "BGSAVE for replication: replication information not available, can't generate the RDB "
                              "file right now. Try later.")
        retval = C_ERR

    # Only with the option on: otherwise the flag would never be reset.
    if retval == C_OK and not socket_target and server.rdb_del_sync_files:
        RDBGeneratedByReplication = 1

    if retval == C_ERR:
        serverLog(LL_WARNING, "BGSAVE for replication failed")
        ln = server.slaves.head
        while ln is not None:
            next_ = ln.next
            slave = ln.value
            if slave.replstate == SLAVE_STATE_WAIT_BGSAVE_START:
                slave.replstate = REPL_STATE_NONE
                slave.flags &= ~CLIENT_SLAVE
                listDelNode(server.slaves, ln)
                addReplyError(slave, b"BGSAVE failed, replication can't continue")
                slave.flags |= CLIENT_CLOSE_AFTER_REPLY
            ln = next_
        return retval

    # rdbSaveToSlavesSockets() has done this for its replicas.
    if not socket_target:
        ln = server.slaves.head
        while ln is not None:
            slave = ln.value
            ln = ln.next
            if slave.replstate == SLAVE_STATE_WAIT_BGSAVE_START:
                replicationSetupSlaveForFullResync(slave, getPsyncInitialOffset())

    # The new replicas do not have the scripts that were sent before.
    replicationScriptCacheFlush()
    return retval


def syncCommand(c):
    """PSYNC replid offset [FAILOVER] | SYNC -> +CONTINUE and the stream, or +FULLRESYNC, RDB and the stream   [admin]"""
    # The client is a replica already, or a monitor.
    if c.flags & CLIENT_SLAVE:
        return
    psync = c.argv[0].ptr.lower() == b"psync"

    # Our master fails over to us (see failoverCommand), and becomes our replica with this request.
    if psync and c.argc > 3 and c.argv[3].ptr.lower() == b"failover":
        serverLog(LL_WARNING, "Failover request received for replid %s.", c.argv[1].ptr)
        if server.masterhost is None:
            addReplyError(c, b"PSYNC FAILOVER can't be sent to a master.")
            return
        if c.argv[1].ptr.lower() == server.replid:
            replicationUnsetMaster()
            serverLog(LL_NOTICE, "MASTER MODE enabled (failover request from '%s')", catClientInfoString(b"", c))
        else:
            addReplyError(c, b"PSYNC FAILOVER replid must match my replid.")
            return

    if server.failover_state != NO_FAILOVER:
        addReplyError(c, b"-NOMASTERLINK Can't SYNC while failing over")
        return

    # A replica without a link to its master refuses: its data set may be stale or partial.
    if server.masterhost is not None and server.repl_state != REPL_STATE_CONNECTED:
        addReplyError(c, b"-NOMASTERLINK Can't SYNC while not connected with my master")
        return

    # The output buffer must hold only the stream, so that it can be copied to other replicas.
    if clientHasPendingReplies(c):
        addReplyError(c, b"SYNC and PSYNC are invalid with pending output")
        return

    serverLog(LL_NOTICE, "Replica %s asks for synchronization", replicationGetSlaveName(c))

    if psync:
        ok, psync_offset = getLongLongFromObjectOrReply(c, c.argv[2], None)
        if ok != C_OK:
            serverLog(LL_WARNING, "Replica %s asks for synchronization but with a wrong offset",
                      replicationGetSlaveName(c))
            return
        if masterTryPartialResynchronization(c, psync_offset) == C_OK:
            server.stat_sync_partial_ok += 1
            return
        # A replica that sent "?" did not want a partial resync, so do not count an error.
        if not c.argv[1].ptr.startswith(b"?"):
            server.stat_sync_partial_err += 1
    else:
        # A client that uses SYNC (redis-cli --replica, ...) sends no REPLCONF ACK; do not wait for any.
        c.flags |= CLIENT_PRE_PSYNC

    # From here on: full resynchronization.
    server.stat_sync_full += 1

    c.replstate = SLAVE_STATE_WAIT_BGSAVE_START
    if server.repl_disable_tcp_nodelay:
        connDisableTcpNoDelay(c.conn)               # an error is not critical
    c.repldbfd = -1
    c.flags |= CLIENT_SLAVE
    listAddNodeTail(server.slaves, c)

    # A new backlog begins a new history: replicas with our former ids must not resync partially.
    if server.slaves.len == 1 and server.repl_backlog is None:
        changeReplicationId()
        clearReplicationId2()
        createReplicationBacklog()
        serverLog(LL_NOTICE, "Replication backlog created, my new replication IDs are '%s' and '%s'",
                  server.replid, server.replid2)

    # Case 1: a BGSAVE to disk is in progress.
    if server.child_type == CHILD_TYPE_RDB and server.rdb_child_type == RDB_CHILD_TYPE_DISK:
        # We can use its file if another replica has been collecting the stream since the fork: then copy its output buffer.
        # A client with CLIENT_REPL_RDBONLY has no stream, and only suits another one with this flag.
        slave = None
        ln = server.slaves.head
        while ln is not None:
            candidate = ln.value
            ln = ln.next
            if (candidate.replstate == SLAVE_STATE_WAIT_BGSAVE_END and
                    (not candidate.flags & CLIENT_REPL_RDBONLY or c.flags & CLIENT_REPL_RDBONLY)):
                slave = candidate
                break
        # The RDB was made for the capabilities of that replica; c must have all of them.
        if slave is not None and c.slave_capa & slave.slave_capa == slave.slave_capa:
            if not c.flags & CLIENT_REPL_RDBONLY:
                copyClientOutputBuffer(c, slave)
            replicationSetupSlaveForFullResync(c, slave.psync_initial_offset)
            serverLog(LL_NOTICE, "Waiting for end of BGSAVE for SYNC")
        else:
            serverLog(LL_NOTICE, "Can't attach the replica to the current BGSAVE. Waiting for next BGSAVE for SYNC")

    # Case 2: a BGSAVE to sockets is in progress: its first part was sent already, so wait for the next one.
    elif server.child_type == CHILD_TYPE_RDB and server.rdb_child_type == RDB_CHILD_TYPE_SOCKET:
        serverLog(LL_NOTICE, "Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC")

    # Case 3: no BGSAVE is in progress.
    else:
        if server.repl_diskless_sync and c.slave_capa & SLAVE_CAPA_EOF and server.repl_diskless_sync_delay:
            # More replicas may arrive soon, and one child can serve all: replicationCron starts it.
            serverLog(LL_NOTICE, "Delay next BGSAVE for diskless SYNC")
        elif not hasActiveChildProcess():
            startBgsaveForReplication(c.slave_capa)
        else:
            serverLog(LL_NOTICE, "No BGSAVE in progress, but another BG operation is active. "
                                 "BGSAVE for replication delayed")


def replconfCommand(c):
    """REPLCONF option value [option value ...] -> OK, or nothing   [admin]

    From a replica before it asks for the stream: listening-port <port>, ip-address <ip> (as INFO shows it), capa
    <eof|psync2>, rdb-only <0|1> (no stream after the RDB).  After that: ack <offset>, without a reply.
    From a master: getack *, answered with an ack.
    """
    if c.argc % 2 == 0:
        addReplyErrorObject(c, shared.syntaxerr)
        return

    for j in range(1, c.argc, 2):
        option = c.argv[j].ptr.lower()
        if option == b"listening-port":
            ok, port = getLongFromObjectOrReply(c, c.argv[j + 1], None)
            if ok != C_OK:
                return
            c.slave_listening_port = port
        elif option == b"ip-address":
            addr = c.argv[j + 1].ptr
            if len(addr) < NET_HOST_STR_LEN:
                c.slave_addr = os.fsdecode(addr)
            else:
                addReplyErrorFormat(c, b"REPLCONF ip-address provided by replica instance is too long: %d bytes",
                                    len(addr))
                return
        elif option == b"capa":
            # Ignore unknown capabilities: newer replicas have more of them.
            capa = c.argv[j + 1].ptr.lower()
            if capa == b"eof":
                c.slave_capa |= SLAVE_CAPA_EOF
            elif capa == b"psync2":
                c.slave_capa |= SLAVE_CAPA_PSYNC2
        elif option == b"ack":
            if not c.flags & CLIENT_SLAVE:
                return
            ok, offset = getLongLongFromObject(c.argv[j + 1])
            if ok != C_OK:
                return
            if offset > c.repl_ack_off:
                c.repl_ack_off = offset
            c.repl_ack_time = server.unixtime
            # After a diskless transfer the first ACK means that the replica has found the end of the RDB.  It may
            # arrive before we notice that the child has exited.
            if server.child_type == CHILD_TYPE_RDB and c.replstate == SLAVE_STATE_WAIT_BGSAVE_END:
                checkChildrenDone()
            if c.repl_put_online_on_ack and c.replstate == SLAVE_STATE_ONLINE:
                putSlaveOnline(c)
            return
        elif option == b"getack":
            if server.masterhost is not None and server.master is not None:
                replicationSendAck()
            return
        elif option == b"rdb-only":
            ok, rdb_only = getRangeLongFromObjectOrReply(c, c.argv[j + 1], 0, 1, None)
            if ok != C_OK:
                return
            if rdb_only == 1:
                c.flags |= CLIENT_REPL_RDBONLY
            else:
                c.flags &= ~CLIENT_REPL_RDBONLY
        else:
            addReplyErrorFormat(c, b"Unrecognized REPLCONF option: %s", c.argv[j].ptr)
            return
    addReply(c, shared.ok)


def putSlaveOnline(slave):
    """The replica has its RDB: let the collected stream out to it.  It may be freed afterwards.

    Also for one that is ONLINE by name since a diskless transfer ended, and was waiting for its first ACK.
    """
    slave.replstate = SLAVE_STATE_ONLINE
    slave.repl_put_online_on_ack = 0
    slave.repl_ack_time = server.unixtime           # or it would time out at once

    if slave.flags & CLIENT_REPL_RDBONLY:
        serverLog(LL_NOTICE, "Close the connection with replica %s as RDB transfer is complete",
                  replicationGetSlaveName(slave))
        freeClientAsync(slave)
        return
    if connSetWriteHandler(slave.conn, sendReplyToClient) == C_ERR:
        serverLog(LL_WARNING, "Unable to register writable event for replica bulk transfer: %s",
                  connGetLastError(slave.conn))
        freeClient(slave)
        return
    refreshGoodSlavesCount()
    serverLog(LL_NOTICE, "Synchronization with replica %s succeeded", replicationGetSlaveName(slave))


def removeRDBUsedToSyncReplicas():
    """With rdb-del-sync-files and no persistence, remove the RDB that was made for a replica, if no replica needs it now."""
    global RDBGeneratedByReplication
    # Reset the flag when the option is switched off, or the file would be removed when it is switched on again much later.
    if not server.rdb_del_sync_files:
        RDBGeneratedByReplication = 0
        return

    if allPersistenceDisabled() and RDBGeneratedByReplication:
        ln = server.slaves.head
        while ln is not None:
            if ln.value.replstate in (SLAVE_STATE_WAIT_BGSAVE_START, SLAVE_STATE_WAIT_BGSAVE_END,
                                      SLAVE_STATE_SEND_BULK):
                return
            ln = ln.next
        if os.path.lexists(server.rdb_filename):
            RDBGeneratedByReplication = 0
            serverLog(LL_NOTICE, "Removing the RDB file used to feed replicas in a persistence-less instance")
            bg_unlink(server.rdb_filename)


def sendBulkToSlave(conn):
    """Write handler: send the next piece of the RDB file.  The replica may be freed."""
    slave = connGetPrivateData(conn)

    # Send the length first, "$<n>\r
    # ".
    if slave.replpreamble is not None:
        nwritten = connWrite(conn, slave.replpreamble)
        if nwritten == -1:
            serverLog(LL_VERBOSE, "Write error sending RDB preamble to replica: %s", connGetLastError(conn))
            freeClient(slave)
            return
        server.stat_net_output_bytes += nwritten
        slave.replpreamble = slave.replpreamble[nwritten:]
        if slave.replpreamble:
            return
        slave.replpreamble = None

    try:
        buf = os.pread(slave.repldbfd, PROTO_IOBUF_LEN, slave.repldboff)
        err = "premature EOF"
    except OSError as e:
        buf = b""
        err = e.strerror
    if not buf:
        serverLog(LL_WARNING, "Read error sending DB to replica: %s", err)
        freeClient(slave)
        return
    nwritten = connWrite(conn, buf)
    if nwritten == -1:
        if connGetState(conn) != CONN_STATE_CONNECTED:
            serverLog(LL_WARNING, "Write error sending DB to replica: %s", connGetLastError(conn))
            freeClient(slave)
        return
    slave.repldboff += nwritten
    server.stat_net_output_bytes += nwritten
    if slave.repldboff == slave.repldbsize:
        os.close(slave.repldbfd)
        slave.repldbfd = -1
        connSetWriteHandler(slave.conn, None)
        putSlaveOnline(slave)


def rdbPipeWriteHandlerConnRemoved(conn):
    """One replica less to wait for before the pipe is read on."""
    if not connHasWriteHandler(conn):
        return
    connSetWriteHandler(conn, None)
    slave = connGetPrivateData(conn)
    slave.repl_last_partial_write = 0
    server.rdb_pipe_numconns_writing -= 1
    if server.rdb_pipe_numconns_writing == 0:
        if aeCreateFileEvent(server.el, server.rdb_pipe_read, AE_READABLE, rdbPipeReadHandler, None) == AE_ERR:
            serverPanic("Unrecoverable error creating server.rdb_pipe_read file event.")


def rdbPipeWriteHandler(conn):
    """Write handler of a diskless transfer: this replica has room again for the rest of the piece."""
    serverAssert(server.rdb_pipe_bufflen > 0)
    slave = connGetPrivateData(conn)
    nwritten = connWrite(conn, server.rdb_pipe_buff[slave.repldboff:])
    if nwritten == -1:
        if connGetState(conn) == CONN_STATE_CONNECTED:
            return                                  # EAGAIN
        serverLog(LL_WARNING, "Write error sending DB to replica: %s", connGetLastError(conn))
        freeClient(slave)
        return
    slave.repldboff += nwritten
    server.stat_net_output_bytes += nwritten
    if slave.repldboff < server.rdb_pipe_bufflen:
        slave.repl_last_partial_write = server.unixtime
        return
    rdbPipeWriteHandlerConnRemoved(conn)


def rdbPipeReadHandler(eventLoop, fd, clientData, mask):
    """Pass on what the child has put into the pipe to all replicas of a diskless transfer.

    They go in step: as long as one of them has not taken the whole piece, the pipe is not read (and the child waits).
    """
    serverAssert(server.rdb_pipe_numconns_writing == 0)
    conns = server.rdb_pipe_conns

    while True:
        try:
            server.rdb_pipe_buff = os.read(fd, PROTO_IOBUF_LEN)
        except BlockingIOError:
            return
        except OSError as e:
            serverLog(LL_WARNING, "Diskless rdb transfer, read error sending DB to replicas: %s", e.strerror)
            for i in range(server.rdb_pipe_numconns):
                if conns[i] is not None:
                    freeClient(connGetPrivateData(conns[i]))
                    conns[i] = None
            killRDBChild()
            return
        bufflen = server.rdb_pipe_bufflen = len(server.rdb_pipe_buff)

        if bufflen == 0:
            # The child has closed its end.
            aeDeleteFileEvent(server.el, server.rdb_pipe_read, AE_READABLE)
            still_up = sum(conn is not None for conn in conns)
            serverLog(LL_WARNING, "Diskless rdb transfer, done reading from pipe, %d replicas still up.", still_up)
            # The child may exit now.  When it has been reaped, the replicas are put online, and the stream follows.
            os.close(server.rdb_child_exit_pipe)
            server.rdb_child_exit_pipe = -1
            return

        still_alive = 0
        for i in range(server.rdb_pipe_numconns):
            conn = conns[i]
            if conn is None:
                continue
            slave = connGetPrivateData(conn)
            nwritten = connWrite(conn, server.rdb_pipe_buff)
            if nwritten == -1:
                if connGetState(conn) != CONN_STATE_CONNECTED:
                    serverLog(LL_WARNING, "Diskless rdb transfer, write error sending DB to replica: %s",
                              connGetLastError(conn))
                    freeClient(slave)
                    conns[i] = None
                    continue
                slave.repldboff = 0                 # EAGAIN
            else:
                # UNIT: here repldboff is an offset in rdb_pipe_buff, not in the RDB.
                slave.repldboff = nwritten
                server.stat_net_output_bytes += nwritten
            if nwritten != bufflen:
                slave.repl_last_partial_write = server.unixtime
                server.rdb_pipe_numconns_writing += 1
                connSetWriteHandler(conn, rdbPipeWriteHandler)
            still_alive += 1

        if still_alive == 0:
            serverLog(LL_WARNING, "Diskless rdb transfer, last replica dropped, killing fork child.")
            killRDBChild()
        if server.rdb_pipe_numconns_writing or still_alive == 0:
            aeDeleteFileEvent(server.el, server.rdb_pipe_read, AE_READABLE)
            break


def updateSlavesWaitingBgsave(bgsaveerr, type_):
    """A saving child is gone: go on with the replicas that waited for it.

    `bgsaveerr` C_OK or C_ERR; `type_` RDB_CHILD_TYPE_* of the child.
    ORDER: this may be called from REPLCONF ACK of one of them, so no client is freed here at once.
    """
    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        if slave.replstate != SLAVE_STATE_WAIT_BGSAVE_END:
            continue

        if bgsaveerr != C_OK:
            freeClientAsync(slave)
            serverLog(LL_WARNING, "SYNC failed. BGSAVE child returned an error")
            continue

        if type_ == RDB_CHILD_TYPE_SOCKET:
            serverLog(LL_NOTICE, "Streamed RDB transfer with replica %s succeeded (socket). Waiting for REPLCONF ACK "
                                 "from slave to enable streaming", replicationGetSlaveName(slave))
            # The whole RDB was written to the socket, but the replica must still find its end, which is marked only by
            # 40 random bytes.  This is easy if no data follow them, so the stream is sent after its first ACK.
            slave.replstate = SLAVE_STATE_ONLINE
            slave.repl_put_online_on_ack = 1
            slave.repl_ack_time = server.unixtime   # the timeout starts now
        else:
            try:
                slave.repldbfd = os.open(server.rdb_filename, os.O_RDONLY)
                slave.repldbsize = os.fstat(slave.repldbfd).st_size
            except OSError as e:
                freeClientAsync(slave)
                serverLog(LL_WARNING, "SYNC failed. Can't open/stat DB after BGSAVE: %s", e.strerror)
                continue
            slave.repldboff = 0
            slave.replstate = SLAVE_STATE_SEND_BULK
            slave.replpreamble = b"$%d\r\n" % slave.repldbsize

            connSetWriteHandler(slave.conn, None)
            if connSetWriteHandler(slave.conn, sendBulkToSlave) == C_ERR:
                freeClientAsync(slave)


def changeReplicationId():
    """Start a new history: replicas that know the old id will have to resync in full, unless replid2 says otherwise."""
    server.replid = getRandomHexChars(CONFIG_RUN_ID_SIZE)


def clearReplicationId2():
    """Forget the older history: no replica can continue from another master's stream."""
    server.replid2 = b"0" * CONFIG_RUN_ID_SIZE
    server.second_replid_offset = -1


def shiftReplicationId():
    """A replica becomes a master: what it has from its master is the second history, and a new one begins.

    Replicas of the old master may continue with us up to the byte where the histories part.
    """
    server.replid2 = server.replid
    # A replica that has all our bytes asks for the next one, so that offset is valid, too.
    server.second_replid_offset = to_llong(server.master_repl_offset + 1)
    changeReplicationId()
    serverLog(LL_WARNING, "Setting secondary replication ID to %s, valid up to offset: %d. New replication ID is %s",
              server.replid2, server.second_replid_offset, server.replid)
