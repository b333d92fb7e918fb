"""sentinel_states.py - the failover machine of Sentinel as a table: the unit test holds the code to it, docs/ is drawn from it."""
from replication.sentinel.sentinel_h import (
    SENTINEL_FAILOVER_STATE_NONE as NONE, SENTINEL_FAILOVER_STATE_RECONF_SLAVES as RECONF_SLAVES,
    SENTINEL_FAILOVER_STATE_SELECT_SLAVE as SELECT_SLAVE, SENTINEL_FAILOVER_STATE_SEND_SLAVEOF_NOONE as SEND_SLAVEOF_NOONE,
    SENTINEL_FAILOVER_STATE_WAIT_PROMOTION as WAIT_PROMOTION, SENTINEL_FAILOVER_STATE_WAIT_START as WAIT_START,
)

NAMES = {NONE: "NONE", WAIT_START: "WAIT_START", SELECT_SLAVE: "SELECT_SLAVE", SEND_SLAVEOF_NOONE: "SEND_SLAVEOF_NOONE",
         WAIT_PROMOTION: "WAIT_PROMOTION", RECONF_SLAVES: "RECONF_SLAVES"}

#: What one step of the timer, or one reply, may change: (state, next state) -> the event that tells.
TRANSITIONS = {
    (NONE, WAIT_START): "+try-failover",
    (WAIT_START, SELECT_SLAVE): "+elected-leader",
    (WAIT_START, NONE): "-failover-abort-not-elected",
    (SELECT_SLAVE, SEND_SLAVEOF_NOONE): "+selected-slave",
    (SELECT_SLAVE, NONE): "-failover-abort-no-good-slave",
    (SEND_SLAVEOF_NOONE, WAIT_PROMOTION): "+failover-state-wait-promotion",
    (SEND_SLAVEOF_NOONE, NONE): "-failover-abort-slave-timeout",
    (WAIT_PROMOTION, RECONF_SLAVES): "+promoted-slave",
    (WAIT_PROMOTION, NONE): "-failover-abort-slave-timeout",
    # UPDATE_CONFIG ends with the tick in which it begins.
    (RECONF_SLAVES, NONE): "+switch-master",
}


def draw_failover():
    """The machine as text: the way down is a failover that succeeds, the way to the right one that does not."""
    lines = [NAMES[NONE]]
    state = NONE
    while 1:
        onward = [new for old, new in TRANSITIONS if old == state and new > old]
        if not onward:
            break
        state = onward[0]
        lines += ["  | %s" % TRANSITIONS[[old for old, new in TRANSITIONS if new == state][0], state], "  v"]
        back = TRANSITIONS.get((state, NONE))
        lines.append(NAMES[state] if back is None or back.startswith("+") else "%-20s %s %s" % (
            NAMES[state], ("---- %s " % back).ljust(38, "-") + ">", NAMES[NONE]))
    return lines + ["  | %s" % TRANSITIONS[state, NONE], "  v", NAMES[NONE]]
