"""server_command.py - commands of the server itself.     Mirrors src/server.c, "Commands" (6.2.14)

Lives here   PING, ECHO, TIME, COMMAND, MONITOR.  INFO stands in admin/info.py.
Called from  call [command].
Departures   none.
"""
from ae.monotonic import ustime
from datastructs.adlist import listAddNodeTail
from datastructs.dict import dict_entries, dictFetchValue, dictSize
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyBulkCBuffer, addReplyBulkCString, addReplyBulkLongLong,
    addReplyDeferredLen, addReplyError, addReplyErrorFormat, addReplyHelp, addReplyLongLong, addReplyNull,
    addReplyStatus, addReplySubcommandSyntaxError, setDeferredSetLen,
)
from server.command_lookup import cmdHasMovableKeys, lookupCommand
from server.keyspace.db_getkeys import getKeysFromCommand
from server.server_h import (
    CLIENT_DENY_BLOCKING, CLIENT_MONITOR, CLIENT_PUBSUB, CLIENT_SLAVE, CMD_ADMIN, CMD_ASKING, CMD_DENYOOM, CMD_FAST,
    CMD_LOADING, CMD_MAY_REPLICATE, CMD_NO_AUTH, CMD_NOSCRIPT, CMD_PUBSUB, CMD_RANDOM, CMD_READONLY, CMD_SKIP_MONITOR,
    CMD_SKIP_SLOWLOG, CMD_SORT_FOR_SCRIPT, CMD_STALE, CMD_WRITE, server, shared,
)
from server.session.acl import addReplyCommandCategories


def pingCommand(c):
    """PING [message] -> PONG | message   [ok-stale, fast]"""
    if c.argc > 2:
        addReplyErrorFormat(c, b"wrong number of arguments for '%s' command", c.cmd.name)
        return
    if c.flags & CLIENT_PUBSUB and c.resp == 2:
        # A subscriber expects the format of a message.
        addReply(c, shared.mbulkhdr[2])
        addReplyBulkCBuffer(c, b"pong")
        if c.argc == 1:
            addReplyBulkCBuffer(c, b"")
        else:
            addReplyBulk(c, c.argv[1])
    elif c.argc == 1:
        addReply(c, shared.pong)
    else:
        addReplyBulk(c, c.argv[1])


def echoCommand(c):
    """ECHO message -> message   [read-only, fast]"""
    addReplyBulk(c, c.argv[1])


def timeCommand(c):
    """TIME -> [seconds, microseconds]   [random, fast]"""
    tv_sec, tv_usec = divmod(ustime(), 1000000)
    addReplyArrayLen(c, 2)
    addReplyBulkLongLong(c, tv_sec)
    addReplyBulkLongLong(c, tv_usec)


# C: the calls of addReplyCommandFlag in addReplyCommand, in order
COMMAND_REPLY_FLAGS = (
    (CMD_WRITE, b"write"), (CMD_READONLY, b"readonly"), (CMD_DENYOOM, b"denyoom"), (CMD_ADMIN, b"admin"),
    (CMD_PUBSUB, b"pubsub"), (CMD_NOSCRIPT, b"noscript"), (CMD_RANDOM, b"random"),
    (CMD_SORT_FOR_SCRIPT, b"sort_for_script"), (CMD_LOADING, b"loading"), (CMD_STALE, b"stale"),
    (CMD_SKIP_MONITOR, b"skip_monitor"), (CMD_SKIP_SLOWLOG, b"skip_slowlog"), (CMD_ASKING, b"asking"),
    (CMD_FAST, b"fast"), (CMD_NO_AUTH, b"no_auth"), (CMD_MAY_REPLICATE, b"may_replicate"),
)


def addReplyCommandFlag(c, cmd, f, reply):
    if cmd.flags & f:
        addReplyStatus(c, reply)
        return 1
    return 0


def addReplyCommand(c, cmd):
    """Reply what COMMAND knows of one command: name, arity, flags, first key, last key, step, categories."""
    if cmd is None:
        addReplyNull(c)
        return
    addReplyArrayLen(c, 7)
    addReplyBulkCString(c, cmd.name)
    addReplyLongLong(c, cmd.arity)

    flagcount = 0
    flaglen = addReplyDeferredLen(c)
    for f, reply in COMMAND_REPLY_FLAGS:
        flagcount += addReplyCommandFlag(c, cmd, f, reply)
    if cmdHasMovableKeys(cmd):
        addReplyStatus(c, b"movablekeys")
        flagcount += 1
    setDeferredSetLen(c, flaglen, flagcount)

    addReplyLongLong(c, cmd.firstkey)
    addReplyLongLong(c, cmd.lastkey)
    addReplyLongLong(c, cmd.keystep)

    addReplyCommandCategories(c, cmd)


def commandCommand(c):
    """COMMAND [COUNT | GETKEYS command arg ... | INFO [name ...] | HELP]   [random, ok-loading, ok-stale]"""
    sub = c.argv[1].ptr.lower() if c.argc > 1 else None
    if c.argc == 2 and sub == b"help":
        addReplyHelp(c, [
            b"(no subcommand)",
            b"    Return details about all Redis commands.",
            b"COUNT",
            b"    Return the total number of commands in this Redis server.",
            b"GETKEYS <full-command>",
            b"    Return the keys from a full Redis command.",
            b"INFO [<command-name> ...]",
            b"    Return details about multiple Redis commands.",
        ])
    elif c.argc == 1:
        addReplyArrayLen(c, dictSize(server.commands))
        for de in dict_entries(server.commands):
            addReplyCommand(c, de.val)
    elif sub == b"info":
        addReplyArrayLen(c, c.argc - 2)
        for o in c.argv[2:]:
            addReplyCommand(c, dictFetchValue(server.commands, o.ptr))
    elif sub == b"count" and c.argc == 2:
        addReplyLongLong(c, dictSize(server.commands))
    elif sub == b"getkeys" and c.argc >= 3:
        cmd = lookupCommand(c.argv[2].ptr)
        if cmd is None:
            addReplyError(c, b"Invalid command specified")
            return
        if cmd.getkeys_proc is None and cmd.firstkey == 0:
            addReplyError(c, b"The command has no key arguments")
            return
        if (cmd.arity > 0 and cmd.arity != c.argc - 2) or c.argc - 2 < -cmd.arity:
            addReplyError(c, b"Invalid number of arguments specified for command")
            return
        keys = getKeysFromCommand(cmd, c.argv[2:], c.argc - 2)
        if not keys:
            addReplyError(c, b"Invalid arguments specified for command")
        else:
            addReplyArrayLen(c, len(keys))
            for pos in keys:
                addReplyBulk(c, c.argv[pos + 2])
    else:
        addReplySubcommandSyntaxError(c)


def monitorCommand(c):
    """MONITOR -> OK, then every command that is executed   [admin, no-script, ok-loading, ok-stale]"""
    if c.flags & CLIENT_DENY_BLOCKING:
        # Such a client reads one reply per command.
        addReplyError(c, b"MONITOR isn't allowed for DENY BLOCKING client")
        return
    if c.flags & CLIENT_SLAVE:             # the client is a replica or a monitor already
        return
    c.flags |= CLIENT_SLAVE | CLIENT_MONITOR
    listAddNodeTail(server.monitors, c)
    addReply(c, shared.ok)
