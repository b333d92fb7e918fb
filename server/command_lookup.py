"""command_lookup.py - commands and errors by name.     Mirrors src/server.c, "Commands lookup", "Error lookup" (6.2.14)

Lives here   the statistics of the command table; lookupCommand and its relatives; the table of error prefixes.
Called from  processInputBuffer, processCommand, Lua, MULTI's queue, the AOF loader [read, command, startup];
             CONFIG RESETSTAT [command].
State        server.commands, orig_commands, errors.
Departures   none.
"""
from datastructs.dict import dict_entries, dictFetchValue
from datastructs.rax import raxFind, raxInsert, raxNew, raxNotFound
from server.server_h import redisError, server


def resetCommandTableStats():
    for de in dict_entries(server.commands):
        c = de.val
        c.microseconds = 0
        c.calls = 0
        c.rejected_calls = 0
        c.failed_calls = 0


def resetErrorTableStats():
    server.errors = raxNew()


# ============================= Commands lookup =============================


def lookupCommand(name):
    """Return the redisCommand called `name` (bytes, any case), or None.  HOT"""
    return dictFetchValue(server.commands, name)


def lookupCommandByCString(s):
    return dictFetchValue(server.commands, s)


def lookupCommandOrOriginal(name):
    """Return the command, even if rename-command hides it: for what is rewritten or replayed under original names."""
    cmd = dictFetchValue(server.commands, name)
    if cmd is None:
        cmd = dictFetchValue(server.orig_commands, name)
    return cmd


def cmdHasMovableKeys(cmd):
    """Tell whether the positions of the keys depend on the arguments -> True or False."""
    return cmd.getkeys_proc is not None


# ============================== Error lookup ===============================

def incrementErrorCount(fullerr, namelen=None):
    """Count one error reply of the kind `fullerr` (b"WRONGTYPE"; with `namelen` its first bytes)."""
    name = bytes(fullerr) if namelen is None else bytes(fullerr[:namelen])
    error = raxFind(server.errors, name)
    if error is raxNotFound:
        error = redisError()
        raxInsert(server.errors, name, error)
    error.count += 1
