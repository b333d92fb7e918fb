"""rax.py - radix tree with compressed nodes.                    Mirrors src/rax.c, src/rax.h (6.2.14)

Lives here   an ordered map bytes -> anything: insert, find, remove, iterate from any place, random walk.
Called from  streams, cluster slots, client ids, ACL users, tracking, blocked-client deadlines [command, before, cron].
Calls out    none.
State        none.
Invariant    data is ascending in a plain node, and as long as children; a compressed node has one child and at
             least two bytes.  A leaf is a key (but the head of an empty tree).  numnodes counts the nodes, numele the keys.
Departures   nodes are objects that change in place instead of being reallocated, so parent links are not carried
             along; `size` is len(data) and `isnull` is `value is None`; no OOM paths; no node callback (it serves
             active defrag).  A key is `bytes` and comes with its length.
Rules        an iterator is only good until the tree changes; after a change call raxSeek() again.  Overwriting the
             value of an existing key is not a change.  raxFind() answers raxNotFound, since None is a legal value.

The keys "foo", "foobar", "footer".  A node which is a key is drawn in [], another in ():

                  ("foo") ""            one compressed node stands for f -> o -> o
                     |
                  [b   t] "foo"         the bytes are on the edges: data[j] leads to children[j]
                  /     \\
        "foob" ("ar")    ("er") "foot"
                 /          \\
       "foobar" []          [] "footer"

Inserting "first" splits the compressed node: (f) -> (i o), then i -> ("rst") and o -> (o) -> [b t].
Removing it again leaves a chain of nodes with one child each, which raxRemove() melts into ("foo").
"""
from math import log
from random import randrange

RAX_NODE_MAX_SIZE = (1 << 29) - 1    # bytes in one compressed node (C: the width of a bit field)

# raxIterator.flags
RAX_ITER_JUST_SEEKED = 1 << 0        # the next step returns the current element
RAX_ITER_EOF = 1 << 1                # there is no current element


class raxNode:
    """One node.  Plain: data[j] is the byte that leads to children[j], ascending.  Compressed: data is a string of
    two bytes or more, each of which stands for a node with one child; children[0] comes after the last one."""
    __slots__ = ("iskey", "iscompr", "data", "children", "value")

    def __init__(self):
        self.iskey = 0             # 1 = the path to this node is a key
        self.iscompr = 0           # 1 = compressed
        self.data = b""
        self.children = ()         # tuple of raxNode
        self.value = None          # of the key, if iskey

    def __repr__(self):
        return "<raxNode %s%r%s>" % ("compr " if self.iscompr else "", self.data, " key" if self.iskey else "")


class rax:
    """A tree."""
    __slots__ = ("head", "numele", "numnodes")

    def __init__(self):
        self.head = raxNewNode()
        self.numele = 0            # keys
        self.numnodes = 1          # nodes, with the head


class raxIterator:
    """A place in a tree.  raxStart(), raxSeek(), then raxNext() or raxPrev()."""
    __slots__ = ("flags", "rt", "key", "data", "node", "stack")

    def __init__(self):
        self.flags = RAX_ITER_EOF  # RAX_ITER_*
        self.rt = None
        self.key = b""             # the current key
        self.data = None           # its value
        self.node = None           # its node
        self.stack = []            # the nodes from the head down to the parent of `node`


class _raxNotFound:
    """The class of the one object raxNotFound."""
    __slots__ = ()

    def __repr__(self):
        return "raxNotFound"


raxNotFound = _raxNotFound()


# ---------------------------------------------------------------------------
# Radix tree
# ---------------------------------------------------------------------------

def raxNewNode():
    return raxNode()


def raxNew():
    return rax()


def raxSetData(n, data):
    """Make `n` a key with the value `data`."""
    n.iskey = 1
    n.value = data


def raxGetData(n):
    return n.value


def raxAddChild(n, c):
    """Give the plain node `n` a new leaf for the byte `c` (an int), keeping the edges sorted.  -> the leaf."""
    child = raxNewNode()
    data = n.data
    children = n.children
    pos = 0
    size = len(data)
    while pos < size and data[pos] <= c:
        pos += 1
    n.data = data[:pos] + bytes((c,)) + data[pos:]
    n.children = children[:pos] + (child,) + children[pos:]
    return child


def raxCompressNode(n, s):
    """Turn the leaf `n` into a compressed node with the string `s`.  -> its new child, a leaf."""
    child = raxNewNode()
    n.iscompr = 1
    n.data = s
    n.children = (child,)
    return child


def rax_common_prefix(v, s, i):
    """Count how many bytes of `v` are the same as those of `s` from `i` on.

    The highest bit that is set in the XOR of the two, read as big-endian numbers, marks the first difference.
    """
    m = min(len(v), len(s) - i)
    diff = int.from_bytes(v[:m], "big") ^ int.from_bytes(s[i:i + m], "big")
    return m - (diff.bit_length() + 7) // 8


def raxLowWalk(rt, s, ts=None):
    """Walk down along `s` as far as it goes.  -> (i, h, splitpos)

    i: bytes of `s` that were matched.  h: the node where the walk stopped.  splitpos: when h is compressed, how many
    of its bytes were matched; 0 = none, so h itself stands for s[:i].  `ts`, a list, gets the nodes above h.
    """
    h = rt.head
    i = 0
    n = len(s)
    while i < n:
        v = h.data
        if not v:
            break                                   # a leaf
        if h.iscompr:
            if not s.startswith(v, i):
                j = rax_common_prefix(v, s, i)
                return i + j, h, j
            j = 0
            i += len(v)
        else:
            j = v.find(s[i])
            if j < 0:
                break
            i += 1
        if ts is not None:
            ts.append(h)
        h = h.children[j]
    return i, h, 0


def raxGenericInsert(rt, s, data, overwrite):
    """Insert the key `s`.  -> (1, None), or (0, old value) when it was there; then `data` replaces it if `overwrite`.

    The walk can stop in the middle of a compressed node.  Take "ANNIBALE" -> "SCO" -> []:

      ANNIENTARE  "ANNI" -> |B| -> "ALE" -> "SCO" -> []        a byte differs: algorithm 1 cuts the node into
                            |E| -> ...                          trimmed, split, postfix
      ANNIBALI    "ANNIBAL" -> |E| -> "SCO" -> []               no postfix is left
                               |I| -> ...
      CIAO        |A| -> "NNIBALE" -> "SCO" -> []               nothing to trim: the node becomes the split node
                  |C| -> ...
      ANNI        "ANNI" -> "BALE" -> "SCO" -> []               the key ends inside: algorithm 2, two halves
    """
    i, h, j = raxLowWalk(rt, s)
    n = len(s)

    # The node for this key exists.
    if i == n and (not h.iscompr or j == 0):
        if h.iskey:
            old = raxGetData(h)
            if overwrite:
                raxSetData(h, data)
            return 0, old
        raxSetData(h, data)
        rt.numele += 1
        return 1, None

    if h.iscompr and i != n:
        # Algorithm 1: split at the byte that differs.  The loop below adds the other byte.
        v = h.data
        if len(v) - j - 1:
            postfix = raxNewNode()
            postfix.data = v[j + 1:]
            postfix.iscompr = 1 if len(postfix.data) > 1 else 0
            postfix.children = h.children
            rt.numnodes += 1
        else:
            postfix = h.children[0]
        if j == 0:
            h.iscompr = 0                           # h becomes the split node and stays a key if it was one
            h.data = v[:1]
            h.children = (postfix,)
        else:
            splitnode = raxNewNode()
            splitnode.data = v[j:j + 1]
            splitnode.children = (postfix,)
            h.data = v[:j]                          # h becomes the trimmed node
            h.iscompr = 1 if j > 1 else 0
            h.children = (splitnode,)
            rt.numnodes += 1
            h = splitnode
    elif h.iscompr:
        # Algorithm 2: the key ends inside this node; its second half becomes the key.
        v = h.data
        postfix = raxNewNode()
        postfix.data = v[j:]
        postfix.iscompr = 1 if len(postfix.data) > 1 else 0
        postfix.children = h.children
        raxSetData(postfix, data)
        h.data = v[:j]
        h.iscompr = 1 if j > 1 else 0
        h.children = (postfix,)
        rt.numnodes += 1
        rt.numele += 1
        return 1, None

    # Add the nodes for the rest of the key.
    while i < n:
        if not h.data and n - i > 1:
            comprsize = n - i
            if comprsize > RAX_NODE_MAX_SIZE:
                comprsize = RAX_NODE_MAX_SIZE
            child = raxCompressNode(h, s[i:i + comprsize])
            i += comprsize
        else:
            child = raxAddChild(h, s[i])
            i += 1
        rt.numnodes += 1
        h = child
    if not h.iskey:
        rt.numele += 1
    raxSetData(h, data)
    return 1, None


def raxInsert(rt, s, data):
    """Insert or overwrite.  -> (added, old): (1, None), or (0, old value)."""
    return raxGenericInsert(rt, s, data, 1)


def raxTryInsert(rt, s, data):
    """Insert unless the key is there.  -> (added, old): (1, None), or (0, the value that stays)."""
    return raxGenericInsert(rt, s, data, 0)


def raxFind(rt, s):
    """Return the value of the key `s`, or raxNotFound."""
    i, h, splitpos = raxLowWalk(rt, s)
    if i != len(s) or splitpos != 0 or not h.iskey:
        return raxNotFound
    return raxGetData(h)


def raxRemoveChild(parent, child):
    """Unlink `child` from `parent`; a compressed parent becomes a leaf."""
    if parent.iscompr:
        parent.iscompr = 0
        parent.data = b""
        parent.children = ()
        return
    children = parent.children
    pos = 0
    while children[pos] is not child:
        pos += 1
    data = parent.data
    parent.data = data[:pos] + data[pos + 1:]
    parent.children = children[:pos] + children[pos + 1:]


def raxRemove(rt, s):
    """Remove the key `s`.  -> (1, its value), or (0, None) when it is not there.

    Dead leaves go, upwards until a node that is a key or has another child; and where a plain node with one child
    ceased to be a key, or a node lost all children but one, the chain around it is compressed again.
    """
    ts = []
    i, h, splitpos = raxLowWalk(rt, s, ts)
    if i != len(s) or splitpos != 0 or not h.iskey:
        return 0, None
    old = raxGetData(h)
    h.iskey = 0
    h.value = None
    rt.numele -= 1

    trycompress = 0
    if not h.data:
        child = None
        while h is not rt.head:
            child = h
            rt.numnodes -= 1
            h = ts.pop()
            if h.iskey or (not h.iscompr and len(h.data) != 1):
                break
        if child is not None:
            raxRemoveChild(h, child)
            if len(h.data) == 1 and not h.iskey:
                trycompress = 1
    elif len(h.data) == 1:
        # As in C a compressed node that is no longer a key is not changed, though it could be merged with the one above.
        trycompress = 1

    if trycompress:
        # Go up to the first node of the chain.
        while 1:
            parent = ts.pop() if ts else None
            if parent is None or parent.iskey or (not parent.iscompr and len(parent.data) != 1):
                break
            h = parent
        start = h

        # Go down to its end.
        comprsize = len(h.data)
        parts = [h.data]
        while h.data:
            h = h.children[-1]
            if h.iskey or (not h.iscompr and len(h.data) != 1):
                break
            if comprsize + len(h.data) > RAX_NODE_MAX_SIZE:
                break
            comprsize += len(h.data)
            parts.append(h.data)
        if len(parts) > 1:
            # C creates a new node and links it to the parent; here the first node of the chain gets the whole string.
            start.iscompr = 1
            start.data = b"".join(parts)
            start.children = (h,)
            rt.numnodes -= len(parts) - 1
    return 1, old


def raxFreeWithCallback(rt, free_callback):
    """Empty the tree; every value that is not None is handed to `free_callback`."""
    if free_callback is not None:
        stack = [rt.head]
        while stack:
            n = stack.pop()
            stack.extend(n.children)
            if n.iskey and n.value is not None:
                free_callback(raxGetData(n))
    rt.head = None
    rt.numele = 0
    rt.numnodes = 0


def raxFree(rt):
    raxFreeWithCallback(rt, None)


# ---------------------------------------------------------------------------
# Iterator
# ---------------------------------------------------------------------------

def raxStart(it, rt):
    """Bind the iterator to a tree.  Until raxSeek() it is at EOF."""
    it.flags = RAX_ITER_EOF
    it.rt = rt
    it.key = b""
    it.data = None
    it.node = None
    it.stack = []


def raxIteratorNextStep(it, noup):
    """Go to the next key; at the end set RAX_ITER_EOF and stay.

    `noup`: it.node is not the place of the last key, but the parent of a child that does not exist and whose byte
    ends it.key; so look for the next child at once (raxSeek needs that).
    """
    flags = it.flags
    if flags & RAX_ITER_EOF:
        return
    if flags & RAX_ITER_JUST_SEEKED:
        it.flags = flags & ~RAX_ITER_JUST_SEEKED
        return

    stack = it.stack
    node = it.node
    key = it.key
    items = len(stack)             # nodes of the stack still above `node`; the list is cut on success only
    while 1:
        if not noup and node.children:
            # Go down: the first child leads to the smallest key of this subtree.
            if items != len(stack):
                del stack[items:]
            stack.append(node)
            items += 1
            key += node.data if node.iscompr else node.data[:1]
            node = node.children[0]
            if node.iskey:
                break
            continue
        # Go up until there is a child with a greater byte than the one we come from.
        found = None
        while 1:
            old_noup = noup
            if not noup and node is it.rt.head:
                it.flags |= RAX_ITER_EOF
                return
            prevchild = key[-1]
            if not noup:
                items -= 1
                node = stack[items]
            else:
                noup = 0
            data = node.data
            if node.iscompr:
                key = key[:-len(data)]
                continue
            key = key[:-1]
            size = len(data)
            if size > (0 if old_noup else 1):
                i = 0
                while i < size and data[i] <= prevchild:
                    i += 1
                if i != size:
                    found = node.children[i]
                    break
        key += data[i:i + 1]
        if items != len(stack):
            del stack[items:]
        stack.append(node)
        items += 1
        node = found
        if node.iskey:
            break
    it.node = node
    it.key = key
    it.data = raxGetData(node)


def raxSeekGreatest(it):
    """Go down to the greatest key of the subtree at it.node."""
    node = it.node
    while node.data:
        it.key += node.data if node.iscompr else node.data[-1:]
        it.stack.append(node)
        node = node.children[-1]
    it.node = node


def rax_last(rt):
    """Return (key, data) of the greatest key, or (b"", None) (ours: raxSeek "$" without an iterator)."""
    node = rt.head
    if rt.numele == 0:
        return b"", None
    key = b""
    while node.data:
        key += node.data if node.iscompr else node.data[-1:]
        node = node.children[-1]
    return key, raxGetData(node)


def raxIteratorPrevStep(it, noup):
    """Go to the previous key; at the beginning set RAX_ITER_EOF and stay.  `noup` as in raxIteratorNextStep()."""
    flags = it.flags
    if flags & RAX_ITER_EOF:
        return
    if flags & RAX_ITER_JUST_SEEKED:
        it.flags = flags & ~RAX_ITER_JUST_SEEKED
        return

    stack = it.stack
    node = it.node
    key = it.key
    items = len(stack)
    while 1:
        old_noup = noup
        if not noup and node is it.rt.head:
            it.flags |= RAX_ITER_EOF
            return
        prevchild = key[-1]
        if not noup:
            items -= 1
            node = stack[items]
        else:
            noup = 0
        data = node.data
        if node.iscompr:
            key = key[:-len(data)]
        else:
            key = key[:-1]
            size = len(data)
            if size > (0 if old_noup else 1):
                i = size - 1
                while i >= 0 and data[i] >= prevchild:
                    i -= 1
                if i != -1:
                    del stack[items:]
                    stack.append(node)
                    it.key = key + data[i:i + 1]
                    it.node = node.children[i]
                    raxSeekGreatest(it)
                    node = it.node
                    key = it.key
                    items = len(stack)
        # Go to the greatest key below, or stop at the node we came up to, which precedes all its children.
        if node.iskey:
            break
    if items != len(stack):
        del stack[items:]
    it.node = node
    it.key = key
    it.data = raxGetData(node)


def raxSeek(it, op, ele=b""):
    """Put the iterator on the element that `op` and `ele` name.  -> 1, or 0 for an unknown operator.

    ^ first   $ last   = exactly ele   > >= the first one behind (or at) ele   < <= the last one before (or at) ele
    The following raxNext() or raxPrev() returns this element; raxEOF() tells at once whether there is one.
    """
    eq = lt = gt = 0
    it.stack = []
    it.flags = (it.flags | RAX_ITER_JUST_SEEKED) & ~RAX_ITER_EOF
    it.key = b""
    it.node = None

    if op == ">=" or op == "^":
        gt = eq = 1
    elif op == ">":
        gt = 1
    elif op == "<=":
        lt = eq = 1
    elif op == "<":
        lt = 1
    elif op == "=" or op == "==":
        eq = 1
    elif op != "$":
        return 0

    rt = it.rt
    if rt.numele == 0:
        it.flags |= RAX_ITER_EOF
        return 1
    if op == "^":
        ele = b""
    elif op == "$":
        it.node = rt.head
        raxSeekGreatest(it)
        it.data = raxGetData(it.node)
        return 1

    n = len(ele)
    stack = it.stack
    i, node, splitpos = raxLowWalk(rt, ele, stack)
    it.node = node
    if eq and i == n and splitpos == 0 and node.iskey:
        it.key = ele
        it.data = raxGetData(node)
        return 1
    if not (lt or gt):
        it.flags |= RAX_ITER_EOF
        return 1

    # Not found: take the node where the walk stopped, whose path is the part of `ele` matched above it, and step from there.
    it.key = ele[:i - splitpos]
    it.flags &= ~RAX_ITER_JUST_SEEKED
    if i != n and not node.iscompr:
        # A plain node without this child: its neighbours are the next and the previous one.
        it.key += ele[i:i + 1]
        if lt:
            raxIteratorPrevStep(it, 1)
        else:
            raxIteratorNextStep(it, 1)
    elif i != n:
        # A compressed node that differs: all of its subtree is on one side of ele.
        nodechar = node.data[splitpos]
        keychar = ele[i]
        if gt:
            if nodechar > keychar:
                raxIteratorNextStep(it, 0)
            else:
                it.key += node.data
                raxIteratorNextStep(it, 1)
        elif nodechar < keychar:
            raxSeekGreatest(it)
            it.data = raxGetData(it.node)
        else:
            it.key += node.data
            raxIteratorPrevStep(it, 1)
    elif node.iscompr and node.iskey and splitpos and lt:
        # ele ends inside the string of a node which is a key: that key precedes it.
        it.data = raxGetData(node)
    elif gt:
        raxIteratorNextStep(it, 0)
    else:
        raxIteratorPrevStep(it, 0)
    it.flags |= RAX_ITER_JUST_SEEKED
    return 1


def raxNext(it):
    """Go to the next key, in it.key and it.data -> 1, or 0 at the end."""
    raxIteratorNextStep(it, 0)
    return 0 if it.flags & RAX_ITER_EOF else 1


def raxPrev(it):
    """Go to the previous key, in it.key and it.data -> 1, or 0 at the beginning."""
    raxIteratorPrevStep(it, 0)
    return 0 if it.flags & RAX_ITER_EOF else 1


def raxRandomWalk(it, steps):
    """Wander over `steps` keys from where the iterator stands (0: a random number, about 2*log of the size).
    -> 1 with a key in it.key, it.data; 0 when the tree is empty.  Far from uniform in a sparse tree.
    """
    rt = it.rt
    if rt.numele == 0:
        it.flags |= RAX_ITER_EOF
        return 0
    if steps == 0:
        fle = (1 + int(log(rt.numele))) * 2
        steps = 1 + randrange(fle)

    n = it.node
    head = rt.head
    while steps > 0 or not n.iskey:
        numchildren = len(n.children)
        ways = numchildren + (1 if n is not head else 0)
        if ways == 0:
            break                  # C: divides by zero here, when "" is the only key
        r = randrange(ways)
        if r == numchildren:
            n = it.stack.pop()
            it.key = it.key[:-len(n.data)] if n.iscompr else it.key[:-1]
        else:
            it.key += n.data if n.iscompr else n.data[r:r + 1]
            it.stack.append(n)
            n = n.children[r]
        if n.iskey:
            steps -= 1
    it.node = n
    it.data = raxGetData(n)
    return 1


def raxCompare(it, op, key):
    """Compare the iterator's key with `key` by `op` (== < <= > >=) -> 1 or 0."""
    if op in ("=", "=="):
        return int(it.key == key)
    if op == ">":
        return int(it.key > key)
    if op == ">=":
        return int(it.key >= key)
    if op == "<":
        return int(it.key < key)
    if op == "<=":
        return int(it.key <= key)
    return 0


def raxStop(it):
    """Let go of the tree."""
    it.rt = None
    it.node = None
    it.data = None
    it.stack = []


def raxEOF(it):
    return it.flags & RAX_ITER_EOF


def raxSize(rt):
    return rt.numele


# ---------------------------------------------------------------------------
# Introspection
# ---------------------------------------------------------------------------

def raxRecursiveShow(out, level, lpad, n):
    text = n.data.decode("latin-1")
    text = '"%s"' % text if n.iscompr else "[%s]" % text
    if n.iskey:
        text += "=%r" % (n.value,)
    out.append(text)
    numchildren = len(n.children)
    if level:
        lpad += 7 if numchildren > 1 else 4         # the widths of " `-(x) " and " -> "
        if numchildren == 1:
            lpad += len(text)
    for i in range(numchildren):
        if numchildren > 1:
            out.append("\n" + " " * lpad + " `-(%c) " % n.data[i])
        else:
            out.append(" -> ")
        raxRecursiveShow(out, level + 1, lpad, n.children[i])


def raxShow(rt):
    """Print the tree: "abc" a compressed node, [abc] a plain one, =value where it is a key."""
    out = []
    raxRecursiveShow(out, 0, 0, rt.head)
    print("".join(out))
