"""Lab 11: the master throws a slow replica out."""
import re

from tests.labs.lab import named

SET = {"kind": "replicas", "masters": 1, "replicas": 1, "conf": {"appendonly": "no", "repl-timeout": "3600", "repl-backlog-size": "16384"}}
TRACE = ""


def prepare(lab):
    lab.ask("CONFIG", "SET", "client-output-buffer-limit", "replica 268435456 67108864 60")
    lab.wait(lambda: "state=online" in lab.info("replication").get("slave0", ""))


def check(lab):
    repl = lab.state("REPL")
    limit = lab.state("CLIENTS")["limits"]["slave"]
    lab.saw("CONFIG GET client-output-buffer-limit", "replica: hard %d bytes, soft %d bytes for %d s" % tuple(limit),
            "replica：硬限制 %d 字节，软限制 %d 字节持续 %d 秒" % tuple(limit))
    lab.saw("DEBUG STATE REPL", "; ".join("%s is %s, %d bytes wait for it, it lags %d bytes" % (
        s["name"], s["state"], s["buf"] + s["reply_bytes"], s["lag_bytes"]) for s in repl["slaves"]) or "no replica",
        "；".join("%s 是 %s，有 %d 字节等着发给它，它落后 %d 字节" % (s["name"], s["state"], s["buf"] + s["reply_bytes"], s["lag_bytes"])
                 for s in repl["slaves"]) or "没有从服务器")
    out = re.findall(r"Client (id=\d+ .*?flags=S.*?) scheduled to be closed ASAP for overcoming of output buffer limits", lab.log())
    lab.saw("log", "Client %s ... overcoming of output buffer limits" % out[-1][:60] if out else "nobody has overcome the output buffer limits",
            None if out else "没有谁超过输出缓冲区限制")
    freed = [e for e in named(lab.events(), "freeClient") if out and "id=%d " % e["args"]["client"] in out[-1] + " "]
    if out and freed:
        size = re.search(r"omem=(\d+)", out[-1])
        figures = (limit[0] or limit[1], size.group(1) if size else "?")
        return lab.yes("checkClientOutputBufferLimits found more than %d bytes waiting for the replica (omem=%s), and the master closed it: its own "
                       "memory comes first" % figures,
                       "checkClientOutputBufferLimits 发现等着发给从服务器的超过 %d 字节（omem=%s），主服务器就关掉了它：先保住自己的内存" % figures)
    if not repl["slaves"] or [e for e in named(lab.events(), "putSlaveOnline")]:
        return lab.no("the replica's link was closed, but not because of its output buffer: there is no such line in the log",
                      "从服务器的链接断过，但不是因为它的输出缓冲区：日志里没有那一行")
    slave = repl["slaves"][0]
    waits = slave["buf"] + slave["reply_bytes"]
    if waits == 0 and slave["lag_bytes"] < 100000:
        return lab.no("the replica keeps up: nothing waits for it. Make it stand still", "从服务器跟得上：没有数据在等它。让它停住")
    return lab.no("%d bytes wait for the replica; the hard limit is %d. (What is in the kernel's buffers does not count, and that is some MB.)" % (
        waits, limit[0]),
                  "有 %d 字节等着发给从服务器，硬限制是 %d。（内核缓冲区里的不算，那里能放几 MB。）" % (waits, limit[0]))


def limit(lab):
    lab.ask("CONFIG", "SET", "client-output-buffer-limit", "replica 1048576 0 0")


def write(lab, megabytes):
    client = lab.client()
    for i in range(megabytes * 10):
        client.execute("SET", "big", "x" * 100000)


def solution(lab):
    limit(lab)
    lab.set.stop(2)
    client = lab.client()
    for _ in range(1000):
        client.execute("SET", "big", "x" * 100000)
        if not lab.state("REPL")["slaves"]:
            break
    lab.set.cont(2)


def keeps_up(lab):
    limit(lab)
    write(lab, 1)
    lab.wait(lambda: lab.state("REPL")["slaves"] and lab.state("REPL")["slaves"][0]["reply_bytes"] == 0)


def too_little(lab):
    lab.set.stop(2)
    write(lab, 8)


def by_hand(lab):
    lab.ask("CLIENT", "KILL", "TYPE", "replica")


WRONG = [
    (keeps_up, "the replica keeps up"),
    (too_little, "bytes wait for the replica; the hard limit"),
    (by_hand, "not because of its output buffer"),
]
