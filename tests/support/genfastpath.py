"""genfastpath.py - writes docs/fast-path.md out of the docstrings of server/fastpath/.

    python -m tests.support.genfastpath [--write | --check]
"""
import ast
import difflib
import os
import re
import sys

from tests.support.genlink import ROOT

ROOM = os.path.join(ROOT, "server", "fastpath")
PATH = os.path.join(ROOT, "docs", "fast-path.md")
PARTS = ("When", "Same because", "Skips", "Gains")

HEAD = """# The fast path

Generated from the docstrings of `server/fastpath/` by `python -m tests.support.genfastpath --write`; a test keeps it current.

Everything outside of `server/fastpath/` is the text: Redis as it stands in C, each function with C's steps, complete and
correct alone. This folder holds every shortcut, and nothing else. At start-up `bind` assigns each replacement to every module
global that is the function which it replaces, and `fast-path no` (redis.conf, command line, CONFIG SET) takes it out
again: the same server, slower, with every function of C to step into. `make debug` runs it so.

A replacement decides whether a case is its own *before it changes anything*; every other case goes to the text. Each one is
described by four parts:

- **When**: the condition under which the shortcut is taken.
- **Same because**: why nobody can tell the difference.
- **Skips**: the functions of C that are not entered.
- **Gains**: what it is worth, and how that was measured. What gains less than 3 % in `make bench` does not exist.
"""


def functions(path):
    """Yield (function, docstring) for each described shortcut of a room, in the order of the file."""
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node)
            if doc and re.search(r"^When\b", doc, re.M):
                yield node, doc


def parts(doc):
    """Split a docstring into its summary and a dict of the four parts."""
    pattern = r"^(%s)\s" % "|".join(PARTS)
    pieces = re.split(pattern, doc, flags=re.M)
    found = {name: " ".join(text.split()) for name, text in zip(pieces[1::2], pieces[2::2])}
    return " ".join(pieces[0].split()), found


def rooms():
    return [os.path.join(ROOM, name) for name in sorted(os.listdir(ROOM)) if name.endswith(".py")]


def render():
    out = [HEAD]
    for path in rooms():
        entries = list(functions(path))
        if not entries:
            continue
        with open(path, encoding="utf-8") as f:
            head = ast.get_docstring(ast.parse(f.read()))
        name = os.path.relpath(path, ROOT)
        out.append("\n## %s\n\n`%s`: %s\n" % (os.path.basename(path)[:-3], name, " ".join(head.partition("\n\n")[0].partition(" - ")[2].split())))
        for node, doc in entries:
            summary, found = parts(doc)
            out.append("\n### `%s:%s`\n\n%s\n\n" % (name, node.name, summary))
            out += ["- **%s**: %s\n" % (part, found[part]) for part in PARTS if part in found]
    return "".join(out)


def main():
    text = render()
    if "--write" in sys.argv:
        with open(PATH, "w", encoding="utf-8") as f:
            f.write(text)
    elif "--check" in sys.argv:
        with open(PATH, encoding="utf-8") as f:
            old = f.read()
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), text.splitlines(True), "docs/fast-path.md", "generated"))
        sys.exit(old != text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
