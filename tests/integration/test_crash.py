"""What is left after a crash: of the server, of a child, of the disk.

Short by default; AEREDIS_CRASH=10 makes every test ten times as thorough, AEREDIS_FLIPS is the number of places at which
a byte of a file is flipped, AEREDIS_SEED (default 1) chooses them (`make crash`: all at full length).  Where the C server
is at hand (see test_cross_persistence) damaged files are judged as it judges them.
"""
import contextlib
import os
import random
import re
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.integration.test_cross_persistence import real_server
from tests.support.resp import RespClient, RespError
from tests.support.server import ROOT, ServerProcess, free_port, start_server

TIMES = int(os.environ.get("AEREDIS_CRASH", "1"))
FLIPS = int(os.environ.get("AEREDIS_FLIPS", "32"))
SEED = int(os.environ.get("AEREDIS_SEED", "1"))


def write_until_dead(port, name, acked):
    """INCR-like writer: acked[name] is the list of (time, number) of the writes that were acknowledged."""
    acked[name] = []
    try:
        with RespClient(port, timeout=10) as c:
            n = 0
            while True:
                n += 1
                if c.execute("SET", name, n) != b"OK":
                    return
                acked[name].append((time.monotonic(), n))
    except (OSError, ConnectionError):
        pass


def start_writers(port, acked, count=4):
    threads = [threading.Thread(target=write_until_dead, args=(port, "w%d" % i, acked)) for i in range(count)]
    for t in threads:
        t.start()
    return threads


def check_writes(s, acked, until):
    """What was acknowledged up to the moment `until` is there after a restart."""
    s.start()
    with s.resp() as c:
        for name, writes in acked.items():
            sure = [n for t, n in writes if t <= until]
            assert sure, "nothing was written"
            assert int(c.execute("GET", name)) >= sure[-1]


@pytest.mark.parametrize("_", range(TIMES))
@pytest.mark.parametrize("fsync,preamble", [("always", "yes"), ("always", "no"), ("everysec", "yes")])
def test_kill9_under_load(fsync, preamble, _):
    """always: nothing acknowledged is missing.  everysec: nothing but what was acknowledged in the last two seconds."""
    conf = {"appendonly": "yes", "appendfsync": fsync, "aof-use-rdb-preamble": preamble}
    with start_server(conf=conf) as s:
        acked = {}
        threads = start_writers(s.port, acked)
        time.sleep(0.3)
        s.resp().execute("BGREWRITEAOF")            # the kill may come before, during or after the rewrite
        time.sleep(random.random() * 0.8 + (2 if fsync == "everysec" else 0))
        killed = time.monotonic()
        s.kill9()
        for t in threads:
            t.join()
        check_writes(s, acked, killed - 2 if fsync == "everysec" else killed + 10)


def check_rdb(path):
    """The exit code of aeredis-check-rdb."""
    return subprocess.run([sys.executable, "-m", "persistence.redis_check_rdb", path], cwd=ROOT,
                          stdout=subprocess.DEVNULL, check=False).returncode


@pytest.mark.parametrize("_", range(TIMES))
@pytest.mark.parametrize("command,progress,status,name", [
    ("BGSAVE", "rdb_bgsave_in_progress", "rdb_last_bgsave_status", "dump.rdb"),
    ("BGREWRITEAOF", "aof_rewrite_in_progress", "aof_last_bgrewrite_status", "appendonly.aof")])
def test_child_killed_under_load(command, progress, status, name, _):
    """A child dies at a random moment: the old file stays, no temporary file does, the next child works, no write is lost."""
    conf = {"appendonly": "yes", "appendfsync": "always", "rdb-key-save-delay": "200"}
    with start_server(conf=conf) as s, s.resp() as c:
        path = os.path.join(s.dir, name)
        c.execute("DEBUG", "POPULATE", 500)
        c.execute(command)
        wait_info(c, progress, "0")
        acked = {}
        threads = start_writers(s.port, acked, 2)
        for _round in range(3):
            before = os.stat(path).st_ino, os.path.getsize(path)
            reply = c.execute(command)
            assert not isinstance(reply, RespError), reply
            time.sleep(random.random() * 0.2)
            children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(s.pid)], capture_output=True, text=True, check=False)
            for pid in children.stdout.split():
                with contextlib.suppress(ProcessLookupError):       # it may be done by now
                    os.kill(int(pid), signal.SIGKILL)
            wait_info(c, progress, "0")
            if info(c, status) == "err":
                after = os.stat(path)
                if after.st_ino == before[0]:
                    assert after.st_size >= before[1]
                else:                               # killed between its rename(2) and its exit: the new file is whole
                    assert name == "dump.rdb" and check_rdb(path) == 0
            assert not [n for n in os.listdir(s.dir) if n.startswith("temp-")]
        reply = c.execute(command)
        assert not isinstance(reply, RespError), reply
        wait_info(c, progress, "0")
        assert info(c, status) == "ok"
        if name == "dump.rdb":
            assert check_rdb(path) == 0
        s.kill9()
        for t in threads:
            t.join()
        check_writes(s, acked, time.monotonic())


def child_pid_of(s, field, timeout=5):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(s.pid)], capture_output=True, text=True, check=False)
        if out.stdout.split():
            return int(out.stdout.split()[0])
        time.sleep(0.01)
    raise AssertionError("no child")


def info(c, field):
    for line in c.execute("INFO", "persistence").decode().split("\r\n"):
        if line.startswith(field + ":"):
            return line.partition(":")[2]
    return None


def wait_info(c, field, value, timeout=10):
    end = time.monotonic() + timeout
    while info(c, field) != value:
        assert time.monotonic() < end, "%s never became %s" % (field, value)
        time.sleep(0.02)


def test_bgsave_child_killed():
    with start_server() as s, s.resp() as c:
        c.execute("SET", "a", 1)
        assert c.execute("SAVE") == b"OK"
        with open(os.path.join(s.dir, "dump.rdb"), "rb") as f:
            old = f.read()
        c.execute("CONFIG", "SET", "rdb-key-save-delay", "1000000")
        c.execute("CONFIG", "SET", "save", "900 1")
        c.execute("MSET", "b", 2, "c", 3, "d", 4)
        c.execute("BGSAVE")
        os.kill(child_pid_of(s, "rdb"), signal.SIGKILL)
        wait_info(c, "rdb_bgsave_in_progress", "0")
        assert info(c, "rdb_last_bgsave_status") == "err"
        with open(os.path.join(s.dir, "dump.rdb"), "rb") as f:
            assert f.read() == old
        assert not [n for n in os.listdir(s.dir) if n.startswith("temp-")]
        reply = c.execute("SET", "a", 2)
        assert isinstance(reply, RespError) and reply.text.startswith("MISCONF")
        c.execute("CONFIG", "SET", "rdb-key-save-delay", "0")
        assert c.execute("SAVE") == b"OK"
        assert c.execute("SET", "a", 2) == b"OK"


def test_rewrite_child_killed():
    with start_server(conf={"appendonly": "yes", "aof-use-rdb-preamble": "yes"}) as s, s.resp() as c:
        c.execute("MSET", "a", 1, "b", 2, "c", 3)
        c.execute("CONFIG", "SET", "rdb-key-save-delay", "1000000")
        c.execute("BGREWRITEAOF")
        pid = child_pid_of(s, "aof")
        c.execute("SET", "d", 4)
        os.kill(pid, signal.SIGKILL)
        wait_info(c, "aof_rewrite_in_progress", "0")
        assert info(c, "aof_last_bgrewrite_status") == "err"
        assert not [n for n in os.listdir(s.dir) if n.startswith("temp-")]
        s.kill9()
        s.start()
        with s.resp() as c2:
            assert c2.execute("MGET", "a", "b", "c", "d") == [b"1", b"2", b"3", b"4"]


def try_start(executable, directory, conf):
    """Start a server on the files in `directory` -> ("loaded", digest), ("refused", None), ("crashed", None) when
    looking at the data ended it, ("hung", None)."""
    s = ServerProcess(conf=dict(conf, dir=directory), directory=directory, port=free_port(), real=executable is not None,
                      executable=executable)
    s.write_conf()
    open(s.logfile, "w", encoding="utf-8").close()
    try:
        s.start(timeout=30)
        with s.resp(timeout=30) as c:
            while True:
                digest = c.execute("DEBUG", "DIGEST")
                if not isinstance(digest, RespError):
                    return "loaded", digest
                time.sleep(0.02)
    except RuntimeError:
        return "refused" if s.process.poll() is not None else "hung", None
    except ConnectionError:
        return "crashed", None
    except TimeoutError:                    # socket.timeout is an alias of it since Python 3.10
        return "hung", None
    finally:
        s.kill9()


def compare_starts(tmp_path, name, data, conf):
    """Judge the file by the C server and by ours; return both verdicts."""
    verdicts = []
    for which, executable in (("real", real_server("6.2")), ("ours", None)):
        if which == "real" and executable is None:
            pytest.skip("no C server of version 6.2 at hand")
        d = tmp_path / which
        d.mkdir(exist_ok=True)
        for old in d.iterdir():
            old.unlink()
        (d / name).write_bytes(data)
        verdicts.append(try_start(executable, str(d), conf))
    return verdicts


@pytest.fixture(scope="module")
def files():
    """A small data set as AOF."""
    with start_server(conf={"appendonly": "yes", "aof-use-rdb-preamble": "no"}) as s, s.resp() as c:
        c.execute("SET", "k", "v" * 30)
        c.execute("RPUSH", "l", *range(20))
        c.execute("HSET", "h", "f1", "v1", "f2", "v2")
        c.execute("ZADD", "z", 1, "a", 2, "b")
        c.execute("SADD", "s", 1, 2, 3)
        c.execute("XADD", "x", "1-1", "f", "v")
        c.execute("MULTI")
        c.execute("SET", "m1", 1)
        c.execute("SET", "m2", 2)
        c.execute("EXEC")
        c.execute("EXPIRE", "m1", 100000)
        s.stop()
        with open(os.path.join(s.dir, "appendonly.aof"), "rb") as f:
            aof = f.read()
    return aof


@pytest.mark.parametrize("truncated", ["yes", "no"])
def test_aof_cut_anywhere(tmp_path, files, truncated):
    aof = files
    cuts = list(range(len(aof) - 200, len(aof)))
    if TIMES < 10:
        cuts = random.Random(1).sample(cuts, 6 * TIMES)
    conf = {"appendonly": "yes", "aof-load-truncated": truncated}
    for cut in cuts:
        real, ours = compare_starts(tmp_path, "appendonly.aof", aof[:cut], conf)
        assert real == ours, "cut at %d" % cut
        if truncated == "yes":
            assert (tmp_path / "real" / "appendonly.aof").read_bytes() == \
                (tmp_path / "ours" / "appendonly.aof").read_bytes()


# Where bits are flipped, and how large a part of FLIPS each kind of file gets.
FLIPPED = {
    "rdb": ("dump.rdb", 0.35, {"rdbchecksum": "no"}),
    "rdb-compressed": ("dump.rdb", 0.15, {"rdbchecksum": "no"}),
    "rdb-checked": ("dump.rdb", 0.1, {"rdbchecksum": "yes"}),
    "rdb-sanitized": ("dump.rdb", 0.1, {"rdbchecksum": "no", "sanitize-dump-payload": "yes"}),
    "aof": ("appendonly.aof", 0.2, {"appendonly": "yes"}),
    "aof-preamble": ("appendonly.aof", 0.1, {"appendonly": "yes", "rdbchecksum": "no"}),
}


def fill_densely(c):
    """Every type in every encoding, in few bytes, so that most of them say something about the structure."""
    c.execute("CONFIG", "SET", "hash-max-ziplist-entries", 4)
    c.execute("CONFIG", "SET", "zset-max-ziplist-entries", 4)
    c.execute("CONFIG", "SET", "set-max-intset-entries", 6)
    c.execute("CONFIG", "SET", "list-max-ziplist-size", 5)
    c.execute("CONFIG", "SET", "stream-node-max-entries", 4)
    for n in (1, -300, 70000, 2 ** 40):
        c.execute("SET", "int:%d" % n, n)
    c.execute("SET", "str", "v" * 30)
    c.execute("SET", "runs", "abcd" * 30)
    c.execute("SET", "long", bytes(range(70)))
    c.execute("RPUSH", "l", *range(-3, 9), 300, 70000, 2 ** 33, "text")
    c.execute("HSET", "h", "f1", "v1", "f2", "17")
    c.execute("HSET", "hash", *[x for i in range(6) for x in ("f%d" % i, i)])
    c.execute("ZADD", "z", 1, "a", 2.5, "b", "-inf", "c")
    c.execute("ZADD", "zset", *[x for i in range(6) for x in (i / 3, "m%d" % i)])
    c.execute("SADD", "s16", 1, 2, 3)
    c.execute("SADD", "s32", 1, 2, 70000)
    c.execute("SADD", "s64", 1, 2 ** 40)
    c.execute("SADD", "set", "a", "b", "17")
    c.execute("PFADD", "hll", "a", "b")
    for i in range(1, 7):
        c.execute("XADD", "x", "%d-1" % i, "f", "v%d" % i, *(["g", i] if i % 3 == 0 else []))
    c.execute("XDEL", "x", "2-1")
    c.execute("XGROUP", "CREATE", "x", "g1", "0")
    c.execute("XREADGROUP", "GROUP", "g1", "c1", "COUNT", 3, "STREAMS", "x", ">")
    c.execute("XREADGROUP", "GROUP", "g1", "c2", "COUNT", 1, "STREAMS", "x", ">")
    c.execute("XACK", "x", "g1", "3-1")
    c.execute("SELECT", 3)
    c.execute("SET", "volatile", "v", "PXAT", 4102444800000)
    c.execute("MULTI")
    c.execute("RPUSH", "m", 1)
    c.execute("RPUSH", "m", 2)
    c.execute("EXEC")
    c.execute("SELECT", 0)


@pytest.fixture(scope="module")
def dense_files():
    """kind -> the bytes of the file whose bits are flipped."""
    out = {}
    conf = {"appendonly": "yes", "aof-use-rdb-preamble": "no", "rdbcompression": "no", "maxmemory-policy": "allkeys-lru"}
    with start_server(conf=conf) as s, s.resp() as c:
        def read(name):
            with open(os.path.join(s.dir, name), "rb") as f:
                return f.read()
        fill_densely(c)
        out["aof"] = read("appendonly.aof")
        c.execute("SAVE")
        out["rdb"] = out["rdb-checked"] = out["rdb-sanitized"] = read("dump.rdb")
        c.execute("CONFIG", "SET", "rdbcompression", "yes")
        c.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
        c.execute("SAVE")
        out["rdb-compressed"] = read("dump.rdb")
        c.execute("CONFIG", "SET", "aof-use-rdb-preamble", "yes")
        c.execute("BGREWRITEAOF")
        assert s.wait_for_log("Background AOF rewrite finished successfully")
        c.execute("RPUSH", "m", 3)
        out["aof-preamble"] = read("appendonly.aof")
    return out


def last_words(logfile):
    """The last line of a log without time and pid, or "bug report"."""
    log = logfile.read_text(errors="surrogateescape")
    if "REDIS BUG REPORT START" in log:
        return "bug report"
    return re.sub(r"^\d+:\w \S+ \S+ \S+ \S+ [*#.-] ", "", log.rstrip("\n").rpartition("\n")[2])


@pytest.mark.parametrize("kind", FLIPPED)
def test_one_flipped_byte(tmp_path, dense_files, kind):
    """The file is refused with the same words, or loaded with the same contents, as the C server does it; never a hang,
    never a traceback as the only answer."""
    name, part, conf = FLIPPED[kind]
    data = dense_files[kind]
    rng = random.Random("%d %s" % (SEED, kind))
    differ = []
    for _ in range(max(1, round(FLIPS * part))):
        pos = rng.randrange(len(data))
        broken = bytearray(data)
        broken[pos] ^= 1 << rng.randrange(8) if rng.random() < 0.5 else rng.randrange(1, 256)
        real, ours = compare_starts(tmp_path, name, bytes(broken), conf)
        if real[0] == "crashed" and ours[0] != "crashed":
            continue                                    # nothing to be compared with
        if ours[0] == "refused" and "Consumer PEL entry belongs to another consumer" in (tmp_path / "ours" / "stdout").read_text(
                errors="surrogateescape"):
            continue                                    # D-43c: C loads it, and frees the entry twice some time later
        why = None
        if ours[0] == "refused" and real == ours:
            why = last_words(tmp_path / "real" / "stdout"), last_words(tmp_path / "ours" / "stdout")
            if "Traceback" not in why[1] and why[0] in (why[1], "bug report"):
                why = None
        if real != ours or ours[0] == "hung" or why:
            (tmp_path / ("broken-%d-%d" % (pos, broken[pos]))).write_bytes(broken)
            differ.append((pos, data[pos], broken[pos], why or (real, ours)))
    assert not differ


@pytest.mark.parametrize("type_", [8, 16, 17, 18, 19, 20, 244, 245, 246])
def test_types_of_later_versions_in_a_file_of_version_9(tmp_path, type_):
    """What 7.0 writes is read from files of version 10; in an older one such a type is damage, as it is for the C server."""
    real, ours = compare_starts(tmp_path, "dump.rdb", b"REDIS0009\xfe\x00" + bytes([type_]) + b"\x01k\x01x\xff" + bytes(8), {})
    assert real == ours == ("refused", None)
    assert last_words(tmp_path / "ours" / "stdout") == last_words(tmp_path / "real" / "stdout")
    log = (tmp_path / "ours" / "stdout").read_text()
    assert "Unknown RDB encoding type %d\n" % type_ in log and "Invalid object type: %d\n" % type_ in log


def test_full_disk_gives_misconf(tmp_path):
    """RLIMIT_FSIZE stands for a full disk: a write past it fails."""
    port = free_port()
    log = open(tmp_path / "log", "wb")
    conf = ["--port", str(port), "--dir", str(tmp_path), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
            "--auto-aof-rewrite-percentage", "0"]
    p = subprocess.Popen([sys.executable, "-m", "server"] + conf, cwd=tmp_path, env=dict(os.environ, PYTHONPATH=ROOT),
                         stdout=log, stderr=log,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200000, resource.RLIM_INFINITY)))
    try:
        end = time.monotonic() + 20
        while True:
            try:
                c = RespClient(port)
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.05)
        reply = None
        for i in range(200):
            reply = c.execute("SET", "k%d" % i, "x" * 4000)
            if isinstance(reply, RespError):
                break
        assert isinstance(reply, RespError) and reply.text.startswith("MISCONF Errors writing to the AOF file")
        assert c.execute("GET", "k0") == b"x" * 4000            # reading goes on
        resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        end = time.monotonic() + 10
        while isinstance(c.execute("SET", "again", 1), RespError):
            assert time.monotonic() < end
            time.sleep(0.1)
        size = c.execute("DBSIZE")
        c.execute("DEBUG", "LOADAOF")
        assert c.execute("DBSIZE") == size                      # no half command stayed in the file
    finally:
        p.kill()
        p.wait()
        log.close()
