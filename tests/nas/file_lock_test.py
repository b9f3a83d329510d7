import os

import pytest

from nas import file_lock


def test_a_lock_names_its_owner_until_it_is_released(tmp_path):
    path = tmp_path / ".lock"
    assert file_lock.owner_of(path) is None
    lock = file_lock.acquire(path)
    assert file_lock.owner_of(path) == str(os.getpid())
    with pytest.raises(file_lock.Taken) as taken:
        file_lock.acquire(path)
    assert taken.value.owner == str(os.getpid())
    file_lock.release(lock)
    assert file_lock.owner_of(path) is None
    file_lock.release(file_lock.acquire(path))


def test_a_file_without_an_owner_in_it_is_still_locked(tmp_path):
    path = tmp_path / ".lock"
    lock = file_lock.acquire(path)
    os.ftruncate(lock, 0)
    assert file_lock.owner_of(path) == "unknown"
    file_lock.release(lock)


def test_a_link_in_place_of_a_lock_is_refused_and_its_target_stays(tmp_path):
    (tmp_path / "notes").write_text("of the user")
    (tmp_path / ".lock").symlink_to("notes")
    with pytest.raises(OSError):
        file_lock.acquire(tmp_path / ".lock")
    assert (tmp_path / "notes").read_text() == "of the user"
