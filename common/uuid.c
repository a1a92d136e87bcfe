#include "uuid.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"

enum {
    COUNTER_MAX = 0xfff,
    /* A clock set back by less than this is waited out by the counter; set
     * back by more, its word is taken and the order of ids starts anew. */
    CLOCK_BACK_MS_MAX = 10000,
};

static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_ms;
static unsigned last_counter;

/* RFC 9562 section 6.2, method 1: a counter within the millisecond, which
 * borrows from the next one where it runs over. */
static void take_place(int64_t *ret_ms, unsigned *ret_counter)
{
    int64_t now_ms = clock_now_ms();
    pthread_mutex_lock(&order_lock);
    if (now_ms > last_ms || now_ms < last_ms - CLOCK_BACK_MS_MAX) {
        last_ms = now_ms;
        last_counter = 0;
    } else if (last_counter < COUNTER_MAX) {
        last_counter++;
    } else {
        last_ms++;
        last_counter = 0;
    }
    *ret_ms = last_ms;
    *ret_counter = last_counter;
    pthread_mutex_unlock(&order_lock);
}

static void fill_random(uint8_t *bytes, size_t count)
{
    /* At most 256 bytes: the kernel gives them whole or not at all. */
    ssize_t got;
    do {
        got = getrandom(bytes, count, 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)count) {
        (void)fputs("the kernel gives no random bytes for an id\n", stderr);
        abort();
    }
}

struct uuid uuid_make(void)
{
    struct uuid uuid;
    int64_t ms;
    unsigned counter;
    take_place(&ms, &counter);
    for (int i = 0; i < 6; i++)
        uuid.bytes[i] = (uint8_t)((uint64_t)ms >> (40 - 8 * i));
    uuid.bytes[6] = (uint8_t)(0x70 | counter >> 8);
    uuid.bytes[7] = (uint8_t)counter;
    fill_random(uuid.bytes + 8, 8);
    uuid.bytes[8] = (uint8_t)(0x80 | (uuid.bytes[8] & 0x3f));
    return uuid;
}

/* The value of a hex digit, plus one; 0: none. */
static const uint8_t hex_digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
    ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

bool uuid_parse(const char *text, size_t bytes, struct uuid *ret)
{
    static const uint8_t places[] = {0,  2,  4,  6,  9,  11, 14, 16,
                                     19, 21, 24, 26, 28, 30, 32, 34};
    if (bytes != UUID_TEXT_BYTES - 1 || text[8] != '-' || text[13] != '-' ||
        text[18] != '-' || text[23] != '-')
        return false;
    struct uuid uuid;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof uuid.bytes; i++) {
        unsigned high = hex_digits[(unsigned char)text[places[i]]] - 1U;
        unsigned low = hex_digits[(unsigned char)text[places[i] + 1]] - 1U;
        wrong |= high | low; /* none is all ones */
        uuid.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (wrong > 15)
        return false;
    *ret = uuid;
    return true;
}

static char *put_hex(char *at, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 0xf];
    }
    return at;
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_BYTES])
{
    char *at = put_hex(text, uuid->bytes, 4);
    *at++ = '-';
    at = put_hex(at, uuid->bytes + 4, 2);
    *at++ = '-';
    at = put_hex(at, uuid->bytes + 6, 2);
    *at++ = '-';
    at = put_hex(at, uuid->bytes + 8, 2);
    *at++ = '-';
    at = put_hex(at, uuid->bytes + 10, 6);
    *at = '\0';
}
