"""quicklist.py - a linked list of ziplists.                    Mirrors src/quicklist.c (6.2.14)

Lives here   quicklist, its nodes, iterators and entries: the value of every list key.
Called from  t_list, sort, rdb, aof, debug, object, lazyfree [command] [child] [startup] [bio].
Calls out    ziplist (one per node), lzf (nodes deeper than `compress` from both ends).
State        none of its own.
Invariant    count == sum of node.count; len == number of nodes; node.sz == len of its (uncompressed) ziplist; no node is empty;
             with compress = N the N nodes at either end are raw, at least between commands.
Departures   out-parameters are results: ok, value, longval = quicklistPop(ql, where).
             Entries are filled in place as in C: entry.value is bytes, or None when entry.longval (int) counts.
             A quicklist that is dropped cuts the links of its nodes by itself (__del__): they would be cycles, and the cycle
             collector is off (D-11).  Bookmarks are left out (D-22).
Extend       another container: QUICKLIST_NODE_CONTAINER_*, and every place that reads node.zl.
"""
from datastructs.lzf import lzf_compress, lzf_decompress
from datastructs.ziplist import (
    ZIPLIST_HEAD, ZIPLIST_TAIL, ziplistBlobLen, ziplistCompare, ziplistDelete, ziplistDeleteRange, ziplistGet, ziplistIndex,
    ziplistInsert, ziplistLen, ziplistMerge, ziplistNew, ziplistNext, ziplistPrev, ziplistPush, ziplistReplace)

optimization_level = (4096, 8192, 16384, 32768, 65536)   # bytes per node, for fill -1 .. -5
SIZE_SAFETY_LIMIT = 8192           # bytes of a node with more than one element, whatever its fill
MIN_COMPRESS_BYTES = 48            # do not compress smaller ziplists
MIN_COMPRESS_IMPROVE = 8           # bytes that compression must save

QUICKLIST_HEAD = 0
QUICKLIST_TAIL = -1
QUICKLIST_NODE_ENCODING_RAW = 1
QUICKLIST_NODE_ENCODING_LZF = 2
QUICKLIST_NOCOMPRESS = 0
QUICKLIST_NODE_CONTAINER_NONE = 1
QUICKLIST_NODE_CONTAINER_ZIPLIST = 2
AL_START_HEAD = 0
AL_START_TAIL = 1

COMPRESS_MAX = (1 << 16) - 1
FILL_MAX = (1 << 15) - 1
UINT_MAX = 0xffffffff


def quicklistNodeIsCompressed(node):
    return node.encoding == QUICKLIST_NODE_ENCODING_LZF


class quicklistNode:
    """One ziplist, and its place in the chain."""
    __slots__ = ("prev", "next", "zl", "sz", "count", "encoding", "container", "recompress", "attempted_compress")

    def __init__(self):
        self.prev = None           # quicklistNode
        self.next = None           # quicklistNode
        self.zl = None             # bytearray; a quicklistLZF while encoding is LZF
        self.sz = 0                # bytes of the ziplist, uncompressed
        self.count = 0             # its elements
        self.encoding = QUICKLIST_NODE_ENCODING_RAW
        self.container = QUICKLIST_NODE_CONTAINER_ZIPLIST
        self.recompress = 0        # 1 = decompressed for use, to be compressed again
        self.attempted_compress = 0  # set by tests of C only


class quicklistLZF:
    """A compressed ziplist."""
    __slots__ = ("sz", "compressed")

    def __init__(self, compressed):
        self.sz = len(compressed)  # bytes
        self.compressed = compressed


class quicklist:
    """The list.  Mutated by commands; freed where its last holder drops it."""
    __slots__ = ("head", "tail", "count", "len", "fill", "compress")

    def __init__(self):
        self.head = None           # quicklistNode
        self.tail = None           # quicklistNode
        self.count = 0             # elements in all nodes
        self.len = 0               # nodes
        self.fill = -2             # > 0: elements per node; -1 .. -5: optimization_level
        self.compress = 0          # nodes at either end that stay raw; 0 = compression off

    def __del__(self):
        node = self.head
        while node is not None:
            next_ = node.next
            node.prev = node.next = None
            node = next_


class quicklistIter:
    """A walk.  zi None: offset says where to start in current."""
    __slots__ = ("quicklist", "current", "zi", "offset", "direction")

    def __init__(self):
        self.quicklist = None
        self.current = None        # quicklistNode; None = past the end
        self.zi = None             # position in current.zl, or None
        self.offset = 0            # index in current; negative when walking backwards
        self.direction = AL_START_HEAD


class quicklistEntry:
    """One element as found by quicklistNext or quicklistIndex.  Any change of the list outdates it."""
    __slots__ = ("quicklist", "node", "zi", "value", "longval", "sz", "offset")

    def __init__(self):
        initEntry(self)


def initEntry(e):
    e.zi = e.value = None          # value: bytes, or None if the element is an integer
    e.longval = -123456789
    e.quicklist = None
    e.node = None
    e.offset = 123456789           # index in node; negative = from its tail
    e.sz = 0


def entry_load(e, value):
    """Put what ziplistGet returned into the entry's value, sz, longval."""
    if type(value) is int:
        e.value = None
        e.longval = value
    else:
        e.value = value
        e.sz = len(value)


def quicklistCreate():
    return quicklist()


def quicklistSetCompressDepth(ql, compress):
    ql.compress = min(max(compress, 0), COMPRESS_MAX)


def quicklistSetFill(ql, fill):
    ql.fill = min(max(fill, -5), FILL_MAX)


def quicklistSetOptions(ql, fill, depth):
    quicklistSetFill(ql, fill)
    quicklistSetCompressDepth(ql, depth)


def quicklistNew(fill, compress):
    ql = quicklistCreate()
    quicklistSetOptions(ql, fill, compress)
    return ql


def quicklistCreateNode():
    return quicklistNode()


def quicklistCount(ql):
    return ql.count


# ---------------------------------------------------------------------------
# Compression of nodes
# ---------------------------------------------------------------------------

def __quicklistCompressNode(node):
    """Compress the node if that saves enough -> 1 or 0."""
    if node.sz < MIN_COMPRESS_BYTES:
        return 0
    compressed = lzf_compress(node.zl, node.sz)
    if not compressed or len(compressed) + MIN_COMPRESS_IMPROVE >= node.sz:
        return 0
    node.zl = quicklistLZF(bytes(compressed))
    node.encoding = QUICKLIST_NODE_ENCODING_LZF
    node.recompress = 0
    return 1


def quicklistCompressNode(node):
    if node is not None and node.encoding == QUICKLIST_NODE_ENCODING_RAW:
        __quicklistCompressNode(node)


def __quicklistDecompressNode(node):
    """Decompress the node -> 1, or 0 when the compressed bytes are damaged (the node then stays as it is)."""
    decompressed = lzf_decompress(node.zl.compressed, node.sz)
    if not decompressed:
        return 0
    node.zl = bytearray(decompressed)
    node.encoding = QUICKLIST_NODE_ENCODING_RAW
    return 1


def quicklistDecompressNode(node):
    if node is not None and node.encoding == QUICKLIST_NODE_ENCODING_LZF:
        __quicklistDecompressNode(node)


def quicklistDecompressNodeForUse(node):
    """Decompress the node and mark it, so that it is compressed again after use."""
    if node is not None and node.encoding == QUICKLIST_NODE_ENCODING_LZF:
        __quicklistDecompressNode(node)
        node.recompress = 1


def quicklistGetLzf(node):
    """Give the bytes of a compressed node, for the RDB file -> bytes."""
    return node.zl.compressed


def __quicklistCompress(ql, node):
    """Bring the ends of the list to raw, and `node` plus the first nodes beyond the depth to compressed.

    Called after every change of the chain, so that only the nodes next to the border can be in the wrong state:
    the cost is O(compress), not O(len).
    """
    if ql.compress == 0 or ql.len < ql.compress * 2:
        return
    forward = ql.head
    reverse = ql.tail
    depth = 0
    in_depth = 0
    while depth < ql.compress:
        depth += 1
        quicklistDecompressNode(forward)
        quicklistDecompressNode(reverse)
        if forward is node or reverse is node:
            in_depth = 1
        # The two pointers have met: every node is within the depth.
        if forward is reverse or forward.next is reverse:
            return
        forward = forward.next
        reverse = reverse.prev
    if not in_depth:
        quicklistCompressNode(node)
    quicklistCompressNode(forward)
    quicklistCompressNode(reverse)


def quicklistCompress(ql, node):
    if node.recompress:
        quicklistCompressNode(node)
    elif ql.compress:
        __quicklistCompress(ql, node)


def quicklistRecompressOnly(ql, node):
    if node.recompress:
        quicklistCompressNode(node)


# ---------------------------------------------------------------------------
# Nodes
# ---------------------------------------------------------------------------

def __quicklistInsertNode(ql, old_node, new_node, after):
    """Link new_node behind (after = 1) or before old_node; old_node None: it becomes the only node."""
    if after:
        new_node.prev = old_node
        if old_node is not None:
            new_node.next = old_node.next
            if old_node.next is not None:
                old_node.next.prev = new_node
            old_node.next = new_node
        if ql.tail is old_node:
            ql.tail = new_node
    else:
        new_node.next = old_node
        if old_node is not None:
            new_node.prev = old_node.prev
            if old_node.prev is not None:
                old_node.prev.next = new_node
            old_node.prev = new_node
        if ql.head is old_node:
            ql.head = new_node
    if ql.len == 0:
        ql.head = ql.tail = new_node
    # ORDER: len first, __quicklistCompress relies on it.
    ql.len += 1
    if old_node is not None:
        quicklistCompress(ql, old_node)


def _quicklistInsertNodeBefore(ql, old_node, new_node):
    __quicklistInsertNode(ql, old_node, new_node, 0)


def _quicklistInsertNodeAfter(ql, old_node, new_node):
    __quicklistInsertNode(ql, old_node, new_node, 1)


def _quicklistNodeSizeMeetsOptimizationRequirement(sz, fill):
    if fill >= 0:
        return 0
    offset = -fill - 1
    if offset < 5:
        return 1 if sz <= optimization_level[offset] else 0
    return 0


def _quicklistNodeAllowInsert(node, fill, sz):
    """Tell whether an element of sz bytes may go into this node -> 1 or 0."""
    if node is None:
        return 0
    ziplist_overhead = 1 if sz < 254 else 5                      # prevlen of the next entry
    ziplist_overhead += 1 if sz < 64 else 2 if sz < 16384 else 5  # encoding
    # This is too much for elements that are encoded as integers; C computes the same.
    new_sz = node.sz + sz + ziplist_overhead
    if _quicklistNodeSizeMeetsOptimizationRequirement(new_sz, fill):
        return 1
    if new_sz > SIZE_SAFETY_LIMIT:                               # sizeMeetsSafetyLimit
        return 0
    return 1 if node.count < fill else 0


def _quicklistNodeAllowMerge(a, b, fill):
    if a is None or b is None:
        return 0
    merge_sz = a.sz + b.sz - 11                                  # without one header and one end byte
    if _quicklistNodeSizeMeetsOptimizationRequirement(merge_sz, fill):
        return 1
    if merge_sz > SIZE_SAFETY_LIMIT:
        return 0
    return 1 if a.count + b.count <= fill else 0


def quicklistNodeUpdateSz(node):
    node.sz = ziplistBlobLen(node.zl)


def quicklistPushHead(ql, value):
    """Add a value at the head -> 1 if a new head node was made for it, else 0."""
    orig_head = ql.head
    if _quicklistNodeAllowInsert(ql.head, ql.fill, len(value)):
        ql.head.zl = ziplistPush(ql.head.zl, value, ZIPLIST_HEAD)
        quicklistNodeUpdateSz(ql.head)
    else:
        node = quicklistCreateNode()
        node.zl = ziplistPush(ziplistNew(), value, ZIPLIST_HEAD)
        quicklistNodeUpdateSz(node)
        _quicklistInsertNodeBefore(ql, ql.head, node)
    ql.count += 1
    ql.head.count += 1
    return 1 if orig_head is not ql.head else 0


def quicklistPushTail(ql, value):
    """Add a value at the tail -> 1 if a new tail node was made for it, else 0."""
    orig_tail = ql.tail
    if _quicklistNodeAllowInsert(ql.tail, ql.fill, len(value)):
        ql.tail.zl = ziplistPush(ql.tail.zl, value, ZIPLIST_TAIL)
        quicklistNodeUpdateSz(ql.tail)
    else:
        node = quicklistCreateNode()
        node.zl = ziplistPush(ziplistNew(), value, ZIPLIST_HEAD)
        quicklistNodeUpdateSz(node)
        _quicklistInsertNodeAfter(ql, ql.tail, node)
    ql.count += 1
    ql.tail.count += 1
    return 1 if orig_tail is not ql.tail else 0


def quicklistAppendZiplist(ql, zl):
    """Append a node made of this ziplist, which now belongs to the quicklist (RDB loading)."""
    node = quicklistCreateNode()
    node.zl = zl
    node.count = ziplistLen(zl)
    node.sz = ziplistBlobLen(zl)
    _quicklistInsertNodeAfter(ql, ql.tail, node)
    ql.count += node.count


def quicklistAppendValuesFromZiplist(ql, zl):
    """Append the values of a ziplist one by one -> ql."""
    p = ziplistIndex(zl, 0)
    while p is not None:
        value = ziplistGet(zl, p)
        quicklistPushTail(ql, b"%d" % value if type(value) is int else value)
        p = ziplistNext(zl, p)
    return ql


def quicklistCreateFromZiplist(fill, compress, zl):
    return quicklistAppendValuesFromZiplist(quicklistNew(fill, compress), zl)


def __quicklistDelNode(ql, node):
    """Unlink the node; its elements leave the count.  The node is dead afterwards."""
    if node.next is not None:
        node.next.prev = node.prev
    if node.prev is not None:
        node.prev.next = node.next
    if node is ql.tail:
        ql.tail = node.prev
    if node is ql.head:
        ql.head = node.next
    # ORDER: len first, __quicklistCompress relies on it.
    ql.len -= 1
    ql.count -= node.count
    # A compressed node may now be within the uncompressed ends.
    __quicklistCompress(ql, None)
    node.prev = node.next = None


def quicklistDeleteIfEmpty(ql, node):
    """Delete the node if it has no elements.  C: a macro, which also sets the pointer to NULL."""
    if node.count == 0:
        __quicklistDelNode(ql, node)


def quicklistDelIndex(ql, node, p):
    """Delete the element at p -> 1 if it was the node's last and the node is gone, else 0.  Does not recompress."""
    gone = 0
    node.zl, p = ziplistDelete(node.zl, p)
    node.count -= 1
    if node.count == 0:
        gone = 1
        __quicklistDelNode(ql, node)
    else:
        quicklistNodeUpdateSz(node)
    ql.count -= 1
    return gone


def quicklistDelEntry(iter_, entry):
    """Delete the element an iterator stands on; the next quicklistNext(iter_) gives the one that would have come next."""
    prev = entry.node.prev
    next_ = entry.node.next
    deleted_node = quicklistDelIndex(entry.quicklist, entry.node, entry.zi)
    # zi is invalid now, but offset is not: forwards the next element has this index now, backwards it counts from the tail.
    iter_.zi = None
    if deleted_node:
        if iter_.direction == AL_START_HEAD:
            iter_.current = next_
            iter_.offset = 0
        elif iter_.direction == AL_START_TAIL:
            iter_.current = prev
            iter_.offset = -1


def quicklistReplaceAtIndex(ql, index, data):
    """Put `data` in the place of the element at `index` -> 1, or 0 if there is no such index."""
    entry = quicklistEntry()
    if quicklistIndex(ql, index, entry):
        node = entry.node
        node.zl = ziplistReplace(node.zl, entry.zi, data)
        quicklistNodeUpdateSz(node)
        quicklistCompress(ql, node)
        return 1
    return 0


def _quicklistZiplistMerge(ql, a, b):
    """Merge two neighbours -> the node that stays, or None if nothing was merged.  The other one is dead."""
    quicklistDecompressNode(a)
    quicklistDecompressNode(b)
    merged = ziplistMerge(a.zl, b.zl)
    if merged is None:
        return None
    keep, nokeep = (a, b) if merged is a.zl else (b, a)
    keep.count = ziplistLen(keep.zl)
    quicklistNodeUpdateSz(keep)
    nokeep.count = 0
    nokeep.zl = None
    __quicklistDelNode(ql, nokeep)
    quicklistCompress(ql, keep)
    return keep


def _quicklistMergeNodes(ql, center):
    """After a split: merge what fits together of the two nodes before center, the two behind it, and center itself."""
    fill = ql.fill
    prev = prev_prev = next_ = next_next = None
    if center.prev is not None:
        prev = center.prev
        prev_prev = prev.prev
    if center.next is not None:
        next_ = center.next
        next_next = next_.next
    if _quicklistNodeAllowMerge(prev, prev_prev, fill):
        _quicklistZiplistMerge(ql, prev_prev, prev)
    if _quicklistNodeAllowMerge(next_, next_next, fill):
        _quicklistZiplistMerge(ql, next_, next_next)
    if _quicklistNodeAllowMerge(center, center.prev, fill):
        target = _quicklistZiplistMerge(ql, center.prev, center)
    else:
        target = center
    if _quicklistNodeAllowMerge(target, target.next, fill):
        _quicklistZiplistMerge(ql, target, target.next)


def _quicklistSplitNode(node, offset, after):
    """Cut the node at `offset` -> the new node, not linked yet.

    after = 1: the node keeps [0, offset], the new one gets the rest; after = 0: the node keeps [offset, end], the new
    one gets what was before.
    """
    new_node = quicklistCreateNode()
    new_node.zl = bytearray(node.zl)
    orig_start = offset + 1 if after else 0
    orig_extent = UINT_MAX if after else offset
    new_start = 0 if after else offset
    new_extent = offset + 1 if after else UINT_MAX
    node.zl = ziplistDeleteRange(node.zl, orig_start, orig_extent)
    node.count = ziplistLen(node.zl)
    quicklistNodeUpdateSz(node)
    new_node.zl = ziplistDeleteRange(new_node.zl, new_start, new_extent)
    new_node.count = ziplistLen(new_node.zl)
    quicklistNodeUpdateSz(new_node)
    return new_node


def _quicklistInsert(ql, entry, value, after):
    """Insert next to `entry`: in its node, in the neighbour, in a node of its own, or after splitting the node."""
    full = at_tail = at_head = full_next = full_prev = 0
    fill = ql.fill
    node = entry.node
    sz = len(value)
    if node is None:
        new_node = quicklistCreateNode()
        new_node.zl = ziplistPush(ziplistNew(), value, ZIPLIST_HEAD)
        quicklistNodeUpdateSz(new_node)
        __quicklistInsertNode(ql, None, new_node, after)
        new_node.count += 1
        ql.count += 1
        return
    if not _quicklistNodeAllowInsert(node, fill, sz):
        full = 1
    # C: at_tail compares with count, not with count - 1, and so is never set; kept, since it decides which nodes are created.
    if after and entry.offset == node.count:
        at_tail = 1
        if not _quicklistNodeAllowInsert(node.next, fill, sz):
            full_next = 1
    if not after and entry.offset == 0:
        at_head = 1
        if not _quicklistNodeAllowInsert(node.prev, fill, sz):
            full_prev = 1

    if not full and after:
        quicklistDecompressNodeForUse(node)
        next_ = ziplistNext(node.zl, entry.zi)
        if next_ is None:
            node.zl = ziplistPush(node.zl, value, ZIPLIST_TAIL)
        else:
            node.zl = ziplistInsert(node.zl, next_, value)
        node.count += 1
        quicklistNodeUpdateSz(node)
        quicklistRecompressOnly(ql, node)
    elif not full and not after:
        quicklistDecompressNodeForUse(node)
        node.zl = ziplistInsert(node.zl, entry.zi, value)
        node.count += 1
        quicklistNodeUpdateSz(node)
        quicklistRecompressOnly(ql, node)
    elif full and at_tail and node.next is not None and not full_next and after:
        new_node = node.next
        quicklistDecompressNodeForUse(new_node)
        new_node.zl = ziplistPush(new_node.zl, value, ZIPLIST_HEAD)
        new_node.count += 1
        quicklistNodeUpdateSz(new_node)
        quicklistRecompressOnly(ql, new_node)
    elif full and at_head and node.prev is not None and not full_prev and not after:
        new_node = node.prev
        quicklistDecompressNodeForUse(new_node)
        new_node.zl = ziplistPush(new_node.zl, value, ZIPLIST_TAIL)
        new_node.count += 1
        quicklistNodeUpdateSz(new_node)
        quicklistRecompressOnly(ql, new_node)
    elif full and ((at_tail and node.next is not None and full_next and after) or
                   (at_head and node.prev is not None and full_prev and not after)):
        new_node = quicklistCreateNode()
        new_node.zl = ziplistPush(ziplistNew(), value, ZIPLIST_HEAD)
        new_node.count += 1
        quicklistNodeUpdateSz(new_node)
        __quicklistInsertNode(ql, node, new_node, after)
    elif full:
        quicklistDecompressNodeForUse(node)
        new_node = _quicklistSplitNode(node, entry.offset, after)
        new_node.zl = ziplistPush(new_node.zl, value, ZIPLIST_HEAD if after else ZIPLIST_TAIL)
        new_node.count += 1
        quicklistNodeUpdateSz(new_node)
        __quicklistInsertNode(ql, node, new_node, after)
        _quicklistMergeNodes(ql, node)
    ql.count += 1


def quicklistInsertBefore(ql, entry, value):
    _quicklistInsert(ql, entry, value, 0)


def quicklistInsertAfter(ql, entry, value):
    _quicklistInsert(ql, entry, value, 1)


def quicklistDelRange(ql, start, count):
    """Delete `count` elements from index `start` on -> 1 if anything was deleted, else 0.

    A negative `start` counts from the tail, still deleting towards the tail.  Whole nodes go without a look at their elements.
    """
    if count <= 0:
        return 0
    extent = count
    if start >= 0 and extent > ql.count - start:
        extent = ql.count - start
    elif start < 0 and extent > -start:
        extent = -start
    entry = quicklistEntry()
    if not quicklistIndex(ql, start, entry):
        return 0
    node = entry.node
    offset = entry.offset
    while extent:
        next_ = node.next
        delete_entire_node = 0
        if offset == 0 and extent >= node.count:
            delete_entire_node = 1
            del_ = node.count
        elif offset >= 0 and extent + offset >= node.count:
            del_ = node.count - offset
        elif offset < 0:
            # First round only: -offset elements are left in this node.
            del_ = -offset
            if del_ > extent:
                del_ = extent
        else:
            del_ = extent
        if delete_entire_node:
            __quicklistDelNode(ql, node)
        else:
            quicklistDecompressNodeForUse(node)
            node.zl = ziplistDeleteRange(node.zl, offset, del_)
            quicklistNodeUpdateSz(node)
            node.count -= del_
            ql.count -= del_
            quicklistDeleteIfEmpty(ql, node)
            if node.count:
                quicklistRecompressOnly(ql, node)
        extent -= del_
        node = next_
        offset = 0
    return 1


def quicklistCompare(zl, p1, p2):
    """Tell whether the entry at p1 is the value p2 -> 1 or 0.  C: without the blob."""
    return ziplistCompare(zl, p1, p2)


# ---------------------------------------------------------------------------
# Iterators
# ---------------------------------------------------------------------------

def quicklistGetIterator(ql, direction):
    """Start a walk -> iterator for quicklistNext.  Only quicklistDelEntry may change the list meanwhile."""
    iter_ = quicklistIter()
    if direction == AL_START_HEAD:
        iter_.current = ql.head
        iter_.offset = 0
    elif direction == AL_START_TAIL:
        iter_.current = ql.tail
        iter_.offset = -1
    iter_.direction = direction
    iter_.quicklist = ql
    return iter_


def quicklistGetIteratorAtIdx(ql, direction, idx):
    """Start a walk at index idx -> iterator whose first element is the one at idx, or None if there is none."""
    entry = quicklistEntry()
    if quicklistIndex(ql, idx, entry):
        base = quicklistGetIterator(ql, direction)
        base.zi = None
        base.current = entry.node
        base.offset = entry.offset
        return base
    return None


def quicklistReleaseIterator(iter_):
    """End a walk: the node of the iterator may have to be compressed again."""
    if iter_.current is not None:
        quicklistCompress(iter_.quicklist, iter_.current)


def quicklistNext(iter_, entry):
    """Fill `entry` with the next element -> 1, or 0 at the end."""
    initEntry(entry)
    if iter_ is None:
        return 0
    entry.quicklist = iter_.quicklist
    entry.node = iter_.current
    if iter_.current is None:
        return 0
    if iter_.zi is None:
        # Find the first element in this node by `offset`.
        quicklistDecompressNodeForUse(iter_.current)
        iter_.zi = ziplistIndex(iter_.current.zl, iter_.offset)
    elif iter_.direction == AL_START_HEAD:
        iter_.zi = ziplistNext(iter_.current.zl, iter_.zi)
        iter_.offset += 1
    else:
        iter_.zi = ziplistPrev(iter_.current.zl, iter_.zi)
        iter_.offset -= 1
    entry.zi = iter_.zi
    entry.offset = iter_.offset
    if iter_.zi is not None:
        entry_load(entry, ziplistGet(iter_.current.zl, entry.zi))
        return 1
    # No more elements in this node: go to the next one.
    quicklistCompress(iter_.quicklist, iter_.current)
    if iter_.direction == AL_START_HEAD:
        iter_.current = iter_.current.next
        iter_.offset = 0
    else:
        iter_.current = iter_.current.prev
        iter_.offset = -1
    iter_.zi = None
    return quicklistNext(iter_, entry)


def quicklistDup(orig):
    """Copy the list with all its nodes, compressed ones as they are -> quicklist."""
    copy = quicklistNew(orig.fill, orig.compress)
    current = orig.head
    while current is not None:
        node = quicklistCreateNode()
        if current.encoding == QUICKLIST_NODE_ENCODING_LZF:
            node.zl = quicklistLZF(current.zl.compressed)
        else:
            node.zl = bytearray(current.zl)
        node.count = current.count
        copy.count += node.count
        node.sz = current.sz
        node.encoding = current.encoding
        _quicklistInsertNodeAfter(copy, copy.tail, node)
        current = current.next
    return copy


def quicklistIndex(ql, idx, entry):
    """Fill `entry` with the element at idx (negative: from the tail) -> 1, or 0 if there is none.

    The node is left decompressed: the caller uses it and recompresses, or goes through an iterator that does.
    """
    initEntry(entry)
    entry.quicklist = ql
    forward = idx >= 0
    index = idx if forward else -idx - 1
    if index >= ql.count:
        return 0
    n = ql.head if forward else ql.tail
    accum = 0
    while n is not None:
        if accum + n.count > index:
            break
        accum += n.count
        n = n.next if forward else n.prev
    if n is None:
        return 0
    entry.node = n
    entry.offset = index - accum if forward else -index - 1 + accum
    quicklistDecompressNodeForUse(n)
    entry.zi = ziplistIndex(n.zl, entry.offset)
    value = ziplistGet(n.zl, entry.zi)
    if value is None:
        raise AssertionError("quicklistIndex: the node has as many elements as its count")
    entry_load(entry, value)
    return 1


def quicklistRotate(ql):
    """Move the tail element to the head.  Not called here."""
    if ql.count <= 1:
        return
    p = ziplistIndex(ql.tail.zl, -1)
    value = ziplistGet(ql.tail.zl, p)
    # ORDER: push before delete, the list must not become empty in between.
    quicklistPushHead(ql, b"%d" % value if type(value) is int else value)
    # With a single node the push has moved the entry that p pointed to.
    if ql.len == 1:
        p = ziplistIndex(ql.tail.zl, -1)
    quicklistDelIndex(ql, ql.tail, p)


def quicklistPopCustom(ql, where, saver):
    """Pop an end -> (1, data, sval), or (0, None, None) if the list is empty.

    data is saver(bytes), or None when sval, an int, is the value.
    """
    pos = 0 if where == QUICKLIST_HEAD else -1
    if ql.count == 0:
        return 0, None, None
    data = sval = None
    if where == QUICKLIST_HEAD and ql.head is not None:
        node = ql.head
    elif where == QUICKLIST_TAIL and ql.tail is not None:
        node = ql.tail
    else:
        return 0, None, None
    p = ziplistIndex(node.zl, pos)
    value = ziplistGet(node.zl, p)
    if value is None:
        return 0, None, None
    if type(value) is int:
        sval = value
    else:
        data = saver(value)
    quicklistDelIndex(ql, node, p)
    return 1, data, sval


def _quicklistSaver(data):
    return data


def quicklistPop(ql, where):
    """Pop an end -> (1, data, slong) with data bytes or None, or (0, None, None).  Not called here."""
    return quicklistPopCustom(ql, where, _quicklistSaver)


def quicklistPush(ql, value, where):
    if where == QUICKLIST_HEAD:
        quicklistPushHead(ql, value)
    elif where == QUICKLIST_TAIL:
        quicklistPushTail(ql, value)
