"""chaos.py - a mixed cluster under faults and writers: does it agree in the end, and which acknowledged writes are lost?

    python -m tests.support.chaos [--minutes 5] [--seed 1] [--writers 3]

Three masters and three replicas, every second node C's, and a redis-server 7.0 as a fourth master where there is one.  Faults
come one after the other, by the seed: kill -9 and restart, SIGSTOP, partitions, CLUSTER FAILOVER, FORCE and TAKEOVER, slots that
move, a move that is killed in its middle.  After each all nodes must agree; at the end replicas equal their masters, and no
acknowledged write is lost but those that C may lose, too: of the time from a second before a kill, stop, partition, FORCE or
TAKEOVER until all agree again.  CLUSTER FAILOVER and a move of slots lose nothing, but for a second CLUSTER FAILOVER of one node
within four timeouts.
"""
import argparse
import collections
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import redis
from redis.cluster import ClusterNode

from tests.support.cluster import agree, ask, cluster_nodes, my_id, redis_cli_path, view, wait_until
from tests.support.pairproxy import PartitionedCluster
from tests.support.resp import RespError
from tests.support.server import real_server_path

CONF = {"cluster-node-timeout": "2000", "cluster-replica-validity-factor": "0", "cluster-allow-replica-migration": "no",
        "repl-diskless-sync-delay": "0"}


def later_server():
    """A redis-server 7.0, or None."""
    path = shutil.which("redis-server")
    if path:
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        if "v=7." in version:
            return path
    return None


class Writer(threading.Thread):
    """Sets keys of its own, and remembers which were acknowledged, and when."""

    def __init__(self, number, nodes):
        super().__init__(daemon=True)
        self.number = number
        self.nodes = nodes
        self.acknowledged = {}     # key -> time
        self.errors = 0
        self.stop = False

    def client(self):
        return redis.RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", n.announced[0]) for n in self.nodes],
                                  socket_timeout=2, socket_connect_timeout=2)

    def run(self):
        client = None
        i = 0
        while not self.stop:
            i += 1
            key = "w%d:%d" % (self.number, i)
            try:
                client = client or self.client()
                if client.set(key, key):
                    self.acknowledged[key] = time.monotonic()
            except (redis.RedisError, OSError, IndexError, KeyError, ValueError):
                self.errors += 1
                client = None
                time.sleep(0.1)
            time.sleep(0.005)


class Chaos:
    def __init__(self, seed, cluster, out=sys.stdout):
        self.random = random.Random(seed)
        self.c = cluster
        self.nodes = cluster.nodes
        self.windows = []          # [(from, to)]: what was acknowledged then may be lost
        self.done = collections.Counter()
        self.out = out

    def say(self, *words):
        print("%6.1f s " % (time.monotonic() - self.begin), *words, file=self.out, flush=True)

    def agree_again(self):
        """Wait until all agree, and still do after a second: an election may be on its way when they agree for the first time."""
        if wait_until(self.agreement_lasts, 60):
            return
        # Slots that are half on their way stay so until somebody ends it.
        self.say("fix")
        self.cli("fix", check=False)
        if not self.c.agreed(60):
            raise AssertionError("no agreement:\n" + "\n".join(
                "%d %s\n%s" % (n.number, ask(n, "CLUSTER", "INFO")[:20], ask(n, "CLUSTER", "NODES").decode()) for n in self.nodes))

    def agreement_lasts(self):
        if not self.c.agreed(20):
            return False
        before = view(self.nodes[0])
        time.sleep(1)
        return agree(self.nodes) and view(self.nodes[0]) == before

    def cli(self, command, *args, check=True):
        run = subprocess.run([redis_cli_path(), "--cluster", command, "127.0.0.1:%d" % self.nodes[0].announced[0]]
                             + [str(a) for a in args], capture_output=True, text=True, check=False, timeout=120)
        if check and run.returncode:
            raise AssertionError(run.stdout[-3000:] + run.stderr)
        return run

    def by_role(self, role):
        flags = {n["port"]: n["flags"] for n in cluster_nodes(self.nodes[0])}
        return [n for n in self.nodes if role in flags[n.announced[0]]]

    # ------------------------------------------------------------ faults; True: writes may be lost

    def fault_kill(self):
        node = self.random.choice(self.nodes)
        node.kill9()
        time.sleep(self.random.random() * 6)
        node.start()
        return True

    def fault_stop(self):
        node = self.random.choice(self.nodes)
        os.kill(node.pid, signal.SIGSTOP)
        try:
            time.sleep(self.random.random() * 5)
        finally:
            os.kill(node.pid, signal.SIGCONT)
        return True

    def fault_partition(self):
        self.c.isolate(*self.random.sample(range(len(self.nodes)), self.random.randrange(1, 4)))
        time.sleep(self.random.random() * 7)
        self.c.proxy.heal()
        return True

    def fault_one_way(self):
        node = self.random.randrange(len(self.nodes))
        for other in self.random.sample(range(len(self.nodes)), 3):
            self.c.proxy.cut(node, other)
        time.sleep(self.random.random() * 7)
        self.c.proxy.heal()
        return True

    def failover(self, *words):
        slave = self.random.choice(self.by_role("slave"))
        if not wait_until(lambda: b"master_link_status:up" in ask(slave, "INFO", "replication"), 30):
            raise AssertionError("node %d has lost its master" % slave.number)
        # Within four timeouts of its last election it uses the votes of that one, in C as here: docs/cluster.md.
        won = re.findall(r"(\d+ \w+ \d+ \d+:\d+:\d+)\.\d+ . Failover election won", slave.log())
        is_soon = bool(won) and time.time() - time.mktime(time.strptime(won[-1], "%d %b %Y %H:%M:%S")) < 10
        ask(slave, "CLUSTER", "FAILOVER", *words)
        wait_until(lambda: ask(slave, "ROLE")[0] == b"master", 5)        # a manual failover is given up after 5 s
        time.sleep(self.random.random() * 2)
        return is_soon

    def fault_failover(self):
        return self.failover()

    def fault_force(self):
        self.failover("FORCE")
        return True

    def fault_takeover(self):
        self.failover("TAKEOVER")
        return True

    def move(self):
        """The words of a reshard.  Not away from a 7.0: what it dumps 6.2 cannot read."""
        masters = self.by_role("master")
        source = self.random.choice([n for n in masters if not n.executable])
        target = self.random.choice([n for n in masters if n is not source])
        return ["--cluster-from", my_id(source), "--cluster-to", my_id(target), "--cluster-slots", self.random.randrange(1, 40),
                "--cluster-yes"]

    def fault_move(self):
        self.cli("reshard", *self.move())

    def fault_move_killed(self):
        node = self.random.choice(self.nodes)
        run = subprocess.Popen([redis_cli_path(), "--cluster", "reshard", "127.0.0.1:%d" % self.nodes[0].announced[0]]
                               + [str(a) for a in self.move()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.random.random() * 2)
        node.kill9()
        try:
            run.wait(20)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
        node.start()
        self.c.agreed(40)
        self.cli("fix", check=False)
        return True

    def run(self, seconds, writers=3):
        """Faults for so long; then everything is looked at -> text."""
        self.begin = time.monotonic()
        threads = [Writer(i, self.nodes) for i in range(writers)]
        for thread in threads:
            thread.start()
        faults = [f for f in dir(self) if f.startswith("fault_") and (redis_cli_path() or "move" not in f)]
        try:
            while time.monotonic() < self.begin + seconds:
                fault = self.random.choice(faults)
                start = time.monotonic()
                try:
                    lossy = getattr(self, fault)()
                except RespError as e:
                    self.say(fault[6:], "refused:", e.text)
                    lossy = True
                self.agree_again()
                self.say("%s: all agree after %.1f s" % (fault[6:], time.monotonic() - start))
                self.done[fault[6:]] += 1
                if lossy:
                    self.windows.append((start - 1, time.monotonic()))
                time.sleep(self.random.random())
        finally:
            for thread in threads:
                thread.stop = True
            for thread in threads:
                thread.join(30)
        return self.look(threads)

    def look(self, threads):
        self.agree_again()
        masters, pairs = {}, []
        for n in cluster_nodes(self.nodes[0]):
            node = next(x for x in self.nodes if x.announced[0] == n["port"])
            if "master" in n["flags"]:
                masters[n["id"]] = node
            else:
                pairs.append((node, n["master"]))
        for replica, master in pairs:
            if not wait_until(lambda a=replica, b=masters[master]: ask(a, "DEBUG", "DIGEST") == ask(b, "DEBUG", "DIGEST"), 40, 0.5):
                raise AssertionError("node %d differs from its master %d" % (replica.number, masters[master].number))

        present = {}
        for node in masters.values():
            keys = ask(node, "KEYS", "w*")
            with node.resp() as c:
                for key in keys:
                    present[key.decode()] = c.execute("GET", key)
        acknowledged = {}
        for thread in threads:
            acknowledged.update(thread.acknowledged)
        lost = [key for key in acknowledged if key not in present]
        excused = [key for key in lost if any(a <= acknowledged[key] <= b for a, b in self.windows)]
        if len(excused) != len(lost):
            bad = sorted(set(lost) - set(excused), key=acknowledged.get)
            raise AssertionError("%d acknowledged writes are lost without excuse: %s" % (
                len(bad), [(key, round(acknowledged[key] - self.begin, 1)) for key in bad[:20]]))
        wrong = [key for key, value in present.items() if value not in (key.encode(), None) and not isinstance(value, RespError)]
        assert not wrong, wrong[:10]
        for node in self.nodes:
            assert node.real or "xception" not in node.log(), node.log()[-4000:]
        assert acknowledged
        return "%d writes acknowledged, %d lost (all in the time of a fault), %d errors; faults: %s" % (
            len(acknowledged), len(lost), sum(t.errors for t in threads), dict(self.done))


def chaos(seconds, seed=1, writers=3, out=sys.stdout):
    later = later_server()
    with PartitionedCluster(real=(lambda i: i % 2) if real_server_path() else None, conf=CONF, more=[later] if later else []) as c:
        assert agree(c.nodes)
        return Chaos(seed, c, out).run(seconds, writers)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.support.chaos")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writers", type=int, default=3)
    args = parser.parse_args()
    print(chaos(args.minutes * 60, args.seed, args.writers))


if __name__ == "__main__":
    main()
