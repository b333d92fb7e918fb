"""rebind.py - replaces functions of the running server by others.       No counterpart in C

Lives here   swap(), by which the fast path and the tracer come and go.
Called from  server/fastpath/__init__.py, server/study/trace.py: at start-up, and between two turns or two steps of a command.
Invariant    the modules of the fast path and of the tracer keep what they have imported: they call the functions of the text.

C would change a function pointer.  Here a caller finds a function in the globals of its module, so each global that *is* the
function is assigned, and each pointer that the loop, its timers and the connection types hold.
"""
import sys

from server.client.connection import CT_Socket
from server.client.tls import CT_TLS
from server.server_h import server

PROJECT = ("ae", "cluster", "datastructs", "persistence", "replication", "server")


def swap(pairs):
    """Let every module global and function pointer that is `old` be `new`, for each pair (old, new) -> {id(old): (old, new)}."""
    table = {id(old): (old, new) for old, new in pairs}
    for module in project_modules():
        names = module.__dict__
        for name, value in list(names.items()):
            pair = table.get(id(value))
            if pair is not None:
                names[name] = pair[1]
    for struct, field in pointers():
        pair = table.get(id(getattr(struct, field)))
        if pair is not None:
            setattr(struct, field, pair[1])
    return table


def project_modules():
    """Yield the modules of the project that are loaded, without those of the fast path and the tracer."""
    prefix = __name__[:-len("server.rebind")]       # "" in a checkout, the name of the package in an installation
    for name, module in list(sys.modules.items()):
        if module is not None and name.startswith(prefix):
            short = name[len(prefix):]
            if short.split(".", 1)[0] in PROJECT and not short.startswith(("server.fastpath", "server.study")):
                yield module


def pointers():
    """Yield (struct, field) of each function pointer that the loop, its timers and the connection types hold."""
    for type_ in (CT_Socket, CT_TLS):
        for field in type_.__slots__:
            yield type_, field
    el = server.el
    if el is None:
        return
    yield el, "beforesleep"
    yield el, "aftersleep"
    te = el.timeEventHead
    while te is not None:
        yield te, "timeProc"
        te = te.next
    for fe in el.events:
        if fe is not None and fe.mask:
            yield fe, "rfileProc"
            yield fe, "wfileProc"
