"""networking_client.py - CLIENT, HELLO, RESET.     Mirrors src/networking.c, clientSetNameOrReply to securityWarningCommand

Lives here   the commands with which a client looks at itself and at the others.
Called from  call [command].
Calls out    networking, blocked, tracking, pubsub, multi, acl.
State        client.name, resp, flags; server.client_pause_* through pauseClients.
Departures   clientCommand is one function of 500 lines in C: each subcommand is a clientCommand_<name> here.
"""
from typing import TYPE_CHECKING

from ae.monotonic import unix_time
from datastructs.adlist import listDelNode, listSearchKey
from datastructs.rax import raxNext, raxSeek, raxSize, raxStart, raxStop, raxIterator
from server.client.networking import (
    catClientInfoString, clientSetDefaultAuth, freeClient, freeClientAsync, getAllClientsInfoString,
    getClientPeerId, getClientSockname, getClientType, getClientTypeByName, lookupClientByID, pauseClients,
    redactClientCommandArgument, unpauseClients,
)
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyBulkCBuffer, addReplyBulkCString, addReplyDeferredLen,
    addReplyError, addReplyErrorFormat, addReplyErrorObject, addReplyHelp, addReplyLongLong, addReplyMapLen,
    addReplyNull, addReplyStatus, addReplySubcommandSyntaxError, addReplyVerbatim, setDeferredSetLen,
)
from server.log import serverAssert, serverLog
from server.object import getLongLongFromObjectOrReply
from server.server_h import (
    C_ERR, C_OK, CLIENT_ASKING, CLIENT_BLOCKED, CLIENT_CLOSE_AFTER_REPLY, CLIENT_MASTER, CLIENT_MODULE,
    CLIENT_MONITOR, CLIENT_PAUSE_ALL, CLIENT_PAUSE_WRITE, CLIENT_PUBSUB, CLIENT_READONLY, CLIENT_REPLY_OFF,
    CLIENT_REPLY_SKIP, CLIENT_REPLY_SKIP_NEXT, CLIENT_SLAVE, CLIENT_TRACKING, CLIENT_TRACKING_BCAST,
    CLIENT_TRACKING_BROKEN_REDIR, CLIENT_TRACKING_CACHING, CLIENT_TRACKING_NOLOOP, CLIENT_TRACKING_OPTIN,
    CLIENT_TRACKING_OPTOUT, LL_WARNING, REDIS_VERSION, UNIT_MILLISECONDS, server, shared,
)
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.keyspace.db import selectDb
    from server.session.acl import ACLAuthenticateUser, ACLGetUserByName
    from server.session.blocked import replyToBlockedClientTimedOut, unblockClient
    from server.session.multi import discardTransaction
    from server.session.pubsub import pubsubUnsubscribeAllChannels, pubsubUnsubscribeAllPatterns
    from server.session.timeout import getTimeoutFromObjectOrReply
    from server.session.tracking import checkPrefixCollisionsOrReply, disableTracking, enableTracking


# A name must contain only '!'..'~', because CLIENT LIST separates its fields by spaces.
_NAME_CHARS = bytes(range(0x21, 0x7f))


def clientSetNameOrReply(c, name):
    """Set the client's name, an empty one removes it -> C_OK (the caller replies), or C_ERR and an error was replied."""
    if not name.ptr:
        c.name = None
        return C_OK
    if name.ptr.translate(None, _NAME_CHARS):
        addReplyError(c, b"Client names cannot contain spaces, newlines or special characters.")
        return C_ERR
    c.name = name
    return C_OK


def resetCommand(c):
    """RESET -> +RESET; the client becomes like a new one   [noscript, loading, stale, fast, no-auth]"""
    # A monitor is marked as a replica, too.
    if c.flags & CLIENT_MONITOR:
        ln = listSearchKey(server.monitors, c)
        serverAssert(ln is not None)
        listDelNode(server.monitors, ln)
        c.flags &= ~(CLIENT_MONITOR | CLIENT_SLAVE)

    if c.flags & (CLIENT_SLAVE | CLIENT_MASTER | CLIENT_MODULE):
        addReplyError(c, b"can only reset normal client connections")
        return

    if c.flags & CLIENT_TRACKING:
        disableTracking(c)
    selectDb(c, 0)
    c.resp = 2

    clientSetDefaultAuth(c)
    discardTransaction(c)

    pubsubUnsubscribeAllChannels(c, 0)
    pubsubUnsubscribeAllPatterns(c, 0)

    c.name = None

    c.flags &= ~(CLIENT_ASKING | CLIENT_READONLY | CLIENT_PUBSUB | CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP_NEXT)

    addReplyStatus(c, b"RESET")


CLIENT_HELP = [
    b"CACHING (YES|NO)",
    b"    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    b"GETREDIR",
    b"    Return the client ID we are redirecting to when tracking is enabled.",
    b"GETNAME",
    b"    Return the name of the current connection.",
    b"ID",
    b"    Return the ID of the current connection.",
    b"INFO",
    b"    Return information about the current client connection.",
    b"KILL <ip:port>",
    b"    Kill connection made from <ip:port>.",
    b"KILL <option> <value> [<option> <value> [...]]",
    b"    Kill connections. Options are:",
    b"    * ADDR (<ip:port>|<unixsocket>:0)",
    b"      Kill connections made from the specified address",
    b"    * LADDR (<ip:port>|<unixsocket>:0)",
    b"      Kill connections made to specified local address",
    b"    * TYPE (normal|master|replica|pubsub)",
    b"      Kill connections by type.",
    b"    * USER <username>",
    b"      Kill connections authenticated by <username>.",
    b"    * SKIPME (YES|NO)",
    b"      Skip killing current connection (default: yes).",
    b"LIST [options ...]",
    b"    Return information about client connections. Options:",
    b"    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    b"      Return clients of specified type.",
    b"UNPAUSE",
    b"    Stop the current client pause, resuming traffic.",
    b"PAUSE <timeout> [WRITE|ALL]",
    b"    Suspend all, or just write, clients for <timout> milliseconds.",
    b"REPLY (ON|OFF|SKIP)",
    b"    Control the replies sent to the current connection.",
    b"SETNAME <name>",
    b"    Assign the name <name> to the current connection.",
    b"UNBLOCK <clientid> [TIMEOUT|ERROR]",
    b"    Unblock the specified blocked client.",
    b"TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    b"         [OPTIN] [OPTOUT]",
    b"    Control server assisted client side caching.",
    b"TRACKINGINFO",
    b"    Report tracking status for the current connection.",
]


def clientCommand(c):
    """CLIENT <subcommand> ...   [admin, noscript, random, loading, stale]"""
    sub = c.argv[1].ptr.lower()
    argc = c.argc

    if argc == 2 and sub == b"help":
        addReplyHelp(c, CLIENT_HELP)
    elif sub == b"id" and argc == 2:
        addReplyLongLong(c, c.id)
    elif sub == b"info" and argc == 2:
        addReplyVerbatim(c, catClientInfoString(b"", c) + b"\n", b"txt")
    elif sub == b"list":
        clientCommand_list(c)
    elif sub == b"reply" and argc == 3:
        clientCommand_reply(c)
    elif sub == b"kill":
        clientCommand_kill(c)
    elif sub == b"unblock" and (argc == 3 or argc == 4):
        clientCommand_unblock(c)
    elif sub == b"setname" and argc == 3:
        if clientSetNameOrReply(c, c.argv[2]) == C_OK:
            addReply(c, shared.ok)
    elif sub == b"getname" and argc == 2:
        if c.name is not None:
            addReplyBulk(c, c.name)
        else:
            addReplyNull(c)
    elif sub == b"unpause" and argc == 2:
        unpauseClients()
        addReply(c, shared.ok)
    elif sub == b"pause" and (argc == 3 or argc == 4):
        clientCommand_pause(c)
    elif sub == b"tracking" and argc >= 3:
        clientCommand_tracking(c)
    elif sub == b"caching" and argc >= 3:
        clientCommand_caching(c)
    elif sub == b"getredir" and argc == 2:
        addReplyLongLong(c, c.client_tracking_redirection if c.flags & CLIENT_TRACKING else -1)
    elif sub == b"trackinginfo" and argc == 2:
        clientCommand_trackinginfo(c)
    else:
        addReplySubcommandSyntaxError(c)


def clientCommand_list(c):
    """CLIENT LIST [TYPE (normal|master|replica|pubsub)] [ID id [id ...]] -> text, a line a client"""
    type_ = -1
    o = None
    if c.argc == 4 and c.argv[2].ptr.lower() == b"type":
        type_ = getClientTypeByName(c.argv[3].ptr)
        if type_ == -1:
            addReplyErrorFormat(c, b"Unknown client type '%s'", c.argv[3].ptr)
            return
    elif c.argc > 3 and c.argv[2].ptr.lower() == b"id":
        o = b""
        for j in range(3, c.argc):
            ok, cid = getLongLongFromObjectOrReply(c, c.argv[j], b"Invalid client ID")
            if ok != C_OK:
                return
            cl = lookupClientByID(cid)
            if cl is not None:
                o = catClientInfoString(o, cl) + b"\n"
    elif c.argc != 2:
        addReplyErrorObject(c, shared.syntaxerr)
        return

    if o is None:
        o = getAllClientsInfoString(type_)
    addReplyVerbatim(c, o, b"txt")


def clientCommand_reply(c):
    """CLIENT REPLY ON|OFF|SKIP -> +OK for ON, otherwise nothing"""
    opt = c.argv[2].ptr.lower()
    if opt == b"on":
        c.flags &= ~(CLIENT_REPLY_SKIP | CLIENT_REPLY_OFF)
        addReply(c, shared.ok)
    elif opt == b"off":
        c.flags |= CLIENT_REPLY_OFF
    elif opt == b"skip":
        if not c.flags & CLIENT_REPLY_OFF:
            c.flags |= CLIENT_REPLY_SKIP_NEXT
    else:
        addReplyErrorObject(c, shared.syntaxerr)


def clientCommand_kill(c):
    """CLIENT KILL addr | CLIENT KILL <option> <value> [...] -> +OK or an error; with options the number killed"""
    addr = laddr = user = None
    type_ = -1
    id = 0
    skipme = 1

    if c.argc == 3:
        addr = c.argv[2].ptr
        skipme = 0                      # with the old syntax a client can kill itself
    elif c.argc > 3:
        i = 2
        while i < c.argc:
            opt = c.argv[i].ptr.lower()
            moreargs = c.argc > i + 1
            if opt == b"id" and moreargs:
                ok, id = getLongLongFromObjectOrReply(c, c.argv[i + 1], None)
                if ok != C_OK:
                    return
            elif opt == b"type" and moreargs:
                type_ = getClientTypeByName(c.argv[i + 1].ptr)
                if type_ == -1:
                    addReplyErrorFormat(c, b"Unknown client type '%s'", c.argv[i + 1].ptr)
                    return
            elif opt == b"addr" and moreargs:
                addr = c.argv[i + 1].ptr
            elif opt == b"laddr" and moreargs:
                laddr = c.argv[i + 1].ptr
            elif opt == b"user" and moreargs:
                user = ACLGetUserByName(c.argv[i + 1].ptr)
                if user is None:
                    addReplyErrorFormat(c, b"No such user '%s'", c.argv[i + 1].ptr)
                    return
            elif opt == b"skipme" and moreargs:
                value = c.argv[i + 1].ptr.lower()
                if value == b"yes":
                    skipme = 1
                elif value == b"no":
                    skipme = 0
                else:
                    addReplyErrorObject(c, shared.syntaxerr)
                    return
            else:
                addReplyErrorObject(c, shared.syntaxerr)
                return
            i += 2
    else:
        addReplyErrorObject(c, shared.syntaxerr)
        return

    killed = close_this_client = 0
    ln = server.clients.head
    while ln is not None:
        client = ln.value
        ln = ln.next
        if addr is not None and getClientPeerId(client) != addr:
            continue
        if laddr is not None and getClientSockname(client) != laddr:
            continue
        if type_ != -1 and getClientType(client) != type_:
            continue
        if id != 0 and client.id != id:
            continue
        if user is not None and client.user is not user:
            continue
        if c is client and skipme:
            continue

        if c is client:
            close_this_client = 1
        else:
            freeClient(client)
        killed += 1

    if c.argc == 3:
        if killed == 0:
            addReplyError(c, b"No such client")
        else:
            addReply(c, shared.ok)
    else:
        addReplyLongLong(c, killed)

    # ORDER: after the reply, or it would not be queued any more.
    if close_this_client:
        c.flags |= CLIENT_CLOSE_AFTER_REPLY


def clientCommand_unblock(c):
    """CLIENT UNBLOCK id [TIMEOUT|ERROR] -> 1, or 0 if that client is not blocked"""
    unblock_error = 0
    if c.argc == 4:
        reason = c.argv[3].ptr.lower()
        if reason == b"timeout":
            unblock_error = 0
        elif reason == b"error":
            unblock_error = 1
        else:
            addReplyError(c, b"CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
            return
    ok, id = getLongLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    target = lookupClientByID(id)
    if target is not None and target.flags & CLIENT_BLOCKED:
        if unblock_error:
            addReplyError(target, b"-UNBLOCKED client unblocked via CLIENT UNBLOCK")
        else:
            replyToBlockedClientTimedOut(target)
        unblockClient(target)
        addReply(c, shared.cone)
    else:
        addReply(c, shared.czero)


def clientCommand_pause(c):
    """CLIENT PAUSE milliseconds [WRITE|ALL] -> +OK"""
    type_ = CLIENT_PAUSE_ALL
    if c.argc == 4:
        mode = c.argv[3].ptr.lower()
        if mode == b"write":
            type_ = CLIENT_PAUSE_WRITE
        elif mode == b"all":
            type_ = CLIENT_PAUSE_ALL
        else:
            addReplyError(c, b"CLIENT PAUSE mode must be WRITE or ALL")
            return
    ok, end = getTimeoutFromObjectOrReply(c, c.argv[2], UNIT_MILLISECONDS)
    if ok != C_OK:
        return
    pauseClients(end, type_)
    addReply(c, shared.ok)


def clientCommand_tracking(c):
    """CLIENT TRACKING ON|OFF [REDIRECT id] [BCAST] [PREFIX prefix ...] [OPTIN] [OPTOUT] [NOLOOP] -> +OK"""
    redir = 0
    options = 0
    prefix = []

    j = 3
    while j < c.argc:
        opt = c.argv[j].ptr.lower()
        moreargs = c.argc - 1 - j
        if opt == b"redirect" and moreargs:
            j += 1
            if redir != 0:
                addReplyError(c, b"A client can only redirect to a single other client")
                return
            ok, redir = getLongLongFromObjectOrReply(c, c.argv[j], None)
            if ok != C_OK:
                return
            # The client may disconnect later, but checking that it exists now finds most errors.
            if lookupClientByID(redir) is None:
                addReplyError(c, b"The client ID you want redirect to does not exist")
                return
        elif opt == b"bcast":
            options |= CLIENT_TRACKING_BCAST
        elif opt == b"optin":
            options |= CLIENT_TRACKING_OPTIN
        elif opt == b"optout":
            options |= CLIENT_TRACKING_OPTOUT
        elif opt == b"noloop":
            options |= CLIENT_TRACKING_NOLOOP
        elif opt == b"prefix" and moreargs:
            j += 1
            prefix.append(c.argv[j])
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
        j += 1

    mode = c.argv[2].ptr.lower()
    if mode == b"on":
        # Check that the options are compatible with each other and with the mode that the client is in.
        if not options & CLIENT_TRACKING_BCAST and prefix:
            addReplyError(c, b"PREFIX option requires BCAST mode to be enabled")
            return

        if c.flags & CLIENT_TRACKING:
            if (c.flags ^ options) & CLIENT_TRACKING_BCAST:
                addReplyError(c, b"You can't switch BCAST mode on/off before disabling "
                                 b"tracking for this client, and then re-enabling it with "
                                 b"a different mode.")
                return

        if options & CLIENT_TRACKING_BCAST and options & (CLIENT_TRACKING_OPTIN | CLIENT_TRACKING_OPTOUT):
            addReplyError(c, b"OPTIN and OPTOUT are not compatible with BCAST")
            return

        if options & CLIENT_TRACKING_OPTIN and options & CLIENT_TRACKING_OPTOUT:
            addReplyError(c, b"You can't specify both OPTIN mode and OPTOUT mode")
            return

        if ((options & CLIENT_TRACKING_OPTIN and c.flags & CLIENT_TRACKING_OPTOUT) or
                (options & CLIENT_TRACKING_OPTOUT and c.flags & CLIENT_TRACKING_OPTIN)):
            addReplyError(c, b"You can't switch OPTIN/OPTOUT mode before disabling "
                             b"tracking for this client, and then re-enabling it with "
                             b"a different mode.")
            return

        if options & CLIENT_TRACKING_BCAST:
            if not checkPrefixCollisionsOrReply(c, prefix, len(prefix)):
                return

        enableTracking(c, redir, options, prefix, len(prefix))
    elif mode == b"off":
        disableTracking(c)
    else:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    addReply(c, shared.ok)


def clientCommand_caching(c):
    """CLIENT CACHING YES|NO -> +OK; says whether the next command's keys are tracked"""
    if not c.flags & CLIENT_TRACKING:
        addReplyError(c, b"CLIENT CACHING can be called only when the "
                         b"client is in tracking mode with OPTIN or "
                         b"OPTOUT mode enabled")
        return

    opt = c.argv[2].ptr.lower()
    if opt == b"yes":
        if c.flags & CLIENT_TRACKING_OPTIN:
            c.flags |= CLIENT_TRACKING_CACHING
        else:
            addReplyError(c, b"CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
            return
    elif opt == b"no":
        if c.flags & CLIENT_TRACKING_OPTOUT:
            c.flags |= CLIENT_TRACKING_CACHING
        else:
            addReplyError(c, b"CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
            return
    else:
        addReplyErrorObject(c, shared.syntaxerr)
        return

    addReply(c, shared.ok)


def clientCommand_trackinginfo(c):
    """CLIENT TRACKINGINFO -> map: flags, redirect, prefixes"""
    flags = c.flags
    addReplyMapLen(c, 3)

    addReplyBulkCString(c, b"flags")
    arraylen_ptr = addReplyDeferredLen(c)
    numflags = 1
    addReplyBulkCString(c, b"on" if flags & CLIENT_TRACKING else b"off")
    if flags & CLIENT_TRACKING_BCAST:
        addReplyBulkCString(c, b"bcast")
        numflags += 1
    if flags & CLIENT_TRACKING_OPTIN:
        addReplyBulkCString(c, b"optin")
        numflags += 1
        if flags & CLIENT_TRACKING_CACHING:
            addReplyBulkCString(c, b"caching-yes")
            numflags += 1
    if flags & CLIENT_TRACKING_OPTOUT:
        addReplyBulkCString(c, b"optout")
        numflags += 1
        if flags & CLIENT_TRACKING_CACHING:
            addReplyBulkCString(c, b"caching-no")
            numflags += 1
    if flags & CLIENT_TRACKING_NOLOOP:
        addReplyBulkCString(c, b"noloop")
        numflags += 1
    if flags & CLIENT_TRACKING_BROKEN_REDIR:
        addReplyBulkCString(c, b"broken_redirect")
        numflags += 1
    setDeferredSetLen(c, arraylen_ptr, numflags)

    addReplyBulkCString(c, b"redirect")
    addReplyLongLong(c, c.client_tracking_redirection if flags & CLIENT_TRACKING else -1)

    addReplyBulkCString(c, b"prefixes")
    if c.client_tracking_prefixes is not None:
        addReplyArrayLen(c, raxSize(c.client_tracking_prefixes))
        ri = raxIterator()
        raxStart(ri, c.client_tracking_prefixes)
        raxSeek(ri, "^", b"")
        while raxNext(ri):
            addReplyBulkCBuffer(c, ri.key)
        raxStop(ri)
    else:
        addReplyArrayLen(c, 0)


def helloCommand(c):
    """HELLO [protover [AUTH user password] [SETNAME name]] -> map   [noscript, loading, stale, fast, no-auth]"""
    ver = 0
    next_arg = 1

    if c.argc >= 2:
        ok, ver = getLongLongFromObjectOrReply(c, c.argv[next_arg],
                                               b"Protocol version is not an integer or out of range")
        next_arg += 1
        if ok != C_OK:
            return
        if ver < 2 or ver > 3:
            addReplyError(c, b"-NOPROTO unsupported protocol version")
            return

    j = next_arg
    while j < c.argc:
        moreargs = c.argc - 1 - j
        opt = c.argv[j].ptr.lower()
        if opt == b"auth" and moreargs >= 2:
            redactClientCommandArgument(c, j + 1)
            redactClientCommandArgument(c, j + 2)
            if ACLAuthenticateUser(c, c.argv[j + 1], c.argv[j + 2]) == C_ERR:
                addReplyError(c, b"-WRONGPASS invalid username-password pair or user is disabled.")
                return
            j += 2
        elif opt == b"setname" and moreargs:
            if clientSetNameOrReply(c, c.argv[j + 1]) == C_ERR:
                return
            j += 1
        else:
            addReplyErrorFormat(c, b"Syntax error in HELLO option '%s'", c.argv[j].ptr)
            return
        j += 1

    if not c.authenticated:
        addReplyError(c, b"-NOAUTH HELLO must be called with the client already "
                         b"authenticated, otherwise the HELLO AUTH <user> <pass> "
                         b"option can be used to authenticate the client and "
                         b"select the RESP protocol version at the same time")
        return

    # The reply already uses the new protocol.
    if ver:
        c.resp = ver
    addReplyMapLen(c, 6 + (not server.sentinel_mode))

    addReplyBulkCString(c, b"server")
    addReplyBulkCString(c, b"redis")

    addReplyBulkCString(c, b"version")
    addReplyBulkCString(c, REDIS_VERSION.encode())

    addReplyBulkCString(c, b"proto")
    addReplyLongLong(c, c.resp)

    addReplyBulkCString(c, b"id")
    addReplyLongLong(c, c.id)

    addReplyBulkCString(c, b"mode")
    if server.sentinel_mode:
        addReplyBulkCString(c, b"sentinel")
    elif server.cluster_enabled:
        addReplyBulkCString(c, b"cluster")
    else:
        addReplyBulkCString(c, b"standalone")

    if not server.sentinel_mode:
        addReplyBulkCString(c, b"role")
        addReplyBulkCString(c, b"replica" if server.masterhost else b"master")

    addReplyBulkCString(c, b"modules")
    addReplyArrayLen(c, 0)              # C: addReplyLoadedModules


_securityWarningCommand_logged_time = 0        # s


def securityWarningCommand(c):
    """POST, Host: -> closes the connection   [loading, stale, read-only]

    Not commands, but the first words of an HTTP request that a browser was tricked into sending here (cross protocol
    scripting).  Logged at most once a minute, or the log would be the next target.
    """
    global _securityWarningCommand_logged_time
    now = unix_time()
    if abs(now - _securityWarningCommand_logged_time) > 60:
        serverLog(LL_WARNING, "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: "
                              "commands to Redis. This is likely due to an attacker attempting to use Cross Protocol "
                              "Scripting to compromise your Redis instance. Connection aborted.")
        _securityWarningCommand_logged_time = now
    freeClientAsync(c)
