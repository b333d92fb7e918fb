"""tracking.py - help for caches in clients.                     Mirrors src/tracking.c (6.2.14)

Lives here   which client may have which key in its cache, and the invalidation messages.
Called from  CLIENT TRACKING, freeClient (disableTracking); call() (remember the keys read); signalModifiedKey, FLUSH*,
             expire, evict (invalidate) [command, cron]; beforeSleep (broadcasts), serverCron (the limit).
Calls out    networking (lookupClientByID), networking_reply, pubsub.addReplyPubsubMessage.
State        TrackingTable: key -> rax of client ids.  PrefixTable: prefix -> bcastState.  client.flags CLIENT_TRACKING_*,
             client_tracking_redirection, client_tracking_prefixes.  server.tracking_pending_keys.
Invariant    a client in BCAST mode is in bs.clients of each of its client_tracking_prefixes, and nowhere else.
             TrackingTableTotalItems is the sum of the sizes of the inner trees.
Departures   a client in bs.clients is found under its id (C: its address).

Two modes.  Default: the server stores each key that a client has read, sends one message when the key changes, and removes it.
BCAST: nothing is remembered; the client gets every changed key that begins with one of its prefixes, once a turn.
Ids are not taken out of TrackingTable when a client goes: they are found dead when the key changes.
"""
from struct import pack, unpack

from datastructs.adlist import list_values, listAddNodeTail, listEmpty
from datastructs.rax import (
    raxEOF, raxFind, raxFree, raxFreeWithCallback, raxInsert, raxIterator, raxNew, raxNext, raxNotFound,
    raxRandomWalk, raxRemove, raxSeek, raxSize, raxStart, raxStop, raxTryInsert)
from server.client.networking import lookupClientByID
from server.client.networking_reply import (
    addReplyArrayLen, addReplyBulkCBuffer, addReplyErrorFormat, addReplyLongLong, addReplyProto, addReplyPushLen)
from server.keyspace.db_getkeys import getKeysFromCommand
from server.keyspace.lazyfree import freeTrackingRadixTreeAsync
from server.log import serverAssert
from server.object import createStringObject
from server.server_h import (
    CLIENT_PUBSUB, CLIENT_PUSHING, CLIENT_TRACKING, CLIENT_TRACKING_BCAST, CLIENT_TRACKING_BROKEN_REDIR,
    CLIENT_TRACKING_CACHING, CLIENT_TRACKING_NOLOOP, CLIENT_TRACKING_OPTIN, CLIENT_TRACKING_OPTOUT, server, shared)
from server.session.pubsub import addReplyPubsubMessage

TrackingTable = None                 # rax: key -> rax of 8-byte ids; None until the first CLIENT TRACKING ON
PrefixTable = None                   # rax: prefix -> bcastState
TrackingTableTotalItems = 0          # ids in all inner trees, for INFO
TrackingChannelName = None           # robj: the channel for RESP2 clients


class bcastState:
    """One prefix of BCAST mode."""
    __slots__ = ("keys", "clients")

    def __init__(self):
        self.keys = raxNew()       # keys changed in this turn of the loop -> the client that changed it, or None
        self.clients = raxNew()    # 8-byte id -> client that tracks this prefix


def disableTracking(c):
    """Take the client out of tracking mode."""
    if c.flags & CLIENT_TRACKING_BCAST:
        ri = raxIterator()
        raxStart(ri, c.client_tracking_prefixes)
        raxSeek(ri, "^")
        while raxNext(ri):
            bs = raxFind(PrefixTable, ri.key)
            serverAssert(bs is not raxNotFound)
            raxRemove(bs.clients, pack("<Q", c.id))
            if raxSize(bs.clients) == 0:
                raxFree(bs.clients)
                raxFree(bs.keys)
                raxRemove(PrefixTable, ri.key)
        raxStop(ri)
        raxFree(c.client_tracking_prefixes)
        c.client_tracking_prefixes = None

    if c.flags & CLIENT_TRACKING:
        server.tracking_clients -= 1
        c.flags &= ~(CLIENT_TRACKING | CLIENT_TRACKING_BROKEN_REDIR | CLIENT_TRACKING_BCAST | CLIENT_TRACKING_OPTIN
                     | CLIENT_TRACKING_OPTOUT | CLIENT_TRACKING_CACHING | CLIENT_TRACKING_NOLOOP)


def stringCheckPrefix(s1, s2):
    """Return true if one of the two begins with the other."""
    return s1.startswith(s2) or s2.startswith(s1)


def checkPrefixCollisionsOrReply(c, prefixes, numprefix):
    """A key may not belong to two prefixes of one client.  -> 1, or 0 after an error reply."""
    for i in range(numprefix):
        if c.client_tracking_prefixes is not None:
            ri = raxIterator()
            raxStart(ri, c.client_tracking_prefixes)
            raxSeek(ri, "^")
            while raxNext(ri):
                if stringCheckPrefix(ri.key, prefixes[i].ptr):
                    addReplyErrorFormat(c, b"Prefix '%s' overlaps with an existing prefix '%s'. Prefixes for a single "
                                        b"client must not overlap.", prefixes[i].ptr, ri.key)
                    raxStop(ri)
                    return 0
            raxStop(ri)
        for j in range(i + 1, numprefix):
            if stringCheckPrefix(prefixes[i].ptr, prefixes[j].ptr):
                addReplyErrorFormat(c, b"Prefix '%s' overlaps with another provided prefix '%s'. Prefixes for a single "
                                    b"client must not overlap.", prefixes[i].ptr, prefixes[j].ptr)
                return i           # as in C: only the first prefix stops the command, others also reply OK
    return 1


def enableBcastTrackingForPrefix(c, prefix):
    bs = raxFind(PrefixTable, prefix)
    if bs is raxNotFound:
        bs = bcastState()
        raxInsert(PrefixTable, prefix, bs)
    if raxTryInsert(bs.clients, pack("<Q", c.id), c)[0]:
        if c.client_tracking_prefixes is None:
            c.client_tracking_prefixes = raxNew()
        raxInsert(c.client_tracking_prefixes, prefix, None)


def enableTracking(c, redirect_to, options, prefix, numprefix):
    """Turn tracking on, or change its options.  redirect_to: id of the client that gets the messages, 0 = itself.
    After that client was freed, `c` is notified at the next invalidation."""
    global TrackingTable, PrefixTable, TrackingChannelName
    if not c.flags & CLIENT_TRACKING:
        server.tracking_clients += 1
    c.flags |= CLIENT_TRACKING
    c.flags &= ~(CLIENT_TRACKING_BROKEN_REDIR | CLIENT_TRACKING_BCAST | CLIENT_TRACKING_OPTIN
                 | CLIENT_TRACKING_OPTOUT | CLIENT_TRACKING_NOLOOP)
    c.client_tracking_redirection = redirect_to

    if TrackingTable is None:
        TrackingTable = raxNew()
        PrefixTable = raxNew()
        TrackingChannelName = createStringObject(b"__redis__:invalidate")

    if options & CLIENT_TRACKING_BCAST:
        c.flags |= CLIENT_TRACKING_BCAST
        if numprefix == 0:
            enableBcastTrackingForPrefix(c, b"")
        for j in range(numprefix):
            enableBcastTrackingForPrefix(c, prefix[j].ptr)

    c.flags |= options & (CLIENT_TRACKING_OPTIN | CLIENT_TRACKING_OPTOUT | CLIENT_TRACKING_NOLOOP)


def trackingRememberKeys(c):
    """The client (not in BCAST mode) has run a read-only command: note its keys, unless OPTIN, OPTOUT say no."""
    global TrackingTableTotalItems
    optin = c.flags & CLIENT_TRACKING_OPTIN
    optout = c.flags & CLIENT_TRACKING_OPTOUT
    caching_given = c.flags & CLIENT_TRACKING_CACHING
    if (optin and not caching_given) or (optout and caching_given):
        return

    id_ = pack("<Q", c.id)
    for idx in getKeysFromCommand(c.cmd, c.argv, c.argc):
        key = c.argv[idx].ptr
        ids = raxFind(TrackingTable, key)
        if ids is raxNotFound:
            ids = raxNew()
            raxTryInsert(TrackingTable, key, ids)
        if raxTryInsert(ids, id_, None)[0]:
            TrackingTableTotalItems += 1


def sendTrackingMessage(c, keyname, proto):
    """Tell the tracking client `c`, or the one it redirects to, that a key is invalid.

    `proto` 0: keyname is the key.  1: it is ready protocol, an array of keys or a null (= all keys).
    A RESP2 client can only be told as a subscriber, and only by redirection.
    """
    old_flags = c.flags
    c.flags |= CLIENT_PUSHING

    using_redirection = 0
    if c.client_tracking_redirection:
        redir = lookupClientByID(c.client_tracking_redirection)
        if redir is None:
            c.flags |= CLIENT_TRACKING_BROKEN_REDIR
            if c.resp > 2:
                addReplyPushLen(c, 2)
                addReplyBulkCBuffer(c, b"tracking-redir-broken")
                addReplyLongLong(c, c.client_tracking_redirection)
            if not old_flags & CLIENT_PUSHING:
                c.flags &= ~CLIENT_PUSHING
            return
        if not old_flags & CLIENT_PUSHING:
            c.flags &= ~CLIENT_PUSHING
        c = redir
        using_redirection = 1
        old_flags = c.flags
        c.flags |= CLIENT_PUSHING

    if c.resp > 2:
        addReplyPushLen(c, 2)
        addReplyBulkCBuffer(c, b"invalidate")
    elif using_redirection and c.flags & CLIENT_PUBSUB:
        addReplyPubsubMessage(c, TrackingChannelName, None)
    else:
        if not old_flags & CLIENT_PUSHING:
            c.flags &= ~CLIENT_PUSHING
        return

    if proto:
        addReplyProto(c, keyname)
    else:
        addReplyArrayLen(c, 1)
        addReplyBulkCBuffer(c, keyname)
    if not old_flags & CLIENT_PUSHING:
        c.flags &= ~CLIENT_PUSHING


def trackingRememberKeyToBroadcast(c, keyname):
    """Note the changed key under each prefix it has.  The value is the last client that changed it, for NOLOOP."""
    ri = raxIterator()
    raxStart(ri, PrefixTable)
    raxSeek(ri, "^")
    while raxNext(ri):
        if keyname.startswith(ri.key):
            raxInsert(ri.data.keys, keyname, c)
    raxStop(ri)


def trackingInvalidateKey(c, keyobj, bcast):
    """A key has changed, or is dropped from the table to save memory (then `bcast` is 0: nothing really changed).
    `c`: the client that did it; None = no client (expire, evict)."""
    global TrackingTableTotalItems
    if TrackingTable is None:
        return
    key = keyobj.ptr

    if bcast and raxSize(PrefixTable) > 0:
        trackingRememberKeyToBroadcast(c, key)

    ids = raxFind(TrackingTable, key)
    if ids is raxNotFound:
        return

    ri = raxIterator()
    raxStart(ri, ids)
    raxSeek(ri, "^")
    while raxNext(ri):
        target = lookupClientByID(unpack("<Q", ri.key)[0])
        # The client was freed, no longer tracks, or has changed to BCAST since.
        if target is None or not target.flags & CLIENT_TRACKING or target.flags & CLIENT_TRACKING_BCAST:
            continue
        if target.flags & CLIENT_TRACKING_NOLOOP and target is server.current_client:
            continue
        # A push must not be inserted into the reply of the running command: send it afterwards.
        if target is server.current_client and server.fixed_time_expire:
            listAddNodeTail(server.tracking_pending_keys, keyobj)
        else:
            sendTrackingMessage(target, key, 0)
    raxStop(ri)

    # Each client gets one message; it is added again when it reads the key again.
    TrackingTableTotalItems -= raxSize(ids)
    raxFree(ids)
    raxRemove(TrackingTable, key)


def trackingHandlePendingKeyInvalidations():
    """ORDER: at the end of a command (afterCommand), when its reply is complete."""
    if not server.tracking_pending_keys.len:        # listLength
        return
    for key in list_values(server.tracking_pending_keys):
        c = server.current_client
        if c is not None:                           # None: the client was freed by its own command
            if key is not None:
                sendTrackingMessage(c, key.ptr, 0)
            else:
                sendTrackingMessage(c, shared.null[c.resp].ptr, 1)
    listEmpty(server.tracking_pending_keys)


def freeTrackingRadixTreeCallback(rt):
    raxFree(rt)


def freeTrackingRadixTree(rt):
    raxFreeWithCallback(rt, freeTrackingRadixTreeCallback)


def trackingInvalidateKeysOnFlush(async_):
    """A database was flushed: tell all tracking clients, with a null, that all they have is invalid."""
    global TrackingTable, TrackingTableTotalItems
    if server.tracking_clients:
        for c in list_values(server.clients):
            if c.flags & CLIENT_TRACKING:
                if c is server.current_client:
                    listAddNodeTail(server.tracking_pending_keys, None)
                else:
                    sendTrackingMessage(c, shared.null[c.resp].ptr, 1)

    if TrackingTable is not None:
        if async_:
            freeTrackingRadixTreeAsync(TrackingTable)
        else:
            freeTrackingRadixTree(TrackingTable)
        TrackingTable = raxNew()
        TrackingTableTotalItems = 0


_trackingLimitUsedSlots_timeout_counter = 0


def trackingLimitUsedSlots():
    """Keep the table below tracking-table-max-keys, by telling clients that random keys are invalid.  The longer it
    has been over the limit, the more keys go in one call."""
    global _trackingLimitUsedSlots_timeout_counter
    if TrackingTable is None:
        return
    if server.tracking_table_max_keys == 0:
        return
    max_keys = server.tracking_table_max_keys
    if raxSize(TrackingTable) <= max_keys:
        _trackingLimitUsedSlots_timeout_counter = 0
        return

    effort = 100 * (_trackingLimitUsedSlots_timeout_counter + 1)
    ri = raxIterator()
    raxStart(ri, TrackingTable)
    while effort > 0:
        effort -= 1
        raxSeek(ri, "^")
        raxRandomWalk(ri, 0)
        if raxEOF(ri):
            break
        trackingInvalidateKey(None, createStringObject(ri.key), 0)
        if raxSize(TrackingTable) <= max_keys:
            _trackingLimitUsedSlots_timeout_counter = 0
            raxStop(ri)
            return
    raxStop(ri)
    _trackingLimitUsedSlots_timeout_counter += 1


def trackingBuildBroadcastReply(c, keys):
    """Return the protocol for the array of the `keys` (rax), without those whose last change was made by `c`, if given;
    None if none is left then."""
    bulks = []
    ri = raxIterator()
    raxStart(ri, keys)
    raxSeek(ri, "^")
    while raxNext(ri):
        if c is not None and ri.data is c:
            continue
        bulks.append(b"$%d\r\n%s\r\n" % (len(ri.key), ri.key))
    raxStop(ri)
    if c is not None and not bulks:
        return None
    return b"*%d\r\n%s" % (len(bulks), b"".join(bulks))


def trackingBroadcastInvalidationMessages():
    """Send the keys changed in this turn to the clients in BCAST mode.

    ORDER: in beforeSleep, before the replies are written and after all that may still change keys in this turn.
    """
    if TrackingTable is None or not server.tracking_clients:
        return
    ri = raxIterator()
    raxStart(ri, PrefixTable)
    raxSeek(ri, "^")
    while raxNext(ri):
        bs = ri.data
        if raxSize(bs.keys):
            proto = trackingBuildBroadcastReply(None, bs.keys)     # built once for all clients without NOLOOP
            ri2 = raxIterator()
            raxStart(ri2, bs.clients)
            raxSeek(ri2, "^")
            while raxNext(ri2):
                c = ri2.data
                if c.flags & CLIENT_TRACKING_NOLOOP:
                    adhoc = trackingBuildBroadcastReply(c, bs.keys)
                    if adhoc is not None:
                        sendTrackingMessage(c, adhoc, 1)
                else:
                    sendTrackingMessage(c, proto, 1)
            raxStop(ri2)
            raxFree(bs.keys)
            bs.keys = raxNew()
    raxStop(ri)


def trackingGetTotalItems():
    return TrackingTableTotalItems


def trackingGetTotalKeys():
    if TrackingTable is None:
        return 0
    return raxSize(TrackingTable)


def trackingGetTotalPrefixes():
    if PrefixTable is None:
        return 0
    return raxSize(PrefixTable)
