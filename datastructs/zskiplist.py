"""zskiplist.py - the skiplist behind sorted sets.       Mirrors src/t_zset.c, skiplist part, and server.h (6.2.14)

Lives here   zskiplist, zskiplistNode, zset; insert, delete, rank; ranges by score and by lexicographic order.
Called from  server/types/t_zset*.py, geo.py, persistence [command, child].
Invariant    nodes are ordered by (score, ele); level 0 links all of them, backward links them the other way.  Nodes of one
             tower share `ele`, the very object, and `score`.  span = how many level-0 steps forward jumps (to the end
             of the list when it is None).
Departures   a level is not a slot of an array in the node but a node of its own, which stands on that of the level below
             (`down`); the header's tower is as high as zsl.level, and zsl.top is its highest node.  One step of a search
             then touches one object; with arrays it is three, and in a big set each of them is a cache miss.  `update`
             lists hold the highest level first.  C's level[i].forward of a node is .forward of the tower's node i.
             dict values are the scores themselves; C stores a pointer to the node's score.
             shared.minstring/maxstring are the sentinels `minstring` and `maxstring` of this module.

    level 2   header ------------ 3 ------------> c -------- 2 -------> None
                | down                            |
    level 1   header -- 1 --> a ------- 2 ------> c -- 1 --> d -- 1 --> None
                |             |                   |          |
    level 0   header -------> a ------> b ------> c -------> d --> e -> None     (backward: e -> d -> c -> b -> a -> None)
"""
from random import getrandbits

from datastructs.dict import dictDelete

ZSKIPLIST_MAXLEVEL = 32            # enough for 2^64 elements
ZSKIPLIST_P = 0.25                 # chance that a node rises one level more


class zskiplistNode:
    """One element on one level.  The node on level 0 is what others see; those above it are ways to jump there.

    `score` changes only through zslUpdateScore.
    """
    __slots__ = ("ele", "score", "backward", "forward", "span", "down")

    def __init__(self, score, ele):
        self.ele = ele             # bytes; None in the header
        self.score = score         # float, never NaN
        self.backward = None       # level 0: the node before; None for the first, and above
        self.forward = None        # next node on this level
        self.span = 0              # level-0 nodes crossed by forward
        self.down = None           # the same element one level below; None on level 0


class zskiplist:
    __slots__ = ("header", "tail", "length", "level", "top")

    def __init__(self):
        self.header = zskiplistNode(0.0, None)
        self.tail = None
        self.length = 0            # nodes without the header
        self.level = 1             # levels in use, 1..ZSKIPLIST_MAXLEVEL
        self.top = self.header     # ours: the header on the highest level in use

    def __del__(self):
        """The list dies with its last holder, and its nodes must not survive it as cycles."""
        if self.header is not None:
            zslFree(self)


class zset:
    """A sorted set with the SKIPLIST encoding: every member is in both structures."""
    __slots__ = ("dict", "zsl")

    def __init__(self, dict_, zsl):
        self.dict = dict_          # bytes -> float
        self.zsl = zsl


class zrangespec:
    """Interval of scores; minex/maxex: the bound itself is excluded."""
    __slots__ = ("min", "max", "minex", "maxex")

    def __init__(self):
        self.min = self.max = 0.0
        self.minex = self.maxex = 0


class zlexrangespec:
    """Interval of members; min and max are bytes, `minstring` or `maxstring`."""
    __slots__ = ("min", "max", "minex", "maxex")

    def __init__(self):
        self.min = self.max = None
        self.minex = self.maxex = 0


class lexBound:
    """A string below or above every other; compared by identity (sdscmplex)."""
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


minstring = lexBound("minstring")
maxstring = lexBound("maxstring")


def zslCreateNode(score, ele):
    return zskiplistNode(score, ele)


def zslCreate():
    return zskiplist()


def zslFree(zsl):
    """Cut the links of all nodes, level by level: neighbours refer to each other, and nobody collects cycles."""
    first = zsl.top
    zsl.header = zsl.tail = zsl.top = None
    while first is not None:
        node = first
        first = first.down
        while node is not None:
            following = node.forward
            node.forward = node.backward = node.down = None
            node = following


def zslRandomLevel():
    """Return a level in 1..ZSKIPLIST_MAXLEVEL, each one more with probability ZSKIPLIST_P: two bits that are both 0."""
    level = 1
    while not getrandbits(2):
        level += 1
    return level if level < ZSKIPLIST_MAXLEVEL else ZSKIPLIST_MAXLEVEL


def zslInsert(zsl, score, ele):
    """Insert `ele`, which must not be in the list yet, and return its node.  O(log N).  HOT.

    C draws the level after the search.  Known before, it saves work: the levels above the new node only need their
    span counted up, and ranks are summed up from its highest level on.
    """
    assert score == score, "NaN score"
    level = 1                               # zslRandomLevel
    while not getrandbits(2):
        level += 1
    x = zsl.top
    i = zsl.level
    if level > i:
        if level > ZSKIPLIST_MAXLEVEL:
            level = ZSKIPLIST_MAXLEVEL
        while i < level:
            node = zskiplistNode(0.0, None)
            node.span = zsl.length
            node.down = x
            zsl.top = x = node
            i += 1
        zsl.level = level
    while i > level:                        # levels that pass over the new node
        nxt = x.forward
        while nxt is not None:
            s = nxt.score
            if s >= score and (s > score or nxt.ele > ele):
                break
            x = nxt
            nxt = x.forward
        x.span += 1
        x = x.down
        i -= 1
    if level == 1:
        # Fast lane, three of four: on level 0 spans are 1 (the last one 0) whatever the ranks.
        nxt = x.forward
        while nxt is not None:
            s = nxt.score
            if s >= score and (s > score or nxt.ele > ele):
                break
            x = nxt
            nxt = x.forward
        node = zskiplistNode(score, ele)
        node.forward = nxt
        node.span = x.span
        x.forward = node
        x.span = 1
    else:
        update = []                         # last node before the new one, per level
        rank = []                           # its rank, counted from where the search entered the new node's levels
        crossed = 0
        while i:
            nxt = x.forward
            while nxt is not None:
                s = nxt.score
                if s >= score and (s > score or nxt.ele > ele):
                    break
                crossed += x.span
                x = nxt
                nxt = x.forward
            update.append(x)
            rank.append(crossed)
            x = x.down
            i -= 1
        above = None
        for x, r in zip(update, rank):
            node = zskiplistNode(score, ele)
            if above is not None:
                above.down = node
            steps = crossed - r
            node.forward = x.forward
            node.span = x.span - steps
            x.forward = node
            x.span = steps + 1
            above = node
        nxt = node.forward
    # x and node stand on level 0 now.
    if x is not zsl.header:
        node.backward = x
    if nxt is not None:
        nxt.backward = node
    else:
        zsl.tail = node
    zsl.length += 1
    return node


def zslDeleteNode(zsl, x, update):
    """Unlink node x; `update` holds the node before it on every level, the highest first.  HOT."""
    ele = x.ele
    for before in update:
        nxt = before.forward
        if nxt is not None and nxt.ele is ele:          # the tower of x: its members share ele
            before.span += nxt.span - 1
            before.forward = nxt.forward
        else:
            before.span -= 1
    following = x.forward
    if following is not None:
        following.backward = x.backward
    else:
        zsl.tail = x.backward
    top = zsl.top
    while top.forward is None and top.down is not None:
        zsl.top = top = top.down
        zsl.level -= 1
    zsl.length -= 1
    x.backward = None


def nodes_before(zsl, score, ele):
    """Return the list of last nodes before (score, ele), one a level, the highest first.  HOT."""
    update = []
    x = zsl.top
    while x is not None:
        nxt = x.forward
        while nxt is not None:
            s = nxt.score
            if s >= score and (s > score or nxt.ele >= ele):
                break
            x = nxt
            nxt = x.forward
        update.append(x)
        x = x.down
    return update


def zslDelete(zsl, score, ele):
    """Delete the element with this score -> the unlinked node, or None when it is not there.  HOT."""
    x = zsl.header.forward
    if x is not None and x.score == score and x.ele == ele:
        # Fast lane, ZPOPMIN: before the first node stands the header, on every level.
        update = []
        before = zsl.top
        while before is not None:
            update.append(before)
            before = before.down
        zslDeleteNode(zsl, x, update)
        return x
    update = nodes_before(zsl, score, ele)
    x = update[-1].forward
    if x is not None and score == x.score and x.ele == ele:
        zslDeleteNode(zsl, x, update)
        return x
    return None


def zslUpdateScore(zsl, curscore, ele, newscore):
    """Move an existing element to another score -> its node (a new one if its place changed).  HOT."""
    update = []                             # nodes_before
    x = zsl.top
    while x is not None:
        nxt = x.forward
        while nxt is not None:
            s = nxt.score
            if s >= curscore and (s > curscore or nxt.ele >= ele):
                break
            x = nxt
            nxt = x.forward
        update.append(x)
        x = x.down
    x = nxt
    assert x is not None and curscore == x.score and x.ele == ele
    back = x.backward
    following = x.forward
    if (back is None or back.score < newscore) and (following is None or following.score > newscore):
        ele = x.ele
        for before in update:               # same place: nothing to relink
            node = before.forward
            if node is not None and node.ele is ele:
                node.score = newscore
        return x
    zslDeleteNode(zsl, x, update)
    return zslInsert(zsl, newscore, x.ele)


def zslValueGteMin(value, spec):
    return value > spec.min if spec.minex else value >= spec.min


def zslValueLteMax(value, spec):
    return value < spec.max if spec.maxex else value <= spec.max


def zslIsInRange(zsl, range_):
    """Does any element lie in the interval?"""
    if range_.min > range_.max or (range_.min == range_.max and (range_.minex or range_.maxex)):
        return 0
    x = zsl.tail
    if x is None or not zslValueGteMin(x.score, range_):
        return 0
    return 1 if zslValueLteMax(zsl.header.forward.score, range_) else 0


def zslFirstInRange(zsl, range_):
    """Return the first node in the interval, or None.  O(log N)."""
    if not zslIsInRange(zsl, range_):
        return None
    x = before = zsl.top
    while x is not None:
        nxt = x.forward
        while nxt is not None and not zslValueGteMin(nxt.score, range_):
            x = nxt
            nxt = x.forward
        before = x
        x = x.down
    x = before.forward
    return x if zslValueLteMax(x.score, range_) else None


def zslLastInRange(zsl, range_):
    """Return the last node in the interval, or None.  O(log N)."""
    if not zslIsInRange(zsl, range_):
        return None
    x = before = zsl.top
    while x is not None:
        nxt = x.forward
        while nxt is not None and zslValueLteMax(nxt.score, range_):
            x = nxt
            nxt = x.forward
        before = x
        x = x.down
    x = before
    return x if zslValueGteMin(x.score, range_) else None


def delete_run(zsl, update, dict_, in_run):
    """Delete nodes after `update` while in_run(node), from the dict too -> how many."""
    removed = 0
    x = update[-1].forward
    while x is not None and in_run(x):
        following = x.forward
        zslDeleteNode(zsl, x, update)
        dictDelete(dict_, x.ele)
        removed += 1
        x = following
    return removed


def zslDeleteRangeByScore(zsl, range_, dict_):
    """Delete all elements in the interval -> how many.  O(log N + M)."""
    update = []
    x = zsl.top
    while x is not None:
        nxt = x.forward
        while nxt is not None and not zslValueGteMin(nxt.score, range_):
            x = nxt
            nxt = x.forward
        update.append(x)
        x = x.down
    return delete_run(zsl, update, dict_, lambda node: zslValueLteMax(node.score, range_))


def zslDeleteRangeByLex(zsl, range_, dict_):
    """Delete all elements in the lexicographic interval -> how many."""
    update = []
    x = zsl.top
    while x is not None:
        nxt = x.forward
        while nxt is not None and not zslLexValueGteMin(nxt.ele, range_):
            x = nxt
            nxt = x.forward
        update.append(x)
        x = x.down
    return delete_run(zsl, update, dict_, lambda node: zslLexValueLteMax(node.ele, range_))


def zslDeleteRangeByRank(zsl, start, end, dict_):
    """Delete the elements of ranks start..end, both included and counted from 1 -> how many."""
    update = []
    traversed = removed = 0
    x = zsl.top
    while x is not None:
        while x.forward is not None and traversed + x.span < start:
            traversed += x.span
            x = x.forward
        update.append(x)
        x = x.down
    traversed += 1
    x = update[-1].forward
    while x is not None and traversed <= end:
        following = x.forward
        zslDeleteNode(zsl, x, update)
        dictDelete(dict_, x.ele)
        removed += 1
        traversed += 1
        x = following
    return removed


def zslGetRank(zsl, score, ele):
    """Return the rank of an element, counted from 1, or 0 when it is not there.  O(log N)."""
    x = zsl.top
    rank = 0
    while x is not None:
        nxt = x.forward
        while nxt is not None:
            s = nxt.score
            if s >= score and (s > score or nxt.ele > ele):
                break
            rank += x.span
            x = nxt
            nxt = x.forward
        if x.ele == ele:                    # the header's ele is None
            return rank
        x = x.down
    return 0


def zslGetElementByRank(zsl, rank):
    """Return the node of this rank, counted from 1, or None.  O(log N)."""
    x = zsl.top
    traversed = 0
    while x is not None:
        while x.forward is not None and traversed + x.span <= rank:
            traversed += x.span
            x = x.forward
        if traversed == rank:
            while x.down is not None:       # callers want the node on level 0
                x = x.down
            return x
        x = x.down
    return None


# ------------------------ Lexicographic ranges ----------------------------

def sdscmplex(a, b):
    """Compare two members, either of which may be minstring or maxstring -> -1, 0, 1."""
    if a is b:
        return 0
    if a is minstring or b is maxstring:
        return -1
    if a is maxstring or b is minstring:
        return 1
    return (a > b) - (a < b)


def zslLexValueGteMin(value, spec):
    cmp = sdscmplex(value, spec.min)
    return cmp > 0 if spec.minex else cmp >= 0


def zslLexValueLteMax(value, spec):
    cmp = sdscmplex(value, spec.max)
    return cmp < 0 if spec.maxex else cmp <= 0


def zslIsInLexRange(zsl, range_):
    """Does any element lie in the lexicographic interval?"""
    cmp = sdscmplex(range_.min, range_.max)
    if cmp > 0 or (cmp == 0 and (range_.minex or range_.maxex)):
        return 0
    x = zsl.tail
    if x is None or not zslLexValueGteMin(x.ele, range_):
        return 0
    return 1 if zslLexValueLteMax(zsl.header.forward.ele, range_) else 0


def zslFirstInLexRange(zsl, range_):
    """Return the first node in the lexicographic interval, or None."""
    if not zslIsInLexRange(zsl, range_):
        return None
    x = before = zsl.top
    while x is not None:
        nxt = x.forward
        while nxt is not None and not zslLexValueGteMin(nxt.ele, range_):
            x = nxt
            nxt = x.forward
        before = x
        x = x.down
    x = before.forward
    return x if zslLexValueLteMax(x.ele, range_) else None


def zslLastInLexRange(zsl, range_):
    """Return the last node in the lexicographic interval, or None."""
    if not zslIsInLexRange(zsl, range_):
        return None
    x = before = zsl.top
    while x is not None:
        nxt = x.forward
        while nxt is not None and zslLexValueLteMax(nxt.ele, range_):
            x = nxt
            nxt = x.forward
        before = x
        x = x.down
    x = before
    return x if zslLexValueGteMin(x.ele, range_) else None
