"""script_cache.py - the scripts that all replicas have.     Mirrors src/replication.c, "REPLICATION SCRIPT CACHE" (6.2.14)

Lives here   the SHA1s of scripts that all replicas (and the AOF) have got: these may be replicated as EVALSHA, others go
             as EVAL and enter here.  When in doubt it is emptied: a new replica, an AOF rewrite; all that costs is
             sending a script again.
Called from  EVALSHA and SCRIPT FLUSH [command]; the master at a full sync; aof_rewrite.
State        server.repl_scriptcache_dict for the look-up, repl_scriptcache_fifo to drop the oldest.
Departures   none.
"""
from datastructs.adlist import listAddNodeHead, listCreate, listDelNode, listRelease
from datastructs.dict import DICT_OK, dictAdd, dictCreate, dictDelete, dictEmpty, dictFind
from server.dict_types import replScriptCacheDictType
from server.log import serverAssert
from server.server_h import server


def replicationScriptCacheInit():
    server.repl_scriptcache_size = 10000
    server.repl_scriptcache_dict = dictCreate(replScriptCacheDictType)
    server.repl_scriptcache_fifo = listCreate()


def replicationScriptCacheFlush():
    """Somebody may miss some of the scripts: forget what was sent."""
    dictEmpty(server.repl_scriptcache_dict)
    listRelease(server.repl_scriptcache_fifo)
    server.repl_scriptcache_fifo = listCreate()


def replicationScriptCacheAdd(sha1):
    """Everybody has got this script from now on.  It must not be in the cache."""
    if server.repl_scriptcache_fifo.len == server.repl_scriptcache_size:
        ln = server.repl_scriptcache_fifo.tail
        retval = dictDelete(server.repl_scriptcache_dict, ln.value)
        serverAssert(retval == DICT_OK)
        listDelNode(server.repl_scriptcache_fifo, ln)

    retval = dictAdd(server.repl_scriptcache_dict, sha1, None)
    listAddNodeHead(server.repl_scriptcache_fifo, sha1)
    serverAssert(retval == DICT_OK)


def replicationScriptCacheExists(sha1):
    return dictFind(server.repl_scriptcache_dict, sha1) is not None
