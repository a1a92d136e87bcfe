# What every target of the house is compiled with. Link to it PRIVATE.
option(FLIXTUBE_TESTS "Build the tests" ON)
option(FLIXTUBE_FUZZ "Build the fuzzers with libFuzzer (clang only)" OFF)
set(FLIXTUBE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(house_options INTERFACE)
target_compile_definitions(house_options INTERFACE
    _GNU_SOURCE FLIXTUBE_VERSION="${PROJECT_VERSION}")
target_compile_options(house_options INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Werror
    -fstack-protector-strong -fno-omit-frame-pointer)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_definitions(house_options INTERFACE _FORTIFY_SOURCE=2)
endif()
# Assertions are promises of the code to itself: they stay on in release.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")

if(FLIXTUBE_SANITIZE)
    target_compile_options(house_options INTERFACE
        -fsanitize=${FLIXTUBE_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(house_options INTERFACE
        -fsanitize=${FLIXTUBE_SANITIZE})
endif()
