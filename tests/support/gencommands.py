"""gencommands.py - writes docs/commands.md out of the command table of a live server.

    python -m tests.support.gencommands [--write | --check]
"""
import difflib
import os
import sys

from replication.sentinel.sentinel_command import sentinelcmds
from server.commandtable import redisCommandTable
from server.server_h import server
from datastructs.dict import dictFetchValue
from tests.support.live import LiveServer, ROOT

PATH = os.path.join(ROOT, "docs", "commands.md")

HEAD = """# Commands

Generated from `server/commandtable.py` by `python -m tests.support.gencommands --write`; a test keeps it current.
What COMMAND INFO of a running server says, and where each command's function stands.

- **arity**: the number of words, the name included; -n means n or more.
- **keys**: first, last, step, as positions in the command; `movable` means that a function looks for them
  (`server/keyspace/db.py`, the `...GetKeys` functions).
- Categories that follow from the flags (@read, @write, @fast, @slow, @admin, @pubsub) are left out.

%d commands.%s

| command | arity | flags | categories | keys | function |
|---|---|---|---|---|---|
"""
SENTINEL_HEAD = """
## In Sentinel mode

A Sentinel knows these %d commands (`sentinel_command.py:sentinelcmds`), and no keys.

| command | arity | flags | function |
|---|---|---|---|
"""
IMPLIED = {b"@read", b"@write", b"@fast", b"@slow", b"@admin", b"@pubsub"}


def is_missing(proc):
    """True for a function that only answers that the command is not there yet."""
    return any(isinstance(const, bytes) and b"not implemented" in const for const in proc.__code__.co_consts)


def text(words):
    return ", ".join(sorted(w.decode() for w in words))


def keys(info):
    first, last, step = info[3:6]
    if b"movablekeys" in info[2]:
        return "movable" if not first else "movable (%d %d %d)" % (first, last, step)
    return "%d %d %d" % (first, last, step) if first else ""


def render():
    lines = []
    missing = []
    with LiveServer() as s:
        for row in redisCommandTable():
            info = s.execute("COMMAND", "INFO", row.name)[0]
            proc = dictFetchValue(server.commands, row.name).proc
            note = ""
            if is_missing(proc):
                note = " **not implemented yet**"
                missing.append("`%s`" % row.name.decode().upper())
            categories = [c for c in info[6] if c not in IMPLIED]
            path = proc.__module__.replace(".", "/") + ".py"
            lines.append("| `%s` | %d | %s | %s | %s | `%s:%s`%s |" % (
                row.name.decode().upper(), info[1], text(f for f in info[2] if f != b"movablekeys"), text(categories), keys(info), path,
                proc.__name__, note))
    left = "" if not missing else "  Not implemented yet (they answer an error that says so): " + ", ".join(missing) + "."
    rows = sentinelcmds()
    sentinel = ["| `%s` | %d | %s | `%s:%s` |" % (row.name.decode().upper(), row.arity, ", ".join(sorted(row.sflags.split())),
                                                  row.proc.__module__.replace(".", "/") + ".py", row.proc.__name__) for row in rows]
    return HEAD % (len(lines), left) + "\n".join(lines) + "\n" + SENTINEL_HEAD % len(rows) + "\n".join(sentinel) + "\n"


def main():
    new = render()
    old = ""
    if os.path.exists(PATH):
        with open(PATH, encoding="utf-8") as f:
            old = f.read()
    if "--write" in sys.argv:
        with open(PATH, "w", encoding="utf-8") as f:
            f.write(new)
    elif "--check" in sys.argv:
        diff = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "docs/commands.md", "now", lineterm="", n=0))
        print("\n".join(diff))
        return 1 if diff else 0
    else:
        print(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
