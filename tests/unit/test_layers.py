"""The layer rules of docs/map.md: imports point down, upward calls go through server/link.py."""
import ast
import configparser
import importlib
import os
import re
import subprocess
import sys

import pytest

from tests.support import genlink

#: The lower the number, the deeper the layer; the longest matching prefix counts.
LAYERS = {
    "datastructs": 0, "ae": 0,
    "server.server_h": 1, "cluster.cluster_h": 1, "server.stdio": 1,
    "server.log": 2, "server.release": 2, "server.object": 2, "server.zmalloc": 2, "server.zmalloc_estimate": 2, "server.bio": 2,
    "server.lru": 2, "server.server_state": 2, "server.dict_types": 2, "server.command_lookup": 2, "server.op_array": 2,
    "server.latency_samples": 2, "server.os_process": 2, "persistence.childinfo": 2, "persistence.aof_buffer": 2,
    "replication.script_cache": 2,
    "server.client": 3,
    "server.server_listen": 4,
    "server.keyspace": 4,
    "server.session": 5,
    "server.keyspace.db_command": 6, "server.session.blocked_serve": 7,
    "server.types": 6, "server.scripting": 6, "server.admin": 6, "persistence": 6,
    "replication": 7,
    "cluster": 8,
    "server": 9,
    "server.fastpath": 10, "server.study": 10,
}
MODULES = list(genlink.source_files())


def layer_of(module):
    """Return the layer of a project module, or None for the standard library."""
    name = module
    while name:
        if name in LAYERS:
            return LAYERS[name]
        name = name.rpartition(".")[0]
    return None


def top_level_imports(path):
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read(), path)
    found = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                child = node.module + "." + alias.name
                found.append(child if child in PROJECT else node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


PROJECT = {module for module, _ in MODULES}


@pytest.mark.parametrize("module,path", MODULES, ids=[m for m, _ in MODULES])
def test_imports_point_down(module, path):
    if module == "server.link":
        pytest.skip("link.py is the linker: it sees everybody")
    mine = layer_of(module)
    for target in top_level_imports(path):
        theirs = layer_of(target)
        if theirs is not None:
            assert theirs <= mine, "%s (layer %d) imports %s (layer %d)" % (module, mine, target, theirs)


def test_no_import_circle():
    graph = {m: [t for t in top_level_imports(p) if t in PROJECT] for m, p in MODULES if m != "server.link"}
    done, path = set(), []

    def visit(module):
        if module in path:
            pytest.fail("import circle: " + " -> ".join(path[path.index(module):] + [module]))
        if module in done or module not in graph:
            return
        path.append(module)
        for target in graph[module]:
            visit(target)
        path.pop()
        done.add(module)

    for module in graph:
        visit(module)


@pytest.mark.parametrize("module,path", MODULES, ids=[m for m, _ in MODULES])
def test_every_name_used_exists(module, path):
    """What is imported within functions, and `module.name`, which no import at the top would find missing."""
    if module.startswith("server.package"):
        pytest.skip("it names the modules as they are installed")
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read(), path)
    alias, missing = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and layer_of(node.module) is not None:
            for name in node.names:
                full = node.module + "." + name.name
                if full in PROJECT:
                    alias[name.asname or name.name] = full
                elif not hasattr(importlib.import_module(node.module), name.name):
                    missing.append("line %d: %s" % (node.lineno, full))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in alias:
            if not hasattr(importlib.import_module(alias[node.value.id]), node.attr):
                missing.append("line %d: %s.%s" % (node.lineno, alias[node.value.id], node.attr))
    assert not missing, missing


def test_link_is_current():
    with open(genlink.LINK, encoding="utf-8") as f:
        assert f.read() == genlink.render(), "run: python -m tests.support.genlink --write"


#: How many links there are, without those of Cluster and Sentinel.  The number may only fall.
LINKS = 115
LINKS_AT_MOST = 120


def test_links_only_become_fewer():
    links = genlink.links_of_the_server()
    assert LINKS <= LINKS_AT_MOST
    assert len(links) <= LINKS, "a new upward name: move it down or call it from above\n" + "\n".join(map(str, links))
    assert len(links) == LINKS, "%d links are left: lower LINKS" % len(links)


def test_links_lead_to_the_definition():
    """The source of each link defines the name itself: link.py says who really calls whom."""
    paths = dict(genlink.source_files())
    wrong = []
    for module, source, name in genlink.all_links():
        if source not in paths or name not in defined_names(paths[source]):
            wrong.append("%s.%s is not defined in %s" % (module, name, source))
    assert not wrong, wrong


def test_no_module_hands_names_on():
    """A name is imported from where it is defined; nobody imports it only for others to find."""
    wrong = []
    for module, path in MODULES:
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                if "noqa" in line and "F401" in line and "import" in line and " link" not in line and ".link" not in line:
                    wrong.append("%s:%d" % (path, number))
    assert not wrong, wrong


def test_every_link_has_a_heading_that_fits():
    for heading in genlink.HEADINGS:
        assert any(genlink.heading_of(link) is heading for link in genlink.all_links()), "nothing stands under %s" % heading[0]
    assert not [link for link in genlink.links_of_the_server() if genlink.heading_of(link) is genlink.DEFAULT_HEADING]


def defined_names(path):
    """The names that the module at `path` binds itself, on its top level."""
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read(), path)
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node in tree.body:
            names.add(node.name)
        elif isinstance(node, ast.Assign) and node in tree.body:
            names.update(x.id for t in node.targets for x in ast.walk(t) if isinstance(x, ast.Name))
    return names


def test_every_module_imports_first():
    """Each module can be the first one a fresh interpreter imports."""
    code = "import importlib, sys\nfor m in sys.argv[1:]:\n" \
           "    pid = __import__('os').fork()\n" \
           "    if pid == 0:\n" \
           "        try: importlib.import_module(m)\n" \
           "        except BaseException as e: sys.stderr.write('%s: %r\\n' % (m, e)); __import__('os')._exit(1)\n" \
           "        __import__('os')._exit(0)\n" \
           "    if __import__('os').waitpid(pid, 0)[1]: sys.exit('cannot import %s first' % m)\n"
    names = [m for m, _ in MODULES if not m.endswith("__main__")]
    run = subprocess.run([sys.executable, "-c", code] + names, cwd=genlink.ROOT, env=dict(os.environ),
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_wheel_has_every_folder():
    """`packages` of setup.cfg names each folder with modules, and each file *.conf has its link in server/package."""
    cfg = configparser.ConfigParser()
    cfg.read(os.path.join(genlink.ROOT, "setup.cfg"), encoding="utf-8")
    folders = {os.path.relpath(os.path.dirname(path), genlink.ROOT).replace(os.sep, ".") for _, path in MODULES}
    expected = {"aeredis" if f == "server.package" else "aeredis." + f for f in folders}
    assert set(cfg["options"]["packages"].split()) == expected
    for name in os.listdir(genlink.ROOT):
        if name.endswith(".conf"):
            link = os.path.join(genlink.ROOT, "server", "package", name)
            assert os.path.islink(link), "ln -s ../../%s server/package/" % name


#: Modules that may read the machine's clocks themselves; all others go through ae/monotonic.py, which a test or a debugger can stop.
ASKS_THE_MACHINE = {
    "ae.monotonic": "it is the clock",
    "server.log": "log lines carry the wall time",
    "server.zmalloc_estimate": "its pauses between two readings are CPU time",
    "datastructs.dict": "the budget of dictRehashMilliseconds, on a layer that knows nobody",
}


def test_who_asks_the_machine_for_the_time():
    pattern = re.compile(r"\btime\.(?:time|time_ns|monotonic|monotonic_ns|perf_counter)\b|from time import")
    askers = set()
    for module, path in MODULES:
        with open(path, encoding="utf-8") as f:
            if pattern.search(f.read()) and not module.startswith(("persistence.redis_check", "server.study", "server.package")):
                askers.add(module)
    assert askers == set(ASKS_THE_MACHINE)
