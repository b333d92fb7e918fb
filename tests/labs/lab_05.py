"""Lab 5: the same hash in both encodings."""
SET = {"kind": "single", "conf": {"appendonly": "no"}}
TRACE = None
KEYS = ("small", "grown")


def check(lab):
    hashes, encodings = [], []
    for key in KEYS:
        type_ = lab.ask("TYPE", key)
        if type_ != b"hash":
            lab.saw("TYPE " + key, type_.decode())
            return lab.no("%s is %s: make both keys hashes" % (key, "not there" if type_ == b"none" else "a " + type_.decode()),
                          "%s %s：两个键都要是哈希" % (key, "不存在" if type_ == b"none" else "的类型是 " + type_.decode()))
        flat = lab.ask("HGETALL", key)
        hashes.append(dict(zip(flat[::2], flat[1::2])))
        encodings.append(lab.ask("OBJECT", "ENCODING", key).decode())
        lab.saw("OBJECT ENCODING %s, HGETALL %s" % (key, key), "%s, %d fields" % (encodings[-1], len(flat) // 2),
                "%s，%d 个字段" % (encodings[-1], len(flat) // 2))
    entries, value = int(lab.config("hash-max-ziplist-entries")), int(lab.config("hash-max-ziplist-value"))
    lab.saw("CONFIG GET hash-max-ziplist-*", "entries %d, value %d" % (entries, value))
    if hashes[0] != hashes[1]:
        differ = sorted(f for f in set(hashes[0]) | set(hashes[1]) if hashes[0].get(f) != hashes[1].get(f))
        return lab.no("the two hashes are not equal: they differ in field %s" % differ[0][:40].decode("utf-8", "replace"),
                      "两个哈希不相等：字段 %s 不同" % differ[0][:40].decode("utf-8", "replace"))
    if encodings[0] == encodings[1]:
        return lab.no("both are %s: grown must have been bigger once" % encodings[0] if encodings[0] == "ziplist" else "both are hashtable: make small anew",
                      "两个都是 %s：grown 必须曾经更大" % encodings[0] if encodings[0] == "ziplist" else "两个都是 hashtable：请重新建 small")
    if encodings != ["ziplist", "hashtable"]:
        return lab.no("it is the wrong way round: small must be the ziplist", "弄反了：small 应当是 ziplist")
    longest = max(len(word) for item in hashes[1].items() for word in item)
    if len(hashes[1]) > entries or longest > value:
        return lab.no("grown is a hashtable for a good reason: with %d fields and a value of %d bytes it is no ziplist at today's limits" % (
            len(hashes[1]), longest),
            "grown 有充分的理由是 hashtable：它有 %d 个字段，最长的值 %d 字节，按现在的限制不能是 ziplist" % (len(hashes[1]), longest))
    return lab.yes("the same %d fields, and both fit into a ziplist, but grown stays a hashtable: hashTypeConvert goes one way only" % len(hashes[0]),
                   "同样的 %d 个字段，两个都放得进 ziplist，可是 grown 仍是 hashtable：hashTypeConvert 只有一个方向" % len(hashes[0]))


def solution(lab):
    lab.ask("HSET", "small", "name", "zhangsan", "age", "30")
    lab.ask("HSET", "grown", "name", "x" * 65, "age", "30")
    lab.ask("HSET", "grown", "name", "zhangsan")


def not_equal(lab):
    lab.ask("HSET", "small", "name", "zhangsan")
    lab.ask("HSET", "grown", "name", "x" * 65)


def never_bigger(lab):
    for key in KEYS:
        lab.ask("HSET", key, "name", "zhangsan")


def still_big(lab):
    lab.ask("CONFIG", "SET", "hash-max-ziplist-value", "100")
    lab.ask("HSET", "small", "name", "x" * 65)
    lab.ask("CONFIG", "SET", "hash-max-ziplist-value", "64")
    lab.ask("HSET", "grown", "name", "x" * 65)


def no_hash(lab):
    lab.ask("SET", "small", "name")


WRONG = [
    (not_equal, "the two hashes are not equal"),
    (never_bigger, "both are ziplist"),
    (still_big, "a hashtable for a good reason"),
    (no_hash, "small is a string"),
]
