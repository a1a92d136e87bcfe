# shellcheck shell=bash
# The C files of the project, without what builds and packages leave. Sourced.

house_folders=(common schema history streaming reload bench tests)

house_sources() {
    find "${house_folders[@]}" -name '*.[ch]' -not -path '*/node_modules/*' | sort
}
