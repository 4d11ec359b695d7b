from fer.compare.references import HUMAN, PUBLISHED, REFERENCES, STUDY, TEST, UNKNOWN, VALIDATION


def test_the_study_s_five_results_are_on_validation():
    assert [reference.accuracy for reference in STUDY] == [0.5688, 0.6013, 0.5400, 0.6488, 0.6622]
    assert {reference.split for reference in STUDY} == {VALIDATION}


def test_every_published_figure_has_a_source_and_says_how_it_was_chosen():
    for reference in PUBLISHED:
        for address in filter(None, (reference.source, reference.code)):
            assert address.startswith("https://")
            assert " " not in address
        assert reference.chosen_by in (VALIDATION, TEST, UNKNOWN)
        assert 0.5 < reference.accuracy < 0.8


def test_people_are_among_them():
    assert HUMAN in REFERENCES
    assert HUMAN.remark.startswith("65 ± 5%")


def test_a_figure_that_cannot_be_believed_as_it_stands_says_so():
    remarks = {reference.name: reference.remark for reference in REFERENCES}
    assert "overstated" in remarks["VGG-19, ten-crop (Wu)"]
    assert "overstated" in remarks["CNN"]
    assert "cannot be reproduced" in remarks["VGG (Pramerdorfer & Kampel 2016)"]
    assert "cannot be reproduced" in remarks["ResMaskingNet and six more (Pham & Tran 2020)"]
    assert remarks["ResMaskingNet (Pham & Tran 2020)"] == ""
