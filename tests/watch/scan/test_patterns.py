"""The compiled patterns that are kept: taken only if whole and ours, and never needed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credman.providers.facts import ShapeKind
from credman.watch.scan import engines
from credman.watch.scan.patterns import FILE, open_patterns, read_private, write_private
from tests.providers.factories import GOOD
from tests.requirements import require
from tests.watch.scan.planting import KINDS, make_plants

_PLANT = make_plants([ShapeKind.PREFIX], 1)[0]
_TEXT = KINDS["env"].write(_PLANT.variable, _PLANT.value)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What is kept."""
    state = tmp_path_factory.mktemp("state")
    state.chmod(0o700)
    open_patterns(str(state), None, engine="hyperscan")
    return (state / FILE).read_bytes()


def _make_state(tmp_path: Path, data: bytes | None = None) -> Path:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    if data is not None:
        (state / FILE).write_bytes(data)
        (state / FILE).chmod(0o600)
    return state


def _compile_at_once(whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """To compile takes a second: here what was compiled once is loaded instead."""
    hs = engines.load_hyperscan()
    body = whole[whole.index(b"\n") + 1 + 64 :]
    monkeypatch.setattr(
        engines, "compile_hyperscan", lambda *a, **k: hs.loadb(body, hs.HS_MODE_BLOCK)
    )


class _Compiled(Exception):
    pass


def _is_taken(state: Path, monkeypatch: pytest.MonkeyPatch, own: str | None = None) -> bool:
    """Whether what is kept is used: nothing is compiled then."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise _Compiled

    with monkeypatch.context() as patched:
        patched.setattr(engines, "compile_hyperscan", refuse)
        try:
            found = open_patterns(str(state), own, engine="hyperscan")
        except _Compiled:
            return False
    assert found.matcher.find(_TEXT)
    return True


def test_patterns_are_kept_for_their_owner_only(tmp_path: Path, whole: bytes) -> None:
    state = tmp_path / "deep" / "state"
    found = open_patterns(str(state), None, engine="hyperscan")
    assert found.matcher.find(_TEXT)
    status = (state / FILE).stat()
    assert stat.S_IMODE(status.st_mode) == 0o600 and os.listdir(state) == [FILE]
    assert (state / FILE).read_bytes() == whole


def test_what_is_kept_is_taken(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _is_taken(_make_state(tmp_path, whole), monkeypatch)


def test_a_changed_byte_is_noticed_wherever_it_is(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = _make_state(tmp_path, whole)
    places = [*range(120), *range(120, len(whole), len(whole) // 60), len(whole) - 1]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        (state / FILE).write_bytes(damaged)
        assert not _is_taken(state, monkeypatch), place


@pytest.mark.parametrize("change", ["cut", "empty", "longer", "magic only", "twice"])
def test_what_is_not_whole_is_compiled_anew(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    data = {
        "cut": whole[:-1], "empty": b"", "longer": whole + b"\0", "magic only": whole[:19],
        "twice": whole + whole,
    }[change]  # fmt: skip
    state = _make_state(tmp_path, data)
    assert not _is_taken(state, monkeypatch)
    _compile_at_once(whole, monkeypatch)
    assert open_patterns(str(state), None, engine="hyperscan").matcher.find(_TEXT)
    assert (state / FILE).read_bytes() == whole and _is_taken(state, monkeypatch)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o660, 0o666, 0o640, 0o604])
def test_what_others_may_touch_is_not_taken(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    state = _make_state(tmp_path, whole)
    (state / FILE).chmod(mode)
    assert not _is_taken(state, monkeypatch)


def test_the_file_of_another_user_is_not_taken(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(os.geteuid() == 0, "only root can give a file away")
    state = _make_state(tmp_path, whole)
    os.chown(state / FILE, 12345, -1)
    assert not _is_taken(state, monkeypatch)


@pytest.mark.parametrize("kind", ["link", "dangling link", "directory", "fifo"])
def test_only_a_file_is_taken(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    state = _make_state(tmp_path)
    place, real = state / FILE, tmp_path / "real"
    real.write_bytes(whole)
    real.chmod(0o600)
    match kind:
        case "link":
            place.symlink_to(real)
        case "dangling link":
            place.symlink_to(tmp_path / "nothing")
        case "directory":
            place.mkdir()
        case "fifo":
            os.mkfifo(place, 0o600)
    assert not _is_taken(state, monkeypatch)
    _compile_at_once(whole, monkeypatch)
    assert open_patterns(str(state), None, engine="hyperscan").matcher.find(_TEXT)
    assert real.read_bytes() == whole and not (tmp_path / "nothing").exists()
    assert [name for name in os.listdir(state) if name != FILE] == []


def test_patterns_of_other_providers_are_not_taken(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = _make_state(tmp_path, whole)
    own = tmp_path / "providers"
    own.mkdir()
    (own / "example.toml").write_text(GOOD)
    assert not _is_taken(state, monkeypatch, str(own))
    assert open_patterns(str(state), str(own), engine="hyperscan").rules
    assert _is_taken(state, monkeypatch, str(own)) and not _is_taken(state, monkeypatch)


def test_a_state_directory_that_cannot_be_written_is_no_obstacle(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    _compile_at_once(whole, monkeypatch)
    (tmp_path / "file").write_text("")
    for state in ("/proc/credman", str(tmp_path / "file"), str(tmp_path / "file" / "state")):
        assert open_patterns(state, None, engine="hyperscan").matcher.find(_TEXT)


def test_nothing_is_kept_where_nothing_may_be_kept(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    _compile_at_once(whole, monkeypatch)
    state = tmp_path / "state"
    found = open_patterns(str(state), None, engine="hyperscan", may_keep=False)
    assert found.matcher.find(_TEXT) and not state.exists()


def test_many_processes_may_keep_them_at_once(tmp_path: Path, whole: bytes) -> None:
    state = _make_state(tmp_path)
    code = (
        "import sys; from credman.watch.scan.patterns import open_patterns;"
        "open_patterns(sys.argv[1], None, engine='hyperscan').matcher.find(b'x')"
    )
    run = [sys.executable, "-c", code, str(state)]
    cwd = Path(__file__).parents[3]
    processes = [subprocess.Popen(run, cwd=cwd) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert (state / FILE).read_bytes() == whole and os.listdir(state) == [FILE]


def test_whoever_reads_while_others_write_sees_one_or_the_other(tmp_path: Path) -> None:
    path = str(_make_state(tmp_path) / "x")
    contents = {bytes([n]) * (n * 10_000 + 1) for n in range(1, 9)}
    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write_private, path, data) for data in sorted(contents) * 8]
        seen = {read_private(path, 1 << 20) for _ in range(200)}
        assert [one.result() for one in writing].count(True) > 0
    assert seen - {None} <= contents and read_private(path, 1 << 20) in contents
    assert os.listdir(os.path.dirname(path)) == ["x"]


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = str(_make_state(tmp_path) / "x")
    assert write_private(path, b"abc") and read_private(path, 3) == b"abc"
    assert read_private(path, 2) is None and read_private(path + "y", 9) is None
