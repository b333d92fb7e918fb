"""C beside Python: the index, the aligner, the command line."""
import os
import re
import shutil
import subprocess
import sys
import threading
import time

import pytest

from server.study import cside, csource
from tests.support.resp import RespClient
from tests.support.server import ROOT, free_port

TREE = csource.c_tree()
needs_tree = pytest.mark.skipif(TREE is None, reason="the C source is not here: `make c-source`")


def run(*args, **env):
    return subprocess.run([sys.executable, "-m", "server.study.cside", *args], cwd=ROOT, capture_output=True, text=True, timeout=120,
                          check=False, env=dict(os.environ, **env))


def test_the_c_parser():
    text = '''#define twice(x) \\
    ((x) + (x))
/* int commented(void) { */
static inline int one(void) { return 1; }
struct s { int (*field)(int); };
int *two(int a,
         char *b)
{
    if (a) { return "int three(void) {"; }
    return NULL;
}
int declared(int a);
dictType t = {
    hash(1),
};
void four() {
}
'''
    assert [(f.name, f.line, f.last, f.macro) for f in csource.parse_c(text, "x.c")] == [
        ("twice", 1, 2, True), ("one", 4, 4, False), ("two", 6, 11, False), ("four", 16, 17, False)]


def test_parts_and_names():
    known = {"clientCommand": [], "rdbLoadObject": [], "zz": []}
    assert csource.head_of("clientCommand_kill", known) == "clientCommand"
    assert csource.head_of("rdbLoadObject_stream_listpacks", known) == "rdbLoadObject"
    assert csource.head_of("zz_top", known) is None and csource.head_of("plain", known) is None


@needs_tree
def test_the_index_is_current_and_true():
    rows = csource.read_index()
    assert csource.render_index(rows) == csource.render_index(csource.build_index(TREE)), "run `make c-index`"
    known = csource.c_functions(TREE)
    functions = {"%s:%s" % (module, f.name) for module, path in csource.modules() for f in csource.py_functions(path, module)[1]}
    for ours, theirs, kind in rows:
        assert ours in functions and kind in csource.KINDS
        if kind == "ours":
            assert theirs == "-"
        else:
            c = cside.c_function(known, (ours, theirs, kind))
            name = ours.rpartition(":")[2]
            assert c.name == name if kind != "part" else name.startswith(c.name + "_")
    mirrored = [row for row in rows if row[2] != "ours"]
    assert len(mirrored) > 2000


@needs_tree
@pytest.mark.parametrize("name,partners", [
    ("datastructs.dict:dictRehash", [("nextde = de.next", "nextde = de->next;"), ("_dictReset", "_dictReset")]),
    ("server.types.t_string:incrDecrCommand", [("getLongLongFromObjectOrReply", "getLongLongFromObjectOrReply"),
                                               ("signalModifiedKey", "signalModifiedKey")]),
    ("server.keyspace.expire:activeExpireCycle", [("timelimit_exit", "timelimit_exit"),
                                                  ("config_cycle_acceptable_stale = ", "config_cycle_acceptable_stale = ")]),
    ("datastructs.zskiplist:zslInsert", [("zslRandomLevel()", "zslRandomLevel();"), ("backward", "backward")]),
    ("server.session.multi:execCommand", [("discardTransaction(c)", "discardTransaction(c);"), ("unwatchAllKeys(c)", "unwatchAllKeys(c);")]),
])
def test_the_aligner_finds_known_partners(name, partners):
    row = next(row for row in csource.build_index(TREE) if row[0] == name)
    f = cside.python_function(row)
    python = cside.lines_of(f.path, f.line, f.last)
    c = cside.c_function(csource.c_functions(TREE), row)
    theirs = cside.lines_of(os.path.join(TREE, c.file), c.line, c.last)
    pairs = cside.align(python, theirs)
    assert [i for i, _ in pairs if i is not None] == list(range(len(python)))
    assert [j for _, j in pairs if j is not None] == list(range(len(theirs)))
    paired = [(python[i], theirs[j]) for i, j in pairs if i is not None and j is not None]
    for left, right in partners:
        assert any(left in a and right in b for a, b in paired), (left, paired)


@needs_tree
def test_the_command_line():
    wide = run("dictRehash", "--width", "180")
    assert wide.returncode == 0 and "src/dict.c:" in wide.stdout and " = int dictRehash(dict *d, int n) {" in wide.stdout
    narrow = run("dictRehash", "--width", "80")
    assert "int dictRehash(dict *d, int n) {" in narrow.stdout.splitlines()
    both = run("t_set:setTypeAdd", "--width", "100")
    assert both.stdout.count("src/t_set.c:") == 1
    unknown = run("dictRehsh")
    assert unknown.returncode == 1 and re.match(r"no function dictRehsh; the nearest: dictRehash, \w+, \w+\n$", unknown.stderr)
    theirs = run("zmalloc_set_oom_handler")
    assert theirs.returncode == 1 and "is C's (src/zmalloc.c:" in theirs.stderr
    nothing = run()
    assert nothing.returncode == 2 and "a function is wanted" in nothing.stderr
    refused = run("--html", "/proc/nowhere")
    assert refused.returncode == 1 and refused.stderr.startswith("cannot write to /proc/nowhere: ")


def test_without_the_c_tree(tmp_path):
    copy = tmp_path / "project"
    for package in ("server/study",):
        shutil.copytree(os.path.join(ROOT, package), copy / package)
    (copy / "server" / "__init__.py").write_text("")
    p = subprocess.run([sys.executable, "-m", "server.study.cside", "dictRehash"], cwd=copy, capture_output=True, text=True, timeout=60, check=False,
                       env={k: v for k, v in os.environ.items() if k not in ("REDIS_C_SOURCE", "PYTHONPATH")})
    assert p.returncode == 1 and p.stderr == cside.NO_TREE + "\n"


@needs_tree
def test_the_site(tmp_path):
    rows = [row for row in csource.build_index(TREE) if row[0].startswith(("datastructs.dict:", "server.keyspace.expire:"))]
    assert cside.write_site(str(tmp_path), rows, csource.c_functions(TREE), TREE) == len(rows) + 2
    text = (tmp_path / "datastructs.dict_dictRehash.html").read_text()
    assert '<a href="datastructs.dict__dictReset.html">_dictReset</a>' in text and "de-&gt;next" in text
    assert "activeExpireCycle" in (tmp_path / "phases.html").read_text()
    index = (tmp_path / "index.html").read_text()
    assert "<h2>src/dict.c</h2>" in index
    names = set(os.listdir(tmp_path))
    for page in names:
        for target in re.findall(r'href="([^"]+)"', (tmp_path / page).read_text()):
            assert target in names, (page, target)


def test_without_gdb_and_without_gcc(tmp_path):
    p = subprocess.run([sys.executable, "-m", "tests.support.gdb"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
                       env=dict(os.environ, PATH=str(tmp_path)))
    assert p.returncode == 1 and p.stderr == "gdb is not on PATH (Debian: apt-get install gdb)\n"
    code = "from tests.redis_suite import run; run.WORK = '%s'; from tests.study import chains; chains.build_c()" % tmp_path
    p = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
                       env=dict(os.environ, PATH=str(tmp_path)))
    assert p.returncode == 1 and p.stderr == "gcc and make build the C server (Debian: apt-get install build-essential)\n"
    p = subprocess.run([sys.executable, "-m", "tests.support.gdb", "--break", "nowhere"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert p.returncode == 1 and p.stderr.startswith("no such phase: nowhere (there are: accept read ")


@pytest.mark.skipif(not all(shutil.which(tool) for tool in ("gdb", "gcc", "make")), reason="gdb, gcc or make is missing")
@needs_tree
def test_a_session_of_gdb(tmp_path):
    """The C server under gdb stops in the same phase with the same stack, and prints its structures."""
    port = free_port()
    p = subprocess.Popen([sys.executable, "-m", "tests.support.gdb", "--break", "execute", "--port", str(port), "--save", "", "--dir", str(tmp_path)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)

    def ask():
        while p.poll() is None:
            try:
                with RespClient(port, timeout=60) as c:
                    c.execute("SET", "k", "hello")
                return
            except OSError:                            # it does not listen yet, or was killed
                time.sleep(0.1)

    t = threading.Thread(target=ask)
    t.start()
    try:
        out, _ = p.communicate("run\nbt\np *c->argv[2]\nphase execute\nkill\nquit\n", timeout=400)
    finally:
        p.kill()
        p.wait()
        t.join(70)
    stack = re.findall(r"#\d+ +(?:0x[0-9a-f]+ in )?(\w+) \(", out)
    assert stack == ["call", "processCommand", "processCommandAndResetClient", "processInputBuffer", "readQueryFromClient", "callHandler",
                     "connSocketEventHandler", "aeProcessEvents", "aeMain", "main"], out
    assert "robj string embstr refcount=1 'hello'" in out
