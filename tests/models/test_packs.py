"""Packs: which one speaks, what is missing, fetching from a stand-in for the hub on this machine, verifying."""

import hashlib
import http.server
import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from packs_at_hand import tiny_pack, write_pack, write_transcriber

from assistant.config import ChatSettings, DescriptionSettings, Settings
from assistant.errors import Cancelled, LibraryUnusable, ModelUnavailable
from assistant.models import registry as packs
from assistant.models.packs import catalog
from assistant.models.packs.catalog import GIB, KINDS, Part
from assistant.models.packs.download import fetch_file, pull_pack
from assistant.models.packs.verify import verify, verify_pack, write_manifest
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


def test_auto_takes_demo_where_standard_is_incomplete_and_says_how_to_get_it(settings, pack_folder, monkeypatch):
    tiny = replace(catalog.folder_pack(pack_folder), name="demo", note="random")
    monkeypatch.setattr(packs, "PACKS", {**packs.PACKS, "demo": lambda home, machine: tiny})
    install(pack_folder / "actions", settings.home / "packs" / "standard" / "actions")
    pack = resolve(settings)
    assert pack.name == "demo"
    assert "models pull" in pack.notice


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
    rows = packs.describe(settings)
    standard = [row for row in rows if row.pack == "standard"]
    assert [row.kind for row in standard] == list(KINDS)
    assert all(row.licence and row.size_bytes > 10**6 and row.purpose for row in standard)
    assert all(row.state != "here" for row in standard)
    assert "1.5 GB" in str(standard[0])
    assert {row.pack for row in rows} == {"demo", "standard"}


@pytest.mark.parametrize(
    ("machine", "speech", "language"),
    [
        (Machine(4 * GIB, 2), "whisper:tiny", "Qwen/Qwen3-0.6B"),
        (Machine(8 * GIB, 4), "whisper:base", "Qwen/Qwen3-0.6B"),
        (Machine(32 * GIB, 16), "whisper:small", "Qwen/Qwen3-1.7B"),
        (Machine(32 * GIB, 16, 6 * GIB), "whisper:turbo", "Qwen/Qwen3-1.7B"),
        (Machine(32 * GIB, 16, 16 * GIB), "whisper:turbo", "Qwen/Qwen3-4B-Instruct-2507"),
        (Machine(32 * GIB, 16, 80 * GIB), "whisper:turbo", "Qwen/Qwen3-8B"),
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


class Hub(http.server.BaseHTTPRequestHandler):
    """Just enough of the hub: what a repository holds, and its files with ranges."""

    files: dict[str, bytes] = {}  # noqa: RUF012
    commit = "f" * 40
    break_after: int | None = None
    ranges: list[str] = []  # noqa: RUF012

    def do_HEAD(self):
        self._answer(send_body=False)

    def do_GET(self):
        self._answer(send_body=True)

    def _answer(self, send_body: bool) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/api/models/"):
            siblings = []
            for name, data in self.files.items():
                entry = {"rfilename": name, "size": len(data)}
                if name.endswith(".safetensors"):
                    entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 1}
                siblings.append(entry)
            self._send(200, json.dumps({"id": "a/b", "sha": self.commit, "siblings": siblings}).encode(), {}, send_body)
            return
        name = re.sub(r"^.*/resolve/[^/]+/", "", path).rsplit("/plain/", 1)[-1]
        data = self.files.get(name)
        if data is None:
            self._send(404, b"", {}, send_body)
            return
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Repo-Commit": self.commit,
            "Accept-Ranges": "bytes",
        }
        if wanted := self.headers.get("Range"):
            self.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._send(206, data[start:], headers, send_body)
            return
        self._send(200, data, headers, send_body)

    def _send(self, status: int, data: bytes, headers: dict[str, str], send_body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if send_body:
            limit = type(self).break_after
            self.wfile.write(data[:limit])

    def log_message(self, *args):
        pass


@pytest.fixture
def hub():
    class Own(Hub):
        files: dict[str, bytes] = {}  # noqa: RUF012
        ranges: list[str] = []  # noqa: RUF012

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Own.address = f"http://127.0.0.1:{server.server_port}"
    yield Own
    server.shutdown()
    server.server_close()
    thread.join()


def pack_to_fetch(folder: Path) -> catalog.Pack:
    pack = catalog.folder_pack(folder)
    parts = (Part("actions", "someone/tiny", "MIT", 300_000), *(replace(p, required=False) for p in pack.parts[1:]))
    return replace(pack, parts=parts)


def environment(hub) -> dict[str, str]:
    import os

    return {**os.environ, "HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1"}


def test_a_pack_is_fetched_with_its_sizes_said_first_and_only_plain_files_taken(settings, pack_folder, tmp_path, hub):
    source = pack_folder / "actions"
    hub.files.update({path.name: path.read_bytes() for path in source.iterdir()})
    hub.files.update({"modeling.py": b"import os", "pytorch_model.bin": b"pickle", "README.md": b"#"})
    hub.files.update(
        dict.fromkeys(["../../config.json", "onnx/config.json", ".config.json", "adapter_config.json"], b"{}")
    )
    pack, said = pack_to_fetch(tmp_path / "new"), []
    pull_pack(pack, said.append, lambda: False, environment(hub))
    assert re.search(r"about 300 kB into", said[0])
    assert "someone/tiny" in said[1]
    assert {path.name for path in (tmp_path / "new" / "actions").iterdir()} == {path.name for path in source.iterdir()}
    manifest = json.loads((tmp_path / "new" / "MANIFEST.json").read_text())
    assert manifest["sources"] == {"actions": {"source": "someone/tiny", "revision": "f" * 40}}
    assert verify_pack(pack, settings, said.append) == []
    said.clear()
    pull_pack(pack, said.append, lambda: False, {"PATH": ""})
    assert "here already" in said[0]


def test_without_a_network_fetching_is_one_clear_error(tmp_path, hub):
    broken = {**environment(hub), "HF_ENDPOINT": "http://127.0.0.1:9"}
    with pytest.raises(ModelUnavailable, match=r"could not be fetched .* connect to the network"):
        pull_pack(pack_to_fetch(tmp_path / "new"), lambda line: None, lambda: False, broken)


def test_fetching_stops_when_it_is_told_to(tmp_path, hub):
    with pytest.raises(Cancelled, match="again to go on"):
        pull_pack(pack_to_fetch(tmp_path / "new"), lambda line: None, lambda: True, environment(hub))


def test_weights_that_are_not_those_published_are_not_kept(tmp_path, hub, pack_folder, monkeypatch):
    hub.files.update({path.name: path.read_bytes() for path in (pack_folder / "actions").iterdir()})
    honest = hub._answer

    def dishonest(self, send_body):
        if self.path.endswith("model.safetensors"):
            data = bytes(len(self.files["model.safetensors"]))
            self._send(200, data, {"ETag": '"x"', "X-Repo-Commit": self.commit}, send_body)
        else:
            honest(self, send_body)

    monkeypatch.setattr(hub, "_answer", dishonest)
    pack = pack_to_fetch(tmp_path / "new")
    with pytest.raises(ModelUnavailable, match="came damaged"):
        pull_pack(pack, lambda line: None, lambda: False, environment(hub))
    assert pack.location("actions") is None


def test_too_little_room_is_said_before_anything_is_fetched(tmp_path):
    pack = pack_to_fetch(tmp_path / "new")
    huge = replace(pack, parts=(replace(pack.parts[0], download_bytes=10**18), *pack.parts[1:]))
    with pytest.raises(LibraryUnusable, match="make room"):
        pull_pack(huge, lambda line: None, lambda: False, {})


def test_a_file_that_was_cut_off_is_gone_on_with_and_checked(tmp_path, hub):
    data = np.random.default_rng(0).bytes(300_000)
    hub.files["base.pt"] = data
    sha256, target, told = hashlib.sha256(data).hexdigest(), tmp_path / "base.pt", []
    (tmp_path / "base.pt.part").write_bytes(data[:100_000])
    fetch_file(f"{hub.address}/plain/base.pt", target, sha256, lambda done, total: told.append((done, total)))
    assert target.read_bytes() == data
    assert hub.ranges == ["bytes=100000-"]
    assert told[-1] == (300_000, 300_000)
    with pytest.raises(ModelUnavailable, match="came damaged"):
        fetch_file(f"{hub.address}/plain/base.pt", tmp_path / "other.pt", "0" * 64, lambda done, total: None)
    assert not (tmp_path / "other.pt").exists()


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
