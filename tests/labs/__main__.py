"""__main__.py - `make lab`: lists the labs; `make lab N=5`: starts one, shows its task, and reads commands.

    python -m tests.labs [N]        in Chinese with LANG=zh_CN.UTF-8
"""
import os
import re
import shlex
import signal
import socket
import sys

from server.study.trace_client import Refused, ServerError
from tests.labs import lab as lab_module
from tests.labs.lab import PORT, Lab, Page, chinese
from tests.support.resp import Push, RespError, encode_command

LAB_SET = ("status", "kill", "restart", "stop", "freeze", "cont", "isolate", "cut", "delay", "heal")
USAGE = ("usage: make lab [N=1..16]", "用法：make lab [N=1..16]")
HELP = ("""\
check               did it work? says what it looked at, and what it saw
hint                the next of three hints
look                where to look: commands, addresses
task, solution      the text once more; how it is done
solve               do what the solution says
quit                end the servers

SET k v             a Redis command, for server 1;  2 INFO replication: for server 2
BLPOP q 0 &         the same on a new connection, without waiting for the reply
raw *1\\r\\n$4\\r\\nPI   these bytes on a new connection;  more NG\\r\\n: more bytes on it
many 20 GET k       20 new connections, and the command on all of them at once;  many 20*50 GET k: 50 times in one packet on each
SET k v; kill       several commands in one line
""", """\
check               做成了吗？说明看了什么，看到什么
hint                下一条提示，共三条
look                到哪里看：命令，地址
task、solution      再看一遍任务；怎么做
solve               照解答做一遍
quit                结束各服务器

SET k v             发给服务器 1 的 Redis 命令；2 INFO replication：发给服务器 2
BLPOP q 0 &         同上，但用一个新的连接，不等回复
raw *1\\r\\n$4\\r\\nPI   在新的连接上发这些字节；more NG\\r\\n：在它上面再发一些
many 20 GET k       20 个新连接，同时发出这条命令；many 20*50 GET k：每个连接一次发 50 条
SET k v; kill       一行里写几条命令
""")


def shown(reply, indent=""):
    """Return a reply as redis-cli shows it."""
    if isinstance(reply, RespError):
        return "(error) " + reply.text
    if reply is None:
        return "(nil)"
    if isinstance(reply, int):
        return "(integer) %d" % reply
    if isinstance(reply, (list, Push)):
        return ("\n" + indent).join("%d) %s" % (i + 1, shown(item, indent + "   ")) for i, item in enumerate(reply)) or "(empty array)"
    return bytes(reply).decode("utf-8", "backslashreplace")


def unescape(text):
    r"""Return the bytes of a text with \r, \n, \0, \t, \xHH in it."""
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt0\\])", lambda m: {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}.get(m.group(1))
                  or bytes([int(m.group(1)[1:], 16)]), text.encode("utf-8", "surrogateescape"))


def statements(line):
    """Split a line at the semicolons that stand outside of quotes -> list of str"""
    found, quote, start = [], "", 0
    for i, ch in enumerate(line):
        if quote:
            quote = "" if ch == quote else quote
        elif ch in "'\"":
            quote = ch
        elif ch == ";":
            found.append(line[start:i])
            start = i + 1
    return [part.strip() for part in found + [line[start:]] if part.strip()]


class Prompt:
    """Reads lines and does what they say."""

    def __init__(self, lab, page, out=print):
        self.lab = lab
        self.page = page
        self.out = out
        self.hints = 0
        self.connections = {}              # server number -> the prompt's own connection
        self.raw = None                    # the connection of the last `raw`
        self.started = []                  # (text, connection) of what was sent with &
        self.done = False

    def text(self, en, zh):
        return self.lab.text(en, zh)

    def tell(self, text):
        """Print a part of the page, with the ports that the servers really have."""
        for node in reversed(self.lab.nodes):
            text = re.sub(r"\b%d\b" % (PORT + node.number - 1), "\0%d" % node.number, text)
        self.out(re.sub("\0([0-9]+)", lambda m: str(self.lab.node(int(m.group(1))).port), text).replace("```text\n", "").replace("```", "").rstrip())

    def introduce(self):
        self.out(self.page.title + "\n")
        self.tell(self.page.introduction)
        self.out("")
        self.task()

    def section(self, name):
        self.out(self.page.headings[name] + "\n")
        self.tell(self.page.sections[name])

    def task(self):
        self.section("task")
        self.out("\n" + "\n".join("%s %d  127.0.0.1:%d  pid %s%s" % (
            self.text("server", "服务器"), n.number, n.port, n.pid, "  Sentinel" if n.role == "sentinel" else "") for n in self.lab.nodes))
        self.out(self.text("check, hint, look, solution, quit; help shows what else there is", "check，hint，look，solution，quit；help 列出其余命令"))

    def check(self):
        report = self.lab.check()
        self.out(report.text(self.lab.zh))
        if report.done:
            self.done = True
            self.out("")
            self.section("why")

    def hint(self):
        if self.hints == len(self.page.hints):
            self.out(self.text("these were all; `solution` shows how it is done", "提示只有这些；`solution` 会说明怎么做"))
            self.hints = 0
            return
        self.hints += 1
        self.tell("%d. %s" % (self.hints, self.page.hints[self.hints - 1]))

    def solve(self):
        self.lab.module.solution(self.lab)
        self.out(self.text("done; check", "做完了；请 check"))

    # ------------------------------- Redis commands -------------------------------

    def connection(self, number):
        """Return the prompt's connection to a server."""
        if number not in self.connections:
            self.connections[number] = self.lab.connect(number)
        return self.connections[number]

    def drop(self, number):
        connection = self.connections.pop(number, None)
        if connection is not None:
            connection.close()

    def redis(self, number, words):
        try:
            connection = self.connection(number)
            connection.sock.settimeout(None)
            self.out(shown(connection.execute(*words)))
        except KeyboardInterrupt:
            self.drop(number)
            self.out(self.text("no reply; a new connection from here on (& at the end of a line does not wait)", "没有回复；此后用新的连接（行尾加 & 就不等）"))
        except RecursionError:
            self.drop(number)
            self.out(self.text("the reply is nested too deeply to be read", "回复嵌套太深，无法读取"))
        except OSError as error:
            self.drop(number)
            self.out(self.text("the connection to server %d has ended: %s", "到服务器 %d 的连接断了：%s") % (number, error))

    def background(self, number, words):
        client = self.lab.client(number)
        id_ = client.execute("CLIENT", "ID")
        client.send(*words)
        self.started.append(("client %d: %s" % (id_, " ".join(words)), client))
        self.out("client %d" % id_)

    def replies(self):
        """Print the replies that have come to what was sent with &."""
        for item in list(self.started):
            text, client = item
            client.sock.settimeout(0.001)
            try:
                reply = client.read()
            except (socket.timeout, BlockingIOError):
                continue
            except (OSError, ValueError, RecursionError) as error:
                reply = str(error).encode()
            self.started.remove(item)
            self.out("%s -> %s" % (text, shown(reply)))

    def send_raw(self, word, rest):
        if word == "raw" or self.raw is None:
            self.raw = self.lab.client()
            self.out("client %s" % self.raw.execute("CLIENT", "ID"))
        self.raw.send_raw(unescape(rest))
        self.raw.sock.settimeout(0.2)
        try:
            self.out(shown(self.raw.read()))
        except socket.timeout:
            self.out(self.text("(no reply)", "（没有回复）"))
        except OSError as error:
            self.out(str(error))

    def many(self, words):
        match = re.fullmatch(r"(\d+)(?:\*(\d+))?", words[0]) if len(words) > 1 else None
        if match is None or not 0 < int(match.group(1)) <= 500:
            raise Refused("many N COMMAND ...: N connections (1 to 500); N*M: the command M times on each")
        count, times = int(match.group(1)), int(match.group(2) or 1)
        clients = [self.lab.client() for _ in range(count)]
        request = encode_command(*words[1:]) * times
        for client in clients:
            client.send_raw(request)
        replies = [client.read() for client in clients for _ in range(times)]
        self.out(self.text("%d replies; the last: %s", "%d 条回复；最后一条：%s") % (len(replies), shown(replies[-1])))

    # ------------------------------- one line -------------------------------

    def run(self, line):
        """Do what a line says -> False for quit"""
        for statement in statements(line):
            if self.run_one(statement) is False:
                return False
        self.replies()
        return True

    def run_one(self, statement):
        word, _, rest = statement.partition(" ")
        word = word.lower()
        try:
            if word in ("quit", "exit"):
                return False
            if word in ("raw", "more"):
                self.send_raw(word, rest.strip())
                return True
            words = shlex.split(statement)
            if not words:
                return True
            if word in ("check", "hint", "task", "solve"):
                getattr(self, word)()
            elif word in ("look", "solution"):
                self.tell(self.page.sections[word])
            elif word == "help":
                commands = [name for name in sorted(getattr(self.lab.module, "COMMANDS", {}))]
                self.out(self.text(*HELP) + "\n" + ", ".join([c for c in LAB_SET if c not in commands] + commands))
            elif word in getattr(self.lab.module, "COMMANDS", {}):
                self.out(self.lab.module.COMMANDS[word](self.lab, words[1:]))
            elif word in LAB_SET:
                self.lab_set(words)
            elif word == "many":
                self.many(words[1:])
            else:
                self.command(words)
        except (Refused, ServerError, RespError) as error:
            self.out(str(error))
        except (OSError, ValueError, RecursionError) as error:
            self.out("%s: %s" % (statement, error))
        return True

    def lab_set(self, words):
        """A command of the lab's set of servers; the tracer of a server that is started again is switched on again."""
        if words[0] in ("kill", "restart") and len(words) == 1 and len(self.lab.nodes) == 1:
            words = words + ["1"]
        lines = self.lab.set.command(words)
        for number in words[1:]:
            if words[0] in ("kill", "restart") and number.isdigit():
                self.drop(int(number))
                if words[0] == "restart" and self.lab.node(int(number)).alive:
                    self.lab.trace_on(int(number))
        self.out("\n".join(lines) if lines else "ok")

    def command(self, words):
        number = 1
        if words[0].isdigit() and len(words) > 1:
            number = int(words.pop(0))
        if not self.lab.node(number).alive:
            self.drop(number)
            raise Refused(self.text("server %d is down: restart %d", "服务器 %d 没有运行：restart %d") % (number, number))
        if words[-1] == "&" and len(words) > 1:
            self.background(number, words[:-1])
        else:
            self.redis(number, words)


def main(argv):
    zh = chinese()
    usage = USAGE[zh]
    if len(argv) > 1 or argv and not re.fullmatch("[0-9]{1,9}", argv[0]):
        sys.exit(usage)
    if not argv:
        for number in range(lab_module.FIRST, lab_module.LAST + 1):
            print(Page(number, zh).title)
        print("\n" + usage)
        return
    number = int(argv[0])
    if not lab_module.FIRST <= number <= lab_module.LAST:
        sys.exit(usage)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("启动服务器 ..." if zh else "starting the servers ...", flush=True)
    try:
        import readline                                 # noqa: F401 (the arrow keys)
    except ImportError:
        pass
    try:
        with Lab(number, zh, keep=True) as lab:
            prompt = Prompt(lab, Page(number, zh))
            prompt.introduce()
            go_on = True
            while go_on:
                try:
                    line = input("lab %d> " % number)
                except EOFError:
                    break
                except UnicodeDecodeError as error:
                    print(error)
                    continue
                try:
                    go_on = prompt.run(line)
                except KeyboardInterrupt:
                    print()
    except KeyboardInterrupt:
        print()
    except Refused as error:
        sys.exit(str(error))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(sys.argv[1:])
