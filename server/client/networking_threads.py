"""networking_threads.py - IO threads.              Mirrors src/networking.c, part "Threaded I/O" (6.2.14)

Lives here   IOThreadMain; handing out reads and writes, and waiting for them.
Called from  beforeSleep (handleClientsWithPending*UsingThreads) [before]; readQueryFromClient (postponeClientRead) [read].
State        io_threads*, below; server.io_threads_active, clients_pending_read.
Invariant    a thread touches its own list and the clients in it, and only between the release of its mutex and its
             pending count going to 0; the main thread touches neither in that time.  No keyspace, no ae, no lists of server.
Departures   in C a waiting thread spins a million times before it sleeps on its mutex, and main spins until all is
             done.  Under the GIL the one who spins starves the one who works, so both sleep at once: the thread on
             io_threads_mutex, which main releases once per batch, and main on io_threads_done.  Counters that C
             adds to atomically are plain: CPython does not switch threads inside such a statement.
             TLS connections stay with the main thread: they register events in ae.  (6.2's redis.conf says that the
             threads do not work with TLS; its code does not see to it.)
"""
import sys
import threading

from datastructs.adlist import listAddNodeHead, listAddNodeTail, listCreate, listDelNode, listEmpty
from server.client import networking
from server.client.connection import CONN_TYPE_TLS, connGetType, connSetWriteHandler
from server.client.networking import (
    freeClientAsync, handleClientsWithPendingWrites, processInputBuffer, processPendingCommandsAndResetClient,
    readQueryFromClient, sendReplyToClient, writeToClient,
)
from server.client.networking_reply import clientInstallWriteHandler
from server.log import serverAssert, serverLog, serverPanic
from server.os_process import redisSetCpuAffinity
from server.server_h import (
    C_ERR, CLIENT_BLOCKED, CLIENT_CLOSE_ASAP, CLIENT_MASTER, CLIENT_PENDING_READ, CLIENT_PENDING_WRITE, CLIENT_SLAVE,
    LL_WARNING, server,
)

IO_THREADS_MAX_NUM = 128
IO_THREADS_OP_READ = 0
IO_THREADS_OP_WRITE = 1
IO_THREADS_OP_EXIT = 2                 # ours: C cancels its threads

IO_THREADS_MIN_CLIENTS = 64            # ours, measured: under the GIL a woken thread pays off only with this many

io_threads = [None] * IO_THREADS_MAX_NUM
io_threads_mutex = [None] * IO_THREADS_MAX_NUM   # locked at rest; main releases it to start a batch
io_threads_done = [None] * IO_THREADS_MAX_NUM    # ours: locked at rest; the thread releases it after a batch
io_threads_pending = [0] * IO_THREADS_MAX_NUM    # clients handed to the thread, 0 when it has finished
io_threads_op = IO_THREADS_OP_READ
io_threads_list = [None] * IO_THREADS_MAX_NUM    # list_ of clients a thread


def getIOPendingCount(i):
    return io_threads_pending[i]


def setIOPendingCount(i, count):
    io_threads_pending[i] = count


def IOThreadMain(id):
    """Body of IO thread `id` (1 ... io_threads_num-1)."""
    try:
        # The name that ps -L and top -H show.
        with open("/proc/self/task/%d/comm" % threading.get_native_id(), "w", encoding="ascii") as f:
            f.write("io_thd_%d" % id)
    except OSError:
        pass
    redisSetCpuAffinity(server.server_cpulist)
    mutex = io_threads_mutex[id]
    done = io_threads_done[id]
    clients = io_threads_list[id]

    while True:
        # Sleep until main has something for us.
        mutex.acquire()
        op = io_threads_op
        if op == IO_THREADS_OP_EXIT:
            return
        serverAssert(getIOPendingCount(id) != 0)

        try:
            process_io_thread_list(clients, op)
        finally:
            listEmpty(clients)
            setIOPendingCount(id, 0)
            done.release()


def process_io_thread_list(clients, op):
    """Read or write for all clients of the list.  A client whose turn raises is closed, the others go on."""
    ln = clients.head
    while ln is not None:
        c = ln.value
        ln = ln.next
        try:
            if op == IO_THREADS_OP_WRITE:
                writeToClient(c, 0)
            elif op == IO_THREADS_OP_READ:
                readQueryFromClient(c.conn)
            else:
                serverPanic("io_threads_op value is unknown")
        except Exception as exc:
            networking.log_unexpected_exception(exc)
            freeClientAsync(c)


def initThreadedIO():
    """Start the threads, each asleep on its mutex."""
    server.io_threads_active = 0
    if server.io_threads_num == 1:
        return
    if server.io_threads_num > IO_THREADS_MAX_NUM:
        serverLog(LL_WARNING, "Fatal: too many I/O threads configured. The maximum number is %d.", IO_THREADS_MAX_NUM)
        sys.exit(1)

    for i in range(server.io_threads_num):
        io_threads_list[i] = listCreate()
        if i == 0:
            continue                                # the main thread
        io_threads_mutex[i] = threading.Lock()
        io_threads_done[i] = threading.Lock()
        setIOPendingCount(i, 0)
        io_threads_mutex[i].acquire()
        io_threads_done[i].acquire()
        # daemon: a thread asleep must not keep the process from ending.
        tid = threading.Thread(target=IOThreadMain, args=(i,), name="io_thd_%d" % i, daemon=True)
        try:
            tid.start()
        except RuntimeError:
            serverLog(LL_WARNING, "Fatal: Can't initialize IO thread.")
            sys.exit(1)
        io_threads[i] = tid


def killIOThreads():
    """End the threads: before a memory test, or when the process dies."""
    global io_threads_op
    io_threads_op = IO_THREADS_OP_EXIT
    for j in range(1, server.io_threads_num):
        tid = io_threads[j]
        if tid is None or tid is threading.current_thread():
            continue
        io_threads_mutex[j].release()
        tid.join(1)
        if tid.is_alive():
            serverLog(LL_WARNING, "IO thread(tid:%d) can not be joined: %s", tid.ident, "Connection timed out")
        else:
            serverLog(LL_WARNING, "IO thread(tid:%d) terminated", tid.ident)
        io_threads[j] = None


def startThreadedIO():
    serverAssert(server.io_threads_active == 0)
    server.io_threads_active = 1


def stopThreadedIO():
    # Reads that were put off for the threads come first.
    handleClientsWithPendingReadsUsingThreads()
    serverAssert(server.io_threads_active == 1)
    server.io_threads_active = 0


def stopThreadedIOIfNeeded():
    """1 if this turn is better done without threads: less than two clients to write to for each of them."""
    if server.io_threads_num == 1:
        return 1
    if server.clients_pending_write.len < server.io_threads_num * 2:
        if server.io_threads_active:
            stopThreadedIO()
        return 1
    return 0


def io_threads_to_use(clients):
    """How many lists to spread `clients` over, at least two (ours; C always takes all: its threads run in parallel)."""
    return min(server.io_threads_num, max(2, clients // IO_THREADS_MIN_CLIENTS))


def run_io_threads(op):
    """Start all threads that have clients, do the slice of the main thread, and wait for the others (ours)."""
    global io_threads_op
    io_threads_op = op
    started = []
    for j in range(1, server.io_threads_num):
        count = io_threads_list[j].len
        if count:
            setIOPendingCount(j, count)
            io_threads_mutex[j].release()
            started.append(j)

    process_io_thread_list(io_threads_list[0], op)
    listEmpty(io_threads_list[0])

    for j in started:
        io_threads_done[j].acquire()


def handleClientsWithPendingWritesUsingThreads():
    """handleClientsWithPendingWrites, with the help of the threads if there is enough to do."""
    processed = server.clients_pending_write.len
    if processed == 0:
        return 0

    if server.io_threads_num == 1 or stopThreadedIOIfNeeded():
        return handleClientsWithPendingWrites()

    if not server.io_threads_active:
        startThreadedIO()

    # Hand the clients out in turn.
    spread = io_threads_to_use(processed)
    ln = server.clients_pending_write.head
    item_id = 0
    while ln is not None:
        next_ = ln.next
        c = ln.value
        c.flags &= ~CLIENT_PENDING_WRITE
        if c.flags & CLIENT_CLOSE_ASAP:
            listDelNode(server.clients_pending_write, ln)
        elif connGetType(c.conn) == CONN_TYPE_TLS:
            listAddNodeTail(io_threads_list[0], c)
        else:
            listAddNodeTail(io_threads_list[item_id % spread], c)
            item_id += 1
        ln = next_

    run_io_threads(IO_THREADS_OP_WRITE)

    # What could not be sent in full gets a write handler: ae is for the main thread alone.
    ln = server.clients_pending_write.head
    while ln is not None:
        c = ln.value
        ln = ln.next
        if (c.bufpos or c.reply.len) and connSetWriteHandler(c.conn, sendReplyToClient) == C_ERR:
            freeClientAsync(c)
    listEmpty(server.clients_pending_write)

    server.stat_io_writes_processed += processed
    return processed


def postponeClientRead(c):
    """1 if the read was put off for the threads: the client is in clients_pending_read then."""
    if (server.io_threads_active and server.io_threads_do_reads and not networking.ProcessingEventsWhileBlocked and
            not c.flags & (CLIENT_MASTER | CLIENT_SLAVE | CLIENT_PENDING_READ | CLIENT_BLOCKED) and
            connGetType(c.conn) != CONN_TYPE_TLS):
        c.flags |= CLIENT_PENDING_READ
        listAddNodeHead(server.clients_pending_read, c)
        return 1
    return 0


def handleClientsWithPendingReadsUsingThreads():
    """Let the threads read, and parse the first command of each client; then execute, on the main thread."""
    if not server.io_threads_active or not server.io_threads_do_reads:
        return 0
    processed = server.clients_pending_read.len
    if processed == 0:
        return 0

    spread = io_threads_to_use(processed)
    ln = server.clients_pending_read.head
    item_id = 0
    while ln is not None:
        listAddNodeTail(io_threads_list[item_id % spread], ln.value)
        item_id += 1
        ln = ln.next

    run_io_threads(IO_THREADS_OP_READ)

    while server.clients_pending_read.len:
        ln = server.clients_pending_read.head
        c = ln.value
        c.flags &= ~CLIENT_PENDING_READ
        listDelNode(server.clients_pending_read, ln)

        serverAssert(not c.flags & CLIENT_BLOCKED)
        if processPendingCommandsAndResetClient(c) == C_ERR:
            continue                                # freed

        processInputBuffer(c)

        # A thread may have replied an error, but cannot queue the client for writing.
        if not c.flags & CLIENT_PENDING_WRITE and (c.bufpos or c.reply.len):
            clientInstallWriteHandler(c)

    server.stat_io_reads_processed += processed
    return processed
