"""The doctor's findings: everything looked at, nothing raised, a remedy wherever something is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from packs_at_hand import tiny_pack

from assistant.config import ChatSettings, ComputeSettings, Settings
from assistant.evaluation.doctor import examine, minutes_per_minute
from assistant.models.packs.catalog import folder_pack
from assistant.models.runtime import device as devices


@pytest.fixture(scope="module")
def pack_folder(tmp_path_factory):
    return tiny_pack(tmp_path_factory)


def test_it_looks_at_everything_and_each_problem_has_a_remedy(home, pack_folder):
    findings = examine(Settings(home, pack=str(pack_folder)))
    text = "\n".join(str(finding) for finding in findings)
    for topic in ("Python", "torch", "cores", "free", "PyAV", "full-text", "espeak", "tiny pack", "standard pack"):
        assert topic in text
    assert all(
        finding.remedy
        for finding in findings
        if finding.severity in ("warning", "problem") and "minutes" not in finding.what
    )
    assert "using the tiny pack" in text
    assert all(f"{kind}: " in text for kind in ("Actions", "Scene", "Speech")), "each kind says which model"
    assert text.count("s for a minute of video (rough)") == 3, "and how fast it is here"
    assert "Check of statements: " in text
    assert "for this machine: Qwen3-" in text
    assert "not here yet: Language model: " in text
    assert "Search by meaning: embedder of this project" in text
    assert "not here yet: Text: PP-OCR" in text
    assert "models pull --kind text" in text


def test_a_library_that_cannot_be_written_is_a_problem_not_a_crash(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    findings = examine(Settings(blocked / "home"))
    assert any("cannot be written" in finding.what for finding in findings if finding.severity == "problem")


def test_a_device_that_is_not_here_is_a_finding(home, pack_folder):
    findings = examine(Settings(home, pack=str(pack_folder), compute=ComputeSettings(device="tpu")))
    assert any("no device called 'tpu'" in finding.what for finding in findings)


def test_the_estimate_grows_with_the_model(pack_folder, tmp_path):
    import shutil

    larger = tmp_path / "larger"
    shutil.copytree(pack_folder, larger)
    weights = larger / "actions" / "model.safetensors"
    with weights.open("ab") as file:
        file.truncate(4_000_000_000)  # a sparse file: no bytes are written
    compute = ComputeSettings(device="cpu", precision="float32")
    assert minutes_per_minute(folder_pack(larger), compute) > 2 * minutes_per_minute(folder_pack(pack_folder), compute)


def test_memory_and_cores_are_those_of_the_container():
    found = devices.machine(ComputeSettings(memory_bytes=3 * 1024**3, threads=1))
    assert found.memory_bytes == 3 * 1024**3
    assert found.cores == 1
    assert devices.machine(ComputeSettings(device="cpu")).video_memory_bytes == 0


@pytest.mark.parametrize(
    ("asked", "device", "weights", "expected"),
    [("float32", "cpu", 10**10, "float32"), ("bfloat16", "cpu", 1, "bfloat16"), ("auto", "cpu", 10**6, "float32")],
)
def test_precision_is_what_was_asked_for_else_what_is_worth_it(asked, device, weights, expected):
    assert devices.choose_precision(asked, device, weights) == expected


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="only Linux says how much memory is resident")
def test_what_was_freed_goes_back_to_the_system():
    code = (
        "from pathlib import Path\n"
        "from assistant.models.runtime.device import give_memory_back\n"
        "blocks = [bytes([1]) * 100_000 for _ in range(2_000)]\n"
        "del blocks[:-1]\n"  # the last one lies above all others and keeps the heap from shrinking by itself
        "pages = lambda: int(Path('/proc/self/statm').read_text().split()[1])\n"
        "before = pages(); give_memory_back(); print((before - pages()) * 4096)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert int(done.stdout) > 100e6


def test_servers_on_this_machine_are_named_with_the_way_to_talk_with_them(home, pack_folder, monkeypatch):
    from assistant.models.chat import servers

    found = servers.Server("Ollama", "http://127.0.0.1:11434/v1", (servers.Listed("qwen3:4b"),))
    monkeypatch.setattr(servers, "nearby", lambda: [found])
    text = "\n".join(str(finding) for finding in examine(Settings(home, pack=str(pack_folder))))
    assert "Ollama is at http://127.0.0.1:11434/v1 with qwen3:4b; " in text
    assert "ASSISTANT_LANGUAGE_MODEL=http://127.0.0.1:11434/v1#" in text
    monkeypatch.setattr(servers, "nearby", list)
    text = "\n".join(str(finding) for finding in examine(Settings(home, pack=str(pack_folder))))
    assert "no server of language models" in text


def test_the_language_model_of_the_settings_is_looked_for(home, pack_folder, tmp_path):
    from test_openai_api import Server

    server = Server()
    chat = ChatSettings(language_model=f"{server.address}#tiny")
    settings = Settings(home, pack=str(pack_folder), chat=chat)
    try:
        text = "\n".join(str(finding) for finding in examine(settings))
        assert f"Language model: {server.address}#tiny, which answers" in text
    finally:
        server.http.shutdown()
        server.http.server_close()
    assert any("nobody answers at" in finding.what for finding in examine(settings))
