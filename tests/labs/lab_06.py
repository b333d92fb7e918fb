"""Lab 6: an expired key that DBSIZE still counts, and who kills it."""
import time

from tests.labs.lab import named

SET = {"kind": "single", "conf": {"appendonly": "no"}}
TRACE = "DETAIL"


def prepare(lab):
    lab.ask("DEBUG", "SET-ACTIVE-EXPIRE", "1")


def check(lab):
    events = lab.events()
    expired = int(lab.info("stats")["expired_keys"])
    lab.saw("DBSIZE, INFO stats", "DBSIZE %d, expired_keys %d" % (lab.ask("DBSIZE"), expired))
    ghost = lab.state("KEY", "ghost")
    lab.saw("DEBUG STATE KEY ghost", "no such key" if ghost is None else "ttl_ms %s, expired %s" % (ghost["ttl_ms"], ghost["expired"]),
            "没有这个键" if ghost is None else None)
    killers = [e for e in named(events, "call") if e["args"].get("keys", 0) < 0 and "victim" in e["args"].get("argv", ())[1:]]
    cycles = sum(e["args"]["expired"] for e in named(events, "activeExpireCycle") if e["args"]["expired"])
    lab.saw("DEBUG TRACE READ: call, activeExpireCycle",
            "victim was removed in: %s; activeExpireCycle removed %d keys" % (", ".join(e["args"]["command"] for e in killers) or "no command", cycles),
            "删除 victim 的命令：%s；activeExpireCycle 删除了 %d 个键" % ("、".join(e["args"]["command"] for e in killers) or "没有", cycles))
    if cycles:
        return lab.no("activeExpireCycle has removed %d expired keys: nobody had to look them up. Switch it off (DEBUG SET-ACTIVE-EXPIRE 0)" % cycles,
                      "activeExpireCycle 删除了 %d 个过期键，用不着谁去查找。把它关掉（DEBUG SET-ACTIVE-EXPIRE 0）" % cycles)
    if ghost is None:
        touched = [e["args"]["command"] for e in named(events, "call") if "ghost" in e["args"].get("argv", ())[1:] and e["args"].get("keys", 0) < 0]
        if touched:
            return lab.no("ghost is gone: %s looked it up, and expireIfNeeded removed it" % touched[-1],
                          "ghost 不在了：%s 查找了它，expireIfNeeded 把它删掉了" % touched[-1])
        return lab.no("there is no key ghost", "没有键 ghost")
    if not ghost["expired"]:
        return lab.no("ghost is there, but its time is not over (%s)" % (
            "it has no expire time" if ghost["ttl_ms"] is None else "%d ms to go" % ghost["ttl_ms"]),
            "ghost 在，但它还没有过期（%s）" % ("没有过期时间" if ghost["ttl_ms"] is None else "还剩 %d 毫秒" % ghost["ttl_ms"]))
    if lab.state("KEY", "victim") is not None:
        return lab.no("ghost is as it should be. Now let a command remove victim, which must have expired as well",
                      "ghost 没有问题。现在让一条命令删掉同样已经过期的 victim")
    if not killers:
        return lab.no("ghost is as it should be; there has not been a victim yet that a command removed", "ghost 没有问题；还没有哪个 victim 是被命令删掉的")
    killer = killers[-1]["args"]["command"]
    if not expired:
        return lab.no("victim was removed by %s, but it had not expired: expired_keys is 0" % killer,
                      "victim 是被 %s 删掉的，但它当时没有过期：expired_keys 是 0" % killer)
    return lab.yes("ghost is counted by DBSIZE although its time is over, for nobody asked for it; %s asked for victim, and expireIfNeeded removed it "
                   "before the command saw it" % killer,
                   "ghost 已经过期，DBSIZE 仍然计入它，因为没有谁去查找它；%s 去查找 victim，expireIfNeeded 在命令看到它之前就把它删了" % killer)


def expired_keys(lab, *keys):
    for key in keys:
        lab.ask("SET", key, "v", "PX", 20)
    time.sleep(0.03)


def solution(lab):
    lab.ask("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    expired_keys(lab, "ghost", "victim")
    lab.ask("GET", "victim")


def the_cycle_is_on(lab):
    expired_keys(lab, "ghost", "victim")


def both_looked_up(lab):
    solution(lab)
    lab.ask("EXISTS", "ghost")


def deleted(lab):
    lab.ask("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    expired_keys(lab, "ghost")
    lab.ask("SET", "victim", "v")
    lab.ask("DEL", "victim")


def alive(lab):
    lab.ask("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    lab.ask("SET", "ghost", "v", "EX", 100)


def victim_not_looked_up(lab):
    lab.ask("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    expired_keys(lab, "ghost", "victim")


WRONG = [
    (the_cycle_is_on, "activeExpireCycle has removed"),
    (both_looked_up, "ghost is gone: exists looked it up"),
    (deleted, "but it had not expired"),
    (alive, "its time is not over"),
    (victim_not_looked_up, "Now let a command remove victim"),
]
