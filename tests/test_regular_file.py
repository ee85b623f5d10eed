"""Only regular files are opened: nothing else may keep the program waiting."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from napari_cryorestore.regular_file import open_regular, require_regular

if TYPE_CHECKING:
    from pathlib import Path

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
