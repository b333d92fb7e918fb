"""cluster.py - clusters of real processes, for tests.  `make cluster` is server/study/lab.py.

    with start_cluster(masters=3, replicas=1, real=lambda i: i % 2) as nodes:     # ServerProcess each; real: C's server
        cluster_nodes(nodes[0])                                                   # CLUSTER NODES as dicts
"""
import contextlib
import os
import shutil
import time

from tests.support.resp import RespError
from tests.support.server import ROOT, ServerProcess, free_port

CLUSTER_SLOTS = 16384


def wait_until(condition, timeout=60, step=0.05):
    """Wait until condition() is true; return its value, or False after `timeout` seconds."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(step)
    return False


def ask(node, *words):
    """Run one command on a node -> its reply; raises an error reply."""
    with node.resp() as c:
        reply = c.execute(*words)
    if isinstance(reply, RespError):
        raise reply
    return reply


def fail_over(replica, tries=5):
    """Make `replica` a master by CLUSTER FAILOVER; again where that has timed out, as it does after 5 s on an overloaded machine."""
    for _ in range(tries):
        if ask(replica, "ROLE")[0] == b"master":
            return
        ask(replica, "CLUSTER", "FAILOVER")
        if wait_until(lambda: ask(replica, "ROLE")[0] == b"master", 12):
            return
    raise RuntimeError("no failover:\n" + replica.log()[-2000:])


def info(node):
    """Return CLUSTER INFO as a dict of str."""
    return dict(line.split(":", 1) for line in ask(node, "CLUSTER", "INFO").decode().splitlines() if line)


def cluster_nodes(node):
    """Return CLUSTER NODES as a list of dicts: id, port, flags, master, epoch, connected, slots (words)."""
    found = []
    for line in ask(node, "CLUSTER", "NODES").decode().splitlines():
        words = line.split()
        found.append({"id": words[0], "port": int(words[1].partition("@")[0].rpartition(":")[2]),
                      "flags": words[2].split(","), "master": words[3], "epoch": int(words[6]),
                      "connected": words[7] == "connected", "slots": words[8:]})
    return found


def view(node):
    """What all nodes must agree on: {id: (port, role, master, slots, epoch)}, nodes that have failed included."""
    return {n["id"]: (n["port"], "slave" if "slave" in n["flags"] else "master", n["master"],
                      tuple(s for s in n["slots"] if not s.startswith("[")), n["epoch"]) for n in cluster_nodes(node)}


def agree(nodes):
    """True if the state is ok for all nodes, they see the same cluster, and all masters with slots have their own epoch."""
    try:
        views = [view(n) for n in nodes]
        states = [info(n)["cluster_state"] for n in nodes]
    except (OSError, RespError):
        return False
    epochs = [n[4] for n in views[0].values() if n[1] == "master" and n[3]]
    return all(v == views[0] for v in views) and set(states) == {"ok"} and len(set(epochs)) == len(epochs)


def my_id(node):
    return ask(node, "CLUSTER", "MYID").decode()


def cpu_seconds(node):
    """CPU time that the process of a node has used, s."""
    with open("/proc/%d/stat" % node.pid, encoding="latin-1") as f:
        words = f.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident(node):
    """Bytes of memory that the process of a node has."""
    with open("/proc/%d/statm" % node.pid, encoding="latin-1") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def slot_range(master, masters):
    """The slots of the master number `master`, evenly shared."""
    return range(CLUSTER_SLOTS * master // masters, CLUSTER_SLOTS * (master + 1) // masters)


def join(nodes, masters, timeout=30):
    """Make one cluster of running nodes: the first `masters` share the slots, the others replicate them in turn."""
    for i, node in enumerate(nodes):
        ask(node, "CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        if i < masters:
            ask(node, "CLUSTER", "ADDSLOTS", *slot_range(i, masters))
    for node in nodes[1:]:
        ask(nodes[0], "CLUSTER", "MEET", "127.0.0.1", *getattr(node, "announced", (node.port,)))
    known = wait_until(lambda: all(len([n for n in cluster_nodes(node) if "handshake" not in n["flags"]]) == len(nodes)
                                   for node in nodes), timeout)
    if not known:
        raise RuntimeError("the nodes do not know each other:\n" + "\n".join(n.log()[-1000:] for n in nodes))
    for i, node in enumerate(nodes[masters:]):
        ask(node, "CLUSTER", "REPLICATE", my_id(nodes[i % masters]))
    if not wait_until(lambda: agree(nodes), timeout):
        raise RuntimeError("no agreement:\n" + ask(nodes[0], "CLUSTER", "NODES").decode())


def start_nodes(count, real=None, conf=None, port=None, directory=None):
    """Start nodes that do not know each other -> [ServerProcess]; real(i) says which of them are C's."""
    nodes = []
    for i in range(count):
        settings = {"cluster-enabled": "yes", "cluster-node-timeout": "3000", "appendonly": "yes"}
        settings.update(conf or {})
        folder = None
        if directory:
            folder = os.path.join(directory, str(port + i))
            os.makedirs(folder)
        nodes.append(ServerProcess(conf=settings, real=bool(real and real(i)), port=port + i if port else free_port(),
                                   directory=folder))
    try:
        for node in nodes:
            node.start(wait=False)
        for node in nodes:
            node.wait_ready()
    except BaseException:
        for node in nodes:
            node.cleanup()
        raise
    return nodes


@contextlib.contextmanager
def start_cluster(masters=3, replicas=1, real=None, conf=None):
    """A cluster that is ready, masters first; all of it is ended at the end."""
    nodes = start_nodes(masters * (1 + replicas), real, conf)
    try:
        join(nodes, masters)
        yield nodes
    finally:
        for node in nodes:
            node.kill9()
            node.cleanup()


def redis_cli_path():
    """The real redis-cli, or None."""
    path = os.path.join(ROOT, ".redis-suite", "redis-cli")
    return shutil.which("redis-cli") or (path if os.path.exists(path) else None)
