"""sentinel_command.py - the commands of Sentinel mode.          Mirrors src/sentinel.c, lines 467-550, 3188-4200 (6.2.14)

Lives here   sentinelcmds(), the command table of this mode; SENTINEL and its subcommands; INFO, ROLE and PUBLISH as a
             Sentinel answers them.
Called from  main: initSentinel [startup]; processCommand [command].
Calls out    sentinel.py, sentinel_failover.py (votes, SENTINEL FAILOVER), sentinel_monitor.py (hello messages).
State        none of its own.
Invariant    a change of the configuration is in the file before OK is sent, and a vote before it is sent.
Departures   none.
Extend       a subcommand: a branch in sentinelCommand and its lines in HELP; a command: a row in sentinelcmds().
"""
import os
from typing import TYPE_CHECKING

from ae.anet import ANET_ERR, ANET_IP_ONLY, ANET_NONE, anetResolve
from ae.monotonic import mstime
from datastructs.adlist import listCreate, listLength
from datastructs.dict import (
    DICT_OK, dictAdd, dictCreate, dictDelete, dictEmpty, dictFetchValue, dictGetIterator, dictNext, dictRelease,
    dictReleaseIterator, dictSdsKeyCaseCompare, dictSize, dictType,
)
from datastructs.util import stringmatch, to_int, to_llong, to_uint, to_ullong
from replication.sentinel.sentinel import (
    announceSentinelAddr, createSentinelRedisInstance, cstr, getSentinelRedisInstanceByAddrAndRunID,
    instancesDictType, sentinelCheckCreateInstanceErrors, sentinelDropConnections, sentinelEvent, sentinelFlushConfig,
    sentinelGetCurrentMasterAddress, sentinelGetMasterByName, sentinelPendingScriptsCommand,
    sentinelPropagateDownAfterPeriod, sentinelResetMastersByPattern,
)
from replication.sentinel.sentinel_failover import sentinelSelectSlave, sentinelStartFailover, sentinelVoteLeader
from replication.sentinel.sentinel_h import (
    SENTINEL_DEFAULT_ANNOUNCE_HOSTNAMES, SENTINEL_DEFAULT_DENY_SCRIPTS_RECONFIG, SENTINEL_DEFAULT_RESOLVE_HOSTNAMES,
    SENTINEL_FAILOVER_STATE_NONE, SENTINEL_FAILOVER_STATE_RECONF_SLAVES, SENTINEL_FAILOVER_STATE_SELECT_SLAVE,
    SENTINEL_FAILOVER_STATE_SEND_SLAVEOF_NOONE, SENTINEL_FAILOVER_STATE_UPDATE_CONFIG,
    SENTINEL_FAILOVER_STATE_WAIT_PROMOTION, SENTINEL_FAILOVER_STATE_WAIT_START, SENTINEL_GENERATE_EVENT,
    SENTINEL_HELLO_CHANNEL, SENTINEL_ISQR_NOAUTH, SENTINEL_ISQR_NOQUORUM, SENTINEL_ISQR_OK,
    SENTINEL_MASTER_LINK_STATUS_UP, SENTINEL_SIMFAILURE_CRASH_AFTER_ELECTION,
    SENTINEL_SIMFAILURE_CRASH_AFTER_PROMOTION, SENTINEL_SIMFAILURE_NONE, SRI_FAILOVER_IN_PROGRESS, SRI_FORCE_FAILOVER,
    SRI_MASTER, SRI_MASTER_DOWN, SRI_O_DOWN, SRI_PROMOTED, SRI_RECONF_DONE, SRI_RECONF_INPROG, SRI_RECONF_SENT,
    SRI_SCRIPT_KILL_SENT, SRI_SENTINEL, SRI_SLAVE, SRI_S_DOWN, sentinel,
)
from replication.sentinel.sentinel_monitor import sentinelProcessHelloMessage
from server.admin.config_table import yesnotoi
from server.admin.info import genRedisInfoString
from server.client.networking_client import clientCommand, helloCommand
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyBulkCString, addReplyBulkLongLong, addReplyBulkSds,
    addReplyDeferredLen, addReplyError, addReplyErrorFormat, addReplyErrorObject, addReplyErrorSds, addReplyHelp,
    addReplyLongLong, addReplyNull, addReplyNullArray, addReplySds, addReplySubcommandSyntaxError,
    setDeferredArrayLen, setDeferredMapLen,
)
from server.keyspace.db_command import shutdownCommand
from server.log import serverAssert, serverLog, serverPanic
from server.object import getLongFromObjectOrReply, getLongLongFromObject, getLongLongFromObjectOrReply
from server.server_h import C_ERR, C_OK, LL_WARNING, redisCommand, server, shared
from server.session.acl import ACLClearCommandID, ACLGetCommandID, aclCommand, authCommand
from server.session.pubsub import psubscribeCommand, punsubscribeCommand, subscribeCommand, unsubscribeCommand

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.server_command import commandCommand, pingCommand
    from server.server_init import populateCommandTableParseFlags


def sentinelcmds():
    """Return the rows of the command table (C: an array; here the functions must be linked first)."""
    return [
        redisCommand(b"ping", pingCommand, 1, "fast @connection", None, 0, 0, 0),
        redisCommand(b"sentinel", sentinelCommand, -2, "admin", None, 0, 0, 0),
        redisCommand(b"subscribe", subscribeCommand, -2, "pub-sub", None, 0, 0, 0),
        redisCommand(b"unsubscribe", unsubscribeCommand, -1, "pub-sub", None, 0, 0, 0),
        redisCommand(b"psubscribe", psubscribeCommand, -2, "pub-sub", None, 0, 0, 0),
        redisCommand(b"punsubscribe", punsubscribeCommand, -1, "pub-sub", None, 0, 0, 0),
        redisCommand(b"publish", sentinelPublishCommand, 3, "pub-sub fast", None, 0, 0, 0),
        redisCommand(b"info", sentinelInfoCommand, -1, "random @dangerous", None, 0, 0, 0),
        redisCommand(b"role", sentinelRoleCommand, 1, "fast read-only @dangerous", None, 0, 0, 0),
        redisCommand(b"client", clientCommand, -2, "admin random @connection", None, 0, 0, 0),
        redisCommand(b"shutdown", shutdownCommand, -1, "admin", None, 0, 0, 0),
        redisCommand(b"auth", authCommand, -2, "no-auth fast @connection", None, 0, 0, 0),
        redisCommand(b"hello", helloCommand, -1, "no-auth fast @connection", None, 0, 0, 0),
        redisCommand(b"acl", aclCommand, -2, "admin", None, 0, 0, 0),
        redisCommand(b"command", commandCommand, -1, "random @connection", None, 0, 0, 0),
    ]


def initSentinel():
    """Replace the command table, and start with no master at all."""
    dictEmpty(server.commands)
    dictEmpty(server.orig_commands)
    ACLClearCommandID()
    for cmd in sentinelcmds():
        cmd.id = ACLGetCommandID(cmd.name)
        retval = dictAdd(server.commands, cmd.name, cmd)
        serverAssert(retval == DICT_OK)
        retval = dictAdd(server.orig_commands, cmd.name, cmd)
        serverAssert(retval == DICT_OK)
        if populateCommandTableParseFlags(cmd, cmd.sflags) == C_ERR:
            serverPanic("Unsupported command flag")

    sentinel.current_epoch = 0
    sentinel.masters = dictCreate(instancesDictType)
    sentinel.tilt = 0
    sentinel.tilt_start_time = 0
    sentinel.previous_time = mstime()
    sentinel.running_scripts = 0
    sentinel.scripts_queue = listCreate()
    sentinel.announce_ip = None
    sentinel.announce_port = 0
    sentinel.simfailure_flags = SENTINEL_SIMFAILURE_NONE
    sentinel.deny_scripts_reconfig = SENTINEL_DEFAULT_DENY_SCRIPTS_RECONFIG
    sentinel.sentinel_auth_pass = None
    sentinel.sentinel_auth_user = None
    sentinel.resolve_hostnames = SENTINEL_DEFAULT_RESOLVE_HOSTNAMES
    sentinel.announce_hostnames = SENTINEL_DEFAULT_ANNOUNCE_HOSTNAMES
    sentinel.myid = b"\0" * 40
    server.sentinel_config = None


# =========================== SENTINEL command =============================

def sentinelConfigSetCommand(c):
    """SENTINEL CONFIG SET option value -> OK"""
    o = cstr(c.argv[3].ptr)
    val = cstr(c.argv[4].ptr)
    option = o.lower()
    drop_conns = 0

    if option == b"resolve-hostnames":
        numval = yesnotoi(val)
        if numval == -1:
            sentinelConfigSetCommand_badfmt(c, val, o)
            return
        sentinel.resolve_hostnames = numval
    elif option == b"announce-hostnames":
        numval = yesnotoi(val)
        if numval == -1:
            sentinelConfigSetCommand_badfmt(c, val, o)
            return
        sentinel.announce_hostnames = numval
    elif option == b"announce-ip":
        sentinel.announce_ip = val
    elif option == b"announce-port":
        ok, numval = getLongLongFromObject(c.argv[4])
        if ok == C_ERR or numval < 0 or numval > 65535:
            sentinelConfigSetCommand_badfmt(c, val, o)
            return
        sentinel.announce_port = numval
    elif option == b"sentinel-user":
        sentinel.sentinel_auth_user = val if val else None
        drop_conns = 1
    elif option == b"sentinel-pass":
        sentinel.sentinel_auth_pass = val if val else None
        drop_conns = 1
    else:
        addReplyErrorFormat(c, b"Invalid argument '%s' to SENTINEL CONFIG SET", o)
        return

    sentinelFlushConfig()
    addReply(c, shared.ok)

    # They authenticate again when they reconnect.
    if drop_conns:
        sentinelDropConnections()


def sentinelConfigSetCommand_badfmt(c, val, o):
    addReplyErrorFormat(c, b"Invalid value '%s' to SENTINEL CONFIG SET '%s'", val, o)


def sentinelConfigGetCommand(c):
    """SENTINEL CONFIG GET pattern -> map of options and values"""
    pattern = cstr(c.argv[3].ptr)
    replylen = addReplyDeferredLen(c)
    matches = 0

    if stringmatch(pattern, b"resolve-hostnames", 1):
        addReplyBulkCString(c, b"resolve-hostnames")
        addReplyBulkCString(c, b"yes" if sentinel.resolve_hostnames else b"no")
        matches += 1

    if stringmatch(pattern, b"announce-hostnames", 1):
        addReplyBulkCString(c, b"announce-hostnames")
        addReplyBulkCString(c, b"yes" if sentinel.announce_hostnames else b"no")
        matches += 1

    if stringmatch(pattern, b"announce-ip", 1):
        addReplyBulkCString(c, b"announce-ip")
        addReplyBulkCString(c, sentinel.announce_ip or b"")
        matches += 1

    if stringmatch(pattern, b"announce-port", 1):
        addReplyBulkCString(c, b"announce-port")
        addReplyBulkLongLong(c, sentinel.announce_port)
        matches += 1

    if stringmatch(pattern, b"sentinel-user", 1):
        addReplyBulkCString(c, b"sentinel-user")
        addReplyBulkCString(c, sentinel.sentinel_auth_user or b"")
        matches += 1

    if stringmatch(pattern, b"sentinel-pass", 1):
        addReplyBulkCString(c, b"sentinel-pass")
        addReplyBulkCString(c, sentinel.sentinel_auth_pass or b"")
        matches += 1

    setDeferredMapLen(c, replylen, matches)


def sentinelFailoverStateStr(state):
    return {
        SENTINEL_FAILOVER_STATE_NONE: b"none",
        SENTINEL_FAILOVER_STATE_WAIT_START: b"wait_start",
        SENTINEL_FAILOVER_STATE_SELECT_SLAVE: b"select_slave",
        SENTINEL_FAILOVER_STATE_SEND_SLAVEOF_NOONE: b"send_slaveof_noone",
        SENTINEL_FAILOVER_STATE_WAIT_PROMOTION: b"wait_promotion",
        SENTINEL_FAILOVER_STATE_RECONF_SLAVES: b"reconf_slaves",
        SENTINEL_FAILOVER_STATE_UPDATE_CONFIG: b"update_config",
    }.get(state, b"unknown")


def addReplySentinelRedisInstance(c, ri):
    """Reply the state of an instance: a map, whose fields depend on its kind and state."""
    fields = 0
    mbl = addReplyDeferredLen(c)

    addReplyBulkCString(c, b"name")
    addReplyBulkCString(c, ri.name)
    fields += 1

    addReplyBulkCString(c, b"ip")
    addReplyBulkCString(c, announceSentinelAddr(ri.addr))
    fields += 1

    addReplyBulkCString(c, b"port")
    addReplyBulkLongLong(c, ri.addr.port)
    fields += 1

    addReplyBulkCString(c, b"runid")
    addReplyBulkCString(c, ri.runid if ri.runid is not None else b"")
    fields += 1

    addReplyBulkCString(c, b"flags")
    flags = b""
    if ri.flags & SRI_S_DOWN:
        flags += b"s_down,"
    if ri.flags & SRI_O_DOWN:
        flags += b"o_down,"
    if ri.flags & SRI_MASTER:
        flags += b"master,"
    if ri.flags & SRI_SLAVE:
        flags += b"slave,"
    if ri.flags & SRI_SENTINEL:
        flags += b"sentinel,"
    if ri.link.disconnected:
        flags += b"disconnected,"
    if ri.flags & SRI_MASTER_DOWN:
        flags += b"master_down,"
    if ri.flags & SRI_FAILOVER_IN_PROGRESS:
        flags += b"failover_in_progress,"
    if ri.flags & SRI_PROMOTED:
        flags += b"promoted,"
    if ri.flags & SRI_RECONF_SENT:
        flags += b"reconf_sent,"
    if ri.flags & SRI_RECONF_INPROG:
        flags += b"reconf_inprog,"
    if ri.flags & SRI_RECONF_DONE:
        flags += b"reconf_done,"
    if ri.flags & SRI_FORCE_FAILOVER:
        flags += b"force_failover,"
    if ri.flags & SRI_SCRIPT_KILL_SENT:
        flags += b"script_kill_sent,"
    addReplyBulkCString(c, flags[:-1])
    fields += 1

    addReplyBulkCString(c, b"link-pending-commands")
    addReplyBulkLongLong(c, ri.link.pending_commands)
    fields += 1

    addReplyBulkCString(c, b"link-refcount")
    addReplyBulkLongLong(c, ri.link.refcount)
    fields += 1

    if ri.flags & SRI_FAILOVER_IN_PROGRESS:
        addReplyBulkCString(c, b"failover-state")
        addReplyBulkCString(c, sentinelFailoverStateStr(ri.failover_state))
        fields += 1

    addReplyBulkCString(c, b"last-ping-sent")
    addReplyBulkLongLong(c, mstime() - ri.link.act_ping_time if ri.link.act_ping_time else 0)
    fields += 1

    addReplyBulkCString(c, b"last-ok-ping-reply")
    addReplyBulkLongLong(c, mstime() - ri.link.last_avail_time)
    fields += 1

    addReplyBulkCString(c, b"last-ping-reply")
    addReplyBulkLongLong(c, mstime() - ri.link.last_pong_time)
    fields += 1

    if ri.flags & SRI_S_DOWN:
        addReplyBulkCString(c, b"s-down-time")
        addReplyBulkLongLong(c, mstime() - ri.s_down_since_time)
        fields += 1

    if ri.flags & SRI_O_DOWN:
        addReplyBulkCString(c, b"o-down-time")
        addReplyBulkLongLong(c, mstime() - ri.o_down_since_time)
        fields += 1

    addReplyBulkCString(c, b"down-after-milliseconds")
    addReplyBulkLongLong(c, ri.down_after_period)
    fields += 1

    # Masters and slaves
    if ri.flags & (SRI_MASTER | SRI_SLAVE):
        addReplyBulkCString(c, b"info-refresh")
        addReplyBulkLongLong(c, mstime() - ri.info_refresh if ri.info_refresh else 0)
        fields += 1

        addReplyBulkCString(c, b"role-reported")
        addReplyBulkCString(c, b"master" if ri.role_reported == SRI_MASTER else b"slave")
        fields += 1

        addReplyBulkCString(c, b"role-reported-time")
        addReplyBulkLongLong(c, mstime() - ri.role_reported_time)
        fields += 1

    # Only masters
    if ri.flags & SRI_MASTER:
        addReplyBulkCString(c, b"config-epoch")
        addReplyBulkLongLong(c, to_llong(ri.config_epoch))
        fields += 1

        addReplyBulkCString(c, b"num-slaves")
        addReplyBulkLongLong(c, dictSize(ri.slaves))
        fields += 1

        addReplyBulkCString(c, b"num-other-sentinels")
        addReplyBulkLongLong(c, dictSize(ri.sentinels))
        fields += 1

        addReplyBulkCString(c, b"quorum")
        addReplyBulkLongLong(c, ri.quorum)
        fields += 1

        addReplyBulkCString(c, b"failover-timeout")
        addReplyBulkLongLong(c, ri.failover_timeout)
        fields += 1

        addReplyBulkCString(c, b"parallel-syncs")
        addReplyBulkLongLong(c, ri.parallel_syncs)
        fields += 1

        if ri.notification_script is not None:
            addReplyBulkCString(c, b"notification-script")
            addReplyBulkCString(c, ri.notification_script)
            fields += 1

        if ri.client_reconfig_script is not None:
            addReplyBulkCString(c, b"client-reconfig-script")
            addReplyBulkCString(c, ri.client_reconfig_script)
            fields += 1

    # Only slaves
    if ri.flags & SRI_SLAVE:
        addReplyBulkCString(c, b"master-link-down-time")
        addReplyBulkLongLong(c, ri.master_link_down_time)
        fields += 1

        addReplyBulkCString(c, b"master-link-status")
        addReplyBulkCString(c, b"ok" if ri.slave_master_link_status == SENTINEL_MASTER_LINK_STATUS_UP else b"err")
        fields += 1

        addReplyBulkCString(c, b"master-host")
        addReplyBulkCString(c, ri.slave_master_host if ri.slave_master_host is not None else b"?")
        fields += 1

        addReplyBulkCString(c, b"master-port")
        addReplyBulkLongLong(c, ri.slave_master_port)
        fields += 1

        addReplyBulkCString(c, b"slave-priority")
        addReplyBulkLongLong(c, ri.slave_priority)
        fields += 1

        addReplyBulkCString(c, b"slave-repl-offset")
        addReplyBulkLongLong(c, to_llong(ri.slave_repl_offset))
        fields += 1

        addReplyBulkCString(c, b"replica-announced")
        addReplyBulkLongLong(c, ri.replica_announced)
        fields += 1

    # Only Sentinels
    if ri.flags & SRI_SENTINEL:
        addReplyBulkCString(c, b"last-hello-message")
        addReplyBulkLongLong(c, mstime() - ri.last_hello_time)
        fields += 1

        addReplyBulkCString(c, b"voted-leader")
        addReplyBulkCString(c, ri.leader if ri.leader is not None else b"?")
        fields += 1

        addReplyBulkCString(c, b"voted-leader-epoch")
        addReplyBulkLongLong(c, to_llong(ri.leader_epoch))
        fields += 1

    setDeferredMapLen(c, mbl, fields)


def addReplyDictOfRedisInstances(c, instances):
    """Reply an array of instances; replicas that do not want to be named (replica-announced no) are left out."""
    slaves = 0
    replylen = addReplyDeferredLen(c)
    di = dictGetIterator(instances)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        if ri.flags & SRI_SLAVE and not ri.replica_announced:
            continue
        addReplySentinelRedisInstance(c, ri)
        slaves += 1
    dictReleaseIterator(di)
    setDeferredArrayLen(c, replylen, slaves)


def sentinelGetMasterByNameOrReplyError(c, name):
    """Return the master of that name (robj), or None, and the error has been replied."""
    ri = dictFetchValue(sentinel.masters, name.ptr)
    if ri is None:
        addReplyError(c, b"No such master with that name")
        return None
    return ri


def sentinelIsQuorumReachable(master):
    """Return (SENTINEL_ISQR_OK or the reasons why no failover can be authorized, number of usable Sentinels)."""
    usable = 1                         # me
    result = SENTINEL_ISQR_OK
    voters = dictSize(master.sentinels) + 1

    di = dictGetIterator(master.sentinels)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        if de.val.flags & (SRI_S_DOWN | SRI_O_DOWN):
            continue
        usable += 1
    dictReleaseIterator(di)

    if usable < to_int(master.quorum):
        result |= SENTINEL_ISQR_NOQUORUM
    if usable < voters // 2 + 1:
        result |= SENTINEL_ISQR_NOAUTH
    return result, usable


def sentinelCommand(c):
    """SENTINEL subcommand [arg ...]; SENTINEL HELP names them   [admin]"""
    sub = cstr(c.argv[1].ptr).lower()

    if c.argc == 2 and sub == b"help":
        addReplyHelp(c, [
            b"CKQUORUM <master-name>",
            b"    Check if the current Sentinel configuration is able to reach the quorum",
            b"    needed to failover a master and the majority needed to authorize the",
            b"    failover.",
            b"CONFIG SET <param> <value>",
            b"    Set a global Sentinel configuration parameter.",
            b"CONFIG GET <param>",
            b"    Get global Sentinel configuration parameter.",
            b"GET-MASTER-ADDR-BY-NAME <master-name>",
            b"    Return the ip and port number of the master with that name.",
            b"FAILOVER <master-name>",
            b"    Manually failover a master node without asking for agreement from other",
            b"    Sentinels",
            b"FLUSHCONFIG",
            b"    Force Sentinel to rewrite its configuration on disk, including the current",
            b"    Sentinel state.",
            b"INFO-CACHE <master-name>",
            b"    Return last cached INFO output from masters and all its replicas.",
            b"IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>",
            b"    Check if the master specified by ip:port is down from current Sentinel's",
            b"    point of view.",
            b"MASTER <master-name>",
            b"    Show the state and info of the specified master.",
            b"MASTERS",
            b"    Show a list of monitored masters and their state.",
            b"MONITOR <name> <ip> <port> <quorum>",
            b"    Start monitoring a new master with the specified name, ip, port and quorum.",
            b"MYID",
            b"    Return the ID of the Sentinel instance.",
            b"PENDING-SCRIPTS",
            b"    Get pending scripts information.",
            b"REMOVE <master-name>",
            b"    Remove master from Sentinel's monitor list.",
            b"REPLICAS <master-name>",
            b"    Show a list of replicas for this master and their state.",
            b"RESET <pattern>",
            b"    Reset masters for specific master name matching this pattern.",
            b"SENTINELS <master-name>",
            b"    Show a list of Sentinel instances for this master and their state.",
            b"SET <master-name> <option> <value>",
            b"    Set configuration paramters for certain masters.",
            b"SIMULATE-FAILURE (CRASH-AFTER-ELECTION|CRASH-AFTER-PROMOTION|HELP)",
            b"    Simulate a Sentinel crash.",
        ])
    elif sub == b"masters":
        # SENTINEL MASTERS
        if c.argc != 2:
            sentinelCommand_numargserr(c)
            return
        addReplyDictOfRedisInstances(c, sentinel.masters)
    elif sub == b"master":
        # SENTINEL MASTER <name>
        if c.argc != 3:
            sentinelCommand_numargserr(c)
            return
        ri = sentinelGetMasterByNameOrReplyError(c, c.argv[2])
        if ri is None:
            return
        addReplySentinelRedisInstance(c, ri)
    elif sub in (b"slaves", b"replicas"):
        # SENTINEL REPLICAS <master-name>
        if c.argc != 3:
            sentinelCommand_numargserr(c)
            return
        ri = sentinelGetMasterByNameOrReplyError(c, c.argv[2])
        if ri is None:
            return
        addReplyDictOfRedisInstances(c, ri.slaves)
    elif sub == b"sentinels":
        # SENTINEL SENTINELS <master-name>
        if c.argc != 3:
            sentinelCommand_numargserr(c)
            return
        ri = sentinelGetMasterByNameOrReplyError(c, c.argv[2])
        if ri is None:
            return
        addReplyDictOfRedisInstances(c, ri.sentinels)
    elif sub == b"myid" and c.argc == 2:
        # SENTINEL MYID
        addReplyBulkCBuffer(c, sentinel.myid)
    elif sub == b"is-master-down-by-addr":
        if c.argc != 6:
            sentinelCommand_numargserr(c)
            return
        sentinelCommand_isMasterDownByAddr(c)
    elif sub == b"reset":
        # SENTINEL RESET <pattern>
        if c.argc != 3:
            sentinelCommand_numargserr(c)
            return
        addReplyLongLong(c, sentinelResetMastersByPattern(cstr(c.argv[2].ptr), SENTINEL_GENERATE_EVENT))
    elif sub == b"get-master-addr-by-name":
        # SENTINEL GET-MASTER-ADDR-BY-NAME <master-name>
        if c.argc != 3:
            sentinelCommand_numargserr(c)
            return
        ri = sentinelGetMasterByName(cstr(c.argv[2].ptr))
        if ri is None:
            addReplyNullArray(c)
        else:
            addr = sentinelGetCurrentMasterAddress(ri)
            addReplyArrayLen(c, 2)
            addReplyBulkCString(c, announceSentinelAddr(addr))
            addReplyBulkLongLong(c, addr.port)
    elif sub == b"failover":
        # SENTINEL FAILOVER <master-name>
        if c.argc != 3:
            sentinelCommand_numargserr(c)
            return
        ri = sentinelGetMasterByNameOrReplyError(c, c.argv[2])
        if ri is None:
            return
        if ri.flags & SRI_FAILOVER_IN_PROGRESS:
            addReplyError(c, b"-INPROG Failover already in progress")
            return
        if sentinelSelectSlave(ri) is None:
            addReplyError(c, b"-NOGOODSLAVE No suitable replica to promote")
            return
        serverLog(LL_WARNING, "Executing user requested FAILOVER of '%s'", ri.name)
        sentinelStartFailover(ri)
        ri.flags |= SRI_FORCE_FAILOVER
        addReply(c, shared.ok)
    elif sub == b"pending-scripts":
        # SENTINEL PENDING-SCRIPTS
        if c.argc != 2:
            sentinelCommand_numargserr(c)
            return
        sentinelPendingScriptsCommand(c)
    elif sub == b"monitor":
        if c.argc != 6:
            sentinelCommand_numargserr(c)
            return
        sentinelCommand_monitor(c)
    elif sub == b"flushconfig":
        if c.argc != 2:
            sentinelCommand_numargserr(c)
            return
        sentinelFlushConfig()
        addReply(c, shared.ok)
    elif sub == b"remove":
        # SENTINEL REMOVE <name>
        if c.argc != 3:
            sentinelCommand_numargserr(c)
            return
        ri = sentinelGetMasterByNameOrReplyError(c, c.argv[2])
        if ri is None:
            return
        sentinelEvent(LL_WARNING, b"-monitor", ri, b"%@")
        dictDelete(sentinel.masters, c.argv[2].ptr)
        sentinelFlushConfig()
        addReply(c, shared.ok)
    elif sub == b"ckquorum":
        # SENTINEL CKQUORUM <name>
        if c.argc != 3:
            sentinelCommand_numargserr(c)
            return
        ri = sentinelGetMasterByNameOrReplyError(c, c.argv[2])
        if ri is None:
            return
        result, usable = sentinelIsQuorumReachable(ri)
        if result == SENTINEL_ISQR_OK:
            addReplySds(c, b"+OK %d usable Sentinels. Quorum and failover authorization can be reached\r\n" % usable)
        else:
            e = b"-NOQUORUM %d usable Sentinels. " % usable
            if result & SENTINEL_ISQR_NOQUORUM:
                e += b"Not enough available Sentinels to reach the specified quorum for this master"
            if result & SENTINEL_ISQR_NOAUTH:
                if result & SENTINEL_ISQR_NOQUORUM:
                    e += b". "
                e += b"Not enough available Sentinels to reach the majority and authorize a failover"
            addReplyErrorSds(c, e)
    elif sub == b"set":
        if c.argc < 3:
            sentinelCommand_numargserr(c)
            return
        sentinelSetCommand(c)
    elif sub == b"config":
        if c.argc < 3:
            sentinelCommand_numargserr(c)
            return
        what = cstr(c.argv[2].ptr).lower()
        if what == b"set" and c.argc == 5:
            sentinelConfigSetCommand(c)
        elif what == b"get" and c.argc == 4:
            sentinelConfigGetCommand(c)
        else:
            addReplyError(c, b"Only SENTINEL CONFIG GET <option> / SET <option> <value> are supported.")
    elif sub == b"info-cache":
        # SENTINEL INFO-CACHE [<name> ...]
        if c.argc < 2:
            sentinelCommand_numargserr(c)
            return
        sentinelCommand_infoCache(c)
    elif sub == b"simulate-failure":
        sentinelCommand_simulateFailure(c)
    elif sub == b"trace":
        # SENTINEL TRACE ...  Ours: there is no DEBUG in sentinel mode.
        from server.study.trace import trace_command
        trace_command(c)
    elif sub == b"state":
        from server.study.state import state_command
        state_command(c)
    else:
        addReplySubcommandSyntaxError(c)


def sentinelCommand_numargserr(c):
    addReplyErrorFormat(c, b"Wrong number of arguments for 'sentinel %s'", c.argv[1].ptr)


def sentinelCommand_isMasterDownByAddr(c):
    """SENTINEL IS-MASTER-DOWN-BY-ADDR ip port current-epoch runid -> [down?, leader or "*", epoch of that vote]

    Another Sentinel asks: do we see the master at this address down too?  By address, since names are everybody's own
    choice.  With a runid other than "*" it also asks for our vote for that runid, in this epoch; a vote is given once.
    """
    leader_epoch = 0
    leader = None
    isdown = 0

    ok, port = getLongFromObjectOrReply(c, c.argv[3], None)
    if ok != C_OK:
        return
    ok, req_epoch = getLongLongFromObjectOrReply(c, c.argv[4], None)
    if ok != C_OK:
        return
    ri = getSentinelRedisInstanceByAddrAndRunID(sentinel.masters, cstr(c.argv[2].ptr), to_int(port), None)

    # In TILT we do not trust our state.
    if not sentinel.tilt and ri is not None and ri.flags & SRI_S_DOWN and ri.flags & SRI_MASTER:
        isdown = 1

    runid = cstr(c.argv[5].ptr)
    if ri is not None and ri.flags & SRI_MASTER and runid != b"*":
        leader, leader_epoch = sentinelVoteLeader(ri, to_ullong(req_epoch), runid)

    addReplyArrayLen(c, 3)
    addReply(c, shared.cone if isdown else shared.czero)
    addReplyBulkCString(c, leader if leader is not None else b"*")
    addReplyLongLong(c, to_llong(leader_epoch))


def sentinelCommand_monitor(c):
    """SENTINEL MONITOR name ip port quorum -> OK"""
    ok, quorum = getLongFromObjectOrReply(c, c.argv[5], b"Invalid quorum")
    if ok != C_OK:
        return
    ok, port = getLongFromObjectOrReply(c, c.argv[4], b"Invalid port")
    if ok != C_OK:
        return

    if quorum <= 0:
        addReplyError(c, b"Quorum must be 1 or greater.")
        return

    # With resolve-hostnames this may query a name server, and wait for its reply.
    host = cstr(c.argv[3].ptr)
    ok, _, _ = anetResolve(host, ANET_NONE if sentinel.resolve_hostnames else ANET_IP_ONLY)
    if ok == ANET_ERR:
        addReplyError(c, b"Invalid IP address or hostname specified")
        return

    ri, err = createSentinelRedisInstance(cstr(c.argv[2].ptr), SRI_MASTER, host, to_int(port), to_int(quorum), None)
    if ri is None:
        addReplyError(c, sentinelCheckCreateInstanceErrors(SRI_MASTER, err))
    else:
        sentinelFlushConfig()
        sentinelEvent(LL_WARNING, b"+monitor", ri, b"%@ quorum %d", to_int(ri.quorum))
        addReply(c, shared.ok)


def sentinelCommand_infoCache(c):
    """SENTINEL INFO-CACHE [name ...] -> name, [[age in ms, INFO] of the master and each of its slaves], ..."""
    now = mstime()

    masters_local = sentinel.masters
    if c.argc > 2:
        # Without destructor: this dict does not own the instances.
        masters_local = dictCreate(dictType())
        for i in range(2, c.argc):
            ri = sentinelGetMasterByName(cstr(c.argv[i].ptr))
            if ri is None:
                continue
            dictAdd(masters_local, ri.name, ri)

    addReplyArrayLen(c, dictSize(masters_local) * 2)

    di = dictGetIterator(masters_local)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        addReplyBulkCBuffer(c, ri.name)
        addReplyArrayLen(c, dictSize(ri.slaves) + 1)
        addReplyArrayLen(c, 2)
        addReplyLongLong(c, now - ri.info_refresh if ri.info_refresh else 0)
        if ri.info is not None:
            addReplyBulkCBuffer(c, ri.info)
        else:
            addReplyNull(c)

        sdi = dictGetIterator(ri.slaves)
        while 1:
            sde = dictNext(sdi)
            if sde is None:
                break
            sri = sde.val
            addReplyArrayLen(c, 2)
            # As in C the master's INFO decides.
            addReplyLongLong(c, now - sri.info_refresh if ri.info_refresh else 0)
            if sri.info is not None:
                addReplyBulkCBuffer(c, sri.info)
            else:
                addReplyNull(c)
        dictReleaseIterator(sdi)
    dictReleaseIterator(di)
    if masters_local is not sentinel.masters:
        dictRelease(masters_local)


def sentinelCommand_simulateFailure(c):
    """SENTINEL SIMULATE-FAILURE [crash-after-election | crash-after-promotion | help ...] -> OK, after what HELP adds"""
    sentinel.simfailure_flags = SENTINEL_SIMFAILURE_NONE
    for j in range(2, c.argc):
        flag = cstr(c.argv[j].ptr).lower()
        if flag == b"crash-after-election":
            sentinel.simfailure_flags |= SENTINEL_SIMFAILURE_CRASH_AFTER_ELECTION
            serverLog(LL_WARNING, "Failure simulation: this Sentinel will crash after being successfully elected as "
                                  "failover leader")
        elif flag == b"crash-after-promotion":
            sentinel.simfailure_flags |= SENTINEL_SIMFAILURE_CRASH_AFTER_PROMOTION
            serverLog(LL_WARNING, "Failure simulation: this Sentinel will crash after promoting the selected replica "
                                  "to master")
        elif flag == b"help":
            addReplyArrayLen(c, 2)
            addReplyBulkCString(c, b"crash-after-election")
            addReplyBulkCString(c, b"crash-after-promotion")
        else:
            addReplyError(c, b"Unknown failure simulation specified")
            return
    addReply(c, shared.ok)


def sentinelInfoCommand(c):
    """INFO [section] -> text   [random]"""
    if c.argc > 2:
        addReplyErrorObject(c, shared.syntaxerr)
        return

    section = cstr(c.argv[1].ptr).lower() if c.argc == 2 else b"default"
    allsections = section == b"all"
    defsections = section == b"default"

    info = []
    for name in (b"server", b"clients", b"cpu", b"stats"):          # C: info_section_from_redis
        if defsections or allsections or section == name:
            info.append(genRedisInfoString(name))

    if defsections or allsections or section == b"sentinel":
        text = (b"# Sentinel\r\n"
                b"sentinel_masters:%d\r\n"
                b"sentinel_tilt:%d\r\n"
                b"sentinel_running_scripts:%d\r\n"
                b"sentinel_scripts_queue_length:%d\r\n"
                b"sentinel_simulate_failure_flags:%d\r\n") % (
            dictSize(sentinel.masters), sentinel.tilt, sentinel.running_scripts, listLength(sentinel.scripts_queue),
            sentinel.simfailure_flags)

        master_id = 0
        di = dictGetIterator(sentinel.masters)
        while 1:
            de = dictNext(di)
            if de is None:
                break
            ri = de.val
            status = b"ok"
            if ri.flags & SRI_O_DOWN:
                status = b"odown"
            elif ri.flags & SRI_S_DOWN:
                status = b"sdown"
            text += b"master%d:name=%s,status=%s,address=%s:%d,slaves=%d,sentinels=%d\r\n" % (
                master_id, ri.name, status, announceSentinelAddr(ri.addr), ri.addr.port, dictSize(ri.slaves),
                dictSize(ri.sentinels) + 1)
            master_id += 1
        dictReleaseIterator(di)
        info.append(text)

    addReplyBulkSds(c, b"\r\n".join(info))


def sentinelRoleCommand(c):
    """ROLE -> ["sentinel", [names of the masters]]   [fast, read-only]"""
    addReplyArrayLen(c, 2)
    addReplyBulkCBuffer(c, b"sentinel")
    addReplyArrayLen(c, dictSize(sentinel.masters))

    di = dictGetIterator(sentinel.masters)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        addReplyBulkCString(c, de.val.name)
    dictReleaseIterator(di)


def sentinelSetCommand(c):
    """SENTINEL SET master [option value ...] -> OK.  What stands before an error stays set."""
    changes = 0
    ri = sentinelGetMasterByNameOrReplyError(c, c.argv[2])
    if ri is None:
        return

    j = 3
    while j < c.argc:
        moreargs = (c.argc - 1) - j
        option = cstr(c.argv[j].ptr)
        name = option.lower()
        old_j = j                      # what to log
        redacted = 0

        if name in (b"down-after-milliseconds", b"failover-timeout", b"parallel-syncs", b"quorum") and moreargs > 0:
            j += 1
            ok, ll = getLongLongFromObject(c.argv[j])
            if ok == C_ERR or ll <= 0:
                sentinelSetCommand_badfmt(c, j, option, changes)
                return
            if name == b"down-after-milliseconds":
                ri.down_after_period = ll
                sentinelPropagateDownAfterPeriod(ri)
            elif name == b"failover-timeout":
                ri.failover_timeout = ll
            elif name == b"parallel-syncs":
                ri.parallel_syncs = to_int(ll)
            else:
                ri.quorum = to_uint(ll)
            changes += 1
        elif name in (b"notification-script", b"client-reconfig-script") and moreargs > 0:
            j += 1
            value = cstr(c.argv[j].ptr)
            if sentinel.deny_scripts_reconfig:
                addReplyError(c, b"Reconfiguration of scripts path is denied for security reasons. Check the "
                                 b"deny-scripts-reconfig configuration directive in your Sentinel configuration")
                sentinelSetCommand_seterr(changes)
                return

            if value and not os.access(value, os.X_OK):
                if name == b"notification-script":
                    addReplyError(c, b"Notification script seems non existing or non executable")
                else:
                    addReplyError(c, b"Client reconfiguration script seems non existing or non executable")
                sentinelSetCommand_seterr(changes)
                return
            if name == b"notification-script":
                ri.notification_script = value if value else None
            else:
                ri.client_reconfig_script = value if value else None
            changes += 1
        elif name == b"auth-pass" and moreargs > 0:
            j += 1
            value = cstr(c.argv[j].ptr)
            ri.auth_pass = value if value else None
            changes += 1
            redacted = 1
        elif name == b"auth-user" and moreargs > 0:
            j += 1
            value = cstr(c.argv[j].ptr)
            ri.auth_user = value if value else None
            changes += 1
        elif name == b"rename-command" and moreargs > 1:
            oldname = cstr(c.argv[j + 1].ptr)
            newname = cstr(c.argv[j + 2].ptr)
            j += 2
            if not oldname or not newname:
                sentinelSetCommand_badfmt(c, j - 1 if newname else j, option, changes)
                return

            dictDelete(ri.renamed_commands, oldname)

            # The command has its own name again: this is stored by removing the entry.
            if not dictSdsKeyCaseCompare(oldname, newname):
                dictAdd(ri.renamed_commands, oldname, newname)
            changes += 1
        else:
            addReplyErrorFormat(c, b"Unknown option or number of arguments for SENTINEL SET '%s'", option)
            sentinelSetCommand_seterr(changes)
            return

        numargs = j - old_j + 1
        if numargs == 2:
            sentinelEvent(LL_WARNING, b"+set", ri, b"%@ %s %s", option,
                          b"******" if redacted else cstr(c.argv[old_j + 1].ptr))
        else:
            serverAssert(numargs == 3)
            sentinelEvent(LL_WARNING, b"+set", ri, b"%@ %s %s %s", option, cstr(c.argv[old_j + 1].ptr),
                          cstr(c.argv[old_j + 2].ptr))
        j += 1

    if changes:
        sentinelFlushConfig()
    addReply(c, shared.ok)


def sentinelSetCommand_badfmt(c, badarg, option, changes):
    addReplyErrorFormat(c, b"Invalid argument '%s' for SENTINEL SET '%s'", c.argv[badarg].ptr, option)
    sentinelSetCommand_seterr(changes)


def sentinelSetCommand_seterr(changes):
    if changes:
        sentinelFlushConfig()


def sentinelPublishCommand(c):
    """PUBLISH __sentinel__:hello message -> 1.  Sentinels send each other their hello messages by the same command as
    they use at masters and slaves; no other channel can be published to   [pub-sub, fast]"""
    if cstr(c.argv[1].ptr) != SENTINEL_HELLO_CHANNEL:
        addReplyError(c, b"Only HELLO messages are accepted by Sentinel instances.")
        return
    sentinelProcessHelloMessage(bytes(c.argv[2].ptr))
    addReplyLongLong(c, 1)
