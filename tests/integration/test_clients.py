"""The clients people use: redis-py (RESP2 and RESP3), redis-cli in its modes, redis-benchmark."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest
import redis

from tests.support.server import start_server

redis_cli = pytest.mark.skipif(not shutil.which("redis-cli"), reason="redis-cli is not on PATH (Debian: redis-tools)")
redis_benchmark = pytest.mark.skipif(not shutil.which("redis-benchmark"), reason="redis-benchmark is not on PATH (Debian: redis-tools)")


@pytest.fixture(scope="module")
def server():
    with start_server() as s:
        yield s


@pytest.fixture(autouse=True)
def empty(server):
    server.client().flushall()


def cli(server, *args, data=None, timeout=30):
    """Run redis-cli to its end and return what it printed."""
    run = subprocess.run(["redis-cli", "-p", str(server.port)] + list(args), input=data, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=timeout, check=False)
    return run.stdout.decode()


# ---------------------------------------------------------------- redis-py

@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def r(server, request):
    client = server.client(protocol=request.param, decode_responses=True)
    yield client
    client.close()


def test_strings_and_keys(r):
    assert r.set("k", "v", ex=100) is True
    assert r.get("k") == "v" and 0 < r.ttl("k") <= 100
    assert r.set("k", "w", nx=True) is None
    assert r.incrbyfloat("f", 0.1) == 0.1
    assert r.mset({"a": 1, "b": 2}) and r.mget("a", "b", "c") == ["1", "2", None]
    assert sorted(r.scan_iter(match="[ab]")) == ["a", "b"]
    assert r.rename("a", "z") and r.exists("z", "a") == 1 and r.delete("z", "b") == 2
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        r.lpush("k", 1)


def test_every_type(r):
    r.rpush("l", *range(5))
    assert r.lrange("l", 0, -1) == ["0", "1", "2", "3", "4"]
    r.hset("h", mapping={"f": "1", "g": "2"})
    assert r.hgetall("h") == {"f": "1", "g": "2"}
    r.sadd("s", "a", "b")
    assert r.smembers("s") == {"a", "b"}
    r.zadd("z", {"x": 1.5, "y": 2})
    assert [tuple(e) for e in r.zrange("z", 0, -1, withscores=True)] == [("x", 1.5), ("y", 2.0)]
    entry = r.xadd("st", {"f": "v"})
    assert r.xlen("st") == 1 and r.xrange("st")[0] == (entry, {"f": "v"})
    r.pfadd("hll", *range(100))
    assert 90 < r.pfcount("hll") < 110
    r.geoadd("geo", (13.361389, 38.115556, "Palermo"))
    assert r.geopos("geo", "Palermo")[0][0] == pytest.approx(13.361389, abs=1e-5)


def test_pipeline_and_transaction(r):
    with r.pipeline(transaction=True) as p:
        p.set("n", 1).incr("n").incr("n")
        assert p.execute() == [True, 2, 3]
    with r.pipeline() as p:
        p.watch("n")
        p.multi()
        p.incr("n")
        r.set("n", 10)
        with pytest.raises(redis.WatchError):
            p.execute()


def test_pubsub(r):
    p = r.pubsub()
    p.subscribe("news")
    assert p.get_message(timeout=5)["type"] == "subscribe"
    assert r.publish("news", "hello") == 1
    assert p.get_message(timeout=5)["data"] == "hello"
    p.close()


def test_pool_and_blocking(server, r):
    pool = redis.BlockingConnectionPool(port=server.port, max_connections=3, timeout=5)
    clients = [redis.Redis(connection_pool=pool) for _ in range(6)]
    assert all(c.ping() for c in clients)
    start = time.monotonic()
    assert r.blpop("empty", timeout=0.2) is None
    assert 0.15 < time.monotonic() - start < 5
    pool.disconnect()


def test_introspection(r):
    assert r.info()["redis_version"] == "6.2.14"
    assert r.client_setname("me") and r.client_getname() == "me"
    assert r.config_get("maxmemory") == {"maxmemory": "0"}
    assert "get" in r.command() and r.slowlog_get() is not None
    assert r.memory_usage("nothing") is None


# ---------------------------------------------------------------- redis-cli

@redis_cli
def test_cli_commands(server):
    assert cli(server, "set", "k", "v").strip() == "OK"
    assert cli(server, "-3", "hgetall", "nothing").strip() == ""
    assert "redis_version:6.2.14" in cli(server, "info", "server")


@redis_cli
def test_cli_scan_and_bigkeys(server):
    r = server.client()
    r.mset({"key:%d" % i: "x" * i for i in range(200)})
    r.rpush("list", *range(50))
    assert len(cli(server, "--scan", "--pattern", "key:*").split()) == 200
    out = cli(server, "--bigkeys")
    assert re.search(r"Biggest\s+list found \S+list\S+ has 50 items", out), out
    assert re.search(r"Biggest\s+string found \S+key:199\S+ has 199 bytes", out), out
    assert "Biggest" in cli(server, "--memkeys")


@redis_cli
def test_cli_pipe(server):
    data = b"".join(b"*3\r\n$3\r\nSET\r\n$%d\r\np:%d\r\n$1\r\nv\r\n" % (len(b"p:%d" % i), i) for i in range(5000))
    assert "errors: 0, replies: 5000" in cli(server, "--pipe", data=data)
    assert server.client().dbsize() == 5000


def terminal(server, *args):
    """Start redis-cli on a terminal of its own -> (pid, fd)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "dumb"
        os.execvp("redis-cli", ["redis-cli", "-p", str(server.port)] + list(args))
    return pid, fd


def see(fd, wanted, seen=b""):
    """Read until `wanted` has come -> what came after it."""
    end = time.monotonic() + 10
    while wanted not in seen and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 65536)
    assert wanted in seen, seen
    return seen[seen.index(wanted) + len(wanted):]


@redis_cli
@pytest.mark.parametrize("args,wanted", [(["--stat", "-i", "0.05"], b"keys"), (["--latency"], b"samples")])
def test_cli_stat_and_latency(server, args, wanted):
    pid, fd = terminal(server, *args)
    see(fd, wanted)
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    os.close(fd)


@redis_cli
def test_cli_interactive(server):
    """A person at a terminal: the prompt, a command, its answer, MULTI in the prompt, quit."""
    pid, fd = terminal(server)
    seen = see(fd, b"> ")
    for line, wanted in ((b"set greeting hello", b"OK"), (b"get greeting", b'"hello"'), (b"multi", b"(TX)>"),
                         (b"incr n", b"QUEUED"), (b"exec", b"(integer) 1")):
        os.write(fd, line + b"\n")
        seen = see(fd, wanted, seen)
    os.write(fd, b"quit\n")
    assert os.waitpid(pid, 0)[1] == 0
    os.close(fd)


# ---------------------------------------------------------------- redis-benchmark

@redis_benchmark
@pytest.mark.parametrize("clients,pipeline", [(50, 1), (50, 16), (1000, 1), (1000, 16)])
def test_benchmark(server, clients, pipeline):
    out = subprocess.run(["redis-benchmark", "-p", str(server.port), "-c", str(clients), "-P", str(pipeline), "-n", "2000",
                          "-t", "ping,set,get,incr,mset", "-q"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         timeout=60, check=False)
    text = out.stdout.decode()
    assert out.returncode == 0 and text.count("requests per second") == 6, text
