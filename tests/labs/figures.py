"""figures.py - how long a failover takes, and how many confirmed writes it loses: ours beside C's.

    python -m tests.labs.figures [--runs 3]        the table of docs/labs/README.md; C's where there is a redis-server

A client writes every 10 ms to a master of a cluster that is isolated; a master that Sentinels watch is killed and comes back.
"""
import argparse
import contextlib
import time

from server.study.lab import LabSet, real_server
from server.study.trace_client import Refused, ServerError

KEY = "bar"                            # slot 5061: of node 1, whose replica is node 4
LIMIT = 120                            # s


def wait(condition):
    """Wait until condition() is true -> the seconds that it took"""
    start = time.monotonic()
    while True:
        with contextlib.suppress(Refused):               # Sentinel disconnects the clients of a server that it makes a replica
            if condition():
                return time.monotonic() - start
        if time.monotonic() - start > LIMIT:
            raise SystemExit("it does not come within %d s" % LIMIT)
        time.sleep(0.01)


def cluster(real):
    """Isolate a master -> (writes confirmed and lost, s until it refuses, s until its replica is master, s after the heal until it obeys)"""
    with LabSet("cluster", real=real, conf={"cluster-node-timeout": "3000"}) as lab:
        one, four = lab.nodes[0], lab.nodes[3]
        one.ask("SET", KEY, "safe")
        wait(lambda: four.ask("ROLE")[3] == b"connected")
        time.sleep(1)                                    # the replica has it
        client = one.connect()
        lab.isolate(1)
        start = time.monotonic()
        confirmed, refused, taken = 0, None, None
        while refused is None or taken is None:
            now = time.monotonic() - start
            if now > LIMIT:
                raise SystemExit("no failover within %d s" % LIMIT)
            if not isinstance(client.execute("SET", KEY, "lost-%d" % confirmed), ServerError):
                confirmed += 1
            else:
                refused = refused or now
            if four.ask("ROLE")[0] == b"master":
                taken = taken or now
            time.sleep(0.01)
        client.close()
        lab.heal()
        obeys = wait(lambda: one.ask("ROLE")[0] == b"slave")
        wait(lambda: b"cluster_state:ok" in four.ask("CLUSTER", "INFO"))
        lost = confirmed if four.ask("GET", KEY) == b"safe" else 0
        return lost, refused, taken, obeys


def sentinel(real):
    """Kill a master and start it again -> (s until the Sentinels name another, s until the old one is its replica)"""
    with LabSet("sentinel", masters=1, replicas=2, real=real, down_after=2000) as lab:
        watcher = next(node for node in lab.nodes if node.role == "sentinel")
        before = watcher.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
        lab.kill(1)
        switched = wait(lambda: watcher.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster") != before)
        lab.restart(1)
        return switched, wait(lambda: lab.nodes[0].ask("ROLE")[0] == b"slave")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.labs.figures")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    for name, real in (("C", "all"), ("aeredis", None)):
        if real and real_server() is None:
            continue
        rows = [cluster(real) + sentinel(real) for _ in range(args.runs)]
        for what, values in zip(("confirmed writes lost", "minority refuses, s", "replica is master, s", "old master obeys, s",
                                 "Sentinels have switched, s", "old master is a replica, s"), zip(*rows)):
            print("%-8s %-28s %6.1f to %6.1f" % (name, what, min(values), max(values)), flush=True)


if __name__ == "__main__":
    main()
