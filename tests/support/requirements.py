"""requirements.py - prints the requirements that setup.cfg names, for pip.

    python tests/support/requirements.py [extra ...]           the base ones and those of the extras
    python tests/support/requirements.py --only extra ...      those of the extras
"""
import configparser
import os
import sys


def requirements(extras, base=True):
    """Return the list of requirement strings of the base package, unless `base` is false, and of `extras`, markers applied."""
    cfg = configparser.ConfigParser()
    cfg.read(os.path.join(os.path.dirname(__file__), "..", "..", "setup.cfg"), encoding="utf-8")
    lines = cfg["options"]["install_requires"].splitlines() if base else []
    for extra in extras:
        lines += cfg["options.extras_require"][extra].splitlines()
    found = []
    for line in lines:
        name, _, marker = line.partition(";")
        if "python_version" in marker and '"%d.%d"' % sys.version_info[:2] not in marker:
            continue
        if name.strip():
            found.append(name.strip())
    return found


if __name__ == "__main__":
    only = sys.argv[1:2] == ["--only"]
    print(" ".join(requirements(sys.argv[2:] if only else sys.argv[1:], base=not only)))
