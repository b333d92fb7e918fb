"""lab_figures.py - what a failure costs, with C's nodes and with ours: the figures of docs/labs/figures.md.

    python -m tests.support.lab_figures [--rounds 3]

  cluster    a master is isolated while a client writes to it, 100 writes a second, until it refuses them; then healed.
             failover  seconds from the cut until its replica is a master and serves
             refused   seconds from the cut until the minority refuses writes
             lost      writes that it confirmed, and that nobody has after the heal
  sentinel   the master is killed while a client writes to it.
             failover  seconds from kill -9 until all Sentinels name the same new master, which is one
             lost      writes that it confirmed, and that the new master does not have
"""
import argparse
import statistics
import sys
import threading
import time

from server.study.lab import LabSet, real_server, wait_until
from server.study.trace_client import Refused, ServerError

RATE = 100                          # writes a second
TAG = "{bar}"                       # slot 5061, of node 1


class Writer(threading.Thread):
    """Writes key after key to one node until that refuses, or has gone."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.connection = node.connect()
        self.confirmed = []
        self.ended = None           # when it was refused

    def run(self):
        begin = time.monotonic()
        n = 0
        while True:
            n += 1
            time.sleep(max(0.0, begin + n / RATE - time.monotonic()))
            key = "%s%d" % (TAG, n)
            try:
                if isinstance(self.connection.execute("SET", key, n), ServerError):
                    break
            except Refused:
                break
            self.confirmed.append(key)
        self.ended = time.monotonic()
        self.connection.close()


def lost_of(writer, node):
    """Count the confirmed writes that a node does not have."""
    return sum(value is None for value in node.ask("MGET", *writer.confirmed))


def isolate_in_cluster(real):
    """Cut a master off -> {figure: value}"""
    with LabSet("cluster", "figures", real, clock=False) as lab:
        one, four = lab.nodes[0], lab.nodes[3]
        writer = Writer(one)
        writer.start()
        time.sleep(1)
        lab.isolate(1)
        cut = time.monotonic()
        wait_until(lambda: four.ask("ROLE")[0] == b"master" and b"cluster_state:ok" in four.ask("CLUSTER", "INFO"), "no failover", step=0.01)
        failover = time.monotonic() - cut
        writer.join(60)
        assert writer.ended, "the minority goes on"
        lab.heal()
        wait_until(lambda: lab.agreed() and lab.replicas_online() and one.ask("ROLE")[0] == b"slave", "no agreement")
        return {"failover": failover, "refused": writer.ended - cut, "lost": lost_of(writer, four)}


def kill_under_sentinels(real):
    """Kill the master -> {figure: value}"""
    with LabSet("sentinel", "figures", real, masters=1, replicas=2, clock=False) as lab:
        sentinels = [n for n in lab.nodes if n.role == "sentinel"]
        writer = Writer(lab.nodes[0])
        writer.start()
        time.sleep(1)
        begin = time.monotonic()
        lab.kill(1)

        def switched():
            named = {tuple(n.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")) for n in sentinels}
            new = [n for n in lab.nodes[1:3] if named == {(n.announced.encode(), b"%d" % n.port)}]
            return new[0] if new and new[0].ask("ROLE")[0] == b"master" else None
        new = wait_until(switched, "no switch", step=0.01)
        failover = time.monotonic() - begin
        writer.join(60)
        return {"failover": failover, "lost": lost_of(writer, new)}


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.support.lab_figures")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if real_server() is None:
        sys.exit("there is no redis-server to compare with")
    for name, measure in (("cluster, isolate", isolate_in_cluster), ("sentinel, kill", kill_under_sentinels)):
        found = {"C": [], "ours": []}
        for _ in range(args.rounds):                # in turn: the machine is not the same all the time
            for kind in found:
                found[kind].append(measure("all" if kind == "C" else None))
        for kind, rounds in found.items():
            print("%-18s %-5s %s" % (name, kind, "   ".join("%s %s (%s)" % (
                figure, "%.1f" % statistics.median(r[figure] for r in rounds), ", ".join("%.1f" % r[figure] for r in rounds))
                for figure in rounds[0])), flush=True)


if __name__ == "__main__":
    main()
