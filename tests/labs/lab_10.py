"""Lab 10: a partial, then a full resynchronization."""
import os

from tests.labs.lab import named

SET = {"kind": "replicas", "masters": 1, "replicas": 1, "conf": {"appendonly": "no", "repl-timeout": "3600"}}
TRACE = ""
BACKLOG = 1048576


def online(lab):
    return "state=online" in lab.info("replication").get("slave0", "") and lab.info("replication", 2).get("master_link_status") == "up"


def prepare(lab):
    lab.ask("CONFIG", "SET", "repl-backlog-size", BACKLOG)
    lab.wait(lambda: online(lab))


def check(lab):
    stats = lab.info("stats")
    lab.saw("INFO stats", " ".join("%s:%s" % (name, stats[name]) for name in ("sync_full", "sync_partial_ok", "sync_partial_err")))
    asked = named(lab.events(), "masterTryPartialResynchronization")
    answers = [e["args"]["answer"] for e in asked]
    lab.saw("DEBUG TRACE READ: masterTryPartialResynchronization", ", ".join("PSYNC from offset %d: %s" % (
        e["args"]["offset"], e["args"]["answer"]) for e in asked) or "not called", None if asked else "没有调用")
    replication = lab.info("replication")
    lab.saw("INFO replication", "connected_slaves:%s master_repl_offset:%s repl_backlog_size:%s repl_backlog_histlen:%s" % (
        replication["connected_slaves"], replication["master_repl_offset"], replication["repl_backlog_size"], replication["repl_backlog_histlen"]))
    if not asked:
        return lab.no("the replica has not asked for a resynchronization since the lab began: break its link",
                      "实验开始以来，从服务器还没有要求过重同步：断开它的链接")
    if "continue" not in answers:
        if int(stats["sync_partial_err"]) == 0:
            return lab.no("a full one, but the replica did not ask for anything else: it is new and has no history (PSYNC ? -1)",
                          "做了完整重同步，但从服务器本来就没有要求别的：它是新的，没有历史（PSYNC ? -1）")
        return lab.no("a full one, but no partial one yet", "做了完整重同步，但还没有部分重同步")
    if "full" not in answers[answers.index("continue"):]:
        return lab.no("a partial one; now a full one: what the replica lacks must not be in the backlog any more",
                      "做了部分重同步；现在要一次完整重同步：从服务器缺的那一段必须已经不在复制积压缓冲区里")
    if int(stats["sync_partial_err"]) == 0:
        return lab.no("a partial one, then a full one; but the replica had lost its history (PSYNC ? -1): the master had nothing to refuse",
                      "先部分、后完整；但从服务器丢了自己的历史（PSYNC ? -1）：主服务器没有什么可拒绝的")
    if replication["connected_slaves"] == "0":
        return lab.no("the master has refused to continue; wait until the replica is there again", "主服务器拒绝了继续；等从服务器回来")
    refused = [e["args"]["offset"] for e in asked if e["args"]["answer"] == "full"][-1]
    return lab.yes("first the ring still had the bytes that the replica lacked; then offset %d was older than its oldest byte, and the whole data set "
                   "was sent" % refused,
                   "第一次，环形缓冲区里还有从服务器缺的字节；第二次，偏移量 %d 比其中最早的字节还早，于是传了整个数据集" % refused)


def break_link(lab):
    lab.ask("CLIENT", "KILL", "TYPE", "replica")


def partial(lab):
    lab.ask("SET", "k", "v")
    break_link(lab)
    lab.wait(lambda: int(lab.info("stats")["sync_partial_ok"]) > 0 and online(lab))


def overflow(lab):
    """Write more than the ring holds, while the replica stands still."""
    lab.ask("CONFIG", "SET", "repl-backlog-size", 16384)
    lab.set.stop(2)
    break_link(lab)
    for i in range(4):
        lab.ask("SET", "big:%d" % i, "x" * 10000)
    lab.set.cont(2)


def solution(lab):
    partial(lab)
    overflow(lab)
    lab.wait(lambda: int(lab.info("stats")["sync_full"]) > 0 and online(lab))


def only_partial(lab):
    partial(lab)


def only_full(lab):
    overflow(lab)
    lab.wait(lambda: int(lab.info("stats")["sync_full"]) > 0)


def new_replica(lab):
    lab.set.kill(2)
    os.unlink(os.path.join(lab.node(2).dir, "dump.rdb"))          # the file of the full resynchronization knows the history
    lab.set.restart(2)
    lab.wait(lambda: int(lab.info("stats")["sync_full"]) > 0)


WRONG = [
    (only_partial, "now a full one"),
    (only_full, "but no partial one yet"),
    (new_replica, "it is new and has no history"),
]
