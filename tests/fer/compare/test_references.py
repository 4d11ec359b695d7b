from fer.compare.references import HUMAN, PUBLISHED, REFERENCES, STUDY, TEST, UNKNOWN, VALIDATION


def test_the_study_s_five_results_are_on_validation():
    assert [reference.accuracy for reference in STUDY] == [0.5688, 0.6013, 0.5400, 0.6488, 0.6622]
    assert {reference.split for reference in STUDY} == {VALIDATION}


def test_every_published_figure_has_a_source_and_says_how_it_was_chosen():
    for reference in PUBLISHED:
        assert reference.source.startswith("https://")
        assert reference.chosen_by in (VALIDATION, TEST, UNKNOWN)
        assert 0.5 < reference.accuracy < 0.8


def test_people_are_among_them():
    assert HUMAN in REFERENCES
    assert HUMAN.note == "65 ± 5%"
