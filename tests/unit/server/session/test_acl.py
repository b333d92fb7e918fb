"""The rule language of the ACL: what rules do, what is written for them, and what the checks make of it."""
from errno import EBADMSG, EEXIST, EINVAL, EISDIR, ENODEV, ENOENT

import pytest
from hypothesis import given, settings, strategies as st

from datastructs.adlist import list_values, listAddNodeTail, listCreate, listEmpty
from datastructs.dict import dictAdd, dictCreate, dictSdsCaseHash, dictSdsKeyCaseCompare, dictType
from datastructs.rax import raxNew
from server.object import createStringObject
from server.server_h import (
    C_ERR, C_OK, CLIENT_CLOSE_AFTER_COMMAND, CMD_CATEGORY_CONNECTION, CMD_CATEGORY_DANGEROUS, CMD_CATEGORY_HASH,
    CMD_CATEGORY_PUBSUB, CMD_CATEGORY_READ, CMD_CATEGORY_STRING, CMD_CATEGORY_WRITE, CMD_NO_AUTH, USER_FLAG_ALLCHANNELS,
    USER_FLAG_ALLCOMMANDS, USER_FLAG_DISABLED, USER_FLAG_ENABLED, USER_FLAG_NOPASS, client, redisCommand, server, user)
from server.session import acl
from server.session.pubsub import psubscribeCommand, publishCommand, subscribeCommand

TABLE = [
    # name, proc, flags, first key
    (b"get", None, CMD_CATEGORY_READ | CMD_CATEGORY_STRING, 1),
    (b"set", None, CMD_CATEGORY_WRITE | CMD_CATEGORY_STRING, 1),
    (b"append", None, CMD_CATEGORY_WRITE | CMD_CATEGORY_STRING, 1),
    (b"hget", None, CMD_CATEGORY_READ | CMD_CATEGORY_HASH, 1),
    (b"hset", None, CMD_CATEGORY_WRITE | CMD_CATEGORY_HASH, 1),
    (b"config", None, CMD_CATEGORY_DANGEROUS, 0),
    (b"debug", None, CMD_CATEGORY_DANGEROUS, 0),
    (b"auth", None, CMD_CATEGORY_CONNECTION | CMD_NO_AUTH, 0),
    (b"ping", None, CMD_CATEGORY_CONNECTION, 0),
    (b"publish", publishCommand, CMD_CATEGORY_PUBSUB, 0),
    (b"subscribe", subscribeCommand, CMD_CATEGORY_PUBSUB, 0),
    (b"psubscribe", psubscribeCommand, CMD_CATEGORY_PUBSUB, 0),
]


@pytest.fixture(autouse=True)
def commands():
    acl.ACLClearCommandID()
    fresh = raxNew()
    acl.swap_users(fresh)
    server.orig_commands = dictCreate(dictType(hashFunction=dictSdsCaseHash, keyCompare=dictSdsKeyCaseCompare))
    table = {}
    for name, proc, flags, firstkey in TABLE:
        cmd = redisCommand(name, proc, -1, b"", None, firstkey, firstkey, 1)
        cmd.flags = flags
        cmd.id = acl.ACLGetCommandID(name)
        dictAdd(server.orig_commands, name, cmd)
        table[name] = cmd
    server.acl_pubsub_default = USER_FLAG_ALLCHANNELS
    server.acllog_max_len = 5
    server.acl_filename = ""
    server.clients = listCreate()
    listEmpty(acl.UsersToLoad)
    listEmpty(acl.ACLLog)
    acl.ACLInit()
    yield table
    acl.swap_users(fresh)


def new_user(*rules):
    u = user()
    acl.init_user(u, b"alice")
    for rule in rules:
        assert acl.ACLSetUser(u, rule) == C_OK, (rule, acl.ACLSetUserStringError())
    return u


def allowed(u, table):
    return {name for name, cmd in table.items() if acl.ACLGetUserCommandBit(u, cmd.id)}


def check(u, table, *argv):
    c = client()
    c.user = u
    c.cmd = table[argv[0]]
    c.argv = [createStringObject(a) for a in argv]
    c.argc = len(argv)
    return acl.ACLCheckAllPerm(c)


def test_default_user_may_do_everything(commands):
    u = acl.DefaultUser
    assert acl.ACLGetUserByName(b"default") is u
    assert acl.ACLDescribeUser(u) == b"on nopass ~* &* +@all"
    assert check(u, commands, b"set", b"k", b"v") == (acl.ACL_OK, 0)
    acl.ACLUpdateDefaultUserPassword(b"sesame")
    assert acl.ACLDescribeUser(u) == b"on #%s ~* &* +@all" % acl.ACLHashPassword(b"sesame")
    name = createStringObject(b"default")
    assert acl.ACLCheckUserCredentials(name, createStringObject(b"sesame")) == C_OK
    assert acl.ACLCheckUserCredentials(name, createStringObject(b"Sesame")) == C_ERR and acl.acl_errno == EINVAL
    assert acl.ACLCheckUserCredentials(createStringObject(b"nn"), name) == C_ERR and acl.acl_errno == ENOENT
    acl.ACLUpdateDefaultUserPassword(None)
    assert u.flags & USER_FLAG_NOPASS and acl.ACLCheckUserCredentials(name, name) == C_OK


def test_hash_is_sha256():
    assert acl.ACLHashPassword(b"abc") == b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert acl.ACLCheckPasswordHash(acl.ACLHashPassword(b"x")) == C_OK
    assert acl.ACLCheckPasswordHash(b"A" * 64) == C_ERR and acl.ACLCheckPasswordHash(b"a" * 63) == C_ERR


rules = st.lists(st.sampled_from(
    [b"+" + row[0] for row in TABLE] + [b"-" + row[0] for row in TABLE]
    + [s + b"@" + cat for s in (b"+", b"-") for cat in (b"all", b"read", b"write", b"string", b"dangerous", b"STRING")]
    + [b"+config|get", b"+config|SET", b"+debug|digest", b"allcommands", b"nocommands", b"~a*", b"~*", b"resetkeys",
       b"&c*", b"allchannels", b"resetchannels", b">pw", b"<pw", b"nopass", b"resetpass", b"on", b"off",
       b"skip-sanitize-payload", b"sanitize-payload", b"reset"]), max_size=14)


@settings(max_examples=200, deadline=None)
@given(rules)
def test_a_description_makes_the_same_user_again(ops):
    u = new_user()
    for op in ops:
        acl.ACLSetUser(u, op)
    again = new_user(*[w for w in acl.ACLDescribeUser(u).split(b" ")])
    assert again.allowed_commands == u.allowed_commands
    assert (again.allowed_subcommands or {}) == {k: v for k, v in (u.allowed_subcommands or {}).items() if v}
    flags = ~(USER_FLAG_ALLCOMMANDS)      # -config +config leaves all bits, but not the flag
    assert again.flags & flags == u.flags & flags
    for field in ("passwords", "patterns", "channels"):
        assert list(list_values(getattr(again, field))) == list(list_values(getattr(u, field)))
    assert acl.ACLDescribeUser(again) == acl.ACLDescribeUser(u)
    if u.flags & USER_FLAG_ALLCOMMANDS:
        assert u.allowed_commands == acl.ALL_COMMAND_BITS


def test_commands_and_categories(commands):
    u = new_user(b"+@string", b"-append", b"+HGET")
    assert allowed(u, commands) == {b"get", b"set", b"hget"}
    assert not u.flags & USER_FLAG_ALLCOMMANDS
    u = new_user(b"+@all", b"-@dangerous")
    assert allowed(u, commands) == set(commands) - {b"config", b"debug"}
    assert acl.ACLDescribeUserCommandRules(u) == b"+@all -@dangerous"
    assert check(u, commands, b"debug", b"segfault") == (acl.ACL_DENIED_CMD, 0)
    assert check(new_user(), commands, b"auth", b"pw") == (acl.ACL_OK, 0)       # no-auth commands are for everybody


def test_subcommands(commands):
    u = new_user(b"+config|get", b"+config|GET", b"~*")
    assert acl.ACLDescribeUserCommandRules(u) == b"-@all +config|get"
    assert check(u, commands, b"config", b"GeT", b"x") == (acl.ACL_OK, 0)
    assert check(u, commands, b"config", b"set", b"x") == (acl.ACL_DENIED_CMD, 0)
    assert check(u, commands, b"config") == (acl.ACL_DENIED_CMD, 0)
    acl.ACLSetUser(u, b"+config")
    assert acl.ACLDescribeUserCommandRules(u) == b"-@all +config"


def test_keys_and_channels(commands):
    u = new_user(b"+@all", b"~app:*", b"~x", b"resetchannels", b"&news.*", b"&log")
    assert check(u, commands, b"set", b"app:1", b"v") == (acl.ACL_OK, 0)
    assert check(u, commands, b"set", b"xx", b"v") == (acl.ACL_DENIED_KEY, 1)
    assert check(u, commands, b"publish", b"news.x", b"m") == (acl.ACL_OK, 0)
    assert check(u, commands, b"subscribe", b"log", b"news.", b"old") == (acl.ACL_DENIED_CHANNEL, 3)
    assert check(u, commands, b"psubscribe", b"news.*", b"log") == (acl.ACL_OK, 0)
    assert check(u, commands, b"psubscribe", b"news.1*") == (acl.ACL_DENIED_CHANNEL, 1)   # patterns literally only
    c = client()
    c.cmd = commands[b"set"]
    assert acl.ACLCheckAllPerm(c) == (acl.ACL_OK, 0)       # no user: the master, Lua's fake client


@pytest.mark.parametrize("before, op, errno, text", [
    ([], b"+nosuch", ENOENT, b"Unknown command or category name in ACL"),
    ([], b"-@nosuch", ENOENT, b"Unknown command or category name in ACL"),
    ([], b"+config|", EINVAL, b"Syntax error"),
    ([], b"-config|get", ENOENT, b"Unknown command or category name in ACL"),
    ([], b"bogus", EINVAL, b"Syntax error"),
    ([], b"~a b", EINVAL, b"Syntax error"),
    ([], b"~a\x00", EINVAL, b"Syntax error"),
    ([b"~*"], b"~a", EEXIST, b"Adding a pattern after the * pattern (or the 'allkeys' flag)"),
    ([b"&*"], b"&a", EISDIR, b"Adding a pattern after the * pattern (or the 'allchannels' flag)"),
    ([], b"<nopw", ENODEV, b"The password you are trying to remove from the user does not exist"),
    ([], b"#abc", EBADMSG, b"The password hash must be exactly 64 characters"),
    ([], b"!ABC", EBADMSG, b"The password hash must be exactly 64 characters"),
])
def test_errors(before, op, errno, text):
    u = new_user(*before)
    was = acl.ACLDescribeUser(u)
    assert acl.ACLSetUser(u, op) == C_ERR
    assert acl.acl_errno == errno and acl.ACLSetUserStringError().startswith(text)
    assert acl.ACLDescribeUser(u) == was


def test_config_lines():
    assert acl.ACLAppendUserForLoading([b"user", b"bob", b"on", b"+future"]) == (C_OK, 0)
    assert acl.ACLAppendUserForLoading([b"user", b"bob", b"on", b"x"]) == (C_ERR, 3)
    assert acl.ACLAppendUserForLoading([b"users", b"bob"]) == (C_ERR, 0)
    assert acl.ACLLoadConfiguredUsers() == C_ERR           # the unknown command is an error in the end
    listEmpty(acl.UsersToLoad)
    acl.ACLAppendUserForLoading([b"USER", b"default", b"on", b"nopass", b"~k", b"+get"])
    assert acl.ACLLoadConfiguredUsers() == C_OK
    assert acl.ACLDescribeUser(acl.DefaultUser) == b"on nopass sanitize-payload ~k &* -@all +get"


def test_aclfile(tmp_path):
    path = tmp_path / "users.acl"
    server.acl_filename = str(path)
    acl.ACLCreateUser(b"gone")
    path.write_bytes(b"user zoe on >pw ~z* +@read\n\n  user ann off  +config|get\t\nuser default on nopass ~* +@all\r\n")
    default = acl.DefaultUser
    assert acl.ACLLoadFromFile(str(path)) is None
    assert acl.DefaultUser is default and acl.ACLGetUserByName(b"default") is default
    assert acl.ACLGetUserByName(b"gone") is None
    lines = acl.user_lines()
    assert [line.split()[1] for line in lines] == [b"ann", b"default", b"zoe"]
    assert acl.ACLSaveToFile(str(path)) == C_OK
    assert path.read_bytes() == b"\n".join(lines) + b"\n"
    assert acl.ACLLoadFromFile(str(path)) is None and acl.user_lines() == lines

    path.write_bytes(b"user eve on +nosuch\n# comment\nuser e\x0bve on\n")
    err = acl.ACLLoadFromFile(str(path))
    name = str(path).encode()
    assert err == (
        b"%s:1: Unknown command or category name in ACL. "
        b"%s:2 should start with user keyword followed by the username. "
        b"'%s:3: username 'e\x0bve' contains invalid characters. "
        b"WARNING: ACL errors detected, no change to the previously active ACL rules was performed" % (name, name, name))
    assert acl.user_lines() == lines
    assert acl.ACLLoadFromFile("/nonexistent/x") == \
        b"Error loading ACLs, opening file '/nonexistent/x': No such file or directory"


def test_clients_of_a_deleted_user(monkeypatch):
    freed = []
    monkeypatch.setattr(acl, "freeClientAsync", freed.append)
    u = acl.ACLCreateUser(b"bob")
    me, other, third = client(), client(), client()
    me.user = other.user = u
    third.user = acl.DefaultUser
    for c in (me, other, third):
        c.authenticated = 1
        listAddNodeTail(server.clients, c)
    server.current_client = me
    acl.ACLFreeUserAndKillClients(u)
    server.current_client = None
    assert freed == [other] and me.flags & CLIENT_CLOSE_AFTER_COMMAND
    assert me.user is other.user is acl.DefaultUser
    assert (me.authenticated, other.authenticated, third.authenticated) == (0, 0, 1)


def test_log_groups_and_trims(commands, monkeypatch):
    now = [1000]
    monkeypatch.setattr(acl, "mstime", lambda: now[0])
    monkeypatch.setattr(acl, "catClientInfoString", lambda s, c: s + b"id=1")
    c = client()
    c.user = new_user()
    c.argv = [createStringObject(b"get"), createStringObject(b"k")]
    c.cmd = commands[b"get"]
    for _ in range(3):
        acl.addACLLogEntry(c, acl.ACL_DENIED_KEY, 1, None)
    acl.addACLLogEntry(c, acl.ACL_DENIED_AUTH, 0, b"eve")
    entries = list(list_values(acl.ACLLog))
    assert [(le.count, le.object, le.username) for le in entries] == [(1, b"get", b"eve"), (3, b"k", b"alice")]
    now[0] += 60001
    acl.addACLLogEntry(c, acl.ACL_DENIED_KEY, 1, None)
    assert [le.count for le in list_values(acl.ACLLog)] == [1, 1, 3]
    for n in range(10):
        c.argv[1] = createStringObject(b"%d" % n)
        acl.addACLLogEntry(c, acl.ACL_DENIED_KEY, 1, None)
    assert [le.object for le in list_values(acl.ACLLog)] == [b"9", b"8", b"7", b"6", b"5"]


def test_command_ids_skip_the_last_bit():
    ids = [acl.ACLGetCommandID(b"m%d" % n) for n in range(1100)]
    assert 1023 not in ids and len(set(ids)) == 1100
    assert acl.ACLGetCommandID(b"M7") == ids[7]


def test_new_users_are_off():
    u = acl.ACLCreateUser(b"bob")
    assert u.flags & USER_FLAG_DISABLED and not u.flags & USER_FLAG_ENABLED
    assert acl.ACLCreateUser(b"bob") is None
    fake = acl.ACLCreateUnlinkedUser()
    assert acl.ACLGetUserByName(fake.name) is None
