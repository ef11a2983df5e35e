# The words of the house; `make` alone lists them. Needs only Python (3.11 or newer) and make.
PYTHON ?= python3
BIN := .venv/bin
# The layers' own makefiles run inside `sam build`: they need uv and allhours, and none of this one's flags.
SAM := env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS PATH="$(CURDIR)/.venv/bin:$(CURDIR)/.venv-tools/bin:$$PATH" \
	SAM_CLI_TELEMETRY=0 ORGANISATION="$(abspath $(ORGANISATION))" \
	LAYER_COMPILER="$(if $(wildcard .venv-cloud/lib/python3.13),$(CURDIR)/.venv-cloud/bin/python)" .venv-sam/bin/sam
TEMPLATES := $(wildcard template.yaml infra/*.yaml)
CODE := $(wildcard shared/allhours functions infra/local infra/triage tests)
COMPILE := .venv-tools/bin/uv pip compile --quiet --universal --python-version 3.11 --python $(BIN)/python \
	--generate-hashes --no-emit-index-url --no-annotate --no-header

# One thread, so that the same material gives the same bytes.
TRAINER := PYTHONPATH=shared OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv-train/bin/python -m

.PHONY: help setup check test build local run drill bench train triage prove deploy lock clean
.PHONY: check-style check-types check-layers check-templates check-policies

help:
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

setup:  ## make the environments (.venv and its neighbours), pinned with hashes
	@$(PYTHON) infra/local/bootstrap.py

check: setup  ## style, types, layers, templates, policies
	@$(MAKE) --no-print-directory -j2 -k --output-sync \
		check-policies check-templates check-types check-style check-layers

check-style:
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

check-types:
	$(BIN)/mypy $(CODE)
	$(BIN)/basedpyright --level error

check-layers:
	PYTHONPATH=shared $(BIN)/lint-imports --no-cache --no-logo

check-templates:
	$(if $(TEMPLATES),$(BIN)/cfn-lint $(TEMPLATES))
	$(if $(wildcard template.yaml),AWS_DEFAULT_REGION=us-east-1 HOME="$(CURDIR)/.local" $(SAM) validate --lint)

check-policies:
	$(if $(TEMPLATES),.venv-audit/bin/checkov --quiet --compact --config-file .checkov.yaml --framework cloudformation $(addprefix -f ,$(TEMPLATES)))

test: check  ## everything: check, then unit, adapter and end-to-end tests
	$(BIN)/pytest -n 2 --dist loadgroup $(PYTEST)

build: setup  ## build for AWS (sam build); ORGANISATION=file replaces the example bank
	$(SAM) build

local: setup  ## start the local cloud with the template on it, until Ctrl-C; PORT=4566 chooses where
	@$(BIN)/python -m infra.local.deploy $(if $(PORT),--port $(PORT)) \
		$(if $(ORGANISATION),--organisation "$(ORGANISATION)")

run:  ## see it work: local cloud, stand-in networks, customers, a desk; FOR=60 STAFF=0 VOICES= ORGANISATION= SECRETS= PORT=
	@$(PYTHON) infra/local/bootstrap.py dev cloud sam
	@$(BIN)/python -m infra.local.run $(if $(FOR),--for $(FOR)) $(if $(VOICES),--voices "$(VOICES)") \
		$(if $(ORGANISATION),--organisation "$(ORGANISATION)") $(if $(SECRETS),--secrets "$(SECRETS)") \
		$(if $(PORT),--port $(PORT)) $(if $(filter 0,$(STAFF)),--no-staff)

drill: setup  ## a year of the example rota and one bad day, in simulated time; SEED= chooses another day
	@$(BIN)/python -m infra.local.drill $(if $(SEED),--seed $(SEED))

bench: setup  ## measure against performance targets; writes docs/benchmarks.md
	@$(PYTHON) infra/local/bootstrap.py peers
	@$(BIN)/python -m tests.bench

train: setup  ## train the model of topics and urgency from ../shared; LABELS=file.jsonl adds desks' labels
	@$(PYTHON) infra/local/bootstrap.py train
	@$(TRAINER) infra.triage.train $(if $(LABELS),--labels "$(LABELS)")

triage: setup  ## score the shipped model against its targets; writes docs/triage.md
	@$(PYTHON) infra/local/bootstrap.py train
	@$(TRAINER) infra.triage.report

prove: setup  # a hole in the rota that nobody accepted stops the deployment
	$(BIN)/allhours check $(or $(subst :, ,$(ORGANISATION)),infra/organisation/acme.yaml)

deploy: prove build  ## prove the rota, then deploy to your AWS account; the first time: GUIDED=1
	$(SAM) deploy $(if $(GUIDED),--guided)

lock: setup  ## compile requirements/*.txt and shared/requirements.txt; UPGRADE=1 takes the newest
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml -o shared/requirements.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --group dev -c shared/requirements.txt -o requirements/dev.txt
	for name in cloud sam audit tools train peers; do \
		$(COMPILE) $(if $(UPGRADE),--upgrade) --group $$name -o requirements/$$name.txt || exit 1; done

clean:  ## take away all that was made
	rm -rf .venv .venv-cloud .venv-sam .venv-audit .venv-tools .venv-train .venv-peers .local .aws-sam .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
