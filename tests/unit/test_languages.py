"""The Chinese edition against the English pages (tests/support/languages.py)."""
import os
import re
import warnings

import pytest

from tests.support import languages


def test_the_chinese_pages_are_in_step():
    stale, differences = languages.check_all()
    if stale:                           # said in each run, also in one that passes
        warnings.warn("%d sections to translate:\n%s" % (len(stale), "\n".join(stale)))
    assert not differences, "\n".join(differences)
    assert len(stale) <= languages.MOST_STALE, "translate, then python -m tests.support.languages --stamp PAGE:\n" + "\n".join(stale)


def test_every_chinese_page_is_compared():
    assert set(languages.existing()) == {languages.chinese(p) for p in languages.PAGES} | languages.NO_ENGLISH


def test_no_english_page_is_forgotten():
    pages = {os.path.relpath(os.path.join(folder, name), languages.ROOT) for folder, _, names in os.walk(os.path.join(languages.ROOT, "docs"))
             for name in names if name.endswith(".md")} - set(languages.existing())
    assert pages - set(languages.PAGES) - languages.ENGLISH_ONLY == set()
    assert languages.ENGLISH_ONLY <= pages and not languages.ENGLISH_ONLY & set(languages.PAGES)


def test_links_lead_to_chinese_pages_where_there_are_some():
    changed = [page for page in languages.existing() if languages.relinked(page) != languages.read(page)]
    assert not changed, "python -m tests.support.languages --links"


def terms():
    """Rows of docs/zh/terms.md -> list of (English, Chinese, words not to use)."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|([^|]*)\|$", languages.read("docs/zh/terms.md"), re.M)
    return [(en.strip(), zh.strip(), [w for w in rivals.strip().split("、") if w]) for en, zh, rivals in rows if en != "English"]


def test_a_term_has_one_word():
    table = terms()
    assert len(table) > 100
    assert len({en for en, _, _ in table}) == len(table)
    chosen = {zh for _, zh, _ in table}
    assert not [w for _, _, rivals in table for w in rivals if w in chosen]


def program_texts():
    """Yield the path of each source file in which our programs may speak Chinese."""
    for folder in ("server", "tests/labs"):
        for path, _, names in os.walk(os.path.join(languages.ROOT, folder)):
            yield from (os.path.relpath(os.path.join(path, name), languages.ROOT) for name in names if name.endswith((".py", ".js", ".html")))


def test_pages_and_programs_use_the_terms():
    rivals = {w: zh for _, zh, words in terms() for w in words}
    found = []
    for page in set(languages.existing()) - languages.NO_ENGLISH | set(program_texts()):
        text = re.sub("```.*?```", "", languages.read(page), flags=re.S)
        found += ["%s: %s, should be %s" % (page, w, zh) for w, zh in rivals.items() if w in text]
    assert not found, "\n".join(found)


ENGLISH = """# The dict

`dictFind` looks into 2 tables, then returns. See [loop](loop.md).

| name | meaning |
|---|---|
| used | how many |

```text
# no heading
```

    make test      passes

## Rehash

1. `dictRehash`: moves one bucket.
"""

CHINESE = """# 字典
<!-- en: %s -->

返回之前，`dictFind` 查找 2 个表。见 [事件循环](loop.md)。

| name | 含义 |
|---|---|
| used | 多少个 |

```text
# no heading
```

    make test      通过测试

## Rehash
<!-- en: %s -->

1. `dictRehash`：迁移一个桶。
"""


def compared(monkeypatch, old="", new="", old_english="", new_english=""):
    """Check a small page of which the Chinese or the English text was changed after stamping -> (stale, differences)."""
    stamped = CHINESE % tuple(languages.digest(s) for s in languages.sections(ENGLISH))
    assert old in stamped and old_english in ENGLISH
    texts = {"docs/dict.md": ENGLISH.replace(old_english, new_english, 1), "docs/zh/dict.md": stamped.replace(old, new, 1)}
    monkeypatch.setattr(languages, "read", texts.__getitem__)
    return languages.check("docs/dict.md")


@pytest.mark.parametrize("text, lost", [
    ("*实验*：两个服务器", 0), ("*实验：*两个服务器", 1), ("*实验：* 两个服务器", 0), ("先于**任何报文**保存", 0), ("把 **`c.buf`** 发出", 0), ("把**`c.buf`**发出", 2),
    ("`KEYS *` 与 `a*`", 0), ("* 一项", 0), ("**before sleep**（休眠之前）", 0),
])
def test_emphasis_that_would_stay_stars_is_found(text, lost):
    assert len(languages.lost_emphasis(text)) == lost


def test_what_is_in_step(monkeypatch):
    assert compared(monkeypatch) == ([], [])


def test_blanks_do_not_make_a_section_stale(monkeypatch):
    assert compared(monkeypatch, old_english="then returns.", new_english="then\nreturns.") == ([], [])


@pytest.mark.parametrize("old, new, why", [
    ("`dictFind`", "`dictfind`", "names"), ("`dictFind`", "dictFind", "names"), ("loop.md", "dict2.md", "links"), ("2 个", "两个", "numbers"),
    ("| used |", "| usd |", "first cell"), ("| used | 多少个 |\n", "", "block"), ("# no heading", "# 没有", "fence"), ("make test", "make tests", "begins"),
    ("返回之前，`dictFind` 查找 2 个表。见 [事件循环]", "`dictFind` looks into 2 tables, then returns. See [loop]", "not translated"),
    ("## Rehash", "### Rehash", "level"), ("1. `dictRehash`", "`dictRehash`", "block"), ("| 含义 |", "| 含义 | 单位 |", "cells"),
])
def test_what_differs_is_told(monkeypatch, old, new, why):
    stale, differences = compared(monkeypatch, old, new)
    assert not stale and len(differences) == 1 and why in differences[0]


@pytest.mark.parametrize("old, new, stale", [
    ("one bucket", "two buckets", ["docs/dict.md: ## Rehash"]),
    ("## Rehash", "## Size\n\nA power of two.\n\n## Rehash", ["docs/dict.md: ## Size"]),
    ("## Rehash\n\n1. `dictRehash`: moves one bucket.\n", "", ["docs/zh/dict.md: ## Rehash (no longer in English)"]),
])
def test_an_english_change_makes_its_section_stale_and_no_other(monkeypatch, old, new, stale):
    assert compared(monkeypatch, old_english=old, new_english=new) == (stale, [])


def test_a_section_without_a_stamp_is_stale(monkeypatch):
    stamp = "<!-- en: %s -->\n" % languages.digest(languages.sections(ENGLISH)[1])
    assert compared(monkeypatch, stamp, "") == (["docs/dict.md: ## Rehash"], [])


def test_a_drawn_picture_does_not_make_a_section_stale():
    text = "# Ring\n\n<!-- picture: backlog -->\n%s\n<!-- end of picture -->\n"
    assert languages.digest(languages.sections(text % "idx=1")[0]) == languages.digest(languages.sections(text % "idx=2")[0])


def test_stamping_refuses_a_page_that_differs(monkeypatch):
    texts = {"docs/dict.md": ENGLISH, "docs/zh/dict.md": (CHINESE % ("0" * 8, "0" * 8)).replace("`dictFind`", "dictFind")}
    monkeypatch.setattr(languages, "read", texts.__getitem__)
    monkeypatch.setattr(languages, "write", texts.__setitem__)
    before = dict(texts)
    assert len(languages.stamp("docs/dict.md")) == 1 and texts == before
    texts["docs/zh/dict.md"] = CHINESE % ("0" * 8, "0" * 8)
    assert languages.stamp("docs/zh/dict.md") == []
    assert texts["docs/zh/dict.md"] == CHINESE % tuple(languages.digest(s) for s in languages.sections(ENGLISH))
