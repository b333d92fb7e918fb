"""The text and the fast path are one server: the same bytes go into both, and all that comes out must be the same.

Two servers of ours, `fast-path no` and `yes`, get random pipelines on three connections, cut anywhere, two connections now and
then within one turn of the loop; what throws a server off the fast path (MULTI, WATCH, MONITOR, CLIENT REPLY, tracking, AUTH,
RESET, SELECT, HELLO 3, blocked clients, expired keys, wrong types, every directive that requests.server_is_plain names, and
fast-path itself) comes in the same way.  Compared are the bytes of all replies, DEBUG DIGEST and the encodings, what INFO
counts, the slow log, the AOF and the replication stream.

AEREDIS_FASTPATH_SEQUENCES: how many sequences (300; `make differential` 10,000).
"""
import contextlib
import os
import re
import select
import signal
import socket
import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from tests.support.resp import encode_command
from tests.support.server import start_server

SEQUENCES = int(os.environ.get("AEREDIS_FASTPATH_SEQUENCES", "300"))
CLIENTS = 3

STRINGS = ["s1", "s2", "n1", "n2"]
KEYS = STRINGS + ["l1", "l2", "set1", "h1", "z1", "z2", "missing"]
VALUES = ["a", "", "12", "-7", "9999", "10000", "9223372036854775807", "01", "3.5", "x" * 44, "y" * 45, "z" * 300, "w" * 1200,
          "a\r\nb", "12a"]
FIELDS = ["f1", "f2", "f3", "4"]

key = st.sampled_from(KEYS)
value = st.sampled_from(VALUES)
field = st.sampled_from(FIELDS)
number = st.sampled_from(["0", "1", "-1", "2", "3", "-2", "100", "x", "1.5", "", "99999999999999999999"])


# No time of a key may run out, nor be rounded to another number of seconds, because one side is slower than the other:
# LIFETIME is what mask() knows in the replies of TTL.
LIFETIME = "10000000"
seconds = st.sampled_from(["0", "-1", "-2", "x", "1.5", "", "99999999999999999999", LIFETIME, LIFETIME])


def command(*parts):
    return st.tuples(*[p if isinstance(p, st.SearchStrategy) else st.just(p) for p in parts])


def several(name, *group):
    return st.lists(st.tuples(*group), min_size=1, max_size=4).map(lambda groups: (name,) + tuple(w for g in groups for w in g))


def near(k):
    """Mostly the key of the command's own type."""
    return st.one_of(st.sampled_from(k if isinstance(k, list) else [k]), st.sampled_from(k if isinstance(k, list) else [k]), key)


FAST = st.one_of(
    command("GET", key), command("GET", near(STRINGS)), command("get", near(STRINGS)), command("SET", key, value),
    command("SET", near(STRINGS), value),
    command("set", near(STRINGS), value), command("INCR", near(["n1", "n2"])), command("PING"), command("TTL", key),
    command("EXPIRE", key, seconds), command("EXPIRE", key, LIFETIME), several("DEL", key), several("EXISTS", key),
    several("MGET", key), several("MSET", near(STRINGS), value),
    command("LPUSH", near(["l1", "l2"]), value), command("RPUSH", near(["l1", "l2"]), value), command("LPOP", near(["l1", "l2"])),
    command("RPOP", near("l1")), command("LRANGE", near("l1"), number, number), command("LRANGE", "l1", "0", "-1"),
    command("SADD", near("set1"), value), command("SISMEMBER", near("set1"), value), command("HSET", near("h1"), field, value),
    command("HGET", near("h1"), field), command("HGETALL", near("h1")), command("ZADD", near(["z1", "z2"]), number, value),
    command("ZADD", near(["z1", "z2"]), number, field), command("ZSCORE", near("z1"), field),
    command("ZPOPMIN", near(["z1", "z2"])), command("ZRANGE", near("z1"), number, number),
    command("ZRANGE", "z1", "0", "-1"))

TEXT = st.one_of(
    command("SET", near(STRINGS), value, "EX", LIFETIME),
    command("APPEND", near(STRINGS), value),
    command("MULTI"), command("MULTI"), command("EXEC"), command("EXEC"), command("DISCARD"), command("WATCH", key), command("UNWATCH"),
    command("CLIENT", "REPLY", st.sampled_from(["ON", "OFF", "SKIP"])), command("CLIENT", "TRACKING", st.sampled_from(["ON", "OFF"])),
    command("CLIENT", "TRACKING", "ON", "BCAST"), command("AUTH", "bob", "pw"), command("AUTH", "bad"), command("RESET"),
    command("SELECT", st.sampled_from(["0", "1"])), command("SELECT", "0"), command("HELLO", st.sampled_from(["2", "3"])), command("MONITOR"),
    command("BLPOP", "l1", "l2", "0"), command("BZPOPMIN", "z1", "0"), command("BRPOPLPUSH", "l2", "l1", "0"),
    command("SUBSCRIBE", "__keyevent@0__:set"),
    command("CLIENT", "PAUSE", "1000000", "WRITE"), command("CLIENT", "UNPAUSE"),
    command("CLIENT", "KILL", "USER", "default", "SKIPME", st.sampled_from(["yes", "no"])),
    command("ACL", "SETUSER", "default", st.sampled_from(["-get", "+get", "resetkeys", "allkeys", "-@all", "+@all"])),
    command("FLUSHALL"), command("RENAME", key, key), command("COPY", key, key), command("OBJECT", "ENCODING", key),
    command("TYPE", key), command("QUIT"),
    command("NOSUCH", value), command("GET"), command("SET", key), command("GETSET", near(STRINGS), value), command("INCRBY", near("n1"), number),
    command("CONFIG", "RESETSTAT"), command("EVAL", "return redis.call('set', KEYS[1], ARGV[1])", "1", key, value))

CONFIG = {
    "maxmemory": ["100mb", "0"], "maxmemory-policy": ["allkeys-lfu", "noeviction", "volatile-lru"], "notify-keyspace-events": ["KEA", "KEAm", ""],
    "latency-monitor-threshold": ["1000", "0"], "slowlog-log-slower-than": ["0", "-1", "10000000"], "min-replicas-to-write": ["3", "0"],
    "client-output-buffer-limit": ["normal 1mb 0 0", "normal 0 0 0"], "appendfsync": ["always", "everysec", "no"], "list-max-ziplist-size": ["3", "-2", "-1"],
    "list-compress-depth": ["1", "0"], "set-max-intset-entries": ["2", "512"], "hash-max-ziplist-entries": ["2", "512"],
    "hash-max-ziplist-value": ["8", "64"], "zset-max-ziplist-entries": ["2", "128"], "zset-max-ziplist-value": ["8", "64"],
    "lazyfree-lazy-user-del": ["yes", "no"], "lazyfree-lazy-server-del": ["yes", "no"], "lazyfree-lazy-expire": ["yes", "no"],
    "proto-max-bulk-len": ["1mb", "512mb"], "fast-path": ["no", "yes"], "requirepass": ["pw", ""], "lfu-log-factor": ["10"],
}
SETTING = st.sampled_from(sorted(CONFIG)).flatmap(lambda name: command("CONFIG", "SET", name, st.sampled_from(CONFIG[name])))

RAW = st.sampled_from([b"PING\r\n", b"GET s1\r\n", b"SET s1 inline\r\n", b"*0\r\n", b"\r\n", b"*2\r\n$3\r\nGET\r\n$02\r\ns1\r\n",
                       b"*1\r\n$4\r\nPINGxx", b"*2\r\n$3\r\nGETab$2\r\ns1cd", b"*2\r\n$5\r\nLPUSH\r\n$2\r\nl1\r\n", b"*3\r\n$3\r\nSET\r\n$-1\r\n",
                       b"*2\r\n$3\r\nGET\r\nx", b"*x\r\n", b"*1\r\n$3\r\nFOO\r\n"])

REQUEST = st.one_of(*[FAST.map(lambda c: encode_command(*c))] * 9 + [TEXT.map(lambda c: encode_command(*c))] * 3 + [SETTING.map(lambda c: encode_command(*c))])
PIPELINE = st.tuples(st.integers(0, CLIENTS - 1), st.lists(REQUEST, min_size=1, max_size=10).map(b"".join), st.lists(st.integers(0, 400), max_size=2))
STEP = st.one_of(
    PIPELINE.map(lambda p: ("send",) + p), PIPELINE.map(lambda p: ("send",) + p), PIPELINE.map(lambda p: ("send",) + p),
    st.tuples(st.just("together"), PIPELINE, PIPELINE), st.tuples(st.just("expire"), key),
    st.tuples(st.just("send"), st.integers(0, CLIENTS - 1), RAW, st.just([])),
    st.tuples(st.just("send"), st.integers(0, CLIENTS - 1), st.lists(FAST.map(lambda c: encode_command(*c)), min_size=3, max_size=10).map(
        lambda requests: b"".join(requests * 60)), st.just([])))
SEQUENCE = st.lists(STEP, min_size=3, max_size=12)

RESET = b"".join(encode_command(*words) for words in (
    [("CLIENT", "UNPAUSE"), ("CLIENT", "KILL", "USER", "default"), ("CLIENT", "KILL", "USER", "bob")]
    + [("CONFIG", "SET", name, values[-1]) for name, values in CONFIG.items() if name not in ("appendfsync", "fast-path")]
    + [("CONFIG", "SET", "appendfsync", "no"), ("CONFIG", "SET", "maxmemory-policy", "noeviction"),
       ("CONFIG", "SET", "slowlog-log-slower-than", "10000000"),
       ("ACL", "SETUSER", "default", "on", "nopass", "allkeys", "allchannels", "+@all"), ("ACL", "SETUSER", "bob", "on", ">pw", "~s*", "+@all", "-del"),
       ("FLUSHALL",), ("DEBUG", "SET-ACTIVE-EXPIRE", "0"), ("SELECT", "0"),
       ("SET", "reset", "1"), ("DEL", "reset"), ("SLOWLOG", "RESET"), ("CONFIG", "RESETSTAT")]))


class Side:
    """One of the two servers: its control connection, three clients, and a replica that only collects the stream."""

    def __init__(self, server, fast):
        self.server = server
        self.fast = fast
        self.control = server.resp()       # a user of its own: what the clients do to theirs must not reach it
        self.control.execute("ACL", "SETUSER", "admin", "on", "nopass", "allkeys", "allchannels", "+@all")
        self.control.execute("AUTH", "admin", "x")
        self.clients = []
        self.replica = None
        self.stream = b""
        self.offset = 0                    # how far the replica's stream has come
        self.crowd = []                    # connections that make the server use its IO threads

    def unread(self, j):
        """Bytes that were sent on connection `j` and that the server has not read yet; 0 when it is closed."""
        mine = self.clients[j].getsockname()[1]
        waiting = 0
        with open("/proc/net/tcp") as f:
            for line in f.readlines()[1:]:
                _, local, remote, _, queues = line.split()[:5]
                ports = int(local[-4:], 16), int(remote[-4:], 16)
                tx, rx = (int(n, 16) for n in queues.split(":"))
                if ports == (mine, self.server.port):
                    waiting += tx
                elif ports == (self.server.port, mine):
                    waiting += rx
        return waiting

    def attach_replica(self):
        """Ask for a full synchronization, and keep what follows the RDB."""
        self.replica = socket.create_connection(("127.0.0.1", self.server.port), 20)
        self.replica.sendall(encode_command("AUTH", "admin", "x"))
        assert self.replica.recv(100) == b"+OK\r\n"
        self.replica.sendall(encode_command("PSYNC", "?", "-1"))
        data = b""
        while True:
            data += self.replica.recv(1 << 16)
            if not self.offset and data.count(b"\n"):
                self.offset = int(re.search(rb"FULLRESYNC \w+ (\d+)", data).group(1))
            m = re.search(rb"\n\n*\$(\d+)\r\n", data)
            if m and len(data) >= m.end() + int(m.group(1)):
                self.stream = data[m.end() + int(m.group(1)):]
                self.offset += len(self.stream)
                return

    def begin(self):
        for sock in self.clients:
            sock.close()
        self.control.send_raw(RESET + encode_command("CONFIG", "SET", "fast-path", "yes" if self.fast else "no") + encode_command("ECHO", "ready"))
        while self.control.read_reply() != b"ready":
            pass
        self.clients = [socket.create_connection(("127.0.0.1", self.server.port), 20) for _ in range(CLIENTS)]
        for sock in self.clients:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.out = [b""] * CLIENTS
        self.turn()
        self.drain()
        self.collect_stream()
        self.stream = b""
        self.aof_start = self.aof_size()
        self.dirty_start = self.dirty()

    def dirty(self):
        return int(re.search(rb"rdb_changes_since_last_save:(\d+)", self.control.execute("INFO", "persistence")).group(1))

    def aof_size(self):
        path = os.path.join(self.server.dir, "appendonly.aof")
        return os.path.getsize(path) if os.path.exists(path) else 0

    def turn(self):
        """Two round trips: what was sent before the first has been answered when the second one is."""
        for _ in range(2):
            self.control.execute("SLOWLOG", "LEN")         # MONITOR does not show it

    def spelled(self, data):
        """The side of the text stays the text: what switches the fast path on switches it off there."""
        if not self.fast:
            data = data.replace(b"$9\r\nfast-path\r\n$3\r\nyes\r\n", b"$9\r\nfast-path\r\n$2\r\nno\r\n")
        return data

    def gather(self, size):
        """Connect `size` clients; from now on each pipeline arrives in a turn in which the IO threads read."""
        for _ in range(size):
            c = self.server.resp()
            c.execute("AUTH", "admin", "x")
            self.crowd.append(c)

    def wave(self, j=None, data=b""):
        """Let all of the crowd send a ping, and client `j` its data, in one turn.

        They are executed in the order of their arrival, or in the opposite order if the threads read: serverCron may have stopped
        the threads of one side.  So the pings, which are in lower case, are not compared.
        """
        pid = self.server.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            while not is_stopped(pid):
                time.sleep(0.0002)
            for c in self.crowd:
                c.send_raw(b"*1\r\n$4\r\nping\r\n")
            if data:
                with contextlib.suppress(OSError):         # closed by the server
                    self.clients[j].sendall(data)
        finally:
            os.kill(pid, signal.SIGCONT)
        for c in self.crowd:
            assert c.read_reply() == b"PONG"

    def send(self, j, data, cuts):
        data = self.spelled(data)
        if self.crowd and len(data) < 16384:
            self.wave()                    # the many replies start the threads, which read in the next turn
            self.wave(j, data)
            return
        pos = 0
        for cut in sorted(c for c in cuts if c < len(data)) + [len(data)]:
            if cut > pos:
                try:
                    self.clients[j].sendall(data[pos:cut])
                except OSError:
                    return                 # closed by the server
                # A turn reads 16 KB, or less if the rest is still on its way.
                if cut - pos >= 16384:
                    while self.unread(j):
                        self.turn()
                elif cut < len(data):
                    self.turn()
                pos = cut

    def expire(self, name):
        """Leave a key behind whose time is over: active expiry is off."""
        # A client that goes on may pause the others again, as often as its pipeline says CLIENT PAUSE.
        for _ in range(10):
            self.control.execute("CLIENT", "UNPAUSE")
        self.control.execute("SET", name, "expired", "PX", "1")
        time.sleep(0.003)

    def together(self, first, second):
        """Both pipelines arrive while the server is stopped, so that one turn serves them, in this order."""
        pid = self.server.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            while not is_stopped(pid):
                time.sleep(0.0002)
            for j, data, _ in (first, second):
                with contextlib.suppress(OSError):         # closed by the server
                    self.clients[j].sendall(self.spelled(data))
        finally:
            os.kill(pid, signal.SIGCONT)

    def drain(self):
        """Read all replies.  While they come in large numbers the server may have more, which goes out as there is room."""
        more = True
        while more:
            self.turn()
            before = [len(out) for out in self.out]
            self.read_replies()
            more = any(len(out) - n > 65536 for out, n in zip(self.out, before))

    def read_replies(self):
        for j, sock in enumerate(self.clients):
            while select.select([sock], [], [], 0)[0]:
                try:
                    data = sock.recv(1 << 16)
                except OSError:
                    data = b""
                if not data:
                    if not self.out[j].endswith(b"<EOF>"):
                        self.out[j] += b"<EOF>"
                    break
                self.out[j] += data

    def collect_stream(self):
        """Read what the server has written for its replica."""
        if self.replica is None:
            return
        wanted = int(re.search(rb"master_repl_offset:(\d+)", self.control.execute("INFO", "replication")).group(1))
        while self.offset < wanted:
            data = self.replica.recv(1 << 16)
            assert data, "the replica's link was closed"
            self.stream += data
            self.offset += len(data)

    def state(self):
        """Everything that is compared at the end of a sequence."""
        control = self.control
        for _ in range(10):
            control.execute("CLIENT", "UNPAUSE")
        found = {"dirty": self.dirty() - self.dirty_start}
        info = control.execute("INFO", "everything").decode()
        found["commandstats"] = sorted(re.sub(r"usec=\d+,usec_per_call=[\d.]+,", "", line) for line in re.findall(r"^cmdstat_.*$", info, re.M)
                                       if not line.startswith(("cmdstat_slowlog", "cmdstat_ping") if self.crowd else "cmdstat_slowlog"))
        for name in ("keyspace_hits", "keyspace_misses", "expired_keys", "total_error_replies", "blocked_clients",
                     "tracking_clients", "connected_slaves", "evicted_keys", "unexpected_error_replies"):
            found[name] = re.search(r"^%s:(.*)$" % name, info, re.M).group(1)
        found["errorstats"] = re.findall(r"^errorstat_.*$", info, re.M)
        found["digest"] = control.execute("DEBUG", "DIGEST")
        found["encodings"] = [control.execute("OBJECT", "ENCODING", k) for k in KEYS]
        found["expires"] = [re.findall(r"^db\d.*expires=\d+", info, re.M)]
        found["slowlog"] = [row[3] for row in control.execute("SLOWLOG", "GET", "-1") if row[3][0] not in (b"SLOWLOG", b"DEBUG", b"ping")]
        control.execute("CONFIG", "SET", "appendfsync", "no")       # a flush may wait for an fsync of everysec
        self.turn()
        self.collect_stream()
        found["stream"] = mask(self.stream)
        with open(os.path.join(self.server.dir, "appendonly.aof"), "rb") as f:
            f.seek(self.aof_start)
            found["aof"] = mask(f.read())
        return found


def is_stopped(pid):
    """Return whether SIGSTOP has stopped all threads of a process."""
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, thread)) as f:
            if f.read().rpartition(")")[2].split()[0] != "T":
                return False
    return True


def mask(data):
    """Without what differs from run to run: times, ports, client ids, the name of the server's state in messages of MONITOR."""
    data = re.sub(rb"\$13\r\n1[789]\d{11}\r\n", b"$13\r\n<ms>\r\n", data)
    data = re.sub(rb":(10000000|9999\d{3})\r\n", b":<LIFETIME>\r\n", data)
    data = re.sub(rb"\+\d{10}\.\d{6} \[(\d+) [^\]]*\]", rb"+<time> [\1 <addr>]", data)
    data = re.sub(rb'\+<time> \[\d+ <addr>\] "ping"\r\n', b"", data)
    data = re.sub(rb'"fast-path" "(yes|no)"', rb'"fast-path" "<>"', data)
    data = re.sub(rb"fast-path\r\n\$\d\r\n(yes|no)\r\n", b"fast-path <>\r\n", data)
    data = re.sub(rb"\$2\r\nid\r\n:\d+\r\n", b"$2\r\nid\r\n<id>\r\n", data)
    return data


def run(sides, sequence):
    for side in sides:
        side.begin()
    for n, step in enumerate(sequence):
        for side in sides:
            if step[0] == "expire":
                side.expire(step[1])
            elif step[0] == "send":
                side.send(*step[1:])
            else:
                side.together(*step[1:])
            side.drain()
        for j in range(CLIENTS):
            same(mask(sides[0].out[j]), mask(sides[1].out[j]), "replies of client %d after step %d" % (j, n))
    states = [side.state() for side in sides]
    for name, text in states[0].items():
        same(text, states[1][name], name)


def same(text, fast, what):
    if text != fast:
        at = next((j for j, (a, b) in enumerate(zip(text, fast)) if a != b), min(len(text), len(fast))) if isinstance(text, (bytes, list)) else 0
        a, b = (x[max(at - 60, 0):at + 100] if isinstance(x, bytes) else x[at:at + 2] if isinstance(x, list) else x for x in (text, fast))
        raise AssertionError("%s, text and fast path: %r %r" % (what, a, b))


def no_bug_report(server):
    log = server.log()
    assert "BUG REPORT" not in log, log[log.index("=== REDIS BUG"):][:6000]


CONF = {"appendonly": "yes", "appendfsync": "no", "aof-use-rdb-preamble": "no", "auto-aof-rewrite-percentage": 0, "repl-ping-replica-period": 3600,
        "repl-timeout": 3600, "loglevel": "warning", "hz": 10, "databases": 16}


@pytest.fixture(scope="module", autouse=True)
def fixed_hash():
    """Let both servers draw the same members."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONHASHSEED", "1")
        yield


@contextlib.contextmanager
def two_sides(conf, replica=True, crowd=0):
    """Start the text and the fast path with a configuration, and look into their logs at the end."""
    with contextlib.ExitStack() as stack:
        both = []
        for fast in (False, True):
            side = Side(stack.enter_context(start_server(conf=dict(conf, **{"fast-path": "yes" if fast else "no"}))), fast)
            if replica:
                side.attach_replica()
            else:
                with open(os.path.join(side.server.dir, "appendonly.aof"), "wb"):
                    pass
            side.gather(crowd)
            both.append(side)
        yield both
        for side in both:
            no_bug_report(side.server)


@pytest.fixture(scope="module")
def sides():
    with two_sides(CONF) as both:
        yield both


@pytest.fixture(scope="module")
def alone():
    """Without AOF and backlog."""
    with two_sides({"loglevel": "warning"}, replica=False) as both:
        yield both


@pytest.fixture(scope="module")
def threaded():
    """With IO threads, AOF and replica; eight more clients make the servers use the threads."""
    with two_sides(dict(CONF, **{"io-threads": 2, "io-threads-do-reads": "yes", "slowlog-max-len": 100000}), crowd=8) as both:
        yield both
        for side in both:
            info = side.control.execute("INFO", "stats").decode()
            assert int(re.search(r"io_threaded_reads_processed:(\d+)", info).group(1)) > 0


CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.large_base_example]
# Not shrunk: the report names the difference, and a server that hangs makes each attempt slow.
SETTINGS = settings(deadline=None, suppress_health_check=CHECKS, database=None, phases=[Phase.explicit, Phase.generate])


@settings(SETTINGS, max_examples=SEQUENCES * 2 // 3)
@given(SEQUENCE)
def test_with_aof_and_replica(sides, sequence):
    run(sides, sequence)


@settings(SETTINGS, max_examples=SEQUENCES // 3)
@given(SEQUENCE)
def test_alone(alone, sequence):
    run(alone, sequence)


@settings(SETTINGS, max_examples=SEQUENCES // 6)
@given(SEQUENCE)
def test_with_io_threads(threaded, sequence):
    run(threaded, sequence)
