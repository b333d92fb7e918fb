"""Lab 13: IO threads read, main executes."""
from tests.labs.lab import named

SET = {"kind": "single", "conf": {"appendonly": "no", "io-threads": "2", "io-threads-do-reads": "yes"}}
TRACE = ""


def count(events):
    """Return {thread: number of events} as text."""
    threads = [e["thread"] for e in events]
    return ", ".join("%s %d" % (t, threads.count(t)) for t in sorted(set(threads))) or "0"


def check(lab):
    events = lab.events()
    with lab.connect() as c:
        me = c.execute("CLIENT", "ID")
    own = {e["args"]["client"] for e in named(events, "call") if e["args"]["command"] in ("debug", "client", "config", "info", "command")} | {me}
    reads = [e for e in named(events, "read") if e["args"].get("client") and e["args"]["client"] not in own and e["args"]["bytes"] > 0]
    parses = [e for e in named(events, "processMultibulkBuffer", "processInlineBuffer") if e["args"]["client"] not in own]
    calls = [e for e in named(events, "call") if e["args"]["client"] not in own]
    lab.saw("DEBUG TRACE READ: read, processMultibulkBuffer, call", "read: %s\nparse: %s\ncall: %s" % (count(reads), count(parses), count(calls)))
    threads = lab.state("THREADS")["io"]
    lab.saw("DEBUG STATE THREADS", "io-threads %d, active %d, reads by threads %d, writes by threads %d" % (
        threads["num"], threads["active"], threads["reads"], threads["writes"]))
    aside = [e for e in reads if e["thread"] != "main"]
    if not calls:
        return lab.no("no client has sent a command yet", "还没有客户端发来命令")
    outside = [e for e in calls if e["thread"] != "main"]
    proof = [(r, c) for r in aside[:50] for c in calls if c["args"]["client"] == r["args"]["client"] and c["ts"] >= r["ts"] + r["dur"]][:1]
    if proof and not outside:
        read, call = proof[0]
        figures = (read["args"]["client"], read["thread"], read["args"]["bytes"], call["args"]["command"],
                   (call["ts"] - read["ts"] - read["dur"]) // 1000, len(aside), len(calls))
        return lab.yes("client %d: read on %s (%d bytes), %s executed on main %d us later. %d reads on IO threads, 0 of %d calls: they share the work "
                       "with the sockets, never the data" % figures,
                       "客户端 %d：read 在 %s 上（%d 字节），%s 在 %d 微秒之后由 main 执行。IO 线程上有 %d 次 read，%d 次 call 一次也没有：它们分担套接字，从不碰数据" % figures)
    clients = len({e["args"]["client"] for e in calls})
    if threads["writes"]:
        return lab.no("the threads have written replies, but read nothing: they are asked to read only if they were active at the turn's beginning. "
                      "Keep the clients busy for several turns",
                      "IO 线程写过回复，但没有读过：只有一轮开始时它们已经活跃，才会让它们读。让这些客户端连续忙好几轮")
    return lab.no("all is done on main: %d clients, and never 4 of them (io-threads times 2) had to be answered in one turn, so stopThreadedIOIfNeeded "
                  "keeps the threads asleep" % clients,
                  "一切都在 main 上：%d 个客户端，从来没有 4 个（io-threads 的 2 倍）在同一轮里等回复，stopThreadedIOIfNeeded 就让 IO 线程一直休眠" % clients)


def solution(lab):
    """Each client sends more than a turn reads of it (16384 bytes), so that all of them are read in the next turn as well."""
    for _ in range(20):
        clients = [lab.client() for _ in range(12)]
        for client in clients:
            for _ in range(4):
                client.send("SET", "key", "x" * 12000)
        for client in clients:
            for _ in range(4):
                client.read()
        if lab.state("THREADS")["io"]["reads"]:
            return


def one_client(lab):
    client = lab.client()
    for _ in range(20):
        client.execute("GET", "key")


def one_after_the_other(lab):
    for _ in range(12):
        lab.client().execute("GET", "key")


WRONG = [
    (one_client, "1 clients, and never 4"),
    (one_after_the_other, "12 clients, and never 4"),
]
