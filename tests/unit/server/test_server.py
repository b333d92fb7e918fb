"""Command table, lookup, process helpers (server/server.py, server_cron.py, server_process.py)."""
import os

import pytest

from server import (  # noqa: F401
    link, server as core, server_cron, server_main, server_process, command_lookup, op_array, os_process, dict_types,
    server_init,
)
from server.commandtable import redisCommandTable
from server.server_h import (
    CMD_ADMIN, CMD_CATEGORY_ADMIN, CMD_CATEGORY_DANGEROUS, CMD_CATEGORY_FAST, CMD_CATEGORY_SLOW, CMD_CATEGORY_WRITE,
    CMD_DENYOOM, CMD_FAST, CMD_WRITE, C_ERR, C_OK, STATS_METRIC_COMMAND, instMetric, redisCommand, redisOpArray, server,
)
from datastructs.dict import dictCreate, dictDelete


@pytest.fixture
def commands(monkeypatch):
    monkeypatch.setattr(server, "commands", dictCreate(dict_types.commandTableDictType))
    monkeypatch.setattr(server, "orig_commands", dictCreate(dict_types.commandTableDictType))
    server_init.populateCommandTable()
    yield


def command(flags):
    return redisCommand(b"x", None, 1, flags, None, 0, 0, 0)


def test_flag_words():
    c = command("write use-memory fast")
    assert server_init.populateCommandTableParseFlags(c, c.sflags) == C_OK
    assert c.flags == CMD_WRITE | CMD_CATEGORY_WRITE | CMD_DENYOOM | CMD_FAST | CMD_CATEGORY_FAST
    c = command("admin")
    assert server_init.populateCommandTableParseFlags(c, c.sflags) == C_OK
    assert c.flags == CMD_ADMIN | CMD_CATEGORY_ADMIN | CMD_CATEGORY_DANGEROUS | CMD_CATEGORY_SLOW


@pytest.mark.parametrize("flags", ["nonsense", "write nonsense", "@nonsense"])
def test_unknown_flag_words_are_refused(flags):
    c = command(flags)
    assert server_init.populateCommandTableParseFlags(c, flags) == C_ERR


def test_every_command_is_found_in_any_case(commands):
    for row in redisCommandTable():
        for name in (row.name, row.name.upper(), row.name.title()):
            assert command_lookup.lookupCommand(name).name == row.name
            assert command_lookup.lookupCommand(name).name == row.name          # from the cache
    assert command_lookup.lookupCommand(b"nosuch") is None
    assert command_lookup.lookupCommand(b"quit") is None


def test_renamed_commands_keep_their_original(commands):
    assert command_lookup.lookupCommand(b"GET") is not None
    dictDelete(server.commands, b"get")
    assert command_lookup.lookupCommand(b"GET") is None
    assert command_lookup.lookupCommandOrOriginal(b"GET").name == b"get"


def test_op_array():
    oa = redisOpArray()
    assert op_array.redisOpArrayAppend(oa, "cmd", 3, ["a", "b"], 1) == 1
    assert (oa.numops, oa.ops[0].dbid, oa.ops[0].argc) == (1, 3, 2)
    op_array.redisOpArrayFree(oa)
    assert (oa.numops, oa.ops) == (0, None)


def test_cstring_ends_at_nul():
    assert core.cstring(b"ab\0c") == b"ab"
    assert core.cstring(bytearray(b"abc")) == b"abc"


def test_run_with_period(monkeypatch):
    monkeypatch.setattr(server, "hz", 10)
    hits = []
    for loop in range(20):
        monkeypatch.setattr(server, "cronloops", loop)
        assert server_cron.run_with_period(100) and server_cron.run_with_period(10)
        if server_cron.run_with_period(1000):
            hits.append(loop)
    assert hits == [0, 10]


def test_instantaneous_metric(monkeypatch):
    now = [1000]
    monkeypatch.setattr(server_cron, "mstime", lambda: now[0])
    m = instMetric()
    m.last_sample_time = 1000
    monkeypatch.setitem(server.inst_metric, STATS_METRIC_COMMAND, m) if isinstance(server.inst_metric, dict) \
        else monkeypatch.setattr(server, "inst_metric", [m] + server.inst_metric[1:])
    for i in range(1, 17):
        now[0] += 100
        server_cron.trackInstantaneousMetric(STATS_METRIC_COMMAND, i * 50)
    assert server_cron.getInstantaneousMetric(STATS_METRIC_COMMAND) == 500
    server_cron.trackInstantaneousMetric(STATS_METRIC_COMMAND, 10**6)      # no time has passed: counts as nothing
    assert m.samples[0] == 0


@pytest.fixture
def title_fields(monkeypatch):
    for field, value in (("port", 6379), ("tls_port", 0), ("unixsocket", None), ("bindaddr", ["127.0.0.1"]),
                         ("bindaddr_count", 1), ("cluster_enabled", 0), ("sentinel_mode", 0), ("configfile", None)):
        monkeypatch.setattr(server, field, value)


@pytest.mark.parametrize("template,expected", [
    ("{title} {listen-addr} {server-mode}", "prog 127.0.0.1:6379"),
    ("{port}/{tls-port} {config-file}", "6379/0 -"),
    ("plain", "plain"), ("{{title}", "{title}"), ("{nosuch}", None), ("{title", None), ("", ""), ("  ", ""),
])
def test_title_template(title_fields, template, expected):
    assert os_process.expandProcTitleTemplate(template, "prog") == expected


@pytest.mark.parametrize("template,ok", [("{title}", 0), ("x", 1), ("{bad}", 0), ("{port}", 1)])
def test_title_template_validation(title_fields, template, ok):
    assert os_process.validateProcTitleTemplate(template) == ok


@pytest.mark.parametrize("cpulist,cpus", [
    ("0", {0}), ("0-3", {0, 1, 2, 3}), ("0-6:2", {0, 2, 4, 6}), ("1,3", {1, 3}), ("1,3-5:2,7", {1, 3, 5, 7}),
    ("1, 3", None), ("x", None), ("0-a", None), ("", None), ("3-1", None), ("0-6:0", None), ("1,", None), ("1x", None), ("1_0", None),
    ("\u0661", None), ("+1", None), ("9" * 5000, set()), ("4294967297", {1}), ("2147483648-3:2", {0, 2}), ("0-2147483647:512", {0, 512}),
])
def test_cpu_list(monkeypatch, cpulist, cpus):
    got = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, c: got.append(c), raising=False)
    os_process.setcpuaffinity(cpulist)
    assert got == ([] if cpus is None else [cpus])


def test_sentinel_mode_is_recognized():
    assert server_main.checkForSentinelMode(["/usr/bin/redis-sentinel", "conf"])
    assert server_main.checkForSentinelMode(["redis-server", "conf", "--sentinel"])
    assert not server_main.checkForSentinelMode(["redis-server", "--port", "1"])
