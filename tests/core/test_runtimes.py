"""Where Python runs: each place by its own signs, and those that are easily confused."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from credman.core.runtimes import NAMES, Runtime, detect
from tests.requirements import require
from tests.stores.sources.colab_stub import make_package
from tests.stores.sources.kernels import run_kernel

VALUE = "EXAMPLE value"
KAGGLE = {"KAGGLE_KERNEL_RUN_TYPE": "Interactive", "KAGGLE_USER_SECRETS_TOKEN": VALUE}
DATABRICKS_FILE = "/databricks/DBR_VERSION"
SAGEMAKER_FILE = "/opt/ml/metadata/resource-metadata.json"
STUDIO_LAB = "/home/studio-lab-user"
CI_VARIABLES = (
    *("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "CIRCLECI"),
    *("BUILDKITE", "TRAVIS", "BITBUCKET_COMMIT", "CODEBUILD_BUILD_ARN"),
)


class ZMQInteractiveShell:
    """As ipykernel's; what a platform derives from it is still one."""

    def __init__(self, names: Collection[str] = (), *, allow_stdin: bool = True) -> None:
        self.user_ns = dict.fromkeys(names, VALUE)
        self.kernel: object | None = SimpleNamespace(_allow_stdin=allow_stdin)


class TerminalInteractiveShell:
    """As IPython's on a terminal: it has no kernel."""


def make_colab_shell(module: str = "google.colab._shell") -> ZMQInteractiveShell:
    made: ZMQInteractiveShell = type("Shell", (ZMQInteractiveShell,), {"__module__": module})()
    return made


def run(
    environ: Mapping[str, str] | None = None,
    shell: object | None = None,
    *,
    platform: str = "linux",
    files: Collection[str] = (),
    has_terminal: bool = False,
) -> Runtime:
    return detect(
        environ or {},
        shell,
        platform=platform,
        exists=lambda path: path in files,
        has_terminal=has_terminal,
    )


BY_VARIABLES: list[tuple[dict[str, str], str, str | None]] = [
    (KAGGLE, "kaggle", "kaggle"),
    ({"VERTEX_PRODUCT": "COLAB_ENTERPRISE"}, "colab-enterprise", None),
    ({"COLAB_RELEASE_TAG": VALUE}, "colab", None),
    ({"DATABRICKS_RUNTIME_VERSION": VALUE}, "databricks", "databricks"),
    ({"DATABRICKS_ENV_VERSION": VALUE}, "databricks", "databricks"),
    ({"SM_TRAINING_ENV": VALUE}, "sagemaker", None),
    *(({f"LIGHTNING_CLOUD_{w}_ID": VALUE}, "lightning", None) for w in ("PROJECT", "SPACE")),
    ({"PAPERSPACE_NOTEBOOK_ID": VALUE}, "paperspace", None),
    ({"CODESPACES": "true"}, "codespaces", None),
    *(({f"GITPOD_{what}_ID": VALUE}, "gitpod", None) for what in ("WORKSPACE", "INSTANCE")),
    ({"SPACE_ID": "EXAMPLE/space"}, "spaces", None),
    ({"DEEPNOTE_PROJECT_ID": VALUE}, "deepnote", None),
    ({"JENKINS_URL": VALUE, "BUILD_ID": VALUE}, "ci", None),
    *(({variable: "true"}, "ci", None) for variable in CI_VARIABLES),
]


@pytest.mark.parametrize(("environ", "name", "vault"), BY_VARIABLES)
def test_a_place_is_told_by_its_variables_in_a_kernel_and_in_its_children(
    environ: dict[str, str], name: str, vault: str | None
) -> None:
    for shell in (None, ZMQInteractiveShell()):
        found = run(environ, shell)
        assert (found.name, found.vault) == (name, vault)
        assert set(environ) <= set(found.evidence)
        assert not any(value in said for value in environ.values() for said in found.evidence)


@pytest.mark.parametrize("environ", [environ for environ, _, _ in BY_VARIABLES])
def test_a_variable_without_a_value_says_nothing(environ: dict[str, str]) -> None:
    assert run(dict.fromkeys(environ, "")).name == "python"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (DATABRICKS_FILE, "databricks"),
        (SAGEMAKER_FILE, "sagemaker"),
        (STUDIO_LAB, "sagemaker"),
        ("/kaggle/input", "jupyter"),
        ("/opt/ml", "jupyter"),
        ("/teamspace/studios", "jupyter"),
    ],
)
def test_a_place_is_told_by_a_file_only_where_nobody_else_has_it(file: str, name: str) -> None:
    found = run({}, ZMQInteractiveShell(), files=[file])
    assert found.name == name
    assert (file in found.evidence) == (name != "jupyter")


@pytest.mark.parametrize(
    ("names", "environ", "name"),
    [
        (["hex_run_context"], {}, "hex"),
        (["hex_scheduled"], {}, "hex"),
        ([], {"HEX_PROJECT_ID": VALUE}, "hex"),
        (["__vsc_ipynb_file__"], {}, "vscode"),
        ([], {"VSCODE_PID": VALUE, "VSCODE_CWD": VALUE}, "jupyter"),
        ([], {"JPY_PARENT_PID": VALUE}, "jupyter"),
    ],
)
def test_a_kernel_is_told_by_the_names_its_front_end_leaves_in_it(
    names: list[str], environ: dict[str, str], name: str
) -> None:
    found = run(environ, ZMQInteractiveShell(names))
    assert found.name == name and set(names) <= set(found.evidence)
    assert VALUE not in repr(found)


def test_colab_is_told_by_the_class_of_its_shell() -> None:
    found = run({"COLAB_RELEASE_TAG": VALUE}, make_colab_shell())
    assert (found.name, found.vault, found.title) == ("colab", "colab", "Google Colab")
    assert found.evidence == ("google.colab._shell.Shell", "COLAB_RELEASE_TAG")
    assert run({}, make_colab_shell("google.colab")).vault == "colab"
    derived = type("Own", (type(make_colab_shell()),), {"__module__": "__main__"})()
    assert run({}, derived).vault == "colab"
    for module in ("google.colabtools", "my.google.colab", "google"):
        assert run({}, make_colab_shell(module)).name == "jupyter"


def test_a_process_of_colabs_without_its_kernel_has_no_vault_and_says_why() -> None:
    tag = {"COLAB_RELEASE_TAG": VALUE}
    for shell in (None, ZMQInteractiveShell(), TerminalInteractiveShell()):
        found = run(tag, shell)
        assert (found.name, found.vault) == ("colab", None)
        assert found.evidence[0] == "COLAB_RELEASE_TAG"
        assert found.evidence[1].startswith("no kernel of Colab's in this process")


def test_colab_enterprise_has_colabs_shell_and_not_its_vault() -> None:
    environ = {"VERTEX_PRODUCT": "COLAB_ENTERPRISE", "COLAB_RELEASE_TAG": VALUE}
    found = run(environ, make_colab_shell())
    assert (found.name, found.vault) == ("colab-enterprise", None)
    other = {"VERTEX_PRODUCT": "WORKBENCH_INSTANCE"}
    assert run(other, ZMQInteractiveShell()).name == "jupyter"


def test_kaggle_is_made_from_colabs_image_and_is_kaggle() -> None:
    environ = {**KAGGLE, "COLAB_RELEASE_TAG": VALUE}
    for shell in (None, ZMQInteractiveShell(), make_colab_shell()):
        assert run(environ, shell).vault == "kaggle"


def test_kaggles_vault_takes_the_sessions_token_and_a_key_of_its_api_is_none() -> None:
    found = run({"KAGGLE_KERNEL_RUN_TYPE": "Interactive"})
    assert (found.name, found.vault) == ("kaggle", None)
    assert found.evidence[1] == "KAGGLE_USER_SECRETS_TOKEN is not set"
    for variable in ("KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_USER_SECRETS_TOKEN"):
        assert run({"KAGGLE_USERNAME": VALUE, variable: VALUE}).name == "python"


@pytest.mark.parametrize(
    "environ",
    [
        {"LIGHTNING_TEAMSPACE": VALUE},
        {"LIGHTNING_API_KEY": VALUE},
        {"PAPERSPACE_API_KEY": VALUE},
        {"DATABRICKS_HOST": VALUE, "DATABRICKS_TOKEN": VALUE},
        {"CODESPACES": "false"},
        {"SPACE_ID": VALUE},
        {"HEX_PROJECT_ID": VALUE},
        {"DEEPNOTE_PROJECT_ID": VALUE, "DEEPNOTE_RUNTIME__RUNNING_IN_DETACHED_MODE": "true"},
        {"TRAINING_JOB_NAME": VALUE},
        {"JENKINS_URL": VALUE},
        {"CI": "false", "GITHUB_ACTIONS": "true"},
        {"VSCODE_PID": VALUE},
    ],
)
def test_what_people_set_on_their_own_machines_names_no_place(environ: dict[str, str]) -> None:
    found = run(environ)
    assert found == Runtime("python", "Python", False, None, True, ())


def test_a_variable_and_a_file_say_together_what_neither_says_alone() -> None:
    studio = run({"LIGHTNING_TEAMSPACE": VALUE}, files=["/teamspace/studios"])
    assert studio.evidence == ("LIGHTNING_TEAMSPACE", "/teamspace/studios")
    assert (studio.name, studio.can_write) == ("lightning", True)
    training = run({"TRAINING_JOB_NAME": VALUE}, files=["/opt/ml"])
    assert (training.name, training.can_write) == ("sagemaker", False)


def test_jupyterlite_has_a_shell_of_no_kernel_and_asks_through_it() -> None:
    found = run({}, type("Interpreter", (), {})(), platform="emscripten")
    assert (found.name, found.can_ask, found.can_write) == ("jupyterlite", True, False)
    assert not run({}, None, platform="emscripten").can_ask


def test_only_where_what_is_stored_stays_can_something_be_kept() -> None:
    found = [run(environ) for environ, _, _ in BY_VARIABLES]
    assert {r.name for r in found if r.can_write} == {"codespaces", "lightning"}
    for shell in (None, TerminalInteractiveShell(), ZMQInteractiveShell()):
        assert run({}, shell).can_write
    assert run({}, ZMQInteractiveShell(["__vsc_ipynb_file__"])).can_write
    assert not run({}, make_colab_shell()).can_write


@pytest.mark.parametrize(
    ("shell", "has_terminal", "can_ask"),
    [
        (ZMQInteractiveShell(), False, True),
        (ZMQInteractiveShell(allow_stdin=False), True, False),
        (make_colab_shell(), False, True),
        (TerminalInteractiveShell(), True, True),
        (TerminalInteractiveShell(), False, False),
        (None, True, True),
        (None, False, False),
    ],
)
def test_a_prompt_is_answered_by_a_front_end_or_at_a_terminal(
    shell: object | None, has_terminal: bool, can_ask: bool
) -> None:
    assert run({}, shell, has_terminal=has_terminal).can_ask is can_ask
    unattended = ({"CI": "1"}, {"GITHUB_ACTIONS": "true"}, {"CREDMAN_NO_INPUT": "1"})
    for environ in (*unattended, {**KAGGLE, "KAGGLE_KERNEL_RUN_TYPE": "Batch"}):
        assert not run(environ, shell, has_terminal=has_terminal).can_ask


def test_nobody_sits_at_the_terminal_of_a_kernels_child() -> None:
    # IPython runs !commands at a terminal of its own, and passes nothing typed on.
    assert not run({"JPY_PARENT_PID": "1"}, None, has_terminal=True).can_ask
    assert run({"JPY_PARENT_PID": "1"}, ZMQInteractiveShell()).can_ask
    lost = ZMQInteractiveShell()  # whose kernel nobody knows
    lost.kernel = None
    assert not run({}, lost, has_terminal=True).can_ask


def test_every_place_has_a_name_of_its_own() -> None:
    found = {run(environ).name for environ, _, _ in BY_VARIABLES}
    found |= {"jupyterlite", "hex", "vscode", "jupyter", "ipython", "python"}
    assert found == set(NAMES) and len(NAMES) == len(set(NAMES)) == 18


def test_no_two_places_together_are_a_third_one() -> None:
    for (one, first, _), (other, second, _) in itertools.combinations(BY_VARIABLES, 2):
        assert run({**one, **other}).name in (first, second)


PROGRAM = """
import json, os, sys
from credman.core.runtimes import detect
before = set(sys.modules)
shell = get_ipython() if "get_ipython" in dir() else None
found = detect(os.environ, shell, platform=sys.platform, exists=os.path.exists,
               has_terminal=sys.stdin.isatty())
brought = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
print(json.dumps([found.name, found.can_ask, found.vault, sys.stdin.isatty(), brought]))
"""


def test_a_real_kernel_where_google_colab_can_be_imported_is_no_colab(tmp_path: Path) -> None:
    environ = {**make_package(tmp_path / "packages"), "JPY_PARENT_PID": "1"}
    with run_kernel(tmp_path / "kernel", environ=environ) as kernel:
        kernel.run("import google.colab")
        assert kernel.say(PROGRAM) == ["jupyter", True, None, False, []]
        # As nbclient and papermill run cells.
        assert kernel.say(PROGRAM, allow_stdin=False) == ["jupyter", False, None, False, []]
        kernel.run("__vsc_ipynb_file__ = 'example.ipynb'")
        assert kernel.say(PROGRAM)[0] == "vscode"
        # A child has a terminal, at which nobody sits.
        kernel.run(f"import sys\nopen('program.py', 'w').write({PROGRAM!r})")
        assert kernel.say("!{sys.executable} program.py") == ["python", False, None, True, []]


def test_a_real_ipython_is_told_from_a_kernel(tmp_path: Path) -> None:
    require(find_spec("IPython"), "IPython is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", PROGRAM],
        env={"IPYTHONDIR": str(tmp_path / "ipython"), "HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == '["ipython", false, null, false, []]'


def test_at_the_terminal_of_a_kernel_that_was_started_by_hand_nobody_sits() -> None:
    environ = {"PAGER": "cat", "GIT_PAGER": "cat"}
    assert not detect(
        environ, None, platform="linux", exists=lambda path: False, has_terminal=True
    ).can_ask
