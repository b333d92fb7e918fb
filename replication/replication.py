"""replication.py - SKELETON, to be written."""
import os
from typing import TYPE_CHECKING

from ae.monotonic import ustime
from datastructs.adlist import listCreate
from datastructs.dict import dictCreate
from datastructs.sds import sdscatrepr
from datastructs.util import getRandomHexChars
from server.client.networking import getClientPeerId
from server.client.networking_reply import addReply, addReplyErrorFormat
from server.object import createObject
from server.bio import bioCreateCloseJob
from server.server_h import (
    server, CLIENT_LUA, CLIENT_UNIX_SOCKET, CONFIG_REPL_BACKLOG_MIN_SIZE, CONFIG_RUN_ID_SIZE, FAILOVER_IN_PROGRESS,
    FAILOVER_WAIT_FOR_SYNC, NO_FAILOVER, OBJ_ENCODING_INT, OBJ_STRING, SLAVE_STATE_ONLINE,
)
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.server import replScriptCacheDictType


def syncCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def replconfCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def replicaofCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def roleCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def waitCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def failoverCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def replicationGetSlaveName(*args):
    raise NotImplementedError("replicationGetSlaveName")


def bg_unlink(filename):
    """unlink(2), and let a bio thread close the last descriptor, which is what takes long for a big file.

    -> 0, or -1 when there is no such file to unlink.
    """
    try:
        fd = os.open(filename, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        fd = -1
    try:
        os.unlink(filename)
    except OSError:
        if fd != -1:
            os.close(fd)
        return -1
    if fd != -1:
        bioCreateCloseJob(fd)
    return 0


def resizeReplicationBacklog(newsize):
    """Take `newsize` bytes for the backlog, empty: copying the old one would cost time and twice the memory."""
    if newsize < CONFIG_REPL_BACKLOG_MIN_SIZE:
        newsize = CONFIG_REPL_BACKLOG_MIN_SIZE
    if server.repl_backlog_size == newsize:
        return
    server.repl_backlog_size = newsize
    if server.repl_backlog is not None:
        server.repl_backlog = bytearray(newsize)
        server.repl_backlog_histlen = 0
        server.repl_backlog_idx = 0
        server.repl_backlog_off = server.master_repl_offset + 1    # the next byte to come


def feedReplicationBacklog(*args):
    raise NotImplementedError("feedReplicationBacklog")


def replicationFeedSlaves(slaves, dictid, argv):
    if server.masterhost is not None:
        return
    if server.repl_backlog is None and slaves.len == 0:
        return
    raise NotImplementedError("replicationFeedSlaves")


def showLatestBacklog(*args):
    raise NotImplementedError("showLatestBacklog")


def replicationFeedSlavesFromMasterStream(*args):
    raise NotImplementedError("replicationFeedSlavesFromMasterStream")


def replicationFeedMonitors(c, monitors, dictid, argv):
    """Show one command to all clients in MONITOR mode."""
    if monitors is None or monitors.len == 0 or server.loading:
        return
    tv_sec, tv_usec = divmod(ustime(), 1000000)
    cmdrepr = b"+%d.%06d " % (tv_sec, tv_usec)
    if c.flags & CLIENT_LUA:
        cmdrepr += b"[%d lua] " % dictid
    elif c.flags & CLIENT_UNIX_SOCKET:
        cmdrepr += b"[%d unix:%s] " % (dictid, os.fsencode(server.unixsocket))
    else:
        cmdrepr += b"[%d %s] " % (dictid, getClientPeerId(c))
    words = []
    for o in argv:
        if o.encoding == OBJ_ENCODING_INT:
            words.append(b'"%d"' % o.ptr)
        else:
            words.append(sdscatrepr(b"", o.ptr))
    cmdobj = createObject(OBJ_STRING, cmdrepr + b" ".join(words) + b"\r\n")

    ln = monitors.head
    while ln is not None:
        monitor = ln.value
        ln = ln.next
        addReply(monitor, cmdobj)


def getPsyncInitialOffset(*args):
    raise NotImplementedError("getPsyncInitialOffset")


def replicationSetupSlaveForFullResync(*args):
    raise NotImplementedError("replicationSetupSlaveForFullResync")


def rdbPipeWriteHandlerConnRemoved(*args):
    raise NotImplementedError("rdbPipeWriteHandlerConnRemoved")


def rdbPipeReadHandler(*args):
    raise NotImplementedError("rdbPipeReadHandler")


def updateSlavesWaitingBgsave(bgsaveerr, type_):
    if server.slaves is not None and server.slaves.len:
        raise NotImplementedError("updateSlavesWaitingBgsave")


def changeReplicationId():
    """Start a new history: replicas that know the old id will have to resync in full, unless replid2 says otherwise."""
    server.replid = getRandomHexChars(CONFIG_RUN_ID_SIZE)


def clearReplicationId2():
    server.replid2 = b"0" * CONFIG_RUN_ID_SIZE
    server.second_replid_offset = -1


def replicationSendNewlineToMaster(*args):
    raise NotImplementedError("replicationSendNewlineToMaster")


def restartAOFAfterSYNC(*args):
    raise NotImplementedError("restartAOFAfterSYNC")


def replicationSetMaster(*args):
    raise NotImplementedError("replicationSetMaster")


def replicationUnsetMaster(*args):
    raise NotImplementedError("replicationUnsetMaster")


def replicationHandleMasterDisconnection(*args):
    raise NotImplementedError("replicationHandleMasterDisconnection")


def replicationCacheMaster(*args):
    raise NotImplementedError("replicationCacheMaster")


def replicationCacheMasterUsingMyself(*args):
    raise NotImplementedError("replicationCacheMasterUsingMyself")


def refreshGoodSlavesCount():
    """Count the replicas that are online and lag no more than min-replicas-max-lag."""
    if not server.repl_min_slaves_to_write or not server.repl_min_slaves_max_lag:
        return
    good = 0
    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        lag = server.unixtime - slave.repl_ack_time
        if slave.replstate == SLAVE_STATE_ONLINE and lag <= server.repl_min_slaves_max_lag:
            good += 1
    server.repl_good_slaves_count = good


def replicationScriptCacheInit():
    server.repl_scriptcache_size = 10000
    server.repl_scriptcache_dict = dictCreate(replScriptCacheDictType)
    server.repl_scriptcache_fifo = listCreate()


def replicationScriptCacheFlush():
    server.repl_scriptcache_dict = dictCreate(replScriptCacheDictType)
    server.repl_scriptcache_fifo = listCreate()


def replicationScriptCacheAdd(*args):
    raise NotImplementedError("replicationScriptCacheAdd")


def replicationScriptCacheExists(*args):
    raise NotImplementedError("replicationScriptCacheExists")


def replicationCountAcksByOffset(*args):
    raise NotImplementedError("replicationCountAcksByOffset")


def unblockClientWaitingReplicas(*args):
    raise NotImplementedError("unblockClientWaitingReplicas")


def processClientsWaitingReplicas(*args):
    raise NotImplementedError("processClientsWaitingReplicas")


def replicationGetSlaveOffset(*args):
    raise NotImplementedError("replicationGetSlaveOffset")


def replicationCron():
    refreshGoodSlavesCount()


def replicationStartPendingFork():
    if server.slaves.len:
        raise NotImplementedError("replicationStartPendingFork")


def getFailoverStateString():
    if server.failover_state == NO_FAILOVER:
        return "no-failover"
    if server.failover_state == FAILOVER_IN_PROGRESS:
        return "failover-in-progress"
    if server.failover_state == FAILOVER_WAIT_FOR_SYNC:
        return "waiting-for-sync"
    return "unknown"


def clearFailoverState(*args):
    raise NotImplementedError("clearFailoverState")


def abortFailover(*args):
    raise NotImplementedError("abortFailover")


def updateFailoverStatus(*args):
    raise NotImplementedError("updateFailoverStatus")
