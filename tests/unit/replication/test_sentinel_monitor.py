"""Watching, with a clock that stands still: periods at their edges, S_DOWN, hello messages, shared links, TILT, leaks."""
import gc
import sys

import pytest

from datastructs.dict import dict_entries
from replication.sentinel import hiredis_async, sentinel_h, sentinel_monitor
from replication.sentinel.sentinel_h import (
    SENTINEL_MAX_INSTANCES, SRI_MASTER_DOWN, SRI_SCRIPT_KILL_SENT, SRI_S_DOWN, sentinel,
)
from server.client.connection import connection
from tests.unit.replication.sentinel_world import World

A, B, C = b"a" * 40, b"b" * 40, b"c" * 40


@pytest.fixture
def w(monkeypatch, tmp_path):
    with World(monkeypatch, tmp_path) as world:
        yield world


def sentinels(w, name="m"):
    return {de.key: de.val for de in dict_entries(w.master(name).sentinels)}


def test_a_new_master_is_connected_and_asked(w):
    master = w.add(7000)
    w.add(7001, "slave", 7000)
    w.monitor(auth_pass="secret", auth_user="joe")
    w.tick()
    assert master.log == [[b"AUTH", b"joe", b"secret"], [b"CLIENT", b"SETNAME", b"sentinel-aaaaaaaa-cmd"], [b"PING"], [b"INFO"],
                          [b"AUTH", b"joe", b"secret"], [b"CLIENT", b"SETNAME", b"sentinel-aaaaaaaa-pubsub"],
                          [b"SUBSCRIBE", b"__sentinel__:hello"]]
    ri = w.master()
    assert ri.runid == master.runid and ri.link.pending_commands == 0 and not ri.link.disconnected
    assert w.said("+slave") == ["slave 127.0.0.1:7001 127.0.0.1 7001 @ m 127.0.0.1 7000"]
    w.run(1000)
    assert w.instances[7001].log[0] == [b"AUTH", b"joe", b"secret"]


def test_renamed_commands(w):
    master = w.add(7000)
    w.monitor()
    assert w.redis("SENTINEL", "SET", "m", "rename-command", "client", "Kunde", "rename-command", "PING", "Hallo") == b"OK"
    w.tick()
    assert [b"Kunde", b"SETNAME", b"sentinel-aaaaaaaa-cmd"] in master.log and [b"Hallo"] in master.log


def counted(master, word):
    return sum(1 for words in master.log if words[0] == word)


def test_periods(w):
    """PING when the pong is older than 1 s, hello when older than 2 s, INFO when older than 10 s: strictly."""
    master = w.add(7000)
    w.monitor()
    w.tick(0)
    w.tick(2001)                                   # a hello is due 2001 ms after the master was made
    master.log.clear()
    start = w.clock.wall_ns
    times = {}
    for _ in range(220):
        w.clock.advance(ms=100)
        before = len(master.log)
        sentinel_monitor.sentinelTimer()
        w.serve()
        for words in master.log[before:]:
            times.setdefault(words[0], []).append((w.clock.wall_ns - start) // 1000000)
    assert times[b"PING"][:3] == [1100, 2200, 3300]
    assert times[b"PUBLISH"][:3] == [2100, 4200, 6300]
    assert times[b"INFO"] == [8000, 18100]         # the first one came 2001 ms earlier


def test_ping_period_follows_a_short_down_after(w):
    master = w.add(7000)
    w.monitor(down_after_milliseconds=300)
    w.run(1000)
    master.log.clear()
    w.run(4000)
    assert counted(master, b"PING") == 10          # more than 300 ms apart: each fourth tick


def test_s_down_to_the_millisecond(w):
    master = w.add(7000)
    w.monitor(down_after_milliseconds=2000)
    w.run(3000)
    master.answers = False
    ri = w.master()
    while not ri.link.act_ping_time:
        w.tick()
    w.clock.advance(ms=ri.link.act_ping_time + 2000 - w.clock.wall_ns // 1000000)
    sentinel_monitor.sentinelCheckSubjectivelyDown(ri)
    assert not ri.flags & SRI_S_DOWN
    w.clock.advance(ms=1)
    sentinel_monitor.sentinelCheckSubjectivelyDown(ri)
    assert ri.flags & SRI_S_DOWN and w.said("+sdown") == ["master m 127.0.0.1 7000"]
    master.answers = True
    w.run(32000)                                   # the jump of the clock has led into TILT
    assert not ri.flags & SRI_S_DOWN and w.said("-sdown") == ["master m 127.0.0.1 7000"]
    assert ri.s_down_since_time


def test_a_master_that_nobody_serves_is_down_too(w):
    w.monitor(down_after_milliseconds=2000)
    w.run(2100)
    assert w.master().flags & SRI_S_DOWN


@pytest.mark.parametrize("pong,alive", [(b"+PONG", 1), (b"-LOADING x", 1), (b"-MASTERDOWN x", 1), (b"-ERR x", 0), (b"-BUSY x", 0), (b"+OK", 0)])
def test_which_pongs_count(w, pong, alive):
    master = w.add(7000)
    answer = master.answer
    master.answer = lambda words: pong + b"\r\n" if words == [b"PING"] else answer(words)
    w.monitor(down_after_milliseconds=2000)
    w.run(10000)
    ri = w.master()
    assert bool(ri.flags & SRI_S_DOWN) == (not alive)
    # A script that blocks is killed, once.
    assert counted(master, b"SCRIPT") == (1 if pong.startswith(b"-BUSY") else 0)
    assert bool(ri.flags & SRI_SCRIPT_KILL_SENT) == pong.startswith(b"-BUSY")


def test_a_master_that_says_it_is_a_slave_is_down(w):
    master = w.add(7000)
    w.monitor(down_after_milliseconds=2000)
    w.run(1000)
    master.role, master.of = "slave", 9999
    w.run(22000)
    assert not w.master().flags & SRI_S_DOWN
    w.run(12000)
    assert w.master().flags & SRI_S_DOWN


def test_silent_links_are_dropped(w):
    master = w.add(7000)
    w.monitor(down_after_milliseconds=60000)
    w.tick()
    cc, pc = w.master().link.cc, w.master().link.pc
    w.run(15000)
    assert w.master().link.pc is pc
    w.run(200)
    assert w.master().link.pc is not pc            # old enough, and no message for more than 6 s
    master.answers = False
    w.run(30000)
    assert w.master().link.cc is cc                # half of down-after
    w.run(2000)
    assert w.master().link.cc is not cc


def test_no_more_than_100_open_commands(w):
    master = w.add(7000)
    w.monitor(down_after_milliseconds=10**9)
    w.run(1000)
    master.answers = False
    w.run(120000)
    # pc is made anew each 15 s, and what is sent on it counts as well.
    assert 100 <= w.master().link.pending_commands <= 102 + 120 // 15


def test_slave_info_each_second_while_its_link_is_down(w):
    w.add(7000)
    slave = w.add(7001, "slave", 7000)
    w.monitor()
    w.run(12000)
    slave.log.clear()
    w.run(10000)
    assert counted(slave, b"INFO") == 1
    info = slave.info
    slave.info = lambda: info() + b"master_link_down_since_seconds:5\r\n"
    w.run(12000)
    slave.log.clear()
    w.run(10000)
    assert counted(slave, b"INFO") == 9            # each 1100 ms
    assert w.slaves()[b"127.0.0.1:7001"].master_link_down_time == 5000


def refresh(w, text):
    sentinel_monitor.sentinelRefreshInstanceInfo(w.master(), text)


def test_info_lines_of_all_kinds(w):
    w.add(7000)
    ri = w.monitor()
    refresh(w, b"run_id:" + A + b"\r\nrole:master\r\nslave0:10.0.0.1,6380,online\r\nslave1:ip=10.0.0.2,port=6381,state=online\r\n"
            b"slave2:ip=10.0.0.3\r\nslave3:x\r\nslave4:,\r\nslave:ip=1,port=2\r\nslave5:ip=nosuch,port=1\r\nslave6:ip=10.0.0.9,port=70000\r\n")
    assert set(w.slaves()) == {b"10.0.0.1:6380", b"10.0.0.2:6381"} and ri.runid == A
    refresh(w, b"run_id:" + B + b"\r\n")
    assert w.said("+reboot") == ["master m 127.0.0.1 7000"] and ri.runid == B and ri.role_reported == 0
    slave = w.slaves()[b"10.0.0.1:6380"]
    sentinel_monitor.sentinelRefreshInstanceInfo(slave, b"role:slave\r\nmaster_host:x\r\nmaster_port:" + b"9" * 5000 + b"\r\nslave_priority:-3x\r\n"
                                                 b"slave_repl_offset:99999999999999999999999\r\nmaster_link_status:UP\r\nreplica_announced:0\r\n"
                                                 b"master_link_down_since_seconds:99999999999999999999\r\n")
    assert (slave.slave_priority, slave.slave_repl_offset, slave.replica_announced, slave.slave_master_port) == (-3, 2**64 - 1, 0, -1)
    assert len(w.redis("SENTINEL", "REPLICAS", "m")) == 1
    # A slave that names no master: C crashes there.
    slave.slave_master_host = None
    sentinel_monitor.sentinelRefreshInstanceInfo(slave, b"role:slave\r\n")


def test_a_slave_of_another_master_is_put_right(w):
    w.add(7000)
    slave = w.add(7001, "slave", 7000)
    w.monitor(failover_timeout=20000)
    w.run(12000)
    slave.of = 9999
    w.run(20000)
    assert slave.of == 9999
    w.run(21000)
    assert slave.of == 7000 and w.said("+fix-slave-config") == ["slave 127.0.0.1:7001 127.0.0.1 7001 @ m 127.0.0.1 7000"]


HELLO = b"10.0.0.%d,26379,%s,%d,m,127.0.0.1,7000,%d"


def test_hello(w):
    w.add(7000)
    w.monitor()
    say = sentinel_monitor.sentinelProcessHelloMessage
    for bad in (b"", b",", b"1,2,3,4,nosuch,6,7,8", b"1,2,3,4,m,6,7", b"1,2,3,4,m,6,7,8,9", b"\0,\0,\0,\0,m\0x,\0,\0", b"," * 7):
        say(bad)
    assert not sentinels(w) or list(sentinels(w)) == [b""]
    w.redis("SENTINEL", "RESET", "m")
    say(HELLO % (1, B, 5, 0))
    assert sentinels(w)[B].addr.ip == b"10.0.0.1" and sentinel.current_epoch == 5
    say(HELLO % (2, B, 5, 0))                      # another address
    assert sentinels(w)[B].addr.ip == b"10.0.0.2" and len(sentinels(w)) == 1
    assert w.said("+sentinel-address-switch") == ["master m 127.0.0.1 7000 ip 10.0.0.2 port 26379 for " + B.decode()]
    say(HELLO % (2, C, 4, 0))                      # another Sentinel there
    assert sentinels(w)[B].addr.port == 0 and sentinels(w)[C].addr.port == 26379
    assert w.said("+sentinel-invalid-addr") and sentinel.current_epoch == 5
    say(b"10.0.0.3,70000,%s,1,m,127.0.0.1,7000,0" % B)             # the old one goes, as in C, though there is no new one
    assert list(sentinels(w)) == [C]
    say(HELLO % (2, C, 6, 6))                      # a newer configuration, and the same address
    assert w.master().config_epoch == 6 and not w.said("+switch-master")
    say(b"10.0.0.2,26379,%s,6,m,10.9.9.9,6380,7" % C)
    assert w.said("+switch-master") == ["m 127.0.0.1 7000 10.9.9.9 6380"] and set(w.slaves()) == {b"127.0.0.1:7000"}
    assert list(sentinels(w)) == [C]


def test_what_others_can_make_it_know_is_bounded(w):
    """D-75: replicas, Sentinels, the file that is written for them, texts."""
    w.add(7000)
    ri = w.monitor()
    flushes = w.flushes
    head = b"run_id:" + A + b"\r\nrole:master\r\n"
    for n in range(3):
        refresh(w, head + b"".join(b"slave%d:ip=10.%d.%d.%d,port=1\r\n" % (i, n, i >> 8, i & 255) for i in range(300)))
    assert len(w.slaves()) == SENTINEL_MAX_INSTANCES and w.flushes == flushes + 2
    refresh(w, head)                               # nothing new, nothing written
    assert w.flushes == flushes + 2
    w.redis("SENTINEL", "RESET", "m")
    refresh(w, head + b"".join(b"slave%d:ip=10.1.%d.%d,port=1\r\n" % (i, i >> 8, i & 255) for i in range(600)))
    assert len(w.slaves()) == SENTINEL_MAX_INSTANCES

    for i in range(SENTINEL_MAX_INSTANCES + 50):
        sentinel_monitor.sentinelProcessHelloMessage(b"10.0.%d.%d,1,%040d,0,m,127.0.0.1,7000,0" % (i >> 8, i & 255, i))
    assert len(sentinels(w)) == SENTINEL_MAX_INSTANCES
    # Those that it knows may still move, and tell what is new.
    sentinel_monitor.sentinelProcessHelloMessage(b"10.9.9.9,1,%040d,77,m,127.0.0.1,7000,5" % 3)
    assert sentinels(w)[b"%040d" % 3].addr.ip == b"10.9.9.9" and (sentinel.current_epoch, w.master().config_epoch) == (77, 5)

    w.redis("SENTINEL", "RESET", "m")
    sentinel_monitor.sentinelProcessHelloMessage(b"10.0.0.1,1,%s,0,m,127.0.0.1,7000,0" % (b"x" * 2000))
    assert not sentinels(w)
    refresh(w, head + b"x" * 200000 + b"\r\nslave0:ip=10.3.3.3,port=1\r\n")
    assert len(ri.info) == 65536 and b"10.3.3.3:1" in w.slaves()


def test_a_vote_for_nobody(w):
    """A leader's name that is no run id does not count."""
    w.add(7000)
    w.monitor(quorum=2, down_after_milliseconds=2000)
    there = w.add(8001, "sentinel", down_says=1, vote=b"z" * 41)
    w.hello(8001)
    w.run(3000)
    w.instances[7000].refuses = True
    w.run(6000)
    ri = sentinels(w)[there.runid]
    assert ri.flags & SRI_MASTER_DOWN and ri.leader is None
    there.vote = b"z" * 40
    w.run(6000)
    assert ri.leader == b"z" * 40


def test_our_own_hello_comes_back(w):
    master = w.add(7000)
    w.monitor()
    w.run(3000)
    hello = [words[2] for words in master.log if words[0] == b"PUBLISH"][0]
    assert hello == b"127.0.0.1,26379,%s,0,m,127.0.0.1,7000,0" % A
    pc = w.master().link.pc
    for text in (hello, HELLO % (7, B, 0, 0)):
        reply = hiredis_async.redisReaderCreate()
        hiredis_async.redisReaderFeed(reply, b"*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$%d\r\n%s\r\n" % (len(text), text))
        sentinel_monitor.sentinelReceiveHelloMessages(pc, hiredis_async.redisReaderGetReply(reply)[1], w.master())
    assert list(sentinels(w)) == [B]


def test_links_of_a_sentinel_are_shared(w):
    w.add(7000)
    w.add(7100)
    w.monitor("m", 7000)
    w.monitor("n", 7100)
    there = w.add(8001, "sentinel")
    w.hello(8001, "m")
    w.hello(8001, "n", master_port=7100)
    link = sentinels(w, "m")[there.runid].link
    assert sentinels(w, "n")[there.runid].link is link and link.refcount == 2
    w.run(3000)
    assert sum(1 for port, ac in w.links if port == 8001 and ac.conn is not None) == 1
    # One of the owners goes, with a reply on the way: nobody misses it.
    there.answers = False
    w.run(2000)
    w.redis("SENTINEL", "REMOVE", "n")
    assert link.refcount == 1 and link.cc is not None
    there.answers = True
    w.run(2000)
    assert sentinels(w, "m")[there.runid].link is link and link.pending_commands <= 1


def test_change_of_password_reconnects_sentinels_only(w):
    w.add(7000)
    w.monitor()
    there = w.add(8001, "sentinel")
    w.hello(8001)
    w.run(3000)
    master_cc = w.master().link.cc
    there.log.clear()
    assert w.redis("SENTINEL", "CONFIG", "SET", "sentinel-pass", "p") == b"OK"
    w.run(2000)
    assert there.log[0] == [b"AUTH", b"p"] and w.master().link.cc is master_cc


def test_what_others_say_grows_old(w):
    w.add(7000)
    w.monitor(quorum=2, down_after_milliseconds=2000)
    there = w.add(8001, "sentinel", down_says=1)
    w.hello(8001)
    w.run(3000)
    w.instances[7000].refuses = True
    w.run(4000)
    ri = sentinels(w)[there.runid]
    assert ri.flags & SRI_MASTER_DOWN
    there.answers = False
    w.run(7000)
    assert not ri.flags & SRI_MASTER_DOWN and ri.leader is None


def test_tilt(w):
    w.add(7000)
    w.monitor(down_after_milliseconds=1000)
    w.run(2000)
    w.tick(2000)
    assert not sentinel.tilt
    w.tick(2001)
    assert sentinel.tilt and w.said("+tilt") == ["#tilt mode entered"]
    w.instances[7000].refuses = True
    w.run(29900)
    assert sentinel.tilt and "+sdown" not in w.kinds()
    assert w.redis("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", 7000, 0, "*")[0] == 0
    w.run(1000)
    assert not sentinel.tilt and w.said("-tilt") == ["#tilt mode exited"] and "+sdown" in w.kinds()
    w.clock.advance(ms=-1)
    sentinel_monitor.sentinelTimer()
    assert sentinel.tilt


def test_one_bad_instance_does_not_stop_the_others(w, monkeypatch):
    w.add(7000)
    w.add(7100)
    w.monitor("m", 7000)
    w.monitor("n", 7100)
    told = []
    monkeypatch.setattr(sentinel_monitor, "log_unexpected_exception", told.append)
    send = sentinel_monitor.sentinelSendPeriodicCommands

    def bad(ri):
        if ri.name == b"m":
            raise KeyError("a bug")
        send(ri)
    monkeypatch.setattr(sentinel_monitor, "sentinelSendPeriodicCommands", bad)
    w.run(3000)
    assert len(told) == 30 and w.master("n").runid and not w.master("m").runid

    def broken(ri):
        raise AssertionError
    monkeypatch.setattr(sentinel_monitor, "sentinelSendPeriodicCommands", broken)
    with pytest.raises(AssertionError):
        w.tick()


def live_round(w, n):
    """Everything that makes and breaks instances and links."""
    for port, role, of in ((7000, "master", None), (7001, "slave", 7000), (7002, "slave", 7000), (8001, "sentinel", None)):
        w.add(port, role, of)
    w.add(7100)
    w.monitor("m", 7000, down_after_milliseconds=1000, failover_timeout=3000)
    w.monitor("n", 7100)
    w.hello(8001, "m")
    w.hello(8001, "n", master_port=7100)
    w.run(3000, 500)
    if n % 2:
        assert w.redis("SENTINEL", "FAILOVER", "m") == b"OK"
        w.run(4000, 500)
        assert w.master().addr.port in (7001, 7002)
    for port, ac in list(w.links)[:n % 5]:
        if ac.conn is not None:
            w.drop(ac)
    w.instances[7002].refuses = True
    w.run(1500, 500)
    if n % 3 == 0:
        w.redis("SENTINEL", "RESET", "*")
        w.run(500, 500)
    assert w.redis("SENTINEL", "REMOVE", "m") == w.redis("SENTINEL", "REMOVE", "n") == b"OK"
    w.links.clear()
    w.events.clear()


OURS = (sentinel_h.sentinelRedisInstance, sentinel_h.instanceLink, sentinel_h.sentinelAddr, hiredis_async.redisAsyncContext,
        hiredis_async.redisCallback, hiredis_async.redisAeEvents, connection)


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="this interpreter frees by its collector only")
def test_nothing_is_left_to_the_collector(w):
    """The collector is off in the server: what dies must fall apart by itself."""
    from tests.unit.server.client.fake_connection import WIRES
    live_round(w, 1)
    WIRES.clear()
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(o, OURS) for o in gc.get_objects())
        for n in range(12):
            live_round(w, n)
            WIRES.clear()
        after = sum(isinstance(o, OURS) for o in gc.get_objects())
    finally:
        gc.enable()
    assert after <= before
