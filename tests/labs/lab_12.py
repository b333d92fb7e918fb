"""Lab 12: a load factor above 1 while a child runs."""
SET = {"kind": "single", "conf": {"appendonly": "no"}}
TRACE = ""


def prepare(lab):
    lab.ask("CONFIG", "SET", "rdb-key-save-delay", "0")
    lab.wait(lambda: lab.info("persistence")["rdb_bgsave_in_progress"] == "0" and lab.info("persistence")["aof_rewrite_in_progress"] == "0")


def check(lab):
    persistence = lab.info("persistence")
    child = [name for name in ("rdb_bgsave_in_progress", "aof_rewrite_in_progress") if persistence[name] == "1"]
    db = lab.state("DB", 0)
    lab.saw("INFO persistence", "rdb_bgsave_in_progress:%s aof_rewrite_in_progress:%s" % (
        persistence["rdb_bgsave_in_progress"], persistence["aof_rewrite_in_progress"]))
    size, used = db["ht"][0]["size"], db["ht"][0]["used"]
    factor = used / size if size else 0
    lab.saw("DEBUG STATE DB 0", "resize %s; ht[0]: %d buckets, %d keys, load factor %.2f%s" % (
        db["resize"], size, used, factor, "; ht[1]: %d buckets, %d keys" % (db["ht"][1]["size"], db["ht"][1]["used"]) if db["rehashidx"] != -1 else ""))
    if child and factor > 1 and db["rehashidx"] == -1:
        return lab.yes("%d keys in %d buckets, and the table does not grow while a child saves: moving entries would copy the pages that both "
                       "processes share. With 6 keys a bucket it grows by force" % (used, size),
                       "%d 个桶里有 %d 个键，子进程保存期间表不扩展：移动节点会让两个进程共享的页被复制。每个桶到了 6 个键时强制扩展" % (size, used))
    if not child:
        if factor > 1:
            return lab.no("the load factor is %.2f, but the child has ended: check while it runs" % factor,
                          "负载因子是 %.2f，但子进程已经结束：要在它运行的时候检查" % factor)
        return lab.no("no child runs, and the load factor is %.2f: without a child a table grows as soon as it is full" % factor,
                      "没有子进程，负载因子是 %.2f：没有子进程时，表一满就扩展" % factor)
    if db["rehashidx"] != -1:
        expanded = [e for e in lab.events() if e["name"] == "dictExpand" and e["args"]["table1"]]
        if expanded and used + db["ht"][1]["used"] >= size * 6:
            return lab.no("a child runs, but the table is growing: with 6 keys a bucket it does so by force. Add fewer keys",
                          "子进程在运行，可是表正在扩展：每个桶到了 6 个键就会强制扩展。少加一些键")
        return lab.no("a child runs, and a rehash that began before it goes on: start the child while there is one table only",
                      "子进程在运行，而一次在它之前开始的 rehash 还在继续：请在只有一个表的时候启动子进程")
    return lab.no("a child runs, but the load factor is %.2f: add keys while it runs" % factor,
                  "子进程在运行，但负载因子是 %.2f：趁它运行的时候加一些键" % factor)


def fill(lab, first, last):
    lab.client().pipeline([("SET", "key:%d" % i, "v") for i in range(first, last)])
    lab.wait(lambda: lab.state("DB", 0)["rehashidx"] == -1)


def slow_save(lab):
    lab.ask("CONFIG", "SET", "rdb-key-save-delay", "2000000")
    lab.ask("BGSAVE")


def solution(lab):
    fill(lab, 0, 16)
    slow_save(lab)
    fill(lab, 16, 40)


def no_child(lab):
    fill(lab, 0, 40)


def no_keys(lab):
    fill(lab, 0, 16)
    slow_save(lab)


def by_force(lab):
    fill(lab, 0, 16)
    slow_save(lab)
    lab.ask("CONFIG", "SET", "activerehashing", "no")
    lab.client().pipeline([("SET", "key:%d" % i, "v") for i in range(16, 98)])


WRONG = [
    (no_child, "no child runs"),
    (no_keys, "add keys while it runs"),
]
