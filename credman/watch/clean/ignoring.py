"""Rules for ``.gitignore``: a generated file that held a token is not to be sent anywhere again.

Rules: a rule is added at the end, once, and everything else stays byte for byte; an exception that
somebody has made for it stands, and is told.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Collection, Iterator, Sequence

from credman.watch.scan.git import Repository
from credman.watch.scan.gitignore import LARGEST, parse_gitignore
from credman.watch.scan.jobs import open_file

NAME = ".gitignore"
FOLDERS = (
    ".ipynb_checkpoints",
    "__pycache__",
    ".virtual_documents",
    "wandb",
    "mlruns",
    "lightning_logs",
    ".hydra",
)
"""Folders that programs make beside what somebody has written, and fill with copies of it."""
FILES = (".envrc", ".jupyter_ystore.db")
SIGNS = (
    ("training_params.json",),
    ("adapter_config.json",),
    ("model_index.json",),
    ("*.safetensors",),
    ("config.json", "pytorch_model.bin"),
    ("config.json", "*.gguf"),
    (".cache/huggingface/upload",),
)
"""What lies in a folder that is uploaded on its own: all of one line. ``huggingface_hub`` honours a
``.gitignore`` only if it lies in the folder that is uploaded: what AutoTrain, PEFT, diffusers and
transformers save, and what an upload has left."""
_DOTENV = re.compile(r"\.env(?:\.[A-Za-z0-9_-]+)*")
_EXAMPLES = (".example", ".sample", ".template")
_BOMS = (b"\xff\xfe", b"\xfe\xff")
_AT_ONCE = 100  # paths, each of up to 4 KB
_PLACES = ("", "a/b/")  # a rule is to hold at any depth


def find_rule(path: str) -> str | None:
    """Args: path: of a file, relative to where the rules begin.

    Returns:
        The rule that leaves files of its kind out: its outermost generated folder, or its own name;
        None: it is none that is generated.
    """
    *folders, name = path.replace(os.sep, "/").split("/")
    for folder in folders:
        if folder in FOLDERS:
            return f"{folder}/"
    if name in FILES or (_DOTENV.fullmatch(name) and not name.endswith(_EXAMPLES)):
        return name
    return None


def add_rules(data: bytes, rules: Sequence[str]) -> bytes:
    """Args: data: of a ``.gitignore``; empty: there is none. rules: as ``find_rule`` gives them.

    Returns:
        It with those that it lacks. What git could not read, such as UTF-16, stays as it is.
    """
    if data.startswith(_BOMS) or b"\0" in data:
        return data
    added = []
    for rule in dict.fromkeys(rules):
        if not has_rule(data, rule):
            added.append(rule.encode())
    if not added:
        return data
    ending = _find_line_end(data)
    separator = ending if data and not data.endswith(b"\n") else b""
    return b"".join([data, separator, *(line + ending for line in added)])


def has_rule(data: bytes, rule: str) -> bool:
    """Returns: whether a ``.gitignore`` says so already, be it that an exception takes it back."""
    lines = (line.removesuffix(b"\r").rstrip(b" ") for line in data.split(b"\n"))
    return rule.encode() in lines or is_effective(data, rule)


def is_effective(data: bytes, rule: str) -> bool:
    """Returns: whether a ``.gitignore`` leaves out all that the rule is for; an exception behind it
    may take that in again, and what no reader understands leaves nothing out."""
    ignored = parse_gitignore(data)
    if rule.endswith("/"):
        return all(ignored.has(f"{place}{rule}{name}") for place in _PLACES for name in ("a", ".b"))
    return all(ignored.has(f"{place}{rule}") for place in _PLACES)


def find_places(
    folder: str, leaked: Sequence[str], top: str | None, ignored: Collection[str] = ()
) -> list[tuple[str, list[str]]]:
    """Which ``.gitignore`` should say what.

    Args:
        folder: that was looked through; absolute.
        leaked: files in which a token was found, relative to it.
        top: of the git working tree that it belongs to; None: it belongs to none.
        ignored: those of ``leaked`` that git passes over already, as ``find_ignored`` gives them.

    Returns:
        The path of each file, which need not exist, and the rules that do not hold there: at the
        top of the working tree, or else in the folder; and in each folder on the way to the leaked
        file that is to be uploaded on its own. One that an exception takes back is among them, and
        ``add_rules`` does not add it.
    """
    base = os.path.realpath(folder if top is None else top)
    folder = os.path.realpath(folder)
    wanted: dict[str, list[str]] = {}
    signs: dict[str, bool] = {}
    for path in leaked:
        inside = os.path.relpath(os.path.join(folder, path), base)
        rule = find_rule(inside)
        if rule is None or inside.startswith(os.path.join(os.pardir, "")):
            continue
        if path not in ignored:
            wanted.setdefault(base, []).append(rule)
        for place in _list_ways(base, inside, rule):
            if place not in signs:
                signs[place] = is_uploaded(place)
            if signs[place]:
                wanted.setdefault(place, []).append(rule)
    places = []
    for place, rules in wanted.items():
        file = os.path.join(place, NAME)
        data = _read(file)
        lacking = [rule for rule in dict.fromkeys(rules) if not is_effective(data, rule)]
        if lacking:
            places.append((file, lacking))
    return sorted(places)


def find_ignored(repository: Repository, folder: str, paths: Sequence[str]) -> set[str]:
    """Args: folder: in its working tree, absolute; paths: of files that are there, relative to it.

    Returns:
        Those that a rule leaves out, wherever it stands, and also if git tracks them.

    Raises:
        Unavailable: git does not answer.
    """
    answer = repository.ask("rev-parse", "--show-toplevel")
    if answer.code or not paths:
        return set()
    top, folder = os.fsdecode(answer.out.removesuffix(b"\n")), os.path.realpath(folder)
    names = {os.path.relpath(os.path.join(folder, path), top): path for path in paths}
    inside = [name for name in names if not name.startswith(os.path.join(os.pardir, ""))]
    found: set[str] = set()
    for start in range(0, len(inside), _AT_ONCE):
        asked = [os.path.join(top, name) for name in inside[start : start + _AT_ONCE]]
        # check-ignore does not take paths literally, which those of a hostile tree have to be.
        listing = ("ls-files", "-z", "-c", "-o", "-i", "--exclude-standard", "--full-name")
        answer = repository.ask(*listing, "--", *asked)
        listed = map(os.fsdecode, answer.out.split(b"\0"))
        found.update(names[name] for name in listed if name in names)
    return found


def is_uploaded(folder: str) -> bool:
    """Whether a folder is one that is uploaded on its own: one of ``SIGNS`` lies in it."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(all(_has(folder, names, sign) for sign in signs) for signs in SIGNS)


def _has(folder: str, names: Sequence[str], sign: str) -> bool:
    if "/" in sign:
        return os.path.lexists(os.path.join(folder, sign))
    return any(fnmatch.fnmatchcase(name, sign) for name in names)


def _list_ways(base: str, inside: str, rule: str) -> Iterator[str]:
    """Yields: the folders from ``base`` to the one in which what the rule is for lies."""
    place = base
    yield place
    for part in inside.split(os.sep)[:-1]:
        if f"{part}/" == rule:
            return
        place = os.path.join(place, part)
        yield place


def _find_line_end(data: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in data and data.count(b"\r\n") == data.count(b"\n") else b"\n"


def _read(path: str) -> bytes:
    """Returns: what is there; nothing if it cannot be read, or is no file of usual size."""
    try:
        opened = open_file(os.fsencode(path))
    except OSError:
        return b""
    if opened is None:
        return b""
    try:
        return opened.content.read(LARGEST) or b""
    except OSError:
        return b""
    finally:
        opened.close()
