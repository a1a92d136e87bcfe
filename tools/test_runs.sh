# shellcheck shell=bash
# Builds the tests in their kinds, runs them by CTest, adds up. Sourced.

passed=0
failed=0

# Some systems place memory so randomly that ThreadSanitizer cannot start.
without_random_places() {
    if setarch -R true 2>/dev/null; then
        setarch -R "$@"
    else
        "$@"
    fi
}

# An interrupted run leaves its broker: CTest's own clean-up was cut off too.
stop_brokers() {
    local folder
    for folder in build/*/broker; do
        [ ! -d "$folder" ] || tools/broker stop "$folder" --now
    done
    for folder in build/*/postgres; do
        [ ! -d "$folder" ] || tools/postgres stop "$folder" --now --forget
    done
}

# run_ctest PRESET [CTest's options…]: adds to the totals. One more at once than
# there are cores, since many wait for most of their time.
run_ctest() {
    local preset=$1 log line
    shift
    log=build/$preset/ctest.log
    without_random_places ctest --preset "$preset" --parallel $((jobs_max + 1)) \
        --no-tests=error "$@" 2>&1 | tee "$log"
    local status=${PIPESTATUS[0]}
    line=$(grep -E '[0-9]+% tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" | tail -n 1)
    if [[ $line =~ ,\ ([0-9]+)\ tests?\ failed\ out\ of\ ([0-9]+) ]]; then
        failed=$((failed + BASH_REMATCH[1]))
        passed=$((passed + BASH_REMATCH[2] - BASH_REMATCH[1]))
    elif [ "$status" -ne 0 ]; then
        failed=$((failed + 1)) # none ran: that is no success
    fi
}

test_dev() {
    say "building with AddressSanitizer and UndefinedBehaviorSanitizer"
    build_preset dev
    run_ctest dev "$@"
}

# Each part's threads in the unit and integration tests, and all of them
# together in those of the whole that are short. The long ones of one thread
# would only take time.
readonly threaded_tests='^(unit|integration)\.|^e2e\.(watching|other_clients|poison|signals)$'
readonly tests_of_one_thread='^unit\.(store|store_model|store_faults|reload_.*)$'

test_tsan() {
    say "building with ThreadSanitizer"
    build_preset tsan
    run_ctest tsan --tests-regex "$threaded_tests" \
        --exclude-regex "$tests_of_one_thread"
}

test_fuzz() {
    say "building the fuzzers"
    build_preset fuzz
    run_ctest fuzz --label-regex '^fuzz$'
}

# Of those with the label `long` (tests/CMakeLists.txt).
readonly not_long=(--label-exclude '^long$')

test_everything() {
    test_dev "${not_long[@]}"
    test_tsan
    test_fuzz
}

# test_some WHAT…: labels, or patterns of names.
test_some() {
    local what patterns=() without=("${not_long[@]}")
    for what in "$@"; do
        case $what in *postgres*) without=() ;; esac
        case $what in
        tsan) test_tsan ;;
        fuzz) test_fuzz ;;
        *) patterns+=("$(name_pattern "$what")") ;;
        esac
    done
    [ ${#patterns[@]} -eq 0 ] ||
        test_dev --tests-regex "$(IFS='|' && echo "${patterns[*]}")" "${without[@]}"
}

# A test's name is its label, a dot, and what it claims.
name_pattern() {
    case $1 in
    *[!a-z]*) echo "$1" ;;
    *) [ -d "tests/$1" ] && echo "^$1[.]" || echo "$1" ;;
    esac
}

print_test_totals() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
