#ifndef FLIXTUBE_COMMON_CLEANUP_H
#define FLIXTUBE_COMMON_CLEANUP_H

/*
 * Cleanup at the declaration: `CLEANUP(buffer_done) struct buffer text = {0};`
 * calls buffer_done(&text) when the variable leaves its scope (gcc and clang).
 */
#define CLEANUP(function) __attribute__((cleanup(function)))

#endif
