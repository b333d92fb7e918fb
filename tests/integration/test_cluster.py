"""Clusters of processes, ours and real ones: the same packets, the same nodes.conf, the same replies, one cluster."""
import contextlib
import os
import re
import socket
import subprocess
import sys

import pytest

from cluster.cluster import keyHashSlot
from cluster.cluster_h import (
    CLUSTERMSG_TYPE_FAIL, CLUSTERMSG_TYPE_MEET, CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG, CLUSTERMSG_TYPE_PUBLISH,
    CLUSTER_NODE_MASTER, clusterMsg, clusterMsg_pack, clusterMsg_start, clusterMsg_unpack,
)
from tests.support.certs import make_certs
from tests.support.cluster import (
    agree, ask, cluster_nodes, fail_over, info, my_id, redis_cli_path, start_cluster, start_nodes, wait_until,
)
from tests.support.resp import RespError
from tests.support.server import ROOT, ServerProcess, free_port, real_server_path, start_server

REAL = real_server_path()
needs_real = pytest.mark.skipif(not REAL, reason="no real redis-server here")
CLUSTER = {"cluster-enabled": "yes", "cluster-node-timeout": "3000"}
KINDS = [pytest.param(None, id="ours"),
         pytest.param(lambda i: i < 3, id="real-masters", marks=needs_real),
         pytest.param(lambda i: i >= 3, id="real-replicas", marks=needs_real)]


# ---------------------------------------------------------------- one node and a scripted peer

class Peer:
    """A node that a test plays: it listens on a bus port, and answers what it is told to."""

    def __init__(self):
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port + 10000))
        self.listener.settimeout(10)
        self.hdr = clusterMsg()
        self.hdr.sender = b"f" * 40
        self.hdr.port, self.hdr.cport, self.hdr.flags = self.port, self.port + 10000, CLUSTER_NODE_MASTER
        self.hdr.myip = b"127.0.0.1"

    def packet(self, type_, data=None, **fields):
        self.hdr.type, self.hdr.data = type_, data
        for name, value in fields.items():
            setattr(self.hdr, name, value)
        return clusterMsg_pack(self.hdr)

    def close(self):
        self.listener.close()


def read_packet(sock):
    buf = b""
    while len(buf) < 8 or len(buf) < clusterMsg_start(buf.ljust(16))[1]:
        data = sock.recv(65536 if len(buf) >= 8 else 8 - len(buf))
        if not data:
            return None
        buf += data
    return buf


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=needs_real)])
def test_packets_of_a_node(real):
    """A peer sends MEET and gets PONG, PING, PUBLISH: what is unpacked and packed again is the same bytes."""
    with start_server(conf=CLUSTER, real=real) as s, socket.create_connection(("127.0.0.1", s.port + 10000)) as out:
        peer = Peer()
        out.settimeout(10)
        out.sendall(peer.packet(CLUSTERMSG_TYPE_MEET, []))
        packets = [read_packet(out)]
        back, _ = peer.listener.accept()
        with back:
            back.settimeout(10)
            packets.append(read_packet(back))
            back.sendall(peer.packet(CLUSTERMSG_TYPE_PONG, []))
            assert wait_until(lambda: any(n["id"] == "f" * 40 and n["connected"] for n in cluster_nodes(s)), 10)
            ask(s, "PUBLISH", "channel", "message")
            packets.append(read_packet(back))
            while clusterMsg_start(packets[-1])[4] != CLUSTERMSG_TYPE_PUBLISH:
                packets.append(read_packet(back))
        assert [clusterMsg_start(p)[4] for p in packets[:2]] == [CLUSTERMSG_TYPE_PONG, CLUSTERMSG_TYPE_PING]
        for packet in packets:
            hdr = clusterMsg_unpack(packet)
            assert hdr.sender.decode() == my_id(s) and hdr.port == s.port and hdr.cport == s.port + 10000
            assert clusterMsg_pack(hdr) == packet
        assert hdr.data.channel == b"channel" and hdr.data.message == b"message"
        peer.close()


def test_hostile_bytes_on_the_bus():
    """What is no packet closes its link, and nothing else happens."""
    with start_server(conf=CLUSTER) as s:
        peer = Peer()
        good = bytearray(peer.packet(CLUSTERMSG_TYPE_PING, []))
        for change in (b"XXmb", b"RCmb\0\0\0\7", b"RCmb\xff\xff\xff\xff"):
            with socket.create_connection(("127.0.0.1", s.port + 10000)) as sock:
                sock.settimeout(5)
                sock.sendall((change + bytes(good[len(change):]))[:8])
                if change[4:] != b"\xff\xff\xff\xff":
                    assert sock.recv(1) == b""
                else:
                    sock.sendall(b"x" * 100000)                     # it claims 4 GB: the node waits for them
        fail = peer.packet(CLUSTERMSG_TYPE_FAIL, type("about", (), {"nodename": b"\n" * 40}))
        with socket.create_connection(("127.0.0.1", s.port + 10000)) as sock:
            sock.settimeout(5)
            sock.sendall(fail + bytes(good))
            assert read_packet(sock)                                # the PING behind it is answered
        assert len(cluster_nodes(s)) == 1 and "xception" not in s.log()
        peer.close()


@needs_real
@pytest.mark.parametrize("writer", [False, True])
def test_nodes_conf_of_the_other(writer):
    """One writes nodes.conf, the other starts with it, and shows the same nodes."""
    nodes = start_nodes(3, lambda i: writer)
    try:
        ask(nodes[0], "CLUSTER", "ADDSLOTS", *range(100), 200, *range(300, 310))
        for other in nodes[1:]:
            ask(nodes[0], "CLUSTER", "MEET", "127.0.0.1", other.port)
        assert wait_until(lambda: all(len(cluster_nodes(n)) == 3 and "handshake" not in str(cluster_nodes(n)) for n in nodes))
        ask(nodes[1], "CLUSTER", "REPLICATE", my_id(nodes[0]))
        ask(nodes[0], "CLUSTER", "SETSLOT", 5, "MIGRATING", my_id(nodes[2]))
        ask(nodes[0], "CLUSTER", "SETSLOT", 6000, "IMPORTING", my_id(nodes[2]))
        ask(nodes[0], "CLUSTER", "BUMPEPOCH")
        assert wait_until(lambda: any(n["master"] == my_id(nodes[0]) for n in cluster_nodes(nodes[0])))
        before = sorted((n["id"], n["master"], n["slots"]) for n in cluster_nodes(nodes[0]))
        epoch = info(nodes[0])["cluster_current_epoch"]
        ask(nodes[0], "CLUSTER", "SAVECONFIG")
        for n in nodes:
            n.kill9()
        nodes[0].real = not writer
        nodes[0].start()
        assert sorted((n["id"], n["master"], n["slots"]) for n in cluster_nodes(nodes[0])) == before
        assert info(nodes[0])["cluster_current_epoch"] == epoch
    finally:
        for n in nodes:
            n.cleanup()


# ---------------------------------------------------------------- one node beside the real one

WORDS = ("ME", "x" * 40, "x", "", "0", "5", "15891", "16384", "-1", "1.5", "99999999999999999999", "FORCE", "HARD", "SOFT",
         "MIGRATING", "STABLE", "a\r\nb", "\0")
SUBCOMMANDS = ("BUMPEPOCH COUNT-FAILURE-REPORTS COUNTKEYSINSLOT FAILOVER FLUSHSLOTS FORGET GETKEYSINSLOT HELP INFO KEYSLOT MYID "
               "NODES REPLICAS REPLICATE SAVECONFIG SET-CONFIG-EPOCH SETSLOT SLAVES SLOTS LINKS SHARDS ADDSLOTS nosuch").split()
OTHERS = [line.split(" ") for line in """CLUSTER|ASKING|READONLY|READWRITE|SELECT 1|SELECT 0|MOVE k1 1|COPY k1 k2 DB 1|SWAPDB 0 1
REPLICAOF 127.0.0.1 1|FAILOVER|MGET k1 k2|MGET {t}1 {t}2|SORT k BY x*|SORT k GET x*|EVAL redis.call('get','k1') 2 k1 k2
EVAL redis.call('mget','k1','k2') 0|EVAL redis.call('cluster','info') 0|CLUSTER DELSLOTS 0|CLUSTER DELSLOTS 12182 0
CLUSTER DELSLOTS 12182 5 5|CLUSTER INFO|SET foo 1|CLUSTER DELSLOTS 12182|SET foo 1|CLUSTER NODES|CLUSTER SLOTS
CLUSTER ADDSLOTS 0 16384|CLUSTER ADDSLOTS 0 0|CLUSTER ADDSLOTS 0 1|CLUSTER MEET localhost 1|CLUSTER MEET 1.2.3.4 x
CLUSTER MEET 1.2.3.4 0|CLUSTER MEET 1.2.3.4 56000|CLUSTER MEET 1.2.3.4 7000 x|CLUSTER MEET 1.2.3.4|CONFIG GET cluster*
MULTI|SET k1 2|SET k2 2|EXEC|MULTI|SET k1 2|CLUSTER MYID|EXEC|MULTI|MGET k1 k2|EXEC|INFO cluster|ROLE
CLUSTER SETSLOT 5 MIGRATING ME|CLUSTER SETSLOT 5 IMPORTING ME|CLUSTER SETSLOT 5 NODE ME|CLUSTER SETSLOT 5 STABLE|CLUSTER RESET x
CLUSTER RESET|FLUSHALL|CLUSTER RESET SOFT|CLUSTER INFO|CLUSTER SET-CONFIG-EPOCH 7|CLUSTER BUMPEPOCH|CLUSTER FLUSHSLOTS|CLUSTER NODES
CLUSTER RESET HARD|CLUSTER INFO""".replace("\n", "|").split("|")]


@needs_real
def test_a_lone_node_beside_the_real_one():
    """Every subcommand with good and bad words: the replies are the same, but for ids, ports and times."""
    nodes = start_nodes(2, lambda i: i == 1)
    clients = [n.resp() for n in nodes]
    ids = [my_id(n) for n in nodes]

    def norm(reply, node, myid):
        if isinstance(reply, RespError):
            reply = reply.text.encode("utf-8", "surrogateescape")
        if isinstance(reply, bytes):
            reply = reply.replace(myid.encode(), b"ME").replace(b"%d" % (node.port + 10000), b"BUS")
            return re.sub(rb"master - 0 \d+", b"master - 0 N", reply.replace(b"%d" % node.port, b"PORT"))
        if isinstance(reply, list):
            return [norm(r, node, myid) for r in reply]
        return "PORT" if reply == node.port else reply

    def same(*words):
        replies = [norm(c.execute(*[myid if w == "ME" else w for w in words]), n, myid)
                   for c, n, myid in zip(clients, nodes, ids)]
        if words[1:2] == ("GETKEYSINSLOT",) and isinstance(replies[0], list):
            replies = [len(r) for r in replies]                     # D-90: another order
        assert replies[0] == replies[1], words

    try:
        same("CLUSTER", "ADDSLOTS", *range(16384))
        assert wait_until(lambda: all(info(n)["cluster_state"] == "ok" for n in nodes))
        for i in range(20):
            same("SET", "k%d" % i, i)
            same("SET", "{t}%d" % i, i)
        for sub in SUBCOMMANDS:
            same("CLUSTER", sub)
            for a in WORDS:
                if (sub, a) != ("KEYSLOT", "ME"):
                    same("CLUSTER", sub.lower(), a)
                for b in WORDS[:9]:
                    same("CLUSTER", sub, a, b)
        for words in OTHERS:
            same(*words)
        assert "xception" not in nodes[0].log()
    finally:
        for c in clients:
            c.close()
        for n in nodes:
            n.cleanup()


# ---------------------------------------------------------------- whole clusters

def write(nodes, n):
    import redis
    with redis.RedisCluster(host="127.0.0.1", port=nodes[0].port) as rc:
        for i in range(n):
            rc.set("key:%d" % i, i)
        return [i for i in range(n) if rc.get("key:%d" % i) != b"%d" % i]


def role(node, id_):
    return next("master" if "master" in n["flags"] else "slave" for n in cluster_nodes(node) if n["id"] == id_)


@pytest.mark.parametrize("real", KINDS)
def test_failover(real):
    """Kill a master: its replica takes over; it comes back as a replica; a manual failover gives it its place again."""
    with start_cluster(3, 1, real) as nodes:
        assert write(nodes, 100) == []
        master, replica = nodes[0], nodes[3]
        mine, its = my_id(master), my_id(replica)
        assert wait_until(lambda: ask(replica, "DBSIZE") == ask(master, "DBSIZE"))
        master.kill9()
        assert wait_until(lambda: role(nodes[1], its) == "master", 60)
        assert wait_until(lambda: agree(nodes[1:]), 60)
        assert write(nodes[1:], 100) == []
        master.start()
        assert wait_until(lambda: role(replica, mine) == "slave" and agree(nodes), 60)
        assert wait_until(lambda: b"master_link_status:up" in ask(master, "INFO", "replication"))
        fail_over(master)
        assert wait_until(lambda: role(replica, mine) == "master" and agree(nodes), 60)
        assert write(nodes, 100) == []
        assert wait_until(lambda: ask(master, "DEBUG", "DIGEST") == ask(replica, "DEBUG", "DIGEST"))
        for node in nodes:
            assert "xception" not in node.log()


def test_redirections_and_publish():
    with start_cluster(3, 1) as nodes:
        owner = {12182: nodes[2], 5061: nodes[0]}                   # foo, bar
        with nodes[0].resp() as c, nodes[5].resp() as replica, nodes[1].resp() as subscriber:
            assert c.execute("GET", "foo") == RespError("MOVED 12182 127.0.0.1:%d" % nodes[2].port)
            assert c.execute("MGET", "foo", "bar") == RespError("CROSSSLOT Keys in request don't hash to the same slot")
            assert c.execute("SET", "bar", 1) == b"OK"
            # A replica serves reads after READONLY.
            ask(owner[12182], "SET", "foo", "x")
            assert wait_until(lambda: ask(nodes[5], "DBSIZE") == 1)
            assert replica.execute("GET", "foo").text.startswith("MOVED 12182 ")
            assert replica.execute("READONLY") == b"OK" and replica.execute("GET", "foo") == b"x"
            assert replica.execute("SET", "foo", 1).text.startswith("MOVED 12182 ")
            assert replica.execute("READWRITE") == b"OK" and replica.execute("GET", "foo").text.startswith("MOVED 12182 ")
            # A message goes to all nodes.
            subscriber.execute("SUBSCRIBE", "news")
            assert c.execute("PUBLISH", "news", "hello") == 0       # nobody on this node
            assert subscriber.read_reply() == [b"message", b"news", b"hello"]


@pytest.mark.skipif(not redis_cli_path(), reason="no redis-cli here")
@pytest.mark.parametrize("real", [KINDS[0], pytest.param(lambda i: i % 2, id="mixed", marks=needs_real)])
def test_slots_move(real):
    """redis-cli reshards, repairs a slot that is half moved, and removes a node; no key is lost."""
    def cli(*args):
        run = subprocess.run([redis_cli_path(), "--cluster"] + [str(a) for a in args], capture_output=True, text=True, check=False,
                             timeout=120)
        assert run.returncode == 0, run.stdout[-2000:] + run.stderr
        return run.stdout

    with start_cluster(3, 0, real) as nodes:
        address = ["127.0.0.1:%d" % n.port for n in nodes]
        assert write(nodes, 300) == []
        cli("reshard", address[0], "--cluster-from", my_id(nodes[0]), "--cluster-to", my_id(nodes[1]), "--cluster-slots", 50,
            "--cluster-yes")
        assert wait_until(lambda: agree(nodes))
        # foo is half on its way, from the third node to the second one.
        ask(nodes[2], "SET", "foo", "bar")
        ask(nodes[1], "CLUSTER", "SETSLOT", 12182, "IMPORTING", my_id(nodes[2]))
        ask(nodes[2], "CLUSTER", "SETSLOT", 12182, "MIGRATING", my_id(nodes[1]))
        with nodes[2].resp() as c, nodes[1].resp() as d:
            assert c.execute("GET", "{foo}2") == RespError("ASK 12182 " + address[1])
            assert d.execute("GET", "{foo}2") == RespError("MOVED 12182 " + address[2])
            assert d.execute("ASKING") == b"OK" and d.execute("SET", "{foo}2", "new") == b"OK"
            assert d.execute("GET", "{foo}2").text.startswith("MOVED")          # ASKING counts once
            assert d.execute("ASKING") == b"OK"
            assert d.execute("MGET", "foo", "{foo}2") == RespError("TRYAGAIN Multiple keys request during rehashing of slot")
            assert c.execute("MGET", "foo", "{foo}2") == RespError("ASK 12182 " + address[1])
        assert "Fixing open slot 12182" in cli("fix", address[0])
        assert wait_until(lambda: agree(nodes))
        # A fourth node comes, gets a few slots, gives them back, and goes.
        fourth = start_nodes(1, real and (lambda i: not real(0)))[0]
        try:
            cli("add-node", "127.0.0.1:%d" % fourth.port, address[0])
            assert wait_until(lambda: agree(nodes + [fourth]))
            low = [b"%d" % i for i in range(20000) if keyHashSlot(b"%d" % i) < 50]
            for key in low:                                         # in the slots that will move
                ask(nodes[1], "SET", key, key)
            cli("reshard", address[0], "--cluster-from", my_id(nodes[1]), "--cluster-to", my_id(fourth), "--cluster-slots", 100,
                "--cluster-yes")
            assert wait_until(lambda: agree(nodes + [fourth]))
            assert ask(fourth, "DBSIZE") >= len(low) > 10 and write(nodes, 300) == []
            cli("reshard", address[0], "--cluster-from", my_id(fourth), "--cluster-to", my_id(nodes[0]), "--cluster-slots", 100,
                "--cluster-yes")
            assert wait_until(lambda: agree(nodes + [fourth]))
            cli("del-node", address[0], my_id(fourth))
        finally:
            fourth.cleanup()
        assert wait_until(lambda: agree(nodes))
        assert "[OK] All 16384 slots covered" in cli("check", address[1])
        assert write(nodes, 300) == []
        import redis
        with redis.RedisCluster(host="127.0.0.1", port=nodes[1].port) as rc:
            assert rc.mget("foo", "{foo}2") == [b"bar", b"new"]


def test_tls(tmp_path):
    """tls-cluster: bus, replication and MIGRATE talk TLS, plain clients hear of the plain ports; a failover works."""
    certs = make_certs(tmp_path)
    nodes = []
    try:
        for _ in range(4):
            tls_port, port = free_port(), free_port()
            conf = dict(certs.conf(tls_port), **CLUSTER)
            conf.update({"port": port, "tls-cluster": "yes", "tls-replication": "yes"})
            node = ServerProcess(conf=conf, port=port)
            node.tls_port = tls_port
            nodes.append(node.start())
        for i, node in enumerate(nodes[:3]):
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            ask(node, "CLUSTER", "ADDSLOTS", *range(16384 * i // 3, 16384 * (i + 1) // 3))
        for node in nodes[1:]:
            ask(nodes[0], "CLUSTER", "MEET", "127.0.0.1", node.tls_port)
        assert wait_until(lambda: all(len(cluster_nodes(n)) == 4 and "handshake" not in str(cluster_nodes(n)) for n in nodes), 60)
        ask(nodes[3], "CLUSTER", "REPLICATE", my_id(nodes[0]))
        assert wait_until(lambda: agree(nodes), 60)
        assert sorted(n["port"] for n in cluster_nodes(nodes[0])) == sorted(n.port for n in nodes)
        with nodes[0].resp() as c:
            assert c.execute("GET", "foo") == RespError("MOVED 12182 127.0.0.1:%d" % nodes[2].port)
            assert c.execute("SET", "bar", 1) == b"OK"
        assert write(nodes, 50) == []
        with open(os.path.join(nodes[0].dir, "nodes.conf"), encoding="utf-8") as f:
            assert ":%d@%d" % (nodes[1].tls_port, nodes[1].tls_port + 10000) in f.read()
        assert wait_until(lambda: ask(nodes[3], "DBSIZE") == ask(nodes[0], "DBSIZE"))
        # What does not speak TLS does not get in.
        with socket.create_connection(("127.0.0.1", nodes[0].tls_port + 10000)) as sock:
            sock.settimeout(10)
            peer = Peer()
            sock.sendall(peer.packet(CLUSTERMSG_TYPE_PING, []))
            peer.close()
            with contextlib.suppress(ConnectionError):
                assert sock.recv(4) != b"RCmb"
        its = my_id(nodes[3])
        nodes[0].kill9()
        assert wait_until(lambda: role(nodes[1], its) == "master" and agree(nodes[1:]), 40)
    finally:
        for node in nodes:
            node.cleanup()


def test_two_processes_cannot_share_nodes_conf():
    with start_server(conf=CLUSTER) as s:
        other = subprocess.run([sys.executable, "-m", "server", "--port", str(free_port()), "--dir", s.dir, "--cluster-enabled", "yes"],
                               capture_output=True, text=True, check=False, cwd=s.dir, env=dict(os.environ, PYTHONPATH=ROOT), timeout=20)
        assert other.returncode == 1 and "is already used by a different Redis Cluster node" in other.stdout
        s.kill9()
        s.start()                                                   # the lock is gone with the process
