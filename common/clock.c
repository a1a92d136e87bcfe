#include "clock.h"

#include <assert.h>
#include <time.h>

enum {
    MS_PER_SECOND = 1000,
    SECONDS_PER_MINUTE = 60,
    SECONDS_PER_HOUR = 3600,
    SECONDS_PER_DAY = 86400,
    DAYS_PER_ERA = 146097, /* 400 years of the Gregorian calendar */
    DAYS_TO_1970 = 719468, /* from 0000-03-01 */
};

static int64_t read_clock_ms(clockid_t clock)
{
    struct timespec now;
    int failed = clock_gettime(clock, &now);
    assert(!failed); /* both clocks exist on every Linux */
    (void)failed;
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
    return read_clock_ms(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
    return read_clock_ms(CLOCK_MONOTONIC);
}

/* Days are counted in years that begin on 1 March, so that the leap day is a
 * year's last and month lengths follow one line: (153 * m + 2) / 5. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void date_of_day(int64_t days, int *year, int *month, int *day)
{
    days += DAYS_TO_1970;
    int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / (DAYS_PER_ERA - 1)) /
                          365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3
                                         : month_from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

struct reader {
    const char *at;
    const char *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool read_number(struct reader *reader, int digits, int min, int max,
                        int *ret)
{
    if (reader->end - reader->at < digits)
        return false;
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = *reader->at++;
        if (!is_digit(c))
            return false;
        value = value * 10 + (c - '0');
    }
    *ret = value;
    return value >= min && value <= max;
}

/* One of two characters: RFC 3339 section 5.6 lets T and Z be lower case. */
static bool read_either(struct reader *reader, char one, char other)
{
    if (reader->at == reader->end ||
        (*reader->at != one && *reader->at != other))
        return false;
    reader->at++;
    return true;
}

static bool read_fraction(struct reader *reader, int *ret_ms)
{
    *ret_ms = 0;
    if (!read_either(reader, '.', '.'))
        return true;
    int scale = 100;
    const char *first = reader->at;
    for (; reader->at < reader->end && is_digit(*reader->at); reader->at++) {
        *ret_ms += (*reader->at - '0') * scale;
        scale /= 10;
    }
    return reader->at > first;
}

static bool read_offset(struct reader *reader, int *ret_seconds)
{
    *ret_seconds = 0;
    if (read_either(reader, 'Z', 'z'))
        return true;
    if (reader->at == reader->end)
        return false;
    int sign = *reader->at == '-' ? -1 : 1;
    int hours, minutes;
    if (!read_either(reader, '+', '-') ||
        !read_number(reader, 2, 0, 23, &hours) ||
        !read_either(reader, ':', ':') ||
        !read_number(reader, 2, 0, 59, &minutes))
        return false;
    *ret_seconds =
        sign * (hours * SECONDS_PER_HOUR + minutes * SECONDS_PER_MINUTE);
    return true;
}

static bool read_date(struct reader *reader, int64_t *ret_days)
{
    int year, month, day;
    if (!read_number(reader, 4, 0, 9999, &year) ||
        !read_either(reader, '-', '-') ||
        !read_number(reader, 2, 1, 12, &month) ||
        !read_either(reader, '-', '-') ||
        !read_number(reader, 2, 1, days_of_month(year, month), &day))
        return false;
    *ret_days = days_since_1970(year, month, day);
    return true;
}

bool clock_parse(const char *text, size_t bytes, int64_t *ret_ms)
{
    struct reader reader = {text, text + bytes};
    int64_t days;
    int hour, minute, second, fraction_ms, offset_seconds;
    if (!read_date(&reader, &days) || !read_either(&reader, 'T', 't') ||
        !read_number(&reader, 2, 0, 23, &hour) ||
        !read_either(&reader, ':', ':') ||
        !read_number(&reader, 2, 0, 59, &minute) ||
        !read_either(&reader, ':', ':') ||
        !read_number(&reader, 2, 0, 60, &second) ||
        !read_fraction(&reader, &fraction_ms) ||
        !read_offset(&reader, &offset_seconds) || reader.at != reader.end)
        return false;

    int64_t seconds = days * SECONDS_PER_DAY + hour * SECONDS_PER_HOUR +
                      minute * SECONDS_PER_MINUTE + second - offset_seconds;
    if (second == 60) {
        seconds--;
        /* A leap second ends a UTC day (RFC 3339 appendix D). */
        if ((seconds + 1) % SECONDS_PER_DAY != 0)
            return false;
    }
    int64_t ms = seconds * MS_PER_SECOND + fraction_ms;
    if (ms < CLOCK_MIN_MS || ms > CLOCK_MAX_MS)
        return false;
    *ret_ms = ms;
    return true;
}

static char *put_pair(char *at, unsigned value)
{
    at[0] = (char)('0' + value / 10);
    at[1] = (char)('0' + value % 10);
    return at + 2;
}

void clock_format(int64_t ms, char text[CLOCK_TEXT_BYTES])
{
    assert(ms >= CLOCK_MIN_MS && ms <= CLOCK_MAX_MS);
    /* From the first moment on, so that every remainder is positive. */
    int64_t from_min_ms = ms - CLOCK_MIN_MS;
    int64_t day_ms = (int64_t)SECONDS_PER_DAY * MS_PER_SECOND;
    unsigned in_day_ms = (unsigned)(from_min_ms % day_ms);
    unsigned in_day_seconds = in_day_ms / MS_PER_SECOND;
    int year, month, day;
    date_of_day(CLOCK_MIN_MS / day_ms + from_min_ms / day_ms, &year, &month,
                &day);
    char *at = put_pair(text, (unsigned)year / 100);
    at = put_pair(at, (unsigned)year % 100);
    *at++ = '-';
    at = put_pair(at, (unsigned)month);
    *at++ = '-';
    at = put_pair(at, (unsigned)day);
    *at++ = 'T';
    at = put_pair(at, in_day_seconds / SECONDS_PER_HOUR);
    *at++ = ':';
    at = put_pair(at, in_day_seconds / SECONDS_PER_MINUTE % 60);
    *at++ = ':';
    at = put_pair(at, in_day_seconds % SECONDS_PER_MINUTE);
    *at++ = '.';
    *at++ = (char)('0' + in_day_ms % MS_PER_SECOND / 100);
    at = put_pair(at, in_day_ms % 100);
    *at++ = 'Z';
    *at = '\0';
}
