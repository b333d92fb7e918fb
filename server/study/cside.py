"""cside.py - a function of this project beside its C.       `aeredis-c NAME`, `make sidebyside FUNC=NAME`

    aeredis-c dictRehash                   both, side by side, aligned by the names that their lines share
    aeredis-c module:function              where the name alone is not enough
    aeredis-c --html DIR                   a static site of all functions, by C file and by phase
    aeredis-c --write-index                makes server/study/cindex.tsv anew (--check: is it current?)
    options: --width N (columns; default: those of the terminal)

Lives here   align, side_by_side, the site, the command line.
Calls out    csource: what stands where.
Departures   all of it is ours.

Alignment: a line of Python and a line of C that share identifiers are a possible pair; rare identifiers count more.  Of all ways to
pair lines in order, the heaviest is taken (dynamic programming, as diff does with equal lines).  `=` marks a pair.
"""
import argparse
import difflib
import html
import math
import os
import re
import shutil
import sys

from server.study.csource import (
    INDEX, ROOT, WORD, build_index, c_functions, c_tree, modules, py_functions, render_index,
)

NARROW = 150                           # below this many columns the C stands under the Python
NO_TREE = "the C source is not here: `make c-source` unpacks it (or set REDIS_C_SOURCE)"
KEYWORDS = frozenset("""if else while for return and or not is None True False in def int long char void struct static const unsigned
    size_t NULL sizeof break continue switch case default pass try except finally raise global lambda import from as do goto
    uint8_t uint32_t uint64_t int64_t c j i n len b""".split())
PYTHON_TEXT = re.compile(r'"""(?:\\.|[^\\])*?"""|#[^\n]*', re.S)
C_TEXT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def words(line):
    return {word for word in WORD.findall(line) if word not in KEYWORDS and len(word) > 1}


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def align(python, c):
    """Pair the lines of two functions -> [(index of the Python line or None, index of the C line or None), ...] in order"""
    left = [words(line) for line in PYTHON_TEXT.sub(blank, "\n".join(python)).split("\n")]
    right = [words(line) for line in C_TEXT.sub(blank, "\n".join(c)).split("\n")]
    count = {}
    for line in left + right:
        for word in line:
            count[word] = count.get(word, 0) + 1
    weight = {word: 1 / math.sqrt(n) for word, n in count.items()}

    def gain(a, b):
        shared = a & b
        if not shared:
            return 0.0
        return sum(weight[w] for w in shared) ** 2 / math.sqrt(sum(weight[w] for w in a) * sum(weight[w] for w in b))

    rows, columns = len(left), len(right)
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    step = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            g = gain(left[i], right[j])
            options = [(best[i + 1][j], 1), (best[i][j + 1], 2)]
            if g > 0.15:
                options.append((best[i + 1][j + 1] + g, 3))
            best[i][j], step[i][j] = max(options)
    pairs = []
    i = j = 0
    while i < rows and j < columns:
        move = step[i][j]
        if move == 3:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif move == 1:
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    pairs += [(k, None) for k in range(i, rows)] + [(None, k) for k in range(j, columns)]
    return pairs


def compact(pairs):
    """Put unpaired lines of both sides that stand between the same pairs beside each other."""
    out, left, right = [], [], []

    def flush():
        for k in range(max(len(left), len(right))):
            out.append((left[k] if k < len(left) else None, right[k] if k < len(right) else None, False))
        left.clear()
        right.clear()

    for i, j in pairs:
        if i is not None and j is not None:
            flush()
            out.append((i, j, True))
        elif i is not None:
            left.append(i)
        else:
            right.append(j)
    flush()
    return out


def lines_of(path, first, last):
    with open(path, encoding="utf-8", errors="replace") as f:
        return [line.rstrip("\n").expandtabs(4) for line in f.readlines()[first - 1:last]]


def fold(line, width):
    """Cut a line into pieces of `width`, the later ones indented -> list with at least one"""
    if len(line) <= width:
        return [line]
    indent = " " * min(len(line) - len(line.lstrip()) + 4, width // 2)
    pieces = [line[:width]]
    rest = line[width:]
    while rest:
        pieces.append(indent + rest[:width - len(indent)])
        rest = rest[width - len(indent):]
    return pieces


def side_by_side(python, c, titles, width):
    """Return the lines of both functions as text of `width` columns."""
    if width < NARROW:
        return [titles[0], ""] + python + ["", titles[1], ""] + c
    half = (width - 3) // 2
    out = ["%-*s   %s" % (half, titles[0][:half], titles[1][:half]), ""]
    for i, j, paired in compact(align(python, c)):
        left = fold(python[i], half) if i is not None else [""]
        right = fold(c[j], half) if j is not None else [""]
        for k in range(max(len(left), len(right))):
            mark = "=" if paired and k == 0 else " "
            out.append(("%-*s %s %s" % (half, left[k] if k < len(left) else "", mark, right[k] if k < len(right) else "")).rstrip())
    return out


def find_rows(rows, name):
    """The rows of the index for `name`, or for `module:name` (the end of the module's name is enough)."""
    module, colon, function = name.rpartition(":")
    return [row for row in rows if row[0].rpartition(":")[2] == function
            and (not colon or ("." + row[0].rpartition(":")[0]).endswith("." + module.replace("/", ".").replace(".py", "")))]


def python_function(row):
    """The PyFunction of a row of the index."""
    module, _, name = row[0].rpartition(":")
    path = dict(modules())[module]
    return next(f for f in py_functions(path, module)[1] if f.name == name)


def c_function(known, row):
    """The CFunction that a row of the index points at."""
    file, _, line = row[1].rpartition(":")
    return next(f for functions in known.values() for f in functions if f.file == file and f.line == int(line))


def show(row, known, tree, width):
    """Return the text of one row of the index: both functions, or ours alone."""
    function = python_function(row)
    python = lines_of(function.path, function.line, function.last)
    title = "%s:%d" % (os.path.relpath(function.path, ROOT), function.line)
    if row[2] == "ours":
        return [title + "   ours: C has no such function", ""] + python
    c = c_function(known, row)
    kind = {"function": "", "macro": "   a macro", "part": "   this is a part of it"}[row[2]]
    return side_by_side(python, lines_of(os.path.join(tree, c.file), c.line, c.last), (title, "%s:%d%s" % (c.file, c.line, kind)), width)


def nearest(rows, known, name):
    """Return the three names, of ours and of C's, that are most like `name`."""
    names = {row[0].rpartition(":")[2] for row in rows} | set(known)
    return difflib.get_close_matches(name.rpartition(":")[2], names, 3, 0.0)


# ------------------------------------------------------------------ the site

STYLE = """body{font:15px/1.4 sans-serif;margin:1.5em;color:#222;background:#fff}pre,td{font:13px/1.35 monospace;white-space:pre-wrap}
td{vertical-align:top;padding:0 .6em;width:50%}td.m{width:1em;color:#888}tr.e td{background:#f2f7f2}a{color:#0645ad;text-decoration:none}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}tr.e td{background:#1f2a1f}a{color:#8ab4f8}}"""
#: The labels of the module headers ("Called from ... [phase]"), in the order of a turn.
PHASES = (("startup", "start-up"), ("accept", "a connection is accepted"), ("read", "a request is read and parsed"), ("command", "a command runs"),
          ("write", "a reply is written"), ("before", "before the loop sleeps"), ("cron", "by the timer"), ("child", "in a forked child"),
          ("bio", "in a background thread"))


def page(title, body):
    return ("<!doctype html><html lang=en><meta charset=utf-8><title>%s</title><style>%s</style><h1>%s</h1>\n%s</html>\n"
            % (html.escape(title), STYLE, html.escape(title), body))


def file_of(row):
    return re.sub(r"[^\w.-]", "_", row[0]) + ".html"


def link_words(line, pages):
    """Escape a line of code; every name that has a page becomes a link."""
    return re.sub(r"[A-Za-z_]\w*", lambda m: '<a href="%s">%s</a>' % (pages[m.group()], m.group()) if m.group() in pages else m.group(),
                  html.escape(line, quote=False))


def write_site(directory, rows, known, tree):
    """Write one page a function and three indexes into `directory` -> number of pages.  OSError as it comes."""
    os.makedirs(directory, exist_ok=True)
    pages = {}
    for row in rows:
        pages.setdefault(row[0].rpartition(":")[2], file_of(row))
    functions = {}
    headers = {}
    for module, path in modules():
        headers[module], found = py_functions(path, module)
        for f in found:
            functions["%s:%s" % (module, f.name)] = f
    where = {(f.file, f.line): f for group in known.values() for f in group}
    by_file, by_phase = {}, {}
    for row in rows:
        f = functions[row[0]]
        python = lines_of(f.path, f.line, f.last)
        title = "%s  %s:%d" % (f.name, os.path.relpath(f.path, ROOT), f.line)
        if row[1] == "-":
            body = "<p>ours: C has no such function</p><pre>%s</pre>" % "\n".join(link_words(line, pages) for line in python)
        else:
            file, _, line = row[1].rpartition(":")
            c_lines = lines_of(os.path.join(tree, file), int(line), where[file, int(line)].last)
            cells = []
            for i, j, paired in compact(align(python, c_lines)):
                cells.append("<tr%s><td>%s</td><td class=m>%s</td><td>%s</td></tr>" % (
                    " class=e" if paired else "", link_words(python[i], pages) if i is not None else "", "=" if paired else "",
                    link_words(c_lines[j], pages) if j is not None else ""))
            body = "<p>%s%s</p><table>%s</table>" % (row[1], "" if row[2] == "function" else " (%s)" % row[2], "\n".join(cells))
        with open(os.path.join(directory, file_of(row)), "w", encoding="utf-8") as out:
            out.write(page(title, '<p><a href="index.html">by C file</a> · <a href="phases.html">by phase</a></p>' + body))
        link = '<li><a href="%s">%s</a>' % (file_of(row), f.name)
        by_file.setdefault(row[1].rpartition(":")[0] or "ours alone", []).append(link)
        module = row[0].rpartition(":")[0]
        for phase in re.findall(r"\[(\w+)", headers[module]):
            by_phase.setdefault(phase, {}).setdefault(module, []).append(link)
    body = "".join("<h2>%s</h2><ul>%s</ul>" % (name, "".join(by_file[name])) for name in sorted(by_file, key=lambda n: (n == "ours alone", n)))
    with open(os.path.join(directory, "index.html"), "w", encoding="utf-8") as out:
        out.write(page("C and Python, by C file", '<p><a href="phases.html">by phase</a></p>' + body))
    body = ""
    for phase, title in PHASES:
        body += "<h2>%s: %s</h2>" % (phase, title)
        for module, links in sorted(by_phase.get(phase, {}).items()):
            body += "<h3>%s</h3><ul>%s</ul>" % (module, "".join(dict.fromkeys(links)))
    with open(os.path.join(directory, "phases.html"), "w", encoding="utf-8") as out:
        out.write(page("C and Python, by phase", '<p><a href="index.html">by C file</a></p>' + body))
    return len(rows) + 2


def main(argv=None):
    parser = argparse.ArgumentParser(prog="aeredis-c", description="A function of aeredis beside its C.")
    parser.add_argument("name", nargs="?", help="a function: NAME, or module:NAME")
    parser.add_argument("--width", type=int, default=0)
    parser.add_argument("--html", metavar="DIR")
    parser.add_argument("--write-index", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(argv)
    tree = c_tree()
    if tree is None:
        sys.exit(NO_TREE)
    if args.write_index or args.check:
        text = render_index(build_index(tree))
        if args.check:
            with open(INDEX, encoding="utf-8") as f:
                sys.exit(None if f.read() == text else "server/study/cindex.tsv is stale: run `make c-index`")
        with open(INDEX, "w", encoding="utf-8") as f:
            f.write(text)
        return
    known = c_functions(tree)
    rows = build_index(tree)                       # of the code as it stands, which the reader may have changed
    if args.html:
        try:
            print("%d pages in %s; begin with index.html" % (write_site(args.html, rows, known, tree), args.html))
        except OSError as error:
            sys.exit("cannot write to %s: %s" % (args.html, error.strerror))
        return
    if not args.name:
        parser.error("a function is wanted, or --html DIR")
    found = find_rows(rows, args.name)
    if not found:
        where = known.get(args.name)
        if where:
            sys.exit("%s is C's (%s:%d); this project has no function of that name" % (args.name, where[0].file, where[0].line))
        sys.exit("no function %s; the nearest: %s" % (args.name, ", ".join(nearest(rows, known, args.name))))
    width = args.width or shutil.get_terminal_size((160, 40)).columns
    try:
        for row in found:
            print("\n".join(show(row, known, tree, width)) + "\n")
    except BrokenPipeError:                        # a pager that was left
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    main()
