"""Lab 14: Sentinel fails over, then the old master comes back."""
import re

SET = {"kind": "sentinel", "masters": 1, "replicas": 1, "sentinels": 3, "down_after": 1000}
TRACE = None
SWITCH = re.compile(r"\+switch-master mymaster (\S+ \d+) (\S+ \d+)")


def sentinels(lab):
    return [node for node in lab.nodes if node.role == "sentinel"]


def number_of(lab, address, port):
    """Return the number of the node that the others know by this address."""
    for node in lab.nodes:
        if int(port) == node.port:
            return node.number
    return 0


def seen(lab):
    """Return (lines of the Sentinels' logs, (old master, new master) of the last switch or None)."""
    lines = [line for node in sentinels(lab) for line in lab.log(node.number).splitlines()]
    switches = [SWITCH.search(line) for line in lines if SWITCH.search(line)]
    if not switches:
        return lines, None
    last = max(switches, key=lambda m: m.string.split(" * ")[0].split(" # ")[0][-12:])
    return lines, tuple(number_of(lab, *last.group(i).split()) for i in (1, 2))


def check(lab):
    lines, switch = seen(lab)
    events = [name for name in ("+sdown master", "+odown", "+vote-for-leader", "+elected-leader", "+promoted-slave", "+switch-master", "+convert-to-slave")
              if any(name + " " in line for line in lines)]
    lab.saw(lab.text("logs of the Sentinels", "各 Sentinel 的日志"), " ".join(event.split()[0] for event in events) or "no event", None if events else "没有事件")
    sentinel = sentinels(lab)[0].number
    address = lab.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster", node=sentinel)
    master = number_of(lab, address[0], address[1])
    lab.saw("SENTINEL GET-MASTER-ADDR-BY-NAME mymaster", "server %d" % master, "服务器 %d" % master)
    if switch is None:
        return lab.no("server %d is still the master: nobody has voted for another" % master, "服务器 %d 仍是主服务器：还没有谁投票选别的" % master)
    old, new = switch
    if "+odown" not in events:
        return lab.no("there was a failover, but by order (SENTINEL FAILOVER): no Sentinel saw the master down, and none voted",
                      "发生了故障转移，但那是命令要求的（SENTINEL FAILOVER）：没有 Sentinel 看到主服务器下线，也没有投票")
    if not lab.node(old).alive:
        lab.saw("ROLE (server %d)" % old, "down", "没有运行")
        return lab.no("server %d has taken over; now start the old master again: restart %d" % (new, old),
                      "服务器 %d 已经接替；现在重新启动旧的主服务器：restart %d" % (new, old))
    role = lab.ask("ROLE", node=old)
    more = " of server %d, %s" % (number_of(lab, role[1], role[2]), role[3].decode()) if role[0] == b"slave" else ""
    lab.saw("ROLE (server %d)" % old, role[0].decode() + more)
    if role[0] == b"master":
        return lab.no("the old master, server %d, still says that it is a master: a Sentinel asks it every 10 seconds, and turns it into a replica once it "
                      "has said so for 8 seconds; wait" % old,
                      "旧的主服务器 %d 仍然说自己是主服务器：Sentinel 每 10 秒问它一次，它这样说满 8 秒之后才把它变成从服务器；请等待" % old)
    if "+convert-to-slave" not in events:
        return lab.no("server %d is a replica, but no Sentinel has made it one: was it you?" % old, "服务器 %d 是从服务器，但不是 Sentinel 让它变的：是你吗？" % old)
    if role[3] != b"connected":
        return lab.no("server %d is a replica; its link to the new master is not up yet" % old, "服务器 %d 是从服务器；它到新主服务器的链接还没有建立" % old)
    return lab.yes("server %d was subjectively, then objectively down, a leader was elected and promoted server %d; the old master came back as a replica "
                   "(+convert-to-slave), and what only it had written is gone" % (old, new),
                   "服务器 %d 先主观下线，再客观下线，选出领头 Sentinel，提升了服务器 %d；旧的主服务器回来时成为从服务器（+convert-to-slave），只有它写过的数据没有了" % (
                       old, new))


def solution(lab):
    if seen(lab)[1] is None:
        lab.set.kill(1)
        lab.wait(lambda: seen(lab)[1] is not None)
    if not lab.node(1).alive:
        lab.restart(1)
    lab.wait(lambda: any("+convert-to-slave" in line for line in seen(lab)[0]) and lab.ask("ROLE")[3:4] == [b"connected"], 120)


def by_order(lab):
    lab.ask("SENTINEL", "FAILOVER", "mymaster", node=sentinels(lab)[0].number)
    lab.wait(lambda: seen(lab)[1] is not None)


def only_killed(lab):
    lab.set.kill(1)
    lab.wait(lambda: seen(lab)[1] is not None)


def only_restarted(lab):
    lab.restart(1)


WRONG = [
    (by_order, "no Sentinel saw the master down"),
    (only_killed, "now start the old master again", "goes on"),
    (only_restarted, "still says that it is a master", "goes on"),
]
