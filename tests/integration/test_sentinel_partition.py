"""The leader of a failover is cut off from everybody, or killed, in each state: afterwards all agree on one master.

AEREDIS_SENTINEL_PARTITIONS=all runs every state, healed early and late, alone and with a real Sentinel in the quorum; else one
state of each kind.
"""
import contextlib
import os
import signal
import time

import pytest

from tests.support.sentinel import wait_until
from tests.support.sentinel_net import SENTINELS, SERVERS, SentinelNet
from tests.support.sentinel_stop import STATES, Referee
from tests.support.server import real_server_path

ALL = os.environ.get("AEREDIS_SENTINEL_PARTITIONS") == "all"


class Failover:
    """A SentinelNet whose master is killed; the first Sentinel of ours that comes to `state` stands still while `act(name)` runs."""

    def __init__(self, state, act, real=0):
        self.state = state
        self.act = act
        self.stopped = None             # the name of that Sentinel
        self.referee = Referee(self.decide)
        self.s = SentinelNet(real, referee=self.referee)

    def decide(self, port, state, epoch):
        if state != self.state or self.stopped is not None:
            return "go"
        self.stopped = next(name for name in SENTINELS if self.s.ports[name] == port)
        return self.act(self.stopped)

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        with self.stack:
            self.stack.enter_context(self.referee)
            self.stack.enter_context(self.s)
            assert self.s.agreed() == ("m", 0)
            with self.s["m"].resp() as c:
                assert c.execute("SET", "k", "v") == b"OK" and c.execute("WAIT", 2, 10000) == 2
            self.s["m"].kill9()
            assert wait_until(lambda: self.stopped, 120), self.s.logs()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *exc):
        self.stack.close()

    def ends_well(self, with_old_master=True):
        """All agree, the old master too, which comes back: one master, one leader an epoch, nothing lost, nobody dead."""
        s = self.s
        if with_old_master:
            # Not before it has a successor, or it may just stay the master.
            s.wait_agreed(but=("m",), is_not="m")
            s["m"].start()
        but = () if with_old_master else ("m",)
        new, epoch = s.wait_agreed(but)
        assert epoch > 0 and s.ask(new, "SET", "k2", "v2") == b"OK"
        for name in SERVERS[len(but):]:
            assert wait_until(lambda: s.ask(name, "GET", "k2") == b"v2") and s.ask(name, "GET", "k") == b"v"
        leaders = s.check_epochs()
        assert str(epoch) in leaders, (epoch, leaders)
        for name in SENTINELS:
            # The file says the same, so that a restart changes nothing.
            with open(s[name].conffile, encoding="utf-8") as f:
                lines = f.read().splitlines()
            assert "sentinel config-epoch mymaster %d" % epoch in lines
            assert "sentinel monitor mymaster %s %d 2" % (s.net.address(new), s.doors[new]) in lines
        return new, epoch


@pytest.mark.parametrize("state", STATES if ALL else ["WAIT_PROMOTION"])
@pytest.mark.parametrize("heal", ["late", "early"] if ALL else ["late"])
@pytest.mark.parametrize("real", [0, 1] if ALL else [0], ids=lambda n: "%d_real" % n)
def test_the_leader_is_cut_off(state, heal, real):
    if real and real_server_path() is None:
        pytest.skip("no real server at hand")

    def act(name):
        f.s.net.isolate(name)
        return "go"

    f = Failover(state, act, real)
    with f:
        if heal == "late":
            # The others do it without the one that is cut off, under a new leader where it had not told them.
            new, _ = f.s.wait_agreed(but=("m", f.stopped), is_not="m")
            assert new in ("r1", "r2")
        f.s.net.heal()
        f.ends_well(with_old_master=ALL)


@pytest.mark.parametrize("state", STATES if ALL else ["RECONF_SLAVES"])
@pytest.mark.parametrize("back", ["at once", "late"] if ALL else ["at once"])
@pytest.mark.parametrize("real", [0, 1] if ALL else [0], ids=lambda n: "%d_real" % n)
def test_the_leader_is_killed(state, back, real):
    if real and real_server_path() is None:
        pytest.skip("no real server at hand")
    f = Failover(state, lambda name: "die", real)
    with f:
        dead = f.s[f.stopped].process
        assert dead.wait(10) == -9
        if back == "late":
            f.s.wait_agreed(but=("m", f.stopped), is_not="m")
        f.s[f.stopped].start()
        f.ends_well()


@pytest.mark.skipif(not ALL, reason="AEREDIS_SENTINEL_PARTITIONS=all runs it")
def test_a_master_that_only_the_sentinels_have_lost():
    """They promote a replica though the master serves the others; healed, it becomes a replica itself."""
    with SentinelNet() as s:
        s.net.block({("m", name) for name in SENTINELS})
        new, _ = s.wait_agreed(but=("m",), is_not="m")
        assert s.ask("m", "ROLE")[0] == b"master"
        s.net.heal()
        # A machine that stands still may have seen another failover meanwhile.
        new, epoch = s.wait_agreed()
        assert new is not None and str(epoch) in s.check_epochs()


@pytest.mark.skipif(not ALL, reason="AEREDIS_SENTINEL_PARTITIONS=all runs it")
def test_a_minority_does_nothing():
    """Two of three Sentinels are cut off, each alone, and the master is dead: nobody is elected until one comes back."""
    with SentinelNet() as s:
        s.net.block({(a, b) for a in SENTINELS for b in SENTINELS if a < b})
        s["m"].kill9()
        assert wait_until(lambda: all("+sdown master" in s[name].log() for name in SENTINELS), 60), s.logs()
        time.sleep(8)
        for name in SENTINELS:
            assert "+elected-leader" not in s[name].log() and "+odown" not in s[name].log(), s.logs()
        s.net.heal()
        new, epoch = s.wait_agreed(but=("m",), is_not="m")
        assert new in ("r1", "r2") and str(epoch) in s.check_epochs()


@pytest.mark.skipif(not ALL, reason="AEREDIS_SENTINEL_PARTITIONS=all runs it")
def test_a_sentinel_that_stood_still_doubts_the_clock():
    """SIGSTOP for 4 s: TILT, no verdict over anybody; the other two fail over meanwhile, and it follows."""
    with SentinelNet() as s:
        s["s1"].process.send_signal(signal.SIGSTOP)
        time.sleep(4)
        s["s1"].process.send_signal(signal.SIGCONT)
        assert wait_until(lambda: "+tilt" in s["s1"].log(), 20), s.logs()
        s["m"].kill9()
        s.wait_agreed(but=("m",), is_not="m")
        after = s["s1"].log().partition("+tilt")[2].partition("-tilt")[0]
        assert "+sdown" not in after and "+try-failover" not in after, s.logs()
        s.check_epochs()
