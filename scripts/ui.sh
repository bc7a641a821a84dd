#!/usr/bin/env bash
# Builds the web UI into ui/dist, from where cargo compiles it into the program. Does nothing where the build is of
# these very sources, and safe to run by two jobs at once.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../ui"
. "$here/debian.sh"
need node nodejs
need npm npm
install_missing

node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || a === 22 && b >= 12 || a === 20 && b >= 19 ? 0 : 1)' ||
    { echo "ui: node $(node --version) is too old for the build, 20.19 or newer is needed" >&2; exit 1; }

exec 9< package.json
flock 9

# sum FILE…: names and contents of files as one number.
sum() { sha256sum "$@" | sha256sum | cut -c1-32; }
pins=$(sum package.json package-lock.json)
mapfile -d '' -t sources < <(find . -type f -not -path './node_modules/*' -not -path './dist/*' \
    -not -path './tests/*' -not -path './src/api/schema.d.ts' -print0 | LC_ALL=C sort -z)
built=$(sum "${sources[@]}" ../crates/api/openapi.json)

if [ -e dist/index.html ] && [ "$(cat node_modules/.forebay.built 2>/dev/null)" = "$built" ]; then exit 0; fi
if [ "$(cat node_modules/.forebay.pins 2>/dev/null)" != "$pins" ]; then
    echo "ui: installing pinned Node packages"
    npm ci --no-audit --no-fund --loglevel=error
    echo "$pins" > node_modules/.forebay.pins
fi
echo "ui: building"
npm run --silent build
echo "$built" > node_modules/.forebay.built
