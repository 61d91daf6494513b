"""URLs of stores, plug-ins, and what a change does to contents."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from credman.core.errors import CredmanError, DeniedVariable, NotFound, Unavailable, UsageError
from credman.core.model import Contents, Environment, TokenKey
from credman.core.secret import Secret
from credman.stores.base import ENTRY_POINT_GROUP, SCHEMES, open_store, pick
from credman.stores.changes import Change, PutEnvironment, PutToken, RemoveToken, apply_changes
from credman.stores.memory import MemoryStore
from credman.stores.testing import find_address, make_token, put, renew
from tests.stores.driver import environment
from tests.stores.places import REPOSITORY, make_surroundings

CANARY = "leaked_pw_DO_NOT_ECHO"
WITH_PASSWORD = (
    "{scheme}://user:{canary}@host/path",
    "{scheme}://{canary}@host/path",
    "{scheme}://:{canary}@host",
    "{scheme}://user:{canary}@",
    "{scheme}://user:{canary}@host@other/path",
    "{scheme}://user%3A{canary}@host/path",
)


def install(directory: Path, *entry_points: str, module: str = "") -> None:
    """Installs a tiny distribution, as pip would leave it."""
    metadata = directory / "example_store-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: example-store\nVersion: 1.0\n")
    lines = "\n".join((f"[{ENTRY_POINT_GROUP}]", *entry_points))
    (metadata / "entry_points.txt").write_text(f"{lines}\n")
    (directory / "example_store.py").write_text(
        module or "from credman.stores.memory import MemoryStore as ExampleStore\n"
    )


@pytest.mark.parametrize("scheme", [*SCHEMES, "example"])
@pytest.mark.parametrize("template", WITH_PASSWORD)
def test_a_password_in_a_url_is_refused_and_never_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, template: str
) -> None:
    install(tmp_path / "site", "example = example_store:ExampleStore")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(UsageError) as caught:
        open_store(template.format(scheme=scheme, canary=CANARY), make_surroundings(tmp_path))
    shown = f"{caught.value.message} {caught.value.hint} {caught.value!r} {caught.value.__cause__}"
    assert CANARY not in shown


@pytest.mark.parametrize(
    "url", ["", CANARY, f"/{CANARY}", f"File:{CANARY}", f":{CANARY}", f"-x:{CANARY}", f"a:{CANARY}"]
)
def test_what_is_no_url_is_a_usage_error_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(url, make_surroundings(tmp_path))
    assert CANARY not in caught.value.message + caught.value.hint


def test_an_unknown_kind_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(f"nosuch:{CANARY}", make_surroundings(tmp_path))
    assert "nosuch:" in caught.value.message
    assert all(f"{scheme}:" in caught.value.hint for scheme in SCHEMES)
    assert CANARY not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_opens_nothing_by_itself(tmp_path: Path, scheme: str) -> None:
    home = tmp_path / "place"
    rest = {"file": f"{home}/vault.age"}.get(scheme, "")
    store = open_store(f"{scheme}:{rest}", make_surroundings(home))
    assert store.describe()["kind"] == scheme
    if scheme == "file":  # a keyring has to be asked
        assert not store.exists()
    assert not home.exists()


@pytest.mark.parametrize("target", ["example_store:ExampleStore", "example_store:ExampleStore [x]"])
def test_a_plug_in_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    install(tmp_path / "site", f"example = {target}")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    store = open_store("example:whatever it likes", make_surroundings(tmp_path))
    assert isinstance(store, MemoryStore)


def test_a_plug_in_cannot_take_a_built_in_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", *(f"{scheme} = example_store:Stolen" for scheme in SCHEMES))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for scheme, target in SCHEMES.items():
        rest = {"file": "x.age"}.get(scheme, "")
        store = open_store(f"{scheme}:{rest}", make_surroundings(tmp_path))
        assert f"{type(store).__module__}:{type(store).__name__}" == target


@pytest.mark.parametrize(
    ("target", "module"),
    [
        ("no_such_module:Store", ""),
        ("example_broken:Store", "import no_such_library\n"),
        ("example_store:Missing", ""),
        ("example_store", ""),
    ],
)
def test_a_broken_plug_in_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, module: str
) -> None:
    install(tmp_path / "site", f"example = {target}")
    (tmp_path / "site" / "example_broken.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(Unavailable, match="example") as caught:
        open_store(f"example:{CANARY}", make_surroundings(tmp_path))
    assert caught.value.exit_code == 6
    assert CANARY not in caught.value.message + caught.value.hint


def test_plug_ins_are_not_looked_for_where_a_built_in_kind_is_named(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from credman.stores.base import open_store\n"
        "from tests.stores.places import make_surroundings\n"
        "open_store('file:/x', make_surroundings(Path('/')))\n"
        "assert 'importlib.metadata' not in sys.modules\n"
        "try: open_store('example:', make_surroundings(Path('/')))\n"
        "except Exception: pass\n"
        "assert 'importlib.metadata' in sys.modules\n"
    )
    # Without site: an editable installation may import it before any of this runs.
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_change_leaves_the_contents_it_was_applied_to() -> None:
    token = make_token()
    before = apply_changes(Contents(), [put(token, b"1")])
    copy = replace(before, values=dict(before.values))
    apply_changes(before, [put(token, b"2"), PutEnvironment(Environment("new"))])
    apply_changes(before, [RemoveToken(token.key)])
    assert before == copy


def test_changes_see_those_before_them() -> None:
    token = make_token()
    changes: list[Change] = [put(token), RemoveToken(token.key), put(token, b"again")]
    contents = apply_changes(Contents(), [*changes, put(renew(token), b"2")])
    assert contents.tokens == (renew(token),)
    assert sorted(str(value) for value in contents.values.values()) == ["2", "again"]


def test_values_for_nobody_are_not_kept() -> None:
    token = make_token()
    stray = find_address(token)._replace(version=9)
    values = {find_address(token): Secret("1"), stray: Secret("stray")}
    contents = apply_changes(Contents(), [PutToken(token, values)])
    assert contents.values == {find_address(token): "1"}


def test_a_variable_that_is_refused_by_now_does_not_lock_its_token() -> None:
    token = make_token()
    old = replace(token, fields=(replace(token.fields[0], variables=("LD_PRELOAD",)),))
    contents = Contents((), (old,), {find_address(old): Secret("1")})
    changed = replace(old, note="changed")
    assert apply_changes(contents, [PutToken(changed)]).tokens == (changed,)
    with pytest.raises(DeniedVariable):
        apply_changes(Contents(), [put(old)])
    assert apply_changes(contents, [RemoveToken(old.key)]).tokens == ()


def test_an_empty_value_is_a_value() -> None:
    token = make_token()
    contents = apply_changes(Contents(), [put(token, b"before"), put(token, b"")])
    assert contents.values == {find_address(token): ""}


def test_a_renamed_spelling_takes_its_values_along() -> None:
    token = renew(make_token("api"))
    old = make_token("api")
    contents = apply_changes(Contents(), [put(old, b"1"), put(token, b"2")])
    shouted = replace(token, key=TokenKey("DEFAULT", "DEFAULT", "API"))
    contents = apply_changes(contents, [PutToken(shouted)])
    assert {a.key for a in contents.values} == {shouted.key}
    assert sorted(contents.values.values()) == ["1", "2"]


def test_pick_names_what_is_missing_without_a_value() -> None:
    token = make_token()
    with pytest.raises(NotFound, match="api") as caught:
        pick({find_address(token): Secret(CANARY)}, [find_address(renew(token))])
    assert CANARY not in f"{caught.value!r}{caught.value.hint}"
    assert isinstance(caught.value, CredmanError)
