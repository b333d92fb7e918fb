"""acl.py - users and what they may do.                          Mirrors src/acl.c (6.2.14)

Lives here   the users, the rule language, the checks before a command runs, aclfile, ACL LOG, ACL and AUTH.
Called from  processCommand, EXEC, Lua (ACLCheckAllPerm) [command]; main (ACLInit, ACLLoadUsersAtStartup) [startup];
             createClient; config ("user", "requirepass"); HELLO.
Calls out    getKeysFromCommand, networking (kill clients, redact arguments).
State        Users: name -> user.  DefaultUser.  ACLLog: newest entry first.  commandId: command name -> bit number.
Invariant    Users and DefaultUser are the same objects for the life of the process: others keep references.
             The default user is always in Users.  USER_FLAG_ALLCOMMANDS set => every bit of allowed_commands is set.
Departures   allowed_commands is one int (bit n = command id n), allowed_subcommands a dict; errno of ACLSetUser()
             is `acl_errno` below; ACL SETUSER that revokes channels from its own client closes it after the reply.
Extend       a new rule: ACLSetUser() to read it, ACLDescribeUser() to write it; a new flag: ACLUserFlags.

A user in one line:   user alice on #<sha256> ~cached:* &news.* -@all +@read +config|get
"""
import hashlib
import hmac
import os
import sys
from errno import EBADMSG, EEXIST, EINVAL, EISDIR, ENODEV, ENOENT

from ae.monotonic import mstime
from datastructs.adlist import (
    list_values, listAddNodeHead, listAddNodeTail, listCreate, listDelNode, listDup, listEmpty, listLast, listLength,
    listRelease, listSearchKey)
from datastructs.dict import dict_entries, dictFetchValue
from datastructs.rax import (
    raxFind, raxInsert, raxIterator, raxNew, raxNext, raxNotFound, raxRemove, raxSeek, raxSize, raxStart, raxStop)
from datastructs.util import getRandomHexChars, stringmatchlen
from server.client.networking import (
    catClientInfoString, freeClient, freeClientAsync, getClientType, redactClientCommandArgument)
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyBulkCString, addReplyBulkSds, addReplyDeferredLen,
    addReplyDouble, addReplyError, addReplyErrorFormat, addReplyErrorObject, addReplyHelp, addReplyLongLong,
    addReplyMapLen, addReplyNull, addReplyStatusFormat, addReplySubcommandSyntaxError, setDeferredArrayLen,
    setDeferredSetLen)
from server.keyspace.db_getkeys import getKeysFromCommand
from server.log import serverAssert, serverLog, serverPanic
from server.object import getLongFromObjectOrReply
from server.server_h import (
    C_ERR, C_OK, CLIENT_CLOSE_AFTER_COMMAND, CLIENT_LUA, CLIENT_MULTI, CLIENT_TYPE_PUBSUB, CMD_CATEGORY_ADMIN,
    CMD_CATEGORY_BITMAP, CMD_CATEGORY_BLOCKING, CMD_CATEGORY_CONNECTION, CMD_CATEGORY_DANGEROUS, CMD_CATEGORY_FAST,
    CMD_CATEGORY_GEO, CMD_CATEGORY_HASH, CMD_CATEGORY_HYPERLOGLOG, CMD_CATEGORY_KEYSPACE, CMD_CATEGORY_LIST,
    CMD_CATEGORY_PUBSUB, CMD_CATEGORY_READ, CMD_CATEGORY_SCRIPTING, CMD_CATEGORY_SET, CMD_CATEGORY_SLOW,
    CMD_CATEGORY_SORTEDSET, CMD_CATEGORY_STREAM, CMD_CATEGORY_STRING, CMD_CATEGORY_TRANSACTION, CMD_CATEGORY_WRITE,
    CMD_NO_AUTH, LL_NOTICE, LL_WARNING, USER_COMMAND_BITS_COUNT, USER_FLAG_ALLCHANNELS, USER_FLAG_ALLCOMMANDS,
    USER_FLAG_ALLKEYS, USER_FLAG_DISABLED, USER_FLAG_ENABLED, USER_FLAG_NOPASS, USER_FLAG_SANITIZE_PAYLOAD,
    USER_FLAG_SANITIZE_PAYLOAD_SKIP, server, shared, user)
from server.session.pubsub import psubscribeCommand, publishCommand, subscribeCommand

# Results of the checks (C: server.h)
ACL_OK = 0
ACL_DENIED_CMD = 1
ACL_DENIED_KEY = 2
ACL_DENIED_AUTH = 3                  # only in ACL LOG
ACL_DENIED_CHANNEL = 4

# ---------------------------------------------------------------------------
# Global state for ACLs
# ---------------------------------------------------------------------------

Users = raxNew()                     # name -> user
DefaultUser = user()                 # the user of a connection before AUTH; filled by ACLInit()
UsersToLoad = listCreate()           # [name, rule, ...] of the config's "user" lines, until ACLLoadConfiguredUsers()
ACLLog = listCreate()                # ACLLogEntry, newest first
commandId = raxNew()                 # command name -> id
nextid = 0                           # the id of the next new command
acl_errno = 0                        # the error of the last ACLSetUser() or ACLCheckUserCredentials() (C: errno)

ACLCommandCategories = (
    (b"keyspace", CMD_CATEGORY_KEYSPACE),
    (b"read", CMD_CATEGORY_READ),
    (b"write", CMD_CATEGORY_WRITE),
    (b"set", CMD_CATEGORY_SET),
    (b"sortedset", CMD_CATEGORY_SORTEDSET),
    (b"list", CMD_CATEGORY_LIST),
    (b"hash", CMD_CATEGORY_HASH),
    (b"string", CMD_CATEGORY_STRING),
    (b"bitmap", CMD_CATEGORY_BITMAP),
    (b"hyperloglog", CMD_CATEGORY_HYPERLOGLOG),
    (b"geo", CMD_CATEGORY_GEO),
    (b"stream", CMD_CATEGORY_STREAM),
    (b"pubsub", CMD_CATEGORY_PUBSUB),
    (b"admin", CMD_CATEGORY_ADMIN),
    (b"fast", CMD_CATEGORY_FAST),
    (b"slow", CMD_CATEGORY_SLOW),
    (b"blocking", CMD_CATEGORY_BLOCKING),
    (b"dangerous", CMD_CATEGORY_DANGEROUS),
    (b"connection", CMD_CATEGORY_CONNECTION),
    (b"transaction", CMD_CATEGORY_TRANSACTION),
    (b"scripting", CMD_CATEGORY_SCRIPTING),
)

# The order is the one in which ACLDescribeUser() writes them.
ACLUserFlags = (
    (b"on", USER_FLAG_ENABLED),
    (b"off", USER_FLAG_DISABLED),
    (b"allkeys", USER_FLAG_ALLKEYS),
    (b"allchannels", USER_FLAG_ALLCHANNELS),
    (b"allcommands", USER_FLAG_ALLCOMMANDS),
    (b"nopass", USER_FLAG_NOPASS),
    (b"skip-sanitize-payload", USER_FLAG_SANITIZE_PAYLOAD_SKIP),
    (b"sanitize-payload", USER_FLAG_SANITIZE_PAYLOAD),
)

HASH_PASSWORD_LEN = 64               # hex digits of a SHA-256
ALL_COMMAND_BITS = (1 << USER_COMMAND_BITS_COUNT) - 1


# ---------------------------------------------------------------------------
# Helper functions for the rest of the ACL implementation
# ---------------------------------------------------------------------------

def time_independent_strcmp(a, b):
    """Compare two strings in a time that does not depend on where they differ -> 0 if they are equal."""
    return 0 if hmac.compare_digest(a, b) else 1


def ACLHashPassword(cleartext):
    """Return the SHA-256 of the password, 64 hex digits."""
    return hashlib.sha256(cleartext).hexdigest().encode()


def ACLCheckPasswordHash(hash_):
    """Return C_OK if this is what ACLHashPassword() could have returned."""
    if len(hash_) != HASH_PASSWORD_LEN or hash_.translate(None, b"0123456789abcdef"):
        return C_ERR
    return C_OK


# ---------------------------------------------------------------------------
# Low level ACL API
# ---------------------------------------------------------------------------

def ACLStringHasSpaces(s):
    """Return 1 if there are blanks or NULs: not wanted in names and patterns, which are written unquoted."""
    return 1 if len(s.translate(None, b" \t\n\v\f\r\0")) != len(s) else 0


def ACLGetCommandCategoryFlagByName(name):
    """Return CMD_CATEGORY_*, 0 if unknown."""
    name = name.lower()
    for catname, flag in ACLCommandCategories:
        if catname == name:
            return flag
    return 0


def ACLListMatchSds(a, b):
    return a == b


def init_user(u, name):
    """Ours (C: part of ACLCreateUser).  Give `u` the state of a new user: off, no password, no permission."""
    u.name = name
    u.flags = USER_FLAG_DISABLED | server.acl_pubsub_default
    u.allowed_subcommands = None
    u.passwords = listCreate()
    u.patterns = listCreate()
    u.channels = listCreate()
    u.passwords.match = ACLListMatchSds
    u.patterns.match = ACLListMatchSds
    u.channels.match = ACLListMatchSds
    u.allowed_commands = 0


def ACLCreateUser(name):
    """Create a user and add it to Users -> the user, or None if the name is taken."""
    if raxFind(Users, name) is not raxNotFound:
        return None
    u = user()
    init_user(u, name)
    raxInsert(Users, name, u)
    return u


def ACLCreateUnlinkedUser():
    """Create a user that is not in Users, to try rules on.  To be released with ACLFreeUser()."""
    u = user()
    init_user(u, b"__fakeuser:0__")
    return u


def ACLFreeUser(u):
    """Cut the lists (their nodes are cycles).  The caller has taken the user out of Users."""
    listRelease(u.passwords)
    listRelease(u.patterns)
    listRelease(u.channels)
    ACLResetSubcommands(u)


def ACLFreeUserAndKillClients(u):
    """The user was deleted: close the connections that are logged in as it."""
    for c in list_values(server.clients):
        if c.user is u:
            # The client exists until the free queue is processed: it must not keep the rights of a deleted user.
            c.user = DefaultUser
            c.authenticated = 0
            if c is server.current_client:
                c.flags |= CLIENT_CLOSE_AFTER_COMMAND      # it still gets its reply
            else:
                freeClientAsync(c)
    ACLFreeUser(u)


def ACLCopyUser(dst, src):
    """Give `dst` all the rules of `src`; it keeps its name."""
    listRelease(dst.passwords)
    listRelease(dst.patterns)
    listRelease(dst.channels)
    dst.passwords = listDup(src.passwords)
    dst.patterns = listDup(src.patterns)
    dst.channels = listDup(src.channels)
    dst.allowed_commands = src.allowed_commands
    dst.flags = src.flags
    ACLResetSubcommands(dst)
    if src.allowed_subcommands is not None:
        for id_, subs in src.allowed_subcommands.items():
            for sub in subs:
                ACLAddAllowedSubcommand(dst, id_, sub)


def ACLFreeUsersSet(users):
    """Delete all users of the tree `users`, with their connections."""
    ri = raxIterator()
    raxStart(ri, users)
    raxSeek(ri, "^")
    while raxNext(ri):
        ACLFreeUserAndKillClients(ri.data)
    raxStop(ri)


def ACLGetUserCommandBit(u, id_):
    """Return 1 if the bit is set.  USER_FLAG_ALLCOMMANDS is not looked at."""
    if id_ >= USER_COMMAND_BITS_COUNT:
        return 0
    return u.allowed_commands >> id_ & 1


def ACLUserCanExecuteFutureCommands(u):
    """Return 1 if the rules began with +@all: the last bit belongs to no command and only +@all sets it."""
    return ACLGetUserCommandBit(u, USER_COMMAND_BITS_COUNT - 1)


def ACLSetUserCommandBit(u, id_, value):
    """Set the bit to 0 or 1; 0 also ends USER_FLAG_ALLCOMMANDS."""
    if id_ >= USER_COMMAND_BITS_COUNT:
        return
    if value:
        u.allowed_commands |= 1 << id_
    else:
        u.allowed_commands &= ~(1 << id_)
        u.flags &= ~USER_FLAG_ALLCOMMANDS


def category_bits(cflag):
    """Return the bitmap of the commands in a category."""
    bits = 0
    for de in dict_entries(server.orig_commands):
        if de.val.flags & cflag:
            bits |= 1 << de.val.id
    return bits & ALL_COMMAND_BITS


def ACLSetUserCommandBitsForCategory(u, category, value):
    """ACLSetUserCommandBit() for all commands of a category.  -> C_ERR if there is no such category."""
    cflag = ACLGetCommandCategoryFlagByName(category)
    if not cflag:
        return C_ERR
    bits = category_bits(cflag)
    if value:
        u.allowed_commands |= bits
    elif bits:
        u.allowed_commands &= ~bits
        u.flags &= ~USER_FLAG_ALLCOMMANDS
    if u.allowed_subcommands is not None:
        for id_ in list(u.allowed_subcommands):
            if bits >> id_ & 1:
                ACLResetSubcommandsForCommand(u, id_)
    return C_OK


def ACLDescribeUserCommandRules(u):
    """Return the rules that make the command bitmap of the user, such as b"-@all +@read +config|get".

    The rules are applied to a fake user while they are found, so that the difference still to be described is known:
    start with +@all or -@all; then, again and again, the category that fits best: more commands in common with what
    is left than not, and of these the one with the fewest wrong ones; at last single commands repair the rest.
    """
    fakebits = 0
    if ACLUserCanExecuteFutureCommands(u):
        additive = 0
        rules = [b"+@all"]
        fakebits = ALL_COMMAND_BITS
    else:
        additive = 1
        rules = [b"-@all"]

    categories = [(name, category_bits(flag)) for name, flag in ACLCommandCategories]
    tempbits = u.allowed_commands                   # the commands not yet described by a category
    applied = set()
    while 1:
        best = -1
        mindiff = sys.maxsize
        maxsame = 0
        for j, (_, bits) in enumerate(categories):
            if j in applied:
                continue
            on = bin(tempbits & bits).count("1")
            off = bin(bits).count("1") - on
            diff = off if additive else on
            same = on if additive else off
            if same > diff and (diff < mindiff or (diff == mindiff and same > maxsame)):
                best = j
                mindiff = diff
                maxsame = same
        if best == -1:
            break
        name, bits = categories[best]
        if additive:
            rules.append(b"+@" + name)
            fakebits |= bits
            tempbits &= ~bits
        else:
            rules.append(b"-@" + name)
            fakebits &= ~bits
            tempbits |= bits
        applied.add(best)

    for de in dict_entries(server.orig_commands):
        cmd = de.val
        userbit = ACLGetUserCommandBit(u, cmd.id)
        if userbit != fakebits >> cmd.id & 1:
            rules.append((b"+" if userbit else b"-") + cmd.name)
            fakebits ^= 1 << cmd.id
        if userbit == 0 and u.allowed_subcommands is not None:
            for sub in u.allowed_subcommands.get(cmd.id, ()):
                rules.append(b"+%s|%s" % (cmd.name, sub))

    res = b" ".join(rules)
    # Fail rather than return rules that would give other rights when they are loaded.
    if fakebits != u.allowed_commands:
        serverLog(LL_WARNING, "CRITICAL ERROR: User ACLs don't match final bitmap: '%s'", res)
        serverPanic("No bitmap match in ACLDescribeUserCommandRules()")
    return res


def ACLDescribeUser(u):
    """Return all rules of the user, as the config, the ACL file and ACL LIST show them."""
    res = []
    for name, flag in ACLUserFlags:
        if flag in (USER_FLAG_ALLKEYS, USER_FLAG_ALLCHANNELS, USER_FLAG_ALLCOMMANDS):
            continue                                # written below as ~*, &*, +@all
        if u.flags & flag:
            res.append(name)

    for thispass in list_values(u.passwords):
        res.append(b"#" + thispass)

    if u.flags & USER_FLAG_ALLKEYS:
        res.append(b"~*")
    else:
        for thispat in list_values(u.patterns):
            res.append(b"~" + thispat)

    if u.flags & USER_FLAG_ALLCHANNELS:
        res.append(b"&*")
    else:
        res.append(b"resetchannels")
        for thispat in list_values(u.channels):
            res.append(b"&" + thispat)

    res.append(ACLDescribeUserCommandRules(u))
    return b" ".join(res)


def ACLLookupCommand(name):
    """Return the command by its original name: rename-command has no influence on ACLs."""
    return dictFetchValue(server.orig_commands, name)


def ACLResetSubcommandsForCommand(u, id_):
    if u.allowed_subcommands is not None:
        u.allowed_subcommands.pop(id_, None)


def ACLResetSubcommands(u):
    u.allowed_subcommands = None


def ACLAddAllowedSubcommand(u, id_, sub):
    """Allow `sub` of the command `id_`."""
    if u.allowed_subcommands is None:
        u.allowed_subcommands = {}
    subs = u.allowed_subcommands.setdefault(id_, [])
    lower = sub.lower()
    for known in subs:
        if known.lower() == lower:
            return
    subs.append(sub)


def ACLSetUser(u, op):
    """Apply one rule to the user.  -> C_OK, or C_ERR with the reason in acl_errno.

      on off                 may, may not log in (connections that are logged in stay so)
      +<command> -<command>  allow, forbid a command
      +<command>|<sub>       allow a subcommand of a command that is forbidden (there is no -<command>|<sub>)
      +@<cat> -@<cat>        allow, forbid a category; allcommands = +@all, nocommands = -@all
      ~<pattern>             allow keys; allkeys = ~*; resetkeys: none
      &<pattern>             allow channels; allchannels = &*; resetchannels: none
      ><password> #<hash>    add a password, or its hash; <<password> !<hash> remove it; both add and end nopass
      nopass resetpass       any password will do; no password will do
      (skip-)sanitize-payload   check RESTORE payloads or not
      reset                  back to the state of a new user

    acl_errno: EINVAL not understood, or a pattern with blanks; ENOENT no such command or category; EEXIST, EISDIR a
    key, channel pattern after ~*, &*; ENODEV no such password; EBADMSG not a hash.
    """
    global acl_errno
    if not op:
        return C_OK
    lower = op.lower()
    first = op[:1]
    if lower == b"on":
        u.flags |= USER_FLAG_ENABLED
        u.flags &= ~USER_FLAG_DISABLED
    elif lower == b"off":
        u.flags |= USER_FLAG_DISABLED
        u.flags &= ~USER_FLAG_ENABLED
    elif lower == b"skip-sanitize-payload":
        u.flags |= USER_FLAG_SANITIZE_PAYLOAD_SKIP
        u.flags &= ~USER_FLAG_SANITIZE_PAYLOAD
    elif lower == b"sanitize-payload":
        u.flags &= ~USER_FLAG_SANITIZE_PAYLOAD_SKIP
        u.flags |= USER_FLAG_SANITIZE_PAYLOAD
    elif lower == b"allkeys" or op == b"~*":
        u.flags |= USER_FLAG_ALLKEYS
        listEmpty(u.patterns)
    elif lower == b"resetkeys":
        u.flags &= ~USER_FLAG_ALLKEYS
        listEmpty(u.patterns)
    elif lower == b"allchannels" or op == b"&*":
        u.flags |= USER_FLAG_ALLCHANNELS
        listEmpty(u.channels)
    elif lower == b"resetchannels":
        u.flags &= ~USER_FLAG_ALLCHANNELS
        listEmpty(u.channels)
    elif lower == b"allcommands" or lower == b"+@all":
        u.allowed_commands = ALL_COMMAND_BITS
        u.flags |= USER_FLAG_ALLCOMMANDS
        ACLResetSubcommands(u)
    elif lower == b"nocommands" or lower == b"-@all":
        u.allowed_commands = 0
        u.flags &= ~USER_FLAG_ALLCOMMANDS
        ACLResetSubcommands(u)
    elif lower == b"nopass":
        u.flags |= USER_FLAG_NOPASS
        listEmpty(u.passwords)
    elif lower == b"resetpass":
        u.flags &= ~USER_FLAG_NOPASS
        listEmpty(u.passwords)
    elif first == b">" or first == b"#":
        if first == b">":
            newpass = ACLHashPassword(op[1:])
        else:
            newpass = op[1:]
            if ACLCheckPasswordHash(newpass) == C_ERR:
                acl_errno = EBADMSG
                return C_ERR
        if listSearchKey(u.passwords, newpass) is None:
            listAddNodeTail(u.passwords, newpass)
        u.flags &= ~USER_FLAG_NOPASS
    elif first == b"<" or first == b"!":
        if first == b"<":
            delpass = ACLHashPassword(op[1:])
        else:
            delpass = op[1:]
            if ACLCheckPasswordHash(delpass) == C_ERR:
                acl_errno = EBADMSG
                return C_ERR
        ln = listSearchKey(u.passwords, delpass)
        if ln is None:
            acl_errno = ENODEV
            return C_ERR
        listDelNode(u.passwords, ln)
    elif first == b"~":
        if u.flags & USER_FLAG_ALLKEYS:
            acl_errno = EEXIST
            return C_ERR
        newpat = op[1:]
        if ACLStringHasSpaces(newpat):
            acl_errno = EINVAL
            return C_ERR
        if listSearchKey(u.patterns, newpat) is None:
            listAddNodeTail(u.patterns, newpat)
        u.flags &= ~USER_FLAG_ALLKEYS
    elif first == b"&":
        if u.flags & USER_FLAG_ALLCHANNELS:
            acl_errno = EISDIR
            return C_ERR
        newpat = op[1:]
        if ACLStringHasSpaces(newpat):
            acl_errno = EINVAL
            return C_ERR
        if listSearchKey(u.channels, newpat) is None:
            listAddNodeTail(u.channels, newpat)
        u.flags &= ~USER_FLAG_ALLCHANNELS
    elif first == b"+" and op[1:2] != b"@":
        name, bar, sub = op[1:].partition(b"|")
        if ACLLookupCommand(name) is None:
            acl_errno = ENOENT
            return C_ERR
        id_ = ACLGetCommandID(name)
        if not bar:
            ACLSetUserCommandBit(u, id_, 1)
            ACLResetSubcommandsForCommand(u, id_)
        else:
            # The existing subcommands are not known; only an empty one is certainly wrong.
            if not sub:
                acl_errno = EINVAL
                return C_ERR
            if ACLGetUserCommandBit(u, id_) == 0:
                ACLAddAllowedSubcommand(u, id_, sub)
    elif first == b"-" and op[1:2] != b"@":
        if ACLLookupCommand(op[1:]) is None:
            acl_errno = ENOENT
            return C_ERR
        id_ = ACLGetCommandID(op[1:])
        ACLSetUserCommandBit(u, id_, 0)
        ACLResetSubcommandsForCommand(u, id_)
    elif first == b"+" or first == b"-":
        bitval = 1 if first == b"+" else 0
        if ACLSetUserCommandBitsForCategory(u, op[2:], bitval) == C_ERR:
            acl_errno = ENOENT
            return C_ERR
    elif lower == b"reset":
        serverAssert(ACLSetUser(u, b"resetpass") == C_OK)
        serverAssert(ACLSetUser(u, b"resetkeys") == C_OK)
        serverAssert(ACLSetUser(u, b"resetchannels") == C_OK)
        if server.acl_pubsub_default & USER_FLAG_ALLCHANNELS:
            serverAssert(ACLSetUser(u, b"allchannels") == C_OK)
        serverAssert(ACLSetUser(u, b"off") == C_OK)
        serverAssert(ACLSetUser(u, b"sanitize-payload") == C_OK)
        serverAssert(ACLSetUser(u, b"-@all") == C_OK)
    else:
        acl_errno = EINVAL
        return C_ERR
    return C_OK


def ACLSetUserStringError():
    """Return the text for acl_errno."""
    if acl_errno == ENOENT:
        return b"Unknown command or category name in ACL"
    if acl_errno == EINVAL:
        return b"Syntax error"
    if acl_errno == EEXIST:
        return (b"Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any "
                b"effect. Try 'resetkeys' to start with an empty list of patterns")
    if acl_errno == EISDIR:
        return (b"Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any "
                b"effect. Try 'resetchannels' to start with an empty list of channels")
    if acl_errno == ENODEV:
        return b"The password you are trying to remove from the user does not exist"
    if acl_errno == EBADMSG:
        return b"The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
    return b"Wrong format"


def ACLInitDefaultUser(u):
    """Make `u` the default user as it is before any configuration: on, without password, everything allowed."""
    init_user(u, b"default")
    raxInsert(Users, b"default", u)
    ACLSetUser(u, b"+@all")
    ACLSetUser(u, b"~*")
    ACLSetUser(u, b"&*")
    ACLSetUser(u, b"on")
    ACLSetUser(u, b"nopass")


def ACLInit():
    """ORDER: before the configuration is read, which may set the password of the default user."""
    ACLInitDefaultUser(DefaultUser)


def ACLCheckUserCredentials(username, password):
    """Check user and password (both robj) -> C_OK if the user may log in; else C_ERR with acl_errno EINVAL, or ENOENT if
    there is no such user."""
    global acl_errno
    u = ACLGetUserByName(username.ptr)
    if u is None:
        acl_errno = ENOENT
        return C_ERR
    if u.flags & USER_FLAG_DISABLED:
        acl_errno = EINVAL
        return C_ERR
    if u.flags & USER_FLAG_NOPASS:
        return C_OK
    hashed = ACLHashPassword(password.ptr)
    for thispass in list_values(u.passwords):
        if not time_independent_strcmp(hashed, thispass):
            return C_OK
    acl_errno = EINVAL
    return C_ERR


def ACLAuthenticateUser(c, username, password):
    """Log the client in, if the credentials are right.  -> C_OK or C_ERR; a failure is logged."""
    if ACLCheckUserCredentials(username, password) == C_OK:
        c.authenticated = 1
        c.user = ACLGetUserByName(username.ptr)
        return C_OK
    addACLLogEntry(c, ACL_DENIED_AUTH, 0, username.ptr)
    return C_ERR


def ACLGetCommandID(cmdname):
    """Return the bit of this command in user.allowed_commands; a new name gets the next free one."""
    global nextid
    lowername = cmdname.lower()
    id_ = raxFind(commandId, lowername)
    if id_ is not raxNotFound:
        return id_
    thisid = nextid
    raxInsert(commandId, lowername, thisid)
    nextid += 1
    # The last bit belongs to no command: see ACLUserCanExecuteFutureCommands().
    if nextid == USER_COMMAND_BITS_COUNT - 1:
        nextid += 1
    return thisid


def ACLClearCommandID():
    """Forget all ids (Sentinel replaces the command table)."""
    global commandId, nextid
    commandId = raxNew()
    nextid = 0


def ACLGetUserByName(name):
    """Return the user, or None."""
    myuser = raxFind(Users, name)
    return None if myuser is raxNotFound else myuser


def ACLCheckCommandPerm(c):
    """Check that the client may run c.cmd with c.argv -> (ACL_OK, ACL_DENIED_CMD or ACL_DENIED_KEY, argv index of the key)."""
    u = c.user
    if u is None:
        return ACL_OK, 0
    cmd = c.cmd
    flags = u.flags

    # AUTH, HELLO, QUIT... are allowed to all users.
    if not flags & USER_FLAG_ALLCOMMANDS and not cmd.flags & CMD_NO_AUTH:
        id_ = cmd.id
        if ACLGetUserCommandBit(u, id_) == 0:
            if c.argc < 2 or u.allowed_subcommands is None:
                return ACL_DENIED_CMD, 0
            sub = c.argv[1].ptr.lower()
            for allowed in u.allowed_subcommands.get(id_, ()):
                if allowed.lower() == sub:
                    break
            else:
                return ACL_DENIED_CMD, 0

    if not flags & USER_FLAG_ALLKEYS and (cmd.getkeys_proc is not None or cmd.firstkey):
        for idx in getKeysFromCommand(cmd, c.argv, c.argc):
            key = c.argv[idx].ptr
            for pattern in list_values(u.patterns):
                if stringmatchlen(pattern, key, 0):
                    break
            else:
                return ACL_DENIED_KEY, idx
    return ACL_OK, 0


def ACLCheckPubsubChannelPerm(channel, allowed, literal):
    """Return ACL_OK if the channel is in the list `allowed` (literal: as the very same pattern), or ACL_DENIED_CHANNEL."""
    for pattern in list_values(allowed):
        if pattern == channel if literal else stringmatchlen(pattern, channel, 0):
            return ACL_OK
    return ACL_DENIED_CHANNEL


def ACLKillPubsubClientsIfNeeded(u, upcoming):
    """The user is to have the channels `upcoming` only: close its clients that are subscribed to others."""
    kill = 0
    # The caller has checked that the new rules do not allow all channels.
    if u.flags & USER_FLAG_ALLCHANNELS:
        kill = 1
    else:
        for pattern in list_values(u.channels):
            if ACLCheckPubsubChannelPerm(pattern, upcoming, 1) == ACL_DENIED_CHANNEL:
                kill = 1
                break
    if not kill:
        return

    for c in list_values(server.clients):
        if c.user is not u or getClientType(c) != CLIENT_TYPE_PUBSUB:
            continue
        kill = 0
        for o in list_values(c.pubsub_patterns):
            if ACLCheckPubsubChannelPerm(o.ptr, upcoming, 1) == ACL_DENIED_CHANNEL:
                kill = 1
                break
        if not kill:
            for de in dict_entries(c.pubsub_channels):
                if ACLCheckPubsubChannelPerm(de.key.ptr, upcoming, 0) == ACL_DENIED_CHANNEL:
                    kill = 1
                    break
        if kill:
            if c is server.current_client:
                # C frees the client here and uses it afterwards.  A RESP3 client may subscribe and still call ACL SETUSER.
                c.flags |= CLIENT_CLOSE_AFTER_COMMAND
            else:
                freeClient(c)


def ACLCheckPubsubPerm(c, idx, count, literal):
    """Check that the client may use the channels argv[idx:idx + count] -> (ACL_OK or ACL_DENIED_CHANNEL, argv index)."""
    u = c.user
    if u is None:
        return ACL_OK, 0
    if not u.flags & USER_FLAG_ALLCHANNELS:
        for j in range(idx, idx + count):
            if ACLCheckPubsubChannelPerm(c.argv[j].ptr, u.channels, literal) != ACL_OK:
                return ACL_DENIED_CHANNEL, j
    return ACL_OK, 0


_all_allowed = USER_FLAG_ALLCOMMANDS | USER_FLAG_ALLKEYS | USER_FLAG_ALLCHANNELS
_acl_ok = (ACL_OK, 0)


def ACLCheckAllPerm(c):
    """Check that the client may run c.cmd with c.argv -> (ACL_OK or ACL_DENIED_*, argv index of the key or channel).  HOT

    Command, keys, then channels.  A user without any restriction passes on its flags alone.
    """
    u = c.user
    if u is None or u.flags & _all_allowed == _all_allowed:
        return _acl_ok
    acl_retval, idx = ACLCheckCommandPerm(c)
    if acl_retval != ACL_OK:
        return acl_retval, idx
    proc = c.cmd.proc
    if proc is publishCommand:
        return ACLCheckPubsubPerm(c, 1, 1, 0)
    if proc is subscribeCommand:
        return ACLCheckPubsubPerm(c, 1, c.argc - 1, 0)
    if proc is psubscribeCommand:
        return ACLCheckPubsubPerm(c, 1, c.argc - 1, 1)
    return _acl_ok


# ---------------------------------------------------------------------------
# ACL loading / saving functions
# ---------------------------------------------------------------------------

def ACLAppendUserForLoading(argv):
    """A line "user <name> <rule> ..." of the configuration, as list of bytes.  -> (C_OK, 0), or (C_ERR, index of the
    wrong word) with acl_errno.  The user is created later; a command that is not known yet is no error now."""
    if len(argv) < 2 or argv[0].lower() != b"user":
        return C_ERR, 0
    fakeuser = ACLCreateUnlinkedUser()
    for j in range(2, len(argv)):
        if ACLSetUser(fakeuser, argv[j]) == C_ERR and acl_errno != ENOENT:
            ACLFreeUser(fakeuser)
            return C_ERR, j
    listAddNodeTail(UsersToLoad, list(argv[1:]))
    ACLFreeUser(fakeuser)
    return C_OK, 0


def ACLLoadConfiguredUsers():
    """Create the users of the configuration.  -> C_OK, or C_ERR with a log line."""
    for aclrules in list_values(UsersToLoad):
        username = aclrules[0]
        if ACLStringHasSpaces(username):
            serverLog(LL_WARNING, "Spaces not allowed in ACL usernames")
            return C_ERR

        u = ACLCreateUser(username)
        if u is None:
            u = ACLGetUserByName(username)
            serverAssert(u is not None)
            ACLSetUser(u, b"reset")

        for rule in aclrules[1:]:
            if ACLSetUser(u, rule) != C_OK:
                serverLog(LL_WARNING, "Error loading ACL rule '%s' for the user named '%s': %s",
                          rule, username, ACLSetUserStringError())
                return C_ERR

        if u.flags & USER_FLAG_DISABLED:
            serverLog(LL_NOTICE, "The user '%s' is disabled (there is no 'on' modifier in the user description). Make "
                      "sure this is not a configuration error.", username)
    return C_OK


def ACLLoadFromFile(filename):
    """Replace all users by those of the file: lines "user <name> <rule> ...", no comments.
    -> None, or an error text in bytes that lists all that is wrong; then nothing has changed.
    """
    try:
        with open(filename, "rb") as fp:
            acls = fp.read()
    except OSError as e:
        return os.fsencode("Error loading ACLs, opening file '%s': %s" % (filename, e.strerror))

    lines = acls.split(b"\n")
    aclfile = os.fsencode(server.acl_filename)
    errors = b""

    # Rules are tested on a fake user first, and the users are created in an empty tree.  Users stays the same object,
    # so its content is exchanged (C exchanges the pointer).
    fakeuser = ACLCreateUnlinkedUser()
    old_users = raxNew()
    swap_users(old_users)
    new_default = user()
    ACLInitDefaultUser(new_default)

    for linenum, line in enumerate(lines, 1):
        line = line.strip(b" \t\r\n")
        if not line:
            continue
        argv = line.split(b" ")

        if argv[0] != b"user" or len(argv) < 2:
            errors += b"%s:%d should start with user keyword followed by the username. " % (aclfile, linenum)
            continue
        if ACLStringHasSpaces(argv[1]):
            errors += b"'%s:%d: username '%s' contains invalid characters. " % (aclfile, linenum, argv[1])
            continue

        ACLSetUser(fakeuser, b"reset")
        for j in range(2, len(argv)):
            argv[j] = argv[j].strip(b"\t\r\n")
            if ACLSetUser(fakeuser, argv[j]) != C_OK:
                errors += b"%s:%d: %s. " % (aclfile, linenum, ACLSetUserStringError())
        if errors:
            continue

        u = ACLCreateUser(argv[1])
        if u is None:
            u = ACLGetUserByName(argv[1])
            serverAssert(u is not None)
            ACLSetUser(u, b"reset")
        for rule in argv[2:]:
            serverAssert(ACLSetUser(u, rule) == C_OK)

    ACLFreeUser(fakeuser)

    if not errors:
        # DefaultUser never changes, so it takes over the rules of the new default user.
        ACLCopyUser(DefaultUser, new_default)
        ACLFreeUser(new_default)
        raxInsert(Users, b"default", DefaultUser)
        raxRemove(old_users, b"default")
        ACLFreeUsersSet(old_users)
        return None
    swap_users(old_users)
    ACLFreeUsersSet(old_users)
    return errors + b"WARNING: ACL errors detected, no change to the previously active ACL rules was performed"


def swap_users(other):
    """Exchange the contents of the trees Users and `other`."""
    Users.head, other.head = other.head, Users.head
    Users.numele, other.numele = other.numele, Users.numele
    Users.numnodes, other.numnodes = other.numnodes, Users.numnodes


def user_lines():
    """Return the users as list of config lines, "user <name> <rules>", in the order of their names."""
    lines = []
    ri = raxIterator()
    raxStart(ri, Users)
    raxSeek(ri, "^")
    while raxNext(ri):
        u = ri.data
        lines.append(b"user %s %s" % (u.name, ACLDescribeUser(u)))
    raxStop(ri)
    return lines


def ACLSaveToFile(filename):
    """Write the users into the file, by way of a temp file and rename.  -> C_OK, or C_ERR with a log line."""
    acl = b"".join([line + b"\n" for line in user_lines()])
    tmpfilename = "%s.tmp-%d-%d" % (filename, os.getpid(), mstime())
    try:
        fd = os.open(tmpfilename, os.O_WRONLY | os.O_CREAT, 0o644)
    except OSError as e:
        serverLog(LL_WARNING, "Opening temp ACL file for ACL SAVE: %s", e.strerror)
        return C_ERR
    what = "Writing ACL file for ACL SAVE: %s"
    try:
        try:
            written = os.write(fd, acl)
        finally:
            os.close(fd)
        if written != len(acl):
            serverLog(LL_WARNING, what, "short write")
        else:
            what = "Renaming ACL file for ACL SAVE: %s"
            os.rename(tmpfilename, filename)
            return C_OK
    except OSError as e:
        serverLog(LL_WARNING, what, e.strerror)
    try:
        os.unlink(tmpfilename)
    except OSError:
        pass
    return C_ERR


def ACLLoadUsersAtStartup():
    """Load the users of the configuration or of the ACL file; having both is fatal, and so is any error."""
    if server.acl_filename and listLength(UsersToLoad) != 0:
        serverLog(LL_WARNING, "Configuring Redis with users defined in redis.conf and at the same setting an ACL file "
                  "path is invalid. This setup is very likely to lead to configuration errors and security holes, "
                  "please define either an ACL file or declare users directly in your redis.conf, but not both.")
        sys.exit(1)

    if ACLLoadConfiguredUsers() == C_ERR:
        serverLog(LL_WARNING, "Critical error while loading ACLs. Exiting.")
        sys.exit(1)

    if server.acl_filename:
        errors = ACLLoadFromFile(server.acl_filename)
        if errors is not None:
            serverLog(LL_WARNING, "Aborting Redis startup because of ACL errors: %s", errors)
            sys.exit(1)


# ---------------------------------------------------------------------------
# ACL log
# ---------------------------------------------------------------------------

ACL_LOG_CTX_TOPLEVEL = 0
ACL_LOG_CTX_LUA = 1
ACL_LOG_CTX_MULTI = 2
ACL_LOG_GROUPING_MAX_TIME_DELTA = 60000   # ms


class ACLLogEntry:
    """Something that was denied, perhaps several times."""
    __slots__ = ("count", "reason", "context", "object", "username", "ctime", "cinfo")

    def __init__(self):
        self.count = 1             # number of similar recent events
        self.reason = 0            # ACL_DENIED_*
        self.context = 0           # ACL_LOG_CTX_*
        self.object = b""          # name of the key, channel or command
        self.username = b""
        self.ctime = 0             # ms, the last time
        self.cinfo = b""           # the client's line of CLIENT LIST, the last time


def ACLLogMatchEntry(a, b):
    """Return 1 if the two are so alike that one entry with a counter will do."""
    if a.reason != b.reason:
        return 0
    if a.context != b.context:
        return 0
    if abs(a.ctime - b.ctime) > ACL_LOG_GROUPING_MAX_TIME_DELTA:
        return 0
    if a.object != b.object:
        return 0
    if a.username != b.username:
        return 0
    return 1


def addACLLogEntry(c, reason, argpos, username):
    """Log that the client was denied something.  `argpos`: of the key or channel; `username`: for ACL_DENIED_AUTH."""
    le = ACLLogEntry()
    le.reason = reason
    le.username = username if reason == ACL_DENIED_AUTH else c.user.name
    le.ctime = mstime()
    if reason == ACL_DENIED_CMD:
        le.object = c.cmd.name
    elif reason == ACL_DENIED_KEY or reason == ACL_DENIED_CHANNEL:
        le.object = c.argv[argpos].ptr
    elif reason == ACL_DENIED_AUTH:
        le.object = c.argv[0].ptr

    realclient = c
    if realclient.flags & CLIENT_LUA:
        realclient = server.lua_caller
    le.cinfo = catClientInfoString(b"", realclient)
    if c.flags & CLIENT_MULTI:
        le.context = ACL_LOG_CTX_MULTI
    elif c.flags & CLIENT_LUA:
        le.context = ACL_LOG_CTX_LUA
    else:
        le.context = ACL_LOG_CTX_TOPLEVEL

    # Compare with the ten newest entries only, since this is done for every refused command.
    toscan = 10
    match = None
    ln = ACLLog.head
    while toscan and ln is not None:
        toscan -= 1
        if ACLLogMatchEntry(ln.value, le):
            match = ln.value
            listDelNode(ACLLog, ln)
            listAddNodeHead(ACLLog, match)
            break
        ln = ln.next

    if match is not None:
        match.cinfo = le.cinfo
        match.ctime = le.ctime
        match.count += 1
    else:
        listAddNodeHead(ACLLog, le)
        while listLength(ACLLog) > server.acllog_max_len:
            listDelNode(ACLLog, listLast(ACLLog))


# ---------------------------------------------------------------------------
# ACL related commands
# ---------------------------------------------------------------------------

def aclCommand(c):
    """ACL LOAD | SAVE | LIST | USERS | CAT [category] | SETUSER name rule ... | DELUSER name ... | GETUSER name
    | GENPASS [bits] | WHOAMI | LOG [count | RESET] | HELP"""
    sub = c.argv[1].ptr.lower()
    if sub == b"setuser" and c.argc >= 3:
        aclCommand_setuser(c)
    elif sub == b"deluser" and c.argc >= 3:
        deleted = 0
        for j in range(2, c.argc):
            if c.argv[j].ptr == b"default":
                addReplyError(c, b"The 'default' user cannot be removed")
                return
        for j in range(2, c.argc):
            removed, u = raxRemove(Users, c.argv[j].ptr)
            if removed:
                ACLFreeUserAndKillClients(u)
                deleted += 1
        addReplyLongLong(c, deleted)
    elif sub == b"getuser" and c.argc == 3:
        aclCommand_getuser(c)
    elif sub == b"list" and c.argc == 2:
        lines = user_lines()
        addReplyArrayLen(c, len(lines))
        for line in lines:
            addReplyBulkSds(c, line)
    elif sub == b"users" and c.argc == 2:
        addReplyArrayLen(c, raxSize(Users))
        ri = raxIterator()
        raxStart(ri, Users)
        raxSeek(ri, "^")
        while raxNext(ri):
            addReplyBulkCBuffer(c, ri.data.name)
        raxStop(ri)
    elif sub == b"whoami" and c.argc == 2:
        if c.user is not None:
            addReplyBulkCBuffer(c, c.user.name)
        else:
            addReplyNull(c)
    elif not server.acl_filename and (sub == b"load" or sub == b"save"):
        addReplyError(
            c, b"This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL "
            b"SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in "
            b"order to store users in the Redis configuration.")
    elif sub == b"load" and c.argc == 2:
        errors = ACLLoadFromFile(server.acl_filename)
        if errors is None:
            addReply(c, shared.ok)
        else:
            addReplyError(c, errors)
    elif sub == b"save" and c.argc == 2:
        if ACLSaveToFile(server.acl_filename) == C_OK:
            addReply(c, shared.ok)
        else:
            addReplyError(c, b"There was an error trying to save the ACLs. Please check the server logs for more "
                          b"information")
    elif sub == b"cat" and c.argc == 2:
        addReplyArrayLen(c, len(ACLCommandCategories))
        for name, _ in ACLCommandCategories:
            addReplyBulkCString(c, name)
    elif sub == b"cat" and c.argc == 3:
        cflag = ACLGetCommandCategoryFlagByName(c.argv[2].ptr)
        if cflag == 0:
            addReplyErrorFormat(c, b"Unknown category '%s'", c.argv[2].ptr)
            return
        arraylen = 0
        dl = addReplyDeferredLen(c)
        for de in dict_entries(server.orig_commands):
            if de.val.flags & cflag:
                addReplyBulkCString(c, de.val.name)
                arraylen += 1
        setDeferredArrayLen(c, dl, arraylen)
    elif sub == b"genpass" and c.argc in (2, 3):
        GENPASS_MAX_BITS = 4096
        bits = 256
        if c.argc == 3:
            ok, bits = getLongFromObjectOrReply(c, c.argv[2], None)
            if ok != C_OK:
                return
        if bits <= 0 or bits > GENPASS_MAX_BITS:
            addReplyErrorFormat(c, b"ACL GENPASS argument must be the number of bits for the output password, a "
                                b"positive number up to %d", GENPASS_MAX_BITS)
            return
        addReplyBulkCBuffer(c, getRandomHexChars((bits + 3) // 4))
    elif sub == b"log" and c.argc in (2, 3):
        aclCommand_log(c)
    elif sub == b"help" and c.argc == 2:
        addReplyHelp(c, [
            b"CAT [<category>]",
            b"    List all commands that belong to <category>, or all command categories",
            b"    when no category is specified.",
            b"DELUSER <username> [<username> ...]",
            b"    Delete a list of users.",
            b"GETUSER <username>",
            b"    Get the user's details.",
            b"GENPASS [<bits>]",
            b"    Generate a secure 256-bit user password. The optional `bits` argument can",
            b"    be used to specify a different size.",
            b"LIST",
            b"    Show users details in config file format.",
            b"LOAD",
            b"    Reload users from the ACL file.",
            b"LOG [<count> | RESET]",
            b"    Show the ACL log entries.",
            b"SAVE",
            b"    Save the current config to the ACL file.",
            b"SETUSER <username> <attribute> [<attribute> ...]",
            b"    Create or modify a user with the specified attributes.",
            b"USERS",
            b"    List all the registered usernames.",
            b"WHOAMI",
            b"    Return the current connection username.",
        ])
    else:
        addReplySubcommandSyntaxError(c)


def aclCommand_setuser(c):
    """ACL SETUSER: all rules or none, so they are applied to a copy of the user first."""
    username = c.argv[2].ptr
    rules = [c.argv[j].ptr for j in range(3, c.argc)]
    for j in range(2, c.argc):
        redactClientCommandArgument(c, j)           # the slowlog and MONITOR must not show passwords

    if ACLStringHasSpaces(username):
        addReplyErrorFormat(c, b"Usernames can't contain spaces or null characters")
        return

    tempu = ACLCreateUnlinkedUser()
    u = ACLGetUserByName(username)
    if u is not None:
        ACLCopyUser(tempu, u)

    for rule in rules:
        if ACLSetUser(tempu, rule) != C_OK:
            addReplyErrorFormat(c, b"Error in ACL SETUSER modifier '%s': %s", rule, ACLSetUserStringError())
            ACLFreeUser(tempu)
            return

    if u is not None and not tempu.flags & USER_FLAG_ALLCHANNELS:
        ACLKillPubsubClientsIfNeeded(u, tempu.channels)

    if u is None:
        u = ACLCreateUser(username)
    serverAssert(u is not None)
    ACLCopyUser(u, tempu)
    ACLFreeUser(tempu)
    addReply(c, shared.ok)


def aclCommand_getuser(c):
    u = ACLGetUserByName(c.argv[2].ptr)
    if u is None:
        addReplyNull(c)
        return

    addReplyMapLen(c, 5)

    addReplyBulkCString(c, b"flags")
    deflen = addReplyDeferredLen(c)
    numflags = 0
    for name, flag in ACLUserFlags:
        if u.flags & flag:
            addReplyBulkCString(c, name)
            numflags += 1
    setDeferredSetLen(c, deflen, numflags)

    addReplyBulkCString(c, b"passwords")
    addReplyArrayLen(c, listLength(u.passwords))
    for thispass in list_values(u.passwords):
        addReplyBulkCBuffer(c, thispass)

    addReplyBulkCString(c, b"commands")
    addReplyBulkSds(c, ACLDescribeUserCommandRules(u))

    addReplyBulkCString(c, b"keys")
    if u.flags & USER_FLAG_ALLKEYS:
        addReplyArrayLen(c, 1)
        addReplyBulkCBuffer(c, b"*")
    else:
        addReplyArrayLen(c, listLength(u.patterns))
        for thispat in list_values(u.patterns):
            addReplyBulkCBuffer(c, thispat)

    addReplyBulkCString(c, b"channels")
    if u.flags & USER_FLAG_ALLCHANNELS:
        addReplyArrayLen(c, 1)
        addReplyBulkCBuffer(c, b"*")
    else:
        addReplyArrayLen(c, listLength(u.channels))
        for thispat in list_values(u.channels):
            addReplyBulkCBuffer(c, thispat)


def aclCommand_log(c):
    count = 10
    if c.argc == 3:
        if c.argv[2].ptr.lower() == b"reset":
            listEmpty(ACLLog)
            addReply(c, shared.ok)
            return
        ok, count = getLongFromObjectOrReply(c, c.argv[2], None)
        if ok != C_OK:
            return
        if count < 0:
            count = 0
    if count > listLength(ACLLog):
        count = listLength(ACLLog)

    addReplyArrayLen(c, count)
    now = mstime()
    for le in list_values(ACLLog):
        if count == 0:
            break
        count -= 1
        addReplyMapLen(c, 7)
        addReplyBulkCString(c, b"count")
        addReplyLongLong(c, le.count)

        addReplyBulkCString(c, b"reason")
        if le.reason == ACL_DENIED_CMD:
            reasonstr = b"command"
        elif le.reason == ACL_DENIED_KEY:
            reasonstr = b"key"
        elif le.reason == ACL_DENIED_CHANNEL:
            reasonstr = b"channel"
        elif le.reason == ACL_DENIED_AUTH:
            reasonstr = b"auth"
        else:
            reasonstr = b"unknown"
        addReplyBulkCString(c, reasonstr)

        addReplyBulkCString(c, b"context")
        if le.context == ACL_LOG_CTX_TOPLEVEL:
            ctxstr = b"toplevel"
        elif le.context == ACL_LOG_CTX_MULTI:
            ctxstr = b"multi"
        elif le.context == ACL_LOG_CTX_LUA:
            ctxstr = b"lua"
        else:
            ctxstr = b"unknown"
        addReplyBulkCString(c, ctxstr)

        addReplyBulkCString(c, b"object")
        addReplyBulkCBuffer(c, le.object)
        addReplyBulkCString(c, b"username")
        addReplyBulkCBuffer(c, le.username)
        addReplyBulkCString(c, b"age-seconds")
        addReplyDouble(c, (now - le.ctime) / 1000)
        addReplyBulkCString(c, b"client-info")
        addReplyBulkCBuffer(c, le.cinfo)


def addReplyCommandCategories(c, cmd):
    """The categories of a command, for COMMAND INFO."""
    flagcount = 0
    flaglen = addReplyDeferredLen(c)
    for name, flag in ACLCommandCategories:
        if cmd.flags & flag:
            addReplyStatusFormat(c, b"@%s", name)
            flagcount += 1
    setDeferredSetLen(c, flaglen, flagcount)


def authCommand(c):
    """AUTH [username] password -> OK   [noauth, loading, stale]"""
    if c.argc > 3:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    # Read the arguments before they are redacted, in case that changes the vector itself.
    argv = list(c.argv)
    redactClientCommandArgument(c, 1)

    if c.argc == 2:
        # As in versions before ACLs: AUTH with a password is an error if none is configured.
        if DefaultUser.flags & USER_FLAG_NOPASS:
            addReplyError(c, b"AUTH <password> called without any password configured for the default user. Are you "
                          b"sure your configuration is correct?")
            return
        username = shared.default_username
        password = argv[1]
    else:
        username = argv[1]
        password = argv[2]
        redactClientCommandArgument(c, 2)

    if ACLAuthenticateUser(c, username, password) == C_OK:
        addReply(c, shared.ok)
    else:
        addReplyError(c, b"-WRONGPASS invalid username-password pair or user is disabled.")


def ACLUpdateDefaultUserPassword(password):
    """requirepass: the one password of the default user, bytes; None = none needed."""
    ACLSetUser(DefaultUser, b"resetpass")
    if password is not None:
        ACLSetUser(DefaultUser, b">" + password)
    else:
        ACLSetUser(DefaultUser, b"nopass")
