"""Every page in its states, driven without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from desk_fixture import FakeAssistant, desk, fill
from streamlit.testing.v1 import AppTest

from assistant.config import ROOT
from assistant.core.timeline import Answer, Claim
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
    assert "Choose a video to see it here" in texts(opened("watch"))


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
    assert "(#t=2.500&s=1)" in answer
    assert "(#t=7.000&s=2)" in answer
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
    assert "The same answer" in app.toast[0].value
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
    assert app.chat_message[0].markdown[0].value.replace("\\", "") == "What happens?"
    assert not app.text_area


@pytest.mark.parametrize(
    ("outcome", "relevant", "wanted"),
    [
        ("answer", True, ":material/check: 1 of 1 statement supported by the video, and on the question"),
        ("answer", None, ":material/rule: 1 of 1 statement supported by the video; whether that answers the question"),
        ("not_in_video", True, ""),
        ("answer", False, "In the video, but not what was asked"),
    ],
)
def test_a_tick_needs_truth_and_relevance(here, sha256, outcome, relevant, wanted):
    chats = here.assistant.library.chats
    claim = Claim("A red circle moves left [S1].", "supported", (1,), answers_question=relevant)
    answer = Answer("Who?", claim.text, claims=(claim,), found=outcome == "answer", outcome=outcome)
    chats.append_turn(chats.start(sha256), "Who?", answer)
    app = opened("watch", sha256)
    shown = texts(app)
    assert (wanted or "Who?") in shown.replace("\\", "")
    assert (":material/check:" in shown) == (relevant is True and outcome == "answer")


def test_a_thumb_down_asks_why_and_the_next_answer_does_not_build_on_it(here, sha256, monkeypatch):
    chats, given = here.assistant.library.chats, []
    app = ask(opened("watch", sha256), "What happens in it?")
    app.feedback[0].set_value(0).run()
    turn = chats.turns(chats.conversations(sha256)[0].id)[0]
    app.pills(key=f"reason-{turn.id}").set_value("It is not true").run()
    assert not app.exception
    assert "correct it on the segment's card" in texts(app)
    kept = chats.turns(turn.conversation_id)[0]
    assert (kept.rating, kept.reason) == ("down", "It is not true")
    real = FakeAssistant.ask
    monkeypatch.setattr(
        FakeAssistant, "ask", lambda *args, history=(), **rest: given.append(history) or real(*args, **rest)
    )
    ask(app, "Does a dog appear?")
    assert given == [[]]


def test_who_did_not_answer_before_is_asked_for_another_answer(here, sha256, monkeypatch):
    asked = []
    real = FakeAssistant.ask
    monkeypatch.setattr(
        FakeAssistant, "ask", lambda *args, answerer, **rest: asked.append(answerer) or real(*args, **rest)
    )
    monkeypatch.setattr(here.assistant.models, "has_chat_model", lambda: True)
    app = ask(opened("watch", sha256), "What happens in it?")
    turn = here.assistant.library.chats.turns(here.assistant.library.chats.conversations(sha256)[0].id)[0]
    app.button(key=f"again-{turn.id}").click().run()
    assert asked == ["auto", "llm"]


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


def test_a_video_with_subtitles_can_be_asked_before_the_analysis_is_finished(here, sha256):
    here.assistant.early = here.assistant.library.timeline(sha256)
    here.assistant.library.database.write("DELETE FROM timelines")
    assert not opened("watch", sha256).chat_input[0].disabled


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
    assert f"[0:02](/watch?video={sha256}&t=2.500&s=1)" in texts(app)


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
    app.selectbox(key="set-subtitles").set_value("instead")
    press(app, "Keep")
    assert kept[0]["speech"] == {"language": "de", "subtitles": "instead"}


# A file with several sound tracks


def with_tracks(here, sha256, taken=2):
    """Let the video have two tracks, of which one was transcribed."""
    library = here.assistant.library
    timeline = library.timeline(sha256)
    tracks = {
        1: {"number": 1, "language": "deu", "title": "Kommentar"},
        2: {"number": 2, "language": "eng", "title": ""},
    }
    speech = {"track": tracks.pop(taken), "other_tracks": list(tracks.values())}
    library.save_timeline(sha256, replace(timeline, provenance=replace(timeline.provenance, speech=speech)))


def track_choice(app):
    return next((box for box in app.selectbox if box.label == "Sound track"), None)


def test_a_video_with_one_sound_track_offers_no_choice(here, sha256):
    assert track_choice(opened("watch", sha256)) is None


def test_the_page_says_which_sound_track_was_transcribed_and_offers_the_others(here, sha256):
    with_tracks(here, sha256)
    choice = track_choice(opened("watch", sha256))
    assert choice.options == ["Sound track 1 (deu, Kommentar)", "Sound track 2 (eng)"]
    assert choice.value == 2
    assert here.jobs.jobs() == []


def test_another_sound_track_is_analysed_when_it_is_chosen(here, sha256):
    with_tracks(here, sha256)
    app = opened("watch", sha256)
    track_choice(app).set_value(1).run()
    assert not app.exception
    (job,) = here.jobs.jobs()
    assert job.sha256 == sha256
    assert job.options["settings"] == {"speech": {"audio_track": 1}}
    assert track_choice(app).disabled
    assert track_choice(app).value == 1


def test_when_its_analysis_has_ended_the_page_shows_the_new_track(here, sha256):
    with_tracks(here, sha256)
    app = opened("watch", sha256)
    track_choice(app).set_value(1).run()
    with_tracks(here, sha256, taken=1)
    here.jobs.jobs()[0].state = "done"
    app.run()
    assert track_choice(app).value == 1
    assert not track_choice(app).disabled
    assert len(here.jobs.jobs()) == 1


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_when_its_analysis_fails_or_is_stopped_the_page_shows_the_track_that_the_words_are_of(here, sha256, state):
    with_tracks(here, sha256)
    app = opened("watch", sha256)
    track_choice(app).set_value(1).run()
    job = here.jobs.jobs()[0]
    job.state, job.reason = state, "the file is gone; put it back"
    app.run()
    assert track_choice(app).value == 2
    assert len(here.jobs.jobs()) == 1
    told = "could not be analysed: the file is gone; put it back"
    assert (told in texts(app).replace("\\", "")) == (state == "failed")


def test_the_scene_is_described_again_with_the_track_that_the_person_chose(here, sha256):
    library = here.assistant.library
    timeline = library.timeline(sha256)
    chosen = replace(timeline.provenance, speech={"audio_track": 2})
    library.save_timeline(sha256, replace(timeline, provenance=chosen))
    press(opened("labels", sha256), "Describe it again")
    assert here.jobs.jobs()[0].options["settings"] == {"speech": {"audio_track": 2}}


def test_the_time_limit_that_messages_name_is_a_setting(here, monkeypatch):
    from assistant.models.protocols import RAISE_TIME_LIMIT

    kept: list[dict] = []
    monkeypatch.setattr("assistant.ui.settings.change", lambda _, overrides: kept.append(overrides))
    app = opened("settings")
    field = next(field for field in app.number_input if field.label == "Seconds for an answer")
    assert f"“{field.label}” under Settings" in RAISE_TIME_LIMIT
    field.set_value(300)
    app.number_input(key="set-context").set_value(4096)
    press(app, "Keep")
    assert (kept[0]["chat"]["timeout_seconds"], kept[0]["chat"]["context_tokens"]) == (300.0, 4096)


def test_servers_of_language_models_on_this_machine_are_offered_by_name(here, monkeypatch):
    from assistant.models.chat.servers import Listed, Server
    from assistant.ui import models as page

    found = [Server("Ollama", "http://127.0.0.1:11434/v1", (Listed("qwen3:4b"), Listed("gemma4:latest")))]
    chosen: list[dict] = []
    monkeypatch.setattr(page, "nearby", lambda: found)
    monkeypatch.setattr(page, "change", lambda _, overrides: chosen.append(overrides))
    st.cache_data.clear()
    try:
        app = opened("models")
        assert "**Ollama** is on this machine" in texts(app)
        box = next(box for box in app.selectbox if box.label == "Models of Ollama")
        assert box.options == ["qwen3:4b", "gemma4:latest"]
        box.set_value("http://127.0.0.1:11434/v1#gemma4:latest").run()
        press(app, "Talk with it")
        assert chosen == [{"chat": {"language_model": "http://127.0.0.1:11434/v1#gemma4:latest"}}]
        talking = replace(
            here.settings, chat=replace(here.settings.chat, language_model=found[0].address + "#qwen3:4b")
        )
        shared.install(Services(talking, here.assistant, here.jobs))
        app = opened("models")
        assert "**Ollama** answers with qwen3:4b" in texts(app).replace("\\", "")
        press(app, "Stop talking with it")
        assert chosen[-1] == {"chat": {"language_model": ""}}
        found.clear()
        st.cache_data.clear()
        assert "Ollama" not in texts(opened("models"))
    finally:
        st.cache_data.clear()
