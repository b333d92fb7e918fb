"""The Sentinel's file, its words, its scripts and its addresses."""
import os
import stat
import time

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from datastructs.adlist import list_values
from datastructs.dict import dict_entries, dictEmpty
from datastructs.sds import sdssplitargs
from replication.sentinel import sentinel as sp
from replication.sentinel.sentinel_h import SENTINEL_SCRIPT_RUNNING, SRI_MASTER, SRI_SENTINEL, SRI_SLAVE, sentinel
from server.admin import config_rewrite
from server.server_h import server
from tests.unit.replication.sentinel_world import World


@pytest.fixture
def w(monkeypatch, tmp_path):
    with World(monkeypatch, tmp_path) as world:
        yield world


def lines():
    """The `sentinel` lines that a rewrite of an empty file would append."""
    state = config_rewrite.rewriteConfigState()
    sp.rewriteConfigSentinelOption(state)
    return [line for line in state.lines if line.startswith(b"sentinel ")]


def load(text):
    """Read `sentinel` lines as a start does."""
    dictEmpty(sentinel.masters)
    for n, line in enumerate(text):
        sp.queueSentinelConfig(sdssplitargs(line)[1:], n + 1, line)
    sp.loadSentinelConfigFromQueue()


def test_the_file_brings_everything_back(w):
    for port in (7000, 7001, 8001):
        w.add(port)
    load([b"sentinel known-replica m 127.0.0.1 7001", b"sentinel leader-epoch m 4", b"sentinel config-epoch m 3",
          b"sentinel known-sentinel m 127.0.0.1 8001 " + b"s" * 40, b"sentinel known-sentinel m 127.0.0.1 8002",
          b"sentinel auth-pass m 'a b'", b"sentinel auth-user m joe", b"sentinel rename-command m CONFIG \"\\x01\"",
          b"sentinel failover-timeout m 5", b"sentinel parallel-syncs m 3", b"sentinel down-after-milliseconds m 77",
          b"sentinel notification-script m /bin/true", b"sentinel client-reconfig-script m /bin/true",
          b"sentinel monitor m 127.0.0.1 7000 2", b"sentinel current-epoch 9", b"sentinel announce-ip 10.0.0.1",
          b"sentinel announce-port 77", b"sentinel deny-scripts-reconfig no", b"sentinel sentinel-user u",
          b"sentinel sentinel-pass p", b"sentinel myid " + b"q" * 40])
    ri = w.master()
    assert (ri.quorum, ri.leader_epoch, ri.config_epoch, ri.auth_pass, ri.parallel_syncs) == (2, 4, 3, b"a b", 3)
    assert [de.val.down_after_period for d in (ri.slaves, ri.sentinels) for de in dict_entries(d)] == [77, 77]
    assert (sentinel.current_epoch, sentinel.announce_port, sentinel.sentinel_auth_pass, sentinel.myid) == (9, 77, b"p", b"q" * 40)
    written = lines()
    assert b'sentinel auth-pass m "a b"' in written and b"sentinel rename-command m CONFIG \x01" in written
    load(written)
    assert sorted(lines()) == sorted(written)


@pytest.mark.parametrize("line,err", [
    (b"monitor m 127.0.0.1 7000 0", b"Quorum must be 1 or greater."),
    (b"monitor m nosuch 7000 1", b"Can't resolve instance hostname."),
    (b"monitor m 127.0.0.1 70000 1", b"Invalid port number."),
    (b"monitor n 127.0.0.1 7000 1", b"Duplicate master name."),
    (b"monitor m 127.0.0.1 7000", b"Unrecognized sentinel configuration statement."),
    (b"down-after-milliseconds m 1", b"No such master with specified name."),
    (b"down-after-milliseconds n 0", b"negative or zero time parameter."),
    (b"failover-timeout n x", b"negative or zero time parameter."),
    (b"notification-script n /nosuch", b"Notification script seems non existing or non executable."),
    (b"client-reconfig-script n /etc/passwd", b"Client reconfiguration script seems non existing or non executable."),
    (b"myid x", b"Malformed Sentinel id in myid option."),
    (b"known-replica n 127.0.0.1 7001", b"Duplicate hostname and port for replica."),
    (b"known-slave n nosuch 7001", b"Can't resolve instance hostname."),
    (b"known-sentinel n 127.0.0.1 1 s", b"Duplicate runid for sentinel."),
    (b"rename-command n CONFIG x", b"Same command renamed multiple times with rename-command."),
    (b"deny-scripts-reconfig x", b"Please specify yes or no for the deny-scripts-reconfig options."),
    (b"resolve-hostnames x", b"Please specify yes or no for the resolve-hostnames option."),
    (b"announce-hostnames x", b"Please specify yes or no for the announce-hostnames option."),
    (b"nosuch", b"Unrecognized sentinel configuration statement."),
])
def test_what_a_bad_line_answers(w, line, err):
    load([b"sentinel monitor n 127.0.0.1 7000 1", b"sentinel known-replica n 127.0.0.1 7001", b"sentinel known-sentinel n 127.0.0.1 1 s",
          b"sentinel rename-command n config y"])
    words = sdssplitargs(line)
    assert sp.sentinelHandleConfiguration(words, len(words)) == err


WORDS = st.binary(min_size=1, max_size=12).filter(lambda b: b"\0" not in b)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=WORDS, password=WORDS, runid=WORDS, old=WORDS, new=WORDS)
def test_no_word_can_break_out_of_its_line(w, name, password, runid, old, new):
    """D-73: whatever a user or another Sentinel calls itself, the file has one line for it, and gives it back."""
    dictEmpty(sentinel.masters)
    ri, _ = sp.createSentinelRedisInstance(name, SRI_MASTER, b"127.0.0.1", 7000, 1, None)
    ri.auth_pass = password
    sp.dictAdd(ri.renamed_commands, old, new)
    si, _ = sp.createSentinelRedisInstance(runid, SRI_SENTINEL, b"127.0.0.1", 8000, 1, ri)
    si.runid = runid
    written = lines()
    assert all(b"\n" not in line and b"\r" not in line for line in written)
    load(written)
    ri = sp.sentinelGetMasterByName(name)
    assert ri.auth_pass == password and [(de.key, de.val) for de in dict_entries(ri.renamed_commands)] == [(old, new)]
    assert [de.val.runid for de in dict_entries(ri.sentinels)] == [runid]


def test_ordinary_words_are_written_bare():
    for word in (b"mymaster", b"a-b.c_d", b"p@ss=word", b"\xc3\xa4", b"127.0.0.1", b"#"):
        assert sp.config_word(word) == word
    assert sp.config_word(b"") == b'""'
    assert sp.config_word(b"x\nsentinel parallel-syncs m 7") == b'"x\\nsentinel parallel-syncs m 7"'


def test_a_failing_disk_is_logged_and_nothing_else(w, monkeypatch):
    told = []
    monkeypatch.setattr(sp, "serverLog", lambda level, fmt, *args: told.append(fmt % args))
    monkeypatch.setattr(sp, "rewriteConfig", lambda path, force_all: -1)
    monkeypatch.setattr(config_rewrite, "rewriteConfig_errno", 28)
    server.hz = 17
    sp.sentinelFlushConfig()
    assert told == ["WARNING: Sentinel was not able to save the new configuration on disk!!!: No space left on device"]
    assert server.hz == 17


# ------ addresses ------

def test_addresses(w):
    sa, err = sp.createSentinelAddr(b"127.0.0.1", 70000, 1)
    assert sa is None and err == sp.errno.EINVAL
    sa, err = sp.createSentinelAddr(b"no.such.host.invalid", 1, 1)
    assert sa is None and err == sp.errno.ENOENT
    sentinel.resolve_hostnames = 1
    sa, err = sp.createSentinelAddr(b"no.such.host.invalid", 1, 1)
    assert (sa.hostname, sa.ip, err) == (b"no.such.host.invalid", b"", 0)
    assert sp.createSentinelAddr(b"no.such.host.invalid", 1, 0)[1] == sp.errno.ENOENT
    assert sp.sentinelAddrEqualsHostname(sa, b"NO.such.host.invalid") and not sp.sentinelAddrEqualsHostname(sa, None)
    local, _ = sp.createSentinelAddr(b"localhost", 1, 0)
    assert local.ip in (b"127.0.0.1", b"::1") and local.hostname == b"localhost"
    sentinel.announce_hostnames = 1
    assert sp.announceSentinelAddrAndPort(local) == b"localhost:1"
    six, _ = sp.createSentinelAddr(b"::1", 5, 0)
    assert sp.announceSentinelAddrAndPort(six) == b"[::1]:5"
    assert sp.sentinelAddrOrHostnameEqual(six, sp.dupSentinelAddr(six))


def test_names_of_kinds(w):
    w.add(7000)
    ri = w.monitor()
    assert sp.sentinelRedisInstanceTypeStr(ri) == b"master"
    for flags, name in ((SRI_SLAVE, b"slave"), (SRI_SENTINEL, b"sentinel"), (0, b"unknown")):
        ri.flags = flags
        assert sp.sentinelRedisInstanceTypeStr(ri) == name
    ri.flags = SRI_MASTER


def test_long_events_are_cut(w):
    w.add(7000)
    w.monitor("m" * 1000)
    assert len(w.said("+monitor")[0]) == 1023


# ------ scripts ------

def script(tmp_path, text, name="script"):
    path = tmp_path / name
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return os.fsencode(str(path))


def jobs():
    return list(list_values(sentinel.scripts_queue))


def run_scripts(w, until, ms=0):
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end, "the script does not end"
        sp.sentinelRunPendingScripts()
        sp.sentinelCollectTerminatedScripts()
        w.clock.advance(ms=ms)
        time.sleep(0.005)


def test_arguments_and_success(w, tmp_path):
    sp.sentinelScheduleScriptExecution(script(tmp_path, 'echo "$#|$1|$2" > "%s/out"' % tmp_path), b"+event", b"text of \xe4 b")
    run_scripts(w, lambda: not jobs())
    assert (tmp_path / "out").read_bytes() == b"2|+event|text of \xe4 b\n"
    assert sentinel.running_scripts == 0 and not w.said("-script-error")


@pytest.mark.parametrize("text,error", [("exit 2", "0 2"), ("exit 7", "0 7")])
def test_other_exit_codes_are_not_tried_again(w, tmp_path, text, error):
    path = script(tmp_path, text)
    sp.sentinelScheduleScriptExecution(path)
    run_scripts(w, lambda: not jobs())
    assert w.said("-script-error") == ["%s %s" % (path.decode(), error)]


def test_a_missing_script_is_exit_code_2(w):
    sp.sentinelScheduleScriptExecution(b"/no/such/script")
    run_scripts(w, lambda: not jobs())
    assert w.said("-script-error") == ["/no/such/script 0 2"]


@pytest.mark.parametrize("text", ["exit 1", "kill -9 $$"])
def test_exit_1_and_signals_are_tried_ten_times(w, tmp_path, text):
    path = script(tmp_path, "echo x >> '%s/count'; %s" % (tmp_path, text))
    sp.sentinelScheduleScriptExecution(path)
    run_scripts(w, lambda: jobs()[0].retry_num == 1 and not jobs()[0].flags & SENTINEL_SCRIPT_RUNNING)
    assert jobs()[0].start_time == w.clock.wall_ns // 1000000 + 30000
    sp.sentinelRunPendingScripts()
    assert sentinel.running_scripts == 0           # not due yet
    run_scripts(w, lambda: not jobs(), ms=10 * 60 * 1000)
    assert (tmp_path / "count").read_text().count("x") == 10
    assert w.said("-script-error") == [path.decode() + (" 0 1" if text == "exit 1" else " 9 0")]


def test_retry_delays():
    assert [sp.sentinelScriptRetryDelay(n) for n in (1, 2, 3, 10)] == [30000, 60000, 120000, 30000 * 512]


def test_a_script_that_hangs_is_killed(w, tmp_path):
    path = script(tmp_path, "exec sleep 600")
    sp.sentinelScheduleScriptExecution(path)
    sp.sentinelRunPendingScripts()
    w.clock.advance(ms=60000)
    sp.sentinelKillTimedoutScripts()
    assert not w.said("-script-timeout")
    w.clock.advance(ms=1)
    sp.sentinelKillTimedoutScripts()
    assert w.said("-script-timeout")
    run_scripts(w, lambda: not jobs()[0].flags & SENTINEL_SCRIPT_RUNNING)
    assert jobs()[0].retry_num == 1


def test_limits(w, tmp_path):
    go = tmp_path / "go"
    path = script(tmp_path, 'while [ ! -e "%s" ]; do sleep 0.05; done' % go)
    for n in range(300):
        sp.sentinelScheduleScriptExecution(path, b"%d" % n)
        if n == 99:
            sp.sentinelRunPendingScripts()
    assert sentinel.running_scripts == 16 and len(jobs()) == 256
    # The oldest that did not run had to go.
    assert [j.argv[1] for j in jobs()[:17]] == [b"%d" % n for n in list(range(16)) + [60]]
    reply = w.redis("SENTINEL", "PENDING-SCRIPTS")
    assert len(reply) == 256 and reply[0][3] == b"running" and reply[-1][3] == b"scheduled"
    while len(jobs()) > 16:
        sp.listDelNode(sentinel.scripts_queue, sentinel.scripts_queue.tail)
    go.write_text("")
    run_scripts(w, lambda: not jobs())


def test_which_events_run_the_script(w, tmp_path):
    w.add(7000)
    sentinel.deny_scripts_reconfig = 0
    w.monitor()
    assert w.redis("SENTINEL", "SET", "m", "notification-script", script(tmp_path, "exit 0")) == b"OK"
    assert [j.argv[1:] for j in jobs()] == [[b"+set", b"master m 127.0.0.1 7000 notification-script " + jobs()[0].argv[0]]]
    sp.sentinelEvent(sp.LL_NOTICE, b"+x", w.master(), b"%@")
    sp.sentinelEvent(sp.LL_WARNING, b"+x", None, b"y")
    assert len(jobs()) == 1
