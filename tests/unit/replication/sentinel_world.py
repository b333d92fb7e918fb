"""A Sentinel in this process, with a clock that stands still and instances that exist only here.

    w = World(monkeypatch, tmp_path); w.monitor(); w.run(3000); w.instances[7000].answers = False; ...

Links are real redisAsyncContexts on fake connections: what is queued on them is taken out by the fake instance at the far end,
and its answers go back through the reader and the callbacks.  Whoever is not in `instances` refuses connections.
"""
from datastructs.dict import dict_entries, dictCreate
from replication.sentinel import sentinel as sentinel_py, sentinel_command, sentinel_monitor
from replication.sentinel.hiredis_async import (
    REDIS_CONNECTED, REDIS_ERR_IO, redisAsyncContext, redisAsyncFree, redisAsyncHandleRead,
)
from replication.sentinel.sentinel_h import SRI_MASTER, sentinel
from server.client.connection import CONN_STATE_CONNECTED, connection
from server.server_h import server
from server.session import acl
from tests.support.clock import FakeClock
from tests.support.inprocess import InProcess
from tests.unit.server.client.fake_connection import CT_Fake, WIRES, fake_wire


def parse_commands(data):
    """Return the argument lists in the bytes of complete requests."""
    commands = []
    while data:
        count, _, data = data[1:].partition(b"\r\n")
        words = []
        for _ in range(int(count)):
            size, _, data = data[1:].partition(b"\r\n")
            words.append(bytes(data[:int(size)]))
            data = data[int(size) + 2:]
        commands.append(words)
    return commands


class Instance:
    """A server or another Sentinel, as far as ours can see it."""

    def __init__(self, world, port, role="master", of=None):
        self.world = world
        self.port = port
        self.role = role               # master, slave, sentinel
        self.of = of                   # port of its master
        self.link_up = True
        self.priority = 100
        self.offset = 1000
        self.runid = b"%040d" % port
        self.answers = True            # False: takes requests and is silent
        self.refuses = False           # True: no connections
        self.obeys = True              # False: SLAVEOF has no effect
        self.down_says = 0             # sentinel: what it says of the master
        self.vote = None               # sentinel: None = votes for whoever asks; b"..." = for that runid; b"*" = for nobody
        self.log = []                  # commands that came
        self.waiting = {}              # redisAsyncContext -> its commands that are not answered yet

    def info(self):
        text = b"run_id:%s\r\nrole:%s\r\n" % (self.runid, self.role.encode())
        if self.role == "slave":
            text += (b"master_host:127.0.0.1\r\nmaster_port:%d\r\nmaster_link_status:%s\r\nslave_priority:%d\r\n"
                     b"slave_repl_offset:%d\r\nreplica_announced:1\r\n" % (
                         self.of, b"up" if self.link_up else b"down", self.priority, self.offset))
        else:
            slaves = [i for i in self.world.instances.values() if i.role == "slave" and i.of == self.port]
            for n, i in enumerate(slaves):
                text += b"slave%d:ip=127.0.0.1,port=%d,state=online,offset=1,lag=0\r\n" % (n, i.port)
        return text

    def answer(self, words):
        """Return the reply to one command, as bytes."""
        name = words[0].upper()
        if name == b"PING":
            return b"+PONG\r\n"
        if name == b"INFO":
            text = self.info()
            return b"$%d\r\n%s\r\n" % (len(text), text)
        if name == b"PUBLISH":
            return b":1\r\n"
        if name == b"SUBSCRIBE":
            return b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n" % (len(words[1]), words[1])
        if name == b"SLAVEOF" and self.obeys:
            if words[1].upper() == b"NO":
                self.role, self.of = "master", None
            else:
                self.role, self.of, self.link_up = "slave", int(words[2]), True
        if name == b"SENTINEL":
            vote = self.vote or words[5]
            return b"*3\r\n:%d\r\n$%d\r\n%s\r\n:%d\r\n" % (self.down_says, len(vote), vote, int(words[4]))
        return b"+OK\r\n"


class World:
    def __init__(self, monkeypatch, tmp_path):
        self.instances = {}            # port -> Instance
        self.links = []                # (port, redisAsyncContext), open ones and dead ones
        self.events = []               # (channel, text)
        self.flushes = 0
        conf = tmp_path / "sentinel.conf"
        conf.write_bytes(b"")
        self.redis = InProcess(sentinel_mode=1, configfile=str(conf), port=26379, verbosity=4, bindaddr_count=0)
        self.clock = FakeClock()
        self.monkeypatch = monkeypatch
        monkeypatch.setattr(acl, "commandId", acl.commandId)
        monkeypatch.setattr(acl, "nextid", acl.nextid)
        for name in type(sentinel).__slots__:
            monkeypatch.setattr(sentinel, name, getattr(sentinel, name))
        monkeypatch.setattr(sentinel_monitor, "redisAsyncConnectBind", self.connect)
        monkeypatch.setattr(sentinel_py, "pubsubPublishMessage", self.published)
        monkeypatch.setattr(sentinel_py, "rewriteConfig", self.rewritten)

    def __enter__(self):
        self.redis.__enter__()
        self.clock.__enter__()
        self.monkeypatch.setattr(server, "acl_filename", "")
        sentinel_command.initSentinel()
        sentinel.myid = b"a" * 40
        sentinel.announce_ip = b"127.0.0.1"
        return self

    def __exit__(self, *exc_info):
        sentinel_py.dictRelease(sentinel.masters)
        sentinel.masters = dictCreate(sentinel_py.instancesDictType)
        self.clock.__exit__(*exc_info)
        self.redis.__exit__(*exc_info)

    def connect(self, ip, port, source_addr):
        """In place of redisAsyncConnectBind."""
        ac = redisAsyncContext()
        there = self.instances.get(port)
        if there is None or there.refuses:
            ac.err, ac.errstr = REDIS_ERR_IO, "Connection refused"
            return ac
        conn = connection()
        conn.type = CT_Fake
        conn.state = CONN_STATE_CONNECTED
        conn.fd = 1000 + len(self.links)
        conn.private_data = ac
        ac.conn = conn
        ac.flags |= REDIS_CONNECTED
        WIRES[conn] = fake_wire()
        self.links.append((port, ac))
        return ac

    def published(self, channel, message):
        self.events.append((channel.ptr.decode(), message.ptr.decode()))
        return 0

    def rewritten(self, path, force_all):
        self.flushes += 1
        return 0

    def add(self, port, role="master", of=None, **fields):
        instance = self.instances[port] = Instance(self, port, role, of)
        for name, value in fields.items():
            setattr(instance, name, value)
        return instance

    def monitor(self, name="m", port=7000, quorum=1, **options):
        assert self.redis("SENTINEL", "MONITOR", name, "127.0.0.1", port, quorum) == b"OK"
        for option, value in options.items():
            assert self.redis("SENTINEL", "SET", name, option.replace("_", "-"), value) == b"OK"
        return self.master(name)

    def master(self, name="m"):
        return sentinel_py.sentinelGetMasterByName(name.encode())

    def hello(self, port, name="m", epoch=0, config_epoch=0, master_port=7000):
        """The Sentinel at `port` says hello to ours."""
        text = b"127.0.0.1,%d,%s,%d,%s,127.0.0.1,%d,%d" % (port, self.instances[port].runid, epoch, name.encode(), master_port,
                                                           config_epoch)
        assert self.redis("PUBLISH", "__sentinel__:hello", text) == 1

    def serve(self):
        """Let every instance answer what has come to it."""
        for port, ac in list(self.links):
            there = self.instances.get(port)
            if ac.conn is None:
                self.links.remove((port, ac))
                if there is not None:
                    there.waiting.pop(ac, None)
                continue
            if there is None or there.refuses:
                WIRES[ac.conn].incoming.append(b"")
                ac.obuf.clear()
                redisAsyncHandleRead(ac)
                continue
            commands = parse_commands(bytes(ac.obuf))
            ac.obuf.clear()
            there.log += commands
            commands = there.waiting.pop(ac, []) + commands
            if not there.answers:
                there.waiting[ac] = commands
            elif commands:
                WIRES[ac.conn].incoming.append(b"".join([there.answer(words) for words in commands]))
                redisAsyncHandleRead(ac)

    def tick(self, ms=100):
        self.clock.advance(ms=ms)
        sentinel_monitor.sentinelTimer()
        self.serve()

    def run(self, ms, step=100):
        """Let `ms` pass -> the states that the masters' failovers went through: [(before, after), ...]."""
        steps = []
        for _ in range(ms // step):
            before = {de.key: de.val.failover_state for de in dict_entries(sentinel.masters)}
            self.clock.advance(ms=step)
            sentinel_monitor.sentinelTimer()
            middle = {de.key: de.val.failover_state for de in dict_entries(sentinel.masters)}
            self.serve()
            after = {de.key: de.val.failover_state for de in dict_entries(sentinel.masters)}
            for old, new in ((before, middle), (middle, after)):
                steps += [(old[key], new[key]) for key in new if key in old and old[key] != new[key]]
        return steps

    def said(self, channel):
        """Texts of the events of this kind."""
        return [text for kind, text in self.events if kind == channel]

    def kinds(self):
        return [kind for kind, _ in self.events]

    def drop(self, ac):
        redisAsyncFree(ac)

    def slaves(self, name="m"):
        return {de.key: de.val for de in dict_entries(self.master(name).slaves)}

    def is_master(self, ri):
        return bool(ri.flags & SRI_MASTER)
