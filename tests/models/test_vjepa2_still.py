"""V-JEPA 2 on the parts of a clip that change: which they are, and that the rest is hardly another."""

from itertools import islice

import numpy as np
import pytest
from test_vjepa2 import SIZE, clip_of, write_checkpoint
from test_vjepa2_fast import DEMO, WINDOWS, plain_model, windows_of_generated_videos

from assistant.media.sampling import Clip
from assistant.models.actions import vjepa2
from assistant.models.actions.vjepa2 import VJepa2Recognizer
from assistant.models.actions.vjepa2_still import REFRESH, Still, StillEncoder, still_of, together

FRAMES, ACROSS = 16, 4


def crops(frames=FRAMES, size=SIZE):
    """A still clip with detail everywhere, uint8 ``[T, 3, S, S]``."""
    import torch

    picture = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, size, size), dtype=np.uint8))
    return picture.repeat(frames, 1, 1, 1)


def computed(clip) -> np.ndarray:
    """bool ``[T / 2, rows, columns]``: which tokens are computed."""
    still = still_of(clip, 2, 16)
    across = clip.shape[-1] // 16
    found = np.zeros(len(still.sources), bool)
    found[still.kept.numpy()] = True
    return found.reshape(-1, across, across)


def test_a_clip_in_which_all_changes_is_computed_whole():
    import torch

    noise = torch.randint(0, 256, (FRAMES, 3, SIZE, SIZE), dtype=torch.uint8)
    still = still_of(noise, 2, 16)
    assert still.whole
    assert still.sources.tolist() == list(range(FRAMES // 2 * ACROSS**2))


def test_what_stands_still_is_computed_at_first_and_in_turn():
    found = computed(crops())
    assert found[0].all()
    for start in range(len(found) - REFRESH + 1):
        assert found[start : start + REFRESH].any(axis=0).all()
    assert (found[1:].sum(axis=(1, 2)) >= ACROSS**2 // REFRESH).all()
    assert found.mean() <= 1 / 8 + 7 / 8 / REFRESH + 1 / 16


def test_each_token_is_stood_for_by_the_last_that_was_computed_in_its_place():
    still = still_of(crops(), 2, 16)
    places = still.kept[still.sources].numpy()
    own = np.arange(len(places))
    assert (places % ACROSS**2 == own % ACROSS**2).all()
    assert (places <= own).all()
    assert (own - places < REFRESH * ACROSS**2).all()
    assert (places[still.kept.numpy()] == still.kept.numpy()).all()


@pytest.mark.parametrize("size", [64, 256])
def test_a_small_thing_that_moves_is_computed_wherever_it_was_and_is(size):
    clip, edge = crops(size=size) // 8, size // 60
    for frame in range(FRAMES):  # from one place into the next, and back
        left = 16 * (frame // 2 % 2) + 4
        clip[frame, :, 4 : 4 + edge, left : left + edge] = 255
    assert computed(clip)[:, 0, :2].all()
    assert computed(clip).mean() < 0.6


def test_slow_changes_cannot_add_up():
    clip = crops() // 2
    for frame in range(FRAMES):
        clip[frame, :, 16:32, 16:32] += frame // 2
    still = still_of(clip, 2, 16)
    stood = clip[:, 0, 16, 16].numpy()[::2].astype(int)
    places = (still.kept[still.sources].reshape(-1, ACROSS, ACROSS)[:, 1, 1] // ACROSS**2).numpy()
    assert np.abs(stood - stood[places]).max() <= 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("still"), initializer_range=0.1)


def pixels_and_stills(clips):
    import torch

    stills = [still_of(clip, 2, 16) for clip in clips]
    return torch.stack(list(clips)).float() / 255, together(stills, torch.device("cpu"))


@pytest.mark.parametrize("optimized", [False, True])
def test_with_every_token_computed_it_is_the_encoder(folder, optimized):
    import torch

    from assistant.models.actions.vjepa2_fast import optimize

    model = plain_model(folder, "float32")
    if optimized:
        optimize(model)
    count = 4 * ACROSS**2
    every = torch.arange(count).repeat(2, 1)
    pixels = torch.rand(2, 8, 3, SIZE, SIZE)
    with torch.inference_mode():
        wanted = model.vjepa2.encoder(pixels).last_hidden_state
        found = StillEncoder(model.vjepa2.encoder)(pixels, Still(every, every))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_the_optimized_encoder_says_the_same_of_a_part(folder):
    import torch

    from assistant.models.actions.vjepa2_fast import optimize

    model = plain_model(folder, "float32")
    pixels, still = pixels_and_stills([crops(8), crops(8).flip(-1)])
    with torch.inference_mode():
        wanted = StillEncoder(model.vjepa2.encoder)(pixels, still)
        optimize(model)
        torch.testing.assert_close(StillEncoder(model.vjepa2.encoder)(pixels, still), wanted, atol=1e-4, rtol=1e-4)


def test_a_token_left_out_still_counts_in_attention(folder):
    """One layer on a still clip: what is computed comes out as if all had been, since all keys and values are right."""
    import torch

    model = plain_model(folder, "float32")
    model.vjepa2.encoder.layer = model.vjepa2.encoder.layer[:1]
    pixels, still = pixels_and_stills([crops(8)])
    assert not still.whole
    with torch.inference_mode():
        wanted = model.vjepa2.encoder(pixels).last_hidden_state
        found = StillEncoder(model.vjepa2.encoder)(pixels, still)
    kept = still.kept[0]
    torch.testing.assert_close(found[:, kept], wanted[:, kept], atol=1e-4, rtol=1e-4)


@pytest.fixture
def whatever_it_saves(monkeypatch):
    """Small recognisers too compute changes alone."""
    monkeypatch.setattr(vjepa2, "LEAST_TOKENS", 0)


def test_a_small_recogniser_computes_everything(folder):
    still = Clip(clip_of(1).frames[:1].repeat(8, axis=0), clip_of(1).pts_seconds)
    found = VJepa2Recognizer(folder, "cpu").recognize([[still]], save_work=True)[0]
    assert found.tokens == found.tokens_without == 4 * ACROSS**2


@pytest.mark.usefixtures("whatever_it_saves")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_segment_says_the_same_alone_and_beside_others(folder, precision):
    recognizer = VJepa2Recognizer(folder, "cpu", precision)
    still, half = clip_of(1), clip_of(2)
    still.frames[:] = still.frames[0]
    half.frames[:, :60] = half.frames[0, :60]
    clips = [clip_of(0), still, half, still]
    beside = recognizer.recognize([[clip] for clip in clips], save_work=True)
    alone = [recognizer.recognize([[clip]], save_work=True)[0] for clip in clips]
    for one, other in zip(beside, alone, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-5 if precision == "float32" else 0.05)
        assert one.tokens == other.tokens
    whole = 4 * ACROSS**2
    assert [each.tokens_without for each in beside] == [whole] * 4
    assert beside[0].tokens == whole
    assert beside[1].tokens == beside[3].tokens < beside[2].tokens < whole


@pytest.mark.usefixtures("whatever_it_saves")
def test_without_saving_every_token_is_computed(folder):
    still = Clip(clip_of(1).frames[:1].repeat(8, axis=0), clip_of(1).pts_seconds)
    found = VJepa2Recognizer(folder, "cpu").recognize([[still, still]], views=3)[0]
    assert found.tokens == found.tokens_without == 2 * 3 * 4 * ACROSS**2


@pytest.mark.slow
@pytest.mark.usefixtures("whatever_it_saves")
def test_the_demo_recogniser_says_of_changes_what_it_says_of_all(tmp_path, capsys):
    recognizer = VJepa2Recognizer(DEMO, "cpu", "float32")
    windows = windows_of_generated_videos(tmp_path, recognizer)
    pairs = [
        tuple(recognizer.recognize([clips], save_work=saving)[0] for saving in (False, True))
        for clips in islice(windows, WINDOWS)
    ]
    same = np.mean([one.logits.argmax() == other.logits.argmax() for one, other in pairs])
    moved = np.mean([np.abs(one.probabilities - other.probabilities).max() for one, other in pairs])
    share = sum(other.tokens for _, other in pairs) / sum(one.tokens for one, _ in pairs)
    with capsys.disabled():
        print(f"\nsame first label in {same:.3f} of {len(pairs)} windows; probabilities moved by {moved:.4f}")
        print(f"tokens computed: {share:.3f}")
    assert same >= 0.99
    assert share < 0.8
