# Sourced: names what is needed and installs what the machine lacks of it, as Debian packages.

missing=()

# need COMMAND PACKAGE: the package is installed unless the command is there.
need() { command -v "$1" >/dev/null || missing+=("$2"); }

install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    local install=(apt-get install -y -q --no-install-recommends "${missing[@]}")
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
}
