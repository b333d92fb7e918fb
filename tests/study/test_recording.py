"""Recordings of aeredis-view: what is recorded can be replayed, exported, and is refused when it is of another version."""
import base64
import hashlib
import json
import os
import re

import pytest

from server.study import recording, view
from server.study.trace_client import Refused, Target
from server.study.view_nodes import viewNode
from tests.support.browser import Browser, chromium_path
from tests.support.recordings import FOLDER, MAX, RECORDINGS
from tests.support.server import ROOT, start_server
from tests.study.test_view import fetch, page  # noqa: F401

WAIT = 60


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The file of a recording of one SET."""
    path = str(tmp_path_factory.mktemp("recording") / "set.jsonl")
    with start_server("--appendonly", "yes") as s:
        nodes = [viewNode("m1", Target(port=s.port))]
        view.describe_all(nodes)
        said = recording.record(nodes, path, ["SET", "user:1001", "</script><script>document.title='broken'"], 0)
        assert said.startswith("OK\n%s: " % path)
    return path


def test_a_recording_is_lines_of_frames(recorded):
    head, frames, broken = recording.parsed(recording.load(recorded))
    assert broken == 0 and head["version"] == "6.2.14" and head["nodes"][0]["name"] == "m1" and head["command"].startswith("SET user:1001")
    assert [f["t"] for f in frames] == sorted(f["t"] for f in frames)
    assert {"LOOP", "THREADS", "CLIENTS", "AOF", "REPL", "DB 0 0"} <= set(frames[0]["state"])
    events = [e for f in frames for e in f["trace"]]
    assert any(e["name"] == "call" and e["args"].get("command") == "set" for e in events)
    assert any(e["name"] == "aofWrite" for e in events)
    keys = [f["state"]["KEY user:1001"] for f in frames if "KEY user:1001" in f["state"]]
    assert "error" in keys[0] and keys[-1]["key"] == "user:1001"
    assert all(f["state"] or f["trace"] or f["error"] for f in frames[1:])


def test_what_does_not_change_is_not_recorded_again(recorded):
    frames = recording.parsed(recording.load(recorded))[1]
    assert len([f for f in frames if "THREADS" in f["state"]]) < len(frames)
    assert len([f for f in frames if "DB 0 0" in f["state"]]) <= 4


def test_a_recording_of_another_version_is_refused(recorded, tmp_path):
    text = recording.load(recorded)
    for name, content, words in (
            ("old", text.replace('"version":"6.2.14"', '"version":"6.2.13"', 1), "was recorded with version 6.2.13; this is 6.2.14"),
            ("format", text.replace('"recording":1', '"recording":2', 1), "record it again"), ("other", "{}\n", "is no recording"),
            ("empty", "", "is no recording"), ("list", "[]\n", "is no recording"), ("binary", "\0\1", "is no recording")):
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(SystemExit) as e:
            view.main(["--replay", str(path)])
        assert words in str(e.value) and "\n" not in str(e.value)
    with pytest.raises(Refused, match="cannot read"):
        recording.load(str(tmp_path / "missing"))


def test_a_broken_line_is_skipped_and_counted(recorded, tmp_path, page):  # noqa: F811
    lines = recording.load(recorded).splitlines()
    lines[2:2] = ["{broken", "[]", '{"t": 1}', '{"t": "x", "node": "m1", "state": {}, "trace": []}',
                  '{"t": 1e999, "node": "m1", "state": {}, "trace": []}', '{"t": 1, "node": "m1", "state": {}, "trace": [{}, 1]}', "[" * 100000]
    path = tmp_path / "broken"
    path.write_text("\n".join(lines) + "\n")
    head, frames, broken = recording.parsed(recording.load(str(path)))
    assert broken == 7 and len(frames) == len(lines) - 8
    assert "7 broken lines" in recording.export(recording.load(str(path)), str(tmp_path / "out.html"), str(page), view.code_of)


def test_replay_serves_the_recording_without_a_server(recorded, page):  # noqa: F811
    text = recording.load(recorded)
    with view.serving(view.View([], None, text)) as url:
        assert fetch(url)[0] == 200                                   # redirected to ?replay=recording
        assert fetch(url + "recording") == (200, text)
        assert fetch(url + "nodes") == (200, "[]")
        assert fetch(url + "command", {"node": "m1", "words": ["PING"]})[0] == 404
        assert fetch(url + "events?views=LOOP&node=m1")[0] == 404


def test_the_export_is_one_page_whose_policy_fits(recorded, tmp_path, page):  # noqa: F811
    path = tmp_path / "set.html"
    said = recording.export(recording.load(recorded), str(path), str(page), view.code_of)
    html = path.read_text()
    assert said.startswith(str(path)) and "src=" not in html and "href=" not in html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    assert "unsafe" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    assert len(scripts) == 2                                          # the recording, and the page's only script
    for script in scripts:
        assert "'sha256-%s'" % base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    data = json.loads(re.fullmatch(r"window\.RECORDING=(.*);", scripts[0], re.S).group(1))
    assert data["frames"] == recording.parsed(recording.load(recorded))[1]
    assert data["source"]["feedAppendOnlyFile"]["python"]["file"].startswith("persistence/")
    with pytest.raises(Refused, match="cannot write"):
        recording.export(recording.load(recorded), str(tmp_path / "none" / "x.html"), str(page), view.code_of)


def test_the_recordings_of_the_docs_can_be_replayed():
    names = [name for name in os.listdir(FOLDER) if name.endswith(".jsonl")]
    assert sorted(names) == sorted(name + ".jsonl" for name in RECORDINGS)
    with open(os.path.join(ROOT, "docs", "study.md"), encoding="utf-8") as f:
        page_ = f.read()
    for name in names:
        path = os.path.join(FOLDER, name)
        head, frames, broken = recording.parsed(recording.load(path))
        assert broken == 0 and frames and os.path.getsize(path) <= MAX and "(recordings/%s)" % name in page_
        assert {f["node"] for f in frames} == {n["name"] for n in head["nodes"]}


@pytest.mark.skipif(chromium_path() is None, reason="no Chromium (Debian: apt-get install chromium)")
def test_a_replay_and_an_export_show_the_same(recorded, tmp_path, monkeypatch):
    """Each tab, at the same step, has the same DOM, whether the page is served or is one file; the key that is a script is text."""
    monkeypatch.setattr(view, "PAGE", os.path.join(os.path.dirname(view.__file__), "page"))
    text = recording.load(recorded)
    path = tmp_path / "set.html"
    recording.export(text, str(path), view.PAGE, view.code_of)
    tabs = ("write", "loop", "keyspace", "value", "replication", "clients", "nodes")
    doms = []
    with Browser(1280, 800) as b, view.serving(view.View([], None, text)) as url:
        for address in (url + "?lang=en", "file://%s?lang=en" % path):
            b.go(address)
            assert b.wait("document.querySelectorAll('#steps li').length > 5", WAIT), b.evaluate("document.body.innerText")
            assert b.wait("document.getElementById('code').textContent.length > 100", WAIT)
            shown = []
            for tab in tabs:
                b.evaluate("page.source.seek(page.source.frames.length - 1); document.getElementById('tab-%s').click()" % tab)
                assert b.wait("document.getElementById('tab').className === 'tab-%s'" % tab, WAIT)
                b.evaluate("page.tab.update()")
                shown.append(b.evaluate("document.getElementById('tab').innerHTML"))
            doms.append(shown)
            assert b.evaluate("document.title") == "aeredis"
    for tab, served, exported in zip(tabs, *doms):
        assert served == exported, tab
