# shellcheck shell=bash
# Starts the broker and both services together, and stops them. Sourced.

readonly READY_TIMEOUT_S=30
readonly STOP_TIMEOUT_S=20 # as long as a container's grace
readonly STREAMING_PORT=${STREAMING_PORT:-4000}
readonly HISTORY_PORT=${HISTORY_PORT:-4001}
readonly state=${FLIX_STATE:-$root/state}

broker_is_ours='' # set when this script starts it
declare -A pids=() # of the services that run, by name

refuse_taken_ports() {
    local port
    for port in "$STREAMING_PORT" "$HISTORY_PORT"; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            fail "port $port is taken: end what uses it, or set STREAMING_PORT and HISTORY_PORT"
        fi
    done
}

# In the background, since it takes as long as a build; use_broker waits.
start_broker() {
    [ -z "${RABBIT:-}" ] || return 0
    broker_is_ours=1
    tools/broker start "$state/broker" >/dev/null &
    broker_start=$!
}

use_broker() {
    [ -z "${RABBIT:-}" ] || return 0
    wait "$broker_start" || fail "the broker did not start"
    export RABBIT
    RABBIT=$(sed -n 's/^amqp=//p' "$state/broker/broker.env")
    broker_page=$(sed -n 's/^management=//p' "$state/broker/broker.env")
}

# The settings that make the two find each other.
service_settings() {
    mkdir -p "$state"
    export HISTORY_DB="${HISTORY_DB:-$state/history.db}"
    export OUTBOX_DB="${OUTBOX_DB:-$state/outbox.db}"
    export VIDEOS="${VIDEOS:-$root/videos}"
    export HISTORY_URL="${HISTORY_URL:-http://localhost:$HISTORY_PORT}"
    export CORS_ORIGINS="${CORS_ORIGINS:-http://localhost:$STREAMING_PORT,http://127.0.0.1:$STREAMING_PORT}"
}

# start NAME PORT COMMAND…: in a session of its own, so that a Ctrl-C reaches
# this script alone, which then stops all in order.
start() {
    local name=$1 port=$2
    shift 2
    PORT=$port setsid "$@" > >(exec setsid sed -u "s/^/$name | /") 2>&1 \
        </dev/null &
    pids[$name]=$!
}

start_services() {
    service_settings
    start 'history  ' "$HISTORY_PORT" build/release/bin/history serve
    start 'streaming' "$STREAMING_PORT" build/release/bin/streaming serve
    wait_until_ready 'history  ' "$HISTORY_PORT"
    wait_until_ready 'streaming' "$STREAMING_PORT"
}

start_services_with_reload() {
    service_settings
    start_with_reload 'history  ' "$HISTORY_PORT" history
    start_with_reload 'streaming' "$STREAMING_PORT" streaming
    wait_until_ready 'history  ' "$HISTORY_PORT"
    wait_until_ready 'streaming' "$STREAMING_PORT"
}

# start_with_reload NAME PORT PROGRAM: the lock is for a change to common/,
# which both loops see.
start_with_reload() {
    start "$1" "$2" build/dev/bin/reload \
        --watch common schema cmake "$3" \
        --build "flock build/dev/reload.lock cmake --build --preset dev --target $3" \
        --run "build/dev/bin/$3" serve
}

# http_status PORT PATH: prints the status code of a GET on loopback.
http_status() {
    local answer code=''
    { exec {answer}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' \
        "$2" >&"$answer"
    read -r -t 2 -u "$answer" _ code _
    exec {answer}>&-
    echo "$code"
}

wait_until_ready() {
    local name=$1 port=$2 deadline=$((SECONDS + READY_TIMEOUT_S))
    until [ "$(http_status "$port" /readyz)" = 200 ]; do
        kill -0 "${pids[$name]}" 2>/dev/null || fail "${name%% *} did not start"
        [ "$SECONDS" -lt "$deadline" ] ||
            fail "${name%% *} is not ready after $READY_TIMEOUT_S s"
        sleep 0.05
    done
}

print_addresses() {
    say "player   http://localhost:$STREAMING_PORT"
    say "history  http://localhost:$HISTORY_PORT"
    [ -z "${broker_page:-}" ] ||
        say "broker   $broker_page (guest, guest)  $RABBIT"
    say "data in $state; Ctrl-C stops all"
}

# From now on, whatever ends this script stops what it started.
stop_at_end() {
    trap 'say stopping; exit 0' INT TERM HUP
    trap 'stop_all $?' EXIT
}

# Comes back only by a signal, or when a service ended by itself.
wait_for_an_end() {
    local ended='' code name
    wait -n -p ended "${pids[@]}"
    code=$?
    for name in "${!pids[@]}"; do
        [ "${pids[$name]}" != "$ended" ] ||
            fail "${name%% *} ended by itself with exit code $code"
    done
}

# stop_all EXIT_CODE: the services first, so that what they have in hand still
# reaches the broker. A further signal goes to them: they then end at once.
stop_all() {
    local code=$1
    trap - EXIT
    trap 'kill -TERM "${pids[@]}" 2>/dev/null' INT TERM HUP
    stop_one 'streaming' || code=1
    stop_one 'history  ' || code=1
    [ -z "$broker_is_ours" ] || tools/broker stop "$state/broker" || code=1
    say "stopped"
    exit "$code"
}

stop_one() {
    local pid=${pids[$1]:-} deadline=$((SECONDS + STOP_TIMEOUT_S))
    [ -n "$pid" ] || return 0
    kill -TERM "$pid" 2>/dev/null
    while kill -0 "$pid" 2>/dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "${1%% *} does not stop: killed"
            kill -KILL "$pid"
            return 1
        fi
        sleep 0.05
    done
    wait "$pid"
}
