"""fastpath - every shortcut of the server, and nothing else.       No counterpart in C

Lives here   bind and unbind: they put replacements into the place of functions of the text, and take them out again.
Called from  server_main.switch_fast_path [startup], and later between two turns (CONFIG SET fast-path) [cron].
Calls out    the rooms of this package: one module for each room of the text that it shortens.
State        bound: the replacements that are in place now.
Invariant    nobody imports this package but the start-up.  A replacement decides whether a case is its own before it
             changes anything, and hands every other case to the function that it replaces.
Departures   D-37b.
Extend       write the replacement into its room, with the four-part docstring (docs/fast-path.md is made from it), and
             add the pair to `replacements` there.  Functions that the text keeps in tables or compares by identity
             (command procs, read handlers) are never replaced; replace the one that calls them.

The text does not know that this package exists.  A replacement has the name and the contract of the function that it
replaces.  bind() walks the modules of the project and assigns the replacement to each module global that *is* the
function of the text, as server/link.py assigns the names of higher layers; function pointers that the event loop and the
connection types hold are rebound, too.
"""
import sys

from server.client.connection import CT_Socket
from server.fastpath import dicts, lists, rdb_files, replies, requests, skiplists, streams, ziplist_walks, ziplists
from server.server_h import server

PROJECT = ("ae", "cluster", "datastructs", "persistence", "replication", "server")

bound = {}                             # id of the function that is to be found -> (function, what takes its place)


def replacements():
    """Return the table of (function of the text, replacement).

    With IO threads reading, parsing and writing belong to the threads: the room of requests stands aside.
    """
    table = []
    for room in (dicts, skiplists, ziplists, ziplist_walks, lists, streams, replies, rdb_files):
        table += room.replacements()
    if server.io_threads_num == 1:
        table += requests.replacements()
    return table


def bind():
    """Put the replacements in place.  Once bound, a second call changes nothing."""
    if bound:
        return
    requests.prepare()
    swap(replacements())


def unbind():
    """Take the replacements out: the server is the text again."""
    if not bound:
        return
    requests.hand_back()
    back = [(replacement, text) for text, replacement in bound.values()]
    bound.clear()
    swap(back, remember=False)


def swap(pairs, remember=True):
    """For each pair (old, new): every module global and function pointer of the project that is `old` becomes `new`."""
    table = {id(old): (old, new) for old, new in pairs}
    for module in project_modules():
        names = module.__dict__
        for name, value in list(names.items()):
            pair = table.get(id(value))
            if pair is not None:
                names[name] = pair[1]
    swap_pointers(table)
    if remember:
        bound.update(table)


def project_modules():
    """Yield the modules of the project that are loaded, without the rooms of this package: they call the text."""
    prefix = __name__[:-len("server.fastpath")]     # "" in a checkout, the name of the package in an installation
    for name, module in list(sys.modules.items()):
        if module is not None and name.startswith(prefix):
            short = name[len(prefix):]
            if short.split(".", 1)[0] in PROJECT and not short.startswith("server.fastpath"):
                yield module


def swap_pointers(table):
    """The pointers that the loop and the connection types hold: those of live connections follow a switch as well."""
    el = server.el
    holders = [(CT_Socket, ("ae_handler",))]
    if el is not None:
        holders.append((el, ("beforesleep", "aftersleep")))
        holders += [(fe, ("rfileProc", "wfileProc")) for fe in el.events if fe is not None]
    for struct, fields in holders:
        for field in fields:
            pair = table.get(id(getattr(struct, field)))
            if pair is not None:
                setattr(struct, field, pair[1])
