"""network.py - servers that reach each other only through a switchboard, so that any of them can be cut off.

    with Network() as net:
        port = net.add("s1", 7010)          # a door to the server that listens at net.address("s1"):7010
        net.isolate("s1")                   # nothing passes between s1 and the others
        net.heal()                          # and again, with what was on the way

Each server has a loopback address of its own, which it binds to and so connects from: that tells who comes through a door. It
must announce its door, not its port. What comes from another address, as a test's own clients do, always passes.
"""
from server.study.switchboard import Switchboard
from tests.support.server import free_port


class Network:
    def __init__(self):
        self.names = {}                 # name -> IP address
        self.switchboard = Switchboard()

    def __enter__(self):
        self.switchboard.start()
        return self

    def __exit__(self, *exc):
        self.switchboard.close()

    def address(self, name):
        """Return the IP address of the server of this name."""
        if name not in self.names:
            self.names[name] = "127.0.1.%d" % (len(self.names) + 1)
            self.switchboard.node(name, self.names[name])
        return self.names[name]

    def add(self, name, port):
        """Open a door to the server `name`, which will listen at its address and `port` -> the port of the door."""
        address = self.address(name)
        return self.switchboard.open(name, address, free_port(), (address, port))

    def isolate(self, *group):
        """Cut the servers of this group off from all others; among themselves they stay connected."""
        self.switchboard.isolate(group, list(self.names))

    def block(self, pairs):
        """Let nothing pass between the two of each pair.  It is done when this returns."""
        self.switchboard.cut_all(pairs)

    def heal(self):
        self.switchboard.heal()
