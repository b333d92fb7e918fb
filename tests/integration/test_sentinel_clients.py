"""redis-py's Sentinel clients, plain and asyncio, through failovers: reads and writes go on. Servers and Sentinels ask for passwords."""
import asyncio
import contextlib
import threading
import time

import pytest
import redis
import redis.asyncio
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.sentinel import MasterNotFoundError, Sentinel

from tests.support.sentinel import sentinel_process, wait_until
from tests.support.server import ServerProcess, free_port

#: What a client sees while the master is gone, or no longer one.
LOST = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, MasterNotFoundError)
SENTINEL_OPTIONS = {"password": "gate", "socket_timeout": 5}
OPTIONS = {"username": "app", "password": "secret", "decode_responses": True, "socket_timeout": 5}


@contextlib.contextmanager
def guarded():
    """A master, two replicas, three Sentinels -> (ServerProcesses of the servers, of the Sentinels)."""
    port = free_port(6)
    conf = {"user": ["default off", "app on >secret ~* +@all -@dangerous +role +info",
                     "watch on >eyes allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info "
                     "+client|setname +client|kill +script|kill",
                     "repl on >copy +psync +replconf +ping"],
            "masteruser": "repl", "masterauth": "copy", "repl-diskless-sync-delay": 0}
    servers = [ServerProcess((), dict(conf, **({"replicaof": "127.0.0.1 %d" % port} if i else {})), port + i) for i in range(3)]
    lines = ("monitor mymaster 127.0.0.1 %d 2" % port, "down-after-milliseconds mymaster 2000", "failover-timeout mymaster 5000",
             "auth-user mymaster watch", "auth-pass mymaster eyes", "sentinel-pass gate")
    sentinels = [sentinel_process(*lines, conf={"requirepass": "gate"}) for _ in range(3)]
    try:
        for s in servers + sentinels:
            s.start(wait=False)
        for s in servers + sentinels:
            s.wait_ready(60)
        assert wait_until(lambda: all(ready(s) for s in sentinels), 60), sentinels[0].log()
        yield servers, sentinels
    finally:
        for s in servers + sentinels:
            s.cleanup()


def ready(s):
    with s.client(password="gate", decode_responses=True) as r:
        m = r.sentinel_master("mymaster")
        return (m["num-slaves"], m["num-other-sentinels"]) == (2, 2) and not m["is_disconnected"] and all(
            i["runid"] and not i["is_disconnected"] and i.get("master-link-status", "ok") == "ok"
            for i in r.sentinel_slaves("mymaster") + r.sentinel_sentinels("mymaster"))


def failovers(servers, sentinels):
    """Kill the master; then, when it is back as a replica, fail over by hand.  Yields after each one.

    A machine that stands still for a second sees more failovers: what counts is always the master of that time."""
    watcher = sentinels[0].client(password="gate", decode_responses=True)

    def master():
        return watcher.sentinel_get_master_addr_by_name("mymaster")[1]

    def all_follow():
        now = master()
        return all(i["master-link-status"] == "ok" and i["master-port"] == now and not i["is_sdown"]
                   for i in watcher.sentinel_slaves("mymaster"))

    old = servers[0].port
    servers[0].kill9()
    assert wait_until(lambda: master() != old, 90), sentinels[0].log()
    yield
    servers[0].start()
    assert wait_until(all_follow, 90), sentinels[0].log()
    old = master()
    with contextlib.suppress(redis.ResponseError):              # one is in progress already
        watcher.sentinel_failover("mymaster")
    assert wait_until(lambda: master() != old, 90), sentinels[0].log()
    yield
    assert wait_until(all_follow, 90), sentinels[0].log()
    watcher.close()


class Load:
    """Counts up on the master and reads at replicas, until it is told to stop."""

    def __init__(self):
        self.stop = False
        self.written = 0                # confirmed
        self.read = 0
        self.lost = 0                   # errors that a client has to expect

    def goes_on(self):
        """Wait until twenty more writes, and as many reads, have come through."""
        written, read = self.written, self.read
        assert wait_until(lambda: self.written > written + 20 and self.read > read + 20, 60), vars(self)


class PlainLoad(Load):
    def run(self, addresses):
        s = Sentinel(addresses, sentinel_kwargs=SENTINEL_OPTIONS, **OPTIONS)
        master, replica = s.master_for("mymaster"), s.slave_for("mymaster")
        while not self.stop:
            try:
                master.incr("n")
                self.written += 1
            except LOST:
                self.lost += 1
            try:
                self.read += 0 <= int(replica.get("n") or 0)
            except LOST:
                self.lost += 1
            time.sleep(0.01)
        self.master = s.discover_master("mymaster")
        self.replicas = sorted(s.discover_slaves("mymaster"))
        # A connection made while a replica was being promoted stays where it is: ask with a new one.
        self.role = master.role()[0], s.slave_for("mymaster").role()[0]


class AsyncLoad(Load):
    def run(self, addresses):
        asyncio.run(self.turn(addresses))

    async def turn(self, addresses):
        s = AsyncSentinel(addresses, sentinel_kwargs=SENTINEL_OPTIONS, **OPTIONS)
        master, replica = s.master_for("mymaster"), s.slave_for("mymaster")
        while not self.stop:
            try:
                await master.incr("n")
                self.written += 1
            except LOST:
                self.lost += 1
            try:
                self.read += 0 <= int(await replica.get("n") or 0)
            except LOST:
                self.lost += 1
            await asyncio.sleep(0.01)
        self.master = await s.discover_master("mymaster")
        self.replicas = sorted(await s.discover_slaves("mymaster"))
        again = s.slave_for("mymaster")
        self.role = (await master.role())[0], (await again.role())[0]
        for r in [master, replica, again, *s.sentinels]:
            await r.aclose()


def test_reads_and_writes_go_on():
    with guarded() as (servers, sentinels):
        addresses = [("127.0.0.1", s.port) for s in sentinels]
        loads = [PlainLoad(), AsyncLoad()]
        threads = [threading.Thread(target=load.run, args=(addresses,)) for load in loads]
        for t in threads:
            t.start()
        try:
            for load in loads:
                load.goes_on()
            for _ in failovers(servers, sentinels):
                for load in loads:
                    load.goes_on()
        finally:
            for load in loads:
                load.stop = True
            for t in threads:
                t.join(60)
        for load in loads:
            assert load.lost > 0, "the clients have not noticed any of it"
            assert load.role == ("master", "slave") and load.master not in load.replicas
            assert sorted([load.master, *load.replicas]) == [("127.0.0.1", s.port) for s in servers]


@pytest.fixture(scope="module")
def one():
    with contextlib.ExitStack() as stack:
        m = ServerProcess()
        stack.callback(m.cleanup)
        m.start()
        s = sentinel_process("monitor mymaster 127.0.0.1 %d 1" % m.port)
        stack.callback(s.cleanup)
        s.start()
        yield m, s


def test_every_command_that_redis_py_knows(one):
    m, s = one
    r = s.client(decode_responses=True)
    assert r.ping() and r.info("sentinel")["sentinel_masters"] == 1 and r.role() == ["sentinel", ["mymaster"]]
    assert r.sentinel_get_master_addr_by_name("mymaster") == ("127.0.0.1", m.port)
    assert r.sentinel_get_master_addr_by_name("nosuch") is None
    state = r.sentinel_master("mymaster")
    assert state["is_master"] and state["quorum"] == 1 and not state["is_sdown"] and state["port"] == m.port
    assert list(r.sentinel_masters()) == ["mymaster"] or [x["name"] for x in r.sentinel_masters()] == ["mymaster"]
    assert r.sentinel_slaves("mymaster") == [] and r.sentinel_sentinels("mymaster") == []
    assert r.execute_command("SENTINEL", "CKQUORUM", "mymaster", NEVER_DECODE=True).startswith(b"OK 1 usable")
    assert r.sentinel_monitor("other", "127.0.0.1", 1, 2) and r.sentinel_set("other", "quorum", 3)
    assert r.sentinel_master("other")["quorum"] == 3
    assert r.execute_command("SENTINEL", "RESET", "other") == 1 and r.sentinel_remove("other") and r.sentinel_flushconfig()
    with pytest.raises(redis.ResponseError, match="No such master"):
        r.sentinel_master("other")
    with pytest.raises(redis.ResponseError, match="NOGOODSLAVE"):
        r.sentinel_failover("mymaster")
    p = r.pubsub()
    p.psubscribe("*")
    assert p.get_message(timeout=5)["type"] == "psubscribe"
    r.sentinel_monitor("third", "127.0.0.1", 1, 1)
    message = p.get_message(timeout=5)
    assert (message["channel"], message["data"]) == ("+monitor", "master third 127.0.0.1 1 quorum 1")
    p.close()
    r.sentinel_remove("third")
    r.close()
