"""What a cluster costs when it does nothing, and CLUSTER SLOTS of a badly fragmented map: the figures of docs/cluster.md.

`python -m tests.integration.test_cluster_figures` prints them, beside those of the real server.
"""
import os
import time

import pytest

from tests.support.cluster import ask, cpu_seconds, info, my_id, resident, start_nodes, wait_until
from tests.support.server import real_server_path

CONF = {"cluster-node-timeout": "15000", "appendonly": "no"}


def cluster_slots(real=False):
    """-> (ranges, s of CPU for one CLUSTER SLOTS): two nodes that share the slots one by one."""
    nodes = start_nodes(2, lambda i: real, CONF)
    try:
        for i, node in enumerate(nodes):
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            ask(node, "CLUSTER", "ADDSLOTS", *range(i, 16384, 2))
        ask(nodes[0], "CLUSTER", "MEET", "127.0.0.1", nodes[1].port)
        assert wait_until(lambda: info(nodes[0])["cluster_state"] == "ok", 60)
        best = None
        for _ in range(5):
            before = cpu_seconds(nodes[0])
            for _ in range(10):
                ranges = ask(nodes[0], "CLUSTER", "SLOTS")
            used = (cpu_seconds(nodes[0]) - before) / 10
            best = used if best is None else min(best, used)
        return len(ranges), best
    finally:
        for node in nodes:
            node.kill9()
            node.cleanup()


def twenty_idle_nodes(real=False, seconds=20):
    """-> (share of a core, bytes resident) of five masters with three replicas each."""
    nodes = start_nodes(20, lambda i: real, CONF)
    try:
        for i, node in enumerate(nodes):
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            if i < 5:
                ask(node, "CLUSTER", "ADDSLOTS", *range(16384 * i // 5, 16384 * (i + 1) // 5))
        for node in nodes[1:]:
            ask(nodes[0], "CLUSTER", "MEET", "127.0.0.1", node.port)
        assert wait_until(lambda: all(info(n)["cluster_known_nodes"] == "20" and info(n)["cluster_state"] == "ok" for n in nodes), 120)
        for i, node in enumerate(nodes[5:]):
            ask(node, "CLUSTER", "REPLICATE", my_id(nodes[i % 5]))
        assert wait_until(lambda: all(b"master_link_status:up" in ask(n, "INFO", "replication") for n in nodes[5:]), 120)
        time.sleep(5)
        before, start = sum(map(cpu_seconds, nodes)), time.monotonic()
        time.sleep(seconds)
        used = (sum(map(cpu_seconds, nodes)) - before) / (time.monotonic() - start)
        return used, sum(map(resident, nodes))
    finally:
        for node in nodes:
            node.kill9()
            node.cleanup()


def test_cluster_slots():
    ranges, seconds = cluster_slots()
    assert ranges == 16384 and seconds < 0.06


@pytest.mark.skipif("AEREDIS_CLUSTER_IDLE" not in os.environ, reason="AEREDIS_CLUSTER_IDLE is not set")
def test_twenty_idle_nodes():
    share, rss = twenty_idle_nodes()
    assert share < 0.25 and rss < 0.8e9


if __name__ == "__main__":
    for who, is_real in (("aeredis", False), ("redis-server", True)):
        if not is_real or real_server_path():
            print("%s: CLUSTER SLOTS of %d ranges %.1f ms" % (who, *[x if i == 0 else x * 1000 for i, x in enumerate(cluster_slots(is_real))]))
            idle = twenty_idle_nodes(is_real)
            print("%s: 20 idle nodes %.1f %% of a core, %.0f MB" % (who, idle[0] * 100, idle[1] / 1e6))
