"""pairproxy.py - partitions between servers on one machine, without root: all that one says to another passes a thread.

    with PartitionedCluster(masters=3, replicas=1, real=lambda i: i % 2) as c:     # c.nodes: ServerProcess each
        c.proxy.isolate(0)                  # nothing gets from node 0 to the others, or back
        c.proxy.cut(0, 1)                   # nothing gets from node 0 to node 1
        c.proxy.heal()

Node i binds 127.0.1.(i + 1), from where its connections come, and announces the proxy's ports for clients (and replicas) and for
the bus; so the proxy knows both ends of each connection.  While a way is cut, its bytes wait, as TCP would send them again later.
Clients come from 127.0.0.1: nothing of theirs is ever cut.
"""
import contextlib
import selectors
import socket
import threading

from tests.support.cluster import agree, join, wait_until
from tests.support.server import ServerProcess, free_port

CLIENT = -1                        # the end that is no node


class PairProxy:
    def __init__(self):
        self.listeners = {}        # socket -> (node, port behind it)
        self.cuts = set()          # (from, to)
        self.lock = threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.peers = {}            # socket -> (the other socket, from, to)
        self.waiting = set()       # sockets that are not read while their way is cut
        self.wake_r, self.wake_w = socket.socketpair()
        self.selector.register(self.wake_r, selectors.EVENT_READ)
        self.closing = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def listen(self, node, target):
        """A port that leads to port `target` of node number `node`; only before start."""
        listener = socket.create_server(("127.0.0.1", free_port()), backlog=200)
        self.listeners[listener] = (node, target)
        self.selector.register(listener, selectors.EVENT_READ)
        return listener.getsockname()[1]

    def start(self):
        self.thread.start()

    def close(self):
        self.closing = True
        self.wake_w.send(b"x")
        self.thread.join(10)
        for sock in [*self.listeners, *self.peers, self.wake_r, self.wake_w]:
            sock.close()
        self.selector.close()

    def cut(self, a, b):
        """Nothing gets from node a to node b any more."""
        with self.lock:
            self.cuts.add((a, b))

    def isolate(self, *nodes, of):
        """Cut `nodes` off from the other nodes of the `of`, both ways."""
        for a in nodes:
            for b in range(of):
                if b not in nodes:
                    self.cut(a, b)
                    self.cut(b, a)

    def heal(self):
        with self.lock:
            self.cuts.clear()
        self.wake_w.send(b"x")

    def accept(self, listener):
        node, target = self.listeners[listener]
        sock, (ip, _) = listener.accept()
        source = int(ip.rpartition(".")[2]) - 1 if ip.startswith("127.0.1.") else CLIENT
        other = socket.socket()
        try:
            other.connect(("127.0.0.1", target))
        except OSError:
            other.close()
            sock.close()
            return
        for s, pair in ((sock, (other, source, node)), (other, (sock, node, source))):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers[s] = pair
            self.selector.register(s, selectors.EVENT_READ)

    def drop(self, sock):
        """One end has closed: so does the other."""
        other = self.peers[sock][0]
        for s in (sock, other):
            if s in self.peers:
                del self.peers[s]
                if s in self.waiting:
                    self.waiting.discard(s)
                else:
                    self.selector.unregister(s)
                s.close()

    def run(self):
        while not self.closing:
            for key, _ in self.selector.select():
                sock = key.fileobj
                if sock is self.wake_r:
                    sock.recv(100)
                    for s in list(self.waiting):
                        self.waiting.discard(s)
                        self.selector.register(s, selectors.EVENT_READ)
                elif sock in self.listeners:
                    self.accept(sock)
                elif sock in self.peers and sock not in self.waiting:
                    self.forward(sock)

    def forward(self, sock):
        other, source, target = self.peers[sock]
        with self.lock:
            is_cut = (source, target) in self.cuts
        if is_cut:
            self.selector.unregister(sock)
            self.waiting.add(sock)
            return
        try:
            data = sock.recv(65536)
            if data:
                other.settimeout(10)
                other.sendall(data)
                return
        except OSError:
            pass
        self.drop(sock)


class PartitionedCluster:
    """A cluster, ready, whose nodes talk through a PairProxy."""

    def __init__(self, masters=3, replicas=1, real=None, conf=None, more=()):
        """`more`: executables of further masters, such as a redis-server 7.0."""
        self.masters = masters + len(more)
        count = masters * (1 + replicas)
        self.proxy = PairProxy()
        self.nodes = []
        for i in range(count + len(more)):
            port = free_port()
            announced = self.proxy.listen(i, port), self.proxy.listen(i, port + 10000)
            settings = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", "appendonly": "yes",
                        "bind": "127.0.1.%d 127.0.0.1" % (i + 1), "cluster-announce-ip": "127.0.0.1",
                        "cluster-announce-port": announced[0], "cluster-announce-bus-port": announced[1]}
            settings.update(conf or {})
            node = ServerProcess(conf=settings, port=port, real=i >= count or bool(real and real(i)),
                                 executable=more[i - count] if i >= count else None)
            node.number = i
            node.announced = announced
            self.nodes.append(node)
        # Masters first.
        self.order = self.nodes[:masters] + self.nodes[count:] + self.nodes[masters:count]

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.stack.callback(self.proxy.close)
        self.proxy.start()
        try:
            for node in self.nodes:
                self.stack.callback(node.cleanup)
                node.start(wait=False)
            for node in self.nodes:
                node.wait_ready()
            join(self.order, self.masters)
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *exc_info):
        self.stack.close()

    def isolate(self, *numbers):
        self.proxy.isolate(*numbers, of=len(self.nodes))

    def agreed(self, timeout=60):
        return wait_until(lambda: agree(self.nodes), timeout, 0.2)
