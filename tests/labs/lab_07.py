"""Lab 7: lose nothing by kill -9, lose a write by a power cut."""
from tests.labs import aof

SET = {"kind": "single", "conf": {"appendonly": "yes", "appendfsync": "everysec"}}
TRACE = "DETAIL"
COMMANDS = aof.COMMANDS


def prepare(lab):
    lab.ask("CONFIG", "SET", "appendfsync", "everysec")


def check(lab):
    journal = aof.look(lab)
    kills = [entry for entry in journal if not entry.power and entry.writes]
    cuts = [entry for entry in journal if entry.power and entry.writes]
    kept = [entry for entry in kills if not entry.lost]
    lost = [entry for entry in cuts if entry.lost]
    if kept and lost:
        return lab.yes("kill -9 lost nothing: write(2) had given all of it to the kernel before the replies were sent. The power cut lost %d confirmed "
                       "writes, which were in the page cache only" % len(lost[-1].lost),
                       "kill -9 什么也没丢：在发送回复之前，write(2) 已经把数据交给内核。断电丢失了 %d 个已确认的写操作，它们只在页缓存里" % len(lost[-1].lost))
    if not kept:
        if kills:
            return lab.no("the kill lost a confirmed write: how did you do that?", "kill 丢失了已确认的写操作：这是怎么做到的？")
        if lost:
            return lab.no("the power cut is done; now write something, and use kill", "断电已经完成；现在写一点数据，再用 kill")
        if not cuts:
            return lab.no("there was no kill and no power-cut after a write yet", "写入之后还没有 kill，也没有 power-cut")
    if not cuts:
        return lab.no("kill -9 has lost nothing, as it should be; now the power-cut", "kill -9 什么也没丢，正该如此；接下来是 power-cut")
    if cuts[-1].state["fsync"] == "always":
        return lab.no("the power cut lost nothing: with appendfsync always every reply waits for fdatasync. Lose one with everysec",
                      "断电什么也没丢：在 appendfsync always 下，每条回复都等 fdatasync。请在 everysec 下丢一条")
    return lab.no("the power cut lost nothing: all that was confirmed had been synced already. Be quicker, or let a client write all the time",
                  "断电什么也没丢：已确认的都已经落盘了。再快一点，或者让一个客户端不停地写")


def solution(lab):
    lab.ask("SET", "safe", "v")
    aof.crash(lab, False)
    lab.restart()
    for _ in range(10):
        with aof.Writer(lab) as writer:
            lab.wait(lambda: writer.count > 5)
            aof.crash(lab, True)
        lab.restart()
        if lab.journal[-1].lost:
            return


def only_killed(lab):
    lab.ask("SET", "safe", "v")
    aof.crash(lab, False)
    lab.restart()


def always(lab):
    lab.ask("CONFIG", "SET", "appendfsync", "always")
    lab.ask("SET", "safe", "v")
    aof.crash(lab, True)
    lab.restart()


def not_started(lab):
    lab.ask("SET", "safe", "v")
    aof.crash(lab, True)


WRONG = [
    (only_killed, "now the power-cut"),
    (always, "with appendfsync always"),
    (not_started, "the server is down"),
]
