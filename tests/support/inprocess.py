"""inprocess.py - commands run in the test's own process: no sockets, no loop, no cron.

    with InProcess(zset_max_ziplist_entries=3) as redis:
        redis("ZADD", "k", 1, "a")             # -> 1, values as in tests.support.resp, errors as RespError

The global server and shared objects are replaced by fresh ones while the block runs, and put back at its end; keywords are
fields of server.  Each command goes through lookup and arity, and straight to its proc: no ACL, no propagation.
"""
import io

from datastructs.adlist import listCreate, listDelNode
from datastructs.dict import dictCreate
from datastructs.rax import raxNew
from server.client.networking import createClient
from server.command_lookup import lookupCommand
from server.dict_types import dbDictType, dbExpiresDictType, keylistDictType, objectKeyPointerValueDictType
from server.keyspace.db import selectDb
from server.object import createStringObject
from server.server_h import CLIENT_LUA, redisDb, server, shared
from server.server_init import createSharedObjects, initServerConfig
from server.server_state import resetServerStats
from tests.support.resp import RespClient


class ReplyReader(RespClient):
    """Reads the replies in `data`: each byte is looked at once, however long a reply is."""

    def __init__(self, data):
        self.stream = io.BytesIO(data)
        self.pushes = []

    def read_bytes(self, n):
        return self.stream.read(n)

    def read_line(self):
        line = self.stream.readline()
        while not line.endswith(b"\r\n"):
            more = self.stream.readline()
            if not more:
                raise ConnectionError("the reply ends in the middle of a line: %r" % line)
            line += more
        return line[:-2]


class InProcess:
    def __init__(self, **fields):
        self.fields = fields

    def __enter__(self):
        self.saved = [(struct, name, getattr(struct, name)) for struct in (server, shared)
                      for name in type(struct).__slots__ if hasattr(struct, name)]
        initServerConfig()
        createSharedObjects()
        server.db = [redisDb() for _ in range(server.dbnum)]
        for j, db in enumerate(server.db):
            db.id = j
            db.dict = dictCreate(dbDictType)
            db.expires = dictCreate(dbExpiresDictType)
            db.blocking_keys = dictCreate(keylistDictType)
            db.ready_keys = dictCreate(objectKeyPointerValueDictType)
            db.watched_keys = dictCreate(keylistDictType)
        for name in ("clients", "clients_to_close", "slaves", "monitors", "clients_pending_write", "clients_pending_read", "unblocked_clients",
                     "ready_keys", "tracking_pending_keys", "paused_clients", "clients_waiting_acks"):
            setattr(server, name, listCreate())
        for name in ("clients_index", "clients_timeout_table", "errors"):
            setattr(server, name, raxNew())
        server.pubsub_channels = dictCreate(keylistDictType)
        server.pubsub_patterns = dictCreate(keylistDictType)
        server.hz = server.config_hz
        server.dirty = 0
        server.fixed_time_expire = 0
        server.in_eval = server.in_exec = 0
        resetServerStats()
        for name, value in self.fields.items():
            setattr(server, name, value)
        self.c = createClient(None)
        self.c.flags |= CLIENT_LUA             # the flag of clients that collect their replies
        selectDb(self.c, 0)
        return self

    def __exit__(self, *exc_info):
        for struct, name, value in self.saved:
            setattr(struct, name, value)

    def __call__(self, *words):
        """Run one command, return its reply."""
        c = self.c
        c.argv = [createStringObject(w if isinstance(w, bytes) else str(w).encode()) for w in words]
        c.argc = len(words)
        c.cmd = c.lastcmd = lookupCommand(c.argv[0].ptr)
        assert c.argc == c.cmd.arity or 0 < -c.cmd.arity <= c.argc, "wrong number of words"
        c.cmd.proc(c)
        return self.reply()

    def reply(self):
        c = self.c
        blocks = [c.buf]
        while c.reply.len:
            blocks.append(c.reply.head.value.buf)
            listDelNode(c.reply, c.reply.head)
        c.buf = bytearray()
        c.bufpos = c.reply_bytes = 0
        reader = ReplyReader(b"".join(blocks))
        reply = reader.read_reply()
        rest = reader.stream.read()
        assert not rest, "more than one reply: %r" % rest
        return reply

    def encoding(self, key):
        return self("OBJECT", "ENCODING", key).decode()
