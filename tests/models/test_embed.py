"""Sentence embeddings from a folder of sentence-transformers, with a tiny BERT made here."""

import json

import numpy as np
import pytest

from assistant.errors import ModelUnavailable
from assistant.models.embed.minilm import MiniLMEmbedder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "red", "cup", "falls", "over", "slowly"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("embed")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]", "unk_token": "[UNK]"}))
    return folder


def test_texts_become_unit_vectors_in_their_order_whatever_stands_beside_them(folder):
    embedder = MiniLMEmbedder(folder)
    texts = ["a red cup falls over slowly", "a cup", "", "red " * 100]
    together = embedder.embed(texts)
    assert together.shape == (4, 16)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5), "padding changes nothing"
    assert embedder.embed([]).shape == (0, 16)


def test_the_pooling_is_the_one_that_the_folder_names(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "first")
    (tmp_path / "first" / "1_Pooling").mkdir()
    pooling = tmp_path / "first" / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    first, mean = MiniLMEmbedder(tmp_path / "first"), MiniLMEmbedder(folder)
    assert not np.allclose(first.embed(["a red cup"]), mean.embed(["a red cup"]), atol=1e-3)
    pooling.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(ModelUnavailable, match="pooling_mode_max_tokens"):
        MiniLMEmbedder(tmp_path / "first")


def test_a_folder_of_another_architecture_or_without_weights_is_refused(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text(json.dumps({"model_type": "timm_wrapper"}))
    (tmp_path / "other" / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    with pytest.raises(ModelUnavailable, match="does not have itself"):
        MiniLMEmbedder(tmp_path / "other")
