"""blocked_serve.py - new data for the clients that wait for keys.     Mirrors src/blocked.c 226-560 (6.2.14)

Lives here   handleClientsBlockedOnKeys and what it calls for lists, sorted sets, streams.  Above types/, whose functions
             serve the clients; blocking and unblocking in general stand in blocked.py.
Called from  after each command and each EXEC [command]; beforeSleep [before].
Calls out    the type that serves a waiting client; afterCommand, propagate.
State        server.ready_keys; redisDb.blocking_keys, ready_keys.
Departures   no modules.
Extend       a type that clients can wait for: a serveClientsBlockedOn...() called from handleClientsBlockedOnKeys.
"""
from typing import TYPE_CHECKING

from ae.monotonic import elapsedStart, elapsedUs
from datastructs.adlist import (
    list_values, listCreate, listDelNode, listFirst, listLength, listRelease, listRotateHeadToTail,
)
from datastructs.dict import dictDelete, dictFetchValue, dictFind
from server.client.networking_reply import addReplyArrayLen, addReplyBulk, addReplyError, addReplyMapLen
from server.keyspace.db import dbDelete, lookupKeyWrite
from server.keyspace.notify import notifyKeyspaceEvent
from server.object import createStringObject
from server.server_h import (
    BLOCKED_LIST, BLOCKED_STREAM, BLOCKED_ZSET, C_ERR, NOTIFY_GENERIC, OBJ_LIST, OBJ_STREAM, OBJ_ZSET, PROPAGATE_AOF,
    PROPAGATE_REPL, server, ZSET_MAX, ZSET_MIN,
)
from server.server_state import updateCachedTime
from server.session.blocked import unblockClient, updateStatsOnUnblock
from server.types.t_list import listTypeLength, listTypePop, listTypePush, serveClientBlockedOnList
from server.types.t_stream import (
    SLC_NONE, streamCompareID, streamIncrID, streamLookupCG, streamLookupConsumer, streamPropagateConsumerCreation,
    streamPropInfo, streamReplyWithRange,
)
from server.types.t_zset import zsetLength
from server.types.t_zset_range import bzpopminCommand, genericZpopCommand
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.server import afterCommand, propagate


def serveClientsBlockedOnListKey(o, rl):
    """Serve the clients that wait for the list, first come first served, while it has elements."""
    de = dictFind(rl.db.blocking_keys, rl.key)
    if de is not None:
        clients = de.val
        numclients = listLength(clients)
        while numclients:
            numclients -= 1
            receiver = listFirst(clients).value

            if receiver.btype != BLOCKED_LIST:
                listRotateHeadToTail(clients)       # it waits for another type: this loop does not visit it again
                continue

            dstkey = receiver.bpop.target
            wherefrom = receiver.bpop.listpos.wherefrom
            whereto = receiver.bpop.listpos.whereto
            value = listTypePop(o, wherefrom)
            if value is None:
                break

            old_client = server.current_client
            server.current_client = receiver
            replyTimer = elapsedStart()
            if serveClientBlockedOnList(receiver, rl.key, dstkey, rl.db, value, wherefrom, whereto) == C_ERR:
                listTypePush(o, value, wherefrom)   # the destination has the wrong type: undo the pop
            updateStatsOnUnblock(receiver, 0, elapsedUs(replyTimer))
            unblockClient(receiver)
            afterCommand(receiver)
            server.current_client = old_client

    if listTypeLength(o) == 0:
        dbDelete(rl.db, rl.key)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", rl.key, rl.db.id)
    # No signalModifiedKey() here: the push that made the key ready has called it.


def serveClientsBlockedOnSortedSetKey(o, rl):
    """Serve the clients that wait for the sorted set, first come first served, while it has elements."""
    de = dictFind(rl.db.blocking_keys, rl.key)
    if de is not None:
        clients = de.val
        numclients = listLength(clients)
        zcard = zsetLength(o)
        while numclients and zcard:
            numclients -= 1
            receiver = listFirst(clients).value

            if receiver.btype != BLOCKED_ZSET:
                listRotateHeadToTail(clients)
                continue

            where = ZSET_MIN if receiver.lastcmd is not None and receiver.lastcmd.proc is bzpopminCommand else ZSET_MAX
            old_client = server.current_client
            server.current_client = receiver
            replyTimer = elapsedStart()
            genericZpopCommand(receiver, [rl.key], 1, where, 1, None)
            updateStatsOnUnblock(receiver, 0, elapsedUs(replyTimer))
            unblockClient(receiver)
            afterCommand(receiver)
            server.current_client = old_client
            zcard -= 1

            cmd = server.zpopminCommand if where == ZSET_MIN else server.zpopmaxCommand
            argv = [createStringObject(cmd.name), rl.key]
            propagate(cmd, receiver.db.id, argv, PROPAGATE_AOF | PROPAGATE_REPL)


def serveClientsBlockedOnStreamKey(o, rl):
    """Give the new entries to all clients that wait for an id before the last one."""
    de = dictFind(rl.db.blocking_keys, rl.key)
    if de is None:
        return
    s = o.ptr
    for receiver in list_values(de.val):
        if receiver.btype != BLOCKED_STREAM:
            continue
        bki = dictFetchValue(receiver.bpop.keys, rl.key)

        # In a group all clients wait for ">": clients served before this one have advanced the group's last id.
        group = None
        if receiver.bpop.xread_group is not None:
            group = streamLookupCG(s, receiver.bpop.xread_group.ptr)
            if group is None:
                addReplyError(receiver, b"-NOGROUP the consumer group this client was blocked on no longer exists")
                unblockClient(receiver)
                continue
            bki.stream_id = group.last_id
        gt = bki.stream_id

        if streamCompareID(s.last_id, gt) > 0:
            _, start = streamIncrID(gt)

            consumer = None
            noack = 0
            if group is not None:
                consumer, created = streamLookupConsumer(group, receiver.bpop.xread_consumer.ptr, SLC_NONE)
                noack = receiver.bpop.xread_group_noack
                if created and noack:
                    streamPropagateConsumerCreation(receiver, rl.key, receiver.bpop.xread_group, consumer.name)

            old_client = server.current_client
            server.current_client = receiver
            replyTimer = elapsedStart()
            # [[key, entries]], or {key: entries} in RESP3: only this key is served.
            if receiver.resp == 2:
                addReplyArrayLen(receiver, 1)
                addReplyArrayLen(receiver, 2)
            else:
                addReplyMapLen(receiver, 1)
            addReplyBulk(receiver, rl.key)

            pi = streamPropInfo(rl.key, receiver.bpop.xread_group)
            streamReplyWithRange(receiver, s, start, None, receiver.bpop.xread_count, 0, group, consumer, noack, pi)
            updateStatsOnUnblock(receiver, 0, elapsedUs(replyTimer))

            # ORDER: last, it empties receiver.bpop.
            unblockClient(receiver)
            afterCommand(receiver)
            server.current_client = old_client


def handleClientsBlockedOnKeys():
    """Serve the clients that wait for keys which a command, a transaction or a script has filled.

    Serving BLMOVE pushes to another key, which may be waited for too: so the list of ready keys is taken off and
    worked through until no new one comes.  Fair, unless clients wait for different types under the same key.
    """
    while listLength(server.ready_keys) != 0:
        l = server.ready_keys
        server.ready_keys = listCreate()

        while listLength(l) != 0:
            ln = listFirst(l)
            rl = ln.value

            # ORDER: first, so that signalKeyAsReady() may queue the key again.
            dictDelete(rl.db.ready_keys, rl.key)

            # Keys expire by a fixed clock here, as in call(), since the key may be looked up more than once.
            server.fixed_time_expire += 1
            updateCachedTime(0)

            o = lookupKeyWrite(rl.db, rl.key)
            if o is not None:
                if o.type == OBJ_LIST:
                    serveClientsBlockedOnListKey(o, rl)
                elif o.type == OBJ_ZSET:
                    serveClientsBlockedOnSortedSetKey(o, rl)
                elif o.type == OBJ_STREAM:
                    serveClientsBlockedOnStreamKey(o, rl)
            server.fixed_time_expire -= 1

            listDelNode(l, ln)
        listRelease(l)
