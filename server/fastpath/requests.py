"""requests.py - a plain client's requests: read, parsed, executed and answered as one batch.

Shortens     server/client/connection.py, networking.py; server/server.py: processCommand, call, propagate.
Called from  ae, as the handler of plain sockets [read]; beforeSleep [before]; networking.py for TLS [read].
Calls out    commands.py for the commands; the text for every case that is not served here.
State        turn: what is known of the server until a function of the text runs; replies: those of this turn.
Invariant    while turn.plain is true no command has run outside this module since turn.plain was set, so that what
             server_is_plain has seen still holds.
             A client that is served here has no reply in its buffers, unless the text has put it there.

A request is looked up by its first 18 bytes, "*3\\r\\n$3\\r\\nSET\\r\\n$16\\r\\n": they are parsed once (learn_start), and the result
is remembered: the command, the function that serves it, and the size of the first argument.  The arguments are slices of
the buffer; the function returns the reply, or None if it leaves the case to the text and has changed nothing.  The first
request that is not known, not whole or not served goes to the text, with all that follow it.  A command served here that
changed the data set is propagated as the bytes that its client sent, which are what catAppendOnlyGenericCommand and
replicationFeedSlaves would make of argv.
"""
import os

from ae import monotonic
from ae.ae import AE_READABLE
from datastructs.adlist import list_link_node_tail
from datastructs.rax import raxSize
from persistence.aof import aofRewriteBufferAppend
from replication.replication_master import canFeedReplicaReplBuffer, feedReplicationBacklog
from server.admin.slowlog import slowlogPushEntryIfNeeded
from server.client.connection import CONN_STATE_ERROR, callHandler, connGetLastError, connSocketEventHandler as text_connSocketEventHandler
from server.client.networking import (
    command_raised, freeClientAsync, handleClientsWithPendingWrites as text_handleClientsWithPendingWrites,
    processInputBuffer as text_processInputBuffer, readQueryFromClient,
)
from server.client.networking_reply import addReplyProto
from server.client.networking_threads import (
    handleClientsWithPendingWritesUsingThreads as text_handleClientsWithPendingWritesUsingThreads,
)
from server.fastpath import commands, slots
from server.fastpath.commands import batch
from server.fastpath.dicts import dictAddRaw
from server.log import integrity_failure, serverLog
from server.object import createStringObject
from server.server import lookupCommand
from server.server_h import (
    AOF_FSYNC_ALWAYS, AOF_OFF, AOF_ON, CHILD_TYPE_AOF, CLIENT_PENDING_WRITE, CLIENT_TYPE_NORMAL, CLIENT_UNIX_SOCKET,
    LL_VERBOSE, MAXMEMORY_FLAG_LFU, PROTO_IOBUF_LEN, PROTO_REPLY_CHUNK_BYTES, USER_FLAG_ALLCHANNELS, USER_FLAG_ALLCOMMANDS,
    USER_FLAG_ALLKEYS, server, shared,
)
from server.session import tracking

os_read = os.read
os_write = os.write

MAY_DO_ANYTHING = USER_FLAG_ALLCOMMANDS | USER_FLAG_ALLKEYS | USER_FLAG_ALLCHANNELS
HEAD = 13                              # bytes that tell the command: "*3\r\n$3\r\nSET\r\n", "*3\r\n$5\r\nLPUSH" (the rest is compared)
START = 18                             # bytes by which the start of a request is looked up
LONG_START = 24                        # the same, for longer names: ZPOPMIN, SISMEMBER
STARTS_MAX = 8192
NEVER = 1 << 63                        # UNIT: us; a slowlog threshold that is switched off
BATCH_US = 2000                        # UNIT: us; no batch of 16 KB takes longer
CR = b"\r"

heads = {}                             # first HEAD bytes of a request -> (number of arguments, length of the head, the
#                                        rest of the name or None, redisCommand, function); filled by prepare
starts = {}                            # first START bytes of a request, "*3\r\n$3\r\nSET\r\n$16\r\n" -> what learn_start returns
long_starts = {}                       # first LONG_START bytes of one whose header ends behind START bytes -> the same
# The header of an argument by its first five bytes: "$16\r\n"; with the byte that follows, "$3\r\nx"; without the \n,
# "$128\r" -> (size of the argument, length of the header).
headers = {b"$%d\r\n" % n: (n, 5) for n in range(10, 100)}
headers.update((b"$%d\r\n%c" % (n, ch), (n, 4)) for n in range(10) for ch in range(256))
headers.update((b"$%d\r" % n, (n, 6)) for n in range(100, 1000))


class turnState:
    """What is known of the server in this turn."""
    __slots__ = ("plain", "db", "feed", "slow", "each")

    def __init__(self):
        self.plain = None              # True, False; None = not known, server_is_plain finds out
        self.db = None                 # the redisDb that look_at_db has seen since then
        self.feed = False              # True = somebody hears of what is written: an AOF, a backlog
        self.slow = NEVER              # UNIT: us; from this duration on a command belongs into the slowlog
        self.each = False              # True = that is so short that each command must be timed by itself


turn = turnState()
replies = []                           # (client, its connection, bytes), written where handleClientsWithPendingWrites stands


def replacements():
    """Return the table of (function of the text, replacement) of this module."""
    return [
        (text_connSocketEventHandler, connSocketEventHandler),
        (text_processInputBuffer, processInputBuffer),
        (text_handleClientsWithPendingWrites, handleClientsWithPendingWrites),
        (text_handleClientsWithPendingWritesUsingThreads, handleClientsWithPendingWritesUsingThreads),
    ]


def prepare():
    """Fill the table of heads: the commands that are served here, unless rename-command has given the name away."""
    heads.clear()
    starts.clear()
    long_starts.clear()
    commands.add_key = slots.add_key if server.cluster_enabled else dictAddRaw
    for name, argc, function in commands.served():
        cmd = lookupCommand(name)
        if cmd is None or cmd.name != name.lower():
            continue
        if server.cluster_enabled and cmd.firstkey:
            function = slots.in_slot(function, argc - 1, cmd.keystep if cmd.lastkey != cmd.firstkey else 0)
        for word in (name,) if name in commands.SPELLED else (name, name.lower()):
            head = b"*%d\r\n$%d\r\n%b\r\n" % (argc, len(word), word)
            heads[head[:HEAD]] = (argc - 1, len(head), head[HEAD:-2] or None, cmd, function)


def server_is_plain():
    """Find out whether requests may be served here, and remember it until the text runs again -> turn.plain."""
    srv = server
    limit = srv.client_obuf_limits[CLIENT_TYPE_NORMAL]
    aof = srv.aof_state
    table = tracking.TrackingTable     # outlives the clients that it was made for
    turn.plain = not (
        aof != AOF_OFF and (aof != AOF_ON or srv.aof_fsync == AOF_FSYNC_ALWAYS)
        or srv.masterhost is not None or srv.loading or srv.lua_timedout or srv.in_exec or srv.in_eval
        or srv.monitors.len or srv.maxmemory or srv.maxmemory_policy & MAXMEMORY_FLAG_LFU
        or srv.tracking_clients or table is not None and (raxSize(table) or raxSize(tracking.PrefixTable))
        or srv.client_pause_type or srv.notify_keyspace_events
        or srv.latency_monitor_threshold or srv.repl_min_slaves_to_write or not srv.replication_allowed
        or srv.lastbgsave_status or srv.aof_last_write_status or srv.aof_bio_fsync_status
        or limit.hard_limit_bytes or limit.soft_limit_bytes or srv.ready_keys.len or srv.also_propagate.numops)
    turn.db = None
    turn.feed = aof != AOF_OFF or srv.repl_backlog is not None
    turn.slow = srv.slowlog_log_slower_than if srv.slowlog_log_slower_than >= 0 else NEVER
    turn.each = turn.slow < BATCH_US
    return turn.plain


def look_at_db(db):
    """Find out what the commands must know of a db, and remember it until the text runs again -> False: its keys are watched."""
    watched0, watched1 = db.watched_keys.ht
    if watched0.used or watched1.used:
        return False
    expires0, expires1 = db.expires.ht
    batch.expires = expires0.used + expires1.used
    turn.db = db
    return True


def connSocketEventHandler(el, fd, conn, mask):
    """Read what a plain client sends, execute it as one batch, and leave the replies for the end of the turn.

    When          the socket is only to be read, by readQueryFromClient; no reply waits in its buffers; no request is half
                  parsed; the client has no flag but that of a Unix socket, is authenticated, and its user may do
                  anything; and the server is in plain state (server_is_plain): no AOF, or one that is not synced always;
                  a master; no MONITOR, maxmemory, LFU, tracking, pause, keyspace events, latency
                  monitor, min-replicas-to-write, disk error, or output buffer limit for normal clients.
    Same because  the steps that are left out are the tests whose outcome is known from the condition.  The reply is written
                  where the text writes it, after flushAppendOnlyFile.
    Skips         callHandler, readQueryFromClient, connSocketRead, processInputBuffer, processCommandAndResetClient,
                  addReply, prepareClientToWrite.
    Gains         SET and GET, P=1: 1.3 times the requests of a CPU second of the server before the fast path; P=16: 2.3 to 2.5
                  times (`make bench BASE=ac5cdb7 ARGS=--cpu`, CPython 3.11, 2026-11-28).
    """
    if mask != AE_READABLE or conn.read_handler is not readQueryFromClient or conn.write_handler is not None:
        return text_connSocketEventHandler(el, fd, conn, mask)
    c = conn.private_data
    flags = c.flags
    if (flags and flags != CLIENT_UNIX_SOCKET or c.reqtype or not c.authenticated
            or c.user.flags & MAY_DO_ANYTHING != MAY_DO_ANYTHING or not (turn.plain or turn.plain is None and server_is_plain())):
        return text_connSocketEventHandler(el, fd, conn, mask)

    srv = server
    try:
        buf = os_read(fd, PROTO_IOBUF_LEN)
    except BlockingIOError:
        srv.stat_total_reads_processed += 1
        return None
    except OSError as exc:
        srv.stat_total_reads_processed += 1
        return socket_failed(c, conn, exc, "Reading from client: %s")
    if not buf:
        return text_connSocketEventHandler(el, fd, conn, mask)    # the text finds the same, and closes
    nread = len(buf)
    srv.stat_total_reads_processed += 1
    srv.stat_net_input_bytes += nread
    c.lastinteraction = srv.unixtime
    if c.querybuf:
        buf = c.querybuf + buf
        if c.querybuf_peak < len(c.querybuf):
            c.querybuf_peak = len(c.querybuf)

    done, out = execute_batch(c, buf)
    if done == len(buf):
        if nread != done:
            c.querybuf = b""
        if out:
            replies.append((c, conn, out))
        return None
    if out:
        add_reply(c, out)
    c.querybuf = buf[done:]
    if not done or request_end(c.querybuf, 0) != -1:
        turn.plain = None
        callHandler(conn, execute_rest)
    return None


def socket_failed(c, conn, exc, text):
    """Do what the text does when read(2) or write(2) fails.  The system reports an error once: a second call would meet another one."""
    conn.last_errno = exc.errno
    conn.state = CONN_STATE_ERROR
    serverLog(LL_VERBOSE, text, connGetLastError(conn))
    freeClientAsync(c)


def execute_rest(conn):
    """Let the text execute, as a read handler, what is in the query buffer."""
    text_processInputBuffer(conn.private_data)


def execute_batch(c, buf):
    """Execute requests from the start of `buf`, up to the first that is not served here -> (bytes done, replies as bytes).

    The clock is read once for a run of equal commands, whose time is theirs together; once for each command if the
    slowlog asks for times that are shorter than what a whole batch takes.
    """
    srv = server
    db = c.db
    n = len(buf)
    pos = before = first = 0           # before: where the last request began; first: how many replies there were when the run of equal commands began
    run = last = fed = None            # run: the command of the run; last: that of the run before
    out = []
    if db is not turn.db and not look_at_db(db):
        return 0, b""
    feed = turn.feed
    each = turn.each
    find_start = starts.get
    find_header = headers.get
    start = monotonic._time_ns()
    srv.ustime = us = start // 1000
    ms = us // 1000
    if ms != srv.mstime:
        srv.mstime = ms
        srv.unixtime = ms // 1000
    dirty = srv.dirty
    try:
        while pos < n:
            entry = find_start(buf[pos:pos + START])
            if entry is None:
                entry = learn_start(buf, pos)
                if entry is None:
                    break
            argc, p, size, cmd, function, check = entry
            if check and buf[pos + check:pos + check + 1] != CR:
                entry = learn_start(buf, pos)
                if entry is None:
                    break
                argc, p, size, cmd, function, check = entry
            if cmd is not run:
                if run is not None:
                    start = end_run(c, run, len(out) - first, start, buf, before)
                    first = len(out)
                last = run
                run = cmd
            p += pos
            end = p + size
            if argc == 2:
                key = buf[p:end]
                p = end + 2
                header = find_header(buf[p:p + 5])
                if header is None:
                    header = long_header(buf, p)
                    if header is None:
                        break
                size, skip = header
                p += skip
                end = p + size
                if end + 2 > n:
                    break
                reply = function(c, db, key, buf[p:end])
            elif argc == 1:
                if end + 2 > n:
                    break
                reply = function(c, db, buf[p:end])
            elif argc == 3:
                key = buf[p:end]
                p = end + 2
                header = find_header(buf[p:p + 5])
                if header is None:
                    header = long_header(buf, p)
                    if header is None:
                        break
                size, skip = header
                p += skip
                end = p + size
                second = buf[p:end]
                p = end + 2
                header = find_header(buf[p:p + 5])
                if header is None:
                    header = long_header(buf, p)
                    if header is None:
                        break
                size, skip = header
                p += skip
                end = p + size
                if end + 2 > n:
                    break
                reply = function(c, db, key, second, buf[p:end])
            elif argc:
                args = [buf[p:end]]
                for _ in range(argc - 1):
                    p = end + 2
                    header = find_header(buf[p:p + 5])
                    if header is None:
                        header = long_header(buf, p)
                        if header is None:
                            break
                    size, skip = header
                    p += skip
                    end = p + size
                    args.append(buf[p:end])
                if len(args) != argc or end + 2 > n:
                    break
                reply = function(c, db, *args)
            else:
                reply = function(c, db)
            if reply is None:
                break
            end += 2
            if feed and srv.dirty != dirty:
                dirty = srv.dirty
                text = batch.text or buf[pos:end]
                batch.text = None
                if fed is None:
                    fed = [text]
                else:
                    fed.append(text)
            out.append(reply)
            before = pos
            pos = end
            if each:
                start = end_run(c, cmd, 1, start, buf, before)
                first += 1
    except Exception as exc:
        if srv.in_fork_child or integrity_failure(exc):
            raise
        if out:
            if len(out) > first:
                end_run(c, run, len(out) - first, start, buf, before)
                last = run
            finish_batch(c, last, len(out), fed)
            addReplyProto(c, b"".join(out))
        return batch_raised(c, run, buf, pos, exc), b""
    if not out:
        return 0, b""
    count = len(out) - first
    if count:
        duration = (monotonic._time_ns() - start) // 1000           # end_run, written out
        run.calls += count
        run.microseconds += duration
        if duration >= turn.slow:
            slowlogPushEntryIfNeeded(c, *request_argv(buf, before), duration)
        last = run
    if fed is not None or len(out) > 1:
        finish_batch(c, last, len(out), fed)
        return pos, b"".join(out)
    srv.stat_numcommands += 1           # finish_batch
    c.lastcmd = last
    return pos, out[0]


def end_run(c, cmd, count, start, buf, pos):
    """Record the time of `count` executions of `cmd` that began at `start` (ns), the last one by the request at `pos` -> now (ns)."""
    now = monotonic._time_ns()
    duration = (now - start) // 1000
    cmd.calls += count
    cmd.microseconds += duration
    if duration >= turn.slow:
        slowlogPushEntryIfNeeded(c, *request_argv(buf, pos), duration)
    return now


def finish_batch(c, cmd, count, fed):
    """Do what processCommand and call do after a command, once for `count` of them; `fed`: the requests to propagate, or None."""
    srv = server
    srv.stat_numcommands += count
    c.lastcmd = cmd
    if fed is not None:
        propagate_requests(c.db.id, fed[0] if len(fed) == 1 else b"".join(fed))
        c.woff = srv.master_repl_offset


def propagate_requests(dictid, requests):
    """Send requests that changed the data set to the AOF, the backlog and the replicas, as they came from the client."""
    srv = server
    if srv.aof_state != AOF_OFF:
        text = requests
        if srv.aof_selected_db != dictid:
            digits = b"%d" % dictid
            text = b"*2\r\n$6\r\nSELECT\r\n$%d\r\n%b\r\n" % (len(digits), digits) + text
            srv.aof_selected_db = dictid
        srv.aof_buf += text
        if srv.child_type == CHILD_TYPE_AOF:
            aofRewriteBufferAppend(text)
    if srv.repl_backlog is not None:
        if srv.slaveseldb != dictid:
            requests = (shared.select[dictid].ptr if dictid < len(shared.select) else
                        b"*2\r\n$6\r\nSELECT\r\n$%d\r\n%d\r\n" % (len(b"%d" % dictid), dictid)) + requests
            srv.slaveseldb = dictid
        feedReplicationBacklog(requests)
        ln = srv.slaves.head
        while ln is not None:
            slave = ln.value
            ln = ln.next
            if canFeedReplicaReplBuffer(slave):
                addReplyProto(slave, requests)


def batch_raised(c, cmd, buf, pos, exc):
    """Do what the text does when a command raises -> where the next request begins."""
    argv, _ = request_argv(buf, pos)
    c.argv, c.argc, c.cmd, c.lastcmd = argv, len(argv), cmd, cmd
    server.current_client = c
    command_raised(c, exc, None, c.bufpos)
    server.current_client = None
    return request_end(buf, pos)


def learn_start(buf, pos):
    """Find out how the request at `pos` starts, and remember that -> (argc, where the first argument begins, its size,
    redisCommand, function, check), or None: not served here.

    check: the START bytes that are looked up end within the size; it is known if the byte at `check` is a CR.
    """
    entry = long_starts.get(buf[pos:pos + LONG_START])
    if entry is not None:
        return entry
    entry = heads.get(buf[pos:pos + HEAD])
    if entry is None:
        return None
    argc, length, tail, cmd, function = entry
    if tail is not None and not buf.startswith(tail, pos + HEAD) or pos + length > len(buf):
        return None
    size = check = 0
    p = length
    if argc:
        header = headers.get(buf[pos + p:pos + p + 5]) or long_header(buf, pos + p)
        if header is None:
            return None
        size, skip = header
        if p + skip - 1 > START:
            check = p + skip - 2
        p += skip
    else:
        p = length - 2                 # so that the end is found as behind an argument
    if check <= START:
        entry = argc, p, size, cmd, function, check
        if len(starts) >= STARTS_MAX:
            starts.clear()
        starts[buf[pos:pos + START]] = entry
        return entry
    entry = argc, p, size, cmd, function, 0        # the header has just been found whole
    if p <= LONG_START:
        if len(long_starts) >= STARTS_MAX:
            long_starts.clear()
        long_starts[buf[pos:pos + LONG_START]] = entry
    return entry


def long_header(buf, pos):
    """Parse the header of an argument of 1,000 bytes or more, as C writes it -> (size, bytes of the header), or None."""
    end = buf.find(b"\r\n", pos, pos + 10)
    digits = buf[pos + 1:end]
    if end == -1 or buf[pos:pos + 1] != b"$" or len(digits) < 4 or not digits.isdigit() or digits[:1] == b"0":
        return None
    return int(digits), end + 2 - pos


def request_end(buf, pos):
    """Find where the request at `pos` ends; -1: it is not whole; -2: it is not spelled as C's clients do, and the text parses it."""
    fields = []
    header = b"*"
    while not fields or len(fields) <= fields[0]:
        end = buf.find(b"\r\n", pos)
        if end == -1:
            return -1 if buf[pos:pos + 1] in (b"", header) and len(buf) - pos < 16 else -2
        digits = buf[pos + 1:end]
        if buf[pos:pos + 1] != header or not digits.isdigit() or len(digits) > 9:
            return -2
        fields.append(int(digits))
        pos = end + 2
        if header == b"$":
            pos += fields[-1] + 2
            if pos > len(buf):
                return -1
        header = b"$"
    return pos


def request_argv(buf, pos):
    """Return the arguments of the whole request at `pos` as robj -> (argv, argc)."""
    argv = []
    end = buf.find(b"\r\n", pos)
    for _ in range(int(buf[pos + 1:end])):
        pos = end + 2
        end = buf.find(b"\r\n", pos)
        size = int(buf[pos + 1:end])
        argv.append(createStringObject(buf[end + 2:end + 2 + size]))
        end += 2 + size
    return argv, len(argv)


def processInputBuffer(c):
    """Execute the batch that begins the query buffer of a plain client; for connections that are read by the text (TLS).

    When          as for connSocketEventHandler; a reply may wait in the client's buffers.
    Same because  the reasons are those of connSocketEventHandler; the replies are added to the client's buffers.
    Skips         processMultibulkBuffer, processCommandAndResetClient, processCommand, call.
    Gains         TLS, P=16: as connSocketEventHandler does without TLS.  Here this module also learns that the text executes requests.
    """
    turn.plain = None
    flags = c.flags & ~(CLIENT_PENDING_WRITE | CLIENT_UNIX_SOCKET)
    if (not flags and not c.reqtype and not c.qb_pos and c.authenticated and c.user is not None and c.conn is not None
            and c.user.flags & MAY_DO_ANYTHING == MAY_DO_ANYTHING and server_is_plain()):
        buf = c.querybuf
        done, out = execute_batch(c, buf)
        if out:
            add_reply(c, out)
        if done:
            c.querybuf = buf[done:]
        turn.plain = None
    text_processInputBuffer(c)


def handleClientsWithPendingWrites():
    """Write what the text has for its clients, then the replies of this module.

    When          always; an error is logged, and the client closed, as by the text; what a socket does not take at once, and what
                  belongs to a client that was closed or got a flag since, is added to the client's buffers for the text.
    Same because  one write(2) for each client, at the same place of the turn.  Replicas are clients of the text: as in C, where
                  clientInstallWriteHandler puts them before the client, they are sent a write before it is confirmed.
    Skips         writeToClient, connSocketWrite.
    Gains         included in those of connSocketEventHandler.
    """
    processed = text_handleClientsWithPendingWrites() + write_replies()
    if server.clients_pending_write.len:           # what their sockets have not taken
        processed += text_handleClientsWithPendingWrites()
    return processed


def handleClientsWithPendingWritesUsingThreads():
    """Write what the text has for its clients, then the replies of this module.

    When          as handleClientsWithPendingWrites; with IO threads it is not bound.
    Same because  the reasons are those of handleClientsWithPendingWrites.
    Skips         writeToClient, connSocketWrite.
    Gains         included in those of connSocketEventHandler.
    """
    processed = text_handleClientsWithPendingWritesUsingThreads() + write_replies()
    if server.clients_pending_write.len:           # what their sockets have not taken
        processed += text_handleClientsWithPendingWritesUsingThreads()
    return processed


def add_reply(c, data):
    """Add what a batch has answered to the client's buffers.  A client that is queued for it stands behind the replicas."""
    if not (c.bufpos or c.reply.len or c.flags & ~CLIENT_UNIX_SOCKET or c.conn is None):
        c.flags |= CLIENT_PENDING_WRITE
        list_link_node_tail(server.clients_pending_write, c.clients_pending_write_node)
        if len(data) <= PROTO_REPLY_CHUNK_BYTES:
            c.buf = bytearray(data)
            c.bufpos = len(data)
            return
    addReplyProto(c, data)


def hand_back():
    """Move the replies of this module to the buffers of the clients: the fast path is switched off."""
    for c, _, data in replies:
        addReplyProto(c, data)
    replies.clear()


def write_replies():
    """Write the replies of this module -> how many.  What a socket does not take goes to the client's buffers."""
    turn.plain = None                  # a new turn begins
    if not replies:
        return 0
    srv = server
    now = srv.unixtime
    written = 0
    for c, conn, data in replies:
        sent = 0
        flags = c.flags
        if c.conn is conn and (not flags or flags == CLIENT_UNIX_SOCKET):
            try:
                sent = os_write(conn.fd, data)
            except BlockingIOError:
                pass
            except OSError as exc:
                socket_failed(c, conn, exc, "Error writing to client: %s")
                continue
            c.lastinteraction = now
            written += sent
        if sent < len(data):
            addReplyProto(c, data[sent:])
    count = len(replies)
    replies.clear()
    srv.stat_total_writes_processed += count
    srv.stat_net_output_bytes += written
    return count
