# aeredis: `make run` starts the server, `make test` passes the tests.

PYTHON ?= python3
# Each interpreter has an environment of its own: .venv for python3, .venv-pypy39, .venv-cpython-312, ... for the others.
ifndef VENV
VENV   := .venv$(if $(filter-out python3,$(PYTHON)),-$(shell $(PYTHON) -c "import sys; print(sys.implementation.cache_tag)"))
endif
BIN    := $(VENV)/bin
PORT   ?= 6379
ARGS   ?=
CMD    ?= SET user:1001 zhangsan
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What PyPy can do without, since it has to be compiled there: psutil (then /proc is read), lupa (then EVAL says what is missing).
UNLESS_PYPY = $(BIN)/python -c "import sys; sys.exit(sys.implementation.name != 'pypy')"

.PHONY: run test test-apps test-pythons lint debug docs bench replicas cluster sentinel gdb chains c-source c-index sidebyside trace view recordings test-redis differential soak crash chaos cluster-long clean install pyz

# The stamp is renewed when the requirements change. setup.cfg alone describes the package; setuptools reads it.
$(VENV)/.run: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(PIP) $$($(PYTHON) tests/support/requirements.py) || $(UNLESS_PYPY)
	$(PIP) $$($(PYTHON) tests/support/requirements.py --only lua) || $(UNLESS_PYPY)
	touch $@

$(VENV)/.test: setup.cfg $(VENV)/.run
	$(PIP) $$($(PYTHON) tests/support/requirements.py --only test oracle) flake8
	touch $@

# The package aeredis and its console scripts, in the virtual environment.
install: $(VENV)/.run
	$(PIP) --force-reinstall --no-deps .

# One file that any Python from 3.9 on runs: python3 dist/aeredis.pyz --port 7000
pyz:
	$(PYTHON) -m tests.support.genpyz dist/aeredis.pyz

# The server.  CONF=path: with this configuration file, whose port then counts unless PORT is given as well.
run: $(VENV)/.run
	$(BIN)/python -m server $(CONF) $(if $(and $(CONF),$(filter file,$(origin PORT))),,--port $(PORT)) $(ARGS)

# Sets of servers to look at and to break, until `quit`: a master and two replicas; three masters, each with a replica; the same with
# three Sentinels.  PORT=7000, MASTERS=1 REPLICAS=2; ARGS=--real: the C server; ARGS=--mix: every second node.
replicas cluster sentinel: $(VENV)/.run
	@$(BIN)/python -m server.study.lab_shell $@ $(if $(filter-out 6379,$(PORT)),--port $(PORT)) $(if $(MASTERS),--masters $(MASTERS)) \
		$(if $(REPLICAS),--replicas $(REPLICAS)) $(ARGS)

# The server under pdb.  Its time stands at the prompt, for all servers with the same AEREDIS_CLOCK.
debug: export AEREDIS_CLOCK ?= .lab/clock
debug: $(VENV)/.run
	$(BIN)/python -m tests.support.debug --port $(PORT) $(ARGS)

# The C server under gdb, with the breakpoints of `make debug`.
gdb: $(VENV)/.run
	$(BIN)/python -m tests.support.gdb --port $(PORT) $(ARGS)

# The C source of 6.2.14, unpacked in .redis-suite/redis.
c-source: $(VENV)/.run
	$(BIN)/python -c "from tests.redis_suite.run import fetch, TREE; fetch(); print(TREE)"

# A function beside its C: make sidebyside FUNC=dictRehash
sidebyside: c-source
	$(BIN)/python -m server.study.cside $(FUNC) $(ARGS)

# The life of one command: thread, function, time, system calls, disk, replica.  Starts what it needs, and leaves nothing running.
# ARGS=--calls: all functions; ARGS="--perfetto trace.json": for ui.perfetto.dev.
trace: export TRACE_COMMAND = $(CMD)
trace: $(VENV)/.run
	@$(BIN)/python -m server.study.trace_show --start $(ARGS) "$$TRACE_COMMAND"

# The page of a server with an AOF and a replica, until Ctrl-C; leaves nothing running.  SET=cluster, sentinel or replicas: of a set
# that can be broken.  ARGS="--http 8000"; ARGS="--replay FILE": a recording.
view: $(VENV)/.run
	$(BIN)/python -m server.study.view $(if $(SET),--set $(SET),$(if $(findstring --replay,$(ARGS)),,--start)) $(ARGS)

# The recordings that docs/study.md links: docs/recordings/*.jsonl.  NAMES="set fork": only these.
recordings: $(VENV)/.run
	$(BIN)/python -m tests.support.recordings $(NAMES)

# Which function of C each function mirrors: server/study/cindex.tsv.
c-index: c-source
	$(BIN)/python -m server.study.cside --write-index

# Who calls whom in C, recorded under gdb: tests/study/chains.txt.  CHECK=1 compares; OURS=1 shows what differs here.
chains: $(VENV)/.test
	$(BIN)/python -m tests.study.chains $(if $(CHECK),--check) $(if $(OURS),--ours)

.PHONY: lab labs-test
# Tasks that check themselves: make lab lists them, make lab N=5 starts one.  LANG=zh_CN.UTF-8: in Chinese.
lab: $(VENV)/.run
	@$(BIN)/python -m tests.labs $(N)

# All of them by machine: untouched, each usual mistake, the solution.
labs-test: $(VENV)/.test
	AEREDIS_LABS=1 $(BIN)/python -m pytest tests/labs $(ARGS)

# The generated parts of docs/: pictures of the structures, the list of commands, the fast path.
docs: $(VENV)/.run
	$(BIN)/python -m tests.support.pictures --write
	$(BIN)/python -m tests.support.gencommands --write
	$(BIN)/python -m tests.support.genfastpath --write

test: $(VENV)/.test
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.test
	$(BIN)/python -m flake8 ae server datastructs persistence replication cluster tests
	$(BIN)/python -m pytest tests/unit/test_layers.py

# Ratios to a real redis-server and a bare Python loop, driven in the same run on the same machine.  REPL=1: the cost of a
# replica.  BASE=REV: beside an older commit.  ARGS=--variants: with an AOF, a replica, keys that expire.
bench: $(VENV)/.test
	$(BIN)/python -m tests.support.bench $(if $(REPL),--repl) $(if $(CLUSTER),--cluster) $(if $(BASE),--base $(BASE)) \
		$(if $(filter-out python3,$(PYTHON)),--python $(PYTHON) --warm-up 400000) $(ARGS)

# The official Tcl suite: make test-redis [SUITE="unit/type/string unit/expire" | quick | cluster | sentinel] [ARGS=...]
test-redis: $(VENV)/.test
	$(BIN)/python -m tests.redis_suite.run $(ARGS) $(SUITE)

# Unit and client tests with every CPython 3.9 - 3.14 and PyPy on the machine.  ARGS="3.12 pypy" chooses.
test-pythons:
	$(PYTHON) -m tests.support.pythons $(ARGS)

# RQ, Celery and django-redis do a real job on the server.
test-apps: $(VENV)/.test
	$(PIP) $$($(PYTHON) tests/support/requirements.py --only apps)
	$(BIN)/python -m pytest tests/integration/test_applications.py $(ARGS)

# The long runs of the comparisons: with the real server, and of the fast path with the text.
differential: $(VENV)/.test
	AEREDIS_SEQUENCES=$(or $(SEQUENCES),2000) AEREDIS_HOSTILE=1 $(BIN)/python -m pytest tests/integration/differential $(ARGS)
	AEREDIS_FASTPATH_SEQUENCES=$(or $(FASTPATH_SEQUENCES),10000) $(BIN)/python -m pytest tests/integration/test_fast_path_equivalence.py $(ARGS)

# Hostile clients and leaks, at full length.
soak: $(VENV)/.test
	AEREDIS_SOAK_CONNECTIONS=20000 AEREDIS_HOSTILE_STRINGS=100000 AEREDIS_IDLE_CONNECTIONS=10000 AEREDIS_PIPELINE=1000000 \
		$(BIN)/python -m pytest tests/integration/test_soak.py tests/integration/test_hostile_clients.py $(ARGS)

# A mixed cluster under kills, partitions, failovers, reshards and writers.  MINUTES=5 SEED=1
chaos: $(VENV)/.test
	$(BIN)/python -m tests.support.chaos --minutes $(or $(MINUTES),5) --seed $(or $(SEED),1) $(ARGS)

# The cluster's other tests at full length: 1,000 simulated clusters, partitions, damaged packets for 10 minutes each, 20 idle nodes.
cluster-long: $(VENV)/.test
	AEREDIS_CLUSTER_SEEDS=$(or $(SEEDS),1000) AEREDIS_PARTITIONS=1 AEREDIS_FUZZ_SECONDS=$(or $(FUZZ),600) AEREDIS_CLUSTER_IDLE=1 \
		$(BIN)/python -m pytest tests/unit/cluster/test_simulation.py tests/integration/test_cluster_partitions.py \
		tests/integration/test_cluster_fuzz.py tests/integration/test_cluster_figures.py $(ARGS)

# Kills and damaged files, at full length: 50 rounds of kill -9, 2,000 flipped bytes, each file judged by the real server as well.
crash: $(VENV)/.test
	AEREDIS_CRASH=$(or $(CRASH),10) AEREDIS_FLIPS=$(or $(FLIPS),2000) \
		$(BIN)/python -m pytest tests/integration/test_crash.py tests/integration/test_check_tools.py $(ARGS)

clean:
	rm -rf .venv .venv-* .redis-suite build dist *.egg-info .pytest_cache .hypothesis
