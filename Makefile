# aeredis: `make run` starts the server, `make test` passes the tests.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PORT   ?= 6379
ARGS   ?=

.PHONY: run test test-apps lint debug docs bench test-redis differential soak crash clean install

# The stamp is renewed when the requirements change. setup.cfg alone describes the package; setuptools reads it.
$(VENV)/.run: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(PYTHON) tests/support/requirements.py lua)
	touch $@

$(VENV)/.test: setup.cfg $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(PYTHON) tests/support/requirements.py test oracle) flake8
	touch $@

# Console scripts aeredis-server, aeredis-check-rdb, aeredis-check-aof in the virtual environment.
install: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check setuptools wheel
	$(BIN)/python -c "import setuptools; setuptools.setup()" --quiet bdist_wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps dist/*.whl

run: $(VENV)/.run
	$(BIN)/python -m server --port $(PORT) $(ARGS)

debug: $(VENV)/.run
	$(BIN)/python -m tests.support.debug --port $(PORT) $(ARGS)

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

# Ratios to a real redis-server, driven in the same run on the same machine.  REPL=1: the cost of a replica.
bench: $(VENV)/.test
	$(BIN)/python -m tests.support.bench $(if $(REPL),--repl) $(ARGS)

# The official Tcl suite: make test-redis [SUITE="unit/type/string unit/expire" | quick | cluster | sentinel] [ARGS=...]
test-redis: $(VENV)/.test
	$(BIN)/python -m tests.redis_suite.run $(ARGS) $(SUITE)

# RQ, Celery and django-redis do a real job on the server.
test-apps: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(PYTHON) tests/support/requirements.py apps)
	$(BIN)/python -m pytest tests/integration/test_applications.py $(ARGS)

# The long run of the comparison with the real server.
differential: $(VENV)/.test
	AEREDIS_SEQUENCES=$(or $(SEQUENCES),2000) $(BIN)/python -m pytest tests/integration/differential $(ARGS)

# Hostile clients and leaks, at full length.
soak: $(VENV)/.test
	AEREDIS_SOAK_CONNECTIONS=20000 AEREDIS_HOSTILE_STRINGS=100000 AEREDIS_IDLE_CONNECTIONS=10000 AEREDIS_PIPELINE=1000000 \
		$(BIN)/python -m pytest tests/integration/test_soak.py tests/integration/test_hostile_clients.py $(ARGS)

# Kills and damaged files, at full length: 50 rounds of kill -9, 2,000 flipped bytes, each file judged by the real server as well.
crash: $(VENV)/.test
	AEREDIS_CRASH=$(or $(CRASH),10) AEREDIS_FLIPS=$(or $(FLIPS),2000) \
		$(BIN)/python -m pytest tests/integration/test_crash.py tests/integration/test_check_tools.py $(ARGS)

clean:
	rm -rf $(VENV) .redis-suite build dist *.egg-info .pytest_cache .hypothesis
