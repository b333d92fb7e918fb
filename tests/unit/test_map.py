"""docs/map.md against the code, and our C names against the C source (where `make test-redis` has unpacked it)."""
import ast
import os
import re

import pytest

from tests.support import genlink

DOCS = os.path.join(genlink.ROOT, "docs")
C_SOURCE = os.environ.get("REDIS_C_SOURCE") or os.path.join(genlink.ROOT, ".redis-suite", "redis", "src")
MODULES = dict(genlink.source_files())
CAMEL = re.compile(r"^_*(?=[A-Za-z0-9]*[A-Z])(?=[A-Za-z0-9]*[a-z])[A-Za-z0-9]+$")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8", errors="replace") as f:
        return f.read()


def test_every_module_is_on_the_map():
    text = read(DOCS, "map.md")
    missing = [m for m, path in MODULES.items()
               if not path.endswith("__init__.py") and "`%s`" % os.path.relpath(path, genlink.ROOT) not in text]
    assert not missing, "docs/map.md does not name %s" % missing


def test_the_map_names_only_what_exists():
    for path in set(re.findall(r"`([a-z_/0-9]+\.py)`", read(DOCS, "map.md"))):
        assert os.path.exists(os.path.join(genlink.ROOT, path)), path


def c_names():
    """Every word of the C source: function names, macros, struct members."""
    words = set()
    deps = os.path.join(C_SOURCE, "..", "deps")
    for folder in (C_SOURCE, os.path.join(deps, "lua", "src"), os.path.join(deps, "hiredis")):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if name.endswith((".c", ".h")):
                words.update(re.findall(r"[A-Za-z_]\w+", read(folder, name)))
    return words


@pytest.mark.skipif(not os.path.isdir(C_SOURCE), reason="the C source is not here: run `make test-redis SUITE=unit/quit` once")
def test_camel_case_means_it_is_in_c():
    """The spelling tells the origin: a camelCase function, or the part of its name before `_`, exists in the C source."""
    words = c_names()
    strangers = []
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.FunctionDef):
                head = re.match(r"_*[^_]*", node.name).group()
                if CAMEL.match(head) and node.name not in words and head not in words:
                    strangers.append("%s.%s" % (module, node.name))
    assert not strangers, strangers


def test_doc_tags_meet():
    """A `DOC: tag` in the code is cited in docs/, and the other way round."""
    in_code = set()
    for path in MODULES.values():
        in_code.update(re.findall(r"DOC: ([a-z][a-z0-9-]*)", read(path)))
    in_docs = set()
    for name in os.listdir(DOCS):
        if name.endswith(".md"):
            in_docs.update(re.findall(r"DOC: ([a-z][a-z0-9-]*)", read(DOCS, name)))
    assert in_code == in_docs
