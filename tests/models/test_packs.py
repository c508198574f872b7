"""Packs: which one speaks, what is missing, fetching from a stand-in for the hub on this machine, verifying."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from packs_at_hand import tiny_pack, write_pack, write_transcriber

from assistant.config import ChatSettings, DescriptionSettings, Settings
from assistant.errors import ModelUnavailable
from assistant.models import registry as packs
from assistant.models.packs import catalog, language
from assistant.models.packs.catalog import GIB, KINDS
from assistant.models.packs.verify import describe, verify, verify_pack, write_manifest
from assistant.models.registry import Models, resolve
from assistant.models.runtime.device import Machine


@pytest.fixture(scope="module")
def pack_folder(tmp_path_factory):
    return tiny_pack(tmp_path_factory)


@pytest.fixture
def settings(home, tmp_path, monkeypatch):
    """Settings of a machine on which no cache holds anything."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Settings(home)


def install(pack_folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(pack_folder, target_is_directory=True)


def test_auto_takes_standard_where_its_weights_are_here_and_says_so(settings, pack_folder):
    install(pack_folder, settings.home / "packs" / "standard")
    pack = resolve(settings)
    assert pack.name == "standard"
    assert "standard pack" in pack.notice


def test_auto_takes_demo_where_nothing_else_is_here_and_says_how_to_get_more(settings):
    pack = resolve(settings)
    assert pack.name == "demo"
    assert "models pull" in pack.notice


def test_auto_takes_for_each_kind_the_best_that_is_here_and_says_which_speaks_for_what(settings, pack_folder):
    for name, kind in (("standard", "actions"), ("starter", "speech")):
        install(pack_folder / kind, settings.home / "packs" / name / kind)
    pack = resolve(settings)
    models = Models(pack, settings)
    speakers = {kind: models.speaker(kind) for kind in ("actions", "descriptions", "speech")}
    assert speakers == {"actions": "standard", "descriptions": "demo", "speech": "starter"}
    assert pack.name == "standard+starter+demo"
    assert pack.location("speech") == settings.home / "packs" / "starter" / "speech"
    assert pack.label_lists == ("world",), "the label lists belong to the model that looks at scenes"
    assert "speech by the starter pack" in pack.notice
    assert pack.location("language") is None, "none of these packs brings a language model"
    assert "models pull" in pack.notice


def test_a_pack_by_name_speaks_for_all_that_it_has(settings, pack_folder):
    for name in ("standard", "starter"):
        install(pack_folder / "speech", settings.home / "packs" / name / "speech")
    starter = resolve(replace(settings, pack="starter"))
    assert starter.location("speech") == settings.home / "packs" / "starter" / "speech"
    assert starter.location("actions") == catalog.DEMO_FOLDER / "actions"
    assert resolve(settings).location("speech") == settings.home / "packs" / "standard" / "speech"


def test_what_is_missing_is_offered_by_the_smallest_pack_that_has_it_with_size_and_command(settings):
    models = Models(resolve(settings), settings)
    assert models.offer("actions") == "Actions: V-JEPA 2 ViT-L, 1.5 GB; python -m assistant models pull --kind actions"
    assert models.offer("speech") == "Speech: Whisper base, 145.3 MB; python -m assistant models pull --kind speech"
    assert models.offer("text").startswith("Text: PP-OCRv6 small")
    assert models.offer("embed") == ""


def test_standard_by_name_without_its_weights_names_the_command_that_fetches_them(settings):
    with pytest.raises(ModelUnavailable, match=r"lacks actions, descriptions, speech .* models pull") as caught:
        resolve(replace(settings, pack="standard"))
    assert caught.value.exit_code == 4


def test_a_folder_that_is_not_there_or_lacks_models_is_an_error_with_a_remedy(settings, tmp_path):
    with pytest.raises(ModelUnavailable, match="no such folder"):
        resolve(replace(settings, pack=str(tmp_path / "nowhere")))
    with pytest.raises(ModelUnavailable, match=r"lacks .* docs/packs.md"):
        resolve(replace(settings, pack=str(tmp_path)))


def test_a_folder_is_a_pack_and_its_pack_json_is_obeyed(settings, pack_folder):
    pack = resolve(replace(settings, pack=str(pack_folder)))
    assert (pack.name, pack.label_lists, pack.none_below, pack.answerer) == ("tiny", ("world",), 0.25, "extractive")


@pytest.mark.parametrize(
    "document",
    [{"label_lists": "world"}, {"none_below": 2}, {"answerer": "oracle"}, {"licences": []}, {"label_lists": [1]}],
)
def test_a_pack_json_that_is_not_understood_is_refused(tmp_path, document):
    (tmp_path / "pack.json").write_text(json.dumps(document))
    if document == {"licences": []}:
        document["licences"] = ["MIT"]
        (tmp_path / "pack.json").write_text(json.dumps(document))
    with pytest.raises(ModelUnavailable, match=r"pack\.json"):
        catalog.folder_pack(tmp_path)


def test_models_say_who_they_are_without_loading_and_are_the_same_when_loaded(settings, pack_folder):
    settings = replace(settings, pack=str(pack_folder))
    models = Models(resolve(settings), settings)
    before = [models.identity(kind) for kind in ("actions", "descriptions", "speech")]
    spec, scale = models.clip_spec(), models.logit_scale()
    assert not models.loaded
    recognizer, image_text_encoder, transcriber = models.recognizer(), models.image_text_encoder(), models.transcriber()
    assert before == [(model.name, model.revision) for model in (recognizer, image_text_encoder, transcriber)]
    assert (recognizer.spec, recognizer.none_below) == (spec, 0.25)
    assert image_text_encoder.logit_scale == pytest.approx(scale)
    assert models.recognizer() is recognizer
    models.release("actions")
    assert models.recognizer() is not recognizer
    assert models.voice_detector() is not models.voice_detector()


def test_threads_that_ask_at_once_get_one_and_the_same_model(settings, pack_folder):
    settings = replace(settings, pack=str(pack_folder))
    models, got = Models(resolve(settings), settings), []
    threads = [threading.Thread(target=lambda: got.append(models.image_text_encoder())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert len({id(model) for model in got}) == 1


def test_label_lists_come_from_the_settings_else_from_the_pack(settings, pack_folder):
    pack = resolve(replace(settings, pack=str(pack_folder)))
    assert Models(pack, settings).label_set().names == ("world",)
    chosen = replace(settings, descriptions=DescriptionSettings(label_lists=("everyday",)))
    label_set = Models(pack, chosen).label_set()
    assert label_set.names == ("everyday",)
    assert "{}" in label_set.templates


def test_a_language_model_answers_by_itself_only_where_one_is_named_or_the_pack_wants_it(settings, pack_folder):
    pack = resolve(replace(settings, pack=str(pack_folder)))
    assert not Models(pack, settings).has_chat_model()
    assert Models(pack, replace(settings, chat=ChatSettings(language_model="some/model"))).has_chat_model()
    with pytest.raises(ModelUnavailable, match="no language model"):
        Models(pack, settings).chat_model()


def test_every_pack_says_what_each_model_is_for_how_big_and_under_which_licence(settings):
    rows = describe(settings)
    standard = [row for row in rows if row.pack == "standard"]
    assert [row.kind for row in standard] == ["actions", "descriptions", "speech", "language"]
    assert all(row.licence and row.size_bytes > 10**6 and row.purpose for row in standard)
    assert all(row.state != "here" for row in standard)
    assert "1.5 GB" in str(standard[0])
    assert {row.pack for row in rows} == {"demo", "starter", "standard", "large"}


@pytest.mark.parametrize(
    ("machine", "speech", "language"),
    [
        (Machine(4 * GIB, 2), "whisper:tiny", "Qwen/Qwen3-0.6B"),
        (Machine(8 * GIB, 4), "whisper:base", "Qwen/Qwen3-0.6B"),
        (Machine(32 * GIB, 16), "whisper:small", "Qwen/Qwen3-1.7B"),
        (Machine(32 * GIB, 16, 6 * GIB), "whisper:turbo", "Qwen/Qwen3-1.7B"),
        (Machine(32 * GIB, 16, 16 * GIB), "whisper:turbo", "Qwen/Qwen3-4B-Instruct-2507"),
        (Machine(32 * GIB, 16, 80 * GIB), "whisper:turbo", "Qwen/Qwen3-8B"),
        # 1,750 tokens within 5 s: 1.4 billion weights take 4.9e12 operations, 0.44 billion 1.5e12.
        (Machine(32 * GIB, 16, 0, 1.0e12), "whisper:small", "Qwen/Qwen3-1.7B"),
        (Machine(32 * GIB, 16, 0, 9.7e11), "whisper:small", "Qwen/Qwen3-0.6B"),
        (Machine(8 * GIB, 4, 0, 1.0e15), "whisper:base", "Qwen/Qwen3-0.6B"),
        (Machine(32 * GIB, 16, 80 * GIB, 4.0e12), "whisper:turbo", "Qwen/Qwen3-4B-Instruct-2507"),
    ],
)
def test_the_standard_pack_is_as_large_as_the_machine_bears(tmp_path, machine, speech, language):
    pack = catalog.standard_pack(tmp_path, machine)
    assert pack.part("speech").source == speech
    assert pack.part("language").source == language
    assert pack.part("actions").source == "facebook/vjepa2-vitl-fpc16-256-ssv2"


def test_weights_that_another_program_has_fetched_are_found_in_its_cache(settings, pack_folder, tmp_path):
    repository = tmp_path / "hub" / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    install(pack_folder / "descriptions", repository / "snapshots" / "c0ffee")
    write_transcriber(tmp_path / "cache" / "whisper").joinpath("model.pt").rename(tmp_path / "cache/whisper/tiny.pt")
    pack = packs.named(settings, "standard")
    assert pack.location("descriptions") == repository / "snapshots" / "c0ffee"
    assert pack.location("speech") == tmp_path / "cache" / "whisper" / "tiny.pt"
    assert Models(pack, settings).identity("descriptions") == ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "c0ffee")
    assert Models(pack, settings).identity("speech")[0] == "whisper-tiny"


def test_a_checkpoint_in_several_files_counts_only_when_all_are_there(tmp_path):
    part = tmp_path / "language"
    part.mkdir()
    (part / "config.json").write_text("{}")
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    (part / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict(zip("ab", names, strict=True))}))
    (part / names[0]).touch()
    assert catalog.folder_pack(tmp_path).location("language") is None
    (part / names[1]).touch()
    assert catalog.folder_pack(tmp_path).location("language") == part


def test_verify_finds_a_changed_byte_and_checks_the_other_parts_all_the_same(settings, tmp_path):
    folder = write_pack(tmp_path / "tiny")
    write_manifest(folder)
    pack, said = catalog.folder_pack(folder), []
    assert verify_pack(pack, settings, said.append) == []
    assert [line.split(":")[0] for line in said] == [f"tiny/{kind}" for kind in KINDS]
    weights = folder / "actions" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    said.clear()
    problems = verify_pack(pack, settings, said.append)
    assert len(problems) == 1
    assert "not the file that was published" in problems[0].what
    assert "intact" in said[1]
    with pytest.raises(ModelUnavailable, match="published"):
        verify(replace(settings, pack=str(folder)), said.append)


def test_verify_leaves_out_a_pack_of_which_nothing_was_fetched(settings, pack_folder, monkeypatch):
    tiny = replace(catalog.folder_pack(pack_folder), name="demo")
    monkeypatch.setattr(packs, "PACKS", {**packs.PACKS, "demo": lambda home, machine: tiny})
    (settings.home / "packs" / "standard").mkdir(parents=True)
    said = []
    verify(settings, said.append)
    assert {line.split("/")[0] for line in said} == {"demo"}


class NoRoom:
    """A budget in which only the model that is wanted finds room."""

    features_bytes = 10**6

    def to_release(self, kind, loaded, file_bytes):
        assert file_bytes > 0
        return tuple(loaded)


def test_models_that_do_not_fit_together_are_loaded_one_after_the_other(settings, pack_folder):
    settings = replace(settings, pack=str(pack_folder))
    models = Models(resolve(settings), settings)
    models.budget = NoRoom()
    recognizer = models.recognizer()
    assert models.recognizer() is recognizer
    models.transcriber()
    assert models.recognizer() is not recognizer


def test_why_a_language_model_is_taken_is_told_with_its_seconds():
    told = language.reason(Machine(32 * GIB, 16, 0, 9.7e11))
    assert told == (
        "Qwen3-0.6B begins to answer a usual question (1,750 tokens) after about 1.6 s; Qwen3-1.7B would take 5.1 s"
    )
    assert "does not fit the memory" in language.reason(Machine(8 * GIB, 4, 0, 1e15))
    slow = language.reason(Machine(32 * GIB, 2, 0, 1e11))
    assert "after about 15 s; that is more than 5 s, and it is the smallest" in slow
    assert "by memory alone" in language.reason(Machine(32 * GIB, 2))
    assert "the largest that is offered" in language.reason(Machine(32 * GIB, 2, 80 * GIB, 1e15))


def test_how_fast_a_prompt_is_read_is_measured_once_for_a_machine(settings, monkeypatch):
    monkeypatch.setattr(language, "is_busy", lambda: True)
    assert language.measured_rate(settings.home, settings.compute) == 0, "a busy machine says little"
    monkeypatch.setattr(language, "is_busy", lambda: False)
    rate = language.measured_rate(settings.home, settings.compute)
    assert 1e8 < rate < 1e16
    assert packs.machine(settings).reading_rate == rate
    monkeypatch.setattr(language.subprocess, "run", None)  # it is not measured again
    assert language.measured_rate(settings.home, settings.compute) == rate
    other = replace(settings.compute, precision="bfloat16")
    assert language.stored_rate(settings.home, other) == 0
    (settings.home / "packs" / "machine.json").write_text('{"machine": [], "reading_rate": 1e12}')
    assert language.stored_rate(settings.home, settings.compute) == 0
    (settings.home / "packs" / "machine.json").write_text("{")
    assert language.stored_rate(settings.home, settings.compute) == 0
