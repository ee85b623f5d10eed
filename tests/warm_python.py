"""Processes that have loaded PyTorch and Fabric: one that is started anew takes six seconds for that."""

from __future__ import annotations

import multiprocessing
import runpy
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAD = """import os, sys
os.environ |= {}
sys.argv[1:] = [{!r}]
for stream in (1, 2):
    os.dup2(os.open({!r}, os.O_CREAT | os.O_WRONLY | os.O_APPEND), stream)
"""


class Script:
    """A script that runs in a process of its own, with settings in its environment.

    The process is forked from one that has loaded PyTorch and Fabric.
    """

    def __init__(self, text: str, argument: Path, folder: Path, settings: dict[str, str]) -> None:
        context: Any = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
        context.set_forkserver_preload(["napari_cryorestore.training.trainer"])
        self.said, file = folder / "said.txt", folder / "script.py"
        file.write_text(HEAD.format(settings, str(argument), str(self.said)) + text, encoding="utf-8")
        self.process = context.Process(target=runpy.run_path, args=(str(file),))
        self.process.start()

    def end(self) -> tuple[int | None, str]:
        """Wait for its end; return its exit code, less than 0 where a signal killed it, and what it said."""
        self.process.join(300)
        return self.process.exitcode, self.said.read_text(encoding="utf-8")


@pytest.fixture
def begin(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Begin a `Script`; it is over when the test is."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    begun: list[Script] = []

    def begin_script(text: str, argument: Path, **settings: str) -> Script:
        begun.append(Script(text, argument, tmp_path_factory.mktemp("script"), settings))
        return begun[-1]

    yield begin_script
    for script in begun:
        script.process.kill()
        script.process.join()


CLIENT = """#!/bin/sh
exec "{}" -I -S -c '
import os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect("{}")
request = repr((sys.argv[1:], dict(os.environ), os.getcwd(), os.getppid())).encode()
socket.send_fds(server, [len(request).to_bytes(4, "big")], [0, 1, 2])
server.sendall(request)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
    signal.signal(number, lambda number, frame: server.send(bytes([number])))
code = server.recv(1)
if not code:
    os.kill(os.getpid(), signal.SIGKILL)
os._exit(code[0])
' "$@"
"""
SERVER = """
import ast, runpy, signal, socket, threading, traceback
from contextlib import suppress
import psutil

def obey(client):
    while number := client.recv(1):
        os.kill(os.getpid(), number[0])
    os.kill(os.getpid(), signal.SIGKILL)  # as happened to whoever requested it

def become(client):
    size, files, *_ = socket.recv_fds(client, 4, 3)
    request = client.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
    (option, module, *arguments), environment, folder, parent = ast.literal_eval(request.decode())
    assert option == "-m"
    for stream, file in enumerate(files):
        os.dup2(file, stream)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.setsid()
    os.getppid = lambda: parent if psutil.pid_exists(parent) else 1
    sys.argv[1:] = arguments
    threading.Thread(target=obey, args=(client,), daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)

def code_of(end):
    if isinstance(end.code, int | None):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1

def bury():
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass

sys.executable = os.path.join(os.path.dirname(sys.argv[1]), "bin", "python")  # so are its own processes
ours = socket.socket(socket.AF_UNIX)
ours.bind(sys.argv[1] + ".new")
ours.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    client, _ = ours.accept()
    bury()
    if os.fork() == 0:
        ours.close()
        code = 0
        try:
            become(client)
        except SystemExit as end:
            code = code_of(end)
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        client.send(bytes([code]))
        os._exit(code)
    client.close()
"""


@pytest.fixture
def warm_python(begin: Callable[..., Script]) -> Iterator[str]:
    """Return a program that does what ``python -m`` does, by a process that is warm.

    Who starts it sees its output and its end, and can kill it or send it a signal, as if it were Python.
    """
    if sys.platform == "win32":
        yield sys.executable
        return
    folder = Path(tempfile.mkdtemp(prefix="warm"))  # the name of a socket may have about 100 letters
    program, door = folder / "bin" / "python", folder / "door"
    program.parent.mkdir()
    program.write_text(CLIENT.format(sys.executable, door), encoding="utf-8")
    program.chmod(0o755)
    server = begin(SERVER, door)
    while not door.exists():
        assert server.process.is_alive(), server.end()
        time.sleep(0.01)
    yield str(program)
    shutil.rmtree(folder)


__all__ = ["Script", "begin", "warm_python"]
