"""sentinel_figures.py - our Sentinels beside real ones: how long a failover takes, and what a partition costs.

    python -m tests.support.sentinel_figures [--rounds 5] [--cut 12]

Each round is done with three Sentinels of ours and with three real ones, in turn, on servers of ours. Two figures:
  switch   seconds from kill -9 of the master until all three Sentinels name its successor, down-after-milliseconds 1000
  lost     writes that the master confirmed, 100 a second, and that nobody has in the end: it is cut off for --cut seconds together
           with its client, from replicas and Sentinels, then healed; the client writes to it until it is a replica
"""
import argparse
import statistics
import sys
import threading
import time

from tests.support.resp import RespClient, RespError
from tests.support.sentinel import wait_until
from tests.support.sentinel_net import SENTINELS, SentinelNet
from tests.support.server import real_server_path

RATE = 100                              # writes a second


def switch_time(real):
    """Kill the master -> seconds until all three Sentinels name another one."""
    with SentinelNet(3 if real else 0) as s:
        clients = [s[name].resp() for name in SENTINELS]
        start = time.monotonic()
        s["m"].kill9()
        assert wait_until(lambda: all(s.name_of(c.execute("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")) != "m" for c in clients),
                          90, 0.01), s.logs()
        taken = time.monotonic() - start
        for c in clients:
            c.close()
        return taken


class Writer(threading.Thread):
    """Writes key after key to one server until that refuses."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.confirmed = []             # (time, key)
        self.stop = False

    def run(self):
        begin = time.monotonic()
        n = 0
        c = None
        while not self.stop:
            n += 1
            time.sleep(max(0, begin + n / RATE - time.monotonic()))
            try:
                c = c or RespClient(self.port, timeout=5)
                reply = c.execute("SET", "k%d" % n, n)
                if isinstance(reply, RespError):
                    return              # READONLY: it is a replica
                self.confirmed.append((time.monotonic(), b"k%d" % n))
            except OSError:
                c = None                # CLIENT KILL comes with the demotion: see what it says next time


def lost_writes(real, cut):
    """Cut the master off for `cut` seconds -> (lost writes, of these confirmed after the partition was healed)."""
    with SentinelNet(3 if real else 0) as s:
        writer = Writer(s.ports["m"])
        writer.start()
        time.sleep(1)
        s.net.isolate("m")
        time.sleep(cut)
        healed = time.monotonic()
        s.net.heal()
        try:
            new, _ = s.wait_agreed(timeout=180, is_not="m")
            writer.join(30)
            assert not writer.is_alive(), "the old master still takes writes\n" + s.logs()
        finally:
            writer.stop = True
        with s[new].resp() as c:
            there = c.execute("MGET", *[key for _, key in writer.confirmed])
        lost = [when for (when, key), value in zip(writer.confirmed, there) if value is None]
        return len(lost), sum(when > healed for when in lost)


def figures(rounds, cut, tell=print):
    """-> {"ours": (median switch time, median of lost writes), "real": ...}"""
    kinds = {"ours": False, "real": True}
    times = {kind: [] for kind in kinds}
    lost = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, real in kinds.items():
            times[kind].append(switch_time(real))
            tell("%s  switch %.2f s" % (kind, times[kind][-1]))
            lost[kind].append(lost_writes(real, cut))
            tell("%s  lost %d writes, %d of them after the partition was healed" % (kind, *lost[kind][-1]))
    result = {kind: (statistics.median(times[kind]), statistics.median(n for n, _ in lost[kind])) for kind in kinds}
    for kind in kinds:
        tell("%s  median of %d: switch %.2f s (%.2f to %.2f), lost %d writes in a partition of %g s" % (
            kind, rounds, result[kind][0], min(times[kind]), max(times[kind]), result[kind][1], cut))
    return result


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.support.sentinel_figures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cut", type=float, default=12)
    args = parser.parse_args()
    if real_server_path() is None:
        sys.exit("there is no real redis-server to compare with")
    figures(args.rounds, args.cut, lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
