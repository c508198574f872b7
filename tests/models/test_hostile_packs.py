"""A pack's folder is data: whatever its files ask the libraries for, nothing of it runs, is fetched or lies elsewhere.

Each case is a folder that loads, changed by one trick. All go through the real loaders, in one process without a
network; a trick that works leaves a file behind.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT
from packs_at_hand import tiny_pack
from tiny_language_model import write_language_model, write_tokenizer

CASES: list[tuple[str, str, str, Callable[[Path], object]]] = []
EVIL = """
open({canary!r}, "w").close()
class Evil:
    def __init__(self, *values, **options): pass
    @classmethod
    def from_pretrained(cls, *values, **options): return cls()
def generate(*values, **options): return None
"""
AUTO_MAP = {
    name: "evil.Evil"
    for name in ("AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoModelForVideoClassification", "AutoProcessor")
} | {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}


def trick(kind: str, outcome: str) -> Callable:
    """A case: the kind of model, and the words of the refusal (empty: it loads, and the trick does nothing)."""

    def keep(change: Callable[[Path], object]) -> Callable[[Path], object]:
        CASES.append((change.__name__, kind, outcome, change))
        return change

    return keep


def put(folder: Path, name: str, **values) -> None:
    """Change keys of a JSON file; a file that is not there is written."""
    file = folder / name
    document = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps({**document, **values}))


def put_clip(folder: Path, part: str, **values) -> None:
    file = folder / "open_clip_config.json"
    document = json.loads(file.read_text())
    place = document if part == "preprocess_cfg" else document["model_cfg"]
    (place[part] if part else place).update(values)
    file.write_text(json.dumps(document))


def canary(path: Path) -> str:
    """The file that must not appear: beside the folder ``model`` in which this path lies."""
    model = next(place for place in (path, *path.parents) if place.name == "model")
    return str(model.with_name("ran"))


def evil(folder: Path, name: str = "evil.py") -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(EVIL.format(canary=canary(folder)))


class Call:
    """Pickled, it is a call that leaves the canary."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (canary(self.path), "w"))


def pickled(path: Path, protocol: int = 2) -> None:
    """An archive as torch writes it, with a call among its tensors."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps({"state_dict": Call(path), "dims": {}}, protocol))
        archive.writestr("model/version", "3\n")


def without_weights(folder: Path) -> Path:
    for file in [*folder.glob("*.safetensors"), *folder.glob("*.pt")]:
        file.unlink()
    return folder


def elsewhere(folder: Path, name: str) -> None:
    """Move a file out of the folder, and leave a link to it."""
    outside = folder.with_name(f"{folder.name}.outside")
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)


# Actions: transformers' V-JEPA 2


@trick("actions", "")
def code_that_the_configuration_names_is_not_imported(folder):
    put(folder, "config.json", auto_map=AUTO_MAP)
    evil(folder)


@trick("actions", "not V-JEPA 2|no backend here reads")
def a_type_that_only_the_folders_code_knows_is_refused(folder):
    put(folder, "config.json", auto_map=AUTO_MAP, model_type="evil")
    evil(folder)


@trick("actions", "")
def an_attention_of_the_hub_is_not_fetched(folder):
    kernel = "evil/kernel:attention"
    put(folder, "config.json", _attn_implementation=kernel, attn_implementation=kernel, use_kernels=True)


@trick("actions", "quantised")
def a_quantization_that_names_modules_is_refused(folder):
    put(folder, "config.json", quantization_config={"quant_method": "compressed-tensors", "module": "evil"})


@trick("actions", "no plain name")
def an_index_that_leads_out_of_the_folder_is_refused(folder):
    shutil.copy(folder / "model.safetensors", folder.with_name("stolen.safetensors"))
    without_weights(folder)
    (folder / "other.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    put(folder, "model.safetensors.index.json", metadata={}, weight_map={"a": "../stolen.safetensors"})


@trick("actions", "leads out of the folder")
def weights_that_are_a_link_out_of_the_folder_are_refused(folder):
    elsewhere(folder, "model.safetensors")


@trick("actions", "leads out of the folder")
def settings_that_are_a_link_out_of_the_folder_are_refused(folder):
    elsewhere(folder, "config.json")


@trick("actions", "larger than")
def a_configuration_without_end_is_refused(folder):
    (folder / "config.json").write_bytes(b" " * 40_000_000 + b"{}")


@trick("actions", "cannot be read")
def a_configuration_without_bottom_is_refused(folder):
    (folder / "config.json").write_text('{"a":' * 100_000)


@trick("actions", "JSON object")
def a_configuration_that_is_a_list_is_refused(folder):
    (folder / "config.json").write_text("[1]")


@trick("actions", "num_hidden_layers")
def a_billion_layers_are_refused(folder):
    put(folder, "config.json", num_hidden_layers=10**9)


@trick("actions", "frames_per_clip")
def a_clip_larger_than_any_memory_is_refused(folder):
    put(folder, "config.json", frames_per_clip=10**9)


@trick("actions", "frames_per_clip")
def a_number_that_is_a_text_is_refused(folder):
    put(folder, "config.json", frames_per_clip="sixteen")


@trick("actions", "labels")
def labels_that_are_no_table_are_refused(folder):
    put(folder, "config.json", id2label=[["a", "b"]])


@trick("actions", "hidden_act")
def an_activation_with_the_name_of_a_module_is_refused(folder):
    put(folder, "config.json", hidden_act="evil.Evil")
    evil(folder)


@trick("actions", "")
def a_pickle_beside_safetensors_is_not_opened(folder):
    for name in ("pytorch_model.bin", "model.pt", "weights.pth"):
        pickled(folder / name)


@trick("actions", "safetensors")
def a_recognizer_of_pickles_alone_is_refused(folder):
    pickled(without_weights(folder) / "pytorch_model.bin")


@trick("actions", "")
def code_that_the_processor_names_is_not_imported(folder):
    for name in ("video_preprocessor_config.json", "processor_config.json", "preprocessor_config.json"):
        put(folder, name, auto_map=AUTO_MAP, processor_class="evil.Evil", image_processor_type="evil.Evil")
    evil(folder, "processing_evil.py")
    evil(folder)
    settings = json.loads((folder / "video_preprocessor_config.json").read_text())
    put(folder, "processor_config.json", video_processor=settings)


@trick("actions", "pixels")
def a_processor_that_scales_frames_beyond_any_memory_is_refused(folder):
    put(folder, "video_preprocessor_config.json", size={"shortest_edge": 10**9}, do_center_crop=True)


@trick("actions", "settings")
def a_processor_that_is_a_text_is_refused(folder):
    put(folder, "processor_config.json", video_processor="evil.Evil")


@trick("actions", "")
def an_adapter_beside_the_weights_is_not_followed(folder):
    put(folder, "adapter_config.json", base_model_name_or_path="evil/base", auto_mapping={"parent_library": "evil"})
    pickled(folder / "adapter_model.bin")
    evil(folder)


@trick("actions", "other than numbers")
def a_frame_rate_that_is_a_table_is_refused(folder):
    put(folder, "clip_spec.json", frames_per_second={"a": 1})


# Descriptions: open_clip


def own_tokenizer(folder: Path, **settings) -> None:
    """Give a model a tokenizer of its own."""
    write_tokenizer(folder)
    put(folder, "tokenizer_config.json", **settings)
    put_clip(folder, "text_cfg", hf_tokenizer_name="evil/tokenizer")


@trick("descriptions", "clean and strip_sep_token")
def a_tokenizer_that_is_to_run_the_folders_code_is_refused(folder):
    own_tokenizer(folder, auto_map=AUTO_MAP, tokenizer_class="Evil")
    put_clip(folder, "text_cfg", tokenizer_kwargs={"trust_remote_code": True})
    evil(folder)


@trick("descriptions", "")
def code_that_a_models_tokenizer_names_is_not_imported(folder):
    own_tokenizer(folder, auto_map=AUTO_MAP, tokenizer_class="evil.Evil", trust_remote_code=True)
    put(folder, "config.json", auto_map=AUTO_MAP, model_type="evil", tokenizer_class="Evil")
    evil(folder)


@trick("descriptions", "clean and strip_sep_token")
def a_tokenizer_that_fetches_word_lists_is_refused(folder):
    put_clip(folder, "text_cfg", tokenizer_kwargs={"reduction_mask": "syntax"})


@trick("descriptions", "clean and strip_sep_token")
def a_vocabulary_at_a_path_is_refused(folder):
    put_clip(folder, "text_cfg", tokenizer_kwargs={"bpe_path": "/etc/passwd"})


@trick("descriptions", "another repository's model")
def a_text_tower_of_another_repository_is_refused(folder):
    put_clip(folder, "text_cfg", hf_model_name="evil/tower")


@trick("descriptions", "another repository's model")
def a_text_tower_of_another_folder_is_refused(folder):
    tower = folder / "tower"
    tower.mkdir()
    put(tower, "config.json", auto_map=AUTO_MAP, model_type="evil")
    evil(tower)
    put_clip(folder, "text_cfg", hf_model_name=str(tower))


@trick("descriptions", "timm does not have")
def a_vision_tower_of_another_folder_is_refused(folder):
    put_clip(folder, "vision_cfg", timm_model_name=f"local-dir:{folder}", timm_model_pretrained=True)


@trick("descriptions", "timm does not have")
def a_vision_tower_of_the_hub_is_refused(folder):
    put_clip(folder, "vision_cfg", timm_model_name="hf-hub:evil/tower")


@trick("descriptions", "plain tensors")
def a_call_in_a_bin_file_is_not_made(folder):
    pickled(without_weights(folder) / "open_clip_pytorch_model.bin")


@trick("descriptions", "plain tensors")
def a_call_in_a_pth_file_is_not_made(folder):
    pickled(without_weights(folder) / "model.pth", protocol=4)


@trick("descriptions", "archive of tensors")
def a_bare_pickle_is_not_followed(folder):
    (without_weights(folder) / "model.pt").write_bytes(pickle.dumps(Call(folder)))


@trick("descriptions", "plain tensors")
def a_program_of_torch_is_not_run(folder):
    with zipfile.ZipFile(without_weights(folder) / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps({}, 2))
        archive.writestr("model/code/__torch__.py", EVIL)


@trick("descriptions", "")
def a_pickle_beside_a_clips_safetensors_is_not_opened(folder):
    for name in ("open_clip_pytorch_model.bin", "open_clip_model.pt", "model.pth"):
        pickled(folder / name)


@trick("descriptions", "")
def settings_for_frames_that_nobody_knows_are_left_behind(folder):
    put_clip(folder, "preprocess_cfg", auto_map="evil", transform="evil_Evil")


@trick("descriptions", "")
def a_model_that_lies_elsewhere_by_its_name_is_not_looked_up(folder):
    put(folder, "open_clip_config.json", hf_hub="evil/model", pretrained="hf-hub:evil/model")
    put_clip(folder, "vision_cfg", timm_model_pretrained=True)


@trick("descriptions", "its frames are")
def a_mode_of_pictures_that_there_is_not_is_refused(folder):
    put_clip(folder, "preprocess_cfg", mode="evil")


@trick("descriptions", "its file has fewer")
def a_model_larger_than_its_file_is_refused_before_it_is_built(folder):
    put_clip(folder, "vision_cfg", width=2**20, head_width=2**10, layers=1000)


@trick("descriptions", "layers")
def a_billion_blocks_are_refused(folder):
    put_clip(folder, "text_cfg", layers=10**9)


@trick("descriptions", "does not know")
def a_key_that_open_clip_lacks_is_refused(folder):
    put_clip(folder, "vision_cfg", forward_hook="evil")


@trick("descriptions", "describe a model")
def a_model_that_is_a_list_is_refused(folder):
    put(folder, "open_clip_config.json", model_cfg=[1])


@trick("home", "clean and strip_sep_token")
def the_pack_that_auto_finds_in_the_home_is_read_as_any_other(folder):
    standard = folder / "packs" / "standard"
    shutil.copytree(folder, standard, ignore=lambda *_: ["packs", "language", "pack.json"])
    a_tokenizer_that_is_to_run_the_folders_code_is_refused(standard / "descriptions")


# Language: transformers


@trick("language", "")
def code_that_a_language_model_names_is_not_imported(folder):
    put(folder, "config.json", auto_map=AUTO_MAP, custom_pipelines={"evil": {"impl": "evil.Evil"}})
    put(folder, "tokenizer_config.json", auto_map=AUTO_MAP, tokenizer_class="evil.Evil", trust_remote_code=True)
    evil(folder)
    evil(folder, "tokenization_evil.py")


@trick("language", "transformers does not have")
def a_language_model_that_only_its_own_code_knows_is_refused(folder):
    put(folder, "config.json", auto_map=AUTO_MAP, model_type="evil", trust_remote_code=True)
    evil(folder)


@trick("language", "")
def a_tokenizer_of_another_repository_is_not_looked_up(folder):
    put(
        folder,
        "tokenizer_config.json",
        name_or_path="evil/tokenizer",
        tokenizer_class="../evil",
        tokenizer_file="/etc/passwd",
        vocab_file="/etc/passwd",
        extra_special_tokens={"a": "b"},
        fast_tokenizer_files=["../evil.json"],
    )


@trick("language", "")
def a_way_to_generate_of_the_folder_is_not_imported(folder):
    put(folder, "generation_config.json", custom_generate=str(folder), trust_remote_code=True, auto_map=AUTO_MAP)
    put(folder, "config.json", custom_generate="evil/generate")
    evil(folder, "custom_generate/generate.py")


@trick("language", "")
def kernels_of_the_hub_are_not_fetched(folder):
    kernel = {"attn_implementation": "evil/kernel", "experts_implementation": "evil/kernel"}
    hidden = {f"_{name}": value for name, value in kernel.items()}
    put(folder, "config.json", use_kernels=True, kernel_config={"a": "evil/kernel:B"}, **kernel, **hidden)


@trick("language", "adapter")
def an_adapter_alone_is_refused(folder):
    (folder / "config.json").unlink()
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    put(folder, "adapter_config.json", base_model_name_or_path="evil/base", peft_type="LORA")


@trick("language", "")
def an_adapter_beside_a_language_model_is_not_followed(folder):
    put(folder, "adapter_config.json", base_model_name_or_path="evil/base", auto_mapping={"base_model_class": "Evil"})
    pickled(folder / "adapter_model.bin")


@trick("language", "quantised")
def a_quantization_of_a_language_model_is_not_imported(folder):
    put(folder, "config.json", quantization_config={"quant_method": "quark", "kernel": "evil", "module": "evil"})


@trick("language", "number or a plain word|transformers does not have")
def a_tower_that_timm_would_look_up_is_refused(folder):
    tower = {"model_type": "timm_wrapper", "architecture": "hf-hub:evil/tower", "do_pooling": True}
    put(folder, "config.json", model_type="gemma3n", vision_config=tower, text_config={}, audio_config={})


@trick("language", "rope_parameters|rope_type")
def a_path_deep_within_the_settings_is_refused(folder):
    put(folder, "config.json", rope_parameters={"rope_type": "../evil", "rope_theta": 10_000.0})


@trick("language", "conversation")
def a_template_cannot_reach_python_through_attributes(folder):
    reach = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    (folder / "chat_template.jinja").write_text(reach)


@trick("language", "conversation")
def a_template_cannot_reach_the_system_through_a_function(folder):
    reach = f"{{{{ cycler.__init__.__globals__['os'].system('touch {canary(folder)}') }}}}"
    (folder / "chat_template.jinja").unlink()
    put(folder, "tokenizer_config.json", chat_template=reach)


@trick("language", "conversation")
def a_template_cannot_format_its_way_out(folder):
    (folder / "chat_template.jinja").write_text("{{ '{0.__class__.__init__.__globals__}'.format(messages) }}")


@trick("language", "conversation")
def a_template_cannot_include_a_file(folder):
    (folder / "chat_template.jinja").write_text("{% include '/etc/passwd' %}")


@trick("language", "template|larger than")
def a_template_without_end_is_refused(folder):
    (folder / "chat_template.jinja").write_text("a" * 2_000_000)


@trick("language", "no plain name")
def a_language_models_index_that_leads_out_is_refused(folder):
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    put(folder, "model.safetensors.index.json", weight_map={"lm_head.weight": "../../../etc/passwd"})


@trick("language", "holds no weights in safetensors")
def a_language_model_of_pickles_alone_is_refused(folder):
    pickled(without_weights(folder) / "pytorch_model.bin")


@trick("language", r"tokenizer\.json")
def a_tokenizer_without_bottom_is_refused(folder):
    (folder / "tokenizer.json").write_text('{"a":' * 100_000)


@trick("language", "eos_token")
def a_special_token_that_is_no_text_is_refused(folder):
    put(folder, "tokenizer_config.json", eos_token={"content": ["evil"], "__type": "evil"})


@trick("language", "whole safetensors")
def a_header_that_lies_about_its_length_is_refused(folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")


# Speech: Whisper's own format


@trick("speech", "plain tensors")
def a_call_in_a_whisper_file_is_not_made(folder):
    pickled(folder / "model.pt")


@trick("speech", "plain tensors")
def a_call_by_another_order_of_the_pickle_machine_is_not_made(folder):
    pickled(folder / "model.pt", protocol=4)


@trick("speech", "plain tensors")
def a_packed_archive_is_not_unpacked(folder):
    with zipfile.ZipFile(folder / "model.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", b"\0" * 300_000_000)


@trick("speech", "whole Whisper")
def a_vocabulary_larger_than_its_weights_is_refused(folder):
    change_whisper(folder, n_vocab=2**31)


@trick("speech", "whole Whisper")
def more_layers_than_weights_are_refused(folder):
    change_whisper(folder, n_text_layer=10**7)


@trick("speech", "config.json")
def decoding_by_texts_is_refused(folder):
    put(folder, "config.json", decoding={"max_chunk_seconds": "evil"})


@trick("speech", "config.json")
def limits_that_are_tables_are_refused(folder):
    put(folder, "config.json", limits={"compression_ratio": {"__class__": "evil"}})


@trick("speech", "leads out of the folder")
def a_whisper_file_that_is_a_link_out_is_refused(folder):
    elsewhere(folder, "model.pt")


@trick("speech", "")
def a_pickle_beside_a_whispers_safetensors_is_not_opened(folder):
    import torch
    from safetensors.torch import save_file

    checkpoint = torch.load(folder / "model.pt", weights_only=True)
    save_file(checkpoint["model_state_dict"], folder / "model.safetensors")
    put(folder, "config.json", dims=checkpoint["dims"])
    pickled(folder / "model.pt")


def change_whisper(folder: Path, **dims) -> None:
    import torch

    checkpoint = torch.load(folder / "model.pt", weights_only=True)
    torch.save({**checkpoint, "dims": {**checkpoint["dims"], **dims}}, folder / "model.pt")


# The pack itself


@trick("pack", "cannot be read")
def a_packs_own_settings_without_bottom_are_refused(folder):
    (folder / "pack.json").write_text("[" * 100_000)


@trick("pack", r"pack\.json")
def a_packs_own_settings_of_another_kind_are_refused(folder):
    put(folder, "pack.json", label_lists={"evil": 1}, licences=[])


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, dict]:
    """What came of each case, after one process without a network has loaded them all."""
    sound = tmp_path_factory.mktemp("sound")
    shutil.copytree(tiny_pack(tmp_path_factory), sound, dirs_exist_ok=True)
    write_language_model(sound / "language")
    base = tmp_path_factory.mktemp("hostile")
    plan = []
    for name, kind, _, change in CASES:
        folder = base / name / "model"
        shutil.copytree(sound if kind in ("pack", "home") else sound / kind, folder)
        change(folder)
        plan.append({"name": name, "kind": kind, "folder": str(folder), "sound": str(sound)})
    (base / "plan.json").write_text(json.dumps(plan))
    done = subprocess.run(
        [
            *without_network(),
            sys.executable,
            str(Path(__file__).with_name("loading_packs.py")),
            str(base / "plan.json"),
        ],
        cwd=base,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.environ.get("HOSTILE_PACKS_CODE", str(ROOT)), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    found = {case["name"]: case for case in map(json.loads, done.stdout.splitlines())}
    assert len(found) == len(plan), done.stderr[-3000:]
    for name, case in found.items():
        case["ran"] = (base / name / "ran").exists()
    return found


def without_network() -> list[str]:
    """What starts a program in a network namespace of its own, with nothing in it; empty where that is not allowed."""
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        if (
            shutil.which("unshare")
            and not subprocess.run([*command, "true"], capture_output=True, check=False).returncode
        ):
            return command
    return []


@pytest.mark.parametrize(("name", "outcome"), [pytest.param(name, outcome, id=name) for name, _, outcome, _ in CASES])
def test_a_hostile_folder_is_refused_with_a_sentence_or_loads_as_plain_data(told, name, outcome):
    case = told[name]
    assert not case["ran"], "it ran"
    assert case["went"] == []
    assert not [file for file in case["opened"] if file.endswith((".py", ".pyc"))]
    if outcome:
        assert case["outcome"] == "ModelUnavailable", case["error"]
        assert re.search(outcome, case["error"]), case["error"]
        assert ";" in case["error"]
        assert "\n" not in case["error"]
    else:
        assert (case["outcome"], case["error"]) == ("loaded", "")
        assert not [file for file in case["opened"] if file.endswith((".bin", ".pth", ".pt"))]
