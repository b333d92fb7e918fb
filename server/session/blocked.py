"""blocked.py - clients that wait for something.                 Mirrors src/blocked.c (6.2.14)

Lives here   blocking and unblocking in general; waiting for keys (BLPOP, BLMOVE, BZPOPMIN, XREAD BLOCK).  How waiting
             clients are served when a key gets data stands in blocked_serve.py (C 226-560), above types/.
Called from  blocking commands (blockForKeys, blockClient) [command]; signalKeyAsReady: where a key gets new data
             [command]; processUnblockedClients [before]; timeout.py, freeClient, CLIENT UNBLOCK, CLIENT PAUSE, REPLICAOF (unblock).
Calls out    timeout.py; processInputBuffer.
State        client.btype, client.bpop, CLIENT_BLOCKED, CLIENT_UNBLOCKED; server.unblocked_clients, server.ready_keys;
             redisDb.blocking_keys: key -> list_ of clients in order of arrival; redisDb.ready_keys.
Invariant    c is in db.blocking_keys[key]  <=>  key is in c.bpop.keys.  A key is in db.ready_keys  <=>  it is in
             server.ready_keys.
Departures   no modules: BLOCKED_MODULE does not occur.
Extend       a new kind of blocking: a BLOCKED_* number, unblockClient(), replyToBlockedClientTimedOut(); if it waits
             for keys also clusterRedirectBlockedClientIfNeeded() and a serveClientsBlockedOn...() in blocked_serve.py.

The way of a client: blockClient() sets CLIENT_BLOCKED, and its query buffer is read but no longer parsed;
unblockClient() undoes it and puts the client on server.unblocked_clients, since what it has sent meanwhile lies in the
buffer and no readable event will come for it; processUnblockedClients() then parses that.
"""
from typing import TYPE_CHECKING

from datastructs.adlist import list_values, listAddNodeTail, listCreate, listDelNode, listFirst, listLast, listLength
from datastructs.dict import (
    DICT_OK, dictAdd, dictDelete, dictEmpty, dictFetchValue, dictFind, dictGetIterator, dictNext, dictReleaseIterator, dictSize,
)
from server.client.networking import (
    freeClientOriginalArgv, processInputBuffer, processPendingCommandsAndResetClient, resetClient)
from server.client.networking_reply import addReplyError, addReplyLongLong, addReplyNullArray
from server.latency_samples import latencyAddSampleIfNeeded
from server.log import serverAssert, serverAssertWithInfo, serverPanic
from server.server_h import (
    BLOCKED_LIST, BLOCKED_MODULE, BLOCKED_NONE, BLOCKED_PAUSE, BLOCKED_STREAM, BLOCKED_WAIT, BLOCKED_ZSET, C_ERR,
    CLIENT_BLOCKED, CLIENT_CLOSE_AFTER_REPLY, CLIENT_MASTER, CLIENT_PENDING_COMMAND, CLIENT_UNBLOCKED, OBJ_LIST,
    OBJ_STREAM, OBJ_ZSET, readyList, server,
)
from server.session.timeout import addClientToTimeoutTable, removeClientFromTimeoutTable

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.replication import replicationCountAcksByOffset, unblockClientWaitingReplicas
    from server.server import slowlogPushCurrentCommand


class bkinfo:
    """One key a client is blocked on (value in client.bpop.keys)."""
    __slots__ = ("listnode", "stream_id")

    def __init__(self):
        self.listnode = None       # node in db.blocking_keys[key], to leave that list in O(1)
        self.stream_id = None      # BLOCKED_STREAM: streamID, the client waits for an entry after this


def blockClient(c, btype):
    """From now on the client's buffer is filled and not parsed, until unblockClient()."""
    # The stream of the master must be processed.
    serverAssert(not (c.flags & CLIENT_MASTER and btype != BLOCKED_MODULE and btype != BLOCKED_PAUSE))

    c.flags |= CLIENT_BLOCKED
    c.btype = btype
    server.blocked_clients += 1
    server.blocked_clients_by_type[btype] += 1
    addClientToTimeoutTable(c)
    if btype == BLOCKED_PAUSE:
        listAddNodeTail(server.paused_clients, c)
        c.paused_list_node = listLast(server.paused_clients)
        c.flags |= CLIENT_PENDING_COMMAND           # parsed, to be executed when the pause ends


def updateStatsOnUnblock(c, blocked_us, reply_us):
    """A blocking operation is complete: account its whole time, but for the waiting.  UNIT: us."""
    total_cmd_duration = c.duration + blocked_us + reply_us
    c.lastcmd.microseconds += total_cmd_duration
    slowlogPushCurrentCommand(c, c.lastcmd, total_cmd_duration)
    latencyAddSampleIfNeeded(b"command-unblocking", reply_us // 1000)


def processUnblockedClients():
    """Let the clients that were unblocked go on with what they have sent meanwhile.  [before]"""
    while listLength(server.unblocked_clients):
        ln = listFirst(server.unblocked_clients)
        c = ln.value
        listDelNode(server.unblocked_clients, ln)
        c.flags &= ~CLIENT_UNBLOCKED

        # The client may be blocked again meanwhile.
        if not c.flags & CLIENT_BLOCKED:
            if processPendingCommandsAndResetClient(c) == C_ERR:
                continue                            # c is dead
            if c.querybuf:
                processInputBuffer(c)


def queueClientForReprocessing(c):
    """Have the client's buffer parsed in the next beforeSleep, as if data had come.  Harmless if it is queued."""
    if not c.flags & CLIENT_UNBLOCKED:
        c.flags |= CLIENT_UNBLOCKED
        listAddNodeTail(server.unblocked_clients, c)


def unblockClient(c):
    """End the blocking, whatever the reason; the reply is up to the caller."""
    if c.btype == BLOCKED_LIST or c.btype == BLOCKED_ZSET or c.btype == BLOCKED_STREAM:
        unblockClientWaitingData(c)
    elif c.btype == BLOCKED_WAIT:
        unblockClientWaitingReplicas(c)
    elif c.btype == BLOCKED_PAUSE:
        listDelNode(server.paused_clients, c.paused_list_node)
        c.paused_list_node = None
    else:
        serverPanic("Unknown btype in unblockClient().")

    # The arguments of a blocking command are kept while it is blocked, for the slowlog.  A paused command has not run yet.
    if c.btype != BLOCKED_PAUSE:
        freeClientOriginalArgv(c)
        resetClient(c)

    server.blocked_clients -= 1
    server.blocked_clients_by_type[c.btype] -= 1
    c.flags &= ~CLIENT_BLOCKED
    c.btype = BLOCKED_NONE
    removeClientFromTimeoutTable(c)
    queueClientForReprocessing(c)


def replyToBlockedClientTimedOut(c):
    """The reply when the time is over; the caller goes on with unblockClient()."""
    if c.btype == BLOCKED_LIST or c.btype == BLOCKED_ZSET or c.btype == BLOCKED_STREAM:
        addReplyNullArray(c)
    elif c.btype == BLOCKED_WAIT:
        addReplyLongLong(c, replicationCountAcksByOffset(c.bpop.reploffset))
    else:
        serverPanic("Unknown btype in replyToBlockedClientTimedOut().")


def disconnectAllBlockedClients():
    """This master becomes a replica: the data of the waiting clients will come from elsewhere now.  Tell them and
    close.  Paused ones may stay: their commands have not started."""
    for c in list_values(server.clients):
        if c.flags & CLIENT_BLOCKED:
            if c.btype == BLOCKED_PAUSE:
                continue
            addReplyError(c, b"-UNBLOCKED force unblock from blocking operation, instance state changed "
                          b"(master -> replica?)")
            unblockClient(c)
            c.flags |= CLIENT_CLOSE_AFTER_REPLY


# ---------------------------------------------------------------------------
# Waiting for keys
# ---------------------------------------------------------------------------

def blockForKeys(c, btype, keys, numkeys, timeout, target, listpos, ids):
    """Block the client until one of the `keys` (robj) gets data of the type `btype`, or until `timeout` (ms, 0 =
    forever).  target, listpos: BLMOVE.  ids: BLOCKED_STREAM, for each key the id after which it wants entries.
    """
    c.bpop.timeout = timeout
    c.bpop.target = target
    if listpos is not None:
        c.bpop.listpos.wherefrom = listpos.wherefrom
        c.bpop.listpos.whereto = listpos.whereto

    for j in range(numkeys):
        bki = bkinfo()
        if btype == BLOCKED_STREAM:
            bki.stream_id = ids[j]
        if dictAdd(c.bpop.keys, keys[j], bki) != DICT_OK:
            continue                                # the same key twice

        de = dictFind(c.db.blocking_keys, keys[j])
        if de is None:
            l = listCreate()
            retval = dictAdd(c.db.blocking_keys, keys[j], l)
            serverAssertWithInfo(c, keys[j], retval == DICT_OK)
        else:
            l = de.val
        listAddNodeTail(l, c)
        bki.listnode = listLast(l)
    blockClient(c, btype)


def unblockClientWaitingData(c):
    """Part of unblockClient(): leave the lists of all the keys."""
    serverAssertWithInfo(c, None, dictSize(c.bpop.keys) != 0)
    di = dictGetIterator(c.bpop.keys)
    while (de := dictNext(di)) is not None:
        key = de.key
        bki = de.val
        l = dictFetchValue(c.db.blocking_keys, key)
        serverAssertWithInfo(c, key, l is not None)
        listDelNode(l, bki.listnode)
        if listLength(l) == 0:
            dictDelete(c.db.blocking_keys, key)
    dictReleaseIterator(di)

    dictEmpty(c.bpop.keys)
    c.bpop.target = None
    c.bpop.xread_group = None
    c.bpop.xread_consumer = None


def getBlockedTypeByType(type_):
    if type_ == OBJ_LIST:
        return BLOCKED_LIST
    if type_ == OBJ_ZSET:
        return BLOCKED_ZSET
    if type_ == OBJ_STREAM:
        return BLOCKED_STREAM
    return BLOCKED_NONE


def signalKeyAsReady(db, key, type_):
    """Queue a key that has got data of this type, if clients are blocked on it: they are served after the command."""
    btype = getBlockedTypeByType(type_)
    if btype == BLOCKED_NONE:
        return
    if not server.blocked_clients_by_type[btype]:
        return
    if dictFind(db.blocking_keys, key) is None:
        return
    if dictFind(db.ready_keys, key) is not None:
        return                                      # a second push in a script or transaction
    listAddNodeTail(server.ready_keys, readyList(db, key))
    serverAssert(dictAdd(db.ready_keys, key, None) == DICT_OK)
