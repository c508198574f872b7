"""A file is hashed as it is, written whole or not at all, and its size is said in a person's words."""

import hashlib

import pytest

from assistant.config import Limits
from assistant.core.files import human_bytes, replaced, sha256_of, size_beside_limit
from assistant.errors import Cancelled


def test_the_hash_is_that_of_all_of_the_content(tmp_path):
    content = bytes(range(256)) * 5000  # more than one piece
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()


def test_hashing_stops_when_nobody_wants_it_any_more(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(bytes(3 << 20))
    asked = []

    def after_the_first_piece():
        asked.append(True)
        return True

    with pytest.raises(Cancelled):
        sha256_of(path, after_the_first_piece)
    assert len(asked) == 1


def test_a_file_takes_its_place_when_it_is_written(tmp_path):
    path = tmp_path / "model.pt"
    path.write_text("before")
    with replaced(path) as unfinished:
        unfinished.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_where_writing_fails(tmp_path):
    path = tmp_path / "model.pt"
    path.write_text("before")

    def stopped_in_the_middle():
        with replaced(path) as unfinished:
            unfinished.write_text("half of it")
            raise RuntimeError("the process is stopped")

    with pytest.raises(RuntimeError):
        stopped_in_the_middle()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_never_written_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError), replaced(tmp_path / "model.pt"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (6_200_000, "6.2 MB"),
        (1_400_000_000, "1.4 GB"),
        (5_000_000_000_000, "5000.0 GB"),
    ],
)
def test_a_size_is_said_in_powers_of_ten(count, said):
    assert human_bytes(count) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(2, "2 bytes"), (1023, "1023 bytes"), (2000, "2.0 kB"), (5 * 1024**2, "5.0 MB"), (Limits().max_bytes, "8.0 GB")],
)
def test_a_size_beside_a_limit_is_said_in_the_units_that_the_limit_is_set_in(count, said):
    assert size_beside_limit(count) == said
