"""Dialogues of several clients, held with the real server and with ours; the bytes must be the same.

A line is "<client> <words of a command>"; READ sends nothing and only looks for what arrived.  After each line the
replies and pushes of that client are collected: two answers to another client's PING say that the turn of the loop that saw
the line is over; after a timeout of 0.1 s there is time for it.
"""
import re
import shlex
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.resp import RespClient, encode_command
from tests.support.server import real_server_path, start_server

SILENCE = 0.03             # s: a loaded machine may stop the server between two replies
PATIENCE = 0.2                       # s, longer than the timeouts in the dialogues

ACL = r"""
a ACL WHOAMI
a ACL LIST
a ACL GETUSER default
a ACL GETUSER nobody
a ACL SETUSER alice
a ACL GETUSER alice
a ACL SETUSER alice on >pw ~k* +@read +config|get -@dangerous
a ACL GETUSER alice
a ACL SETUSER alice on +nosuch
a ACL SETUSER alice ~a\ b
a ACL SETUSER "al ice" on
a ACL SETUSER alice #zz
a ACL SETUSER alice <nopw
a ACL SETUSER alice +@nocat
a ACL SETUSER alice +config|
a ACL SETUSER alice &chan resetchannels &foo*
a ACL SETUSER alice allkeys ~x
a ACL SETUSER alice &* &foo
a ACL CAT
a ACL CAT nosuch
a ACL CAT READ x
a ACL DELUSER default
a ACL DELUSER
a ACL SAVE
a ACL LOAD
a ACL LOAD x
a ACL GENPASS 0
a ACL GENPASS 5000
a ACL GENPASS x
a ACL HELP
a ACL nosuch
a ACL LOG abc
a ACL LOG -1
b AUTH alice wrong
b AUTH alice
b AUTH a b c
b AUTH alice pw
b ACL WHOAMI
b GET k1
b SET k1 v
b GET x
b CONFIG GET port
b CONFIG SET port 1
b MULTI
b GET z
b EXEC
b PUBLISH foo1 x
b SUBSCRIBE bar
a ACL LOG
a ACL LOG RESET
a ACL LOG
a ACL SETUSER alice -@all +get +mget ~k1
b MGET k1 k2
b MULTI
b GET k1
a ACL SETUSER alice -get
b EXEC
a ACL SETUSER alice +multi +exec +get
b MULTI
b GET k1
a ACL SETUSER alice -get
b EXEC
a ACL LOG 1
a ACL DELUSER alice bob
b READ
b GET k1
a ACL SETUSER u2 on nopass +@all ~*
c AUTH u2 any
c ACL GETUSER u2
"""

PUBSUB = r"""
c HELLO 3
c SUBSCRIBE ch1 ch2
c PSUBSCRIBE ch*
c SUBSCRIBE ch1
c PUBLISH ch1 hello
c UNSUBSCRIBE ch1 ch2
c PUNSUBSCRIBE
c PUNSUBSCRIBE
c UNSUBSCRIBE nope
c SUBSCRIBE zz
c READ
c PING
d SUBSCRIBE ch1
d PSUBSCRIBE c*
d GET x
d PING
d PING hi
d MULTI
a PUBLISH ch1 hello
d READ
c UNSUBSCRIBE zz
a PUBSUB CHANNELS
a PUBSUB CHANNELS ch*
a PUBSUB CHANNELS ch* x
a PUBSUB NUMSUB ch1 x
a PUBSUB NUMSUB
a PUBSUB NUMPAT
a PUBSUB NUMPAT x
a PUBSUB HELP
a PUBSUB foo
d UNSUBSCRIBE
d PUNSUBSCRIBE
d GET x
"""

MULTI = r"""
e MULTI
e MULTI
e WATCH x
e NOSUCH
e EXEC
e EXEC
e DISCARD
e WATCH k
a SET k 1
e MULTI
e SET k 2
e EXEC
e WATCH k k k
e UNWATCH
a SET k 3
e MULTI
e INCR k
e LPUSH k x
e SUBSCRIBE mc
e PUBLISH mc 1
e EXEC
e UNSUBSCRIBE
e MULTI
e BLPOP nokey 0
e BRPOPLPUSH nokey nok 0
e EXEC
"""

BLOCKING = r"""
f BLPOP l1 l2 0
a RPUSH l2 x y
f READ
f BLPOP l1 l2 -1
f BLPOP l1 l2 abc
f BLPOP l1 l2 1e30
f BLPOP l1 l2 inf
f BLPOP l1 0.1
f READ
f BLPOP l3 0
g BLPOP l3 0
h BLMOVE l3 l4 LEFT RIGHT 0
i BLPOP l4 0
a RPUSH l3 1 2 3
f READ
g READ
h READ
i READ
a EXISTS l3 l4
f BZPOPMIN z1 z2 0
g BZPOPMAX z1 0
a ZADD z1 1 a 2 b 3 c
f READ
g READ
f XREAD BLOCK 0 STREAMS s1 s2 $ $
a XADD s2 1-1 f v
f READ
a XGROUP CREATE s2 g $
f XREADGROUP GROUP g c1 BLOCK 0 STREAMS s2 >
g XREADGROUP GROUP g c2 BLOCK 0 STREAMS s2 >
h XREADGROUP GROUP g c3 BLOCK 50 STREAMS s2 >
a XADD s2 2-1 f v
f READ
g READ
h READ
a XGROUP DESTROY s2 g
g READ
f BLPOP bb 0
a MULTI
a LPUSH bb 1
a DEL bb
a EXEC
f READ
a SET bb str
f READ
a DEL bb
a RPUSH bb z
f READ
f BRPOPLPUSH src dst 0
a SET dst notalist
a RPUSH src v1
f READ
a LRANGE src 0 -1
f BLPOP tt 0
a CLIENT LIST TYPE master
a DEBUG SLEEP 0
"""

TRACKING = r"""
k CLIENT TRACKING on
k HELLO 3
k CLIENT TRACKING on BCAST PREFIX a PREFIX ab
k CLIENT TRACKING on BCAST PREFIX x PREFIX a PREFIX ab
k CLIENT TRACKING on BCAST PREFIX foo NOLOOP
k CLIENT TRACKING on BCAST PREFIX foobar
k CLIENT TRACKING on
k CLIENT TRACKING off
k CLIENT TRACKING on OPTIN
k CLIENT CACHING yes
k GET tk
a SET tk 2
k READ
k CLIENT CACHING no
k CLIENT TRACKING off
k CLIENT TRACKING on
k GET tk
k SET tk 3
k MGET tk tk2
a FLUSHALL
k READ
k FLUSHDB
"""


def normal(answer):
    """Without what differs between two runs: ages, the client lines of ACL LOG, client ids."""
    answer = re.sub(rb"age-seconds\r\n\$\d+\r\n[^\r]*", b"age-seconds ...", answer)
    answer = re.sub(rb"age-seconds\r\n,[^\r]*", b"age-seconds ...", answer)
    answer = re.sub(rb"\$\d+\r\nid=\d+ [^\r]*", b"<client>", answer)
    return re.sub(rb"\r\n\$2\r\nid\r\n:\d+", b"\r\n$2\r\nid\r\n:<id>", answer)


def collect(sock, control, silence):
    answer = b""
    for _ in range(4):              # accept, read, write: each may take a turn of the loop
        control.execute("PING")
    sock.settimeout(silence)
    try:
        while True:
            data = sock.recv(65536)
            if not data:
                return answer + b"<EOF>"
            answer += data
    except OSError:
        return answer


def hold(port, dialogue):
    clients = {}
    record = []
    control = RespClient(port)
    try:
        for line in dialogue.strip().splitlines():
            who, words = line.split(None, 1)
            if who not in clients:
                clients[who] = socket.create_connection(("127.0.0.1", port))
            sock = clients[who]
            if words != "READ":
                try:
                    sock.sendall(encode_command(*shlex.split(words)))
                except OSError:
                    pass             # the server has closed it: the record says so
            record.append((line, normal(collect(sock, control, PATIENCE if words.endswith(" 0.1") else SILENCE))))
    finally:
        control.close()
        for sock in clients.values():
            sock.close()
    return record


def real_server_is_6_2():
    path = real_server_path()
    return path is not None and b"v=6.2." in subprocess.run([path, "--version"], stdout=subprocess.PIPE).stdout


@pytest.mark.slow
@pytest.mark.skipif(not real_server_is_6_2(), reason="no redis-server 6.2 to compare with")
@pytest.mark.parametrize("dialogue", [ACL, PUBSUB, MULTI, BLOCKING, TRACKING],
                         ids=["acl", "pubsub", "multi", "blocking", "tracking"])
def test_dialogue(dialogue):
    with start_server() as ours, start_server(real=True) as real, ThreadPoolExecutor() as threads:
        got = threads.submit(hold, ours.port, dialogue)
        want = threads.submit(hold, real.port, dialogue)
        assert got.result() == want.result()
