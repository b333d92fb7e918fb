"""genpyz.py - packs the server into one file that any Python runs.                                   (make pyz)

    python -m tests.support.genpyz [FILE]           default: dist/aeredis.pyz

The file is a zip with the package as setup.cfg installs it, and a `__main__.py` before it.  Python imports from the zip
directly: nothing is unpacked, and nothing is compiled ahead, since the file must not depend on the interpreter.
"""
import configparser
import os
import shutil
import sys
import tempfile
import zipapp

from tests.support.genlink import ROOT

MAIN = '''"""One file: python3 aeredis.pyz [server | sentinel | check-rdb | check-aof | conf] [arguments]"""
import sys
if sys.version_info < (3, 9):
    sys.exit("aeredis needs Python 3.9 or newer, this is %s" % sys.version.split()[0])
from aeredis.__main__ import main
main()
'''


def copy_packages(target):
    """Copy every package that setup.cfg names, and the data files of `aeredis`, into the folder `target`."""
    cfg = configparser.ConfigParser()
    cfg.read(os.path.join(ROOT, "setup.cfg"), encoding="utf-8")
    places = dict(line.split(" = ") for line in cfg["options"]["package_dir"].split("\n") if line)
    for package in cfg["options"]["packages"].split():
        top = next(p for p in sorted(places, key=len, reverse=True) if package == p or package.startswith(p + "."))
        source = os.path.join(ROOT, places[top], *package[len(top):].split("."))
        folder = os.path.join(target, *package.split("."))
        os.makedirs(folder, exist_ok=True)
        for name in sorted(os.listdir(source)):
            path = os.path.join(source, name)
            if os.path.isfile(path) and (name.endswith(".py") or package == "aeredis"):
                shutil.copy(path, os.path.join(folder, name))


def build(path):
    """Write the file at `path`, executable."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        copy_packages(folder)
        with open(os.path.join(folder, "__main__.py"), "w", encoding="utf-8") as f:
            f.write(MAIN)
        zipapp.create_archive(folder, path, interpreter="/usr/bin/env python3", compressed=True)
    os.chmod(path, 0o755)


if __name__ == "__main__":
    build(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "dist", "aeredis.pyz"))
