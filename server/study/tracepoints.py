"""tracepoints.py - the points of the tracer: which functions it wraps, and what an event says.       No counterpart in C

Lives here   all_points: the table; for each point what is looked at before the call, and what after it.
Called from  trace.py [any phase, while the tracer is on].
Calls out    nobody: it reads the structs of the server.
Invariant    what a point returns are numbers, short bytes, and tuples of them.  Looking changes nothing: no lookupKey, no
             rehash step.  Command procs and stored handlers are no points: the code compares them by identity; call and
             callHandler stand for them.
Extend       a line in all_points.  before(args) -> what after needs; after(args, seen, result) -> the values of `fields`, or None
             if the call is not worth an event.  A field `function` is the name that the event gets.
"""
import select
import socket
import threading

from ae import ae, anet
from cluster import cluster, cluster_bus, cluster_failover
from cluster.cluster_h import CLUSTER_NODE_FAIL, CLUSTER_NODE_MASTER, CLUSTER_NODE_PFAIL, CLUSTER_NODE_SLAVE, clusterMsg_start
from datastructs import dict as dict_, ziplist
from persistence import aof, aof_rewrite, rdb, rdb_load, rdb_save
from replication import replication, replication_master, replication_slave
from replication.sentinel import hiredis_async, sentinel, sentinel_monitor
from replication.sentinel.sentinel_h import SRI_MASTER
from server import bio, os_process, server as server_c, server_cron
from server.client import connection, networking, networking_threads, tls
from server.keyspace import evict, expire
from server.server_h import (
    AOF_FSYNC_ALWAYS, CLIENT_LUA, CLIENT_MASTER, CLIENT_MONITOR, CLIENT_PUBSUB, CLIENT_SLAVE, client, server,
)
from server.session import blocked

SHOWN = 200                            # bytes of a command or a reply, with DETAIL
REHASHES = 16                          # events of dictRehash a command: SADD of 100,000 members would fill the ring with them
FDS = 16                               # ready descriptors that an event of aeApiPoll lists
MESSAGES = (b"ping", b"pong", b"meet", b"fail", b"publish", b"auth-req", b"auth-ack", b"update", b"mfstart", b"module")
JOBS = (b"close", b"fdatasync", b"free")
FAILOVER_STATES = (b"none", b"wait_start", b"select_slave", b"send_slaveof_noone", b"wait_promotion", b"reconf_slaves", b"update_config")

#: Built-in functions of the module posix that do not call the system.
NO_CALLS = frozenset("""fspath fsencode fsdecode strerror WIFEXITED WEXITSTATUS WIFSIGNALED WTERMSIG waitstatus_to_exitcode cpu_count
    urandom register_at_fork _exit""".split())
#: Commands that may carry passwords: their arguments are not shown.
SECRET = frozenset((b"auth", b"hello", b"acl", b"config", b"migrate", b"sentinel"))
SSL_CALLS = {"read": "SSL_read", "write": "SSL_write", "do_handshake": "SSL_do_handshake", "shutdown": "SSL_shutdown"}
NO_ORDINARY = CLIENT_SLAVE | CLIENT_MASTER | CLIENT_MONITOR | CLIENT_LUA | CLIENT_PUBSUB
SYSTEM_TYPES = (select.epoll, socket.socket, socket.socket.__bases__[0])


class tracePoint:
    """A place that can be traced."""
    __slots__ = ("name", "phase", "functions", "before", "after", "fields", "delay")

    def __init__(self, name, phase, functions, before, after, fields):
        self.name = name
        self.phase = phase
        self.functions = functions     # of the text; none: the tracer makes these events itself
        self.before = before
        self.after = after
        self.fields = fields.split()
        self.delay = 0                 # ms, DEBUG TRACE DELAY


class traceOptions:
    __slots__ = ("detail", "rehashes")

    def __init__(self):
        self.detail = False
        self.rehashes = 0              # events of dictRehash since the last call or beforeSleep


class traceHooks:
    """What trace.py is told of; set by it."""
    __slots__ = ("turn_begins", "turn_ends", "thread_begins", "thread_ends", "state")


options = traceOptions()
hooks = traceHooks()


def system_call(builtin):
    """Return the name of the system call that a built-in function makes, or of the call of OpenSSL; None if it makes none."""
    name = builtin.__name__
    if getattr(builtin, "__module__", None) == "posix":
        return name if name not in NO_CALLS else None
    owner_ = getattr(builtin, "__self__", None)
    if isinstance(owner_, SYSTEM_TYPES):
        return name if name not in ("fileno", "detach") else None
    return SSL_CALLS.get(name) if type(owner_).__name__ == "_SSLSocket" else None


# ------ poll ------

def poll_after(args, seen, fired):
    if hooks.state.calls is not None:
        hooks.turn_begins(fired)
    return len(fired), (fired[0][0],) if len(fired) == 1 else tuple([fd for fd, _ in fired[:FDS]])


def before_sleep_after(args, seen, result):
    options.rehashes = 0
    if hooks.state.calls is not None:
        hooks.turn_ends()
    return ()


# ------ 1 connection ------

def accept_after(args, seen, result):
    return (result[0],) if result[0] != -1 else None


def create_client_after(args, seen, c):
    return (c.conn.fd, c.id) if c.conn is not None else None


def free_client_before(args):
    c = args[0]
    return c.conn.fd if c.conn is not None else -1, c.id


def free_client_after(args, seen, result):
    calls = hooks.state.calls
    if calls is not None and calls.client == seen[1]:
        hooks.state.calls = None
    return seen


# ------ 2 request ------

def owner(conn):
    """The id of the client that a connection belongs to; 0 = it is no client's."""
    data = conn.private_data
    return data.id if type(data) is client else 0


def kind(c):
    """What a client is, if it is not an ordinary one."""
    flags = c.flags
    if not flags & NO_ORDINARY:
        return None
    return (b"replica" if flags & CLIENT_SLAVE and not flags & CLIENT_MONITOR else b"master" if flags & CLIENT_MASTER
            else b"monitor" if flags & CLIENT_MONITOR else b"script" if flags & CLIENT_LUA
            else b"subscriber" if flags & CLIENT_PUBSUB else None)


def read_before(args):
    return args[0].fd, owner(args[0])


def read_after(args, seen, data):
    return seen[0], seen[1], -1 if data is None else len(data)


def handler_before(args):
    conn = args[0]
    return conn.fd, owner(conn), server.repl_state


def handler_after(args, seen, result):
    handler = args[1]
    if handler is None:
        return None
    fd, id_, repl_state = seen
    return handler.__name__, fd, id_ or None, (repl_state, server.repl_state) if repl_state != server.repl_state else None


def parse_before(args):
    """Return where the command begins in the query buffer, and the first bytes from there.  Only with DETAIL."""
    c = args[0]
    return c.qb_pos, bytes(c.querybuf[c.qb_pos:c.qb_pos + SHOWN])


def parse_after(args, seen, result):
    c = args[0]
    head = None
    if seen is not None and c.argc and bytes(c.argv[0].ptr).lower() not in SECRET:
        end = c.qb_pos - seen[0]       # what follows is another command, perhaps AUTH; <= 0: a big argument has taken the buffer
        head = seen[1][:end] if end > 0 else seen[1]
    return (c.id, c.argc, c.multibulklen or None, head) if result == 0 else (c.id, None, c.multibulklen, head)


def io_before(args):
    if threading.current_thread() is not threading.main_thread():
        return args[0].len, hooks.thread_begins()
    return args[0].len, False


def io_after(args, seen, result):
    if seen[1]:
        hooks.thread_ends()
    return (seen[0], (b"read", b"write", b"exit")[args[1]]) if seen[0] else None


def words(argv):
    """The first bytes of a command, as tuple of its words."""
    left, shown = SHOWN, []
    for o in argv:
        text = o.ptr
        text = b"%d" % text if isinstance(text, int) else bytes(text[:left])
        shown.append(text)
        left -= len(text)
        if left <= 0:
            break
    return tuple(shown)


def call_before(args):
    options.rehashes = 0
    c = args[0]
    name = c.cmd.name
    calls = hooks.state.calls
    if calls is not None and calls.client == c.id:
        calls.seen = True
    ack = shown = None
    if name == b"replconf" and c.argc == 3 and bytes(c.argv[1].ptr[:3]).lower() == b"ack":
        ack = bytes(c.argv[2].ptr[:20])
    if options.detail:
        shown = words(c.argv[:1] if name in SECRET else c.argv)
    db = c.db
    d = db.dict
    ht0, ht1 = d.ht
    return c, name, c.id, db.id, server.dirty, ht0.used + ht1.used, d, ack, shown


def call_after(args, seen, result):
    c, name, id_, db, dirty, keys, d, ack, shown = seen
    srv = server
    flags = c.flags
    if flags & CLIENT_MASTER and c.pending_querybuf is not None:
        offset = c.read_reploff - len(c.querybuf) + c.qb_pos       # where commandProcessed will be in the master's stream
    else:
        offset = srv.master_repl_offset
    ht0, ht1 = d.ht
    return (name, id_, db, srv.dirty - dirty, ht0.used + ht1.used - keys, srv.aof_current_size + len(srv.aof_buf), offset,
            kind(c) if flags & NO_ORDINARY else None, int(ack) if ack and ack.isdigit() else None, shown)


def expand_after(args, seen, result):
    d = args[0]
    return (args[1], d.ht[0].size, d.ht[1].size) if result == 0 else None


def rehash_before(args):
    return args[0].rehashidx


def rehash_after(args, seen, result):
    d = args[0]
    if d.rehashidx == seen:
        return None
    options.rehashes += 1
    return (seen, d.rehashidx, d.ht[0].used, d.ht[1].used) if options.rehashes <= REHASHES else None


def cascade_before(args):
    return len(args[0])


def cascade_after(args, seen, zl):
    """Each entry that is widened grows by 4 bytes."""
    return len(zl), (len(zl) - seen) // 4


def evict_before(args):
    return server.stat_evictedkeys


def evict_after(args, seen, result):
    return result, server.stat_evictedkeys - seen


def block_after(args, seen, result):
    c = args[0]
    return c.id, tuple(bytes(key.ptr[:40]) for key in args[2][:8])


def client_after(args, seen, result):
    return (args[0].id,)


# ------ 3 persistence ------

def feed_aof_before(args):
    return len(server.aof_buf), args[1] != server.aof_selected_db


def feed_aof_after(args, seen, result):
    start, select_ = seen
    end = len(server.aof_buf)
    text = bytes(server.aof_buf[start:start + SHOWN]) if options.detail else None
    return end - start, end, server.aof_current_size + end, int(select_) or None, text


def aof_write_after(args, seen, result):
    written = result[0]
    return args[0], len(args[1]), written, server.aof_current_size + max(0, written)


def fsync_before(args):
    """Return the size of the AOF if it is synced here: with appendfsync always.  For everysec the bio thread does it."""
    return server.aof_current_size if server.aof_fsync == AOF_FSYNC_ALWAYS else None


def fsync_after(args, seen, result):
    return (server.aof_fd, seen) if seen is not None and server.aof_fsync_offset == seen else None


def job_before(args):
    return hooks.thread_begins(), server.aof_current_size


def job_after(args, seen, result):
    if seen[0]:
        hooks.thread_ends()
    type_, job = args
    return JOBS[type_], job.fd if job.fd != -1 else None, seen[1] if type_ == 1 and job.fd == server.aof_fd else None


def result_after(args, seen, result):
    return (result if isinstance(result, int) else None,)


def done_after(args, seen, result):
    return args[0], args[1]


# ------ 4 replication ------

def feed_slaves_before(args):
    return server.master_repl_offset


def feed_slaves_after(args, seen, result):
    offset = server.master_repl_offset
    return (offset - seen, server.slaves.len, offset) if offset != seen else None


def psync_after(args, seen, result):
    return args[0].id, args[1], b"continue" if result == 0 else b"full"


def ack_after(args, seen, result):
    return (server.master.reploff,) if server.master is not None else None


# ------ 5 reply ------

def write_client_before(args):
    c = args[0]
    head = None
    if options.detail and c.flags & (CLIENT_SLAVE | CLIENT_MASTER) == 0:
        if c.bufpos:
            head = bytes(c.buf[c.sentlen:c.sentlen + SHOWN])
        elif c.reply.len:
            head = bytes(c.reply.head.value.buf[c.sentlen:c.sentlen + SHOWN])
    return c.id, kind(c), c.conn.fd, head


def write_client_after(args, seen, result):
    c = args[0]
    return seen[0], seen[1], seen[2], int(bool(c.bufpos or c.reply.len)), seen[3]


def write_before(args):
    return args[0].fd, owner(args[0])


def write_after(args, seen, result):
    return seen[0], seen[1], len(args[1]), result


# ------ cron ------

def nothing(args, seen, result):
    return ()


def expire_before(args):
    return server.stat_expiredkeys


def expire_after(args, seen, result):
    expired = server.stat_expiredkeys - seen
    return ((b"slow", b"fast")[args[0]], expired) if expired or not args[0] else None       # fast: before each sleep


def sentinel_cron_after(args, seen, result):
    return (sentinel.sentinel.tilt,)


# ------ cluster ------

def node_states():
    """Return what is known of each node: {node: (role, failing)}"""
    return {node.name: node.flags & (CLUSTER_NODE_MASTER | CLUSTER_NODE_SLAVE | CLUSTER_NODE_PFAIL | CLUSTER_NODE_FAIL)
            for node in cluster.cluster_nodes()}


def flag_words(flags):
    return b",".join(word for bit, word in ((CLUSTER_NODE_MASTER, b"master"), (CLUSTER_NODE_SLAVE, b"slave"),
                                            (CLUSTER_NODE_PFAIL, b"fail?"), (CLUSTER_NODE_FAIL, b"fail")) if flags & bit) or b"unknown"


def changes(before):
    """What has changed since then, as texts; None = nothing."""
    after = node_states()
    if after == before:
        return None
    texts = [b"%s: %s -> %s" % (name[:8], flag_words(before[name]) if name in before else b"new", flag_words(flags))
             for name, flags in after.items() if before.get(name) != flags]
    texts += [b"%s: gone" % name[:8] for name in before if name not in after]
    return tuple(texts[:8])


def message(type_):
    return MESSAGES[type_] if 0 <= type_ < len(MESSAGES) else b"%d" % type_


def packet_before(args):
    start = clusterMsg_start(args[0].rcvbuf)
    node = args[0].node
    return start[4], start[1], node.name[:8] if node is not None else None, node_states(), server.cluster.state


def state_words(before):
    return (b"ok", b"fail")[server.cluster.state] if server.cluster.state != before else None


def packet_after(args, seen, result):
    type_, size, name, states, state = seen
    return message(type_), size, name, changes(states), state_words(state)


def send_after(args, seen, result):
    link, msg = args
    return message(clusterMsg_start(msg)[4]), len(msg), link.node.name[:8] if link.node is not None else None


def cluster_cron_before(args):
    return node_states(), server.cluster.state


def cluster_cron_after(args, seen, result):
    return changes(seen[0]), state_words(seen[1])


def cluster_state_before(args):
    return server.cluster.state


def cluster_state_after(args, seen, result):
    return (state_words(seen),) if server.cluster.state != seen else None


def failover_before(args):
    return server.cluster.failover_auth_sent, server.cluster.failover_auth_count, server.cluster.myself.flags


def failover_after(args, seen, result):
    cl = server.cluster
    now = (cl.failover_auth_sent, cl.failover_auth_count, cl.myself.flags)
    if now == seen and not cl.failover_auth_sent:
        return None
    return cl.failover_auth_epoch, cl.failover_auth_sent, cl.failover_auth_count, cl.failover_auth_rank, flag_words(cl.myself.flags)


# ------ sentinel ------

def event_after(args, seen, result):
    ri = args[2]
    return bytes(args[1]), ri.name[:40] if ri is not None else None


def instance_before(args):
    return args[0].failover_state, args[0].flags


def instance_after(args, seen, result):
    ri = args[0]
    if (ri.failover_state, ri.flags) == seen:
        return None
    words_ = (FAILOVER_STATES[seen[0]], FAILOVER_STATES[ri.failover_state]) if ri.failover_state != seen[0] else None
    return b"master" if ri.flags & SRI_MASTER else b"instance", ri.name[:40], words_, (seen[1], ri.flags) if seen[1] != ri.flags else None


def command_after(args, seen, result):
    words_ = args[3:]
    return tuple(bytes(word[:40]) for word in words_[:2]), getattr(args[1], "__name__", "").encode() or None


def reply_after(args, seen, result):
    cb = args[1]
    return (cb.fn.__name__.encode(),) if cb.fn is not None else None


# ------------------------------- the table -------------------------------

def all_points():
    """Return the points, made new: the functions are those of the text, for the fast path is unbound."""
    p = tracePoint
    nc, cb, cf = networking, cluster_bus, cluster_failover
    parse_note = parse_before if options.detail else None
    return [
        p("aeApiPoll", "poll", [ae.aeApiPoll], None, poll_after, "ready fds"),
        p("beforeSleep", "poll", [server_cron.beforeSleep], None, before_sleep_after, ""),

        p("anetTcpAccept", "1 connection", [anet.anetTcpAccept], None, accept_after, "fd"),
        p("anetUnixAccept", "1 connection", [anet.anetUnixAccept], None, accept_after, "fd"),
        p("createClient", "1 connection", [nc.createClient], None, create_client_after, "fd client"),
        p("freeClient", "1 connection", [nc.freeClient], free_client_before, free_client_after, "fd client"),

        p("callHandler", "2 request", [connection.callHandler], handler_before, handler_after, "function fd client repl_state"),
        p("read", "2 request", [connection.connSocketRead], read_before, read_after, "fd client bytes"),
        p("SSL_read", "2 request", [tls.connTLSRead], read_before, read_after, "fd client bytes"),
        p("processMultibulkBuffer", "2 request", [nc.processMultibulkBuffer], parse_note, parse_after, "client argc missing querybuf"),
        p("processInlineBuffer", "2 request", [nc.processInlineBuffer], parse_note, parse_after, "client argc missing querybuf"),
        p("process_io_thread_list", "2 request", [networking_threads.process_io_thread_list], io_before, io_after, "clients op"),
        p("call", "2 request", [server_c.call], call_before, call_after,
          "command client db dirty keys aof_offset repl_offset kind ack argv"),
        p("dictExpand", "2 request", [dict_.dictExpand], None, expand_after, "wanted table0 table1"),
        p("dictRehash", "2 request", [dict_.dictRehash], rehash_before, rehash_after, "from to left moved"),
        p("__ziplistCascadeUpdate", "2 request", [ziplist.__dict__["__ziplistCascadeUpdate"]], cascade_before, cascade_after, "bytes widened"),
        p("performEvictions", "2 request", [evict.performEvictions], evict_before, evict_after, "result evicted"),
        p("blockForKeys", "2 request", [blocked.blockForKeys], None, block_after, "client keys"),
        p("unblockClient", "2 request", [blocked.unblockClient], None, client_after, "client"),

        p("feedAppendOnlyFile", "3 persistence", [aof.feedAppendOnlyFile], feed_aof_before, feed_aof_after, "bytes aof_buf offset select text"),
        p("aofWrite", "3 persistence", [aof.aofWrite], None, aof_write_after, "fd bytes written size"),
        p("flushAppendOnlyFile_try_fsync", "3 persistence", [aof.flushAppendOnlyFile_try_fsync], fsync_before, fsync_after, "fd synced"),
        p("bio_process_job", "3 persistence", [bio.bio_process_job], job_before, job_after, "job fd synced"),
        p("rdbSaveRio", "3 persistence", [rdb_save.rdbSaveRio], None, nothing, ""),
        p("rdbSave", "3 persistence", [rdb.rdbSave], None, result_after, "result"),
        p("rewriteAppendOnlyFile", "3 persistence", [aof_rewrite.rewriteAppendOnlyFile], None, result_after, "result"),
        p("backgroundSaveDoneHandler", "3 persistence", [rdb.backgroundSaveDoneHandler], None, done_after, "exitcode bysignal"),
        p("backgroundRewriteDoneHandler", "3 persistence", [aof_rewrite.backgroundRewriteDoneHandler], None, done_after, "exitcode bysignal"),
        p("rdbLoadRio", "3 persistence", [rdb_load.rdbLoadRio], None, result_after, "result"),
        p("loadAppendOnlyFile", "3 persistence", [aof.loadAppendOnlyFile], None, result_after, "result"),
        p("redisFork", "3 persistence", [], None, None, "purpose child"),
        p("child", "3 persistence", [], None, None, "purpose exitcode"),

        p("replicationFeedSlaves", "4 replication", [replication_master.replicationFeedSlaves], feed_slaves_before, feed_slaves_after,
          "bytes replicas offset"),
        p("replicationFeedSlavesFromMasterStream", "4 replication", [replication_master.replicationFeedSlavesFromMasterStream],
          feed_slaves_before, feed_slaves_after, "bytes replicas offset"),
        p("masterTryPartialResynchronization", "4 replication", [replication_master.masterTryPartialResynchronization], None, psync_after,
          "client offset answer"),
        p("putSlaveOnline", "4 replication", [replication_master.putSlaveOnline], None, client_after, "client"),
        p("replicationSendAck", "4 replication", [replication_slave.replicationSendAck], None, ack_after, "offset"),

        p("writeToClient", "5 reply", [nc.writeToClient], write_client_before, write_client_after, "client kind fd left reply"),
        p("write", "5 reply", [connection.connSocketWrite], write_before, write_after, "fd client bytes written"),
        p("SSL_write", "5 reply", [tls.connTLSWrite], write_before, write_after, "fd client bytes written"),

        p("serverCron", "cron", [server_cron.serverCron], None, nothing, ""),
        p("clientsCron", "cron", [server_cron.clientsCron], None, nothing, ""),
        p("databasesCron", "cron", [server_cron.databasesCron], None, nothing, ""),
        p("activeExpireCycle", "cron", [expire.activeExpireCycle], expire_before, expire_after, "type expired"),
        p("replicationCron", "cron", [replication.replicationCron], None, nothing, ""),

        p("clusterProcessPacket", "cluster", [cb.clusterProcessPacket], packet_before, packet_after, "type bytes node changes state"),
        p("clusterSendMessage", "cluster", [cb.clusterSendMessage], None, send_after, "type bytes node"),
        p("clusterCron", "cluster", [cf.clusterCron], cluster_cron_before, cluster_cron_after, "changes state"),
        p("clusterUpdateState", "cluster", [cluster.clusterUpdateState], cluster_state_before, cluster_state_after, "state"),
        p("clusterHandleSlaveFailover", "cluster", [cf.clusterHandleSlaveFailover], failover_before, failover_after,
          "epoch asked votes rank myself"),

        p("sentinelTimer", "sentinel", [sentinel_monitor.sentinelTimer], None, sentinel_cron_after, "tilt"),
        p("sentinelHandleRedisInstance", "sentinel", [sentinel_monitor.sentinelHandleRedisInstance], instance_before, instance_after,
          "kind name failover flags"),
        p("sentinelEvent", "sentinel", [sentinel.sentinelEvent], None, event_after, "event name"),
        p("redisAsyncCommand", "sentinel", [hiredis_async.redisAsyncCommand], None, command_after, "command callback"),
        p("redisRunCallback", "sentinel", [hiredis_async.__dict__["__redisRunCallback"]], None, reply_after, "function"),

        p("calls", "2 request", [], None, None, "calls client"),
    ]


def special():
    """The functions whose wrappers trace.py makes itself: a child has its own ring."""
    return [os_process.redisFork, os_process.exitFromChild]
