"""lab_shell.py - the commands of a lab: at its prompt, and from another terminal.       No counterpart in C

    aeredis-lab replicas | cluster | sentinel [--real | --mix] [--port 7000] ...     starts a set, with a prompt
    aeredis-lab [--name NAME] COMMAND ...                                            says it to the set that runs

Lives here   run_command: one line typed; main: the console script aeredis-lab; Prompt.
Called from  main; LabSet.command, for another terminal.
State        none that outlives main.
Departures   all of it is ours.
"""
import argparse
import contextlib
import importlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from server.study.lab import DOWN_AFTER, KINDS, LabError, LabSet, labs_folder, running_labs
from server.study.trace_client import Connection, Refused, ServerError, Target


def usage(name):
    return "usage: %s" % " ".join((name, COMMANDS[name][1])).strip()


def number_in(text, low, high, what):
    """Return the whole number that a word is; LabError if it is none, or out of range."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
        raise LabError("%s is %d to %d, not %s" % (what, low, high, text[:64]))
    return int(text)


def run_command(lab, words):
    """Do what was typed -> lines to be shown; LabError that says what is wrong."""
    if not words:
        return []
    name, words = words[0].lower(), words[1:]
    if name == "?":
        name = "help"
    if name in ("exit", "close"):
        name = "quit"
    if name not in COMMANDS:
        raise LabError("there is no command %s; help lists them" % name)
    return COMMANDS[name][0](lab, words)


def want(name, words, low, high=None):
    """Check how many words a command has."""
    if not low <= len(words) <= (low if high is None else high):
        raise LabError(usage(name))


def say_of(lab, number):
    node = lab.node(number)
    return ["%s: %s" % (node, lab.role_of(node))]


def command_status(lab, words):
    want("status", words, 0)
    return lab.status()


def command_kill(lab, words):
    want("kill", words, 1)
    lab.kill(words[0])
    return ["%s is dead" % lab.node(words[0])]


def command_restart(lab, words):
    want("restart", words, 1, 100)
    lab.restart(*words)
    return say_of(lab, words[0])


def command_stop(lab, words):
    want("stop", words, 1)
    lab.stop(words[0])
    return ["%s stands still, time runs: `cont %s` lets it go on" % (lab.node(words[0]), words[0])]


def command_freeze(lab, words):
    want("freeze", words, 1)
    lab.freeze(words[0])
    return ["%s stands still, and time with it: `cont %s` lets it go on" % (lab.node(words[0]), words[0])]


def command_cont(lab, words):
    want("cont", words, 1)
    lab.cont(words[0])
    return ["%s goes on" % lab.node(words[0])]


def command_isolate(lab, words):
    want("isolate", words, 1, len(lab.nodes))
    lab.isolate(*words)
    return ["nothing passes between %s and the others: `heal` ends it" % " ".join(words)]


def both_ways(name, words, count):
    """Check the words of cut and delay -> whether it is meant both ways."""
    if len(words) == count + 1 and words[count].lower() == "oneway":
        return False
    want(name, words, count)
    return True


def command_cut(lab, words):
    both = both_ways("cut", words, 2)
    lab.cut(words[0], words[1], both)
    return ["nothing passes %s %s %s %s: `heal` ends it" % ("between" if both else "from", words[0], "and" if both else "to", words[1])]


def command_delay(lab, words):
    both = both_ways("delay", words, 3)
    lab.delay(words[0], words[1], number_in(words[2], 0, 600000, "MS"), both)
    return ["what passes %s %s %s %s takes %s ms%s" % (
        "between" if both else "from", words[0], "and" if both else "to", words[1], words[2], " each way" if both else "")]


def command_drop(lab, words):
    want("drop", words, 1, 2)
    after = number_in(words[1], 0, 1 << 40, "BYTES") if len(words) == 2 else 0
    lab.drop(words[0], after)
    return ["the connections to %s are closed%s; they may be made again" % (
        lab.node(words[0]), " when it has sent %d bytes" % after if after else "")]


def command_heal(lab, words):
    want("heal", words, 0)
    lab.heal()
    return ["all nodes reach each other again"]


def command_cli(lab, words):
    """Run one command; the prompt and aeredis-lab run redis-cli themselves when there is none."""
    want("cli", words, 2, 1 << 20)
    node = lab.node(words[0])
    try:
        return show_reply(node.ask(*words[1:]))
    except ServerError as error:
        return ["(error) %s" % error]


def command_trace(lab, words):
    want("trace", words, 1, 2)
    seconds = number_in(words[1], 1, 600, "SECONDS") if len(words) == 2 else 5
    ports = [n.port for n in lab.nodes if n.alive and not n.held and not n.real]
    if not ports:
        raise LabError("no node has a tracer: only ours do")
    from server.study import trace_show
    lines = []
    arguments = [word for port in ports for word in ("-p", str(port))]
    trace_show.run(trace_show.arguments([*arguments, "--perfetto=" + words[0], "--seconds", str(seconds)]), [Target(port=port) for port in ports], lines.append)
    return lines


def command_counts(lab, words):
    want("counts", words, 0)
    ways = {}
    for a, b, kind, n in lab.switchboard.ask("state")["counts"]:
        ways.setdefault((a, b), []).append("%s %d" % (kind, n))
    return ["%2d -> %-2d  %s" % (a, b, "  ".join(kinds)) for (a, b), kinds in sorted(ways.items())] or ["nothing has passed"]


def command_log(lab, words):
    want("log", words, 1, 2)
    count = number_in(words[1], 1, 100000, "LINES") if len(words) == 2 else 10
    return lab.node(words[0]).log().splitlines()[-count:]


def command_help(lab, words):
    return ["%-8s %-17s %s" % (name, words, text) for name, (_, words, text) in COMMANDS.items()]


def command_quit(lab, words):
    want("quit", words, 0)
    lab.ended.set()
    if lab.on_quit is not None:
        lab.on_quit()
    return ["all nodes of %s are ended" % lab.name]


#: name -> (function, arguments, what it does)
COMMANDS = {
    "status": (command_status, "", "who is who, and what is cut"),
    "kill": (command_kill, "N", "kill -9"),
    "restart": (command_restart, "N [ARG ...]", "start again; one that runs is shut down first"),
    "stop": (command_stop, "N", "it stands still (SIGSTOP), and time runs: a failure"),
    "freeze": (command_freeze, "N", "it stands still, and time with it: the others wait"),
    "cont": (command_cont, "N", "it goes on"),
    "isolate": (command_isolate, "N ...", "cut these off from all others"),
    "cut": (command_cut, "A B [oneway]", "nothing passes between A and B; oneway: nothing from A to B"),
    "delay": (command_delay, "A B MS [oneway]", "what passes between A and B takes so long, each way"),
    "drop": (command_drop, "N [BYTES]", "close all connections of others to N, after so many bytes"),
    "heal": (command_heal, "", "end cuts and delays; who stands still goes on"),
    "cli": (command_cli, "N [COMMAND ...]", "redis-cli, or one command"),
    "trace": (command_trace, "FILE [SECONDS]", "record what all nodes do, for ui.perfetto.dev"),
    "counts": (command_counts, "", "what has passed between the nodes"),
    "log": (command_log, "N [LINES]", "the end of its log"),
    "help": (command_help, "", "this list"),
    "quit": (command_quit, "", "end all"),
}


def show_reply(reply, indent=""):
    """Return the lines that redis-cli shows for a reply."""
    if reply is None:
        return [indent + "(nil)"]
    if isinstance(reply, ServerError):
        return [indent + "(error) %s" % reply]
    if isinstance(reply, int):
        return [indent + "(integer) %d" % reply]
    if isinstance(reply, list):
        lines = []
        for i, item in enumerate(reply):
            shown = show_reply(item)
            number = "%d) " % (i + 1)
            lines += [indent + number + shown[0]] + [indent + " " * len(number) + line for line in shown[1:]]
        return lines or [indent + "(empty array)"]
    text = reply.decode("utf-8", "replace")
    return [indent + line for line in text.splitlines()] or [indent + '""']


# ------------------------------- from another terminal -------------------------------

def find_lab(name):
    """Find the set that runs, by its name or because it is the only one -> what it has written down; LabError."""
    labs = running_labs()
    if name is not None:
        labs = [lab for lab in labs if lab["name"] == name]
        if not labs:
            raise LabError("no lab %s is running" % name)
    if not labs:
        raise LabError("no lab is running: start one with aeredis-lab replicas, cluster or sentinel")
    if len(labs) > 1:
        raise LabError("%d labs are running: choose one with --name %s" % (len(labs), ", ".join(lab["name"] for lab in labs)))
    return labs[0]


def request(found, words):
    """Let a running set do a command -> lines; LabError as it says."""
    try:
        with socket.create_connection(("127.0.0.1", found["control"]), 10) as sock:
            sock.settimeout(700)
            sock.sendall(json.dumps({"token": found["token"], "words": words}).encode() + b"\n")
            with sock.makefile("rb") as f:
                line = f.readline()
    except OSError as error:
        raise LabError("the lab %s does not answer: %s" % (found["name"], error.strerror or error)) from None
    if not line:
        raise LabError("the lab %s has closed the connection" % found["name"])
    try:
        answer = json.loads(line)
        error, lines = answer.get("error"), answer.get("lines", [])
    except (ValueError, AttributeError, RecursionError):
        raise LabError("what listens at port %d is not the lab %s" % (found["control"], found["name"])) from None
    if error is not None:
        raise LabError(error)
    return lines


def say_to(name, words):
    """Run a command of another terminal.  Exits with what redis-cli says where it is `cli N`."""
    found = find_lab(name)
    if words[0].lower() == "cli" and len(words) == 2:
        node = next((n for n in found["nodes"] if str(n["number"]) == words[1]), None)
        if node is None:
            raise LabError("there is no node %s: 1 to %d" % (words[1], len(found["nodes"])))
        talk(node["host"], node["port"])
        return
    for line in request(found, [os.path.abspath(w) if i == 1 and words[0].lower() == "trace" else w for i, w in enumerate(words)]):
        print(line)


def talk(host, port):
    """Run redis-cli, or a plain loop where there is none, until the user leaves it."""
    path = shutil.which("redis-cli")
    if path:
        with contextlib.suppress(KeyboardInterrupt):
            subprocess.call([path, "-h", host, "-p", str(port)])
        return
    with contextlib.closing(Connection(Target(host, port))) as connection, contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            try:
                words = shlex.split(input("%s:%d> " % (host, port)))
            except ValueError as error:
                print(error)
                continue
            if words[:1] in (["quit"], ["exit"]):
                return
            if words:
                print("\n".join(show_reply(connection.execute(*words))))


# ------------------------------- the prompt -------------------------------

TRY = {
    "replicas": """
  cli 1 set k v                  cli 2 get k           written to the master, read from a replica
  delay 1 2 3000                 a slow wire           then: cli 1 set k w; cli 2 get k; status
  isolate 2 / heal               a partial resync      log 2 shows it
  kill 1 / restart 1             the replicas come back""",
    "cluster": """
  cli 1 set foo bar              -MOVED: the slot of foo is elsewhere     redis-cli -c -p {port} follows
  cli 1 cluster nodes            who is who
  kill 1 / status / restart 1    its replica is elected within seconds; back it comes, as a replica
  isolate 2 / heal               a minority: what it confirms now is lost
  cli 4 cluster failover         a replica takes over, nothing is lost
  redis-cli --cluster check 127.0.0.1:{port}   and --cluster reshard""",
    "sentinel": """
  cli {s} sentinel get-master-addr-by-name mymaster     who is the master?
  kill 1 / status / restart 1    a replica takes its place; back it comes, as a replica
  stop 1 / cont 1                it only hangs: a failover, and a master too many for a moment
  isolate 1 / heal               what it confirms meanwhile is lost
  cli {s} sentinel failover mymaster                    by hand, without an election""",
    "single": """
  cli 1 set k v
  kill 1 / restart 1             the AOF has it all""",
}


def introduce(lab, say):
    """Print the nodes and what to try."""
    for line in lab.status():
        say(line)
    sentinel = next((n.number for n in lab.nodes if n.role == "sentinel"), 0)
    say("\nTry, here or as `aeredis-lab COMMAND` in another terminal (help lists all):"
        + TRY[lab.kind].format(port=lab.nodes[0].port, s=sentinel))
    say("\nFiles: %s\nCtrl-C or quit ends all nodes." % lab.dir)


def say(text):
    """Print, unless the terminal has gone."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)


def watch(lab):
    """Tell when a node ends by itself."""
    while lab.lock is not None and not lab.ended.is_set():
        for node in lab.nodes:
            if not node.told and not node.alive:
                node.told = True
                say("%s has ended with %d:\n%s" % (node, node.process.returncode, node.last_lines(3)))
        time.sleep(0.5)


def prompt(lab, terminal):
    """Read commands until `quit`, or the end of the input of a terminal.  Without a terminal the set runs on: it is ended from another one."""
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")        # input() then has a history
    while True:
        try:
            line = input("%s> " % lab.name if sys.stdin.isatty() else "")
            words = shlex.split(line)
        except ValueError as error:
            say(error)
            continue
        except EOFError:
            if not terminal:
                run_on(lab)
            return
        except OSError:                            # a job in the background, or the terminal was closed
            if os.isatty(0) or not terminal:
                run_on(lab)
            return
        try:
            if len(words) == 2 and words[0].lower() == "cli":
                node = lab.living(words[1])
                talk(node.host, node.port)
            else:
                for text in lab.command(words):
                    say(text)
        except (Refused, ServerError, OSError) as error:
            say(error)
        if lab.ended.is_set():
            return


def run_on(lab):
    """Wait until another terminal says `quit`, or a signal comes."""
    while not lab.ended.wait(3600):
        pass


def arguments(argv):
    parser = argparse.ArgumentParser(prog="aeredis-lab", formatter_class=argparse.RawDescriptionHelpFormatter, description=(
        "starts a set of servers:  aeredis-lab %s [options]\nor says a command to the one that runs:  aeredis-lab [--name NAME] COMMAND ..." %
        " | ".join(KINDS)), epilog="commands:\n" + "\n".join("  " + line for line in command_help(None, ())))
    parser.add_argument("--name", help="of the lab; its files are in .lab/NAME/")
    parser.add_argument("--port", type=int, help="the first one; 7000, or the next that are free")
    parser.add_argument("--real", action="store_true", help="the C server for all nodes")
    parser.add_argument("--mix", action="store_true", help="the C server for every second node")
    parser.add_argument("--masters", type=int, metavar="N")
    parser.add_argument("--replicas", type=int, metavar="N", help="of each master")
    parser.add_argument("--sentinels", type=int, metavar="N")
    parser.add_argument("--down-after", type=int, default=DOWN_AFTER, metavar="MS", help="when a Sentinel thinks that somebody is down")
    parser.add_argument("--set", action="append", default=[], nargs=2, metavar=("DIRECTIVE", "VALUE"), help="for all servers that hold data")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="SET or COMMAND")
    args = parser.parse_args(argv)
    if args.words and args.words[0] in KINDS:
        kind = args.words[0]
        args = parser.parse_args(argv[:argv.index(kind)] + argv[argv.index(kind) + 1:])
        if args.words:
            parser.error("what is %s?" % args.words[0])
        args.kind = kind
    else:
        args.kind = None
        if not args.words:
            parser.error("a set (%s) or a command is wanted" % ", ".join(KINDS))
    if args.real and args.mix:
        parser.error("--real or --mix, not both")
    return args


class Ended(BaseException):
    """A signal has come: all is to be ended."""


def run_set(args):
    """Start a set, talk, end it -> exit code."""
    main_thread = threading.main_thread().ident
    terminal = os.isatty(0)                        # it may be closed at any moment

    def end(signum, frame):
        for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)   # what follows is to be done to its end
        raise Ended
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):     # SIGINT: a shell's background job has it ignored
        signal.signal(signum, end)
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)                      # in the background input() fails instead
    conf = {}
    for name, value in args.set:
        conf.setdefault(name, []).append(value)
    lab = None
    try:
        ports = [args.port] if args.port is not None else range(7000, 8000, 20)
        for port in ports:
            lab = LabSet(args.kind, args.name, "all" if args.real else "mix" if args.mix else None, conf, args.masters, args.replicas,
                         args.sentinels, say, port, args.down_after, os.path.join(labs_folder(), "clock"))
            try:
                lab.start()
                break
            except LabError as error:
                if not str(error).endswith("with --port") or port == ports[-1]:
                    raise
        lab.on_quit = lambda: signal.pthread_kill(main_thread, signal.SIGTERM)
        introduce(lab, say)
        threading.Thread(target=watch, args=(lab,), daemon=True).start()
        prompt(lab, terminal)
    except Ended:
        pass
    finally:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        if lab is not None:
            lab.close()
    say("all nodes are ended")
    return 0


def main(argv=None):
    args = arguments(sys.argv[1:] if argv is None else argv)
    try:
        if args.kind:
            sys.exit(run_set(args))
        say_to(args.name, args.words)
    except (Refused, ServerError) as error:
        sys.exit("aeredis-lab: %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
