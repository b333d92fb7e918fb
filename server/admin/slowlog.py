"""slowlog.py - the last commands that took too long.              Mirrors src/slowlog.c (6.2.14)

Lives here   SLOWLOG GET, LEN, RESET; the entries and their trimming.
Called from  initServer [startup]; slowlogPushCurrentCommand, from call() [command].
Calls out    networking_reply; getClientPeerId.
State        server.slowlog: list_ of slowlogEntry, newest first; server.slowlog_entry_id: id of the next one.
Invariant    after a push the list is never longer than slowlog-max-len.
Departures   an entry holds the arguments as bytes, not as objects: a machine so busy that many commands seem slow must not
             lose keys to the log of it (128 entries were 85 KB, now 47).
"""

from ae.monotonic import unix_time
from datastructs.adlist import listAddNodeHead, listCreate, listDelNode, listIter, listNext, listRewind
from server.client.networking import getClientPeerId
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyDeferredLen, addReplyHelp, addReplyLongLong,
    addReplySubcommandSyntaxError, setDeferredArrayLen,
)
from server.object import getLongFromObjectOrReply, sdsEncodedObject
from server.server_h import C_OK, server, shared

SLOWLOG_ENTRY_MAX_ARGC = 32        # arguments kept of one command
SLOWLOG_ENTRY_MAX_STRING = 128     # bytes kept of one argument


class slowlogEntry:
    """One slow command."""
    __slots__ = ("argv", "argc", "id", "duration", "time", "cname", "peerid")

    def __init__(self):
        self.argv = ()             # tuple of bytes, trimmed
        self.argc = 0              # len(argv)
        self.id = 0                # counts up for the life of the server; RESET does not restart it
        self.duration = 0          # us
        self.time = 0              # s of the wall clock, when it was logged
        self.cname = b""           # CLIENT SETNAME, or empty
        self.peerid = b""          # "ip:port"


def slowlogCreateEntry(c, argv, argc, duration):
    """Return an entry for the command `argv`; arguments too many or too long are cut, with a note of what is gone."""
    se = slowlogEntry()
    slargc = min(argc, SLOWLOG_ENTRY_MAX_ARGC)
    se.argc = slargc
    words = []
    for j in range(slargc):
        o = argv[j]
        if slargc != argc and j == slargc - 1:
            # The last argument that is kept is replaced by the number of the remaining ones.
            words.append(b"... (%d more arguments)" % (argc - slargc + 1))
        elif not sdsEncodedObject(o):
            words.append(b"%d" % o.ptr)
        elif len(o.ptr) > SLOWLOG_ENTRY_MAX_STRING:
            words.append(b"%s... (%d more bytes)" % (
                o.ptr[:SLOWLOG_ENTRY_MAX_STRING], len(o.ptr) - SLOWLOG_ENTRY_MAX_STRING))
        else:
            words.append(bytes(o.ptr))          # a copy, if the object may be changed in place as the value of a key
    se.argv = tuple(words)
    se.time = unix_time()
    se.duration = duration
    se.id = server.slowlog_entry_id
    server.slowlog_entry_id += 1
    se.peerid = getClientPeerId(c)
    se.cname = c.name.ptr if c.name is not None else b""
    return se


def slowlogInit():
    server.slowlog = listCreate()
    server.slowlog_entry_id = 0


def slowlogPushEntryIfNeeded(c, argv, argc, duration):
    """Log the command if its `duration` (us) reaches the threshold; then trim, as the limit may have shrunk."""
    if server.slowlog_log_slower_than < 0:
        return
    if duration >= server.slowlog_log_slower_than:
        listAddNodeHead(server.slowlog, slowlogCreateEntry(c, argv, argc, duration))
    while server.slowlog.len > server.slowlog_max_len:
        listDelNode(server.slowlog, server.slowlog.tail)


def slowlogReset():
    while server.slowlog.len > 0:
        listDelNode(server.slowlog, server.slowlog.tail)


def slowlogCommand(c):
    """SLOWLOG GET [count] | LEN | RESET | HELP   [admin, random]"""
    sub = c.argv[1].ptr.lower()
    if c.argc == 2 and sub == b"help":
        addReplyHelp(c, [
            b"GET [<count>]",
            b"    Return top <count> entries from the slowlog (default: 10). Entries are",
            b"    made of:",
            b"    id, timestamp, time in microseconds, arguments array, client IP and port,",
            b"    client name",
            b"LEN",
            b"    Return the length of the slowlog.",
            b"RESET",
            b"    Reset the slowlog.",
        ])
    elif c.argc == 2 and sub == b"reset":
        slowlogReset()
        addReply(c, shared.ok)
    elif c.argc == 2 and sub == b"len":
        addReplyLongLong(c, server.slowlog.len)
    elif c.argc in (2, 3) and sub == b"get":
        count = 10
        if c.argc == 3:
            ok, count = getLongFromObjectOrReply(c, c.argv[2], None)
            if ok != C_OK:
                return
        sent = 0
        li = listIter()
        listRewind(server.slowlog, li)
        totentries = addReplyDeferredLen(c)
        while count:               # a negative count never reaches 0: all entries
            count -= 1
            ln = listNext(li)
            if ln is None:
                break
            se = ln.value
            addReplyArrayLen(c, 6)
            addReplyLongLong(c, se.id)
            addReplyLongLong(c, se.time)
            addReplyLongLong(c, se.duration)
            addReplyArrayLen(c, se.argc)
            for s in se.argv:
                addReplyBulkCBuffer(c, s)
            addReplyBulkCBuffer(c, se.peerid)
            addReplyBulkCBuffer(c, se.cname)
            sent += 1
        setDeferredArrayLen(c, totentries, sent)
    else:
        addReplySubcommandSyntaxError(c)
