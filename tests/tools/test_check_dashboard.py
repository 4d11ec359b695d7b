import shutil

import pytest

from tests.made import make_model
from tools import check_dashboard


def test_the_page_shows_what_the_shipped_predictions_say(capsys):
    check_dashboard.main()
    printed = capsys.readouterr().out
    assert "confusion of cnn: 49 numbers agree" in printed
    assert "Best overall" in printed


def test_two_models_agree_too_and_a_wrong_figure_is_found(
    tmp_path, monkeypatch, cnn_folder, capsys
):
    shutil.copytree(cnn_folder, tmp_path / "cnn")
    make_model(tmp_path / "flagship", 1)
    monkeypatch.setattr("fer.artifacts.store.MODELS", tmp_path)
    check_dashboard.main()
    assert "flagship is right on" in capsys.readouterr().out

    monkeypatch.setattr(check_dashboard, "multiclass_recall", check_dashboard.multiclass_precision)
    with pytest.raises(SystemExit, match="the page shows"):
        check_dashboard.main()
