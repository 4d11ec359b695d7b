# make app      install, then open the app on http://localhost:8501
# make test     install, then run all tests
# make coverage the same, and how much of fer/, app/ and training/ the tests run
# make style    format and sort imports;  make quality   what CI checks of it, types, and
#               which way imports point

PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8501

.PHONY: app test coverage style quality clean

app: .venv/app.stamp
	$(BIN)/streamlit run streamlit_app.py --server.port $(PORT)

test: .venv/test.stamp
	$(BIN)/python -m pytest

coverage: .venv/dev.stamp
	$(BIN)/python -m pytest --cov=fer --cov=app --cov=training --cov-report=term:skip-covered

style: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

quality: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv build *.egg-info

# uv installs the same packages as pip, some ten times faster.
.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version)."; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "Python cannot make virtual environments: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

.venv/app.stamp: requirements.txt pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --python $(BIN)/python -e '.[train]'
	@touch $@

.venv/test.stamp: requirements.txt pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --python $(BIN)/python -e '.[test]'
	@touch $@ .venv/app.stamp

.venv/dev.stamp: requirements.txt pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --python $(BIN)/python -e '.[dev]'
	@touch $@ .venv/test.stamp .venv/app.stamp
