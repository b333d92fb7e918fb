"""zskiplist.py - the skiplist behind sorted sets.       Mirrors src/t_zset.c, skiplist part, and server.h (6.2.14)

Lives here   zskiplist, zskiplistNode, zset; insert, delete, rank; ranges by score and by lexicographic order.
Called from  server/types/t_zset*.py, geo.py, persistence [command, child].
Invariant    nodes are ordered by (score, ele); level 0 links all of them, backward links them the other way.  The nodes of one
             tower share `ele`, the same object, and `score`.  span = how many level-0 steps forward jumps (to the end
             of the list when it is None).
Departures   D-26, D-26a.  A level is not an element of an array in the node but a separate node, which points to that of the
             level below (`down`): C's x->level[i].forward is x.forward of the tower's node i, and one step of a search
             touches one object instead of three (node, array, level).  C's header has 32 levels from the start; here its
             tower is as high as zsl.level, and zsl.top is its highest node.  A level index i counts from 0 as in C.

    level 2   header ------------ 3 ------------> c -------- 2 -------> None
                | down                            |
    level 1   header -- 1 --> a ------- 2 ------> c -- 1 --> d -- 1 --> None
                |             |                   |          |
    level 0   header -------> a ------> b ------> c -------> d --> e -> None     (backward: e -> d -> c -> b -> a -> None)
"""
from math import isnan
from random import random

from datastructs.dict import dictDelete

ZSKIPLIST_MAXLEVEL = 32            # enough for 2^64 elements
ZSKIPLIST_P = 0.25                 # chance that a node rises one level more


class zskiplistNode:
    """One element on one level.  The node on level 0 is what callers see; those above it are ways to jump there.

    `score` changes only through zslUpdateScore.
    """
    __slots__ = ("ele", "score", "backward", "forward", "span", "down")

    def __init__(self, score, ele):
        self.ele = ele             # bytes; None in the header
        self.score = score         # float, never NaN
        self.backward = None       # level 0: the node before; None for the first, and above level 0
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
        """Called when the list is freed: cut the reference cycles of its nodes."""
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


# ------------------------ Skiplist implementation of the low level API ----------------------------

def zslCreateNode(level, score, ele):
    """Create the tower of one element -> the list of its nodes, the one on level 0 first."""
    tower = [zskiplistNode(score, ele)]
    for i in range(1, level):
        node = zskiplistNode(score, ele)
        node.down = tower[i - 1]
        tower.append(node)
    return tower


def zslCreate():
    return zskiplist()


def zslFree(zsl):
    """Cut the links of all nodes, level by level: neighbours refer to each other, and the cycle collector is off."""
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
    """Draw the level of a new node -> 1..ZSKIPLIST_MAXLEVEL, each one more with probability ZSKIPLIST_P."""
    level = 1
    while random() < ZSKIPLIST_P:
        level += 1
    return level if level < ZSKIPLIST_MAXLEVEL else ZSKIPLIST_MAXLEVEL


def zslInsert(zsl, score, ele):
    """Insert `ele`, which must not be in the list yet -> its node.  O(log N).  HOT

    update[i] becomes the last node before the new one on level i, rank[i] the number of level-0 steps from the header to it.
    """
    assert not isnan(score)
    update = [None] * ZSKIPLIST_MAXLEVEL
    rank = [0] * ZSKIPLIST_MAXLEVEL
    x = zsl.top
    crossed = 0
    for i in range(zsl.level - 1, -1, -1):
        while (nxt := x.forward) is not None and ((s := nxt.score) < score or (s == score and nxt.ele < ele)):
            crossed += x.span
            x = nxt
        rank[i] = crossed
        update[i] = x
        x = x.down
    # The search does not check for an equal element: the caller has looked it up in the dict.
    level = zslRandomLevel()
    if level > zsl.level:
        for i in range(zsl.level, level):
            header = zskiplistNode(0.0, None)
            header.down = zsl.top
            header.span = zsl.length
            zsl.top = update[i] = header
        zsl.level = level
    tower = zslCreateNode(level, score, ele)
    for i in range(level):
        x = tower[i]
        before = update[i]
        x.forward = before.forward
        before.forward = x
        # The new node splits the span of the pointer that passed over its position.
        x.span = before.span - (rank[0] - rank[i])
        before.span = (rank[0] - rank[i]) + 1
    for i in range(level, zsl.level):       # levels that pass over the new node
        update[i].span += 1
    x = tower[0]
    x.backward = None if update[0] is zsl.header else update[0]
    if x.forward is not None:
        x.forward.backward = x
    else:
        zsl.tail = x
    zsl.length += 1
    return x


def zslDeleteNode(zsl, x, update):
    """Unlink node x; update[i] is the last node before it on level i.  HOT"""
    for i in range(zsl.level):
        before = update[i]
        nxt = before.forward
        if nxt is not None and nxt.ele is x.ele:        # nxt is the node of x on this level
            before.span += nxt.span - 1
            before.forward = nxt.forward
        else:
            before.span -= 1
    if x.forward is not None:
        x.forward.backward = x.backward
    else:
        zsl.tail = x.backward
    while zsl.level > 1 and zsl.top.forward is None:
        zsl.top = zsl.top.down
        zsl.level -= 1
    zsl.length -= 1


def zslDelete(zsl, score, ele):
    """Delete the element with this score -> 1, or 0 when it is not there.  HOT"""
    update = [None] * ZSKIPLIST_MAXLEVEL
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while (nxt := x.forward) is not None and ((s := nxt.score) < score or (s == score and nxt.ele < ele)):
            x = nxt
        update[i] = x
        x = x.down
    # Several elements may have this score: compare the element, too.
    x = update[0].forward
    if x is not None and score == x.score and x.ele == ele:
        zslDeleteNode(zsl, x, update)
        return 1
    return 0


def zslUpdateScore(zsl, curscore, ele, newscore):
    """Move an existing element to another score -> its node, a new one if its place changed.  HOT

    The caller changes the score in the dict.
    """
    update = [None] * ZSKIPLIST_MAXLEVEL
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while (nxt := x.forward) is not None and ((s := nxt.score) < curscore or (s == curscore and nxt.ele < ele)):
            x = nxt
        update[i] = x
        x = x.down
    x = update[0].forward
    assert x is not None and curscore == x.score and x.ele == ele
    if (x.backward is None or x.backward.score < newscore) and (x.forward is None or x.forward.score > newscore):
        # The position does not change: update the score in the node of each level.
        for i in range(zsl.level):
            nxt = update[i].forward
            if nxt is not None and nxt.ele is x.ele:
                nxt.score = newscore
        return x
    zslDeleteNode(zsl, x, update)
    return zslInsert(zsl, newscore, x.ele)


def zslValueGteMin(value, spec):
    return value > spec.min if spec.minex else value >= spec.min


def zslValueLteMax(value, spec):
    return value < spec.max if spec.maxex else value <= spec.max


def zslIsInRange(zsl, range_):
    """Tell whether any element lies in the interval."""
    if range_.min > range_.max or (range_.min == range_.max and (range_.minex or range_.maxex)):
        return 0
    x = zsl.tail
    if x is None or not zslValueGteMin(x.score, range_):
        return 0
    x = zsl.header.forward
    if x is None or not zslValueLteMax(x.score, range_):
        return 0
    return 1


def zslFirstInRange(zsl, range_):
    """Find the first node in the interval -> the node or None.  O(log N)."""
    if not zslIsInRange(zsl, range_):
        return None
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while x.forward is not None and not zslValueGteMin(x.forward.score, range_):
            x = x.forward
        if i > 0:
            x = x.down
    x = x.forward
    assert x is not None                    # zslIsInRange has found one
    return x if zslValueLteMax(x.score, range_) else None


def zslLastInRange(zsl, range_):
    """Find the last node in the interval -> the node or None.  O(log N)."""
    if not zslIsInRange(zsl, range_):
        return None
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while x.forward is not None and zslValueLteMax(x.forward.score, range_):
            x = x.forward
        if i > 0:
            x = x.down
    assert x is not None
    return x if zslValueGteMin(x.score, range_) else None


def zslDeleteRangeByScore(zsl, range_, dict_):
    """Delete all elements in the interval, from the dict too -> how many.  O(log N + M)."""
    update = [None] * ZSKIPLIST_MAXLEVEL
    removed = 0
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while x.forward is not None and not zslValueGteMin(x.forward.score, range_):
            x = x.forward
        update[i] = x
        x = x.down
    x = update[0].forward
    while x is not None and zslValueLteMax(x.score, range_):
        following = x.forward
        zslDeleteNode(zsl, x, update)
        dictDelete(dict_, x.ele)
        removed += 1
        x = following
    return removed


def zslDeleteRangeByLex(zsl, range_, dict_):
    """Delete all elements in the lexicographic interval, from the dict too -> how many."""
    update = [None] * ZSKIPLIST_MAXLEVEL
    removed = 0
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while x.forward is not None and not zslLexValueGteMin(x.forward.ele, range_):
            x = x.forward
        update[i] = x
        x = x.down
    x = update[0].forward
    while x is not None and zslLexValueLteMax(x.ele, range_):
        following = x.forward
        zslDeleteNode(zsl, x, update)
        dictDelete(dict_, x.ele)
        removed += 1
        x = following
    return removed


def zslDeleteRangeByRank(zsl, start, end, dict_):
    """Delete the elements of ranks start..end, both included and counted from 1, from the dict too -> how many."""
    update = [None] * ZSKIPLIST_MAXLEVEL
    traversed = removed = 0
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while x.forward is not None and traversed + x.span < start:
            traversed += x.span
            x = x.forward
        update[i] = x
        x = x.down
    traversed += 1
    x = update[0].forward
    while x is not None and traversed <= end:
        following = x.forward
        zslDeleteNode(zsl, x, update)
        dictDelete(dict_, x.ele)
        removed += 1
        traversed += 1
        x = following
    return removed


def zslGetRank(zsl, score, ele):
    """Find the rank of an element -> rank, counted from 1, or 0 when it is not there.  O(log N).  HOT"""
    rank = 0
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while (nxt := x.forward) is not None and ((s := nxt.score) < score or (s == score and nxt.ele <= ele)):
            rank += x.span
            x = nxt
        if x.ele == ele:                    # the header's ele is None
            return rank
        x = x.down
    return 0


def zslGetElementByRank(zsl, rank):
    """Find the node of this rank, counted from 1 -> the node or None.  O(log N)."""
    traversed = 0
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while x.forward is not None and traversed + x.span <= rank:
            traversed += x.span
            x = x.forward
        if traversed == rank:
            while x.down is not None:       # callers expect the node on level 0
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
    """Tell whether any element lies in the lexicographic interval."""
    cmp = sdscmplex(range_.min, range_.max)
    if cmp > 0 or (cmp == 0 and (range_.minex or range_.maxex)):
        return 0
    x = zsl.tail
    if x is None or not zslLexValueGteMin(x.ele, range_):
        return 0
    x = zsl.header.forward
    if x is None or not zslLexValueLteMax(x.ele, range_):
        return 0
    return 1


def zslFirstInLexRange(zsl, range_):
    """Find the first node in the lexicographic interval -> the node or None."""
    if not zslIsInLexRange(zsl, range_):
        return None
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while x.forward is not None and not zslLexValueGteMin(x.forward.ele, range_):
            x = x.forward
        if i > 0:
            x = x.down
    x = x.forward
    assert x is not None
    return x if zslLexValueLteMax(x.ele, range_) else None


def zslLastInLexRange(zsl, range_):
    """Find the last node in the lexicographic interval -> the node or None."""
    if not zslIsInLexRange(zsl, range_):
        return None
    x = zsl.top
    for i in range(zsl.level - 1, -1, -1):
        while x.forward is not None and zslLexValueLteMax(x.forward.ele, range_):
            x = x.forward
        if i > 0:
            x = x.down
    assert x is not None
    return x if zslLexValueGteMin(x.ele, range_) else None
