"""t_string.py - the string commands.                             Mirrors src/t_string.c (6.2.14)

Lives here   SET SETNX SETEX PSETEX GET GETEX GETDEL GETSET SETRANGE GETRANGE (SUBSTR) MGET MSET MSETNX INCR DECR
             INCRBY DECRBY INCRBYFLOAT APPEND STRLEN STRALGO.
Called from  call() [command].
Calls out    keyspace.db, keyspace.notify, object (encodings, number parsing), networking (rewriting of the command).
State        none.
Invariant    relative expire times never reach replicas or AOF: SET ... EX is rewritten to PX or PXAT (the AOF turns PX
             into PXAT), GETEX to PEXPIRE, PEXPIREAT, PERSIST, DEL or UNLINK; INCRBYFLOAT to a SET of the result.
Departures   none.
"""
from ae.monotonic import mstime
from datastructs.sds import sdscatlen, sdsgrowzero, sdsnewlen
from datastructs.util import LLONG_MAX, LLONG_MIN, ldadd, ldisnan, ldisinf
from server.log import serverAssert
from server.server_h import (
    server, shared, C_OK, C_ERR, CLIENT_MASTER, UNIT_SECONDS, UNIT_MILLISECONDS, NOTIFY_STRING,
    NOTIFY_GENERIC, OBJ_STRING, OBJ_ENCODING_INT, OBJ_SHARED_INTEGERS,
)
from server.object import (
    checkType, createObject, createStringObject, createStringObjectFromLongLong,
    createStringObjectFromLongLongForValue, createStringObjectFromLongDouble, tryObjectEncoding, getDecodedObject,
    stringObjectLen, getLongLongFromObjectOrReply, getLongDoubleFromObjectOrReply, getLongFromObjectOrReply,
)
from server.client.networking import (
    rewriteClientCommandVector, rewriteClientCommandArgument, replaceClientCommandVector,
)
from server.client.networking_reply import (
    addReply, addReplyError, addReplyErrorObject, addReplyErrorFormat, addReplyBulk, addReplyBulkCBuffer,
    addReplyBulkCString, addReplyBulkSds, addReplyLongLong, addReplyNull, addReplyArrayLen, addReplyMapLen,
    addReplyDeferredLen, setDeferredArrayLen,
)
from server.keyspace.db import (
    lookupKeyRead, lookupKeyReadOrReply, lookupKeyWrite, dbAdd, dbOverwrite,
    dbSyncDelete, dbUnshareStringValue, genericSetKey, setKey, setExpire, removeExpire, signalModifiedKey,
)
from server.keyspace.expire import checkAlreadyExpired
from server.keyspace.lazyfree import dbAsyncDelete
from server.keyspace.notify import notifyKeyspaceEvent


# ---------------------------------------------------------------------------
# String Commands
# ---------------------------------------------------------------------------

def checkStringLength(c, size, append):
    """Check whether a string of `size` bytes may grow by `append` -> C_OK, or C_ERR after an error reply (proto-max-bulk-len)."""
    if c.flags & CLIENT_MASTER:
        return C_OK
    total = size + append
    if total > server.proto_max_bulk_len or total > LLONG_MAX:
        addReplyError(c, b"string exceeds maximum allowed size (proto-max-bulk-len)")
        return C_ERR
    return C_OK


OBJ_NO_FLAGS = 0
OBJ_SET_NX = 1 << 0      # only if the key does not exist
OBJ_SET_XX = 1 << 1      # only if the key exists
OBJ_EX = 1 << 2          # time in seconds given
OBJ_PX = 1 << 3          # time in ms given
OBJ_KEEPTTL = 1 << 4     # keep the TTL the key has
OBJ_SET_GET = 1 << 5     # reply the old value
OBJ_EXAT = 1 << 6        # timestamp in seconds given
OBJ_PXAT = 1 << 7        # timestamp in ms given
OBJ_PERSIST = 1 << 8     # remove the TTL


def setGenericCommand(c, flags, key, val, expire, unit, ok_reply, abort_reply):
    """SET, SETNX, SETEX, PSETEX: store `val` at `key` and reply.

    `expire` is the time argument (robj, in `unit`) or None.  ok_reply None means +OK, abort_reply (NX or XX not met)
    None means nil.
    """
    milliseconds = when = 0
    if expire is not None:
        ok, milliseconds = getLongLongFromObjectOrReply(c, expire)
        if ok != C_OK:
            return
        if milliseconds <= 0 or (unit == UNIT_SECONDS and milliseconds > LLONG_MAX // 1000):
            addReplyErrorFormat(c, b"invalid expire time in %s", c.cmd.name)
            return
        if unit == UNIT_SECONDS:
            milliseconds *= 1000
        when = milliseconds
        if flags & (OBJ_PX | OBJ_EX):
            when += mstime()
        if when > LLONG_MAX:      # C: the sum wraps and is negative
            addReplyErrorFormat(c, b"invalid expire time in %s", c.cmd.name)
            return

    if ((flags & OBJ_SET_NX and lookupKeyWrite(c.db, key) is not None) or
            (flags & OBJ_SET_XX and lookupKeyWrite(c.db, key) is None)):
        addReply(c, abort_reply if abort_reply is not None else shared.null[c.resp])
        return
    if flags & OBJ_SET_GET:
        if getGenericCommand(c) == C_ERR:
            return

    genericSetKey(c, c.db, key, val, flags & OBJ_KEEPTTL, 1)
    server.dirty += 1
    notifyKeyspaceEvent(NOTIFY_STRING, b"set", key, c.db.id)
    if expire is not None:
        setExpire(c, c.db, key, when)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"expire", key, c.db.id)
        # The time must be argument 4: feedAppendOnlyFile relies on this when it replaces PX by PXAT.
        exp = shared.pxat if flags & (OBJ_PXAT | OBJ_EXAT) else shared.px
        millisecondObj = createStringObjectFromLongLong(milliseconds)
        rewriteClientCommandVector(c, shared.set, key, val, exp, millisecondObj)
    if not flags & OBJ_SET_GET:
        addReply(c, ok_reply if ok_reply is not None else shared.ok)

    # Propagate without GET.  With an expire the whole command has been rewritten above.
    if flags & OBJ_SET_GET and expire is None:
        argv = [a for j, a in enumerate(c.argv) if j < 3 or a.ptr.lower() != b"get"]
        replaceClientCommandVector(c, argv)


COMMAND_GET = 0
COMMAND_SET = 1


def parseExtendedStringArgumentsOrReply(c, flags, unit, command_type):
    """Parse the options of SET (from argv[3]) or GETEX (from argv[2]) -> (ok, flags, unit, expire).

    ok is C_ERR when a syntax error was replied; expire is the robj with the time, or None.  COMMAND_GET knows PERSIST,
    COMMAND_SET knows NX, XX, GET and KEEPTTL; both know EX, PX, EXAT and PXAT, one of them, once or more.
    """
    expire = None
    j = 2 if command_type == COMMAND_GET else 3
    argc = c.argc
    while j < argc:
        opt = c.argv[j].ptr.lower()
        next_ = None if j == argc - 1 else c.argv[j + 1]

        if (opt == b"nx" and not flags & (OBJ_SET_XX | OBJ_SET_GET) and command_type == COMMAND_SET):
            flags |= OBJ_SET_NX
        elif opt == b"xx" and not flags & OBJ_SET_NX and command_type == COMMAND_SET:
            flags |= OBJ_SET_XX
        elif opt == b"get" and not flags & OBJ_SET_NX and command_type == COMMAND_SET:
            flags |= OBJ_SET_GET
        elif (opt == b"keepttl" and not flags & (OBJ_PERSIST | OBJ_EX | OBJ_EXAT | OBJ_PX | OBJ_PXAT) and
                command_type == COMMAND_SET):
            flags |= OBJ_KEEPTTL
        elif (opt == b"persist" and command_type == COMMAND_GET and
                not flags & (OBJ_EX | OBJ_EXAT | OBJ_PX | OBJ_PXAT | OBJ_KEEPTTL)):
            flags |= OBJ_PERSIST
        elif (opt == b"ex" and next_ is not None and
                not flags & (OBJ_KEEPTTL | OBJ_PERSIST | OBJ_EXAT | OBJ_PX | OBJ_PXAT)):
            flags |= OBJ_EX
            expire = next_
            j += 1
        elif (opt == b"px" and next_ is not None and
                not flags & (OBJ_KEEPTTL | OBJ_PERSIST | OBJ_EX | OBJ_EXAT | OBJ_PXAT)):
            flags |= OBJ_PX
            unit = UNIT_MILLISECONDS
            expire = next_
            j += 1
        elif (opt == b"exat" and next_ is not None and
                not flags & (OBJ_KEEPTTL | OBJ_PERSIST | OBJ_EX | OBJ_PX | OBJ_PXAT)):
            flags |= OBJ_EXAT
            expire = next_
            j += 1
        elif (opt == b"pxat" and next_ is not None and
                not flags & (OBJ_KEEPTTL | OBJ_PERSIST | OBJ_EX | OBJ_EXAT | OBJ_PX)):
            flags |= OBJ_PXAT
            unit = UNIT_MILLISECONDS
            expire = next_
            j += 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return C_ERR, flags, unit, expire
        j += 1
    return C_OK, flags, unit, expire


def setCommand(c):
    """SET key value [NX|XX] [GET] [EX s|PX ms|EXAT ts|PXAT ms-ts|KEEPTTL] -> OK, nil or the old value   [write, denyoom]"""
    ok, flags, unit, expire = parseExtendedStringArgumentsOrReply(c, OBJ_NO_FLAGS, UNIT_SECONDS, COMMAND_SET)
    if ok != C_OK:
        return
    c.argv[2] = tryObjectEncoding(c.argv[2])
    setGenericCommand(c, flags, c.argv[1], c.argv[2], expire, unit, None, None)


def setnxCommand(c):
    """SETNX key value -> 1 or 0   [write, denyoom, fast]"""
    c.argv[2] = tryObjectEncoding(c.argv[2])
    setGenericCommand(c, OBJ_SET_NX, c.argv[1], c.argv[2], None, 0, shared.cone, shared.czero)


def setexCommand(c):
    """SETEX key seconds value -> OK   [write, denyoom]"""
    c.argv[3] = tryObjectEncoding(c.argv[3])
    setGenericCommand(c, OBJ_EX, c.argv[1], c.argv[3], c.argv[2], UNIT_SECONDS, None, None)


def psetexCommand(c):
    """PSETEX key milliseconds value -> OK   [write, denyoom]"""
    c.argv[3] = tryObjectEncoding(c.argv[3])
    setGenericCommand(c, OBJ_PX, c.argv[1], c.argv[3], c.argv[2], UNIT_MILLISECONDS, None, None)


def getGenericCommand(c):
    """Reply the value of argv[1], or nil if there is none -> C_OK, or C_ERR when it is no string."""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.null[c.resp])
    if o is None:
        return C_OK
    if checkType(c, o, OBJ_STRING):
        return C_ERR

    addReplyBulk(c, o)
    return C_OK


def getCommand(c):
    """GET key -> value or nil   [read-only, fast]"""
    getGenericCommand(c)


def getexCommand(c):
    """GETEX key [PERSIST|EX s|PX ms|EXAT ts|PXAT ms-ts] -> value or nil   [write, fast]

    Without an option it is GET. It is never propagated as it is, but as what it did to the key.
    """
    ok, flags, unit, expire = parseExtendedStringArgumentsOrReply(c, OBJ_NO_FLAGS, UNIT_SECONDS, COMMAND_GET)
    if ok != C_OK:
        return
    key = c.argv[1]
    o = lookupKeyReadOrReply(c, key, shared.null[c.resp])
    if o is None:
        return
    if checkType(c, o, OBJ_STRING):
        return

    milliseconds = when = 0
    if expire is not None:
        ok, milliseconds = getLongLongFromObjectOrReply(c, expire)
        if ok != C_OK:
            return
        if milliseconds <= 0 or (unit == UNIT_SECONDS and milliseconds > LLONG_MAX // 1000):
            addReplyErrorFormat(c, b"invalid expire time in %s", c.cmd.name)
            return
        if unit == UNIT_SECONDS:
            milliseconds *= 1000
        when = milliseconds
        if flags & (OBJ_PX | OBJ_EX):
            when += mstime()
        if when > LLONG_MAX:
            addReplyErrorFormat(c, b"invalid expire time in %s", c.cmd.name)
            return

    # ORDER: reply before the key may be deleted.
    addReplyBulk(c, o)

    if flags & (OBJ_PXAT | OBJ_EXAT) and checkAlreadyExpired(milliseconds):
        deleted = dbAsyncDelete(c.db, key) if server.lazyfree_lazy_expire else dbSyncDelete(c.db, key)
        serverAssert(deleted)
        aux = shared.unlink if server.lazyfree_lazy_expire else shared.del_
        rewriteClientCommandVector(c, aux, key)
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
        server.dirty += 1
    elif expire is not None:
        setExpire(c, c.db, key, when)
        exp = shared.pexpireat if flags & (OBJ_PXAT | OBJ_EXAT) else shared.pexpire
        millisecondObj = createStringObjectFromLongLong(milliseconds)
        rewriteClientCommandVector(c, exp, key, millisecondObj)
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"expire", key, c.db.id)
        server.dirty += 1
    elif flags & OBJ_PERSIST:
        if removeExpire(c.db, key):
            signalModifiedKey(c, c.db, key)
            rewriteClientCommandVector(c, shared.persist, key)
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"persist", key, c.db.id)
            server.dirty += 1


def getdelCommand(c):
    """GETDEL key -> value or nil   [write, fast]"""
    key = c.argv[1]
    if getGenericCommand(c) == C_ERR:
        return
    deleted = dbAsyncDelete(c.db, key) if server.lazyfree_lazy_user_del else dbSyncDelete(c.db, key)
    if deleted:
        aux = shared.unlink if server.lazyfree_lazy_user_del else shared.del_
        rewriteClientCommandVector(c, aux, key)
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
        server.dirty += 1


def getsetCommand(c):
    """GETSET key value -> old value or nil   [write, denyoom, fast]"""
    if getGenericCommand(c) == C_ERR:
        return
    c.argv[2] = tryObjectEncoding(c.argv[2])
    setKey(c, c.db, c.argv[1], c.argv[2])
    notifyKeyspaceEvent(NOTIFY_STRING, b"set", c.argv[1], c.db.id)
    server.dirty += 1
    rewriteClientCommandArgument(c, 0, shared.set)


def setrangeCommand(c):
    """SETRANGE key offset value -> length   [write, denyoom]"""
    key = c.argv[1]
    value = c.argv[3].ptr
    ok, offset = getLongFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return
    if offset < 0:
        addReplyError(c, b"offset is out of range")
        return

    o = lookupKeyWrite(c.db, key)
    if o is None:
        if len(value) == 0:
            addReply(c, shared.czero)
            return
        if checkStringLength(c, offset, len(value)) != C_OK:
            return
        o = createObject(OBJ_STRING, sdsnewlen(None, offset + len(value)))
        dbAdd(c.db, key, o)
    else:
        if checkType(c, o, OBJ_STRING):
            return
        olen = stringObjectLen(o)
        if len(value) == 0:
            addReplyLongLong(c, olen)
            return
        if checkStringLength(c, offset, len(value)) != C_OK:
            return
        o = dbUnshareStringValue(c.db, key, o)

    o.ptr = sdsgrowzero(o.ptr, offset + len(value))
    o.ptr[offset:offset + len(value)] = value
    signalModifiedKey(c, c.db, key)
    notifyKeyspaceEvent(NOTIFY_STRING, b"setrange", key, c.db.id)
    server.dirty += 1
    addReplyLongLong(c, len(o.ptr))


def getrangeCommand(c):
    """GETRANGE key start end -> bytes   [read-only]; SUBSTR is its old name"""
    ok, start = getLongLongFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return
    ok, end = getLongLongFromObjectOrReply(c, c.argv[3])
    if ok != C_OK:
        return
    o = lookupKeyReadOrReply(c, c.argv[1], shared.emptybulk)
    if o is None or checkType(c, o, OBJ_STRING):
        return

    str_ = b"%d" % o.ptr if o.encoding == OBJ_ENCODING_INT else o.ptr
    strlen = len(str_)

    if start < 0 and end < 0 and start > end:
        addReply(c, shared.emptybulk)
        return
    if start < 0:
        start = strlen + start
    if end < 0:
        end = strlen + end
    if start < 0:
        start = 0
    if end < 0:
        end = 0
    if end >= strlen:
        end = strlen - 1
    if start > end or strlen == 0:
        addReply(c, shared.emptybulk)
    else:
        addReplyBulkCBuffer(c, bytes(str_[start:end + 1]))


def mgetCommand(c):
    """MGET key [key ...] -> array of values or nil   [read-only, fast]"""
    addReplyArrayLen(c, c.argc - 1)
    for j in range(1, c.argc):
        o = lookupKeyRead(c.db, c.argv[j])
        if o is None or o.type != OBJ_STRING:
            addReplyNull(c)
        else:
            addReplyBulk(c, o)


def msetGenericCommand(c, nx):
    """MSET, and with nx = 1 MSETNX, which sets all keys or none."""
    if c.argc % 2 == 0:
        addReplyError(c, b"wrong number of arguments for MSET")
        return
    if nx:
        for j in range(1, c.argc, 2):
            if lookupKeyWrite(c.db, c.argv[j]) is not None:
                addReply(c, shared.czero)
                return
    for j in range(1, c.argc, 2):
        c.argv[j + 1] = tryObjectEncoding(c.argv[j + 1])
        setKey(c, c.db, c.argv[j], c.argv[j + 1])
        notifyKeyspaceEvent(NOTIFY_STRING, b"set", c.argv[j], c.db.id)
    server.dirty += (c.argc - 1) // 2
    addReply(c, shared.cone if nx else shared.ok)


def msetCommand(c):
    """MSET key value [key value ...] -> OK   [write, denyoom]"""
    msetGenericCommand(c, 0)


def msetnxCommand(c):
    """MSETNX key value [key value ...] -> 1 or 0   [write, denyoom]"""
    msetGenericCommand(c, 1)


def incrDecrCommand(c, incr):
    """INCR, DECR, INCRBY, DECRBY: add `incr`, which is a 64 bit number, to the integer at argv[1] and reply the sum."""
    o = lookupKeyWrite(c.db, c.argv[1])
    if checkType(c, o, OBJ_STRING):
        return
    ok, value = getLongLongFromObjectOrReply(c, o)
    if ok != C_OK:
        return
    oldvalue = value
    if ((incr < 0 and oldvalue < 0 and incr < LLONG_MIN - oldvalue) or
            (incr > 0 and oldvalue > 0 and incr > LLONG_MAX - oldvalue)):
        addReplyError(c, b"increment or decrement would overflow")
        return
    value += incr

    if (o is not None and o.refcount == 1 and o.encoding == OBJ_ENCODING_INT and
            (value < 0 or value >= OBJ_SHARED_INTEGERS)):
        new = o
        o.ptr = value
    else:
        new = createStringObjectFromLongLongForValue(value)
        if o is not None:
            dbOverwrite(c.db, c.argv[1], new)
        else:
            dbAdd(c.db, c.argv[1], new)
    signalModifiedKey(c, c.db, c.argv[1])
    notifyKeyspaceEvent(NOTIFY_STRING, b"incrby", c.argv[1], c.db.id)
    server.dirty += 1
    addReply(c, shared.colon)
    addReply(c, new)
    addReply(c, shared.crlf)


def incrCommand(c):
    """INCR key -> int   [write, denyoom, fast]"""
    incrDecrCommand(c, 1)


def decrCommand(c):
    """DECR key -> int   [write, denyoom, fast]"""
    incrDecrCommand(c, -1)


def incrbyCommand(c):
    """INCRBY key increment -> int   [write, denyoom, fast]"""
    ok, incr = getLongLongFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return
    incrDecrCommand(c, incr)


def decrbyCommand(c):
    """DECRBY key decrement -> int   [write, denyoom, fast]"""
    ok, incr = getLongLongFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return
    # C: -LLONG_MIN overflows back to LLONG_MIN.
    incrDecrCommand(c, LLONG_MIN if incr == LLONG_MIN else -incr)


def incrbyfloatCommand(c):
    """INCRBYFLOAT key increment -> value   [write, denyoom, fast]"""
    key = c.argv[1]
    o = lookupKeyWrite(c.db, key)
    if checkType(c, o, OBJ_STRING):
        return
    ok, value = getLongDoubleFromObjectOrReply(c, o)
    if ok != C_OK:
        return
    ok, incr = getLongDoubleFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return

    value = ldadd(value, incr)
    if ldisnan(value) or ldisinf(value):
        addReplyError(c, b"increment would produce NaN or Infinity")
        return
    new = createStringObjectFromLongDouble(value, 1)
    if o is not None:
        dbOverwrite(c.db, key, new)
    else:
        dbAdd(c.db, key, new)
    signalModifiedKey(c, c.db, key)
    notifyKeyspaceEvent(NOTIFY_STRING, b"incrbyfloat", key, c.db.id)
    server.dirty += 1
    addReplyBulk(c, new)

    # Propagate the result, so that replicas and the AOF do not repeat the float arithmetic.
    rewriteClientCommandArgument(c, 0, shared.set)
    rewriteClientCommandArgument(c, 2, new)
    rewriteClientCommandArgument(c, 3, shared.keepttl)


def appendCommand(c):
    """APPEND key value -> length   [write, denyoom, fast]"""
    key = c.argv[1]
    o = lookupKeyWrite(c.db, key)
    if o is None:
        c.argv[2] = tryObjectEncoding(c.argv[2])
        dbAdd(c.db, key, c.argv[2])
        totlen = stringObjectLen(c.argv[2])
    else:
        if checkType(c, o, OBJ_STRING):
            return
        append = c.argv[2]
        if checkStringLength(c, stringObjectLen(o), len(append.ptr)) != C_OK:
            return
        o = dbUnshareStringValue(c.db, key, o)
        o.ptr = sdscatlen(o.ptr, append.ptr)
        totlen = len(o.ptr)
    signalModifiedKey(c, c.db, key)
    notifyKeyspaceEvent(NOTIFY_STRING, b"append", key, c.db.id)
    server.dirty += 1
    addReplyLongLong(c, totlen)


def strlenCommand(c):
    """STRLEN key -> int   [read-only, fast]"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if o is None or checkType(c, o, OBJ_STRING):
        return
    addReplyLongLong(c, stringObjectLen(o))


def stralgoCommand(c):
    """STRALGO LCS ... -> see stralgoLCS   [read-only]"""
    if c.argv[1].ptr.lower() == b"lcs":
        stralgoLCS(c)
    else:
        addReplyErrorObject(c, shared.syntaxerr)


UINT32_MAX = 0xffffffff


def lcs_bit_rows(a, b, keep):
    """Compute the LCS table of two byte strings, one big integer per row.

    C fills a table of uint32 cell by cell, which is too slow here. Hyyro's bit-vector recurrence gives a whole row in
    a few big-int operations: bit j of row[i] is 0 where LCS(i, j+1) is one more than LCS(i, j), so a cell is the
    number of zeros among the low bits. Returns len(a)+1 rows of len(b) bits, or with `keep` false only the last one.
    Cost: O(len(a) * len(b) / 64).
    """
    mask = (1 << len(b)) - 1
    match = {}                     # byte -> bits of the positions in b that hold it
    for j, byte in enumerate(b):
        match[byte] = match.get(byte, 0) | 1 << j
    row = mask
    rows = [row]
    for byte in a:
        m = match.get(byte, 0)
        if m:
            u = row & m
            row = ((row + u) | (row - u)) & mask
        if keep:
            rows.append(row)
    return rows if keep else [row]


def stralgoLCS(c):
    """STRALGO LCS [IDX] [LEN] [MINMATCHLEN n] [WITHMATCHLEN] STRINGS a b | KEYS ka kb   [read-only]

    Replies the longest common subsequence, its length (LEN), or the matching ranges from the end on (IDX).
    """
    minmatchlen = 0
    a = b = None
    getlen = getidx = withmatchlen = 0

    j = 2
    while j < c.argc:
        opt = c.argv[j].ptr.lower()
        moreargs = c.argc - 1 - j
        if opt == b"idx":
            getidx = 1
        elif opt == b"len":
            getlen = 1
        elif opt == b"withmatchlen":
            withmatchlen = 1
        elif opt == b"minmatchlen" and moreargs:
            ok, minmatchlen = getLongLongFromObjectOrReply(c, c.argv[j + 1])
            if ok != C_OK:
                return
            if minmatchlen < 0:
                minmatchlen = 0
            j += 1
        elif opt == b"strings" and moreargs > 1:
            if a is not None:
                addReplyError(c, b"Either use STRINGS or KEYS")
                return
            a = c.argv[j + 1].ptr
            b = c.argv[j + 2].ptr
            j += 2
        elif opt == b"keys" and moreargs > 1:
            if a is not None:
                addReplyError(c, b"Either use STRINGS or KEYS")
                return
            obja = lookupKeyRead(c.db, c.argv[j + 1])
            objb = lookupKeyRead(c.db, c.argv[j + 2])
            if (obja is not None and obja.type != OBJ_STRING) or (objb is not None and objb.type != OBJ_STRING):
                addReplyError(c, b"The specified keys must contain string values")
                return
            obja = getDecodedObject(obja) if obja is not None else createStringObject(b"")
            objb = getDecodedObject(objb) if objb is not None else createStringObject(b"")
            a = obja.ptr
            b = objb.ptr
            j += 2
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
        j += 1

    if a is None:
        addReplyError(c, b"Please specify two strings: STRINGS or KEYS options are mandatory")
        return
    if getlen and getidx:
        addReplyError(c, b"If you want both the length and indexes, please just use IDX.")
        return
    alen = len(a)
    blen = len(b)
    if alen >= UINT32_MAX - 1 or blen >= UINT32_MAX - 1:
        addReplyError(c, b"String too long for LCS")
        return

    # C: the table may be larger than malloc allows. Ours is 32 times smaller; the limit is kept because of the time needed.
    if server.system_memory_size and (alen + 1) * (blen + 1) * 4 > server.system_memory_size:
        addReplyError(c, b"Insufficient memory")
        return

    computelcs = getidx or not getlen
    rows = lcs_bit_rows(a, b, computelcs)
    lcslen = blen - bin(rows[-1]).count("1")
    result = bytearray()           # the LCS, backwards

    arraylenptr = None
    arraylen = 0
    if getidx:
        addReplyMapLen(c, 2)
        addReplyBulkCString(c, b"matches")
        arraylenptr = addReplyDeferredLen(c)

    # Walk the table backwards from its last cell. arange_start == alen means that no range is open.
    arange_start, arange_end, brange_start, brange_end = alen, 0, 0, 0
    i, j = alen, blen
    while computelcs and i > 0 and j > 0:
        emit_range = 0
        if a[i - 1] == b[j - 1]:
            result.append(a[i - 1])
            if arange_start == alen:
                arange_start = arange_end = i - 1
                brange_start = brange_end = j - 1
            elif arange_start == i and brange_start == j:
                arange_start -= 1
                brange_start -= 1
            else:
                emit_range = 1
            # At the first byte of a string the loop is about to end.
            if arange_start == 0 or brange_start == 0:
                emit_range = 1
            i -= 1
            j -= 1
        else:
            # LCS(i-1, j) > LCS(i, j-1)?  Where bytes differ LCS(i,j) is the greater of the two, and
            # LCS(i, j-1) < LCS(i, j) exactly where row i has a zero at bit j-1.
            if not rows[i] >> (j - 1) & 1:
                i -= 1
            else:
                j -= 1
            if arange_start != alen:
                emit_range = 1

        match_len = arange_end - arange_start + 1
        if emit_range:
            if minmatchlen == 0 or match_len >= minmatchlen:
                if arraylenptr is not None:
                    addReplyArrayLen(c, 2 + withmatchlen)
                    addReplyArrayLen(c, 2)
                    addReplyLongLong(c, arange_start)
                    addReplyLongLong(c, arange_end)
                    addReplyArrayLen(c, 2)
                    addReplyLongLong(c, brange_start)
                    addReplyLongLong(c, brange_end)
                    if withmatchlen:
                        addReplyLongLong(c, match_len)
                    arraylen += 1
            arange_start = alen

    if arraylenptr is not None:
        addReplyBulkCString(c, b"len")
        addReplyLongLong(c, lcslen)
        setDeferredArrayLen(c, arraylenptr, arraylen)
    elif getlen:
        addReplyLongLong(c, lcslen)
    else:
        result.reverse()
        addReplyBulkSds(c, bytes(result))
