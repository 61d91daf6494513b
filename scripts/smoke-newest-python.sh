#!/bin/sh
# The smoke part of the tests on the newest Python that is supported, from an installed wheel.
set -eu
version=3.13
venv=.venv-$version

find_python() {
    for candidate in "python$version" /usr/local/bin/python$version "$HOME"/.pyenv/versions/$version*/bin/python; do
        # A version manager's shim may be there without a Python behind it.
        if "$candidate" -c "import sys; sys.exit(sys.version_info[:2] != (3, 13))" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
}

python=$(find_python)
if [ -z "$python" ]; then
    echo "Python $version is not here, so the smoke part on it is skipped" >&2
    if [ "${CREDMAN_TEST_REQUIRE:-}" = all ]; then exit 1; else exit 0; fi
fi
PYTHON=$python sh scripts/make-venv.sh "$venv" . pytest hypothesis pexpect pyrage python-dotenv pyyaml
# From another directory, so that the installed package is tried and not the one beside this script.
# Only the files that have some: to import all others would take longer than to run these.
files=$(grep -rl 'mark\.smoke' tests --include='*.py')
"$venv/bin/python" -P -m pytest -q --import-mode=importlib --rootdir . -m smoke $files
