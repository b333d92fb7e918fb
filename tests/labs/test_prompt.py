"""The pages of the labs, and the prompt that `make lab N=5` gives."""
import os
import subprocess
import sys

import pytest

from tests.labs import lab as lab_module
from tests.labs.__main__ import Prompt, shown, statements, unescape
from tests.labs.lab import Lab, Page
from tests.support.resp import RespError
from tests.support.server import ROOT

NUMBERS = range(lab_module.FIRST, lab_module.LAST + 1)


@pytest.mark.parametrize("zh", [False, True], ids=["en", "zh"])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_page_has_a_task_three_hints_and_a_solution(number, zh):
    page = Page(number, zh)
    assert page.title and page.introduction
    assert list(page.sections) == list(lab_module.SECTIONS) and all(page.sections.values())
    assert len(page.hints) == 3 and all(page.hints)


def run(*args, lang="C.UTF-8"):
    return subprocess.run([sys.executable, "-m", "tests.labs", *args], cwd=ROOT, env=dict(os.environ, LANG=lang, LC_ALL=lang), timeout=120,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", check=False)


def test_without_a_number_the_labs_are_listed():
    for lang, first in (("C.UTF-8", "Lab 1: half a command"), ("zh_CN.UTF-8", "实验课 1：半条命令")):
        p = run(lang=lang)
        assert p.returncode == 0 and p.stdout.startswith(first) and len(p.stdout.splitlines()) == len(NUMBERS) + 2


@pytest.mark.parametrize("args", [["0"], ["17"], ["x"], ["1", "2"], ["-1"]])
def test_a_wrong_number_is_told(args):
    p = run(*args)
    assert p.returncode == 1 and p.stdout.startswith("usage: make lab")


def test_statements():
    assert statements("SET a 1; kill") == ["SET a 1", "kill"]
    assert statements("EVAL \"a; b\" 0;;  check ") == ["EVAL \"a; b\" 0", "check"]
    assert statements("SET k 'x;y") == ["SET k 'x;y"]
    assert statements("") == []


def test_bytes_and_replies():
    assert unescape(r"*1\r\n\x00\\n") == b"*1\r\n\x00\\n"
    assert shown([1, b"a", [None, RespError("ERR x")]]) == "1) (integer) 1\n2) a\n3) 1) (nil)\n   2) (error) ERR x"
    assert shown([]) == "(empty array)" and shown(b"\xff") == "\\xff"


def test_the_prompt():
    with Lab(1, zh=False) as lab:
        said = []
        prompt = Prompt(lab, Page(1), said.append)

        def say(line):
            del said[:]
            assert prompt.run(line) is (line != "quit")
            return "\n".join(said)
        prompt.introduce()
        assert "SET greeting hello" in "\n".join(said)
        assert "not yet" in say("check")
        assert say("SET k 'a b'; GET k") == "OK\na b"
        assert say("1 GET k") == "a b"
        assert "no server 7" in say("7 GET k")
        assert "unknown command" in say("nonsense")
        assert say("GET 'k").startswith("GET 'k: ")                  # shlex says what is wrong
        say('EVAL "local t = {} for i = 1, 5000 do t = {t} end return t" 0')
        assert say("GET k") == "a b"                                 # whatever was made of that reply
        assert say("many 3*2 GET k") == "6 replies; the last: a b"
        assert "many N COMMAND" in say("many GET k") and "many N COMMAND" in say("many 0 GET k")
        assert say("BLPOP q 0 &").startswith("client ")
        say("RPUSH q x")
        lab.wait(lambda: any("BLPOP q 0 -> 1) q" in line for line in said) or prompt.replies())
        for hint in range(3):
            assert say("hint").startswith("%d. " % (hint + 1))
        assert str(lab.node().port) in say("hint; hint; hint")       # of /dev/tcp in the second one
        assert say("raw *3\\r\\n$3\\r\\nSET\\r\\n$8\\r\\ngreeting\\r\\n$5\\r\\nhel").endswith("(no reply)")
        assert "done" in say("check") and prompt.done
        assert say("more lo\\r\\n") == "OK"
        assert "the key greeting exists" in say("check")
        say("kill")
        assert "is down" in say("GET k") and "down" in say("check")
        say("restart")
        assert say("GET k") == "(nil)"
        assert "done; check" in say("solve") and "done" in say("check")
        assert "restart" in say("help") and "querybuf" in say("look") and "raw" in say("solution")
        say("quit")
