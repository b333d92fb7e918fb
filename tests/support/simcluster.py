"""simcluster.py - a whole cluster in one process: virtual clock, seeded network, faults, invariants after every turn.

    python -m tests.support.simcluster --seed 7 [--log] [--seconds 12]     # one run, with the log of all nodes
    python -m tests.support.simcluster --first 0 --count 1000              # many; the seeds that fail are printed

The server is one struct, so a node is what of it belongs to the cluster (FIELDS, GLOBALS), put in place for the time of
one turn of its loop.  A turn runs what is ready (bytes, connects, writes) in any order, the cron, clusterBeforeSleep.
Bytes take their time and keep their order within one connection; partitions hold or break connections; nodes.conf is on a
disk that knows what was fsynced; a node can be killed at each system call of its save.  Replication is an offset.

What is checked (Sim.check_turn, Sim.on_packet, Sim.agreed):
  - the tables of a node agree with each other (tests.support.incluster.check_invariants, without its loops);
  - currentEpoch and our own configEpoch never go down, and an epoch is on disk, fsynced, before a packet tells it;
  - a voter votes once an epoch, in spite of restarts; an election's epoch has one winner, while nobody uses TAKEOVER;
  - two masters that have long been connected do not serve one slot under one configEpoch;
  - a manual failover loses no write; nodes.conf can be loaded after any kill;
  - after healing all nodes agree on roles, addresses, slots and epochs, every slot is served, and all epochs differ.
"""
import argparse
import collections
import contextlib
import heapq
import io
import os
import random
import re
import sys
import traceback
from unittest import mock

import server.link  # noqa: F401
from ae.monotonic import set_clock
from cluster import cluster, cluster_bus, cluster_command, cluster_failover
from cluster.cluster import clusterAddSlot, cluster_nodes
from cluster.cluster_bus import clusterConnAcceptHandler
from cluster.cluster_h import (
    CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, CLUSTER_NODE_FAIL, CLUSTER_NODE_HANDSHAKE,
    CLUSTER_NODE_MASTER, CLUSTER_NODE_PFAIL, CLUSTER_OK, CLUSTER_SLOTS, clusterMsg_start, clusterMsg_unpack, nodeIsMaster,
    nodeIsSlave,
)
from datastructs.dict import dictType
from server.client.connection import (
    CONN_FLAG_CLOSE_SCHEDULED, CONN_STATE_CLOSED, CONN_STATE_CONNECTED, CONN_STATE_CONNECTING, CONN_STATE_ERROR,
    CONN_TYPE_SOCKET, ConnectionType, callHandler, connection,
)
from server.server_h import C_OK, REPL_STATE_CONNECT, REPL_STATE_CONNECTED, server
from tests.support.inprocess import InProcess
from tests.support.resp import RespError

TIMEOUT = 1000                     # ms, cluster-node-timeout
START = 1_700_000_000_000_000      # us

#: What of `server` and of the modules' statics belongs to one node.
FIELDS = ("cluster", "cluster_configfile", "port", "masterhost", "masterport", "repl_state", "repl_down_since", "master",
          "master_repl_offset", "cluster_slave_no_failover", "cluster_announce_ip")
GLOBALS = ((cluster, "_clusterUpdateState_among_minority_time"), (cluster, "_clusterUpdateState_first_call_time"),
           (cluster_failover, "_clusterCron_iteration"), (cluster_failover, "_clusterCron_prev_ip"),
           (cluster_failover, "_clusterLogCantFailover_lastlog_time"))

#: The system calls of clusterSaveConfig at which a node can be killed: before it, or behind it.
KILL_POINTS = [when + call for call in ("open", "write", "fsync", "ftruncate") for when in ("before ", "behind ")]


class Killed(BaseException):
    """The process is gone, in the middle of what it did."""


class Violation(AssertionError):
    """An invariant does not hold."""


class SimConnection(connection):
    """One end of a TCP connection between two nodes."""
    __slots__ = ("node", "life", "peer", "incoming", "eof", "closed", "last_arrival", "unparsed", "address")

    def __init__(self, node):
        super().__init__()
        self.type = SIM_CONNECTION
        self.node = node
        self.life = node.life      # of its process: a connection dies with it
        self.peer = None           # the other end
        self.incoming = bytearray()
        self.eof = False
        self.closed = False
        self.last_arrival = 0      # us, of what we have written so far
        self.unparsed = bytearray()                     # written, and not a whole packet yet
        self.address = None        # of the listening socket at the other side


class SimDisk:
    """What cluster.py sees as `os` and open(): nodes.conf of the node whose turn it is."""

    def __init__(self, sim):
        self.sim = sim

    def __getattr__(self, name):
        return getattr(os, name)

    def call(self, name):
        node = self.sim.current
        if node.kill_at == "before " + name:
            raise Killed(node.kill_at)

    def done(self, name):
        node = self.sim.current
        if node.kill_at == "behind " + name:
            raise Killed(node.kill_at)

    def open(self, path, flags, mode=0):
        self.call("open")
        self.done("open")
        return 0

    def fstat(self, fd):
        return mock.Mock(st_size=len(self.sim.current.file))

    def write(self, fd, data):
        self.call("write")
        node = self.sim.current
        node.file = bytes(data) + node.file[len(data):]
        self.done("write")
        return len(data)

    def fsync(self, fd):
        self.call("fsync")
        node = self.sim.current
        node.synced = node.file
        current, vote, config = self.epochs(node.file)
        # A packet may have been built while we were a master still.
        node.synced_epochs = (current, vote, max(config, node.synced_epochs[2]))
        self.done("fsync")

    def ftruncate(self, fd, size):
        self.call("ftruncate")
        node = self.sim.current
        node.file = node.file[:size]
        self.done("ftruncate")

    def close(self, fd):
        pass

    def load(self, path, mode):
        if not self.sim.current.file:
            raise FileNotFoundError(2, path)
        return io.BytesIO(self.sim.current.file)

    @staticmethod
    def epochs(content):
        """(currentEpoch, lastVoteEpoch, our configEpoch as a master, else 0) in a nodes.conf."""
        current, vote = re.search(rb"^vars currentEpoch (\d+) lastVoteEpoch (\d+)$", content, re.M).groups()
        words = re.search(rb"^.*myself.*$", content, re.M).group().split()
        return int(current), int(vote), int(words[6]) if b"master" in words[2] else 0


class SimNode:
    """One server: what survives a kill, and what of the global state is its own while it lives."""

    def __init__(self, sim, number):
        self.sim = sim
        self.number = number
        self.ip = "10.0.0.%d" % (number + 1)
        self.port = 7000
        self.alive = False
        self.life = 0              # counts its processes
        self.skew = sim.random.randrange(-150000, 150000)          # us, of its clock
        self.file = b""            # nodes.conf as other processes would read it
        self.synced = b""          # as it is after a power cut, at least
        self.synced_epochs = (0, 0, 0)
        self.kill_at = None        # one of KILL_POINTS
        self.fields = {}
        self.globals = {}
        self.ready = []            # [(function, args)] for its next turn
        self.turn_at = None
        self.busy_until = 0        # it is stopped, or in a long command
        self.conns = set()
        self.writers = set()       # connections with a write handler
        self.offset = 0            # of the replication stream
        self.paused_until = 0      # us, pauseClients
        self.epoch_seen = (0, 0)   # currentEpoch, configEpoch of this life
        self.bitmaps = None        # of the last look at its slots

    def __repr__(self):
        return "node %d" % self.number

    @property
    def state(self):
        return self.fields["cluster"]

    @property
    def name(self):
        return self.state.myself.name


def _connect(conn, addr, port, src_addr, handler):
    sim = conn.node.sim
    conn.state = CONN_STATE_CONNECTING
    conn.conn_handler = handler
    conn.address = (addr, port)
    sim.later(sim.delay(), sim.syn, conn)
    return C_OK


def _write(conn, data):
    sim = conn.node.sim
    if conn.state != CONN_STATE_CONNECTED:
        return -1
    n = len(data)
    if sim.random.random() < 0.02:                      # the socket's buffer is nearly full
        n = sim.random.randrange(1, n + 1)
    data = bytes(data[:n])
    conn.unparsed += data
    while len(conn.unparsed) >= 16:
        totlen = clusterMsg_start(conn.unparsed)[1]
        if len(conn.unparsed) < totlen:
            break
        packet = bytes(conn.unparsed[:totlen])
        del conn.unparsed[:totlen]
        sim.on_packet(conn, packet)
    sim.send(conn, data)
    return n


def _read(conn, size):
    if conn.incoming:
        data = bytes(conn.incoming[:size])
        del conn.incoming[:size]
        return data
    if conn.state == CONN_STATE_ERROR:
        return None
    if conn.eof:
        conn.state = CONN_STATE_CLOSED
        return b""
    return None


def _close(conn):
    if not conn.closed:
        conn.closed = True
        conn.node.conns.discard(conn)
        conn.node.writers.discard(conn)
        if conn.peer is not None:
            conn.node.sim.send(conn, None)
    if conn.refs:
        conn.flags |= CONN_FLAG_CLOSE_SCHEDULED
        return
    conn.private_data = conn.conn_handler = conn.write_handler = conn.read_handler = None


def _set_write_handler(conn, handler, barrier):
    conn.write_handler = handler
    if handler is None:
        conn.node.writers.discard(conn)
    else:
        conn.node.writers.add(conn)
    return C_OK


def _set_read_handler(conn, handler):
    conn.read_handler = handler
    return C_OK


SIM_CONNECTION = ConnectionType()
SIM_CONNECTION.connect = _connect
SIM_CONNECTION.write = _write
SIM_CONNECTION.read = _read
SIM_CONNECTION.close = _close
SIM_CONNECTION.set_write_handler = _set_write_handler
SIM_CONNECTION.set_read_handler = _set_read_handler
SIM_CONNECTION.get_last_error = lambda conn: "error"
SIM_CONNECTION.get_type = lambda conn: CONN_TYPE_SOCKET


class Sim:
    def __init__(self, seed, masters=3, replicas=3):
        self.seed = seed
        self.random = random.Random(seed)
        self.now = 0               # us
        self.events = []           # heap of (time, number, function, args)
        self.count = 0
        self.turns = 0
        self.current = None
        self.log = collections.deque(maxlen=20000)
        self.delays = (200, 3000)  # us, of one way
        self.cuts = set()          # (number, number): nothing gets from the one to the other
        self.held = []             # [(connection, bytes)] on a cut way
        self.votes = {}            # (voter, epoch) -> candidate
        self.winners = {}          # epoch of an election -> winner
        self.shared_since = {}     # (node, node, slot): connected and at odds since then
        self.setting_up = False    # epochs given by hand are not fsynced
        self.moving = []           # [(slot, source, target)] that an operator has begun
        self.packets = collections.deque(maxlen=200)    # for replays: (connection, packet)
        self.faults = collections.Counter()
        self.nodes = [SimNode(self, i) for i in range(masters + replicas)]
        self.masters = masters

    # ------------------------------------------------------------ the global state

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        patch = self.patch
        self.redis = self.stack.enter_context(InProcess(
            cluster_enabled=1, cluster_node_timeout=TIMEOUT, cluster_require_full_coverage=1,
            cluster_allow_replica_migration=1, cluster_migration_barrier=1, cluster_slave_validity_factor=10,
            repl_ping_slave_period=1, cluster_configfile="nodes.conf", port=7000, bindaddr_count=0))
        self.stack.callback(set_clock)
        set_clock(self.time_ns, lambda: (self.now + 1_000_000) * 1000)
        self.blank = {f: getattr(server, f) for f in FIELDS}
        state = random.getstate()
        self.stack.callback(random.setstate, state)
        random.seed(self.seed)                          # dictGetRandomKey, the delay of an election
        disk = SimDisk(self)
        patch(cluster, "os", disk)
        patch(cluster, "open", disk.load, create=True)
        patch(cluster, "getRandomHexChars", lambda n: b"%040x" % self.random.getrandbits(160))
        patch(cluster, "clusterNodesDictType", dictType(hashFunction=lambda name: int(name[:15], 16)))
        patch(cluster, "clusterLockConfig", lambda filename: C_OK)
        patch(cluster, "listenToPort", lambda port, sfd: C_OK)
        patch(cluster, "createSocketAcceptHandler", lambda sfd, handler: C_OK)
        patch(cluster_failover, "connCreateSocket", self.create_connection)
        patch(cluster_bus, "connPeerToString", lambda conn: (0, conn.peer.node.ip, 1))
        patch(cluster_bus, "connSockName", lambda conn: (0, conn.node.ip, 1))
        patch(cluster_bus, "serverLogRaw", self.unexpected)
        patch(cluster_bus, "pauseClients", self.pause)
        patch(cluster_failover, "unpauseClients", self.unpause)
        for module in (cluster, cluster_bus, cluster_failover, cluster_command):
            patch(module, "serverLog", self.serverLog)
        for module in (cluster, cluster_bus, cluster_failover):
            patch(module, "replicationSetMaster", self.set_master)
        for module in (cluster, cluster_failover):
            patch(module, "replicationUnsetMaster", self.unset_master)
        for module in (cluster_bus, cluster_failover):
            patch(module, "replicationGetSlaveOffset", lambda: self.current.offset if server.masterhost else 0)
        return self

    def patch(self, *args, **kw):
        self.stack.enter_context(mock.patch.object(*args, **kw))

    def __exit__(self, *exc_info):
        self.stack.close()

    def time_ns(self):
        return (START + self.now + (self.current.skew if self.current else 0)) * 1000

    @contextlib.contextmanager
    def on(self, node):
        """Put a node's part of the global state in its place."""
        assert self.current is None
        self.current = node
        for name, value in node.fields.items():
            setattr(server, name, value)
        for (module, name), value in node.globals.items():
            setattr(module, name, value)
        server.mstime = self.time_ns() // 1000000
        server.unixtime = server.mstime // 1000
        try:
            yield
        finally:
            node.fields = {f: getattr(server, f) for f in FIELDS}
            node.globals = {g: getattr(*g) for g in GLOBALS}
            self.current = None

    def serverLog(self, level, fmt, *args):
        self.log.append((self.now, self.current.number, fmt, args))
        if fmt.startswith("configEpoch set to %d after successful"):
            epoch = args[0]
            # After a TAKEOVER in a partition a shard has a master on either side, both of which vote: two majorities.
            if self.winners.setdefault(epoch, self.current) is not self.current and not self.faults["takeover"]:
                raise Violation("epoch %d was won by %r and by %r" % (epoch, self.winners[epoch], self.current))
        elif fmt.startswith("Failover election won") and server.cluster.mf_master_offset != -1:
            master = self.find(server.masterhost, server.masterport)
            if master is not None and master.alive and master.paused_until > self.now and master.offset != self.current.offset:
                raise Violation("a manual failover lost %d writes" % (master.offset - self.current.offset))

    def unexpected(self, level, text):
        raise Violation(text)

    def print_log(self, file=sys.stdout):
        for when, number, fmt, args in self.log:
            text = fmt % tuple(a[:8].decode("latin-1") if isinstance(a, bytes) else a for a in args) if args else fmt
            print("%9.3f s  %s  %s" % (when / 1e6, number, text), file=file)

    # ------------------------------------------------------------ replication, pauses

    def set_master(self, ip, port):
        server.masterhost, server.masterport = ip, port
        server.repl_state = REPL_STATE_CONNECT
        server.repl_down_since = server.unixtime

    def unset_master(self):
        server.masterhost = None
        server.master = None

    def pause(self, end, what):
        self.current.paused_until = (end * 1000 - START) - self.current.skew

    def unpause(self):
        self.current.paused_until = 0

    def replicate(self):
        """What replication did since the last cron of this node."""
        node = self.current
        if server.masterhost is None:
            server.master_repl_offset = node.offset
            if server.cluster.state == CLUSTER_OK and nodeIsMaster(server.cluster.myself) and node.paused_until < self.now:
                node.offset += self.random.randrange(3)
                server.master_repl_offset = node.offset
            return
        master = self.find(server.masterhost, server.masterport)
        if master is not None and master.alive and not self.is_cut(master, node) and not self.is_cut(node, master):
            server.repl_state = REPL_STATE_CONNECTED
            server.master = mock.NonCallableMock(lastinteraction=server.unixtime) if server.master is None else server.master
            server.master.lastinteraction = server.unixtime
            if self.random.random() < 0.7 and master.busy_until <= self.now:
                node.offset = master.offset
        elif server.repl_state == REPL_STATE_CONNECTED:
            server.repl_state = REPL_STATE_CONNECT
            server.repl_down_since = server.unixtime
            server.master = None

    # ------------------------------------------------------------ time and turns

    def later(self, us, function, *args):
        self.count += 1
        heapq.heappush(self.events, (self.now + us, self.count, function, args))

    def run(self, seconds, until=None):
        """Let time pass -> until() if it came true, else False."""
        end = self.now + int(seconds * 1e6)
        next_look = self.now
        while self.events and self.events[0][0] <= end:
            self.now, _, function, args = heapq.heappop(self.events)
            function(*args)
            if until is not None and self.now >= next_look:
                next_look = self.now + 100000
                if until():
                    return True
        self.now = end
        return False

    def wake(self, node, function, *args):
        """Something is ready for the next turn of a node."""
        node.ready.append((function, args))
        self.schedule(node)

    def schedule(self, node):
        when = max(self.now + self.random.randrange(50, 500), node.busy_until)
        if node.turn_at is None:
            node.turn_at = when
            self.later(when - self.now, self.turn, node, node.life)

    def turn(self, node, life):
        """One turn of the loop: what is ready, in any order but that of one connection; then beforeSleep."""
        if life != node.life or not node.alive:
            return
        if node.busy_until > self.now:
            self.later(node.busy_until - self.now, self.turn, node, life)
            return
        node.turn_at = None
        ready, node.ready = node.ready, []
        ready += [(self.writable, (conn,)) for conn in sorted(node.writers, key=lambda c: c.fd)]
        self.random.shuffle(ready)
        ready.sort(key=lambda event: event[0] == self.run_cron)     # time events come behind file events
        self.turns += 1
        try:
            with self.on(node):
                for function, args in ready:
                    function(*args)
                cluster_failover.clusterBeforeSleep()
                self.check_turn(node)
        except Killed as e:
            self.faults["killed " + str(e)] += 1
            self.kill(node)
            return
        if node.ready or node.writers:
            self.schedule(node)

    def writable(self, conn):
        if conn.write_handler is not None and not conn.closed:
            callHandler(conn, conn.write_handler)

    def readable(self, conn):
        if conn.read_handler is not None and not conn.closed:
            callHandler(conn, conn.read_handler)

    def cron(self, node, life):
        if life != node.life or not node.alive:
            return
        if not any(function == self.run_cron for function, _ in node.ready):    # a timer that is late fires once
            self.wake(node, self.run_cron)
        self.later(100000 + self.random.randrange(5000), self.cron, node, life)

    def run_cron(self):
        self.replicate()
        cluster_failover.clusterCron()

    # ------------------------------------------------------------ the network

    def delay(self):
        return self.random.randrange(*self.delays)

    def is_cut(self, a, b):
        return (a.number, b.number) in self.cuts

    def find(self, ip, port):
        for node in self.nodes:
            if node.ip == ip and port in (node.port, node.port + 10000):
                return node
        return None

    def create_connection(self):
        conn = SimConnection(self.current)
        self.count += 1
        conn.fd = self.count
        self.current.conns.add(conn)
        return conn

    def syn(self, conn):
        """A connection request arrives, or does not."""
        if conn.closed or conn.life != conn.node.life:
            return
        target = self.find(*conn.address)
        if target is None or self.is_cut(conn.node, target) or self.is_cut(target, conn.node):
            self.later(1000000, self.syn, conn)         # TCP tries again
        elif not target.alive:
            self.later(self.delay(), self.wake_conn, conn, self.refused)
        else:
            self.wake(target, self.accept, conn)

    def accept(self, conn):
        """A turn of the listening node."""
        if conn.closed or conn.life != conn.node.life:
            return
        node = self.current
        other = self.create_connection()
        other.peer, conn.peer = conn, other
        other.state = CONN_STATE_CONNECTED
        conn.last_arrival = other.last_arrival = self.now
        callHandler(other, clusterConnAcceptHandler)
        self.later(self.delay(), self.wake_conn, conn, self.connected)
        assert node is other.node

    def wake_conn(self, conn, function):
        if not conn.closed and conn.life == conn.node.life and conn.node.alive:
            self.wake(conn.node, function, conn)

    def connected(self, conn):
        if not conn.closed and conn.conn_handler is not None:
            conn.state = CONN_STATE_CONNECTED
            handler, conn.conn_handler = conn.conn_handler, None
            callHandler(conn, handler)
            if conn.incoming or conn.eof:
                self.readable(conn)

    def refused(self, conn):
        if not conn.closed and conn.conn_handler is not None:
            conn.state = CONN_STATE_ERROR
            callHandler(conn, conn.conn_handler)

    def send(self, conn, data):
        """Bytes (None: the end) are on their way to the peer of `conn`."""
        conn.last_arrival = max(conn.last_arrival + 1, self.now + self.delay())
        self.later(conn.last_arrival - self.now, self.arrive, conn, data)

    def arrive(self, conn, data):
        peer = conn.peer
        if self.is_cut(conn.node, peer.node):
            self.held.append((conn, data))
            return
        if peer.closed or peer.life != peer.node.life:
            # Nobody has that connection any more: if the host is up, it says so.
            if peer.node.alive and not conn.closed and not self.is_cut(peer.node, conn.node):
                self.later(self.delay(), self.reset, conn)
            return
        if data is None:
            peer.eof = True
        else:
            peer.incoming += data
        self.wake(peer.node, self.readable, peer)

    def reset(self, conn):
        if not conn.closed and conn.life == conn.node.life and conn.state == CONN_STATE_CONNECTED:
            conn.state = CONN_STATE_ERROR
            self.wake(conn.node, self.readable, conn)

    def heal_network(self):
        self.cuts.clear()
        held, self.held = self.held, []
        for conn, data in held:
            self.send(conn, data)

    # ------------------------------------------------------------ processes

    def start(self, node):
        """Start a process of `node`, with what is on its disk."""
        node.life += 1
        node.alive = True
        node.ready, node.turn_at, node.busy_until, node.kill_at = [], None, 0, None
        node.conns, node.writers = set(), set()
        node.fields = dict(self.blank, repl_down_since=(START + self.now) // 1000000, port=node.port)
        node.globals = {(module, name): None if name.endswith("prev_ip") else 0 for module, name in GLOBALS}
        node.bitmaps = None
        # Killed between write and fsync: what was written is believed, here as in C.  (Before the next power cut the kernel has
        # put it on the disk.)
        if node.file:
            node.synced = node.file
            node.synced_epochs = tuple(map(max, node.synced_epochs, SimDisk.epochs(node.file)))
        with self.on(node):
            try:
                cluster.clusterInit()
            except SystemExit:
                raise Violation("%r cannot load its nodes.conf:\n%s" % (node, node.file.decode("latin-1"))) from None
            state = server.cluster
            if (state.currentEpoch, state.lastVoteEpoch) < node.synced_epochs[:2]:
                raise Violation("%r has forgotten what it had fsynced" % node)
            node.epoch_seen = (state.currentEpoch, state.myself.configEpoch)
        self.later(self.random.randrange(100000), self.cron, node, node.life)

    def kill(self, node, power=False):
        """kill -9; with `power` the host is gone: the others see nothing, and what was not fsynced may be lost."""
        node.alive = False
        for conn in sorted(node.conns, key=lambda c: c.fd):
            conn.closed = True
            if conn.peer is not None and not power:
                self.send(conn, None)
        node.conns, node.writers, node.ready = set(), set(), []
        if power and self.random.random() < 0.5:
            node.file = node.synced
        node.paused_until = 0

    # ------------------------------------------------------------ what must hold

    def check_turn(self, node):
        """The tables of the node whose turn it was; its epochs."""
        state = server.cluster
        myself = state.myself
        epochs = (state.currentEpoch, myself.configEpoch)
        if epochs[0] < node.epoch_seen[0] or epochs[1] < node.epoch_seen[1]:
            raise Violation("%r: epochs went down from %r to %r" % (node, node.epoch_seen, epochs))
        if epochs[1] > epochs[0]:
            raise Violation("%r: configEpoch %d is above currentEpoch %d" % (node, epochs[1], epochs[0]))
        node.epoch_seen = epochs

        nodes = cluster_nodes()
        for n in nodes:
            if len(n.slaves) != n.numslaves or any(s.slaveof is not n for s in n.slaves):
                raise Violation("%r: slaves of %r" % (node, n))
            if n.slaveof is not None and n not in n.slaveof.slaves:
                raise Violation("%r: master of %r" % (node, n))
            if n.link is not None and (n.link.node is not n or n.link.conn is None or n.link.conn.closed):
                raise Violation("%r: link of %r" % (node, n))
        if (myself not in nodes or (nodeIsSlave(myself) and myself.numslots)
                or bool(nodeIsMaster(myself)) == bool(nodeIsSlave(myself))):
            raise Violation("%r: itself" % node)

        bitmaps = [(n.name, bytes(n.slots)) for n in nodes if n.numslots]
        if bitmaps == node.bitmaps:
            return
        node.bitmaps = bitmaps
        seen = total = 0
        for n in nodes:
            bits = int.from_bytes(n.slots, "little")
            if bin(bits).count("1") != n.numslots or bits & seen or state.slots.count(n) != n.numslots:
                raise Violation("%r: slots of %r" % (node, n))
            seen |= bits
            total += n.numslots
        if state.slots.count(None) != CLUSTER_SLOTS - total:
            raise Violation("%r: the table of slots" % node)

    def on_packet(self, conn, packet):
        """A packet leaves a node: what it tells must be on its disk."""
        node = conn.node
        hdr = clusterMsg_unpack(packet)
        current, vote, config = node.synced_epochs
        if hdr.type == CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK:
            candidate = conn.private_data.node.name
            if self.votes.setdefault((hdr.sender, hdr.currentEpoch), candidate) != candidate:
                raise Violation("%r voted twice in epoch %d" % (node, hdr.currentEpoch))
            if vote < hdr.currentEpoch:
                raise Violation("%r sends a vote for epoch %d, on disk is %d" % (node, hdr.currentEpoch, vote))
        elif hdr.type == CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST and current < hdr.currentEpoch:
            raise Violation("%r asks for votes in epoch %d, on disk is %d" % (node, hdr.currentEpoch, current))
        if hdr.flags & CLUSTER_NODE_MASTER and config < hdr.configEpoch and not self.setting_up:
            raise Violation("%r tells its configEpoch %d, on disk is %d" % (node, hdr.configEpoch, config))
        if hdr.type not in (CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST):
            self.packets.append((conn, packet))

    def check_owners(self):
        """Two masters that are connected for long must not serve one slot under one epoch."""
        alive = [n for n in self.nodes if n.alive and n.busy_until <= self.now and nodeIsMaster(n.state.myself)]
        at_odds = {}
        for i, a in enumerate(alive):
            for b in alive[:i]:
                me, it = a.state.myself, b.state.myself
                if (me.configEpoch == it.configEpoch and int.from_bytes(me.slots, "little") & int.from_bytes(it.slots, "little")
                        and not self.is_cut(a, b) and not self.is_cut(b, a)):
                    key = a.number, b.number, a.life, b.life
                    at_odds[key] = self.shared_since.get(key, self.now)
                    if self.now - at_odds[key] > 10 * TIMEOUT * 1000:
                        raise Violation("%r and %r serve the same slots under epoch %d" % (a, b, me.configEpoch))
        self.shared_since = at_odds
        self.later(100000, self.check_owners)

    def view(self, node):
        """What all nodes must agree on, as one of them sees it; None while it sees a failure."""
        state = node.state
        if state.state != CLUSTER_OK:
            return None
        seen = {}
        with self.on(node):
            nodes = cluster_nodes()
        for n in nodes:
            if n.flags & (CLUSTER_NODE_FAIL | CLUSTER_NODE_PFAIL | CLUSTER_NODE_HANDSHAKE):
                return None
            # Our own new address we do not see (only a MEET tells it).
            ip = node.ip if n is state.myself else n.ip.decode()
            seen[n.name] = (ip, n.port, "slave" if nodeIsSlave(n) else "master", n.slaveof and n.slaveof.name, bytes(n.slots))
        return seen

    def agreed(self):
        """All nodes live, see the same, and each is what the others see in it."""
        views = [self.view(n) for n in self.nodes if n.alive]
        if len(views) != len(self.nodes) or None in views or any(v != views[0] for v in views):
            return False
        epochs = {n.name: n.state.myself.configEpoch for n in self.nodes if nodeIsMaster(n.state.myself)}
        for node in self.nodes:
            # Greater ones are left from when it was a slave: they send their master's.
            with self.on(node):
                if any(n.configEpoch < epochs[n.name] for n in cluster_nodes() if n.numslots):
                    return False
        return len(views[0]) == len(self.nodes) and len(set(epochs.values())) == len(epochs)

    # ------------------------------------------------------------ a story

    def command(self, node, *words):
        """A client's command on a node that lives -> reply, errors included; None if it does not answer."""
        if not node.alive or node.busy_until > self.now:
            return None
        try:
            with self.on(node):
                reply = self.redis(*words)
                cluster_failover.clusterBeforeSleep()
                self.check_turn(node)
        except Killed:
            self.kill(node)
            return None
        if node.ready or node.writers:
            self.schedule(node)
        return reply

    def set_up(self):
        """MEET, slots, replicas: as an operator does it."""
        self.setting_up = True
        for node in self.nodes:
            self.start(node)
        for node in self.nodes:
            self.command(node, "CLUSTER", "SET-CONFIG-EPOCH", node.number + 1)
            with self.on(node):
                if node.number < self.masters:
                    for j in range(CLUSTER_SLOTS * node.number // self.masters, CLUSTER_SLOTS * (node.number + 1) // self.masters):
                        clusterAddSlot(server.cluster.myself, j)
            assert self.command(node, "CLUSTER", "SAVECONFIG") == b"OK"
        for node in self.nodes[1:]:
            assert self.command(self.nodes[0], "CLUSTER", "MEET", node.ip, node.port) == b"OK"
        if not self.run(20, lambda: all(len(self.view(n) or ()) == len(self.nodes) for n in self.nodes)):
            raise Violation("the nodes do not meet")
        for node in self.nodes[self.masters:]:
            master = self.nodes[node.number % self.masters]
            assert self.command(node, "CLUSTER", "REPLICATE", master.name) == b"OK"
        if not self.run(20, self.agreed):
            raise Violation("no agreement at the start")
        self.setting_up = False
        self.check_owners()

    def masters_alive(self):
        return [n for n in self.nodes if n.alive and nodeIsMaster(n.state.myself) and n.state.myself.numslots]

    def fault(self):
        """One thing goes wrong, or one operator does something."""
        rnd = self.random
        kinds = ("kill kill power kill_at kill_at start start stop partition partition oneway isolate heal heal slow reset "
                 "failover failover force takeover bump move move settle replicate address replay replay").split()
        kind = rnd.choice(kinds)
        node = rnd.choice(self.nodes)
        dead = [n for n in self.nodes if not n.alive]
        done = True
        if kind in ("kill", "power") and node.alive and len(dead) < len(self.nodes) // 2:
            self.kill(node, power=kind == "power")
        elif kind == "kill_at" and node.alive and len(dead) < len(self.nodes) // 2:
            node.kill_at = rnd.choice(KILL_POINTS)
        elif kind == "start" and dead:
            self.start(rnd.choice(dead))
        elif kind == "stop" and node.alive:
            node.busy_until = self.now + rnd.randrange(300000, 2500000)
        elif kind == "partition":
            group = rnd.sample(self.nodes, rnd.randrange(1, len(self.nodes)))
            for a in self.nodes:
                self.cuts.update((a.number, b.number) for b in self.nodes if (a in group) != (b in group))
        elif kind == "isolate":
            self.cuts.update(pair for b in self.nodes if b is not node for pair in ((node.number, b.number), (b.number, node.number)))
        elif kind == "oneway":
            self.cuts.add((node.number, rnd.choice(self.nodes).number))
        elif kind == "heal":
            self.heal_network()
        elif kind == "slow":
            self.delays = rnd.choice([(200, 3000), (200, 3000), (10000, 100000), (1000, 600000)])
        elif kind == "reset":
            for conn in sorted(node.conns, key=lambda c: c.fd):
                self.reset(conn)
        elif kind in ("failover", "force", "takeover"):
            slaves = [n for n in self.nodes if n.alive and nodeIsSlave(n.state.myself)]
            if slaves:
                words = [] if kind == "failover" else [kind]
                done = self.command(rnd.choice(slaves), "CLUSTER", "FAILOVER", *words) == b"OK"
        elif kind == "bump" and node.alive:
            self.command(node, "CLUSTER", "BUMPEPOCH")
        elif kind == "move" and len(self.masters_alive()) > 1:
            source, target = rnd.sample(self.masters_alive(), 2)
            for slot in rnd.sample(cluster.bitmap_slots(source.state.myself.slots), min(3, source.state.myself.numslots)):
                if self.command(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", source.name) == b"OK":
                    self.command(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", target.name)
                    self.moving.append((slot, source, target))
        elif kind == "settle" and self.moving:
            slot, source, target = self.moving[rnd.randrange(len(self.moving))]
            for n in (target, source):
                self.command(n, "CLUSTER", "SETSLOT", slot, "NODE", target.name)
        elif kind == "replicate" and node.alive and nodeIsSlave(node.state.myself) and self.masters_alive():
            reply = self.command(node, "CLUSTER", "REPLICATE", rnd.choice(self.masters_alive()).name)
            done = not isinstance(reply, RespError)
        elif kind == "address" and not node.alive:
            node.ip = "10.0.%d.%d" % (node.life, node.number + 1)
        elif kind == "replay" and self.packets:
            # TCP does not do that, but a link may be slow, and another one be made meanwhile: old packets behind new ones.
            conn, packet = rnd.choice(self.packets)
            if conn.peer is not None and not conn.unparsed and not conn.closed:
                self.send(conn, packet)
        else:
            done = False
        if done:
            self.faults[kind] += 1
            self.log.append((self.now, node.number, "--- " + kind, ()))

    def heal(self):
        """End all faults, and do what `redis-cli --cluster fix` does about slots half moved."""
        self.heal_network()
        self.delays = (200, 3000)
        for node in self.nodes:
            node.busy_until = 0
            node.kill_at = None
            if not node.alive:
                self.start(node)
        self.run(2 * TIMEOUT / 1000)
        for slot in sorted({slot for slot, _, _ in self.moving}):
            for node in self.nodes:
                self.command(node, "CLUSTER", "SETSLOT", slot, "STABLE")
        self.run(3 * TIMEOUT / 1000)
        self.give_free_slots()

    def settle_disputes(self):
        """Does a node keep an owner that does not claim the slots any more? -> how many new owners were given a new epoch.

        Nobody tells that he has lost slots: who was cut off when they went to another one hears of it by the new owner's claim
        only, and does not believe that if the old owner's epoch has risen meanwhile.  So it is in C (7.2 has mended it).
        `redis-cli --cluster check` tells, and the operator gives the new owner a new epoch.
        """
        by_name = {n.name: n for n in self.nodes}
        disputed = []
        for node in self.masters_alive():
            mine = int.from_bytes(node.state.myself.slots, "little")
            for other in self.nodes:
                with self.on(other):
                    views = [(n.name, int.from_bytes(n.slots, "little") & mine) for n in cluster_nodes() if n.numslots]
                if any(bits and not bits & int.from_bytes(by_name[name].state.myself.slots, "little") for name, bits in views):
                    disputed.append(node)
                    break
        for node in disputed:
            self.command(node, "CLUSTER", "BUMPEPOCH")
        return len(disputed)

    def give_free_slots(self):
        """Slots that no master claims: to one of them, under a new epoch."""
        masters = self.masters_alive()
        claimed = 0
        for node in masters:
            claimed |= int.from_bytes(node.state.myself.slots, "little")
        for slot in cluster.bitmap_slots((~claimed & (1 << CLUSTER_SLOTS) - 1).to_bytes(CLUSTER_SLOTS // 8, "little")):
            node, other = masters[:2]
            self.command(node, "CLUSTER", "SETSLOT", slot, "IMPORTING", other.name)
            self.command(node, "CLUSTER", "SETSLOT", slot, "NODE", node.name)

    def story(self, seconds):
        """Faults for so many virtual seconds, then healing and agreement."""
        self.set_up()
        end = self.now + int(seconds * 1e6)
        while self.now < end:
            self.run(self.random.choice((0.05, 0.3, 0.8, 2)))
            self.fault()
        self.heal()
        if not self.run(10 * TIMEOUT / 1000, self.agreed):
            self.faults["stale owners"] += self.settle_disputes()
        if not self.run(20 * TIMEOUT / 1000, self.agreed):
            raise Violation("no agreement after healing:\n" + self.describe())

    def describe(self):
        text = []
        for node in self.nodes:
            with self.on(node):
                text.append("%r %s state %d\n%s" % (node, node.ip, server.cluster.state,
                                                    cluster.clusterGenNodesDescription(0, 0).decode()))
        return "\n".join(text)


def run_seed(seed, seconds=12, log=False):
    """One story -> the Sim; raises Violation with what is needed to see it again."""
    rnd = random.Random(seed)
    with Sim(seed, replicas=rnd.choice((3, 3, 4))) as sim:
        try:
            sim.story(seconds)
        except BaseException:
            if log:
                sim.print_log()
            raise
        if log:
            sim.print_log()
    return sim


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.support.simcluster")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--log", action="store_true")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=12, help="virtual ones, of faults")
    args = parser.parse_args()
    if args.seed is not None:
        sim = run_seed(args.seed, args.seconds, args.log)
        print("%d turns, %.1f virtual s, %s" % (sim.turns, sim.now / 1e6, dict(sim.faults)))
        return 0
    failed = []
    faults = collections.Counter()
    turns = virtual = elections = 0
    for seed in range(args.first, args.first + args.count):
        try:
            sim = run_seed(seed, args.seconds)
        except Exception:
            failed.append(seed)
            print("seed %d:\n%s" % (seed, traceback.format_exc()), flush=True)
            continue
        faults += sim.faults
        turns += sim.turns
        virtual += sim.now / 1e6
        elections += len(sim.winners)
    print("%d seeds, %d failed %s: %d turns, %d virtual s, %d elections won, faults %s" % (
        args.count, len(failed), failed, turns, virtual, elections, dict(faults)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
