"""What is left after a crash: of the server, of a child, of the disk.

Short by default; AEREDIS_CRASH=10 makes every test ten times as thorough.  Where the C server is at hand (see
test_cross_persistence) damaged files are judged as it judges them.
"""
import os
import random
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


def write_until_dead(port, name, acked):
    """INCR-like writer: acked[name] is the last number whose write was acknowledged."""
    try:
        with RespClient(port, timeout=10) as c:
            n = 0
            while True:
                n += 1
                if c.execute("SET", name, n) != b"OK":
                    return
                acked[name] = n
    except (OSError, ConnectionError):
        pass


@pytest.mark.parametrize("_", range(TIMES))
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_kill9_under_load_loses_nothing_acknowledged(preamble, _):
    conf = {"appendonly": "yes", "appendfsync": "always", "aof-use-rdb-preamble": preamble}
    with start_server(conf=conf) as s:
        acked = {}
        threads = [threading.Thread(target=write_until_dead, args=(s.port, "w%d" % i, acked)) for i in range(4)]
        for t in threads:
            t.start()
        time.sleep(0.3)
        s.resp().execute("BGREWRITEAOF")            # the kill may come before, during or after the rewrite
        time.sleep(random.random() * 0.8)
        s.kill9()
        for t in threads:
            t.join()
        s.start()
        with s.resp() as c:
            for name, n in acked.items():
                assert int(c.execute("GET", name)) >= n


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
    """Start a server on the files in `directory` -> ("loaded", digest), ("refused", None), or ("crashed", None) when
    looking at the data ended it."""
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
        return "refused", None
    except ConnectionError:
        return "crashed", None
    finally:
        s.kill9()


def compare_starts(tmp_path, name, data, conf, rng=None):
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
def files(tmp_path_factory):
    """A small data set as RDB and as AOF."""
    with start_server(conf={"appendonly": "yes", "aof-use-rdb-preamble": "no"}) as s, s.resp() as c:
        c.execute("SET", "k", "v" * 30)
        c.execute("RPUSH", "l", *range(20))
        c.execute("HSET", "h", "f1", "v1", "f2", "v2")
        c.execute("ZADD", "z", 1, "a", 2, "b")
        c.execute("SADD", "s", 1, 2, 3)
        c.execute("XADD", "x", "1-1", "f", "v")
        c.execute("SAVE")
        c.execute("MULTI")
        c.execute("SET", "m1", 1)
        c.execute("SET", "m2", 2)
        c.execute("EXEC")
        c.execute("EXPIRE", "m1", 100000)
        s.stop()
        with open(os.path.join(s.dir, "appendonly.aof"), "rb") as f:
            aof = f.read()
        with open(os.path.join(s.dir, "dump.rdb"), "rb") as f:
            rdb = f.read()
    return aof, rdb


@pytest.mark.parametrize("truncated", ["yes", "no"])
def test_aof_cut_anywhere(tmp_path, files, truncated):
    aof, _ = files
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


@pytest.mark.parametrize("checksum", ["yes", "no"])
def test_rdb_with_one_flipped_byte(tmp_path, files, checksum):
    _, rdb = files
    rng = random.Random(2)
    differ = []
    for _ in range(8 * TIMES):
        pos = rng.randrange(len(rdb))
        broken = bytearray(rdb)
        broken[pos] ^= 1 << rng.randrange(8)
        real, ours = compare_starts(tmp_path, "dump.rdb", bytes(broken), {"rdbchecksum": checksum})
        if real[0] == "crashed" and ours[0] != "crashed":
            continue                                    # nothing to be compared with
        if real != ours:
            differ.append((pos, broken[pos], real, ours))
    assert not differ


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
