#!/bin/sh
# build-dev.sh TARGET: what the rebuild loop of a development container runs.
# The build tree is a volume: it is configured once, then ninja does that again
# whenever a CMakeLists.txt changes.
set -eu
[ -f /build/build.ninja ] || cmake -S /src -B /build -G Ninja \
    -DCMAKE_BUILD_TYPE=Debug -DFLIXTUBE_TESTS=OFF
exec ninja -C /build "$1"
