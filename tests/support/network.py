"""network.py - servers that reach each other only through us, so that any of them can be cut off.

    with Network() as net:
        port = net.add("s1", 7010)          # a door to the server that listens at net.address("s1"):7010
        net.isolate("s1")                   # nothing passes between s1 and the others
        net.heal()                          # and again, with what was on the way

Each server has a loopback address of its own, which it binds to and so connects from: that tells who comes through a door. It
must announce its door, not its port. What comes from another address, as a test's own clients do, always passes.

A cut is a network that loses packets: no connection is closed, new ones are made and stay silent. After heal() they go on.
"""
import queue
import selectors
import socket
import threading

from tests.support.server import free_port

BUFFER = 64 * 1024


class Half:
    """One of the two sockets of a connection."""

    def __init__(self, sock, pair):
        self.sock = sock
        self.pair = pair                # (name that connects or None, name that is connected to)
        self.other = None               # Half; None until the far end is connected
        self.out = bytearray()          # waits to be written to sock
        self.mask = 0                   # what the selector has been asked for
        self.ended = False              # end of file was read: nothing more to read


class Network:
    def __init__(self):
        self.names = {}                 # name -> IP address
        self.blocked = set()            # frozensets of two names
        self.halves = set()
        self.doors = []
        self.selector = selectors.DefaultSelector()
        self.orders = queue.SimpleQueue()
        self.wake_r, self.wake_w = socket.socketpair()
        self.selector.register(self.wake_r, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.order(None)
        self.thread.join(10)
        for half in list(self.halves):
            self.close(half)
        for sock in self.doors + [self.wake_r, self.wake_w]:
            sock.close()
        self.selector.close()

    # ------ for the test's thread ------

    def address(self, name):
        """Return the IP address of the server of this name."""
        return self.names.setdefault(name, "127.0.1.%d" % (len(self.names) + 1))

    def add(self, name, port):
        """Open a door to the server `name`, which will listen at its address and `port` -> the port of the door."""
        door = socket.create_server((self.address(name), free_port()), backlog=64)
        self.doors.append(door)
        self.order(lambda: self.selector.register(door, selectors.EVENT_READ, (name, port)))
        return door.getsockname()[1]

    def isolate(self, *group):
        """Cut the servers of this group off from all others; among themselves they stay connected."""
        self.block({frozenset((a, b)) for a in group for b in self.names if b not in group})

    def block(self, pairs):
        """Let nothing pass between the two of each pair.  It is done when this returns."""
        self.order(lambda: self.set_blocked(self.blocked | {frozenset(p) for p in pairs}))

    def heal(self):
        self.order(lambda: self.set_blocked(set()))

    def order(self, what):
        done = threading.Event()
        self.orders.put((what, done))
        self.wake_w.send(b"x")
        assert done.wait(10)

    # ------ in our thread ------

    def set_blocked(self, pairs):
        self.blocked = pairs
        for half in list(self.halves):
            if half.other is None:
                self.connect(half)
            if half in self.halves:
                self.interest(half)

    def cut(self, half):
        return frozenset(half.pair) in self.blocked

    def interest(self, half):
        """Ask the selector for what can be done with `half` now."""
        mask = 0
        if half.other is not None and not self.cut(half):
            if not half.ended and len(half.other.out) < BUFFER:
                mask |= selectors.EVENT_READ
            if half.out:
                mask |= selectors.EVENT_WRITE
        if mask == half.mask:
            return
        if half.mask == 0:
            self.selector.register(half.sock, mask, half)
        elif mask == 0:
            self.selector.unregister(half.sock)
        else:
            self.selector.modify(half.sock, mask, half)
        half.mask = mask

    def close(self, half):
        for h in (half, half.other):
            if h is not None and h in self.halves:
                self.halves.discard(h)
                if h.mask:
                    self.selector.unregister(h.sock)
                    h.mask = 0
                h.sock.close()

    def accept(self, door, name, port):
        sock, peer = door.accept()
        source = next((n for n, ip in self.names.items() if ip == peer[0]), None)
        half = Half(sock, (source, name))
        half.port = port
        sock.setblocking(False)
        self.halves.add(half)
        self.connect(half)

    def connect(self, half):
        """Connect to the server of a door, unless the way is cut: then later."""
        if self.cut(half):
            return
        try:
            upstream = socket.create_connection((self.names[half.pair[1]], half.port), 2)
        except OSError:
            self.close(half)
            return
        upstream.setblocking(False)
        other = Half(upstream, half.pair)
        half.other, other.other = other, half
        self.halves.add(other)
        for h in (half, other):
            h.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.interest(h)

    def pass_on(self, half, mask):
        try:
            if mask & selectors.EVENT_WRITE:
                del half.out[:half.sock.send(half.out)]
            if mask & selectors.EVENT_READ:
                data = half.sock.recv(BUFFER)
                half.ended = not data
                half.other.out += data
                if half.other.out and not half.other.mask & selectors.EVENT_WRITE:
                    del half.other.out[:half.other.sock.send(half.other.out)]
        except BlockingIOError:
            pass
        except OSError:
            self.close(half)
            return
        # Whoever has ended gets no answer any more.
        if (half.ended and not half.other.out) or (half.other.ended and not half.out):
            self.close(half)
            return
        self.interest(half)
        self.interest(half.other)

    def run(self):
        while 1:
            for key, mask in self.selector.select():
                if key.fileobj is self.wake_r:
                    self.wake_r.recv(1)
                    what, done = self.orders.get()
                    if what is not None:
                        what()
                    done.set()
                    if what is None:
                        return
                elif isinstance(key.data, tuple):
                    self.accept(key.fileobj, *key.data)
                elif key.data in self.halves and key.data.mask & mask:
                    self.pass_on(key.data, mask)
