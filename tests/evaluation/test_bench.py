"""The side-by-side measurement: its arithmetic, its gate, and one real round of both sides."""

import json

import pytest
from conftest import ROOT

from assistant.cli import main as cli
from assistant.errors import InputUnusable, ModelFailed
from assistant.evaluation.speed import report, run, weights
from assistant.evaluation.speed.forwards import ForwardClock, stage_of
from assistant.synthetic.film import make

MEMORY = {"weights": 1, "loaded": 2, "peak": 3, "peak_of_analysis": 3}


def slow(total, name="a.mp4"):
    seconds = {"decode": 1.0, "actions": total - 1.0}
    return {
        "stages": {"load": 1.0},
        "memory": {"peak": 5},
        "videos": [{"video": name, "total": total, "seconds": seconds}],
    }


def fast(total, name="a.mp4"):
    video = {
        "video": name,
        "total": total,
        "duration": 10.0,
        "width": 4,
        "height": 2,
        "first_segment": total / 10,
        "forwards": {"actions": total * 0.9},
        "decode_alone": 0.5,
    }
    return {"stages": {"load": 1.0}, "memory": MEMORY, "videos": [video], "again": 0.01}


def test_the_ratio_is_that_of_the_medians():
    runs = {"straightforward": [slow(20.0), slow(100.0), slow(22.0)], "saving on": [fast(9.0), fast(11.0), fast(30.0)]}
    medians = {side: run.medians_of(found) for side, found in runs.items()}
    assert run.ratios(medians) == {"saving on": {"a.mp4": 2.0, "all": 2.0}}


def bench_document(total=10.0):
    medians = {"straightforward": run.medians_of([slow(20.0)]), "saving off": run.medians_of([fast(total)])}
    machine = {"processor": "P", "cores": 2, "memory": 2**34, "torch": "2", "bfloat16": True}
    ratios = run.ratios(medians)
    return {"machine": machine, "weights": "demo", "rounds": 1, "medians": medians, "ratios": ratios}


def test_a_fall_of_over_fifteen_percent_is_named_and_a_smaller_one_is_not(tmp_path):
    kept = tmp_path / "ratios.json"
    report.keep_ratios(kept, bench_document(total=10.0))
    stored = report.stored_ratios(kept, "demo")
    assert report.falls(bench_document(total=11.5), stored) == []
    (first, *_) = report.falls(bench_document(total=12.0), stored)
    assert "1.67 times as fast as the straightforward script, was 2.00" in first


def test_a_side_that_was_not_measured_fails_the_check(tmp_path):
    kept = tmp_path / "ratios.json"
    report.keep_ratios(kept, bench_document())
    document = bench_document()
    document["ratios"] = {}
    assert report.falls(document, report.stored_ratios(kept, "demo"))


def test_ratios_that_were_never_kept_are_an_error_that_says_so(tmp_path):
    with pytest.raises(InputUnusable, match="holds no ratios of demo"):
        report.stored_ratios(tmp_path / "none.json", "demo")


def test_the_table_names_both_sides_with_their_ratio_and_the_share_inside_the_models():
    text = report.table(bench_document())
    assert "straightforward" in text
    assert "2.00" in text
    assert "inside the models 90%; first segment after 10%" in text


def test_a_bench_of_a_file_that_is_not_there_is_refused(tmp_path, capsys):
    assert cli.main(["bench", str(tmp_path / "no.mp4")]) == 3
    assert "there is no file" in capsys.readouterr().err


def test_a_side_that_breaks_says_with_which_words(tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(ModelFailed, match=r"the side 'straightforward' of the bench broke: .*Invalid data"):
        run.run(run.Plan((broken,), "demo", rounds=1), lambda _: None)


def test_time_inside_nested_modules_counts_once():
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Sequential(torch.nn.Linear(4, 4)))
    with ForwardClock().running() as clock:
        model(torch.zeros(1, 4))
        model(torch.zeros(1, 4))
    assert clock.calls == {"other": 2}
    assert clock.seconds["other"] > 0
    model(torch.zeros(1, 4))
    assert clock.calls == {"other": 2}


@pytest.mark.parametrize(
    ("place", "stage"),
    [
        ("transformers.models.vjepa2.modeling_vjepa2", "actions"),
        ("open_clip.transformer", "descriptions"),
        ("whisper.model", "speech"),
        ("torch.nn.modules.linear", "other"),
    ],
)
def test_each_model_belongs_to_its_stage(place, stage):
    assert stage_of(place) == stage


def test_the_random_whisper_says_the_same_words_by_its_own_code_and_by_ours(tmp_path):
    import numpy as np
    import whisper

    from assistant.core.timeline import Span
    from assistant.models.speech.whisper import WhisperTranscriber

    weights.make_speech(tmp_path)
    noise = np.random.default_rng(0).normal(0, 0.1, 16000 * 20).astype(np.float32)
    theirs = whisper.load_model(str(tmp_path / "base.pt"), device="cpu").transcribe(noise, fp16=False)
    ours = WhisperTranscriber(tmp_path / "base.pt").transcribe(noise, [Span(0.0, 20.0)])
    assert len(theirs["text"].split()) == weights.WORDS_A_WINDOW
    assert theirs["text"].split() == " ".join(one.text for one in ours.utterances).split()


def test_one_real_round_of_both_sides_gives_the_document(tmp_path):
    video = tmp_path / "world.mp4"
    make(video, 100_001, 6.0)
    target = tmp_path / "bench.json"
    assert cli.main(["bench", str(video), "--rounds", "1", "--json", str(target)]) == 0
    document = json.loads(target.read_text())
    assert document["schema"] == "bench/1"
    assert set(document["medians"]) == set(run.SIDES)
    for side in ("saving off", "saving on"):
        (one,) = document["medians"][side]["videos"].values()
        assert one["forwards"]["actions"] > 0
        assert 0 < one["first_segment"] <= one["total"]
        assert document["medians"][side]["memory"]["weights"] > 10_000_000
    assert document["ratios"]["saving off"]["all"] > 0
    assert (ROOT / "bench" / "straightforward.py").is_file()
