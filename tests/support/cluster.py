"""cluster.py - clusters of real processes, for tests and for `make cluster`.

    with start_cluster(masters=3, replicas=1, real=lambda i: i % 2) as nodes:     # ServerProcess each; real: C's server
        cluster_nodes(nodes[0])                                                   # CLUSTER NODES as dicts

    python -m tests.support.cluster [--masters 3] [--replicas 1] [--port 7000] [--real] [--mix]

The second form runs until Ctrl-C, prints what to try, and leaves nothing behind.
"""
import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from tests.support.resp import RespError
from tests.support.server import ROOT, ServerProcess, free_port, real_server_path

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


# ----------------------------------------------------------------------------
# make cluster
# ----------------------------------------------------------------------------

def redis_cli_path():
    """The real redis-cli, or None."""
    path = os.path.join(ROOT, ".redis-suite", "redis-cli")
    return shutil.which("redis-cli") or (path if os.path.exists(path) else None)


def free_ports(first, count):
    """Return the first of `count` ports in a row that are free, with those of the bus, from `first` on."""
    while first + count < 55535:
        for port in range(first, first + count):
            try:
                for p in (port, port + 10000):
                    with socket.socket() as s:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        s.bind(("127.0.0.1", p))
            except OSError:
                first = port + 1
                break
        else:
            return first
    sys.exit("no %d free ports in a row" % count)


def introduce(nodes, by_port, cli):
    """Print who is there and what to try; `by_port` is what CLUSTER NODES says."""
    names = {n["id"]: n["port"] for n in by_port.values()}
    print("\n%-6s %-8s %-6s %-12s %s" % ("port", "role", "pid", "slots", "id"))
    for node in nodes:
        seen = by_port[node.port]
        is_master = "master" in seen["flags"]
        print("%-6d %-8s %-6d %-12s %s%s" % (node.port, "master" if is_master else "replica", node.pid,
                                             " ".join(seen["slots"]) if is_master else "of %d" % names[seen["master"]],
                                             seen["id"], "  (real Redis)" if node.real else ""))
    cli = cli or "redis-cli"
    first = nodes[0]
    print("""
Try:
  {cli} -p {port} set foo bar              # -MOVED: the slot of foo is elsewhere
  {cli} -c -p {port} set foo bar           # with -c the client follows
  {cli} -p {port} cluster nodes            # who is who
  {cli} --cluster check 127.0.0.1:{port}
  {cli} --cluster reshard 127.0.0.1:{port}
  kill -9 {pid}                        # a master: its replica is elected within seconds
  {start} {conf}     # and back it comes, as a replica
  {cli} -p {replica} cluster failover         # a replica takes over, nothing is lost

The logs: {logs}
Ctrl-C ends all nodes and removes their files.""".format(
        cli=cli, port=first.port, pid=first.pid, replica=nodes[-1].port, start="%s -m server" % sys.executable,
        conf=first.conffile, logs=os.path.join(os.path.dirname(first.dir), "*", "stdout")), flush=True)


def still_alive(nodes):
    """Pids that listen as our nodes, those that were started again by hand included."""
    pids = []
    for node in nodes:
        with contextlib.suppress(OSError, RespError, ValueError):
            text = ask(node, "INFO", "server").decode()
            pid = int(text.partition("process_id:")[2].split()[0])
            if node.conffile in text or pid == node.pid:
                pids.append(pid)
    return pids


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.support.cluster")
    parser.add_argument("--masters", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=1, help="of each master")
    parser.add_argument("--port", type=int, default=7000, help="the first one")
    parser.add_argument("--real", action="store_true", help="C's redis-server")
    parser.add_argument("--mix", action="store_true", help="every second node is C's")
    args = parser.parse_args()
    if args.masters < 1 or args.replicas < 0:
        sys.exit("at least one master")
    if (args.real or args.mix) and not real_server_path():
        sys.exit("no redis-server on PATH: install Redis 6.2, or set REDIS_SERVER_BIN")

    for signum in (signal.SIGINT, signal.SIGTERM):     # SIGINT: a shell's background job has it ignored
        signal.signal(signum, signal.default_int_handler)

    folder = tempfile.mkdtemp(prefix="aeredis-cluster-")
    nodes = []
    try:
        count = args.masters * (1 + args.replicas)
        port = free_ports(args.port, count)
        print("starting %d nodes on ports %d-%d" % (count, port, port + count - 1), flush=True)
        nodes = start_nodes(count, lambda i: args.real or (args.mix and i % 2), {"appendonly": "no"}, port, folder)
        cli = redis_cli_path()
        if cli and args.masters >= 3:
            out = subprocess.run([cli, "--cluster", "create"] + ["127.0.0.1:%d" % n.port for n in nodes]
                                 + ["--cluster-replicas", str(args.replicas), "--cluster-yes"], capture_output=True, text=True,
                                 check=False)
            if out.returncode:
                sys.exit(out.stdout + out.stderr)
            print("joined by %s --cluster create" % cli)
        else:
            join(nodes, args.masters)
            print("joined by CLUSTER MEET, ADDSLOTS, REPLICATE")
        if not wait_until(lambda: agree(nodes), 30):
            sys.exit("the nodes do not agree:\n" + ask(nodes[0], "CLUSTER", "NODES").decode())
        by_port = {n["port"]: n for n in cluster_nodes(nodes[0])}
        nodes.sort(key=lambda n: "slave" in by_port[n.port]["flags"])
        introduce(nodes, by_port, cli)
        while True:
            for node in nodes:
                if node.process.poll() is not None and not getattr(node, "told", False):
                    node.told = True
                    print("node %d has ended" % node.port, flush=True)
            time.sleep(0.5)
    except KeyboardInterrupt:
        print("\nending all nodes", flush=True)
    finally:
        for pid in still_alive(nodes):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for node in nodes:
            node.kill9()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
