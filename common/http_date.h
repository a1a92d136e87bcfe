#ifndef FLIXTUBE_COMMON_HTTP_DATE_H
#define FLIXTUBE_COMMON_HTTP_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 9110 section 5.6.7. Times are seconds since 1970, UTC. Pure. */
enum {
    HTTP_DATE_TEXT_BYTES = 30, /* Sun, 06 Nov 1994 08:49:37 GMT and the NUL */
};

/* Limits of what can be written: 0001-01-01 to 9999-12-31. */
#define HTTP_DATE_MIN_S INT64_C(-62135596800)
#define HTTP_DATE_MAX_S INT64_C(253402300799)

/* IMF-fixdate. A time beyond the limits is written as the limit. */
void http_date_format(int64_t time_s, char text[HTTP_DATE_TEXT_BYTES]);

/*
 * IMF-fixdate and the two obsolete forms, rfc850-date and asctime-date; names
 * in exactly the case of the grammar. now_s places a year of two digits: not
 * more than 50 years ahead. A leap second counts as the second before. The
 * name of the day has to be one, not the right one: some senders get it wrong
 * and it says nothing that the date does not. False leaves *ret_s alone.
 */
bool http_date_parse(const char *text, size_t bytes, int64_t now_s,
                     int64_t *ret_s);

#endif
