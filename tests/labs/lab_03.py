"""Lab 3: stop a rehash half way, then move one bucket of keys by one look-up."""
from tests.labs.lab import named, within

SET = {"kind": "single", "conf": {"appendonly": "no"}}
TRACE = ""


def prepare(lab):
    lab.ask("CONFIG", "SET", "activerehashing", "yes")


def check(lab):
    events = lab.events()
    db = lab.state("DB", 0)
    tables = "  ".join("ht[%d]: %d buckets, %d keys" % (i, ht["size"], ht["used"]) for i, ht in enumerate(db["ht"]))
    lab.saw("DEBUG STATE DB 0", "%s; rehashidx %d" % (tables, db["rehashidx"]))
    steps = named(events, "dictRehash")
    movers = []                                          # who moved the bucket: a command, or the cron
    for step in steps:
        inside = [e["args"]["command"] for e in named(events, "call") if within(step, e)]
        movers.append(inside[-1] if inside else "databasesCron")
    counts = ", ".join("%s %d" % (mover, movers.count(mover)) for mover in sorted(set(movers)))
    lab.saw("DEBUG TRACE READ: dictRehash", "%d steps%s" % (len(steps), ": " + counts if steps else ""),
            "%d 步%s" % (len(steps), "：" + counts if steps else ""))
    if db["rehashidx"] == -1:
        if movers and movers[-1] == "databasesCron":
            return lab.no("the rehash is over: databasesCron, which works on it for a millisecond at each tick, has moved the rest (activerehashing is %s)"
                          % lab.config("activerehashing"),
                          "rehash 已经做完了：databasesCron 每一拍为它工作一毫秒，把剩下的都移走了（activerehashing 是 %s）" % lab.config("activerehashing"))
        return lab.no("no rehash is under way: one table of %d buckets has %d keys; it grows when a key is added to a table that is full" % (
            db["ht"][0]["size"], db["ht"][0]["used"]),
            "没有正在进行的 rehash：一个 %d 个桶的表里有 %d 个键；表满之后再加一个键，它才扩展" % (db["ht"][0]["size"], db["ht"][0]["used"]))
    if not steps or steps[-1]["args"]["to"] != db["rehashidx"]:
        return lab.no("a rehash is under way, but no bucket has been moved by a look-up yet",
                      "rehash 正在进行，但还没有哪个桶是由一次查找移走的")
    last, mover = steps[-1], movers[-1]
    writer = [e for e in named(events, "call") if within(last, e) and e["args"].get("dirty")]
    if mover == "databasesCron" or writer:
        return lab.no("the last bucket was moved by %s, which is no look-up" % mover, "最后一个桶是由 %s 移走的，那不是查找" % mover)
    if lab.config("activerehashing") == "yes":
        return lab.no("activerehashing is on: databasesCron will move the rest within a tick; switch it off, and this state stays",
                      "activerehashing 开着：databasesCron 在下一拍就会移走剩下的桶；关掉它，这个状态才会停住")
    before = steps[-2]["args"]["moved"] if len(steps) > 1 and steps[-2]["args"]["to"] == last["args"]["from"] else 0
    return lab.yes("one %s moved rehashidx from %d to %d, and with it %d keys into ht[1]; %d keys still wait in ht[0], and nobody moves them until "
                   "the next command" % (mover, last["args"]["from"], last["args"]["to"], last["args"]["moved"] - before, db["ht"][0]["used"]),
                   "一条 %s 把 rehashidx 从 %d 推到 %d，把 %d 个键移到了 ht[1]；ht[0] 里还有 %d 个键，在下一条命令之前没有谁会移动它们" % (
                       mover, last["args"]["from"], last["args"]["to"], last["args"]["moved"] - before, db["ht"][0]["used"]))


def fill(lab, keys):
    client = lab.client()
    for i in range(keys):
        client.execute("SET", "key:%d" % i, "v")


def solution(lab):
    lab.ask("CONFIG", "SET", "activerehashing", "no")
    fill(lab, 17)
    lab.ask("GET", "key:0")


def cron_goes_on(lab):
    fill(lab, 17)


def too_few(lab):
    lab.ask("CONFIG", "SET", "activerehashing", "no")
    fill(lab, 16)


def only_writes(lab):
    lab.ask("CONFIG", "SET", "activerehashing", "no")
    fill(lab, 19)


WRONG = [
    (cron_goes_on, "databasesCron, which works on it"),
    (too_few, "it grows when a key is added to a table that is full"),
    (only_writes, "moved by set, which is no look-up"),
]
