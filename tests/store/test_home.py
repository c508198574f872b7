"""The folder of a library: others' files outlive every opening and deletion; other accounts read nothing of ours."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT
from test_store import file_with, timeline_of, video_of

from assistant.errors import Cancelled, LibraryUnusable
from assistant.store import Library, stage_key
from assistant.store.backups import Backups
from assistant.store.home import FOLDERS, MARKER, Names

OLD = time.time() - 7 * 24 * 3600
DEAD = 2**22 + 7  # beyond the largest number that a process may have


def snapshot(*folders):
    """Every file below these folders with its bytes, and every link with where it points."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink():
                found[path] = os.readlink(path)
            elif path.is_file():
                found[path] = path.read_bytes()
            elif path.is_dir():
                found[path] = None
    return found


def age(folder):
    """Let everything below this folder look untouched for a week."""
    for path in folder.rglob("*"):
        os.utime(path, (OLD, OLD), follow_symlinks=False)


def lay_foreign_files(folder, outside, near=()):
    """Files, folders, links of both kinds and names that look nearly like ours, all old; what lies in ``outside``."""
    file_with(outside / "album" / "wedding.mp4", b"a wedding")
    file_with(outside / "letter.txt", b"a letter")
    names = [
        "holiday.mp4",
        "library.sqlite.bak",
        "card.json",
        "proxy.mp4",
        "original.mp4",
        f"ffffffff-{DEAD}-{'0' * 32}.mp4",
        f"ffffffff-{DEAD}-{'0' * 32}-{'0' * 32}.part",
        "library-20200101-000000-daily.sqlite",
        *near,
    ]
    for name in names:
        file_with(folder / name, f"mine: {name}".encode())
    file_with(folder / "trip" / "deep" / "beach.mov", b"a beach")
    file_with(folder / ("c" * 64) / "pictures" / "keyframe-1.jpg", b"a picture of mine")
    (folder / "link.mp4").symlink_to(outside / "letter.txt")
    (folder / "album").symlink_to(outside / "album")
    (folder / "gone.mp4").symlink_to(outside / "nowhere")
    os.link(outside / "letter.txt", folder / "hard.txt")
    age(folder)
    age(outside)


def near_names(library):
    """Names with one letter, the suffix or the process changed from what this library would give."""
    host = library.files.names.fresh().partition("-")[0]
    signed = library.files.names.sign(f"{host}-{DEAD}-{'a' * 32}", ".mp4")
    stranger = Names(b"another key").sign(f"{host}-{DEAD}-{'a' * 32}", ".part")
    flipped = signed[:-5] + ("0" if signed[-5] != "0" else "1") + ".mp4"
    return [
        signed + ".bak",
        signed.replace(".mp4", ".mov"),
        signed.replace(".mp4", " (copy).mp4"),
        signed.replace(str(DEAD), str(DEAD + 1)),
        flipped,
        signed.upper(),
        stranger,
        f"{host}-{DEAD}-{'a' * 32}.mp4",
        f"{host}-{DEAD}-{'a' * 32}.gone",
    ]


def test_foreign_files_in_every_folder_of_a_library_outlive_a_hundred_openings(tmp_path):
    home, outside = tmp_path / "home", tmp_path / "outside"
    film = file_with(tmp_path / "film.mp4")
    with Library(home) as library:
        sha256 = library.add_video(film, "film", video_of(film)).sha256
        library.save_picture(sha256, "keyframe-1.jpg", b"picture")
        library.save_stage(stage_key(sha256, "sights", "m", "1", {}), {"a": 1})
        library.save_stage(stage_key("", "labels", "m", "1", {}), {"a": 1})
        near = near_names(library)
    own = snapshot(home)
    folders = [home / name for name in FOLDERS] + [home / "videos" / sha256]
    folders += [home / "videos" / sha256 / name for name in ("stages", "pictures", "files")]
    folders += [home / "videos" / ("d" * 64), home / "more"]
    for number, folder in enumerate(folders):
        kept = {path: path.read_bytes() for path in (folder / "card.json",) if path.exists()}
        lay_foreign_files(folder, outside / str(number), near)
        for path, content in kept.items():
            path.write_bytes(content)
    before = snapshot(home, outside)
    for _ in range(100):
        Library(home).close()
    after = snapshot(home, outside)
    assert {path: after.get(path, "gone") for path in before if "library.sqlite" not in path.name} == {
        path: content for path, content in before.items() if "library.sqlite" not in path.name
    }
    with Library(home) as library:
        library.delete_video(sha256)
    mine = {path for path in own if sha256 in path.parts and path.is_relative_to(home / "videos" / sha256)}
    left = snapshot(home, outside)
    foreign = {path: content for path, content in before.items() if path not in own}
    assert {path: left.get(path, "gone") for path in foreign} == foreign, "a deletion took a foreign file along"
    assert [path for path in mine if path.is_file()] == [], "a deletion left a file of ours"


def test_a_folder_that_holds_other_things_is_refused_and_nothing_is_laid_beside_them(tmp_path):
    for number, name in enumerate(["uploads/holiday.mp4", "notes.txt", "videos/trip/beach.mov", "temporary/draft.odt"]):
        home = tmp_path / str(number)
        file_with(home / name, b"mine")
        lay_foreign_files(home / name.partition("/")[0], tmp_path / f"outside {number}") if "/" in name else None
        before = snapshot(tmp_path)
        for _ in range(3):
            with pytest.raises(LibraryUnusable, match=r"the folder .* holds other things .*choose an empty folder"):
                Library(home)
        assert snapshot(tmp_path) == before


def test_a_database_of_another_program_makes_no_home_of_ours(tmp_path):
    connection = sqlite3.connect(tmp_path / "library.sqlite")
    connection.execute("CREATE TABLE books (title)")
    connection.close()
    before = snapshot(tmp_path)
    with pytest.raises(LibraryUnusable, match=r"holds other things \(library.sqlite\)"):
        Library(tmp_path)
    assert snapshot(tmp_path) == before


def test_an_empty_folder_a_mount_and_what_an_opening_cut_short_left_become_homes(tmp_path):
    (tmp_path / "mount" / "lost+found").mkdir(parents=True)
    for name in FOLDERS:
        (tmp_path / "cut" / name).mkdir(parents=True)
    file_with(tmp_path / "cut" / f"{MARKER}.{'0' * 32}.part", b"{")
    (tmp_path / "weights" / "packs" / "standard").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name in ("mount", "cut", "weights", "empty", "new/below"):
        Library(tmp_path / name).close()
        Library(tmp_path / name).close()
        assert (tmp_path / name / MARKER).is_file()


def test_what_lies_in_the_way_of_the_mark_is_not_overwritten(tmp_path):
    with Library(tmp_path):
        pass
    (tmp_path / MARKER).write_bytes(b"mine")
    with pytest.raises(LibraryUnusable, match="in the way"):
        Library(tmp_path)
    assert (tmp_path / MARKER).read_bytes() == b"mine"


def test_many_who_open_a_new_home_at_once_hold_the_same_key(tmp_path):
    names, gate = [], threading.Barrier(6)

    def open_one():
        gate.wait()
        with Library(tmp_path / "home") as library:
            names.append(library.files.names.sign("a"))

    threads = [threading.Thread(target=open_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 6
    assert len(set(names)) == 1


def test_a_file_that_a_person_laid_into_uploads_is_used_where_it_is_and_never_removed(tmp_path):
    with Library(tmp_path / "home") as library:
        mine = file_with(library.home / "uploads" / "holiday.mp4", b"a holiday")
        entry = library.add_video(mine, "holiday", video_of(mine))
        assert not entry.owned
        library.discard_upload(mine)
        library.delete_video(entry.sha256)
    assert mine.read_bytes() == b"a holiday"


def test_copies_of_the_database_that_a_person_keeps_are_never_removed_and_ours_are_five(tmp_path, monkeypatch):
    with Library(tmp_path / "home") as library:
        library.set_preference("a", 1)
        mine = tmp_path / "home" / "backups" / "library-before-the-trip.sqlite"
        shutil.copyfile(library.database.path, mine)
        old = mine.with_name("library-20200101-000000-daily.sqlite")
        shutil.copyfile(library.database.path, old)
        copies = Backups(mine.parent, library.files.names)
        for number in range(8):
            monkeypatch.setattr(time, "strftime", lambda _, number=number: f"2026010{number}-000000")
            copies.add(sqlite3.connect(library.database.path), "daily")
    left = {path.name[:16] for path in mine.parent.iterdir() if path not in (mine, old)}
    assert mine.exists()
    assert old.exists()
    assert left == {f"library-2026010{number}" for number in range(3, 8)}


def test_a_link_in_the_place_of_one_of_our_folders_is_refused(tmp_path):
    outside = tmp_path / "outside"
    file_with(outside / "wedding.mp4", b"a wedding")
    Library(tmp_path / "home").close()
    for name in ("videos", "uploads", "temporary", "backups"):
        folder = tmp_path / "home" / name
        folder.rmdir()
        folder.symlink_to(outside)
        age(outside)
        with pytest.raises(LibraryUnusable, match="is a link, which the library never follows"):
            Library(tmp_path / "home")
        folder.unlink()
    assert (outside / "wedding.mp4").read_bytes() == b"a wedding"


# --- links ----------------------------------------------------------------------------------------------------------


def test_no_link_or_pipe_in_the_library_is_handed_out_read_counted_or_followed(tmp_path):
    film = file_with(tmp_path / "film.mp4")
    secret = file_with(tmp_path / "secret" / "keyframe-2.jpg", b"secret" * 1000)
    with Library(tmp_path / "home") as library:
        sha256 = library.add_video(film, "film", video_of(film)).sha256
        folder = library.save_picture(sha256, "keyframe-1.jpg", b"picture").parent
        key = stage_key(sha256, "sights", "m", "1", {})
        library.save_stage(key, {"a": 1})
        (stage,) = (folder.parent / "stages").iterdir()
        size = library.size_bytes(sha256)
        shutil.move(stage, tmp_path / "stage.json")
        stage.symlink_to(tmp_path / "stage.json")
        (folder / "keyframe-2.jpg").symlink_to(secret)
        os.mkfifo(folder / "keyframe-3.jpg")
        (folder / "keyframe-4.jpg").mkdir()
        (folder.parent / "files").symlink_to(secret.parent)
        for name in ("keyframe-2.jpg", "keyframe-3.jpg", "keyframe-4.jpg"):
            assert library.picture(sha256, name) is None
        assert library.file(sha256, "keyframe-2.jpg") is None
        assert library.load_stage(key) is None
        assert stage.is_symlink(), "not ours to remove"
        assert library.size_bytes(sha256) < size
        assert library.picture(sha256, "keyframe-1.jpg") == folder / "keyframe-1.jpg"
        made = library.new_temporary(".mp4")
        made.write_bytes(b"proxy")
        with pytest.raises(LibraryUnusable, match="never follows"):
            library.adopt_file(sha256, "proxy.mp4", made)
        assert not (secret.parent / "proxy.mp4").exists()
        library.delete_video(sha256)
    assert secret.read_bytes() == b"secret" * 1000
    assert (tmp_path / "stage.json").is_file()


def test_an_original_that_became_a_link_is_no_longer_the_librarys_file(tmp_path):
    secret = file_with(tmp_path / "secret.mp4", b"secret")
    with Library(tmp_path / "home") as library:
        upload = file_with(library.new_upload("a.mp4"), b"a film")
        entry = library.add_video(upload, "a", video_of(upload))
        library.discard_upload(upload)
        assert library.entry(entry.sha256).present
        entry.path.unlink()
        entry.path.symlink_to(secret)
        assert not library.entry(entry.sha256).present


def test_a_pipe_where_a_sealed_file_should_be_stops_nobody(tmp_path):
    Library(tmp_path / "home").close()
    folder = tmp_path / "home" / "videos" / ("a" * 64)
    folder.mkdir()
    os.mkfifo(folder / "card.json")
    Library(tmp_path / "home").close()


# --- who may read ---------------------------------------------------------------------------------------------------


def rights(folder):
    """Everything in this folder that the group or others have rights on."""
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in [folder, *folder.rglob("*")]
        if stat.S_IMODE(path.lstat().st_mode) != (0o700 if path.is_dir() else 0o600)
    }


@pytest.fixture
def careless():
    """A umask that keeps nothing from anybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def fill(library, film):
    sha256 = library.add_video(film, "film", video_of(film), keep_copy=True).sha256
    library.save_picture(sha256, "keyframe-1.jpg", b"picture")
    library.save_stage(stage_key(sha256, "sights", "m", "1", {}), {"a": 1})
    library.save_stage(stage_key("", "labels", "m", "1", {}), {"a": 1})
    made = library.new_temporary(".mp4")
    made.write_bytes(b"proxy")
    library.adopt_file(sha256, "proxy.mp4", made)
    library.save_timeline(sha256, timeline_of(library.entry(sha256).video))
    upload = library.new_upload("a.mp4")
    upload.write_bytes(b"another film")
    library.add_video(upload, "upload", video_of(upload))
    return sha256


@pytest.mark.skipif(os.name == "nt", reason="needs modes")
@pytest.mark.usefixtures("careless")
def test_nobody_else_can_read_anything_of_a_library_whatever_the_umask(tmp_path):
    from assistant.store.disk import FileLock

    home, film = tmp_path / "above" / "home", file_with(tmp_path / "film.mp4")
    with Library(home) as library:
        fill(library, film)
        lock = FileLock(home / "queue.lock")
        assert lock.acquire()
        lock.release()
        assert {"library.sqlite-wal", "library.sqlite-shm"} <= {path.name for path in home.iterdir()}
        assert rights(home) == {}
        assert library.notices == ()
    with Library(home) as library:
        assert list((home / "backups").iterdir()) != []
        assert rights(home) == {}
        assert library.notices == ()
    assert stat.S_IMODE((tmp_path / "above").stat().st_mode) == 0o777, "what is above the home is not ours"


@pytest.mark.skipif(os.name == "nt", reason="needs modes")
def test_a_library_that_others_could_read_is_closed_to_them_and_that_is_said_once(tmp_path, caplog):
    home, film = tmp_path / "home", file_with(tmp_path / "film.mp4")
    with Library(home) as library:
        fill(library, film)
    Library(home).close()
    for path in [home, *home.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    mine = file_with(home / "uploads" / "holiday.mp4")
    mine.chmod(0o644)
    film.chmod(0o644)
    (home / "uploads" / "link.mp4").symlink_to(film)
    with Library(home) as library:
        assert library.notices == (
            f"other accounts on this machine could read the library {home}; it is closed to them now",
        )
        assert rights(home).keys() == {"uploads/holiday.mp4", "uploads/link.mp4"}, "a person's own files keep theirs"
    assert caplog.text.count("could read the library") == 1
    assert stat.S_IMODE(film.stat().st_mode) == 0o644
    with Library(home) as library:
        assert library.notices == ()


@pytest.mark.skipif(os.name == "nt", reason="needs modes")
def test_a_home_behind_a_link_that_a_person_set_is_closed_to_others_too(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    (tmp_path / "disk").chmod(0o755)
    with Library(tmp_path / "home") as library:
        fill(library, file_with(tmp_path / "film.mp4"))
        assert rights(tmp_path / "disk") == {}
    Library(tmp_path / "home").close()


@pytest.mark.skipif(os.name == "nt", reason="needs modes")
def test_a_database_put_back_from_a_copy_is_nobody_elses(tmp_path):
    Library(tmp_path / "home").close()
    Library(tmp_path / "home").close()
    for path in (tmp_path / "home").glob("library.sqlite*"):
        path.unlink()
    with Library(tmp_path / "home") as library:
        library.set_preference("a", 1)
        assert rights(tmp_path / "home") == {}


@pytest.mark.skipif(os.name == "nt", reason="needs modes")
def test_the_command_line_says_on_standard_error_once_that_it_closed_a_library(tmp_path):
    home = tmp_path / "home"
    Library(home).close()
    home.chmod(0o755)
    command = [sys.executable, "-m", "assistant", "--home", str(home), "--pack", "demo"]
    said = [
        subprocess.run(
            [*command, "analyze", str(tmp_path / "none.mp4")], capture_output=True, text=True, cwd=ROOT, check=False
        )
        for _ in range(2)
    ]
    assert said[0].stderr.count("could read the library") == 1
    assert "could read the library" not in said[1].stderr
    assert [done.returncode for done in said] == [3, 3]


# --- what is removed ------------------------------------------------------------------------------------------------


def test_a_record_is_written_before_its_file_so_that_a_deletion_finds_every_file(tmp_path, monkeypatch):
    film = file_with(tmp_path / "film.mp4")
    with Library(tmp_path / "home") as library:
        sha256 = library.add_video(film, "film", video_of(film)).sha256
        place = library.files.place

        def recorded_first(temporary, target):
            rows = library.database.read("SELECT place FROM made WHERE owner = ?", (sha256,))
            assert target.relative_to(library.files.videos / sha256).as_posix() in {row["place"] for row in rows}
            place(temporary, target)

        monkeypatch.setattr(library.files, "place", recorded_first)
        library.save_picture(sha256, "keyframe-1.jpg", b"picture")
        library.delete_video(sha256)
        with pytest.raises(Cancelled):
            library.save_picture(sha256, "keyframe-2.jpg", b"picture")
        assert list(library.files.videos.iterdir()) == []
        assert library.database.read("SELECT * FROM made") == []


def test_a_home_that_was_moved_still_finds_its_own_files(tmp_path):
    with Library(tmp_path / "home") as library:
        upload = file_with(library.new_upload("a.mp4"), b"a film")
        sha256 = library.add_video(upload, "a", video_of(upload)).sha256
        library.discard_upload(upload)
    shutil.move(tmp_path / "home", tmp_path / "moved")
    with Library(tmp_path / "moved") as library:
        entry = library.entry(sha256)
        assert entry.present
        assert hashlib.sha256(entry.path.read_bytes()).hexdigest() == sha256
        library.delete_video(sha256)
        assert list(library.files.videos.iterdir()) == []
