from fer.artifacts import Artifact
from training import zoo
from training.recipe import list_recipes, load_recipe
from training.zoo import ORDER, RUNS, train_all


def test_every_recipe_is_in_the_zoo_after_what_it_builds_upon():
    assert sorted(ORDER) == list_recipes()
    for name in ORDER:
        recipe = load_recipe(name)
        before = list(recipe.teachers)
        if recipe.init.startswith(RUNS):
            before.append(recipe.init.removeprefix(RUNS))
        assert all(ORDER.index(other) < ORDER.index(name) for other in before)
    made = {
        recipe.name + head.suffix: (recipe.name, head.measure)
        for recipe in map(load_recipe, ORDER)
        for head in recipe.heads
    }
    for ensemble in ("ensemble", "ensemble-votes"):
        members = load_recipe(ensemble).network_arguments["members"]
        for recipe, measure in (made[member] for member in members):
            assert ORDER.index(recipe) < ORDER.index(ensemble)
            assert measure == load_recipe(ensemble).choose_by


def test_one_that_fails_costs_only_itself_and_what_is_done_is_skipped(
    drawn, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(zoo, "ORDER", ("lite", "cnn-votes", "ensemble-votes"))
    small = ["--images", "128", "epochs=1"]
    assert train_all(drawn, tmp_path, small) == ["lite"]  # whose teachers are not there yet
    # Of its candidates only the one that was trained.
    assert Artifact(tmp_path / "ensemble-votes").config.members == ["cnn-votes"]
    before = (tmp_path / "cnn-votes").stat().st_mtime_ns
    monkeypatch.setattr(zoo, "ORDER", ("cnn-votes",))
    assert train_all(drawn, tmp_path, small) == []
    assert (tmp_path / "cnn-votes").stat().st_mtime_ns == before
    assert "cnn-votes: finished already" in capfd.readouterr().err


def test_without_data_it_is_said_once_and_no_recipe_is_begun(training_command, tmp_path):
    status, _, stderr = training_command("zoo", "--data", tmp_path / "none", "--runs", tmp_path)
    assert status == 2
    assert stderr.startswith("training: There is no folder ")
