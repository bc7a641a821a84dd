#!/usr/bin/env bash
# A PostgreSQL server of one's own from Debian's binaries, on loopback, for tests and benchmarks:
#
#   scripts/postgres.sh init DIR         makes a cluster in DIR, an empty folder
#   scripts/postgres.sh start DIR PORT   starts it, returns when it answers
#   scripts/postgres.sh stop DIR [MODE]  ends it: fast, or MODE (immediate: as a crash would)
#   scripts/postgres.sh bin              says where the binaries are
#
# `forebay` is its superuser and needs no password; `guarded` has one, which DIR/password holds. It speaks TLS with a
# certificate for localhost, made by the authority in DIR/ca.crt. Its language is English: our text is compared by
# bytes, whatever the database's own order. FSYNC=on makes it as durable as it is by default. The server does not run
# as root: where we are root, it runs as Debian's user postgres.
set -euo pipefail

bin=${FOREBAY_TEST_POSTGRES_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
if [ ! -x "${bin:-/nowhere}/initdb" ]; then
    echo "postgres: no PostgreSQL server; install Debian's package postgresql, or name the folder of initdb in FOREBAY_TEST_POSTGRES_BIN" >&2
    exit 1
fi
what=${1:?usage: scripts/postgres.sh init|start|stop|bin DIR}
if [ "$what" = bin ]; then echo "$bin"; exit; fi
dir=${2:?usage: scripts/postgres.sh init|start|stop DIR}

as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

certify() {
    cd "$dir"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Forebay tests" \
        -keyout ca.key -out ca.crt 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
        -keyout server.key -out server.csr 2>/dev/null
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out server.crt \
        -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") 2>/dev/null
    chmod 600 server.key ca.key
}

case "$what" in
init)
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    certify
    openssl rand -hex 16 >"$dir/password"
    chmod 600 "$dir/password"
    if [ "$(id -u)" = 0 ]; then chown -R postgres "$dir"; fi
    cd "$dir"
    as "$bin/initdb" -D "$dir/data" -U forebay -A trust -E UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en \
        --no-sync >"$dir/initdb.log"
    sed -i '1i host all guarded 127.0.0.1/32 scram-sha-256' "$dir/data/pg_hba.conf"
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
max_connections = 300
shared_buffers = 64MB
ssl = on
ssl_cert_file = '$dir/server.crt'
ssl_key_file = '$dir/server.key'
fsync = ${FSYNC:-off}
full_page_writes = ${FSYNC:-off}
CONF
    echo "CREATE ROLE guarded LOGIN CREATEDB PASSWORD '$(cat "$dir/password")';" |
        as "$bin/postgres" --single -D "$dir/data" postgres >>"$dir/initdb.log" 2>&1
    ;;
start)
    port=${3:?usage: scripts/postgres.sh start DIR PORT}
    cd "$dir"
    as "$bin/pg_ctl" -D "$dir/data" -o "-p $port" -l "$dir/server.log" -w -t 60 start >/dev/null ||
        { tail -n 40 "$dir/server.log" >&2; exit 1; }
    ;;
stop)
    cd "$dir"
    as "$bin/pg_ctl" -D "$dir/data" -m "${3:-fast}" -w -t 60 stop >/dev/null
    ;;
*)
    echo "usage: scripts/postgres.sh init|start|stop|bin DIR" >&2
    exit 2
    ;;
esac
