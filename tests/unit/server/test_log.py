"""Log lines and assertions (server/log.py)."""
import os
import re

import pytest

from datastructs.listpack import lpNew, lpPrev
from datastructs.ziplist import ziplistNew, ziplistNext
from server import log
from server.server_h import LL_DEBUG, LL_NOTICE, LL_RAW, LL_VERBOSE, LL_WARNING, LOG_MAX_LEN, server


@pytest.fixture
def logfile(tmp_path, monkeypatch):
    path = tmp_path / "log"
    for field, value in (("logfile", str(path)), ("verbosity", LL_NOTICE), ("pid", os.getpid()), ("masterhost", None),
                         ("sentinel_mode", 0), ("syslog_enabled", 0), ("daemonize", 0)):
        monkeypatch.setattr(server, field, value)
    yield path


def lines(path):
    return path.read_bytes().decode("utf-8", "surrogateescape").split("\n")[:-1] if path.exists() else []


def test_line_has_the_form_of_c(logfile):
    log.serverLog(LL_NOTICE, "hello %s %d", "world", 7)
    assert re.fullmatch(r"%d:M \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d\.\d{3} \* hello world 7" % os.getpid(),
                        lines(logfile)[0])


@pytest.mark.parametrize("level,char", [(LL_DEBUG, "."), (LL_VERBOSE, "-"), (LL_NOTICE, "*"), (LL_WARNING, "#")])
def test_level_characters(logfile, monkeypatch, level, char):
    monkeypatch.setattr(server, "verbosity", LL_DEBUG)
    log.serverLog(level, "x")
    assert lines(logfile)[0].endswith(" %s x" % char)


def test_levels_below_verbosity_are_dropped(logfile):
    log.serverLog(LL_VERBOSE, "no")
    log.serverLogRaw(LL_DEBUG | LL_RAW, "no")
    log.serverLogFromHandler(LL_VERBOSE, "no")
    assert lines(logfile) == []


@pytest.mark.parametrize("fields,role", [({}, "M"), ({"masterhost": "h"}, "S"), ({"sentinel_mode": 1}, "X"),
                                         ({"pid": 1}, "C"), ({"sentinel_mode": 1, "pid": 1}, "X")])
def test_role_characters(logfile, monkeypatch, fields, role):
    for field, value in fields.items():
        monkeypatch.setattr(server, field, value)
    log.serverLog(LL_WARNING, "x")
    assert lines(logfile)[0].split()[0] == "%d:%s" % (os.getpid(), role)


def test_raw_is_written_as_it_is(logfile):
    log.serverLogRaw(LL_WARNING | LL_RAW, "a\nb")
    assert logfile.read_bytes() == b"a\nb"


def test_bytes_arguments_end_at_a_nul(logfile):
    log.serverLog(LL_WARNING, "key %s", b"\xff\x00k")
    assert logfile.read_bytes().endswith(b"key \xff\n")


def test_percent_sign_without_arguments_is_text(logfile):
    log.serverLog(LL_WARNING, "100%")
    assert lines(logfile)[0].endswith("100%")


def test_long_lines_are_cut(logfile):
    log.serverLog(LL_WARNING, "%s", "x" * 5000)
    assert lines(logfile)[0].count("x") == LOG_MAX_LEN - 1


def test_line_from_handler(logfile):
    log.serverLogFromHandler(LL_WARNING, "msg")
    assert re.fullmatch(r"%d:signal-handler \(\d+\) msg" % os.getpid(), lines(logfile)[0])


def test_unwritable_log_is_not_fatal(logfile, monkeypatch):
    monkeypatch.setattr(server, "logfile", "/nonexistent/dir/log")
    log.serverLog(LL_WARNING, "x")
    log.serverLogFromHandler(LL_WARNING, "x")


def test_assert_raises_with_its_site():
    log.serverAssert(1)
    with pytest.raises(AssertionError) as e:
        log.serverAssert(0)
    assert e.traceback[-1].name == "serverAssert"


def test_panic_reports_and_aborts(logfile, monkeypatch):
    ended = []
    monkeypatch.setattr(log, "bug_report_start", 0)
    monkeypatch.setattr(log, "bugReportEnd", lambda *a: ended.append(a))
    monkeypatch.setattr(log, "removeSignalHandlers", lambda: None)
    monkeypatch.setattr(server, "crashlog_enabled", 0)
    log.serverPanic("what %d", 3)
    text = "\n".join(lines(logfile))
    assert "=== REDIS BUG REPORT START" in text and "Guru Meditation: what 3 #test_log.py:" in text
    assert ended == [(0, 0)]


def test_a_nul_ends_the_text_as_in_c(logfile):
    log.serverLog(LL_WARNING | LL_RAW, "argv[%d]: '%s'\n", 1, b"ab\0cd")
    log.serverLogRaw(LL_WARNING | LL_RAW, "x\0y\n")
    assert logfile.read_bytes() == b"argv[1]: 'ab'\nx"


def test_hex_dump(logfile):
    log.serverLogHexDump(LL_WARNING, "what", bytearray(range(40)))
    first, second = lines(logfile)
    assert first.endswith(" # what (hexdump of 40 bytes):") and second == bytes(range(40)).hex()


def raised(f, *args):
    with pytest.raises(Exception) as e:
        f(*args)
    return e.value


def test_what_counts_as_a_failed_check():
    assert log.integrity_failure(raised(log.serverAssert, 0))
    # A read outside of a blob, which C would have caught by an assert.
    assert log.integrity_failure(raised(ziplistNext, ziplistNew(), 99))
    assert log.integrity_failure(raised(lpPrev, lpNew(0), None))
    # A bug of ours is no failed check, wherever it is.
    assert not log.integrity_failure(raised(ziplistNext, None, 0))
    assert not log.integrity_failure(raised([].pop))
