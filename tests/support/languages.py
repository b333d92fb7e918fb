"""languages.py - keeps the Chinese edition (README.zh.md, docs/zh/) in step with the English pages.

    python -m tests.support.languages                   which sections are stale, and what differs in those that are not
    python -m tests.support.languages --stamp PAGE ...  after translating: notes in PAGE which English text each section translates
    python -m tests.support.languages --links           points the links of the Chinese pages at Chinese pages, where there are some

A section reaches from its heading to the next one.  The line under a Chinese heading, `<!-- en: 1a2b3c4d -->`, is the hash of the English
section that it translates (blanks folded, generated pictures left out).  Where that is not today's hash the section is stale.  All others
have the blocks of the English section in the same order: the same headings' levels, fenced blocks and pictures, rows of tables, list items and
paragraphs, and in each block the same names in backticks, links and numbers.  Within a block their order is that of the Chinese sentence.
"""
import argparse
import collections
import difflib
import hashlib
import os
import re
import sys
import unicodedata

from tests.support.pictures import BLOCK, ROOT

# The English pages that have a Chinese edition.  A page is added by the commit that translates it.
PAGES = [
    "README.md",
    "docs/cluster.md",
    "docs/concepts.md",
    "docs/memory.md",
    "docs/operations.md",
    "docs/persistence.md",
    "docs/replication.md",
    "docs/sentinel.md",
    "docs/structures/dict.md",
    "docs/structures/intset.md",
    "docs/structures/quicklist.md",
    "docs/structures/sds.md",
    "docs/structures/skiplist.md",
    "docs/structures/stream.md",
    "docs/structures/ziplist.md",
    "docs/loop.md",
    "docs/reading.md",
    "docs/study.md",
    "docs/write-path.md",
    *sorted("docs/labs/" + name for name in os.listdir(os.path.join(ROOT, "docs", "labs"))),        # in both languages from the start
]
NO_ENGLISH = {"docs/zh/terms.md"}
# Lists that are generated or looked up by name, rules for authors, figures.
ENGLISH_ONLY = {"docs/%s.md" % name for name in
                ("commands", "conventions", "departures", "fast-path", "map", "performance", "security", "testing")}
MOST_STALE = 5                          # an English fix does not wait for its translation, but the pages do not drift either

MARKER = re.compile(r"^<!-- en: ([0-9a-f]{8}) -->$")
HEADING = re.compile(r"^(#{1,6}) (.*)$")
ITEM = re.compile(r"^ *(?:\d+\.|[-*]) ")
SPAN = re.compile(r"(`+)(.+?)\1", re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HAN = re.compile("[\u4e00-\u9fff]")

section = collections.namedtuple("section", "level title stamp lines")


# ------------------------------------------------------------------ files

def chinese(page):
    """Path of the Chinese edition of an English page -> path, whether or not the file exists."""
    return "README.zh.md" if page == "README.md" else re.sub("^docs/", "docs/zh/", page)


def english(page):
    """Path of the English page of a page in either language -> path."""
    return "README.md" if page == "README.zh.md" else re.sub("^docs/zh/", "docs/", page)


def read(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as f:
        return f.read()


def write(page, text):
    with open(os.path.join(ROOT, page), "w", encoding="utf-8") as f:
        f.write(text)


def existing():
    """The Chinese pages on disk -> sorted list."""
    found = ["README.zh.md"] if os.path.exists(os.path.join(ROOT, "README.zh.md")) else []
    for folder, _, names in os.walk(os.path.join(ROOT, "docs", "zh")):
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names if name.endswith(".md")]
    return sorted(found)


# ------------------------------------------------------------------ a page -> sections -> blocks

def sections(text):
    """Split a page at its headings -> list of `section`; a `#` inside a fenced block is no heading."""
    found = []
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        heading = None if fenced else HEADING.match(line)
        if heading:
            found.append(section(len(heading.group(1)), heading.group(2), [], []))
        elif not found:
            found.append(section(0, "", [], [line]))
        elif MARKER.match(line):
            found[-1].stamp.append(MARKER.match(line).group(1))
        else:
            found[-1].lines.append(line)
    return found


def digest(s):
    """Hash of an English section -> 8 hexadecimal digits."""
    text = BLOCK.sub(r"\1\3", "\n".join(["#" * s.level + " " + s.title] + s.lines))
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:8]


def blocks(s):
    """Cut a section into blocks -> list of (kind, text).

    Kinds: picture, fence and code (indented), which are taken whole; row, item and text.
    """
    found = [("text", s.title)]
    kind = None                         # of the block that the next line may continue
    for line in s.lines:
        if kind == "picture":
            found[-1] = (kind, found[-1][1] + "\n" + line)
            if line == "<!-- end of picture -->":
                kind = None
        elif kind == "fence":
            found[-1] = (kind, found[-1][1] + "\n" + line)
            if line.startswith("```"):
                kind = None
        elif line.startswith("<!-- picture:"):
            kind = "picture"
            found.append((kind, line))
        elif line.startswith("```"):
            kind = "fence"
            found.append((kind, line))
        elif not line.strip():
            kind = None
        elif kind in ("item", "text") and not ITEM.match(line) and not line.startswith("|"):
            found[-1] = (kind, found[-1][1] + " " + line.strip())
        else:
            if line.startswith("|"):
                kind = "row"
            elif ITEM.match(line):
                kind = "item"
            else:
                kind = "code" if line.startswith("    ") else "text"
            found.append((kind, line))
    return found


def first_cell(row):
    return re.split(r"(?<!\\)\|", row)[1].strip()


def names_of(text):
    return collections.Counter(" ".join(m.group(2).split()) for m in SPAN.finditer(text))


def prose_of(text):
    """The text without names in backticks and targets of links -> str."""
    return LINK.sub("]", SPAN.sub(" ", text))


def numbers_of(text):
    return collections.Counter(n.replace(",", "") for n in re.findall(r"\d+(?:[.,]\d+)*", prose_of(text)))


def links_of(text, page):
    """The links of a block as paths of English pages, with `#` where there is an anchor -> Counter; those to the page itself in the other
    language, and to the terms, are left out."""
    found = collections.Counter()
    for target in LINK.findall(SPAN.sub(" ", text)):
        if not re.match(r"[a-z]+:", target):
            path, sharp, _ = target.partition("#")
            path = english(os.path.normpath(os.path.join(os.path.dirname(page), path))) if path else english(page)
            target = path + sharp
        if target != english(page) and chinese(target) not in NO_ENGLISH:
            found[target] += 1
    return found


def is_translated(text):
    return HAN.search(text) is not None or len(re.findall(r"[A-Za-z]{2,}", prose_of(text))) <= 3


def lost_emphasis(text):
    """The stars of a block that stay stars on the page -> list of what stands around them.

    CommonMark: a run that opens must not be followed by a blank, nor by punctuation unless a blank or punctuation precedes it; mirrored for
    one that closes.  English sentences keep to this by themselves, Chinese ones do not: `*：` is to be written, not `：*`.
    """
    def is_blank(c):
        return c == "" or c.isspace()

    def is_punctuation(c):
        return c != "" and unicodedata.category(c)[0] in "PS"

    text = ITEM.sub("", SPAN.sub("``", text))
    found = []
    for j, m in enumerate(re.finditer(r"(?<!\\)\*+", text)):
        before, after = text[m.start() - 1:m.start()], text[m.end():m.end() + 1]
        inner, outer = (after, before) if j % 2 == 0 else (before, after)
        if is_blank(inner) or is_punctuation(inner) and not is_blank(outer) and not is_punctuation(outer):
            found.append(text[max(m.start() - 8, 0):m.end() + 8])
    return found


def difference(page, en, zh):
    """What is not the same in two blocks, the English and the Chinese -> list of str."""
    if en[0] in ("picture", "fence"):
        return [] if en[1] == zh[1] else ["a %s is not the English one: %s" % (en[0], en[1].split("\n")[min(1, en[1].count("\n"))])]
    here = zh[1][:40]
    if en[0] == "code":                 # the command is the same, what is said behind it is translated
        command = re.split("  +", en[1].strip())[0]
        return [] if re.split("  +", zh[1].strip())[0] == command else ["`%s`: the English line begins with `%s`" % (here, command)]
    found = []
    if en[0] == "row":
        cell = first_cell(zh[1])
        if re.findall(r"\w+", cell) != re.findall(r"\w+", first_cell(en[1])) and not HAN.search(cell):
            found.append("`%s`: first cell of a row is neither the English one nor Chinese" % here)
        if len(re.split(r"(?<!\\)\|", en[1])) != len(re.split(r"(?<!\\)\|", zh[1])):
            found.append("`%s`: another number of cells" % here)
    elif not is_translated(zh[1]):
        found.append("`%s`: is not translated" % here)
    found += ["`%s`: emphasis is lost at `%s`" % (here, place) for place in lost_emphasis(zh[1])]
    for what, a, b in (("names", names_of(en[1]), names_of(zh[1])), ("links", links_of(en[1], page), links_of(zh[1], chinese(page)))):
        if a != b:
            found.append("`%s`: %s only in English: %s, only in Chinese: %s" % (here, what, sorted((a - b).elements()), sorted((b - a).elements())))
    missing = numbers_of(en[1]) - numbers_of(zh[1])
    if missing:
        found.append("`%s`: lacks the numbers %s" % (here, sorted(missing.elements())))
    return found


def compare(page, en, zh):
    """Differences between an English section and the Chinese one -> list of str, each with its place."""
    place = "%s, %s %s: " % (chinese(page), "#" * zh.level, zh.title)
    if en.level != zh.level:
        return [place + "the English heading has the level %d" % en.level]
    a, b = blocks(en), blocks(zh)
    if [kind for kind, _ in a] != [kind for kind, _ in b]:
        for j, (x, y) in enumerate(zip(a + [("end", "")], b + [("end", "")])):
            if x[0] != y[0]:
                return [place + "block %d is %s in English (%s), %s in Chinese (%s)" % (j, x[0], x[1][:40], y[0], y[1][:40])]
    return [place + d for x, y in zip(a, b) for d in difference(page, x, y)]


# ------------------------------------------------------------------ two pages

def check(page):
    """Compare the two editions of an English page -> (stale sections, differences), two lists of str."""
    en, zh = sections(read(page)), sections(read(chinese(page)))
    a, b = [digest(s) for s in en], [(s.stamp + [""])[0] for s in zh]
    stale, differences = [], []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            for x, y in zip(en[i1:i2], zh[j1:j2]):
                differences += compare(page, x, y)
            continue
        for k in range(max(i2 - i1, j2 - j1)):
            if i1 + k < i2:
                stale.append("%s: %s %s" % (page, "#" * en[i1 + k].level, en[i1 + k].title))
            else:
                stale.append("%s: %s %s (no longer in English)" % (chinese(page), "#" * zh[j1 + k].level, zh[j1 + k].title))
    return stale, differences


def check_all():
    """Compare all of PAGES -> (stale sections, differences)."""
    stale, differences = [], []
    for page in PAGES:
        if not os.path.exists(os.path.join(ROOT, chinese(page))):
            differences.append("%s is in PAGES and not there" % chinese(page))
            continue
        s, d = check(page)
        stale += s
        differences += d
    return stale, differences


def stamp(page):
    """Note in the Chinese edition of `page` which English text each section translates -> differences, and then nothing is written."""
    page = english(os.path.relpath(os.path.abspath(os.path.join(ROOT, page)), ROOT))
    en, zh = sections(read(page)), sections(read(chinese(page)))
    if len(en) != len(zh):
        return ["%s has %d sections, %s %d" % (page, len(en), chinese(page), len(zh))] + [
            "%-60s %s" % (x.title, y.title) for x, y in zip(en, zh) if x.level != y.level][:3]
    found = [d for x, y in zip(en, zh) for d in compare(page, x, y)]
    if not found:
        lines = []
        for x, y in zip(en, zh):
            lines += ["#" * y.level + " " + y.title, "<!-- en: %s -->" % digest(x)] + y.lines
        write(chinese(page), "\n".join(lines) + "\n")
    return found


# ------------------------------------------------------------------ links

def slug(title):
    """The anchor that a heading gets on the usual sites -> str."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def anchors(page):
    return [slug(s.title) for s in sections(read(page))]


def relinked(page):
    """A Chinese page with its links led to Chinese pages and their headings where there are some -> text."""
    folder = os.path.dirname(page)

    def lead(m):
        target = m.group(1)
        path, sharp, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not target.endswith(".md") and ".md#" not in target:
            return m.group(0)
        old = os.path.normpath(os.path.join(folder, path))
        new = chinese(english(old))
        if old == new or english(old) == english(page) or not os.path.exists(os.path.join(ROOT, new)):
            return m.group(0)
        if sharp and anchor in anchors(old):
            anchor = anchors(new)[anchors(old).index(anchor)]
        return "](%s)" % (os.path.relpath(new, folder or ".") + sharp + anchor)
    return LINK.sub(lead, read(page))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stamp", nargs="+", metavar="PAGE", default=[])
    parser.add_argument("--links", action="store_true")
    args = parser.parse_args()
    if args.links:
        for page in existing():
            text = relinked(page)
            if text != read(page):
                write(page, text)
                print("links of %s" % page)
        return 0
    if args.stamp:
        differences = [d for page in args.stamp for d in stamp(page)]
        for d in differences:
            print(d)
        return 1 if differences else 0
    stale, differences = check_all()
    print("\n".join(["%d stale sections:" % len(stale)] + stale + ["%d differences:" % len(differences)] + differences))
    return 1 if differences or len(stale) > MOST_STALE else 0


if __name__ == "__main__":
    sys.exit(main())
