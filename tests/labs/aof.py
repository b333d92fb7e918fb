"""aof.py - ends a server as kill -9 or as a power cut would, and notes which confirmed writes the AOF has lost.

kill -9 leaves what write(2) has given to the kernel.  A power cut leaves what fdatasync(2) has put on the disk: the file is
truncated to the offset of the last sync in the trace.
"""
import os
import threading
import time

from server.study.trace_client import Refused
from tests.labs.lab import named


class Crash:
    """One entry of the journal."""

    def __init__(self, power, state, size, synced, writes):
        self.power = power             # a power cut, or kill -9
        self.state = state             # DEBUG STATE AOF just before
        self.size = size               # bytes of the file after kill -9
        self.synced = synced           # bytes that the last sync has put on the disk
        self.writes = writes           # confirmed: (offset in the AOF, command)
        self.kept = min(size, synced) if power else size
        self.lost = [command for offset, command in writes if offset > self.kept]

    def seen(self, lab):
        confirmed = self.writes[-1][0] if self.writes else 0
        text = lab.text("%d writes confirmed, up to AOF offset %d; %d bytes in the file, %d synced (appendfsync %s); kept %d bytes, lost %d confirmed writes",
                        "确认了 %d 条写命令，到 AOF 偏移量 %d；文件里有 %d 字节，已落盘 %d（appendfsync %s）；保住 %d 字节，丢失了 %d 个已确认的写操作") % (
            len(self.writes), confirmed, self.size, self.synced, self.state["fsync"], self.kept, len(self.lost))
        if self.lost:
            text += lab.text("\nthe last one lost: %s", "\n最后丢失的一条：%s") % self.lost[-1]
        return text

    def name(self):
        return "power-cut" if self.power else "kill"


def confirmed_writes(events):
    """Return (AOF offset, command) of the writes whose reply was sent."""
    last_reply = {}
    for e in named(events, "writeToClient"):
        last_reply[e["args"]["client"]] = max(e["ts"], last_reply.get(e["args"]["client"], 0))
    return [(e["args"]["aof_offset"], " ".join(e["args"].get("argv") or [e["args"]["command"]])[:60]) for e in named(events, "call")
            if e["args"].get("dirty") and e["ts"] < last_reply.get(e["args"]["client"], 0)]


def crash(lab, power, number=1):
    """End the server; the journal gets a Crash -> what happened, in a line."""
    node = lab.node(number)
    state = lab.state("AOF", node=number)
    events = lab.events(number)
    synced = max([e["args"].get("synced", 0) for e in named(events, "bio_process_job", "flushAppendOnlyFile_try_fsync")] + [state["base_size"]])
    lab.set.kill(number)
    path = os.path.join(node.dir, "appendonly.aof")
    entry = Crash(power, state, os.path.getsize(path), synced, confirmed_writes(events))
    if power:
        os.truncate(path, entry.kept)
    lab.journal.append(entry)
    return entry.seen(lab) + lab.text("\nstart it again: restart", "\n重新启动：restart")


def kill(lab, words):
    return crash(lab, False)


def power_cut(lab, words):
    return crash(lab, True)


COMMANDS = {"kill": kill, "power-cut": power_cut}


def look(lab):
    """Note what the journal and the server say -> entries of the journal; None while the server is down."""
    for entry in lab.journal:
        lab.saw("AOF, DEBUG TRACE READ (%s)" % entry.name(), entry.seen(lab))
    if not lab.node().alive:
        raise Refused(lab.text("the server is down: restart, then check again", "服务器没有运行：先 restart，再 check"))
    state = lab.state("AOF")
    lab.saw("DBSIZE, DEBUG STATE AOF", "DBSIZE %d; size %d, base_size %d, fsync_offset %d, buf %d" % (
        lab.ask("DBSIZE"), state["size"], state["base_size"], state["fsync_offset"], state["buf"]["size"]))
    return lab.journal


class Writer:
    """A client that increments a counter, again and again, until the server is gone."""

    def __init__(self, lab):
        self.client = lab.client()
        self.count = 0
        self.stopped = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.stopped:
                self.client.execute("INCR", "counter")
                self.count += 1
                time.sleep(0.005)
        except (OSError, ValueError):
            pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopped = True
        self.thread.join()
