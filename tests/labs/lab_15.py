"""Lab 15: a cluster loses a confirmed write in the minority."""
from server.study.trace_client import Refused
from tests.labs.lab import named
from tests.support.resp import RespError

SET = {"kind": "cluster", "masters": 3, "replicas": 1, "conf": {"cluster-node-timeout": "5000"}}
TRACE = "DETAIL"
KEY = "bar"                                              # slot 5061: of the first master


def writes(lab, key):
    """Return (end, node, value) of each confirmed SET of the key at any node, in order: the clocks of all traces are one."""
    found = []
    for node in lab.nodes:
        if not node.alive:
            continue
        events = lab.events(node.number)
        replies = {}
        for e in named(events, "writeToClient"):
            replies[e["args"]["client"]] = max(e["ts"], replies.get(e["args"]["client"], 0))
        for e in named(events, "call"):
            argv = e["args"].get("argv") or []
            if (e["args"]["command"] == "set" and e["args"].get("kind") is None and e["args"].get("dirty") and argv[1:2] == [key]
                    and e["ts"] < replies.get(e["args"]["client"], 0)):
                found.append((e["ts"], node.number, argv[2]))
    return sorted(found)


def owners(lab, key):
    """Return {node number: value} of the nodes that answer a GET."""
    found = {}
    for node in lab.nodes:
        if node.alive:
            reply = lab.ask("GET", key, node=node.number)
            if not isinstance(reply, RespError):
                found[node.number] = reply.decode() if reply is not None else "nil"
    return found


def refusals(lab):
    """Return {node number: how many writes were refused with NOREPLICAS}."""
    found = {}
    for node in lab.nodes:
        if node.alive:
            count = lab.info("errorstats", node.number).get("errorstat_NOREPLICAS", "count=0").partition("=")[2]
            if int(count):
                found[node.number] = int(count)
    return found


def check(lab):
    confirmed = writes(lab, KEY)
    lab.saw("DEBUG TRACE READ: call set, writeToClient",
            "%d confirmed SET %s%s" % (len(confirmed), KEY, "; the last at server %d: %s" % confirmed[-1][1:] if confirmed else ""),
            "%d 条已确认的 SET %s%s" % (len(confirmed), KEY, "；最后一条在服务器 %d：%s" % confirmed[-1][1:] if confirmed else ""))
    now = owners(lab, KEY)
    lab.saw("GET " + KEY, ", ".join("server %d: %s" % item for item in now.items()) or "no server answers",
            "，".join("服务器 %d：%s" % item for item in now.items()) or "没有服务器回答")
    refused = refusals(lab)
    lab.saw("INFO errorstats: NOREPLICAS", ", ".join("server %d: %d" % item for item in refused.items()) or "0",
            "，".join("服务器 %d：%d" % item for item in refused.items()) or "0")
    if not confirmed:
        return lab.no("nobody has confirmed a SET %s yet" % KEY, "还没有谁确认过 SET %s" % KEY)
    if len(now) != 1 or any(b"cluster_state:ok" not in lab.ask("CLUSTER", "INFO", node=node.number) for node in lab.nodes if node.alive):
        return lab.no("the nodes do not agree: a partition, or an election, is under way. Heal it, and wait", "各节点不一致：正有网络分区或选举。heal，然后等待")
    owner, value = next(iter(now.items()))
    lost = []
    for write in reversed(confirmed):
        if write[2] == value or write[1] == owner:
            break
        lost.append(write)
    was = getattr(lab, "lost", [])
    if lost:
        lab.lost = was = lost                            # the next write at the new master hides it
    if not was:
        return lab.no("nothing is lost: server %d, which owns the key now, has the last confirmed value" % owner,
                      "什么也没丢：现在拥有这个键的服务器 %d 上有最后确认的值" % owner)
    span = (was[0][0] - was[-1][0]) // 1000000
    if not refused:
        return lab.no("%d confirmed writes are lost: server %d replied OK in the minority for %d ms, and then obeyed the new master. "
                      "Now make the window smaller: min-replicas-to-write, min-replicas-max-lag" % (len(was), was[0][1], span),
                      "丢失了 %d 个已确认的写操作：服务器 %d 在少数派里回复了 %d 毫秒的 OK，后来服从了新的主节点。现在把窗口变小：min-replicas-to-write，min-replicas-max-lag" % (
                          len(was), was[0][1], span))
    if was[0][1] not in refused:
        return lab.no("server %d lost %d writes, and %s refused some; one and the same master must do both" % (
            was[0][1], len(was), ", ".join("server %d" % number for number in refused)),
            "服务器 %d 丢失了 %d 个写操作，%s 拒绝了一些；要由同一个主节点做到这两件事" % (was[0][1], len(was), "、".join("服务器 %d" % number for number in refused)))
    return lab.yes("server %d confirmed %d writes within %d ms and then refused %d: it counts a replica as good until its last ACK is more than "
                   "max-lag seconds old, so the window is never zero" % (was[0][1], len(was), span, refused[was[0][1]]),
                   "服务器 %d 在 %d 毫秒里确认了 %d 个写操作，然后拒绝了 %d 个：最后一次 ACK 超过 max-lag 秒之前，它都认为从节点是好的，所以窗口不会是零" % (
                       was[0][1], span, len(was), refused[was[0][1]]))


def master_of(lab, but=()):
    """Return the number of the node that answers for the key."""
    return lab.wait(lambda: next((n for n in owners(lab, KEY) if n not in but), 0))


def isolate(lab, master, more=lambda reply: False):
    """Cut the master off and write to it for as long as more(reply); then wait until another has taken over."""
    lab.set.isolate(master)
    with lab.connect(master) as c:
        count = 0
        reply = c.execute("SET", KEY, "lost-%d" % count)
        while more(reply):
            count += 1
            lab.pause(0.1)
            reply = c.execute("SET", KEY, "lost-%d" % count)
    master_of(lab, (master,))


def settle(lab):
    lab.set.heal()
    lab.wait(lambda: lab.set.agreed())


def solution(lab):
    for _ in range(3):
        master = master_of(lab)
        lab.ask("CONFIG", "SET", "min-replicas-to-write", 1, node=master)
        lab.ask("CONFIG", "SET", "min-replicas-max-lag", 1, node=master)
        lab.wait(lambda: lab.ask("SET", KEY, "safe", node=master) == b"OK")
        isolate(lab, master, lambda reply: reply == b"OK")
        settle(lab)
        if lab.check().done:
            return
    raise Refused("it was not lost")


def nothing_isolated(lab):
    lab.ask("SET", KEY, "safe", node=1)


def not_healed(lab):
    isolate(lab, 1)


def no_limit(lab):
    settle(lab)


WRONG = [
    (nothing_isolated, "nothing is lost", "goes on"),
    (not_healed, "the nodes do not agree", "goes on"),
    (no_limit, "Now make the window smaller", "goes on"),
]
