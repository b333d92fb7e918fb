"""pairproxy.py - partitions between servers on one machine, without root: all that one says to another passes a switchboard.

    with PartitionedCluster(masters=3, replicas=1, real=lambda i: i % 2) as c:     # c.nodes: ServerProcess each
        c.proxy.isolate(0)                  # nothing gets from node 0 to the others, or back
        c.proxy.cut(0, 1)                   # nothing gets from node 0 to node 1
        c.proxy.heal()

Node i binds 127.0.1.(i + 1), from where its connections come, and announces the proxy's ports for clients (and replicas) and for
the bus; so the proxy knows both ends of each connection.  While a way is cut, its bytes wait, as TCP would send them again later.
Clients come from 127.0.0.1: nothing of theirs is ever cut.
"""
import contextlib

from server.study.switchboard import Switchboard
from tests.support.cluster import agree, join, wait_until
from tests.support.server import ServerProcess, free_port


class PairProxy:
    """A switchboard whose nodes are numbers."""

    def __init__(self):
        self.switchboard = Switchboard()

    def listen(self, node, target):
        """A port that leads to port `target` of node number `node`."""
        self.switchboard.node(node, "127.0.1.%d" % (node + 1))
        return self.switchboard.open(node, "127.0.0.1", free_port(), ("127.0.0.1", target))

    def start(self):
        self.switchboard.start()

    def close(self):
        self.switchboard.close()

    def cut(self, a, b):
        """Nothing gets from node a to node b any more."""
        self.switchboard.cut(a, b)

    def isolate(self, *nodes, of):
        """Cut `nodes` off from the other nodes of the `of`, both ways."""
        self.switchboard.isolate(nodes, list(range(of)))

    def heal(self):
        self.switchboard.heal()


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
