"""seen.py - the views of a server that has no DEBUG STATE: what the protocol shows of a C server.       No counterpart in C

Lives here   seen_view: AOF, REPL, CLIENTS, CLUSTER, SENTINEL, DB, KEY in the shapes of state.py, as far as INFO, CLIENT LIST, CLUSTER
             NODES, SENTINEL MASTERS, DEBUG HTSTATS, OBJECT and DUMP tell them; what they do not tell is null, 0 or empty.
Called from  view_nodes.py.
Calls out    walks.py, for the bytes that DUMP gives.
State        none.
Departures   all of it is ours.

Every view has "seen": true.  DUMP is a look-up: it touches the access time of the key and counts a hit, as GET does.
"""
import re

from server.study.trace_client import ServerError

ONLY_OURS = "only aeredis shows this: the protocol of a C server does not"
FLAG_NAMES = {"S": "SLAVE", "O": "MONITOR", "M": "MASTER", "P": "PUBSUB", "x": "MULTI", "b": "BLOCKED", "t": "TRACKING", "R": "TRACKING_BROKEN_REDIR",
              "B": "TRACKING_BCAST", "d": "DIRTY_CAS", "c": "CLOSE_AFTER_REPLY", "u": "UNBLOCKED", "A": "CLOSE_ASAP", "U": "UNIX_SOCKET",
              "r": "READONLY"}


def seen_view(connection, role, words):
    """Build a view -> dict; {"error": text} where it cannot be seen.  Refused when the connection is lost."""
    name = words[0].upper().decode("utf-8", "replace")
    seen = {"AOF": seen_aof, "REPL": seen_repl, "CLIENTS": seen_clients, "CLUSTER": seen_cluster, "SENTINEL": seen_sentinel, "DB": seen_db,
            "KEY": seen_key}.get(name)
    if seen is None or role == "sentinel" and name not in ("SENTINEL", "CLIENTS"):
        return {"error": ONLY_OURS}
    try:
        return dict(seen(connection, words[1:]), seen=True)
    except ServerError as error:
        return {"error": str(error)}
    except (ValueError, KeyError, IndexError) as error:
        return {"error": "a reply that is not understood (%s)" % error}


def ask(connection, *words):
    """Run a command -> its reply; raises ServerError."""
    reply = connection.execute(*words)
    if isinstance(reply, ServerError):
        raise reply
    return reply


def text_of(connection, *words):
    return ask(connection, *words).decode("utf-8", "replace")


def fields(line):
    """Split "a=1,b=2" -> dict"""
    return dict(part.partition("=")[::2] for part in line.split(","))


def number(info, name):
    value = info.get(name, "0")
    return int(value) if re.fullmatch(r"-?\d+", value) else 0


def pairs(flat):
    return {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") if isinstance(v, bytes) else v for k, v in zip(flat[::2], flat[1::2])}


def buffer(size):
    """A buffer whose bytes are not told."""
    return {"size": size, "text": "", "cut": size > 0}


def seen_aof(connection, args):
    info = connection.info("persistence")
    policy = connection.execute("CONFIG", "GET", "appendfsync")
    child = None
    for kind, prefix in (("RDB", "rdb_bgsave"), ("AOF", "aof_rewrite")):
        if info.get(prefix + "_in_progress") == "1":
            since = number(info, "rdb_current_bgsave_time_sec" if kind == "RDB" else "aof_current_rewrite_time_sec")
            child = {"pid": None, "type": kind, "since_s": max(0, since),
                     "keys_done": number(info, "current_save_keys_processed"), "keys_total": number(info, "current_save_keys_total"),
                     "cow_bytes": number(info, "current_cow_size")}
    on = info.get("aof_enabled") == "1"
    return {"state": "on" if on else "off", "fsync": policy[1].decode() if isinstance(policy, list) and len(policy) == 2 else "?",
            "buf": buffer(number(info, "aof_buffer_length")), "selected_db": None, "size": number(info, "aof_current_size"), "fsync_offset": None,
            "sync_running": number(info, "aof_pending_bio_fsync") > 0, "lost_by_kill": number(info, "aof_buffer_length"), "lost_by_power_cut": None,
            "base_size": number(info, "aof_base_size"), "postponed_s": None, "last_fsync_s": None, "delayed_fsync": number(info, "aof_delayed_fsync"),
            "write_status": info.get("aof_last_write_status", ""), "fsync_status": "", "rewrite_scheduled": number(info, "aof_rewrite_scheduled"),
            "rewrite_buf": number(info, "aof_rewrite_buffer_length"), "child": child,
            "rdb": {"dirty": number(info, "rdb_changes_since_last_save"), "lastsave_s": None, "saveparams": [],
                    "status": info.get("rdb_last_bgsave_status", ""), "scheduled": 0, "file": None}}


def seen_repl(connection, args):
    info = connection.info("replication")
    offset = number(info, "master_repl_offset")
    slaves = []
    for name in sorted((n for n in info if re.fullmatch(r"slave\d+", n)), key=lambda n: int(n[5:])):
        f = fields(info[name])
        ack = int(f["offset"])
        slaves.append({"id": None, "name": "%s:%s" % (f["ip"], f["port"]), "state": f["state"], "ack_offset": ack, "ack_s": int(f["lag"]),
                       "lag_bytes": max(0, offset - ack), "buf": 0, "reply_bytes": 0, "rdb_sent": 0, "rdb_size": 0, "psync_offset": None})
    backlog = None
    if info.get("repl_backlog_active") == "1":
        backlog = {"size": number(info, "repl_backlog_size"), "idx": None, "histlen": number(info, "repl_backlog_histlen"),
                   "off": number(info, "repl_backlog_first_byte_offset"), "tail": buffer(0)}
    master = None
    if info.get("role") == "slave":
        up = info.get("master_link_status") == "up"
        syncing = info.get("master_sync_in_progress") == "1"
        master = {"host": info["master_host"], "port": number(info, "master_port"), "state": "connected" if up else "transfer" if syncing else "connect",
                  "offset": number(info, "slave_repl_offset"), "read_offset": number(info, "slave_read_repl_offset") or number(info, "slave_repl_offset"),
                  "pending": 0, "rdb_size": number(info, "master_sync_total_bytes") if syncing else -1, "rdb_read": number(info, "master_sync_read_bytes"),
                  "down_s": None if up else number(info, "master_link_down_since_seconds"), "cached": False,
                  "readonly": number(info, "slave_read_only")}
    return {"role": info.get("role", ""), "replid": info.get("master_replid", ""), "replid2": info.get("master_replid2", ""),
            "second_replid_offset": number(info, "second_repl_offset"), "offset": offset, "slaveseldb": None, "backlog": backlog, "slaves": slaves,
            "good_slaves": number(info, "min_slaves_good_slaves"), "min_slaves_to_write": 0, "min_slaves_max_lag": 0, "waiting": [],
            "failover": info.get("master_failover_state", ""), "master": master}


def seen_clients(connection, args):
    first = int(args[0]) if args else 0
    me = connection.execute("CLIENT", "ID")
    info = connection.info("clients")
    lines = text_of(connection, "CLIENT", "LIST").splitlines()
    shown = []
    for line in lines[first:first + 64]:
        f = dict(part.partition("=")[::2] for part in line.split(" "))
        flags = "" if f.get("flags") == "N" else f.get("flags", "")
        shown.append({
            "id": int(f["id"]), "me": int(f["id"]) == me, "addr": f.get("addr", ""), "fd": int(f.get("fd", -1)), "name": f.get("name", ""),
            "type": "slave" if "S" in flags else "master" if "M" in flags else "pubsub" if "P" in flags else "normal",
            "flags": [FLAG_NAMES[letter] for letter in flags if letter in FLAG_NAMES], "db": int(f["db"]), "user": f.get("user", ""),
            "cmd": "" if f.get("cmd") == "NULL" else f.get("cmd", ""), "resp": int(f.get("resp", 2)), "age_s": int(f["age"]), "idle_s": int(f["idle"]),
            "events": f.get("events", ""), "querybuf": buffer(int(f.get("qbuf", 0))), "qb_pos": 0, "multibulklen": 0, "bulklen": -1, "argv": [],
            "queued": [["?"]] * min(16, max(0, int(f.get("multi", -1)))), "buf": buffer(int(f.get("obl", 0))), "sentlen": 0,
            "reply_blocks": int(f.get("oll", 0)), "reply_bytes": int(f.get("omem", 0)), "pending_write": False, "watched": [],
            "blocked": {"type": "?", "keys": [], "left_ms": None} if "b" in flags else None, "soft_limit_s": 0})
    return {"clients": len(lines), "maxclients": number(info, "maxclients"), "blocked": number(info, "blocked_clients"), "first": first,
            "cut": first + len(shown) < len(lines), "limits": seen_limits(connection), "list": shown}


def seen_limits(connection):
    reply = connection.execute("CONFIG", "GET", "client-output-buffer-limit")
    if not isinstance(reply, list) or len(reply) != 2:
        return {}
    words = reply[1].decode().split()
    return {words[i]: [int(w) for w in words[i + 1:i + 4]] for i in range(0, len(words), 4)}


def seen_cluster(connection, args):
    info = dict(line.partition(":")[::2] for line in text_of(connection, "CLUSTER", "INFO").splitlines())
    nodes, migrating, importing, myself = [], [], [], None
    for line in text_of(connection, "CLUSTER", "NODES").splitlines():
        words = line.split(" ")
        address, flags = words[1].partition(",")[0], words[2].split(",")
        place, _, cport = address.partition("@")
        ip, _, port = place.rpartition(":")
        slots = []
        for run in words[8:]:
            if run.startswith("["):
                slot, arrow, other = re.fullmatch(r"\[(\d+)-([<>])-(\w+)\]", run).groups()
                (migrating if arrow == ">" else importing).append([int(slot), other])
            else:
                a, _, b = run.partition("-")
                slots.append([int(a), int(b or a)])
        if "myself" in flags:
            myself = words[0]
        nodes.append({"name": words[0], "ip": ip, "port": int(port), "cport": int(cport or 0), "flags": [f for f in flags if f != "noflags"],
                      "slaveof": None if words[3] == "-" else words[3], "epoch": int(words[6]), "slots": slots,
                      "numslots": sum(b - a + 1 for a, b in slots), "ping_ms": None, "pong_ms": None, "link": words[7] == "connected",
                      "fail_reports": [], "offset": 0})
    counts = [{name.rpartition("_")[0][len("cluster_stats_messages_"):]: int(value) for name, value in info.items()
               if re.fullmatch(r"cluster_stats_messages_[\w-]+_%s" % way, name) and not name.startswith("cluster_stats_messages_%s" % way)}
              for way in ("sent", "received")]
    return {"state": info["cluster_state"], "size": number(info, "cluster_size"), "epoch": number(info, "cluster_current_epoch"),
            "last_vote_epoch": None, "myself": myself, "slots_assigned": number(info, "cluster_slots_assigned"), "nodes": nodes, "nodes_cut": False,
            "migrating": migrating, "importing": importing, "sent": counts[0], "received": counts[1],
            "election": {"in_ms": None, "votes": 0, "asked": 0, "rank": 0, "epoch": 0, "why_not": ""},
            "manual_failover": {"left_ms": None, "offset": 0, "can_start": 0}}


def seen_instance(f):
    flags = [flag for flag in f.get("flags", "").split(",") if flag]
    link = {"connected": "disconnected" not in flags, "pending": int(f.get("link-pending-commands", 0)),
            "ping_ms": int(f.get("last-ping-sent", 0)) or None, "pong_ms": int(f.get("last-ping-reply", 0)), "ok_ms": int(f.get("last-ok-ping-reply", 0))}
    return {"name": f["name"], "ip": f["ip"], "port": int(f["port"]), "flags": [flag for flag in flags if flag != "disconnected"],
            "s_down_ms": int(f["s-down-time"]) if "s-down-time" in f else None, "link": link}


def seen_sentinel(connection, args):
    masters = []
    for flat in ask(connection, "SENTINEL", "MASTERS"):
        f = pairs(flat)
        slaves, sentinels = [], []
        for s in map(pairs, ask(connection, "SENTINEL", "SLAVES", f["name"])):
            slaves.append(dict(seen_instance(s), offset=int(s.get("slave-repl-offset", 0)), priority=int(s.get("slave-priority", 100)),
                               master="%s:%s" % (s.get("master-host"), s.get("master-port")), master_link=s.get("master-link-status") == "ok"))
        for s in map(pairs, ask(connection, "SENTINEL", "SENTINELS", f["name"])):
            leader = s.get("voted-leader", "?")
            sentinels.append(dict(seen_instance(s), leader=None if leader == "?" else leader, leader_epoch=int(s.get("voted-leader-epoch", 0)),
                                  hello_ms=int(s.get("last-hello-message", 0))))
        masters.append(dict(seen_instance(f), quorum=int(f["quorum"]), epoch=int(f["config-epoch"]), down_after_ms=int(f["down-after-milliseconds"]),
                            o_down_ms=int(f["o-down-time"]) if "o-down-time" in f else None, failover=f.get("failover-state", "none"), failover_epoch=0,
                            leader=None, leader_epoch=0, promoted=None, slaves=slaves, sentinels=sentinels))
    myid = connection.execute("SENTINEL", "MYID")
    info = connection.info("sentinel")
    return {"myid": myid.decode() if isinstance(myid, bytes) else "", "epoch": None, "tilt": number(info, "sentinel_tilt"),
            "scripts": number(info, "sentinel_running_scripts"), "masters": masters}


def seen_db(connection, args):
    """Show the sizes of both tables: the buckets of a C server cannot be seen."""
    dbid = int(args[0]) if args else 0
    stats = text_of(connection, "DEBUG", "HTSTATS", str(dbid))
    keys = fields(connection.info("keyspace").get("db%d" % dbid, "keys=0,expires=0"))
    return {"db": dbid, "keys": int(keys["keys"]), "expires": int(keys["expires"]), "resize": None, "rehashidx": None, "pauserehash": None,
            "ht": [{"size": int(size), "used": int(used), "first": 0, "buckets": [], "cut": True}
                   for size, used in re.findall(r"table size: (\d+)\n number of elements: (\d+)", stats.partition("[Expires HT]")[0])], "htstats": stats}


def seen_key(connection, args):
    """Show a value down to its bytes, from DUMP; of a table or a skiplist what DEBUG HTSTATS-KEY says."""
    from server.study.seen_dump import value_in                      # the RDB loader: only where it is needed
    key, first = args[0], int(args[1]) if len(args) > 1 else 0
    encoding = ask(connection, "OBJECT", "ENCODING", key)
    if encoding is None:
        return {"error": "ERR no such key"}
    encoding = encoding.decode()
    idle, freq = connection.execute("OBJECT", "IDLETIME", key), connection.execute("OBJECT", "FREQ", key)
    ttl = ask(connection, "PTTL", key)
    out = {"key": key.decode("utf-8", "backslashreplace"), "db": 0, "type": ask(connection, "TYPE", key).decode(), "encoding": encoding,
           "refcount": ask(connection, "OBJECT", "REFCOUNT", key), "lru": None, "idle_s": idle if isinstance(idle, int) else None,
           "lfu": freq if isinstance(freq, int) else None, "ttl_ms": ttl if ttl >= 0 else None, "expired": False, "table": None, "bucket": None}
    if encoding in ("hashtable", "skiplist"):
        out["value"] = {"error": ONLY_OURS, "htstats": text_of(connection, "DEBUG", "HTSTATS-KEY", key)}
    else:
        out["value"] = value_in(ask(connection, "DUMP", key), key, first)
    return out
