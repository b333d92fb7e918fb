"""server/fastpath: who may import it, what its docstrings say, how it is bound and taken out."""
import ast
import os
import subprocess
import sys
import types

import pytest

from datastructs.adlist import listCreate, listNode, list_values
from server import fastpath
from server.fastpath import requests
from server.client import connection, networking
from server.client.networking_reply import clientInstallWriteHandler
from server.server_h import CLIENT_PENDING_WRITE, client, server
from tests.support import genfastpath
from tests.support.genlink import ROOT, source_files


def imports(tree):
    """Yield (name, at the top of the file) of all that a module imports, wherever it does so."""
    for node in ast.walk(tree):
        top = node in tree.body
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield "%s.%s" % (node.module, alias.name), top
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, top


def test_nobody_imports_it_but_the_start_up():
    importers = set()
    for module, path in source_files():
        if module.startswith("server.fastpath"):
            continue
        with open(path, encoding="utf-8") as f:
            for name, top in imports(ast.parse(f.read())):
                if name.startswith("server.fastpath"):
                    assert not top, "%s imports %s at its top" % (module, name)
                    importers.add(module)
    assert importers == {"server.server_main"}


def test_the_server_starts_without_importing_it():
    code = "import sys\nfrom server import link\nfrom server import server_main\nprint([m for m in sys.modules if 'fastpath' in m])"
    p = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert p.stdout == "[]\n"


def described():
    return [(os.path.basename(path), node.name, doc) for path in genfastpath.rooms() for node, doc in genfastpath.functions(path)]


def test_every_replacement_has_the_four_parts():
    texts = {(room, name): doc for room, name, doc in described()}
    for text, replacement in all_replacements() + all_replacements(4):
        room = os.path.basename(replacement.__code__.co_filename)
        assert replacement.__name__ == text.__name__
        assert (room, replacement.__name__) in texts, "%s:%s has no four-part docstring" % (room, replacement.__name__)
    for (room, name), doc in texts.items():
        _, found = genfastpath.parts(doc)
        assert tuple(found) == genfastpath.PARTS, "%s:%s" % (room, name)
        assert all(found.values()), "%s:%s" % (room, name)


def test_the_page_is_current():
    p = subprocess.run([sys.executable, "-m", "tests.support.genfastpath", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert p.returncode == 0, "python -m tests.support.genfastpath --write\n" + p.stdout[-3000:]


def all_replacements(threads=1):
    saved, server.io_threads_num = getattr(server, "io_threads_num", 1), threads
    try:
        return fastpath.replacements()
    finally:
        server.io_threads_num = saved


@pytest.fixture
def one_replacement(monkeypatch):
    """bind() with a single pair: freeClientAsync and a function that stands in for it."""
    def freeClientAsync(c):
        """Stands in."""
    monkeypatch.setattr(fastpath, "replacements", lambda: [(networking.freeClientAsync, freeClientAsync)])
    monkeypatch.setattr(requests, "prepare", lambda: None)
    text = networking.freeClientAsync
    yield text, freeClientAsync
    fastpath.unbind()
    assert networking.freeClientAsync is text


def test_bind_reaches_every_module_that_has_the_name(one_replacement):
    text, replacement = one_replacement
    users = [m for name, m in list(sys.modules.items()) if isinstance(m, types.ModuleType)
             and not name.startswith(("tests.", "server.fastpath")) and getattr(m, "freeClientAsync", None) is text]
    assert len(users) > 1
    for _ in range(2):
        fastpath.bind()
        fastpath.bind()                # a second time changes nothing
        assert all(m.freeClientAsync is replacement for m in users)
        fastpath.unbind()
        fastpath.unbind()
        assert all(m.freeClientAsync is text for m in users)


def test_the_tests_and_the_rooms_keep_the_text(one_replacement):
    """Only modules of the project are rebound: not the tests, and not the package, whose functions call the text."""
    text, _ = one_replacement
    sys.modules[__name__].kept = requests.kept = text
    try:
        fastpath.bind()
        assert sys.modules[__name__].kept is text and requests.kept is text
    finally:
        del requests.kept


def test_pointers_of_live_connections_follow(monkeypatch):
    text = connection.CT_Socket.ae_handler

    def connSocketEventHandler(el, fd, conn, mask):
        """Stands in."""

    from ae.ae import AE_READABLE, aeCreateEventLoop, aeCreateFileEvent, aeDeleteEventLoop
    monkeypatch.setattr(fastpath, "replacements", lambda: [(text, connSocketEventHandler)])
    monkeypatch.setattr(requests, "prepare", lambda: None)
    monkeypatch.setattr(server, "el", aeCreateEventLoop(64))
    r, w = os.pipe()
    try:
        aeCreateFileEvent(server.el, r, AE_READABLE, text, None)
        fastpath.bind()
        assert server.el.events[r].rfileProc is connSocketEventHandler is connection.CT_Socket.ae_handler
        fastpath.unbind()
        assert server.el.events[r].rfileProc is text is connection.CT_Socket.ae_handler
    finally:
        fastpath.unbind()
        aeDeleteEventLoop(server.el)
        os.close(r)
        os.close(w)


def test_the_rooms_call_what_they_replace_only_by_the_name_text():
    """bind() leaves the modules of the fast path alone: one that imports a function which another room shortens calls the long one."""
    replaced = {id(text) for text, _ in all_replacements() + all_replacements(4)}
    found = ["%s.%s" % (module, name) for module, names in list(sys.modules.items()) if module.startswith("server.fastpath")
             for name, value in vars(names).items() if id(value) in replaced and not name.startswith("text_")]
    assert not found


@pytest.mark.parametrize("size", [5, 16 * 1024, 16 * 1024 + 1])
def test_a_client_is_queued_behind_the_replicas_that_its_batch_has_fed(monkeypatch, size):
    pending = listCreate()
    monkeypatch.setattr(server, "clients_pending_write", pending)
    monkeypatch.setattr(server, "io_threads_num", 1)
    replica, c = client(), client()
    for each in (replica, c):
        each.conn = connection.connection()
        each.reply = listCreate()
        each.authenticated = 1
        each.clients_pending_write_node = listNode(each)
    clientInstallWriteHandler(replica)
    for _ in range(2):                              # the second reply goes to what waits
        requests.add_reply(c, b"x" * size)
    assert list(list_values(pending)) == [replica, c] and c.flags == CLIENT_PENDING_WRITE
    assert bytes(c.buf) + b"".join(bytes(block.buf) for block in list_values(c.reply)) == b"x" * (2 * size)
