"""kill -9 at each system call of clusterSaveConfig: nodes.conf is the old one or the new one, and loads."""
import os
import signal

import pytest

from cluster import cluster
from cluster.cluster import clusterLoadConfig, clusterSaveConfig, cluster_nodes
from cluster.cluster_h import CLUSTER_NODE_MASTER, clusterState
from datastructs.dict import dictCreate
from server.dict_types import clusterNodesBlackListDictType, clusterNodesDictType
from server.server_h import C_OK, server
from tests.support.incluster import InCluster, check_invariants
from tests.support.simcluster import KILL_POINTS


class Deadly:
    """os, of which one call kills the process, before it is done or behind it."""

    def __init__(self, point):
        self.when, self.call = point.split()

    def __getattr__(self, name):
        real = getattr(os, name)
        if name != self.call:
            return real

        def deadly(*args):
            if self.when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            real(*args)
            os.kill(os.getpid(), signal.SIGKILL)
        return deadly


def load():
    server.cluster = clusterState()
    server.cluster.nodes = dictCreate(clusterNodesDictType)
    server.cluster.nodes_black_list = dictCreate(clusterNodesBlackListDictType)
    assert clusterLoadConfig(server.cluster_configfile) == C_OK
    check_invariants()


@pytest.mark.parametrize("shorter", [False, True], ids=["longer", "shorter"])
@pytest.mark.parametrize("point", KILL_POINTS)
def test_killed_there(point, shorter, monkeypatch):
    with InCluster() as redis:
        nodes = [redis.add_node(CLUSTER_NODE_MASTER, slots=range(i * 1000, i * 1000 + 500, 2)) for i in range(3)]
        server.cluster.currentEpoch = 7
        server.cluster.lastVoteEpoch = 6
        if not shorter:
            cluster.clusterDelNode(nodes.pop())
        assert clusterSaveConfig(1) == 0
        with open(server.cluster_configfile, "rb") as f:
            old = f.read()

        # The new one: other epochs, and a node more or less.
        server.cluster.currentEpoch = server.cluster.lastVoteEpoch = 9
        if shorter:
            cluster.clusterDelNode(nodes.pop())
        else:
            redis.add_node(CLUSTER_NODE_MASTER, slots=range(5000, 6000, 2))
        new = cluster.clusterGenNodesDescription(0x20, 0) + b"vars currentEpoch 9 lastVoteEpoch 9\n"
        pid = os.fork()
        if pid == 0:
            cluster.os = Deadly(point)
            clusterSaveConfig(1)
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        if point.endswith("ftruncate") and not shorter:
            assert status == 0                          # nothing to cut off
        else:
            assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

        with open(server.cluster_configfile, "rb") as f:
            content = f.read()
        is_new = point not in ("before open", "behind open", "before write")
        assert content.rstrip(b"\n") == (new if is_new else old).rstrip(b"\n")
        load()
        assert (server.cluster.currentEpoch, server.cluster.lastVoteEpoch) == ((9, 9) if is_new else (7, 6))
        assert len(cluster_nodes()) == content.count(b"connected")
