from training import zoo
from training.recipe import list_recipes
from training.zoo import ORDER, train_all


def test_every_recipe_is_in_the_zoo():
    assert sorted(ORDER) == list_recipes()
    assert ORDER.index("efficientnet_v2_l") < ORDER.index("efficientnet_v2_l-frozen")


def test_one_that_fails_costs_only_itself_and_what_is_done_is_skipped(
    data, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(zoo, "ORDER", ("no_such_recipe", "cnn"))
    small = ["--images", "128", "epochs=1"]
    assert train_all(data, tmp_path, small) == ["no_such_recipe"]
    assert (tmp_path / "cnn" / "metrics.json").is_file()
    before = (tmp_path / "cnn").stat().st_mtime_ns
    assert train_all(data, tmp_path, small) == ["no_such_recipe"]
    assert (tmp_path / "cnn").stat().st_mtime_ns == before
    assert "cnn: finished already" in capfd.readouterr().err
