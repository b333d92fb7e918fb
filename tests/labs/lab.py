"""lab.py - one lab: the servers it starts, its page, and what a check may look at.

    with Lab(5) as lab:
        lab.check()                    # a Report: what was looked at, what was seen, done or not
        lab.module.solution(lab)

A lab is a module lab_NN.py and a page docs/labs/NN-name.md.  The module has

    SET        what LabSet starts (start(lab): makes another kind of set)
    TRACE      None, or what follows DEBUG TRACE ON at every server
    check      check(lab) -> lab.yes(...) or lab.no(...), after lab.saw(...) for everything it looked at
    solution   solution(lab) does the task
    WRONG      (function, text): what a learner may try in vain, and a part of the line that the check answers with; with a third item the
               next one goes on from there
    COMMANDS   name -> function(lab, words): commands of the prompt that only this lab has (may be missing, as may prepare and begin_anew)

A check asks the servers; it does not know what was typed.  Its texts come in pairs, English and Chinese.
"""
import contextlib
import glob
import importlib
import json
import os
import re
import time

from server.study.lab import LabSet, LabError
from server.study.trace_client import Refused, ServerError
from tests.support.resp import RespClient, RespError
from tests.support.server import ROOT

FIRST, LAST = 1, 16
SECTIONS = ("task", "look", "hints", "solution", "why")      # of a page, in this order
PORT = 7777                                                  # in the examples of the pages


def chinese():
    return os.environ.get("LC_ALL", os.environ.get("LANG", "")).lower().startswith("zh")


class Page:
    """A page of docs/labs: title, introduction, and the five sections."""

    def __init__(self, number, zh=False):
        found = glob.glob(os.path.join(ROOT, "docs", *(["zh"] if zh else []), "labs", "%02d-*.md" % number))
        self.path = found[0]
        with open(self.path, encoding="utf-8") as f:
            text = re.sub(r"<!-- .*? -->\n?", "", f.read())
        head, *parts = re.split(r"^## .*\n", text, flags=re.M)
        self.title, _, self.introduction = head.strip().partition("\n")
        self.title = self.title.lstrip("# ")
        self.introduction = self.introduction.strip()
        self.sections = dict(zip(SECTIONS, (part.strip() for part in parts)))
        self.headings = dict(zip(SECTIONS, re.findall(r"^## (.*)", text, re.M)))
        self.hints = re.split(r"^\d\. ", self.sections.get("hints", ""), flags=re.M)[1:]


def pages(zh=False):
    """Return the pages of all labs, in order."""
    return [Page(number, zh) for number in range(FIRST, LAST + 1)]


class Report:
    """What a check has looked at and seen: rows of (what, saw); done; the verdict."""

    def __init__(self, rows, done, verdict):
        self.rows = rows
        self.done = done
        self.verdict = verdict

    def text(self, zh=False):
        looked, saw, yes, no = ("查看", "看到", "完成", "还没有") if zh else ("looked at", "saw", "done", "not yet")
        width = max(len(w) for w in ("looked at", "not yet")) + 2 if not zh else 0
        lines = []
        for what, seen in self.rows:
            seen = seen.split("\n")
            lines.append("%s%s" % ((looked + "：") if zh else looked.ljust(width), what))
            lines.append("%s%s" % ((saw + "：") if zh else saw.ljust(width), seen[0]))
            lines += ["%s%s" % (" " * (width or 6), line) for line in seen[1:]]
        word = yes if self.done else no
        lines.append("%s%s" % ((word + "：") if zh else word.ljust(width), self.verdict))
        return "\n".join(lines)


class Trace:
    """The events of one server's tracer, read bit by bit."""

    def __init__(self, node, options):
        self.node = node
        self.options = options
        self.cursor = 0
        self.lost = 0
        self.events = []

    def on(self):
        """Begin a new recording."""
        with RespClient(self.node.port, self.node.host, timeout=60) as c:
            c.execute("DEBUG", "TRACE", "OFF")
            reply = c.execute("DEBUG", "TRACE", "ON", *self.options.split())
        if isinstance(reply, RespError):
            raise Refused(reply.text)
        self.cursor, self.lost, self.events = 0, 0, []

    def read(self):
        """Fetch what is new -> all events so far, in the order of their ends."""
        with RespClient(self.node.port, self.node.host, timeout=60) as c:
            while True:
                reply = c.execute("DEBUG", "TRACE", "READ", self.cursor, "COUNT", 5000)
                if isinstance(reply, RespError):
                    if "tracer is off" in reply.text:
                        raise Refused("the tracer of server %d is off, and the check needs it: DEBUG TRACE ON %s, and do the task again" % (
                            self.node.number, self.options))
                    raise Refused(reply.text)
                self.cursor, lost, lines = reply
                self.lost += lost
                self.events += [json.loads(line) for line in lines]
                if len(lines) < 5000:
                    return self.events


def named(events, *names):
    """Return the events with one of these names."""
    return [e for e in events if e["name"] in names]


def calls(events, *commands):
    """Return the `call` events of these commands, by clients that are neither replica nor master."""
    return [e for e in events if e["name"] == "call" and e["args"].get("command") in commands
            and e["args"].get("kind") not in ("replica", "master")]


def within(inner, outer):
    """Tell whether an event happened inside of another one, in the same thread."""
    return (inner["tid"] == outer["tid"] and outer["ts"] <= inner["ts"]
            and inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"])


class Lab:
    """The servers of one lab, running from `with` to its end."""

    def __init__(self, number, zh=None, keep=False):
        self.number = number
        self.keep = keep               # what the learner has written is not removed at the end
        self.zh = chinese() if zh is None else zh
        self.module = importlib.import_module("tests.labs.lab_%02d" % number)
        self.set = None
        self.journal = []              # what commands of the lab did to its servers
        self.traces = {}               # node number -> Trace
        self.read = {}                 # node number -> characters of its log at the beginning
        self.clients = []              # connections of the learner's side
        self.rows = []                 # of the check that is running

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.close()

    def start(self):
        self.set = self.new_set(PORT if self.keep else None)
        try:
            self.set.__enter__()
        except LabError:
            if not self.keep:
                raise
            self.set = self.new_set(None)                # the port of the examples is taken
            self.set.__enter__()
        try:
            self.begin()
        except BaseException:
            self.close()
            raise

    def new_set(self, port):
        if hasattr(self.module, "start"):
            return self.module.start(self)
        return LabSet(name="lab-%02d" % self.number if self.keep else None, port=port, **self.module.SET)

    def begin(self):
        """What every start and every reset ends with."""
        self.journal = []
        if hasattr(self.module, "prepare"):
            self.module.prepare(self)
        for node in self.nodes:
            if node.alive:
                self.ask("CONFIG", "RESETSTAT", node=node.number)
                self.trace_on(node.number)
            self.read[node.number] = len(node.log())

    def reset(self):
        """Begin anew: as after the start, without the time it takes."""
        self.drop_clients()
        if hasattr(self.module, "begin_anew"):
            self.module.begin_anew(self)
            return
        if self.set.kind in ("cluster", "sentinel"):
            self.close()
            self.start()
            return
        for node in self.nodes:
            if node.alive:
                self.set.cont(node.number)
            else:
                self.set.restart(node.number)
            with self.connect(node.number) as c:
                c.execute("FLUSHALL")
        self.begin()

    def close(self):
        self.drop_clients()
        if self.set is not None:
            self.set.close()
            self.set = None

    # ------------------------------- servers -------------------------------

    @property
    def nodes(self):
        return self.set.nodes

    def node(self, number=1):
        for node in self.nodes:
            if node.number == number:
                return node
        raise Refused(self.text("there is no server %d; there are 1 to %d", "没有服务器 %d，只有 1 到 %d") % (number, len(self.nodes)))

    def connect(self, number=1):
        """Return a connection that the caller closes."""
        node = self.node(number)
        try:
            return RespClient(node.port, node.host, timeout=60)
        except OSError:
            raise Refused(self.text("server %d does not answer: is it down? (restart %d)", "服务器 %d 没有应答：它停了吗？（restart %d）")
                          % (number, number)) from None

    def client(self, number=1):
        """Return a connection of the learner's side; it stays open until the lab is reset."""
        client = self.connect(number)
        self.clients.append(client)
        return client

    def drop_clients(self):
        for client in self.clients:
            client.close()
        self.clients = []

    def ask(self, *words, node=1):
        """Run a command on a new connection -> its reply; an error reply is returned."""
        with self.connect(node) as c:
            return c.execute(*words)

    def info(self, section, node=1):
        """Return a section of INFO as a dict of str."""
        reply = self.ask("INFO", section, node=node)
        return dict(line.split(":", 1) for line in reply.decode("utf-8", "replace").splitlines() if ":" in line)

    def state(self, *words, node=1):
        """Return a view of DEBUG STATE; None if there is no such key."""
        reply = self.ask("DEBUG", "STATE", *words, node=node)
        if isinstance(reply, RespError):
            if "no such key" in reply.text:
                return None
            raise Refused(reply.text)
        return json.loads(reply)

    def config(self, name, node=1):
        """Return a directive as str."""
        return self.ask("CONFIG", "GET", name, node=node)[1].decode()

    def trace_on(self, number):
        """Begin a recording at a server, if this lab has one."""
        node = self.node(number)
        if self.module.TRACE is not None and node.role != "sentinel" and not node.real:
            self.traces[number] = Trace(node, self.module.TRACE)
            self.traces[number].on()

    def events(self, number=1):
        """Return the trace of a server since the lab began."""
        if not self.node(number).alive:
            raise Refused(self.text("server %d is down (restart %d)", "服务器 %d 没有运行（restart %d）") % (number, number))
        return self.traces[number].read()

    def log(self, number=1):
        """Return the lines that a server has logged since the lab began."""
        return self.node(number).log()[self.read[number]:]

    def restart(self, number=1):
        """Start a server that was killed."""
        self.set.restart(number)
        self.trace_on(number)

    @staticmethod
    def pause(seconds):
        time.sleep(seconds)

    def wait(self, condition, timeout=60):
        """Wait until condition() is true -> its value; Refused after `timeout` seconds."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with contextlib.suppress(OSError):       # a failover disconnects clients
                value = condition()
                if value:
                    return value
            time.sleep(0.02)
        raise Refused(self.text("it does not come, after %d s", "等了 %d 秒还没有出现") % timeout)

    # ------------------------------- checks -------------------------------

    def text(self, en, zh):
        return zh if self.zh else en

    def saw(self, what, en, zh=None):
        """Note what the check looked at, and what it saw there."""
        self.rows.append((what, en if zh is None else self.text(en, zh)))

    def yes(self, en, zh):
        return Report(self.rows, True, self.text(en, zh))

    def no(self, en, zh):
        return Report(self.rows, False, self.text(en, zh))

    def check(self):
        """Return a Report."""
        self.rows = []
        try:
            return self.module.check(self)
        except (Refused, ServerError) as error:
            return Report(self.rows, False, str(error))
        except (OSError, RespError) as error:
            return self.no("a server does not answer (%s): is it down? `restart N` starts it" % error,
                           "有服务器没有应答（%s）：它停了吗？`restart N` 可以启动它" % error)
