import pytest

from assistant.config import load, parse_memory
from assistant.errors import InputUnusable
from assistant.models.runtime.budget import FEATURES_BYTES, MB, WINDOWS_BYTES, Budget

# Bytes of the files of the standard pack on a CPU.
ACTIONS, DESCRIPTIONS, SPEECH, LANGUAGE = 1_502 * MB, 605 * MB, 145 * MB, 1_503 * MB
GB = 1000 * MB


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4 * GB),
        ("4g", 4 * GB),
        ("512MB", 512 * MB),
        ("512 mb", 512 * MB),
        ("1.5GiB", 1_610_612_736),
        ("3000000000", 3 * GB),
        ("", 0),
        ("0", 0),
    ],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize(
    "text", ["much", "4 GB RAM", "-4GB", "4GBB", "GB", "4,5GB", "1e9", "nan", "12", "50MB", "0.001GB"]
)
def test_nonsense_is_refused_in_one_line_with_a_remedy(text):
    with pytest.raises(InputUnusable, match=r".; "):
        parse_memory(text)


def test_the_argument_wins_over_the_environment():
    assert load(environment={"ASSISTANT_MEMORY": "2GB"}).compute.memory_bytes == 2 * GB
    assert load(environment={"ASSISTANT_MEMORY": "2GB"}, memory="3GB").compute.memory_bytes == 3 * GB
    assert load(environment={}).compute.memory_bytes == 0


def test_without_a_budget_nothing_is_released_and_batches_are_as_large_as_is_useful():
    budget = Budget.of(0)
    assert budget.to_release("speech", {"actions": 10**12}, 10**12) == ()
    assert (budget.windows_bytes, budget.features_bytes) == (WINDOWS_BYTES, FEATURES_BYTES)


def test_batches_shrink_with_what_is_allowed_and_never_vanish():
    small, large = Budget.of(2 * GB), Budget.of(16 * GB)
    assert small.windows_bytes < large.windows_bytes == WINDOWS_BYTES
    assert small.features_bytes < large.features_bytes == FEATURES_BYTES
    assert small.windows(6 * MB, 8) < large.windows(6 * MB, 8) <= 8
    assert small.windows(10 * GB, 8) == 1


def test_models_that_fit_together_stay_together():
    assert Budget.of(6 * GB).to_release("speech", {"actions": ACTIONS, "descriptions": DESCRIPTIONS}, SPEECH) == ()


def test_the_visual_models_go_before_the_words_are_written_down_where_all_do_not_fit():
    budget = Budget.of(3_500 * MB)
    assert budget.to_release("descriptions", {"actions": ACTIONS}, DESCRIPTIONS) == ()
    loaded = {"actions": ACTIONS, "descriptions": DESCRIPTIONS}
    assert set(budget.to_release("speech", loaded, 2 * SPEECH)) == {"actions", "descriptions"}


def test_the_image_text_encoder_stays_beside_the_language_model():
    loaded = {"actions": ACTIONS, "descriptions": DESCRIPTIONS, "speech": SPEECH}
    assert set(Budget.of(4 * GB).to_release("language", loaded, LANGUAGE)) == {"actions", "speech"}


def test_what_does_not_fit_at_all_is_said_with_both_sizes():
    with pytest.raises(InputUnusable, match=r"need about 3\.2 GB of memory, and 2\.0 GB are allowed; allow more"):
        Budget.of(2 * GB).to_release("actions", {}, ACTIONS)


def test_the_demo_pack_fits_into_a_gigabyte_and_a_half():
    budget = Budget.of(1_500 * MB)
    assert budget.to_release("actions", {}, 6 * MB) == ()
    assert budget.to_release("descriptions", {"actions": 6 * MB}, 8 * MB) == ()
    assert budget.to_release("speech", {"actions": 6 * MB, "descriptions": 8 * MB}, 11 * MB) == ()
