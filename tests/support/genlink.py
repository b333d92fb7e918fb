"""genlink.py - writes server/link.py from the upward declarations.

    python -m tests.support.genlink            prints the module as it should be
    python -m tests.support.genlink --write    writes it

A module that calls a name of a higher layer declares it under `if TYPE_CHECKING:`; this script turns every such
declaration into one plain assignment, so that link.py stays readable and cannot go stale (tests/unit/test_layers.py).
"""
import ast
import fnmatch
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = ("ae", "datastructs", "server", "persistence", "replication", "cluster")
LINK = os.path.join(ROOT, "server", "link.py")

#: (title, why this part of the circle is natural, who is linked: "module.name" of the caller, * for any), in the order of
#: link.py; the first that matches takes the link, and what none matches stands under DEFAULT_HEADING.
HEADINGS = [
    ("Cluster", "It is asked at fixed points of the server, and sees all of it itself.", ["cluster.*"]),
    ("Sentinel", "It is a mode of the same program: its directives and commands stand in its own folder.", ["sentinel.*"]),
    ("processCommand, call, propagate",
     "What a client sends is executed by the heart of the server; EXEC, Lua and clients that are served later come back to it.",
     ["*.processCommand", "*.call", "*.propagate", "*.afterCommand", "*.slowlogPushCurrentCommand", "*.prepareForShutdown",
      "networking.whileBlockedCron", "*.replicationFeedMonitors", "multi.feedReplicationBacklog", "notify.pubsubPublishMessage"]),
    ("A client's birth and death", "freeClient takes a client out of everything that it takes part in.",
     ["networking.killRDBChild", "networking.refreshGoodSlavesCount", "networking.rdbPipeWriteHandlerConnRemoved",
      "networking.replication*", "networking.selectDb", "networking.DefaultUser", "networking.unblockClient",
      "networking.*MultiState", "networking.unwatchAllKeys", "networking.pubsub*", "networking.disableTracking",
      "networking_reply.*", "networking.postponeClientRead", "networking.clientCommand", "gopher.lookupKeyRead"]),
    ("CLIENT, HELLO and RESET", "The commands on a connection reach what the connection takes part in.", ["networking_client.*"]),
    ("A changed or missing key", "Watching, tracking and blocked clients, lazy freeing and maxmemory hook into the keyspace.",
     ["db.*", "lazyfree.*", "dict_types.overMaxmemoryAfterAlloc"]),
    ("Clients that wait", "The end of a wait is in the hands of what the client has waited for.", ["blocked.*", "timeout.*"]),
    ("Objects answer their own errors", "The get...OrReply functions of object.c; the constructor of streams.", ["object.*"]),
    ("The bug report", "It prints the state of everything, and goes through the lowest layer.", ["log.*"]),
    ("Fork", "A child closes what its parent listens on; its parent counts what it is to save.", ["os_process.*", "childinfo.*"]),
    ("RDB, AOF and replication", "A full synchronization is a save, and a load may come from the master.",
     ["rdb.*", "rdb_load.*", "rdb_save.*", "aof_rewrite.*", "replication_master.*", "replication_slave.*"]),
    ("CONFIG, DEBUG and INFO", "A directive takes effect in the part that it configures; DEBUG and INFO show what runs above.",
     ["config.*", "config_rewrite.*", "config_table.*", "debug.*", "info.*"]),
    ("Start-up", "The loop is given the function that main has for exceptions.", ["server_init.*"]),
]
DEFAULT_HEADING = ("Elsewhere", "No heading of tests/support/genlink.py fits yet.", ["*"])

HEADER = '''"""link.py - binds the calls that go up the layers.              Counterpart: the linker

Lives here   one assignment for every name that a module declares under `if TYPE_CHECKING:`, from the module that defines
             the name, under headings that say why this part of C's circle of calls is natural.
Called from  every entry point, and tests/conftest.py, by being imported [startup].
Extend       do not edit: `python -m tests.support.genlink --write`.
"""
'''


def source_files():
    """Yield (module name, path) of every module of the project, sorted."""
    for package in PACKAGES:
        for folder, dirs, files in os.walk(os.path.join(ROOT, package)):
            dirs[:] = sorted(d for d in dirs if d != "__pycache__")
            for name in sorted(files):
                if name.endswith(".py") and name != "link.py":
                    path = os.path.join(folder, name)
                    module = os.path.relpath(path, ROOT)[:-3].replace(os.sep, ".")
                    yield module.removesuffix(".__init__"), path


def upward_names(path):
    """Return [(source module, name), ...] declared under TYPE_CHECKING in the file at `path`."""
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read(), path)
    found = []
    for node in tree.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for stmt in node.body:
                if isinstance(stmt, ast.ImportFrom):
                    found += [(stmt.module, alias.name) for alias in stmt.names]
    return found


def all_links():
    """Return [(module, module of the definition, name), ...]: every link of the project."""
    return [(module, source, name) for module, path in source_files() for source, name in upward_names(path)]


def links_of_the_server():
    """Return the links without those of Cluster and Sentinel, which are counted apart."""
    def apart(module):
        return module.startswith("cluster.") or module.startswith("replication.sentinel")
    return [link for link in all_links() if not apart(link[0]) and not apart(link[1])]


def heading_of(link):
    """Return the entry of HEADINGS under which the link stands."""
    module, source, name = link
    short = "%s.%s" % (module.rsplit(".", 1)[-1], name)
    for heading in HEADINGS:
        if heading[0] == "Cluster":
            if module.startswith("cluster.") or source.startswith("cluster."):
                return heading
        elif heading[0] == "Sentinel":
            if "sentinel" in module or "sentinel" in source:
                return heading
        elif any(fnmatch.fnmatchcase(short, pattern) for pattern in heading[2]):
            return heading
    return DEFAULT_HEADING


def render():
    """Return the text of server/link.py."""
    links = all_links()
    modules = sorted({m for link in links for m in link[:2]})
    alias = {m: m.rsplit(".", 1)[1] for m in modules}
    taken = {}
    for m in modules:
        taken.setdefault(alias[m], []).append(m)
    for short, owners in taken.items():
        if len(owners) > 1:
            for m in owners:
                alias[m] = m.replace(".", "_")
    out = [HEADER]
    for m in modules:
        package, leaf = m.rsplit(".", 1)
        out.append("from %s import %s%s\n" % (package, leaf, "" if alias[m] == leaf else " as " + alias[m]))
    for heading in HEADINGS + [DEFAULT_HEADING]:
        here = sorted(link for link in links if heading_of(link) is heading)
        if here:
            out.append("\n# %s\n# %s\n" % (heading[0], heading[1]))
        for module, source, name in here:
            out.append("%s.%s = %s.%s\n" % (alias[module], name, alias[source], name))
    return "".join(out)


def main():
    text = render()
    if "--write" in sys.argv:
        with open(LINK, "w", encoding="utf-8") as f:
            f.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
