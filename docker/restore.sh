#!/bin/sh
# restore.sh FOLDER: puts back what backup.sh copied. What the services have
# now is REMOVED. Views that the backup's broker or outbox still holds are
# delivered again; their ids make the second time harmless.
set -eu
# shellcheck source=docker/compose.sh disable=SC1091,SC2154
. "$(dirname "$0")/compose.sh"

[ $# -eq 1 ] || fail "usage: restore.sh FOLDER"
folder=$(cd "$called_in" && cd "$1" && pwd) || fail "no folder '$1'"
for service in streaming history rabbit; do
    [ -f "$folder/$service.tar" ] || fail "'$folder' has no $service.tar"
done
(cd "$folder" && sha256sum --quiet -c SHA256SUMS) || fail "the backup is damaged: nothing was changed"

quietly compose stop || fail "cannot stop the services"
for service in streaming history rabbit; do
    # shellcheck disable=SC2016 # the folder is expanded in the container
    run_in "$service" sh -c 'find "$0" -mindepth 1 -delete && tar -C "$0" -xf -' \
        "$(data_folder "$service")" <"$folder/$service.tar" ||
        fail "cannot restore $service: run this again before you start the services"
done
quietly compose up -d || fail "the services do not start"
say "restored from $folder"
