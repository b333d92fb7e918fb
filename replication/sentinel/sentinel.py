"""sentinel.py - instances, events, scripts, the file of a Sentinel.     Mirrors src/sentinel.c, lines 405-2342 (6.2.14)

Lives here   addresses; sentinelEvent; scripts; links; instances (masters, slaves, other Sentinels), their dicts; reading
             and writing `sentinel ...` lines; what main needs at start-up.
             The rest of sentinel.c: sentinel_h.py (52-282: structs), hiredis_async.py (284-377), sentinel_failover.py
             (4401-5037), sentinel_monitor.py (2344-3186, 4202-4399, 5039-5150), sentinel_command.py (467-550, 3188-4200).
Called from  main, config.py [startup]; the siblings [cron, read, command].
Calls out    hiredis_async, pubsub, config, anet, log.
State        sentinel_h.sentinel; server.sentinel_config while the file is read.
Invariant    masters, and each master's slaves and sentinels: key == ri.name; ri.link.refcount counts the owners of a link.
             After releaseSentinelRedisInstance an instance may still be named by a callback that waits for a reply: a
             callback looks at its instance only when there is a reply.
Departures   D-73: words that would not be read back as one word are quoted in the file.
Extend       a directive: a branch in sentinelHandleConfiguration, a line in rewriteConfigSentinelOption; if monitoring
             depends on it, a name in preMonitorCfgName.
"""
import errno
import os
import signal
import sys

from ae.anet import ANET_ERR, ANET_IP_ONLY, ANET_NONE, anetResolve
from ae.monotonic import mstime
from datastructs.adlist import (
    listAddNodeTail, listCreate, listDelNode, listLength, listNext, listRelease, listRewind, listSetFreeMethod, listIter,
)
from datastructs.dict import (
    DICT_OK, dictAdd, dictCreate, dictDelete, dictFetchValue, dictFind, dictGetIterator, dictGetSafeIterator, dictNext,
    dictRelease, dictReleaseIterator, dictSdsCaseHash, dictSdsKeyCaseCompare, dictType,
)
from datastructs.sds import sdscatrepr, sdssplitargs
from datastructs.util import atoi, getRandomHexChars, stringmatch, strtoull, to_int, to_uint
from replication.sentinel.hiredis_async import redisAsyncFree
from replication.sentinel.sentinel_h import (
    REDIS_SENTINEL_PORT, SENTINEL_DEFAULT_ANNOUNCE_HOSTNAMES, SENTINEL_DEFAULT_DENY_SCRIPTS_RECONFIG,
    SENTINEL_DEFAULT_DOWN_AFTER, SENTINEL_DEFAULT_FAILOVER_TIMEOUT, SENTINEL_DEFAULT_PARALLEL_SYNCS,
    SENTINEL_DEFAULT_RESOLVE_HOSTNAMES, SENTINEL_FAILOVER_STATE_NONE, SENTINEL_FAILOVER_STATE_RECONF_SLAVES,
    SENTINEL_GENERATE_EVENT, SENTINEL_LEADER, SENTINEL_RESET_NO_SENTINELS, SENTINEL_SCRIPT_MAX_ARGS,
    SENTINEL_SCRIPT_MAX_QUEUE, SENTINEL_SCRIPT_MAX_RETRY, SENTINEL_SCRIPT_MAX_RUNNING, SENTINEL_SCRIPT_MAX_RUNTIME,
    SENTINEL_SCRIPT_RETRY_DELAY, SENTINEL_SCRIPT_RUNNING, SRI_FAILOVER_IN_PROGRESS, SRI_MASTER, SRI_PROMOTED,
    SRI_SENTINEL, SRI_SLAVE, instanceLink, sentinel, sentinelAddr, sentinelRedisInstance, sentinelScriptJob,
)
from server.admin import config_rewrite
from server.admin.config import loadServerConfigFromString_loaderr
from server.admin.config_rewrite import rewriteConfig, rewriteConfigMarkAsProcessed, rewriteConfigRewriteLine
from server.admin.config_table import yesnotoi
from server.client.networking_reply import (
    addReplyArrayLen, addReplyBulkCString, addReplyBulkLongLong, addReplyMapLen,
)
from server.client.tls import tlsCleanup
from server.log import serverAssert, serverLog
from server.object import createStringObject
from server.server_h import (
    CONFIG_DEFAULT_HZ, CONFIG_RUN_ID_SIZE, C_ERR, C_OK, LL_DEBUG, LL_NOTICE, LL_WARNING, LOG_MAX_LEN, sentinelConfig,
    sentinelLoadQueueEntry, server,
)
from server.session.pubsub import pubsubPublishMessage


def cstr(s):
    """Return `s` up to its first NUL: where C goes on with a char *."""
    return bytes(s).partition(b"\0")[0]


# ========================= Dictionary types ===============================

def dictInstancesValDestructor(obj):
    releaseSentinelRedisInstance(obj)


#: Name -> sentinelRedisInstance: the masters, the slaves and the Sentinels of a master.
instancesDictType = dictType(valDestructor=dictInstancesValDestructor)
#: Runid -> votes.
leaderVotesDictType = dictType()
#: Command -> its name at that master.
renamedCommandsDictType = dictType(hashFunction=dictSdsCaseHash, keyCompare=dictSdsKeyCaseCompare)


# =========================== Initialization ===============================

#: Directives that must be in force before the first master is created.
preMonitorCfgName = (
    b"announce-ip",
    b"announce-port",
    b"deny-scripts-reconfig",
    b"sentinel-user",
    b"sentinel-pass",
    b"current-epoch",
    b"myid",
    b"resolve-hostnames",
    b"announce-hostnames",
)


def initSentinelConfig():
    """Change those defaults that are others for a Sentinel."""
    server.port = REDIS_SENTINEL_PORT
    server.protected_mode = 0          # other hosts must be able to connect


def sentinelCheckConfigFile():
    """End the process unless there is a config file that can be written: the state lives in it."""
    if server.configfile is None:
        serverLog(LL_WARNING, "Sentinel needs config file on disk to save state. Exiting...")
        sys.exit(1)
    if not os.access(server.configfile, os.W_OK):
        why = errno.EACCES
        try:
            os.close(os.open(server.configfile, os.O_WRONLY))
        except OSError as e:
            why = e.errno
        serverLog(LL_WARNING, "Sentinel config file %s is not writable: %s. Exiting...", server.configfile,
                  os.strerror(why))
        sys.exit(1)


def sentinelIsRunning():
    """The server is ready: give this Sentinel an id, unless its file has one, and announce its masters."""
    if not any(sentinel.myid):
        # ORDER: save the id before it is announced, since it must survive restarts.
        sentinel.myid = getRandomHexChars(CONFIG_RUN_ID_SIZE)
        sentinelFlushConfig()
    serverLog(LL_WARNING, "Sentinel ID is %s", sentinel.myid)
    sentinelGenerateInitialMonitorEvents()


# ============================== sentinelAddr ==============================

def createSentinelAddr(hostname, port, is_accept_unresolved):
    """Return (sentinelAddr, 0), or (None, EINVAL): bad port, or (None, ENOENT): no such host.

    A host that cannot be resolved now is taken, with an empty ip, if `is_accept_unresolved` and resolve-hostnames."""
    if port < 0 or port > 65535:
        return None, errno.EINVAL
    ok, _, ip = anetResolve(hostname, ANET_NONE if sentinel.resolve_hostnames else ANET_IP_ONLY)
    if ok == ANET_ERR:
        serverLog(LL_WARNING, "Failed to resolve hostname '%s'", hostname)
        if not (sentinel.resolve_hostnames and is_accept_unresolved):
            return None, errno.ENOENT
        ip = ""
    return sentinelAddr(hostname, ip.encode(), port), 0


def dupSentinelAddr(src):
    return sentinelAddr(src.hostname, src.ip, src.port)


def sentinelAddrOrHostnameEqual(a, b):
    """Tell whether the ports are equal, and the addresses, or at least the names (both may be unresolved)."""
    return a.port == b.port and (a.ip == b.ip or a.hostname.lower() == b.hostname.lower())


def sentinelAddrEqualsHostname(a, hostname):
    """Tell whether `hostname`, a name or an address, is where `a` is.  None is nowhere (C crashes)."""
    if hostname is None:
        return False
    ok, _, ip = anetResolve(hostname, ANET_NONE if sentinel.resolve_hostnames else ANET_IP_ONLY)
    if ok == ANET_ERR:
        # The name may not resolve while its server is down: in that case compare the names.
        return (a.hostname if sentinel.resolve_hostnames else a.ip).lower() == hostname.lower()
    return a.ip.lower() == ip.encode().lower()


def announceSentinelAddr(a):
    return a.hostname if sentinel.announce_hostnames else a.ip


def announceSentinelAddrAndPort(a):
    """Return "address:port", with the brackets that an IPv6 address needs."""
    addr = announceSentinelAddr(a)
    if b":" in addr:
        return b"[%s]:%d" % (addr, a.port)
    return b"%s:%d" % (addr, a.port)


# =========================== Events notification ==========================

def sentinelEvent(level, type_, ri, fmt, *args):
    """Tell the log, the subscribers of channel `type_`, and the notification script of `ri`'s master.

    A format that starts with %@ gets "kind name ip port" of `ri` there, with " @ master-name ip port" unless it is a
    master.  LL_DEBUG events are not published; only LL_WARNING ones, with an `ri`, run the script.
    """
    if fmt.startswith(b"%@"):
        master = None if ri.flags & SRI_MASTER else ri.master
        msg = b"%s %s %s %d" % (sentinelRedisInstanceTypeStr(ri), ri.name, announceSentinelAddr(ri.addr), ri.addr.port)
        if master is not None:
            msg += b" @ %s %s %d" % (master.name, announceSentinelAddr(master.addr), master.addr.port)
        fmt = fmt[2:]
    else:
        msg = b""
    msg = (msg + fmt % args)[:LOG_MAX_LEN - 1]

    if level >= server.verbosity:
        serverLog(level, "%s %s", type_, msg)

    if level != LL_DEBUG:
        pubsubPublishMessage(createStringObject(type_), createStringObject(msg))

    if level == LL_WARNING and ri is not None:
        master = ri if ri.flags & SRI_MASTER else ri.master
        if master is not None and master.notification_script is not None:
            sentinelScheduleScriptExecution(master.notification_script, type_, msg)


def sentinelGenerateInitialMonitorEvents():
    """At start-up: +monitor for each configured master."""
    di = dictGetIterator(sentinel.masters)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        sentinelEvent(LL_WARNING, b"+monitor", ri, b"%@ quorum %d", to_int(ri.quorum))
    dictReleaseIterator(di)


# ============================ script execution ============================

def sentinelScheduleScriptExecution(path, *args):
    """Queue a script with these arguments (bytes); sentinelRunPendingScripts runs it.  A full queue loses its oldest
    job that does not run yet."""
    sj = sentinelScriptJob([path] + list(args[:SENTINEL_SCRIPT_MAX_ARGS - 1]))
    listAddNodeTail(sentinel.scripts_queue, sj)

    if listLength(sentinel.scripts_queue) > SENTINEL_SCRIPT_MAX_QUEUE:
        li = listIter()
        listRewind(sentinel.scripts_queue, li)
        while 1:
            ln = listNext(li)
            if ln is None:
                break
            if ln.value.flags & SENTINEL_SCRIPT_RUNNING:
                continue
            listDelNode(sentinel.scripts_queue, ln)
            break
        serverAssert(listLength(sentinel.scripts_queue) <= SENTINEL_SCRIPT_MAX_QUEUE)


def sentinelGetScriptListNodeByPid(pid):
    """Return the node of the running job with this pid, or None."""
    li = listIter()
    listRewind(sentinel.scripts_queue, li)
    while 1:
        ln = listNext(li)
        if ln is None:
            return None
        sj = ln.value
        if sj.flags & SENTINEL_SCRIPT_RUNNING and sj.pid == pid:
            return ln


def exec_script(argv):
    """In the child: become the script.  Never returns; exit code 2 means that it could not be started."""
    try:
        tlsCleanup()
        # Python ignores SIGPIPE, and an ignored signal stays ignored after exec.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execve(argv[0], argv, os.environ)
    except BaseException:              # always exit: this process is not the Sentinel
        pass
    os._exit(2)


def sentinelRunPendingScripts():
    """Start waiting scripts, the oldest first, as long as not too many run."""
    now = mstime()
    li = listIter()
    listRewind(sentinel.scripts_queue, li)
    while sentinel.running_scripts < SENTINEL_SCRIPT_MAX_RUNNING:
        ln = listNext(li)
        if ln is None:
            break
        sj = ln.value
        if sj.flags & SENTINEL_SCRIPT_RUNNING:
            continue
        # A retry that is not due yet.
        if sj.start_time and sj.start_time > now:
            continue

        sj.flags |= SENTINEL_SCRIPT_RUNNING
        sj.start_time = mstime()
        sj.retry_num += 1
        try:
            pid = os.fork()
        except OSError:
            pid = -1

        if pid == -1:
            # Reported as signal 99, like every other failure of a script.
            sentinelEvent(LL_WARNING, b"-script-error", None, b"%s %d %d", sj.argv[0], 99, 0)
            sj.flags &= ~SENTINEL_SCRIPT_RUNNING
            sj.pid = 0
        elif pid == 0:
            exec_script(sj.argv)
        else:
            sentinel.running_scripts += 1
            sj.pid = pid
            sentinelEvent(LL_DEBUG, b"+script-child", None, b"%d", pid)


def sentinelScriptRetryDelay(retry_num):
    """Return the ms to wait after attempt number `retry_num`: 30 s, doubled by each further attempt."""
    delay = SENTINEL_SCRIPT_RETRY_DELAY
    while retry_num > 1:
        retry_num -= 1
        delay *= 2
    return delay


def sentinelCollectTerminatedScripts():
    """Reap scripts that have ended.  Killed by a signal, or exit code 1, means: try again later."""
    while 1:
        try:
            pid, statloc = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid <= 0:
            break
        exitcode = os.WEXITSTATUS(statloc)
        bysignal = os.WTERMSIG(statloc) if os.WIFSIGNALED(statloc) else 0
        sentinelEvent(LL_DEBUG, b"-script-child", None, b"%d %d %d", pid, exitcode, bysignal)

        ln = sentinelGetScriptListNodeByPid(pid)
        if ln is None:
            serverLog(LL_WARNING, "waitpid() returned a pid (%d) we can't find in our scripts execution queue!", pid)
            continue
        sj = ln.value

        if (bysignal or exitcode == 1) and sj.retry_num != SENTINEL_SCRIPT_MAX_RETRY:
            sj.flags &= ~SENTINEL_SCRIPT_RUNNING
            sj.pid = 0
            sj.start_time = mstime() + sentinelScriptRetryDelay(sj.retry_num)
        else:
            if bysignal or exitcode != 0:
                sentinelEvent(LL_WARNING, b"-script-error", None, b"%s %d %d", sj.argv[0], bysignal, exitcode)
            listDelNode(sentinel.scripts_queue, ln)
        sentinel.running_scripts -= 1


def sentinelKillTimedoutScripts():
    """Kill scripts that have run too long; sentinelCollectTerminatedScripts finds them."""
    now = mstime()
    li = listIter()
    listRewind(sentinel.scripts_queue, li)
    while 1:
        ln = listNext(li)
        if ln is None:
            break
        sj = ln.value
        if sj.flags & SENTINEL_SCRIPT_RUNNING and now - sj.start_time > SENTINEL_SCRIPT_MAX_RUNTIME:
            sentinelEvent(LL_WARNING, b"-script-timeout", None, b"%s %d", sj.argv[0], sj.pid)
            try:
                os.kill(sj.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def sentinelPendingScriptsCommand(c):
    """SENTINEL PENDING-SCRIPTS -> one map a script"""
    addReplyArrayLen(c, listLength(sentinel.scripts_queue))
    li = listIter()
    listRewind(sentinel.scripts_queue, li)
    while 1:
        ln = listNext(li)
        if ln is None:
            break
        sj = ln.value

        addReplyMapLen(c, 5)

        addReplyBulkCString(c, b"argv")
        addReplyArrayLen(c, len(sj.argv))
        for arg in sj.argv:
            addReplyBulkCString(c, arg)

        addReplyBulkCString(c, b"flags")
        addReplyBulkCString(c, b"running" if sj.flags & SENTINEL_SCRIPT_RUNNING else b"scheduled")

        addReplyBulkCString(c, b"pid")
        addReplyBulkLongLong(c, sj.pid)

        if sj.flags & SENTINEL_SCRIPT_RUNNING:
            addReplyBulkCString(c, b"run-time")
            addReplyBulkLongLong(c, mstime() - sj.start_time)
        else:
            delay = sj.start_time - mstime() if sj.start_time else 0
            if delay < 0:
                delay = 0
            addReplyBulkCString(c, b"run-delay")
            addReplyBulkLongLong(c, delay)

        addReplyBulkCString(c, b"retry-num")
        addReplyBulkLongLong(c, sj.retry_num)


def sentinelCallClientReconfScript(master, role, state, from_, to):
    """Schedule `master`'s client-reconfig-script, if it has one, with: name, leader or observer, `state` (always
    "start"), and the addresses that clients shall leave and go to."""
    if master.client_reconfig_script is None:
        return
    sentinelScheduleScriptExecution(
        master.client_reconfig_script, master.name, b"leader" if role == SENTINEL_LEADER else b"observer", state,
        announceSentinelAddr(from_), b"%d" % from_.port, announceSentinelAddr(to), b"%d" % to.port)


# =============================== instanceLink =============================

def createInstanceLink():
    return instanceLink(mstime())


def instanceLinkCloseConnection(link, c):
    """Close `c`, the cc or pc of `link`, or None."""
    if c is None:
        return
    if link.cc is c:
        link.cc = None
        link.pending_commands = 0
    if link.pc is c:
        link.pc = None
    # The pending callbacks and the disconnect callback will find no link: all clean-up is done here.
    c.data = None
    link.disconnected = 1
    redisAsyncFree(c)


def releaseInstanceLink(link, ri):
    """Drop `ri`'s share of the link -> None, and the link is closed; or the link, if others own it too.  The replies
    that `ri` waits for, on a link that lives on, are discarded then."""
    serverAssert(link.refcount > 0)
    link.refcount -= 1
    if link.refcount != 0:
        if ri is not None and ri.link.cc is not None:
            cb = link.cc.replies.head
            while cb is not None:
                if cb.privdata is ri:
                    cb.fn = sentinelDiscardReplyCallback
                    cb.privdata = None
                cb = cb.next
        return link

    instanceLinkCloseConnection(link, link.cc)
    instanceLinkCloseConnection(link, link.pc)
    return None


def sentinelTryConnectionSharing(ri):
    """If the Sentinel `ri` is known as a peer of another master as well, use the link of that one -> C_OK, C_ERR."""
    serverAssert(ri.flags & SRI_SENTINEL)
    if ri.runid is None:
        return C_ERR
    if ri.link.refcount > 1:
        return C_ERR

    di = dictGetIterator(sentinel.masters)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        master = de.val
        if master is ri.master:
            continue
        match = getSentinelRedisInstanceByAddrAndRunID(master.sentinels, None, 0, ri.runid)
        if match is None or match is ri:
            continue

        releaseInstanceLink(ri.link, None)
        ri.link = match.link
        match.link.refcount += 1
        dictReleaseIterator(di)
        return C_OK
    dictReleaseIterator(di)
    return C_ERR


def sentinelDropConnections():
    """Close all connections to other Sentinels, to log in again -> how many there were."""
    dropped = 0
    di = dictGetIterator(sentinel.masters)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        sdi = dictGetIterator(ri.sentinels)
        while 1:
            sde = dictNext(sdi)
            if sde is None:
                break
            si = sde.val
            if not si.link.disconnected:
                instanceLinkCloseConnection(si.link, si.link.pc)
                instanceLinkCloseConnection(si.link, si.link.cc)
                dropped += 1
        dictReleaseIterator(sdi)
    dictReleaseIterator(di)
    return dropped


def sentinelUpdateSentinelAddressInAllMasters(ri):
    """The Sentinel `ri` has a new address: give it to the instances that are the same Sentinel seen by other masters,
    and cut their links -> how many they were."""
    serverAssert(ri.flags & SRI_SENTINEL)
    reconfigured = 0
    di = dictGetIterator(sentinel.masters)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        master = de.val
        match = getSentinelRedisInstanceByAddrAndRunID(master.sentinels, None, 0, ri.runid)
        if match is None:
            continue

        if match.link.cc is not None:
            instanceLinkCloseConnection(match.link, match.link.cc)
        if match.link.pc is not None:
            instanceLinkCloseConnection(match.link, match.link.pc)

        if match is ri:
            continue               # it has the address already
        match.addr = dupSentinelAddr(ri.addr)
        reconfigured += 1
    dictReleaseIterator(di)
    if reconfigured:
        sentinelEvent(LL_NOTICE, b"+sentinel-address-update", ri, b"%@ %d additional matching instances", reconfigured)
    return reconfigured


def instanceLinkConnectionError(c):
    """A connection has died by itself: forget it, sentinelReconnectInstance makes a new one."""
    link = c.data
    if link is None:
        return
    if link.pc is c:
        link.pc = None
    else:
        link.cc = None
    link.disconnected = 1


def sentinelLinkEstablishedCallback(c, status):
    if status != C_OK:
        instanceLinkConnectionError(c)


def sentinelDisconnectCallback(c, status):
    instanceLinkConnectionError(c)


# ========================== sentinelRedisInstance =========================

def createSentinelRedisInstance(name, flags, hostname, port, quorum, master):
    """Create an instance and put it into its table: `flags` is SRI_MASTER (master None), SRI_SLAVE or SRI_SENTINEL.
    A slave's name is made of its address.  -> (ri, 0); (None, err): EBUSY = it exists, else see createSentinelAddr."""
    serverAssert(flags & (SRI_MASTER | SRI_SLAVE | SRI_SENTINEL))
    serverAssert(flags & SRI_MASTER or master is not None)

    addr, err = createSentinelAddr(hostname, port, 1)
    if addr is None:
        return None, err

    if flags & SRI_SLAVE:
        name = announceSentinelAddrAndPort(addr)

    if flags & SRI_MASTER:
        table = sentinel.masters
    elif flags & SRI_SLAVE:
        table = master.slaves
    else:
        table = master.sentinels
    if dictFind(table, name) is not None:
        return None, errno.EBUSY

    # It starts disconnected; the timer connects it.
    ri = sentinelRedisInstance(flags, mstime())
    ri.name = name
    ri.addr = addr
    ri.link = createInstanceLink()
    if master is not None:
        ri.down_after_period = master.down_after_period
    ri.sentinels = dictCreate(instancesDictType)
    ri.quorum = to_uint(quorum)
    ri.master = master
    ri.slaves = dictCreate(instancesDictType)
    ri.renamed_commands = dictCreate(renamedCommandsDictType)

    dictAdd(table, ri.name, ri)
    return ri, 0


def releaseSentinelRedisInstance(ri):
    """The instance, which is in no table any more, its slaves and Sentinels, and their connections end."""
    dictRelease(ri.sentinels)
    dictRelease(ri.slaves)

    releaseInstanceLink(ri.link, ri)

    if ri.flags & SRI_SLAVE and ri.flags & SRI_PROMOTED and ri.master is not None:
        ri.master.promoted_slave = None

    # C frees it here: cut the reference cycles.
    dictRelease(ri.renamed_commands)
    ri.master = ri.link = ri.promoted_slave = None


def sentinelRedisInstanceLookupSlave(ri, slave_addr, port):
    """Return the slave of the master `ri` with this address or name, or None."""
    serverAssert(ri.flags & SRI_MASTER)
    addr, _ = createSentinelAddr(slave_addr, port, 0)
    if addr is None:
        return None
    return dictFetchValue(ri.slaves, announceSentinelAddrAndPort(addr))


def sentinelRedisInstanceTypeStr(ri):
    if ri.flags & SRI_MASTER:
        return b"master"
    if ri.flags & SRI_SLAVE:
        return b"slave"
    if ri.flags & SRI_SENTINEL:
        return b"sentinel"
    return b"unknown"


def removeMatchingSentinelFromMaster(master, runid):
    """Remove the Sentinel with this runid: it will be added again, with its new address -> how many were removed."""
    removed = 0
    if runid is None:
        return 0
    di = dictGetSafeIterator(master.sentinels)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        if ri.runid is not None and ri.runid == runid:
            dictDelete(master.sentinels, ri.name)
            removed += 1
    dictReleaseIterator(di)
    return removed


def getSentinelRedisInstanceByAddrAndRunID(instances, addr, port, runid):
    """Return the instance of the dict with this address and port and this runid, or None.  `addr` or `runid` may be
    None: then only the other one counts."""
    serverAssert(addr is not None or runid is not None)
    ri_addr = None
    if addr is not None:
        # The address may be unresolved: the names may still match.
        ri_addr, _ = createSentinelAddr(addr, port, 1)
        if ri_addr is None:
            return None
    instance = None
    di = dictGetIterator(instances)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        if runid is not None and ri.runid is None:
            continue
        if (runid is None or ri.runid == runid) and (addr is None or sentinelAddrOrHostnameEqual(ri.addr, ri_addr)):
            instance = ri
            break
    dictReleaseIterator(di)
    return instance


def sentinelGetMasterByName(name):
    return dictFetchValue(sentinel.masters, name)


def sentinelResetMaster(ri, flags):
    """Forget what was found out about a master: slaves; Sentinels, unless SENTINEL_RESET_NO_SENTINELS; a failover in
    progress; its links.  Afterwards it can be failed over again at once."""
    serverAssert(ri.flags & SRI_MASTER)
    dictRelease(ri.slaves)
    ri.slaves = dictCreate(instancesDictType)
    if not flags & SENTINEL_RESET_NO_SENTINELS:
        dictRelease(ri.sentinels)
        ri.sentinels = dictCreate(instancesDictType)
    instanceLinkCloseConnection(ri.link, ri.link.cc)
    instanceLinkCloseConnection(ri.link, ri.link.pc)
    ri.flags &= SRI_MASTER
    ri.leader = None
    ri.failover_state = SENTINEL_FAILOVER_STATE_NONE
    ri.failover_state_change_time = 0
    ri.failover_start_time = 0
    ri.promoted_slave = None
    ri.runid = None
    ri.slave_master_host = None
    ri.link.act_ping_time = mstime()
    ri.link.last_ping_time = 0
    ri.link.last_avail_time = mstime()
    ri.link.last_pong_time = mstime()
    ri.role_reported_time = mstime()
    ri.role_reported = SRI_MASTER
    if flags & SENTINEL_GENERATE_EVENT:
        sentinelEvent(LL_WARNING, b"+reset-master", ri, b"%@")


def sentinelResetMastersByPattern(pattern, flags):
    """sentinelResetMaster for each master whose name matches -> how many they were."""
    reset = 0
    di = dictGetIterator(sentinel.masters)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        ri = de.val
        if ri.name is not None and stringmatch(pattern, ri.name, 0):
            sentinelResetMaster(ri, flags)
            reset += 1
    dictReleaseIterator(di)
    return reset


def sentinelResetMasterAndChangeAddress(master, hostname, port):
    """The master is at another address from now on (+switch-master).  Its slaves are made anew, without the one that is
    the master now, with the old master -> C_OK; C_ERR: the address cannot be resolved, nothing has changed."""
    newaddr, _ = createSentinelAddr(hostname, port, 0)
    if newaddr is None:
        return C_ERR

    slaves = []
    di = dictGetIterator(master.slaves)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        slave = de.val
        if sentinelAddrOrHostnameEqual(slave.addr, newaddr):
            continue
        slaves.append(dupSentinelAddr(slave.addr))
    dictReleaseIterator(di)

    # Add the old master as a slave, so that it is reconfigured when it comes back.
    if not sentinelAddrOrHostnameEqual(newaddr, master.addr):
        slaves.append(dupSentinelAddr(master.addr))

    sentinelResetMaster(master, SENTINEL_RESET_NO_SENTINELS)
    master.addr = newaddr
    master.o_down_since_time = 0
    master.s_down_since_time = 0

    for addr in slaves:
        slave, _ = createSentinelRedisInstance(None, SRI_SLAVE, addr.hostname, addr.port, master.quorum, master)
        if slave is not None:
            sentinelEvent(LL_NOTICE, b"+slave", slave, b"%@")

    sentinelFlushConfig()
    return C_OK


def sentinelRedisInstanceNoDownFor(ri, ms):
    """Tell whether the instance was neither S_DOWN nor O_DOWN in the last `ms` milliseconds."""
    most_recent = ri.s_down_since_time
    if ri.o_down_since_time > most_recent:
        most_recent = ri.o_down_since_time
    return most_recent == 0 or mstime() - most_recent > ms


def sentinelGetCurrentMasterAddress(master):
    """Return the address to tell others: the master's, or, once its promotion is confirmed, the promoted slave's."""
    if (master.flags & SRI_FAILOVER_IN_PROGRESS and master.promoted_slave is not None
            and master.failover_state >= SENTINEL_FAILOVER_STATE_RECONF_SLAVES):
        return master.promoted_slave.addr
    return master.addr


def sentinelPropagateDownAfterPeriod(master):
    """Give the master's down_after_period to its slaves and Sentinels."""
    for d in (master.slaves, master.sentinels):
        di = dictGetIterator(d)
        while 1:
            de = dictNext(di)
            if de is None:
                break
            de.val.down_after_period = master.down_after_period
        dictReleaseIterator(di)


def sentinelInstanceMapCommand(ri, command):
    """Return the name that `command` has at this instance (rename-command)."""
    if ri.master is not None:
        ri = ri.master
    retval = dictFetchValue(ri.renamed_commands, command)
    return retval if retval is not None else command


# ============================ Config handling =============================

def sentinelCheckCreateInstanceErrors(role, err):
    """Return the text for an `err` of createSentinelRedisInstance."""
    if err == errno.EBUSY:
        if role == SRI_MASTER:
            return b"Duplicate master name."
        if role == SRI_SLAVE:
            return b"Duplicate hostname and port for replica."
        serverAssert(role == SRI_SENTINEL)
        return b"Duplicate runid for sentinel."
    if err == errno.ENOENT:
        return b"Can't resolve instance hostname."
    if err == errno.EINVAL:
        return b"Invalid port number."
    return b"Unknown Error for creating instances."


def initializeSentinelConfig():
    server.sentinel_config = sentinelConfig()
    for name in ("monitor_cfg", "pre_monitor_cfg", "post_monitor_cfg"):
        queue = listCreate()
        listSetFreeMethod(queue, freeSentinelLoadQueueEntry)
        setattr(server.sentinel_config, name, queue)


def freeSentinelConfig():
    listRelease(server.sentinel_config.pre_monitor_cfg)
    listRelease(server.sentinel_config.monitor_cfg)
    listRelease(server.sentinel_config.post_monitor_cfg)
    server.sentinel_config = None


def searchPreMonitorCfgName(name):
    return 1 if name.lower() in preMonitorCfgName else 0


def freeSentinelLoadQueueEntry(item):
    item.argv = item.line = None


def queueSentinelConfig(argv, linenum, line):
    """Keep a `sentinel` line (argv without that word) until all lines are known: their order shall not matter."""
    if server.sentinel_config is None:
        initializeSentinelConfig()

    entry = sentinelLoadQueueEntry([cstr(arg) for arg in argv], linenum, line)
    if argv[0].lower() == b"monitor":
        listAddNodeTail(server.sentinel_config.monitor_cfg, entry)
    elif searchPreMonitorCfgName(argv[0]):
        listAddNodeTail(server.sentinel_config.pre_monitor_cfg, entry)
    else:
        listAddNodeTail(server.sentinel_config.post_monitor_cfg, entry)


def loadSentinelConfigFromQueue():
    """Apply the queued lines in three rounds: what masters depend on, the masters, what is about masters.  A bad line
    ends the process, with its text on stderr."""
    if server.sentinel_config is None:
        return
    for queue in (server.sentinel_config.pre_monitor_cfg, server.sentinel_config.monitor_cfg,
                  server.sentinel_config.post_monitor_cfg):
        li = listIter()
        listRewind(queue, li)
        while 1:
            ln = listNext(li)
            if ln is None:
                break
            entry = ln.value
            err = sentinelHandleConfiguration(entry.argv, entry.argc)
            if err is not None:
                loadServerConfigFromString_loaderr(entry.linenum, entry.line, err)
    freeSentinelConfig()


def sentinelHandleConfiguration(argv, argc):
    """Apply one `sentinel` line (without that word) -> None, or the error text."""
    kind = argv[0].lower()

    if kind == b"monitor" and argc == 5:
        # monitor <name> <host> <port> <quorum>
        quorum = atoi(argv[4])
        if quorum <= 0:
            return b"Quorum must be 1 or greater."
        ri, err = createSentinelRedisInstance(argv[1], SRI_MASTER, argv[2], atoi(argv[3]), quorum, None)
        if ri is None:
            return sentinelCheckCreateInstanceErrors(SRI_MASTER, err)
    elif kind == b"down-after-milliseconds" and argc == 3:
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        ri.down_after_period = atoi(argv[2])
        if ri.down_after_period <= 0:
            return b"negative or zero time parameter."
        sentinelPropagateDownAfterPeriod(ri)
    elif kind == b"failover-timeout" and argc == 3:
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        ri.failover_timeout = atoi(argv[2])
        if ri.failover_timeout <= 0:
            return b"negative or zero time parameter."
    elif kind == b"parallel-syncs" and argc == 3:
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        ri.parallel_syncs = atoi(argv[2])
    elif kind == b"notification-script" and argc == 3:
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        if not os.access(argv[2], os.X_OK):
            return b"Notification script seems non existing or non executable."
        ri.notification_script = argv[2]
    elif kind == b"client-reconfig-script" and argc == 3:
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        if not os.access(argv[2], os.X_OK):
            return b"Client reconfiguration script seems non existing or non executable."
        ri.client_reconfig_script = argv[2]
    elif kind == b"auth-pass" and argc == 3:
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        ri.auth_pass = argv[2]
    elif kind == b"auth-user" and argc == 3:
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        ri.auth_user = argv[2]
    elif kind == b"current-epoch" and argc == 2:
        current_epoch = strtoull(argv[1])[0]
        if current_epoch > sentinel.current_epoch:
            sentinel.current_epoch = current_epoch
    elif kind == b"myid" and argc == 2:
        if len(argv[1]) != CONFIG_RUN_ID_SIZE:
            return b"Malformed Sentinel id in myid option."
        sentinel.myid = argv[1]
    elif kind == b"config-epoch" and argc == 3:
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        ri.config_epoch = strtoull(argv[2])[0]
        # Files of old versions have no current-epoch.
        if ri.config_epoch > sentinel.current_epoch:
            sentinel.current_epoch = ri.config_epoch
    elif kind == b"leader-epoch" and argc == 3:
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        ri.leader_epoch = strtoull(argv[2])[0]
    elif kind in (b"known-slave", b"known-replica") and argc == 4:
        # known-replica <name> <ip> <port>
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        slave, err = createSentinelRedisInstance(None, SRI_SLAVE, argv[2], atoi(argv[3]), ri.quorum, ri)
        if slave is None:
            return sentinelCheckCreateInstanceErrors(SRI_SLAVE, err)
    elif kind == b"known-sentinel" and argc in (4, 5):
        if argc == 5:                  # without a runid: the old format, ignored
            # known-sentinel <name> <ip> <port> <runid>
            ri = sentinelGetMasterByName(argv[1])
            if ri is None:
                return b"No such master with specified name."
            si, err = createSentinelRedisInstance(argv[4], SRI_SENTINEL, argv[2], atoi(argv[3]), ri.quorum, ri)
            if si is None:
                return sentinelCheckCreateInstanceErrors(SRI_SENTINEL, err)
            si.runid = argv[4]
            sentinelTryConnectionSharing(si)
    elif kind == b"rename-command" and argc == 4:
        # rename-command <name> <command> <name there>
        ri = sentinelGetMasterByName(argv[1])
        if ri is None:
            return b"No such master with specified name."
        if dictAdd(ri.renamed_commands, argv[2], argv[3]) != DICT_OK:
            return b"Same command renamed multiple times with rename-command."
    elif kind == b"announce-ip" and argc == 2:
        if argv[1]:
            sentinel.announce_ip = argv[1]
    elif kind == b"announce-port" and argc == 2:
        sentinel.announce_port = atoi(argv[1])
    elif kind == b"deny-scripts-reconfig" and argc == 2:
        sentinel.deny_scripts_reconfig = yesnotoi(argv[1])
        if sentinel.deny_scripts_reconfig == -1:
            return b"Please specify yes or no for the deny-scripts-reconfig options."
    elif kind == b"sentinel-user" and argc == 2:
        if argv[1]:
            sentinel.sentinel_auth_user = argv[1]
    elif kind == b"sentinel-pass" and argc == 2:
        if argv[1]:
            sentinel.sentinel_auth_pass = argv[1]
    elif kind == b"resolve-hostnames" and argc == 2:
        sentinel.resolve_hostnames = yesnotoi(argv[1])
        if sentinel.resolve_hostnames == -1:
            return b"Please specify yes or no for the resolve-hostnames option."
    elif kind == b"announce-hostnames" and argc == 2:
        sentinel.announce_hostnames = yesnotoi(argv[1])
        if sentinel.announce_hostnames == -1:
            return b"Please specify yes or no for the announce-hostnames option."
    else:
        return b"Unrecognized sentinel configuration statement."
    return None


def config_word(word):
    """Return `word` as it goes into the file: as it is, or quoted where it would not be read back as one word (ours,
    D-73: names, passwords and runids come from users and from other Sentinels)."""
    return word if sdssplitargs(word) == [word] else sdscatrepr(b"", word)


def rewriteConfigSentinelOption(state):
    """Write the `sentinel` lines of CONFIG REWRITE: what the user configured, and what must survive a restart."""
    line = b"sentinel myid %s" % config_word(sentinel.myid)
    rewriteConfigRewriteLine(state, b"sentinel myid", line, 1)

    line = b"sentinel deny-scripts-reconfig %s" % (b"yes" if sentinel.deny_scripts_reconfig else b"no")
    rewriteConfigRewriteLine(state, b"sentinel deny-scripts-reconfig", line,
                             sentinel.deny_scripts_reconfig != SENTINEL_DEFAULT_DENY_SCRIPTS_RECONFIG)

    # ORDER: early in the file, for versions that read it from top to bottom.
    line = b"sentinel resolve-hostnames %s" % (b"yes" if sentinel.resolve_hostnames else b"no")
    rewriteConfigRewriteLine(state, b"sentinel resolve-hostnames", line,
                             sentinel.resolve_hostnames != SENTINEL_DEFAULT_RESOLVE_HOSTNAMES)

    line = b"sentinel announce-hostnames %s" % (b"yes" if sentinel.announce_hostnames else b"no")
    rewriteConfigRewriteLine(state, b"sentinel announce-hostnames", line,
                             sentinel.announce_hostnames != SENTINEL_DEFAULT_ANNOUNCE_HOSTNAMES)

    di = dictGetIterator(sentinel.masters)
    while 1:
        de = dictNext(di)
        if de is None:
            break
        rewriteConfigSentinelOption_master(state, de.val)
    dictReleaseIterator(di)

    line = b"sentinel current-epoch %d" % sentinel.current_epoch
    rewriteConfigRewriteLine(state, b"sentinel current-epoch", line, 1)

    if sentinel.announce_ip is not None:
        line = sdscatrepr(b"sentinel announce-ip ", sentinel.announce_ip)
        rewriteConfigRewriteLine(state, b"sentinel announce-ip", line, 1)
    else:
        rewriteConfigMarkAsProcessed(state, b"sentinel announce-ip")

    if sentinel.announce_port:
        line = b"sentinel announce-port %d" % sentinel.announce_port
        rewriteConfigRewriteLine(state, b"sentinel announce-port", line, 1)
    else:
        rewriteConfigMarkAsProcessed(state, b"sentinel announce-port")

    if sentinel.sentinel_auth_user is not None:
        line = b"sentinel sentinel-user %s" % config_word(sentinel.sentinel_auth_user)
        rewriteConfigRewriteLine(state, b"sentinel sentinel-user", line, 1)
    else:
        rewriteConfigMarkAsProcessed(state, b"sentinel sentinel-user")

    if sentinel.sentinel_auth_pass is not None:
        line = b"sentinel sentinel-pass %s" % config_word(sentinel.sentinel_auth_pass)
        rewriteConfigRewriteLine(state, b"sentinel sentinel-pass", line, 1)
    else:
        rewriteConfigMarkAsProcessed(state, b"sentinel sentinel-pass")

    # Also remove the lines of masters, slaves and Sentinels that no longer exist.
    for kind in (b"monitor", b"down-after-milliseconds", b"failover-timeout", b"parallel-syncs", b"notification-script",
                 b"client-reconfig-script", b"auth-pass", b"auth-user", b"config-epoch", b"leader-epoch",
                 b"known-replica", b"known-sentinel", b"rename-command"):
        rewriteConfigMarkAsProcessed(state, b"sentinel " + kind)


def rewriteConfigSentinelOption_master(state, master):
    """Write the lines of one master."""
    name = config_word(master.name)

    def rewrite(kind, fmt, *args):
        rewriteConfigRewriteLine(state, b"sentinel " + kind, b"sentinel %s %s " % (kind, name) + fmt % args, 1)

    master_addr = sentinelGetCurrentMasterAddress(master)
    rewrite(b"monitor", b"%s %d %d", config_word(announceSentinelAddr(master_addr)), master_addr.port,
            to_int(master.quorum))

    if master.down_after_period != SENTINEL_DEFAULT_DOWN_AFTER:
        rewrite(b"down-after-milliseconds", b"%d", master.down_after_period)

    if master.failover_timeout != SENTINEL_DEFAULT_FAILOVER_TIMEOUT:
        rewrite(b"failover-timeout", b"%d", master.failover_timeout)

    if master.parallel_syncs != SENTINEL_DEFAULT_PARALLEL_SYNCS:
        rewrite(b"parallel-syncs", b"%d", master.parallel_syncs)

    if master.notification_script is not None:
        rewrite(b"notification-script", b"%s", config_word(master.notification_script))

    if master.client_reconfig_script is not None:
        rewrite(b"client-reconfig-script", b"%s", config_word(master.client_reconfig_script))

    if master.auth_pass is not None:
        rewrite(b"auth-pass", b"%s", config_word(master.auth_pass))

    if master.auth_user is not None:
        rewrite(b"auth-user", b"%s", config_word(master.auth_user))

    rewrite(b"config-epoch", b"%d", master.config_epoch)
    rewrite(b"leader-epoch", b"%d", master.leader_epoch)

    di2 = dictGetIterator(master.slaves)
    while 1:
        de = dictNext(di2)
        if de is None:
            break
        slave_addr = de.val.addr
        # The promoted slave was written above as the master: write the old master in its place.
        if sentinelAddrOrHostnameEqual(slave_addr, master_addr):
            slave_addr = master.addr
        rewrite(b"known-replica", b"%s %d", config_word(announceSentinelAddr(slave_addr)), slave_addr.port)
    dictReleaseIterator(di2)

    di2 = dictGetIterator(master.sentinels)
    while 1:
        de = dictNext(di2)
        if de is None:
            break
        ri = de.val
        if ri.runid is None:
            continue
        rewrite(b"known-sentinel", b"%s %d %s", config_word(announceSentinelAddr(ri.addr)), ri.addr.port,
                config_word(ri.runid))
    dictReleaseIterator(di2)

    di2 = dictGetIterator(master.renamed_commands)
    while 1:
        de = dictNext(di2)
        if de is None:
            break
        rewrite(b"rename-command", b"%s %s", config_word(de.key), config_word(de.val))
    dictReleaseIterator(di2)


def sentinelFlushConfig():
    """Write the state into the config file, and to the disk.  A failure is logged: monitoring goes on."""
    saved_hz = server.hz
    server.hz = CONFIG_DEFAULT_HZ
    rewrite_status = rewriteConfig(server.configfile, 0)
    server.hz = saved_hz

    why = config_rewrite.rewriteConfig_errno
    if rewrite_status != -1:
        try:
            fd = os.open(server.configfile, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            return
        except OSError as e:
            why = e.errno
    serverLog(LL_WARNING, "WARNING: Sentinel was not able to save the new configuration on disk!!!: %s",
              os.strerror(why))


# ====================== hiredis connection handling =======================

def sentinelDiscardReplyCallback(c, reply, privdata):
    """For commands whose effect is watched, not their reply.   C: line 2812"""
    link = c.data
    if link is not None:
        link.pending_commands -= 1
