"""Where Python runs: a notebook on somebody's service, an editor, a terminal, a build.

Rule: this is told from the environment, the shell object and files that are there, each handed in;
nothing of a platform is imported, since that an import works says nothing of where it works.
Evidence names a variable, a class or a file, never what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from credman.core.environ import mask_environ
from credman.core.runtime import is_unattended

_TITLES = {
    "colab": "Google Colab",
    "colab-enterprise": "Colab Enterprise",
    "kaggle": "Kaggle",
    "databricks": "Databricks",
    "sagemaker": "Amazon SageMaker",
    "lightning": "Lightning AI",
    "paperspace": "Paperspace",
    "codespaces": "GitHub Codespaces",
    "gitpod": "Gitpod",
    "spaces": "Hugging Face Spaces",
    "deepnote": "Deepnote",
    "hex": "Hex",
    "jupyterlite": "JupyterLite",
    "vscode": "VS Code notebook",
    "jupyter": "Jupyter",
    "ipython": "IPython",
    "ci": "CI",
    "python": "Python",
}
NAMES = tuple(_TITLES)
"""Every name that a runtime can have."""
_KEPT = frozenset(
    ("codespaces", "ipython", "jupyter", "lightning", "python", "sagemaker", "vscode")
)
_SAGEMAKER_FILE = "/opt/ml/metadata/resource-metadata.json"
_STUDIO_LAB = "/home/studio-lab-user"
_DATABRICKS_FILE = "/databricks/DBR_VERSION"
_LIGHTNING_FOLDER = "/teamspace/studios"
_CI_VARIABLES = (
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "TF_BUILD",
    "CIRCLECI",
    "BUILDKITE",
    "TRAVIS",
    "BITBUCKET_COMMIT",
    "CODEBUILD_BUILD_ARN",
)
_ELSEWHERE = "no kernel of Colab's in this process: its secrets are read in a cell alone"


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where this process runs.

    Args:
        name: one of ``NAMES``.
        title: what people call it.
        can_ask: whether a prompt would be answered: the kernel's front end takes input, or there is
            a terminal; never in CI, nor where a notebook is run by a program.
        vault: whose secrets can be read from this process: "colab", "kaggle", "databricks" or None.
        can_write: whether what credman stores here is still there in the next session.
        evidence: what said so, the strongest first.
    """

    name: str
    title: str
    can_ask: bool
    vault: str | None
    can_write: bool
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Signs:
    environ: Mapping[str, str]
    shell: object | None
    platform: str
    exists: Callable[[str], bool]

    def variables(self, *names: str) -> tuple[str, ...]:
        return tuple(name for name in names if self.environ.get(name))

    def files(self, *paths: str) -> tuple[str, ...]:
        return tuple(path for path in paths if self.exists(path))

    def class_of(self, module: str = "", name: str = "") -> tuple[str, ...]:
        """Returns: the shell's first class of this name, or from this package, if there is one."""
        for kind in () if self.shell is None else type(self.shell).__mro__:
            is_from = bool(module) and f"{kind.__module__}.".startswith(f"{module}.")
            if is_from or kind.__name__ == name:
                return (f"{kind.__module__}.{kind.__qualname__}",)
        return ()

    def kernel_class(self) -> tuple[str, ...]:
        return self.class_of(name="ZMQInteractiveShell")

    def names_of_user(self, *names: str) -> tuple[str, ...]:
        there = getattr(self.shell, "user_ns", None)
        return tuple(n for n in names if n in there) if isinstance(there, dict) else ()


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    evidence: tuple[str, ...]
    vault: str | None = None
    can_write: bool | None = None  # None: as it usually is there


def detect(
    environ: Mapping[str, str],
    shell: object | None,
    *,
    platform: str,
    exists: Callable[[str], bool],
    has_terminal: bool,
) -> Runtime:
    """Tells where this process runs, the most specific place first.

    Args:
        environ: its environment.
        shell: what ``get_ipython()`` gave; None outside of IPython.
        platform: ``sys.platform``.
        exists: whether there is a file or a folder of this path.
        has_terminal: whether somebody sits at a terminal of this process.

    Returns:
        The runtime; "python" where nothing says more.
    """
    environ = mask_environ(environ)
    signs = _Signs(environ, shell, platform, exists)
    found = next((f for rule in _RULES if (f := rule(signs))), _Found("python", ()))
    return Runtime(
        name=found.name,
        title=_TITLES[found.name],
        can_ask=_can_ask(signs, has_terminal=has_terminal),
        vault=found.vault,
        can_write=found.name in _KEPT if found.can_write is None else found.can_write,
        evidence=found.evidence,
    )


def _can_ask(signs: _Signs, *, has_terminal: bool) -> bool:
    if is_unattended(signs.environ) or _find_ci(signs):
        return False
    if signs.environ.get("KAGGLE_KERNEL_RUN_TYPE") == "Batch":
        return False
    kernel = getattr(signs.shell, "kernel", None)
    if kernel is not None:  # set anew by every request; nbclient and papermill say no
        return getattr(kernel, "_allow_stdin", False) is True
    if signs.shell is not None:
        if signs.platform == "emscripten":
            return True
        return has_terminal and not signs.kernel_class()
    # The child of a kernel may well have a terminal: IPython's own, at which nobody sits.
    is_child = signs.variables("JPY_PARENT_PID") or _has_pagers_of_kernels(signs.environ)
    return has_terminal and not is_child


def _has_pagers_of_kernels(environ: Mapping[str, str]) -> bool:
    # Every ipykernel sets these for itself, also one that no server has started.
    return all(environ.get(name) == "cat" for name in ("PAGER", "GIT_PAGER"))


def _find_jupyterlite(signs: _Signs) -> _Found | None:
    return _Found("jupyterlite", ("sys.platform",)) if signs.platform == "emscripten" else None


def _find_kaggle(signs: _Signs) -> _Found | None:
    # Before Colab: Kaggle's image is made from Colab's. KAGGLE_KEY and the like are on any machine.
    if not (here := signs.variables("KAGGLE_KERNEL_RUN_TYPE")):
        return None
    if token := signs.variables("KAGGLE_USER_SECRETS_TOKEN"):
        return _Found("kaggle", here + token, vault="kaggle")
    return _Found("kaggle", (*here, "KAGGLE_USER_SECRETS_TOKEN is not set"))


def _find_colab(signs: _Signs) -> _Found | None:
    own = signs.class_of(module="google.colab")
    tag = signs.variables("COLAB_RELEASE_TAG")
    if signs.environ.get("VERTEX_PRODUCT") == "COLAB_ENTERPRISE":  # its vault is another one
        return _Found("colab-enterprise", ("VERTEX_PRODUCT", *own, *tag))
    if own:
        return _Found("colab", own + tag, vault="colab")
    return _Found("colab", (*tag, _ELSEWHERE)) if tag else None


def _find_databricks(signs: _Signs) -> _Found | None:
    here = signs.variables("DATABRICKS_RUNTIME_VERSION", "DATABRICKS_ENV_VERSION")
    if not here:  # an image of one's own has neither
        here = signs.files(_DATABRICKS_FILE)
    return _Found("databricks", here, vault="databricks") if here else None


def _find_sagemaker(signs: _Signs) -> _Found | None:
    if job := signs.variables("SM_TRAINING_ENV"):
        return _Found("sagemaker", job, can_write=False)
    if (job := signs.variables("TRAINING_JOB_NAME")) and (files := signs.files("/opt/ml")):
        return _Found("sagemaker", job + files, can_write=False)
    files = signs.files(_SAGEMAKER_FILE, _STUDIO_LAB)
    return _Found("sagemaker", files) if files else None


def _find_lightning(signs: _Signs) -> _Found | None:
    # LIGHTNING_TEAMSPACE alone: its SDK takes that on anybody's own machine.
    here = signs.variables("LIGHTNING_CLOUD_SPACE_ID", "LIGHTNING_CLOUD_PROJECT_ID")
    if not here and (named := signs.variables("LIGHTNING_TEAMSPACE")):
        here = named + folder if (folder := signs.files(_LIGHTNING_FOLDER)) else ()
    return _Found("lightning", here) if here else None


def _find_paperspace(signs: _Signs) -> _Found | None:
    named = sorted(v for v in signs.environ if v.startswith("PAPERSPACE_"))
    # The key of its command line is on anybody's own machine.
    here = signs.variables(*(v for v in named if v != "PAPERSPACE_API_KEY"))
    return _Found("paperspace", here) if here else None


def _find_workspace(signs: _Signs) -> _Found | None:
    if signs.environ.get("CODESPACES") == "true":
        return _Found("codespaces", ("CODESPACES",))
    here = signs.variables("GITPOD_WORKSPACE_ID", "GITPOD_INSTANCE_ID")
    return _Found("gitpod", here) if here else None


def _find_space(signs: _Signs) -> _Found | None:
    here = signs.variables("SPACE_ID")  # others have variables of that name, without an owner
    if here and signs.environ["SPACE_ID"].count("/") == 1:
        return _Found("spaces", here + signs.variables("SPACE_HOST"))
    return None


def _find_deepnote(signs: _Signs) -> _Found | None:
    here = signs.variables("DEEPNOTE_PROJECT_ID")
    # Its editor extension sets that too, for a kernel on one's own machine.
    if here and not signs.variables("DEEPNOTE_RUNTIME__RUNNING_IN_DETACHED_MODE"):
        return _Found("deepnote", here)
    return None


def _find_hex(signs: _Signs) -> _Found | None:
    here = signs.names_of_user("hex_run_context", "hex_scheduled")
    if not here and (kernel := signs.kernel_class()):  # builds elsewhere name a project as well
        here = named + kernel if (named := signs.variables("HEX_PROJECT_ID")) else ()
    return _Found("hex", here) if here else None


def _find_ci(signs: _Signs) -> _Found | None:
    if signs.environ.get("CI", "").lower() in ("false", "0", "no", "off"):
        return None
    here = signs.variables("CI", *_CI_VARIABLES)
    if len(jenkins := signs.variables("JENKINS_URL", "BUILD_ID")) == 2:
        here += jenkins
    return _Found("ci", here) if here else None


def _find_shell(signs: _Signs) -> _Found | None:
    kernel = signs.kernel_class()
    if editor := signs.names_of_user("__vsc_ipynb_file__"):  # VSCODE_PID is inherited by all
        return _Found("vscode", editor + kernel)
    if kernel:
        return _Found("jupyter", kernel)
    if signs.shell is not None:
        return _Found("ipython", signs.class_of(name=type(signs.shell).__name__))
    return None


_RULES: tuple[Callable[[_Signs], _Found | None], ...] = (
    _find_jupyterlite,
    _find_kaggle,
    _find_colab,
    _find_databricks,
    _find_sagemaker,
    _find_lightning,
    _find_paperspace,
    _find_workspace,
    _find_space,
    _find_deepnote,
    _find_hex,
    _find_ci,
    _find_shell,
)
