"""live.py - a whole server in this very process, turned by hand.

    with LiveServer({"list-max-ziplist-size": 4}) as s:
        s.execute("RPUSH", "l", "a", "b")          # over a real socket, through the real loop
        o = s.value("l")                           # the robj in the keyspace: walk it, print it, set breakpoints

It is the real initServer(), the real event loop and a real client on a Unix socket; only aeMain is ours: execute() turns the
loop until the reply is there.  So every object of the server can be looked at between two commands.  One a process, since
the server's state is global.
"""
import os
import random
import shutil
import tempfile
import zlib

from server import link  # noqa: F401
from ae.ae import AE_ALL_EVENTS, AE_CALL_AFTER_SLEEP, AE_CALL_BEFORE_SLEEP, AE_DONT_WAIT, aeProcessEvents
from datastructs.dict import dictFetchValue
from server.admin.config import loadServerConfig
from server.client.tls import tlsInit
from server.dict_types import dbDictType
from server.server_h import server
from server.server_init import initServer, initServerConfig, InitServerLast
from server.session.acl import ACLInit
from tests.support.resp import RespClient

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLAGS = AE_ALL_EVENTS | AE_CALL_BEFORE_SLEEP | AE_CALL_AFTER_SLEEP | AE_DONT_WAIT


class TurningSocket:
    """The client's end.  Where a blocking socket would wait, it lets the server have a turn."""

    def __init__(self, sock, turn):
        sock.setblocking(False)
        self.sock = sock
        self.turn = turn

    def recv(self, n):
        while True:
            try:
                return self.sock.recv(n)
            except BlockingIOError:
                self.turn()

    def sendall(self, data):
        while data:
            try:
                data = data[self.sock.send(data):]
            except BlockingIOError:
                self.turn()

    def close(self):
        self.sock.close()


class LiveServer:
    def __init__(self, conf=None, seed=None):
        """With a seed the skiplists' levels, and the order of the keyspace's buckets, are the same in every run."""
        self.dir = tempfile.mkdtemp(prefix="aeredis-live-")
        path = os.path.join(self.dir, "socket")
        options = {"port": 0, "unixsocket": path, "save": '""', "logfile": os.path.join(self.dir, "log"), "dir": self.dir}
        options.update(conf or {})
        initServerConfig()
        ACLInit()
        tlsInit()
        loadServerConfig(None, 0, "\n".join("%s %s" % item for item in options.items()).encode())
        initServer()
        InitServerLast()
        if seed is not None:
            random.seed(seed)
            # The interpreter's own hash differs from run to run.
            dbDictType.__init__(hashFunction=zlib.crc32, valDestructor=dbDictType.valDestructor,
                                expandAllowed=dbDictType.expandAllowed)
        self.client = RespClient(unixsocket=path)
        self.client.sock = TurningSocket(self.client.sock, self.turn)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.client.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def turn(self):
        """One turn of the loop, without waiting."""
        aeProcessEvents(server.el, FLAGS)

    def execute(self, *args):
        """Send a command, turn the loop until it is answered, and return the reply."""
        return self.client.execute(*args)

    def value(self, key, db=0):
        """Return the robj stored at `key` (str or bytes)."""
        return dictFetchValue(server.db[db].dict, key.encode() if isinstance(key, str) else key)
