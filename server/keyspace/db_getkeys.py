"""db_getkeys.py - which arguments of a command are keys.     Mirrors src/db.c, "API to get key arguments from commands" (6.2.14)

Lives here   getKeysFromCommand, and the getkeys procs of the commands whose keys have no fixed positions.  Every function
             returns the argv positions of the keys as a list, empty when the command makes no sense (it will answer the
             error itself).
Called from  ACLs, client-side caching, COMMAND GETKEYS, cluster redirection [command]; the command table.
Departures   a list of positions instead of getKeysResult.
"""
from datastructs.util import atoi
from server.log import serverPanic
from server.server_h import CMD_MODULE


def getKeysUsingCommandTable(cmd, argv, argc):
    """The plain case: first key, last key and step of the table."""
    if cmd.firstkey == 0:
        return []
    last = cmd.lastkey
    if last < 0:
        last = argc + last
    if last >= argc:
        if cmd.flags & CMD_MODULE or cmd.arity < 0:
            return []
        serverPanic("Redis built-in command declared keys positions not matching the arity requirements.")
    return list(range(cmd.firstkey, last + 1, cmd.keystep))


def getKeysFromCommand(cmd, argv, argc):
    """argv positions of all keys of a command."""
    if cmd.getkeys_proc is not None:
        return cmd.getkeys_proc(cmd, argv, argc)
    return getKeysUsingCommandTable(cmd, argv, argc)


def genericGetKeys(storeKeyOfs, keyCountOfs, firstKeyOfs, keyStep, argv, argc):
    """COMMAND [destkey] <num-keys> <key> [...] <options>; a storeKeyOfs of 0 means there is no destkey."""
    num = atoi(argv[keyCountOfs].ptr)
    if num < 1 or num > (argc - firstKeyOfs) // keyStep:
        return []
    keys = [firstKeyOfs + i * keyStep for i in range(num)]
    if storeKeyOfs:
        keys.append(storeKeyOfs)
    return keys


def zunionInterDiffStoreGetKeys(cmd, argv, argc):
    return genericGetKeys(1, 2, 3, 1, argv, argc)


def zunionInterDiffGetKeys(cmd, argv, argc):
    return genericGetKeys(0, 1, 2, 1, argv, argc)


def evalGetKeys(cmd, argv, argc):
    return genericGetKeys(0, 2, 3, 1, argv, argc)


def sortGetKeys(cmd, argv, argc):
    """SORT key ... STORE dest: only as much of the options is parsed as needed to find the last STORE."""
    keys = [1]
    store = None
    skiplist = {b"limit": 2, b"get": 1, b"by": 1}
    i = 2
    while i < argc:
        opt = argv[i].ptr.lower()
        if opt in skiplist:
            i += skiplist[opt]
        elif opt == b"store" and i + 1 < argc:
            store = i + 1      # C: no skip, so "STORE store x" finds x, as SORT itself does
        i += 1
    if store is not None:
        keys.append(store)
    return keys


def migrateGetKeys(cmd, argv, argc):
    """MIGRATE host port key|"" db timeout [options] [KEYS key ...]"""
    first = 3
    num = 1
    if argc > 6:
        for i in range(6, argc):
            if argv[i].ptr.lower() == b"keys" and len(argv[3].ptr) == 0:
                first = i + 1
                num = argc - first
                break
    return list(range(first, first + num))


def georadiusGetKeys(cmd, argv, argc):
    """GEORADIUS[BYMEMBER] key ... [STORE key] [STOREDIST key]; the last of the two counts."""
    stored_key = -1
    i = 5
    while i < argc:
        if argv[i].ptr.lower() in (b"store", b"storedist") and i + 1 < argc:
            stored_key = i + 1
            i += 1
        i += 1
    return [1] if stored_key == -1 else [1, stored_key]


def lcsGetKeys(cmd, argv, argc):
    """STRALGO LCS ... [KEYS key1 key2] ..."""
    for i in range(1, argc):
        arg = argv[i].ptr.lower()
        moreargs = argc - 1 - i
        if arg == b"strings":
            break
        if arg == b"keys" and moreargs >= 2:
            return [i + 1, i + 2]
    return []


def memoryGetKeys(cmd, argv, argc):
    """MEMORY USAGE key"""
    if argc >= 3 and argv[1].ptr.lower() == b"usage":
        return [2]
    return []


def xreadGetKeys(cmd, argv, argc):
    """XREAD[GROUP] [GROUP group consumer] [BLOCK ms] [COUNT n] [NOACK] STREAMS key ... id ..."""
    streams_pos = -1
    num = 0
    i = 1
    while i < argc:
        arg = argv[i].ptr.lower()
        if arg == b"block" or arg == b"count":
            i += 1
        elif arg == b"group":
            i += 2
        elif arg == b"noack":
            pass
        elif arg == b"streams":
            streams_pos = i        # the word itself; a group or a stream may be called like that too
            break
        else:
            break
        i += 1
    if streams_pos != -1:
        num = argc - streams_pos - 1
    if streams_pos == -1 or num == 0 or num % 2 != 0:
        return []
    num //= 2                      # one id for each key
    return list(range(streams_pos + 1, argc - num))
