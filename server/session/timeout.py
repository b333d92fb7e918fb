"""timeout.py - clients that wait too long.                      Mirrors src/timeout.c (6.2.14)

Lives here   the idle client timeout; the radix tree of the deadlines of blocked clients; the parser of timeouts.
Called from  clientsCron [cron]; beforeSleep [before]; blockClient, unblockClient, blocking commands [command].
Calls out    blocked.unblockClient, networking.freeClient, datastructs.rax.
State        server.clients_timeout_table: deadline (8 bytes, big-endian ms) + client id (8 bytes) -> client.
Invariant    CLIENT_IN_TO_TABLE set  <=>  exactly one key in the table belongs to the client; freeClient() unblocks a
             blocked client, so no dead client stays here.
Departures   the second half of the key is the id and the client is the value (C puts the pointer into the key).
"""
from struct import pack, unpack_from
from typing import TYPE_CHECKING

from ae.monotonic import mstime
from datastructs.rax import raxIterator, raxNext, raxRemove, raxSeek, raxSize, raxStart, raxStop, raxTryInsert
from datastructs.util import LLONG_MAX, LLONG_MIN, ULLONG_MAX, ldisinf, ldmul
from server.client.networking import freeClient
from server.client.networking_reply import addReplyError
from server.log import serverLog
from server.object import getLongDoubleFromObjectOrReply, getLongLongFromObjectOrReply
from server.server_h import (
    C_ERR, C_OK, CLIENT_BLOCKED, CLIENT_IN_TO_TABLE, CLIENT_MASTER, CLIENT_PUBSUB, CLIENT_SLAVE, LL_VERBOSE,
    UNIT_SECONDS, server)

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.session.blocked import replyToBlockedClientTimedOut, unblockClient
    from cluster.cluster_command import clusterRedirectBlockedClientIfNeeded


# ---------------------------------------------------------------------------
# Clients timeouts
# ---------------------------------------------------------------------------

def checkBlockedClientTimeout(c, now):
    """If the client is blocked and its deadline has passed: reply, unblock, -> 1.  Otherwise 0."""
    if c.flags & CLIENT_BLOCKED and c.bpop.timeout != 0 and c.bpop.timeout < now:
        replyToBlockedClientTimedOut(c)
        unblockClient(c)
        return 1
    return 0


def clientsCronHandleTimeout(c, now_ms):
    """Close a client that was idle for `timeout` seconds.  -> 1 if it is gone, do not touch it again; else 0."""
    now = now_ms // 1000
    if (server.maxidletime
            and not c.flags & (CLIENT_SLAVE | CLIENT_MASTER | CLIENT_BLOCKED | CLIENT_PUBSUB)
            and now - c.lastinteraction > server.maxidletime):
        serverLog(LL_VERBOSE, "Closing idle client")
        freeClient(c)
        return 1
    if c.flags & CLIENT_BLOCKED:
        # The slot of the key that the client waits for may have moved to another node.
        if server.cluster_enabled:
            if clusterRedirectBlockedClientIfNeeded(c):
                unblockClient(c)
    return 0


CLIENT_ST_KEYLEN = 16                # bytes: the deadline, the client id


def encodeTimeoutKey(timeout, c):
    """Return the key.  Big-endian, so that the order of the keys is the order in time."""
    return pack(">QQ", timeout & ULLONG_MAX, c.id)


def decodeTimeoutKey(key):
    """Return the deadline, ms.  (The client is the value of the key.)"""
    return unpack_from(">Q", key)[0]


def addClientToTimeoutTable(c):
    """Remember the deadline of a client that blocks.  No deadline (0), no entry."""
    if c.bpop.timeout == 0:
        return
    if raxTryInsert(server.clients_timeout_table, encodeTimeoutKey(c.bpop.timeout, c), c)[0]:
        c.flags |= CLIENT_IN_TO_TABLE


def removeClientFromTimeoutTable(c):
    """Forget the deadline of a client that was unblocked by something else."""
    if not c.flags & CLIENT_IN_TO_TABLE:
        return
    c.flags &= ~CLIENT_IN_TO_TABLE
    raxRemove(server.clients_timeout_table, encodeTimeoutKey(c.bpop.timeout, c))


def handleBlockedClientsTimeout():
    """Unblock the clients whose timeout has passed; the earliest deadline is the first key, so stop at one in the future.

    ORDER: first of all in beforeSleep, so that a client which times out gets its reply in this turn.
    """
    if raxSize(server.clients_timeout_table) == 0:
        return
    now = mstime()
    ri = raxIterator()
    raxStart(ri, server.clients_timeout_table)
    raxSeek(ri, "^")
    while raxNext(ri):
        key = ri.key
        c = ri.data
        if decodeTimeoutKey(key) >= now:
            break
        c.flags &= ~CLIENT_IN_TO_TABLE
        checkBlockedClientTimeout(c, now)
        raxRemove(server.clients_timeout_table, key)
        raxSeek(ri, "^")
    raxStop(ri)


def getTimeoutFromObjectOrReply(c, object_, unit):
    """Parse a timeout in `unit` (UNIT_SECONDS may have a fraction).  -> (C_OK, deadline in ms) with 0 = forever;
    or (C_ERR, None) after an error reply."""
    if unit == UNIT_SECONDS:
        ok, ftval = getLongDoubleFromObjectOrReply(c, object_, b"timeout is not a float or out of range")
        if ok != C_OK:
            return C_ERR, None
        ftval = ldmul(ftval, 1000)
        tval = LLONG_MIN if ldisinf(ftval) else int(ftval)
        if tval > LLONG_MAX or tval < LLONG_MIN:
            tval = LLONG_MIN       # the result of the conversion on x86
    else:
        ok, tval = getLongLongFromObjectOrReply(c, object_, b"timeout is not an integer or out of range")
        if ok != C_OK:
            return C_ERR, None

    if tval < 0:
        addReplyError(c, b"timeout is negative")
        return C_ERR, None

    if tval > 0:
        tval += mstime()
        if tval > LLONG_MAX:
            tval -= 1 << 64        # wraps in C; the table uses it as unsigned, far in the future
    return C_OK, tval
