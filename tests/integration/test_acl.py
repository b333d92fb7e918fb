"""What a user may not do stays out of reach by every detour: scripts, transactions, MONITOR, tracking, a renamed command,
a connection that was there before its rights went.  Everything is asked of the C server, too, where one is at hand."""
import os

import pytest

from tests.integration.test_cross_persistence import real_server
from tests.support.resp import RespError
from tests.support.server import start_server

CONF = {"rename-command": ["FLUSHDB wipe", 'KEYS ""'], "acllog-max-len": 1000}
NOPERM = "NOPERM this user has no permissions to "


def command(name):
    return NOPERM + "run the '%s' command or its subcommand" % name


KEY = NOPERM + "access one of the keys used as arguments"
CHANNEL = NOPERM + "access one of the channels used as arguments"
SCRIPT = "The user executing the script can't "


@pytest.fixture(scope="module", params=["ours", "real"])
def s(request):
    executable = None
    if request.param == "real":
        executable = real_server("6.2")
        if executable is None:
            pytest.skip("no C server of version 6.2 at hand")
    with start_server(conf=CONF, real=executable is not None, executable=executable) as s:
        yield s


@pytest.fixture
def admin(s):
    """The default user, beside a user `joe`."""
    with s.resp() as c:
        c.execute("FLUSHALL")
        c.execute("SET", "secret", "s3")
        c.execute("SET", "app:1", "x")
        assert c.execute("ACL", "SETUSER", "joe", "reset", "on", "nopass", "~app:*", "resetchannels", "&ch:*", "+@all",
                         "-@dangerous", "-set", "-flushdb") == b"OK"
        c.execute("ACL", "LOG", "RESET")
        yield c
        c.execute("ACL", "DELUSER", "joe")


@pytest.fixture
def joe(s, admin):
    with s.resp() as c:
        assert c.execute("AUTH", "joe", "any") == b"OK"
        yield c


def refused(reply, text):
    assert isinstance(reply, RespError), reply
    assert text in reply.text, reply.text


@pytest.mark.parametrize("args,text", [
    (("SET", "app:1", "y"), command("set")),
    (("STRLEN", "secret"), KEY),
    (("RENAME", "app:1", "secret"), KEY),
    (("COPY", "secret", "app:2"), KEY),
    (("OBJECT", "ENCODING", "secret"), KEY),
    (("BLPOP", "secret", "1"), KEY),
    (("XREAD", "STREAMS", "secret", "0"), KEY),
    (("ZUNIONSTORE", "app:z", "1", "secret"), KEY),
    (("GEORADIUS", "app:g", "1", "1", "1", "m", "STORE", "secret"), KEY),
    (("WATCH", "secret"), KEY),
    (("PUBLISH", "other", "m"), CHANNEL),
    (("SUBSCRIBE", "other"), CHANNEL),
    (("PSUBSCRIBE", "ch:[ab]"), CHANNEL),
    (("MONITOR",), command("monitor")),
    (("CLIENT", "TRACKING", "ON"), command("client")),
    (("CLIENT", "KILL", "ID", "1"), command("client")),
    (("CONFIG", "GET", "*"), command("config")),
    (("DEBUG", "SLEEP", "0"), command("debug")),
    (("ACL", "SETUSER", "joe", "+@all"), command("acl")),
    (("SYNC",), command("sync")),
    (("PSYNC", "?", "-1"), command("psync")),
    (("REPLICAOF", "NO", "ONE"), command("replicaof")),
    (("SHUTDOWN",), command("shutdown")),
    (("wipe",), command("flushdb")),                   # renamed: the rights are those of the command
    (("FLUSHDB",), "unknown command"),
    (("KEYS", "*"), "unknown command"),
    (("EVAL", "return redis.call('strlen', KEYS[1])", "1", "secret"), KEY),
    (("EVAL", "return redis.call('strlen', 'secret')", "0"), SCRIPT + "access at least one of the keys mentioned in the command"),
    (("EVAL", "return redis.call('set', 'app:1', 'y')", "0"), SCRIPT + "run this command or subcommand"),
    (("EVAL", "return redis.pcall('set', 'app:1', 'y')", "0"), SCRIPT + "run this command or subcommand"),
    (("EVAL", "return redis.call('wipe')", "0"), SCRIPT + "run this command or subcommand"),
    (("EVAL", "return redis.call('info')", "0"), SCRIPT + "run this command or subcommand"),
    (("EVAL", "return redis.call('publish', 'other', 'm')", "0"), "publish to the channel mentioned in the command"),
])
def test_refused(admin, joe, args, text):
    refused(joe.execute(*args), text)
    assert admin.execute("MGET", "secret", "app:1") == [b"s3", b"x"]
    log = admin.execute("ACL", "LOG")
    if "unknown command" not in text:
        entry = dict(zip(log[0][::2], log[0][1::2]))
        assert entry[b"username"] == b"joe"
        assert entry[b"context"] == (b"lua" if "script" in text or "publish to" in text or "run this" in text else b"toplevel")


def test_transaction(admin, joe):
    assert joe.execute("MULTI") == b"OK"
    refused(joe.execute("SET", "app:1", "y"), command("set"))
    assert joe.execute("STRLEN", "app:1") == b"QUEUED"
    refused(joe.execute("EXEC"), "EXECABORT")
    # A script in a transaction has no more rights than outside.
    joe.execute("MULTI")
    assert joe.execute("EVAL", "return redis.pcall('set', 'app:1', 'y')", "0") == b"QUEUED"
    refused(joe.execute("EXEC")[0], "run this command")
    # Rights that go between queueing and EXEC are gone, one command at a time.
    joe.execute("MULTI")
    joe.execute("STRLEN", "app:1")
    joe.execute("APPEND", "app:1", "z")
    joe.execute("PING")
    admin.execute("ACL", "SETUSER", "joe", "-append", "resetkeys", "~other")
    strlen, append, ping = joe.execute("EXEC")
    refused(strlen, "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
                    "This command is no longer allowed for the following reason: no permission to touch the specified keys")
    refused(append, "no permission to execute the command or subcommand")
    assert ping == b"PONG"
    assert admin.execute("GET", "app:1") == b"x"


def test_right_to_track_is_no_right_to_read(admin, joe):
    """Tracking tells of changes only, and only of the keys that the client could read."""
    admin.execute("ACL", "SETUSER", "joe", "+client|tracking")
    joe.execute("HELLO", "3")
    assert joe.execute("CLIENT", "TRACKING", "ON") == b"OK"
    refused(joe.execute("GET", "secret"), KEY)
    assert joe.execute("GET", "app:1") == b"x"
    admin.execute("SET", "secret", "s4")                # was never read by joe
    admin.execute("SET", "app:1", "x")
    assert joe.execute("PING") == b"PONG"
    assert [list(push) for push in joe.pushes] == [[b"invalidate", [b"app:1"]]]


def test_subscriber_loses_its_channel(s, admin, joe):
    assert joe.execute("SUBSCRIBE", "ch:1")[:2] == [b"subscribe", b"ch:1"]
    admin.execute("ACL", "SETUSER", "joe", "resetchannels", "&other")
    assert joe.at_eof()


def test_deleted_user_is_gone_at_once(s, admin, joe):
    assert joe.execute("STRLEN", "app:1") == 1
    admin.execute("ACL", "DELUSER", "joe")
    assert joe.at_eof()
    with s.resp() as c:
        refused(c.execute("AUTH", "joe", "any"), "WRONGPASS")


def test_before_auth_nothing_runs(s, admin):
    admin.execute("CONFIG", "SET", "requirepass", "pw")
    try:
        with s.resp() as c:
            for args in (("GET", "secret"), ("EVAL", "return 1", "0"), ("MULTI",), ("MONITOR",), ("wipe",), ("ACL", "WHOAMI")):
                refused(c.execute(*args), "NOAUTH Authentication required.")
            refused(c.execute("AUTH", "wrong"), "WRONGPASS")
            assert c.execute("AUTH", "pw") == b"OK"
            assert c.execute("ACL", "WHOAMI") == b"default"
    finally:
        admin.execute("CONFIG", "SET", "requirepass", "")


def test_password_is_not_shown(s, admin, joe):
    """MONITOR leaves out AUTH, HELLO and ACL; SLOWLOG blots out what they were given; the log names none of it."""
    admin.execute("CONFIG", "SET", "slowlog-log-slower-than", "0")
    with s.resp() as monitor:
        assert monitor.execute("MONITOR") == b"OK"
        admin.execute("ACL", "SETUSER", "joe", ">s3cret")
        joe.execute("AUTH", "joe", "s3cret")
        joe.execute("HELLO", "2", "AUTH", "joe", "s3cret")
        admin.execute("ECHO", "end")
        seen = b""
        while b"end" not in seen:
            seen += monitor.read()
        assert b"s3cret" not in seen
    slow = repr(admin.execute("SLOWLOG", "GET", "128"))
    admin.execute("CONFIG", "SET", "slowlog-log-slower-than", "10000")
    assert "s3cret" not in slow and "(redacted)" in slow
    with open(os.path.join(s.dir, "stdout"), encoding="utf-8", errors="replace") as f:
        assert "s3cret" not in f.read()
