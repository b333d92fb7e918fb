"""Sentinels as processes: a failover, alone and beside real ones; how they start and end; what they leave behind; what they cost.

AEREDIS_SENTINEL_ROUNDS=1000 makes the leak test long.
"""
import os
import re
import subprocess
import threading
import time
from random import SystemRandom

import pytest

from tests.integration.test_idle_cpu import cpu_seconds
from tests.integration.test_startup import OURS, Run
from tests.support.probe import probe
from tests.support.resp import RespClient, RespError
from tests.support.sentinel import as_map, master, sentinel_lines, sentinel_process, start_sentinel, wait_until
from tests.support.sentinel_set import SentinelSet
from tests.support.server import free_port, real_server_path, start_server

ROUNDS = int(os.environ.get("AEREDIS_SENTINEL_ROUNDS", 40))
SECONDS = float(os.environ.get("AEREDIS_IDLE_SECONDS", 5))


@pytest.mark.parametrize("real", [0, 1, 2], ids=["ours", "one of them real", "two of them real"])
def test_a_killed_master_is_replaced(real):
    if real and real_server_path() is None:
        pytest.skip("no real server at hand")
    s = SentinelSet(free_port(13), real, down_after=1000)
    try:
        s.start()
        clients = [RespClient(port) for port in s.sentinel_ports]
        for c in clients:
            assert wait_until(lambda: master(c)[b"num-other-sentinels"] == b"2" and master(c)[b"num-slaves"] == b"2", 30)
            assert wait_until(lambda: all(as_map(r)[b"runid"] for r in c.execute("SENTINEL", "REPLICAS", "mymaster")))
        assert clients[0].execute("SENTINEL", "CKQUORUM", "mymaster").startswith(b"OK 3 usable")
        RespClient(s.ports[0]).execute("SET", "k", "v")
        start = time.monotonic()
        s.processes[s.ports[0]].kill()
        addresses = [None] * 3

        def switched():
            addresses[:] = [c.execute("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster") for c in clients]
            return all(a == addresses[0] and a[1] != b"%d" % s.ports[0] for a in addresses)

        assert wait_until(switched, 30), addresses
        assert time.monotonic() - start < 20
        new = int(addresses[0][1])
        other = (set(s.ports[1:]) - {new}).pop()
        assert RespClient(new).execute("ROLE")[0] == b"master" and RespClient(new).execute("GET", "k") == b"v"
        assert wait_until(lambda: RespClient(other).execute("ROLE")[:3] == [b"slave", b"127.0.0.1", new])
        epochs = {master(c)[b"config-epoch"] for c in clients}
        assert len(epochs) == 1

        # One leader an epoch.
        leaders = {}
        for port in s.sentinel_ports:
            with open(s.log(port), encoding="utf-8") as f:
                text = f.read()
            assert "BUG REPORT" not in text
            for runid, epoch in re.findall(r"\+vote-for-leader (\w+) (\d+)", text):
                leaders.setdefault(epoch, []).append(runid)
            if "+elected-leader" in text:
                leaders.setdefault("elected", []).append(port)
        assert len(leaders["elected"]) >= 1 and (len(leaders) > 2 or len(leaders["elected"]) == 1)

        # The old master comes back as a replica, of the master of that time: a machine that stands still for a second sees a
        # second failover.
        conf = os.path.join(s.dir, str(s.ports[0]))
        os.rename(conf, conf + ".old")
        s.launch(s.ports[0], ['save ""'])

        def follows():
            host, port = clients[0].execute("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
            return role_of(s.ports[0])[:3] == [b"slave", host, int(port)]

        assert wait_until(follows, 90), s.tails()                   # TILT takes 30 s
        for c in clients:
            c.close()
    finally:
        s.stop()


def role_of(port):
    try:
        with RespClient(port, timeout=2) as c:
            reply = c.execute("ROLE")
            return [] if isinstance(reply, RespError) else reply
    except OSError:
        return []


def test_state_survives_kill_9():
    with start_server() as m:
        s = sentinel_process("monitor mymaster 127.0.0.1 %d 1" % m.port)
        try:
            s.start()
            c = s.resp()
            myid = c.execute("SENTINEL", "MYID")
            assert c.execute("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", m.port, 7, "x" * 40) == [0, b"x" * 40, 7]
            c.execute("PUBLISH", "__sentinel__:hello", "127.0.0.1,1,%s,9,mymaster,127.0.0.1,%d,0" % ("b" * 40, m.port))
            s.kill9()
            before = sentinel_lines(s)
            s.start()
            c = s.resp()
            assert c.execute("SENTINEL", "MYID") == myid and sentinel_lines(s) == before
            # The vote of epoch 7 is given, epoch 9 is known.
            assert c.execute("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", m.port, 7, "y" * 40)[1:] == [b"*", 7]
            assert b"sentinel current-epoch 9" in before
            assert len(c.execute("SENTINEL", "SENTINELS", "mymaster")) == 1
        finally:
            s.cleanup()


def test_kill_9_in_the_middle_of_a_flush():
    """Each vote is saved before it is confirmed: the file loads whenever it dies, and no confirmed vote is given again."""
    random = SystemRandom()
    with start_server() as m:
        s = sentinel_process("monitor mymaster 127.0.0.1 %d 1" % m.port)
        try:
            s.start()
            myid = s.resp().execute("SENTINEL", "MYID")
            confirmed = 0
            for _ in range(8):
                c = s.resp()
                killer = threading.Timer(random.uniform(0.02, 0.3), s.process.kill)
                killer.start()
                epoch = confirmed
                try:
                    while 1:
                        epoch += 1
                        reply = c.execute("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", m.port, epoch, "x" * 40)
                        assert reply == [0, b"x" * 40, epoch]
                        confirmed = epoch
                except OSError:
                    pass                               # killed
                killer.join()
                s.kill9()
                s.start()
                c = s.resp()
                assert c.execute("SENTINEL", "MYID") == myid
                # The vote that was not confirmed may have been saved.
                leader, voted = c.execute("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", m.port, confirmed, "y" * 40)[1:]
                assert leader == b"*" and voted in (confirmed, confirmed + 1)
                confirmed = voted
            assert confirmed > 8
            assert "BUG REPORT" not in s.log()
        finally:
            s.cleanup()


@pytest.fixture(params=["real", "ours"])
def run(request, tmp_path):
    if request.param == "real" and real_server_path() is None:
        pytest.skip("no real server at hand")
    return Run([real_server_path()] if request.param == "real" else OURS, tmp_path)


def ends(command, args, cwd, env):
    p = subprocess.run(command + args, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    return p.returncode, p.stdout.decode("utf-8", "replace")


@pytest.mark.parametrize("text,said", [
    (None, "Sentinel needs config file on disk to save state. Exiting..."),
    ("sentinel monitor m 127.0.0.1 x 1\nsentinel nosuch\n", ">>> 'sentinel nosuch'\nUnrecognized sentinel configuration statement."),
    ("sentinel monitor m nosuch 1 1\n", ">>> 'sentinel monitor m nosuch 1 1'\nCan't resolve instance hostname."),
    ("\nsentinel parallel-syncs m 1\n", "at line 2\n>>> 'sentinel parallel-syncs m 1'\nNo such master with specified name."),
    ("sentinel\n", None),
])
def test_starts_that_fail(run, tmp_path, text, said):
    args = ["--sentinel"]
    if text is not None:
        (tmp_path / "s.conf").write_text(text + "port %d\n" % free_port())
        args = ["s.conf"] + args
    env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    if said is None:
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(run.command + args, cwd=tmp_path, env=env, capture_output=True, timeout=3, check=False)
        return
    code, output = ends(run.command, args, tmp_path, env)
    assert code == 1 and said in output


def test_shutdown_and_title():
    with start_sentinel("monitor m 127.0.0.1 1 1") as s:
        with open("/proc/%d/cmdline" % s.pid, "rb") as f:
            assert b"[sentinel]" in f.read()
        with RespClient(s.port) as c:
            c.send("SHUTDOWN")
            assert c.at_eof()
        assert s.process.wait(10) == 0
        assert "Sentinel is now ready to exit, bye bye..." in s.log()


def test_nothing_is_left_behind():
    """Masters that come and go with their links, at speed: nothing for the collector, no more objects, no more descriptors."""
    with start_server() as m, start_server("--replicaof", "127.0.0.1", m.port):
        assert wait_until(lambda: b"connected_slaves:1" in m.resp().execute("INFO", "replication"))
        with start_server("--sentinel", module="tests.support.probe", conf={"sentinel": ["monitor first 127.0.0.1 %d 1" % m.port]}) as s:
            c = s.resp()
            peer = "127.0.0.1,%d,%s,1,%%s,127.0.0.1,%d,0"

            def rounds(n):
                for i in range(n):
                    name = "m%d" % i
                    assert c.execute("SENTINEL", "MONITOR", name, "127.0.0.1", m.port, 1) == b"OK"
                    c.execute("PUBLISH", "__sentinel__:hello", peer % (m.port, "b" * 40, m.port) % name)
                    c.execute("PUBLISH", "__sentinel__:hello", peer % (m.port, "b" * 40, m.port) % "first")
                    assert wait_until(lambda: c.execute("SENTINEL", "REPLICAS", name), 5)
                    if i % 3 == 0:
                        c.execute("SENTINEL", "RESET", name)
                    if i % 5 == 0:
                        m.resp().execute("CLIENT", "KILL", "TYPE", "normal")
                        m.resp().execute("CLIENT", "KILL", "TYPE", "pubsub")
                    if i % 7 == 0:
                        c.execute("SENTINEL", "CONFIG", "SET", "sentinel-pass", "p%d" % i)
                    assert c.execute("SENTINEL", "REMOVE", name) == b"OK"
                c.execute("SENTINEL", "RESET", "first")
                wait_until(lambda: c.execute("SENTINEL", "REPLICAS", "first"), 5)

            def descriptors():
                return len(os.listdir("/proc/%d/fd" % s.pid))

            rounds(5)
            probe(s)
            before, open_before = probe(s)["live"], descriptors()
            rounds(ROUNDS)
            report = probe(s)
            assert not report["garbage"], report["garbage"]
            for name in ("sentinelRedisInstance", "instanceLink", "redisAsyncContext", "redisCallback", "connection", "dict_"):
                assert report["live"].get(name, 0) <= before.get(name, 0) + 4, name
            assert descriptors() <= open_before + 3
            assert "BUG REPORT" not in s.log()


def test_idle_cpu():
    """One master, four replicas, four peers: under 2 % of a core."""
    servers, sentinels = [], []
    try:
        for i in range(5):
            servers.append(start_server(*(() if i == 0 else ("--replicaof", "127.0.0.1", servers[0][1].port))))
            servers[i] = servers[i], servers[i].__enter__()
        for _ in range(5):
            s = sentinel_process("monitor mymaster 127.0.0.1 %d 3" % servers[0][1].port)
            sentinels.append(s)
            s.start()
        s = sentinels[0]
        c = s.resp()
        assert wait_until(lambda: master(c)[b"num-slaves"] == b"4" and master(c)[b"num-other-sentinels"] == b"4", 30)
        c.close()
        time.sleep(1)
        used = 1.0
        for _ in range(3):                         # what others do on the machine only makes it more
            before = cpu_seconds(s.pid)
            start = time.monotonic()
            time.sleep(SECONDS)
            used = min(used, (cpu_seconds(s.pid) - before) / (time.monotonic() - start))
        print("idle Sentinel: %.2f %% of a core" % (used * 100))
        assert used < 0.02
    finally:
        for s in sentinels:
            s.cleanup()
        for manager, _ in servers:
            manager.__exit__(None, None, None)
