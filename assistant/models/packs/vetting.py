"""The one place that reads a stranger's configuration before a library does: what a model's folder may ask for.

The libraries that load models take orders from their configuration files: they import Python files that lie beside
them (``auto_map``, ``custom_generate``), fetch what a name points at (``hf_model_name``, ``hf-hub:``, kernels of the
hub, the base of an adapter) and hand on any key to a constructor. So none of them sees such a folder. They see a copy
that holds the keys known here, with plain values, and links to weights in safetensors; nothing else exists for them.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from assistant.errors import ModelUnavailable
from assistant.models.packs import checkpoints

Json = dict[str, Any]

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
# A word that names a method or a kind ("gelu_pytorch_tanh", "full_attention", "M-M*"); never a path, an address or a
# Python name: those have a slash, a colon or a dot.
_WORD = re.compile(r"[\w *+,|#-]{0,120}", re.ASCII)
_LARGEST_INTEGER = 2**40
_MOST_ITEMS = 100_000  # labels of one classifier, say
_MOST_LABEL_CHARACTERS = 1000
_DEEPEST = 6
_LARGEST_TEMPLATE = 1024**2
# Counts that a constructor loops over; the largest published models have about 130 layers.
_MOST_LAYERS = 1024
_LAYER_COUNT = re.compile(r"(.*_)?(num|n)_.*(layers?|blocks?)|layers|(audio|text)_layers?|n_layer|depth")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Keys that make transformers import, fetch or replace code, at whatever depth they stand and whoever declares them.
_ORDERS = _names(
    "auto_map custom_generate custom_pipelines attn_implementation experts_implementation use_kernels kernel_config"
    " name_or_path base_model_name_or_path pretrained_model_name_or_path trust_remote_code code_revision backbone"
    " backbone_config backbone_kwargs use_timm_backbone use_pretrained_backbone quantization_config adapter_config"
    " task_specific_params tokenizer_class processor_class dtype torch_dtype transformers_version architectures"
)
# Keys that configurations of older releases hold; transformers turns them into those of its classes.
_LEGACY = _names(
    "rope_theta rope_scaling partial_rotary_factor rope_local_base_freq local_rope_theta global_rope_theta"
    " swa_rope_theta rotary_pct rotary_emb_base tie_word_embeddings tie_embedding sliding_window_pattern"
    " full_attention_interval first_k_dense_replace moe_layer_freq global_attn_every_n_layers use_sliding_window"
    " num_labels n_embed use_bias pad_token_id bos_token_id eos_token_id sep_token_id decoder_start_token_id"
)
# What transformers' VJEPA2Config takes; written down, since importing it takes seconds and a clip's length does not.
_VJEPA2 = _names(
    "patch_size crop_size frames_per_clip tubelet_size hidden_size in_chans num_attention_heads num_hidden_layers"
    " drop_path_rate mlp_ratio layer_norm_eps qkv_bias attention_probs_dropout_prob hidden_act initializer_range"
    " attention_dropout num_pooler_layers pred_hidden_size pred_num_attention_heads pred_num_hidden_layers"
    " pred_num_mask_tokens pred_zero_init_mask_tokens pred_mlp_ratio id2label label2id frames_per_second"
)
_VJEPA2_RANGES = {"frames_per_clip": (2, 512), "crop_size": (16, 2048), "patch_size": (1, 256), "tubelet_size": (1, 16)}
_BITSANDBYTES = _names(
    "load_in_4bit load_in_8bit bnb_4bit_quant_type bnb_4bit_compute_dtype bnb_4bit_use_double_quant"
    " bnb_4bit_quant_storage llm_int8_threshold llm_int8_enable_fp32_cpu_offload llm_int8_has_fp16_weight"
    " llm_int8_skip_modules"
)


def refused(folder: Path, why: str) -> ModelUnavailable:
    """The error for a folder that asks for what no folder gets."""
    return ModelUnavailable(
        f"the model in {folder} is not loaded: {why}",
        "take a model that is plain data (safetensors, and settings alone), as docs/packs.md says",
    )


def file_name(folder: Path, name: object) -> str:
    """The name of a file that lies in the folder itself, as an index or a hub's answer gives it.

    Raises:
        ModelUnavailable: a path, a hidden file or no name at all.
    """
    if not isinstance(name, str) or not is_file_name(name):
        raise refused(folder, f"it names the file {shown(name)}, which is no plain name")
    return name


def is_file_name(name: str) -> bool:
    """Whether this names a file within one folder: no path, nothing hidden."""
    return _FILE_NAME.fullmatch(name) is not None


def shown(value: object) -> str:
    """A stranger's value within a sentence: short, on one line, printable."""
    text = value if isinstance(value, str) else repr(value)
    return repr("".join(letter if letter.isprintable() else "?" for letter in text[:60]))


def vjepa2_config(folder: Path) -> Json:
    """What ``config.json`` says of a V-JEPA 2, known keys alone, of the kinds and sizes that they must have.

    Raises:
        ModelUnavailable: another model, or a value that cannot be.
    """
    document = checkpoints.read_json(folder / "config.json")
    if document.get("model_type", "vjepa2") != "vjepa2":
        raise refused(folder, f"config.json describes a model of type {shown(document['model_type'])}, not V-JEPA 2")
    if document.get("quantization_config"):
        raise refused(folder, "its weights are quantised")
    found = _known(folder, document, _VJEPA2)
    for name, (least, most) in _VJEPA2_RANGES.items():
        if name in found and not (type(found[name]) is int and least <= found[name] <= most):
            raise checkpoints.damaged(folder, f"config.json has {name} {shown(found[name])}")
    if "frames_per_clip" not in found:
        raise checkpoints.damaged(folder, "config.json does not say how many frames_per_clip it reads")
    if not isinstance(found.get("id2label") or {}, dict):
        raise checkpoints.damaged(folder, "config.json has labels that are no table")
    return found


def vjepa2_copy(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """What transformers may see of a V-JEPA 2's folder; delete it once the model is loaded."""
    config = vjepa2_config(folder)
    config.pop("frames_per_second", None)
    return _copy(folder, {"config.json": {"model_type": "vjepa2", **config}})


def video_config(folder: Path) -> Json:
    """What ``config.json`` says of a video classifier of transformers, keys of its own class alone.

    Raises:
        ModelUnavailable: an architecture that transformers does not have itself, or a value that cannot be.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES as VIDEO

    return _architecture(folder, checkpoints.read_json(folder / "config.json"), VIDEO)


def video_copy(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """What transformers may see of a video classifier's folder; delete it once the model is loaded."""
    return _copy(folder, {"config.json": video_config(folder)})


def causal_copy(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """What transformers may see of a language model's folder, without its tokenizer; keep it as long as the model.

    Raises:
        ModelUnavailable: an architecture that transformers does not have itself, an adapter, a value that cannot be.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    if not (folder / "config.json").is_file() and (folder / "adapter_config.json").is_file():
        raise refused(folder, "it holds an adapter for another model, not a whole one")
    document = checkpoints.read_json(folder / "config.json")
    config = _architecture(folder, document, CAUSAL)
    if quantized := document.get("quantization_config"):
        config["quantization_config"] = _quantization(folder, quantized)
    generation = _known(folder, checkpoints.optional_json(folder / "generation_config.json"), _TOKEN_IDS)
    return _copy(folder, {"config.json": config, "generation_config.json": generation})


def encoder_copy(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """What transformers may see of a text encoder's folder, without its tokenizer; delete it once it is loaded."""
    kinds = _names("bert distilbert roberta xlm-roberta mpnet modernbert")
    return _copy(folder, {"config.json": _architecture(folder, checkpoints.read_json(folder / "config.json"), kinds)})


_TOKEN_IDS = frozenset({"bos_token_id", "eos_token_id", "pad_token_id"})


def _architecture(folder: Path, document: Json, kinds: Collection[str], depth: int = 0) -> Json:
    """A configuration of transformers with the keys of its own class alone; the parts that it nests likewise."""
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = document.get("model_type")
    # A wrapper of timm builds whatever its configuration names, the hub's names and folders among them.
    if not isinstance(kind, str) or kind not in kinds or kind.startswith("timm") or kind not in CONFIG_MAPPING:
        raise refused(folder, f"its type is {shown(kind)}, which transformers does not have itself")
    known, parts = _keys_of(CONFIG_MAPPING[kind])
    found = _known(folder, document, known - parts.keys())
    for name, part in parts.items():
        own = document.get(name)
        if not isinstance(own, dict) or depth >= _DEEPEST:
            continue
        own_kind = part.model_type if part is not AutoConfig else own.get("model_type")
        found[name] = _architecture(folder, {**own, "model_type": own_kind}, CONFIG_MAPPING.keys(), depth + 1)
    return {"model_type": kind, **found}


def _keys_of(config: Any) -> tuple[frozenset[str], Mapping[str, Any]]:
    """The keys that a configuration class of transformers takes, and which of them are configurations themselves."""
    own = {field.name for field in fields(config)} | set(config.attribute_map) | _LEGACY
    return frozenset(name for name in own if not name.startswith("_")) - _ORDERS, dict(config.sub_configs or {})


def _quantization(folder: Path, document: object) -> Json:
    """How bitsandbytes packed the weights: the one method whose configuration names no module and no file."""
    method = document.get("quant_method") if isinstance(document, dict) else document
    if method != "bitsandbytes":
        raise refused(folder, f"its weights are quantised by {shown(method)}, which is not supported")
    assert isinstance(document, dict)
    return {"quant_method": "bitsandbytes", **_known(folder, document, _BITSANDBYTES)}


def _known(folder: Path, document: Json, names: Collection[str]) -> Json:
    """The known keys of a configuration whose values are plain; everything else is left behind."""
    found = {}
    for name in sorted(document.keys() & set(names)):
        value = document[name]
        if name in ("id2label", "label2id"):
            found[name] = _labels(folder, name, value)
        else:
            found[name] = plain(folder, name, value)
    return found


def plain(folder: Path, name: str, value: Any, depth: int = 0) -> Any:
    """The value itself: finite numbers, words, lists and tables of them.

    Raises:
        ModelUnavailable: a path, an address, a number out of all measure, or tables within tables within tables.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < _LARGEST_INTEGER:  # neither NaN nor infinity
        if _LAYER_COUNT.fullmatch(name) and value > _MOST_LAYERS:
            raise refused(folder, f"it asks for {name} {value:,}")
        return value
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    if isinstance(value, list) and depth < _DEEPEST and len(value) <= _MOST_ITEMS:
        return [plain(folder, name, item, depth + 1) for item in value]
    if isinstance(value, dict) and depth < _DEEPEST and len(value) <= _MOST_ITEMS:
        kept = {key: item for key, item in value.items() if not key.startswith("_") and key not in _ORDERS}
        return {plain(folder, name, key): plain(folder, key, item, depth + 1) for key, item in kept.items()}
    raise refused(folder, f"it says {name} {shown(value)}, where a number or a plain word belongs")


def _labels(folder: Path, name: str, value: Any) -> Json:
    """A table of labels, which a person reads and so may hold anything that is text, and their numbers."""
    fits = isinstance(value, dict) and len(value) <= _MOST_ITEMS
    if not fits or not all(
        isinstance(item, str | int) and len(str(item)) <= _MOST_LABEL_CHARACTERS
        for pair in value.items()
        for item in pair
    ):
        raise checkpoints.damaged(folder, f"config.json has {name} that is no table of labels")
    if name == "id2label" and not all(re.fullmatch(r"[0-9]{1,6}", number) for number in value):
        raise checkpoints.damaged(folder, "config.json has labels without numbers")
    return dict(value)


def _copy(folder: Path, documents: Mapping[str, Json]) -> tempfile.TemporaryDirectory[str]:
    """A folder of our own with these documents, and links to the weights that lie in the other one."""
    weights = _safetensors(folder)
    copy = tempfile.TemporaryDirectory(prefix="assistant-model-")
    try:
        for name, document in documents.items():
            Path(copy.name, name).write_text(json.dumps(document), encoding="utf-8")
        for name in set(weights.values()):
            Path(copy.name, name).symlink_to((folder / name).resolve())
        if "model.safetensors" not in weights.values():
            index = {"metadata": {}, "weight_map": weights}
            Path(copy.name, checkpoints.INDEX_FILE).write_text(json.dumps(index), encoding="utf-8")
    except BaseException:
        copy.cleanup()
        raise
    return copy


def _safetensors(folder: Path) -> dict[str, str]:
    """Tensor -> file, by the folder's index, all checked; one file without an index stands under the name ``*``."""
    single, index = folder / "model.safetensors", folder / checkpoints.INDEX_FILE
    if single.is_file():
        checkpoints.check_safetensors(single)
        return {"*": single.name}
    if not index.is_file():
        raise checkpoints.damaged(folder, "it holds no weights in safetensors (model.safetensors)")
    table = checkpoints.read_json(index).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise checkpoints.damaged(folder, f"{index.name} names no weights")
    for name in sorted({file_name(folder, value) for value in table.values()}):
        if not name.endswith(".safetensors") or not (folder / name).is_file():
            raise checkpoints.damaged(folder, f"{index.name} names {name}, which is not there")
        checkpoints.check_safetensors(folder / name)
    return {str(tensor): str(name) for tensor, name in table.items()}


def open_clip_config(folder: Path) -> Json:
    """What ``open_clip_config.json`` says: ``kind`` (the class), ``model`` (its arguments), ``tokenizer``, ``frames``.

    Raises:
        ModelUnavailable: a tower that lies elsewhere, a key that open_clip does not have, a value that cannot be.
    """
    from open_clip.coca_model import MultimodalCfg
    from open_clip.model import CLIPTextCfg, CLIPVisionCfg
    from open_clip.transform import PreprocessCfg

    document = checkpoints.read_json(folder / checkpoints.OPEN_CLIP_FILE)
    model, frames = document.get("model_cfg"), document.get("preprocess_cfg") or {}
    if not isinstance(model, dict) or not isinstance(frames, dict):
        raise checkpoints.damaged(folder, f"{checkpoints.OPEN_CLIP_FILE} does not describe a model")
    custom = model.get("custom_text", False) is True
    parts = {"vision_cfg": CLIPVisionCfg, "text_cfg": CLIPTextCfg}
    kind = "CustomTextCLIP" if custom else "CLIP"
    if custom and "multimodal_cfg" in model:
        parts, kind = {**parts, "multimodal_cfg": MultimodalCfg}, "CoCa"
    found = {name: _tower(folder, name, model.get(name), part) for name, part in parts.items()}
    for name in sorted(model.keys() - parts.keys() - {"custom_text"}):
        if name not in _CLIP:
            raise refused(folder, f"it says {shown(name)}, which open_clip does not know")
        found[name] = plain(folder, name, model[name])
    if type(found.get("embed_dim")) is not int:
        raise checkpoints.damaged(folder, f"{checkpoints.OPEN_CLIP_FILE} does not say how long its vectors are")
    frames = {name: plain(folder, name, value) for name, value in frames.items() if value is not None}
    if frames.get("mode", "RGB") != "RGB" or frames.get("resize_mode", "shortest") not in _FITS:
        raise refused(folder, f"its frames are {shown(frames.get('mode'))}, {shown(frames.get('resize_mode'))}")
    known = {field.name for field in fields(PreprocessCfg)}
    return {
        "kind": kind,
        "model": found,
        "tokenizer": _tokenizer_settings(folder, model["text_cfg"]),
        "frames": {name: value for name, value in frames.items() if name in known},
    }


_CLIP = frozenset({"embed_dim", "quick_gelu", "init_logit_scale", "init_logit_bias", "nonscalar_logit_scale"})
_FITS = ("shortest", "squash", "longest")
_TOKENIZER = frozenset({"hf_tokenizer_name", "tokenizer_kwargs", "tokenizer_mode"})
_TOKENIZER_KWARGS = frozenset({"clean", "strip_sep_token"})
_TIMM_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)?", re.ASCII)


def _tower(folder: Path, name: str, document: object, kind: Any) -> Json:
    """One tower's configuration: keys of open_clip's own class, and no tower of a repository."""
    if not isinstance(document, dict):
        raise checkpoints.damaged(folder, f"{checkpoints.OPEN_CLIP_FILE} has no {name}")
    if document.get("hf_model_name"):
        raise refused(folder, f"its {name} is another repository's model, {shown(document['hf_model_name'])}")
    known, found = {field.name for field in fields(kind)}, {}
    for key, value in document.items():
        if key not in known:
            raise refused(folder, f"it says {shown(key)} in {name}, which open_clip does not know")
        if key in _TOKENIZER or key.startswith("hf_") or key == "timm_model_pretrained":
            continue
        if key == "timm_model_name" and value is not None:
            found[key] = _timm_name(folder, value)
        else:
            found[key] = plain(folder, key, value)
    return found


def _timm_name(folder: Path, value: object) -> str:
    """The name of an architecture that timm has itself: ``hf-hub:`` and ``local-dir:`` make it go elsewhere."""
    import timm

    if not isinstance(value, str) or not _TIMM_NAME.fullmatch(value) or not timm.is_model(value.partition(".")[0]):
        raise refused(folder, f"its vision tower is {shown(value)}, which timm does not have itself")
    return value


def _tokenizer_settings(folder: Path, text: Json) -> Json:
    """How open_clip's tokenizers are set: ``files`` where the folder brings its own, ``clips``, and known options."""
    options = text.get("tokenizer_kwargs") or {}
    if not isinstance(options, dict) or not options.keys() <= _TOKENIZER_KWARGS:
        names = ", ".join(sorted(map(str, options)))
        raise refused(folder, f"it sets its tokenizer's {shown(names)}, where clean and strip_sep_token may stand")
    length = text.get("context_length", 77)
    mode = text.get("tokenizer_mode") or ""
    clean = options.get("clean")
    if type(length) is not int or not 2 <= length <= 8192 or mode not in ("", "clips"):
        raise refused(folder, f"its texts have {shown(length)} tokens in the mode {shown(mode)}")
    if clean not in (None, "lower", "whitespace", "canonicalize"):
        raise refused(folder, f"its tokenizer cleans texts by {shown(clean)}")
    return {
        "files": bool(text.get("hf_tokenizer_name")),
        "context_length": length,
        "mode": mode,
        "clean": clean,
        "strip_sep_token": options.get("strip_sep_token") is True,
    }


def chat_template(folder: Path, config: Json) -> str | None:
    """The template that a folder brings for conversations, which transformers runs in jinja's sandbox."""
    file = folder / "chat_template.jinja"
    found: object = config.get("chat_template")
    if file.is_file():
        found = checkpoints.read_text(file, _LARGEST_TEMPLATE)
    elif (folder / "chat_template.json").is_file():
        found = checkpoints.read_json(folder / "chat_template.json").get("chat_template")
    if isinstance(found, Sequence) and not isinstance(found, str):  # several, each with a name
        named = {item.get("name"): item.get("template") for item in found if isinstance(item, dict)}
        found = named.get("default")
    if found is not None and (not isinstance(found, str) or len(found) > _LARGEST_TEMPLATE):
        raise checkpoints.damaged(folder, "its chat template is not a text")
    return found
