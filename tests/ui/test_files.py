"""A file of the library reaches the browser only as the plain file that it is: no link, pipe or folder is followed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from assistant.ui.files import open_below, opened


@pytest.fixture
def home(tmp_path) -> Path:
    folder = tmp_path / "home"
    (folder / "videos" / "a").mkdir(parents=True)
    (folder / "videos" / "a" / "film.mp4").write_bytes(b"ours")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return folder


def content(home: Path, path: Path) -> bytes:
    with opened(home, path) as name:
        return Path(name).read_bytes()


def test_a_plain_file_of_the_library_is_given(home):
    path = home / "videos" / "a" / "film.mp4"
    assert content(home, path) == b"ours"
    descriptor = open_below(home, path)
    try:
        assert os.read(descriptor, 99) == b"ours"
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("below", ["gone.mp4", "videos/gone/film.mp4", "videos", "videos/a/film.mp4/more", "."])
def test_what_is_no_file_is_refused(home, below):
    with pytest.raises(OSError, match=r".*"):
        content(home, home / below)


def test_a_way_that_leads_up_is_refused(home):
    with pytest.raises(FileNotFoundError):
        open_below(home, home / "videos" / ".." / ".." / "secret.txt")


def test_a_link_in_the_place_of_a_file_is_not_followed(home, tmp_path):
    path = home / "videos" / "a" / "film.mp4"
    path.unlink()
    path.symlink_to(tmp_path / "secret.txt")
    with pytest.raises(OSError, match=r".*"):
        content(home, path)


def test_a_link_in_the_place_of_a_folder_is_not_followed(home, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "film.mp4").write_bytes(b"theirs")
    (home / "videos" / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r".*"):
        content(home, home / "videos" / "b" / "film.mp4")


def test_a_pipe_holds_nobody_up(home):
    os.mkfifo(home / "videos" / "a" / "pipe.mp4")
    failed: list[type] = []

    def read() -> None:
        try:
            content(home, home / "videos" / "a" / "pipe.mp4")
        except OSError as error:
            failed.append(type(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert not thread.is_alive()
    assert failed == [FileNotFoundError]


def test_a_home_behind_a_link_that_a_person_set_is_still_the_library(home, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(home)
    assert content(link, link / "videos" / "a" / "film.mp4") == b"ours"
    assert content(home, link / "videos" / "a" / "film.mp4") == b"ours"
    (home / "videos" / "a" / "bad.mp4").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(OSError, match=r".*"):
        content(home, link / "videos" / "a" / "bad.mp4")


def test_a_file_elsewhere_is_the_persons_own_by_whatever_links_they_like(home, tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "film.mp4").write_bytes(b"theirs")
    (tmp_path / "short.mp4").symlink_to(tmp_path / "films" / "film.mp4")
    assert content(home, tmp_path / "short.mp4") == b"theirs"
    with pytest.raises(FileNotFoundError):
        content(home, tmp_path / "films")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system gives no name to an open file")
def test_what_is_put_in_its_place_meanwhile_is_not_what_is_read(home, tmp_path):
    path = home / "videos" / "a" / "film.mp4"
    with opened(home, path) as name:
        path.unlink()
        path.symlink_to(tmp_path / "secret.txt")
        assert Path(name).read_bytes() == b"ours"


def test_no_descriptor_is_left_open(home):
    def count() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    before = count()
    for below in ("videos/a/film.mp4", "videos/gone.mp4", "videos", "videos/a/film.mp4/x"):
        for _ in range(20):
            try:
                content(home, home / below)
            except OSError:
                continue
    assert count() == before
