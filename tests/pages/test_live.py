from tests.pages.conftest import open_app


def test_says_what_it_does_before_the_camera_opens():
    app = open_app().switch_page("pages/live.py").run()
    assert not app.exception
    assert app.title[0].value == "What does your face show right now?"
    text = app.markdown[0].value
    assert "nothing is stored" in text
    assert "Everyone who comes into view has to know" in text
    assert "Article 50(3)" in app.caption[-1].value
    app.get_by_key("model").set_value("cnn").run()
    assert not app.exception
