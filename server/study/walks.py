"""walks.py - the structures of the server as JSON has them, read and not changed.       No counterpart in C

Lives here   text, blob; walk_dict, walk_ziplist, walk_intset, walk_listpack, walk_quicklist, walk_skiplist, walk_rax, walk_stream.
Called from  state.py [command].
Calls out    decoders of datastructs that only read.
State        none.
Invariant    no look-up function of the server is called here: no rehash step, no access time, no hit counter, no expiry.
Departures   all of it is ours.

A walk shows a window: `first` is the bucket, node, rank or element where it begins, and `budget` says how much may follow.
"""
from datastructs.dict import dictIsRehashing
from datastructs.intset import intset_values
from datastructs.listpack import lpDecodeBacklen, lpFirst, lpGet, lpNext, lpSkip
from datastructs.quicklist import QUICKLIST_NODE_ENCODING_LZF
from datastructs.rax import raxIterator, raxNext, raxSeek, raxStart
from datastructs.ziplist import ZIP_END, ZIP_STR_06B, ZIP_STR_14B, ZIP_STR_MASK, ZIPLIST_HEADER_SIZE, ziplistGet, zipEntry

NAME_MAX = 200                         # bytes of a key, field, member or argument that are shown
SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class caps:
    """How much an answer may hold.  state.py halves them until the whole is short enough."""
    __slots__ = ("buckets", "elements", "clients", "blob")

    def __init__(self, buckets=64, elements=128, clients=64, blob=4096):
        self.buckets = buckets
        self.elements = elements       # also entries of buckets, nodes of a tree, events, nodes of a cluster
        self.clients = clients
        self.blob = blob               # bytes

    def half(self):
        return caps(max(1, self.buckets // 2), max(1, self.elements // 2), max(1, self.clients // 2), max(16, self.blob // 2))


class budget:
    """The elements that may still be shown."""
    __slots__ = ("left",)

    def __init__(self, left):
        self.left = left

    def take(self):
        """Count one element -> True if it may be shown"""
        self.left -= 1
        return self.left >= 0


def text(data, most=NAME_MAX):
    r"""Turn bytes into text: printable UTF-8 as it is, \\ \n \r \t, and every other byte as \xNN.  What is cut ends in \...(N bytes)."""
    size = len(data)
    s = bytes(data[:most]).decode("utf-8", "surrogateescape")
    if not s.isprintable() or "\\" in s:
        s = "".join(escape(ch) for ch in s)
    return s if size <= most else "%s\\...(%d bytes)" % (s, size)


def escape(ch):
    if ch in SHORT:
        return SHORT[ch]
    if ch.isprintable():
        return ch
    return "".join("\\x%02x" % byte for byte in ch.encode("utf-8", "surrogateescape"))


def element(value):
    """An element that is bytes or an int, as text: JSON of a browser has no integers of 64 bits."""
    return str(value) if isinstance(value, int) else text(value)


def blob(data, limit, most=None):
    """A buffer: its size, and its first bytes as text."""
    most = limit.blob if most is None else min(most, limit.blob)
    return {"size": len(data), "text": text(data[:most], most), "cut": len(data) > most}


def hexed(data, limit, most=None):
    """Bytes as hexadecimal digits: at most the cap of a blob."""
    return bytes(data[:limit.blob if most is None else most]).hex(" ")


def number(value):
    """A double as text: JSON has neither infinity nor 17 digits that are sure to survive."""
    return "%.17g" % value


# ------------------------------------------------------------------ hash tables

def walk_dict(d, first, limit, show):
    """Show both tables of a dict from bucket `first` on; `show(entry)` -> what stands for an entry."""
    tables = []
    left = budget(limit.elements)
    for ht in d.ht[:2 if dictIsRehashing(d) else 1]:
        buckets = []
        if left.left <= 0:
            left = budget(limit.elements // 2)          # the second table must be seen, too
        for j in range(first, min(first + limit.buckets, ht.size)):
            if left.left <= 0:
                break
            chain = []
            de = ht.table[j]
            while de is not None and left.take():
                chain.append(show(de))
                de = de.next
            buckets.append(chain)
        tables.append({"size": ht.size, "used": ht.used, "first": first, "buckets": buckets, "cut": first + len(buckets) < ht.size})
    return {"rehashidx": d.rehashidx, "pauserehash": d.pauserehash, "ht": tables}


def find_entry(d, key):
    """Look for a key as dictFind does, but without its rehash step -> (entry, table, bucket) or (None, 0, 0)"""
    hash_ = hash(key) if d.type.hashFunction is None else d.type.hashFunction(key)
    for table, ht in enumerate(d.ht):
        if ht.size:
            bucket = hash_ & ht.sizemask
            de = ht.table[bucket]
            while de is not None:
                if key == de.key if d.type.keyCompare is None else d.type.keyCompare(key, de.key):
                    return de, table, bucket
                de = de.next
        if not dictIsRehashing(d):
            break
    return None, 0, 0


# ------------------------------------------------------------------ blobs

def ziplist_encoding(zl, p):
    """A word for the encoding of the entry at p."""
    encoding = zipEntry(zl, p)[5]
    if encoding < ZIP_STR_MASK:
        return {ZIP_STR_06B: "str, 6 bit length", ZIP_STR_14B: "str, 14 bit length"}.get(encoding, "str, 32 bit length")
    return {0xc0: "int16", 0xd0: "int32", 0xe0: "int64", 0xf0: "int24", 0xfe: "int8"}.get(encoding, "int in 4 bits")


def walk_ziplist(zl, first, limit, left=None):
    """Show the header and the entries of a ziplist, every byte once."""
    left = left or budget(limit.elements)
    entries = []
    p = ZIPLIST_HEADER_SIZE
    skip = first
    while zl[p] != ZIP_END:
        prevrawlensize, prevrawlen, lensize, length, headersize, _ = zipEntry(zl, p)
        if skip:
            skip -= 1
        elif not left.take():
            break
        else:
            q = p + prevrawlensize
            value = ziplistGet(zl, p)
            entries.append({
                "offset": p, "prevlen": prevrawlen, "prevlen_bytes": hexed(zl[p:q], limit), "encoding": ziplist_encoding(zl, p),
                "encoding_bytes": hexed(zl[q:q + lensize], limit), "content_bytes": hexed(zl[p + headersize:p + headersize + length], limit, 32),
                "size": headersize + length, "value": element(value), "int": isinstance(value, int)})
        p += headersize + length
    return {"zlbytes": int.from_bytes(zl[0:4], "little"), "zltail": int.from_bytes(zl[4:8], "little"), "zllen": int.from_bytes(zl[8:10], "little"),
            "first": first, "entries": entries, "cut": zl[p] != ZIP_END, "hex": hexed(zl, limit)}


def walk_intset(is_, first, limit):
    """Show the header and the numbers of an intset."""
    values = intset_values(is_)
    shown = [str(v) for v in values[first:first + limit.elements]]
    return {"encoding": is_[0], "length": int.from_bytes(is_[4:8], "little"), "bytes": len(is_), "first": first, "contents": shown,
            "cut": first + len(shown) < len(values), "hex": hexed(is_, limit)}


def listpack_elements(lp):
    """Yield (offset, encoding and content, backlen, value) of every element."""
    p = lpFirst(lp)
    while p is not None:
        end = lpSkip(lp, p)
        backlen = lpDecodeBacklen(lp, end - 1)
        yield p, lp[p:p + backlen], lp[p + backlen:end], lpGet(lp, p)
        p = lpNext(lp, p)


def stream_roles(values):
    """Yield what each element of a stream's listpack is, in order."""
    values = iter(values)
    for role in ("live entries", "deleted entries"):
        next(values)
        yield role
    nfields = int(next(values))
    yield "fields of the master entry"
    for _ in range(nfields):
        next(values)
        yield "master field"
    next(values)
    yield "end of the master entry"
    for flags in values:
        flags = int(flags)
        yield "flags" + {0: "", 1: ": deleted", 2: ": same fields", 3: ": deleted, same fields"}[flags]
        for role in ("ms - master ms", "seq - master seq"):
            next(values)
            yield role
        if flags & 2:
            roles = ["value"] * nfields
        else:
            roles = ["field", "value"] * int(next(values))
            yield "number of fields"
        for role in roles + ["lp-count: back to flags"]:
            next(values)
            yield role


def walk_listpack(lp, limit, left):
    """Show a listpack of a stream."""
    shown, cut = [], False
    values = []
    elements = listpack_elements(lp)
    for p, data, backlen, value in elements:
        if not left.take():
            cut = True
            break
        values.append(value)
        shown.append({"offset": p, "bytes": hexed(data, limit, 32), "backlen": hexed(backlen, limit), "value": element(value)})
    roles = stream_roles(values)
    for entry in shown:
        try:
            entry["role"] = next(roles)
        except (StopIteration, RuntimeError):           # the walk was cut within an entry
            entry["role"] = ""
    return {"bytes": int.from_bytes(lp[0:4], "little"), "elements": int.from_bytes(lp[4:6], "little"), "entries": shown, "cut": cut,
            "hex": hexed(lp, limit, 512)}


# ------------------------------------------------------------------ chains and trees

def walk_quicklist(ql, first, limit):
    """Show the nodes of a quicklist, from node `first` on."""
    nodes = []
    left = budget(limit.elements)
    node = ql.head
    for _ in range(first):
        if node is None:
            break
        node = node.next
    while node is not None and len(nodes) < limit.buckets and left.left > 0:
        compressed = node.encoding == QUICKLIST_NODE_ENCODING_LZF
        nodes.append({"encoding": "LZF" if compressed else "RAW", "count": node.count, "sz": node.sz,
                      "bytes": node.zl.sz if compressed else len(node.zl),
                      "ziplist": None if compressed else walk_ziplist(node.zl, 0, limit, left)})
        node = node.next
    return {"count": ql.count, "len": ql.len, "fill": ql.fill, "compress": ql.compress, "first": first, "nodes": nodes,
            "cut": node is not None}


def walk_skiplist(zsl, first, limit):
    """Show the elements from rank `first` on with their levels, and from which nodes the levels enter the window.

    Ranks count from 0; the header has rank -1.  "from" has the highest level first.
    """
    first = min(first, max(0, zsl.length - 1))
    last = min(first + limit.elements, zsl.length)      # not shown any more
    nodes = [{"levels": []} for _ in range(first, last)]
    enters = []
    x = zsl.top
    rank = -1
    for i in range(zsl.level - 1, -1, -1):
        while x.forward is not None and rank + x.span < first:
            rank += x.span
            x = x.forward
        enters.append({"level": i, "rank": rank, "forward": rank + x.span if x.forward is not None else None, "span": x.span})
        y, at = x, rank
        while y.forward is not None and at + y.span < last:
            at += y.span
            y = y.forward
            node = nodes[at - first]
            node["levels"].append({"forward": at + y.span if y.forward is not None else None, "span": y.span})
            if i == 0:
                node["rank"] = at
                node["ele"] = text(y.ele)
                node["score"] = number(y.score)
                node["backward"] = at - 1 if y.backward is not None else None
        x = x.down if i else x
    for node in nodes:
        node["levels"].reverse()                        # level 0 first
    return {"length": zsl.length, "level": zsl.level, "tail": text(zsl.tail.ele) if zsl.tail is not None else None, "first": first,
            "from": enters, "nodes": nodes, "cut": last < zsl.length}


def walk_rax(n, left, show):
    """Show a node of a radix tree and what is below; `show(value)` -> a word for the value of a key."""
    out = {"data": n.data.hex(" ") if n.data else "", "iscompr": n.iscompr, "iskey": n.iskey, "children": []}
    if n.iskey:
        out["value"] = None if n.value is None else show(n.value)
    for child in n.children:
        if not left.take():
            out["cut"] = True
            break
        out["children"].append(walk_rax(child, left, show))
    return out


def rax_items(rt, first=0):
    """Yield (key, value) of a radix tree, from its element `first` on."""
    it = raxIterator()
    raxStart(it, rt)
    raxSeek(it, "^")
    while raxNext(it):
        if first:
            first -= 1
        else:
            yield it.key, it.data


def stream_id(key):
    return "%d-%d" % (int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big"))


def walk_stream(s, first, limit):
    """Show the listpacks of a stream, from listpack `first` on, its tree, and its groups with their pending entries."""
    left = budget(limit.elements)
    packs = []
    cut = False
    for key, lp in rax_items(s.rax, first):
        if left.left <= 0:
            cut = True
            break
        packs.append(dict({"id": stream_id(key)}, **walk_listpack(lp, limit, left)))
    groups = []
    left = budget(limit.elements)
    for name, cg in rax_items(s.cgroups) if s.cgroups is not None else ():
        if not left.take():
            break
        pel, consumers = [], []
        for key, nack in rax_items(cg.pel):
            if not left.take():
                break
            pel.append({"id": stream_id(key), "delivery_time": nack.delivery_time, "delivery_count": nack.delivery_count,
                        "consumer": text(nack.consumer.name)})
        for cname, consumer in rax_items(cg.consumers):
            if not left.take():
                break
            consumers.append({"name": text(cname), "seen_time": consumer.seen_time, "pending": consumer.pel.numele})
        groups.append({"name": text(name), "last_id": repr(cg.last_id), "pending": cg.pel.numele, "pel": pel, "consumers": consumers,
                       "cut": len(pel) < cg.pel.numele or len(consumers) < cg.consumers.numele})
    tree = walk_rax(s.rax.head, budget(limit.elements), lambda lp: "listpack of %d bytes" % len(lp))
    return {"length": s.length, "last_id": repr(s.last_id), "first": first, "rax": {"numele": s.rax.numele, "numnodes": s.rax.numnodes, "head": tree},
            "listpacks": packs, "groups": groups, "cut": cut}
