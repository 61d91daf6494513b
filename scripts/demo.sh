#!/bin/sh
# The main job, for real, in a home that is thrown away. Asks nothing.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
export CREDMAN_HOME="$scratch/credman"
CREDMAN_PASSPHRASE=$(head -c 18 /dev/urandom | base64)
export CREDMAN_PASSPHRASE
export CREDMAN_OFFLINE=1 # the tokens are made up: nobody is asked about them
unset CREDMAN_ENV CREDMAN_PROFILE CREDMAN_STORE CREDMAN_PASSPHRASE_COMMAND

# A synthetic token, made now: letters as a Hugging Face token has them.
synthetic() {
    LC_ALL=C tr -dc 'A-Za-z' </dev/urandom | head -c 34 | sed 's/^/hf_/'
}

say() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}

show() {
    printf '$ %s\n' "$*"
    eval "$*"
}

if [ ! -t 1 ]; then
    say() { printf '\n%s\n' "$*"; }
fi

cd "$scratch"
say "A vault, opened by a passphrase (here from CREDMAN_PASSPHRASE), and a recovery key in a file"
show 'credman init --recovery-file recovery.key'

say "A token for two environments; values come from a pipe, or from a hidden prompt"
printf '$ %s\n' 'synthetic | credman add hf -e prod'
synthetic | credman add hf -e prod
printf '$ %s\n' 'synthetic | credman add hf'
synthetic | credman add hf
printf '$ %s\n' 'head -c 20 /dev/urandom | base64 | credman add tracker --var TRACKER_KEY --note "inherited by prod"'
head -c 20 /dev/urandom | base64 | credman add tracker --var TRACKER_KEY --note 'inherited by prod'

say "Into this shell"
show 'eval "$(credman env prod)"'
show 'python3 -c "import os; print(\"python sees\", len(os.environ[\"HF_TOKEN\"]), \"characters of HF_TOKEN\")"'

say "Or only into one command"
show 'credman exec prod -- sh -c '"'"'echo "the child sees HF_TOKEN=$(printf %.3s "$HF_TOKEN")… and TRACKER_KEY"'"'"

say "What there is"
show 'credman list -e prod'

say "The vault file is opaque"
vault="$CREDMAN_HOME/data/vault.age"
show 'ls -l "$CREDMAN_HOME/data" | tail -n +2 | cut -c1-10,23-'
show 'head -c 22 "$CREDMAN_HOME/data/vault.age"'
if grep -aqF "$HF_TOKEN" "$vault" || grep -aqF HF_TOKEN "$vault"; then
    echo "the vault shows a token or a name" >&2
    exit 1
fi
echo "neither the token nor its name can be found in $(wc -c <"$vault") bytes"

say "A mistake stops a script instead of going on without tokens"
show 'credman env prd || echo "exit code $?"'

say "Done; $scratch is removed. Now for real:  credman add hf"
