"""genlink.py - writes server/link.py from the upward declarations.

    python -m tests.support.genlink            prints the module as it should be
    python -m tests.support.genlink --write    writes it

A module that calls a name of a higher layer declares it under `if TYPE_CHECKING:`; this script turns every such
declaration into one plain assignment, so that link.py stays readable and cannot go stale (tests/unit/test_layers.py).
"""
import ast
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = ("ae", "datastructs", "server", "persistence", "replication", "cluster")
LINK = os.path.join(ROOT, "server", "link.py")

HEADER = '''"""link.py - binds the calls that go up the layers.              Counterpart: the linker

Lives here   one assignment for every name that a module declares under `if TYPE_CHECKING:`.
Called from  every entry point, and tests/conftest.py, by being imported [startup].
Extend       do not edit: `python -m tests.support.genlink --write`.
"""
'''


def source_files():
    """Yield (module name, path) of every module of the project, sorted."""
    for package in PACKAGES:
        for folder, dirs, files in os.walk(os.path.join(ROOT, package)):
            dirs[:] = sorted(d for d in dirs if d != "__pycache__")
            for name in sorted(files):
                if name.endswith(".py") and name != "link.py":
                    path = os.path.join(folder, name)
                    module = os.path.relpath(path, ROOT)[:-3].replace(os.sep, ".")
                    yield module.removesuffix(".__init__"), path


def upward_names(path):
    """Return [(source module, name), ...] declared under TYPE_CHECKING in the file at `path`."""
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read(), path)
    found = []
    for node in tree.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for stmt in node.body:
                if isinstance(stmt, ast.ImportFrom):
                    found += [(stmt.module, alias.name) for alias in stmt.names]
    return found


def render():
    """Return the text of server/link.py."""
    links = [(module, source, name) for module, path in source_files() for source, name in upward_names(path)]
    modules = sorted({m for link in links for m in link[:2]})
    alias = {m: m.rsplit(".", 1)[1] for m in modules}
    taken = {}
    for m in modules:
        taken.setdefault(alias[m], []).append(m)
    for short, owners in taken.items():
        if len(owners) > 1:
            for m in owners:
                alias[m] = m.replace(".", "_")
    out = [HEADER]
    for m in modules:
        package, leaf = m.rsplit(".", 1)
        out.append("from %s import %s%s\n" % (package, leaf, "" if alias[m] == leaf else " as " + alias[m]))
    current = None
    for module, source, name in sorted(links, key=lambda link: (link[0], link[1], link[2])):
        if module != current:
            out.append("\n# %s\n" % module)
            current = module
        out.append("%s.%s = %s.%s\n" % (alias[module], name, alias[source], name))
    return "".join(out)


def main():
    text = render()
    if "--write" in sys.argv:
        with open(LINK, "w", encoding="utf-8") as f:
            f.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
