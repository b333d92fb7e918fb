"""Lab 2: a hundred SETs, one write(2)."""
from tests.labs.lab import calls, named

SET = {"kind": "single", "conf": {"appendonly": "yes", "appendfsync": "no"}}
TRACE = ""
WANTED = 100


def check(lab):
    events = lab.events()
    writes = sorted(named(events, "aofWrite"), key=lambda e: e["ts"])
    sets = sorted(calls(events, "set"), key=lambda e: e["ts"])
    carried = [0] * len(writes)                         # SETs a write
    for event in sets:
        for i, write in enumerate(writes):
            if write["ts"] > event["ts"]:
                carried[i] += 1
                break
    best = max(carried, default=0)
    lab.saw("DEBUG TRACE READ: call set, aofWrite",
            "%d SET commands, %d writes to the AOF; the fullest write carries %d SETs" % (len(sets), len(writes), best),
            "%d 条 SET 命令，写了 %d 次 AOF；装得最满的一次 write 带了 %d 条 SET" % (len(sets), len(writes), best))
    if best >= WANTED:
        size = writes[carried.index(best)]["args"]["bytes"]
        return lab.yes("one write(2) of %d bytes carried %d SETs: aof_buf collects what one turn of the loop executes" % (size, best),
                       "一次 write(2) 的 %d 字节带了 %d 条 SET：aof_buf 收集了事件循环的一轮里执行的全部命令" % (size, best))
    if not sets:
        others = sorted({e["args"]["command"] for e in calls_with_effect(events)})
        if others:
            return lab.no("there was no SET, but %s: one command is one entry of the AOF anyway" % ", ".join(others),
                          "没有 SET，只有 %s：一条命令在 AOF 里本来就是一项" % ", ".join(others))
        return lab.no("no SET was executed yet", "还没有执行过 SET")
    if len(sets) < WANTED:
        return lab.no("only %d SETs so far; a hundred are wanted" % len(sets), "到现在只有 %d 条 SET，要一百条" % len(sets))
    if best > 1:
        reads = sorted(e["args"]["bytes"] for e in named(events, "read"))[-3:]
        return lab.no("the fullest write carries %d SETs: the rest came in later turns (the largest reads: %s bytes; a turn reads 16384 a client)" % (
            best, ", ".join(map(str, reads))),
            "装得最满的一次 write 带了 %d 条 SET：其余的在后面几轮才到（最大的几次 read：%s 字节；一轮里每个客户端最多读 16384 字节）" % (
                best, ", ".join(map(str, reads))))
    return lab.no("every SET had a write of its own: each was sent only after the reply to the one before",
                  "每条 SET 各写了一次：每一条都等到上一条的回复之后才发出")


def calls_with_effect(events):
    return [e for e in named(events, "call") if e["args"].get("dirty")]


def solution(lab):
    lab.client().pipeline([("SET", "key:%d" % i, "v") for i in range(WANTED)])


def one_by_one(lab):
    client = lab.client()
    for i in range(WANTED):
        client.execute("SET", "key:%d" % i, "v")


def mset(lab):
    lab.client().execute("MSET", *(word for i in range(WANTED) for word in ("key:%d" % i, "v")))


def big_values(lab):
    lab.client().pipeline([("SET", "key:%d" % i, "x" * 1000) for i in range(WANTED)])


def too_few(lab):
    lab.client().pipeline([("SET", "key:%d" % i, "v") for i in range(50)])


WRONG = [
    (one_by_one, "every SET had a write of its own"),
    (mset, "there was no SET, but mset"),
    (big_values, "the rest came in later turns"),
    (too_few, "only 50 SETs"),
]
