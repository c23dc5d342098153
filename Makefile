# Every line here can be run by hand; `make demo` and `make test` are all a visitor needs.
#
#   make demo            the whole product on a real control plane on this machine (KEEP=1 leaves it running,
#                        CONTEXT=name uses that context of your kubeconfig instead)
#   make test            the whole test suite        make generate   CRD, chart copy, reference pages, protocol messages
#   make unit            a minute of it, no cluster  make lock       compile requirements/*.lock (UPGRADE=1: newest)
#   make check           linters, types, freshness   make programs   build what tests run beside Python
#   make names           the names that model files may use, asked of the libraries of every supported version (minutes)
#   make operations      the TensorFlow operations that models may have, asked of TensorFlow in an environment of its own
#   make image           both container images       make e2e        both images on a real kubelet (Linux, root)
#                        (FORMATS="xgboost lightgbm": a server image for these too, called server:<version>-xgboost-lightgbm)
#   make test-gateways   models behind the real Traefik and Envoy Gateway on that kubelet (Linux, root; builds both once, in minutes)
#   make bench-operator  what up to 1000 models cost the operator (BENCH_SIZES=1,100 is short, JSON=file, WRITE=1 refreshes
#                        docs/performance.md)
#   make bench-server    our server beside a naive FastAPI app and MLServer (ROUNDS=1 is short; JSON=, WRITE=1 as above)
#   make bench-gate      how often the evaluation gate is wrong, on 2,000 drawn datasets of each kind (DATASETS=100 is short; JSON=,
#                        WRITE=1 refreshes docs/evaluation.md)
#   make bench-rollouts  how many requests verdicts on rollouts take, and how often they are wrong, on 1,000 drawn rollouts of each kind, and on
#                        4,000 where the true share is near its limit (ROLLOUTS=100 is short; JSON=, WRITE=1 refreshes docs/verdicts.md)
#   make bench-replay    how soon known rows come to a verdict on a candidate that is ready (ROUNDS=1 is short; JSON=, WRITE=1 as above)
#   make trial-rollouts  rollouts of good and bad candidates on a real control plane under load, and what clients notice (KINDS=good,wrong,
#                        STRATEGIES=Canary, CHANGES=evicted, REQUESTS=2000, SAME=10, MINUTES=5 are short; KINDS=, CHANGES= and SAME=0 each leave a
#                        part out; JSON=, WRITE=1 refreshes in docs/verdicts.md the parts that were tried)
#   make bench-preflight how soon a forest of 50 MB is accepted, and what a preflight costs ways back and pods (ROUNDS=1 is short; JSON=,
#                        WRITE=1 refreshes docs/evaluation.md)
#   make bench-starts    how soon a model's pod is Ready on the sandbox, cold and warm (ROUNDS=1 is short; JSON=, WRITE=1 refreshes docs/sandbox.md)
#   make bench-handover  what a rollout costs the requests of clients, in five minutes; fails on a machine too busy for the copies of its requests
#                        (ROUNDS=2 is short; JSON=, WRITE=1 refreshes docs/performance.md)
#   make fuzz SECONDS=60 feed the server's codecs with hostile bytes, guided by coverage (Linux on x86-64)
#   make test-frameworks MLflow, PyTorch and TensorFlow models, by the real libraries in environments of their own (7 GB the first time)
#   make test-versions   what scikit-learn 1.7 and 1.8 save answers as it did there or is refused (PYTHONS='old/bin/python ...': what these save)
#   make sweep           every estimator on nine kinds of data: are the engine's answers its own? (WRITE=1 refreshes docs/estimators.md)
#   make abuse           model files that mean harm or lie, ten thousand hostile requests, and slow sockets by the hundred
#   make clean           remove all that can be made again

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
BUILDER ?= $(firstword $(shell command -v docker buildah podman))
IMAGES ?= modelway
FORMATS ?=
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
BUILD_OPTIONS = $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) --build-arg VERSION=$(VERSION) \
	--build-arg SCIKIT_LEARN=$(shell sed -n 's/^scikit-learn==\([^ ]*\).*/\1/p' requirements/server.lock) \
	--secret id=pip,src=$$lent/pip --secret id=ca,src=$$lent/ca
SPACE := $(subst ,, )
SERVER_TAG = $(subst $(SPACE),-,$(strip $(VERSION) $(FORMATS)))
BIN := .venv/bin
UNIT = tests/modelway tests/contract $(addprefix tests/modelway_server/,contract prediction protocol telemetry)

# Set in many images; every start of Python would compile this checkout anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test unit programs check check-style check-types check-imports check-generated check-names generate names operations lock image e2e test-gateways bench-operator bench-server bench-gate bench-preflight bench-replay bench-rollouts trial-rollouts bench-handover bench-starts fuzz abuse clean sweep test-frameworks test-versions

demo: .venv/ready
	$(BIN)/python -m demo $(if $(KEEP),--keep) $(if $(CONTEXT),--context $(CONTEXT))

test: .venv/ready programs
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

# What an edit is tried with first. It leaves out what needs a cluster, what takes more than half a second of a processor, and the folders not in UNIT.
unit: .venv/ready
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not cluster and not slow" $(UNIT)

programs: .venv/ready
	$(BIN)/python -m support.make.programs

# Side by side: types and names are the long ones.
check: .venv/ready
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-names check-types check-style check-imports check-generated

check-style:
	$(BIN)/ruff check
	$(BIN)/ruff format --check

check-types:
	$(BIN)/python -m support.make.types

check-imports:
	$(BIN)/lint-imports

check-generated:
	$(BIN)/python -m modelway.generate --check
	$(BIN)/python -m support.make.reference --check
	$(BIN)/python -m support.make.protobuf --check
	$(BIN)/python -m support.make.lock --check

check-names:
	$(BIN)/python -m support.make.names --check

generate: .venv/ready
	$(BIN)/python -m modelway.generate
	$(BIN)/python -m support.make.reference
	$(BIN)/python -m support.make.protobuf
	$(BIN)/python -m support.make.survey

names: .venv/ready
	$(BIN)/python -m support.make.names

operations: .venv/ready
	cd tests && ../$(BIN)/python -m frameworks.operations

lock: .venv/ready
	$(BIN)/python -m support.make.lock $(if $(UPGRADE),--upgrade)

# pip's settings of this machine (a mirror, a proxy, certificate authorities) are lent to the build; no image keeps them.
image:
	@test -n "$(BUILDER)" || { echo "make image needs docker, buildah or podman, and found none"; exit 1; }
	@lent=$$(mktemp -d) && trap 'rm -rf "$$lent"' EXIT && $(PYTHON) -P tests/support/make/pip_settings.py "$$lent" && set -x && \
	$(BUILDER) build -f operator/Dockerfile -t $(IMAGES)/operator:$(VERSION) $(BUILD_OPTIONS) . && \
	$(BUILDER) build -f serving_image/Dockerfile -t $(IMAGES)/server:$(SERVER_TAG) --build-arg FORMATS="$(strip $(FORMATS))" $(BUILD_OPTIONS) . && \
	$(BUILDER) images $(IMAGES)/operator:$(VERSION) && $(BUILDER) images $(IMAGES)/server:$(SERVER_TAG)

e2e: .venv/ready
	$(BIN)/python -m e2e $(ARGS)

test-gateways: .venv/ready
	$(BIN)/python -m gateways $(ARGS)

bench-operator: .venv/ready
	$(BIN)/python -m bench.operator $(if $(BENCH_SIZES),--sizes $(BENCH_SIZES)) $(if $(JSON),--json $(JSON)) $(if $(WRITE),--write)

bench-server: .venv/ready
	$(BIN)/python -m bench.server $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JSON),--json $(JSON)) $(if $(WRITE),--write)

bench-gate: .venv/ready
	$(BIN)/python -m bench.gate $(if $(DATASETS),--datasets $(DATASETS)) $(if $(JSON),--json $(JSON)) $(if $(WRITE),--write)

bench-preflight: .venv/ready
	$(BIN)/python -m bench.preflight $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JSON),--json $(JSON)) $(if $(WRITE),--write)

bench-replay: .venv/ready
	$(BIN)/python -m bench.replay $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JSON),--json $(JSON)) $(if $(WRITE),--write)

bench-rollouts: .venv/ready
	$(BIN)/python -m bench.rollouts $(if $(ROLLOUTS),--rollouts $(ROLLOUTS)) $(if $(JSON),--json $(JSON)) $(if $(WRITE),--write)

bench-handover: .venv/ready
	$(BIN)/python -m bench.handover $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JSON),--json $(JSON)) $(if $(WRITE),--write)

bench-starts: .venv/ready
	cd tests && ../$(BIN)/python -m bench.starts $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JSON),--json $(abspath $(JSON))) $(if $(WRITE),--write)

trial-rollouts: .venv/ready
	cd tests && ../$(BIN)/python -m bench.trial $(if $(filter undefined,$(origin KINDS)),,--kinds '$(KINDS)') \
		$(if $(filter undefined,$(origin STRATEGIES)),,--strategies '$(STRATEGIES)') $(if $(filter undefined,$(origin CHANGES)),,--changes '$(CHANGES)') \
		$(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SAME),--same $(SAME)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(JSON),--json $(abspath $(JSON))) $(if $(WRITE),--write)

test-frameworks: .venv/ready
	cd tests && ../$(BIN)/python -m frameworks

test-versions: .venv/ready
	cd tests && ../$(BIN)/python -m support.make.old_versions $(abspath $(PYTHONS))

fuzz: .venv/ready
	cd tests && ../$(BIN)/python -m fuzz --seconds $(or $(SECONDS),60) --seed 0

sweep: .venv/ready
	cd tests && OMP_NUM_THREADS=1 ../$(BIN)/python -m support.make.sweep $(if $(WRITE),--write)

abuse: .venv/ready
	ABUSE_REQUESTS=$(or $(REQUESTS),10000) $(BIN)/pytest tests/modelway_server/runtimes/test_hostile_files.py tests/modelway_server/runtimes/test_corrupted.py tests/modelway_server/http/test_abuse.py tests/modelway_server/http/test_slow_sockets.py

clean:
	rm -rf .venv dist build models .sandbox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find operator serving_image tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

# uv comes by pip with the hash from the lock, then installs the rest; where it cannot reach the registry as pip is set up
# to (a mirror in pip.conf, say), pip itself does it, slower. The packages are compiled now because the sandbox's pods
# cannot write to them and would compile them at each start.
.venv/ready: requirements/dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Modelway needs Python 3.11, 3.12 or 3.13, and none is on PATH; name one with make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing the locked Python packages into .venv (one or two minutes the first time)"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements/dev.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.lock \
		|| $(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/uv pip install --quiet --offline --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch .venv/ready
