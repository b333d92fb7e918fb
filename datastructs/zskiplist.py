"""zskiplist.py - the skiplist behind sorted sets.       Mirrors src/t_zset.c, skiplist part, and server.h (6.2.14)

Lives here   zskiplist, zskiplistNode, zset; insert, delete, rank; ranges by score and by lexicographic order.
Called from  server/types/t_zset*.py, geo.py, persistence [command, child].
Invariant    nodes are ordered by (score, ele); level[0] links all of them, backward links them the other way;
             level[i].span = how many level-0 steps level[i].forward jumps (to the end of the list when it is None).
Departures   dict values are the scores themselves; C stores a pointer to the node's score.
             shared.minstring/maxstring are the sentinels `minstring` and `maxstring` of this module.

    level 2   header ------------- 3 -------------> c ---- 2 ----> None
    level 1   header ---- 1 ----> a ------ 2 ------> c - 1 -> d - 1 -> None
    level 0   header -> a -> b -> c -> d -> None           (backward: d -> c -> b -> a -> None)
"""
import random

from datastructs.dict import dictDelete

ZSKIPLIST_MAXLEVEL = 32            # enough for 2^64 elements
ZSKIPLIST_P = 0.25                 # chance that a node rises one level more
ZSKIPLIST_P_LIMIT = ZSKIPLIST_P * 0xFFFF


class zskiplistLevel:
    __slots__ = ("forward", "span")

    def __init__(self):
        self.forward = None        # next node on this level
        self.span = 0              # level-0 nodes crossed by forward


class zskiplistNode:
    """One element.  `score` and `ele` change only through zslUpdateScore."""
    __slots__ = ("ele", "score", "backward", "level")

    def __init__(self, level, score, ele):
        self.ele = ele             # bytes; None in the header
        self.score = score         # float, never NaN
        self.backward = None       # previous node on level 0; None for the first
        self.level = [zskiplistLevel()]
        while level > 1:           # three nodes of four have one level
            self.level.append(zskiplistLevel())
            level -= 1


class zskiplist:
    __slots__ = ("header", "tail", "length", "level")

    def __init__(self):
        self.header = zskiplistNode(ZSKIPLIST_MAXLEVEL, 0.0, None)
        self.tail = None
        self.length = 0            # nodes without the header
        self.level = 1             # levels in use, 1..ZSKIPLIST_MAXLEVEL

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


def zslCreateNode(level, score, ele):
    return zskiplistNode(level, score, ele)


def zslCreate():
    return zskiplist()


def zslFree(zsl):
    """Cut the links of all nodes: neighbours refer to each other, and nobody collects cycles."""
    node = zsl.header.level[0].forward
    zsl.header = zsl.tail = None
    while node is not None:
        following = node.level[0].forward
        node.backward = None
        node.level = None
        node = following


def zslRandomLevel():
    """Return a level in 1..ZSKIPLIST_MAXLEVEL, each one more with probability ZSKIPLIST_P."""
    level = 1
    while random.getrandbits(16) < ZSKIPLIST_P_LIMIT:
        level += 1
    return level if level < ZSKIPLIST_MAXLEVEL else ZSKIPLIST_MAXLEVEL


def zslInsert(zsl, score, ele):
    """Insert `ele`, which must not be in the list yet, and return its node.  O(log N)."""
    assert score == score, "NaN score"
    update = [None] * ZSKIPLIST_MAXLEVEL    # last node before the new one, per level
    rank = [0] * ZSKIPLIST_MAXLEVEL         # its rank
    x = zsl.header
    top = zsl.level - 1
    crossed = 0
    for i in range(top, -1, -1):
        lv = x.level[i]
        nxt = lv.forward
        while nxt is not None and (nxt.score < score or (nxt.score == score and nxt.ele < ele)):
            crossed += lv.span
            x = nxt
            lv = x.level[i]
            nxt = lv.forward
        rank[i] = crossed
        update[i] = x
    level = zslRandomLevel()
    if level > zsl.level:
        for i in range(zsl.level, level):
            rank[i] = 0
            update[i] = zsl.header
            zsl.header.level[i].span = zsl.length
        zsl.level = level
    x = zskiplistNode(level, score, ele)
    rank0 = rank[0]
    for i in range(level):
        before, mine = update[i].level[i], x.level[i]
        mine.forward = before.forward
        before.forward = x
        steps = rank0 - rank[i]
        mine.span = before.span - steps
        before.span = steps + 1
    for i in range(level, zsl.level):       # levels that pass over the new node
        update[i].level[i].span += 1
    x.backward = None if update[0] is zsl.header else update[0]
    if x.level[0].forward is not None:
        x.level[0].forward.backward = x
    else:
        zsl.tail = x
    zsl.length += 1
    return x


def zslDeleteNode(zsl, x, update):
    """Unlink node x; `update` holds the node before it on every level."""
    levels = x.level
    for i in range(zsl.level):
        before = update[i].level[i]
        if before.forward is x:
            before.span += levels[i].span - 1
            before.forward = levels[i].forward
        else:
            before.span -= 1
    following = levels[0].forward
    if following is not None:
        following.backward = x.backward
    else:
        zsl.tail = x.backward
    while zsl.level > 1 and zsl.header.level[zsl.level - 1].forward is None:
        zsl.level -= 1
    zsl.length -= 1
    x.backward = None


def nodes_before(zsl, score, ele):
    """Return the list of last nodes before (score, ele), one a level; entries above zsl.level are None."""
    update = [None] * ZSKIPLIST_MAXLEVEL
    x = zsl.header
    for i in range(zsl.level - 1, -1, -1):
        nxt = x.level[i].forward
        while nxt is not None and (nxt.score < score or (nxt.score == score and nxt.ele < ele)):
            x = nxt
            nxt = x.level[i].forward
        update[i] = x
    return update


def zslDelete(zsl, score, ele):
    """Delete the element with this score -> the unlinked node, or None when it is not there."""
    update = nodes_before(zsl, score, ele)
    x = update[0].level[0].forward
    if x is not None and score == x.score and x.ele == ele:
        zslDeleteNode(zsl, x, update)
        return x
    return None


def zslUpdateScore(zsl, curscore, ele, newscore):
    """Move an existing element to another score -> its node (a new one if its place changed)."""
    update = nodes_before(zsl, curscore, ele)
    x = update[0].level[0].forward
    assert x is not None and curscore == x.score and x.ele == ele
    following = x.level[0].forward
    if (x.backward is None or x.backward.score < newscore) and (following is None or following.score > newscore):
        x.score = newscore                  # same place: nothing to relink
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
    return 1 if zslValueLteMax(zsl.header.level[0].forward.score, range_) else 0


def zslFirstInRange(zsl, range_):
    """Return the first node in the interval, or None.  O(log N)."""
    if not zslIsInRange(zsl, range_):
        return None
    x = zsl.header
    for i in range(zsl.level - 1, -1, -1):
        nxt = x.level[i].forward
        while nxt is not None and not zslValueGteMin(nxt.score, range_):
            x = nxt
            nxt = x.level[i].forward
    x = x.level[0].forward
    return x if zslValueLteMax(x.score, range_) else None


def zslLastInRange(zsl, range_):
    """Return the last node in the interval, or None.  O(log N)."""
    if not zslIsInRange(zsl, range_):
        return None
    x = zsl.header
    for i in range(zsl.level - 1, -1, -1):
        nxt = x.level[i].forward
        while nxt is not None and zslValueLteMax(nxt.score, range_):
            x = nxt
            nxt = x.level[i].forward
    return x if zslValueGteMin(x.score, range_) else None


def delete_run(zsl, update, dict_, in_run):
    """Delete nodes after `update` while in_run(node), from the dict too -> how many."""
    removed = 0
    x = update[0].level[0].forward
    while x is not None and in_run(x):
        following = x.level[0].forward
        zslDeleteNode(zsl, x, update)
        dictDelete(dict_, x.ele)
        removed += 1
        x = following
    return removed


def zslDeleteRangeByScore(zsl, range_, dict_):
    """Delete all elements in the interval -> how many.  O(log N + M)."""
    update = [None] * ZSKIPLIST_MAXLEVEL
    x = zsl.header
    for i in range(zsl.level - 1, -1, -1):
        nxt = x.level[i].forward
        while nxt is not None and not zslValueGteMin(nxt.score, range_):
            x = nxt
            nxt = x.level[i].forward
        update[i] = x
    return delete_run(zsl, update, dict_, lambda node: zslValueLteMax(node.score, range_))


def zslDeleteRangeByLex(zsl, range_, dict_):
    """Delete all elements in the lexicographic interval -> how many."""
    update = [None] * ZSKIPLIST_MAXLEVEL
    x = zsl.header
    for i in range(zsl.level - 1, -1, -1):
        nxt = x.level[i].forward
        while nxt is not None and not zslLexValueGteMin(nxt.ele, range_):
            x = nxt
            nxt = x.level[i].forward
        update[i] = x
    return delete_run(zsl, update, dict_, lambda node: zslLexValueLteMax(node.ele, range_))


def zslDeleteRangeByRank(zsl, start, end, dict_):
    """Delete the elements of ranks start..end, both included and counted from 1 -> how many."""
    update = [None] * ZSKIPLIST_MAXLEVEL
    traversed = removed = 0
    x = zsl.header
    for i in range(zsl.level - 1, -1, -1):
        lv = x.level[i]
        while lv.forward is not None and traversed + lv.span < start:
            traversed += lv.span
            x = lv.forward
            lv = x.level[i]
        update[i] = x
    traversed += 1
    x = x.level[0].forward
    while x is not None and traversed <= end:
        following = x.level[0].forward
        zslDeleteNode(zsl, x, update)
        dictDelete(dict_, x.ele)
        removed += 1
        traversed += 1
        x = following
    return removed


def zslGetRank(zsl, score, ele):
    """Return the rank of an element, counted from 1, or 0 when it is not there.  O(log N)."""
    x = zsl.header
    rank = 0
    for i in range(zsl.level - 1, -1, -1):
        lv = x.level[i]
        nxt = lv.forward
        while nxt is not None and (nxt.score < score or (nxt.score == score and nxt.ele <= ele)):
            rank += lv.span
            x = nxt
            lv = x.level[i]
            nxt = lv.forward
        if x.ele == ele:                    # the header's ele is None
            return rank
    return 0


def zslGetElementByRank(zsl, rank):
    """Return the node of this rank, counted from 1, or None.  O(log N)."""
    x = zsl.header
    traversed = 0
    for i in range(zsl.level - 1, -1, -1):
        lv = x.level[i]
        while lv.forward is not None and traversed + lv.span <= rank:
            traversed += lv.span
            x = lv.forward
            lv = x.level[i]
        if traversed == rank:
            return x
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
    return 1 if zslLexValueLteMax(zsl.header.level[0].forward.ele, range_) else 0


def zslFirstInLexRange(zsl, range_):
    """Return the first node in the lexicographic interval, or None."""
    if not zslIsInLexRange(zsl, range_):
        return None
    x = zsl.header
    for i in range(zsl.level - 1, -1, -1):
        nxt = x.level[i].forward
        while nxt is not None and not zslLexValueGteMin(nxt.ele, range_):
            x = nxt
            nxt = x.level[i].forward
    x = x.level[0].forward
    return x if zslLexValueLteMax(x.ele, range_) else None


def zslLastInLexRange(zsl, range_):
    """Return the last node in the lexicographic interval, or None."""
    if not zslIsInLexRange(zsl, range_):
        return None
    x = zsl.header
    for i in range(zsl.level - 1, -1, -1):
        nxt = x.level[i].forward
        while nxt is not None and zslLexValueLteMax(nxt.ele, range_):
            x = nxt
            nxt = x.level[i].forward
    return x if zslLexValueGteMin(x.ele, range_) else None
