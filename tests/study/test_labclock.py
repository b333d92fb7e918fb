"""The lab clock: time stands while a server of the lab is stopped, and goes on when one has died.

AEREDIS_CLOCK_LONG=1 adds the long runs: every server of a cluster and of a set of Sentinels stopped for 8 s, and random stops.
"""
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.study import labclock
from tests.support.certs import make_certs
from tests.support.cluster import ask, info, start_cluster, wait_until
from tests.support.genlink import ROOT
from tests.support.resp import RespClient, RespError
from tests.support.sentinel import sentinel_process
from tests.support.server import ServerProcess, free_port, start_server

LONG = bool(os.environ.get("AEREDIS_CLOCK_LONG"))
SECOND = 1_000_000_000


# ----------------------------------------------------------------------------
# in one process, on a machine that the test moves on
# ----------------------------------------------------------------------------

class Machine:
    """A machine with processes that take part in one clock.  `interruptions`: what happens when the clock is read the next times."""

    def __init__(self, directory, count):
        self.path = os.path.join(directory, "clock")
        self.now = 1000 * SECOND
        self.dead = set()
        self.interruptions = []
        self.inside = False
        self.fair = False              # nobody is interrupted in the clock itself, or fails on purpose: then nobody misses a second
        labclock.create(self.path)
        self.clocks = [labclock.LabClock(self.path, self.read, lambda: self.now + 7 * SECOND, self.born) for _ in range(count)]
        self.clocks[0].begin()
        for n, clock in enumerate(self.clocks):
            clock.offset = 7 * SECOND
            assert clock.join(pid=n + 1)
        self.stopped = set()
        self.seen = [clock.monotonic_ns() for clock in self.clocks]

    def born(self, pid):
        return None if pid in self.dead else 100 + pid

    def read(self):
        """The machine's clock.  The process may be stopped right after it has read it."""
        now = self.now
        if self.interruptions and not self.inside:
            slices = self.interruptions.pop()
            self.inside = True
            self.go_on(slices, besides=self.running)
            self.inside = False
        return now

    def go_on(self, slices, besides=None):
        """Time goes on in slices of 50 ms, in each of which every process that runs makes a turn."""
        for _ in range(slices):
            self.now += 50_000_000
            for n in range(len(self.clocks)):
                if n not in self.stopped and n != besides and n + 1 not in self.dead:
                    self.turn(n)

    def turn(self, n):
        running = self.running if self.inside else n
        self.running = n
        clock = self.clocks[n]
        clock.turn()
        t = clock.monotonic_ns()
        assert t >= self.seen[n], "the time of process %d went back by %d ns" % (n, self.seen[n] - t)
        assert not self.fair or t - self.seen[n] <= 850_000_000, "process %d has missed %d ns" % (n, t - self.seen[n])
        assert not self.fair or t >= max(self.seen), "process %d is %d ns behind another" % (n, max(self.seen) - t)
        self.seen[n] = t
        self.running = running

    running = None

    def lab(self):
        """The time of the lab, s."""
        return labclock.clock_info(self.clocks[0])["lab"]

    def close(self):
        for clock in self.clocks:
            clock.close()


@pytest.fixture
def machine(tmp_path):
    m = Machine(str(tmp_path), 3)
    yield m
    m.close()


def test_time_stands_while_one_is_stopped(machine):
    machine.go_on(10)
    start = machine.lab()
    machine.stopped = {2}
    machine.go_on(160)                                   # 8 s
    assert 0.4 <= machine.lab() - start <= 0.5
    assert labclock.clock_info(machine.clocks[0])["stands"] == 3
    machine.stopped = set()
    before = machine.lab()
    machine.go_on(20)
    assert machine.lab() - before == pytest.approx(0.95, abs=0.06)
    assert labclock.clock_info(machine.clocks[0])["behind"] == pytest.approx(7.6, abs=0.11)
    assert labclock.clock_info(machine.clocks[0])["stops"] == 1


def test_time_goes_on_when_the_stopped_one_dies(machine):
    machine.go_on(1)
    machine.stopped = {1}
    machine.go_on(40)
    start = machine.lab()
    machine.dead = {2}
    machine.go_on(100)
    assert machine.lab() - start == pytest.approx(5, abs=0.06)


def test_two_stopped_at_once_and_one_goes_on(machine):
    machine.go_on(1)
    machine.stopped = {0, 1}
    machine.go_on(100)
    start = machine.lab()
    machine.stopped = {0}
    machine.go_on(100)
    assert machine.lab() == start
    machine.stopped = set()
    machine.go_on(100)
    assert machine.lab() - start == pytest.approx(5, abs=0.06)


def test_all_stopped_at_once(machine):
    """Nobody is there to stop the time: the first one that wakes up finds the gap, and the others do not skip it again."""
    machine.go_on(1)
    start = machine.lab()
    machine.stopped = {0, 1, 2}
    machine.go_on(200)
    machine.stopped = {1, 2}
    machine.go_on(1)
    machine.stopped = set()
    machine.go_on(20)
    assert machine.lab() - start == pytest.approx(0.4 + 1, abs=0.1)


def test_the_prompt_of_a_debugger_stops_the_time_exactly(machine):
    machine.go_on(1)
    start = machine.lab()
    machine.stopped = {0}
    for _ in range(20):                                  # steps of 100 ms: never silent for 0.4 s
        machine.clocks[0].hold()
        machine.go_on(2)
        machine.clocks[0].release()
    assert machine.lab() == start
    machine.clocks[0].hold()
    machine.dead = {1}                                   # the debugger is killed at its prompt
    machine.go_on(20)
    assert machine.clocks[1].monotonic_ns() / SECOND - (start - 7) == pytest.approx(1, abs=0.11)


def test_a_stop_on_purpose_lets_the_time_run_once(machine):
    machine.go_on(1)
    labclock.create(machine.path)
    machine.clocks[0].cells[machine.clocks[1].place + labclock.LET_RUN] = labclock.LET_TIME_RUN
    start = machine.lab()
    machine.stopped = {1}
    machine.go_on(100)
    assert machine.lab() - start == pytest.approx(5, abs=0.01)
    machine.stopped = set()
    machine.go_on(2)
    assert machine.clocks[1].monotonic_ns() == machine.clocks[0].monotonic_ns()       # the stopped one has missed its 5 s
    machine.stopped = {1}
    start = machine.lab()
    machine.go_on(100)
    assert machine.lab() - start <= 0.5                  # the next stop is one like any other


def test_a_flag_that_is_taken_back(machine):
    machine.go_on(1)
    place = machine.clocks[1].place + labclock.LET_RUN
    machine.clocks[0].cells[place] = labclock.LET_TIME_RUN_UNTIL_BEAT
    machine.go_on(1)
    assert machine.clocks[0].cells[place] == 0


def test_a_child_does_not_beat_for_its_parent(machine):
    machine.go_on(1)
    child = labclock.LabClock(machine.path, machine.read, time.time_ns, machine.born)
    child.place, child.beats, child.beat = machine.clocks[0].place, child.cells, machine.clocks[0].beat
    child.leave_in_child()
    start = machine.lab()
    machine.stopped = {0}
    for _ in range(100):
        machine.go_on(1)
        child.time_ns()
    assert machine.lab() - start <= 0.5
    assert not child.join(pid=1)
    child.close()


def test_a_clock_that_nobody_uses_is_set_to_the_machine(machine):
    machine.go_on(1)
    machine.stopped = {1}
    machine.go_on(100)
    assert labclock.clock_info(machine.clocks[0])["behind"] > 4
    machine.clocks[0].begin()                            # somebody takes part: nothing happens
    assert labclock.clock_info(machine.clocks[0])["behind"] > 4
    machine.dead = {1, 2, 3}
    machine.clocks[0].begin()
    info_ = labclock.clock_info(machine.clocks[0])
    assert info_["behind"] == 0 and info_["processes"] == []


def test_places_of_the_dead_are_taken_again_and_a_full_clock_says_so(machine):
    machine.dead = {2}
    clock = labclock.LabClock(machine.path, machine.read, time.time_ns, machine.born)
    assert clock.join(pid=9) and clock.place == machine.clocks[1].place
    for pid in range(10, 10 + labclock.PLACES - 3):
        assert clock.join(pid=pid)
    assert not clock.join(pid=999) and clock.full
    assert len(labclock.clock_info(clock)["processes"]) == labclock.PLACES
    clock.close()


steps = st.one_of(
    st.tuples(st.just("go on"), st.integers(1, 60)),
    st.tuples(st.sampled_from(["stop", "continue", "kill", "hold", "let run"]), st.integers(0, 3)),
    st.tuples(st.just("interrupt"), st.lists(st.integers(0, 60), min_size=1, max_size=8)),
)


@settings(max_examples=1500 if LONG else 100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=3, max_size=20))
def test_lab_time_never_goes_back(script):
    """Whoever is stopped, killed, held by a debugger or interrupted in the middle of the clock itself, and when."""
    with tempfile.TemporaryDirectory(prefix="aeredis-test-") as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(labclock, "LOCK_TRIES", 1)
        machine = Machine(directory, 4)
        try:
            machine.fair = not {"interrupt", "let run"} & {step for step, _ in script}
            for step, arg in script:
                if step == "go on":
                    machine.go_on(arg)
                elif step == "interrupt":
                    machine.interruptions = arg
                elif step == "kill":
                    machine.dead.add(arg + 1)
                elif arg + 1 in machine.dead:
                    continue
                elif step == "stop":
                    machine.stopped.add(arg)
                elif step == "let run":
                    machine.clocks[0].cells[machine.clocks[arg].place + labclock.LET_RUN] = labclock.LET_TIME_RUN
                elif step == "hold":
                    machine.running = arg
                    machine.clocks[arg].hold()
                    machine.stopped.add(arg)
                else:
                    machine.running = arg
                    machine.clocks[arg].release()
                    machine.stopped.discard(arg)
            # Once all run again, so does the time.
            machine.interruptions = []
            for n, clock in enumerate(machine.clocks):
                while clock.cells[clock.place + labclock.HELD]:
                    clock.release()
                machine.stopped.discard(n)
            machine.go_on(20)
            alive = [n for n in range(4) if n + 1 not in machine.dead]
            if alive:
                before = machine.clocks[alive[0]].monotonic_ns()
                machine.go_on(20)
                assert machine.clocks[alive[0]].monotonic_ns() - before == SECOND
        finally:
            machine.close()


# ----------------------------------------------------------------------------
# real servers
# ----------------------------------------------------------------------------

@pytest.fixture
def path(tmp_path, monkeypatch):
    """The file of a clock; every server that the test starts takes part in it."""
    path = str(tmp_path / "lab" / "clock")
    monkeypatch.setenv("AEREDIS_CLOCK", path)
    return path


def stop(*servers):
    for s in servers:
        s.process.send_signal(signal.SIGSTOP)


def go_on(*servers):
    for s in servers:
        s.process.send_signal(signal.SIGCONT)


def stands_for(path, *servers):
    """Wait until the time stands because of one of the servers."""
    assert wait_until(lambda: labclock.read(path)["stands"] in [s.pid for s in servers]), labclock.read(path)


def runs(path):
    assert wait_until(lambda: not labclock.read(path)["stands"]), labclock.read(path)


def for_seconds(seconds, *servers):
    """Let real time pass; the servers answer all the while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for s in servers:
            assert ask(s, "PING") == b"PONG"
        time.sleep(0.2)


class Pair:
    """A master, its replica, and a Sentinel that watches them; a key of 6 s."""

    def __init__(self, conf=None):
        conf = dict({"repl-timeout": 3, "repl-ping-replica-period": 1}, **(conf or {}))
        self.master = ServerProcess(conf=conf)
        replicaof = self.master.port
        if "tls-cert-file" in conf:
            self.master.conf["tls-port"] = replicaof = free_port()
        self.replica = ServerProcess(conf=dict(conf, replicaof="127.0.0.1 %d" % replicaof))
        self.sentinel = sentinel_process("monitor m 127.0.0.1 %d 1" % self.master.port, "down-after-milliseconds m 1500",
                                         "failover-timeout m 600000")
        self.all = [self.master, self.replica, self.sentinel]

    def start(self):
        for s in self.all:
            s.start(wait=False)

    def ready(self):
        for s in self.all:
            s.wait_ready(60)
        assert wait_until(self.linked) and wait_until(lambda: ask(self.master, "WAIT", 1, 100) == 1)
        assert wait_until(lambda: "+slave" in self.sentinel.log())

    def linked(self):
        return b"master_link_status:up" in ask(self.replica, "INFO", "replication")

    def set_key(self):
        self.mark = [len(s.log()) for s in self.all]
        assert ask(self.master, "SET", "key", "x", "EX", 6) == b"OK"
        assert wait_until(lambda: ask(self.master, "WAIT", 1, 100) == 1)

    def new_lines(self):
        return [s.log()[mark:] for s, mark in zip(self.all, self.mark)]

    def cleanup(self):
        for s in self.all:
            s.cleanup()


def lose_it_all(pair):
    """What the same stops do to a pair without the clock."""
    pair.set_key()
    stop(pair.replica, pair.sentinel)
    assert wait_until(lambda: "Disconnecting timedout replica" in pair.new_lines()[0])
    go_on(pair.replica, pair.sentinel)
    assert wait_until(lambda: "+tilt" in pair.new_lines()[2])
    assert wait_until(pair.linked)
    stop(pair.master)
    assert wait_until(lambda: "MASTER timeout" in pair.new_lines()[1])
    go_on(pair.master)
    assert wait_until(lambda: ask(pair.master, "EXISTS", "key") == 0)


@pytest.mark.slow
@pytest.mark.parametrize("other_way", [False, True] if LONG else [False])
def test_replication_and_sentinel(path, tmp_path, monkeypatch, other_way):
    """A replica, a Sentinel and the master of another replica stopped together for 8 s and more, at a repl-timeout of 3 s: nobody notices.

    One pair replicates over TLS with IO threads, and without the fast path.  A third one has no clock.
    """
    certs = make_certs(tmp_path)
    tls = {"tls-cert-file": certs.cert, "tls-key-file": certs.key, "tls-ca-cert-file": certs.ca, "tls-replication": "yes",
           "io-threads": 4, "io-threads-do-reads": "yes", "fast-path": "no"}
    pairs = [Pair(), Pair(tls)]
    one, two = pairs[::-1] if other_way else pairs
    without = Pair()
    try:
        for pair in pairs:
            pair.start()
        monkeypatch.delenv("AEREDIS_CLOCK")
        without.start()
        for pair in pairs + [without]:
            pair.ready()
        set_at = labclock.read(path)["lab"]
        for pair in pairs:
            pair.set_key()
        stopped = [one.replica, one.sentinel, two.master]
        stop(*stopped)
        stands_for(path, *stopped)
        start = time.monotonic()
        behind = labclock.read(path)["behind"]
        lose_it_all(without)
        for_seconds(start + 8 - time.monotonic(), one.master, two.replica, two.sentinel)
        assert not wait_until(lambda: not labclock.read(path)["stands"], 0.2)
        # It stands as long as one of them is stopped.
        go_on(one.replica, one.sentinel)
        stands_for(path, two.master)
        go_on(two.master)
        runs(path)
        assert labclock.read(path)["behind"] - behind > 7.5
        keys = [ask(pair.master, "EXISTS", "key") for pair in pairs]
        assert keys == [1, 1] or labclock.read(path)["lab"] - set_at >= 6

        for pair in pairs:
            assert ask(pair.master, "INCR", "counter") == 1
            assert wait_until(lambda: ask(pair.master, "WAIT", 1, 100) == 1)          # noqa: B023
            assert ask(pair.sentinel, "PING") == b"PONG"
            assert pair.new_lines() == ["", "", ""]
        told = dict(line.split(":") for line in ask(one.master, "DEBUG", "CLOCK").decode().splitlines())
        assert float(told["wall_time"]) - float(told["lab_time"]) == pytest.approx(float(told["behind"]), abs=0.001)
        seconds, us = map(int, ask(two.replica, "TIME"))
        assert seconds + us / 1e6 < time.time() - 7.5
    finally:
        for pair in pairs + [without]:
            pair.cleanup()


@pytest.mark.slow
def test_cluster(path):
    """A node stopped for almost three node timeouts does not fail.  Then it is killed while the time stands: now it does."""
    with start_cluster(3, int(LONG), conf={"cluster-node-timeout": 1500}) as nodes:
        marks = [len(n.log()) for n in nodes]
        for node in nodes if LONG else nodes[:1]:
            stop(node)
            stands_for(path, node)
            for_seconds(8 if LONG else 4, *(n for n in nodes if n is not node))
            go_on(node)
            runs(path)
        for n, mark in zip(nodes, marks):
            assert wait_until(lambda: info(n)["cluster_state"] == "ok")               # noqa: B023
            assert not re.search("(?i)fail|election|state changed", n.log()[mark:]), n.log()[mark:]
        stop(nodes[2])
        stands_for(path, nodes[2])
        nodes[2].kill9()
        assert wait_until(lambda: re.search("Marking node .* as failing|FAIL message received", nodes[0].log()))
        assert wait_until(lambda: info(nodes[0])["cluster_state"] == ("ok" if LONG else "fail"))


@pytest.mark.slow
def test_pdb_at_its_prompt(path, tmp_path):
    """Every moment at the prompt is skipped, those of short steps, too; a master does not miss its replica."""
    out = tmp_path / "out"
    with start_server(conf={"repl-timeout": 3, "repl-ping-replica-period": 3600}) as master, open(out, "wb") as f:
        port = free_port()
        p = subprocess.Popen([sys.executable, "-m", "tests.support.debug", "--port", str(port), "--save", "", "--dir", str(tmp_path),
                              "--break", "command", "--replicaof", "127.0.0.1", str(master.port)],
                             stdin=subprocess.PIPE, stdout=f, stderr=f, text=True, cwd=ROOT)

        def say(command, text):
            """Say a word to the debugger, and wait for what it shows."""
            start = len(out.read_text())
            p.stdin.write(command + "\n")
            p.stdin.flush()
            assert wait_until(lambda: text in out.read_text()[start:]), out.read_text()[start:]

        try:
            assert wait_until(lambda: "aeMain()" in out.read_text())
            say("c", "Finished with success")
            assert wait_until(lambda: ask(master, "WAIT", 1, 100) == 1)
            mark = len(master.log())
            with RespClient(port, timeout=60) as c:
                c.send("GET", "k")
                assert wait_until(lambda: "getCommand()" in out.read_text())
                assert labclock.read(path)["processes"] and [x["pid"] for x in labclock.read(path)["processes"] if x["held"]] == [p.pid]
                before = labclock.read(path)["lab"]
                for_seconds(8 if LONG else 5, master)
                say("p 'here'", "'here'")
                assert labclock.read(path)["lab"] == before          # it stands to the nanosecond
                for _ in range(4):
                    say("s", "-> ")
                say("b getGenericCommand", "Breakpoint")
                say("c", "")
                assert c.read() is None
            runs(path)
            assert wait_until(lambda: ask(master, "WAIT", 1, 100) == 1)
            assert master.log()[mark:] == ""
            # Ctrl-C while the server waits: the prompt is not in the clock itself.
            p.send_signal(signal.SIGINT)
            assert wait_until(lambda: "Stopped." in out.read_text())
            assert wait_until(lambda: [x["held"] for x in labclock.read(path)["processes"] if x["pid"] == p.pid] == [True])
            say("p __name__", "'")
            assert "server.study.labclock" not in out.read_text()
            # Killed at its prompt: its end is seen.
            p.kill()
            p.wait()
            runs(path)
            assert master.wait_for_log("Connection with replica", 60)
        finally:
            p.kill()
            p.wait()


@pytest.mark.slow
def test_failures_on_purpose(path):
    """DEBUG SLEEP, and a stop with the flag of let_time_run: the time goes on, and the others notice."""
    with start_server(conf={"repl-timeout": 2, "repl-ping-replica-period": 1}) as master, \
            start_server(conf={"repl-timeout": 2, "replicaof": "127.0.0.1 %d" % master.port}) as replica:
        assert wait_until(lambda: ask(master, "WAIT", 1, 100) == 1)

        def sleep():
            with replica.resp(timeout=60) as c:
                before = labclock.read(path)["lab"]
                assert c.execute("DEBUG", "SLEEP", "1.5") == b"OK"
                return labclock.read(path)["lab"] - before
        assert any(sleep() >= 1.45 for _ in range(5))    # again where the machine has stood still meanwhile

        labclock.let_time_run(path, replica.pid)
        stop(replica)
        lost = master.wait_for_log("Disconnecting timedout replica", 60)
        assert lost and labclock.read(path)["stands"] != replica.pid
        go_on(replica)
        assert wait_until(lambda: not any(p["let_run"] for p in labclock.read(path)["processes"]))
        stop(replica)
        stands_for(path, replica)                        # the next stop is one like any other
        run = subprocess.run([sys.executable, "-m", "server.study.labclock", path, "--let-run", str(replica.pid)], cwd=ROOT,
                             capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0 and "pid_%d:" % replica.pid in run.stdout and "let_run=1" in run.stdout
        runs(path)
        go_on(replica)
        with pytest.raises(LookupError):
            labclock.let_time_run(path, os.getpid())


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="takes two minutes: AEREDIS_CLOCK_LONG=1")
def test_a_set_of_sentinels_under_random_stops(path):
    """Each of a master, a replica and three Sentinels stopped for 8 s, then all of them at random: no event, no line."""
    pair = Pair()
    pair.all += [sentinel_process("monitor m 127.0.0.1 %d 2" % pair.master.port, "down-after-milliseconds m 1500",
                                  "failover-timeout m 600000") for _ in range(2)]
    try:
        pair.start()
        pair.ready()
        assert wait_until(lambda: all(s.log().count("+sentinel ") == 2 for s in pair.all[2:]))
        pair.set_key()
        for s in pair.all:
            stop(s)
            stands_for(path, s)
            for_seconds(8, *(other for other in pair.all if other is not s))
            go_on(s)
            runs(path)
        chance = random.Random(int(os.environ.get("AEREDIS_SEED", "1")))
        times = [(0, 0)] * 2
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for s in pair.all:
                (stop if chance.random() < 0.4 else go_on)(s)
            time.sleep(chance.random() * 3)
            go_on(*pair.all)
            if chance.random() < 0.7:                    # else: stopped again at once
                now = [tuple(map(int, ask(s, "TIME"))) for s in pair.all[:2]]
                assert all(a <= b for a, b in zip(times, now))
                times = now
        runs(path)
        assert ask(pair.master, "INCR", "counter") == 1
        assert wait_until(lambda: ask(pair.master, "WAIT", 1, 100) == 1)
        assert pair.new_lines() == [""] * 5
        assert labclock.read(path)["behind"] > 60
    finally:
        pair.cleanup()


LOOPER = """
import os, sys, time
from server.study import labclock
clock = labclock.LabClock(sys.argv[1])
clock.begin()
clock.join()
last = clock.time_ns()
end = time.monotonic() + 120
while os.getppid() == int(sys.argv[2]) and time.monotonic() < end and not os.path.exists(sys.argv[3]):
    clock.turn()
    for _ in range(40):
        now = clock.time_ns()
        if now < last or now - last > 1500000000:
            sys.exit("from %d to %d ns: back, or the time of a stop" % (last, now))
        last = now
    time.sleep(0.001)
"""


@pytest.mark.slow
def test_real_processes_under_random_stops(path, tmp_path):
    """Processes that read the time all the while: it never goes back, and no stop takes time."""
    labclock.create(path)
    end = str(tmp_path / "end")
    loopers = [subprocess.Popen([sys.executable, "-c", LOOPER, path, str(os.getpid()), end], cwd=ROOT, stderr=subprocess.PIPE, text=True)
               for _ in range(3)]
    try:
        assert wait_until(lambda: len(labclock.read(path)["processes"]) == 3)

        @settings(max_examples=60 if LONG else 3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 500)), min_size=3, max_size=6))
        def random_stops(steps):
            for n, stopped, ms in steps:
                loopers[n].send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)
                time.sleep(ms / 1000)
        random_stops()
        for p in loopers:
            p.send_signal(signal.SIGCONT)
        runs(path)
        with open(end, "w", encoding="utf-8"):
            pass
        for p in loopers:
            assert p.wait(60) == 0, p.stderr.read()
    finally:
        for p in loopers:
            p.kill()
            p.communicate()


def test_files_that_are_no_clock(tmp_path):
    short, other = tmp_path / "short", tmp_path / "other"
    short.write_bytes(b"AELABCL1")
    other.write_bytes(b"x" * labclock.SIZE)
    (tmp_path / "folder").mkdir()
    for name, said in (("short", "is too short for a lab clock"), ("short/clock", "File exists")):
        run = subprocess.run([sys.executable, "-m", "server", "--port", "0"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
                             env=dict(os.environ, AEREDIS_CLOCK=str(tmp_path / name)))
        assert run.returncode == 1 and said in run.stderr and run.stderr.count("\n") == 1 and not run.stdout, run
    with pytest.raises(SystemExit, match="is not a lab clock"):
        labclock.main([str(other)])
    with pytest.raises(SystemExit, match="Is a directory"):
        labclock.main([str(tmp_path / "folder")])
    with pytest.raises(SystemExit, match="No such file"):
        labclock.main([str(tmp_path / "nowhere")])
    assert short.read_bytes() == b"AELABCL1" and other.read_bytes() == b"x" * labclock.SIZE


def test_without_the_variable_there_is_no_clock(monkeypatch):
    monkeypatch.delenv("AEREDIS_CLOCK", raising=False)
    with start_server() as s:
        with open("/proc/%d/maps" % s.pid, encoding="utf-8") as f:
            assert "labclock" not in f.read()
        assert ask(s, "SET", "k", "v") == b"OK"
        with pytest.raises(RespError, match="no lab clock: start it with AEREDIS_CLOCK=FILE"):
            ask(s, "DEBUG", "CLOCK")
    run = subprocess.run([sys.executable, "-c", "import sys, ae.ae_epoll\nfrom server import link, server_main\n"
                          "assert 'server.study.labclock' not in sys.modules and ae.ae_epoll.aeSelector.__module__ == 'ae.ae_epoll'"],
                         cwd=ROOT, timeout=60, check=False)
    assert run.returncode == 0
