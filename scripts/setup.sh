#!/usr/bin/env bash
# Makes the Python environment and the folders of Node packages that tests and benchmarks use:
# scripts/setup.sh VENV NODE AZURITE
#
# Installs what a fresh Debian machine lacks, then what is pinned. Safe to run twice, and by two jobs at once.
set -euo pipefail

venv=${1:?usage: scripts/setup.sh VENV NODE AZURITE}
node=${2:?usage: scripts/setup.sh VENV NODE AZURITE}
azurite=${3:?usage: scripts/setup.sh VENV NODE AZURITE}
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

# Debian packages, by the command or file that shows they are there.
. "$here/debian.sh"
need cc gcc
need chromium chromium
need curl curl
need fish fish
need node nodejs
need npm npm
need openssl openssl
need wrk wrk
need zsh zsh
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
need "$python" python3
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
install_missing

for tool in cargo cargo-nextest; do
    command -v "$tool" >/dev/null || { echo "setup: $tool is not on the PATH; install it (https://rustup.rs, https://nexte.st)" >&2; exit 1; }
done
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "setup: $("$python" -V) is too old, 3.11 or newer is needed; name another with PYTHON=" >&2; exit 1; }

node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' ||
    { echo "setup: node $(node --version) is too old, 18 or newer is needed" >&2; exit 1; }

mkdir -p "$(dirname "$venv")" "$(dirname "$node")" "$(dirname "$azurite")"
exec 9>"$venv.lock"
flock 9
if [ ! -e "$venv/.ready" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    echo "setup: installing pinned wheels into $venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --only-binary=:all: -r "$here/requirements.txt"
    touch "$venv/.ready"
fi

# packages NAME FOLDER: what is pinned in scripts/NAME, into the folder.
packages() {
    exec 8>"$2.lock"
    flock 8
    if [ -e "$2/.ready" ]; then return; fi
    rm -rf "$2"
    mkdir "$2"
    cp "$here/$1/package.json" "$here/$1/package-lock.json" "$2"
    echo "setup: installing pinned Node packages into $2"
    npm ci --prefix "$2" --ignore-scripts --no-audit --no-fund --loglevel=error
    touch "$2/.ready"
}
packages hubspot-client "$node"
packages azurite "$azurite"
