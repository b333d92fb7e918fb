"""config.py and config_table.py: parsing, bounds, rewriting; no server process."""
import os

import pytest

from server.admin import config, config_rewrite, config_table
from server.admin.config_table import IMMUTABLE_CONFIG, configs
from server.server_h import MAXMEMORY_ALLKEYS_LRU, clientBufferLimitsConfig, server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """Defaults in all fields, an empty working directory, and everything back afterwards."""
    saved = {name: getattr(server, name) for name in server.__slots__}
    monkeypatch.chdir(tmp_path)
    config.initConfigValues()
    server.bindaddr, server.bindaddr_count = ["*", "-::*"], 2
    server.saveparams, server.saveparamslen = [], 0
    for seconds, changes in ((3600, 1), (300, 100), (60, 10000)):
        config.appendServerSaveParams(seconds, changes)
    server.client_obuf_limits = [clientBufferLimitsConfig(d.hard_limit_bytes, d.soft_limit_bytes, d.soft_limit_seconds)
                                 for d in config_table.clientBufferLimitsDefaults]
    server.oom_score_adj_values = list(config_table.configOOMScoreAdjValuesDefaults)
    server.logfile = ""
    server.cluster_configfile = "nodes.conf"
    server.umask = 0o022
    yield
    for name, value in saved.items():
        setattr(server, name, value)


def row(name):
    return next(c for c in configs if c.name == name)


def set_(name, value, update=0):
    r = row(name)
    return r.interface.set(r.data, value, update)


def fields():
    return {c.name: getattr(c.data.struct, c.data.field) for c in configs}


def test_rows_are_well_formed():
    names = [c.name for c in configs] + [c.alias for c in configs if c.alias]
    assert len(names) == len(set(names))
    for c in configs:
        assert c.name == c.name.lower()
        ok, err = config_table.numericBoundaryCheck(c.data, c.data.default_value) if hasattr(c.data, "lower_bound") \
            else (1, None)
        assert ok, (c.name, err)


def test_defaults():
    assert (server.port, server.maxclients, server.config_hz, server.rdb_filename, server.requirepass) == \
        (6379, 10000, 10, "dump.rdb", None)


def test_redis_conf_is_the_defaults():
    before = fields()
    others = (list(map(lambda sp: (sp.seconds, sp.changes), server.saveparams)), server.oom_score_adj_values)
    config.loadServerConfig(os.path.join(ROOT, "redis.conf"), 0, None)
    assert fields() == before
    assert (list(map(lambda sp: (sp.seconds, sp.changes), server.saveparams)), server.oom_score_adj_values) == others
    assert server.bindaddr == ["127.0.0.1", "-::1"]


def test_redis_conf_names_every_row():
    with open(os.path.join(ROOT, "redis.conf"), "rb") as f:
        words = {line.lstrip(b"# ").split(b" ")[0].strip() for line in f}
    assert [c.name for c in configs if c.name not in words] == []


@pytest.mark.parametrize("text,field,value", [
    (b"port 7000", "port", 7000),
    (b"PORT 7000", "port", 7000),
    (b"maxmemory 10mb", "maxmemory", 10 * 1024 * 1024),
    (b"maxmemory 2K", "maxmemory", 2000),
    (b"maxmemory-policy AllKeys-LRU", "maxmemory_policy", MAXMEMORY_ALLKEYS_LRU),
    (b"appendonly YES", "aof_enabled", 1),
    (b"slave-read-only no", "repl_slave_ro", 0),
    (b"hz 1000", "config_hz", 500),
    (b"hz 0", "config_hz", 1),
    (b'requirepass "a\\x00b"', "requirepass", b"a\0b"),
    (b'masteruser ""', "masteruser", None),
    (b'aclfile ""', "acl_filename", ""),
    (b"unixsocketperm 700", "unixsocketperm", 0o700),
    (b"bind 127.0.0.1  ::1", "bindaddr", ["127.0.0.1", "::1"]),
    (b"notify-keyspace-events KEA", "notify_keyspace_events", 0x27ff),
    (b"# port 1\n\n  \t\nport 7001\r\n", "port", 7001),
    (b"replicaof 10.0.0.1 6380", "masterport", 6380),
    (b"repl-backlog-size 5mb", "repl_backlog_size", 5 << 20),
])
def test_load(text, field, value):
    config.loadServerConfigFromString(text)
    assert getattr(server, field) == value


def test_save_lines():
    config.loadServerConfigFromString(b"port 1")
    assert server.saveparamslen == 3                           # no line: the defaults stay
    config.loadServerConfigFromString(b"save 900 1\nsave 300 10")
    assert [(sp.seconds, sp.changes) for sp in server.saveparams] == [(900, 1), (300, 10)]
    config.loadServerConfigFromString(b'save ""')
    assert server.saveparamslen == 0


def test_client_output_buffer_limit():
    config.loadServerConfigFromString(b"client-output-buffer-limit slave 512mb 128mb 120")
    limits = server.client_obuf_limits[1]
    assert (limits.hard_limit_bytes, limits.soft_limit_bytes, limits.soft_limit_seconds) == (512 << 20, 128 << 20, 120)


def test_limits_are_unsigned(tmp_path):
    """C keeps them in unsigned long long: -1 is never reached.  A rewritten file says -1 again."""
    config.loadServerConfigFromString(b"client-output-buffer-limit normal -1 -1gb 0")
    limits = server.client_obuf_limits[0]
    assert (limits.hard_limit_bytes, limits.soft_limit_bytes) == ((1 << 64) - 1, (1 << 64) - (1 << 30))
    assert b"client-output-buffer-limit normal -1 -1gb 0\n" in rewrite(tmp_path, b"")


def test_numbers_that_are_cut(tmp_path):
    """atoi, strtol into an int, mode_t: what C's variables hold of a number that is too large."""
    config.loadServerConfigFromString(b"save 4294967297 4294967298\nreplicaof ::1 4294973675\nunixsocketperm -37777777001")
    assert [(sp.seconds, sp.changes) for sp in server.saveparams] == [(1, 2)]
    assert (server.masterport, server.unixsocketperm) == (6379, 0o777)


def test_include_and_options(tmp_path):
    (tmp_path / "a.conf").write_bytes(b"port 7000\ninclude b.conf\n")
    (tmp_path / "b.conf").write_bytes(b"timeout 5\n")
    config.loadServerConfig("a.conf", 0, b"port 7005\n")
    assert (server.port, server.maxidletime) == (7005, 5)


@pytest.mark.parametrize("text,linenum,err", [
    (b"port 99999", 1, b"argument must be between 0 and 65535 inclusive"),
    (b"timeout 1\nport abc", 2, b"argument couldn't be parsed into an integer"),
    (b"maxmemory 1xb", 1, b"argument must be a memory value"),
    (b"appendonly maybe", 1, b"argument must be 'yes' or 'no'"),
    (b"loglevel loud", 1, b"argument must be one of the following: debug, verbose, notice, warning"),
    (b"dbfilename a/b.rdb", 1, b"dbfilename can't be a path, just a filename"),
    (b"port 1 2", 1, b"wrong number of arguments"),
    (b"no-such-thing 1", 1, b"Bad directive or wrong number of arguments"),
    (b'requirepass "abc', 1, b"Unbalanced quotes in configuration line"),
    (b"save 0 1", 1, b"Invalid save parameters"),
    (b"bind" + b" 1.1.1.1" * 17, 1, b"Too many bind addresses specified"),
    (b"unixsocketperm 1777", 1, b"Invalid socket file permissions"),
    (b"replicaof host 70000", 1, b"Invalid master port"),
    (b"notify-keyspace-events Kq", 1, b"Invalid event class character. Use 'g$lshzxeA'."),
    (b"oom-score-adj-values 1 2 3000", 1,
     b"Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
    (b"cluster-enabled yes\nreplicaof a 1\nport 1", 2, b"replicaof directive not allowed in cluster mode"),
    (b"sentinel monitor a b c d", 1, b"sentinel directive while not in sentinel mode"),
    (b"client-output-buffer-limit master 1 1 1", 1, b"Unrecognized client limit class: the user specified "
     b"an invalid one, or 'master' which has no buffer limits."),
    (b"activedefrag perhaps", 1, b"argument must be 'yes' or 'no'"),
])
def test_fatal_error(text, linenum, err, capfdbinary):
    with pytest.raises(SystemExit) as e:
        config.loadServerConfigFromString(text)
    assert e.value.code == 1
    assert capfdbinary.readouterr().err == (
        b"\n*** FATAL CONFIG FILE ERROR (Redis 6.2.14) ***\nReading the configuration file, at line %d\n>>> '%s'\n%s\n"
        % (linenum, text.split(b"\n")[linenum-1], err))


def test_unsigned_bounds():
    assert set_(b"maxclients", b"-1") == (0, b"argument must be between 1 and 4294967295 inclusive")
    assert set_(b"hash-max-ziplist-entries", b"-1")[0] == 0
    assert set_(b"slowlog-max-len", b"-1") == (0, b"argument must be between 0 and 9223372036854775807 inclusive")


def test_hook_runs_only_for_config_set_and_rolls_back(monkeypatch):
    calls = []

    def hook(val, prev):
        calls.append((val, prev))
        return (0, b"no") if val == 3 else (1, None)
    monkeypatch.setattr(row(b"timeout").data, "update_fn", hook)
    assert set_(b"timeout", b"5") == (1, None) and calls == []
    assert set_(b"timeout", b"7", 1) == (1, None) and calls == [(7, 5)]
    assert set_(b"timeout", b"3", 1) == (0, b"no")
    assert server.maxidletime == 7


# --- CONFIG REWRITE

def rewrite(tmp_path, text, force_all=0):
    server.configfile = str(tmp_path / "redis.conf")
    (tmp_path / "redis.conf").write_bytes(text)
    assert config_rewrite.rewriteConfig(server.configfile, force_all) == 0
    return (tmp_path / "redis.conf").read_bytes()


def test_rewrite_keeps_order_and_comments(tmp_path):
    text = b"# my server\nport 7000\n\n\n\n# memory\nmaxmemory 1gb\nunknown-to-us 5\n"
    config.loadServerConfigFromString(b"port 7000\nmaxmemory 1gb")
    server.maxmemory = 3 * 1024 * 1024
    new = rewrite(tmp_path, text)
    assert new.startswith(b"# my server\nport 7000\n\n# memory\nmaxmemory 3mb\nunknown-to-us 5\n")
    assert new.count(config_rewrite.REDIS_CONFIG_REWRITE_SIGNATURE) == 1
    assert b'dir "%s"\n' % os.fsencode(os.getcwd()) in new


def test_rewrite_is_stable(tmp_path):
    config.loadServerConfigFromString(b"port 7000\nrequirepass secret\nbind 127.0.0.1")
    once = rewrite(tmp_path, b"port 7000\n")
    assert rewrite(tmp_path, once) == once
    before = fields()
    config.initConfigValues()
    config.loadServerConfigFromString(once)
    assert fields() == before


def test_rewrite_drops_what_is_orphaned(tmp_path):
    config.loadServerConfigFromString(b"save 900 1\nreplicaof no one")
    new = rewrite(tmp_path, b"save 900 1\nsave 300 10\nslaveof 1.2.3.4 5\nport 6379\nport 6379\n# end\n")
    assert new.startswith(b"save 900 1\n\nport 6379\n\n# end\n")


def test_rewrite_translates_old_names(tmp_path):
    server.repl_slave_ro = 0
    assert b"replica-read-only no\n" in rewrite(tmp_path, b"slave-read-only yes\n")


def test_rewrite_force_all_can_be_loaded_again(tmp_path):
    new = rewrite(tmp_path, b"", 1)
    before = fields()
    config.loadServerConfigFromString(new)
    assert fields() == before
    assert b"\nhz 10\n" in new and b"\nclient-output-buffer-limit replica 256mb 64mb 60\n" in new


def test_rewrite_of_a_broken_line(tmp_path):
    assert rewrite(tmp_path, b'requirepass "abc\n').startswith(b'# ??? requirepass "abc\n')


def test_rewrite_without_permission(tmp_path):
    server.configfile = str(tmp_path / "no-such-dir" / "redis.conf")
    assert config_rewrite.rewriteConfig(server.configfile, 0) == -1
    assert os.strerror(config_rewrite.rewriteConfig_errno) == "No such file or directory"


def test_format_memory():
    assert [config_rewrite.rewriteConfigFormatMemory(n) for n in (0, 1, 1024, 1536, 3 << 20, 2 << 30)] == \
        [b"0", b"1", b"1kb", b"1536", b"3mb", b"2gb"]


def test_names_and_order_of_config_get():
    """First and last rows of CONFIG GET * of Redis 6.2.14 without TLS, and how many there are."""
    assert [c.name for c in configs[:3]] == [b"rdbchecksum", b"daemonize", b"io-threads-do-reads"]
    assert configs[125].name == b"auto-aof-rewrite-min-size"
    assert configs[-1].name == b"fast-path"         # ours
    assert len(configs) - 1 == (146 if config_table.USE_OPENSSL else 126)


def test_immutable_rows():
    immutable = {c.name for c in configs if c.flags & IMMUTABLE_CONFIG}
    assert {b"daemonize", b"databases", b"appendfilename", b"io-threads"} <= immutable
    assert b"port" not in immutable
