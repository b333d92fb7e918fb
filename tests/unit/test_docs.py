"""What docs/ says, against the code: functions exist, pictures and tables are those of today's server, orders are the real ones."""
import ast
import os
import re
import subprocess
import sys

import pytest

from tests.support.genlink import ROOT, source_files
from tests.support.languages import anchors, chinese

DOCS = os.path.join(ROOT, "docs")
PAGES = sorted(os.path.relpath(os.path.join(folder, name), ROOT) for folder, _, names in os.walk(DOCS) for name in names
               if name.endswith(".md"))
REFERENCE = re.compile(r"`([\w/]+\.py):([\w.]+)`")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def module_names(path):
    """Functions, classes, Class.field of __slots__, and assigned names of a module."""
    names = set()
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if isinstance(node, ast.ClassDef):
            for n in ast.walk(node):
                if isinstance(n, ast.Constant) and isinstance(n.value, str):
                    names.add("%s.%s" % (node.name, n.value))
                elif isinstance(n, ast.Attribute):
                    names.add("%s.%s" % (node.name, n.attr))
    return names


def by_name():
    """Short and long name of every file -> its path."""
    files = {}
    for _, path in source_files():
        path = os.path.relpath(path, ROOT)
        files.setdefault(os.path.basename(path), []).append(path)
        if path != os.path.basename(path):
            files[path] = [path]
    for folder in ("tests/support", "tests/redis_suite"):
        for name in os.listdir(os.path.join(ROOT, folder)):
            if name.endswith(".py"):
                files["%s/%s" % (folder, name)] = ["%s/%s" % (folder, name)]
    return files


FILES = by_name()
_names = {}


@pytest.mark.parametrize("page", PAGES)
def test_every_function_named_exists(page):
    missing = []
    for file, name in REFERENCE.findall(read(page)):
        paths = FILES.get(file, [])
        if len(paths) != 1:
            missing.append("%s (%s)" % (file, "not found" if not paths else "several: %s" % paths))
            continue
        if paths[0] not in _names:
            _names[paths[0]] = module_names(paths[0])
        if name not in _names[paths[0]]:
            missing.append("%s:%s" % (file, name))
    assert not missing, missing


@pytest.mark.parametrize("page", PAGES + ["README.md", "README.zh.md"])
def test_every_link_leads_somewhere(page):
    """Relative links, and `path/file.py` in backticks."""
    text = read(page)
    folder = os.path.dirname(os.path.join(ROOT, page))
    targets = [t for t in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) if not re.match(r"[a-z]+:", t)]
    broken = [t for t in targets if not os.path.exists(os.path.join(folder, t))]
    broken += [p for p in re.findall(r"`((?:ae|server|datastructs|persistence|replication|cluster|tests|docs)/[\w/]+\.(?:py|md))`", text)
               if not os.path.exists(os.path.join(ROOT, p))]
    assert not broken, broken


@pytest.mark.parametrize("page", PAGES + ["README.md", "README.zh.md"])
def test_every_anchor_is_a_heading(page):
    links = [t.partition("#") for t in re.findall(r"\]\(([^)\s]*#[^)\s]+)\)", read(page)) if not re.match(r"[a-z]+:", t)]
    here = os.path.dirname(page)
    assert not [a for path, _, a in links if a not in anchors(os.path.normpath(os.path.join(here, path)) if path else page)]


def run(*args):
    return subprocess.run([sys.executable, "-m"] + list(args), cwd=ROOT, env=dict(os.environ, PYTHONPATH=ROOT), timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def test_the_pictures_are_those_of_todays_server():
    p = run("tests.support.pictures", "--check")
    assert p.returncode == 0, "python -m tests.support.pictures --write\n" + p.stdout[-3000:]
    pages = "".join(read(page) for page in PAGES)
    drawn = set(re.findall(r"<!-- picture: (\w+) -->", pages))
    assert drawn >= {"dict", "rehash", "skiplist", "ziplist", "cascade", "quicklist", "intset", "sds", "stream", "encodings"}
    assert len(re.findall("<!-- picture: ", pages)) == len(re.findall("<!-- end of picture -->", pages))


def test_the_list_of_commands_is_current():
    p = run("tests.support.gencommands", "--check")
    assert p.returncode == 0, "python -m tests.support.gencommands --write\n" + p.stdout[-3000:]


def function(path, name):
    return next(n for n in ast.parse(read(path)).body if isinstance(n, ast.FunctionDef) and n.name == name)


LOOP = pytest.mark.parametrize("page, phase", [("docs/loop.md", "Phase: "), (chinese("docs/loop.md"), "阶段：")])


@LOOP
def test_loop_md_has_the_phases_of_the_loop(page, phase):
    text = read("ae/ae.py")
    banners = re.findall(r"^ +# --- (.+)$", text[text.index("def aeProcessEvents"):], re.M)
    headings = re.findall(r"^## %s([^（\n]+)" % phase, read(page), re.M)
    assert banners == headings and len(banners) == 6


@LOOP
def test_loop_md_has_the_steps_of_before_sleep(page, phase):
    """The numbered list under "before sleep" names the calls of beforeSleep in their order."""
    calls = []
    for node in ast.walk(function("server/server_cron.py", "beforeSleep")):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            calls.append((node.lineno, node.col_offset, node.func.id))
    calls = [name for _, _, name in sorted(calls)]
    calls = calls[calls.index("handleBlockedClientsTimeout"):]          # what comes before is the re-entered case
    ignored = {"serverAssert", "aeSetDontWait", "tlsHasPendingData", "checkClientPauseTimeoutAndReturnIfPaused"}
    calls = [c for c in calls if c not in ignored]
    text = read(page)
    part = text[text.index("## %sbefore sleep" % phase):text.index("## %spoll" % phase)]
    assert re.findall(r"^\d+\. `[\w./]+:(\w+)`", part, re.M) == calls


@LOOP
def test_loop_md_has_the_steps_of_server_cron(page, phase):
    text = read(page)
    part = text[text.index("## %stime events" % phase):]
    named = re.findall(r"^\d+\. `[\w./]+:(\w+)`", part, re.M)
    source = ast.unparse(function("server/server_cron.py", "serverCron"))
    places = [source.index(name + "(") for name in named]
    assert places == sorted(places) and len(named) > 10


@pytest.mark.parametrize("page", ["docs/reading.md", "docs/loop.md", "docs/write-path.md", "docs/persistence.md"])
def test_the_names_in_diagrams_exist(page):
    """Traces and diagrams stand in fenced blocks: each camelCase word there is a function or a struct."""
    names = set()
    for _, path in source_files():
        names.update(re.findall(r"^(?:def|class) (\w+)", read(path), re.M))
    text = read(page).replace("\\n", " ")
    words = {w for fence in re.findall(r"```text\n(.*?)```", text, re.S) for w in re.findall(r"\b[a-z]+[A-Z]\w+", fence)}
    assert words and not words - names
