"""test_page.py - the page of aeredis-view: its strings, and the page itself in headless Chromium.

The page plays a recording that is made of a real server, its replica and the tracer, so that what is drawn can be compared with what
the servers said; and it is used live, with aeredis-view before a real server.
"""
import contextlib
import functools
import http.server
import json
import os
import re
import threading
import time

import pytest

from server.server_h import REDIS_VERSION
from server.study import recording as recordings
from server.study import view
from server.study.trace_client import Target, TracedServer
from server.study.trace_show import follow_life
from server.study.view_nodes import viewNode
from tests.support.browser import Browser, chromium_path
from tests.support.server import ROOT, ServerProcess

PAGE = os.path.join(ROOT, "server", "study", "page")
TABS = ("write", "loop", "keyspace", "value", "replication", "clients", "nodes")
WAIT = 60

browser_only = pytest.mark.skipif(chromium_path() is None, reason="no Chromium (Debian: apt-get install chromium)")


def scripts():
    """Return {name: text} of the scripts of the page."""
    found = {}
    for name in sorted(os.listdir(PAGE)):
        if name.endswith(".js"):
            with open(os.path.join(PAGE, name), encoding="utf-8") as f:
                found[name] = f.read()
    return found


def strings():
    """Return {language: {key: text}} as strings.js has them."""
    languages = {}
    for line in scripts()["strings.js"].splitlines():
        language = re.fullmatch(r"    (\w+): \{", line)
        entry = re.fullmatch(r'        (\w+): (".*"),', line)
        if language:
            current = languages[language.group(1)] = {}
        elif entry:
            assert entry.group(1) not in current, "%s stands there twice" % entry.group(1)
            current[entry.group(1)] = json.loads(entry.group(2))
    return languages


# ------------------------------------------------------------------ the text of the page

def test_both_languages_have_the_same_strings():
    both = strings()
    assert list(both) == ["en", "zh"]
    assert list(both["en"]) == list(both["zh"])
    assert len(both["en"]) > 150
    for key, text in both["en"].items():
        places = re.findall(r"\{\w+\}", text)
        assert sorted(set(places)) == sorted(set(re.findall(r"\{\w+\}", both["zh"][key]))), key
        assert text.strip() == text != "" and both["zh"][key].strip() == both["zh"][key] != "", key


def test_the_chinese_strings_are_chinese():
    """Most of them: a name such as beforeSleep is the same in both."""
    both = strings()["zh"]
    chinese = [key for key, text in both.items() if re.search(r"[\u4e00-\u9fff]", text)]
    assert len(chinese) > 0.93 * len(both), sorted(set(both) - set(chinese))


def test_every_string_is_used_and_every_use_is_a_string():
    keys = set(strings()["en"])
    code = "".join(text for name, text in scripts().items() if name != "strings.js")
    used = set(re.findall(r'\bt\("(\w+)"[,)]', code))
    assert used <= keys, used - keys
    prefixes = set(re.findall(r'\bt\("(\w+)" \+', code))
    unused = {key for key in keys - used if '"%s"' % key not in code and not any(key.startswith(prefix) for prefix in prefixes)
              and not re.fullmatch("(kill|power)_(lost|safe)", key)}
    assert not unused


def test_nothing_is_loaded_from_elsewhere_and_no_text_becomes_html():
    for name, text in scripts().items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), name
        assert set(re.findall(r"https?://[^\s\"'`]+", text)) <= {"http://www.w3.org/2000/svg"}, name
    with open(os.path.join(PAGE, "index.html"), encoding="utf-8") as f:
        html = f.read()
    assert not re.search(r"https?:|//cdn|\son\w+=|style=", html)
    assert re.findall(r'src="page/([\w.]+)"', html)[-1] == "page.js"
    assert set(re.findall(r'src="page/([\w.]+)"', html)) == set(scripts())


# ------------------------------------------------------------------ a recording of real servers

VALUES = {"int": "number", "embstr": "user:1001", "raw": "raw", "ziplist": "hash", "intset": "set", "hashtable": "bighash", "quicklist": "list",
          "skiplist": "zset", "stream": "stream"}
CLUSTER_NODE = {"cport": 17000, "link": True, "ping_ms": None, "pong_ms": 20, "fail_reports": [], "offset": 0, "ip": "127.0.0.1", "numslots": 0, "slots": []}
CLUSTER = {"state": "ok", "size": 2, "epoch": 6, "last_vote_epoch": 6, "myself": "a" * 40, "slots_assigned": 16384, "nodes_cut": False, "nodes": [
    dict(CLUSTER_NODE, name="a" * 40, port=7000, flags=["myself", "master"], slaveof=None, epoch=1, slots=[[0, 8191]], numslots=8192),
    dict(CLUSTER_NODE, name="b" * 40, port=7001, flags=["master", "fail"], slaveof=None, epoch=2, slots=[[8192, 16383]], numslots=8192, link=False),
    dict(CLUSTER_NODE, name="c" * 40, port=7002, flags=["slave"], slaveof="a" * 40, epoch=1)],
    "migrating": [], "importing": [], "sent": {"ping": 9}, "received": {"ping": 8, "pong": 9}, "election": {}, "manual_failover": {}}


def fill(client):
    """Let the server hold a value of each encoding."""
    client.execute("SET", "number", "42")
    client.execute("SET", "raw", "r" * 100)
    client.execute("HSET", "hash", "name", "Zhang San", "age", "31")
    client.execute("SADD", "set", *range(10))
    client.execute("HSET", "bighash", "f", "v" * 100)
    client.execute("RPUSH", "list", "a", "b", "12345")
    client.execute("ZADD", "zset", *[word for n in range(200) for word in (n, "member:%d" % n)])
    client.execute("XADD", "stream", "1-1", "field", "value")
    client.execute("SET", "<script>document.title='broken'</script>", "<b>bold</b>")


def state(client, view):
    return json.loads(client.execute("DEBUG", "STATE", *view.split(" ")))


@pytest.fixture(scope="module")
def servers():
    """A master with an AOF, and its replica."""
    with contextlib.ExitStack() as stack:
        master = ServerProcess(conf={"appendonly": "yes", "repl-diskless-sync-delay": "0"})
        stack.callback(master.cleanup)
        master.start(timeout=WAIT)
        replica = ServerProcess(conf={"replicaof": "127.0.0.1 %d" % master.port})
        stack.callback(replica.cleanup)
        replica.start(timeout=WAIT)
        with master.resp() as client:
            end = time.monotonic() + WAIT
            while b"state=online" not in client.execute("INFO", "replication"):
                assert time.monotonic() < end, "the replica does not come online"
                time.sleep(0.05)
        yield master, replica


class recorded:
    """What the recording holds: the file, the life of its SET as the terminal shows it, the states."""


@pytest.fixture(scope="module")
def recording(servers, tmp_path_factory):
    traced = [TracedServer(Target(port=server.port)) for server in servers]
    found = recorded()
    try:
        for each in traced:
            each.switch_on()
            each.cursor = each.status()["cursor"]
        with servers[0].resp() as client:
            fill(client)
            id_ = client.execute("CLIENT", "ID")
            start = time.monotonic_ns()
            client.execute("SET", "user:1001", "zhangsan")
            end = time.monotonic() + WAIT
            while True:
                for each in traced:
                    each.read()
                found.life = follow_life([e for e in traced[0].events if e["ts"] >= start], id_, [("replica", traced[1].events)], True)
                if found.life.synced is not None and found.life.applied and found.life.acked is not None:
                    break
                assert time.monotonic() < end, "the life of the SET does not end"
                time.sleep(0.1)
            views = ["LOOP", "THREADS", "CLIENTS", "AOF", "REPL", "DB 0 0"] + ["KEY " + key for key in VALUES.values()]
            found.states = {view: state(client, view) for view in views}
        frames = [{"t": 1, "node": "m1", "state": {}, "trace": []},
                  {"t": 2, "node": "m1", "state": found.states, "trace": traced[0].events},
                  {"t": 3, "node": "r1", "state": {}, "trace": traced[1].events},
                  {"t": 4, "node": "m1", "state": {"CLUSTER": CLUSTER}, "trace": []}]
    finally:
        for each in traced:
            each.close()
    found.folder = str(tmp_path_factory.mktemp("page"))
    with open(os.path.join(found.folder, "recording.jsonl"), "w", encoding="utf-8") as f:
        f.write(json.dumps({"recording": 1, "version": REDIS_VERSION, "command": "SET user:1001 zhangsan", "nodes": [], "seconds": 1}) + "\n")
        for frame in frames:
            f.write(json.dumps(frame) + "\n")
        f.write("a broken line\n")
    return found


class PageHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the page and the recording."""
    recording = ""

    def translate_path(self, path):
        path = path.partition("?")[0].lstrip("/")
        return os.path.join(self.recording if path == "recording.jsonl" else PAGE, os.path.basename(path) or "index.html")

    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def browser():
    try:
        opened = Browser(1280, 800)
    except StopIteration:
        pytest.skip("Chromium ends at once on this machine")
    with opened as b:
        b.call("Page.enable")
        b.call("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
        yield b


@pytest.fixture(scope="module")
def played(recording, browser):
    """The page, playing the recording -> (browser, recording)"""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(PageHandler))
    PageHandler.recording = recording.folder
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.go("http://127.0.0.1:%d/?replay=recording.jsonl&lang=en&tab=write" % server.server_address[1])
        assert browser.wait("document.querySelectorAll('#steps li').length > 8", WAIT), browser.evaluate("document.body && document.body.innerText")
        yield browser, recording
    finally:
        server.shutdown()
        server.server_close()


def show(browser, tab):
    browser.evaluate("document.getElementById('tab-%s').click()" % tab)
    assert browser.wait("document.getElementById('tab').className === 'tab-%s'" % tab, WAIT)


def press(browser, key):
    browser.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: %s, bubbles: true}))" % json.dumps(key))


def texts(browser, selector):
    return browser.evaluate("[...document.querySelectorAll(%s)].map(e => e.textContent)" % json.dumps(selector))


@browser_only
def test_the_write_path_is_that_of_the_terminal(played):
    b, found = played
    show(b, "write")
    life = json.loads(b.evaluate("JSON.stringify(writeTab.shown)"))
    kinds = [step["kind"] for step in life["steps"]]
    kinds = [kind for kind in kinds if kind not in ("expand", "rehash")]          # the dict may be growing
    assert kinds[0] == "accept" and sorted(kinds[1:]) == sorted([
        "epoll", "read", "parse", "execute", "answer", "feed", "ring", "write", "send", "reply", "sync", "applied", "ack"])
    order = ["epoll", "read", "parse", "execute", "answer", "feed", "ring", "reply"]         # a busy disk may postpone the write
    assert [kind for kind in kinds if kind in order] == order
    at = {step["kind"]: step["ts"] for step in life["steps"]}
    ends = {step["kind"]: step["ts"] + step["dur"] for step in life["steps"]}
    start = found.life.start
    assert abs(at["read"] - start) < 1000                     # a number of JavaScript has 53 bits
    assert abs(ends["write"] - start - found.life.written) < 1000
    assert abs(ends["reply"] - start - found.life.replied) < 1000
    assert abs(at["sync"] - start - found.life.synced) < 1000
    assert abs(at["ack"] - start - found.life.acked) < 1000


@browser_only
def test_stepping_shows_where_the_command_is(played):
    b, _ = played
    show(b, "write")
    kinds = [step["kind"] for step in json.loads(b.evaluate("JSON.stringify(writeTab.shown.steps)"))]

    def place(name):
        return b.evaluate("""(() => { const g = document.querySelector('[data-place=%s]');
            return [g.classList.contains('full'), [...g.querySelectorAll('.content')].map(e => e.textContent).join('')]; })()""" % name)

    press(b, "Home")
    assert place("accept")[0]
    press(b, "ArrowRight")
    assert place("receive") == [True, r"*3\r\n$3\r\nSET\r\n$9\r\nuser:1001\r\n$8\r\nzhangsan\r\n"]
    assert place("querybuf") == [False, ""]
    press(b, "ArrowLeft")
    seen = {}
    for number, kind in enumerate(kinds):
        assert b.evaluate("writeTab.step") == number
        seen[kind] = {name: place(name) for name in ("querybuf", "argv", "dict", "aof_buf", "cache", "disk", "buf", "got", "replica")}
        seen[kind]["safety"] = b.evaluate("[...document.querySelectorAll('[data-safety]')].map(e => e.dataset.safety)")
        press(b, "ArrowRight")
    assert b.evaluate("writeTab.step") == len(kinds) - 1
    assert seen["read"]["querybuf"][0] and not seen["parse"]["querybuf"][0]
    assert "user:1001" in seen["parse"]["argv"][1] and "zhangsan" in seen["execute"]["dict"][1]
    assert seen["feed"]["aof_buf"][0] and not seen["write"]["aof_buf"][0] and seen["write"]["cache"][0]
    assert seen["feed"]["safety"] == ["kill-lost", "power-lost"]
    assert seen["write"]["safety"][0] == "kill-safe" and "power-safe" in seen["sync"]["safety"]
    assert seen["sync"]["disk"][0] and seen["reply"]["got"][1] == r"+OK\r\n" and not seen["reply"]["buf"][0]
    assert "SET user:1001" in seen["applied"]["replica"][1].replace("user:1001", " user:1001").replace("  ", " ")
    for _ in range(len(kinds) - 1):
        press(b, "ArrowLeft")
    assert b.evaluate("writeTab.step") == 0 and place("aof_buf") == [False, ""]


@browser_only
@pytest.mark.parametrize("tab,selector,count", [
    ("loop", "#strip .turn", 1), ("loop", "[data-thread=bio_aof_fsync]", 1), ("keyspace", ".bucket", 16), ("replication", "[data-loss]", 2),
    ("replication", "#slaves tbody tr", 1), ("clients", "[data-client]", 2), ("nodes", "[data-node]", 3), ("nodes", ".slots", 2)])
def test_each_tab_draws_what_the_server_says(played, tab, selector, count):
    b, _ = played
    show(b, tab)
    assert b.wait("document.querySelectorAll(%s).length >= %d" % (json.dumps(selector), count), WAIT), b.evaluate("document.getElementById('tab').innerText")


@browser_only
def test_a_key_named_script_is_text(played):
    b, _ = played
    show(b, "keyspace")
    assert b.wait("[...document.querySelectorAll('.entry b')].some(e => e.textContent.startsWith('<script>'))", WAIT)
    assert "<b>bold</b>" in texts(b, ".entry small")
    assert b.evaluate("document.title") == "aeredis" and b.evaluate("document.querySelectorAll('main script, main .entry b b').length") == 0


@browser_only
def test_each_encoding_is_drawn_down_to_its_bytes(played):
    b, found = played
    show(b, "value")
    for encoding, key in VALUES.items():
        b.evaluate("valueTab.open(%s, 0)" % json.dumps(key))
        assert b.wait("document.getElementById('encoding') && document.getElementById('encoding').textContent === '%s'" % encoding, WAIT), encoding
        body = b.evaluate("document.getElementById('value').innerText")
        value = found.states["KEY " + key]["value"]
        if encoding in ("ziplist", "intset"):
            shown = " ".join(text for text in texts(b, "#value .ziplist code, #value > * > .cells code") if text)
            assert shown == value["hex"], encoding
        elif encoding == "quicklist":
            assert " ".join(texts(b, "#value code")) == value["nodes"][0]["ziplist"]["hex"]
        elif encoding == "stream":
            assert " ".join(texts(b, "#value code")) == value["listpacks"][0]["hex"]
        elif encoding == "skiplist":
            assert texts(b, "#value .element")[:3] == ["member:00", "member:11", "member:22"]
            spans = texts(b, "#value .span")
            assert len(spans) >= 24 and all(int(span) >= 1 for span in spans)
        elif encoding == "hashtable":
            assert texts(b, "#value .entry b") == ["f"]
        else:
            assert {"int": "42", "embstr": "zhangsan", "raw": "r" * 100}[encoding] in body


@browser_only
def test_the_keyboard_reaches_every_tab(played):
    b, _ = played
    for number, tab in enumerate(TABS):
        press(b, str(number + 1))
        assert b.wait("document.getElementById('tab').className === 'tab-%s'" % tab, WAIT)
        assert "tab=%s" % tab in b.evaluate("location.search")
    press(b, "/")
    assert b.evaluate("document.activeElement.id") == "words"
    b.evaluate("document.activeElement.blur()")


@browser_only
def test_the_other_language(played):
    b, _ = played
    both = strings()
    for language, other in (("zh", "English"), ("en", "中文")):
        b.evaluate("document.getElementById('language').click()")
        assert b.wait("document.documentElement.lang === '%s'" % language, WAIT)
        assert texts(b, "#tabs button") == [both[language]["tab_" + tab] for tab in TABS]
        assert b.evaluate("document.getElementById('language').textContent") == other
        assert "lang=%s" % language in b.evaluate("location.search") and b.evaluate("localStorage.getItem('lang')") == language
        for tab in TABS:
            show(b, tab)
            assert not set(re.findall(r"\w+", b.evaluate("document.body.innerText"))) & {"undefined", "NaN"}, tab


@browser_only
def test_no_text_is_cut_or_outside(played):
    """At 1280 x 800: nothing reaches over the right edge, and the texts of the picture stay within their boxes."""
    b, _ = played
    for language in ("zh", "en"):
        b.evaluate("page.setLanguage('%s')" % language)
        for tab in TABS:
            show(b, tab)
            if tab == "write":
                press(b, "End")
            outside = b.evaluate("""(() => { const bad = [];
                for (const e of document.querySelectorAll('header *, main *, footer *'))
                    if (e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.wide, #code')) bad.push(e.outerHTML.slice(0, 80));
                for (const g of document.querySelectorAll('g.place, g.safety')) {
                    const box = g.querySelector('rect').getBoundingClientRect();
                    for (const text of g.querySelectorAll('text'))
                        if (text.getBoundingClientRect().right > box.right + 1 || text.getBoundingClientRect().bottom > box.bottom + 1)
                            bad.push(text.textContent);
                }
                if (document.documentElement.scrollHeight > innerHeight + 1) bad.push('the page scrolls');
                return bad; })()""")
            assert outside == [], (language, tab)


@browser_only
def test_a_recording_goes_back_and_forth(played):
    b, _ = played
    show(b, "nodes")
    assert texts(b, "#transport .quiet")[0].endswith(strings()["en"]["skipped"].format(n=1))
    b.evaluate("page.source.seek(0)")
    assert b.wait("document.querySelectorAll('[data-node]').length === 0", WAIT)
    show(b, "write")
    assert b.evaluate("writeTab.shown") is None and texts(b, "#sentence") == [strings()["en"]["noCommands"]]
    b.evaluate("page.source.seek(1)")
    assert b.wait("writeTab.shown && !writeTab.shown.steps.some(step => step.kind === 'applied')", WAIT)
    b.evaluate("page.source.seek(3)")
    assert b.wait("writeTab.shown && writeTab.shown.steps.some(step => step.kind === 'applied')", WAIT)
    assert b.evaluate("page.source.command('m1', ['PING']).catch(error => page.refused = error.message), true")
    assert b.wait("page.refused", WAIT) == strings()["en"]["replayOnly"]


@browser_only
def test_an_exported_page_needs_no_server(played, tmp_path):
    b, found = played
    file = str(tmp_path / "page.html")
    packed = {"acceptTcpHandler", "aeApiPoll"}
    recordings.export(recordings.load(os.path.join(found.folder, "recording.jsonl")), file, PAGE, lambda name: view.code_of(name) if name in packed else None)
    kinds = b.evaluate("writeTab.shown.steps.map(step => step.kind).join()")
    b.go("file://" + file)
    assert b.wait("document.URL.startsWith('file:') && document.querySelectorAll('#steps li').length > 8", WAIT)
    b.evaluate("page.setLanguage('en')")
    assert b.evaluate("writeTab.shown.steps.map(step => step.kind).join()") == kinds
    assert b.wait("document.querySelector('#code .file') !== null", WAIT)
    assert texts(b, "#code .file")[0].endswith(".py:%d" % view.code_of("acceptTcpHandler")["python"]["line"])


# ------------------------------------------------------------------ live

@pytest.fixture(scope="module")
def live(servers, browser):
    """The page of the two servers, in the browser -> browser"""
    nodes = [viewNode(name, Target(port=server.port)) for name, server in zip(("m1", "r1"), servers)]
    with view.serving(view.View(nodes)) as url:
        browser.go(url + "?lang=en&tab=keyspace")
        assert browser.wait("document.getElementById('tab').className === 'tab-keyspace' && page.source.live", WAIT)
        yield browser


def send(browser, command):
    """Send a command as a user does."""
    browser.evaluate("document.getElementById('words').value = %s; document.getElementById('command').requestSubmit()" % json.dumps(command))


@browser_only
def test_17_keys_are_17_boxes_and_each_look_up_moves_the_marked_bucket_on(live, servers):
    with servers[0].resp() as client:
        client.execute("CONFIG", "SET", "activerehashing", "no")
        client.execute("FLUSHALL")
        for n in range(17):
            client.execute("SET", "key:%d" % n, n)
        show(live, "keyspace")
        assert live.wait("document.querySelectorAll('.entry').length === 17", WAIT), live.evaluate("document.getElementById('tab').innerText")
        assert sorted(texts(live, ".entry b")) == sorted("key:%d" % n for n in range(17))
        marked = "(document.querySelector('.bucket.rehash') || {dataset: {bucket: '-1'}}).dataset.bucket"
        seen = []
        for _ in range(20):
            index = state(client, "DB 0 0")["rehashidx"]
            assert live.wait("%s === '%d'" % (marked, index), WAIT), (index, live.evaluate(marked))
            seen.append(index)
            if index == -1:
                break
            live.evaluate("document.getElementById('lookup').click()")
            end = time.monotonic() + WAIT
            while state(client, "DB 0 0")["rehashidx"] == index:
                assert time.monotonic() < end, "the look-up moved nothing"
                time.sleep(0.02)
        assert len(seen) > 3 and seen[-1] == -1 and seen[:-1] == sorted(set(seen[:-1])), seen
        assert live.wait("document.querySelectorAll('.hashtable').length === 1", WAIT)
        assert len(texts(live, ".entry")) == 17


@browser_only
def test_a_command_of_the_page_is_followed_to_the_end(live):
    show(live, "write")
    for n in range(5):                                    # a machine that stands still for seconds may lose the end
        send(live, "SET live:%d 'two words'" % n)
        if live.wait("""writeTab.shown && writeTab.shown.name === 'SET live:%d two words' && ['sync', 'applied', 'ack'].every(
                        kind => writeTab.shown.steps.some(step => step.kind === kind))""" % n, 15):
            break
    kinds = live.evaluate("writeTab.shown.steps.map(step => step.kind)")
    assert {"epoll", "read", "parse", "execute", "answer", "feed", "ring", "write", "sync", "send", "applied", "ack", "reply"} <= set(kinds), (
        kinds, live.evaluate("document.body.innerText"))
    assert live.wait("document.getElementById('reply').textContent.startsWith('OK')", WAIT)
    live.evaluate("writeTab.go(%d)" % kinds.index("execute"))
    assert live.wait("(document.querySelector('#code pre') || {textContent: ''}).textContent.includes('def setCommand(c):')", WAIT), texts(live, "#code")
    live.evaluate("document.getElementById('side-c').click()")
    if view.code_of("setCommand")["c"] is None:
        assert texts(live, "#code") == [strings()["en"]["noC"]]
    else:
        assert "void setCommand(client *c)" in texts(live, "#code pre")[0]


@browser_only
def test_each_tab_lives(live):
    """What each tab shows of the running servers."""
    for tab, selector in (("loop", "#strip .turn"), ("replication", "#slaves tbody tr"), ("clients", "[data-client]"), ("nodes", "[data-node]"),
                          ("value", ".chips button")):
        show(live, tab)
        assert live.wait("document.querySelector('%s') !== null" % selector, WAIT), (tab, live.evaluate("document.getElementById('tab').innerText"))
    assert live.evaluate("document.getElementById('status').textContent") == strings()["en"]["live"]
    live.evaluate("page.choose('r1')")
    show(live, "replication")
    assert live.wait("document.getElementById('replFacts').innerText.includes('slave')", WAIT), live.evaluate("document.getElementById('tab').innerText")
    live.evaluate("page.choose('m1')")


@browser_only
def test_a_server_that_has_gone_and_comes_again(browser):
    server = ServerProcess()
    try:
        server.start(timeout=WAIT)
        with view.serving(view.View([viewNode("s", Target(port=server.port))])) as url:
            browser.go(url + "?lang=en&tab=clients")
            assert browser.wait("document.querySelector('[data-client]') !== null", WAIT)
            server.kill9()
            assert browser.wait("document.getElementById('status').textContent === %s" % json.dumps(strings()["en"]["gone"]), WAIT)
            server.start(timeout=WAIT)
            assert browser.wait("document.getElementById('status').textContent === %s" % json.dumps(strings()["en"]["live"]), WAIT)
    finally:
        server.cleanup()
