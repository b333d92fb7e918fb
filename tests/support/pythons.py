"""pythons.py - the unit and client tests with every interpreter of the machine.                      (make test-pythons)

    python -m tests.support.pythons [WHICH ...] [-- pytest arguments]      WHICH: 3.9 ... 3.14, pypy; default: all

Interpreters are looked for among those of pyenv and on PATH.  Each gets the environment that `make PYTHON=...` would give it
(.venv-cpython-312, ...).  What is missing is named with its reason.  Exit status: 0 when no interpreter failed.
"""
import glob
import os
import shutil
import subprocess
import sys
import time

from tests.support.genlink import ROOT

WANTED = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "pypy"]
TESTS = ["tests/unit", "tests/integration/test_clients.py"]
ASK = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2], sys.implementation.cache_tag)"


def identify(path):
    """Return (WANTED word, cache tag) of the interpreter at `path`, or None if it is none, or too old."""
    try:
        p = subprocess.run([path, "-c", ASK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = p.stdout.split()
    if p.returncode or len(words) != 3:
        return None
    name, version, tag = words
    if tuple(int(n) for n in version.split(".")) < (3, 9):
        return None
    return ("pypy" if name == "pypy" else version), tag


def candidates():
    """Yield the paths that may be interpreters: pyenv's, then those on PATH (a shim of pyenv may answer for none)."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for folder in sorted(glob.glob(os.path.join(root, "versions", "*", "bin"))):
        for name in ("python3", "pypy3"):
            yield os.path.join(folder, name)
    for name in ["python" + v for v in WANTED[:-1]] + ["pypy3", "python3"]:
        path = shutil.which(name)
        if path:
            yield path


def find():
    """Return {WANTED word: (path, cache tag)} of the first interpreter of each kind."""
    found = {}
    for path in candidates():
        known = identify(path) if os.access(path, os.X_OK) else None
        if known and known[0] in WANTED:
            found.setdefault(known[0], (path, known[1]))
    return found


def run_tests(path, tag, arguments):
    """Make the environment and run the tests in it.  -> (exit status, last line of pytest or of make)"""
    venv = ".venv-" + tag
    make = subprocess.run(["make", "PYTHON=" + path, "VENV=" + venv, venv + "/.test"], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if make.returncode:
        return make.returncode, (make.stdout.strip().splitlines() or ["make failed"])[-1]
    tests = subprocess.Popen([os.path.join(ROOT, venv, "bin", "python"), "-m", "pytest", "-q"] + (arguments or TESTS), cwd=ROOT,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    last = ""
    for line in tests.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        last = line.strip() or last
    return tests.wait(), last


def main():
    words = sys.argv[1:]
    arguments = words[words.index("--") + 1:] if "--" in words else []
    chosen = words[:words.index("--")] if "--" in words else words
    unknown = [w for w in chosen if w not in WANTED]
    if unknown:
        sys.exit("%s: not one of %s" % (" ".join(unknown), " ".join(WANTED)))
    found = find()
    report, failed = [], 0
    for which in chosen or WANTED:
        if which not in found:
            report.append((which, "skipped", "not on this machine: looked in ~/.pyenv/versions and on PATH"))
            continue
        path, tag = found[which]
        print("== %s: %s" % (which, path), flush=True)
        start = time.monotonic()
        status, last = run_tests(path, tag, arguments)
        failed += status != 0
        report.append((which, "FAILED" if status else "ok", "%s (%s, %.0f s)" % (last, path, time.monotonic() - start)))
    print()
    for row in report:
        print("%-6s %-8s %s" % row)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
