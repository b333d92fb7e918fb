"""multi.py - transactions and WATCH.                            Mirrors src/multi.c (6.2.14)

Lives here   MULTI, EXEC, DISCARD, WATCH, UNWATCH; the queue of commands; the marking of clients whose watched keys
             were touched.
Called from  processCommand [command]; signalModifiedKey, FLUSHDB, FLUSHALL, SWAPDB (touch*) [command]; propagate()
             (execCommandPropagateMulti) [command]; freeClient, resetClient.
Calls out    server.call and propagate, acl.ACLCheckAllPerm, replication.
State        client.mstate, client.watched_keys; redisDb.watched_keys: key -> list_ of clients.
Invariant    a client stands in db.watched_keys[key] exactly once  <=>  it has a watchedKey with this db and key.
Departures   none.
"""
from typing import TYPE_CHECKING

from datastructs.adlist import list_values, listAddNodeTail, listCreate, listDelNode, listLength, listSearchKey
from datastructs.dict import dict_entries, dictAdd, dictDelete, dictFetchValue, dictFind, dictSize
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyError, addReplyErrorFormat, addReplyErrorObject)
from server.keyspace.db import keyIsExpired
from server.log import serverAssert, serverAssertWithInfo
from server.object import equalStringObjects
from server.server_h import (
    CLIENT_BLOCKED, CLIENT_DENY_BLOCKING, CLIENT_DIRTY_CAS, CLIENT_DIRTY_EXEC, CLIENT_MULTI, CMD_CALL_FULL,
    CMD_CALL_NONE, PROPAGATE_AOF, PROPAGATE_REPL, multiCmd, server, shared)
from server.session.acl import (
    ACL_DENIED_CHANNEL, ACL_DENIED_CMD, ACL_DENIED_KEY, ACL_OK, ACLCheckAllPerm, addACLLogEntry)

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.replication_master import feedReplicationBacklog, replicationFeedMonitors
    from server.server import call, propagate


# ---------------------------------------------------------------------------
# MULTI/EXEC
# ---------------------------------------------------------------------------

def initClientMultiState(c):
    c.mstate.commands = []
    c.mstate.count = 0
    c.mstate.cmd_flags = 0
    c.mstate.cmd_inv_flags = 0


def freeClientMultiState(c):
    c.mstate.commands = []


def queueMultiCommand(c):
    """Append the command that the client has parsed to its queue."""
    if c.flags & CLIENT_DIRTY_EXEC:
        return                     # EXEC will fail anyway: do not queue the command
    mc = multiCmd()
    mc.cmd = c.cmd
    mc.argc = c.argc
    mc.argv = list(c.argv)
    c.mstate.commands.append(mc)
    c.mstate.count += 1
    c.mstate.cmd_flags |= c.cmd.flags
    c.mstate.cmd_inv_flags |= ~c.cmd.flags


def discardTransaction(c):
    freeClientMultiState(c)
    initClientMultiState(c)
    c.flags &= ~(CLIENT_MULTI | CLIENT_DIRTY_CAS | CLIENT_DIRTY_EXEC)
    unwatchAllKeys(c)


def flagTransaction(c):
    """A command could not be queued: EXEC will fail."""
    if c.flags & CLIENT_MULTI:
        c.flags |= CLIENT_DIRTY_EXEC


def multiCommand(c):
    """MULTI -> OK"""
    if c.flags & CLIENT_MULTI:
        addReplyError(c, b"MULTI calls can not be nested")
        return
    c.flags |= CLIENT_MULTI
    addReply(c, shared.ok)


def discardCommand(c):
    """DISCARD -> OK"""
    if not c.flags & CLIENT_MULTI:
        addReplyError(c, b"DISCARD without MULTI")
        return
    discardTransaction(c)
    addReply(c, shared.ok)


def beforePropagateMulti():
    serverAssert(not server.propagate_in_transaction)
    server.propagate_in_transaction = 1


def afterPropagateExec():
    serverAssert(server.propagate_in_transaction == 1)
    server.propagate_in_transaction = 0


def execCommandPropagateMulti(dbid):
    """Send MULTI to the AOF and the replicas: before the first write inside EXEC, not with MULTI itself."""
    beforePropagateMulti()
    propagate(server.multiCommand, dbid, [shared.multi], PROPAGATE_AOF | PROPAGATE_REPL)


def execCommandPropagateExec(dbid):
    propagate(server.execCommand, dbid, [shared.exec], PROPAGATE_AOF | PROPAGATE_REPL)
    afterPropagateExec()


def execCommandAbort(c, error):
    """EXEC was refused before it ran (OOM, read-only replica, ...): drop the transaction and say EXECABORT with the
    reason.  `error` is a protocol line or a plain text."""
    discardTransaction(c)
    if error[:1] == b"-":
        error = error[1:]
    addReplyErrorFormat(c, b"-EXECABORT Transaction discarded because of: %s", error)

    # MONITOR clients have received the MULTI; send them the EXEC.
    replicationFeedMonitors(c, server.monitors, c.db.id, c.argv)


def execCommand(c):
    """EXEC -> array of replies, or null if a watched key was touched"""
    was_master = server.masterhost is None

    if not c.flags & CLIENT_MULTI:
        addReplyError(c, b"EXEC without MULTI")
        return

    if isWatchedKeyExpired(c):
        c.flags |= CLIENT_DIRTY_CAS

    if c.flags & (CLIENT_DIRTY_CAS | CLIENT_DIRTY_EXEC):
        if c.flags & CLIENT_DIRTY_EXEC:
            addReplyErrorObject(c, shared.execaborterr)
        else:
            addReply(c, shared.nullarray[c.resp])      # no error: the client should try again
        discardTransaction(c)
        return

    old_flags = c.flags
    c.flags |= CLIENT_DENY_BLOCKING                    # blocking commands reply as after a timeout

    # ORDER: unwatch first, or our own writes would search our own watched keys.
    unwatchAllKeys(c)

    server.in_exec = 1

    orig_argv = c.argv
    orig_argc = c.argc
    orig_cmd = c.cmd
    addReplyArrayLen(c, c.mstate.count)
    for mc in c.mstate.commands:
        c.argc = mc.argc
        c.argv = mc.argv
        c.cmd = mc.cmd

        # The ACL may have changed since the command was queued.
        acl_retval, acl_errpos = ACLCheckAllPerm(c)
        if acl_retval != ACL_OK:
            if acl_retval == ACL_DENIED_CMD:
                reason = b"no permission to execute the command or subcommand"
            elif acl_retval == ACL_DENIED_KEY:
                reason = b"no permission to touch the specified keys"
            elif acl_retval == ACL_DENIED_CHANNEL:
                reason = b"no permission to access one of the channels used as arguments"
            else:
                reason = b"no permission"
            addACLLogEntry(c, acl_retval, acl_errpos, None)
            addReplyErrorFormat(
                c, b"-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
                b"This command is no longer allowed for the following reason: %s", reason)
        else:
            call(c, CMD_CALL_NONE if server.loading else CMD_CALL_FULL)
            serverAssert((c.flags & CLIENT_BLOCKED) == 0)

        # Store the vector that the command may have rewritten (C's slowlog and MONITOR use it).
        mc.argc = c.argc
        mc.argv = c.argv
        mc.cmd = c.cmd

    if not old_flags & CLIENT_DENY_BLOCKING:
        c.flags &= ~CLIENT_DENY_BLOCKING

    c.argv = orig_argv
    c.argc = orig_argc
    c.cmd = orig_cmd
    discardTransaction(c)

    # MULTI was propagated with the first write: let call() propagate this EXEC as well.
    if server.propagate_in_transaction:
        is_master = server.masterhost is None
        server.dirty += 1
        # After REPLICAOF inside the transaction nothing is propagated any more, but the backlog contains a MULTI without its EXEC.
        if server.repl_backlog is not None and was_master and not is_master:
            feedReplicationBacklog(b"*1\r\n$4\r\nEXEC\r\n")
        afterPropagateExec()

    server.in_exec = 0


# ---------------------------------------------------------------------------
# WATCH (CAS alike for MULTI/EXEC)
#
# There are two indexes: each database maps a key to the clients that watch it, to set their flag when the key is touched;
# each client lists its watched keys, to unwatch them when it calls EXEC or is freed.
# ---------------------------------------------------------------------------

class watchedKey:
    """One watched key of one client."""
    __slots__ = ("key", "db")

    def __init__(self, key, db):
        self.key = key             # robj
        self.db = db               # redisDb: the same name in another db is another key


def watchForKey(c, key):
    for wk in list_values(c.watched_keys):
        if wk.db is c.db and equalStringObjects(key, wk.key):
            return
    clients = dictFetchValue(c.db.watched_keys, key)
    if clients is None:
        clients = listCreate()
        dictAdd(c.db.watched_keys, key, clients)
    listAddNodeTail(clients, c)
    listAddNodeTail(c.watched_keys, watchedKey(key, c.db))


def unwatchAllKeys(c):
    """Forget all watches of the client.  CLIENT_DIRTY_CAS is left to the caller."""
    if listLength(c.watched_keys) == 0:
        return
    ln = c.watched_keys.head
    while ln is not None:
        next_ = ln.next
        wk = ln.value
        clients = dictFetchValue(wk.db.watched_keys, wk.key)
        serverAssertWithInfo(c, None, clients is not None)
        listDelNode(clients, listSearchKey(clients, c))
        if listLength(clients) == 0:
            dictDelete(wk.db.watched_keys, wk.key)
        listDelNode(c.watched_keys, ln)
        ln = next_


def isWatchedKeyExpired(c):
    """Return 1 if a watched key is expired, even if it was not deleted (touched) yet."""
    if listLength(c.watched_keys) == 0:
        return 0
    for wk in list_values(c.watched_keys):
        if keyIsExpired(wk.db, wk.key):
            return 1
    return 0


def touchWatchedKey(db, key):
    """Mark the clients that watch the key, which is being changed: their EXEC will fail."""
    ht0, ht1 = db.watched_keys.ht
    if ht0.used + ht1.used == 0:                    # dictSize
        return
    clients = dictFetchValue(db.watched_keys, key)
    if clients is None:
        return
    for c in list_values(clients):
        c.flags |= CLIENT_DIRTY_CAS


def touchAllWatchedKeysInDb(emptied, replaced_with):
    """FLUSHDB, FLUSHALL (`replaced_with` None) and SWAPDB: touch the watched keys that exist before or after."""
    if dictSize(emptied.watched_keys) == 0:
        return
    for de in dict_entries(emptied.watched_keys):
        key = de.key
        if de.val is None:
            continue
        if (dictFind(emptied.dict, key.ptr) is not None
                or (replaced_with is not None and dictFind(replaced_with.dict, key.ptr) is not None)):
            for c in list_values(de.val):
                c.flags |= CLIENT_DIRTY_CAS


def watchCommand(c):
    """WATCH key [key ...] -> OK"""
    if c.flags & CLIENT_MULTI:
        addReplyError(c, b"WATCH inside MULTI is not allowed")
        return
    for j in range(1, c.argc):
        watchForKey(c, c.argv[j])
    addReply(c, shared.ok)


def unwatchCommand(c):
    """UNWATCH -> OK"""
    unwatchAllKeys(c)
    c.flags &= ~CLIENT_DIRTY_CAS
    addReply(c, shared.ok)
