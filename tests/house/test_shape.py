"""The shape of the house: imports point down, nothing goes in circles, and importing the package stays light."""

import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import shape

# Where heavy libraries may be imported at all; nowhere at the top of a module that the command line imports.
TORCH_HOMES = {"models", "explain", "synthetic", "evaluation", "training"}
HEAVY = {"torch", "torchvision", "transformers", "whisper", "open_clip", "silero_vad", "streamlit"}


@pytest.fixture(scope="module")
def arrows():
    return shape.graph(shape.modules())


def test_imports_point_down_only(arrows):
    assert shape.arrows_up(arrows) == []


def test_no_two_files_import_each_other_by_any_way(arrows):
    assert shape.circles(arrows) == []


def test_torch_and_streamlit_stay_in_their_places():
    wrong = []
    for name, path in shape.modules().items():
        room = [*name.split("."), ""][1]
        for other in shape.foreign_imports(path):
            root = other.split(".")[0]
            if (root == "streamlit" and room != "ui") or (root in HEAVY - {"streamlit"} and room not in TORCH_HOMES):
                wrong.append(f"{name} imports {other}")
    assert not wrong


def test_importing_the_package_and_its_surfaces_loads_no_heavy_library():
    code = (
        "import sys, assistant, assistant.cli.main, assistant.engine\n"
        f"print([name for name in {sorted(HEAVY)!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
