"""pictures.py - the data structures of a live server, drawn in plain text.

    python -m tests.support.pictures NAME [...]        dict rehash skiplist ziplist cascade quicklist intset sds stream encodings
                                                   backlog clusterpacket clusterslots failover
    python -m tests.support.pictures --port N KEY      draw a key of any running server, a C one included
                                                   (also --host, --user, --password, --db)
    python -m tests.support.pictures --write           draw all pictures of docs/ anew (--check: do they still fit?)

Without --port a server is started in this process (tests/support/live.py), gets a small data set by ordinary commands, and its
real structures are walked and drawn.  With --port what can be seen from outside is drawn: DUMP gives the bytes of ziplists,
intsets, quicklist nodes and listpacks; DEBUG STATE the hash tables and skiplists of our servers, DEBUG HTSTATS-KEY the tables of
others.  Not in a payload: the levels of a skiplist, and whether a
quicklist node is compressed (that is drawn as a server that loads it would have it).
"""
import argparse
import difflib
import json
import os
import re
import sys

from datastructs.dict import dictIsRehashing
from datastructs.intset import intset_values
from datastructs.listpack import LP_EOF, LP_HDR_SIZE
from datastructs.quicklist import QUICKLIST_NODE_ENCODING_LZF
from datastructs.rax import raxIterator, raxNext, raxSeek, raxStart
from datastructs.sds import ROOM_IS_TOLD, sdsalloc
from datastructs.ziplist import ZIP_END, ZIPLIST_HEADER_SIZE, ziplistGet, zipEntry
from server.server_h import (
    OBJ_ENCODING_HT, OBJ_ENCODING_INTSET, OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_STREAM,
    OBJ_ENCODING_ZIPLIST, server,
)
from server.study.walks import (
    caps, listpack_elements, rax_items, stream_id, stream_roles, text, walk_dict, walk_skiplist, ziplist_encoding,
)
from tests.support.remote import add_options, ask, connect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCS = os.path.join(ROOT, "docs")
SEED = 6429                    # of the skiplist picture: it wants a few levels


def show(b, width=24):
    """Bytes or int as a short word."""
    if isinstance(b, int):
        return str(b)
    text = bytes(b).decode("latin-1").encode("ascii", "backslashreplace").decode()
    return '"%s"' % (text if len(text) <= width else text[:width - 8] + "..." + text[-5:])


def hexdump(b, most=12):
    b = bytes(b)
    return " ".join("%02x" % x for x in b[:most]) + (" .. (%d bytes)" % len(b) if len(b) > most else "")


def rows(table):
    """Align the columns of a list of tuples of text."""
    widths = [max(len(r[i]) for r in table) for i in range(len(table[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(r, widths)).rstrip() for r in table]


# ------------------------------------------------------------------ the drawers: objects -> lines

def draw_dict(d):
    """Both tables of a dict side by side; `>` marks the bucket that rehashing moves next."""
    size = max(ht.size for ht in d.ht)
    return draw_tables(walk_dict(d, 0, caps(size, d.ht[0].used + d.ht[1].used + 1), lambda de: {"key": text(de.key)}))


def draw_tables(view):
    """The same, of a view of DEBUG STATE."""
    tables = view["ht"]
    head = "rehashidx=%d   ht[0]: size=%d used=%d" % (view["rehashidx"], tables[0]["size"], tables[0]["used"])
    if len(tables) > 1:
        head += "   ht[1]: size=%d used=%d" % (tables[1]["size"], tables[1]["used"])

    def column(table, idx):
        return ["%s[%2d] %s" % (">" if j == idx else " ", j, " -> ".join(entry["key"] for entry in chain) or ".")
                for j, chain in enumerate(table["buckets"], table["first"])]

    left = column(tables[0], view["rehashidx"])
    right = column(tables[1], -1) if len(tables) > 1 else []
    n = max(len(left), len(right))
    left += [""] * (n - len(left))
    right += [""] * (n - len(right))
    more = ["... more buckets"] if any(table["cut"] for table in tables) else []
    return [head] + rows([(" ht[0]", " ht[1]" if right[0:1] != [""] else "")] + list(zip(left, right))) + more


def draw_skiplist(zsl):
    """One line a level, the highest first; an arrow carries the span, the ranks stand below."""
    return draw_levels(walk_skiplist(zsl, 0, caps(elements=zsl.length + 1)))


def draw_levels(view):
    """The same, of a view of DEBUG STATE that begins with rank 0."""
    nodes = view["nodes"]
    names = [n["ele"] for n in nodes]
    width = max([len(n) for n in names] + [6]) + 6
    out = ["length=%d level=%d tail=%s" % (view["length"], view["level"], view["tail"])]
    for enter in view["from"]:
        line = "L%-2d header" % enter["level"]
        x = enter
        while True:
            forward = x["forward"]
            shown = forward is not None and forward < len(nodes)
            # C keeps a span in the last node of a level too: the nodes left behind it; nobody follows it.
            label = "(%d)" % x["span"] if forward is not None else ""
            end = 10 + (forward if shown else len(nodes)) * width
            arrow = label.center(end - len(line) - 3, "-")
            line += " " + arrow + "> " if len(arrow) else "> "
            if not shown:
                line += "NULL" if forward is None else "..."
                break
            line += names[forward]
            x = nodes[forward]["levels"][enter["level"]]
        out.append(line)
    out.append("%-10s" % "score" + "".join(("%g" % float(n["score"])).ljust(width) for n in nodes).rstrip())
    out.append("%-10s" % "rank" + "".join(str(n["rank"]).ljust(width) for n in nodes).rstrip())
    out.append("backward  NULL <- " + " <- ".join(names))
    return out


def draw_ziplist(zl):
    """Field by field, every byte once."""
    table = [("offset", "bytes", "field", "meaning"),
             ("0", hexdump(zl[0:4]), "zlbytes", "%d bytes in all" % int.from_bytes(zl[0:4], "little")),
             ("4", hexdump(zl[4:8]), "zltail", "the last entry starts at %d" % int.from_bytes(zl[4:8], "little")),
             ("8", hexdump(zl[8:10]), "zllen", "%d entries" % int.from_bytes(zl[8:10], "little"))]
    p = ZIPLIST_HEADER_SIZE
    while zl[p] != ZIP_END:
        prevrawlensize, prevrawlen, lensize, length, headersize, _ = zipEntry(zl, p)
        table.append((str(p), hexdump(zl[p:p + prevrawlensize]), "prevlen", "the entry before has %d bytes" % prevrawlen
                      if p > ZIPLIST_HEADER_SIZE else "nothing before"))
        q = p + prevrawlensize
        table.append((str(q), hexdump(zl[q:q + lensize]), "encoding", ziplist_encoding(zl, p)))
        q = p + headersize
        if length:
            table.append((str(q), hexdump(zl[q:q + length]), "content", show(ziplistGet(zl, p))))
        else:
            table[-1] = table[-1][:3] + (table[-1][3] + ": " + show(ziplistGet(zl, p)),)
        p = q + length
    table.append((str(p), hexdump(zl[p:p + 1]), "zlend", ""))
    return rows(table)


def ziplist_entries(zl):
    """(offset, bytes of prevlen, prevlen, value) of every entry."""
    p = ZIPLIST_HEADER_SIZE
    while zl[p] != ZIP_END:
        prevrawlensize, prevrawlen, _, length, headersize, _ = zipEntry(zl, p)
        yield p, prevrawlensize, prevrawlen, ziplistGet(zl, p)
        p += headersize + length


def draw_quicklist(ql):
    out = ["count=%d elements in len=%d nodes, fill=%d, compress=%d" % (ql.count, ql.len, ql.fill, ql.compress)]
    table = [("node", "encoding", "count", "sz", "in memory", "elements")]
    node = ql.head
    j = 0
    while node is not None:
        if node.encoding == QUICKLIST_NODE_ENCODING_LZF:
            table.append((str(j), "LZF", str(node.count), str(node.sz), "%d bytes" % node.zl.sz, "(compressed)"))
        else:
            words = [show(v) for _, _, _, v in ziplist_entries(node.zl)]
            if len(words) > 3:
                words[1:-1] = ["..."]
            table.append((str(j), "RAW", str(node.count), str(node.sz), "%d bytes" % len(node.zl), " ".join(words)))
        node = node.next
        j += 1
    return out + rows(table)


def draw_intset(is_):
    size = int.from_bytes(is_[0:4], "little")
    table = [("offset", "bytes", "field", "meaning"),
             ("0", hexdump(is_[0:4]), "encoding", "int%d: %d bytes an element" % (size * 8, size)),
             ("4", hexdump(is_[4:8]), "length", "%d elements" % int.from_bytes(is_[4:8], "little"))]
    for j, v in enumerate(intset_values(is_)):
        p = 8 + j * size
        table.append((str(p), hexdump(is_[p:p + size]), "contents[%d]" % j, str(v)))
    return rows(table)


def draw_rax(n, label=show, indent=""):
    """The nodes of a radix tree, one a line; `label` makes a word of a value."""
    out = []
    if n.iskey:
        out.append("%s* key%s" % (indent, "" if n.value is None else " -> " + label(n.value)))
    if n.iscompr:
        out.append("%s%s" % (indent, hexdump(n.data, 16)))
        out += draw_rax(n.children[0], label, indent + "    ")
    else:
        for byte, child in zip(n.data, n.children):
            out.append("%s%02x" % (indent, byte))
            out += draw_rax(child, label, indent + "    ")
    return out


def draw_stream(s, whole=True):
    out = ["length=%d last_id=%d-%d, %d listpacks in a rax of %d nodes" % (
        s.length, s.last_id.ms, s.last_id.seq, s.rax.numele, s.rax.numnodes), "", "the rax (keys: 16 bytes, ms and seq):"]
    out += draw_rax(s.rax.head, lambda lp: "listpack of %d bytes" % len(lp), "  ")
    it = raxIterator()
    raxStart(it, s.rax)
    raxSeek(it, "^")
    while raxNext(it):
        lp = it.data
        elements = list(listpack_elements(lp))
        out += ["", "listpack of master ID %s:" % stream_id(it.key)]
        table = [("offset", "bytes", "backlen", "value", "role"),
                 ("0", hexdump(lp[0:4]), "", str(int.from_bytes(lp[0:4], "little")), "total bytes"),
                 ("4", hexdump(lp[4:6]), "", str(int.from_bytes(lp[4:6], "little")), "elements")]
        for (p, data, backlen, value), role in zip(elements, stream_roles([e[3] for e in elements])):
            table.append((str(p), hexdump(data), hexdump(backlen), show(value), role))
        table.append((str(len(lp) - 1), hexdump(lp[-1:]), "", "", "end"))
        assert lp[-1] == LP_EOF and elements[0][0] == LP_HDR_SIZE
        out += rows(table)
        if not whole:
            break
    if s.cgroups is not None:
        out += draw_cgroups(s.cgroups)
    return out


def draw_cgroups(cgroups):
    out = []
    for name, cg in rax_items(cgroups):
        out += ["", "group %s: last_id=%d-%d" % (show(name), cg.last_id.ms, cg.last_id.seq)]
        for key, nack in rax_items(cg.pel):
            out.append("  pel %s -> delivered %d time(s) to %s" % (stream_id(key), nack.delivery_count, show(nack.consumer.name)))
        for cname, consumer in rax_items(cg.consumers):
            out.append("  consumer %s: pel %s" % (show(cname), " ".join(stream_id(k) for k, _ in rax_items(consumer.pel))))
    return out


def draw_object(o):
    """Any value that is more than a string."""
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        return draw_ziplist(o.ptr)
    if o.encoding == OBJ_ENCODING_QUICKLIST:
        return draw_quicklist(o.ptr)
    if o.encoding == OBJ_ENCODING_INTSET:
        return draw_intset(o.ptr)
    if o.encoding == OBJ_ENCODING_STREAM:
        return draw_stream(o.ptr)
    if o.encoding == OBJ_ENCODING_SKIPLIST:
        return draw_skiplist(o.ptr.zsl)
    if o.encoding == OBJ_ENCODING_HT:
        return draw_dict(o.ptr)
    return [repr(o.ptr)]


def draw_client(c):
    """The buffers of a client, and what it is about to do."""
    lines = ["client id=%d fd=%s flags=0x%x db=%s" % (c.id, c.conn.fd if c.conn is not None else "-", c.flags, c.db.id if c.db is not None else "-"),
             "querybuf   %4d bytes, parsed up to %d: %s" % (len(c.querybuf), c.qb_pos, show(c.querybuf, 60)),
             "argv       %s" % (" ".join(show(o.ptr, 30) for o in c.argv) if c.argv else "-"),
             "buf        %4d bytes, sent up to %d: %s" % (len(c.buf), c.sentlen, show(c.buf, 60)),
             "reply      %4d bytes in %d blocks" % (c.reply_bytes, c.reply.len)]
    return lines


def draw_any(value):
    """Draw what `value` is: a structure of the server, or a blob -> lines, or None where it is nothing to draw"""
    kind = type(value).__name__
    drawers = {"dict_": draw_dict, "zskiplist": draw_skiplist, "quicklist": draw_quicklist, "stream": draw_stream,
               "robj": draw_object, "client": draw_client}
    if kind in drawers:
        return drawers[kind](value)
    if kind == "zset":
        return draw_skiplist(value.zsl)
    if kind == "rax":
        return draw_rax(value.head)
    if kind == "redisDb":
        return draw_dict(value.dict)
    if value is server.repl_backlog and value is not None:
        from tests.support.backlog import draw_ring
        return draw_ring(server.repl_backlog_size, server.repl_backlog_idx, server.repl_backlog_histlen, server.repl_backlog_off,
                         server.master_repl_offset)
    if isinstance(value, (bytes, bytearray)) and len(value) > ZIPLIST_HEADER_SIZE and int.from_bytes(value[:4], "little") == len(value) \
            and value[-1] == ZIP_END:
        return draw_ziplist(value)
    if isinstance(value, (bytes, bytearray)) and len(value) >= 8 and value[0] in (2, 4, 8) \
            and 8 + int.from_bytes(value[4:8], "little") * value[0] == len(value):
        return draw_intset(value)
    return None


# ------------------------------------------------------------------ the pictures: live server -> lines

def picture_dict(s):
    out = []
    for j in range(1, 5):
        s.execute("SET", "key:%d" % j, "x")
    out += ["# SET key:1 .. key:4: the initial table is full"] + draw_dict(server.db[0].dict)
    s.execute("SET", "key:5", "x")
    out += ["", "# SET key:5: a table twice as big is allocated; new keys go there"] + draw_dict(server.db[0].dict)
    return out


def picture_rehash(s):
    out = []
    for j in range(1, 9):
        s.execute("SET", "key:%d" % j, "x")
    d = server.db[0].dict
    while dictIsRehashing(d):
        s.execute("GET", "key:1")
    out += ["# before: 8 keys in 8 buckets"] + draw_dict(d)
    s.execute("SET", "key:9", "x")
    out += ["", "# SET key:9: load factor 1 reached, ht[1] allocated, rehashidx 0; the new key is in ht[1]"] + draw_dict(d)
    for _ in range(3):
        s.execute("GET", "key:1")
    out += ["", "# after GET, GET, GET: each look-up has moved a bucket (and stepped over at most 10 empty ones)"] + draw_dict(d)
    turns = 0
    while dictIsRehashing(d):
        s.execute("GET", "key:1")
        turns += 1
    out += ["", "# %d GETs later: ht[1] has become ht[0]" % turns] + draw_dict(d)
    return out


def picture_skiplist(s):
    s.execute("CONFIG", "SET", "zset-max-ziplist-entries", 0)
    for score, name in ((10, "ann"), (20, "bob"), (20, "cyd"), (35, "dan"), (40, "eve"), (55, "fay"), (70, "gus"), (90, "hal")):
        s.execute("ZADD", "board", score, name)
    zsl = s.value("board").ptr.zsl
    out = ["# ZADD board 10 ann 20 bob 20 cyd 35 dan 40 eve 55 fay 70 gus 90 hal"] + draw_skiplist(zsl)
    rank = s.execute("ZRANK", "board", "fay")
    out += ["", "# ZRANK board fay -> %d: the sum of the spans on the way, less one" % rank]
    s.execute("ZREM", "board", "dan")
    out += ["", "# ZREM board dan: the spans over it shrink by one"] + draw_skiplist(zsl)
    return out


def picture_ziplist(s):
    s.execute("HSET", "profile", "name", "Tom", "age", 25, "career", "Programmer", "level", 7)
    return ["# HSET profile name Tom age 25 career Programmer level 7"] + draw_ziplist(s.value("profile").ptr)


def picture_cascade(s):
    s.execute("CONFIG", "SET", "list-max-ziplist-size", -1)
    for j in range(4):
        s.execute("RPUSH", "l", chr(97 + j) * 249)

    def lines():
        zl = s.value("l").ptr.head.zl
        return rows([("offset", "prevlen takes", "prevlen", "value")] + [
            (str(p), "%d byte%s" % (size, "s" if size > 1 else ""), str(prev), show(v)) for p, size, prev, v in ziplist_entries(zl)]
        ) + ["%d bytes in all" % len(zl)]

    out = ["# four entries of 252 bytes: 1 for prevlen, 2 for the encoding, 249 of content"] + lines()
    s.execute("LPUSH", "l", "z" * 300)
    out += ["", "# LPUSH of 300 bytes: the next prevlen must grow to 5 bytes, so its entry grows to 256, so the next..."] + lines()
    return out


def picture_quicklist(s):
    s.execute("CONFIG", "SET", "list-max-ziplist-size", 6)
    s.execute("CONFIG", "SET", "list-compress-depth", 1)
    for j in range(28):
        s.execute("RPUSH", "log", "line-%02d of a log, log, log" % j)
    out = ["# list-max-ziplist-size 6, list-compress-depth 1; RPUSH of 28 lines"] + draw_quicklist(s.value("log").ptr)
    s.execute("LINSERT", "log", "BEFORE", "line-09 of a log, log, log", "between")
    out += ["", "# LINSERT into the full second node splits it"] + draw_quicklist(s.value("log").ptr)
    return out


def picture_intset(s):
    s.execute("SADD", "s", 5, 1, 300)
    out = ["# SADD s 5 1 300"] + draw_intset(s.value("s").ptr)
    s.execute("SADD", "s", 70000)
    out += ["", "# SADD s 70000: does not fit 16 bits, all elements are upgraded"] + draw_intset(s.value("s").ptr)
    s.execute("SREM", "s", 70000)
    out += ["", "# SREM s 70000: there is no way back"] + draw_intset(s.value("s").ptr)
    return out


def picture_sds(s):
    """All figures are those of the live value."""
    table = [("command", "OBJECT ENCODING", "length", "alloc")]

    def row(shown, *command):
        s.execute(*command)
        length = s.execute("STRLEN", "k")
        encoding = s.execute("OBJECT", "ENCODING", "k").decode()
        table.append((shown, encoding, str(length), "-" if encoding == "int" else str(sdsalloc(s.value("k").ptr))))

    row("SET k 10086", "SET", "k", 10086)
    row('APPEND k " is a good number!"', "APPEND", "k", " is a good number!")
    row("SET k (44 bytes)", "SET", "k", "x" * 44)
    row("SET k (45 bytes)", "SET", "k", "x" * 45)
    row("APPEND k (15 bytes): doubles", "APPEND", "k", "y" * 15)
    row("APPEND k (30 bytes): fits", "APPEND", "k", "y" * 30)
    row("SETRANGE k 3145728 end: 1 MB more", "SETRANGE", "k", 3 * 1024 * 1024, "end")
    return rows(table)


def picture_stream(s):
    s.execute("CONFIG", "SET", "stream-node-max-entries", 2)
    s.execute("XADD", "temp", "1000-0", "place", "roof", "deg", 21)
    s.execute("XADD", "temp", "1001-0", "place", "cellar", "deg", 9)
    s.execute("XADD", "temp", "1500-0", "place", "roof", "deg", 22)
    s.execute("XADD", "temp", "1500-1", "alarm", "on")
    s.execute("XDEL", "temp", "1001-0")
    s.execute("XGROUP", "CREATE", "temp", "readers", 0)
    s.execute("XREADGROUP", "GROUP", "readers", "ann", "COUNT", 1, "STREAMS", "temp", ">")
    s.execute("XREADGROUP", "GROUP", "readers", "bob", "COUNT", 1, "STREAMS", "temp", ">")
    return ["# stream-node-max-entries 2; XADD temp 1000-0, 1001-0, 1500-0 (place, deg), 1500-1 (alarm); XDEL temp 1001-0",
            "# XGROUP CREATE temp readers 0; XREADGROUP by ann and by bob, one entry each"] + draw_stream(s.value("temp").ptr)


def picture_encodings(s):
    """The matrix of types and encodings: each row is made by its command and asked for by OBJECT ENCODING."""
    long_ = "x" * 65
    cases = [
        ("string", "SET k 12345", ("SET", "k", 12345), "an integer of 64 bits (0..9999 shared)"),
        ("string", "SET k (44 bytes)", ("SET", "k", "x" * 44), "up to OBJ_ENCODING_EMBSTR_SIZE_LIMIT = 44 bytes"),
        ("string", "SET k (45 bytes)", ("SET", "k", "x" * 45), "longer, or changed in place (APPEND, SETRANGE, SETBIT)"),
        ("list", "RPUSH k a", ("RPUSH", "k", "a"), "always; a node holds `list-max-ziplist-size`"),
        ("hash", "HSET k f v", ("HSET", "k", "f", "v"), "`hash-max-ziplist-entries`, `hash-max-ziplist-value`"),
        ("hash", "HSET k f (65 bytes)", ("HSET", "k", "f", long_), "beyond these"),
        ("set", "SADD k 1 2", ("SADD", "k", 1, 2), "integers only, `set-max-intset-entries`"),
        ("set", "SADD k a", ("SADD", "k", "a"), "beyond these"),
        ("zset", "ZADD k 1 a", ("ZADD", "k", 1, "a"), "`zset-max-ziplist-entries`, `zset-max-ziplist-value`"),
        ("zset", "ZADD k 1 (65 bytes)", ("ZADD", "k", 1, long_), "beyond these: a skiplist and a dict"),
        ("stream", "XADD k 1-1 f v", ("XADD", "k", "1-1", "f", "v"),
         "always; a node holds `stream-node-max-bytes`, `stream-node-max-entries`"),
    ]
    out = ["| TYPE | OBJECT ENCODING | after | when (defaults of this server) |", "|---|---|---|---|"]
    for type_, shown, command, when in cases:
        s.execute("DEL", "k")
        s.execute(*command)
        assert s.execute("TYPE", "k").decode() == type_
        for name in re.findall(r"`([\w-]+)`", when):
            value = s.execute("CONFIG", "GET", name)[1].decode()
            when = when.replace("`%s`" % name, "`%s` %s" % (name, value))
        out.append("| %s | **%s** | `%s` | %s |" % (type_, s.execute("OBJECT", "ENCODING", "k").decode(), shown, when))
    return out


def picture_backlog(s):
    from replication.replication_master import createReplicationBacklog
    from tests.support.backlog import draw_ring
    s.execute("CONFIG", "SET", "repl-backlog-size", "16kb")
    if server.repl_backlog is None:                 # C: the first replica makes it
        createReplicationBacklog()
    server.slaveseldb = -1
    out = []
    for n in (300, 600):
        for i in range(n):
            s.execute("SET", "key:%03d" % i, "v")
        ring, idx = server.repl_backlog, server.repl_backlog_idx
        out += ["after %d SETs of 33 bytes, and a SELECT:" % n] + draw_ring(server.repl_backlog_size, idx, server.repl_backlog_histlen, server.repl_backlog_off,
                                                                            server.master_repl_offset)
        out += ["left of idx: %r" % bytes(ring[idx - 33:idx]), ""]
    server.repl_backlog = None
    server.master_repl_offset = 0
    return out[:-1]


def picture_failover(s):
    from tests.support.sentinel_states import draw_failover
    return draw_failover()


def picture_clusterpacket(s):
    """One PING of a node that knows two others, field by field; ids, addresses and times are chosen here."""
    from cluster import cluster_h
    from cluster.cluster import clusterRenameNode
    from cluster.cluster_bus import clusterSendPing
    from tests.support.clock import FakeClock
    from tests.support.incluster import InCluster
    with FakeClock(), InCluster(port=7000) as redis:
        me = server.cluster.myself
        clusterRenameNode(me, b"a" * 40)
        server.cluster.currentEpoch = me.configEpoch = 7
        server.master_repl_offset = 1234
        receiver = redis.add_node(cluster_h.CLUSTER_NODE_MASTER, name=b"b" * 40)
        third = redis.add_node(cluster_h.CLUSTER_NODE_MASTER, name=b"c" * 40)
        third.port, third.cport, third.pong_received = 7002, 17002, 1699999998000
        redis("CLUSTER", "ADDSLOTS", *range(9))
        packet = b""
        while b"c" * 40 not in packet[2256:2296]:   # the receiver itself may be drawn for the gossip, or nobody
            clusterSendPing(receiver.link, cluster_h.CLUSTERMSG_TYPE_PING)
            packet = bytes(receiver.link.sndbuf)
            receiver.link.sndbuf.clear()
        hdr = cluster_h.clusterMsg_unpack(packet)
    fields = [(4, "sig", hdr.sig), (4, "totlen", hdr.totlen), (2, "ver", hdr.ver), (2, "port", hdr.port), (2, "type", "%d = PING" % hdr.type),
              (2, "count", hdr.count), (8, "currentEpoch", hdr.currentEpoch), (8, "configEpoch", hdr.configEpoch),
              (8, "offset", "%d, replication stream" % hdr.offset), (40, "sender", hdr.sender), (2048, "myslots", "slots 0 to 8"),
              (40, "slaveof", "zeros: a master"), (46, "myip", "zeros: take the peer's"), (32, "notused1", ""), (2, "pport", hdr.pport),
              (2, "cport", hdr.cport), (2, "flags", "%d = MYSELF | MASTER" % hdr.flags), (1, "state", "%d = fail" % hdr.state),
              (3, "mflags", "PAUSED, FORCEACK")]
    g = hdr.data[0]
    fields += [(40, "gossip[0].nodename", g.nodename), (4, "  ping_sent", "%d s" % g.ping_sent), (4, "  pong_received", "%d s" % g.pong_received),
               (46, "  ip", g.ip), (2, "  port", g.port), (2, "  cport", g.cport), (2, "  flags", "%d = MASTER" % g.flags), (2, "  pport", g.pport),
               (2, "  notused1", "")]
    table, pos = [("offset", "bytes", "", "field", "value")], 0
    for size, name, value in fields:
        value = value.decode()[:12] if isinstance(value, bytes) else str(value)
        table.append((str(pos), str(size), hexdump(packet[pos:pos + size], 8).split(" (")[0], name, value))
        pos += size
    return rows(table) + ["(%d bytes)" % pos]


def picture_clusterslots(s):
    """CLUSTER SLOTS as a bar of 64 x 256 slots; small letters: a slot of that stretch is on its way."""
    from cluster import cluster_h
    from cluster.cluster import clusterAddSlot
    from tests.support.incluster import InCluster
    with InCluster(port=7000) as redis:
        me = server.cluster.myself
        nodes = [me] + [redis.add_node(cluster_h.CLUSTER_NODE_MASTER, name=c * 40) for c in (b"b", b"c")]
        owner = [0] * 5461 + [1] * 5462 + [2] * 5461
        owner[10923:10973] = [0] * 50                               # a reshard of 50 slots to the first node
        for j, i in enumerate(owner):
            clusterAddSlot(nodes[i], j)
        redis("CLUSTER", "SETSLOT", 12182, "IMPORTING", nodes[2].name)
        lines = []
        for first in range(0, 16384, 4096):
            bar = ""
            for base in range(first, first + 4096, 64):
                letters = sorted({"ABC"[nodes.index(n)] for n in server.cluster.slots[base:base + 64]})
                is_open = any(server.cluster.importing_slots_from[base:base + 64])
                letter = letters[0] if len(letters) == 1 else "|"
                bar += letter.lower() if is_open else letter
            lines.append("%5d %s %d" % (first, bar, first + 4095))
        reply = redis("CLUSTER", "SLOTS")
        for first, last, master in reply:
            lines.append("%5d - %5d  %s" % (first, last, "ABC"[[n.name for n in nodes].index(master[2])]))
        mine = next(line for line in redis("CLUSTER", "NODES").decode().splitlines() if "myself" in line)
        lines.append("A's own line of CLUSTER NODES ends: " + mine.partition("connected ")[2])
    return lines


def picture_clusterlinks(s):
    """Which packets went over each link of four nodes in ten seconds: tests.support.simcluster, by its seed."""
    from cluster.cluster_command import clusterGetMessageTypeString
    from cluster.cluster_bus import clusterPropagatePublish
    from cluster.cluster_h import clusterMsg_start
    from server.object import createStringObject
    from tests.support.simcluster import Sim
    letters = "ABCa"
    seen = {(a, b): ([], []) for a in letters for b in letters if a != b}

    def count(conn, packet):
        me, other = letters[conn.node.number], letters[conn.peer.node.number]
        type_ = clusterGetMessageTypeString(clusterMsg_start(packet)[4]).decode()
        is_mine = conn.address is not None
        kinds = seen[me, other][0] if is_mine else seen[other, me][1]
        if type_ not in kinds:
            kinds.append(type_)
    with Sim(SEED, replicas=1) as sim:
        sim.set_up()
        sim.on_packet = count
        sim.run(3)
        with sim.on(sim.nodes[0]):
            clusterPropagatePublish(createStringObject(b"news"), createStringObject(b"hello"))
        sim.schedule(sim.nodes[0])
        sim.command(sim.nodes[3], "CLUSTER", "FAILOVER")
        sim.run(7)
    lines = ["opened by   to   sent on it                                comes back on it"]
    for (a, b), (out, back) in sorted(seen.items(), key=lambda item: [letters.index(x) for x in item[0]]):
        lines.append("    %s  ------> %s   %-40s  %s" % (a, b, " ".join(sorted(out)), " ".join(sorted(back))))
    return lines


PICTURES = {
    "clusterpacket": picture_clusterpacket, "clusterslots": picture_clusterslots, "clusterlinks": picture_clusterlinks,
    "dict": picture_dict, "rehash": picture_rehash, "skiplist": picture_skiplist, "ziplist": picture_ziplist,
    "cascade": picture_cascade, "quicklist": picture_quicklist, "intset": picture_intset, "sds": picture_sds,
    "stream": picture_stream, "encodings": picture_encodings, "backlog": picture_backlog,
    "failover": picture_failover,
}


def draw(s, name):
    """A picture on an empty server, the same in every run."""
    import random
    s.execute("FLUSHALL")
    defaults = [("zset-max-ziplist-entries", 128), ("list-max-ziplist-size", -2), ("list-compress-depth", 0), ("stream-node-max-entries", 100)]
    for config, value in defaults:
        s.execute("CONFIG", "SET", config, value)
    random.seed(SEED)
    return PICTURES[name](s)


# ------------------------------------------------------------------ a server that runs elsewhere

def draw_remote(c, where, key):
    """What a running server, ours or a C one, lets us see of `key`."""
    from server import link  # noqa: F401
    from persistence.rdb_load import rdbLoadObject, rdbLoadObjectType
    from persistence.rio import rio, rioInitWithBuffer
    from server.server_init import initServerConfig
    initServerConfig()
    for name in ("list-max-ziplist-size", "list-compress-depth"):
        reply = c.execute("CONFIG", "GET", name)
        if isinstance(reply, list) and reply:              # not where the user may not run CONFIG
            setattr(server, name.replace("-", "_"), int(reply[1]))
    encoding = ask(c, where, "OBJECT", "ENCODING", key)
    if encoding is None:
        return ["no such key: %s" % key]
    out = ["# %s: %s" % (key, encoding.decode())]
    if encoding in (b"skiplist", b"hashtable"):
        state = c.execute("DEBUG", "STATE", "KEY", key)        # ours
        if isinstance(state, bytes):
            value = json.loads(state)["value"]
            return out + (draw_levels(value) if encoding == b"skiplist" else draw_tables(value))
        if encoding == b"skiplist":
            out.append("The levels of a skiplist are not in a payload; its dict:")
        return out + ask(c, where, "DEBUG", "HTSTATS-KEY", key).decode().splitlines()
    payload = ask(c, where, "DUMP", key)
    r = rio()
    rioInitWithBuffer(r, bytearray(payload[:-10]))
    rdbtype = rdbLoadObjectType(r, int.from_bytes(payload[-10:-8], "little"))
    o = rdbLoadObject(rdbtype, r, key.encode())[0]
    if o is None:
        return out + ["RDB type %d of that server cannot be decoded here" % rdbtype]
    return out + draw_object(o)


# ------------------------------------------------------------------ the pictures in docs/

BLOCK = re.compile(r"(<!-- picture: (\w+) -->\n).*?(<!-- end of picture -->)", re.S)


def block(name, lines):
    if name == "encodings":
        return "\n".join(lines) + "\n"
    return "```text\n$ python -m tests.support.pictures %s\n%s\n```\n" % (name, "\n".join(lines))


def documents():
    for folder, _, names in os.walk(DOCS):
        for name in sorted(names):
            if name.endswith(".md"):
                yield os.path.join(folder, name)


def renew(s, write):
    """Draw each picture of docs/ anew; with `write` put it there, else return what differs."""
    cache = {}
    changes = []
    for path in documents():
        with open(path, encoding="utf-8") as f:
            text = f.read()

        def put(m):
            name = m.group(2)
            if name == "sds" and not ROOM_IS_TOLD:         # its last column is what this interpreter does not tell
                return m.group(0)
            if name not in cache:
                cache[name] = block(name, draw(s, name))
            return m.group(1) + cache[name] + m.group(3)

        new = BLOCK.sub(put, text)
        if new != text:
            changes += difflib.unified_diff(text.splitlines(), new.splitlines(), path, "drawn now", lineterm="")
            if write:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(new)
    return changes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if args.port:
        with connect(args) as client:
            for key in args.names:
                print("\n".join(draw_remote(client, "%s:%d" % (args.host, args.port), key)) + "\n")
        return 0
    unknown = [n for n in args.names if n not in PICTURES]
    if unknown:
        parser.error("no such picture: %s (there are: %s)" % (" ".join(unknown), " ".join(PICTURES)))
    from tests.support.live import LiveServer
    # Rehashing by the timer would depend on the speed of the machine.
    with LiveServer({"activerehashing": "no"}, seed=SEED) as s:
        if args.write or args.check:
            changes = renew(s, args.write)
            print("\n".join(changes))
            return 1 if changes and args.check else 0
        for name in args.names or PICTURES:
            print("\n".join(draw(s, name)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
