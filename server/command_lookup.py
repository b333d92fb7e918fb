"""command_lookup.py - commands and errors by name.     Mirrors src/server.c, "Commands lookup", "Error lookup" (6.2.14)

Lives here   the statistics of the command table; lookupCommand and its relatives; the table of error prefixes.
Called from  processInputBuffer, processCommand, Lua, MULTI's queue, the AOF loader [read, command, startup];
             CONFIG RESETSTAT [command].
State        server.commands, orig_commands, errors.  _lookupCommand_cache here.
Departures   the spellings of a name are remembered (C hashes the name case-insensitively each time).
"""
from datastructs.dict import dict_entries, dictFetchValue
from datastructs.rax import raxFind, raxInsert, raxNew, raxNotFound
from server.server_h import redisError, server

LOOKUP_CACHE_MAX = 4096              # spellings; a client may send GET, get, gEt ...

_lookupCommand_cache = {}            # name as sent -> redisCommand; dropped whenever server.commands may have changed


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

def reset_lookup_cache():
    """Forget the spellings seen: server.commands is about to change, or has changed."""
    _lookupCommand_cache.clear()


def lookupCommand(name):
    """Return the redisCommand called `name` (bytes, any case), or None.  HOT.

    C hashes the name case-insensitively each time; here each spelling is looked up once and then remembered.  "quit"
    is never remembered: processCommand must see it.
    """
    cmd = _lookupCommand_cache.get(name)
    if cmd is None:
        cmd = dictFetchValue(server.commands, name)
        if cmd is not None and name.lower() != b"quit":
            if len(_lookupCommand_cache) >= LOOKUP_CACHE_MAX:
                _lookupCommand_cache.clear()
            _lookupCommand_cache[bytes(name)] = cmd
    return cmd


def lookupCommandByCString(s):
    return dictFetchValue(server.commands, s)


def lookupCommandOrOriginal(name):
    """Return the command, even if rename-command hides it: for what is rewritten or replayed under original names."""
    cmd = dictFetchValue(server.commands, name)
    if cmd is None:
        cmd = dictFetchValue(server.orig_commands, name)
    return cmd


def cmdHasMovableKeys(cmd):
    """True if the positions of the keys depend on the arguments."""
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
