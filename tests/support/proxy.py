"""proxy.py - a TCP proxy before one server, to cut its connections: a switchboard with one door.

    with Proxy(port) as p:              # connect to p.port instead
        p.cut()                         # close all connections, in the middle of whatever passes
        p.cut_after(1000)               # close them once 1000 more bytes have passed towards the clients
"""
from server.study.switchboard import Switchboard

SERVER = "server"


class Proxy:
    """Forwards 127.0.0.1:port to 127.0.0.1:target."""

    def __init__(self, target):
        self.switchboard = Switchboard()
        self.port = self.switchboard.open(SERVER, "127.0.0.1", 0, ("127.0.0.1", target))

    def __enter__(self):
        self.switchboard.start()
        return self

    def __exit__(self, *exc):
        self.switchboard.close()

    def cut(self):
        """Close all connections -> number of them."""
        return self.switchboard.drop(SERVER)

    def cut_after(self, nbytes):
        self.switchboard.drop_after(SERVER, nbytes)

    def is_to_cut(self):
        """Has cut_after() not come to its end yet?"""
        return self.switchboard.drop_is_due(SERVER)
