"""The tracer on nodes of a cluster and on Sentinels: packets, states of nodes, failovers, events."""
import json
import time

from tests.support.cluster import start_cluster
from tests.support.sentinel import master, start_sentinel, wait_until
from tests.support.server import start_server


class Tracer:
    """Collects the events of one server."""

    def __init__(self, server, word):
        self.client, self.word, self.cursor, self.events = server.resp(), word, 0, []
        assert self.client.execute(word, "TRACE", "ON").startswith(b"OK")

    def read(self):
        self.cursor, lost, lines = self.client.execute(self.word, "TRACE", "READ", self.cursor, "COUNT", 10000)
        assert not lost
        self.events += [json.loads(line) for line in lines]
        return self.events

    def wait(self, point, **args):
        """Wait for an event of that name with these args -> it"""
        def find():
            return next((e for e in self.read() if e["name"] == point and all(match(e["args"].get(k), v) for k, v in args.items())), None)
        found = wait_until(find, 60)
        assert found, (point, args, sorted({e["name"] for e in self.events}))
        return found

    def close(self):
        assert self.client.execute(self.word, "TRACE", "OFF") == b"OK"
        self.client.close()


def match(value, wanted):
    return wanted(value) if callable(wanted) else value == wanted


def test_a_cluster_that_loses_a_master():
    with start_cluster(masters=3, replicas=1, conf={"cluster-node-timeout": 2000}) as nodes:
        tracers = {n: Tracer(n, "DEBUG") for n in nodes}
        for tracer in list(tracers.values())[:2]:
            tracer.wait("clusterProcessPacket", type="ping")
            tracer.wait("clusterProcessPacket", type="pong", node=lambda name: isinstance(name, str) and len(name) == 8)
            tracer.wait("clusterSendMessage", type="ping", bytes=lambda n: n > 2000)
        nodes[0].kill9()
        del tracers[nodes[0]]
        tracers[nodes[1]].wait("clusterCron", changes=lambda c: c and "fail?" in c[0])
        replica = next(n for n in nodes[3:] if any(e["name"] == "clusterSendMessage" and e["args"]["type"] == "auth-req" for e in wait_request(n, tracers)))
        took = tracers[replica]
        took.wait("clusterHandleSlaveFailover", asked=1)
        took.wait("clusterProcessPacket", type="auth-ack")
        took.wait("clusterHandleSlaveFailover", myself="master")
        tracers[nodes[1]].wait("clusterProcessPacket", changes=lambda c: c and any("slave -> master" in text for text in c))
        for tracer in tracers.values():
            tracer.close()


def wait_request(node, tracers):
    """The events of `node`, once any of the replicas has asked for votes."""
    def asked():
        return any(e["name"] == "clusterSendMessage" and e["args"]["type"] == "auth-req" for t in tracers.values() for e in t.read())
    assert wait_until(asked, 60)
    return tracers[node].events


def test_a_sentinel_that_fails_over():
    with start_server() as m, start_server("--replicaof", "127.0.0.1", str(m.port)) as r:
        line = "mymaster 127.0.0.1 %d 1" % m.port
        with start_sentinel("monitor " + line, "down-after-milliseconds mymaster 1000") as s:
            tracer = Tracer(s, "SENTINEL")
            with s.resp() as c:
                assert wait_until(lambda: master(c)[b"num-slaves"] == b"1", 40)
                tracer.wait("redisAsyncCommand", command=["PING"], callback="sentinelPingReplyCallback")
                tracer.wait("sentinelInfoReplyCallback")
                time.sleep(0.1)
                m.kill9()
                tracer.wait("sentinelEvent", event="+sdown", name="mymaster")
                tracer.wait("sentinelHandleRedisInstance", kind="master", failover=lambda f: f and f[0] == "none")
                tracer.wait("sentinelEvent", event="+switch-master")
                states = [e["args"]["event"] for e in tracer.events if e["name"] == "sentinelEvent"]
                assert [s for s in states if s.startswith("+failover-state")] == [
                    "+failover-state-select-slave", "+failover-state-send-slaveof-noone", "+failover-state-wait-promotion",
                    "+failover-state-reconf-slaves"]
                assert int(master(c)[b"port"]) == r.port
            tracer.close()
            assert "Tracer off\n" in s.log() and "fast path is on" not in s.log() and "xception" not in s.log()
