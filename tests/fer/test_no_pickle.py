"""Weights are data: nothing of the product reads a pickle, which can run any code."""

import ast
import subprocess
import sys

from tests.conftest import ROOT

PICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
READERS = {"load", "loads", "Unpickler", "read_pickle"}

LOADED = """
import pickle, sys
import fer.recognizer  # whatever modules do as they are imported is not in question

found = []
sys.addaudithook(lambda event, _: found.append(event) if event == "pickle.find_class" else None)
recognizer = fer.recognizer.Recognizer.from_pretrained(sys.argv[1])
assert not found
pickle.loads(pickle.dumps(recognizer.config))
assert found  # it would have been noticed
"""


def unpickles(tree: ast.AST) -> bool:
    """Say whether code reads pickles: `torch.load` without `weights_only=True`, or the like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {name.name for name in node.names}
            if node.module in PICKLERS | {"torch"} and names & READERS:
                return True
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = ast.unparse(node.func.value), node.func.attr
        if name == "read_pickle" or (owner in PICKLERS and name in READERS):
            return True
        options = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if (owner, name) == ("torch", "load") and options.get("weights_only") != "True":
            return True
        if options.get("allow_pickle") == "True":
            return True
    return False


def test_what_would_be_found():
    for code in (
        "torch.load(path)", "torch.load(path, weights_only=False)", "pickle.load(file)",
        "from pickle import loads", "from torch import load", "pd.read_pickle(path)",
        "np.load(path, allow_pickle=True)", "pickle.Unpickler(file).load()",
    ):  # fmt: skip
        assert unpickles(ast.parse(code)), code
    for code in ("torch.load(path, weights_only=True)", "json.load(file)", "import pickle"):
        assert not unpickles(ast.parse(code)), code


def test_no_code_reads_a_pickle():
    files = [ROOT / "serve.py", ROOT / "streamlit_app.py"]
    for folder in ("app", "fer", "pages", "training", "bench", "tools"):
        files += (ROOT / folder).rglob("*.py")
    assert len(files) > 60
    found = [file for file in files if unpickles(ast.parse(file.read_text()))]
    assert not found


def test_only_training_reads_torch_s_own_files():
    users = {
        str(file.relative_to(ROOT))
        for folder in ("app", "fer", "pages", "training")
        for file in (ROOT / folder).rglob("*.py")
        if "torch.load(" in file.read_text()
    }
    assert users == {"training/checkpoint.py", "training/first_weights.py"}


def test_loading_model_and_detector_unpickles_no_class(cnn_folder):
    """The detector's weights come as PyTorch's own files, which its package loads as data alone."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(cnn_folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
