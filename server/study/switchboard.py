"""switchboard.py - all that one node of a lab says to another passes here, and can be held.       No counterpart in C

Lives here   Switchboard: a loop that forwards TCP connections between nodes; cut, delay, isolate, heal; counts of what passes.
             As a process: one JSON request a line on stdin, one JSON answer a line on stdout.
Called from  lab.py, which starts the process; the tests, which run the loop on a thread.
State        doors, connections, cuts and delays of one Switchboard; only its loop touches them.
Invariant    A socket that can be read and must not be is not registered: the selector would report it without end.
Departures   all of it is ours.

A node binds an address of its own, from where its connections come, and announces an address of the switchboard: so both ends
of every connection are known.  A cut is a wire that is dead: no connection is closed, what was on its way waits, as TCP would send it
again later, and new connections stay silent.  What comes from another address, such as a client, is never held.

The process imports the standard library only.  When its stdin ends, because the lab has ended or was killed, it kills the nodes
that it was told to guard: a lab that is killed leaves nothing running.
"""
import collections
import contextlib
import errno
import heapq
import json
import os
import queue
import selectors
import signal
import socket
import struct
import sys
import threading
import time

CLIENT = None                       # the end that is no node
BUFFER = 64 * 1024                  # bytes that wait for one socket
DELAYED = 4 * 1024 * 1024           # the same, while they are delayed
#: The types of the packets of the cluster bus, as clusterGetMessageTypeString names them.
PACKETS = ("ping", "pong", "meet", "fail", "publish", "auth-req", "auth-ack", "update", "mfstart", "module")
BUS_HEADER = struct.Struct(">4sIHHH")


class BusReader:
    """Finds the packets in one direction of a bus connection."""

    def __init__(self):
        self.head = b""
        self.left = 0               # bytes of the packet that are still to come
        self.lost = False           # it is no bus, or TLS: nothing to be read

    def read(self, data):
        """Take the bytes that pass -> list of the types of the packets that begin in them."""
        found = []
        while data and not self.lost:
            if self.left:
                passed = min(self.left, len(data))
                self.left -= passed
                data = data[passed:]
                continue
            self.head += data
            data = b""
            if len(self.head) >= BUS_HEADER.size:
                signature, size, _, _, kind = BUS_HEADER.unpack_from(self.head)
                if signature != b"RCmb" or size < BUS_HEADER.size:
                    self.lost = True
                    break
                found.append(PACKETS[kind] if kind < len(PACKETS) else "unknown")
                data, self.head, self.left = self.head, b"", size
        return found


class TextReader:
    """Finds PSYNC and its answer, and the hello messages of Sentinels, in one direction of a connection to a server."""
    WORDS = ((b"__sentinel__:hello", "hello"),)
    FIRST = ((b"\r\nPSYNC\r\n", "psync"), (b"\nPSYNC ", "psync"), (b"+FULLRESYNC", "fullresync"), (b"+CONTINUE", "continue"))

    def __init__(self):
        self.seen = 0               # bytes that have passed

    def read(self, data):
        found = []
        for text, name in self.WORDS + (self.FIRST if self.seen < 4096 else ()):
            found += [name] * data.count(text)
        self.seen += len(data)
        return found


class Half:
    """One of the two sockets of a connection."""

    def __init__(self, sock, way, door):
        self.sock = sock
        self.way = way              # (node that this socket reads from, node that it leads to)
        self.door = door
        self.other = None           # Half; None until a connection to the node of the door is on its way
        self.connected = True
        self.queue = collections.deque()    # [time at which it is due, bytes]: waits to be written to sock
        self.size = 0               # bytes in the queue
        self.mask = 0               # what the selector has been asked for
        self.ended = False          # end of file was read
        self.shut = False           # and this side was told that the other has ended
        self.reader = None
        self.inner = False          # it is the one to the node of the door


class Door:
    """A port that leads to a node."""

    def __init__(self, sock, node, target, bus):
        self.sock = sock
        self.node = node
        self.target = target        # (host, port) behind it
        self.bus = bus
        self.budget = None          # bytes that the node may still say before all its connections are closed; None: no end


class Switchboard:
    """start() runs it on a thread; or run() it.  The methods without a leading underscore may be called by any thread."""

    def __init__(self):
        self.names = {}             # IP address -> node
        self.sources = {}           # node -> IP address to connect from
        self.cuts = set()           # (from, to)
        self.delays = {}            # (from, to) -> seconds
        self.counts = collections.Counter()         # (from, to, kind) -> number
        self.doors = []
        self.halves = set()
        self.timers = []            # heap of (time, number, Half)
        self.number = 0
        self.selector = selectors.DefaultSelector()
        self.orders = queue.SimpleQueue()
        self.wake_r, self.wake_w = socket.socketpair()
        self.wake_r.setblocking(False)
        self.selector.register(self.wake_r, selectors.EVENT_READ, self._take_orders)
        self.closing = False
        self.started = threading.Event()
        self.thread = None
        self.loop_thread = None     # ident of the thread that runs the loop

    # ------ for everybody ------

    def start(self):
        self.thread = threading.Thread(target=self.run, name="switchboard", daemon=True)
        self.thread.start()
        self.started.wait(30)
        return self

    def close(self):
        """End the loop, close all connections and ports."""
        self._order(self._end_loop)
        if self.thread is not None:
            self.thread.join(10)
        if self.loop_thread is None:
            for sock in (self.wake_r, self.wake_w, self.selector):
                sock.close()

    def node(self, node, address, source=None):
        """Tell who connects from an IP address, and from which one connections in its name are to be made."""
        def do():
            self.names[address] = node
            if source is not None:
                self.sources[node] = source
        self._order(do)

    def open(self, node, host, port, target, bus=False):
        """Listen at host:port, 0 for any port, for those that want `target`, a (host, port) of this node -> port"""
        sock = socket.create_server((host, port), backlog=128)
        sock.setblocking(False)
        door = Door(sock, node, tuple(target), bus)

        def do():
            self.doors.append(door)
            self.selector.register(sock, selectors.EVENT_READ, door)
        self._order(do)
        return sock.getsockname()[1]

    def cut(self, a, b):
        """Let nothing get from node a to node b any more; both ways need two calls.  It is done when this returns."""
        self._order(lambda: self._set(cuts=self.cuts | {(a, b)}))

    def cut_all(self, pairs):
        """Let nothing pass between the two nodes of each pair, both ways."""
        pairs = {way for a, b in pairs for way in ((a, b), (b, a))}
        self._order(lambda: self._set(cuts=self.cuts | pairs))

    def isolate(self, group, others):
        """Let nothing pass between a node of the group and one of the others, both ways."""
        self.cut_all([(a, b) for a in group for b in others if b not in group])

    def delay(self, a, b, ms):
        """Let everything from node a to node b arrive so many ms later; 0 ends it."""
        delays = dict(self.delays)
        delays[a, b] = ms / 1000
        if not ms:
            del delays[a, b]
        self._order(lambda: self._set(delays=delays))

    def heal(self):
        """End all cuts and delays; what has waited goes on."""
        self._order(lambda: self._set(cuts=set(), delays={}))

    def drop(self, node):
        """Close all connections to this node -> number of them."""
        return self._order(lambda: self._drop(node))

    def drop_after(self, node, size):
        """Close all connections to this node when so many more bytes of what it says have passed."""
        def do():
            for door in self.doors:
                if door.node == node:
                    door.budget = size
        self._order(do)

    def drop_is_due(self, node):
        """Tell whether drop_after() waits for more bytes -> True or False"""
        return any(door.budget is not None for door in self.doors if door.node == node)

    def state(self):
        """Return what is held and what has passed: {"cuts": [[a, b]], "delays": [[a, b, ms]], "counts": [[a, b, kind, number]],
        "connections": n}."""
        def do():
            return {"cuts": sorted(map(list, self.cuts)), "delays": sorted([a, b, round(s * 1000)] for (a, b), s in self.delays.items()),
                    "counts": sorted([a, b, kind, n] for (a, b, kind), n in self.counts.items()),
                    "connections": sum(h.other is not None for h in self.halves) // 2}
        return self._order(do)

    def _order(self, what):
        """Let the loop do it between two events -> what it returns; raises what it raises."""
        if self.loop_thread in (None, threading.get_ident()):
            return what()
        result, done = [], threading.Event()

        def do():
            try:
                result.append((what(), None))
            except Exception as error:             # the caller's
                result.append((None, error))
            done.set()
        self.orders.put(do)
        with contextlib.suppress(OSError):         # full: it is awake
            self.wake_w.send(b"x")
        if not done.wait(30):
            raise RuntimeError("the switchboard does not answer")
        value, error = result[0]
        if error is not None:
            raise error
        return value

    # ------ in the loop ------

    def run(self):
        """Forward until close()."""
        self.loop_thread = threading.get_ident()
        self.started.set()
        while not self.closing:
            timeout = max(0.0, self.timers[0][0] - time.monotonic()) if self.timers else None
            for key, mask in self.selector.select(timeout):
                if isinstance(key.data, Half):
                    if key.data in self.halves and key.data.mask & mask:
                        self._pass_on(key.data, mask)
                elif isinstance(key.data, Door):
                    self._accept(key.data)
                else:
                    key.data()
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                half = heapq.heappop(self.timers)[2]
                if half in self.halves:
                    self._interest(half)
        self.loop_thread = None

    def _take_orders(self):
        with contextlib.suppress(BlockingIOError):
            self.wake_r.recv(4096)
        while not self.orders.empty():
            self.orders.get()()

    def _end_loop(self):
        self.closing = True
        for half in list(self.halves):
            self._close(half)
        for door in self.doors:
            self.selector.unregister(door.sock)
            door.sock.close()
        self.doors = []

    def _drop(self, node):
        for door in self.doors:
            if door.node == node:
                door.budget = None
        halves = [half for half in self.halves if half.door.node == node and not half.inner]
        for half in halves:
            self._close(half)
        return len(halves)

    def _set(self, cuts=None, delays=None):
        self.cuts = self.cuts if cuts is None else cuts
        if delays is not None:
            for half in self.halves:               # nothing waits longer than the new delays say
                limit = time.monotonic() + delays.get(half.way[::-1], 0)
                for item in half.queue:
                    item[0] = min(item[0], limit)
            self.delays = delays
        for half in list(self.halves):
            if half in self.halves:
                if half.other is None:
                    self._connect(half)
                if half in self.halves:
                    self._interest(half)

    def _interest(self, half):
        """Ask the selector for what can be done with this socket now."""
        mask = 0
        other = half.other
        if not half.connected:
            mask = selectors.EVENT_WRITE
        elif other is not None:
            limit = DELAYED if half.way in self.delays else BUFFER
            if other.connected and not half.ended and half.way not in self.cuts and other.size < limit:
                mask |= selectors.EVENT_READ
            if half.queue and other.way not in self.cuts:
                if half.queue[0][0] <= time.monotonic():
                    mask |= selectors.EVENT_WRITE
                else:
                    self.number += 1
                    heapq.heappush(self.timers, (half.queue[0][0], self.number, half))
        if mask == half.mask:
            return
        if half.mask == 0:
            self.selector.register(half.sock, mask, half)
        elif mask == 0:
            self.selector.unregister(half.sock)
        else:
            self.selector.modify(half.sock, mask, half)
        half.mask = mask

    def _close(self, half):
        for h in (half, half.other):
            if h is not None and h in self.halves:
                self.halves.discard(h)
                if h.mask:
                    self.selector.unregister(h.sock)
                    h.mask = 0
                h.sock.close()

    def _accept(self, door):
        try:
            sock, peer = door.sock.accept()
        except OSError:
            return                                 # it has gone again
        sock.setblocking(False)
        half = Half(sock, (self.names.get(peer[0], CLIENT), door.node), door)
        self.halves.add(half)
        self._connect(half)

    def _connect(self, half):
        """Connect to the node of a door, unless the way to it is cut: then later."""
        if half.way in self.cuts:
            return
        sock = socket.socket()
        sock.setblocking(False)
        other = Half(sock, half.way[::-1], half.door)
        half.other, other.other = other, half
        other.inner = True
        self.halves.add(other)
        for h in (half, other):
            h.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if CLIENT not in h.way:
                h.reader = BusReader() if half.door.bus else TextReader()
        source = self.sources.get(half.way[0])
        if source is not None:
            with contextlib.suppress(OSError):
                sock.bind((source, 0))
        error = sock.connect_ex(half.door.target)
        if error not in (0, errno.EINPROGRESS):
            self._close(half)
            return
        other.connected = not error
        self._interest(other)
        self._interest(half)

    def _pass_on(self, half, mask):
        other = half.other
        try:
            if not half.connected:
                if half.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self._close(half)
                    return
                half.connected = True
            elif mask & selectors.EVENT_READ:
                self._read(half)
                if half not in self.halves:
                    return
            if mask & selectors.EVENT_WRITE:
                self._write(half)
        except BlockingIOError:
            pass
        except OSError:
            self._close(half)
            return
        # The end of one direction reaches the other side when all that came before it is written.
        for h in (half, other):
            if h.ended and not h.other.queue and not h.other.shut:
                h.other.shut = True
                with contextlib.suppress(OSError):
                    h.other.sock.shutdown(socket.SHUT_WR)
        if half.shut and other.shut:
            self._close(half)
            return
        self._interest(half)
        self._interest(other)

    def _read(self, half):
        data = half.sock.recv(BUFFER)
        door = half.door
        if half.inner and door.budget is not None:
            data = data[:door.budget]
            door.budget -= len(data)
        if not data:
            half.ended = True
            return
        other = half.other
        if half.reader is not None:
            for kind in half.reader.read(data):
                self.counts[half.way + (kind,)] += 1
            self.counts[half.way + ("bytes",)] += len(data)
        delay = self.delays.get(half.way, 0)
        due = time.monotonic() + delay if delay else 0.0
        other.queue.append([max(due, other.queue[-1][0]) if other.queue else due, data])
        other.size += len(data)
        if not delay:
            with contextlib.suppress(BlockingIOError):
                self._write(other)
        if door.budget == 0:
            self._drop(door.node)

    def _write(self, half):
        """Write what is due; raises OSError."""
        if half.other.way in self.cuts:
            return
        now = time.monotonic()
        while half.queue and half.queue[0][0] <= now:
            data = half.queue[0][1]
            sent = half.sock.send(data)
            half.size -= sent
            if sent < len(data):
                half.queue[0][1] = data[sent:]
                return
            half.queue.popleft()


# ------------------------------- the process -------------------------------

def start_time(pid):
    """Return when a process was started, in the kernel's unit, or None: with its pid it names one process for good."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as f:
            return f.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


class Process:
    """Serves the requests of a lab: [method, argument, ...] -> {"ok": result} or {"error": text}."""
    METHODS = ("node", "open", "cut", "cut_all", "isolate", "delay", "heal", "drop", "drop_after", "drop_is_due", "state")

    def __init__(self):
        self.switchboard = Switchboard()
        self.guarded = {}                          # pid -> start time
        self.buf = b""

    def guard(self, pid):
        self.guarded[pid] = start_time(pid)

    def unguard(self, pid):
        self.guarded.pop(pid, None)

    def requests(self):
        """Answer what stands on stdin; at its end the lab has ended."""
        data = os.read(0, BUFFER)
        if not data:
            for pid, started in self.guarded.items():
                if started == start_time(pid):
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
            self.switchboard.close()
            return
        self.buf += data
        while b"\n" in self.buf:
            line, _, self.buf = self.buf.partition(b"\n")
            name, *words = json.loads(line)
            try:
                if name in ("guard", "unguard"):
                    answer = {"ok": getattr(self, name)(*words)}
                elif name in self.METHODS:
                    answer = {"ok": getattr(self.switchboard, name)(*words)}
                else:
                    answer = {"error": "unknown request"}
            except OSError as error:
                answer = {"error": error.strerror or str(error), "errno": error.errno}
            os.write(1, json.dumps(answer).encode() + b"\n")

    def run(self):
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)  # the lab ends it
        self.switchboard.selector.register(0, selectors.EVENT_READ, self.requests)
        self.switchboard.run()


if __name__ == "__main__":
    Process().run()
    sys.exit()
