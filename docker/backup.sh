#!/bin/sh
# backup.sh FOLDER: copies what production keeps (the outbox, the broker's
# data, the history) into FOLDER, which must not be there yet. One service
# after the other stands still while its data is copied. No view is lost by
# that: players report again, the outbox waits for the broker, the broker
# waits for history.
set -eu
umask 077
# shellcheck source=docker/compose.sh disable=SC1091,SC2154
. "$(dirname "$0")/compose.sh"

[ $# -eq 1 ] || fail "usage: backup.sh FOLDER"
case $1 in
/*) folder=$1 ;;
*) folder=$called_in/$1 ;;
esac
! [ -e "$folder" ] || fail "'$folder' is there already"
new=$folder.partial
rm -rf "$new"
mkdir -p "$new"

# Whatever happens, all services run again at the end.
trap 'compose start >/dev/null 2>&1 || true' EXIT
# In the order in which a view goes: one that has left a service before its
# copy is made is then in the next one's, so none falls between two copies.
for service in streaming rabbit history; do
    quietly compose stop "$service" || fail "cannot stop $service"
    run_in "$service" tar -C "$(data_folder "$service")" -cf - . \
        >"$new/$service.tar" || fail "cannot copy the data of $service"
    quietly compose start "$service" || fail "cannot start $service again"
done
(cd "$new" && sha256sum -- *.tar >SHA256SUMS)
sync
mv "$new" "$folder"
say "$(du -sh "$folder" | cut -f1) in $folder"
