"""Tiny random entailment checkpoints of both kinds, and a tiny base to train from."""

from __future__ import annotations

import json
import string
from pathlib import Path

ENCODER = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "hidden_act": "gelu",
    "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
}  # fmt: skip
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tokenizer():
    """A WordPiece tokenizer that knows letters, digits and marks."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    characters = string.ascii_lowercase + string.digits + string.punctuation + "äöüßáéíóúñ¿¡"
    tokens = [*_SPECIAL, *characters, *(f"##{character}" for character in characters)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(strip_accents=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def write_base(folder: Path) -> Path:
    """The files of a sentence-embedding model, as the recipe reads them."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True, exist_ok=True)
    made = tokenizer()
    made.save(str(folder / "tokenizer.json"))
    config = {**ENCODER, "vocab_size": made.get_vocab_size()}
    torch.manual_seed(0)
    save_file(BertModel(BertConfig(**config), add_pooling_layer=False).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_cross_encoder(folder: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    from assistant.models.entailment import minilm_cross_encoder as model
    from assistant.models.runtime import packed_bert

    folder.mkdir(parents=True, exist_ok=True)
    made = tokenizer()
    made.save(str(folder / packed_bert.TOKENIZER))
    config = {**ENCODER, "vocab_size": made.get_vocab_size()}
    torch.manual_seed(0)
    save_file(packed_bert.pack_weights(model.build(config).state_dict()), folder / packed_bert.WEIGHTS)
    (folder / packed_bert.CONFIG).write_text(
        json.dumps({"model_type": "cross_encoder", "name": "tiny", "encoder": config})
    )
    return folder


def write_nli(folder: Path, labels: tuple[str, ...] = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")) -> Path:
    import torch
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    made = tokenizer()
    names = dict(enumerate(labels))
    config = BertConfig(**ENCODER, vocab_size=made.get_vocab_size(), id2label=names, num_labels=len(labels))
    torch.manual_seed(0)
    BertForSequenceClassification(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=512,
    ).save_pretrained(folder)
    return folder
