import shutil

import pytest

from fer.artifacts import Artifact
from fer.artifacts.robustness import CORRUPTIONS, Robustness
from tests.made import give_votes, make_model
from tools import check_dashboard


def test_the_page_shows_what_the_shipped_predictions_say(capsys):
    check_dashboard.main()
    printed = capsys.readouterr().out
    assert "confusion of cnn: 49 numbers agree" in printed
    assert "Best overall" in printed
    assert "of 3,301 images than rivals/human" in printed
    assert "resnet50 over cnn: the counts agree" in printed


def test_two_models_agree_too_and_a_wrong_figure_is_found(
    tmp_path, monkeypatch, cnn_folder, capsys
):
    shutil.copytree(cnn_folder, tmp_path / "cnn")
    make_model(tmp_path / "flagship", 1)
    for name in ("cnn", "flagship"):
        give_votes(tmp_path / name)
        counts = {corruption: [9, 8, 7, 6, 5] for corruption in CORRUPTIONS}
        found = Robustness("test", 0, Artifact(tmp_path / name).metrics["weights_sha256"],
                           {"label": 12}, {"label": 10}, {"label": counts})  # fmt: skip
        (tmp_path / name / "robustness.json").write_text(found.to_json())
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    check_dashboard.main()
    printed = capsys.readouterr().out
    assert "flagship is right on" in printed
    assert "By FER+ votes, 2 models" in printed
    for what in ("cnn under everything: 11", "cnn against the other annotators", "risk of cnn"):
        assert what in printed

    monkeypatch.setattr(check_dashboard, "multiclass_recall", check_dashboard.multiclass_precision)
    with pytest.raises(SystemExit, match="the page shows"):
        check_dashboard.main()
