"""Lab 16: add a command, ECHO in upper case.

The learner changes a copy of the source, .lab/lab-16/; the server is started from it.
"""
import os
import shutil
import subprocess
import sys
import tempfile

from server.study.trace_client import Refused
from tests.support.resp import RespError
from tests.support.server import ROOT, ServerProcess

SET = {}
TRACE = None
FOLDERS = ("ae", "cluster", "datastructs", "persistence", "replication", "server")
TABLE, ECHO = os.path.join("server", "commandtable.py"), os.path.join("server", "server_command.py")


class SourceNode:
    """A server that is started from a folder of its own; the fields that Node of server.study.lab has."""

    def __init__(self, source):
        self.number, self.role, self.host, self.real = 1, "server", "127.0.0.1", False
        self.source = source
        self.server = ServerProcess()
        self.port, self.dir, self.log_path = self.server.port, self.server.dir, self.server.logfile

    @property
    def alive(self):
        return self.server.process is not None and self.server.process.poll() is None

    @property
    def pid(self):
        return self.server.pid

    def log(self):
        return self.server.log()

    def start(self):
        """Start it.  One that does not start is left as it is: the check shows its log."""
        s = self.server
        s.kill9()
        s.write_conf()
        with open(s.logfile, "wb") as out:
            s.process = subprocess.Popen([sys.executable, os.path.join(self.source, "server", "__main__.py"), s.conffile], stdout=out, stderr=out,
                                         stdin=subprocess.DEVNULL, cwd=s.dir, env=dict(os.environ, PYTHONPATH=self.source, PYTHONDONTWRITEBYTECODE="1"))
        try:
            s.wait_ready(60)
        except RuntimeError:
            s.kill9()


class SourceSet:
    """One server, and the source that it is started from; as LabSet."""

    def __init__(self, keep):
        self.keep = keep
        self.source = os.path.join(ROOT, ".lab", "lab-16") if keep else tempfile.mkdtemp(prefix="aeredis-lab-16-")
        for folder in FOLDERS:
            if not os.path.exists(os.path.join(self.source, folder)):
                shutil.copytree(os.path.join(ROOT, folder), os.path.join(self.source, folder), ignore=shutil.ignore_patterns("__pycache__"))
        self.nodes = [SourceNode(self.source)]

    def __enter__(self):
        self.nodes[0].start()
        return self

    def restart(self, n):
        self.nodes[0].start()

    def command(self, words):
        """Run a command of the prompt of lab sets -> lines"""
        if words != ["restart", "1"]:
            raise Refused("this lab knows of restart only")
        self.restart(1)
        return []

    def close(self):
        self.nodes[0].server.cleanup()
        if not self.keep:
            shutil.rmtree(self.source, ignore_errors=True)


def start(lab):
    return SourceSet(lab.keep)


def check(lab):
    node = lab.node()
    lab.saw(lab.text("source", "源代码"), os.path.relpath(lab.set.source, ROOT) if lab.keep else lab.set.source)
    if not node.alive:
        lines = node.log().strip().splitlines()[-4:]
        lab.saw(lab.text("log", "日志"), "\n".join(lines) or "empty")
        return lab.no("the server does not start from your source; the last lines of its log say why", "服务器没能从你的源代码启动；日志的最后几行说明了原因")
    row, echo = (lab.ask("COMMAND", "INFO", name)[0] for name in ("upper", "echo"))
    lab.saw("COMMAND INFO upper echo", "upper: %s\necho:  %s" % (shown(row), shown(echo)))
    if row is None:
        return lab.no("there is no command upper: redisCommandTable has no such row (or the server has not been restarted)",
                      "没有命令 upper：redisCommandTable 里没有这一行（或者服务器还没有 restart）")
    if row[1] != echo[1]:
        return lab.no("the arity of upper is %d, that of echo %d: two words exactly" % (row[1], echo[1]),
                      "upper 的参数个数是 %d，echo 的是 %d：正好两个词" % (row[1], echo[1]))
    if sorted(row[2]) != sorted(echo[2]):
        return lab.no("the flags differ from those of echo: a command that only replies is fast", "标志与 echo 的不同：只回复的命令应当是 fast")
    for sent, wanted in ((b"hello", b"HELLO"), (b"a\x00b\r\n", b"A\x00B\r\n"),
                         ("stra\u00dfe \u4f60".encode(), "STRA\u00dfE \u4f60".encode()), (b"\xff\xe4z", b"\xff\xe4Z")):
        got = lab.ask("UPPER", sent)
        lab.saw("UPPER %s" % ascii(sent)[1:], got.text if isinstance(got, RespError) else repr(got))
        if isinstance(got, RespError):
            return lab.no("UPPER replies an error; the log has the traceback", "UPPER 回复了一个错误；日志里有 traceback")
        if got != wanted:
            return lab.no("wanted was %s: C's toupper changes the letters a to z only, and arguments are bytes" % ascii(wanted)[1:],
                          "应当是 %s：C 的 toupper 只改 a 到 z，而参数是字节串" % ascii(wanted)[1:])
    got = lab.ask("ECHO", "hello")
    lab.saw("ECHO hello", repr(got))
    if got != b"hello":
        return lab.no("ECHO has changed: UPPER needs a proc of its own", "ECHO 变了：UPPER 需要自己的函数")
    return lab.yes("a row in redisCommandTable and a function: processCommand checks arity, ACL and memory for it as for all others",
                   "redisCommandTable 里的一行，加一个函数：processCommand 像对别的命令一样替它检查参数个数、ACL 和内存")


def shown(row):
    return "nil" if row is None else "arity %d, %s" % (row[1], " ".join(flag.decode() for flag in row[2]))


ROW = '''        redisCommand(b"echo", echoCommand, 2, "fast @connection",
                     None, 0, 0, 0),
'''
IMPORT = "import commandCommand, echoCommand,"
PROC = "def timeCommand(c):"


def edit(lab, path, old, new):
    """Change a file of the copy as an editor would."""
    path = os.path.join(lab.set.source, path)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if old not in text:
        raise Refused(lab.text("the source has been changed already: remove .lab/lab-16 to begin anew", "源代码已经改过：删除 .lab/lab-16 可以重新开始"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new, 1))


def add(lab, row, body, name="upperCommand"):
    edit(lab, TABLE, ROW, ROW + ROW.replace('b"echo", echoCommand, 2, "fast', row))
    edit(lab, TABLE, IMPORT, IMPORT.replace("echoCommand,", "echoCommand, %s," % name))
    edit(lab, ECHO, PROC, "def upperCommand(c):\n    %s\n\n\n%s" % (body, PROC))
    lab.restart()


def solution(lab):
    add(lab, 'b"upper", upperCommand, 2, "fast', "addReplyBulkCBuffer(c, bytes(c.argv[1].ptr).upper())")


def unlike_echo(lab):
    add(lab, 'b"upper", upperCommand, -1, "fast', "addReplyBulkCBuffer(c, bytes(c.argv[1].ptr).upper())")


def as_text(lab):
    add(lab, 'b"upper", upperCommand, 2, "fast', 'addReplyBulkCBuffer(c, bytes(c.argv[1].ptr).decode("utf-8", "replace").upper().encode())')


def no_import(lab):
    add(lab, 'b"upper", upperCommand, 2, "fast', "addReplyBulkCBuffer(c, bytes(c.argv[1].ptr).upper())", "uperCommand")


WRONG = [
    (unlike_echo, "the arity of upper is -1"),
    (as_text, "changes the letters a to z only"),
    (no_import, "does not start from your source"),
]


def begin_anew(lab):
    """Put the source back as it was."""
    for path in (TABLE, ECHO):
        shutil.copy(os.path.join(ROOT, path), os.path.join(lab.set.source, path))
    lab.restart()
