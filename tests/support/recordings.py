"""recordings.py - the recordings that docs/study.md links: docs/recordings/*.jsonl.       `make recordings`

    python -m tests.support.recordings [NAME ...]      set rehash fork psync failover partition; all by default

Each starts the servers that it needs, does what the lab of that name asks for, and writes what a page of aeredis-view gets
meanwhile.  A file has at most 300 KB: of servers that only wait, the turns of the loop are left out.
"""
import contextlib
import os
import sys
import time

from server.study.lab import LabSet
from server.study.recording import Recorder
from server.study.trace_client import Lab, Refused, Target
from server.study.view import describe_all
from server.study.view_nodes import viewNode

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "docs", "recordings")
MAX = 300 * 1024                       # bytes of a file
WAIT = 60                              # s for each step
#: What is kept of many servers: packets, decisions, and what is written.
POINTS_OF_MANY = frozenset("""clusterProcessPacket clusterHandleSlaveFailover sentinelEvent sentinelHandleRedisInstance call aofWrite
    syncWithMaster readSyncBulkPayload replicationSendAck""".split())
VIEWS_OF_MANY = ("AOF", "REPL", "CLUSTER", "SENTINEL")


def until(condition, otherwise):
    """Wait for a condition.  Refused with `otherwise` when it does not come."""
    end = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > end:
            raise Refused(otherwise)
        time.sleep(0.4)


def replying(node, *words):
    """Run a command -> what redis-cli would print; "" where the server does not answer"""
    with contextlib.suppress(Refused):
        return node.execute(list(words))[0]
    return ""


@contextlib.contextmanager
def pair(name, command, keys=(), options=()):
    """Yield (master, replica) of a Lab that is recorded."""
    with Lab(options) as lab:
        nodes = [viewNode(n, Target(port=port)) for n, port in zip(("master", "replica"), lab.ports)]
        describe_all(nodes)
        with Recorder(nodes, os.path.join(FOLDER, name + ".jsonl"), command, keys):
            yield nodes


@contextlib.contextmanager
def set_of(name, kind, command, **sizes):
    """Yield (LabSet, its nodes) of a set that is recorded."""
    with LabSet(kind, **sizes) as lab:
        nodes = [viewNode("n%d" % n.number, Target(n.host, n.port)) for n in lab.nodes]
        describe_all(nodes)
        with Recorder(nodes, os.path.join(FOLDER, name + ".jsonl"), command, points=POINTS_OF_MANY, only=VIEWS_OF_MANY):
            yield lab, nodes


def record_set():
    """Follow one SET to the disk and to the replica."""
    with pair("set", "SET user:1001 zhangsan", ["user:1001"]) as (master, _):
        replying(master, "SET", "user:1001", "zhangsan")
        time.sleep(2.5)                                # everysec and the next ACK


def record_rehash():
    """Fill a database until its table grows; each look-up moves a bucket."""
    with pair("rehash", "SET key:0 .. key:16, then GET key:0", ["key:0"], ["--activerehashing", "no"]) as (master, _):
        for i in range(17):
            replying(master, "SET", "key:%d" % i, str(i))
        for _ in range(8):
            time.sleep(0.25)
            replying(master, "GET", "key:0")


def record_fork():
    """Write while a child saves: BGREWRITEAOF, slowed down to 50 ms for each key."""
    with pair("fork", "BGREWRITEAOF", ["after"], ["--rdb-key-save-delay", "50000"]) as (master, _):
        for i in range(20):
            replying(master, "SET", "k%d" % i, "v")
        replying(master, "BGREWRITEAOF")
        time.sleep(0.5)
        replying(master, "SET", "after", "the fork")
        until(lambda: "aof_rewrite_in_progress:0" in replying(master, "INFO", "persistence"), "the rewrite does not end")
        time.sleep(0.5)


def record_psync():
    """Cut the link of a replica: a partial resynchronisation; then a full one, since the backlog is too short."""
    with pair("psync", "CLIENT KILL TYPE replica, twice", ["k"], ["--repl-backlog-size", "16kb"]) as (master, replica):
        def online():
            return "state=online" in replying(master, "INFO", "replication")
        replying(master, "SET", "k", "1")
        time.sleep(0.5)
        replying(master, "CLIENT", "KILL", "TYPE", "replica")
        until(lambda: "sync_partial_ok:1" in replying(master, "INFO", "stats") and online(), "no partial resynchronisation")
        time.sleep(0.5)
        replying(master, "CLIENT", "KILL", "TYPE", "replica")
        for _ in range(3):
            replying(master, "SET", "k", "x" * 10000)
        until(lambda: "sync_full:2" in replying(master, "INFO", "stats") and online(), "no full resynchronisation")
        time.sleep(1)


def record_failover():
    """Kill a master that three Sentinels watch."""
    with set_of("failover", "sentinel", "kill 1", masters=1, replicas=2, sentinels=3) as (lab, nodes):
        sentinel = next(view for view, n in zip(nodes, lab.nodes) if n.role == "sentinel")
        before = replying(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
        time.sleep(0.5)
        lab.kill(1)
        until(lambda: replying(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster") not in ("", before), "no failover")
        time.sleep(2)


def record_partition():
    """Put a master of a cluster into the minority: what it confirms is lost after heal."""
    with set_of("partition", "cluster", "isolate 1, SET {06S}0 lost, heal") as (lab, nodes):
        replying(nodes[1], "PING")
        lab.isolate(1)
        for i in range(3):
            replying(nodes[0], "SET", "{06S}%d" % i, "lost")                # a slot of the first master
        until(lambda: any("myself,master" in replying(n, "CLUSTER", "NODES") for n in nodes[3:]), "no replica takes over")
        lab.heal()
        until(lambda: "myself,slave" in replying(nodes[0], "CLUSTER", "NODES"), "the old master does not follow")
        time.sleep(1)


RECORDINGS = {"set": record_set, "rehash": record_rehash, "fork": record_fork, "psync": record_psync, "failover": record_failover,
              "partition": record_partition}


def main():
    os.makedirs(FOLDER, exist_ok=True)
    names = sys.argv[1:] or list(RECORDINGS)
    for name in names:
        if name not in RECORDINGS:
            sys.exit("there is no recording %s: %s" % (name, " ".join(RECORDINGS)))
    for name in names:
        try:
            RECORDINGS[name]()
        except Refused as refused:
            sys.exit("%s: %s" % (name, refused))
        path = os.path.join(FOLDER, name + ".jsonl")
        size = os.path.getsize(path)
        print("%s: %d bytes" % (path, size), flush=True)
        if size > MAX:
            sys.exit("it is longer than %d bytes" % MAX)


if __name__ == "__main__":
    main()
