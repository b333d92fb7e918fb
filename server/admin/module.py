"""module.py - MODULE, without modules.              Mirrors src/module.c: moduleCommand (6.2.14)

Lives here   the MODULE command.
Called from  moduleCommand [command].
Calls out    networking_reply, log.
State        none.
Departures   a module is a shared object that calls into the C server: none can be loaded.  LIST is empty, LOAD fails and
             says why in the log, UNLOAD knows no name.
"""
from server.client.networking_reply import (
    addReplyArrayLen, addReplyError, addReplyHelp, addReplySubcommandSyntaxError,
)
from server.log import serverLog
from server.server_h import LL_WARNING


def moduleCommand(c):
    """MODULE LIST | LOAD path [arg ...] | UNLOAD name | HELP   [admin]"""
    subcmd = c.argv[1].ptr.lower()
    if c.argc == 2 and subcmd == b"help":
        addReplyHelp(c, [
            b"LIST",
            b"    Return a list of loaded modules.",
            b"LOAD <path> [<arg> ...]",
            b"    Load a module library from <path>, passing to it any optional arguments.",
            b"UNLOAD <name>",
            b"    Unload a module.",
        ])
    elif subcmd == b"load" and c.argc >= 3:
        serverLog(LL_WARNING, "Module %s failed to load: modules are shared objects for the C server",
                  bytes(c.argv[2].ptr))
        addReplyError(c, b"Error loading the extension. Please check the server logs.")
    elif subcmd == b"unload" and c.argc == 3:
        addReplyError(c, b"Error unloading module: no such module with that name")
    elif subcmd == b"list" and c.argc == 2:
        addReplyArrayLen(c, 0)
    else:
        addReplySubcommandSyntaxError(c)
