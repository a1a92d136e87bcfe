#!/bin/sh
# In the container: makes the database at the first start, then is PostgreSQL.
# Settings are in /etc/flixtube, the password of the role `history` in the
# secret postgres_password.
set -eu
umask 077
data=/var/lib/postgresql/data
settings=/etc/flixtube/postgresql.conf

# All of it or nothing: a start that is cut off begins anew.
make_database() {
    new=$data.new
    rm -rf "$new"
    initdb --pgdata "$new" --username postgres --data-checksums \
        --encoding UTF8 --locale C.UTF-8 --auth-local peer --auth-host scram-sha-256
    # Single-user: nobody can connect before it is whole. A line is a command.
    postgres --single -D "$new" postgres >/dev/null <<SQL
CREATE ROLE history LOGIN PASSWORD '$(cat /run/secrets/postgres_password)'
CREATE DATABASE history OWNER history
SQL
    sync
    mv "$new" "$data"
}

[ -s "$data/PG_VERSION" ] || make_database
exec postgres -D "$data" -c "config_file=$settings"
