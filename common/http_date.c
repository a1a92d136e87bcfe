#include "http_date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const days[] = {
    "Sunday",   "Monday", "Tuesday",  "Wednesday",
    "Thursday", "Friday", "Saturday",
};
static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

void http_date_format(int64_t time_s, char text[HTTP_DATE_TEXT_BYTES])
{
    if (time_s < HTTP_DATE_MIN_S)
        time_s = HTTP_DATE_MIN_S;
    if (time_s > HTTP_DATE_MAX_S)
        time_s = HTTP_DATE_MAX_S;
    time_t time = time_s;
    struct tm tm = {0};
    (void)gmtime_r(&time, &tm); /* fails only beyond those limits */

    char wide[128]; /* whatever an int may hold, for the compiler's sake */
    (void)snprintf(wide, sizeof wide, "%.3s, %02d %s %04d %02d:%02d:%02d GMT",
                   days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                   tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(text, wide, HTTP_DATE_TEXT_BYTES - 1);
    text[HTTP_DATE_TEXT_BYTES - 1] = '\0';
}

struct reader {
    const char *text;
    const char *end;
};

static bool read_text(struct reader *reader, const char *expected, size_t bytes)
{
    if ((size_t)(reader->end - reader->text) < bytes ||
        memcmp(reader->text, expected, bytes) != 0)
        return false;
    reader->text += bytes;
    return true;
}

static bool read_digits(struct reader *reader, int count, int *ret)
{
    int number = 0;
    if (reader->end - reader->text < count)
        return false;
    for (; count > 0; count--, reader->text++) {
        if (*reader->text < '0' || *reader->text > '9')
            return false;
        number = number * 10 + (*reader->text - '0');
    }
    *ret = number;
    return true;
}

static bool read_day_name(struct reader *reader, bool whole)
{
    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        if (read_text(reader, days[i], whole ? strlen(days[i]) : 3))
            return true;
    return false;
}

static bool read_month(struct reader *reader, int *ret)
{
    for (int i = 0; i < (int)(sizeof months / sizeof *months); i++)
        if (read_text(reader, months[i], 3)) {
            *ret = i;
            return true;
        }
    return false;
}

static bool read_time(struct reader *reader, struct tm *tm)
{
    return read_digits(reader, 2, &tm->tm_hour) && read_text(reader, ":", 1) &&
           read_digits(reader, 2, &tm->tm_min) && read_text(reader, ":", 1) &&
           read_digits(reader, 2, &tm->tm_sec);
}

static int year_of(int64_t time_s)
{
    time_t time = time_s;
    struct tm tm = {0};
    return gmtime_r(&time, &tm) == NULL ? 1970 : tm.tm_year + 1900;
}

/* The latest year with these two digits that is at most 50 years ahead. */
static int year_of_two_digits(int digits, int64_t now_s)
{
    int latest = year_of(now_s) + 50;
    int year = latest - latest % 100 + digits;
    return year > latest ? year - 100 : year;
}

/* One letter of a form below; any other stands for itself. */
static bool read_part(struct reader *reader, char part, int64_t now_s,
                      struct tm *tm)
{
    int year = 0;
    switch (part) {
    case 'w': /* Sun */
    case 'W': /* Sunday */
        return read_day_name(reader, part == 'W');
    case 'd': /* 06 */
        return read_digits(reader, 2, &tm->tm_mday);
    case 'e': /* 06, or a space and 6 */
        return read_text(reader, " ", 1) ? read_digits(reader, 1, &tm->tm_mday)
                                         : read_digits(reader, 2, &tm->tm_mday);
    case 'm': /* Nov */
        return read_month(reader, &tm->tm_mon);
    case 'Y': /* 1994 */
        if (!read_digits(reader, 4, &year))
            return false;
        tm->tm_year = year - 1900;
        return true;
    case 'y': /* 94 */
        if (!read_digits(reader, 2, &year))
            return false;
        tm->tm_year = year_of_two_digits(year, now_s) - 1900;
        return true;
    case 't': /* 08:49:37 */
        return read_time(reader, tm);
    default:
        return read_text(reader, &part, 1);
    }
}

static bool read_form(const char *form, struct reader reader, int64_t now_s,
                      struct tm *ret)
{
    struct tm tm = {0};
    for (; *form != '\0'; form++)
        if (!read_part(&reader, *form, now_s, &tm))
            return false;
    *ret = tm;
    return reader.text == reader.end;
}

static bool is_date(const struct tm *tm)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30,
                                     31, 31, 30, 31, 30, 31};
    int year = tm->tm_year + 1900;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int last = month_days[tm->tm_mon] + (tm->tm_mon == 1 && leap ? 1 : 0);
    return year >= 1 && tm->tm_mday >= 1 && tm->tm_mday <= last &&
           tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

bool http_date_parse(const char *text, size_t bytes, int64_t now_s,
                     int64_t *ret_s)
{
    static const char *const forms[] = {
        "w, d m Y t GMT", /* IMF-fixdate */
        "W, d-m-y t GMT", /* rfc850-date */
        "w m e t Y",      /* asctime-date */
    };

    struct reader reader = {text, text + bytes};
    struct tm tm;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (!read_form(forms[i], reader, now_s, &tm))
            continue;
        if (!is_date(&tm))
            return false;
        if (tm.tm_sec == 60)
            tm.tm_sec = 59;
        *ret_s = timegm(&tm);
        return true;
    }
    return false;
}
