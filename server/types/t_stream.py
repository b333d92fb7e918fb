"""t_stream.py - streams: the value, its iterator, its consumer groups.     Mirrors src/t_stream.c, stream.h (6.2.14)

Lives here   stream, streamID, streamCG, streamConsumer, streamNACK; append, trim, iterate, delete; replies and
             propagation that reading a group causes.
Parts        t_stream_command.py  XADD XRANGE XREVRANGE XLEN XREAD XREADGROUP XDEL XTRIM XSETID XINFO
             t_stream_cgroup.py   XGROUP XACK XPENDING XCLAIM XAUTOCLAIM
Called from  call() [command]; blocked.serveClientsBlockedOnStreamKey; rdb, aof, debug.
Invariant    stream.rax maps the 16-byte big-endian ID of a node's master entry to its listpack; no listpack is empty of
             live entries.  Every NACK is in its group's PEL and in its consumer's PEL, the same object.
Departures   streamID is a value: a streamID that others can refer to is never changed.  Out-parameters are results:
             streamIncrID(id) -> (ret, id).  The PELs and the `consumer` of the NACKs form cycles; freeStream cuts them.

A listpack:  | count | deleted | num-fields | field 1 | ... | field N | 0 |            the master entry
             | flags | ms-diff | seq-diff | (num-fields) | (field 1) | value 1 | ... | lp-count |     one an entry
             SAMEFIELDS: the entry has the master's fields, so num-fields and the names are left out.
             lp-count: how many elements to go back to reach `flags`, for walking from the end.
"""
from typing import TYPE_CHECKING

from ae.monotonic import mstime
from datastructs.listpack import (
    LP_REPLACE, lp_get_bytes, lpAppend, lpBytes, lpFirst, lpGet, lpInsert, lpLast, lpNew, lpNext, lpPrev, lpShrinkToFit,
    lpValidateFirst, lpValidateIntegrity, lpValidateNext,
)
from datastructs.rax import (
    raxEOF, raxFind, raxFree, raxFreeWithCallback, raxInsert, raxIterator, raxNew, raxNext, raxNotFound, raxPrev,
    raxRemove, raxSeek, raxSize, raxStart, raxStop, raxTryInsert,
)
from datastructs.util import UINT64_MAX, ll2string, string2ll, to_ullong
from server.client.networking_reply import (
    addReplyArrayLen, addReplyBulkCBuffer, addReplyBulkSds, addReplyDeferredLen, addReplyNullArray,
    setDeferredArrayLen, setDeferredReplyBulkSds,
)
from server.log import serverAssert, serverPanic
from server.object import createObject, createStreamObject, createStringObject, createStringObjectFromLongLong
from server.server_h import (
    C_ERR, C_OK, OBJ_ENCODING_STREAM, OBJ_STREAM, OBJ_STRING, PROPAGATE_AOF, PROPAGATE_REPL, server, shared,
)
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.server import propagate

STREAM_ITEM_FLAG_NONE = 0
STREAM_ITEM_FLAG_DELETED = 1 << 0          # a tombstone: skip it
STREAM_ITEM_FLAG_SAMEFIELDS = 1 << 1       # the fields of the master entry

STREAM_LISTPACK_MAX_PRE_ALLOCATE = 4096
STREAM_LISTPACK_MAX_SIZE = 1 << 30         # even if the config allows more

# streamLookupConsumer
SLC_NONE = 0
SLC_NOCREAT = 1 << 0                       # do not create a missing consumer
SLC_NOREFRESH = 1 << 1                     # leave seen_time alone

# streamReplyWithRange
STREAM_RWR_NOACK = 1 << 0                  # create no PEL entries
STREAM_RWR_RAWENTRIES = 1 << 1             # entries only, no array around them
STREAM_RWR_HISTORY = 1 << 2                # only what is in the consumer's PEL

TRIM_STRATEGY_NONE = 0
TRIM_STRATEGY_MAXLEN = 1
TRIM_STRATEGY_MINID = 2

# Error codes of streamAppendItem (C: errno)
EDOM = 33                                  # ID not greater than the last one
ERANGE = 34                                # too large to be stored


class streamID:
    """<ms>-<seq>; compare with streamCompareID."""
    __slots__ = ("ms", "seq")

    def __init__(self, ms=0, seq=0):
        self.ms = ms               # 0..2^64-1, unix time in ms as a rule
        self.seq = seq             # 0..2^64-1

    def __repr__(self):
        return "%d-%d" % (self.ms, self.seq)


class stream:
    __slots__ = ("rax", "length", "last_id", "cgroups", "tail", "tail_id", "tail_fields")

    def __init__(self):
        self.rax = raxNew()        # 16-byte ID -> listpack
        self.length = 0            # live entries
        self.last_id = streamID()  # greatest ID ever added
        self.cgroups = None        # rax: name -> streamCG; None until the first group
        # Ours, for server/fastpath/streams.py.  INVARIANT: code that adds a node to `rax` or removes one sets tail to None.
        self.tail = None           # listpack of the last node, or None: not known
        self.tail_id = None        # streamID of its master entry
        self.tail_fields = None    # list of the master entry's field names, which never change

    def __del__(self):
        """Called when the stream is freed: cut the reference cycles of PELs and consumers."""
        if self.cgroups is not None:
            freeStream(self)


class streamCG:
    """A consumer group."""
    __slots__ = ("last_id", "pel", "consumers")

    def __init__(self):
        self.last_id = streamID()  # last ID delivered to any consumer of the group
        self.pel = raxNew()        # 16-byte ID -> streamNACK, delivered and not acknowledged
        self.consumers = raxNew()  # name -> streamConsumer


class streamConsumer:
    __slots__ = ("seen_time", "name", "pel")

    def __init__(self, name):
        self.seen_time = 0         # ms, time of its last command
        self.name = name           # bytes
        self.pel = raxNew()        # 16-byte ID -> streamNACK, the same objects as in the group's PEL


class streamNACK:
    """A delivered message that waits for its XACK."""
    __slots__ = ("delivery_time", "delivery_count", "consumer")

    def __init__(self):
        self.delivery_time = 0     # ms of the wall clock
        self.delivery_count = 1
        self.consumer = None       # streamConsumer; None only while XCLAIM FORCE creates it


class streamPropInfo:
    """Names that streamReplyWithRange needs to propagate what it does to a group."""
    __slots__ = ("keyname", "groupname")

    def __init__(self, keyname, groupname):
        self.keyname = keyname     # robj
        self.groupname = groupname  # robj


class streamAddTrimArgs:
    """Parsed arguments of XADD and XTRIM."""
    __slots__ = ("id", "id_given", "no_mkstream", "trim_strategy", "trim_strategy_arg_idx", "approx_trim", "limit",
                 "maxlen", "minid")

    def __init__(self):
        self.id = None             # streamID of XADD, if id_given
        self.id_given = 0          # an ID other than * was given
        self.no_mkstream = 0
        self.trim_strategy = TRIM_STRATEGY_NONE
        self.trim_strategy_arg_idx = 0  # position of the threshold in argv, for rewriting
        self.approx_trim = 0       # 1 = remove whole nodes only
        self.limit = 0             # entries to remove at the most; 0 = no limit
        self.maxlen = 0
        self.minid = None          # streamID, for TRIM_STRATEGY_MINID


class streamIterator:
    """Walk over live entries between two IDs: streamIteratorStart, then GetID, then GetField once a field."""
    __slots__ = ("stream", "master_id", "master_fields_count", "master_fields_start", "master_fields_ptr",
                 "entry_flags", "rev", "start_key", "end_key", "ri", "lp", "lp_ele", "lp_flags")

    def __init__(self):
        self.stream = None
        self.master_id = None      # streamID of the current listpack
        self.master_fields_count = 0
        self.master_fields_start = None  # position of the first master field
        self.master_fields_ptr = None    # master field to hand out next
        self.entry_flags = 0       # STREAM_ITEM_FLAG_* of the current entry
        self.rev = 0               # 1 = from the end to the start
        self.start_key = b""       # 16 bytes, included
        self.end_key = b""         # 16 bytes, included
        self.ri = raxIterator()
        self.lp = None             # current listpack
        self.lp_ele = None         # position in it
        self.lp_flags = None       # position of the current entry's flags


# ---------------------------------------------------------------------------
# Low level stream encoding: a radix tree of listpacks
# ---------------------------------------------------------------------------

def streamNew():
    return stream()


def freeStream(s):
    """Cut every link, since PELs and consumers refer to each other and the cyclic collector is off."""
    raxFree(s.rax)
    if s.cgroups is not None:
        raxFreeWithCallback(s.cgroups, streamFreeCG)
    s.rax = s.cgroups = s.tail = None


def streamIncrID(id_):
    """Return (C_OK, next ID), or (C_ERR, 0-0) after the greatest one."""
    if id_.seq != UINT64_MAX:
        return C_OK, streamID(id_.ms, id_.seq + 1)
    if id_.ms != UINT64_MAX:
        return C_OK, streamID(id_.ms + 1, 0)
    return C_ERR, streamID(0, 0)


def streamDecrID(id_):
    """Return (C_OK, ID before), or (C_ERR, greatest ID) before 0-0."""
    if id_.seq != 0:
        return C_OK, streamID(id_.ms, id_.seq - 1)
    if id_.ms != 0:
        return C_OK, streamID(id_.ms - 1, UINT64_MAX)
    return C_ERR, streamID(UINT64_MAX, UINT64_MAX)


def streamNextID(last_id):
    """Return the ID for a new entry: the time, or last_id + 1 while the clock has not passed it."""
    ms = mstime()
    if ms > last_id.ms:
        return streamID(ms, 0)
    return streamIncrID(last_id)[1]


def streamDup(o):
    """Return a copy of a stream object, groups included (COPY)."""
    serverAssert(o.type == OBJ_STREAM)
    if o.encoding != OBJ_ENCODING_STREAM:
        serverPanic("Wrong encoding.")
    sobj = createStreamObject()
    s, new_s = o.ptr, sobj.ptr
    for key, lp in rax_items(s.rax):
        raxInsert(new_s.rax, key, bytearray(lp))
    new_s.length = s.length
    new_s.last_id = s.last_id
    if s.cgroups is None:
        return sobj
    for name, cg in rax_items(s.cgroups):
        new_cg = streamCreateCG(new_s, name, cg.last_id)
        serverAssert(new_cg is not None)
        for key, nack in rax_items(cg.pel):
            new_nack = streamCreateNACK(None)
            new_nack.delivery_time = nack.delivery_time
            new_nack.delivery_count = nack.delivery_count
            raxInsert(new_cg.pel, key, new_nack)
        for cname, consumer in rax_items(cg.consumers):
            new_consumer = streamConsumer(cname)
            new_consumer.seen_time = consumer.seen_time
            raxInsert(new_cg.consumers, cname, new_consumer)
            for key, _ in rax_items(consumer.pel):
                new_nack = raxFind(new_cg.pel, key)
                serverAssert(new_nack is not raxNotFound)
                new_nack.consumer = new_consumer
                raxInsert(new_consumer.pel, key, new_nack)
    return sobj


def rax_items(rt):
    """Generate the (key, data) pairs of a rax in order; the tree must not change meanwhile."""
    ri = raxIterator()
    raxStart(ri, rt)
    raxSeek(ri, "^")
    while raxNext(ri):
        yield ri.key, ri.data
    raxStop(ri)


def as_int64(value):
    """Wrap an unsigned difference into a signed 64-bit number, as C's conversion does."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def lpAppendInteger(lp, value):
    """Append a 64-bit integer -> lp."""
    return lpAppend(lp, ll2string(value))


def lpReplaceInteger(lp, pos, value):
    """Replace the element at pos by a 64-bit integer -> (lp, pos)."""
    return lpInsert(lp, ll2string(value), pos, LP_REPLACE)


def lpGetIntegerIfValid(lp, ele):
    """Return (value, valid)."""
    v = lpGet(lp, ele)
    if type(v) is int:
        return v, 1
    ok, ll = string2ll(v)
    return ll, ok


def lpGetInteger(lp, ele):
    v = lpGet(lp, ele)
    if type(v) is not int:
        ok, v = string2ll(v)
        serverAssert(ok != 0)
    return v


def lpGetEdgeStreamID(lp, first, master_id):
    """Return the ID of the first or last entry of a listpack (tombstones count), or None."""
    if lp is None:
        return None
    if first:
        lp_ele = lpNext(lp, lpNext(lp, lpFirst(lp)))    # past count and deleted: num-fields
        for _ in range(lpGetInteger(lp, lp_ele) + 1):
            lp_ele = lpNext(lp, lp_ele)
        lp_ele = lpNext(lp, lp_ele)                     # past the zero terminator
        if lp_ele is None:
            return None
    else:
        lp_ele = lpLast(lp)
        lp_count = lpGetInteger(lp, lp_ele)
        if lp_count == 0:                               # the master entry
            return None
        for _ in range(lp_count):
            lp_ele = lpPrev(lp, lp_ele)
    lp_ele = lpNext(lp, lp_ele)                         # past flags
    ms = (master_id.ms + lpGetInteger(lp, lp_ele)) & UINT64_MAX
    lp_ele = lpNext(lp, lp_ele)
    return streamID(ms, (master_id.seq + lpGetInteger(lp, lp_ele)) & UINT64_MAX)


def streamEncodeID(id_):
    """Return the ID as 16 big-endian bytes, which sort as the IDs do."""
    return (id_.ms << 64 | id_.seq).to_bytes(16, "big")


def streamDecodeID(buf):
    return streamID(int.from_bytes(buf[:8], "big"), int.from_bytes(buf[8:16], "big"))


def streamCompareID(a, b):
    """Return -1, 0 or 1."""
    if a.ms != b.ms:
        return 1 if a.ms > b.ms else -1
    if a.seq != b.seq:
        return 1 if a.seq > b.seq else -1
    return 0


def streamGetEdgeID(s, first):
    """Return the first or last ID of the stream, tombstones included; the other end of the range when it is empty."""
    ri = raxIterator()
    raxStart(ri, s.rax)
    raxSeek(ri, "^" if first else "$")
    found = raxNext(ri) if first else raxPrev(ri)
    edge_id = None
    if found:
        edge_id = lpGetEdgeStreamID(ri.data, first, streamDecodeID(ri.key))
    raxStop(ri)
    if edge_id is None:
        edge_id = streamID(UINT64_MAX, UINT64_MAX) if first else streamID(0, 0)
    return edge_id


def streamAppendItem(s, argv, numfields, use_id):
    """Add an entry; argv holds field, value, field, value ... as robj; use_id None generates the ID.  HOT

    -> (C_OK, ID), (C_ERR, EDOM) when the ID is not greater than the last one, (C_ERR, ERANGE) when the entry is too large.
    """
    id_ = use_id if use_id is not None else streamNextID(s.last_id)
    if streamCompareID(id_, s.last_id) <= 0:
        return C_ERR, EDOM

    # A listpack holds at most 4 GB: refuse entries that come near, so that its operations need no check.
    totelelen = 0
    for i in range(numfields * 2):
        totelelen += len(argv[i].ptr)
    if totelelen > STREAM_LISTPACK_MAX_SIZE:
        return C_ERR, ERANGE

    ri = raxIterator()
    raxStart(ri, s.rax)
    raxSeek(ri, "$")
    lp_bytes = 0
    lp = None
    if raxNext(ri):                                         # the tail listpack
        lp = ri.data
        lp_bytes = lpBytes(lp)
    raxStop(ri)

    if lp is not None:
        new_node = 0
        node_max_bytes = server.stream_node_max_bytes
        if node_max_bytes == 0 or node_max_bytes > STREAM_LISTPACK_MAX_SIZE:
            node_max_bytes = STREAM_LISTPACK_MAX_SIZE
        if lp_bytes + totelelen >= node_max_bytes:
            new_node = 1
        elif server.stream_node_max_entries:
            lp_ele = lpFirst(lp)
            count = lpGetInteger(lp, lp_ele) + lpGetInteger(lp, lpNext(lp, lp_ele))     # live and deleted entries
            if count >= server.stream_node_max_entries:
                new_node = 1
        if new_node:
            lpShrinkToFit(lp)
            lp = None

    flags = STREAM_ITEM_FLAG_NONE
    if lp is None:
        master_id = id_
        rax_key = streamEncodeID(id_)
        prealloc = STREAM_LISTPACK_MAX_PRE_ALLOCATE
        if 0 < server.stream_node_max_bytes < prealloc:
            prealloc = server.stream_node_max_bytes
        lp = lpNew(prealloc)
        lp = lpAppendInteger(lp, 1)                         # count: the entry below
        lp = lpAppendInteger(lp, 0)                         # deleted
        lp = lpAppendInteger(lp, numfields)
        for i in range(numfields):
            lp = lpAppend(lp, argv[i * 2].ptr)
        lp = lpAppendInteger(lp, 0)                         # the terminator of the master entry
        raxInsert(s.rax, rax_key, lp)
        s.tail = None
        flags |= STREAM_ITEM_FLAG_SAMEFIELDS
    else:
        rax_key = ri.key
        serverAssert(len(rax_key) == 16)
        master_id = streamDecodeID(rax_key)
        lp_ele = lpFirst(lp)

        count = lpGetInteger(lp, lp_ele)
        lp, lp_ele = lpReplaceInteger(lp, lp_ele, count + 1)
        lp_ele = lpNext(lp, lp_ele)                         # deleted
        lp_ele = lpNext(lp, lp_ele)                         # num-fields of the master entry

        master_fields_count = lpGetInteger(lp, lp_ele)
        lp_ele = lpNext(lp, lp_ele)
        if numfields == master_fields_count:
            same = 1
            for i in range(master_fields_count):
                if lp_get_bytes(lp, lp_ele) != argv[i * 2].ptr:
                    same = 0
                    break
                lp_ele = lpNext(lp, lp_ele)
            if same:
                flags |= STREAM_ITEM_FLAG_SAMEFIELDS

    lp = lpAppendInteger(lp, flags)
    lp = lpAppendInteger(lp, as_int64(id_.ms - master_id.ms))
    lp = lpAppendInteger(lp, as_int64(id_.seq - master_id.seq))
    if not flags & STREAM_ITEM_FLAG_SAMEFIELDS:
        lp = lpAppendInteger(lp, numfields)
    for i in range(numfields):
        field, value = argv[i * 2].ptr, argv[i * 2 + 1].ptr
        if not flags & STREAM_ITEM_FLAG_SAMEFIELDS:
            lp = lpAppend(lp, field)
        lp = lpAppend(lp, value)
    lp_count = numfields + 3                                # flags, ms-diff, seq-diff
    if not flags & STREAM_ITEM_FLAG_SAMEFIELDS:
        lp_count += numfields + 1                           # the fields, and their number
    lp = lpAppendInteger(lp, lp_count)

    # C: raxInsert, in case the listpack has moved.  Ours is changed in place.
    s.length = (s.length + 1) & UINT64_MAX                  # wraps as in C, in case a payload has claimed too many
    s.last_id = id_
    return C_OK, id_


def streamTrim(s, args):
    """Remove entries from the head as `args` say -> how many.  Nodes go whole; the last one entry by entry, if exact."""
    strategy = args.trim_strategy
    limit = args.limit
    if strategy == TRIM_STRATEGY_NONE:
        return 0
    ri = raxIterator()
    raxStart(ri, s.rax)
    raxSeek(ri, "^")
    deleted = 0
    while raxNext(ri):
        if strategy == TRIM_STRATEGY_MAXLEN and s.length <= args.maxlen:
            break
        lp = ri.data
        entries = lpGetInteger(lp, lpFirst(lp))
        if limit and deleted + entries > limit:         # enough work
            break
        master_id = streamDecodeID(ri.key)
        if strategy == TRIM_STRATEGY_MAXLEN:
            remove_node = s.length - entries >= args.maxlen
        else:
            last_id = lpGetEdgeStreamID(lp, 0, master_id)
            remove_node = last_id is None or streamCompareID(last_id, args.minid) < 0
        if remove_node:
            key = ri.key
            raxRemove(s.rax, key)
            s.tail = None
            raxSeek(ri, ">=", key)
            s.length = (s.length - entries) & UINT64_MAX
            deleted += entries
            continue
        if args.approx_trim:
            break
        deleted += streamTrim_listpack(s, lp, master_id, args, entries)
        break                               # no further node has to be trimmed
    raxStop(ri)
    return deleted


def streamTrim_listpack(s, lp, master_id, args, entries):
    """Mark entries at the head of one listpack as deleted until `args` are met -> how many."""
    deleted_from_lp = 0
    p = lpNext(lp, lpNext(lp, lpFirst(lp)))             # num-fields of the master entry
    master_fields_count = lpGetInteger(lp, p)
    for _ in range(master_fields_count + 2):            # past it, the fields, the terminator
        p = lpNext(lp, p)
    while p is not None:
        pflags = p
        flags = lpGetInteger(lp, p)
        p = lpNext(lp, p)
        ms_delta = lpGetInteger(lp, p)
        p = lpNext(lp, p)
        seq_delta = lpGetInteger(lp, p)
        p = lpNext(lp, p)
        if args.trim_strategy == TRIM_STRATEGY_MAXLEN:
            if s.length <= args.maxlen:
                break
        else:
            currid = streamID((master_id.ms + ms_delta) & UINT64_MAX, (master_id.seq + seq_delta) & UINT64_MAX)
            if streamCompareID(currid, args.minid) >= 0:
                break
        if flags & STREAM_ITEM_FLAG_SAMEFIELDS:
            to_skip = master_fields_count
        else:
            to_skip = lpGetInteger(lp, p) * 2
            p = lpNext(lp, p)
        for _ in range(to_skip + 1):                    # fields, values, lp-count
            p = lpNext(lp, p)
        if not flags & STREAM_ITEM_FLAG_DELETED:
            lpReplaceInteger(lp, pflags, flags | STREAM_ITEM_FLAG_DELETED)  # same size: positions stay valid
            deleted_from_lp += 1
            s.length = (s.length - 1) & UINT64_MAX
    p = lpFirst(lp)
    lp, p = lpReplaceInteger(lp, p, entries - deleted_from_lp)
    p = lpNext(lp, p)
    lpReplaceInteger(lp, p, lpGetInteger(lp, p) + deleted_from_lp)
    return deleted_from_lp


# ---------------------------------------------------------------------------
# Iterator
# ---------------------------------------------------------------------------

def streamIteratorStart(si, s, start, end, rev):
    """Walk the IDs start..end, both included, None = open; rev: from end to start."""
    si.start_key = streamEncodeID(start) if start is not None else b"\0" * 16
    si.end_key = streamEncodeID(end) if end is not None else b"\xff" * 16
    raxStart(si.ri, s.rax)
    if not rev:
        if start is not None and (start.ms or start.seq):
            raxSeek(si.ri, "<=", si.start_key)          # the node that may hold it
            if raxEOF(si.ri):
                raxSeek(si.ri, "^")
        else:
            raxSeek(si.ri, "^")
    else:
        if end is not None and (end.ms or end.seq):
            raxSeek(si.ri, "<=", si.end_key)
            if raxEOF(si.ri):
                raxSeek(si.ri, "$")
        else:
            raxSeek(si.ri, "$")
    si.stream = s
    si.lp = None
    si.lp_ele = None
    si.rev = rev


def streamIteratorGetID(si):
    """Step to the next live entry -> (1, ID, number of fields), or (0, None, 0) at the end of the range."""
    while True:
        if si.lp is None or si.lp_ele is None:          # next node
            if not (raxPrev(si.ri) if si.rev else raxNext(si.ri)):
                return 0, None, 0
            serverAssert(len(si.ri.key) == 16)
            si.master_id = streamDecodeID(si.ri.key)
            lp = si.lp = si.ri.data
            ele = lpNext(lp, lpNext(lp, lpFirst(lp)))   # num-fields
            si.master_fields_count = lpGetInteger(lp, ele)
            si.master_fields_start = si.lp_ele = lpNext(lp, ele)
            if not si.rev:
                for _ in range(si.master_fields_count):
                    si.lp_ele = lpNext(lp, si.lp_ele)   # ends on the terminator
            else:
                si.lp_ele = lpLast(lp)
        elif si.rev:                                    # from the lp-count of the entry just given to the one before
            for _ in range(lpGetInteger(si.lp, si.lp_ele) + 1):
                si.lp_ele = lpPrev(si.lp, si.lp_ele)

        while True:
            lp = si.lp
            if not si.rev:
                si.lp_ele = lpNext(lp, si.lp_ele)       # past the lp-count of the entry before
                if si.lp_ele is None:
                    break
            else:
                lp_count = lpGetInteger(lp, si.lp_ele)
                if lp_count == 0:                       # the master entry
                    si.lp = si.lp_ele = None
                    break
                for _ in range(lp_count):
                    si.lp_ele = lpPrev(lp, si.lp_ele)
            si.lp_flags = ele = si.lp_ele
            flags = lpGetInteger(lp, ele)
            ele = lpNext(lp, ele)
            ms = (si.master_id.ms + lpGetInteger(lp, ele)) & UINT64_MAX
            ele = lpNext(lp, ele)
            seq = (si.master_id.seq + lpGetInteger(lp, ele)) & UINT64_MAX
            ele = lpNext(lp, ele)
            if flags & STREAM_ITEM_FLAG_SAMEFIELDS:
                numfields = si.master_fields_count
            else:
                numfields = lpGetInteger(lp, ele)
                ele = lpNext(lp, ele)
            serverAssert(numfields >= 0)
            si.lp_ele = ele

            if not flags & STREAM_ITEM_FLAG_DELETED:
                id_ = streamID(ms, seq)
                buf = streamEncodeID(id_)
                if (buf <= si.end_key) if si.rev else (buf >= si.start_key):
                    if (buf < si.start_key) if si.rev else (buf > si.end_key):
                        return 0, None, 0               # past the end of the range
                    si.entry_flags = flags
                    if flags & STREAM_ITEM_FLAG_SAMEFIELDS:
                        si.master_fields_ptr = si.master_fields_start
                    return 1, id_, numfields

            # The entry is not returned: go forward to its lp-count, or back to the lp-count before it.
            if not si.rev:
                for _ in range(numfields if flags & STREAM_ITEM_FLAG_SAMEFIELDS else numfields * 2):
                    si.lp_ele = lpNext(lp, si.lp_ele)
            else:
                for _ in range(4 if flags & STREAM_ITEM_FLAG_SAMEFIELDS else 5):
                    si.lp_ele = lpPrev(lp, si.lp_ele)


def streamIteratorGetField(si):
    """Return the next (field, value) of the current entry, as bytes."""
    lp = si.lp
    if si.entry_flags & STREAM_ITEM_FLAG_SAMEFIELDS:
        field = lp_get_bytes(lp, si.master_fields_ptr)
        si.master_fields_ptr = lpNext(lp, si.master_fields_ptr)
    else:
        field = lp_get_bytes(lp, si.lp_ele)
        si.lp_ele = lpNext(lp, si.lp_ele)
    value = lp_get_bytes(lp, si.lp_ele)
    si.lp_ele = lpNext(lp, si.lp_ele)
    return field, value


def streamIteratorRemoveEntry(si, current):
    """Mark the current entry as deleted and seek on; only streamIteratorGetID may follow.  A node without live entries goes."""
    lp = si.lp
    lp, si.lp_flags = lpReplaceInteger(lp, si.lp_flags, lpGetInteger(lp, si.lp_flags) | STREAM_ITEM_FLAG_DELETED)
    p = lpFirst(lp)
    count = lpGetInteger(lp, p)
    if count == 1:
        raxRemove(si.stream.rax, si.ri.key)
        si.stream.tail = None
    else:
        lp, p = lpReplaceInteger(lp, p, count - 1)
        p = lpNext(lp, p)
        lpReplaceInteger(lp, p, lpGetInteger(lp, p) + 1)
    si.stream.length = (si.stream.length - 1) & UINT64_MAX
    if si.rev:
        start, end = streamDecodeID(si.start_key), current
    else:
        start, end = current, streamDecodeID(si.end_key)
    streamIteratorStop(si)
    streamIteratorStart(si, si.stream, start, end, si.rev)


def streamIteratorStop(si):
    raxStop(si.ri)


def streamDeleteItem(s, id_):
    """Delete one entry -> 1, or 0 if it is not there."""
    deleted = 0
    si = streamIterator()
    streamIteratorStart(si, s, id_, id_, 0)
    ok, myid, _ = streamIteratorGetID(si)
    if ok:
        streamIteratorRemoveEntry(si, myid)
        deleted = 1
    streamIteratorStop(si)
    return deleted


def streamLastValidID(s):
    """Return the ID of the last live entry (0-0 if there is none)."""
    si = streamIterator()
    streamIteratorStart(si, s, None, None, 1)
    ok, maxid, _ = streamIteratorGetID(si)
    if not ok and s.length:
        serverPanic("Corrupt stream, length is %d, but no max id", s.length)
    streamIteratorStop(si)
    return maxid if ok else streamID()


# ---------------------------------------------------------------------------
# Replies and propagation
# ---------------------------------------------------------------------------

def addReplyStreamID(c, id_):
    addReplyBulkSds(c, b"%d-%d" % (id_.ms, id_.seq))


def setDeferredReplyStreamID(c, dr, id_):
    setDeferredReplyBulkSds(c, dr, b"%d-%d" % (id_.ms, id_.seq))


def createObjectFromStreamID(id_):
    return createObject(OBJ_STRING, b"%d-%d" % (id_.ms, id_.seq))


def streamPropagateXCLAIM(c, key, group, groupname, id_, nack):
    """Propagate the new owner of a message to replicas and the AOF; `id_` is an robj.  Idempotent by FORCE and LASTID.

    C: propagate() and not alsoPropagate(), since a blocked client is served outside its command.
    """
    argv = [shared.xclaim, key, groupname, createStringObject(nack.consumer.name), shared.integers[0], id_,
            shared.time, createStringObjectFromLongLong(nack.delivery_time), shared.retrycount,
            createStringObjectFromLongLong(nack.delivery_count), shared.force, shared.justid, shared.lastid,
            createObjectFromStreamID(group.last_id)]
    propagate(server.xclaimCommand, c.db.id, argv, PROPAGATE_AOF | PROPAGATE_REPL)


def streamPropagateGroupID(c, key, group, groupname):
    """Propagate a group's last ID as XGROUP SETID (NOACK: there is no XCLAIM to carry it)."""
    argv = [shared.xgroup, shared.setid, key, groupname, createObjectFromStreamID(group.last_id)]
    propagate(server.xgroupCommand, c.db.id, argv, PROPAGATE_AOF | PROPAGATE_REPL)


def streamPropagateConsumerCreation(c, key, groupname, consumername):
    """Propagate a consumer that XREADGROUP NOACK created."""
    argv = [shared.xgroup, shared.createconsumer, key, groupname, createStringObject(consumername)]
    propagate(server.xgroupCommand, c.db.id, argv, PROPAGATE_AOF | PROPAGATE_REPL)


def streamReplyWithRange(c, s, start, end, count, rev, group, consumer, flags, spi):
    """Send the entries start..end, at most `count` (0: all) -> how many.

    With a group: moves its last ID on, and puts each entry into the PELs of group and consumer (unless
    STREAM_RWR_NOACK); `spi` names what to propagate.  STREAM_RWR_HISTORY sends the consumer's own PEL instead.
    """
    noack = flags & STREAM_RWR_NOACK
    if group is not None and flags & STREAM_RWR_HISTORY:
        return streamReplyWithRangeFromConsumerPEL(c, s, start, end, count, consumer)
    arraylen_ptr = None
    if not flags & STREAM_RWR_RAWENTRIES:
        arraylen_ptr = addReplyDeferredLen(c)
    propagate_last_id = 0
    arraylen = 0
    si = streamIterator()
    streamIteratorStart(si, s, start, end, rev)
    while True:
        ok, id_, numfields = streamIteratorGetID(si)
        if not ok:
            break
        if group is not None and streamCompareID(id_, group.last_id) > 0:
            group.last_id = id_
            if noack:                       # otherwise the XCLAIM propagates it
                propagate_last_id = 1
        addReplyArrayLen(c, 2)
        addReplyStreamID(c, id_)
        addReplyArrayLen(c, numfields * 2)
        for _ in range(numfields):
            field, value = streamIteratorGetField(si)
            addReplyBulkCBuffer(c, field)
            addReplyBulkCBuffer(c, value)
        if group is not None and not noack:
            streamReplyWithRange_nack(c, group, consumer, id_, spi)
        arraylen += 1
        if count and count == arraylen:
            break
    if spi is not None and propagate_last_id:
        streamPropagateGroupID(c, spi.keyname, group, spi.groupname)
    streamIteratorStop(si)
    if arraylen_ptr is not None:
        setDeferredArrayLen(c, arraylen_ptr, arraylen)
    return arraylen


def streamReplyWithRange_nack(c, group, consumer, id_, spi):
    """Note a delivery in the PELs.  The entry may have an owner already, since XGROUP SETID can go back."""
    buf = streamEncodeID(id_)
    nack = streamCreateNACK(consumer)
    group_inserted, _ = raxTryInsert(group.pel, buf, nack)
    consumer_inserted, _ = raxTryInsert(consumer.pel, buf, nack)
    if not group_inserted:
        nack = raxFind(group.pel, buf)
        serverAssert(nack is not raxNotFound)
        raxRemove(nack.consumer.pel, buf)
        nack.consumer = consumer
        nack.delivery_time = mstime()
        nack.delivery_count = 1
        raxInsert(consumer.pel, buf, nack)
    elif not consumer_inserted:
        serverPanic("NACK half-created. Should not be possible.")
    if spi is not None:
        streamPropagateXCLAIM(c, spi.keyname, group, spi.groupname, createObjectFromStreamID(id_), nack)


def streamReplyWithRangeFromConsumerPEL(c, s, start, end, count, consumer):
    """Send the consumer's own pending entries from `start` on -> how many.  A deleted entry gives its ID and a nil."""
    startkey = streamEncodeID(start)
    endkey = streamEncodeID(end) if end is not None else None
    arraylen = 0
    arraylen_ptr = addReplyDeferredLen(c)
    ri = raxIterator()
    raxStart(ri, consumer.pel)
    raxSeek(ri, ">=", startkey)
    while raxNext(ri) and (not count or arraylen < count):
        if endkey is not None and ri.key > endkey:
            break
        thisid = streamDecodeID(ri.key)
        if streamReplyWithRange(c, s, thisid, thisid, 1, 0, None, None, STREAM_RWR_RAWENTRIES, None) == 0:
            addReplyArrayLen(c, 2)
            addReplyStreamID(c, thisid)
            addReplyNullArray(c)
        else:
            nack = ri.data
            nack.delivery_time = mstime()
            nack.delivery_count = to_ullong(nack.delivery_count + 1)
        arraylen += 1
    raxStop(ri)
    setDeferredArrayLen(c, arraylen_ptr, arraylen)
    return arraylen


# ---------------------------------------------------------------------------
# Low level implementation of consumer groups
# ---------------------------------------------------------------------------

def streamCreateNACK(consumer):
    """Return a NACK delivered now, for the first time."""
    nack = streamNACK()
    nack.delivery_time = mstime()
    nack.consumer = consumer
    return nack


def streamFreeNACK(na):
    na.consumer = None


def streamFreeConsumer(sc):
    """Forget the consumer's PEL; its NACKs belong to the group."""
    raxFree(sc.pel)


def streamCreateCG(s, name, id_):
    """Create a group -> streamCG, or None if the name is taken."""
    if s.cgroups is None:
        s.cgroups = raxNew()
    if raxFind(s.cgroups, name) is not raxNotFound:
        return None
    cg = streamCG()
    cg.last_id = id_
    raxInsert(s.cgroups, name, cg)
    return cg


def streamFreeCG(cg):
    raxFreeWithCallback(cg.pel, streamFreeNACK)
    raxFreeWithCallback(cg.consumers, streamFreeConsumer)


def streamLookupCG(s, groupname):
    """Return the streamCG, or None."""
    if s.cgroups is None:
        return None
    cg = raxFind(s.cgroups, groupname)
    return None if cg is raxNotFound else cg


def streamLookupConsumer(cg, name, flags):
    """Look a consumer up, creating and refreshing it unless SLC_* say otherwise -> (consumer or None, created)."""
    created = 0
    consumer = raxFind(cg.consumers, name)
    if consumer is raxNotFound:
        if flags & SLC_NOCREAT:
            return None, 0
        consumer = streamConsumer(name)
        raxInsert(cg.consumers, name, consumer)
        consumer.seen_time = mstime()
        created = 1
    elif not flags & SLC_NOREFRESH:
        consumer.seen_time = mstime()
    return consumer, created


def streamDelConsumer(cg, name):
    """Delete a consumer with its pending messages -> how many those were."""
    consumer, _ = streamLookupConsumer(cg, name, SLC_NOCREAT | SLC_NOREFRESH)
    if consumer is None:
        return 0
    retval = raxSize(consumer.pel)
    for key, nack in rax_items(consumer.pel):
        raxRemove(cg.pel, key)
        streamFreeNACK(nack)
    raxRemove(cg.consumers, name)
    streamFreeConsumer(consumer)
    return retval


# ---------------------------------------------------------------------------
# Validate a listpack that was received from outside
# ---------------------------------------------------------------------------

class listpack_walk:
    """Steps over a listpack of unknown origin; `ok` turns 0 at the first broken element."""
    __slots__ = ("lp", "size", "p", "next", "ok")

    def __init__(self, lp, size):
        self.lp = lp
        self.size = size
        self.p = lpValidateFirst(lp)
        self.ok, self.next = lpValidateNext(lp, self.p, size) if self.p is not None else (0, None)

    def step(self):
        """Stand on the following element."""
        self.p = self.next
        ok, self.next = lpValidateNext(self.lp, self.next, self.size) if self.p is not None else (0, None)
        self.ok = self.ok and ok

    def integer(self):
        """Return the integer the walk stands on, and step on; `ok` turns 0 if it is none."""
        if not self.ok or self.p is None or self.next is None:
            self.ok = 0
            return 0
        value, valid = lpGetIntegerIfValid(self.lp, self.p)
        if not valid:
            self.ok = 0
        self.step()
        return value


def streamValidateListpackIntegrity(lp, size, deep):
    """Check a listpack of stream entries -> 1 or 0.  `deep` checks every entry, field counts and lp-count included."""
    if not lpValidateIntegrity(lp, size, 0):
        return 0
    if not deep:
        return 1
    walk = listpack_walk(lp, size)
    entry_count = walk.integer()
    deleted_count = walk.integer()
    master_fields = walk.integer()
    for _ in range(master_fields):
        if not walk.ok:
            return 0
        walk.step()
    if walk.integer() != 0 or not walk.ok:              # the master entry's terminator
        return 0
    for _ in range(entry_count + deleted_count):
        if not walk.ok or walk.p is None:
            return 0
        fields, extra_fields = master_fields, 3
        flags = walk.integer()
        walk.integer()                                  # ms-diff
        walk.integer()                                  # seq-diff
        if not walk.ok:
            return 0
        if not flags & STREAM_ITEM_FLAG_SAMEFIELDS:
            fields = walk.integer()
            for _ in range(fields):
                if not walk.ok:
                    return 0
                walk.step()
            extra_fields += fields + 1
        for _ in range(fields):
            if not walk.ok:
                return 0
            walk.step()
        if not walk.ok or walk.p is None:
            return 0
        if walk.integer() != fields + extra_fields or not walk.ok:
            return 0
    return 1 if walk.next is None else 0
