"""io_threads.py - a plain client's requests when there are IO threads: they read and write, main executes a batch.

Shortens     server/client/networking_threads.py; the same functions as requests.py, whose place this module takes.
Called from  ae, as the handler of plain sockets [read]; beforeSleep [before]; the IO threads.
Calls out    requests.py: execute_batch, and all that happens while the threads are stopped.
State        none of its own: clients stand in clients_pending_read and clients_pending_write, as those of the text do.
Invariant    an IO thread reads no table of the fast path but requests.heads, and changes none.  Through the text it may call
             requests.processInputBuffer, which executes nothing for a pending read, and sets turn.plain to None: main
             sets it so, too, when the threads have ended.
             Between two turns nothing is kept here, so that the text can go on at any time.
"""
import os

from ae.ae import AE_READABLE
from datastructs.adlist import listAddNodeHead, listAddNodeTail, listDelNode, listEmpty
from server.client import networking
from server.client.connection import (
    CONN_TYPE_TLS, CT_Socket, connGetType, connSetWriteHandler, connSocketEventHandler as text_connSocketEventHandler,
)
from server.client.networking import (
    freeClientAsync, handleClientsWithPendingWrites as text_handleClientsWithPendingWrites,
    processInputBuffer as text_processInputBuffer, processPendingCommandsAndResetClient, readQueryFromClient, sendReplyToClient, writeToClient,
)
from server.client.networking_reply import clientInstallWriteHandler
from server.client.networking_threads import (
    IO_THREADS_OP_READ, IO_THREADS_OP_WRITE, handleClientsWithPendingReadsUsingThreads as text_handleClientsWithPendingReadsUsingThreads,
    handleClientsWithPendingWritesUsingThreads as text_handleClientsWithPendingWritesUsingThreads, io_thread_raised, io_threads_list,
    process_io_thread_list as text_process_io_thread_list, run_io_threads, startThreadedIO,
)
from server.fastpath import requests
from server.fastpath.requests import HEAD, MAY_DO_ANYTHING, add_reply, execute_batch, heads, replies, server_is_plain, socket_failed, turn
from server.log import serverAssert
from server.server_h import (
    C_ERR, CLIENT_BLOCKED, CLIENT_CLOSE_ASAP, CLIENT_PENDING_COMMAND, CLIENT_PENDING_READ, CLIENT_PENDING_WRITE, CLIENT_UNIX_SOCKET,
    PROTO_IOBUF_LEN, server,
)

os_read = os.read
os_write = os.write

LIST_CLIENTS = 64                      # clients for which one more thread is woken: under the GIL that costs more than it saves
READ_ONLY = CLIENT_PENDING_READ | CLIENT_UNIX_SOCKET


def replacements():
    """Return the table of (function of the text, replacement) of this module."""
    return [
        (text_connSocketEventHandler, connSocketEventHandler),
        (text_processInputBuffer, requests.processInputBuffer),
        (text_handleClientsWithPendingWrites, requests.handleClientsWithPendingWrites),
        (text_handleClientsWithPendingWritesUsingThreads, handleClientsWithPendingWritesUsingThreads),
        (text_handleClientsWithPendingReadsUsingThreads, handleClientsWithPendingReadsUsingThreads),
        (text_process_io_thread_list, process_io_thread_list),
    ]


def connSocketEventHandler(el, fd, conn, mask):
    """Put a plain client's read off for the threads at once; while they are stopped, do what requests.py does.

    When          the threads are active and read; the socket is only to be read, by readQueryFromClient; the client has no flag
                  but that of a Unix socket.
    Same because  readQueryFromClient would do nothing else: the client is neither a master nor a replica, nor blocked.
    Skips         callHandler, readQueryFromClient, postponeClientRead.
    Gains         with those of the other functions of this module, SET and GET with `io-threads 4` and 50 clients: about twice
                  the requests of `fast-path no` at P=1, five to seven times at P=16 (redis-benchmark, CPython 3.11, 2026-11-29).
    """
    srv = server
    if not srv.io_threads_active or not srv.io_threads_do_reads or networking.ProcessingEventsWhileBlocked:
        return requests.connSocketEventHandler(el, fd, conn, mask)
    if mask == AE_READABLE and conn.read_handler is readQueryFromClient and conn.write_handler is None:
        c = conn.private_data
        if not c.flags or c.flags == CLIENT_UNIX_SOCKET:
            c.flags |= CLIENT_PENDING_READ
            listAddNodeHead(srv.clients_pending_read, c)
            return None
    return text_connSocketEventHandler(el, fd, conn, mask)


def process_io_thread_list(clients, op):
    """Read or write for the clients of the list, with one system call for each plain client.

    When          write: all of the reply is in c.buf, nothing of it has been sent, and the client has no flag but that of a
                  Unix socket.  Read: no request is half parsed, and the client has no flag but those of a pending read and of a Unix socket.
    Same because  the text makes the same call on the same bytes; what a socket does not take, and the end of the stream, are
                  left to the text, which meets them again.  An error is reported once: it is handled here as by the
                  text.  A request that execute_batch knows is left in the query buffer, where the text leaves all but the first;
                  any other is parsed here by the text.
    Skips         readQueryFromClient, postponeClientRead, connRead, processInputBuffer, writeToClient, connWrite.
    Gains         included in those of connSocketEventHandler.
    """
    srv = server
    calls = total = 0
    ln = clients.head
    while ln is not None:
        c = ln.value
        ln = ln.next
        conn = c.conn
        try:
            if op == IO_THREADS_OP_WRITE:
                flags = c.flags
                if (not flags or flags == CLIENT_UNIX_SOCKET) and c.bufpos and not c.sentlen and not c.reply.len and conn.type is CT_Socket:
                    try:
                        sent = os_write(conn.fd, c.buf)
                    except BlockingIOError:
                        sent = 0
                    except OSError as exc:
                        calls += 1
                        socket_failed(c, conn, exc, "Error writing to client: %s")
                        continue
                    if sent:
                        total += sent
                        c.lastinteraction = srv.unixtime
                    if sent == c.bufpos:
                        c.buf = bytearray()
                        c.bufpos = 0
                        calls += 1
                        continue
                    c.sentlen = sent
                writeToClient(c, 0)
            elif op == IO_THREADS_OP_READ and not c.flags & ~READ_ONLY and not c.reqtype and conn.type is CT_Socket:
                try:
                    buf = os_read(conn.fd, PROTO_IOBUF_LEN)
                except BlockingIOError:
                    calls += 1
                    continue
                except OSError as exc:
                    calls += 1
                    socket_failed(c, conn, exc, "Reading from client: %s")
                    continue
                if not buf:
                    readQueryFromClient(conn)
                    continue
                calls += 1
                total += len(buf)
                c.lastinteraction = srv.unixtime
                if c.querybuf:
                    if c.querybuf_peak < len(c.querybuf):
                        c.querybuf_peak = len(c.querybuf)
                    buf = c.querybuf + buf
                c.querybuf = buf
                if buf[:HEAD] not in heads:
                    text_processInputBuffer(c)
            else:
                readQueryFromClient(conn)
        except Exception as exc:
            io_thread_raised(c, exc)
    if op == IO_THREADS_OP_WRITE:
        srv.stat_total_writes_processed += calls
        srv.stat_net_output_bytes += total
    else:
        srv.stat_total_reads_processed += calls
        srv.stat_net_input_bytes += total


def distribute(clients):
    """Add clients to the lists of the threads, round robin: one list for each LIST_CLIENTS clients, but at least two.

    The first list is main's.  The text uses all lists, as C does.
    """
    spread = min(server.io_threads_num, max(2, len(clients) // LIST_CLIENTS))
    for j, c in enumerate(clients):
        listAddNodeTail(io_threads_list[j % spread], c)


def handleClientsWithPendingReadsUsingThreads():
    """Let the threads read, then execute what each client has sent as one batch.

    When          a client that has no flag but those of a pending read or write and of a Unix socket, and no request half
                  parsed, is authenticated, and whose user may do anything; and the server is in plain state, as for requests.connSocketEventHandler.
    Same because  the threads read the clients, and main executes them in the same order, one after the other.  The reply is
                  added to the client's buffer, and written by handleClientsWithPendingWritesUsingThreads.
    Skips         processPendingCommandsAndResetClient, processInputBuffer, processCommandAndResetClient, addReply,
                  prepareClientToWrite.
    Gains         included in those of connSocketEventHandler.  A batch is spread over fewer lists than
                  there are threads (distribute), since each list wakes a thread.
    """
    srv = server
    pending = srv.clients_pending_read
    processed = pending.len
    if not srv.io_threads_active or not srv.io_threads_do_reads or processed == 0:
        return 0
    clients = []
    ln = pending.head
    while ln is not None:
        clients.append(ln.value)
        ln = ln.next
    distribute(clients)
    run_io_threads(IO_THREADS_OP_READ)

    turn.plain = None
    while pending.len:
        ln = pending.head
        c = ln.value
        flags = c.flags = c.flags & ~CLIENT_PENDING_READ
        listDelNode(pending, ln)
        serverAssert(not flags & CLIENT_BLOCKED)
        if (not flags & ~(CLIENT_PENDING_WRITE | CLIENT_UNIX_SOCKET) and not c.reqtype and c.querybuf and c.authenticated
                and c.user is not None and c.user.flags & MAY_DO_ANYTHING == MAY_DO_ANYTHING
                and (turn.plain or turn.plain is None and server_is_plain())):
            buf = c.querybuf
            done, out = execute_batch(c, buf)
            if out:
                add_reply(c, out)
            if done == len(buf):
                c.querybuf = b""
                continue
            c.querybuf = buf[done:]
        if c.flags & CLIENT_PENDING_COMMAND or c.querybuf:
            turn.plain = None
        if processPendingCommandsAndResetClient(c) == C_ERR:
            continue
        text_processInputBuffer(c)
        if not c.flags & CLIENT_PENDING_WRITE and (c.bufpos or c.reply.len):
            clientInstallWriteHandler(c)
    turn.plain = None
    srv.stat_io_reads_processed += processed
    return processed


def handleClientsWithPendingWritesUsingThreads():
    """Let the threads write the replies of the text and of the batches.

    When          there are two clients for each thread; else main writes, as in requests.py, and the text stops the threads.
    Same because  the condition is that of stopThreadedIOIfNeeded; a reply that main has kept is moved to the client's buffers.
    Skips         stopThreadedIOIfNeeded.
    Gains         included in those of connSocketEventHandler; fewer lists, as for reads.
    """
    srv = server
    pending = srv.clients_pending_write
    if pending.len + len(replies) < srv.io_threads_num * 2:
        return requests.handleClientsWithPendingWritesUsingThreads()

    turn.plain = None                  # a new turn begins
    for c, conn, data in replies:
        if c.conn is conn:
            add_reply(c, data)
    replies.clear()
    processed = pending.len
    if not srv.io_threads_active:
        startThreadedIO()

    clients = []
    ln = pending.head
    while ln is not None:
        next_ = ln.next
        c = ln.value
        c.flags &= ~CLIENT_PENDING_WRITE
        if c.flags & CLIENT_CLOSE_ASAP:
            listDelNode(pending, ln)
        elif connGetType(c.conn) == CONN_TYPE_TLS:
            listAddNodeTail(io_threads_list[0], c)
        else:
            clients.append(c)
        ln = next_
    distribute(clients)
    run_io_threads(IO_THREADS_OP_WRITE)

    ln = pending.head
    while ln is not None:
        c = ln.value
        ln = ln.next
        if (c.bufpos or c.reply.len) and connSetWriteHandler(c.conn, sendReplyToClient) == C_ERR:
            freeClientAsync(c)
    listEmpty(pending)
    srv.stat_io_writes_processed += processed
    return processed
