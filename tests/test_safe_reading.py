"""Tests of reading files that others may have damaged."""

from __future__ import annotations

import io
import os
import pickle
import socket
import sys
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_cryorestore.safe_reading import (
    open_regular,
    plain_array,
    plain_json,
    plain_toml,
    read_regular,
    require_regular,
    require_unpacked,
)

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTE = 1 << 20


def test_a_file_is_read(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert read_regular(tmp_path / "file") == b"content"


def test_a_file_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * (MEGABYTE + 1))
    with pytest.raises(ValueError, match=r"file has more than the 1 MB"):
        read_regular(tmp_path / "file", most=MEGABYTE)


@pytest.mark.parametrize("text", ["[" * 99_999, '{"a":' * 99_999, "1" * 9999, b"\xff"])
def test_json_that_is_none_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        plain_json(text)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 99_999, "a = " + "{b=" * 99_999, "a." * 9999 + "b = 1", '"".' * 9999 + "b = 1"]
)
def test_toml_that_is_none_is_a_value_error_and_takes_no_memory(text):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="nested too deeply"):
            plain_toml(text)
        assert tracemalloc.get_traced_memory()[1] < 64 * MEGABYTE
    finally:
        tracemalloc.stop()


def opened(tmp_path, content):
    (tmp_path / "array.npy").write_bytes(content)
    return open_regular(tmp_path / "array.npy")


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "array", [np.arange(24, dtype=np.float16).reshape(2, 3, 4), np.asfortranarray(np.eye(3))]
)
def test_numbers_come_back(tmp_path, array):
    with opened(tmp_path, saved(array) + saved(array + 1)) as file:
        np.testing.assert_array_equal(plain_array(file), array)
        np.testing.assert_array_equal(plain_array(file), array + 1)


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", saved(np.zeros(3)))
    return file.getvalue()


HEADER = "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3, 4), }"


def with_header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        zipped(),
        pickle.dumps([1]),
        saved(np.zeros((2, 3, 4)))[:-1],
        saved(np.array([{}], dtype=object)),
        saved(np.array(["text"])),
        with_header(HEADER.replace("2, 3, 4", "99999, 99999, 99999")),
        with_header(HEADER.replace("2, 3, 4", "-2, 3, 4")),
        with_header(HEADER.replace("(2, 3, 4)", "(" * 300)),
        with_header(HEADER.replace("'<f2'", "[('a', '<f2')]")),
        with_header("__import__('os').mkdir('made')"),
        with_header("{1}"),
    ],
)
def test_what_are_no_numbers_is_a_value_error(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    with opened(tmp_path, content) as file, pytest.raises(ValueError, match=r"."):
        plain_array(file)
    assert not (tmp_path / "made").exists()


def test_an_archive_that_unpacks_to_more_than_its_size_is_refused(tmp_path):
    for name, kind in (("plain", zipfile.ZIP_STORED), ("packed", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(tmp_path / name, "w", kind) as archive:
            archive.writestr("zeros", bytes(MEGABYTE))
    with open_regular(tmp_path / "plain") as file:
        require_unpacked(file)
        assert file.tell() == 0
    with open_regular(tmp_path / "packed") as file, pytest.raises(ValueError, match="compressed"):
        require_unpacked(file)


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="knows no such files")


def test_a_file_and_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert require_regular(tmp_path / "link").st_size == 7
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"content"


@pytest.mark.timeout(20)
def test_pipes_sockets_and_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket may not be long
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for name in ("pipe", "socket"):
            with pytest.raises(ValueError, match=f"{name} is a {name}, but a regular file is expected"):
                open_regular(tmp_path / name)
    (tmp_path / "device").symlink_to(os.devnull)
    with pytest.raises(ValueError, match="device is a device"):
        open_regular(tmp_path / "device")


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to("gone")
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(FileNotFoundError, match="broken is a link to gone, which does not exist"):
        require_regular(tmp_path / "broken")
    with pytest.raises(FileNotFoundError, match="leads back to itself"):
        require_regular(tmp_path / "ring")
    with pytest.raises(FileNotFoundError, match="none does not exist: check"):
        require_regular(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="longer than the system allows"):
        require_regular(tmp_path / ("x" * 300))
    with pytest.raises(IsADirectoryError, match="is a folder"):
        require_regular(tmp_path)
