"""The text and the fast path are one node of a cluster: as test_fast_path_equivalence.py, for what cluster mode adds.

Two nodes, `fast-path no` and `yes`, that know a second master which does not exist.  The slots of the keys are ours, the other's,
nobody's, on their way there or from there, and the cluster fails now and then.  Compared are replies, DEBUG DIGEST and the keys
of each slot, in their order.

AEREDIS_FASTPATH_SEQUENCES: how many sequences (100; `make differential` 10,000).
"""
import contextlib
import os
import re
import tempfile

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from cluster.cluster import keyHashSlot
from tests.integration.test_fast_path_equivalence import FIELDS, VALUES, no_bug_report, same
from tests.support.cluster import wait_until
from tests.support.resp import encode_command
from tests.support.server import start_server

SEQUENCES = int(os.environ.get("AEREDIS_FASTPATH_SEQUENCES", "100"))
ME, OTHER = "a" * 40, "b" * 40

KEYS = ["{x}s1", "{x}s2", "{x}n", "{x}l", "{x}set", "{x}h", "{x}z", "{x}st", "y", "{}odd", "z{x"]
SLOTS = sorted({keyHashSlot(k.encode()) for k in KEYS})

key = st.sampled_from(KEYS)
value = st.sampled_from(VALUES)
field = st.sampled_from(FIELDS)
slot = st.sampled_from(SLOTS).map(str)


def command(*parts):
    return st.tuples(*[p if isinstance(p, st.SearchStrategy) else st.just(p) for p in parts])


def several(name, *group):
    return st.lists(st.tuples(*group), min_size=1, max_size=4).map(lambda groups: (name,) + tuple(w for g in groups for w in g))


COMMANDS = st.one_of(
    command("GET", key), command("SET", key, value), command("SET", key, value), command("INCR", key), command("PING"),
    command("TTL", key), command("EXPIRE", key, "1000"), several("DEL", key), several("DEL", st.sampled_from(KEYS[:8])), several("EXISTS", key),
    several("MGET", key), several("MGET", st.sampled_from(KEYS[:4])), several("MSET", key, value),
    several("MSET", st.sampled_from(KEYS[:8]), value), command("LPUSH", key, value), command("RPUSH", "{x}l", value),
    command("LPOP", "{x}l"), command("RPOP", key), command("LRANGE", "{x}l", "0", "-1"), command("SADD", "{x}set", value),
    command("SADD", key, value), command("SPOP", "{x}missing"), command("SISMEMBER", "{x}set", value), command("HSET", "{x}h", field, value),
    command("HGET", "{x}h", field), command("HGETALL", "{x}h"), command("ZADD", "{x}z", "1", value), command("ZPOPMIN", "{x}z"),
    command("ZSCORE", "{x}z", value), command("ZRANGE", "{x}z", "0", "-1"), command("XADD", "{x}st", st.sampled_from(["1-1", "2-1", "3-1"]), "f", value),
    command("SELECT", st.sampled_from(["0", "1"])), command("ASKING"), command("READONLY"), command("READWRITE"), command("MULTI"),
    command("EXEC"), command("DISCARD"), command("RENAME", key, key), command("UNLINK", key), command("FLUSHALL"),
    command("CONFIG", "SET", "fast-path", st.sampled_from(["no", "yes"])))

CLUSTER = st.one_of(
    command("CLUSTER", "SETSLOT", slot, "MIGRATING", OTHER), command("CLUSTER", "SETSLOT", slot, "IMPORTING", OTHER),
    command("CLUSTER", "SETSLOT", slot, "STABLE"), command("CLUSTER", "SETSLOT", slot, "STABLE"),
    command("CLUSTER", "SETSLOT", slot, "NODE", st.sampled_from([ME, ME, OTHER])), command("CLUSTER", "DELSLOTS", slot),
    command("CLUSTER", "ADDSLOTS", slot), command("CONFIG", "SET", "cluster-require-full-coverage", st.sampled_from(["yes", "no"])),
    command("CONFIG", "SET", "cluster-allow-reads-when-down", st.sampled_from(["yes", "no"])))

STEP = st.one_of(*[st.tuples(st.just("client"), st.lists(COMMANDS, min_size=1, max_size=20))] * 3 + [st.tuples(st.just("control"), CLUSTER)])


@contextlib.contextmanager
def node(folder, fast):
    path = os.path.join(folder, "nodes-%s.conf" % fast)
    with open(path, "w", encoding="utf-8") as f:
        f.write("%s 127.0.0.1:1@10001 myself,master - 0 0 1 connected 0-16383\n%s 127.0.0.1:2@10002 master - 0 0 2 connected\n"
                "vars currentEpoch 2 lastVoteEpoch 0\n" % (ME, OTHER))
    with start_server(conf={"cluster-enabled": "yes", "cluster-config-file": path, "fast-path": fast, "loglevel": "warning",
                            "cluster-node-timeout": 1000000}) as s:
        assert wait_until(lambda: b"cluster_state:ok" in s.resp().execute("CLUSTER", "INFO"))
        yield s


def begin(control):
    for words in [("CONFIG", "SET", "fast-path", "no"), ("FLUSHALL",), ("CONFIG", "RESETSTAT"), ("CONFIG", "SET", "cluster-allow-reads-when-down", "no"),
                  ("CONFIG", "SET", "cluster-require-full-coverage", "yes")]:
        assert control.execute(*words) == b"OK", words
    for n in map(str, SLOTS):
        control.execute("CLUSTER", "SETSLOT", n, "STABLE")
        control.execute("CLUSTER", "DELSLOTS", n)
        control.execute("CLUSTER", "ADDSLOTS", n)
    # The state follows at the end of the turn, if it has not just failed: then half a second later.
    assert wait_until(lambda: b"cluster_state:ok" in control.execute("CLUSTER", "INFO"))


def test_text_and_fast_path_are_the_same_node():
    with tempfile.TemporaryDirectory() as folder, node(folder, "no") as text, node(folder, "yes") as fast:
        controls = [text.resp(), fast.resp()]
        served = []

        @settings(max_examples=SEQUENCES, deadline=None, phases=[Phase.explicit, Phase.generate, Phase.shrink],
                  suppress_health_check=list(HealthCheck), derandomize=SEQUENCES <= 100)
        @given(st.lists(STEP, min_size=3, max_size=12))
        def check(sequence):
            for side, control in enumerate(controls):
                begin(control)
                control.execute("CONFIG", "SET", "fast-path", ["no", "yes"][side])
            clients = [text.resp(), fast.resp()]
            try:
                for n, (who, what) in enumerate(sequence):
                    replies = []
                    for side, (control, client) in enumerate(zip(controls, clients)):
                        if who == "control":
                            replies.append([control.execute(*what)])
                            control.execute("PING")            # the turn has ended, and clusterBeforeSleep has run
                            continue
                        requests = [("CONFIG", "SET", "fast-path", "no") if words[0] == "CONFIG" and not side else words for words in what]
                        client.send_raw(b"".join(encode_command(*words) for words in requests))
                        replies.append([client.read_reply() for _ in requests])
                    same([repr(r) for r in replies[0]], [repr(r) for r in replies[1]], "replies of step %d, %r" % (n, what))
                    served.extend(r for r in replies[1] if r == b"OK")
                same(*[re.findall(rb"keyspace_(?:hits|misses):\d+", control.execute("INFO", "stats")) for control in controls], "hits and misses")
                same(*[control.execute("DEBUG", "DIGEST") for control in controls], "digest")
                same(*[[(control.execute("CLUSTER", "COUNTKEYSINSLOT", s), control.execute("CLUSTER", "GETKEYSINSLOT", s, 100)) for s in SLOTS]
                       for control in controls], "keys of the slots")
            finally:
                for client in clients:
                    client.close()

        check()
        assert len(served) > 100           # the cluster was up
        no_bug_report(text)
        no_bug_report(fast)
        for control in controls:
            control.close()
