# shellcheck shell=sh
# Sourced by backup.sh and restore.sh: Compose, on the production files.
# COMPOSE_FILE and COMPOSE_PROJECT_NAME are taken from the environment or .env,
# as Compose itself does.
# shellcheck disable=SC2034 # used by those scripts
called_in=$(pwd)
name=$(basename "$0" .sh)
cd "$(dirname "$0")/.." || exit 1

say() {
    echo "$name: $*"
}

fail() {
    echo "$name: $*" >&2
    exit 1
}

# What a command says is shown when it failed.
quietly() {
    if ! said=$("$@" 2>&1); then
        echo "$said" >&2
        return 1
    fi
}

if [ -z "${COMPOSE_FILE:-}" ] && ! grep -qs '^COMPOSE_FILE=' .env; then
    export COMPOSE_FILE=docker-compose-prod.yaml
fi

if [ -n "${COMPOSE:-}" ]; then
    compose() { $COMPOSE "$@"; } # a command of one's own, with its options
elif docker compose version >/dev/null 2>&1; then
    compose() { docker compose "$@"; }
else
    compose() { docker-compose "$@"; }
fi

data_folder() {
    case $1 in
    rabbit) echo /var/lib/rabbitmq ;;
    *) echo /data ;;
    esac
}

# run_in SERVICE COMMAND…: in a new container with that service's image, user
# and volumes, beside the stopped one. What it says is shown when it failed.
run_in() {
    service=$1 program=$2
    shift 2
    said=$(mktemp)
    if ! compose run --rm -T --no-deps --entrypoint "$program" "$service" "$@" \
        2>"$said"; then
        cat "$said" >&2
        rm -f "$said"
        return 1
    fi
    rm -f "$said"
}
