"""The grammar of docstrings, as far as a script can check it: a sentence with a verb, then `-> results`; errors last.

docs/conventions.md has the whole of it.
"""
import ast
import os
import re

from tests.support.genlink import ROOT, source_files

#: Beginnings that are no sentence: a bare result, a question, a noun phrase that says what comes back.
NO_SENTENCE = re.compile(r"->|Returns\b|\d+ |True\b|False\b|None\b|\(|(Is|Are|Does|Do we|May|Can|Has|Was|Should) [a-z`]+.*\?"
                         r"|(Bytes|Number|Offset|Position|Size|Sum|Count) (of|that|which|in)\b|How (many|much|far)\b|Whether\b"
                         r"|The same\b|What (is|was|must|comes)\b")
HOT = re.compile(r"\bHOT\b")
HOT_FORM = re.compile(r"[.)\]>a-z]  HOT$|^[^.]*  HOT$")


def docstrings():
    """Yield (place, docstring) of every function."""
    for _, path in source_files():
        with open(path, encoding="utf-8") as f:
            tree = ast.parse(f.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
                yield "%s:%d %s" % (os.path.relpath(path, ROOT), node.lineno, node.name), ast.get_docstring(node)


def test_a_docstring_begins_with_a_sentence():
    bad = ["%s: %s" % (place, doc.split("\n")[0]) for place, doc in docstrings() if NO_SENTENCE.match(doc)]
    assert not bad, "\n".join(bad)


def test_hot_is_the_last_word_of_the_first_line():
    bad = []
    for place, doc in docstrings():
        lines = doc.split("\n")
        if HOT.search(lines[0]) and not HOT_FORM.search(lines[0]) or any(re.search(r"  HOT\b|HOT\.?$", line) for line in lines[1:]):
            bad.append("%s: %s" % (place, lines[0]))
    assert not bad, "\n".join(bad)


def test_the_spelling_says_what_is_ours():
    """A snake_case name is ours: the docstring does not repeat it."""
    bad = [place for place, doc in docstrings() if re.search(r"\(ours\)|\bOurs[.:]", doc)]
    assert not bad, "\n".join(bad)
