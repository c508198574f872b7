"""Every page in its states, driven without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from desk_fixture import FakeAssistant, desk, fill
from streamlit.testing.v1 import AppTest

from assistant.config import ROOT
from assistant.errors import LibraryUnusable, ModelUnavailable
from assistant.models.scene import labels
from assistant.models.scene.labels import LabelSet
from assistant.ui import services as shared
from assistant.ui.services import Services
from assistant.ui.tasks import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def behind_the_guard() -> Iterator[None]:
    shared.guarded.set()
    yield
    shared.guarded.clear()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Services]:
    with desk(tmp_path / "home") as made:
        yield made


@pytest.fixture
def sha256(here: Services, tmp_path: Path) -> str:
    return fill(here.assistant.library, tmp_path)


def opened(page: str = "", sha256: str = "") -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    if sha256:
        app.query_params["video"] = sha256
    app.run()
    if page:
        app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = (app.title, app.markdown, app.caption, app.error, app.subheader, app.info)
    return "\n".join(str(item.value) for kind in kinds for item in kind)


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception, app.exception
    return app


def test_streamlit_alone_opens_no_page(here, sha256):
    shared.guarded.clear()
    for page in ("", "watch", "search", "settings"):
        app = opened(page, sha256)
        assert "make run" in texts(app)
        assert "shapes" not in texts(app)
        assert not app.button


def test_the_first_page_says_what_to_do(here):
    app = opened()
    assert "Drop it here" in texts(app)
    assert len(app.get("bidi_component")) == 3  # the place to drop, the library, the library in the sidebar
    assert "demo pack speaks: models that know shapes" in texts(app)


class WithoutModels(FakeAssistant):
    """An engine whose pack is not on this machine."""

    @property
    def pack(self):
        raise ModelUnavailable("the demo pack lacks actions", "run python -m assistant train demo")

    @pack.setter
    def pack(self, _):
        pass


@pytest.mark.parametrize("page", ["", "models"])
def test_missing_models_are_told_with_the_way_out(here, page):
    shared.install(Services(here.settings, WithoutModels(here.settings, here.assistant.library), here.jobs))
    assert "get a pack on the page models" in opened(page).error[0].value.replace("\\", "").lower()


def test_a_video_can_be_watched_where_models_are_missing(here, sha256):
    shared.install(Services(here.settings, WithoutModels(here.settings, here.assistant.library), here.jobs))
    assert "No pack of models is on this machine" in texts(opened("watch", sha256))


def test_a_library_that_cannot_be_used_is_told_and_nothing_else(monkeypatch):
    def refuse(*_):
        raise LibraryUnusable("the disk that holds the library is full", "free some space there and try again")

    shared.install(None)
    monkeypatch.setattr(shared, "_build", refuse)
    app = opened()
    assert app.error[0].value.replace("\\", "").startswith("The disk that holds the library is full.")
    assert not app.get("bidi_component")


def test_a_path_that_is_no_file_is_told_and_queues_nothing(here):
    app = opened()
    app.text_input(key="path").set_value("/no/such/file.mp4")
    press(app, "Analyse")
    assert "no such file" in app.error[0].value
    assert here.jobs.jobs() == []


def test_a_file_link_is_queued(here, sha256):
    app = opened()
    app.text_input(key="path").set_value(here.assistant.library.entry(sha256).path.as_uri())
    press(app, "Analyse")
    assert [job.name for job in here.jobs.jobs()] == ["shapes.mp4"]


def test_watching_nothing_says_how_to_begin(here):
    assert "Choose a video on the left" in texts(opened("watch"))


def test_the_chat_offers_questions_made_from_the_video(here, sha256):
    app = opened("watch", sha256)
    assert app.button(key="suggestion-1").label.replace("\\", "") == "What is said at 0:06?"
    assert "Composed from the timeline" in texts(app)
    assert "demo pack" in texts(app)


def ask(app: AppTest, question: str) -> AppTest:
    app.chat_input[0].set_value(question).run()
    assert not app.exception, app.exception
    return app


def test_an_answer_has_links_to_its_moments_and_is_kept(here, sha256):
    app = ask(opened("watch", sha256), "What happens in it?")
    answer = app.chat_message[1].markdown[0].value
    assert "(#t=0.000&s=1)" in answer
    assert "(#t=5.000&s=2)" in answer
    assert "no segment 99" in answer
    assert any("1 of 2 statements supported" in item.label for item in app.expander)
    again = opened("watch", sha256)
    assert again.chat_message[1].markdown[0].value == answer


def test_what_the_video_does_not_hold_is_said_plainly(here, sha256):
    app = ask(opened("watch", sha256), "Does a dog appear?")
    assert app.chat_message[1].markdown[0].value.replace("\\", "") == "That is not in this video."


def test_an_answer_can_be_asked_for_again_rated_and_its_question_edited(here, sha256):
    chats = here.assistant.library.chats
    app = ask(opened("watch", sha256), "What happens in it?")
    turn = chats.turns(chats.conversations(sha256)[0].id)[0]
    app.button(key=f"again-{turn.id}").click().run()
    assert len(chats.turns(turn.conversation_id)) == 1
    app.feedback[0].set_value(1).run()
    assert chats.turns(turn.conversation_id)[0].rating == "up"
    app.button(key=f"edit-{turn.id}").click().run()
    app.text_area(key=f"edited-{turn.id}").set_value("Does a dog appear?")
    press(app, "Ask again")
    assert [t.question for t in chats.turns(turn.conversation_id)] == ["Does a dog appear?"]


def test_a_question_that_is_too_long_is_kept_to_be_shortened(here, sha256):
    app = ask(opened("watch", sha256), "What happens? " + "so " * 2000)
    assert "6,014 characters; up to 4,000 can be asked" in texts(app)
    app.text_area(key="shortened").set_value("What happens? " + "so " * 1500)
    press(app, "Ask it")
    assert "4,514 characters" in texts(app)
    app.text_area(key="shortened").set_value("What happens?")
    press(app, "Ask it")
    assert app.chat_message[0].markdown[0].value == "What happens?"
    assert not app.text_area


def test_two_videos_keep_their_conversations_apart(here, sha256, tmp_path):
    ask(opened("watch", sha256), "What happens in it?")
    other = "f" * 64
    timeline = here.assistant.timeline(sha256)
    video = type(timeline.video)(
        **{**{f: getattr(timeline.video, f) for f in timeline.video.__slots__}, "sha256": other}
    )
    here.assistant.library.add_video(Path(timeline.video.path), "other.mp4", video)
    here.assistant.library.save_timeline(other, timeline)
    assert len(opened("watch", other).chat_message) == 0


def test_questions_wait_until_the_analysis_is_finished(here, sha256):
    here.assistant.library.database.write("DELETE FROM timelines")
    app = opened("watch", sha256)
    assert app.chat_input[0].disabled
    assert "as soon as the analysis is finished" in texts(app)


def test_a_name_from_outside_is_shown_as_text(here, sha256):
    here.assistant.library.rename(sha256, "<img src=x onerror=alert(1)>[x](javascript:alert(1)).mp4")
    shown = opened("watch", sha256).markdown[0].value
    assert r"\<img src\=x onerror\=alert\(1\)\>" in shown
    assert "](javascript" not in shown


def test_search_finds_words_and_says_where_there_are_none(here, sha256):
    app = opened("search")
    app.text_input(key="query").set_value("friday").run()
    assert any(button.label == "0:14" for button in app.button)
    app.text_input(key="query").set_value("zebra <b>").run()
    assert r"matches “zebra \<b\>”" in texts(app)


def test_a_summary_can_be_written_and_everything_exported(here, sha256, monkeypatch):
    part = {"text": "A red circle moves left [S1].", "start_seconds": 0.0, "end_seconds": 5.0}
    document = {"whole": part, "chapters": [part, part], "segments": [part], "model": "extractive", "notices": []}
    written = SimpleNamespace(to_json=lambda: document)
    monkeypatch.setattr(FakeAssistant, "summarize", lambda *_, **__: written, raising=False)
    app = opened("summaries", sha256)
    assert "no summary yet" in texts(app)
    assert len(app.get("download_button")) == 6
    press(app, "Write the summary")
    while TASKS.get(("summary", sha256)).running:
        pass
    app.run()
    assert f"[0:00](/watch?video={sha256}&t=0.000&s=1)" in texts(app)


def test_a_label_list_is_saved_in_the_home_or_refused_whole(here, sha256):
    shipped = labels.LABELS_FOLDER / "world.txt"
    before, own = shipped.read_text(), here.settings.home / "labels" / "world.txt"
    app = opened("labels", sha256)
    app.selectbox(key="list").set_value("world").run()
    app.text_area(key="text-world").set_value("red circle\ngreen bar\na cat").run()
    press(app, "Save the list")
    assert own.read_text() == "red circle\ngreen bar\na cat\n"
    app.text_area(key="text-world").set_value("alone").run()
    press(app, "Save the list")
    assert own.read_text() == "red circle\ngreen bar\na cat\n"
    assert "the list world has 1 labels" in app.error[0].value.lower()
    assert LabelSet.load(["world"], own=own.parent).labels == ("red circle", "green bar", "a cat")
    press(app, "Describe it again")
    assert len(here.jobs.jobs()) == 1
    press(app, "Back to the original")
    assert not own.exists()
    assert app.text_area(key="text-world").value == before
    assert shipped.read_text() == before


def test_a_list_of_ones_own_is_added_and_shown(here, sha256):
    app = opened("labels", sha256)
    name = next(field for field in app.text_input if field.label == "Name")
    name.set_value("kitchen")
    next(field for field in app.text_area if field.label == "Labels, one a line").set_value("a pan\na cup")
    press(app, "Add it")
    assert app.selectbox(key="list").value == "kitchen"
    assert app.text_area(key="text-kitchen").value == "a pan\na cup\n"
    assert "kitchen" in app.multiselect(key="lists").options
    assert [path.name for path in (here.settings.home / "labels").iterdir()] == ["kitchen.txt"]
    assert not (labels.LABELS_FOLDER / "kitchen.txt").exists()


def test_the_models_page_names_every_pack_with_sizes_and_licences(here):
    app = opened("models")
    shown = texts(app) + "\n".join(table.value.to_string() for table in app.table)
    for word in ("Demo pack", "Standard pack", "vjepa2", "MIT", "not here"):
        assert word in shown.replace("\\", ""), word
    assert any(button.label.startswith("Get the standard pack (") for button in app.button)
    assert any(button.label.replace("\\", "") == "Get V-JEPA 2 ViT-L, 1.5 GB" for button in app.button), (
        "one button a kind that is missing"
    )
    assert "generated videos only" in shown


def test_settings_are_kept(here, monkeypatch):
    kept: list[dict] = []
    monkeypatch.setattr("assistant.ui.settings.change", lambda _, overrides: kept.append(overrides))
    app = opened("settings")
    app.selectbox(key="set-language").set_value("de")
    press(app, "Keep")
    assert kept[0]["speech"] == {"language": "de"}
