"""Lab 8: make everysec postpone its write, and lose a confirmed write by kill -9."""
from tests.labs import aof

SET = {"kind": "single", "conf": {"appendonly": "yes", "appendfsync": "everysec"}}
TRACE = "DETAIL"
COMMANDS = {"kill": aof.kill}


def prepare(lab):
    lab.ask("CONFIG", "SET", "appendfsync", "everysec")


def check(lab):
    journal = [entry for entry in aof.look(lab) if entry.writes]
    lost = [entry for entry in journal if entry.lost]
    if lost:
        state = lost[-1].state
        return lab.yes("kill -9 lost %d confirmed writes: a sync was running (sync_running %s), so flushAppendOnlyFile kept %d bytes in aof_buf, "
                       "and the replies were sent all the same" % (len(lost[-1].lost), state["sync_running"], state["buf"]["size"]),
                       "kill -9 丢失了 %d 个已确认的写操作：一次 sync 正在进行（sync_running %s），flushAppendOnlyFile 把 %d 字节留在 aof_buf 里，而回复照样发出去了" % (
                           len(lost[-1].lost), state["sync_running"], state["buf"]["size"]))
    if not journal:
        return lab.no("there was no kill after a write yet", "写入之后还没有 kill")
    state = journal[-1].state
    if state["fsync"] != "everysec":
        return lab.no("nothing was lost: with appendfsync %s no write(2) is postponed; the task is about everysec" % state["fsync"],
                      "什么也没丢：appendfsync %s 不会推迟 write(2)；这里要的是 everysec" % state["fsync"])
    if not state["sync_running"]:
        return lab.no("nothing was lost: no sync was running, so aof_buf was written before the replies were sent. Make the disk slow",
                      "什么也没丢：当时没有正在进行的 sync，aof_buf 在发送回复之前就写出去了。请让磁盘变慢")
    return lab.no("nothing was lost: a sync was running, but aof_buf was empty. Write something more while it runs, and kill within 2 seconds",
                  "什么也没丢：sync 正在进行，但 aof_buf 是空的。趁它进行的时候再写一点，并在 2 秒之内 kill")


def postponed(state):
    """Tell whether several writes wait in aof_buf because a sync runs.  (Without one they are there within a turn, too.)"""
    return state["sync_running"] and state["buf"]["size"] > 100


def solution(lab):
    for _ in range(10):
        lab.ask("DEBUG", "TRACE", "DELAY", "bio_process_job", 20000)
        with aof.Writer(lab):
            lab.wait(lambda: postponed(lab.state("AOF")))
            aof.crash(lab, False)
        lab.restart()
        if lab.journal[-1].lost:
            return


def no_delay(lab):
    lab.ask("SET", "k", "v")
    lab.wait(lambda: not lab.state("AOF")["sync_running"])
    aof.crash(lab, False)
    lab.restart()


def always(lab):
    lab.ask("CONFIG", "SET", "appendfsync", "always")
    lab.ask("DEBUG", "TRACE", "DELAY", "bio_process_job", 20000)
    lab.ask("SET", "k", "v")
    aof.crash(lab, False)
    lab.restart()


def only_one_write(lab):
    """The write that the sync follows is in the file already."""
    lab.ask("DEBUG", "TRACE", "DELAY", "bio_process_job", 20000)
    lab.ask("SET", "k", "v")
    lab.wait(lambda: lab.state("AOF")["sync_running"])
    aof.crash(lab, False)
    lab.restart()


WRONG = [
    (no_delay, "no sync was running"),
    (always, "with appendfsync always no write(2) is postponed"),
    (only_one_write, "but aof_buf was empty"),
]
