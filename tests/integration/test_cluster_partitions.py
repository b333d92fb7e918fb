"""Partitions of real processes, through a proxy that knows who talks to whom; kill -9 while nodes.conf is saved."""
import io
import os
import re
import signal
import time

import pytest

from tests.support.chaos import chaos
from tests.support.cluster import agree, ask, cluster_nodes, info, join, my_id, redis_cli_path, start_nodes, wait_until
from tests.support.pairproxy import PartitionedCluster
from tests.support.resp import RespError
from tests.support.server import real_server_path

REAL = real_server_path()
LONG = bool(os.environ.get("AEREDIS_PARTITIONS"))
long_form = pytest.mark.skipif(not LONG, reason="AEREDIS_PARTITIONS is not set")
KINDS = [pytest.param(lambda i: i % 2, id="mixed", marks=pytest.mark.skipif(not REAL, reason="no real redis-server here")),
         pytest.param(None, id="ours", marks=long_form if REAL else ())]


def role(node, id_):
    return next("master" if "master" in n["flags"] else "slave" for n in cluster_nodes(node) if n["id"] == id_)


@pytest.mark.parametrize("real", KINDS)
def test_a_master_in_a_minority(real):
    """It stops to accept writes after a timeout, the majority elects its replica; after healing all agree, and it follows.

    Then one way only: its packets do not get out, so it fails for the others, although it hears them.
    """
    key = "{bar}1"                                      # slot 5061, of the first node
    with PartitionedCluster(real=real) as c:
        master, replica = c.nodes[0], c.nodes[3]
        mine, its = my_id(master), my_id(replica)
        assert ask(master, "SET", key, "before") == b"OK"
        assert wait_until(lambda: ask(replica, "DBSIZE") == 1)

        c.isolate(0)
        cut = time.monotonic()
        assert ask(master, "SET", key, "lost") == b"OK"             # it has not noticed yet

        def refuses():
            try:
                ask(master, "SET", key, "lost")
            except RespError as e:
                return e.text
            return None
        assert wait_until(refuses, 30) == "CLUSTERDOWN The cluster is down"
        assert time.monotonic() - cut > 1                           # a timeout is 2 s, less a PONG that was on its way
        assert wait_until(lambda: role(c.nodes[1], its) == "master" and info(replica)["cluster_state"] == "ok", 40)
        assert ask(replica, "SET", key, "after") == b"OK"
        assert wait_until(lambda: agree(c.nodes[1:]), 20)
        assert ask(replica, "GET", key) == b"after" and refuses()   # still
        assert role(master, its) == "slave"                         # for the one that hears nothing

        c.proxy.heal()
        assert c.agreed()
        assert role(replica, mine) == "slave"
        assert wait_until(lambda: ask(master, "DEBUG", "DIGEST") == ask(replica, "DEBUG", "DIGEST"), 30)

        # One way: from the new master to nobody.
        for other in (0, 1, 2, 4, 5):
            c.proxy.cut(replica.number, other)
        assert wait_until(lambda: role(c.nodes[1], mine) == "master", 40)
        c.proxy.heal()
        assert c.agreed()
        assert wait_until(lambda: ask(master, "GET", key) == b"after", 20)
        for node in c.nodes:
            assert node.real or "xception" not in node.log()


@long_form
def test_half_of_the_nodes_elect_nobody():
    """Three masters, cut one by one from each other: no majority anywhere, so nobody is elected, and nobody serves."""
    def masters():
        return [[(n["id"], n["epoch"], n["slots"]) for n in cluster_nodes(node) if "myself" in n["flags"] and "master" in n["flags"]]
                for node in c.nodes]
    with PartitionedCluster() as c:
        before = masters()
        for pair in ((0, 4), (1, 5), (2, 3)):                       # a master and the replica of another one
            c.isolate(*pair)
        assert wait_until(lambda: all(info(n)["cluster_state"] == "fail" for n in c.nodes), 40)
        time.sleep(5)
        assert masters() == before and all(info(n)["cluster_state"] == "fail" for n in c.nodes)
        c.proxy.heal()
        assert c.agreed()


@pytest.mark.skipif(not redis_cli_path(), reason="no redis-cli here")
def test_chaos():
    """A short `make chaos`, which says what is looked at."""
    out = io.StringIO()
    try:
        assert "writes acknowledged" in chaos(12, int(os.environ.get("AEREDIS_SEED", "1")), out=out)
    finally:
        print(out.getvalue())


def test_killed_while_it_votes():
    """An election storm, and kill -9 at any time: no voter votes twice in an epoch, and no epoch is forgotten."""
    nodes = start_nodes(5, conf={"cluster-node-timeout": "1000", "appendonly": "no"})
    voters, slaves = nodes[:3], nodes[3:]
    try:
        join(nodes, 3)
        first = my_id(nodes[0])
        ask(slaves[1], "CLUSTER", "REPLICATE", first)               # both follow the first one
        assert wait_until(lambda: agree(nodes), 20)
        epochs = {}
        for i in range(8):
            for slave in nodes:
                try:
                    ask(slave, "CLUSTER", "FAILOVER", "FORCE")
                except (RespError, OSError):
                    pass
            time.sleep(0.02 * i)
            voter = voters[1 + i % 2]
            epochs[voter] = int(info(voter)["cluster_my_epoch"])
            os.kill(voter.pid, signal.SIGKILL)
            voter.process.wait()
            voter.start()
            assert int(info(voter)["cluster_my_epoch"]) >= epochs[voter]
        assert wait_until(lambda: agree(nodes), 60)
        for voter in voters:
            votes = re.findall(r"Failover auth granted to (\w+) for epoch (\d+)", voter.log())
            assert len({epoch for _, epoch in votes}) == len(votes), votes
        assert any("Failover auth granted" in voter.log() for voter in voters)
    finally:
        for node in nodes:
            node.kill9()
            node.cleanup()
