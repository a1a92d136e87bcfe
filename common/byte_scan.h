#ifndef FLIXTUBE_COMMON_BYTE_SCAN_H
#define FLIXTUBE_COMMON_BYTE_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Steps over the dull part of a text, eight bytes at a time. Where it stops
 * need not be what is looked for: at the text's end it stops up to seven bytes
 * early, so a loop by bytes goes on from there. Pure.
 */
#define BYTE_SCAN_ALL(byte) ((UINT64_C(0x0101010101010101)) * (byte))

/* The high bit of each byte that is zero, and of some above such a one: the
 * lowest is right. */
static inline uint64_t byte_scan_zeros(uint64_t word)
{
    return (word - BYTE_SCAN_ALL(0x01)) & ~word & BYTE_SCAN_ALL(0x80);
}

/* Where the lowest found byte is, in the text's order. */
static inline size_t byte_scan_lowest(uint64_t found)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(found) / 8;
#else
    (void)
        found; /* "lowest is right" holds from the text's end: look by bytes */
    return 0;
#endif
}

/* How many bytes hold no quote, no backslash, no control character, nothing
 * but ASCII, for sure. */
static inline size_t byte_scan_plain(const char *text, size_t bytes)
{
    size_t at = 0;
    for (; bytes - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text + at, sizeof word);
        uint64_t below_space = (word - BYTE_SCAN_ALL(0x20)) & ~word;
        uint64_t found = byte_scan_zeros(word ^ BYTE_SCAN_ALL('"')) |
                         byte_scan_zeros(word ^ BYTE_SCAN_ALL('\\')) |
                         ((below_space | word) & BYTE_SCAN_ALL(0x80));
        if (found != 0)
            return at + byte_scan_lowest(found);
    }
    return at;
}

/* How many bytes hold no control character (below 0x20, or 0x7f), for sure. */
static inline size_t byte_scan_printable(const char *text, size_t bytes)
{
    size_t at = 0;
    for (; bytes - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text + at, sizeof word);
        uint64_t below_space =
            (word - BYTE_SCAN_ALL(0x20)) & ~word & BYTE_SCAN_ALL(0x80);
        if ((below_space | byte_scan_zeros(word ^ BYTE_SCAN_ALL(0x7f))) != 0)
            break;
    }
    return at;
}

#endif
