"""Files by which other programs stay logged in: a token belongs there, as they see it.

Rule: credman edits none of them. Without the token the program would not work, and half of such a
file is worse than none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_OF_HOME = {
    ".aws/credentials": "aws configure, or delete the profile",
    ".cache/huggingface/stored_tokens": "hf auth logout",
    ".cache/huggingface/token": "hf auth logout",
    ".cargo/credentials.toml": "cargo logout",
    ".config/gcloud/application_default_credentials.json": "gcloud auth application-default revoke",
    ".config/gh/hosts.yml": "gh auth logout",
    ".config/git/credentials": "git credential reject",
    ".config/rclone/rclone.conf": "rclone config",
    ".databrickscfg": "databricks auth, or delete the profile",
    ".config/glab-cli/config.yml": "glab auth logout",
    ".config/hub": "delete it",
    ".config/pip/pip.conf": "pip config unset, or a keyring",
    ".config/pypoetry/auth.toml": "poetry config --unset",
    ".docker/config.json": "docker logout",
    ".git-credentials": "git credential reject",
    ".kaggle/access_token": "delete it",
    ".kube/config": "kubectl config unset users",
    ".terraform.d/credentials.tfrc.json": "terraform logout",
    ".kaggle/kaggle.json": "delete it",
    ".netrc": "delete its line",
    ".npmrc": "npm logout",
    ".pypirc": "delete its line",
}

_MOVED = {
    "AWS_SHARED_CREDENTIALS_FILE": {"": "aws configure, or delete the profile"},
    "CARGO_HOME": {"credentials.toml": "cargo logout"},
    "DOCKER_CONFIG": {"config.json": "docker logout"},
    "GH_CONFIG_DIR": {"hosts.yml": "gh auth logout"},
    "HF_HOME": {"token": "hf auth logout", "stored_tokens": "hf auth logout"},
    "HF_TOKEN_PATH": {"": "hf auth logout"},
    "KAGGLE_CONFIG_DIR": {"kaggle.json": "delete it", "access_token": "delete it"},
    "KUBECONFIG": {"": "kubectl config unset users"},
    "NETRC": {"": "delete its line"},
    "NPM_CONFIG_USERCONFIG": {"": "npm logout"},
}
"""What says that they lie elsewhere: the folder, or the file itself."""


def find_login(path: str, home: str, environ: Mapping[str, str]) -> str | None:
    """Args: path, home: absolute. Returns: how to log out; None: nobody logs in by this file."""
    known = {f"{home}/{name}": way for name, way in _OF_HOME.items()}
    for variable, files in _MOVED.items():
        place = environ.get(variable)
        if place:
            known |= {f"{place}/{name}" if name else place: way for name, way in files.items()}
    # People keep some of them elsewhere, and links in their place.
    return known.get(path) or {os.path.realpath(name): way for name, way in known.items()}.get(path)
