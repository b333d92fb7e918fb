"""requirements.py - prints the requirements that setup.cfg names, for pip: the base ones and the extras given as arguments."""
import configparser
import os
import sys


def requirements(extras):
    """Return the list of requirement strings of the base package and of `extras`, markers applied."""
    cfg = configparser.ConfigParser()
    cfg.read(os.path.join(os.path.dirname(__file__), "..", "..", "setup.cfg"), encoding="utf-8")
    lines = cfg["options"]["install_requires"].splitlines()
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
    print(" ".join(requirements(sys.argv[1:])))
