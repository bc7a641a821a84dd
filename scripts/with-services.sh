#!/usr/bin/env bash
# Runs a command with the servers that tests use: scripts/with-services.sh CMD…
#
# Starts SeaweedFS (an S3 server that is not ours, and whose conditional put is atomic), Azurite (Microsoft's emulator of
# Azure Blob Storage) and PostgreSQL on loopback, on free ports, in folders of their own, and hands their addresses to the
# command. Ends them when the command ends. Inside another with-services.sh it only runs the command.
#
#   FOREBAY_TEST_POSTGRES     postgres://forebay@127.0.0.1:PORT, to which /DATABASE is added
#   FOREBAY_TEST_POSTGRES_DIR its folder (scripts/postgres.sh says what is in it)
#   FOREBAY_TEST_POSTGRES_BIN the folder of createdb, dropdb and psql
#   FOREBAY_TEST_S3_ENDPOINT  FOREBAY_TEST_S3_ACCESS_KEY  FOREBAY_TEST_S3_SECRET_KEY  FOREBAY_TEST_S3_REGION
#   FOREBAY_TEST_AZURE_ADDRESS  FOREBAY_TEST_AZURE_ACCOUNT  FOREBAY_TEST_AZURE_KEY
#   FOREBAY_TEST_PYTHON       the Python that has deltalake, duckdb, polars …: for scripts/oracle.py
#   FOREBAY_TEST_AZURITE      the folder with Azurite, as make set it
#   FOREBAY_TEST_HUBSPOT_NODE the folder with HubSpot's own Node client: passed on as make set it
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
: "${FOREBAY_TEST_PYTHON:?is not set: run through make, or point it at the environment that scripts/setup.sh made}"
: "${FOREBAY_TEST_AZURITE:?is not set: run through make, or point it at the folder that scripts/setup.sh made}"
if [ -n "${FOREBAY_TEST_S3_ENDPOINT:-}" ]; then exec "$@"; fi

weed=$(dirname "$FOREBAY_TEST_PYTHON")/weed
dir=$(mktemp -d "${TMPDIR:-/tmp}/forebay-services.XXXXXX")
# Apart: where we are root, it belongs to another user.
pg=$(mktemp -d "${TMPDIR:-/tmp}/forebay-postgres.XXXXXX")
server=
postgres=
azurite=

stop() {
    local code=$?
    trap - EXIT INT TERM
    if [ -n "$azurite" ]; then
        kill -9 "$azurite" 2>/dev/null || true
        wait "$azurite" 2>/dev/null || true
    fi
    if [ -n "$server" ] && kill "$server" 2>/dev/null; then
        # It takes some seconds to end by itself; what it holds is thrown away, so it need not.
        for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$server" 2>/dev/null || break; sleep 0.2; done
        kill -9 "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    if [ -n "$postgres" ]; then "$here/postgres.sh" stop "$pg" immediate 2>/dev/null || true; fi
    rm -rf "$dir" "$pg"
    # It puts these in /tmp whatever it is told, and leaves them there when it is ended.
    for port in "${master:-}" "${masterg:-}" "${volume:-}" "${volumeg:-}" "${filer:-}" "${filerg:-}" "${s3:-}" "${s3g:-}"; do
        [ -z "$port" ] || rm -f "/tmp/seaweedfs-"{master,volume,filer,s3}"-grpc-$port.sock"
    done
    exit "$code"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

export FOREBAY_TEST_S3_ACCESS_KEY=forebaytest FOREBAY_TEST_S3_REGION=us-east-1
FOREBAY_TEST_S3_SECRET_KEY=$("$FOREBAY_TEST_PYTHON" -c 'import secrets; print(secrets.token_hex(20))')
export FOREBAY_TEST_S3_SECRET_KEY
cat >"$dir/s3.json" <<JSON
{"identities": [{"name": "tests", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
  "credentials": [{"accessKey": "$FOREBAY_TEST_S3_ACCESS_KEY", "secretKey": "$FOREBAY_TEST_S3_SECRET_KEY"}]}]}
JSON
chmod 600 "$dir/s3.json"

# Another program may take a port between our choice and the server's start: then choose again.
for attempt in 1 2 3; do
    # All held at once, so that they differ.
    read -r master masterg volume volumeg filer filerg s3 s3g < <("$FOREBAY_TEST_PYTHON" -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(8)]
print(*(s.getsockname()[1] for s in held))')
    mkdir -p "$dir/data"
    # Each bucket takes at least seven volumes: with fewer than 200 the third bucket fails.
    "$weed" -logtostderr=true server -ip=127.0.0.1 -ip.bind=127.0.0.1 -dir="$dir/data" -master.telemetry=false \
        -master.port="$master" -master.port.grpc="$masterg" -master.volumeSizeLimitMB=1024 \
        -volume.port="$volume" -volume.port.grpc="$volumeg" -volume.max=200 \
        -filer.port="$filer" -filer.port.grpc="$filerg" -filer.localSocket="$dir/filer.sock" \
        -s3 -s3.port="$s3" -s3.port.grpc="$s3g" -s3.port.iceberg=0 -s3.port.lance=0 -s3.localSocket="$dir/s3.sock" \
        -s3.config="$dir/s3.json" >"$dir/weed.log" 2>&1 &
    server=$!
    export FOREBAY_TEST_S3_ENDPOINT=http://127.0.0.1:$s3
    if "$FOREBAY_TEST_PYTHON" "$here/s3_ready.py" "$server"; then break; fi
    kill -9 "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
    if [ "$attempt" = 3 ]; then
        echo "with-services: SeaweedFS did not come up; the end of its log:" >&2
        tail -n 40 "$dir/weed.log" >&2
        exit 1
    fi
    rm -rf "$dir/data"
done

FOREBAY_TEST_POSTGRES_BIN=$("$here/postgres.sh" bin)
export FOREBAY_TEST_POSTGRES_BIN FOREBAY_TEST_POSTGRES_DIR=$pg
"$here/postgres.sh" init "$pg"
for attempt in 1 2 3; do
    port=$("$FOREBAY_TEST_PYTHON" -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    if "$here/postgres.sh" start "$pg" "$port"; then postgres=yes; break; fi
    [ "$attempt" != 3 ] || exit 1
done
export FOREBAY_TEST_POSTGRES=postgres://forebay@127.0.0.1:$port

# It takes a free port by itself, says which, and keeps everything in memory.
export FOREBAY_TEST_AZURE_ACCOUNT=forebaytest
FOREBAY_TEST_AZURE_KEY=$("$FOREBAY_TEST_PYTHON" -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(48)).decode())')
export FOREBAY_TEST_AZURE_KEY
AZURITE_ACCOUNTS="$FOREBAY_TEST_AZURE_ACCOUNT:$FOREBAY_TEST_AZURE_KEY" \
    node "$FOREBAY_TEST_AZURITE/node_modules/azurite/dist/src/blob/main.js" --blobHost 127.0.0.1 --blobPort 0 \
    --inMemoryPersistence --disableTelemetry --silent >"$dir/azurite.log" 2>&1 &
azurite=$!
FOREBAY_TEST_AZURE_ADDRESS=
for _ in $(seq 300); do
    FOREBAY_TEST_AZURE_ADDRESS=$(sed -n 's|.*successfully listens on http://||p' "$dir/azurite.log")
    if [ -n "$FOREBAY_TEST_AZURE_ADDRESS" ]; then break; fi
    if ! kill -0 "$azurite" 2>/dev/null; then break; fi
    sleep 0.1
done
if [ -z "$FOREBAY_TEST_AZURE_ADDRESS" ]; then
    echo "with-services: Azurite did not come up; its log:" >&2
    tail -n 40 "$dir/azurite.log" >&2
    exit 1
fi
export FOREBAY_TEST_AZURE_ADDRESS

"$@"
