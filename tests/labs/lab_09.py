"""Lab 9: who of two BLPOPs is served."""
from tests.labs.lab import named

SET = {"kind": "single", "conf": {"appendonly": "no"}}
TRACE = ""


def waiting(lab):
    """Return the ids of the clients that are blocked."""
    return [client["id"] for client in lab.state("CLIENTS")["list"] if client["blocked"]]


def check(lab):
    events = lab.events()
    blocked = named(events, "blockForKeys")
    now = waiting(lab)
    lab.saw("DEBUG TRACE READ: blockForKeys", ", then ".join("client %d on %s" % (e["args"]["client"], " ".join(e["args"]["keys"])) for e in blocked) or "none",
            "，然后".join("客户端 %d 等 %s" % (e["args"]["client"], " ".join(e["args"]["keys"])) for e in blocked) or "没有")
    lab.saw("DEBUG STATE CLIENTS", "blocked now: %s" % (", ".join("client %d" % id_ for id_ in now) or "none"),
            "现在被阻塞的：%s" % ("、".join("客户端 %d" % id_ for id_ in now) or "没有"))
    if not blocked:
        return lab.no("no client was blocked yet", "还没有客户端被阻塞过")
    served = []                                         # (client, command that served it)
    for e in named(events, "unblockClient"):
        commands = [call["args"]["command"] for call in named(events, "call") if call["ts"] <= e["ts"] and call["args"].get("dirty")]
        served.append((e["args"]["client"], commands[-1] if commands else None, e["ts"]))
    lab.saw("DEBUG TRACE READ: unblockClient", ", then ".join("client %d" % s[0] for s in served) or "none",
            "，然后".join("客户端 %d" % s[0] for s in served) or "没有")
    order = [e["args"]["client"] for e in blocked]
    keys = {e["args"]["client"]: set(e["args"]["keys"]) for e in blocked}
    pushes = [e for e in named(events, "call") if e["args"]["command"] in ("rpush", "lpush", "rpushx", "lpushx", "linsert", "lmove", "rpoplpush")
              and e["args"].get("dirty")]
    if served and not pushes:
        return lab.no("client %d waits no longer, but nothing was pushed: its time was over, or it went away" % served[0][0],
                      "客户端 %d 不再等了，但没有谁推入元素：它超时了，或者走了" % served[0][0])
    for client, _, when in served:
        rivals = [id_ for id_ in order if id_ != client and id_ in now and keys[id_] & keys[client]]
        if not rivals:
            continue
        rival = rivals[0]
        if order.index(client) > order.index(rival):
            return lab.no("client %d was served although %d has waited longer: it cannot be" % (client, rival),
                          "客户端 %d 得到了元素，虽然 %d 等得更久：不可能" % (client, rival))
        if client < rival:
            return lab.no("client %d was served and %d waits on; but %d is also the older connection. Let the younger connection wait first" % (
                client, rival, client),
                "客户端 %d 得到了元素，%d 继续等；可是 %d 也是较早的连接。让较晚的连接先等" % (client, rival, client))
        return lab.yes("client %d was served and %d waits on: the one that has waited longest comes first, though it is the younger connection" % (
            client, rival),
            "客户端 %d 得到了元素，%d 继续等：等得最久的先得到，虽然它的连接更晚" % (client, rival))
    if len(served) >= 2:
        return lab.no("both were served, and nobody waits: push one element only", "两个都得到了元素，没有谁在等：只推入一个元素")
    if served:
        return lab.no("client %d was served, and no other client waits for the same key" % served[0][0],
                      "客户端 %d 得到了元素，没有别的客户端在等同一个键" % served[0][0])
    return lab.no("%d clients wait, and none was served yet" % len(now), "有 %d 个客户端在等，还没有谁得到元素" % len(now))


def block(lab, client, key="jobs", timeout=0):
    before = len(waiting(lab))
    client.send("BLPOP", key, timeout)
    lab.wait(lambda: len(waiting(lab)) > before)


def solution(lab):
    older, younger = lab.client(), lab.client()
    older.execute("PING")
    block(lab, younger)
    block(lab, older)
    lab.ask("RPUSH", "jobs", "one")


def the_older_first(lab):
    older, younger = lab.client(), lab.client()
    block(lab, older)
    block(lab, younger)
    lab.ask("RPUSH", "jobs", "one")


def two_elements(lab):
    older, younger = lab.client(), lab.client()
    block(lab, younger)
    block(lab, older)
    lab.ask("RPUSH", "jobs", "one", "two")


def different_keys(lab):
    older, younger = lab.client(), lab.client()
    block(lab, younger)
    block(lab, older, "other")
    lab.ask("RPUSH", "jobs", "one")


def nothing_pushed(lab):
    block(lab, lab.client())
    block(lab, lab.client())


def timed_out(lab):
    lab.client().execute("BLPOP", "jobs", 0.05)


WRONG = [
    (the_older_first, "is also the older connection"),
    (two_elements, "both were served"),
    (different_keys, "no other client waits for the same key"),
    (nothing_pushed, "none was served yet"),
    (timed_out, "nothing was pushed"),
]
