"""Imports point down only, and importing the package stays light."""

import ast
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

# A module may import from layers below its own and from its own layer.
LAYERS = [
    {"errors", "fields"},
    {"timeline", "config", "clip"},
    {"container", "diagnosis", "frames", "probing", "sound", "video", "proxy"},
    {"store", "prompting", "plaintext", "pictures", "exports"},
    {"shots", "mixtures", "looks", "segmentation", "sampling", "fusion", "repeats", "informative"},
    {"answering", "retrieval", "grounding", "models"},
    {"ahead", "watching", "listening", "sights"},
    {"pipeline", "conversation", "chat", "summaries", "explain"},
    {"engine"},
    {"world", "training", "evaluation", "benchmark", "explain_check", "worker", "jobs", "doctor"},
    {"ui", "cli", "__main__"},
]
# Where heavy libraries may be imported at all; nowhere at the top of a module that the command line imports.
TORCH_HOMES = {"models", "explain", "training", "benchmark"}
HEAVY = {"torch", "torchvision", "transformers", "whisper", "open_clip", "silero_vad", "streamlit"}


def part_of(path: Path) -> str:
    inside = path.relative_to(ROOT / "assistant").parts
    return inside[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "assistant":
                found |= {f"assistant.{name.name}" for name in node.names}
            else:
                found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def modules() -> list[Path]:
    return sorted((ROOT / "assistant").rglob("*.py"))


def layer_of(part: str) -> int:
    for number, layer in enumerate(LAYERS):
        if part in layer:
            return number
    raise AssertionError(f"assistant/{part} has no layer yet: give it one in tests/test_layers.py")


def test_imports_point_down_only():
    wrong = []
    for path in modules():
        part = part_of(path)
        if part in ("__init__", "__main__"):
            continue
        for name in imports(path):
            if name.startswith("assistant."):
                other = name.split(".")[1]
                if other not in (part, "__version__") and layer_of(other) > layer_of(part):
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_torch_and_streamlit_stay_in_their_places():
    wrong = []
    for path in modules():
        part = part_of(path)
        for name in imports(path):
            root = name.split(".")[0]
            if (root == "streamlit" and part != "ui") or (root in HEAVY - {"streamlit"} and part not in TORCH_HOMES):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_importing_the_package_and_its_surfaces_loads_no_heavy_library():
    code = (
        "import sys, assistant, assistant.cli, assistant.engine\n"
        f"print([name for name in {sorted(HEAVY)!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
