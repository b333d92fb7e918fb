"""adlist.py - doubly linked list.                       Mirrors src/adlist.c, src/adlist.h (6.2.14)

Lives here   list_, listNode, listIter and their functions.
Called from  everywhere clients, replies and watchers are queued.
State        none of its own.
Invariant    len counts the nodes; head.prev and tail.next are None.
Rules for callers  prev and next form reference cycles and the cyclic collector is off: a list that is no longer
             needed must go through listRelease() or listEmpty(), which cut the links.
Departures   list_link_node_head: a node that its owner keeps, as Redis 7 has it.
"""

AL_START_HEAD = 0
AL_START_TAIL = 1


class listNode:
    __slots__ = ("prev", "next", "value")

    def __init__(self, value):
        self.prev = None
        self.next = None
        self.value = value


class listIter:
    __slots__ = ("next", "direction")

    def __init__(self, next_=None, direction=AL_START_HEAD):
        self.next = next_          # listNode that listNext() will return
        self.direction = direction  # AL_START_*


class list_:
    __slots__ = ("head", "tail", "dup", "free", "match", "len")

    def __init__(self):
        self.head = None
        self.tail = None
        self.dup = None            # f(value) -> copy, or None to fail; None = share the value
        self.free = None           # f(value), called when a node is freed
        self.match = None          # f(value, key) -> true; None = identity
        self.len = 0

    def __repr__(self):
        return "<list_ len=%d>" % self.len


# Macros of adlist.h

def listLength(l):
    return l.len


def listFirst(l):
    return l.head


def listLast(l):
    return l.tail


def listSetFreeMethod(l, m):
    l.free = m


def listSetMatchMethod(l, m):
    l.match = m


def listCreate():
    return list_()


def listEmpty(l):
    """Remove all nodes; the list itself stays usable."""
    current = l.head
    free = l.free
    while current is not None:
        next_ = current.next
        if free is not None:
            free(current.value)
        current.prev = current.next = None
        current = next_
    l.head = l.tail = None
    l.len = 0


def listRelease(l):
    listEmpty(l)


def listAddNodeHead(l, value):
    list_link_node_head(l, listNode(value))
    return l


def list_link_node_head(l, node):
    """Put a node that stands in no list at the head (ours; listLinkNodeHead of Redis 7)."""
    head = node.next = l.head
    if head is None:
        l.tail = node
    else:
        head.prev = node
    l.head = node
    l.len += 1


def list_link_node_tail(l, node):
    """Put a node that stands in no list at the tail (ours; listLinkNodeTail of Redis 7)."""
    tail = node.prev = l.tail
    if tail is None:
        l.head = node
    else:
        tail.next = node
    l.tail = node
    l.len += 1


def listAddNodeTail(l, value):
    node = listNode(value)
    if l.len == 0:
        l.head = l.tail = node
    else:
        node.prev = l.tail
        l.tail.next = node
        l.tail = node
    l.len += 1
    return l


def listInsertNode(l, old_node, value, after):
    """Insert before or after `old_node`."""
    node = listNode(value)
    if after:
        node.prev = old_node
        node.next = old_node.next
        if l.tail is old_node:
            l.tail = node
    else:
        node.next = old_node
        node.prev = old_node.prev
        if l.head is old_node:
            l.head = node
    if node.prev is not None:
        node.prev.next = node
    if node.next is not None:
        node.next.prev = node
    l.len += 1
    return l


def listDelNode(l, node):
    """Unlink `node` and free its value.  The node is dead afterwards: its links are cut, so save node.next before."""
    prev = node.prev
    next_ = node.next
    if prev is not None:
        prev.next = next_
    else:
        l.head = next_
    if next_ is not None:
        next_.prev = prev
    else:
        l.tail = prev
    node.prev = node.next = None
    l.len -= 1
    if l.free is not None:
        l.free(node.value)


def listGetIterator(l, direction):
    return listIter(l.head if direction == AL_START_HEAD else l.tail, direction)


def listRewind(l, li):
    li.next = l.head
    li.direction = AL_START_HEAD


def listRewindTail(l, li):
    li.next = l.tail
    li.direction = AL_START_TAIL


def listNext(iter_):
    """Go to the next node -> the node, or None.  The caller may delete this node, and no other one."""
    current = iter_.next
    if current is not None:
        iter_.next = current.next if iter_.direction == AL_START_HEAD else current.prev
    return current


def list_values(l):
    """Generate the values, head first; the current node may be deleted in the loop body."""
    node = l.head
    while node is not None:
        next_ = node.next
        yield node.value
        node = next_


def listDup(orig):
    """Copy the list -> the copy, or None if the dup method failed."""
    copy = listCreate()
    copy.dup = orig.dup
    copy.free = orig.free
    copy.match = orig.match
    node = orig.head
    while node is not None:
        value = node.value
        if copy.dup is not None:
            value = copy.dup(value)
            if value is None:
                listRelease(copy)
                return None
        listAddNodeTail(copy, value)
        node = node.next
    return copy


def listSearchKey(l, key):
    """Find the first node whose value matches `key`, by the match method or by identity -> the node, or None."""
    match = l.match
    node = l.head
    while node is not None:
        if match is not None:
            if match(node.value, key):
                return node
        elif key is node.value:
            return node
        node = node.next
    return None


def listIndex(l, index):
    """Node number `index`; negative ones count from the tail, -1 is the last.  None if out of range."""
    if index < 0:
        index = (-index) - 1
        n = l.tail
        while index and n is not None:
            index -= 1
            n = n.prev
    else:
        n = l.head
        while index and n is not None:
            index -= 1
            n = n.next
    return n


def listRotateTailToHead(l):
    if l.len <= 1:
        return
    tail = l.tail
    l.tail = tail.prev
    l.tail.next = None
    l.head.prev = tail
    tail.prev = None
    tail.next = l.head
    l.head = tail


def listRotateHeadToTail(l):
    if l.len <= 1:
        return
    head = l.head
    l.head = head.next
    l.head.prev = None
    l.tail.next = head
    head.next = None
    head.prev = l.tail
    l.tail = head


def listJoin(l, o):
    """Move all nodes of `o` to the end of `l`; `o` is empty afterwards."""
    if o.len == 0:
        return
    o.head.prev = l.tail
    if l.tail is not None:
        l.tail.next = o.head
    else:
        l.head = o.head
    l.tail = o.tail
    l.len += o.len
    o.head = o.tail = None
    o.len = 0
