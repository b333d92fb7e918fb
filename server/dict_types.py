"""dict_types.py - the dictTypes of the keyspace and of the server's tables.     Mirrors src/server.c 1210-1480 (6.2.14)

Lives here   C's banner "Hash table type implementation": what the tables of the server are hashed and compared by.
             setDictType and zsetDictType stand in dict.py, below object.py.
Called from  dictCreate's callers [startup, command].
Departures   keys that are bytes need neither a hash nor a compare function: hash() of bytes is a seeded SipHash.
"""
from typing import TYPE_CHECKING

from datastructs.dict import (
    dictEncObjHash, dictEncObjKeyCompare, dictObjHash, dictObjKeyCompare, dictSdsCaseHash, dictSdsKeyCaseCompare,
    dictType,
)
from server.object import decrRefCount
from server.server_h import HASHTABLE_MAX_LOAD_FACTOR
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.keyspace.evict import overMaxmemoryAfterAlloc


def dictExpandAllowed(moreMem, usedRatio):
    """Tell whether a keyspace table of `usedRatio` may grow by `moreMem` bytes: it must not start an eviction, unless it is
    overcrowded -> true or false."""
    if usedRatio <= HASHTABLE_MAX_LOAD_FACTOR:
        return not overMaxmemoryAfterAlloc(moreMem)
    return True


def dictObjectDestructor(val):
    """Free a value that leaves the keyspace; None: it is freed elsewhere (lazy free)."""
    if val is not None:
        decrRefCount(val)


# For bytes keys no hash or compare function is needed: hash() of bytes is seeded SipHash, as in C.
objectKeyPointerValueDictType = dictType(hashFunction=dictEncObjHash, keyCompare=dictEncObjKeyCompare)
objectKeyHeapPointerValueDictType = dictType(hashFunction=dictEncObjHash, keyCompare=dictEncObjKeyCompare)
dbDictType = dictType(valDestructor=dictObjectDestructor, expandAllowed=dictExpandAllowed)     # keys -> robj
shaScriptObjectDictType = dictType(hashFunction=dictSdsCaseHash, keyCompare=dictSdsKeyCaseCompare)
dbExpiresDictType = dictType(expandAllowed=dictExpandAllowed)   # keys -> ms
commandTableDictType = dictType(hashFunction=dictSdsCaseHash, keyCompare=dictSdsKeyCaseCompare)
sdsReplyDictType = dictType()
keylistDictType = dictType(hashFunction=dictObjHash, keyCompare=dictObjKeyCompare)   # key robj -> list_
clusterNodesDictType = dictType()
clusterNodesBlackListDictType = dictType(hashFunction=dictSdsCaseHash, keyCompare=dictSdsKeyCaseCompare)
modulesDictType = dictType(hashFunction=dictSdsCaseHash, keyCompare=dictSdsKeyCaseCompare)
migrateCacheDictType = dictType()
replScriptCacheDictType = dictType(hashFunction=dictSdsCaseHash, keyCompare=dictSdsKeyCaseCompare)
