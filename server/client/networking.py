"""networking.py - clients: made, read, parsed, written, freed.    Mirrors src/networking.c (6.2.14), its parts in this order:

                 networking.py           createClient ... processInputBuffer, readQueryFromClient; client lists; limits; pause
                 networking_reply.py     addReply* and the output buffers
                 networking_client.py    CLIENT, HELLO, RESET
                 networking_threads.py   IO threads
Called from  ae through connection.py [accept, read, write]; beforeSleep [before]; clientsCron [cron].
Calls out    server.processCommand; upward, to remove a freed client from other tables (blocked, multi, pubsub, replication).
State        server.clients, clients_index, clients_pending_write, clients_to_close, current_client; client.
Invariant    after C_ERR from processCommandAndResetClient, writeToClient or a handler the client may be freed.
             server.current_client is the client whose command runs; unlinkClient sets it to None.
Departures   querybuf is `bytes` most of the time, and a bytearray only while a big argument is received: it
             is emptied by assignment, never changed in place.  Parsing outcomes: C_OK = a command is in argv, C_ERR = more
             to read, or a protocol error (then CLIENT_CLOSE_AFTER_REPLY is set).
             processCommandAndResetClient catches exceptions of a command: bug report in the log, error to the client.
"""
import errno
import os
from errno import EWOULDBLOCK
from threading import Lock
from typing import TYPE_CHECKING

from ae.ae import (
    AE_CALL_AFTER_SLEEP, AE_CALL_BEFORE_SLEEP, AE_DONT_WAIT, AE_FILE_EVENTS, aeProcessEvents,
)
from ae.anet import ANET_ERR, FD_TO_PEER_NAME, FD_TO_SOCK_NAME, anetCloexec, anet_errno, anetTcpAccept, anetUnixAccept
from datastructs.adlist import (
    listAddNodeTail, listCreate, listDelNode, listNode, listRelease, listSearchKey, listSetFreeMethod, listSetMatchMethod,
    list_link_node_head,
)
from datastructs.dict import dictCreate, dictRelease, dictSize
from datastructs.rax import raxFind, raxInsert, raxNotFound, raxRemove
from datastructs.sds import sdscatrepr, sdsMakeRoomFor, sdssplitargs
from datastructs.util import string2ll, to_llong
from server.client.connection import (
    CONN_STATE_ACCEPTING, CONN_STATE_CONNECTED, CONN_STATE_ERROR, connAccept, connClose, connCreateAcceptedSocket,
    connEnableTcpNoDelay, connFormatFdAddr, connGetInfo, connGetLastError, connGetPrivateData, connGetState,
    connHasReadHandler, connHasWriteHandler, connKeepAlive, connNonBlock, connPeerToString, connRead, connSetPrivateData,
    connSetReadHandler, connSetWriteHandler, connSetWriteHandlerWithBarrier, connWrite,
)
from server.client.gopher import processGopherRequest
from server.client.networking_reply import (
    addReplyError, addReplyErrorFormat, clientInstallWriteHandler,
)
from server.client.tls import connCreateAcceptedTLS
from server.command_lookup import lookupCommandOrOriginal
from server.dict_types import objectKeyHeapPointerValueDictType, objectKeyPointerValueDictType
from server.log import command_raised, integrity_failure, serverAssert, serverAssertWithInfo, serverLog, serverPanic
from server.object import createObject, createStringObject, equalStringObjects
from server.server_h import (
    AOF_FSYNC_ALWAYS, AOF_ON, BLOCKED_NONE, C_ERR, C_OK, CHILD_TYPE_RDB, CLIENT_ASKING, CLIENT_BLOCKED,
    CLIENT_CLOSE_AFTER_REPLY, CLIENT_CLOSE_ASAP, CLIENT_DIRTY_CAS, CLIENT_LUA, CLIENT_MASTER, CLIENT_MONITOR,
    CLIENT_MULTI, CLIENT_PAUSE_OFF, CLIENT_PENDING_COMMAND, CLIENT_PENDING_READ, CLIENT_PENDING_WRITE, CLIENT_PROTECTED,
    CLIENT_PROTOCOL_ERROR, CLIENT_PUBSUB, CLIENT_READONLY, CLIENT_REPLY_SKIP, CLIENT_REPLY_SKIP_NEXT, CLIENT_SLAVE,
    CLIENT_TRACKING, CLIENT_TRACKING_BCAST, CLIENT_TRACKING_BROKEN_REDIR, CLIENT_TRACKING_CACHING, CLIENT_TYPE_MASTER,
    CLIENT_TYPE_NORMAL, CLIENT_TYPE_PUBSUB, CLIENT_TYPE_SLAVE, CLIENT_UNBLOCKED, CLIENT_UNIX_SOCKET, LL_VERBOSE,
    LL_WARNING, NET_MAX_WRITES_PER_EVENT, OBJ_ENCODING_EMBSTR, OBJ_ENCODING_RAW, OBJ_STRING,
    PROTO_INLINE_MAX_SIZE, PROTO_IOBUF_LEN, PROTO_MBULK_BIG_ARG, PROTO_REQ_INLINE, PROTO_REQ_MULTIBULK,
    RDB_CHILD_TYPE_DISK, REPL_STATE_NONE, SLAVE_STATE_ONLINE, SLAVE_STATE_SEND_BULK, SLAVE_STATE_WAIT_BGSAVE_END,
    USER_FLAG_DISABLED, USER_FLAG_NOPASS, client, clientReplyBlock, server, shared,
)
from server.server_state import updateCachedTime
from server.zmalloc import zmalloc_size, zmalloc_used_memory
from server.zmalloc_estimate import ZMALLOC_BLOCK_BYTES, forget_estimate
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from cluster.cluster_bus import getClusterConnectionsCount
    from cluster.cluster_command import askingCommand
    from persistence.rdb import killRDBChild
    from replication.replication import refreshGoodSlavesCount
    from replication.replication_master import (
        rdbPipeWriteHandlerConnRemoved, replicationFeedSlavesFromMasterStream, replicationGetSlaveName,
    )
    from replication.replication_slave import replicationCacheMaster, replicationHandleMasterDisconnection
    from server.client.networking_client import clientCommand
    from server.client.networking_threads import postponeClientRead
    from server.keyspace.db import selectDb
    from server.server import processCommand
    from server.server_cron import whileBlockedCron
    from server.session.acl import DefaultUser
    from server.session.blocked import unblockClient
    from server.session.multi import freeClientMultiState, initClientMultiState, unwatchAllKeys
    from server.session.pubsub import pubsubUnsubscribeAllChannels, pubsubUnsubscribeAllPatterns
    from server.session.tracking import disableTracking

ProcessingEventsWhileBlocked = 0       # 1 inside processEventsWhileBlocked

# Memory of a block of c.reply besides its bytes: listNode, clientReplyBlock, bytearray, its storage and an int, as zmalloc's
# gauge of small blocks counts them, and the rest of malloc (measured: 12 to 43 bytes).  Eviction subtracts the output
# buffers of replicas from used_memory, so this figure must be right.
LIST_ITEM_SIZE = 5 * int(ZMALLOC_BLOCK_BYTES) + 24


def sdsZmallocSize(s):
    """Return the memory of a string in bytes, with its headers."""
    return zmalloc_size(s)


def getStringObjectSdsUsedMemory(o):
    """Return the bytes that the string of a string object takes; 0 for an integer."""
    serverAssertWithInfo(None, o, o.type == OBJ_STRING)
    if o.encoding == OBJ_ENCODING_RAW or o.encoding == OBJ_ENCODING_EMBSTR:
        return zmalloc_size(o.ptr)
    return 0


def getStringObjectLen(o):
    """Return the bytes in a string object; 0 for an integer."""
    if o.type != OBJ_STRING:
        serverAssertWithInfo(None, o, o.type == OBJ_STRING)
    if o.encoding == OBJ_ENCODING_RAW or o.encoding == OBJ_ENCODING_EMBSTR:
        return len(o.ptr)
    return 0


def dupClientReplyValue(o):
    """Copy a node of client.reply."""
    buf = clientReplyBlock()
    buf.size = o.size
    buf.used = o.used
    buf.buf += o.buf
    return buf


def freeClientReplyValue(o):
    """Do nothing: C frees the block of a node of client.reply."""


def listMatchObjects(a, b):
    return equalStringObjects(a, b)


def linkClient(c):
    """Add the client to the lists of connected clients; unlinkClient removes it."""
    listAddNodeTail(server.clients, c)
    c.client_list_node = server.clients.tail        # so that unlinking needs no search
    if c.clients_pending_write_node is None:
        c.clients_pending_write_node = listNode(c)
    raxInsert(server.clients_index, c.id.to_bytes(8, "big"), c)


def clientSetDefaultAuth(c):
    """Make the client the default user; authenticated if that user needs no password."""
    c.user = DefaultUser
    c.authenticated = int(c.user.flags & USER_FLAG_NOPASS and not c.user.flags & USER_FLAG_DISABLED)


def authRequired(c):
    """Tell whether the client has to authenticate first -> true or false."""
    return ((not DefaultUser.flags & USER_FLAG_NOPASS or DefaultUser.flags & USER_FLAG_DISABLED)
            and not c.authenticated)


def createClient(conn):
    """Return a new client; with conn None a fake one (scripts, AOF), which is not linked anywhere."""
    c = client()
    if conn is not None:
        connNonBlock(conn)
        connEnableTcpNoDelay(conn)
        if server.tcpkeepalive:
            connKeepAlive(conn, server.tcpkeepalive)
        connSetReadHandler(conn, readQueryFromClient)
        connSetPrivateData(conn, c)

    # Fields that are not set here have their initial value from the struct.
    selectDb(c, 0)
    c.id = server.next_client_id
    server.next_client_id += 1
    c.conn = conn
    c.querybuf = b""
    c.pending_querybuf = bytearray()
    c.ctime = c.lastinteraction = server.unixtime
    clientSetDefaultAuth(c)
    c.replstate = REPL_STATE_NONE
    c.reply = listCreate()
    listSetFreeMethod(c.reply, freeClientReplyValue)
    c.reply.dup = dupClientReplyValue
    c.btype = BLOCKED_NONE
    c.bpop.keys = dictCreate(objectKeyHeapPointerValueDictType)
    c.watched_keys = listCreate()
    c.pubsub_channels = dictCreate(objectKeyPointerValueDictType)
    c.pubsub_patterns = listCreate()
    listSetMatchMethod(c.pubsub_patterns, listMatchObjects)
    c.client_cron_last_memory_type = CLIENT_TYPE_NORMAL
    if conn is not None:
        linkClient(c)
    initClientMultiState(c)
    return c


# clientInstallWriteHandler ... copyClientOutputBuffer: networking_reply.py


def clientHasPendingReplies(c):
    """Tell whether there is something to write to the socket -> True or False."""
    return c.bufpos or c.reply.len


PROTECTED_MODE_ERR = (
    b"-DENIED Redis is running in protected mode because protected "
    b"mode is enabled, no bind address was specified, no "
    b"authentication password is requested to clients. In this mode "
    b"connections are only accepted from the loopback interface. "
    b"If you want to connect from external computers to Redis you "
    b"may adopt one of the following solutions: "
    b"1) Just disable protected mode sending the command "
    b"'CONFIG SET protected-mode no' from the loopback interface "
    b"by connecting to Redis from the same host the server is "
    b"running, however MAKE SURE Redis is not publicly accessible "
    b"from internet if you do so. Use CONFIG REWRITE to make this "
    b"change permanent. "
    b"2) Alternatively you can just disable the protected mode by "
    b"editing the Redis configuration file, and setting the protected "
    b"mode option to 'no', and then restarting the server. "
    b"3) If you started the server manually just for testing, restart "
    b"it with the '--protected-mode no' option. "
    b"4) Setup a bind address or an authentication password. "
    b"NOTE: You only need to do one of the above things in order for "
    b"the server to start accepting connections from the outside.\r\n")


def clientAcceptHandler(conn):
    """Called when the connection is established (for TLS: after the handshake)."""
    c = connGetPrivateData(conn)

    if connGetState(conn) != CONN_STATE_CONNECTED:
        serverLog(LL_WARNING, "Error accepting a client connection: %s", connGetLastError(conn))
        freeClientAsync(c)
        return

    # Protected mode: no password, no bind directive, and a client from another host.  Refuse it with an explanation.
    if (server.protected_mode and server.bindaddr_count == 0 and DefaultUser.flags & USER_FLAG_NOPASS and
            not c.flags & CLIENT_UNIX_SOCKET):
        _, cip, _ = connPeerToString(conn)
        if cip != "127.0.0.1" and cip != "::1":
            connWrite(c.conn, PROTECTED_MODE_ERR)   # best effort
            server.stat_rejected_conn += 1
            freeClientAsync(c)
            return

    server.stat_numconnections += 1


MAX_ACCEPTS_PER_CALL = 1000
# accept(2) reports an error of the connection, not of the listening socket: the next connection may be good (D-39).
ACCEPT_RETRY_ERRNOS = frozenset((errno.ENETDOWN, errno.EPROTO, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.ENONET, errno.EHOSTUNREACH,
                                 errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ECONNABORTED))


def acceptCommonHandler(conn, flags, ip):
    """Create a client for an accepted connection, unless maxclients is reached."""
    if connGetState(conn) != CONN_STATE_ACCEPTING:
        serverLog(LL_VERBOSE, "Accepted client connection in error state: %s (conn: %s)",
                  connGetLastError(conn), connGetInfo(conn))
        connClose(conn)
        return

    # ORDER: before createClient and connAccept, so that a rejected connection needs neither a client nor a TLS handshake.
    if server.clients.len + getClusterConnectionsCount() >= server.maxclients:
        if server.cluster_enabled:
            err = b"-ERR max number of clients + cluster connections reached\r\n"
        else:
            err = b"-ERR max number of clients reached\r\n"
        connWrite(conn, err)                        # best effort; before the TLS handshake it cannot be sent
        server.stat_rejected_conn += 1
        connClose(conn)
        return

    c = createClient(conn)
    c.flags |= flags            # set now, since connAccept may free the client

    # clientAcceptHandler runs now or later.  ORDER: nothing may follow, since it may free the client.
    if connAccept(conn, clientAcceptHandler) == C_ERR:
        if connGetState(conn) == CONN_STATE_ERROR:
            serverLog(LL_WARNING, "Error accepting a client connection: %s (conn: %s)",
                      connGetLastError(conn), connGetInfo(conn))
        c = connGetPrivateData(conn)
        if c is not None:
            freeClient(c)


def acceptTcpHandler(el, fd, privdata, mask):
    """A listening socket is readable."""
    for _ in range(MAX_ACCEPTS_PER_CALL):
        cfd, server.neterr, cip, cport = anetTcpAccept(fd)
        if cfd == ANET_ERR:
            if anet_errno() in ACCEPT_RETRY_ERRNOS:
                continue
            if anet_errno() != EWOULDBLOCK:
                serverLog(LL_WARNING, "Accepting client connection: %s", server.neterr)
            return
        anetCloexec(cfd)
        serverLog(LL_VERBOSE, "Accepted %s:%d", cip, cport)
        acceptCommonHandler(connCreateAcceptedSocket(cfd), 0, cip)


def acceptTLSHandler(el, fd, privdata, mask):
    for _ in range(MAX_ACCEPTS_PER_CALL):
        cfd, server.neterr, cip, cport = anetTcpAccept(fd)
        if cfd == ANET_ERR:
            if anet_errno() in ACCEPT_RETRY_ERRNOS:
                continue
            if anet_errno() != EWOULDBLOCK:
                serverLog(LL_WARNING, "Accepting client connection: %s", server.neterr)
            return
        anetCloexec(cfd)
        serverLog(LL_VERBOSE, "Accepted %s:%d", cip, cport)
        acceptCommonHandler(connCreateAcceptedTLS(cfd, server.tls_auth_clients), 0, cip)


def acceptUnixHandler(el, fd, privdata, mask):
    for _ in range(MAX_ACCEPTS_PER_CALL):
        cfd, server.neterr = anetUnixAccept(fd)
        if cfd == ANET_ERR:
            if anet_errno() in ACCEPT_RETRY_ERRNOS:
                continue
            if anet_errno() != EWOULDBLOCK:
                serverLog(LL_WARNING, "Accepting client connection: %s", server.neterr)
            return
        anetCloexec(cfd)
        serverLog(LL_VERBOSE, "Accepted connection to %s", server.unixsocket)
        acceptCommonHandler(connCreateAcceptedSocket(cfd), CLIENT_UNIX_SOCKET, None)


def freeClientOriginalArgv(c):
    """Free the arguments that were saved before the command rewrote them."""
    c.original_argv = None
    c.original_argc = 0


def freeClientArgv(c):
    c.argv = []
    c.argc = 0
    c.cmd = None
    c.argv_len_sum = 0


def disconnectSlaves():
    """Close the links of all replicas, which must resync with us because we did with our master."""
    ln = server.slaves.head
    while ln is not None:
        next_ = ln.next
        freeClient(ln.value)
        ln = next_


def anyOtherSlaveWaitRdb(except_me):
    """Tell whether a replica other than this one waits for the RDB being made -> 1 or 0."""
    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        if slave is not except_me and slave.replstate == SLAVE_STATE_WAIT_BGSAVE_END:
            return 1
        ln = ln.next
    return 0


def unlinkClient(c):
    """Close the connection and remove the client from the global lists, except those of Pub/Sub.

    For freeClient, and replicationCacheMaster, which keeps the client.
    """
    if server.current_client is c:
        server.current_client = None

    # A fake client, or one that was unlinked before, has no connection.
    if c.conn is not None:
        if c.client_list_node is not None:
            raxRemove(server.clients_index, c.id.to_bytes(8, "big"))
            listDelNode(server.clients, c.client_list_node)
            c.client_list_node = None

        # The client is a replica in the middle of a diskless transfer.
        if (c.flags & CLIENT_SLAVE and c.replstate == SLAVE_STATE_WAIT_BGSAVE_END and
                server.rdb_pipe_conns is not None):
            for i in range(server.rdb_pipe_numconns):
                if server.rdb_pipe_conns[i] is c.conn:
                    rdbPipeWriteHandlerConnRemoved(c.conn)
                    server.rdb_pipe_conns[i] = None
                    break
        connClose(c.conn)
        c.conn = None

    if c.flags & CLIENT_PENDING_WRITE:
        listDelNode(server.clients_pending_write, c.clients_pending_write_node)
        c.flags &= ~CLIENT_PENDING_WRITE

    if c.flags & CLIENT_PENDING_READ:
        ln = listSearchKey(server.clients_pending_read, c)
        serverAssert(ln is not None)
        listDelNode(server.clients_pending_read, ln)
        c.flags &= ~CLIENT_PENDING_READ

    # The client was just unblocked, and processUnblockedClients has not processed it yet.
    if c.flags & CLIENT_UNBLOCKED:
        ln = listSearchKey(server.unblocked_clients, c)
        serverAssert(ln is not None)
        listDelNode(server.unblocked_clients, ln)
        c.flags &= ~CLIENT_UNBLOCKED

    if c.flags & CLIENT_TRACKING:
        disableTracking(c)


def freeClient(c):
    """Free the client now, close its connection, and remove all references to it.

    A protected client is freed later (freeClientAsync), and our master's client may be cached for a partial resync.
    """
    if c.flags & CLIENT_PROTECTED:
        freeClientAsync(c)
        return

    # ORDER: before replicationCacheMaster: a cached master must not be in this queue.
    if c.flags & CLIENT_CLOSE_ASAP:
        ln = listSearchKey(server.clients_to_close, c)
        serverAssert(ln is not None)
        listDelNode(server.clients_to_close, ln)

    # The link to our master is lost: cache its state, so that a partial resync is possible.
    if server.master is not None and c.flags & CLIENT_MASTER:
        serverLog(LL_WARNING, "Connection with master lost.")
        if not c.flags & (CLIENT_PROTOCOL_ERROR | CLIENT_BLOCKED):
            c.flags &= ~(CLIENT_CLOSE_ASAP | CLIENT_CLOSE_AFTER_REPLY)
            replicationCacheMaster(c)
            return

    if getClientType(c) == CLIENT_TYPE_SLAVE:
        serverLog(LL_WARNING, "Connection with replica %s lost.", replicationGetSlaveName(c))

    c.querybuf = b""
    c.pending_querybuf = None

    if c.flags & CLIENT_BLOCKED:
        unblockClient(c)
    dictRelease(c.bpop.keys)

    unwatchAllKeys(c)
    listRelease(c.watched_keys)

    pubsubUnsubscribeAllChannels(c, 0)
    pubsubUnsubscribeAllPatterns(c, 0)
    dictRelease(c.pubsub_channels)
    listRelease(c.pubsub_patterns)

    if c.reply.len > 1:
        forget_estimate()                   # or eviction would still count this client
    listRelease(c.reply)
    freeClientArgv(c)
    freeClientOriginalArgv(c)
    if c.deferred_reply_errors is not None:
        listRelease(c.deferred_reply_errors)
        c.deferred_reply_errors = None

    # unlinkClient also closes the socket.
    unlinkClient(c)

    # Master/slave cleanup, case 1: a replica, or a monitor, is gone.
    if c.flags & CLIENT_SLAVE:
        # If no other replica waits for the RDB of the child, and no `save` point needs it either, stop the child,
        # so that the next full resync can start at once.
        if (server.saveparamslen == 0 and c.replstate == SLAVE_STATE_WAIT_BGSAVE_END and
                server.child_type == CHILD_TYPE_RDB and server.rdb_child_type == RDB_CHILD_TYPE_DISK and
                anyOtherSlaveWaitRdb(c) == 0):
            killRDBChild()
        if c.replstate == SLAVE_STATE_SEND_BULK:
            if c.repldbfd != -1:
                os.close(c.repldbfd)
                c.repldbfd = -1
            c.replpreamble = None
        l = server.monitors if c.flags & CLIENT_MONITOR else server.slaves
        ln = listSearchKey(l, c)
        serverAssert(ln is not None)
        listDelNode(l, ln)
        # The backlog is freed after some time without replicas: remember when that time began.
        if getClientType(c) == CLIENT_TYPE_SLAVE and server.slaves.len == 0:
            server.repl_no_slaves_since = server.unixtime
        refreshGoodSlavesCount()

    # Case 2: the link to our master is lost.
    if c.flags & CLIENT_MASTER:
        replicationHandleMasterDisconnection()

    server.stat_clients_type_memory[c.client_cron_last_memory_type] -= c.client_cron_last_memory_usage

    c.name = None
    freeClientMultiState(c)
    c.peerid = None
    c.sockname = None
    c.slave_addr = None
    # C frees the struct.  Here references to it may remain for a while: empty it.
    c.buf = bytearray()
    c.bufpos = 0
    c.clients_pending_write_node = None             # they refer to each other
    c.db = None
    c.user = None
    c.lastcmd = None
    c.client_tracking_prefixes = None


async_free_queue_mutex = Lock()


def freeClientAsync(c):
    """Free the client later, in beforeSleep or serverCron: for callers that still need it.

    The only place where IO threads may touch server.clients_to_close.
    """
    if c.flags & CLIENT_CLOSE_ASAP or c.flags & CLIENT_LUA:
        return
    c.flags |= CLIENT_CLOSE_ASAP
    if server.io_threads_num == 1:
        listAddNodeTail(server.clients_to_close, c)
        return
    with async_free_queue_mutex:
        listAddNodeTail(server.clients_to_close, c)


def freeClientsInAsyncFreeQueue():
    """Free the clients that freeClientAsync marked; returns how many."""
    freed = 0
    ln = server.clients_to_close.head
    while ln is not None:
        next_ = ln.next
        c = ln.value
        if not c.flags & CLIENT_PROTECTED:
            c.flags &= ~CLIENT_CLOSE_ASAP
            freeClient(c)
            listDelNode(server.clients_to_close, ln)
            freed += 1
        ln = next_
    return freed


def lookupClientByID(id):
    """Return the connected client of that id, or None."""
    if not 0 <= id <= 0xffffffffffffffff:
        id &= 0xffffffffffffffff                    # C: a long long becomes a uint64_t
    c = raxFind(server.clients_index, id.to_bytes(8, "big"))
    return None if c is raxNotFound else c


def write_from(conn, buf, sentlen):
    """connWrite() of what follows the first `sentlen` bytes of `buf`, without a copy of it.  HOT"""
    with memoryview(buf) as view, view[sentlen:] as rest:
        return connWrite(conn, rest)


def writeToClient(c, handler_installed):
    """Write the output buffers to the socket, as far as it accepts them -> C_OK, or C_ERR: freed, or about to be.  HOT

    handler_installed: called from the write handler, which is removed when all is sent.  IO threads also call this, always
    with 0: all code on that path must be thread safe.
    """
    server.stat_total_writes_processed += 1

    nwritten = 0
    totwritten = 0
    while c.bufpos or c.reply.len:                              # clientHasPendingReplies
        if c.bufpos > 0:
            nwritten = write_from(c.conn, c.buf, c.sentlen) if c.sentlen else connWrite(c.conn, c.buf)
            if nwritten <= 0:
                break
            c.sentlen += nwritten
            totwritten += nwritten

            # All of the buffer is sent: continue with the list.
            if c.sentlen == c.bufpos:
                c.buf = bytearray()
                c.bufpos = 0
                c.sentlen = 0
        else:
            o = c.reply.head.value
            objlen = o.used

            if objlen == 0:
                c.reply_bytes -= o.size
                listDelNode(c.reply, c.reply.head)
                continue

            nwritten = write_from(c.conn, o.buf, c.sentlen) if c.sentlen else connWrite(c.conn, o.buf)
            if nwritten <= 0:
                break
            c.sentlen += nwritten
            totwritten += nwritten

            # All of the block is sent: continue with the next one.
            if c.sentlen == objlen:
                c.reply_bytes -= o.size
                listDelNode(c.reply, c.reply.head)
                c.sentlen = 0
                if c.reply.len == 0:
                    serverAssert(c.reply_bytes == 0)
        # Limit what one client gets per turn, so that a fast reader of a huge reply does not delay the others.  Over maxmemory
        # there is no limit, since sending frees memory.  Nor for replicas and monitors, whose buffers would only grow.
        if (totwritten > NET_MAX_WRITES_PER_EVENT and
                (server.maxmemory == 0 or zmalloc_used_memory() < server.maxmemory) and
                not c.flags & CLIENT_SLAVE):
            break

    server.stat_net_output_bytes += totwritten
    if nwritten == -1:
        if connGetState(c.conn) != CONN_STATE_CONNECTED:
            serverLog(LL_VERBOSE, "Error writing to client: %s", connGetLastError(c.conn))
            freeClientAsync(c)
            return C_ERR
    if totwritten > 0:
        # We send REPLCONF ACK to the master all the time, so a write does not prove that it is alive; only its data do.
        if not c.flags & CLIENT_MASTER:
            c.lastinteraction = server.unixtime
    if not c.bufpos and not c.reply.len:                        # clientHasPendingReplies
        c.sentlen = 0
        if handler_installed:
            connSetWriteHandler(c.conn, None)

        if c.flags & CLIENT_CLOSE_AFTER_REPLY:
            freeClientAsync(c)
            return C_ERR
    return C_OK


def sendReplyToClient(conn):
    """Write handler: called when the socket has room again."""
    writeToClient(connGetPrivateData(conn), 1)


def handleClientsWithPendingWrites():
    """Send the replies of this turn; returns the number of clients.  HOT

    Most replies fit into the socket's buffer, and cost no epoll_ctl and no extra turn this way.
    """
    pending = server.clients_pending_write
    processed = pending.len
    # C deletes node by node.  No code below adds to the list or reads it, so it is emptied at once.
    ln = pending.head
    pending.head = pending.tail = None
    pending.len = 0
    try:
        while ln is not None:
            c = ln.value
            next_ = ln.next
            ln.prev = ln.next = None                    # no cycle may be left
            ln = next_
            flags = c.flags
            if flags == CLIENT_PENDING_WRITE:
                c.flags = 0
            else:
                c.flags = flags = flags & ~CLIENT_PENDING_WRITE
                # Do not write to protected clients, since their handlers must not be reinstalled here, nor to clients that are closing.
                if flags & (CLIENT_PROTECTED | CLIENT_CLOSE_ASAP):
                    continue

            if writeToClient(c, 0) == C_ERR:
                continue

            if c.bufpos or c.reply.len:
                # With appendfsync always no reply may be sent before beforeSleep has synced the write it acknowledges, so this
                # client must not be read and written in one turn.
                ae_barrier = int(server.aof_state == AOF_ON and server.aof_fsync == AOF_FSYNC_ALWAYS)
                if connSetWriteHandlerWithBarrier(c.conn, sendReplyToClient, ae_barrier) == C_ERR:
                    freeClientAsync(c)
    finally:
        while ln is not None:                           # writeToClient has raised: put the others back for the next turn
            next_ = ln.next
            list_link_node_head(pending, ln)
            ln = next_
    return processed


def resetClient(c):
    """Make the client ready for its next command.  HOT"""
    prevcmd = c.cmd.proc if c.cmd is not None else None

    freeClientArgv(c)
    c.reqtype = 0
    c.multibulklen = 0
    c.bulklen = -1

    if c.deferred_reply_errors is not None:
        listRelease(c.deferred_reply_errors)
        c.deferred_reply_errors = None

    flags = c.flags
    # ASKING is valid for one command or one transaction; so is CLIENT CACHING.
    if not flags & CLIENT_MULTI and prevcmd is not askingCommand:
        flags &= ~CLIENT_ASKING
    if not flags & CLIENT_MULTI and prevcmd is not clientCommand:
        flags &= ~CLIENT_TRACKING_CACHING

    # CLIENT REPLY SKIP suppresses the reply of the next command.
    flags &= ~CLIENT_REPLY_SKIP
    if flags & CLIENT_REPLY_SKIP_NEXT:
        flags |= CLIENT_REPLY_SKIP
        flags &= ~CLIENT_REPLY_SKIP_NEXT
    c.flags = flags


def protectClient(c):
    """Keep the client alive over a nested run of the event loop (DEBUG RELOAD, a slow script).

    Its handlers are removed, so that no error on the socket can free it, and freeClient only marks it.
    """
    c.flags |= CLIENT_PROTECTED
    if c.conn is not None:
        connSetReadHandler(c.conn, None)
        connSetWriteHandler(c.conn, None)


def unprotectClient(c):
    """Undo protectClient."""
    if c.flags & CLIENT_PROTECTED:
        c.flags &= ~CLIENT_PROTECTED
        if c.conn is not None:
            connSetReadHandler(c.conn, readQueryFromClient)
            if clientHasPendingReplies(c):
                clientInstallWriteHandler(c)


def strchr(buf, ch, pos):
    """Index of the first `ch` from `pos` on, or -1; C's function sees nothing behind a NUL."""
    i = buf.find(ch, pos)
    return i if i == -1 or b"\0" not in buf[pos:i] else -1


def processInlineBuffer(c):
    """Parse one line typed by hand into argv -> C_OK; C_ERR: no whole line yet, or protocol error."""
    buf = c.querybuf
    qb_pos = c.qb_pos
    newline = strchr(buf, b"\n", qb_pos)
    if newline == -1:
        if len(buf) - qb_pos > PROTO_INLINE_MAX_SIZE:
            addReplyError(c, b"Protocol error: too big inline request")
            setProtocolError("too big inline request", c)
        return C_ERR

    linefeed_chars = 1
    if newline != qb_pos and buf[newline - 1] == 13:            # \r
        newline -= 1
        linefeed_chars = 2

    aux = bytes(buf[qb_pos:newline])
    querylen = len(aux)
    argv = sdssplitargs(aux)
    if argv is None:
        addReplyError(c, b"Protocol error: unbalanced quotes in request")
        setProtocolError("unbalanced quotes in inline request", c)
        return C_ERR

    # A replica that loads a big RDB sends empty lines to show that it is alive.
    if querylen == 0 and getClientType(c) == CLIENT_TYPE_SLAVE:
        c.repl_ack_time = server.unixtime

    # A master sends RESP, or an empty line to keep the link alive.  An inline command means that the stream is corrupt.
    if querylen != 0 and c.flags & CLIENT_MASTER:
        serverLog(LL_WARNING, "WARNING: Receiving inline protocol from master, master stream corruption? "
                              "Closing the master connection and discarding the cached master.")
        setProtocolError("Master using the inline protocol. Desync?", c)
        return C_ERR

    c.qb_pos = qb_pos + querylen + linefeed_chars

    if argv:
        c.argv = []
        c.argv_len_sum = 0

    c.argc = 0
    for arg in argv:
        c.argv.append(createObject(OBJ_STRING, arg))
        c.argc += 1
        c.argv_len_sum += len(arg)
    return C_OK


PROTO_DUMP_LEN = 128

# A byte for which isprint() is false becomes a dot.
_PRINTABLE = bytes(ch if 32 <= ch < 127 else 46 for ch in range(256))


def setProtocolError(errstr, c):
    """Log the received data, and close the connection after the reply."""
    if server.verbosity <= LL_VERBOSE or c.flags & CLIENT_MASTER:
        info = catClientInfoString(b"", c)

        pending = bytes(c.querybuf[c.qb_pos:])
        if len(pending) < PROTO_DUMP_LEN:
            sample = b"Query buffer during protocol error: '%b'" % pending.split(b"\0", 1)[0]
        else:
            half = PROTO_DUMP_LEN // 2
            sample = b"Query buffer during protocol error: '%b' (... more %d bytes ...) '%b'" % (
                pending[:half].split(b"\0", 1)[0], len(pending) - PROTO_DUMP_LEN,
                pending[-half:].split(b"\0", 1)[0])
        sample = sample[:255].translate(_PRINTABLE)

        loglevel = LL_WARNING if c.flags & CLIENT_MASTER else LL_VERBOSE
        serverLog(loglevel, "Protocol error (%s) from client: %s. %s", errstr, info, sample)
    c.flags |= CLIENT_CLOSE_AFTER_REPLY | CLIENT_PROTOCOL_ERROR


def processMultibulkBuffer(c):
    """Parse one command in RESP into argv -> C_OK; C_ERR: not all here yet, or protocol error.  HOT

    Resumes where it stopped: multibulklen arguments are missing, bulklen is the length of the one being read.
    Cost: no byte is parsed twice, except those of an incomplete header.
    """
    buf = c.querybuf
    qblen = len(buf)
    if c.multibulklen == 0:
        # The client has been reset.
        c.argc == 0 or serverAssertWithInfo(c, None, 0)

        newline = strchr(buf, b"\r", c.qb_pos)
        if newline == -1:
            if qblen - c.qb_pos > PROTO_INLINE_MAX_SIZE:
                addReplyError(c, b"Protocol error: too big mbulk count string")
                setProtocolError("too big mbulk count string", c)
            return C_ERR

        # The buffer must hold the \n, too.
        if newline + 2 > qblen:
            return C_ERR

        buf[c.qb_pos] == 42 or serverAssertWithInfo(c, None, 0)     # *
        ok, ll = string2ll(buf[c.qb_pos + 1:newline])
        if not ok or ll > 1024 * 1024:
            addReplyError(c, b"Protocol error: invalid multibulk length")
            setProtocolError("invalid mbulk count", c)
            return C_ERR
        if ll > 10 and authRequired(c):
            addReplyError(c, b"Protocol error: unauthenticated multibulk length")
            setProtocolError("unauth mbulk count", c)
            return C_ERR

        c.qb_pos = newline + 2
        if ll <= 0:
            return C_OK

        c.multibulklen = ll
        c.argv = []
        c.argv_len_sum = 0

    c.multibulklen > 0 or serverAssertWithInfo(c, None, 0)
    argv = c.argv
    qb_pos = c.qb_pos                                           # stored again at every return
    while c.multibulklen:
        # The length of the argument, if it is not known yet.
        if c.bulklen == -1:
            newline = strchr(buf, b"\r", qb_pos)
            if newline == -1:
                if qblen - qb_pos > PROTO_INLINE_MAX_SIZE:
                    c.qb_pos = qb_pos
                    addReplyError(c, b"Protocol error: too big bulk count string")
                    setProtocolError("too big bulk count string", c)
                    return C_ERR
                break

            # The buffer must hold the \n, too.
            if newline + 2 > qblen:
                break

            if buf[qb_pos] != 36:                               # $
                c.qb_pos = qb_pos
                addReplyErrorFormat(c, b"Protocol error: expected '$', got '%c'", buf[qb_pos])
                setProtocolError("expected $ but got something else", c)
                return C_ERR

            ok, ll = string2ll(buf[qb_pos + 1:newline])
            if not ok or ll < 0 or (ll > server.proto_max_bulk_len and not c.flags & CLIENT_MASTER):
                c.qb_pos = qb_pos
                addReplyError(c, b"Protocol error: invalid bulk length")
                setProtocolError("invalid bulk length", c)
                return C_ERR
            if ll > 16384 and authRequired(c):
                c.qb_pos = qb_pos
                addReplyError(c, b"Protocol error: unauthenticated bulk length")
                setProtocolError("unauth bulk length", c)
                return C_ERR

            qb_pos = newline + 2
            if ll >= PROTO_MBULK_BIG_ARG:
                # The rest of the buffer belongs to this argument, and the missing bytes will be appended: from
                # here on the buffer is a bytearray, which grows in place, and holds nothing else.  (If more than this
                # argument is here, this gains nothing.)
                if qblen - qb_pos <= ll + 2:
                    c.querybuf = buf = bytearray(memoryview(buf)[qb_pos:])
                    qb_pos = 0
                    qblen = len(buf)
            c.bulklen = ll

        # The argument itself; +2 for the CRLF.
        bulklen = c.bulklen
        if qblen - qb_pos < bulklen + 2:
            break
        # If the buffer holds only this argument, use it as the argument without a copy.
        if qb_pos == 0 and bulklen >= PROTO_MBULK_BIG_ARG and qblen == bulklen + 2:
            argv.append(createObject(OBJ_STRING, bytes(memoryview(buf)[:-2])))
            c.querybuf = buf = b""
            qblen = 0
        else:
            if buf.__class__ is not bytes:
                c.querybuf = buf = bytes(buf)
            argv.append(createStringObject(buf[qb_pos:qb_pos + bulklen]))
            qb_pos += bulklen + 2
        c.argc += 1
        c.argv_len_sum += bulklen
        c.bulklen = -1
        c.multibulklen -= 1

    c.qb_pos = qb_pos
    # All arguments have been read.
    if c.multibulklen == 0:
        return C_OK

    return C_ERR


def commandProcessed(c):
    """Called after a command: reset the client; if it is our master, advance in its stream and forward it to our replicas.

    A blocked (or paused) client keeps its arguments: its command has not been applied, unblockClient resets it.
    """
    if c.flags & CLIENT_BLOCKED:
        return

    resetClient(c)

    prev_offset = c.reploff
    if c.flags & CLIENT_MASTER and not c.flags & CLIENT_MULTI:
        c.reploff = to_llong(c.read_reploff - len(c.querybuf) + c.qb_pos)

    # Append the applied part of the stream, unchanged, to the backlog and to the buffers of our own replicas.
    if c.flags & CLIENT_MASTER:
        applied = to_llong(c.reploff - prev_offset)
        if applied:
            replicationFeedSlavesFromMasterStream(server.slaves, c.pending_querybuf, applied)
            del c.pending_querybuf[:applied]


def processCommandAndResetClient(c):
    """Execute the command in argv -> C_OK; C_ERR: the client has been freed by it.  HOT

    The one place where an exception of a command ends: see command_raised.
    """
    deadclient = 0
    old_client = server.current_client
    server.current_client = c
    bufpos = c.bufpos
    try:
        if processCommand(c) == C_OK:
            commandProcessed(c)
    except Exception as exc:
        # In a child the exception must end the process, so that it never continues as a second server.  A failed assert ends the server, as in C.
        if server.in_fork_child or integrity_failure(exc):
            raise
        command_raised(c, exc, old_client, bufpos)
    if server.current_client is None:
        deadclient = 1
    # A slow script processes events while it runs, so this function may be called again inside it: restore the script's client.
    server.current_client = old_client
    return C_ERR if deadclient else C_OK


def processPendingCommandsAndResetClient(c):
    """Execute the command that an IO thread has parsed, if any -> C_ERR: the client has been freed by it."""
    if c.flags & CLIENT_PENDING_COMMAND:
        c.flags &= ~CLIENT_PENDING_COMMAND
        if processCommandAndResetClient(c) == C_ERR:
            return C_ERR
    return C_OK


def processInputBuffer(c):
    """Execute the commands in the query buffer, as far as they are complete.  HOT

    Called after a read, and for a client that was blocked and may have more in its buffer.
    """
    while c.qb_pos < len(c.querybuf):
        # A blocked client must finish its current command first.
        if c.flags & CLIENT_BLOCKED:
            break

        # An IO thread has parsed a command into argv, which is not executed yet.
        if c.flags & CLIENT_PENDING_COMMAND:
            break

        # While a script is busy, collect the master's stream and apply it later (other clients get -BUSY).
        if server.lua_timedout and c.flags & CLIENT_MASTER:
            break

        # The client is closing: add nothing to its reply.
        if c.flags & (CLIENT_CLOSE_AFTER_REPLY | CLIENT_CLOSE_ASAP):
            break

        if not c.reqtype:
            if c.querybuf[c.qb_pos] == 42:                      # *
                c.reqtype = PROTO_REQ_MULTIBULK
            else:
                c.reqtype = PROTO_REQ_INLINE

        if c.reqtype == PROTO_REQ_INLINE:
            if processInlineBuffer(c) != C_OK:
                break
            # A Gopher request: one argument that starts with a slash, or none.
            if (server.gopher_enabled and not server.io_threads_do_reads and
                    ((c.argc == 1 and c.argv[0].ptr.startswith(b"/")) or c.argc == 0)):
                processGopherRequest(c)
                resetClient(c)
                c.flags |= CLIENT_CLOSE_AFTER_REPLY
                break
        elif c.reqtype == PROTO_REQ_MULTIBULK:
            if processMultibulkBuffer(c) != C_OK:
                break
        else:
            serverPanic("Unknown request type")

        # "*0", or an empty line.
        if c.argc == 0:
            resetClient(c)
        else:
            # In an IO thread: leave the command to the main thread.
            if c.flags & CLIENT_PENDING_READ:
                c.flags |= CLIENT_PENDING_COMMAND
                break

            if processCommandAndResetClient(c) == C_ERR:
                return                                          # freed: do not touch it again

    # Trim to pos
    if c.qb_pos:
        c.querybuf = bytes(c.querybuf[c.qb_pos:])               # sdsrange
        c.qb_pos = 0


def readQueryFromClient(conn):
    """Read handler of a client: read once, then execute what is complete.  HOT"""
    c = conn.private_data

    # Leave the read to the IO threads if they are used.
    if postponeClientRead(c):
        return

    server.stat_total_reads_processed += 1

    # For a big argument, read up to its end and no further, so that the buffer holds nothing else.
    readlen = PROTO_IOBUF_LEN
    if c.bulklen >= PROTO_MBULK_BIG_ARG and c.reqtype == PROTO_REQ_MULTIBULK and c.multibulklen:
        remaining = c.bulklen + 2 - len(c.querybuf)
        # This can be 0, for example for a client that was paused.
        if 0 < remaining < readlen:
            readlen = remaining

    qblen = len(c.querybuf)
    if c.querybuf_peak < qblen:
        c.querybuf_peak = qblen
    data = connRead(conn, readlen)
    if data is None:
        if conn.state == CONN_STATE_CONNECTED:
            return
        serverLog(LL_VERBOSE, "Reading from client: %s", connGetLastError(conn))
        freeClientAsync(c)
        return
    if not data:
        serverLog(LL_VERBOSE, "Client closed connection")
        freeClientAsync(c)
        return

    nread = len(data)
    if type(c.querybuf) is bytes:
        c.querybuf += data
    else:                                           # a big argument comes in
        c.querybuf = sdsMakeRoomFor(c.querybuf, nread)
        c.querybuf[qblen:] = data
    c.lastinteraction = server.unixtime
    if c.flags & CLIENT_MASTER:
        # Keep a copy of the stream that is not applied yet, for our own replicas: see commandProcessed.
        c.pending_querybuf += data
        c.read_reploff = to_llong(c.read_reploff + nread)
    server.stat_net_input_bytes += nread
    if len(c.querybuf) > server.client_max_querybuf_len:
        ci = catClientInfoString(b"", c)
        serverLog(LL_WARNING, "Closing client that reached max query buffer length: %s (qbuf initial bytes: %s)",
                  ci, sdscatrepr(b"", bytes(c.querybuf[:64])))
        freeClientAsync(c)
        return

    processInputBuffer(c)


def genClientAddrString(client, fd_to_str_type):
    """Return the address of one end as bytes: ip:port, [ipv6]:port, or path:0 of a unix socket; "?:0" if unknown."""
    if client.flags & CLIENT_UNIX_SOCKET:
        return os.fsencode("%s:0" % server.unixsocket)
    return connFormatFdAddr(client.conn, fd_to_str_type).encode()


def getClientPeerId(c):
    """Return the peer's address; made once, since it needs a system call."""
    if c.peerid is None:
        c.peerid = genClientAddrString(c, FD_TO_PEER_NAME)
    return c.peerid


def getClientSockname(c):
    """Return the address of our end; made once."""
    if c.sockname is None:
        c.sockname = genClientAddrString(c, FD_TO_SOCK_NAME)
    return c.sockname


def catClientInfoString(s, client):
    """Return `s` (bytes) with a line about the client appended: the format of CLIENT LIST."""
    client_flags = client.flags
    flags = b""
    if client_flags & CLIENT_SLAVE:
        flags += b"O" if client_flags & CLIENT_MONITOR else b"S"
    for bit, letter in ((CLIENT_MASTER, b"M"), (CLIENT_PUBSUB, b"P"), (CLIENT_MULTI, b"x"), (CLIENT_BLOCKED, b"b"),
                        (CLIENT_TRACKING, b"t"), (CLIENT_TRACKING_BROKEN_REDIR, b"R"), (CLIENT_TRACKING_BCAST, b"B"),
                        (CLIENT_DIRTY_CAS, b"d"), (CLIENT_CLOSE_AFTER_REPLY, b"c"), (CLIENT_UNBLOCKED, b"u"),
                        (CLIENT_CLOSE_ASAP, b"A"), (CLIENT_UNIX_SOCKET, b"U"), (CLIENT_READONLY, b"r")):
        if client_flags & bit:
            flags += letter
    flags = flags or b"N"

    events = b""
    if client.conn is not None:
        if connHasReadHandler(client.conn):
            events += b"r"
        if connHasWriteHandler(client.conn):
            events += b"w"

    obufmem = getClientOutputBufferMemoryUsage(client)
    querybuf = client.querybuf
    qbuf_free = querybuf.__alloc__() - len(querybuf) - 1 if isinstance(querybuf, bytearray) and querybuf else 0
    # Only the bytes of the arguments are counted: exact accounting would cost too much.
    total_mem = (obufmem + zmalloc_size(client) + zmalloc_size(client.buf) + sdsZmallocSize(querybuf) +
                 client.argv_len_sum + (zmalloc_size(client.argv) if client.argv else 0))

    return s + (
        b"id=%d addr=%b laddr=%b %b name=%b age=%d idle=%d flags=%b db=%d sub=%d psub=%d multi=%d qbuf=%d "
        b"qbuf-free=%d argv-mem=%d obl=%d oll=%d omem=%d tot-mem=%d events=%b cmd=%b user=%b redir=%d" % (
            client.id, getClientPeerId(client), getClientSockname(client), connGetInfo(client.conn).encode(),
            client.name.ptr if client.name is not None else b"",
            server.unixtime - client.ctime, server.unixtime - client.lastinteraction, flags, client.db.id,
            dictSize(client.pubsub_channels), client.pubsub_patterns.len,
            client.mstate.count if client_flags & CLIENT_MULTI else -1,
            len(querybuf), qbuf_free, client.argv_len_sum, client.bufpos, client.reply.len,
            obufmem,                                # without client.buf: 0 for a client that gets only small replies
            total_mem, events, client.lastcmd.name if client.lastcmd is not None else b"NULL",
            client.user.name if client.user is not None else b"(superuser)",
            client.client_tracking_redirection if client_flags & CLIENT_TRACKING else -1))


def getAllClientsInfoString(type):
    """Return the lines of all clients, or of those of one CLIENT_TYPE_* (-1 = all)."""
    lines = []
    ln = server.clients.head
    while ln is not None:
        client = ln.value
        if type == -1 or getClientType(client) == type:
            lines.append(catClientInfoString(b"", client))
            lines.append(b"\n")
        ln = ln.next
    return b"".join(lines)


# clientSetNameOrReply ... securityWarningCommand: networking_client.py


def retainOriginalCommandVector(c):
    """Keep the arguments as the client sent them, for the slow log."""
    if c.original_argv is not None:
        return                                      # rewritten before
    c.original_argc = c.argc
    c.original_argv = list(c.argv)


def redactClientCommandArgument(c, argc):
    """Hide an argument (a password) from the slow log and MONITOR's like."""
    retainOriginalCommandVector(c)
    c.original_argv[argc] = shared.redacted


def rewriteClientCommandVector(c, *objs):
    """Replace the whole command by these objects."""
    replaceClientCommandVector(c, list(objs))


def replaceClientCommandVector(c, argv):
    """Replace the whole command by the list `argv`, which becomes the client's."""
    retainOriginalCommandVector(c)
    freeClientArgv(c)
    c.argv = argv
    c.argc = len(argv)
    c.argv_len_sum = 0
    for o in argv:
        if o is not None:
            c.argv_len_sum += getStringObjectLen(o)
    c.cmd = lookupCommandOrOriginal(c.argv[0].ptr)
    serverAssertWithInfo(c, None, c.cmd is not None)


def rewriteClientCommandArgument(c, i, newval):
    """Replace one argument; `i` may lie beyond the end, then the caller fills what is between."""
    retainOriginalCommandVector(c)
    if i >= c.argc:
        c.argv += [None] * (i + 1 - len(c.argv))
        c.argc = i + 1
    oldval = c.argv[i]
    if oldval is not None:
        c.argv_len_sum -= getStringObjectLen(oldval)
    if newval is not None:
        c.argv_len_sum += getStringObjectLen(newval)
    c.argv[i] = newval

    if i == 0:
        c.cmd = lookupCommandOrOriginal(c.argv[0].ptr)
        serverAssertWithInfo(c, None, c.cmd is not None)


def getClientOutputBufferMemoryUsage(c):
    """Return the bytes of replies that wait beyond the fixed buffer: what the output limits are about."""
    return c.reply_bytes + LIST_ITEM_SIZE * c.reply.len


def getClientType(c):
    """Return the class of a client for limits and statistics: CLIENT_TYPE_*."""
    flags = c.flags
    if flags & CLIENT_MASTER:
        return CLIENT_TYPE_MASTER
    # A monitor has CLIENT_SLAVE set, but is reported as a normal client.
    if flags & CLIENT_SLAVE and not flags & CLIENT_MONITOR:
        return CLIENT_TYPE_SLAVE
    if flags & CLIENT_PUBSUB:
        return CLIENT_TYPE_PUBSUB
    return CLIENT_TYPE_NORMAL


CLIENT_TYPE_NAMES = {"normal": CLIENT_TYPE_NORMAL, "slave": CLIENT_TYPE_SLAVE, "replica": CLIENT_TYPE_SLAVE,
                     "pubsub": CLIENT_TYPE_PUBSUB, "master": CLIENT_TYPE_MASTER}


def getClientTypeByName(name):
    """CLIENT_TYPE_* of a name (bytes or str, any case), or -1."""
    if not isinstance(name, str):
        name = name.decode("latin-1")
    return CLIENT_TYPE_NAMES.get(name.lower(), -1)


def getClientTypeName(class_):
    """Return "normal", "slave", "pubsub", "master", or None."""
    if class_ == CLIENT_TYPE_NORMAL:
        return "normal"
    if class_ == CLIENT_TYPE_SLAVE:
        return "slave"
    if class_ == CLIENT_TYPE_PUBSUB:
        return "pubsub"
    if class_ == CLIENT_TYPE_MASTER:
        return "master"
    return None


REPLY_BUFFER_SIZE_UNAUTHENTICATED_CLIENT = 1024     # bytes; c.buf is not counted


def checkClientOutputBufferLimits(c):
    """Tell whether the client is over the hard limit, or has been over the soft one for too long -> True or False."""
    used_mem = getClientOutputBufferMemoryUsage(c)
    # As in Redis 6.2.18: an unauthenticated client must not use up memory by not reading its error replies (D-38).
    if used_mem > REPLY_BUFFER_SIZE_UNAUTHENTICATED_CLIENT and authRequired(c):
        return 1
    class_ = getClientType(c)
    if class_ == CLIENT_TYPE_MASTER:                # no limits of its own
        class_ = CLIENT_TYPE_NORMAL
    limits = server.client_obuf_limits[class_]

    hard = limits.hard_limit_bytes and used_mem >= limits.hard_limit_bytes
    soft = limits.soft_limit_bytes and used_mem >= limits.soft_limit_bytes

    if soft:
        if c.obuf_soft_limit_reached_time == 0:
            c.obuf_soft_limit_reached_time = server.unixtime
            soft = 0                                # over the limit for the first time
        elif server.unixtime - c.obuf_soft_limit_reached_time <= limits.soft_limit_seconds:
            soft = 0
    else:
        c.obuf_soft_limit_reached_time = 0
    return soft or hard


def closeClientOnOutputBufferLimitReached(c, async_):
    """Close a client that does not read its replies -> 1 if so, else 0.

    With async_ it is only marked (CLIENT_CLOSE_ASAP): the low-level reply functions call this in the middle of a
    command.  The cron passes 0, and the client is gone on return.
    """
    if c.conn is None:
        return 0
    if c.reply_bytes == 0 or c.flags & CLIENT_CLOSE_ASAP:
        return 0
    if checkClientOutputBufferLimits(c):
        info = catClientInfoString(b"", c)
        if async_:
            freeClientAsync(c)
            serverLog(LL_WARNING, "Client %s scheduled to be closed ASAP for overcoming of output buffer limits.",
                      info)
        else:
            freeClient(c)
            serverLog(LL_WARNING, "Client %s closed for overcoming of output buffer limits.", info)
        return 1
    return 0


def flushSlavesOutputBuffers():
    """Try to send to the replicas what they have to get, outside of the event loop: when memory is short, and at exit."""
    ln = server.slaves.head
    while ln is not None:
        next_ = ln.next
        slave = ln.value
        can_receive_writes = connHasWriteHandler(slave.conn) or slave.flags & CLIENT_PENDING_WRITE
        # Without either, or before it is online, the replica cannot receive the stream.
        if (slave.replstate == SLAVE_STATE_ONLINE and can_receive_writes and not slave.repl_put_online_on_ack and
                clientHasPendingReplies(slave)):
            writeToClient(slave, 0)
        ln = next_


def pauseClients(end, type):
    """Pause commands (CLIENT_PAUSE_WRITE or _ALL) until `end`, ms of the wall clock.

    Used for CLIENT PAUSE, and for failovers that must lose no write.  An active pause is only made stricter or longer.
    """
    if type > server.client_pause_type:
        server.client_pause_type = type
    if end > server.client_pause_end_time:
        server.client_pause_end_time = end

    # Inside EXEC, the rest of the transaction is still propagated.
    if server.in_exec:
        server.client_pause_in_transaction = 1


def unpauseClients():
    """End the pause; the postponed clients are processed again."""
    server.client_pause_type = CLIENT_PAUSE_OFF
    server.client_pause_end_time = 0
    ln = server.paused_clients.head
    while ln is not None:
        next_ = ln.next
        unblockClient(ln.value)
        ln = next_


def areClientsPaused():
    return server.client_pause_type != CLIENT_PAUSE_OFF


def checkClientPauseTimeoutAndReturnIfPaused():
    """End a pause whose time has passed -> true if clients are still paused."""
    if server.client_pause_type == CLIENT_PAUSE_OFF:            # areClientsPaused
        return 0
    if server.client_pause_end_time < server.mstime:
        unpauseClients()
    return areClientsPaused()


def processEventsWhileBlocked():
    """Process a few events during a long operation: loading, a slow script.

    So that clients get -LOADING or -BUSY instead of no reply.  Up to four turns, as long as there are events: accept,
    read, write, close.
    """
    global ProcessingEventsWhileBlocked

    # Update the cached clock, from which c.lastinteraction is taken.
    updateCachedTime(0)

    # While this is set, reads are not handed to IO threads.
    ProcessingEventsWhileBlocked = 1
    for _ in range(4):
        startval = server.events_processed_while_blocked
        ae_events = aeProcessEvents(server.el, AE_FILE_EVENTS | AE_DONT_WAIT |
                                    AE_CALL_BEFORE_SLEEP | AE_CALL_AFTER_SLEEP)
        # Nested calls of this function, made by handlers, also add to this counter.
        server.events_processed_while_blocked += ae_events
        if server.events_processed_while_blocked == startval:
            break

    whileBlockedCron()

    ProcessingEventsWhileBlocked = 0
