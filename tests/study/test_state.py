"""DEBUG STATE: every view, its window and its errors, and that looking changes nothing."""
import json

import pytest

from datastructs.dict import dictIsRehashing
from server.server_h import OBJ_ENCODING_SKIPLIST, server
from server.study import state, walks
from tests.support.incluster import InCluster
from tests.support.inprocess import InProcess
from tests.support.resp import RespError
from tests.support.server import start_server


def look(redis, *words):
    """Run DEBUG STATE -> the view."""
    reply = redis("DEBUG", "STATE", *words)
    assert isinstance(reply, bytes), reply
    return json.loads(reply)


@pytest.fixture
def redis():
    with InProcess() as r:
        yield r


def entries(table):
    return [entry for bucket in table["buckets"] for entry in bucket]


# ------------------------------------------------------------------ text

def test_text_can_be_turned_back():
    for data in (b"plain", "张三".encode(), b"\\", b"a\nb\r\tc", bytes(range(256)), "\u202e\u2028".encode(), b"\xe5\xbc", b"\\x00"):
        shown = walks.text(data, 1000)
        assert shown.isprintable()
        assert unescape(shown) == data


def unescape(shown):
    """Read the documented rule backwards."""
    out, i = b"", 0
    while i < len(shown):
        if shown[i] != "\\":
            out += shown[i].encode()
            i += 1
        elif shown[i + 1] == "x":
            out += bytes([int(shown[i + 2:i + 4], 16)])
            i += 4
        else:
            out += {"\\": b"\\", "n": b"\n", "r": b"\r", "t": b"\t"}[shown[i + 1]]
            i += 2
    return out


def test_what_is_cut_says_so():
    assert walks.text(b"x" * 200) == "x" * 200
    assert walks.text(b"x" * 201) == "x" * 200 + "\\...(201 bytes)"


# ------------------------------------------------------------------ keyspace

def test_seventeen_keys_are_seventeen_entries_and_the_marked_bucket_moves(redis):
    for i in range(17):
        redis("SET", "key:%d" % i, i)
    view = look(redis, "DB", 0)
    assert view["keys"] == 17 and view["rehashidx"] >= 0 and len(view["ht"]) == 2
    keys = [e["key"] for table in view["ht"] for e in entries(table)]
    assert sorted(keys) == sorted("key:%d" % i for i in range(17))
    assert look(redis, "DB", 0)["rehashidx"] == view["rehashidx"]          # looking does not move it
    redis("GET", "key:1")
    after = look(redis, "DB", 0)
    assert after["rehashidx"] == -1 or after["rehashidx"] > view["rehashidx"]


def test_the_window_of_a_database_moves(redis):
    for i in range(500):
        redis("SET", "k%d" % i, "v")
    seen, first = set(), 0
    while dictIsRehashing(server.db[0].dict):
        redis("GET", "k0")
    size = look(redis, "DB", 0)["ht"][0]["size"]
    while first < size:
        table = look(redis, "DB", 0, first)["ht"][0]
        assert len(table["buckets"]) <= 64 and table["first"] == first
        seen |= {e["key"] for e in entries(table)}
        assert table["cut"] == (first + len(table["buckets"]) < size)
        first += max(1, len(table["buckets"]))
    assert len(seen) == 500


def fingerprint():
    """All of the keyspace that a look must not change."""
    out = [server.stat_keyspace_hits, server.stat_keyspace_misses, server.stat_expiredkeys, server.dirty]
    for db in server.db:
        for d in (db.dict, db.expires):
            out.append((d.rehashidx, d.pauserehash))
            for ht in d.ht:
                out.append((ht.size, ht.used))
                for j, de in enumerate(ht.table or ()):
                    while de is not None:
                        out.append((j, bytes(de.key), id(de.val), getattr(de.val, "lru", de.val), getattr(de.val, "encoding", 0)))
                        if getattr(de.val, "encoding", None) == OBJ_ENCODING_SKIPLIST:
                            out.append(de.val.ptr.dict.rehashidx)
                        de = de.next
    return out


def test_looking_changes_nothing(redis):
    fill(redis)
    redis("PEXPIRE", "int", 100000)
    walks.find_entry(server.db[0].expires, b"int")[0].val = 1           # long ago
    n = 0
    while not dictIsRehashing(server.db[0].dict):
        redis("SET", "more:%d" % n, "v")
        n += 1
    before = fingerprint()
    keys = ["int", "raw", "hash", "field", "ints", "set", "list", "zset", "skip", "stream"]
    for _ in range(3):
        look(redis, "DB", 0)
        for key in keys:
            look(redis, "KEY", key)
        assert isinstance(redis("DEBUG", "STATE", "KEY", "missing"), RespError)
    assert look(redis, "KEY", "int")["expired"] is True
    assert fingerprint() == before


def fill(redis):
    redis("SET", "int", 12)
    redis("SET", "raw", "a")
    redis("APPEND", "raw", "b\n")
    redis("HSET", "hash", "f", "v")
    redis("HSET", "field", "f", "x" * 100)
    redis("SADD", "ints", 3, 1, 70000)
    redis("SADD", "set", "a", "b")
    redis("RPUSH", "list", *range(1000))
    redis("ZADD", "zset", 1, "a", "inf", "b")
    redis("ZADD", "skip", *[x for i in range(300) for x in (i, "m%03d" % i)])
    redis("XADD", "stream", "1-1", "f", "v")
    redis("XADD", "stream", "1-2", "f", "w")
    redis("XGROUP", "CREATE", "stream", "g", "0")
    redis("XREADGROUP", "GROUP", "g", "me", "STREAMS", "stream", ">")


def test_every_encoding(redis):
    fill(redis)
    assert look(redis, "KEY", "int")["value"] == {"int": "12"}
    raw = look(redis, "KEY", "raw")
    assert raw["encoding"] == "raw" and raw["value"]["blob"] == {"size": 3, "text": "ab\\n", "cut": False} and raw["value"]["alloc"] >= 3
    assert [e["value"] for e in look(redis, "KEY", "hash")["value"]["entries"]] == ["f", "v"]
    assert [e for t in look(redis, "KEY", "field")["value"]["ht"] for e in entries(t)] == [{"key": "f", "value": "x" * 100}]
    ints = look(redis, "KEY", "ints")["value"]
    assert ints["contents"] == ["1", "3", "70000"] and ints["encoding"] == 4 and len(ints["hex"].split()) == ints["bytes"]
    assert sorted(e["key"] for t in look(redis, "KEY", "set")["value"]["ht"] for e in entries(t)) == ["a", "b"]
    zset = look(redis, "KEY", "zset")["value"]
    assert [e["value"] for e in zset["entries"]] == ["a", "1", "b", "inf"]
    stream = look(redis, "KEY", "stream")["value"]
    assert stream["length"] == 2 and stream["rax"]["numele"] == 1
    roles = [e["role"] for e in stream["listpacks"][0]["entries"]]
    assert roles.count("lp-count: back to flags") == 2 and roles[0] == "live entries" and "" not in roles
    group = stream["groups"][0]
    assert group["name"] == "g" and [p["id"] for p in group["pel"]] == ["1-1", "1-2"] and group["consumers"][0]["pending"] == 2


def test_the_bytes_of_a_ziplist_are_all_there(redis):
    redis("RPUSH", "l", "a", 12345, "x" * 70)
    node = look(redis, "KEY", "l")["value"]["nodes"][0]
    zl = node["ziplist"]
    shown = bytes.fromhex(zl["hex"])
    assert len(shown) == zl["zlbytes"] == node["sz"]
    p = 10
    for e in zl["entries"]:
        assert e["offset"] == p
        header = bytes.fromhex(e["prevlen_bytes"] + e["encoding_bytes"])
        assert shown[p:p + len(header)] == header
        p += e["size"]
    assert shown[p] == 255 and [e["value"] for e in zl["entries"]] == ["a", "12345", "x" * 70]
    assert [e["int"] for e in zl["entries"]] == [False, True, False]


@pytest.mark.parametrize("first", [0, 1, 77, 200, 299])
def test_the_levels_of_a_skiplist(redis, first):
    fill(redis)
    view = look(redis, "KEY", "skip", first)["value"]
    zsl = walks.find_entry(server.db[0].dict, b"skip")[0].val.ptr.zsl
    # The tower of each element, by a plain walk of each level.
    towers = {}
    head = zsl.top
    for level in range(zsl.level - 1, -1, -1):
        x, rank = head, -1
        while x.forward is not None:
            rank += x.span
            x = x.forward
            towers.setdefault(rank, {})[level] = (rank + x.span if x.forward is not None else None, x.span)
        head = head.down
    assert [n["rank"] for n in view["nodes"]] == list(range(first, min(first + 128, 300)))
    for node in view["nodes"]:
        assert node["ele"] == "m%03d" % node["rank"] and node["score"] == str(node["rank"])
        assert {i: (x["forward"], x["span"]) for i, x in enumerate(node["levels"])} == towers[node["rank"]]
    for entry in view["from"]:
        assert entry["rank"] < first and (entry["forward"] is None or entry["forward"] >= first)


def test_a_long_list_has_a_window_and_compressed_nodes_say_so(redis):
    server.list_max_ziplist_size = 10
    server.list_compress_depth = 1
    redis("RPUSH", "l", *["some words that compress well, well, well %d" % (i % 3) for i in range(1000)])
    view = look(redis, "KEY", "l")["value"]
    assert view["len"] == 100 and view["cut"] and view["nodes"][0]["encoding"] == "RAW" and view["nodes"][1]["encoding"] == "LZF"
    assert view["nodes"][1]["ziplist"] is None and view["nodes"][1]["bytes"] < view["nodes"][1]["sz"]
    last = look(redis, "KEY", "l", 99)["value"]
    assert len(last["nodes"]) == 1 and not last["cut"] and len(last["nodes"][0]["ziplist"]["entries"]) == 10
    assert look(redis, "KEY", "l", 100)["value"]["nodes"] == []


def test_an_answer_is_never_longer_than_its_cap(redis):
    redis("RPUSH", "l", *["\x01" * 200 + str(i) for i in range(3000)])
    redis("SET", "s", "\xff" * 1000000)
    for i in range(200):
        redis("SET", "%s%d" % ("\x01" * 300, i), "\x02" * 300)
    redis("HSET", "h", *[w for i in range(200) for w in ("\x01" * 199 + str(i), "\x02" * 300)])
    for words in (("DB", 0), ("KEY", "l"), ("KEY", "s"), ("KEY", "h")):
        assert len(redis("DEBUG", "STATE", *words)) <= state.JSON_MAX
    assert look(redis, "KEY", "s")["value"]["blob"]["size"] == 2000000


# ------------------------------------------------------------------ errors

@pytest.mark.parametrize("words, error", [
    (("NONE",), "ERR Unknown view or wrong number of arguments for STATE 'none'. Try DEBUG STATE HELP."),
    (("KEY",), "ERR Unknown view or wrong number of arguments for STATE 'key'. Try DEBUG STATE HELP."),
    (("KEY", "missing"), "ERR no such key"),
    (("DB", 16), "ERR the database must be a number from 0 to 15"),
    (("DB", "x"), "ERR the database must be a number from 0 to 15"),
    (("DB", 0, -1), "ERR first must be a number from 0 to 1099511627776"),
    (("DB", 0, 0, 0), "ERR syntax error: too many arguments for this view. Try DEBUG STATE HELP."),
    (("CLIENTS", "x"), "ERR first must be a number from 0 to 1099511627776"),
    (("AOF", 1), "ERR syntax error: this view takes no argument"),
    (("CLUSTER",), "ERR This instance has cluster support disabled"),
    (("SENTINEL",), "ERR this server is no Sentinel"),
])
def test_errors_are_one_line(redis, words, error):
    assert redis("DEBUG", "STATE", *words).text == error


def test_help(redis):
    assert any(b"CLIENTS" in line for line in redis("DEBUG", "STATE"))
    assert redis("DEBUG", "STATE", "HELP") == redis("DEBUG", "STATE")


# ------------------------------------------------------------------ cluster

def test_the_cluster_as_a_node_sees_it():
    from cluster.cluster_h import CLUSTER_NODE_MASTER
    with InCluster(port=7000) as redis:
        redis("CLUSTER", "ADDSLOTS", 1, 2, 3, 7)
        other = redis.add_node(CLUSTER_NODE_MASTER, name=b"b" * 40, slots=range(100, 200))
        redis("CLUSTER", "SETSLOT", 3, "MIGRATING", other.name)
        view = look(redis, "CLUSTER")
        by_name = {n["name"]: n for n in view["nodes"]}
        mine, theirs = by_name[view["myself"]], by_name["b" * 40]
        assert mine["slots"] == [[1, 3], [7, 7]] and "myself" in mine["flags"] and theirs["slots"] == [[100, 199]]
        assert view["slots_assigned"] == 104 and view["migrating"] == [[3, "b" * 40]] and view["importing"] == []


# ------------------------------------------------------------------ a running server

@pytest.fixture(scope="module")
def running():
    with start_server("--appendonly", "yes", "--appendfsync", "no") as s:
        yield s


def view_of(c, *words):
    return json.loads(c.execute("DEBUG", "STATE", *words))


def test_half_a_command_waits_in_the_query_buffer(running):
    with running.resp() as c, running.resp() as half:
        me = half.execute("CLIENT", "ID")
        half.sock.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nab")
        deadline = 600
        while True:
            shown = next(x for x in view_of(c, "CLIENTS")["list"] if x["id"] == me)
            if shown["querybuf"]["text"].endswith("ab") or not deadline:
                break
            deadline -= 1
        assert shown["argv"] == ["SET", "k"] and shown["multibulklen"] == 1 and shown["bulklen"] == 5 and not shown["me"]
        half.sock.sendall(b"cde\r\n")
        assert half.read_reply() == b"OK" and c.execute("GET", "k") == b"abcde"


def test_passwords_are_hidden(running):
    with running.resp() as c, running.resp() as half:
        me = half.execute("CLIENT", "ID")
        half.sock.sendall(b"*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$9\r\nsecr")
        for _ in range(600):
            shown = next(x for x in view_of(c, "CLIENTS")["list"] if x["id"] == me)
            if shown["argv"]:
                break
        assert shown["argv"] == ["AUTH", "(hidden)"] and "secr" not in json.dumps(shown)


def test_blocked_queued_and_watching_clients(running):
    with running.resp() as c, running.resp() as b, running.resp() as m:
        ids = b.execute("CLIENT", "ID"), m.execute("CLIENT", "ID")
        b.send("BLPOP", "q1", "q2", "0")
        m.execute("WATCH", "w")
        m.execute("MULTI")
        m.execute("SET", "x", "1")
        for _ in range(600):
            by_id = {x["id"]: x for x in view_of(c, "CLIENTS")["list"]}
            if by_id[ids[0]]["blocked"]:
                break
        assert by_id[ids[0]]["blocked"]["type"] == "list" and sorted(by_id[ids[0]]["blocked"]["keys"]) == ["q1", "q2"]
        assert by_id[ids[1]]["queued"] == [["SET", "x", "1"]] and by_id[ids[1]]["watched"] == ["w"] and "MULTI" in by_id[ids[1]]["flags"]
        window = view_of(c, "CLIENTS", 1)
        assert window["first"] == 1 and len(window["list"]) == window["clients"] - 1


def test_loop_threads_aof_and_replication(running):
    with running.resp() as c:
        c.execute("SET", "k", "v")
        loop = view_of(c, "LOOP")
        assert [t["proc"] for t in loop["timers"]] == ["serverCron"]
        me = c.execute("CLIENT", "ID")
        assert any(e["owner"] == "client %d" % me and e["proc"] == "readQueryFromClient" for e in loop["events"])
        assert loop["stats"]["commands"] > 0 and loop["lists"]["clients_to_close"] == 0
        threads = view_of(c, "THREADS")
        assert {"main", "bio_aof_fsync"} <= {t["name"] for t in threads["threads"]} and threads["pid"] == running.pid
        aof = view_of(c, "AOF")
        info = dict(line.split(":", 1) for line in c.execute("INFO", "persistence").decode().splitlines() if ":" in line)
        assert aof["state"] == "on" and aof["fsync"] == "no" and aof["size"] == int(info["aof_current_size"])
        assert aof["lost_by_power_cut"] == aof["size"] - aof["fsync_offset"]
        repl = view_of(c, "REPL")
        assert repl["role"] == "master" and repl["master"] is None and repl["slaves"] == []


def test_a_user_without_the_permission_is_told(running):
    with running.resp() as c, running.resp() as u:
        c.execute("ACL", "SETUSER", "reader", "on", "nopass", "~*", "+@read")
        u.execute("AUTH", "reader", "x")
        assert u.execute("DEBUG", "STATE", "LOOP").text.startswith("NOPERM")
