"""Of files that torch saved, plain tensors load as they were and everything else is named before it is followed."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import ModelUnavailable
from assistant.models.packs import archives


def archive(path: Path, *entries: tuple[str, bytes], packed: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as out:
        for name, content in entries:
            out.writestr(name, content)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        archives.check(path)
    assert "\n" not in str(caught.value)
    assert "models verify" in caught.value.remedy
    return caught.value.what


PLAIN = pickle.dumps(OrderedDict(a=[1, 2.5, None, True, "x", (3,)]), 2)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "int64", "int8", "bool"])
def test_tensors_of_every_usual_kind_come_back_as_they_were_saved(tmp_path, kind):
    import torch

    tensors = {"weight": torch.arange(12).reshape(3, 4).to(getattr(torch, kind)), "scale": torch.tensor(2.0)}
    path = tmp_path / "model.pt"
    torch.save({"dims": {"width": 4}, "state": tensors}, path)
    found = archives.load(path)
    assert found["dims"] == {"width": 4}
    assert all(torch.equal(found["state"][name], tensor) for name, tensor in tensors.items())


def test_parameters_and_views_of_one_storage_are_plain_tensors_as_well(tmp_path):
    import torch

    layer = torch.nn.Linear(3, 2)
    whole = torch.arange(10.0)
    torch.save({"state": layer.state_dict(), "weight": layer.weight, "part": whole[2:5]}, tmp_path / "model.bin")
    found = archives.load(tmp_path / "model.bin")
    assert torch.equal(found["weight"], layer.weight)
    assert found["part"].tolist() == [2.0, 3.0, 4.0]


def test_a_whole_module_is_more_than_tensors(tmp_path):
    import torch

    torch.save(torch.nn.Linear(3, 2), tmp_path / "model.pt")
    assert "holds more than plain tensors (NEWOBJ)" in refused(tmp_path / "model.pt")


def test_plain_values_pass(tmp_path):
    archives.check(archive(tmp_path / "model.pt", ("model/data.pkl", PLAIN), ("model/data/0", bytes(16))))


class Reached:
    def __init__(self, what: object) -> None:
        self.what = what

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("call", [print, eval, Path.unlink, getattr, pickle.loads])
def test_a_call_of_anything_else_is_refused_in_every_protocol(tmp_path, protocol, call):
    data = pickle.dumps({"a": Reached((call, ("1",)))}, protocol)
    assert "holds more than plain tensors" in refused(archive(tmp_path / "model.pt", ("model/data.pkl", data)))


@pytest.mark.parametrize("value", [{1, 2}, range(3), Path("/"), 3j, object])
def test_values_that_need_a_class_are_refused(tmp_path, value):
    data = pickle.dumps({"a": value}, 2)
    assert "holds more than plain tensors" in refused(archive(tmp_path / "model.pt", ("model/data.pkl", data)))


def test_what_is_refused_is_named_and_a_long_name_cut(tmp_path):
    data = b"c" + b"m" * 500 + b"\nevil\n."
    told = refused(archive(tmp_path / "model.pt", ("model/data.pkl", data)))
    assert "m" * 80 in told
    assert "m" * 81 not in told


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [("model/version", b"3")],
        [("model/data.pkl", PLAIN), ("other/data.pkl", PLAIN)],
        [("model/data.pkl", PLAIN), ("model/code/__torch__.py", b"")],
        [("model/data.pkl", PLAIN), ("code/a.py", b"")],
    ],
)
def test_an_archive_with_another_number_of_tables_or_with_code_is_refused(tmp_path, entries):
    assert "holds more than plain tensors" in refused(archive(tmp_path / "model.pt", *entries))


def test_a_packed_archive_is_refused_before_it_is_unpacked(tmp_path):
    path = archive(tmp_path / "model.pt", ("model/data.pkl", PLAIN), packed=True)
    assert "holds more than plain tensors" in refused(path)
    bomb = archive(tmp_path / "bomb.pt", ("model/data.pkl", bytes(80_000_000)), packed=True)
    assert bomb.stat().st_size < 1_000_000
    assert "holds more than plain tensors" in refused(bomb)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"<html>", pickle.dumps({}), bytes(100), b"PK\x05\x06" + bytes(18)]
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    assert refused(path)


def test_a_file_that_is_not_there_or_lies_elsewhere_is_refused(tmp_path):
    assert refused(tmp_path / "model.pt")
    (tmp_path / "in").mkdir()
    archive(tmp_path / "outside.pt", ("model/data.pkl", PLAIN))
    (tmp_path / "in" / "model.pt").symlink_to(tmp_path / "outside.pt")
    with pytest.raises(ModelUnavailable, match="is a link that leads out of the folder; put the file itself there"):
        archives.check(tmp_path / "in" / "model.pt")


@given(data=st.binary(max_size=60), cut=st.integers(0, 400))
@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_pass_as_plain_or_are_refused_by_our_own_error(tmp_path, data, cut):
    path = archive(tmp_path / "model.pt", ("model/data.pkl", data + PLAIN))
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) - cut])
    try:
        archives.check(path)
    except ModelUnavailable as error:
        told = str(error)
    else:
        told = "passes; "
    assert "; " in told
