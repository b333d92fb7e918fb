"""Damaged packets on the bus (docs/cluster.md, D-91): as somebody unknown, and as a node that is known.

AEREDIS_FUZZ_SECONDS: how long each of them sends, 5 unless it is set.
"""
import os
import random
import re
import socket
import time

import pytest

from cluster import cluster, cluster_bus, cluster_failover
from cluster.cluster_h import (
    CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG, CLUSTER_NODE_MASTER, CLUSTER_NODE_SLAVE, clusterMsg_start,
)
from server.server_h import server
from tests.integration.test_cluster import Peer, read_packet
from tests.support.busfuzz import many_entries, mutate, packets
from tests.support.clock import FakeClock
from tests.support.cluster import ask, cluster_nodes, cpu_seconds, info, join, my_id, resident, start_nodes, wait_until
from tests.support.incluster import InCluster, check_invariants
from tests.support.server import real_server_path

SECONDS = float(os.environ.get("AEREDIS_FUZZ_SECONDS", "5"))
SEED = int(os.environ.get("AEREDIS_SEED", "1"))
NAMES = [b"%x" % i * 40 for i in range(10)]


def test_the_handler(monkeypatch):
    """In this process: whatever arrives, no exception, and the tables agree."""
    rnd = random.Random(SEED)

    def never(level, text):
        raise AssertionError(text)
    with FakeClock() as clock, InCluster(cluster_node_timeout=1000) as redis:
        for module in (cluster, cluster_bus, cluster_failover):
            monkeypatch.setattr(module, "replicationSetMaster", lambda ip, port: setattr(server, "masterhost", ip))
            monkeypatch.setattr(module, "serverLog", lambda *args: None)
        for module in (cluster, cluster_failover):
            monkeypatch.setattr(module, "replicationUnsetMaster", lambda: setattr(server, "masterhost", None))
        monkeypatch.setattr(cluster_bus, "serverLogRaw", never)
        monkeypatch.setattr(cluster_bus, "pauseClients", lambda *args: None)
        monkeypatch.setattr(cluster_failover, "unpauseClients", lambda: None)
        monkeypatch.setattr(cluster_bus, "connPeerToString", lambda conn: (0, "127.0.0.1", 999))
        monkeypatch.setattr(cluster_bus, "connSockName", lambda conn: (0, "127.0.0.1", 999))
        me = server.cluster.myself
        cluster.clusterAddSlot(me, 1)
        known = [redis.add_node(CLUSTER_NODE_MASTER, slots=[i + 2], name=name, epoch=i) for i, name in enumerate(NAMES[:3])]
        known.append(redis.add_node(CLUSTER_NODE_SLAVE, slaveof=known[0], name=NAMES[3]))
        names = NAMES + [me.name, b"\0" * 40, b"\n" * 40]
        templates = [p for name in NAMES[:5] + [me.name] for p in packets(name, 7001, NAMES[2:8] + [me.name])]
        end = time.process_time() + min(SECONDS, 60)
        sent = 0
        while time.process_time() < end:
            packet = mutate(rnd, rnd.choice(templates), names)
            nodes = [n for n in cluster.cluster_nodes() if n.link is not None]
            link = rnd.choice(nodes).link if nodes and rnd.random() < 0.5 else None
            clock.advance(rnd.choice((0, 1, 50)))
            server.mstime = clock.wall_ns // 1000000
            server.unixtime = server.mstime // 1000
            with_link = link if link is None or not link.rcvbuf else None
            redis.receive(packet, with_link)
            if sent % 10 == 0:
                cluster_failover.clusterBeforeSleep()
            if sent % 50 == 0:
                check_invariants()
            for node in cluster.cluster_nodes():                    # links that were lost, and what nobody reads
                if node.link is None and node is not me:
                    node.link = redis.link(node)
                elif node.link is not None:
                    node.link.sndbuf = bytearray()
            if len(cluster.cluster_nodes()) > 60:
                for node in cluster.cluster_nodes():
                    if node is not me and node not in known and node is not me.slaveof:
                        cluster.clusterDelNode(node)
            sent += 1
        redis.receive(many_entries(packets(NAMES[0], 7001, NAMES[2:8])[CLUSTERMSG_TYPE_PING]))
        check_invariants()
        assert sent > 500
        # What all that has left in nodes.conf can be loaded.
        assert cluster.clusterSaveConfig(1) == 0
        text = cluster.clusterGenNodesDescription(0x20, 0)
        server.cluster = type(server.cluster)()
        server.cluster.nodes = cluster.dictCreate(cluster.clusterNodesDictType)
        cluster.clusterLoadConfig(server.cluster_configfile)
        assert sorted(line.split()[0] for line in text.splitlines()) == sorted(n.name for n in cluster.cluster_nodes())


class Fuzzer:
    """Sends packets to a node, some in pieces, and reads what comes back so that its buffers do not fill."""

    def __init__(self, node, rnd):
        self.node = node
        self.rnd = rnd
        self.sock = None
        self.sent = self.closed = 0

    def send(self, data):
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.node.port + 10000), 10)
            self.sock.settimeout(10)
        try:
            cut = self.rnd.randrange(len(data)) if self.rnd.random() < 0.1 else 0
            if cut:
                self.sock.sendall(data[:cut])
            self.sock.sendall(data[cut:])
            self.sent += 1
            self.sock.setblocking(False)
            try:
                while self.sock.recv(1 << 16):
                    pass
                raise ConnectionError
            except BlockingIOError:
                self.sock.settimeout(10)
        except (ConnectionError, socket.timeout):
            self.close()
        # Behind a length that did not fit nothing would be understood.
        if self.sock is not None and (len(data) < 8 or int.from_bytes(data[4:8], "big") != len(data) or self.rnd.random() < 0.02):
            self.close()

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None
            self.closed += 1


def healthy(node):
    """It answers, and nothing unexpected stands in its log."""
    begin = time.monotonic()
    assert ask(node, "PING") == b"PONG"
    assert node.process.poll() is None
    bad = re.search(r"(?i).*(exception|traceback|bug report|assert).*", node.log())
    assert bad is None, bad.group()
    return time.monotonic() - begin


def loads(node):
    """Its nodes.conf, after kill -9, can be loaded by it, and by the real server."""
    assert ask(node, "CLUSTER", "SAVECONFIG") == b"OK"
    before = sorted(n["id"] for n in cluster_nodes(node) if "handshake" not in n["flags"])
    for real in (False, True) if real_server_path() else (False,):
        node.kill9()
        node.real = real
        node.start()
        assert set(before) <= {n["id"] for n in cluster_nodes(node)}


@pytest.mark.parametrize("known", [False, True], ids=["unknown sender", "known sender"])
def test_over_a_socket(known):
    rnd = random.Random(SEED)
    nodes = start_nodes(2)
    node, other = nodes
    peer = Peer()
    back = None
    try:
        join(nodes, 2)
        mine, its = (my_id(n).encode() for n in nodes)
        ids = NAMES[:6] + [mine, its]
        if known:
            # A peer whose handshake is done: f.. is a node of the cluster from now on.
            with socket.create_connection(("127.0.0.1", node.port + 10000)) as out:
                out.sendall(peer.packet(2, []))
                back, _ = peer.listener.accept()
                back.settimeout(10)
                assert clusterMsg_start(read_packet(back))[4] == CLUSTERMSG_TYPE_PING
                back.sendall(peer.packet(CLUSTERMSG_TYPE_PONG, []))
                assert wait_until(lambda: any(n["id"] == "f" * 40 for n in cluster_nodes(node)), 10)
        sender = b"f" * 40
        templates = packets(sender, peer.port, ids)
        if not known:                                   # and a thief of names
            ids.remove(its)
        fuzzer = Fuzzer(node, rnd)
        base = resident(node)
        epoch = info(node)["cluster_current_epoch"]
        end = time.monotonic() + SECONDS
        slowest = 0
        while time.monotonic() < end:
            for _ in range(200):
                packet = mutate(rnd, rnd.choice(templates), ids + [b"\0" * 40])
                # Without a sender that is known nothing may change; with the id of a real node it would be that node.
                if not known and packet[40:80] in (mine, its):
                    packet = packet[:40] + sender + packet[80:]
                fuzzer.send(packet)
                if known and back is not None:
                    back.setblocking(False)
                    try:
                        if not back.recv(1 << 16):
                            back.close()
                            back = None
                    except BlockingIOError:
                        pass
                    except OSError:
                        back = None
            slowest = max(slowest, healthy(node))
        fuzzer.send(many_entries(templates[CLUSTERMSG_TYPE_PING]))
        fuzzer.close()
        healthy(node)
        healthy(other)
        # Half packets cost nothing.
        halves = [socket.create_connection(("127.0.0.1", node.port + 10000)) for _ in range(200)]
        for sock in halves:
            sock.sendall(templates[0][:1000])
        before = cpu_seconds(node)
        time.sleep(1)
        assert cpu_seconds(node) - before < 0.7
        for sock in halves:
            sock.close()
        grown = resident(node) - base
        print("%d packets, %d links, slowest PING %.3f s, %.1f MB more" % (fuzzer.sent, fuzzer.closed, slowest, grown / 1e6))
        assert fuzzer.sent > 200 and grown < 150e6
        if not known:
            # The two nodes have not noticed.
            assert wait_until(lambda: len(cluster_nodes(node)) == 2, 20)
            assert info(node)["cluster_current_epoch"] == epoch and info(node)["cluster_state"] == "ok"
            assert all(n["connected"] for n in cluster_nodes(node)) and all(n["connected"] for n in cluster_nodes(other))
        loads(node)
    finally:
        if back is not None:
            back.close()
        peer.close()
        for n in nodes:
            n.kill9()
            n.cleanup()
