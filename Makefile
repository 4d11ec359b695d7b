# make app      install, then open the app on http://localhost:8501
# make test     install, then run the tests, but for those that need a browser, a fresh
#               environment, Ray or the Hub
# make coverage the same, and how much of fer/, app/ and training/ the tests run
# make style    format and sort imports;  make quality   what CI checks of it, types, and
#               which way imports point
# make wheel    build the package, install it in a fresh environment elsewhere, and try it there
# make axe      look for what screen readers, the keyboard and low sight miss, in a real Chromium
# make browser  drive the app in a real Chromium, what `make axe` does among it: eight minutes
# make floors   run the fast tests, without those that kill processes, with the oldest packages
#               that requirements.txt and pyproject.toml allow, on Python 3.11; downloads gigabytes

PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8501
# uv brings certificates of its own; where a network has its own authority, this machine knows it.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt),)
export UV_SYSTEM_CERTS ?= 1
endif
# Modules of tests are shared out among so many processes of one thread each; in their own order,
# for those of the fewest tests, which xdist would keep for the end, take as long as others.
WORKERS ?= 2
parallel = OMP_NUM_THREADS=1 $(1)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

.PHONY: app test coverage style quality axe browser wheel floors clean

app: .venv/app.stamp
	$(BIN)/streamlit run serve.py --server.port $(PORT)

test: .venv/test.stamp
	$(call parallel,$(BIN))

coverage: .venv/dev.stamp
	$(call parallel,$(BIN)) --cov=fer --cov=app --cov=training --cov-report=term:skip-covered

style: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

quality: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

axe: .venv/test.stamp
	$(BIN)/python -m pytest -m browser tests/browser/test_readers.py

browser: .venv/test.stamp
	$(BIN)/python -m pytest -m browser tests/browser

wheel: .venv/test.stamp
	$(BIN)/python -m pytest -m wheel tests/package

FLOORS := build/floors
floors: | .venv/bin/uv
	$(BIN)/uv venv --clear --python 3.11 $(FLOORS)
	$(BIN)/uv pip install --python $(FLOORS)/bin/python --resolution lowest-direct -e '.[test]'
	$(call parallel,$(FLOORS)/bin) tests/training/test_main.py tests/training/test_engine.py \
	  tests/training/test_recipe.py tests/fer tests/package tests/pages/test_upload.py \
	  tests/app/figures docs/library.md --ignore tests/fer/faces/test_corpus.py -k 'not killed'

clean:
	rm -rf .venv build dist *.egg-info

# uv installs the same packages as pip, some ten times faster.
.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version)."; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "Python cannot make virtual environments: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

.venv/app.stamp: requirements.txt pyproject.toml setup.py | .venv/bin/uv
	$(BIN)/uv pip install --python $(BIN)/python -e '.[app,train]'
	@touch $@

.venv/test.stamp: requirements.txt pyproject.toml setup.py | .venv/bin/uv
	$(BIN)/uv pip install --python $(BIN)/python -e '.[test]'
	@touch $@ .venv/app.stamp

.venv/dev.stamp: requirements.txt pyproject.toml setup.py | .venv/bin/uv
	$(BIN)/uv pip install --python $(BIN)/python -e '.[dev]'
	@touch $@ .venv/test.stamp .venv/app.stamp
