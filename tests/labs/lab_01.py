"""Lab 1: half a command waits in the query buffer."""
SET = {"kind": "single", "conf": {"appendonly": "no"}}
TRACE = ""


def check(lab):
    with lab.connect() as c:
        me = c.execute("CLIENT", "ID")
        lines = c.execute("CLIENT", "LIST").decode().splitlines()
        exists = c.execute("EXISTS", "greeting")
    clients = [dict(word.split("=", 1) for word in line.split()) for line in lines]
    clients = [client for client in clients if int(client["id"]) != me]
    lab.saw("CLIENT LIST", "\n".join("id=%(id)s qbuf=%(qbuf)s argv-mem=%(argv-mem)s cmd=%(cmd)s" % c for c in clients) or "no client but the check",
            None if clients else "除了检查自己，没有别的客户端")
    lab.saw("EXISTS greeting", str(exists))
    waiting = [client for client in clients if int(client["qbuf"])]
    missing = {e["args"]["client"]: e["args"].get("missing") for e in lab.events()
               if e["name"] == "processMultibulkBuffer"}
    missing = {str(id_): left for id_, left in missing.items() if left}
    if exists:
        return lab.no("the key greeting exists: the whole command has arrived, and nothing is left to wait for",
                      "键 greeting 已经存在：命令已经完整到达，没有什么可等的了")
    if waiting:
        client = waiting[0]
        return lab.yes("client %s has sent %s bytes that are no whole command yet; they stay in querybuf, and no other client waits for them" % (
            client["id"], client["qbuf"]),
            "客户端 %s 发来的 %s 个字节还不是完整的命令；它们留在 querybuf 里，别的客户端不受影响" % (client["id"], client["qbuf"]))
    partial = [client for client in clients if client["id"] in missing]
    if partial:
        id_ = partial[0]["id"]
        return lab.no("client %s waits, but its qbuf is 0: the server has already parsed what came (%d more arguments are expected); "
                      "stop in the middle of an argument" % (id_, missing[id_]),
                      "客户端 %s 在等，但它的 qbuf 是 0：到达的部分已经解析完了（还差 %d 个参数）；请停在一个参数的中间" % (id_, missing[id_]))
    if clients:
        return lab.no("%d other clients are connected, each with qbuf=0: no byte waits" % len(clients),
                      "另外连接着 %d 个客户端，qbuf 都是 0：没有字节在等" % len(clients))
    return lab.no("no other client is connected", "没有别的客户端连接着")


def solution(lab):
    lab.client().send_raw(b"*3\r\n$3\r\nSET\r\n$8\r\ngreeting\r\n$5\r\nhel")


def whole_command(lab):
    lab.client().execute("SET", "greeting", "hello")


def nothing_sent(lab):
    lab.client()


def only_whole_arguments(lab):
    lab.client().send_raw(b"*3\r\n$3\r\nSET\r\n")


WRONG = [
    (whole_command, "the key greeting exists"),
    (nothing_sent, "each with qbuf=0"),
    (only_whole_arguments, "2 more arguments are expected"),
]
