"""sentinel_net.py - a master, two replicas and three Sentinels behind a Network: any of them can be cut off from the others.

    with SentinelNet(real=1) as s:              # the last Sentinel is a real one
        s.net.isolate("m"); s.wait_agreed(but="m"); s.net.heal(); s.wait_agreed()

Names: servers m, r1, r2; Sentinels s1, s2, s3. All address each other by their doors; a test's own clients go straight to
s[name].port.
"""
import re
import time

from tests.support.network import Network
from tests.support.resp import RespClient, RespError
from tests.support.sentinel import as_map, wait_until
from tests.support.server import ServerProcess, free_port

SERVERS = ["m", "r1", "r2"]
SENTINELS = ["s1", "s2", "s3"]


class SentinelNet:
    def __init__(self, real=0, down_after=1000, failover_timeout=3000, referee=None):
        self.net = Network()
        self.ports = dict(zip(SERVERS + SENTINELS, range(free_port(6), 1 << 16)))
        self.doors = {}                 # name -> the port that others know it by
        self.processes = {}             # name -> ServerProcess
        self.real = real                # how many Sentinels are real ones
        self.down_after = down_after
        self.failover_timeout = failover_timeout
        self.referee = referee          # Referee, for our Sentinels

    def __getitem__(self, name):
        return self.processes[name]

    def process(self, name):
        """Return the process of this name, not started."""
        ip = self.net.address(name)
        conf = {"bind": "%s 127.0.0.1" % ip}            # the first one is where it connects from
        if name in SERVERS:
            conf.update({"replica-announce-ip": ip, "replica-announce-port": self.doors[name], "repl-ping-replica-period": 1,
                         "repl-timeout": 10, "repl-diskless-sync-delay": 0})
            if name != "m":
                conf["replicaof"] = "%s %d" % (self.net.address("m"), self.doors["m"])
            return ServerProcess((), conf, self.ports[name])
        real = SENTINELS.index(name) >= len(SENTINELS) - self.real
        # With a referee one of ours has to try first.
        down_after = self.down_after * (4 if real and self.referee is not None else 1)
        conf["sentinel"] = [
            "monitor mymaster %s %d 2" % (self.net.address("m"), self.doors["m"]),
            "down-after-milliseconds mymaster %d" % down_after, "failover-timeout mymaster %d" % self.failover_timeout,
            "announce-ip %s" % ip, "announce-port %d" % self.doors[name]]
        if self.referee is not None and not real:
            return ServerProcess(("--sentinel",), conf, self.ports[name], module="tests.support.sentinel_stop", env=self.referee.env)
        return ServerProcess(("--sentinel",), conf, self.ports[name], real=real)

    def __enter__(self):
        self.net.__enter__()
        try:
            for name, port in self.ports.items():
                self.doors[name] = self.net.add(name, port)
            for name in SERVERS + SENTINELS:
                self.processes[name] = self.process(name)
                self.processes[name].start(wait=False)
            for process in self.processes.values():
                process.wait_ready(60)
            assert wait_until(self.settled, 60), self.logs()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for process in self.processes.values():
            process.cleanup()
        self.net.__exit__()

    def settled(self):
        """Do all Sentinels know all replicas and each other?"""
        for name in SENTINELS:
            with self[name].resp() as c:
                m = as_map(c.execute("SENTINEL", "MASTER", "mymaster"))
                if (m[b"num-slaves"], m[b"num-other-sentinels"]) != (b"2", b"2") or b"disconnected" in m[b"flags"]:
                    return False
                for kind in ("REPLICAS", "SENTINELS"):
                    for r in map(as_map, c.execute("SENTINEL", kind, "mymaster")):
                        if b"disconnected" in r[b"flags"] or not r[b"runid"] or r.get(b"master-link-status") == b"err":
                            return False
        return True

    def ask(self, name, *command):
        """Return the reply of that process; None if it does not answer, or an error."""
        try:
            with RespClient(self.ports[name], timeout=5) as c:
                reply = c.execute(*command)
                return None if isinstance(reply, RespError) else reply
        except OSError:
            return None

    def name_of(self, address):
        """Return the name of the server with this address of its door, [ip, port]."""
        return next((name for name in SERVERS if address == [self.net.address(name).encode(), b"%d" % self.doors[name]]), None)

    def agreed(self, but=(), servers=SERVERS):
        """The name of the master and its config-epoch, if all Sentinels that are not in `but` name the same ones, and those
        of the servers that are not in `but` are this master and replicas of it; else None."""
        views = set()
        for name in SENTINELS:
            if name not in but:
                m = self.ask(name, "SENTINEL", "MASTER", "mymaster")
                if m is None:
                    return None
                m = as_map(m)
                views.add((self.name_of([m[b"ip"], m[b"port"]]), int(m[b"config-epoch"]), b"failover_in_progress" in m[b"flags"]))
        if len(views) != 1:
            return None
        new, epoch, busy = views.pop()
        if busy or new is None or new in but:
            return None
        for name in servers:
            if name not in but:
                role = self.ask(name, "ROLE")
                if role is None or (role[0] != b"master" if name == new else
                                    role[:4] != [b"slave", self.net.address(new).encode(), self.doors[new], b"connected"]):
                    return None
        return new, epoch

    def wait_agreed(self, but=(), servers=SERVERS, timeout=120, is_not=None):
        """Wait until all agree, and still do a second later -> (name of the master, config-epoch).  TILT takes 30 s."""
        found = [None]

        def twice():
            found[0] = self.agreed(but, servers)
            if found[0] is None or found[0][0] == is_not:
                return False
            time.sleep(1)
            return self.agreed(but, servers) == found[0]

        assert wait_until(twice, timeout, 0.2), "%s\n%s" % (found, self.logs())
        return found[0]

    def logs(self, lines=60):
        return "\n".join("--- %s (%d, door %d)\n%s" % (name, p.port, self.doors[name], "\n".join(p.log().splitlines()[-lines:]))
                         for name, p in self.processes.items())

    def check_epochs(self):
        """Hold the logs of all Sentinels against what epochs promise: one vote of each Sentinel, one leader."""
        leaders = {}
        for name in SENTINELS:
            log = self[name].log()
            assert "BUG REPORT" not in log, self.logs()
            votes = re.findall(r"\+vote-for-leader (\w+) (\d+)", log)
            epochs = [epoch for _, epoch in votes]
            assert len(epochs) == len(set(epochs)), "%s voted twice\n%s" % (name, self.logs())
            runid = self.ask(name, "SENTINEL", "MYID").decode()
            mine = None
            for line in log.splitlines():
                vote = re.search(r"\+vote-for-leader (\w+) (\d+)", line)
                if vote and vote.group(1) == runid:
                    mine = vote.group(2)
                if "+elected-leader" in line:
                    assert mine not in leaders, "two leaders in epoch %s: %s\n%s" % (mine, leaders, self.logs())
                    leaders[mine] = name
        return leaders
