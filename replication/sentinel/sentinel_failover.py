"""sentinel_failover.py - votes, and the failover of a master.     Mirrors src/sentinel.c, lines 4401-5037 (6.2.14)

master.failover_state, and what moves it.  One step a tick; tests/unit/replication holds the same table.   DOC: failover

   NONE --O_DOWN, or SENTINEL FAILOVER--> WAIT_START --elected, or forced--> SELECT_SLAVE --a good one--> SEND_SLAVEOF_NOONE
     ^                                        |                                  |                          |        |
     +--- -failover-abort-not-elected --------'                                  |                          |        | queued
     +--- -failover-abort-no-good-slave -----------------------------------------'                          |        v
     +--- -failover-abort-slave-timeout --------------------------------------------------------------------+-- WAIT_PROMOTION
     |                                                                                                               |
     |                                                        its INFO says master: sentinelRefreshInstanceInfo      |
     '---+switch-master--- UPDATE_CONFIG <--all done, or too late-- RECONF_SLAVES <--+promoted-slave-----------------'

   From anywhere to NONE: a hello with a newer configuration, SENTINEL RESET.

Called from  sentinel_monitor.sentinelHandleRedisInstance [cron]; SENTINEL FAILOVER, IS-MASTER-DOWN-BY-ADDR [command].
Calls out    sentinel.py, hiredis_async.redisAsyncCommand.
State        leader, leader_epoch, failover_* and promoted_slave of a master; sentinel.current_epoch.
Invariant    one vote an epoch: leader_epoch never falls, and what we answered for it stands in the file before anybody
             is told.  promoted_slave is set from SEND_SLAVEOF_NOONE on, until the master is NONE again.
Departures   epochs are masked by hand where C's uint64_t wraps.
"""
import functools
import random
import sys
import time

from ae.monotonic import mstime
from datastructs.dict import (
    dictAddRaw, dictCreate, dictGetIterator, dictNext, dictRelease, dictReleaseIterator, dictSize,
)
from datastructs.util import to_ullong
from replication.sentinel.hiredis_async import redisAsyncCommand
from replication.sentinel.sentinel import (
    announceSentinelAddr, leaderVotesDictType, sentinelDiscardReplyCallback, sentinelEvent, sentinelFlushConfig,
    sentinelInstanceMapCommand, sentinelResetMasterAndChangeAddress,
)
from replication.sentinel.sentinel_h import (
    SENTINEL_ELECTION_TIMEOUT, SENTINEL_FAILOVER_STATE_NONE, SENTINEL_FAILOVER_STATE_RECONF_SLAVES,
    SENTINEL_FAILOVER_STATE_SELECT_SLAVE, SENTINEL_FAILOVER_STATE_SEND_SLAVEOF_NOONE,
    SENTINEL_FAILOVER_STATE_UPDATE_CONFIG, SENTINEL_FAILOVER_STATE_WAIT_PROMOTION,
    SENTINEL_FAILOVER_STATE_WAIT_START, SENTINEL_INFO_PERIOD, SENTINEL_MAX_DESYNC, SENTINEL_PING_PERIOD,
    SENTINEL_SIMFAILURE_CRASH_AFTER_ELECTION, SENTINEL_SLAVE_RECONF_TIMEOUT, SRI_FAILOVER_IN_PROGRESS,
    SRI_FORCE_FAILOVER, SRI_MASTER, SRI_O_DOWN, SRI_PROMOTED, SRI_RECONF_DONE, SRI_RECONF_INPROG, SRI_RECONF_SENT,
    SRI_S_DOWN, sentinel,
)
from server.log import serverAssert, serverLog
from server.server_h import C_ERR, C_OK, LL_NOTICE, LL_WARNING


# =============================== FAILOVER =================================

def sentinelSimFailureCrash():
    """End here, since SENTINEL SIMULATE-FAILURE asked for it."""
    serverLog(LL_WARNING, "Sentinel CRASH because of SENTINEL simulate-failure")
    sys.exit(99)


def sentinelVoteLeader(master, req_epoch, req_runid):
    """Vote for `req_runid`, unless we have voted in this epoch or a later one already.
    -> (leader, leader_epoch) of our latest vote; leader None: none since we were started."""
    if req_epoch > sentinel.current_epoch:
        sentinel.current_epoch = req_epoch
        sentinelFlushConfig()
        sentinelEvent(LL_WARNING, b"+new-epoch", master, b"%d", sentinel.current_epoch)

    if master.leader_epoch < req_epoch and sentinel.current_epoch <= req_epoch:
        master.leader = req_runid
        master.leader_epoch = sentinel.current_epoch
        # ORDER: save the vote before it is sent, or we could vote twice after a crash.
        sentinelFlushConfig()
        sentinelEvent(LL_WARNING, b"+vote-for-leader", master, b"%s %d", master.leader, master.leader_epoch)
        # Another Sentinel tries a failover: wait the time of an attempt before we try ourselves.
        if master.leader.lower() != sentinel.myid.lower():
            master.failover_start_time = mstime() + random.randrange(SENTINEL_MAX_DESYNC)

    return master.leader, master.leader_epoch


def sentinelLeaderIncr(counters, runid):
    """Count a vote for `runid` -> its votes now."""
    de, existing = dictAddRaw(counters, runid)
    if existing is not None:
        existing.val += 1
        return existing.val
    serverAssert(de is not None)
    de.val = 1
    return 1


def sentinelGetLeader(master, epoch):
    """Count the votes of this epoch, our own included, which is given now if it is free -> runid, or None.

    The winner needs the majority of all Sentinels seen since the last SENTINEL RESET, and at least `quorum` votes.
    """
    max_votes = 0
    winner = None

    serverAssert(master.flags & (SRI_O_DOWN | SRI_FAILOVER_IN_PROGRESS))
    counters = dictCreate(leaderVotesDictType)

    voters = dictSize(master.sentinels) + 1        # and me

    di = dictGetIterator(master.sentinels)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        if ri.leader is not None and ri.leader_epoch == sentinel.current_epoch:
            sentinelLeaderIncr(counters, ri.leader)
    dictReleaseIterator(di)

    di = dictGetIterator(counters)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        votes = de.val
        if votes > max_votes:
            max_votes = votes
            winner = de.key
    dictReleaseIterator(di)

    # Vote for the Sentinel with most votes, if there is one, else for ourselves.
    if winner is not None:
        myvote, leader_epoch = sentinelVoteLeader(master, epoch, winner)
    else:
        myvote, leader_epoch = sentinelVoteLeader(master, epoch, sentinel.myid)

    if myvote is not None and leader_epoch == epoch:
        votes = sentinelLeaderIncr(counters, myvote)
        if votes > max_votes:
            max_votes = votes
            winner = myvote

    voters_quorum = voters // 2 + 1
    if winner is not None and (max_votes < voters_quorum or max_votes < master.quorum):
        winner = None

    dictRelease(counters)
    return winner


def sentinelSendSlaveOf(ri, addr):
    """Queue, in one transaction: SLAVEOF `addr` (None: NO ONE), CONFIG REWRITE so that it survives a restart there, and
    CLIENT KILL for both kinds of clients, which makes them ask us for the master.  -> C_OK, or C_ERR

    Nobody reads the answers: what came of it shows in the next INFO."""
    if addr is None:
        host, portstr = b"NO", b"ONE"
    else:
        host, portstr = announceSentinelAddr(addr), b"%d" % addr.port

    retval = redisAsyncCommand(ri.link.cc, sentinelDiscardReplyCallback, ri, sentinelInstanceMapCommand(ri, b"MULTI"))
    if retval == C_ERR:
        return retval
    ri.link.pending_commands += 1

    retval = redisAsyncCommand(ri.link.cc, sentinelDiscardReplyCallback, ri, sentinelInstanceMapCommand(ri, b"SLAVEOF"),
                               host, portstr)
    if retval == C_ERR:
        return retval
    ri.link.pending_commands += 1

    retval = redisAsyncCommand(ri.link.cc, sentinelDiscardReplyCallback, ri, sentinelInstanceMapCommand(ri, b"CONFIG"),
                               b"REWRITE")
    if retval == C_ERR:
        return retval
    ri.link.pending_commands += 1

    # A server before 2.8.12 replies an error to these, and executes the rest.
    for type_ in (b"normal", b"pubsub"):
        retval = redisAsyncCommand(ri.link.cc, sentinelDiscardReplyCallback, ri,
                                   sentinelInstanceMapCommand(ri, b"CLIENT"), b"KILL", b"TYPE", type_)
        if retval == C_ERR:
            return retval
        ri.link.pending_commands += 1

    retval = redisAsyncCommand(ri.link.cc, sentinelDiscardReplyCallback, ri, sentinelInstanceMapCommand(ri, b"EXEC"))
    if retval == C_ERR:
        return retval
    ri.link.pending_commands += 1

    return C_OK


def sentinelStartFailover(master):
    """Open a new epoch, and try to be elected in it."""
    serverAssert(master.flags & SRI_MASTER)
    master.failover_state = SENTINEL_FAILOVER_STATE_WAIT_START
    master.flags |= SRI_FAILOVER_IN_PROGRESS
    sentinel.current_epoch = to_ullong(sentinel.current_epoch + 1)
    master.failover_epoch = sentinel.current_epoch
    sentinelEvent(LL_WARNING, b"+new-epoch", master, b"%d", sentinel.current_epoch)
    sentinelEvent(LL_WARNING, b"+try-failover", master, b"%@")
    master.failover_start_time = mstime() + random.randrange(SENTINEL_MAX_DESYNC)
    master.failover_state_change_time = mstime()


def sentinelStartFailoverIfNeeded(master):
    """Start a failover if the master is O_DOWN, none is in progress, and the last attempt, ours or one that we voted
    for, is long enough ago -> 1 if one was started.  It may still be another Sentinel that is elected."""
    if not master.flags & SRI_O_DOWN:
        return 0
    if master.flags & SRI_FAILOVER_IN_PROGRESS:
        return 0

    if mstime() - master.failover_start_time < master.failover_timeout * 2:
        if master.failover_delay_logged != master.failover_start_time:
            clock = (master.failover_start_time + master.failover_timeout * 2) // 1000
            master.failover_delay_logged = master.failover_start_time
            serverLog(LL_WARNING, "Next failover delay: I will not start a failover before %s", sentinel_ctime(clock))
        return 0

    sentinelStartFailover(master)
    return 1


def sentinel_ctime(clock):
    """Return the time as ctime(3) writes it; a time that no calendar holds as its number."""
    try:
        return time.ctime(clock)
    except (OverflowError, OSError, ValueError):
        return "%d" % clock


def compareSlavesForPromotion(sa, sb):
    """Compare two slaves, the better one is smaller: priority, then offset, then runid (none is the worst)."""
    if sa.slave_priority != sb.slave_priority:
        return sa.slave_priority - sb.slave_priority

    # The slave has processed more of the master's stream.
    if sa.slave_repl_offset > sb.slave_repl_offset:
        return -1
    if sa.slave_repl_offset < sb.slave_repl_offset:
        return 1

    sa_runid = sa.runid
    sb_runid = sb.runid
    if sa_runid is None and sb_runid is None:
        return 0
    if sa_runid is None:
        return 1
    if sb_runid is None:
        return -1
    sa_runid = sa_runid.lower()
    sb_runid = sb_runid.lower()
    return (sa_runid > sb_runid) - (sa_runid < sb_runid)


def sentinelSelectSlave(master):
    """Return the best slave to promote, or None.

    Candidates are up and connected, have answered a PING in the last 5 s and an INFO in the last 5 s (30 s while the
    master is up: INFO comes every 10 s then), have a priority other than 0, and had a link to the master that has been
    down no longer than the master itself, and ten times down-after-milliseconds."""
    instance = []
    max_master_down_time = 0
    if master.flags & SRI_S_DOWN:
        max_master_down_time += mstime() - master.s_down_since_time
    max_master_down_time += master.down_after_period * 10

    di = dictGetIterator(master.slaves)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        slave = de.val

        if slave.flags & (SRI_S_DOWN | SRI_O_DOWN):
            continue
        if slave.link.disconnected:
            continue
        if mstime() - slave.link.last_avail_time > SENTINEL_PING_PERIOD * 5:
            continue
        if slave.slave_priority == 0:
            continue

        if master.flags & SRI_S_DOWN:
            info_validity_time = SENTINEL_PING_PERIOD * 5
        else:
            info_validity_time = SENTINEL_INFO_PERIOD * 3
        if mstime() - slave.info_refresh > info_validity_time:
            continue
        if slave.master_link_down_time > max_master_down_time:
            continue
        instance.append(slave)
    dictReleaseIterator(di)
    if not instance:
        return None
    instance.sort(key=functools.cmp_to_key(compareSlavesForPromotion))
    return instance[0]


# ---------------- Failover state machine implementation -------------------

def sentinelFailoverWaitStart(ri):
    """WAIT_START: go on once elected, or if it is forced; give up when that takes too long."""
    leader = sentinelGetLeader(ri, ri.failover_epoch)
    isleader = leader is not None and leader.lower() == sentinel.myid.lower()

    if not isleader and not ri.flags & SRI_FORCE_FAILOVER:
        election_timeout = SENTINEL_ELECTION_TIMEOUT
        if election_timeout > ri.failover_timeout:
            election_timeout = ri.failover_timeout
        if mstime() - ri.failover_start_time > election_timeout:
            sentinelEvent(LL_WARNING, b"-failover-abort-not-elected", ri, b"%@")
            sentinelAbortFailover(ri)
        return
    sentinelEvent(LL_WARNING, b"+elected-leader", ri, b"%@")
    if sentinel.simfailure_flags & SENTINEL_SIMFAILURE_CRASH_AFTER_ELECTION:
        sentinelSimFailureCrash()
    ri.failover_state = SENTINEL_FAILOVER_STATE_SELECT_SLAVE
    ri.failover_state_change_time = mstime()
    sentinelEvent(LL_WARNING, b"+failover-state-select-slave", ri, b"%@")


def sentinelFailoverSelectSlave(ri):
    """SELECT_SLAVE: choose, or give up, at once."""
    slave = sentinelSelectSlave(ri)
    if slave is None:
        sentinelEvent(LL_WARNING, b"-failover-abort-no-good-slave", ri, b"%@")
        sentinelAbortFailover(ri)
    else:
        sentinelEvent(LL_WARNING, b"+selected-slave", slave, b"%@")
        slave.flags |= SRI_PROMOTED
        ri.promoted_slave = slave
        ri.failover_state = SENTINEL_FAILOVER_STATE_SEND_SLAVEOF_NOONE
        ri.failover_state_change_time = mstime()
        sentinelEvent(LL_NOTICE, b"+failover-state-send-slaveof-noone", slave, b"%@")


def sentinelFailoverSendSlaveOfNoOne(ri):
    """SEND_SLAVEOF_NOONE: as soon as the slave is connected."""
    if ri.promoted_slave.link.disconnected:
        if mstime() - ri.failover_state_change_time > ri.failover_timeout:
            sentinelEvent(LL_WARNING, b"-failover-abort-slave-timeout", ri, b"%@")
            sentinelAbortFailover(ri)
        return

    retval = sentinelSendSlaveOf(ri.promoted_slave, None)
    if retval != C_OK:
        return
    sentinelEvent(LL_NOTICE, b"+failover-state-wait-promotion", ri.promoted_slave, b"%@")
    ri.failover_state = SENTINEL_FAILOVER_STATE_WAIT_PROMOTION
    ri.failover_state_change_time = mstime()


def sentinelFailoverWaitPromotion(ri):
    """WAIT_PROMOTION: only the time limit; sentinelRefreshInstanceInfo goes on when the slave says it is a master."""
    if mstime() - ri.failover_state_change_time > ri.failover_timeout:
        sentinelEvent(LL_WARNING, b"-failover-abort-slave-timeout", ri, b"%@")
        sentinelAbortFailover(ri)


def sentinelFailoverDetectEnd(master):
    """RECONF_SLAVES ends when all slaves that can be reached follow the new master, or when it takes too long."""
    not_reconfigured = 0
    timeout = 0
    elapsed = mstime() - master.failover_state_change_time

    # Without the new master the other slaves cannot be reconfigured.
    if master.promoted_slave is None or master.promoted_slave.flags & SRI_S_DOWN:
        return

    di = dictGetIterator(master.slaves)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        slave = de.val
        if slave.flags & (SRI_PROMOTED | SRI_RECONF_DONE):
            continue
        if slave.flags & SRI_S_DOWN:
            continue
        not_reconfigured += 1
    dictReleaseIterator(di)

    if elapsed > master.failover_timeout:
        not_reconfigured = 0
        timeout = 1
        sentinelEvent(LL_WARNING, b"+failover-end-for-timeout", master, b"%@")

    if not_reconfigured == 0:
        sentinelEvent(LL_WARNING, b"+failover-end", master, b"%@")
        master.failover_state = SENTINEL_FAILOVER_STATE_UPDATE_CONFIG
        master.failover_state_change_time = mstime()

    # Send a last SLAVEOF to the slaves that are not reconfigured, and ignore the result.
    if timeout:
        di = dictGetIterator(master.slaves)
        while 1:
            de = dictNext(di)
            if de is None:
                break
            slave = de.val
            if slave.flags & (SRI_PROMOTED | SRI_RECONF_DONE | SRI_RECONF_SENT):
                continue
            if slave.link.disconnected:
                continue

            retval = sentinelSendSlaveOf(slave, master.promoted_slave.addr)
            if retval == C_OK:
                sentinelEvent(LL_NOTICE, b"+slave-reconf-sent-be", slave, b"%@")
                slave.flags |= SRI_RECONF_SENT
        dictReleaseIterator(di)


def sentinelFailoverReconfNextSlave(master):
    """RECONF_SLAVES: SLAVEOF <new master> to the next slaves, never more than parallel-syncs at once."""
    in_progress = 0
    di = dictGetIterator(master.slaves)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        if de.val.flags & (SRI_RECONF_SENT | SRI_RECONF_INPROG):
            in_progress += 1
    dictReleaseIterator(di)

    di = dictGetIterator(master.slaves)
    while in_progress < master.parallel_syncs:
        de = dictNext(di)
        if de is None:
            break
        slave = de.val

        if slave.flags & (SRI_PROMOTED | SRI_RECONF_DONE):
            continue

        # The slave does not react: treat it as done.  After the failover its wrong configuration will be detected.
        if slave.flags & SRI_RECONF_SENT and mstime() - slave.slave_reconf_sent_time > SENTINEL_SLAVE_RECONF_TIMEOUT:
            sentinelEvent(LL_NOTICE, b"-slave-reconf-sent-timeout", slave, b"%@")
            slave.flags &= ~SRI_RECONF_SENT
            slave.flags |= SRI_RECONF_DONE

        if slave.flags & (SRI_RECONF_SENT | SRI_RECONF_INPROG):
            continue
        if slave.link.disconnected:
            continue

        retval = sentinelSendSlaveOf(slave, master.promoted_slave.addr)
        if retval == C_OK:
            slave.flags |= SRI_RECONF_SENT
            slave.slave_reconf_sent_time = mstime()
            sentinelEvent(LL_NOTICE, b"+slave-reconf-sent", slave, b"%@")
            in_progress += 1
    dictReleaseIterator(di)

    sentinelFailoverDetectEnd(master)


def sentinelFailoverSwitchToPromotedSlave(master):
    """UPDATE_CONFIG: the promoted slave is the master from now on, under the same name."""
    ref = master.promoted_slave if master.promoted_slave is not None else master

    sentinelEvent(LL_WARNING, b"+switch-master", master, b"%s %s %d %s %d", master.name,
                  announceSentinelAddr(master.addr), master.addr.port, announceSentinelAddr(ref.addr), ref.addr.port)

    sentinelResetMasterAndChangeAddress(master, ref.addr.hostname, ref.addr.port)


def sentinelFailoverStateMachine(ri):
    """One step of the failover of the master `ri`, if there is one.   DOC: failover"""
    serverAssert(ri.flags & SRI_MASTER)

    if not ri.flags & SRI_FAILOVER_IN_PROGRESS:
        return

    state = ri.failover_state
    if state == SENTINEL_FAILOVER_STATE_WAIT_START:
        sentinelFailoverWaitStart(ri)
    elif state == SENTINEL_FAILOVER_STATE_SELECT_SLAVE:
        sentinelFailoverSelectSlave(ri)
    elif state == SENTINEL_FAILOVER_STATE_SEND_SLAVEOF_NOONE:
        sentinelFailoverSendSlaveOfNoOne(ri)
    elif state == SENTINEL_FAILOVER_STATE_WAIT_PROMOTION:
        sentinelFailoverWaitPromotion(ri)
    elif state == SENTINEL_FAILOVER_STATE_RECONF_SLAVES:
        sentinelFailoverReconfNextSlave(ri)


def sentinelAbortFailover(ri):
    """Give up, which can be done until the slave has become a master; later a failover only ends."""
    serverAssert(ri.flags & SRI_FAILOVER_IN_PROGRESS)
    serverAssert(ri.failover_state <= SENTINEL_FAILOVER_STATE_WAIT_PROMOTION)

    ri.flags &= ~(SRI_FAILOVER_IN_PROGRESS | SRI_FORCE_FAILOVER)
    ri.failover_state = SENTINEL_FAILOVER_STATE_NONE
    ri.failover_state_change_time = mstime()
    if ri.promoted_slave is not None:
        ri.promoted_slave.flags &= ~SRI_PROMOTED
        ri.promoted_slave = None
