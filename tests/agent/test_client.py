"""The tiny asker: which socket it asks, whose it has to be, and what it makes of any answer."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.agent import client, control
from credman.core import wire
from credman.core.paths import find_paths
from tests.agent.agents import agents
from tests.cli.harness import make_vault
from tests.requirements import require

OTHER = 4242
EMPTY_ANSWER = wire.frame([wire.DONE])

LOADED = {
    "_socket",
    "credman",
    "credman.__main__",
    "credman.agent",
    "credman.agent.client",
    "credman.core",
    "credman.core.wire",
    "resource",
}


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"CREDMAN_HOME": "/place"}, "/place/run"),
        ({"CREDMAN_HOME": "place/../other"}, "/cwd/other/run"),
        ({"CREDMAN_HOME": "/place", "XDG_RUNTIME_DIR": "/run/user/7"}, "/place/run"),
        ({"CREDMAN_HOME": "", "XDG_RUNTIME_DIR": "{own}"}, "{own}/credman"),
        ({"XDG_RUNTIME_DIR": "{own}", "HOME": "/home/x"}, "{own}/credman"),
        ({"XDG_RUNTIME_DIR": "{others}", "HOME": "/home/x"}, "/home/x/.local/state/credman/run"),
        ({"XDG_RUNTIME_DIR": "/not/there", "HOME": "/home/x"}, "/home/x/.local/state/credman/run"),
        ({"XDG_RUNTIME_DIR": "relative", "HOME": "/home/x"}, "/home/x/.local/state/credman/run"),
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/x"}, "/state/credman/run"),
        ({"XDG_STATE_HOME": "state", "HOME": "/home/x"}, "/home/x/.local/state/credman/run"),
        ({"HOME": "relative"}, None),
        ({}, None),
    ],
)
def test_where_the_socket_lies(
    environ: Mapping[str, str], folder: str | None, tmp_path: Path
) -> None:
    places = {"own": str(tmp_path / "own"), "others": str(tmp_path / "others")}
    for place in places.values():
        os.mkdir(place, 0o700)
    os.chown(places["others"], OTHER, OTHER)
    environ = {name: value.format(**places) for name, value in environ.items()}
    folder = None if folder is None else folder.format(**places)
    assert client.find_folder(environ, "/cwd") == folder
    if folder is not None and "XDG_RUNTIME_DIR" not in environ:
        state = find_paths(environ, "/cwd").state
        beside = os.path.dirname(state) if "CREDMAN_HOME" in environ else state
        assert folder == os.path.join(beside, "run")


def test_only_a_directory_of_ours_that_is_closed_to_others_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert not client.is_private(str(folder))
    folder.mkdir(mode=0o700)
    assert client.is_private(str(folder))
    for mode in (0o750, 0o755, 0o701, 0o720, 0o777, 0o1777):
        folder.chmod(mode)
        assert not client.is_private(str(folder)), oct(mode)
    folder.chmod(0o700)
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "file").touch(mode=0o700)
    assert not client.is_private(str(tmp_path / "link"))
    assert not client.is_private(str(tmp_path / "file"))
    require(os.geteuid() == 0, "only root can give a directory away")
    os.chown(folder, 65534, 65534)
    assert not client.is_private(str(folder))


@contextlib.contextmanager
def listening(tmp_path: Path, act: Callable[[socket.socket], object]) -> Iterator[str]:
    """A listener that does something with the first connection. Gives its directory."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "agent"))
        server.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    act(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield str(folder)
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def drip(connection: socket.socket) -> None:
    for number in range(200):
        connection.send(EMPTY_ANSWER[number % 4 : number % 4 + 1])
        time.sleep(0.02)


@pytest.mark.parametrize(
    "act",
    [
        lambda connection: None,
        lambda connection: connection.recv(65536),
        lambda connection: connection.sendall(EMPTY_ANSWER[:-1]),
        lambda connection: connection.sendall(EMPTY_ANSWER[:3]),
        lambda connection: connection.sendall(b"\0\0\0\0"),
        lambda connection: connection.sendall(b"\0\0\0\5abcde"),
        lambda connection: connection.sendall(b"\0\0\0\5\0\0\0\2a"),
        lambda connection: connection.sendall(b"\xff\xff\xff\xff"),
        lambda connection: time.sleep(0.5),
        drip,
    ],
)
def test_no_answer_or_half_of_one_or_a_broken_one_is_none(
    tmp_path: Path, act: Callable[[socket.socket], object]
) -> None:
    with listening(tmp_path, act) as folder:
        connection = client.connect(folder)
        assert connection is not None
        assert client.exchange(connection, [wire.STATUS, wire.VERSION], seconds=0.2) is None


def test_an_answer_in_pieces_is_a_whole_one(tmp_path: Path) -> None:
    answer = wire.frame([wire.DONE, bytes(1 << 20)])

    def act(connection: socket.socket) -> None:
        for place in range(0, len(answer), 100_001):
            connection.sendall(answer[place : place + 100_001])
            time.sleep(0.001)

    with listening(tmp_path, act) as folder:
        connection = client.connect(folder)
        assert connection is not None
        found = client.exchange(connection, [wire.STATUS, wire.VERSION])
    assert found == [wire.DONE, bytes(1 << 20)]


def test_a_full_queue_is_waited_for_and_no_longer_than_that(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as server, contextlib.ExitStack() as stack:
        server.bind(str(folder / "agent"))
        server.listen(0)
        waiting = client.connect(str(folder), 0.05)
        assert waiting is not None
        assert client.connect(str(folder), 0.05) is None
        timer = threading.Timer(0.1, lambda: stack.enter_context(server.accept()[0]))
        timer.start()
        connection = client.connect(str(folder), 20)
        timer.join()
        assert connection is not None
        connection.close()
        waiting.close()


def test_no_agent_is_started_in_a_directory_that_is_not_private(tmp_path: Path) -> None:
    environ = {"CREDMAN_HOME": str(tmp_path)}
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o755)
    opened = control.Opened("0" * 32, bytes(32), "/x")
    with pytest.raises(Exception, match="is not a directory of your own") as caught:
        control.hand_over(environ, "/", opened, idle=None, seconds=1.0)
    assert type(caught.value).__name__ == "Unavailable"
    assert list((tmp_path / "run").iterdir()) == []


def test_what_is_handed_over_shows_no_identity() -> None:
    assert repr(control.Opened("id", b"EXAMPLE" * 4, "/x")) == "Opened('id')"


@given(parts=st.lists(st.binary(max_size=300), max_size=20))
def test_parts_come_back_as_they_were(parts: list[bytes]) -> None:
    packed = wire.pack(parts)
    assert wire.unpack(packed) == parts
    assert wire.frame(parts) == len(packed).to_bytes(4, "big") + packed


@given(data=st.binary(max_size=200))
def test_what_can_be_read_is_what_would_be_written(data: bytes) -> None:
    try:
        parts = wire.unpack(data)
    except ValueError:
        return
    assert wire.pack(parts) == data


@given(parts=st.lists(st.binary(max_size=30), min_size=1, max_size=5), data=st.data())
def test_parts_that_are_cut_are_refused_or_fewer(parts: list[bytes], data: st.DataObject) -> None:
    packed = wire.pack(parts)
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    try:
        found = wire.unpack(cut)
    except ValueError:
        return
    assert len(found) < len(parts) and found == parts[: len(found)]


WARM = {
    "env": ["env"],
    "env of fish": ["env", "--shell", "fish"],
    "get": ["get", "hf"],
    "exec": ["exec", "--", "true"],
    "list": ["list"],
    "__complete": ["__complete", "get", ""],
}
_SCRIPT = "import sys\nfrom credman.__main__ import main\nsys.exit(main())\n"


def test_a_warm_command_loads_these_modules_and_no_other() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        bare = loaded_by("pass", desk.environ)
        for name, argv in WARM.items():
            loaded = loaded_by(_SCRIPT, desk.environ, *argv) - bare
            assert loaded == LOADED, name


def loaded_by(program: str, environ: Mapping[str, str], *argv: str) -> set[str]:
    """Returns: what a fresh interpreter has imported when the program has ended well."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program, *argv],
        env=dict(environ), cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert len(lines) > 10
    return {line.rpartition("|")[2].strip() for line in lines}


def test_the_answer_of_status_is_json_without_an_identity() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock("--for", "1h")
        answer = client.ask(desk.environ, "/", [wire.STATUS, b"any version"])
        assert answer is not None and answer[0] == wire.DONE
        told = json.loads(answer[1])
        assert set(told) == {"pid", "version", "vaults"}
        assert [set(v) for v in told["vaults"]] == [
            {"id", "path", "seconds_left", "ends_when_idle"}
        ]
