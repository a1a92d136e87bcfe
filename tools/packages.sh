# shellcheck shell=bash
# What the project needs of Debian 12, Debian 13 and Ubuntu 24.04. Sourced.
# shellcheck disable=SC2034 # used by flix

# To build and to run.
run_packages=(
    gcc libc6-dev cmake ninja-build pkgconf ccache
    libsqlite3-dev librabbitmq-dev libmicrohttpd-dev libcjson-dev libuv1-dev
    libjwt-dev zlib1g-dev libpq-dev
    rabbitmq-server procps
)

# The tests, on top of that.
test_packages=(
    libcmocka-dev
    clang clang-format clang-tidy libclang-rt-dev cppcheck shellcheck
    postgresql
    python3 python3-pika python3-yaml python3-jsonschema
    chromium fonts-dejavu-core nodejs npm ca-certificates
    curl git openssl valgrind
)

# The tests of the containers, on a Docker engine that they start themselves.
docker_packages=(docker.io docker-compose mmdebstrap iproute2)
# Debian 13 has the client in a package of its own.
! grep -qs '^VERSION_CODENAME=trixie' /etc/os-release || docker_packages+=(docker-cli)

# To measure: wrk loads, the peers are Node's and nginx, and one package of
# Node's is compiled.
bench_packages=(python3 wrk postgresql nginx nodejs npm libnode-dev g++ make valgrind)

# Some may have come from elsewhere, in a package that will not stand beside
# Debian's.
is_there() {
    case $1 in
    nodejs) command -v node >/dev/null && return ;;
    npm) command -v npm >/dev/null && return ;;
    nginx) command -v nginx >/dev/null && return ;;
    libnode-dev) [ -e /usr/include/node/node.h ] && return ;;
    docker.io) command -v dockerd >/dev/null && return ;;
    docker-cli) command -v docker >/dev/null && return ;;
    docker-compose) docker compose version >/dev/null 2>&1 && return ;;
    esac
    dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

print_missing_packages() {
    local name
    for name in "$@"; do
        is_there "$name" || echo "$name"
    done
}

# install_packages NAME…: does nothing when all are there; else says what it
# installs and installs it, or, without root, says what to run and ends.
install_packages() {
    command -v apt-get >/dev/null ||
        fail "this set-up needs apt-get (Debian, Ubuntu); see README for what to install elsewhere"
    local missing
    mapfile -t missing < <(print_missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    local install=(apt-get install -y --no-install-recommends "${missing[@]}")
    if [ "$(id -u)" != 0 ]; then
        say "not root, so first run: sudo apt-get update && sudo ${install[*]}" >&2
        exit 1
    fi
    say "installing: ${missing[*]}"
    hold_back_services
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update || fail "apt-get update failed"
    quietly "${install[@]}" || fail "the installation failed"
    let_services_go
    keep_services_off "${missing[@]}"
}

# The log of a command is shown only when it failed.
quietly() {
    local log
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null && rm -f "$log" && return
    cat "$log" >&2
    rm -f "$log"
    return 1
}

# A package's service is not wanted: the project starts its own, private ones.
readonly service_policy=/usr/sbin/policy-rc.d

hold_back_services() {
    held_back=''
    [ -e "$service_policy" ] && return
    held_back=1
    trap let_services_go EXIT
    printf '#!/bin/sh\nexit 101\n' >"$service_policy"
    chmod +x "$service_policy"
}

let_services_go() {
    [ -n "$held_back" ] || return 0
    held_back=''
    rm -f "$service_policy"
    trap - EXIT
}

# Else systemd would start them at the next boot, a broker for all users too.
keep_services_off() {
    [ -d /run/systemd/system ] || return 0
    local name
    for name in "$@"; do
        case $name in rabbitmq-server | nginx | docker.io) ;; *) continue ;; esac
        systemctl disable "${name%.io}" >/dev/null 2>&1 &&
            say "left the system's service ${name%.io} off: it is not needed"
    done
    return 0
}

# install_npm_packages LABEL: those of the tests of that label, by the lock file
# beside them.
install_npm_packages() {
    local folder=tests/$1
    [ -f "$folder/package.json" ] && [ ! -d "$folder/node_modules" ] || return 0
    say "installing the packages of the $1 tests"
    quietly npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund ||
        fail "npm could not install the packages of the $1 tests"
}
