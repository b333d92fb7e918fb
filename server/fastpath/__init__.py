"""fastpath - every shortcut of the server, and nothing else.       No counterpart in C

Lives here   bind and unbind: they put replacements in the place of functions of the text, and restore the functions.
Called from  server_main.switch_fast_path [startup], and later between two turns (CONFIG SET fast-path) [cron].
Calls out    the other modules of this package: each names the modules of the text that it shortens.
State        bound: the replacements that are in place now.
Invariant    only the start-up imports this package.  A replacement decides whether a case is its own before it
             changes anything, and hands every other case to the function that it replaces.
Departures   D-37b.
Extend       write the replacement into its module, with the four-part docstring (docs/fast-path.md is made from it), and
             add the pair to `replacements` there.  Functions that the text keeps in tables or compares by identity
             (command procs, read handlers) are never replaced; replace the one that calls them.

No function of the text refers to this package.  A replacement has the name and the contract of the function that it
replaces.  server/rebind.py assigns it to each module global and function pointer that *is* the function of the text, as
server/link.py assigns the names of higher layers.
"""
from server.fastpath import (
    dicts, io_threads, lists, rdb_files, replies, requests, skiplists, streams, ziplist_walks, ziplists,
)
from server.rebind import swap
from server.server_h import server

bound = {}                             # id of the function that is to be found -> (function, what takes its place)


def replacements():
    """Return the table of (function of the text, replacement).  With IO threads, io_threads.py takes the place of requests.py."""
    table = []
    for room in (dicts, skiplists, ziplists, ziplist_walks, lists, streams, replies, rdb_files):
        table += room.replacements()
    table += requests.replacements() if server.io_threads_num == 1 else io_threads.replacements()
    return table


def bind():
    """Put the replacements in place.  Once bound, a second call changes nothing."""
    if bound:
        return
    requests.prepare()
    bound.update(swap(replacements()))


def unbind():
    """Take the replacements out: the server is the text again."""
    if not bound:
        return
    requests.hand_back()
    back = [(replacement, text) for text, replacement in bound.values()]
    bound.clear()
    swap(back)
