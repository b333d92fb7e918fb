"""release.py - which build this is.                             Mirrors src/release.c (6.2.14)

Lives here   redisGitSHA1, redisGitDirty, redisBuildId, redisBuildIdString.
Called from  version, main [startup]; INFO [command].
Departures   there is no build: the id is a checksum of the version and of the interpreter.
"""
import sys
import zlib

from server.server_h import REDIS_VERSION

REDIS_GIT_SHA1 = "00000000"
REDIS_GIT_DIRTY = "0"
REDIS_BUILD_ID_RAW = "aeredis-%s-python-%s" % (REDIS_VERSION, sys.version)


def redisGitSHA1():
    return REDIS_GIT_SHA1


def redisGitDirty():
    return REDIS_GIT_DIRTY


def redisBuildId():
    raw = REDIS_BUILD_ID_RAW.encode()
    return zlib.crc32(raw) << 32 | zlib.adler32(raw)


def redisBuildIdString():
    return "%x" % redisBuildId()
