"""Every command of Sentinel mode, good and bad, said to a real Sentinel and to ours: the replies are the same.

Both watch the same live master and replica, and masters that nobody serves.  Times and what depends on them are masked.
"""
import re

import pytest

from tests.support.sentinel import as_map, sentinel_lines, start_sentinel, wait_until
from tests.support.server import free_port, real_server_path, start_server

pytestmark = pytest.mark.skipif(real_server_path() is None, reason="no real server at hand")

#: Fields that hold ms since something, or what is on its way just now.
TIMES = {b"last-ping-sent", b"last-ok-ping-reply", b"last-ping-reply", b"s-down-time", b"o-down-time", b"info-refresh",
         b"role-reported-time", b"last-hello-message", b"link-pending-commands", b"slave-repl-offset",
         b"master-link-down-time"}
#: INFO fields of the process, not of Sentinel.
INFO_LINES = re.compile(rb"^(?:sentinel_|master\d+:|# |redis_mode:|tcp_port:)")


def masked(reply):
    """Return the reply with times masked; maps of instances as dicts, in the order of their names."""
    if isinstance(reply, dict):
        # A link is made within a second or so, and not by both at once.
        return {key: "*" if key in TIMES else value.replace(b",disconnected", b"")
                if key == b"flags" and isinstance(value, bytes) else masked(value) for key, value in reply.items()}
    if isinstance(reply, list):
        if reply and reply[0] == b"name" and len(reply) % 2 == 0:
            return masked(as_map(reply))
        reply = [masked(item) for item in reply]
        if reply and all(isinstance(item, dict) and b"name" in item for item in reply):
            reply.sort(key=lambda item: item[b"name"])
        return reply
    return reply


class Both:
    """Two Sentinels, real and ours, and a connection to each."""

    def __init__(self, real, ours, resp):
        self.sentinels = (real, ours)
        self.clients = tuple(s.resp() for s in self.sentinels)
        if resp == 3:
            for c in self.clients:
                c.execute("HELLO", "3")

    def __call__(self, *command):
        """Say it to both, and compare -> the reply."""
        replies = [masked(c.execute(*command)) for c in self.clients]
        if command[0] == "ROLE" or command[:2] == ("ACL", "CAT"):              # in the order of a dict
            replies = [sorted(map(str, r[-1] if isinstance(r, list) and isinstance(r[-1], list) else r))
                       if isinstance(r, list) else r for r in replies]
        assert replies[1] == replies[0], command
        return replies[1]

    def each(self, *command):
        return [c.execute(*command) for c in self.clients]


@pytest.fixture(scope="module")
def watched():
    with start_server() as master, start_server("--replicaof", "127.0.0.1", master.port) as replica:
        assert wait_until(lambda: b"master_link_status:up" in replica.resp().execute("INFO", "replication"))
        yield master


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def both(request, watched):
    dead = free_port()
    lines = ("monitor mymaster 127.0.0.1 %d 2" % watched.port, "monitor dead 127.0.0.1 %d 1" % dead,
             "down-after-milliseconds dead 60000", "myid " + "a" * 40)
    with start_sentinel(*lines, real=True) as real, start_sentinel(*lines) as ours:
        b = Both(real, ours, request.param)
        for c in b.clients:
            assert wait_until(lambda: len(c.execute("SENTINEL", "REPLICAS", "mymaster")) == 1)
            assert wait_until(lambda: b"disconnected" not in as_map(c.execute("SENTINEL", "REPLICAS", "mymaster")[0])[b"flags"])
            assert wait_until(lambda: as_map(c.execute("SENTINEL", "REPLICAS", "mymaster")[0])[b"runid"])
        b.dead = dead
        yield b


QUESTIONS = [
    "PING", "PING x", "ROLE", "ROLE x", "NOSUCH", "GET k", "SET k v", "MULTI", "MONITOR", "CONFIG GET port", "INFO a b",
    "INFO nosuch", "CLIENT GETNAME", "CLIENT SETNAME x y", "CLIENT NOSUCH", "CLIENT SETNAME me", "CLIENT GETNAME", "AUTH x",
    "AUTH a b", "AUTH a b c", "ACL WHOAMI", "ACL CAT nosuch", "ACL CAT admin", "ACL CAT dangerous", "ACL CAT connection",
    "ACL CAT pubsub", "ACL CAT fast", "ACL GETUSER default", "ACL LIST", "ACL SETUSER joe on >p +sentinel", "ACL GETUSER joe",
    "ACL SETUSER joe +@all -sentinel|masters", "ACL SETUSER joe +get", "ACL DELUSER joe", "COMMAND COUNT", "COMMAND GETKEYS ping",
    "COMMAND INFO ping sentinel publish info role nosuch", "SHUTDOWN NOSUCH", "HELLO 9", "HELLO x",
    "SENTINEL", "SENTINEL NOSUCH", "SENTINEL HELP", "SENTINEL help x", "SENTINEL MASTERS", "SENTINEL MASTERS x", "SENTINEL MASTER",
    "SENTINEL MASTER mymaster", "SENTINEL MASTER nosuch", "SENTINEL MASTER a b", "SENTINEL SLAVES mymaster", "SENTINEL REPLICAS mymaster",
    "SENTINEL REPLICAS dead", "SENTINEL REPLICAS", "SENTINEL SLAVES nosuch", "SENTINEL SENTINELS mymaster", "SENTINEL SENTINELS nosuch",
    "SENTINEL SENTINELS", "SENTINEL MYID", "SENTINEL MYID x", "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster",
    "SENTINEL GET-MASTER-ADDR-BY-NAME nosuch", "SENTINEL GET-MASTER-ADDR-BY-NAME", "SENTINEL PENDING-SCRIPTS",
    "SENTINEL PENDING-SCRIPTS x", "SENTINEL FLUSHCONFIG", "SENTINEL FLUSHCONFIG x", "SENTINEL CKQUORUM mymaster", "SENTINEL CKQUORUM dead",
    "SENTINEL CKQUORUM nosuch", "SENTINEL CKQUORUM", "SENTINEL CONFIG", "SENTINEL CONFIG GET", "SENTINEL CONFIG GET *",
    "SENTINEL CONFIG GET ANNOUNCE-*", "SENTINEL CONFIG GET nosuch", "SENTINEL CONFIG GET a b", "SENTINEL CONFIG SET a",
    "SENTINEL CONFIG SET nosuch 1", "SENTINEL CONFIG SET announce-port 65536", "SENTINEL CONFIG SET announce-port -1",
    "SENTINEL CONFIG SET announce-port x", "SENTINEL CONFIG SET announce-port 7777", "SENTINEL CONFIG SET ANNOUNCE-IP 10.0.0.1",
    "SENTINEL CONFIG GET announce-*", "SENTINEL CONFIG SET announce-port 0", "SENTINEL CONFIG SET resolve-hostnames maybe",
    "SENTINEL CONFIG SET resolve-hostnames YES", "SENTINEL CONFIG SET resolve-hostnames no", "SENTINEL CONFIG SET announce-hostnames yes",
    "SENTINEL MASTER mymaster", "SENTINEL CONFIG SET announce-hostnames no", "SENTINEL CONFIG SET sentinel-user u",
    "SENTINEL CONFIG SET sentinel-pass p", "SENTINEL CONFIG GET sentinel-*", "SENTINEL CONFIG NOSUCH a b",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR", "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 @dead 0 *",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 x 0 *", "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 @dead x *",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 70000 0 *", "SENTINEL IS-MASTER-DOWN-BY-ADDR nosuch @dead 0 *",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 @dead 5 bbbb", "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 @dead 5 cccc",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 @dead 4 cccc", "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 @dead 6 cccc",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 @dead -1 dddd", "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 @dead 7 eeee",
    "SENTINEL MASTER dead", "SENTINEL FAILOVER", "SENTINEL FAILOVER nosuch", "SENTINEL FAILOVER dead",
    "SENTINEL SIMULATE-FAILURE", "SENTINEL SIMULATE-FAILURE nosuch", "SENTINEL SIMULATE-FAILURE crash-after-election",
    "SENTINEL SIMULATE-FAILURE CRASH-AFTER-ELECTION crash-after-promotion", "INFO sentinel", "SENTINEL SIMULATE-FAILURE",
    "SENTINEL MONITOR", "SENTINEL MONITOR m 127.0.0.1 x 1", "SENTINEL MONITOR m 127.0.0.1 7000 x", "SENTINEL MONITOR m 127.0.0.1 7000 0",
    "SENTINEL MONITOR m 127.0.0.1 7000 -3", "SENTINEL MONITOR m nosuch 7000 1", "SENTINEL MONITOR m 127.0.0.1 70000 1",
    "SENTINEL MONITOR m 127.0.0.1 -1 1", "SENTINEL MONITOR m 127.0.0.1 4294967299 4294967298", "SENTINEL MASTER m",
    "SENTINEL MONITOR m 127.0.0.1 7001 1", "SENTINEL REMOVE m", "SENTINEL REMOVE m", "SENTINEL REMOVE",
    "SENTINEL MONITOR six ::1 1 1", "SENTINEL MASTER six", "SENTINEL REMOVE six", "SENTINEL MONITOR zero 127.0.0.1 0 1",
    "SENTINEL MASTER zero", "SENTINEL REMOVE zero",
    "SENTINEL SET", "SENTINEL SET nosuch quorum 1", "SENTINEL SET dead", "SENTINEL SET dead quorum", "SENTINEL SET dead quorum 0",
    "SENTINEL SET dead quorum x", "SENTINEL SET dead quorum 3", "SENTINEL SET dead quorum 4294967298", "SENTINEL SET dead nosuch 1",
    "SENTINEL SET dead down-after-milliseconds 0", "SENTINEL SET dead down-after-milliseconds 61000",
    "SENTINEL SET dead FAILOVER-timeout 5 parallel-syncs 3", "SENTINEL SET dead failover-timeout -1", "SENTINEL SET dead parallel-syncs 4294967299",
    "SENTINEL MASTER dead", "SENTINEL SET dead parallel-syncs 2 nosuch 3", "SENTINEL SET dead auth-pass secret auth-user joe",
    "SENTINEL SET dead auth-user", "SENTINEL SET dead notification-script /bin/true", "SENTINEL SET dead client-reconfig-script /bin/true",
    "SENTINEL SET dead rename-command CONFIG", "SENTINEL SET dead rename-command CONFIG GUESSME", "SENTINEL SET dead rename-command config Other",
    "SENTINEL SET dead rename-command CLIENT CLIENT", "SENTINEL MASTER dead",
    "PUBLISH x y", "PUBLISH __sentinel__:hello", "PUBLISH __sentinel__:hello a,b", "PUBLISH __sentinel__:hello 1,2,3,4,5,6,7,8",
    "PUBLISH __sentinel__:hello 10.0.0.2,26379," + "b" * 40 + ",9,dead,127.0.0.1,@dead,0", "SENTINEL SENTINELS dead", "SENTINEL CKQUORUM dead",
    "PUBLISH __sentinel__:hello 10.0.0.3,26379," + "b" * 40 + ",9,dead,127.0.0.1,@dead,0", "SENTINEL SENTINELS dead",
    "PUBLISH __sentinel__:hello 10.0.0.3,26379," + "c" * 40 + ",9,dead,127.0.0.1,@dead,0", "SENTINEL SENTINELS dead",
    "PUBLISH __sentinel__:hello 10.0.0.4,70000," + "b" * 40 + ",9,dead,127.0.0.1,@dead,0", "SENTINEL SENTINELS dead",
    "PUBLISH __sentinel__:hello nosuch,1," + "d" * 40 + ",9,dead,127.0.0.1,@dead,0", "SENTINEL SENTINELS dead",
    "PUBLISH __sentinel__:hello 10.0.0.5,1," + "e" * 40 + ",18446744073709551615,dead,127.0.0.1,@dead,18446744073709551614",
    "SENTINEL MASTER dead", "PUBLISH __sentinel__:hello 10.0.0.5,1," + "e" * 40 + ",1,dead,10.0.0.9,6379,18446744073709551615",
    "SENTINEL MASTER dead", "SENTINEL REPLICAS dead", "SENTINEL GET-MASTER-ADDR-BY-NAME dead",
    "SENTINEL RESET", "SENTINEL RESET nosuch", "SENTINEL RESET de*", "SENTINEL SENTINELS dead", "SENTINEL MASTER dead", "SENTINEL RESET [",
    "SENTINEL INFO-CACHE nosuch", "SENTINEL INFO-CACHE dead", "ROLE",
]


def test_every_subcommand(both):
    for question in QUESTIONS:
        words = question.replace("@dead", str(both.dead)).split()
        if words[:2] == ["INFO", "sentinel"]:
            texts = [b"\n".join(sorted(line.partition(b":")[2] if line.startswith(b"master") else line for line in text.splitlines()))
                     for text in both.each(*words)]
            assert texts[0] == texts[1]
        else:
            both(*words)
    both("SENTINEL", "SET", "dead", "rename-command", "", "x")
    both("SENTINEL", "SET", "dead", "auth-pass", "")
    real, ours = both.sentinels
    # C appends nothing of its own, so all is equal but the order of dicts.
    assert sentinel_lines(ours) == sentinel_lines(real)


def test_info_has_the_same_fields(both):
    for section in ((), ("all",), ("default",), ("server",), ("clients",), ("cpu",), ("stats",), ("sentinel",), ("memory",), ("nosuch",), ("everything",)):
        fields = [[line.partition(b":")[0] for line in text.splitlines() if not line.startswith(b"master")] for text in both.each("INFO", *section)]
        assert set(fields[1]) == set(fields[0]), section
        assert [f for f in fields[1] if f.startswith(b"#")] == [f for f in fields[0] if f.startswith(b"#")]


def test_simulate_failure_help_answers_twice(both):
    for c in both.clients:
        c.send("SENTINEL", "SIMULATE-FAILURE", "HELP")
        assert [c.read(), c.read()] == [[b"crash-after-election", b"crash-after-promotion"], b"OK"]


def test_hello_and_command_table(both):
    hellos = [as_map(reply) for reply in both.each("HELLO")]
    assert {k: v for k, v in hellos[1].items() if k != b"id"} == {k: v for k, v in hellos[0].items() if k != b"id"}
    tables = [sorted(reply) for reply in both.each("COMMAND")]
    assert [row[:6] for row in tables[1]] == [row[:6] for row in tables[0]]


def test_events_are_published_alike(both):
    listeners = [s.resp() for s in both.sentinels]
    for c in listeners:
        assert c.execute("PSUBSCRIBE", "*")[:2] == [b"psubscribe", b"*"]
    both("SENTINEL", "MONITOR", "new", "127.0.0.1", "1", "1")
    both("SENTINEL", "SET", "new", "quorum", "2", "auth-pass", "x")
    both("PUBLISH", "__sentinel__:hello", "10.0.0.2,26379,%s,77,new,10.0.0.8,6379,5" % ("b" * 40))
    both("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "10.0.0.8", "6379", "80", "c" * 40)
    both("SENTINEL", "RESET", "new")
    both("SENTINEL", "REMOVE", "new")
    said = []
    for c in listeners:
        events = []
        while not events or events[-1][2] != b"-monitor":
            events.append(c.read_reply())
        said.append(events)
    assert said[1] == said[0]


def test_each_reads_the_others_file(both):
    for question in ("SENTINEL SET dead quorum 3 failover-timeout 5000 parallel-syncs 2 auth-pass secret auth-user joe",
                     "SENTINEL SET dead rename-command CONFIG GUESSME", "SENTINEL CONFIG SET announce-ip 127.0.0.7",
                     "PUBLISH __sentinel__:hello 10.0.0.2,26379," + "b" * 40 + ",9,dead,127.0.0.1,@dead,3", "SENTINEL FLUSHCONFIG"):
        both(*question.replace("@dead", str(both.dead)).split())
    real, ours = both.sentinels
    before = [masked(c.execute("SENTINEL", "MASTER", "dead")) for c in both.clients]
    for s in both.sentinels:
        s.stop()
    with open(ours.conffile) as f:
        lines = [line for line in f if not line.startswith("fast-path ")]        # AEREDIS_FAST_PATH: a directive of ours
    with open(ours.conffile, "w") as f:
        f.writelines(lines)
    real.conffile, ours.conffile = ours.conffile, real.conffile
    real.port, ours.port = ours.port, real.port
    for s in both.sentinels:
        s.start()
    after = [masked(s.resp().execute("SENTINEL", "MASTER", "dead")) for s in both.sentinels]
    assert after[0] == after[1]
    assert {k: v for k, v in as_map(after[1]).items() if k != b"flags"} == {k: v for k, v in as_map(before[1]).items() if k != b"flags"}
    for s in both.sentinels:
        assert [sorted(as_map(r).items()) for r in map(masked, s.resp().execute("SENTINEL", "SENTINELS", "dead"))]
