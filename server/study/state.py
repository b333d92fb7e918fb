r"""state.py - DEBUG STATE: what a server holds, as JSON.       No counterpart in C

Lives here   DEBUG STATE view [arg ...] (SENTINEL STATE in sentinel mode); the views DB KEY CLIENTS LOOP AOF REPL THREADS CLUSTER SENTINEL.
Called from  debugCommand, sentinelCommand, by an import inside the function [command].
Calls out    walks.py: dicts, blobs, chains and trees.
State        none.
Invariant    a view changes nothing: it does not rehash, touch, expire, or count hits.  It runs between two commands, so that what
             it shows belongs together.  What it does change is what every command does: commandstats, the idle time of its client.
Departures   all of it is ours: D-106.

An answer is one bulk string with one JSON object, at most 256 KB.  Caps: 64 buckets, 128 elements, 64 clients, 4 KB a blob; where an
answer would be longer than 256 KB all of them are halved until it fits.  "cut": true says that there is more; the argument `first`
(a number, after the view and its argument) moves the window.

Bytes are text by one rule: printable UTF-8 as it is, \\ for a backslash, \n \r \t, every other byte \xNN; a key, field, member or
argument of more than 200 bytes ends in \...(N bytes).  BLOB = {"size": 1234, "text": "the first bytes", "cut": false}; "hex" holds
bytes as "0a ff".  Elements and scores are text even if they are numbers.  Times are ms or s, as the name says; null = none.

DB 0 [first]   every bucket of the window is a list, empty ones too; ht has a second table only while rehashidx is not -1
  {"db": 0, "keys": 2, "expires": 1, "resize": "enable", "rehashidx": -1, "pauserehash": 0, "ht": [{"size": 4, "used": 2, "first": 0,
   "cut": false, "buckets": [[], [{"key": "k", "type": "string", "encoding": "embstr", "ttl_ms": 900, "expired": false,
   "preview": "v"}], [], [..]]}]}
KEY k [first]   of the database that the client has selected; "value" by encoding, see below
  {"key": "k", "db": 0, "type": "hash", "encoding": "ziplist", "refcount": 1, "lru": 5, "idle_s": 3, "lfu": null, "ttl_ms": null,
   "expired": false, "table": 0, "bucket": 1, "value": {..}}
  int        {"int": "12"}
  embstr     {"blob": BLOB, "alloc": 3}           raw also; alloc: bytes it has room for
  ziplist    {"zlbytes": 18, "zltail": 12, "zllen": 2, "first": 0, "cut": false, "hex": "12 00 ..", "entries": [{"offset": 10,
              "prevlen": 0, "prevlen_bytes": "00", "encoding": "str, 6 bit length", "encoding_bytes": "01", "content_bytes": "61",
              "size": 3, "value": "a", "int": false}]}
  intset     {"encoding": 2, "length": 2, "bytes": 12, "first": 0, "contents": ["1", "2"], "cut": false, "hex": "02 00 .."}
  hashtable  {"rehashidx": -1, "pauserehash": 0, "ht": [{.., "buckets": [[{"key": "f", "value": "v"}]]}]}     no "value" in a set
  quicklist  {"count": 3, "len": 1, "fill": -2, "compress": 0, "first": 0, "cut": false, "nodes": [{"encoding": "RAW", "count": 3,
              "sz": 20, "bytes": 20, "ziplist": {..}}]}                       LZF: "ziplist": null, bytes = compressed
  skiplist   {"length": 2, "level": 2, "tail": "b", "first": 0, "cut": false, "dict": {"size": 4, "used": 2, "rehashidx": -1},
              "from": [{"level": 1, "rank": -1, "forward": 1, "span": 2}, ..], "nodes": [{"rank": 0, "ele": "a", "score": "1",
              "backward": null, "levels": [{"forward": 1, "span": 1}]}]}       forward, backward: ranks; levels[0] is the lowest
  stream     {"length": 1, "last_id": "1-1", "first": 0, "cut": false, "rax": {"numele": 1, "numnodes": 2, "head": {"data": "00 ..",
              "iscompr": 1, "iskey": 0, "children": [{.., "iskey": 1, "value": "listpack of 30 bytes"}]}}, "listpacks": [{"id": "1-1",
              "bytes": 30, "elements": 9, "cut": false, "hex": "..", "entries": [{"offset": 6, "bytes": "01", "backlen": "01",
              "value": "1", "role": "live entries"}]}], "groups": [{"name": "g", "last_id": "0-0", "pending": 1, "cut": false,
              "pel": [{"id": "1-1", "delivery_time": 1, "delivery_count": 1, "consumer": "c"}], "consumers": [{"name": "c",
              "seen_time": 1, "pending": 1}]}]}
CLIENTS [first]   "me": the client that asks; passwords (AUTH, ACL, CONFIG ..) are shown as (hidden)
  {"clients": 1, "maxclients": 10000, "blocked": 0, "first": 0, "cut": false, "limits": {"normal": [hard, soft, seconds], "slave": [..],
   "pubsub": [..]}, "list": [{"id": 4, "me": false, "addr": "127.0.0.1:5", "fd": 8, "name": "", "type": "normal", "flags": ["MULTI"],
   "db": 0, "user": "default", "cmd": "get", "resp": 2, "age_s": 1, "idle_s": 0, "events": "r", "querybuf": BLOB, "qb_pos": 0,
   "multibulklen": 0, "bulklen": -1, "argv": ["SET"], "queued": [["SET", "k", "v"]], "buf": BLOB, "sentlen": 0, "reply_blocks": 0,
   "reply_bytes": 0, "pending_write": false, "watched": ["k"], "blocked": null | {"type": "list", "keys": ["q"], "left_ms": null},
   "soft_limit_s": 0}]}
LOOP
  {"hz": 10, "cronloops": 9, "maxfd": 8, "setsize": 10128, "fast_path": 1, "api": "epoll", "timers": [{"id": 0, "proc": "serverCron",
   "in_ms": 12.5}], "events": [{"fd": 6, "mask": "r", "proc": "acceptTcpHandler", "owner": "client 4" | ""}], "events_cut": false,
   "fired": [{"fd": 8, "mask": "r"}], "lists": {"clients_pending_write": 0, "clients_pending_read": 0, "clients_to_close": 0,
   "unblocked_clients": 0, "ready_keys": 0, "tracking_pending_keys": 0, "paused_clients": 0, "clients_waiting_acks": 0, "monitors": 0},
   "stats": {"commands": 1, "connections": 1, "reads": 1, "writes": 1, "net_input_bytes": 1, "net_output_bytes": 1, "expired": 0,
   "evicted": 0, "hits": 0, "misses": 0}}
AOF   lost by kill -9: buf; lost by a power cut at most: lost_by_power_cut (while sync_running fsync_offset is what that sync will reach)
  {"state": "on", "fsync": "everysec", "buf": BLOB, "selected_db": 0, "size": 65, "fsync_offset": 65, "sync_running": false,
   "lost_by_kill": 0, "lost_by_power_cut": 0, "base_size": 0, "postponed_s": 0, "last_fsync_s": 1, "delayed_fsync": 0,
   "write_status": "ok", "fsync_status": "ok", "rewrite_scheduled": 0, "rewrite_buf": 0, "child": null | {"pid": 5, "type": "RDB",
   "since_s": 1, "keys_done": 0, "keys_total": 9, "cow_bytes": 0}, "rdb": {"dirty": 1, "lastsave_s": 9, "saveparams": [[900, 1]],
   "status": "ok", "scheduled": 0, "file": "dump.rdb"}}
REPL   tail: the newest bytes of the backlog
  {"role": "master", "replid": "..", "replid2": "..", "second_replid_offset": -1, "offset": 65, "slaveseldb": 0, "backlog": null |
   {"size": 1048576, "idx": 65, "histlen": 65, "off": 1, "tail": BLOB}, "slaves": [{"id": 7, "name": "127.0.0.1:7001", "state":
   "online", "ack_offset": 65, "ack_s": 0, "lag_bytes": 0, "buf": 0, "reply_bytes": 0, "rdb_sent": 0, "rdb_size": 0,
   "psync_offset": 1}], "good_slaves": 1, "min_slaves_to_write": 0, "min_slaves_max_lag": 10, "waiting": [{"id": 4, "replicas": 1,
   "offset": 65, "left_ms": null}], "failover": "no-failover", "master": null | {"host": "127.0.0.1", "port": 7000, "state":
   "connected", "offset": 65, "read_offset": 65, "pending": 0, "rdb_size": -1, "rdb_read": 0, "down_s": null, "cached": false,
   "readonly": 1}}
THREADS
  {"pid": 1, "threads": [{"name": "main", "tid": 1}], "bio": [{"name": "bio_aof_fsync", "pending": 0, "oldest_s": null}],
   "io": {"num": 1, "active": 0, "do_reads": 0, "pending": [0], "reads": 0, "writes": 0}, "child": null | {..}}
CLUSTER   ms since; slots are [first, last]
  {"state": "ok", "size": 3, "epoch": 6, "last_vote_epoch": 6, "myself": "1a2b..", "slots_assigned": 16384, "nodes": [{"name": "..",
   "ip": "127.0.0.1", "port": 7000, "cport": 17000, "flags": ["myself", "master"], "slaveof": null, "epoch": 1, "slots": [[0, 5460]],
   "numslots": 5461, "ping_ms": null, "pong_ms": 20, "link": true, "fail_reports": [], "offset": 0}], "nodes_cut": false,
   "migrating": [[1, "name"]], "importing": [], "sent": {"ping": 9}, "received": {"pong": 9}, "election": {"in_ms": null, "votes": 0,
   "asked": 0, "rank": 0, "epoch": 0, "why_not": "None"}, "manual_failover": {"left_ms": null, "offset": 0, "can_start": 0}}
SENTINEL
  {"myid": "..", "epoch": 0, "tilt": 0, "scripts": 0, "masters": [{"name": "mymaster", "ip": "127.0.0.1", "port": 7000, "flags":
   ["master"], "quorum": 2, "epoch": 0, "down_after_ms": 30000, "s_down_ms": null, "o_down_ms": null, "failover": "none",
   "failover_epoch": 0, "leader": null, "leader_epoch": 0, "promoted": null, "link": {"connected": true, "pending": 0, "ping_ms": null,
   "pong_ms": 30, "ok_ms": 30}, "slaves": [{"name": "127.0.0.1:7001", "ip", "port", "flags", "s_down_ms", "link", "offset": 9,
   "priority": 100, "master": "127.0.0.1:7000", "master_link": true}], "sentinels": [{"name": "runid", "ip", "port", "flags",
   "s_down_ms", "link", "leader": null, "leader_epoch": 0, "hello_ms": 90}]}]}
"""
import json
import os
import threading

from ae.ae import AE_NONE, AE_READABLE, AE_WRITABLE
from ae.ae_epoll import aeApiName
from ae.monotonic import getMonotonicUs, mstime, unix_time
from cluster import cluster_h
from cluster.cluster import redisNodeFlagsTable
from cluster.cluster_command import clusterGetMessageTypeString
from datastructs import dict as dict_module
from datastructs.adlist import list_values
from datastructs.dict import DICT_RESIZE_AVOID, DICT_RESIZE_ENABLE, DICT_RESIZE_FORBID, dictSize
from datastructs.sds import sdsalloc
from datastructs.util import string2ll
from persistence.aof import aofFsyncInProgress
from replication.replication import getFailoverStateString
from replication.replication_master import replicationGetSlaveName
from replication.sentinel import sentinel_h
from replication.sentinel.sentinel_command import sentinelFailoverStateStr
from server import bio, server_h
from server.client import networking_threads
from server.client.connection import connHasReadHandler, connHasWriteHandler
from server.client.networking import getClientPeerId, getClientType, getClientTypeName
from server.client.networking_reply import addReplyBulkCBuffer, addReplyErrorFormat, addReplyErrorObject, addReplyHelp
from server.keyspace.db_scan import getObjectTypeName
from server.lru import estimateObjectIdleTime
from server.object import strEncoding
from server.server_h import (
    AOF_ON, AOF_WAIT_REWRITE, C_OK, CLIENT_BLOCKED, CLIENT_MULTI, CLIENT_PENDING_WRITE, MAXMEMORY_FLAG_LFU,
    OBJ_ENCODING_HT, OBJ_ENCODING_INT, OBJ_ENCODING_INTSET, OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_SKIPLIST,
    OBJ_ENCODING_STREAM, OBJ_ENCODING_ZIPLIST, OBJ_STRING, server, shared,
)
from server.server_state import strChildType
from server.study.tracepoints import SECRET
from server.study.walks import (
    blob, budget, caps, element, find_entry, text, walk_dict, walk_intset, walk_quicklist, walk_skiplist, walk_stream, walk_ziplist,
)

JSON_MAX = 256 * 1024                  # bytes of an answer
HIDDEN = "(hidden)"
ADDRESSED = 10000                      # file events that LOOP looks at


class NoAnswer(Exception):
    """What is replied instead: one line, or None for the reply of C that a key does not exist."""


def names_of(prefix, module=server_h):
    """Make a table of the names of constants: {value: name without the prefix}"""
    return {value: name[len(prefix):] for name, value in vars(module).items() if name.startswith(prefix) and isinstance(value, int)}


CLIENT_FLAGS = [(getattr(server_h, "CLIENT_" + name), name) for name in (
    "SLAVE MASTER MONITOR MULTI BLOCKED DIRTY_CAS CLOSE_AFTER_REPLY UNBLOCKED ASKING CLOSE_ASAP UNIX_SOCKET DIRTY_EXEC PRE_PSYNC READONLY "
    "PUBSUB PENDING_WRITE REPLY_OFF REPLY_SKIP LUA_DEBUG PROTECTED PENDING_READ PENDING_COMMAND TRACKING TRACKING_BROKEN_REDIR TRACKING_BCAST "
    "PROTOCOL_ERROR CLOSE_AFTER_COMMAND REPL_RDBONLY").split()]
BLOCKED = {value: name.lower() for value, name in names_of("BLOCKED_").items()}
REPL_STATES = {value: name.lower() for value, name in names_of("REPL_STATE_").items()}
SLAVE_STATES = {value: name.lower() for value, name in names_of("SLAVE_STATE_").items()}
SRI_NAMES = sorted((value, name.lower()) for value, name in names_of("SRI_", sentinel_h).items())
RESIZE = {DICT_RESIZE_ENABLE: "enable", DICT_RESIZE_AVOID: "avoid", DICT_RESIZE_FORBID: "forbid"}
FSYNC = {value: name.lower() for value, name in names_of("AOF_FSYNC_").items()}
WHY_NOT = {value: name.lower() for value, name in names_of("CLUSTER_CANT_FAILOVER_", cluster_h).items() if name != "RELOG_PERIOD"}


def status(code):
    return "ok" if code == C_OK else "err"


def ago(now, then):
    """Milliseconds or seconds since `then`; None if it never was."""
    return max(0, now - then) if then else None


def listed(list_):
    """The length of a list of the server that may not be made yet."""
    return list_.len if list_ is not None else 0


# ------------------------------------------------------------------ keyspace

def key_fields(db, key, o):
    """Return what is shown of every key: how long it lives, and how it is encoded."""
    expire = find_entry(db.expires, key)[0]
    ttl = None if expire is None else expire.val - mstime()
    return {"type": getObjectTypeName(o).decode(), "encoding": strEncoding(o.encoding).decode(), "ttl_ms": ttl,
            "expired": ttl is not None and ttl < 0}


def preview(o):
    """The value of a string, or how much is in another one."""
    if o.type == OBJ_STRING:
        return element(o.ptr) if o.encoding == OBJ_ENCODING_INT else text(o.ptr, 40)
    if o.encoding in (OBJ_ENCODING_ZIPLIST, OBJ_ENCODING_INTSET):
        return "%d bytes" % len(o.ptr)
    if o.encoding == OBJ_ENCODING_HT:
        return "%d elements" % dictSize(o.ptr)
    if o.encoding == OBJ_ENCODING_SKIPLIST:
        return "%d elements" % o.ptr.zsl.length
    return "%d elements" % (o.ptr.count if o.encoding == OBJ_ENCODING_QUICKLIST else o.ptr.length)


def view_db(c, limit, args):
    dbid = number_of(args[0], b"the database", server.dbnum - 1) if args else 0
    first = first_of(args[1:])
    db = server.db[dbid]

    def show(de):
        return dict({"key": text(de.key), "preview": preview(de.val)}, **key_fields(db, de.key, de.val))
    return dict({"db": dbid, "keys": dictSize(db.dict), "expires": dictSize(db.expires), "resize": RESIZE[dict_module.dict_can_resize]},
                **walk_dict(db.dict, first, limit, show))


def view_key(c, limit, args):
    first = first_of(args[1:])
    key, db = args[0], c.db
    de, table, bucket = find_entry(db.dict, key)
    if de is None:
        raise NoAnswer(None)
    o = de.val
    lfu = server.maxmemory_policy & MAXMEMORY_FLAG_LFU
    return dict({"key": text(key), "db": db.id, "refcount": o.refcount, "lru": o.lru, "idle_s": None if lfu else estimateObjectIdleTime(o) // 1000,
                 "lfu": o.lru & 255 if lfu else None, "table": table, "bucket": bucket, "value": value_of(o, first, limit)}, **key_fields(db, key, o))


def value_of(o, first, limit):
    if o.encoding == OBJ_ENCODING_INT:
        return {"int": str(o.ptr)}
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        return walk_ziplist(o.ptr, first, limit)
    if o.encoding == OBJ_ENCODING_INTSET:
        return walk_intset(o.ptr, first, limit)
    if o.encoding == OBJ_ENCODING_QUICKLIST:
        return walk_quicklist(o.ptr, first, limit)
    if o.encoding == OBJ_ENCODING_STREAM:
        return walk_stream(o.ptr, first, limit)
    if o.encoding == OBJ_ENCODING_SKIPLIST:
        ht = o.ptr.dict.ht
        return dict({"dict": {"size": ht[0].size + ht[1].size, "used": ht[0].used + ht[1].used, "rehashidx": o.ptr.dict.rehashidx}},
                    **walk_skiplist(o.ptr.zsl, first, limit))
    if o.encoding == OBJ_ENCODING_HT:
        return walk_dict(o.ptr, first, limit, show_field)
    return {"blob": blob(o.ptr, limit), "alloc": sdsalloc(o.ptr)}


def show_field(de):
    """A member of a set, or a field of a hash with its value."""
    return {"key": text(de.key)} if de.val is None else {"key": text(de.key), "value": text(de.val)}


# ------------------------------------------------------------------ clients

def words_of(argv):
    """The arguments of a command, without what may be a password."""
    words = [o.ptr if isinstance(o.ptr, (bytes, bytearray)) else b"%d" % o.ptr for o in argv if o is not None]
    if words and bytes(words[0]).lower() in SECRET:
        return [text(words[0])] + [HIDDEN] * (len(words) - 1)
    return [text(word) for word in words]


def request_blob(c, limit):
    """The query buffer, unless there may be a password in it."""
    data = blob(c.querybuf, limit)
    lower = bytes(c.querybuf[:limit.blob]).lower()
    if any(word in lower for word in SECRET) or c.argv and c.argv[0] is not None and bytes(c.argv[0].ptr).lower() in SECRET:
        data["text"] = HIDDEN
    return data


def blocked_of(c, limit):
    if not c.flags & CLIENT_BLOCKED:
        return None
    keys, left = [], budget(limit.elements)
    d = c.bpop.keys
    if d is not None and dictSize(d):
        for table in walk_dict(d, 0, caps(d.ht[0].size, left.left), lambda de: text(de.key.ptr))["ht"]:
            keys += [key for chain in table["buckets"] for key in chain]
    return {"type": BLOCKED.get(c.btype, "?"), "keys": keys, "left_ms": max(0, c.bpop.timeout - mstime()) if c.bpop.timeout else None}


def show_client(c, asking, limit):
    events = "" if c.conn is None else "r" * bool(connHasReadHandler(c.conn)) + "w" * bool(connHasWriteHandler(c.conn))
    argv = [] if c is asking else words_of(c.argv[:c.argc][:limit.elements])
    return {
        "id": c.id, "me": c is asking, "addr": getClientPeerId(c).decode("utf-8", "replace"), "fd": c.conn.fd if c.conn is not None else -1,
        "name": text(c.name.ptr) if c.name is not None else "", "type": getClientTypeName(getClientType(c)),
        "flags": [name for flag, name in CLIENT_FLAGS if c.flags & flag], "db": c.db.id,
        "user": text(c.user.name) if c.user is not None else "(superuser)", "cmd": text(c.lastcmd.name) if c.lastcmd is not None else "",
        "resp": c.resp, "age_s": server.unixtime - c.ctime, "idle_s": server.unixtime - c.lastinteraction, "events": events,
        "querybuf": request_blob(c, limit), "qb_pos": c.qb_pos, "multibulklen": c.multibulklen, "bulklen": c.bulklen, "argv": argv,
        "queued": [words_of(mc.argv) for mc in c.mstate.commands[:16]] if c.flags & CLIENT_MULTI else [],
        "buf": blob(c.buf, limit), "sentlen": c.sentlen, "reply_blocks": listed(c.reply), "reply_bytes": c.reply_bytes,
        "pending_write": bool(c.flags & CLIENT_PENDING_WRITE),
        "watched": [text(wk.key.ptr) for wk, _ in zip(list_values(c.watched_keys), range(16))] if c.watched_keys is not None else [],
        "blocked": blocked_of(c, limit), "soft_limit_s": server.unixtime - c.obuf_soft_limit_reached_time if c.obuf_soft_limit_reached_time else 0}


def view_clients(c, limit, args):
    first = first_of(args)
    shown = []
    for n, client in enumerate(list_values(server.clients)):
        if n >= first + limit.clients:
            break
        if n >= first:
            shown.append(show_client(client, c, limit))
    limits = [[x.hard_limit_bytes, x.soft_limit_bytes, x.soft_limit_seconds] for x in server.client_obuf_limits]
    return {"clients": server.clients.len, "maxclients": server.maxclients, "blocked": server.blocked_clients, "first": first,
            "cut": first + len(shown) < server.clients.len, "limits": dict(zip(("normal", "slave", "pubsub"), limits)), "list": shown}


# ------------------------------------------------------------------ the loop and its threads

def mask_of(mask):
    return "r" * bool(mask & AE_READABLE) + "w" * bool(mask & AE_WRITABLE)


def event_of(fd, fe):
    """A file event: who is called, and for whom."""
    data = fe.clientData
    conn_proc = None
    owner = ""
    if data is not None and hasattr(data, "read_handler"):          # a connection
        conn_proc = data.read_handler if fe.mask & AE_READABLE else data.write_handler
        holder = data.private_data
        if hasattr(holder, "querybuf"):
            owner = "client %d" % holder.id
        elif hasattr(holder, "rcvbuf"):
            owner = "cluster bus"
    proc = conn_proc or (fe.rfileProc if fe.mask & AE_READABLE else fe.wfileProc)
    return {"fd": fd, "mask": mask_of(fe.mask), "proc": getattr(proc, "__name__", ""), "owner": owner}


def view_loop(c, limit, args):
    none_of(args)
    el = server.el
    now = getMonotonicUs()
    timers = []
    te = el.timeEventHead
    while te is not None and len(timers) < limit.elements:
        timers.append({"id": te.id, "proc": te.timeProc.__name__, "in_ms": (te.when - now) / 1000})
        te = te.next
    events = []
    cut = False
    for fd in range(min(el.maxfd + 1, ADDRESSED)):
        fe = el.events[fd]
        if fe.mask != AE_NONE:
            cut = len(events) == limit.elements
            if cut:
                break
            events.append(event_of(fd, fe))
    lists = ("clients_pending_write", "clients_pending_read", "clients_to_close", "unblocked_clients", "ready_keys", "tracking_pending_keys",
             "paused_clients", "clients_waiting_acks", "monitors")
    return {
        "hz": server.hz, "cronloops": server.cronloops, "maxfd": el.maxfd, "setsize": el.setsize, "fast_path": server.fast_path, "api": aeApiName(),
        "timers": timers, "events": events, "events_cut": cut,
        "fired": [{"fd": fd, "mask": mask_of(mask)} for fd, mask in list(el.fired)[:limit.elements]],
        "lists": {name: listed(getattr(server, name)) for name in lists},
        "stats": {"commands": server.stat_numcommands, "connections": server.stat_numconnections, "reads": server.stat_total_reads_processed,
                  "writes": server.stat_total_writes_processed, "net_input_bytes": server.stat_net_input_bytes,
                  "net_output_bytes": server.stat_net_output_bytes, "expired": server.stat_expiredkeys, "evicted": server.stat_evictedkeys,
                  "hits": server.stat_keyspace_hits, "misses": server.stat_keyspace_misses}}


def child():
    """The forked child that is at work, or None."""
    if server.child_pid == -1:
        return None
    kind = strChildType(server.child_type)
    start = server.aof_rewrite_time_start if kind == "AOF" else server.rdb_save_time_start
    return {"pid": server.child_pid, "type": kind, "since_s": unix_time() - start if start > 0 else 0,
            "keys_done": server.stat_current_save_keys_processed, "keys_total": server.stat_current_save_keys_total,
            "cow_bytes": server.stat_current_cow_bytes}


def view_threads(c, limit, args):
    none_of(args)
    threads = [{"name": "main" if t is threading.main_thread() else t.name, "tid": t.native_id} for t in threading.enumerate()]
    jobs = []
    for j, name in enumerate(("bio_close_file", "bio_aof_fsync", "bio_lazy_free")):
        oldest = next(iter(list(bio.bio_jobs[j] or ())), None)
        jobs.append({"name": name, "pending": bio.bio_pending[j], "oldest_s": unix_time() - oldest.time if oldest is not None else None})
    return {"pid": os.getpid(), "threads": threads[:limit.elements], "bio": jobs,
            "io": {"num": server.io_threads_num, "active": server.io_threads_active, "do_reads": server.io_threads_do_reads,
                   "pending": networking_threads.io_threads_pending[:server.io_threads_num], "reads": server.stat_io_reads_processed,
                   "writes": server.stat_io_writes_processed}, "child": child()}


# ------------------------------------------------------------------ persistence and replication

def view_aof(c, limit, args):
    none_of(args)
    on = server.aof_state == AOF_ON
    buf = len(server.aof_buf)
    rewrite_buf = server.aof_rewrite_buf_blocks
    return {
        "state": "on" if on else "wait_rewrite" if server.aof_state == AOF_WAIT_REWRITE else "off", "fsync": FSYNC[server.aof_fsync],
        "buf": blob(server.aof_buf, limit), "selected_db": server.aof_selected_db, "size": server.aof_current_size,
        "fsync_offset": server.aof_fsync_offset, "sync_running": bool(aofFsyncInProgress()), "lost_by_kill": buf,
        "lost_by_power_cut": max(0, server.aof_current_size - server.aof_fsync_offset) + buf, "base_size": server.aof_rewrite_base_size,
        "postponed_s": ago(server.unixtime, server.aof_flush_postponed_start) or 0, "last_fsync_s": ago(server.unixtime, server.aof_last_fsync),
        "delayed_fsync": server.aof_delayed_fsync, "write_status": status(server.aof_last_write_status),
        "fsync_status": status(server.aof_bio_fsync_status), "rewrite_scheduled": server.aof_rewrite_scheduled,
        "rewrite_buf": sum(len(block) for block in list_values(rewrite_buf)) if rewrite_buf is not None else 0, "child": child(),
        "rdb": {"dirty": server.dirty, "lastsave_s": ago(unix_time(), server.lastsave), "saveparams": [[p.seconds, p.changes] for p in server.saveparams],
                "status": status(server.lastbgsave_status), "scheduled": server.rdb_bgsave_scheduled, "file": server.rdb_filename}}


def backlog(limit):
    if server.repl_backlog is None:
        return None
    idx, ring = server.repl_backlog_idx, server.repl_backlog
    most = min(server.repl_backlog_histlen, 512)
    tail = bytes(ring[idx - most:idx]) if most <= idx else bytes(ring[idx - most:]) + bytes(ring[:idx])
    return {"size": server.repl_backlog_size, "idx": idx, "histlen": server.repl_backlog_histlen, "off": server.repl_backlog_off,
            "tail": blob(tail, limit)}


def show_slave(c):
    return {"id": c.id, "name": replicationGetSlaveName(c), "state": SLAVE_STATES.get(c.replstate, "handshake"), "ack_offset": c.repl_ack_off,
            "ack_s": ago(server.unixtime, c.repl_ack_time), "lag_bytes": max(0, server.master_repl_offset - c.repl_ack_off), "buf": len(c.buf),
            "reply_bytes": c.reply_bytes, "rdb_sent": c.repldboff, "rdb_size": c.repldbsize, "psync_offset": c.psync_initial_offset}


def show_master():
    if server.masterhost is None:
        return None
    link = server.master or server.cached_master
    return {"host": server.masterhost, "port": server.masterport, "state": REPL_STATES.get(server.repl_state, "?"),
            "offset": link.reploff if link is not None else None, "read_offset": link.read_reploff if link is not None else None,
            "pending": len(link.pending_querybuf or b"") if link is not None else 0, "rdb_size": server.repl_transfer_size,
            "rdb_read": server.repl_transfer_read, "down_s": None if server.master is not None else ago(server.unixtime, server.repl_down_since),
            "cached": server.cached_master is not None, "readonly": server.repl_slave_ro}


def view_repl(c, limit, args):
    none_of(args)
    slaves = [show_slave(slave) for slave, _ in zip(list_values(server.slaves), range(limit.clients))]
    waiting = [{"id": w.id, "replicas": w.bpop.numreplicas, "offset": w.bpop.reploffset,
                "left_ms": max(0, w.bpop.timeout - mstime()) if w.bpop.timeout else None}
               for w, _ in zip(list_values(server.clients_waiting_acks), range(limit.clients))]
    return {"role": "master" if server.masterhost is None else "slave", "replid": text(server.replid), "replid2": text(server.replid2),
            "second_replid_offset": server.second_replid_offset, "offset": server.master_repl_offset, "slaveseldb": server.slaveseldb,
            "backlog": backlog(limit), "slaves": slaves, "good_slaves": server.repl_good_slaves_count,
            "min_slaves_to_write": server.repl_min_slaves_to_write, "min_slaves_max_lag": server.repl_min_slaves_max_lag, "waiting": waiting,
            "failover": getFailoverStateString(), "master": show_master()}


# ------------------------------------------------------------------ cluster and Sentinel

def values_of(d, limit):
    """The values of a dict, without moving anything."""
    out = []
    for ht in d.ht:
        for de in ht.table or ():
            while de is not None and len(out) < limit:
                out.append(de.val)
                de = de.next
    return out


def show_node(n, slots, now):
    reports = [text(r.node.name) for r, _ in zip(list_values(n.fail_reports), range(16))] if n.fail_reports is not None else []
    return {"name": text(n.name), "ip": text(n.ip), "port": n.port, "cport": n.cport,
            "flags": [name.decode().rstrip(",") for flag, name in redisNodeFlagsTable if n.flags & flag],
            "slaveof": text(n.slaveof.name) if n.slaveof is not None else None, "epoch": n.configEpoch, "slots": slots, "numslots": n.numslots,
            "ping_ms": ago(now, n.ping_sent), "pong_ms": ago(now, n.pong_received), "link": n.link is not None and n.link.conn is not None,
            "fail_reports": reports, "offset": n.repl_offset}


def counted(counts):
    """Packets of the bus by type, those that there were."""
    return {clusterGetMessageTypeString(i).decode(): count for i, count in enumerate(counts) if count}


def view_cluster(c, limit, args):
    none_of(args)
    if not server.cluster_enabled:
        raise NoAnswer(b"This instance has cluster support disabled")
    cluster = server.cluster
    now = mstime()
    runs = {}
    for slot, owner in enumerate(cluster.slots):        # one walk for all nodes
        if owner is not None:
            own = runs.setdefault(owner, [])
            if own and own[-1][1] == slot - 1:
                own[-1][1] = slot
            elif len(own) < limit.elements:
                own.append([slot, slot])
    nodes = values_of(cluster.nodes, limit.elements)
    open_slots = [[[slot, text(n.name)] for slot, n in enumerate(slots) if n is not None][:limit.elements]
                  if slots.count(None) < len(slots) else [] for slots in (cluster.migrating_slots_to, cluster.importing_slots_from)]
    return {
        "state": "ok" if cluster.state == cluster_h.CLUSTER_OK else "fail", "size": cluster.size, "epoch": cluster.currentEpoch,
        "last_vote_epoch": cluster.lastVoteEpoch, "myself": text(cluster.myself.name),
        "slots_assigned": cluster_h.CLUSTER_SLOTS - cluster.slots.count(None), "nodes": [show_node(n, runs.get(n, []), now) for n in nodes],
        "nodes_cut": len(nodes) < dictSize(cluster.nodes), "migrating": open_slots[0], "importing": open_slots[1],
        "sent": counted(cluster.stats_bus_messages_sent), "received": counted(cluster.stats_bus_messages_received),
        "election": {"in_ms": cluster.failover_auth_time - now if cluster.failover_auth_time > now else None, "votes": cluster.failover_auth_count,
                     "asked": cluster.failover_auth_sent, "rank": cluster.failover_auth_rank, "epoch": cluster.failover_auth_epoch,
                     "why_not": WHY_NOT.get(cluster.cant_failover_reason, "?")},
        "manual_failover": {"left_ms": max(0, cluster.mf_end - now) if cluster.mf_end else None, "offset": cluster.mf_master_offset,
                            "can_start": cluster.mf_can_start}}


def show_instance(ri, now):
    link = ri.link
    return {"name": text(ri.name), "ip": text(ri.addr.ip), "port": ri.addr.port, "flags": [name for flag, name in SRI_NAMES if ri.flags & flag],
            "s_down_ms": ago(now, ri.s_down_since_time) if ri.flags & sentinel_h.SRI_S_DOWN else None,
            "link": {"connected": not link.disconnected, "pending": link.pending_commands, "ping_ms": ago(now, link.act_ping_time),
                     "pong_ms": ago(now, link.last_pong_time), "ok_ms": ago(now, link.last_avail_time)}}


def show_sentinel_master(ri, limit, now):
    slaves, sentinels = [], []
    for s in values_of(ri.slaves, limit.elements):
        slaves.append(dict(show_instance(s, now), offset=s.slave_repl_offset, priority=s.slave_priority, master="%s:%d" % (
            text(s.slave_master_host), s.slave_master_port) if s.slave_master_host else None,
            master_link=s.slave_master_link_status == sentinel_h.SENTINEL_MASTER_LINK_STATUS_UP))
    for s in values_of(ri.sentinels, limit.elements):
        sentinels.append(dict(show_instance(s, now), leader=text(s.leader) if s.leader else None, leader_epoch=s.leader_epoch,
                              hello_ms=ago(now, s.last_hello_time)))
    return dict(show_instance(ri, now), quorum=ri.quorum, epoch=ri.config_epoch, down_after_ms=ri.down_after_period,
                o_down_ms=ago(now, ri.o_down_since_time) if ri.flags & sentinel_h.SRI_O_DOWN else None,
                failover=sentinelFailoverStateStr(ri.failover_state).decode(), failover_epoch=ri.failover_epoch,
                leader=text(ri.leader) if ri.leader else None, leader_epoch=ri.leader_epoch,
                promoted=text(ri.promoted_slave.name) if ri.promoted_slave is not None else None, slaves=slaves, sentinels=sentinels)


def view_sentinel(c, limit, args):
    none_of(args)
    if not server.sentinel_mode:
        raise NoAnswer(b"this server is no Sentinel")
    sentinel = sentinel_h.sentinel
    return {"myid": text(sentinel.myid), "epoch": sentinel.current_epoch, "tilt": sentinel.tilt, "scripts": sentinel.running_scripts,
            "masters": [show_sentinel_master(ri, limit, mstime()) for ri in values_of(sentinel.masters, limit.elements)]}


# ------------------------------------------------------------------ the command

def number_of(word, what, high=1 << 40):
    ok, value = string2ll(word)
    if not ok or not 0 <= value <= high:
        raise NoAnswer(b"%b must be a number from 0 to %d" % (what, high))
    return value


def first_of(args):
    """The start of the window: the only argument that is left, by default 0."""
    if len(args) > 1:
        raise NoAnswer(b"syntax error: too many arguments for this view. Try DEBUG STATE HELP.")
    return number_of(args[0], b"first") if args else 0


def none_of(args):
    if args:
        raise NoAnswer(b"syntax error: this view takes no argument")


VIEWS = {b"db": view_db, b"key": view_key, b"clients": view_clients, b"loop": view_loop, b"aof": view_aof, b"repl": view_repl,
         b"threads": view_threads, b"cluster": view_cluster, b"sentinel": view_sentinel}

HELP = [
    b"DB <n> [<first>]",
    b"    The hash tables of a database, from bucket <first> on.",
    b"KEY <key> [<first>]",
    b"    A value down to its bytes, levels or nodes, from element or node <first> on.",
    b"CLIENTS [<first>]",
    b"    The clients with their buffers.",
    b"LOOP | THREADS | AOF | REPL",
    b"    The event loop; threads and their jobs; what is on disk; replication.",
    b"CLUSTER | SENTINEL",
    b"    What this node, or this Sentinel, knows of the others.",
]


def state_json(c, view, args):
    """Build a view -> JSON, at most JSON_MAX bytes.  Raises NoAnswer."""
    limit = caps()
    while True:
        data = json.dumps(view(c, limit, args), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")
        if len(data) <= JSON_MAX or limit.elements == 1:
            return data
        limit = limit.half()


def state_command(c):
    """DEBUG STATE view [arg ...] -> JSON; SENTINEL STATE the same."""
    word = bytes(c.argv[2].ptr).lower() if c.argc > 2 else b"help"
    args = [bytes(o.ptr) for o in c.argv[3:c.argc]]
    if word == b"help" and not args:
        addReplyHelp(c, HELP)
        return
    view = VIEWS.get(word)
    if view is None or word == b"key" and not args:
        addReplyErrorFormat(c, b"Unknown view or wrong number of arguments for STATE '%s'. Try DEBUG STATE HELP.", word[:64])
        return
    try:
        data = state_json(c, view, args)
    except NoAnswer as answer:
        if answer.args[0] is None:
            addReplyErrorObject(c, shared.nokeyerr)
        else:
            addReplyErrorFormat(c, b"%s", answer.args[0])
        return
    addReplyBulkCBuffer(c, data)
