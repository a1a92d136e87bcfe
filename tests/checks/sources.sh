# shellcheck shell=bash
# The C files of the project, without what builds and packages leave. Sourced.

house_sources() {
    find common schema history streaming reload bench tests -name '*.[ch]' \
        -not -path '*/node_modules/*' | sort
}

# What runs in a service. The tests may do what a service may not.
service_sources() {
    house_sources | grep '\.c$' | grep -v -e '^tests/' -e '^bench/'
}
