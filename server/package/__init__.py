"""aeredis - Redis 6.2 written again in Python, as an installed package.

Lives here   the version, the paths of the files that come with it (redis.conf, LICENSE, ...).
Called from  whoever imports aeredis: aeredis.testing in a foreign process, aeredis.__main__ in the server's own.
State        none.  Importing this changes nothing in the process, sys.path included.
Extend       In the repository this folder is server/package; setup.cfg installs it as aeredis/ and puts the folders
             ae/, server/, ... below it, so that no name of ours but `aeredis` stands in site-packages.
"""
import os

__version__ = "0.1.0"


def data_path(name):
    """Return the path of a file that is installed with the package: redis.conf, aeredis.service, LICENSE."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
