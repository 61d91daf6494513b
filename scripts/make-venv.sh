#!/bin/sh
# Makes a virtual environment and installs into it: make-venv.sh DIRECTORY PIP-ARGUMENT...
# Python is $PYTHON, else the newest of those that are here and new enough.
set -eu
venv=$1
shift

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ ! -x "$venv/bin/python" ]; then
    python=
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && is_new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3 python3-venv >/dev/null
        python=python3
    fi
    if [ -z "$python" ] || ! is_new_enough "$python"; then
        echo "credman needs Python 3.11 or newer; PYTHON=/path/to/python make … names one" >&2
        exit 1
    fi
    if ! "$python" -m venv "$venv" 2>/dev/null; then
        # Debian keeps venv in a package of its own.
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv >/dev/null
            "$python" -m venv --clear "$venv"
        else
            echo "$python cannot make virtual environments: install its venv module (python3-venv)" >&2
            exit 1
        fi
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
