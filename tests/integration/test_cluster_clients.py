"""redis-py's cluster clients, sync and asyncio, on a cluster of ours: reads, writes, pipelines, Pub/Sub, a reshard and failovers under
load; and a job queue of streams and locks that runs from end to end meanwhile."""
import asyncio
import contextlib
import subprocess
import threading
import time

import pytest
import redis
import redis.asyncio

from cluster.cluster import keyHashSlot
from tests.support import cluster
from tests.support.cluster import agree, ask, my_id, redis_cli_path, start_cluster, wait_until

RETRIED = (redis.exceptions.RedisError, OSError)       # a client may give up while nobody has the slot: it tries again


class Writer:
    """Writes keys of all slots in a thread, and remembers what was confirmed, and when."""

    def __init__(self, port):
        self.rc = redis.RedisCluster(host="127.0.0.1", port=port, socket_timeout=5)
        self.confirmed = {}                            # key -> (value, time of the reply)
        self.raised = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        n = 0
        while not self.stop.is_set():
            n += 1
            name = "load:%d" % (n % 500)
            try:
                assert self.rc.set(name, n)
                self.confirmed[name] = n, time.monotonic()
                value = self.rc.get(name)
                assert value == b"%d" % n, (name, value, n)
            except RETRIED as exc:
                # Not confirmed: it may have been done or not.
                self.confirmed.pop(name, None)
                self.raised.append(exc)
                time.sleep(0.05)
            except BaseException as exc:
                self.raised.append(exc)
                return

    def go_on(self, count=200, timeout=60):
        """Wait until `count` more writes are confirmed."""
        start = time.monotonic()
        assert wait_until(lambda: sum(at > start for _, at in list(self.confirmed.values())) >= count, timeout), self.raised[-3:]

    def end(self):
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()
        assert not [exc for exc in self.raised if not isinstance(exc, RETRIED)], self.raised[-1]

    def check(self, before=float("inf")):
        """Every value that was confirmed before that time is there."""
        lost = {name: value for name, (value, at) in self.confirmed.items() if at < before and self.rc.get(name) != b"%d" % value}
        assert not lost


@contextlib.contextmanager
def writing(port):
    writer = Writer(port)
    try:
        yield writer
    finally:
        writer.stop.set()
        writer.thread.join(30)
        writer.rc.close()


def fail_over(nodes, replica):
    """A manual failover to `replica`, which loses nothing."""
    cluster.fail_over(replica)
    assert wait_until(lambda: agree(nodes), 60)


@pytest.fixture(scope="module")
def nodes():
    with start_cluster(3, 1) as started:
        yield started
        for node in started:
            assert "BUG REPORT" not in node.log()


@pytest.mark.skipif(not redis_cli_path(), reason="no redis-cli here")
def test_a_reshard_and_a_manual_failover_under_load(nodes):
    with writing(nodes[0].port) as writer:
        writer.go_on()
        masters = [n for n in nodes if ask(n, "ROLE")[0] == b"master"]
        run = subprocess.run([redis_cli_path(), "--cluster", "reshard", "127.0.0.1:%d" % masters[0].port, "--cluster-from", my_id(masters[0]),
                              "--cluster-to", my_id(masters[1]), "--cluster-slots", "300", "--cluster-yes"],
                             capture_output=True, text=True, timeout=200)
        assert run.returncode == 0, run.stdout[-2000:] + run.stderr
        assert wait_until(lambda: agree(nodes), 30)
        writer.go_on()
        replica = next(n for n in nodes if ask(n, "ROLE")[0] == b"slave")
        fail_over(nodes, replica)
        writer.go_on()
        writer.end()
        writer.check()


def test_a_killed_master_under_load(nodes):
    with writing(nodes[1].port) as writer:
        writer.go_on()
        master = next(n for n in nodes if ask(n, "ROLE")[0] == b"master" and ask(n, "ROLE")[2])
        others = [n for n in nodes if n is not master]
        time.sleep(1)
        killed = time.monotonic()
        master.kill9()
        assert wait_until(lambda: agree(others), 60)
        writer.go_on()
        writer.end()
        # Replication is asynchronous: what was confirmed in the last moment may be gone, as in C.
        writer.confirmed = {name: (v, at) for name, (v, at) in writer.confirmed.items() if not killed - 1 < at < killed + 1}
        writer.check()
        master.start()
        assert wait_until(lambda: agree(nodes), 60)
        assert wait_until(lambda: b"master_link_status:up" in ask(master, "INFO", "replication"), 60)


def test_pipelines_and_pubsub(nodes):
    with redis.RedisCluster(host="127.0.0.1", port=nodes[0].port) as rc:
        with rc.pipeline() as pipe:
            for i in range(300):
                pipe.set("pipe:%d" % i, i)
                pipe.get("pipe:%d" % i)
                pipe.incr("count:%d" % (i % 7))
            replies = pipe.execute()
        assert replies[0::3] == [True] * 300 and replies[1::3] == [b"%d" % i for i in range(300)]
        assert sum(int(rc.get("count:%d" % i)) for i in range(7)) == 300
        assert rc.mget_nonatomic(["pipe:1", "pipe:2", "missing"]) == [b"1", b"2", None]
        assert rc.delete(*["count:%d" % i for i in range(7)]) == 7
        pubsub = rc.pubsub()
        pubsub.subscribe("news")
        assert wait_until(lambda: pubsub.get_message(timeout=1) is not None)
        for node in nodes:                             # from wherever it comes
            ask(node, "PUBLISH", "news", node.port)
        got = set()
        assert wait_until(lambda: got.add((pubsub.get_message(timeout=0.2) or {}).get("data")) or got >= {b"%d" % n.port for n in nodes}, 20)
        pubsub.close()


def test_asyncio_client_through_a_failover(nodes):
    async def scenario():
        async with redis.asyncio.RedisCluster(host="127.0.0.1", port=nodes[0].port, socket_timeout=5) as rc:
            confirmed, failed, stop = {}, [], asyncio.Event()

            async def write(worker):
                n = 0
                while not stop.is_set():
                    n += 1
                    name = "async:%d:%d" % (worker, n % 100)
                    try:
                        assert await rc.set(name, n)
                        confirmed[name] = n
                        assert await rc.get(name) == b"%d" % n
                    except RETRIED as exc:
                        confirmed.pop(name, None)
                        failed.append(exc)
                        await asyncio.sleep(0.05)

            async def until(enough):
                for _ in range(600):
                    if enough():
                        return
                    await asyncio.sleep(0.1)
                raise AssertionError((len(confirmed), failed[-3:]))

            workers = [asyncio.ensure_future(write(i)) for i in range(4)]
            await until(lambda: len(confirmed) > 300)
            replica = next(n for n in nodes if ask(n, "ROLE")[0] == b"slave")
            await asyncio.get_running_loop().run_in_executor(None, fail_over, nodes, replica)
            confirmed.clear()
            await until(lambda: len(confirmed) > 300)
            stop.set()
            await asyncio.gather(*workers)
            for name, value in confirmed.items():
                assert await rc.get(name) == b"%d" % value
            pipe = rc.pipeline()
            for i in range(100):
                pipe.set("apipe:%d" % i, i).get("apipe:%d" % i)
            assert (await pipe.execute())[1::2] == [b"%d" % i for i in range(100)]

    asyncio.run(scenario())


def test_a_job_queue_from_end_to_end(nodes):
    """Jobs wait in one stream a shard; workers of a group take them, add up under a lock, and acknowledge; a shard fails over meanwhile."""
    pytest.importorskip("lupa", reason="locks of redis-py are released by a script")
    streams = ["jobs:{%d}" % i for i in range(6)]
    assert len({keyHashSlot(s.encode()) * 3 // 16384 for s in streams}) == 3
    jobs = 180

    def client():
        return redis.RedisCluster(host="127.0.0.1", port=nodes[0].port, socket_timeout=5)

    def again(call):
        """Repeat a call that may be repeated."""
        for _ in range(200):
            try:
                return call()
            except RETRIED as exc:
                raised = exc
                time.sleep(0.1)
        raise raised

    done, errors, stop = set(), [], threading.Event()

    def work(name):
        try:
            with client() as rc:
                while not stop.is_set():
                    for stream in streams:
                        got = again(lambda: rc.xreadgroup("workers", name, {stream: ">"}, count=5)) or []
                        # What a lost reply has left with us, too.
                        got = list(got) + list(again(lambda: rc.xreadgroup("workers", name, {stream: "0"}, count=5)) or [])
                        for _, entries in got:
                            for entry, fields in entries:
                                shard = stream[len("jobs:"):]
                                with contextlib.suppress(redis.exceptions.LockNotOwnedError), again_lock(rc, "lock:" + shard):
                                    # A set: a job that is done twice counts once.
                                    again(lambda: rc.sadd("done:" + shard, fields[b"n"]))
                                    done.add(int(fields[b"n"]))
                                again(lambda: rc.xack(stream, "workers", entry))
        except BaseException as exc:
            errors.append(exc)

    @contextlib.contextmanager
    def again_lock(rc, name):
        lock = rc.lock(name, timeout=10)
        again(lambda: lock.acquire(blocking_timeout=30))
        try:
            yield
        finally:
            try:
                lock.release()
            except redis.exceptions.LockError:
                pass                                   # it was released, and the reply was lost

    with client() as rc:
        for stream in streams:
            again(lambda: rc.xgroup_create(stream, "workers", id="0", mkstream=True))
        threads = [threading.Thread(target=work, args=("w%d" % i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        try:
            for n in range(jobs):
                again(lambda: rc.xadd(streams[n % len(streams)], {"n": n}))
                if n == jobs // 2:
                    fail_over(nodes, next(x for x in nodes if ask(x, "ROLE")[0] == b"slave"))
            assert wait_until(lambda: len(done) == jobs or errors, 60), len(done)
            assert wait_until(lambda: errors or all(rc.xpending(s, "workers")["pending"] == 0 for s in streams), 30)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        assert not errors
        assert {int(n) for s in streams for n in rc.smembers("done:" + s[len("jobs:"):])} == set(range(jobs))
