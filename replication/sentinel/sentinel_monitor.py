"""sentinel_monitor.py - watching: links, INFO, PING, hello, down or not, the timer.
                                   Mirrors src/sentinel.c, lines 2344-3186, 4202-4399, 5039-5150 (6.2.14)

Lives here   connecting; the periodic commands and the callbacks of their replies; hello messages; S_DOWN and O_DOWN;
             asking other Sentinels; sentinelTimer, which drives it all.
Called from  serverCron: sentinelTimer [cron]; hiredis_async: the ...Callback functions [read]; the PUBLISH command.
Calls out    sentinel.py, sentinel_failover.py, hiredis_async.
State        links, flags and times of instances.
Invariant    no dict of instances changes while the timer walks over it, but at its end: a failover that is over is
             applied by sentinelHandleDictOfRedisInstances after the walk.
             pending_commands counts down only with a reply: commands that die with their connection leave it alone.
Periods      see docs/sentinel.md.  The timer runs each 1000/hz ms with hz = 10 + random 0..9.
Departures   D-74: what one instance raises does not stop the others.  D-75: what one instance can make us know is bounded.
"""
import random

from ae.anet import FD_TO_SOCK_NAME, anetFdToString
from ae.monotonic import mstime
from datastructs.dict import dictGetIterator, dictGetSafeIterator, dictNext, dictReleaseIterator, dictSize
from datastructs.sds import sdssplitlen
from datastructs.util import atoi, strtoll, strtoull, to_int, to_llong, to_ullong
from replication.sentinel.hiredis_async import (
    redisAeAttach, redisAsyncCommand, redisAsyncConnectBind, redisAsyncSetConnectCallback,
    redisAsyncSetDisconnectCallback, redisInitiateSSL,
)
from replication.sentinel.hiredis_read import (
    REDIS_REPLY_ARRAY, REDIS_REPLY_ERROR, REDIS_REPLY_INTEGER, REDIS_REPLY_STATUS, REDIS_REPLY_STRING,
)
from replication.sentinel.sentinel import (
    announceSentinelAddr, createSentinelAddr, createSentinelRedisInstance, cstr, dupSentinelAddr,
    getSentinelRedisInstanceByAddrAndRunID, instanceLinkCloseConnection, removeMatchingSentinelFromMaster,
    sentinelAddrEqualsHostname, sentinelCallClientReconfScript, sentinelCollectTerminatedScripts,
    sentinelDisconnectCallback, sentinelDiscardReplyCallback, sentinelEvent, sentinelFlushConfig,
    sentinelGetCurrentMasterAddress, sentinelGetMasterByName, sentinelInstanceMapCommand,
    sentinelKillTimedoutScripts, sentinelLinkEstablishedCallback, sentinelRedisInstanceLookupSlave,
    sentinelRedisInstanceNoDownFor, sentinelResetMasterAndChangeAddress, sentinelRunPendingScripts,
    sentinelTryConnectionSharing, sentinelUpdateSentinelAddressInAllMasters,
)
from replication.sentinel.sentinel_failover import (
    sentinelFailoverStateMachine, sentinelFailoverSwitchToPromotedSlave, sentinelSendSlaveOf, sentinelSimFailureCrash,
    sentinelStartFailoverIfNeeded,
)
from replication.sentinel.sentinel_h import (
    SENTINEL_ASK_FORCED, SENTINEL_ASK_PERIOD, SENTINEL_FAILOVER_STATE_NONE, SENTINEL_FAILOVER_STATE_RECONF_SLAVES,
    SENTINEL_FAILOVER_STATE_UPDATE_CONFIG, SENTINEL_FAILOVER_STATE_WAIT_PROMOTION, SENTINEL_HELLO_CHANNEL,
    SENTINEL_INFO_PERIOD, SENTINEL_LEADER, SENTINEL_MASTER_LINK_STATUS_DOWN, SENTINEL_MASTER_LINK_STATUS_UP,
    SENTINEL_MAX_INFO_CACHE, SENTINEL_MAX_INFO_LINE, SENTINEL_MAX_INSTANCES, SENTINEL_MAX_PENDING_COMMANDS,
    SENTINEL_MIN_LINK_RECONNECT_PERIOD, SENTINEL_NO_FLAGS, SENTINEL_OBSERVER,
    SENTINEL_PING_PERIOD, SENTINEL_PUBLISH_PERIOD, SENTINEL_SIMFAILURE_CRASH_AFTER_PROMOTION, SENTINEL_TILT_PERIOD,
    SRI_FAILOVER_IN_PROGRESS, SRI_MASTER, SRI_MASTER_DOWN, SRI_O_DOWN, SRI_PROMOTED, SRI_RECONF_DONE,
    SRI_RECONF_INPROG, SRI_RECONF_SENT, SRI_SCRIPT_KILL_SENT, SRI_SENTINEL, SRI_SLAVE, SRI_S_DOWN,
    sentinel,
)
from server.client import tls
from server.log import integrity_failure, log_unexpected_exception, serverLog
from server.server_h import (
    CONFIG_DEFAULT_HZ, CONFIG_RUN_ID_SIZE, C_ERR, C_OK, LL_DEBUG, LL_NOTICE, LL_VERBOSE, LL_WARNING, NET_IP_STR_LEN, server,
)

#: ms between two runs of the timer from which it enters TILT.  To step through a failover raise it at the prompt.
SENTINEL_TILT_TRIGGER = 2000

#: Size of C's buffer for a hello message.  UNIT: bytes, with the NUL.
SENTINEL_HELLO_LEN = NET_IP_STR_LEN + 1024


# ====================== hiredis connection handling =======================

def sentinelSendAuthIfNeeded(ri, c):
    """Log in on a new connection: with auth-user and auth-pass of the master; at other Sentinels with sentinel-user and
    sentinel-pass, else with our own requirepass, as old configurations expect it."""
    auth_pass = None
    auth_user = None

    if ri.flags & SRI_MASTER:
        auth_pass = ri.auth_pass
        auth_user = ri.auth_user
    elif ri.flags & SRI_SLAVE:
        auth_pass = ri.master.auth_pass
        auth_user = ri.master.auth_user
    elif ri.flags & SRI_SENTINEL:
        if sentinel.sentinel_auth_pass is not None:
            auth_pass = sentinel.sentinel_auth_pass
            auth_user = sentinel.sentinel_auth_user
        else:
            auth_pass = server.requirepass

    if auth_pass is not None and auth_user is None:
        if redisAsyncCommand(c, sentinelDiscardReplyCallback, ri, sentinelInstanceMapCommand(ri, b"AUTH"),
                             auth_pass) == C_OK:
            ri.link.pending_commands += 1
    elif auth_pass is not None and auth_user is not None:
        if redisAsyncCommand(c, sentinelDiscardReplyCallback, ri, sentinelInstanceMapCommand(ri, b"AUTH"),
                             auth_user, auth_pass) == C_OK:
            ri.link.pending_commands += 1


def sentinelSetClientName(ri, c, type_):
    """Name the connection sentinel-<first 8 of our id>-<type_>, for CLIENT LIST over there."""
    name = b"sentinel-%s-%s" % (sentinel.myid[:8], type_)
    if redisAsyncCommand(c, sentinelDiscardReplyCallback, ri, sentinelInstanceMapCommand(ri, b"CLIENT"), b"SETNAME",
                         name) == C_OK:
        ri.link.pending_commands += 1


def instanceLinkNegotiateTLS(context):
    if tls.redis_tls_ctx is None:
        return C_ERR
    return redisInitiateSSL(context)


def sentinelReconnectInstance(ri):
    """Make what is missing of the two connections of a link, no more than once a second."""
    if ri.link.disconnected == 0:
        return
    if ri.addr.port == 0:
        return                         # an invalid address
    link = ri.link
    now = mstime()

    if now - ri.link.last_reconn_time < SENTINEL_PING_PERIOD:
        return
    ri.link.last_reconn_time = now
    src_addr = server.bindaddr[0] if server.bindaddr_count else None            # NET_FIRST_BIND_ADDR

    # Commands
    if link.cc is None:
        # The name may not have resolved when the instance was created, or may resolve to another address now.
        if sentinel.resolve_hostnames:
            tryResolveAddr, _ = createSentinelAddr(ri.addr.hostname, ri.addr.port, 0)
            if tryResolveAddr is not None:
                ri.addr = tryResolveAddr

        link.cc = redisAsyncConnectBind(ri.addr.ip, ri.addr.port, src_addr)

        if not link.cc.err and server.tls_replication and instanceLinkNegotiateTLS(link.cc) == C_ERR:
            sentinelEvent(LL_DEBUG, b"-cmd-link-reconnection", ri, b"%@ #Failed to initialize TLS")
            instanceLinkCloseConnection(link, link.cc)
        elif link.cc.err:
            sentinelEvent(LL_DEBUG, b"-cmd-link-reconnection", ri, b"%@ #%s", link.cc.errstr.encode())
            instanceLinkCloseConnection(link, link.cc)
        else:
            link.pending_commands = 0
            link.cc_conn_time = mstime()
            link.cc.data = link
            redisAeAttach(server.el, link.cc)
            redisAsyncSetConnectCallback(link.cc, sentinelLinkEstablishedCallback)
            redisAsyncSetDisconnectCallback(link.cc, sentinelDisconnectCallback)
            sentinelSendAuthIfNeeded(ri, link.cc)
            sentinelSetClientName(ri, link.cc, b"cmd")

            # Send a PING at once, to get the state soon.
            sentinelSendPing(ri)

    # Pub / Sub
    if ri.flags & (SRI_MASTER | SRI_SLAVE) and link.pc is None:
        link.pc = redisAsyncConnectBind(ri.addr.ip, ri.addr.port, src_addr)
        if not link.pc.err and server.tls_replication and instanceLinkNegotiateTLS(link.pc) == C_ERR:
            sentinelEvent(LL_DEBUG, b"-pubsub-link-reconnection", ri, b"%@ #Failed to initialize TLS")
            # C does not close the connection here, and leaks the descriptor.
            instanceLinkCloseConnection(link, link.pc)
        elif link.pc.err:
            sentinelEvent(LL_DEBUG, b"-pubsub-link-reconnection", ri, b"%@ #%s", link.pc.errstr.encode())
            instanceLinkCloseConnection(link, link.pc)
        else:
            link.pc_conn_time = mstime()
            link.pc.data = link
            redisAeAttach(server.el, link.pc)
            redisAsyncSetConnectCallback(link.pc, sentinelLinkEstablishedCallback)
            redisAsyncSetDisconnectCallback(link.pc, sentinelDisconnectCallback)
            sentinelSendAuthIfNeeded(ri, link.pc)
            sentinelSetClientName(ri, link.pc, b"pubsub")
            retval = redisAsyncCommand(link.pc, sentinelReceiveHelloMessages, ri,
                                       sentinelInstanceMapCommand(ri, b"SUBSCRIBE"), SENTINEL_HELLO_CHANNEL)
            if retval != C_OK:
                # Without the subscription this connection is useless.
                instanceLinkCloseConnection(link, link.pc)
                return

    if link.cc is not None and (ri.flags & SRI_SENTINEL or link.pc is not None):
        link.disconnected = 0


# ======================== Redis instances pinging  ========================

def sentinelMasterLooksSane(master):
    """Tell whether the instance is a master, says so, is up, and has reported its state lately."""
    return (master.flags & SRI_MASTER
            and master.role_reported == SRI_MASTER
            and master.flags & (SRI_S_DOWN | SRI_O_DOWN) == 0
            and mstime() - master.info_refresh < SENTINEL_INFO_PERIOD * 2)


def sentinelRefreshInstanceInfo(ri, info):
    """Take in the INFO text of a master or slave, and act on it: new slaves, promotions, wrong configurations."""
    ri.info = info[:SENTINEL_MAX_INFO_CACHE]

    # Reset fields that INFO may not contain.
    ri.master_link_down_time = 0

    role = sentinelRefreshInstanceInfo_parse(ri, info)
    ri.info_refresh = mstime()

    # ---------------------------- Acting half -----------------------------

    if role != ri.role_reported:
        ri.role_reported_time = mstime()
        ri.role_reported = role
        if role == SRI_SLAVE:
            ri.slave_conf_change_time = mstime()
        # + if this matches our configuration, - if it does not.
        sentinelEvent(LL_VERBOSE, b"+role-change" if ri.flags & (SRI_MASTER | SRI_SLAVE) == role else b"-role-change",
                      ri, b"%@ new reported role is %s", b"master" if role == SRI_MASTER else b"slave")

    # Do not act in TILT.
    if sentinel.tilt:
        return
    sentinelRefreshInstanceInfo_act(ri, role)


def sentinelRefreshInstanceInfo_parse(ri, info):
    """Store what the lines of INFO say -> the role: SRI_MASTER, SRI_SLAVE, or 0 if there is none."""
    role = 0
    slave_lines = new_slaves = 0
    for l in sdssplitlen(info, b"\r\n"):
        if len(l) > SENTINEL_MAX_INFO_LINE:
            continue

        # run_id:<40 hex chars>
        if len(l) >= 47 and l.startswith(b"run_id:"):
            runid = l[7:47]
            if ri.runid is None:
                ri.runid = runid
            elif ri.runid != runid:
                sentinelEvent(LL_NOTICE, b"+reboot", ri, b"%@")
                ri.runid = runid

        # slave0:ip=127.0.0.1,port=9999,...; of old versions: slave0:<ip>,<port>,<state>
        if ri.flags & SRI_MASTER and len(l) >= 7 and l.startswith(b"slave") and l[5:6].isdigit():
            if b"ip=" not in l:
                parts = l.partition(b":")[2].split(b",")
                if len(parts) < 3:
                    continue
                ip, port = parts[0], parts[1]
            else:
                if b"port=" not in l:
                    continue
                ip = l.partition(b"ip=")[2].partition(b",")[0]
                port = l.partition(b"port=")[2].partition(b",")[0]

            slave_lines += 1
            if (slave_lines <= SENTINEL_MAX_INSTANCES and dictSize(ri.slaves) < SENTINEL_MAX_INSTANCES
                    and sentinelRedisInstanceLookupSlave(ri, ip, atoi(port)) is None):
                slave, _ = createSentinelRedisInstance(None, SRI_SLAVE, ip, atoi(port), ri.quorum, ri)
                if slave is not None:
                    sentinelEvent(LL_NOTICE, b"+slave", slave, b"%@")
                    new_slaves = 1

        # master_link_down_since_seconds:<seconds>
        if len(l) >= 32 and l.startswith(b"master_link_down_since_seconds"):
            ri.master_link_down_time = to_llong(strtoll(l[31:])[0] * 1000)

        # role:<role>
        if l.startswith(b"role:master"):
            role = SRI_MASTER
        elif l.startswith(b"role:slave"):
            role = SRI_SLAVE

        if role == SRI_SLAVE:
            if l.startswith(b"master_host:"):
                if ri.slave_master_host is None or l[12:].lower() != ri.slave_master_host.lower():
                    ri.slave_master_host = l[12:]
                    ri.slave_conf_change_time = mstime()

            if l.startswith(b"master_port:"):
                slave_master_port = atoi(l[12:])
                if ri.slave_master_port != slave_master_port:
                    ri.slave_master_port = slave_master_port
                    ri.slave_conf_change_time = mstime()

            if l.startswith(b"master_link_status:"):
                ri.slave_master_link_status = (SENTINEL_MASTER_LINK_STATUS_UP if l[19:].lower() == b"up"
                                               else SENTINEL_MASTER_LINK_STATUS_DOWN)

            if l.startswith(b"slave_priority:"):
                ri.slave_priority = atoi(l[15:])

            if l.startswith(b"slave_repl_offset:"):
                ri.slave_repl_offset = strtoull(l[18:])[0]

            if l.startswith(b"replica_announced:"):
                ri.replica_announced = atoi(l[18:])

    # C rewrites the file for each of them (D-75).
    if new_slaves:
        sentinelFlushConfig()
    return role


def sentinelRefreshInstanceInfo_act(ri, role):
    """Act on the role that an instance reports, unless in TILT."""
    # A master that reports the role slave: do nothing here, sentinelCheckSubjectivelyDown treats it as down.

    # A slave that reports the role master.
    if ri.flags & SRI_SLAVE and role == SRI_MASTER:
        if (ri.flags & SRI_PROMOTED
                and ri.master.flags & SRI_FAILOVER_IN_PROGRESS
                and ri.master.failover_state == SENTINEL_FAILOVER_STATE_WAIT_PROMOTION):
            # It was promoted as requested.  The epoch in which we were elected makes this the newest configuration: all
            # other Sentinels will take it over.
            ri.master.config_epoch = ri.master.failover_epoch
            ri.master.failover_state = SENTINEL_FAILOVER_STATE_RECONF_SLAVES
            ri.master.failover_state_change_time = mstime()
            sentinelFlushConfig()
            sentinelEvent(LL_WARNING, b"+promoted-slave", ri, b"%@")
            if sentinel.simfailure_flags & SENTINEL_SIMFAILURE_CRASH_AFTER_PROMOTION:
                sentinelSimFailureCrash()
            sentinelEvent(LL_WARNING, b"+failover-state-reconf-slaves", ri.master, b"%@")
            sentinelCallClientReconfScript(ri.master, SENTINEL_LEADER, b"start", ri.master.addr, ri.addr)
            sentinelForceHelloUpdateForMaster(ri.master)
        else:
            # This differs from our configuration.  Wait for some time: a newer configuration may arrive.
            wait_time = SENTINEL_PUBLISH_PERIOD * 4
            if (not ri.flags & SRI_PROMOTED
                    and sentinelMasterLooksSane(ri.master)
                    and sentinelRedisInstanceNoDownFor(ri, wait_time)
                    and mstime() - ri.role_reported_time > wait_time):
                if sentinelSendSlaveOf(ri, ri.master.addr) == C_OK:
                    sentinelEvent(LL_NOTICE, b"+convert-to-slave", ri, b"%@")

    # A slave of another master.
    if (ri.flags & SRI_SLAVE
            and role == SRI_SLAVE
            and (ri.slave_master_port != ri.master.addr.port
                 or not sentinelAddrEqualsHostname(ri.master.addr, ri.slave_master_host))):
        wait_time = ri.master.failover_timeout
        if (sentinelMasterLooksSane(ri.master)
                and sentinelRedisInstanceNoDownFor(ri, wait_time)
                and mstime() - ri.slave_conf_change_time > wait_time):
            if sentinelSendSlaveOf(ri, ri.master.addr) == C_OK:
                sentinelEvent(LL_NOTICE, b"+fix-slave-config", ri, b"%@")

    # A slave that we have sent SLAVEOF <promoted slave>.
    if ri.flags & SRI_SLAVE and role == SRI_SLAVE and ri.flags & (SRI_RECONF_SENT | SRI_RECONF_INPROG):
        # SRI_RECONF_SENT -> SRI_RECONF_INPROG
        if (ri.flags & SRI_RECONF_SENT
                and ri.slave_master_host is not None
                and sentinelAddrEqualsHostname(ri.master.promoted_slave.addr, ri.slave_master_host)
                and ri.slave_master_port == ri.master.promoted_slave.addr.port):
            ri.flags &= ~SRI_RECONF_SENT
            ri.flags |= SRI_RECONF_INPROG
            sentinelEvent(LL_NOTICE, b"+slave-reconf-inprog", ri, b"%@")

        # SRI_RECONF_INPROG -> SRI_RECONF_DONE
        if ri.flags & SRI_RECONF_INPROG and ri.slave_master_link_status == SENTINEL_MASTER_LINK_STATUS_UP:
            ri.flags &= ~SRI_RECONF_INPROG
            ri.flags |= SRI_RECONF_DONE
            sentinelEvent(LL_NOTICE, b"+slave-reconf-done", ri, b"%@")


def sentinelInfoReplyCallback(c, reply, privdata):
    link = c.data
    if reply is None or link is None:
        return
    ri = privdata
    link.pending_commands -= 1

    if reply.type == REDIS_REPLY_STRING:
        sentinelRefreshInstanceInfo(ri, cstr(reply.str))


def sentinelPingReplyCallback(c, reply, privdata):
    link = c.data
    if reply is None or link is None:
        return
    ri = privdata
    link.pending_commands -= 1

    if reply.type == REDIS_REPLY_STATUS or reply.type == REDIS_REPLY_ERROR:
        # These replies mean that the instance is available.
        if reply.str.startswith((b"PONG", b"LOADING", b"MASTERDOWN")):
            link.last_avail_time = mstime()
            link.act_ping_time = 0
        # The instance is down because of a script: send SCRIPT KILL once.
        elif (reply.str.startswith(b"BUSY")
                and ri.flags & SRI_S_DOWN
                and not ri.flags & SRI_SCRIPT_KILL_SENT):
            if redisAsyncCommand(ri.link.cc, sentinelDiscardReplyCallback, ri,
                                 sentinelInstanceMapCommand(ri, b"SCRIPT"), b"KILL") == C_OK:
                ri.link.pending_commands += 1
            ri.flags |= SRI_SCRIPT_KILL_SENT
    link.last_pong_time = mstime()


def sentinelPublishReplyCallback(c, reply, privdata):
    link = c.data
    if reply is None or link is None:
        return
    ri = privdata
    link.pending_commands -= 1

    # With an error the hello was not published: the timer will try again at once.
    if reply.type != REDIS_REPLY_ERROR:
        ri.last_pub_time = mstime()


def sentinelProcessHelloMessage(hello):
    """Take in a hello message, published by another Sentinel or sent to us by PUBLISH: the Sentinel itself, its epoch,
    and its configuration of the master if it is newer than ours.  A master that we do not watch is ignored."""
    # No Sentinel sends a longer hello (D-75).
    if len(hello) >= SENTINEL_HELLO_LEN:
        return

    # 0=ip, 1=port, 2=runid, 3=current_epoch, 4=master_name, 5=master_ip, 6=master_port, 7=master_config_epoch
    token = [cstr(t) for t in sdssplitlen(hello, b",")]
    if len(token) != 8:
        return
    master = sentinelGetMasterByName(token[4])
    if master is None:
        return

    port = atoi(token[1])
    master_port = atoi(token[6])
    si = getSentinelRedisInstanceByAddrAndRunID(master.sentinels, token[0], port, token[2])
    current_epoch = strtoull(token[3])[0]
    master_config_epoch = strtoull(token[7])[0]

    if si is None:
        # The same Sentinel has another address: remove the old instance.
        removed = removeMatchingSentinelFromMaster(master, token[2])
        if removed:
            sentinelEvent(LL_NOTICE, b"+sentinel-address-switch", master, b"%@ ip %s port %d for %s", token[0], port,
                          token[2])
        else:
            # Another Sentinel has the same address: set its address to invalid (port 0) until its next hello.
            other = getSentinelRedisInstanceByAddrAndRunID(master.sentinels, token[0], port, None)
            if other is not None:
                sentinelEvent(LL_NOTICE, b"+sentinel-invalid-addr", other, b"%@")
                other.addr.port = 0
                sentinelUpdateSentinelAddressInAllMasters(other)

        if dictSize(master.sentinels) < SENTINEL_MAX_INSTANCES:            # (ours, D-75)
            si, _ = createSentinelRedisInstance(token[2], SRI_SENTINEL, token[0], port, master.quorum, master)
        if si is not None:
            if not removed:
                sentinelEvent(LL_NOTICE, b"+sentinel", si, b"%@")
            # INFO is not sent to Sentinels, so set the runid here.
            si.runid = token[2]
            sentinelTryConnectionSharing(si)
            if removed:
                sentinelUpdateSentinelAddressInAllMasters(si)
            sentinelFlushConfig()

    if current_epoch > sentinel.current_epoch:
        sentinel.current_epoch = current_epoch
        sentinelFlushConfig()
        sentinelEvent(LL_WARNING, b"+new-epoch", master, b"%d", sentinel.current_epoch)

    if si is not None and master.config_epoch < master_config_epoch:
        master.config_epoch = master_config_epoch
        if master_port != master.addr.port or not sentinelAddrEqualsHostname(master.addr, token[5]):
            sentinelEvent(LL_WARNING, b"+config-update-from", si, b"%@")
            sentinelEvent(LL_WARNING, b"+switch-master", master, b"%s %s %d %s %d", master.name,
                          announceSentinelAddr(master.addr), master.addr.port, token[5], master_port)

            old_addr = dupSentinelAddr(master.addr)
            sentinelResetMasterAndChangeAddress(master, token[5], master_port)
            sentinelCallClientReconfScript(master, SENTINEL_OBSERVER, b"start", old_addr, master.addr)

    if si is not None:
        si.last_hello_time = mstime()


def sentinelReceiveHelloMessages(c, reply, privdata):
    """A message came on the Pub/Sub connection of a master or slave: that is how Sentinels find each other."""
    if reply is None or privdata is None:
        return
    ri = privdata

    # We also receive our own messages: silence means that the connection does not work.
    ri.link.pc_last_activity = mstime()

    if (reply.type != REDIS_REPLY_ARRAY
            or reply.elements != 3
            or reply.element[0].type != REDIS_REPLY_STRING
            or reply.element[1].type != REDIS_REPLY_STRING
            or reply.element[2].type != REDIS_REPLY_STRING
            or cstr(reply.element[0].str) != b"message"):
        return

    # The hello is our own.
    if sentinel.myid in cstr(reply.element[2].str):
        return

    sentinelProcessHelloMessage(reply.element[2].str)


def sentinelSendHello(ri):
    """Publish, at this instance, who and where we are, and our configuration of the master (see
    sentinelProcessHelloMessage) -> C_OK, C_ERR."""
    master = ri if ri.flags & SRI_MASTER else ri.master
    master_addr = sentinelGetCurrentMasterAddress(master)

    if ri.link.disconnected:
        return C_ERR

    if sentinel.announce_ip is not None:
        announce_ip = sentinel.announce_ip
    else:
        # Our own address on the connection to the instance.
        ok, ip, _ = anetFdToString(ri.link.cc.conn.fd, FD_TO_SOCK_NAME)
        if ok == -1:
            return C_ERR
        announce_ip = ip.encode()
    if sentinel.announce_port:
        announce_port = sentinel.announce_port
    elif server.tls_replication and server.tls_port:
        announce_port = server.tls_port
    else:
        announce_port = server.port

    payload = b"%s,%d,%s,%d,%s,%s,%d,%d" % (
        announce_ip, announce_port, sentinel.myid, sentinel.current_epoch,
        master.name, announceSentinelAddr(master_addr), master_addr.port, master.config_epoch)
    payload = payload[:SENTINEL_HELLO_LEN - 1]
    retval = redisAsyncCommand(ri.link.cc, sentinelPublishReplyCallback, ri, sentinelInstanceMapCommand(ri, b"PUBLISH"),
                               SENTINEL_HELLO_CHANNEL, payload)
    if retval != C_OK:
        return C_ERR
    ri.link.pending_commands += 1
    return C_OK


def sentinelForceHelloUpdateDictOfRedisInstances(instances):
    """Make a hello due at all of these instances."""
    di = dictGetSafeIterator(instances)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        if ri.last_pub_time >= SENTINEL_PUBLISH_PERIOD + 1:
            ri.last_pub_time -= SENTINEL_PUBLISH_PERIOD + 1
    dictReleaseIterator(di)


def sentinelForceHelloUpdateForMaster(master):
    """Make a hello due at the master, its slaves and Sentinels: a new configuration should spread at once."""
    if not master.flags & SRI_MASTER:
        return C_ERR
    if master.last_pub_time >= SENTINEL_PUBLISH_PERIOD + 1:
        master.last_pub_time -= SENTINEL_PUBLISH_PERIOD + 1
    sentinelForceHelloUpdateDictOfRedisInstances(master.sentinels)
    sentinelForceHelloUpdateDictOfRedisInstances(master.slaves)
    return C_OK


def sentinelSendPing(ri):
    """Queue a PING -> 1, or 0 if it cannot be."""
    retval = redisAsyncCommand(ri.link.cc, sentinelPingReplyCallback, ri, sentinelInstanceMapCommand(ri, b"PING"))
    if retval == C_OK:
        ri.link.pending_commands += 1
        ri.link.last_ping_time = mstime()
        # Keep the time of the oldest pending PING.
        if ri.link.act_ping_time == 0:
            ri.link.act_ping_time = ri.link.last_ping_time
        return 1
    return 0


def sentinelSendPeriodicCommands(ri):
    """Queue INFO, PING and PUBLISH as they are due."""
    now = mstime()

    if ri.link.disconnected:
        return

    # Limit the pending commands, so that a link without replies does not use up memory until it is closed.
    if ri.link.pending_commands >= SENTINEL_MAX_PENDING_COMMANDS * ri.link.refcount:
        return

    # Send INFO more often while the master is O_DOWN or failed over, or while the slave has lost its master.
    if (ri.flags & SRI_SLAVE
            and (ri.master.flags & (SRI_O_DOWN | SRI_FAILOVER_IN_PROGRESS) or ri.master_link_down_time != 0)):
        info_period = 1000
    else:
        info_period = SENTINEL_INFO_PERIOD

    ping_period = ri.down_after_period
    if ping_period > SENTINEL_PING_PERIOD:
        ping_period = SENTINEL_PING_PERIOD

    if ri.flags & SRI_SENTINEL == 0 and (ri.info_refresh == 0 or now - ri.info_refresh > info_period):
        retval = redisAsyncCommand(ri.link.cc, sentinelInfoReplyCallback, ri, sentinelInstanceMapCommand(ri, b"INFO"))
        if retval == C_OK:
            ri.link.pending_commands += 1

    if now - ri.link.last_pong_time > ping_period and now - ri.link.last_ping_time > ping_period // 2:
        sentinelSendPing(ri)

    if now - ri.last_pub_time > SENTINEL_PUBLISH_PERIOD:
        sentinelSendHello(ri)


# ===================== SENTINEL availability checks =======================

def sentinelCheckSubjectivelyDown(ri):
    """Drop connections that look dead, and set or clear S_DOWN."""
    elapsed = 0
    if ri.link.act_ping_time:
        elapsed = mstime() - ri.link.act_ping_time
    elif ri.link.disconnected:
        elapsed = mstime() - ri.link.last_avail_time

    # Commands: close a link that is old enough, and whose PING is pending for half of the down-after period.
    if (ri.link.cc is not None
            and mstime() - ri.link.cc_conn_time > SENTINEL_MIN_LINK_RECONNECT_PERIOD
            and ri.link.act_ping_time != 0
            and mstime() - ri.link.act_ping_time > ri.down_after_period // 2
            and mstime() - ri.link.last_pong_time > ri.down_after_period // 2):
        instanceLinkCloseConnection(ri.link, ri.link.cc)

    # Pub/Sub: close a link that is old enough, and on which we do not even receive our own hello messages.
    if (ri.link.pc is not None
            and mstime() - ri.link.pc_conn_time > SENTINEL_MIN_LINK_RECONNECT_PERIOD
            and mstime() - ri.link.pc_last_activity > SENTINEL_PUBLISH_PERIOD * 3):
        instanceLinkCloseConnection(ri.link, ri.link.pc)

    # S_DOWN: the instance does not reply; or it should be a master and reports the role slave, for so long that we must have received two
    # INFOs of it.
    if (elapsed > ri.down_after_period
            or (ri.flags & SRI_MASTER
                and ri.role_reported == SRI_SLAVE
                and mstime() - ri.role_reported_time > ri.down_after_period + SENTINEL_INFO_PERIOD * 2)):
        if ri.flags & SRI_S_DOWN == 0:
            sentinelEvent(LL_WARNING, b"+sdown", ri, b"%@")
            ri.s_down_since_time = mstime()
            ri.flags |= SRI_S_DOWN
    else:
        if ri.flags & SRI_S_DOWN:
            sentinelEvent(LL_WARNING, b"-sdown", ri, b"%@")
            ri.flags &= ~(SRI_S_DOWN | SRI_SCRIPT_KILL_SENT)


def sentinelCheckObjectivelyDown(master):
    """Set or clear O_DOWN: do at least `quorum` Sentinels, we among them, say that the master is down?

    Their answers are up to 5 s old: they need not have been right at the same moment."""
    quorum = 0
    odown = 0

    if master.flags & SRI_S_DOWN:
        quorum = 1                     # me
        di = dictGetIterator(master.sentinels)
        while 1:
            de = dictNext(di)
            if de is None:
                break
            if de.val.flags & SRI_MASTER_DOWN:
                quorum += 1
        dictReleaseIterator(di)
        if quorum >= master.quorum:
            odown = 1

    if odown:
        if master.flags & SRI_O_DOWN == 0:
            sentinelEvent(LL_WARNING, b"+odown", master, b"%@ #quorum %d/%d", quorum, to_int(master.quorum))
            master.flags |= SRI_O_DOWN
            master.o_down_since_time = mstime()
    else:
        if master.flags & SRI_O_DOWN:
            sentinelEvent(LL_WARNING, b"-odown", master, b"%@")
            master.flags &= ~SRI_O_DOWN


def sentinelReceiveIsMasterDownReply(c, reply, privdata):
    """Store the reply of a Sentinel: whether it considers the master down, and its vote."""
    link = c.data
    if reply is None or link is None:
        return
    ri = privdata
    link.pending_commands -= 1

    # Any other reply is ignored: the old information expires by itself.
    if (reply.type == REDIS_REPLY_ARRAY
            and reply.elements == 3
            and reply.element[0].type == REDIS_REPLY_INTEGER
            and reply.element[1].type == REDIS_REPLY_STRING
            and reply.element[2].type == REDIS_REPLY_INTEGER):
        ri.last_master_down_reply_time = mstime()
        if reply.element[0].integer == 1:
            ri.flags |= SRI_MASTER_DOWN
        else:
            ri.flags &= ~SRI_MASTER_DOWN
        leader = cstr(reply.element[1].str)
        if leader != b"*" and len(leader) <= CONFIG_RUN_ID_SIZE:       # a longer one is not a runid (D-75)
            # The Sentinel has voted.
            leader_epoch = to_ullong(reply.element[2].integer)
            if ri.leader_epoch != leader_epoch:
                serverLog(LL_WARNING, "%s voted for %s %d", ri.name, leader, leader_epoch)
            ri.leader = leader
            ri.leader_epoch = leader_epoch


def sentinelAskMasterStateToOtherSentinels(master, flags):
    """While we see the master down, ask the others, each once a second (SENTINEL_ASK_FORCED: now), whether they do; and,
    while we want to fail it over, for their vote."""
    di = dictGetIterator(master.sentinels)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        elapsed = mstime() - ri.last_master_down_reply_time

        if elapsed > SENTINEL_ASK_PERIOD * 5:
            ri.flags &= ~SRI_MASTER_DOWN
            ri.leader = None

        if master.flags & SRI_S_DOWN == 0:
            continue
        if ri.link.disconnected:
            continue
        if (not flags & SENTINEL_ASK_FORCED
                and mstime() - ri.last_master_down_reply_time < SENTINEL_ASK_PERIOD):
            continue

        retval = redisAsyncCommand(
            ri.link.cc, sentinelReceiveIsMasterDownReply, ri, sentinelInstanceMapCommand(ri, b"SENTINEL"),
            b"is-master-down-by-addr", announceSentinelAddr(master.addr), b"%d" % master.addr.port,
            b"%d" % sentinel.current_epoch,
            sentinel.myid if master.failover_state > SENTINEL_FAILOVER_STATE_NONE else b"*")
        if retval == C_OK:
            ri.link.pending_commands += 1
    dictReleaseIterator(di)


# ======================== SENTINEL timer handler ==========================
# The timer starts all periodic work of a Sentinel, several times a second; it never blocks.

def sentinelHandleRedisInstance(ri):
    """Do what is due for one instance."""
    # ========== MONITORING HALF ============
    sentinelReconnectInstance(ri)
    sentinelSendPeriodicCommands(ri)

    # ============== ACTING HALF =============
    if sentinel.tilt:
        if mstime() - sentinel.tilt_start_time < SENTINEL_TILT_PERIOD:
            return
        sentinel.tilt = 0
        sentinelEvent(LL_WARNING, b"-tilt", None, b"#tilt mode exited")

    sentinelCheckSubjectivelyDown(ri)

    if ri.flags & SRI_MASTER:
        sentinelCheckObjectivelyDown(ri)
        if sentinelStartFailoverIfNeeded(ri):
            sentinelAskMasterStateToOtherSentinels(ri, SENTINEL_ASK_FORCED)
        sentinelFailoverStateMachine(ri)
        sentinelAskMasterStateToOtherSentinels(ri, SENTINEL_NO_FLAGS)


def sentinelHandleDictOfRedisInstances(instances):
    """sentinelHandleRedisInstance for each instance; for masters also for their slaves and Sentinels.

    What one of them raises is a bug of ours: it is logged, and the others are served (D-74).  Assertions pass."""
    switch_to_promoted = None
    di = dictGetIterator(instances)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        try:
            sentinelHandleRedisInstance(ri)
            if ri.flags & SRI_MASTER:
                sentinelHandleDictOfRedisInstances(ri.slaves)
                sentinelHandleDictOfRedisInstances(ri.sentinels)
                if ri.failover_state == SENTINEL_FAILOVER_STATE_UPDATE_CONFIG:
                    switch_to_promoted = ri
        except Exception as exc:
            if integrity_failure(exc):
                raise
            log_unexpected_exception(exc)
    # ORDER: after the walk, since it changes the dicts; one master per tick.
    if switch_to_promoted is not None:
        sentinelFailoverSwitchToPromotedSlave(switch_to_promoted)
    dictReleaseIterator(di)


def sentinelCheckTiltCondition():
    """Enter TILT if the time since the last tick is negative or too long: the clock was set, or this process stood still
    (load, a stopped machine).  Everything would look timed out then.  In TILT we look, and do not act, for 30 s."""
    now = mstime()
    delta = now - sentinel.previous_time

    if delta < 0 or delta > SENTINEL_TILT_TRIGGER:
        sentinel.tilt = 1
        sentinel.tilt_start_time = mstime()
        sentinelEvent(LL_WARNING, b"+tilt", None, b"#tilt mode entered")
    sentinel.previous_time = mstime()


def sentinelTimer():
    """Run a Sentinel: the timer."""
    sentinelCheckTiltCondition()
    sentinelHandleDictOfRedisInstances(sentinel.masters)
    sentinelRunPendingScripts()
    sentinelCollectTerminatedScripts()
    sentinelKillTimedoutScripts()

    # Randomize the period, so that Sentinels that were started together do not ask for votes at the same time without a winner.
    server.hz = CONFIG_DEFAULT_HZ + random.randrange(CONFIG_DEFAULT_HZ)
