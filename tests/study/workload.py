"""workload.py - the fixed workload whose call chains are compared with C's.

`run(port)` drives one server; the same commands go to the C server under gdb and to ours.  Each chain is recorded once, so
the workload wants every way through a function, not every way often.  Nothing in it depends on chance or on the clock but
the timer, for which it waits.
"""
import time

from tests.support.resp import RespClient

#: The functions at whose entry the chain of callers is recorded, by their C file.
FUNCTIONS = """
acceptTcpHandler acceptCommonHandler createClient linkClient clientAcceptHandler
connSocketEventHandler connSocketRead connSocketWrite connSocketAccept
readQueryFromClient processInputBuffer processMultibulkBuffer processInlineBuffer processCommandAndResetClient commandProcessed
resetClient freeClientArgv freeClient freeClientAsync unlinkClient freeClientsInAsyncFreeQueue
addReply addReplyBulk addReplyBulkCBuffer addReplyProto addReplyErrorLength afterErrorReply addReplyLongLong addReplyArrayLen
addReplyDeferredLen setDeferredReply prepareClientToWrite clientInstallWriteHandler _addReplyToBuffer _addReplyProtoToList
handleClientsWithPendingWrites handleClientsWithPendingWritesUsingThreads writeToClient
beforeSleep afterSleep serverCron databasesCron clientsCron processCommand lookupCommand call propagate alsoPropagate
lookupKey lookupKeyReadWithFlags lookupKeyRead lookupKeyWrite lookupKeyReadOrReply lookupKeyWriteOrReply
expireIfNeeded keyIsExpired deleteExpiredKeyAndPropagate propagateExpire getExpire setExpire removeExpire
dbAdd dbOverwrite genericSetKey setKey dbSyncDelete dbAsyncDelete dbDelete signalModifiedKey touchWatchedKey notifyKeyspaceEvent
activeExpireCycle activeExpireCycleTryExpire
dictFind dictAdd dictAddRaw dictReplace dictDelete dictUnlink dictGenericDelete dictExpand _dictExpandIfNeeded _dictKeyIndex
dictRehash _dictRehashStep dictScan dictGetRandomKey dictNext
createStringObject createObject tryObjectEncoding getDecodedObject getLongLongFromObject
setGenericCommand getGenericCommand incrDecrCommand
listTypePush listTypePop quicklistPush quicklistPushHead quicklistPushTail quicklistPop quicklistPopCustom ziplistPush
__ziplistInsert __ziplistDelete
hashTypeSet hashTypeConvert hashTypeGetValueObject setTypeAdd setTypeConvert intsetAdd
zaddGenericCommand zsetAdd zslInsert zslDelete zslInsertNode zslGetRank zsetConvert genericZrangebyrankCommand
streamAppendItem raxInsert raxGenericInsert
blockForKeys handleClientsBlockedOnKeys serveClientBlockedOnList signalKeyAsReady unblockClient
queueMultiCommand execCommand discardTransaction
feedAppendOnlyFile flushAppendOnlyFile aofWrite replicationFeedSlaves feedReplicationBacklog replicationCron
pubsubPublishMessage pubsubSubscribeChannel
rdbSaveRio rdbSaveKeyValuePair rdbSaveObject rdbLoadRio rdbLoadObject loadAppendOnlyFile
slowlogPushEntryIfNeeded ACLCheckAllPerm performEvictions freeMemoryGetNotCountedMemory
""".split()

OPTIONS = ["--appendonly", "yes", "--save", "", "--hz", "10", "--activerehashing", "no", "--hash-max-ziplist-entries", "2",
           "--zset-max-ziplist-entries", "2", "--set-max-intset-entries", "3", "--list-max-ziplist-size", "2",
           "--notify-keyspace-events", "KEA", "--slowlog-log-slower-than", "0", "--lazyfree-lazy-user-del", "no",
           "--aof-use-rdb-preamble", "no", "--appendfsync", "no"]


class Client(RespClient):
    def read_line_feed(self):
        """Return the next line that ends with a bare newline, as in the header of a transfer."""
        while b"\n" not in self.buf:
            self.buf += self.sock.recv(65536)
        line, _, self.buf = self.buf.partition(b"\n")
        return line.strip()


def run(port):
    """Drive the server on `port` through the workload."""
    a, b = Client(port, timeout=60), Client(port, timeout=60)
    say = a.execute

    def inline(line):
        a.sock.sendall(line)
        return a.read_reply()

    say("PING")
    inline(b"PING inline\r\n")
    say("NOSUCHCOMMAND")
    say("GET")                                             # wrong number of arguments
    # Strings.
    say("SET", "s", "value")
    say("SET", "s", "12")
    say("SET", "s", "x" * 60)
    say("SET", "s", "other", "EX", "100", "GET")
    say("GET", "s")
    say("GET", "missing")
    say("INCR", "n")
    say("INCR", "n")
    say("APPEND", "s", "tail")
    say("MSET", "m1", "1", "m2", "2")
    say("MGET", "m1", "m2", "missing")
    say("GET", "s")
    say("DEL", "m1", "m2", "missing")
    say("UNLINK", "s")
    say("EXISTS", "n", "missing")
    say("LPUSH", "n", "1")                                 # wrong type
    # Expires: met by a command, met by the timer.
    say("SET", "e", "1", "PX", "1")
    say("EXPIRE", "n", "1000")
    say("PERSIST", "n")
    time.sleep(0.02)
    say("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    say("SET", "e2", "1", "PX", "1")
    time.sleep(0.02)
    say("GET", "e2")
    say("SET", "e3", "1", "PX", "1")
    time.sleep(0.02)
    say("SET", "e3", "2")
    say("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    say("SET", "e4", "1", "PX", "1")
    # Lists.
    say("RPUSH", "l", "a", "b", "c")
    say("LPUSH", "l", "z")
    say("LRANGE", "l", "0", "-1")
    say("LPOP", "l")
    say("RPOP", "l", "2")
    say("LPOP", "l")
    # Hashes, sets, sorted sets: both encodings.
    for j in range(4):
        say("HSET", "h", "f%d" % j, "v")
        say("SADD", "i", "%d" % j)
        say("ZADD", "z", "%d" % j, "m%d" % j)
    say("SADD", "i", "word")
    say("HGET", "h", "f1")
    say("HGETALL", "h")
    for _ in range(12):
        say("SISMEMBER", "i", "1")                         # until the rehash of the set is finished
    say("SPOP", "i")
    say("ZADD", "z", "9", "m0")
    say("ZRANK", "z", "m0")
    say("ZRANGE", "z", "0", "-1", "WITHSCORES")
    say("ZREM", "z", "m1")
    say("XADD", "x", "1-1", "f", "v")
    say("XADD", "x", "1-2", "f", "v")
    say("XRANGE", "x", "-", "+")
    # Transactions.
    b.execute("WATCH", "w")
    say("SET", "w", "1")
    b.execute("MULTI")
    b.execute("SET", "w", "2")
    b.execute("EXEC")
    b.execute("MULTI")
    b.execute("SET", "w", "3")
    b.execute("INCR", "w")
    b.execute("EXEC")
    b.execute("MULTI")
    b.execute("DISCARD")
    # Blocked clients.
    b.send("BLPOP", "bl", "0")
    time.sleep(0.05)
    say("RPUSH", "bl", "1")
    b.read_reply()
    # Publish and subscribe.
    b.execute("SUBSCRIBE", "ch")
    say("PUBLISH", "ch", "message")
    b.read_reply()
    b.close()
    # A table that grows and is rehashed by look-ups.
    for j in range(40):
        say("SET", "k%d" % j, "v")
    for j in range(40):
        say("GET", "k%d" % j)
    say("RANDOMKEY")
    say("SCAN", "0")
    say("RENAME", "k1", "k2")
    say("DEL", "k2")
    # A reply larger than the client's buffer, a pipeline.
    say("SET", "big", "x" * 20000)
    say("GET", "big")
    a.sock.sendall(b"*1\r\n$4\r\nPING\r\n" * 3)
    for _ in range(3):
        a.read_reply()
    say("EVAL", "redis.call('SET', KEYS[1], 'v') return redis.call('GET', KEYS[1])", "1", "lua")
    say("DEBUG", "RELOAD")
    say("DEBUG", "LOADAOF")
    # A replica: the backlog and its output buffer are fed.
    r = Client(port, timeout=60)
    r.execute("REPLCONF", "listening-port", "1")
    r.send("PSYNC", "?", "-1")
    assert r.read_line().startswith(b"+FULLRESYNC")
    line = b""
    while not line.startswith(b"$"):                       # empty lines while the child saves
        line = r.read_line_feed()
    r.read_bytes(int(line[1:]))
    say("SET", "replicated", "1")
    say("INCR", "n")
    r.read_line()
    r.close()
    say("CONFIG", "SET", "maxmemory", "1gb")
    say("SET", "last", "1")
    time.sleep(1.2)                                        # the timer, its expire cycle, replicationCron
    say("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
    a.close()
