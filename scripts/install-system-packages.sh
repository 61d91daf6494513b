#!/bin/sh
# Installs what the tests run for real (shells, age, strace, …): by apt-get, as root on Debian.
# Elsewhere it only says what is missing; tests that need it are skipped and say why.
set -eu
list=tests/system-packages.txt
missing=
if command -v dpkg-query >/dev/null; then
    while read -r package; do
        case $package in '' | '#'*) continue ;; esac
        if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed'; then
            missing="$missing $package"
        fi
    done <$list
fi
if [ -z "$missing" ] && command -v dpkg-query >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # shellcheck disable=SC2086 # one word a package
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 $missing >/dev/null
    exit 0
fi
echo "not installed, so tests that need one of these are skipped:${missing:- see $list}" >&2
