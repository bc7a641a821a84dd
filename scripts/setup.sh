#!/usr/bin/env bash
# Makes the Python environment that tests and benchmarks use: scripts/setup.sh VENV
#
# Installs what a fresh Debian machine lacks, then the pinned wheels. Safe to run twice, and by two jobs at once.
set -euo pipefail

venv=${1:?usage: scripts/setup.sh VENV}
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

# Debian packages, by the command or file that shows they are there.
missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need cc gcc
need curl curl
need "$python" python3
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
    install=(apt-get install -y -q --no-install-recommends "${missing[@]}")
    if [ "$(id -u)" = 0 ]; then
        apt-get update -q
        "${install[@]}"
    elif command -v sudo >/dev/null; then
        sudo apt-get update -q
        sudo "${install[@]}"
    else
        echo "setup: missing Debian packages and no way to install them; run as root: ${install[*]}" >&2
        exit 1
    fi
fi

for tool in cargo cargo-nextest; do
    command -v "$tool" >/dev/null || { echo "setup: $tool is not on the PATH; install it (https://rustup.rs, https://nexte.st)" >&2; exit 1; }
done
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "setup: $("$python" -V) is too old, 3.11 or newer is needed; name another with PYTHON=" >&2; exit 1; }

mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
flock 9
[ -e "$venv/.ready" ] && exit 0
rm -rf "$venv"
"$python" -m venv "$venv"
echo "setup: installing pinned wheels into $venv"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --only-binary=:all: -r "$here/requirements.txt"
touch "$venv/.ready"
