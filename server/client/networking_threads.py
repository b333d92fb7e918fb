"""networking_threads.py - IO threads.              Mirrors src/networking.c, part "Threaded I/O" (6.2.14)

Lives here   IOThreadMain; distributing reads and writes to the threads, and waiting for them.
Called from  beforeSleep (handleClientsWithPending*UsingThreads) [before]; readQueryFromClient (postponeClientRead) [read].
State        io_threads*, below; server.io_threads_active, clients_pending_read.
Invariant    a thread touches its own list and the clients in it, and only while its pending count is not 0; the main
             thread touches neither in that time.  No keyspace, no ae, no lists of server.
             io_threads_pending[j] is the only word that both sides write: main while it is 0, thread j while it is not.
Departures   D-32: under the GIL the spin of the main thread releases it in each round, or the thread that is waited for
             could not run; a thread does not spin but sleeps until main has work for it, and runs on main's CPU (where
             Python can bind it: PyPy has no os.sched_setaffinity).  On a build without GIL both spins are C's.
             Counters that C adds to atomically (stat_net_input_bytes and the like) are plain integers: an increment may be
             lost when two threads add at the same moment.  CPython from 3.10 on with the GIL does not switch threads there;
             PyPy, CPython 3.9 and a build without GIL may.
             TLS connections stay with the main thread: they register events in ae.  (The redis.conf of 6.2 says that the
             threads do not work with TLS; its code does not enforce it.)
"""
import os
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
from server.log import assertion_report, integrity_failure, log_unexpected_exception, serverAssert, serverLog, serverPanic
from server.os_process import redisSetCpuAffinity
from server.server_h import (
    C_ERR, CLIENT_BLOCKED, CLIENT_CLOSE_ASAP, CLIENT_MASTER, CLIENT_PENDING_READ, CLIENT_PENDING_WRITE, CLIENT_SLAVE,
    LL_WARNING, server,
)

IO_THREADS_MAX_NUM = 128
IO_THREADS_OP_READ = 0
IO_THREADS_OP_WRITE = 1
IO_THREADS_OP_EXIT = 2                 # ours: C cancels its threads
GIL_ENABLED = getattr(sys, "_is_gil_enabled", lambda: True)()
IO_THREADS_FOLLOW_MS = 100             # UNIT: ms; ours: how often main looks where it runs

io_threads = [None] * IO_THREADS_MAX_NUM
io_threads_mutex = [None] * IO_THREADS_MAX_NUM   # locked while the threads are not active
io_threads_wakeup = [None] * IO_THREADS_MAX_NUM  # ours: released with each batch for the thread, which sleeps on it (GIL only)
io_threads_followed = 0                # UNIT: ms; ours: when io_threads_follow_main has looked last
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
        # Set the name that ps -L and top -H show.
        with open("/proc/self/task/%d/comm" % threading.get_native_id(), "w", encoding="ascii") as f:
            f.write("io_thd_%d" % id)
    except OSError:
        pass
    redisSetCpuAffinity(server.server_cpulist)

    while True:
        # Wait for the start of a batch.
        if GIL_ENABLED:
            io_threads_wakeup[id].acquire()
        else:
            for _ in range(1000000):
                if getIOPendingCount(id) != 0:
                    break

        # Give the main thread a chance to stop this thread.
        if getIOPendingCount(id) == 0:
            io_threads_mutex[id].acquire()
            io_threads_mutex[id].release()
            if io_threads_op == IO_THREADS_OP_EXIT:
                return
            continue

        serverAssert(getIOPendingCount(id) != 0)

        # The main thread does not access the list before the pending count is 0.
        try:
            process_io_thread_list(io_threads_list[id], io_threads_op)
        finally:
            listEmpty(io_threads_list[id])
            setIOPendingCount(id, 0)


def process_io_thread_list(clients, op):
    """Read or write for all clients of the list.  A client whose turn raises is closed, the others are served (io_thread_raised)."""
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
            io_thread_raised(c, exc)


def io_thread_raised(c, exc):
    """Do what unexpected_exception does for the main thread: an assertion ends the server, any other exception closes the client."""
    if integrity_failure(exc):
        assertion_report(exc)
    log_unexpected_exception(exc)
    freeClientAsync(c)


def initThreadedIO():
    """Start the threads, each waiting on its mutex."""
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
        setIOPendingCount(i, 0)
        io_threads_mutex[i].acquire()
        io_threads_wakeup[i] = threading.Lock()
        io_threads_wakeup[i].acquire()
        # daemon: a waiting thread must not keep the process from ending.
        tid = threading.Thread(target=IOThreadMain, args=(i,), name="io_thd_%d" % i, daemon=True)
        try:
            tid.start()
        except RuntimeError:
            serverLog(LL_WARNING, "Fatal: Can't initialize IO thread.")
            sys.exit(1)
        io_threads[i] = tid


def killIOThreads():
    """End the threads: before a memory test, or when the process ends."""
    global io_threads_op
    io_threads_op = IO_THREADS_OP_EXIT
    if server.io_threads_num > 1 and not server.io_threads_active:
        startThreadedIO()
    for j in range(1, server.io_threads_num):
        tid = io_threads[j]
        if tid is None or tid is threading.current_thread():
            continue
        if io_threads_wakeup[j].locked():
            io_threads_wakeup[j].release()
        tid.join(1)
        if tid.is_alive():
            serverLog(LL_WARNING, "IO thread(tid:%d) can not be joined: %s", tid.ident, "Connection timed out")
        else:
            serverLog(LL_WARNING, "IO thread(tid:%d) terminated", tid.ident)
        io_threads[j] = None


def startThreadedIO():
    """Let the threads leave their mutexes."""
    serverAssert(server.io_threads_active == 0)
    for j in range(1, server.io_threads_num):
        io_threads_mutex[j].release()
    server.io_threads_active = 1


def stopThreadedIO():
    """Make the threads wait on their mutexes, after the reads that were put off for them."""
    handleClientsWithPendingReadsUsingThreads()
    serverAssert(server.io_threads_active == 1)
    for j in range(1, server.io_threads_num):
        io_threads_mutex[j].acquire()
    server.io_threads_active = 0


def stopThreadedIOIfNeeded():
    """Tell whether this turn is better done without threads -> 1 or 0: less than two clients to write to for each of them."""
    if server.io_threads_num == 1:
        return 1
    if server.clients_pending_write.len < server.io_threads_num * 2:
        if server.io_threads_active:
            stopThreadedIO()
        return 1
    return 0


def io_threads_follow_main():
    """Bind the IO threads to the CPU that the main thread runs on, unless the user has chosen CPUs (server_cpulist).

    Ours, under the GIL: one thread at a time runs Python.  On another CPU it would have to fetch each object that it touches
    from the cache of main's, which costs more than the system calls that could overlap there.
    """
    global io_threads_followed
    if not GIL_ENABLED or server.server_cpulist or 0 <= server.mstime - io_threads_followed < IO_THREADS_FOLLOW_MS:
        return
    io_threads_followed = server.mstime
    try:
        with open("/proc/self/stat", "rb") as f:
            cpu = int(f.read().rpartition(b")")[2].split()[36])
        for tid in io_threads[1:server.io_threads_num]:
            os.sched_setaffinity(tid.native_id, {cpu})
    except (OSError, AttributeError):
        pass                                        # no /proc, no such call: the system places the threads


def run_io_threads(op):
    """Start the threads that have clients, serve the slice of the main thread, and wait until all have finished.

    C: written out in both callers.
    """
    global io_threads_op
    io_threads_follow_main()
    # Give the start condition to the waiting threads, by setting their pending counts.
    io_threads_op = op
    for j in range(1, server.io_threads_num):
        count = io_threads_list[j].len
        setIOPendingCount(j, count)
        if count and GIL_ENABLED:
            io_threads_wakeup[j].release()

    # The main thread also processes its list of clients.
    process_io_thread_list(io_threads_list[0], op)
    listEmpty(io_threads_list[0])

    # Wait for all the other threads to end their work.
    while True:
        pending = 0
        for j in range(1, server.io_threads_num):
            pending += getIOPendingCount(j)
        if pending == 0:
            break
        if GIL_ENABLED:
            os.sched_yield()


def handleClientsWithPendingWritesUsingThreads():
    """handleClientsWithPendingWrites, with the help of the threads if there is enough to do."""
    processed = server.clients_pending_write.len
    if processed == 0:
        if server.io_threads_active:
            stopThreadedIO()                        # ours: C's threads keep spinning while the server is idle
        return 0

    if server.io_threads_num == 1 or stopThreadedIOIfNeeded():
        return handleClientsWithPendingWrites()

    if not server.io_threads_active:
        startThreadedIO()

    # Distribute the clients over the lists, round robin.
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
            listAddNodeTail(io_threads_list[item_id % server.io_threads_num], c)
            item_id += 1
        ln = next_

    run_io_threads(IO_THREADS_OP_WRITE)

    # Install a write handler for clients with replies left: only the main thread may call ae.
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
    """Tell whether the read was put off for the threads -> 1 or 0: the client is in clients_pending_read then."""
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

    ln = server.clients_pending_read.head
    item_id = 0
    while ln is not None:
        listAddNodeTail(io_threads_list[item_id % server.io_threads_num], ln.value)
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
