"""Every function has a caller, and the docs send nobody to one that has none."""
import ast
import os
import re

from tests.support.genlink import LINK, ROOT, source_files

USERS = "called by the interpreter, by pytest or by the user of the package"

#: Functions without a caller, and why they are here all the same.
NO_CALLER = {
    "entry points of an API that is shown whole, as in C, where module.c, defrag.c, the benchmark or nobody calls them": {
        "aeStop", "aeDeleteTimeEvent",
        "listIndex", "listInsertNode", "listGetIterator", "listJoin", "listRewindTail",
        "dictReplace", "lpDelete", "lpSeek", "quicklistPop", "quicklistRotate", "raxCompare", "raxShow",
        "bioWaitStepOfType", "connSyncRead",
    },
    "C calls them before the memory test of a crash report, which we leave out (D-5); the tests end their threads with them": {
        "bioKillThreads", "killIOThreads",
    },
    "macros of dict.h that the functions of dict.c write out, with their name in a comment": {
        "dictCompareKeys", "dictHashKey", "dictSetKey",
    },
    "parts of rdb.c and rio.c that only modules use, or nobody, as in C": {
        "rdbCheckSetError", "rdbSaveBinaryFloatValue", "rdbSaveDoubleValue", "rdbSaveSingleModuleAux", "rioClearErrors", "rioGetWriteError",
        "rioTell",
    },
    USERS: {"_close_all", "aeredis_url", "data_path", "running", "writable"},
    "tests/support/debug.py calls it": {"hold"},
    "http.server calls them": {"do_GET", "do_POST", "log_message", "handle_error"},
}
ALLOWED = set().union(*NO_CALLER.values())
WORDS = re.compile(r"[\w.]+")


def mentions(node):
    """The names that a piece of code uses: read, called, taken as an attribute, or given as a string (getattr, prelude)."""
    names = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Name):
            names.add(n.id)
        elif isinstance(n, ast.Attribute):
            names.add(n.attr)
        elif isinstance(n, ast.Constant) and isinstance(n.value, str) and WORDS.fullmatch(n.value):
            names.add(n.value.rpartition(".")[2])
    return names


def read_project():
    """Read every module once -> ({function or class: place}, {function or class: names it uses}, names that module bodies use).
    One entry stands for all functions of a name; server/link.py only hands names on and is left out."""
    places, uses, roots = {}, {}, set()
    for _, path in source_files():
        if path == LINK:
            continue
        with open(path, encoding="utf-8") as f:
            stack = [(ast.parse(f.read()), roots)]
        while stack:
            parent, names = stack.pop()
            for child in ast.iter_child_nodes(parent):
                if not isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                    names |= mentions(child)
                    continue
                places.setdefault(child.name, "%s:%d" % (os.path.relpath(path, ROOT), child.lineno))
                own = uses.setdefault(child.name, set())
                if isinstance(child, ast.ClassDef):
                    stack.append((child, own))
                else:
                    own |= mentions(child) - {child.name}
                if child.name.startswith("__"):
                    roots.add(child.name)
    return places, uses, roots


PLACES, USES, ROOTS = read_project()


def without_caller(allowed):
    """The functions that can be reached neither from a module's body nor from the allowed names -> {name: place}."""
    reached = ROOTS | allowed
    todo = list(reached)
    while todo:
        for name in USES.get(todo.pop(), ()):
            if name not in reached:
                reached.add(name)
                todo.append(name)
    return {name: place for name, place in PLACES.items() if name not in reached}


def test_every_function_has_a_caller():
    dead = without_caller(ALLOWED)
    assert not dead, "nothing calls: " + ", ".join("%s (%s)" % (name, place) for name, place in sorted(dead.items()))


def test_what_is_allowed_to_have_no_caller_has_none():
    stale = ALLOWED - set(without_caller(set()))
    assert not stale, "has a caller, or is gone: %s" % sorted(stale)


def test_the_docs_cite_no_function_without_a_caller():
    dead = ALLOWED - NO_CALLER[USERS]
    cited = []
    for folder, _, names in os.walk(os.path.join(ROOT, "docs")):
        for name in names:
            if name.endswith(".md"):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    text = re.sub(r"^\| D-.*$", "", f.read(), flags=re.M)          # departures.md may name what is gone
                cited += ["%s: %s" % (name, word) for word in re.findall(r"`(?:[\w/]+\.py:)?(\w+)(?:\(\))?`", text) if word in dead]
    assert not cited, cited


def test_what_departures_calls_missing_is_missing():
    """D-28 lists functions of C that do not exist here."""
    with open(os.path.join(ROOT, "docs", "departures.md"), encoding="utf-8") as f:
        row = re.search(r"^\| D-28 \| (.*?) \|", f.read(), re.M).group(1)
    missing = set(re.findall(r"\b[a-z]\w*[A-Z]\w*", row))
    assert len(missing) > 20
    here = {node.name for _, path in source_files() for node in ast.walk(ast.parse(open(path, encoding="utf-8").read()))
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert not missing & here
