"""The failover machine against its table, step by step in a virtual world (sentinel_world.py)."""
import pytest

from replication.sentinel import sentinel_failover
from replication.sentinel.sentinel_h import (
    SENTINEL_FAILOVER_STATE_UPDATE_CONFIG as UPDATE_CONFIG, SRI_O_DOWN, SRI_S_DOWN, sentinel, sentinelRedisInstance,
)
from tests.support.sentinel_states import (
    NONE, RECONF_SLAVES, SELECT_SLAVE, SEND_SLAVEOF_NOONE, TRANSITIONS, WAIT_PROMOTION, WAIT_START,
)
from tests.unit.replication.sentinel_world import World


@pytest.fixture
def w(monkeypatch, tmp_path):
    with World(monkeypatch, tmp_path) as world:
        yield world


def set_up(w, slaves=2, sentinels=2, quorum=2, **options):
    """A master at 7000, slaves at 7001..., Sentinels at 8001...; all know each other, and a minute has passed."""
    w.add(7000)
    for i in range(slaves):
        w.add(7001 + i, "slave", 7000)
    options = dict({"down_after_milliseconds": 2000, "failover_timeout": 10000}, **options)
    w.monitor(quorum=quorum, **options)
    for i in range(sentinels):
        w.add(8001 + i, "sentinel")
        w.hello(8001 + i)
    w.run(20000)
    assert len(w.slaves()) == slaves and not w.master().flags & SRI_S_DOWN
    w.events.clear()
    return w.master()


def kill_master(w):
    w.instances[7000].refuses = True
    for i in w.instances.values():
        i.down_says = 1
        if i.of == 7000:
            i.link_up = False


def everything(w):
    kill_master(w)
    return w.run(15000)


def not_elected(w):
    for i in w.instances.values():
        i.vote = b"z" * 40
    kill_master(w)
    return w.run(14000)


def no_good_slave(w):
    for i in w.instances.values():
        i.priority = 0
    w.run(11000)
    kill_master(w)
    return w.run(6000)


def slave_gone_before_slaveof(w):
    kill_master(w)
    steps = []
    while w.master().failover_state != SEND_SLAVEOF_NOONE:
        steps += w.run(100)
    for port in (7001, 7002):
        w.instances[port].refuses = True
    w.serve()
    return steps + w.run(12000)


def slave_that_does_not_obey(w):
    for port in (7001, 7002):
        w.instances[port].obeys = False
    kill_master(w)
    return w.run(15000)


SCENARIOS = [everything, not_elected, no_good_slave, slave_gone_before_slaveof, slave_that_does_not_obey]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_steps_are_legal(w, scenario):
    set_up(w)
    steps = scenario(w)
    assert steps
    for step in steps:
        assert step in TRANSITIONS, step
        assert TRANSITIONS[step] in w.kinds()


def test_the_table_is_not_larger_than_the_machine(monkeypatch, tmp_path):
    seen = set()
    for scenario in SCENARIOS:
        with World(monkeypatch, tmp_path) as w:
            set_up(w)
            seen.update(scenario(w))
    assert seen == set(TRANSITIONS)


def test_events_of_a_whole_failover(w):
    set_up(w)
    everything(w)
    told = [kind for kind in w.kinds() if kind not in ("+role-change", "-role-change")]
    assert told[:20] == [
        "+sdown", "+odown", "+new-epoch", "+try-failover", "+vote-for-leader", "+elected-leader",
        "+failover-state-select-slave", "+selected-slave", "+failover-state-send-slaveof-noone",
        "+failover-state-wait-promotion", "+promoted-slave", "+failover-state-reconf-slaves", "+slave-reconf-sent",
        "+slave-reconf-inprog", "+slave-reconf-done", "+failover-end", "+switch-master", "+slave", "+slave", "+sdown"]
    assert w.said("+switch-master") == ["m 127.0.0.1 7000 127.0.0.1 7001"]
    assert w.master().addr.port == 7001 and set(w.slaves()) == {b"127.0.0.1:7000", b"127.0.0.1:7002"}
    assert w.instances[7001].role == "master" and w.instances[7002].of == 7001
    assert w.master().config_epoch == 1 == sentinel.current_epoch
    # The old master comes back, and is made a slave.
    w.instances[7000].refuses = False
    w.run(20000)
    assert (w.instances[7000].role, w.instances[7000].of) == ("slave", 7001)
    assert w.said("+convert-to-slave") == ["slave 127.0.0.1:7000 127.0.0.1 7000 @ m 127.0.0.1 7001"]


def test_what_is_sent_to_the_promoted_slave(w):
    set_up(w)
    everything(w)
    log = w.instances[7001].log
    at = log.index([b"MULTI"])
    assert log[at:at + 6] == [[b"MULTI"], [b"SLAVEOF", b"NO", b"ONE"], [b"CONFIG", b"REWRITE"], [b"CLIENT", b"KILL", b"TYPE", b"normal"],
                              [b"CLIENT", b"KILL", b"TYPE", b"pubsub"], [b"EXEC"]]


def test_by_hand_without_an_election(w):
    set_up(w)
    for i in w.instances.values():
        i.vote = b"*"
    assert w.redis("SENTINEL", "FAILOVER", "m") == b"OK"
    assert w.redis("SENTINEL", "FAILOVER", "m").text == "INPROG Failover already in progress"
    w.run(5000)
    assert w.master().addr.port == 7001


def test_quorum_is_not_enough_without_the_majority(w):
    """Two of five see it down, quorum 2: O_DOWN, and no leader."""
    set_up(w, sentinels=4, quorum=2)
    for port in (8002, 8003, 8004):
        w.instances[port].answers = False
    kill_master(w)
    w.run(14000)
    assert "+odown" in w.kinds() and "-failover-abort-not-elected" in w.kinds() and "+elected-leader" not in w.kinds()


def test_the_next_attempt_waits(w):
    set_up(w)
    not_elected(w)
    start = w.master().failover_start_time
    w.events.clear()
    for i in w.instances.values():
        i.vote = None
    w.run(30000)
    assert w.said("+new-epoch") == ["2"]
    assert w.master().addr.port == 7001
    assert start + 2 * 10000 <= w.clock.wall_ns // 1000000


@pytest.mark.parametrize("state", [WAIT_START, SELECT_SLAVE, SEND_SLAVEOF_NOONE, WAIT_PROMOTION, RECONF_SLAVES])
@pytest.mark.parametrize("how", ["hello", "reset"])
def test_from_any_state_to_none(w, state, how):
    set_up(w)
    w.instances[7002].obeys = False
    if state == WAIT_START:
        for i in w.instances.values():
            i.vote = b"z" * 40
    if state == WAIT_PROMOTION:
        w.instances[7001].obeys = False
    kill_master(w)
    for _ in range(200):
        w.tick()
        if w.master().failover_state == state:
            break
    assert w.master().failover_state == state
    if how == "reset":
        assert w.redis("SENTINEL", "RESET", "*") == 1
    else:
        w.hello(8001, epoch=9, config_epoch=9, master_port=7002)
        assert w.said("+switch-master") == ["m 127.0.0.1 7000 127.0.0.1 7002"]
    ri = w.master()
    assert (ri.failover_state, ri.promoted_slave, ri.failover_start_time) == (NONE, None, 0)
    w.run(1000)


def test_parallel_syncs(w):
    set_up(w, slaves=5, parallel_syncs=2)
    for port in range(7001, 7006):
        w.instances[port].obeys = port == 7001
    kill_master(w)
    w.run(6000)
    assert w.master().failover_state == RECONF_SLAVES
    assert len(w.said("+slave-reconf-sent")) == 2
    w.run(15000)
    # Sent 10 s ago and nothing happened: counted as done; then the time-out tells the rest.
    assert len(w.said("-slave-reconf-sent-timeout")) >= 1 or "+failover-end-for-timeout" in w.kinds()
    assert "+switch-master" in w.kinds()


def test_votes_are_given_once_an_epoch_and_stored_first(w):
    set_up(w)
    before = w.flushes
    assert w.redis("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", 7000, 5, "x") == [0, b"x", 5]
    assert w.flushes == before + 2                 # the epoch, the vote
    assert w.redis("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", 7000, 5, "y") == [0, b"x", 5]
    assert w.redis("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", 7000, 4, "y") == [0, b"x", 5]
    assert w.flushes == before + 2
    assert w.master().failover_start_time >= w.clock.wall_ns // 1000000


def test_epochs_wrap_at_64_bits(w):
    set_up(w)
    w.hello(8001, epoch=2**64 - 1)
    assert sentinel.current_epoch == 2**64 - 1
    assert w.redis("SENTINEL", "FAILOVER", "m") == b"OK"
    assert sentinel.current_epoch == 0
    w.run(1000)


def a_slave(name, priority=100, offset=0, runid=None):
    ri = sentinelRedisInstance(0, 0)
    ri.name, ri.slave_priority, ri.slave_repl_offset, ri.runid = name, priority, offset, runid
    return ri


def test_order_of_slaves():
    slaves = [a_slave(0, 1, 0, b"Z"), a_slave(1, 2, 9, b"c"), a_slave(2, 2, 9, b"D"), a_slave(3, 2, 9, None), a_slave(4, 2, 1, b"a")]
    order = sorted(slaves, key=sentinel_failover.functools.cmp_to_key(sentinel_failover.compareSlavesForPromotion))
    assert [ri.name for ri in order] == [0, 1, 2, 3, 4]
    assert sentinel_failover.compareSlavesForPromotion(a_slave(0), a_slave(1)) == 0


def test_ctime_of_absurd_times():
    assert sentinel_failover.sentinel_ctime(10**18) == "1000000000000000000"
    assert sentinel_failover.sentinel_ctime(0).endswith("1970")


def test_o_down_is_withdrawn(w):
    master = set_up(w)
    kill_master(w)
    w.run(3500)
    assert master.flags & SRI_O_DOWN
    w.redis("SENTINEL", "RESET", "m")
    w.instances[7000].refuses = False
    w.run(3000)
    assert not w.master().flags & (SRI_O_DOWN | SRI_S_DOWN)


def test_update_config_is_passed_within_a_tick(w):
    """The machine is in UPDATE_CONFIG only between a master's step and the end of the walk."""
    set_up(w)
    seen = []
    switch = sentinel_failover.sentinelFailoverSwitchToPromotedSlave

    def spy(master):
        seen.append(master.failover_state)
        switch(master)
    w.monkeypatch.setattr("replication.sentinel.sentinel_monitor.sentinelFailoverSwitchToPromotedSlave", spy)
    everything(w)
    assert seen == [UPDATE_CONFIG]
