"""Lab 4: one insertion widens four entries of a ziplist behind its neighbour."""
from tests.labs.lab import named, within

SET = {"kind": "single", "conf": {"appendonly": "no"}}
TRACE = ""
WANTED = 4


def check(lab):
    events = lab.events()
    cascades = named(events, "__ziplistCascadeUpdate")
    best = max(cascades, key=lambda e: e["args"]["widened"], default=None)
    widened = best["args"]["widened"] if best else 0
    command = [e["args"]["command"] for e in named(events, "call") if best and within(best, e)]
    lab.saw("DEBUG TRACE READ: __ziplistCascadeUpdate",
            "%d calls%s" % (len(cascades), "; the longest, in %s: %d entries widened from 1 to 5 bytes of prevlen, ziplist of %d bytes" % (
                command[-1] if command else "?", widened, best["args"]["bytes"]) if best else ""),
            "%d 次调用%s" % (len(cascades), "；最长的一次在 %s 里：%d 个节点的 prevlen 从 1 字节变成 5 字节，压缩列表共 %d 字节" % (
                command[-1] if command else "?", widened, best["args"]["bytes"]) if best else ""))
    if widened >= WANTED:
        return lab.yes("one %s widened the neighbour's prevlen, and the cascade %d more: each entry was pushed over 253 bytes by the four bytes "
                       "of its own prevlen" % (command[-1] if command else "?", widened),
                       "一条 %s 撑宽了邻居的 prevlen，连锁更新又撑宽了 %d 个：每个节点都因为自己的 prevlen 多了四个字节而超过 253 字节" % (
                           command[-1] if command else "?", widened))
    if not cascades:
        return lab.no("no prevlen had to change its width: the new entry was not put before another one, or it is shorter than 254 bytes, or the "
                      "one behind it was wide already",
                      "没有哪个 prevlen 需要变宽：新节点后面没有别的节点，或者它不到 254 字节，或者它后面的节点本来就是宽的")
    if widened == 0:
        return lab.no("the neighbour's prevlen was widened, and there it ended: with 4 bytes more that entry is still shorter than 254 bytes",
                      "邻居的 prevlen 变宽了，然后就停了：多了 4 个字节，那个节点仍然不到 254 字节")
    return lab.no("the cascade widened %d entries; four are wanted. (The neighbour of the new entry is widened by __ziplistInsert itself and "
                  "does not count.)" % widened,
                  "连锁更新撑宽了 %d 个节点，要四个。（新节点的邻居由 __ziplistInsert 自己撑宽，不算在内。）" % widened)


def dominoes(lab, count, size=250):
    for _ in range(count):
        lab.ask("RPUSH", "row", "d" * size)


def solution(lab):
    dominoes(lab, 5)
    lab.ask("LPUSH", "row", "x" * 254)


def first_the_big_one(lab):
    lab.ask("RPUSH", "row", "x" * 254)
    dominoes(lab, 5)


def small_entries(lab):
    dominoes(lab, 5, 100)
    lab.ask("LPUSH", "row", "x" * 254)


def four_entries(lab):
    dominoes(lab, 4)
    lab.ask("LPUSH", "row", "x" * 254)


WRONG = [
    (first_the_big_one, "no prevlen had to change its width"),
    (small_entries, "and there it ended"),
    (four_entries, "the cascade widened 3 entries"),
]
