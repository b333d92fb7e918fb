"""pubsub.py - publish and subscribe.                            Mirrors src/pubsub.c (6.2.14)

Lives here   SUBSCRIBE, UNSUBSCRIBE, PSUBSCRIBE, PUNSUBSCRIBE, PUBLISH, PUBSUB; delivery of messages.
Called from  processCommand [command]; notifyKeyspaceEvent [command, cron]; the cluster bus (publish from another
             node) [read]; freeClient (unsubscribe) [write, before]; tracking (invalidation for RESP2).
Calls out    networking_reply, cluster.clusterPropagatePublish.
State        server.pubsub_channels, server.pubsub_patterns: channel or pattern -> list_ of clients;
             client.pubsub_channels (dict_ used as a set), client.pubsub_patterns (list_).
Invariant    a client is in the server's list of a channel  <=>  the channel is in the client's dict; empty lists go.
Departures   none.
"""
from typing import TYPE_CHECKING

from datastructs.adlist import list_values, listAddNodeTail, listCreate, listDelNode, listLength, listSearchKey
from datastructs.dict import (
    DICT_OK, dict_entries, dictAdd, dictDelete, dictFetchValue, dictFind, dictGetIterator, dictGetSafeIterator, dictNext,
    dictReleaseIterator, dictSize)
from datastructs.util import stringmatchlen
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyDeferredLen, addReplyError, addReplyHelp, addReplyLongLong,
    addReplyNull, addReplyPushLen, addReplySubcommandSyntaxError, setDeferredArrayLen)
from server.log import serverAssertWithInfo
from server.object import getDecodedObject
from server.op_array import forceCommandPropagation
from server.server_h import (
    CLIENT_DENY_BLOCKING, CLIENT_MULTI, CLIENT_PUBSUB, CLIENT_PUSHING, PROPAGATE_REPL, server, shared)

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from cluster.cluster_bus import clusterPropagatePublish


# ---------------------------------------------------------------------------
# Pubsub client replies API
#
# CLIENT_PUSHING marks that this is not a reply to a command, so that CLIENT REPLY OFF and SKIP do
# not suppress it.  RESP3 clients get a push, RESP2 clients an array.
# ---------------------------------------------------------------------------

def addReplyPubsubMessage(c, channel, msg):
    """["message", channel, msg].  With msg None the caller adds the third element."""
    old_flags = c.flags
    c.flags |= CLIENT_PUSHING
    if c.resp == 2:
        addReply(c, shared.mbulkhdr[3])
    else:
        addReplyPushLen(c, 3)
    addReply(c, shared.messagebulk)
    addReplyBulk(c, channel)
    if msg is not None:
        addReplyBulk(c, msg)
    if not old_flags & CLIENT_PUSHING:
        c.flags &= ~CLIENT_PUSHING


def addReplyPubsubPatMessage(c, pat, channel, msg):
    """["pmessage", pattern, channel, msg]"""
    old_flags = c.flags
    c.flags |= CLIENT_PUSHING
    if c.resp == 2:
        addReply(c, shared.mbulkhdr[4])
    else:
        addReplyPushLen(c, 4)
    addReply(c, shared.pmessagebulk)
    addReplyBulk(c, pat)
    addReplyBulk(c, channel)
    addReplyBulk(c, msg)
    if not old_flags & CLIENT_PUSHING:
        c.flags &= ~CLIENT_PUSHING


def addReplyPubsubSubscribed(c, channel):
    """["subscribe", channel, number of subscriptions]"""
    old_flags = c.flags
    c.flags |= CLIENT_PUSHING
    if c.resp == 2:
        addReply(c, shared.mbulkhdr[3])
    else:
        addReplyPushLen(c, 3)
    addReply(c, shared.subscribebulk)
    addReplyBulk(c, channel)
    addReplyLongLong(c, clientSubscriptionsCount(c))
    if not old_flags & CLIENT_PUSHING:
        c.flags &= ~CLIENT_PUSHING


def addReplyPubsubUnsubscribed(c, channel):
    """["unsubscribe", channel, number].  channel None: UNSUBSCRIBE of everything, when there was nothing."""
    old_flags = c.flags
    c.flags |= CLIENT_PUSHING
    if c.resp == 2:
        addReply(c, shared.mbulkhdr[3])
    else:
        addReplyPushLen(c, 3)
    addReply(c, shared.unsubscribebulk)
    if channel is not None:
        addReplyBulk(c, channel)
    else:
        addReplyNull(c)
    addReplyLongLong(c, clientSubscriptionsCount(c))
    if not old_flags & CLIENT_PUSHING:
        c.flags &= ~CLIENT_PUSHING


def addReplyPubsubPatSubscribed(c, pattern):
    """["psubscribe", pattern, number of subscriptions]"""
    old_flags = c.flags
    c.flags |= CLIENT_PUSHING
    if c.resp == 2:
        addReply(c, shared.mbulkhdr[3])
    else:
        addReplyPushLen(c, 3)
    addReply(c, shared.psubscribebulk)
    addReplyBulk(c, pattern)
    addReplyLongLong(c, clientSubscriptionsCount(c))
    if not old_flags & CLIENT_PUSHING:
        c.flags &= ~CLIENT_PUSHING


def addReplyPubsubPatUnsubscribed(c, pattern):
    """["punsubscribe", pattern, number].  pattern None as in addReplyPubsubUnsubscribed()."""
    old_flags = c.flags
    c.flags |= CLIENT_PUSHING
    if c.resp == 2:
        addReply(c, shared.mbulkhdr[3])
    else:
        addReplyPushLen(c, 3)
    addReply(c, shared.punsubscribebulk)
    if pattern is not None:
        addReplyBulk(c, pattern)
    else:
        addReplyNull(c)
    addReplyLongLong(c, clientSubscriptionsCount(c))
    if not old_flags & CLIENT_PUSHING:
        c.flags &= ~CLIENT_PUSHING


# ---------------------------------------------------------------------------
# Pubsub low level API
# ---------------------------------------------------------------------------

def clientSubscriptionsCount(c):
    """Return channels + patterns"""
    return dictSize(c.pubsub_channels) + listLength(c.pubsub_patterns)


def pubsubSubscribeChannel(c, channel):
    """Subscribe the client and confirm it -> 1, or 0 if it was subscribed already."""
    retval = 0
    if dictAdd(c.pubsub_channels, channel, None) == DICT_OK:
        retval = 1
        de = dictFind(server.pubsub_channels, channel)
        if de is None:
            clients = listCreate()
            dictAdd(server.pubsub_channels, channel, clients)
        else:
            clients = de.val
        listAddNodeTail(clients, c)
    addReplyPubsubSubscribed(c, channel)
    return retval


def pubsubUnsubscribeChannel(c, channel, notify):
    """Unsubscribe the client, and confirm it if `notify` -> 1, or 0 if it was not subscribed."""
    retval = 0
    if dictDelete(c.pubsub_channels, channel) == DICT_OK:
        retval = 1
        de = dictFind(server.pubsub_channels, channel)
        serverAssertWithInfo(c, None, de is not None)
        clients = de.val
        ln = listSearchKey(clients, c)
        serverAssertWithInfo(c, None, ln is not None)
        listDelNode(clients, ln)
        if listLength(clients) == 0:
            dictDelete(server.pubsub_channels, channel)
    if notify:
        addReplyPubsubUnsubscribed(c, channel)
    return retval


def pubsubSubscribePattern(c, pattern):
    """Subscribe the client and confirm it -> 1, or 0 if it was subscribed already."""
    retval = 0
    if listSearchKey(c.pubsub_patterns, pattern) is None:
        retval = 1
        listAddNodeTail(c.pubsub_patterns, pattern)
        de = dictFind(server.pubsub_patterns, pattern)
        if de is None:
            clients = listCreate()
            dictAdd(server.pubsub_patterns, pattern, clients)
        else:
            clients = de.val
        listAddNodeTail(clients, c)
    addReplyPubsubPatSubscribed(c, pattern)
    return retval


def pubsubUnsubscribePattern(c, pattern, notify):
    """Unsubscribe the client, and confirm it if `notify` -> 1, or 0 if it was not subscribed."""
    retval = 0
    ln = listSearchKey(c.pubsub_patterns, pattern)
    if ln is not None:
        retval = 1
        listDelNode(c.pubsub_patterns, ln)
        de = dictFind(server.pubsub_patterns, pattern)
        serverAssertWithInfo(c, None, de is not None)
        clients = de.val
        ln = listSearchKey(clients, c)
        serverAssertWithInfo(c, None, ln is not None)
        listDelNode(clients, ln)
        if listLength(clients) == 0:
            dictDelete(server.pubsub_patterns, pattern)
    if notify:
        addReplyPubsubPatUnsubscribed(c, pattern)
    return retval


def pubsubUnsubscribeAllChannels(c, notify):
    """Unsubscribe from all channels -> their number."""
    count = 0
    if dictSize(c.pubsub_channels) > 0:
        di = dictGetSafeIterator(c.pubsub_channels)
        de = dictNext(di)
        while de is not None:
            count += pubsubUnsubscribeChannel(c, de.key, notify)
            de = dictNext(di)
        dictReleaseIterator(di)
    if notify and count == 0:
        addReplyPubsubUnsubscribed(c, None)            # there must be a reply
    return count


def pubsubUnsubscribeAllPatterns(c, notify):
    """Unsubscribe from all patterns -> their number."""
    count = 0
    for pattern in list_values(c.pubsub_patterns):
        count += pubsubUnsubscribePattern(c, pattern, notify)
    if notify and count == 0:
        addReplyPubsubPatUnsubscribed(c, None)
    return count


def pubsubPublishMessage(channel, message):
    """Deliver to the subscribers of the channel and of the patterns it matches.  -> how many got it."""
    receivers = 0
    de = dictFind(server.pubsub_channels, channel)
    if de is not None:
        for c in list_values(de.val):
            addReplyPubsubMessage(c, channel, message)
            receivers += 1
    di = dictGetIterator(server.pubsub_patterns)
    channel = getDecodedObject(channel)
    while (de := dictNext(di)) is not None:
        pattern = de.key
        if not stringmatchlen(pattern.ptr, channel.ptr, 0):
            continue
        for c in list_values(de.val):
            addReplyPubsubPatMessage(c, pattern, channel, message)
            receivers += 1
    dictReleaseIterator(di)
    return receivers


# ---------------------------------------------------------------------------
# Pubsub commands implementation
# ---------------------------------------------------------------------------

def subscribeCommand(c):
    """SUBSCRIBE channel [channel ...] -> one message per channel"""
    if c.flags & CLIENT_DENY_BLOCKING and not c.flags & CLIENT_MULTI:
        # Such a client expects exactly one reply per command (scripts); MULTI is allowed for compatibility.
        addReplyError(c, b"SUBSCRIBE isn't allowed for a DENY BLOCKING client")
        return
    for j in range(1, c.argc):
        pubsubSubscribeChannel(c, c.argv[j])
    c.flags |= CLIENT_PUBSUB


def unsubscribeCommand(c):
    """UNSUBSCRIBE [channel ...] -> one message per channel"""
    if c.argc == 1:
        pubsubUnsubscribeAllChannels(c, 1)
    else:
        for j in range(1, c.argc):
            pubsubUnsubscribeChannel(c, c.argv[j], 1)
    if clientSubscriptionsCount(c) == 0:
        c.flags &= ~CLIENT_PUBSUB


def psubscribeCommand(c):
    """PSUBSCRIBE pattern [pattern ...] -> one message per pattern"""
    if c.flags & CLIENT_DENY_BLOCKING and not c.flags & CLIENT_MULTI:
        addReplyError(c, b"PSUBSCRIBE isn't allowed for a DENY BLOCKING client")
        return
    for j in range(1, c.argc):
        pubsubSubscribePattern(c, c.argv[j])
    c.flags |= CLIENT_PUBSUB


def punsubscribeCommand(c):
    """PUNSUBSCRIBE [pattern ...] -> one message per pattern"""
    if c.argc == 1:
        pubsubUnsubscribeAllPatterns(c, 1)
    else:
        for j in range(1, c.argc):
            pubsubUnsubscribePattern(c, c.argv[j], 1)
    if clientSubscriptionsCount(c) == 0:
        c.flags &= ~CLIENT_PUBSUB


def publishCommand(c):
    """PUBLISH channel message -> int, the receivers on this node"""
    receivers = pubsubPublishMessage(c.argv[1], c.argv[2])
    if server.cluster_enabled:
        clusterPropagatePublish(c.argv[1], c.argv[2])
    else:
        forceCommandPropagation(c, PROPAGATE_REPL)
    addReplyLongLong(c, receivers)


def pubsubCommand(c):
    """PUBSUB CHANNELS [pattern] | NUMSUB [channel ...] | NUMPAT | HELP"""
    sub = c.argv[1].ptr.lower()
    if sub == b"help" and c.argc == 2:
        addReplyHelp(c, [
            b"CHANNELS [<pattern>]",
            b"    Return the currently active channels matching a <pattern> (default: '*').",
            b"NUMPAT",
            b"    Return number of subscriptions to patterns.",
            b"NUMSUB [<channel> ...]",
            b"    Return the number of subscribers for the specified channels, excluding",
            b"    pattern subscriptions(default: no channels).",
        ])
    elif sub == b"channels" and c.argc in (2, 3):
        pat = None if c.argc == 2 else c.argv[2].ptr
        mblen = 0
        replylen = addReplyDeferredLen(c)
        for de in dict_entries(server.pubsub_channels):
            cobj = de.key
            if pat is None or stringmatchlen(pat, cobj.ptr, 0):
                addReplyBulk(c, cobj)
                mblen += 1
        setDeferredArrayLen(c, replylen, mblen)
    elif sub == b"numsub":
        addReplyArrayLen(c, (c.argc - 2) * 2)
        for j in range(2, c.argc):
            clients = dictFetchValue(server.pubsub_channels, c.argv[j])
            addReplyBulk(c, c.argv[j])
            addReplyLongLong(c, listLength(clients) if clients is not None else 0)
    elif sub == b"numpat" and c.argc == 2:
        addReplyLongLong(c, dictSize(server.pubsub_patterns))
    else:
        addReplySubcommandSyntaxError(c)
