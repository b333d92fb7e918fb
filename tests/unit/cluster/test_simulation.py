"""Whole clusters in this process, under seeded faults: see tests/support/simcluster.py for what is checked, and to look at one seed."""
import os

import pytest

from cluster import cluster_bus, cluster_failover
from cluster.cluster_h import CLUSTER_TODO_FSYNC_CONFIG
from server.server_h import server
from tests.support.simcluster import Sim, Violation, run_seed

SEEDS = int(os.environ.get("AEREDIS_CLUSTER_SEEDS", "50"))
SECONDS = 6 if SEEDS <= 50 else 12                      # virtual ones, of faults
PART = 10


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_stories(first):
    won = 0
    for seed in range(first, min(first + PART, SEEDS)):
        try:
            won += len(run_seed(seed, SECONDS).winners)
        except Violation as e:
            pytest.fail("python -m tests.support.simcluster --seed %d --seconds %d --log: %s" % (seed, SECONDS, e))
    assert won                                          # an election, at least


def test_the_same_seed_is_the_same_story():
    first, second = [run_seed(3, 3) for _ in range(2)]
    assert (first.turns, first.now, [line[:3] for line in first.log]) == (second.turns, second.now, [line[:3] for line in second.log])


def fails(monkeypatch, story):
    with Sim(1) as sim:
        sim.set_up()
        with pytest.raises(Violation) as e:
            story(sim)
    return str(e.value)


def elect(sim):
    """Kill a master, until its replica has won."""
    sim.kill(sim.nodes[0])
    assert sim.run(20, lambda: sim.winners)


def test_an_epoch_that_is_told_before_it_is_saved_is_seen(monkeypatch):
    def forget(flags):
        server.cluster.todo_before_sleep |= flags & ~CLUSTER_TODO_FSYNC_CONFIG
    monkeypatch.setattr(cluster_failover, "clusterDoBeforeSleep", forget)
    assert "on disk is" in fails(monkeypatch, elect)


def test_a_second_vote_is_seen(monkeypatch):
    """Voters that forget their votes, two candidates in one epoch."""
    def story(sim):
        a, b = sim.nodes[3:5]
        for node, master in ((a, sim.nodes[0]), (b, sim.nodes[0])):
            sim.command(node, "CLUSTER", "REPLICATE", master.name)
        assert sim.run(20, sim.agreed)
        real = cluster_failover.clusterSendFailoverAuthIfNeeded

        def forgetful(node, request):
            server.cluster.lastVoteEpoch = 0
            node.slaveof.voted_time = 0
            real(node, request)
        monkeypatch.setattr(cluster_bus, "clusterSendFailoverAuthIfNeeded", forgetful)
        # They begin at about the same time, before they hear of each other.
        monkeypatch.setattr(cluster_failover.random, "randrange", lambda n: 0)
        monkeypatch.setattr(cluster_failover, "clusterGetSlaveRank", lambda: 0)
        sim.delays = (100000, 150000)
        sim.kill(sim.nodes[0])
        sim.run(20)
    assert "voted twice" in fails(monkeypatch, story)


def test_epochs_that_collide_for_good_are_seen(monkeypatch):
    def story(sim):
        monkeypatch.setattr(cluster_bus, "clusterHandleConfigEpochCollision", lambda sender: None)
        for node in sim.nodes[:2]:
            node.state.myself.configEpoch = 3
            sim.command(node, "CLUSTER", "SAVECONFIG")
        sim.run(3)
        sim.heal()
        if not sim.run(20, sim.agreed):
            raise Violation("no agreement")
    assert fails(monkeypatch, story) == "no agreement"
