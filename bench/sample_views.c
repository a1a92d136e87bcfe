#include "sample_views.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* splitmix64: any bit of the number changes half of the result's. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/* A version 7 id: time first, so that ids arrive nearly in order. */
static struct uuid make_id(int64_t at_ms, uint64_t a, uint64_t b)
{
    uint64_t high = (uint64_t)at_ms << 16 | 0x7000 | (a & 0xfff);
    uint64_t low = UINT64_C(1) << 63 | b >> 2;
    struct uuid id;
    for (int i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)(high >> (56 - 8 * i));
        id.bytes[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    return id;
}

void sample_user(uint32_t user, char text[VIEWED_USER_BYTES_MAX + 1])
{
    /* As streaming names its viewers: by a UUID. */
    (void)snprintf(text, VIEWED_USER_BYTES_MAX + 1,
                   "018f3c1e-7b2a-7000-8000-%012" PRIu32, user);
}

void sample_view(uint64_t number, uint32_t users, struct viewed *ret)
{
    memset(ret, 0, sizeof *ret);
    uint64_t draw = mix(number);
    uint64_t more = mix(draw);
    int64_t at_ms = SAMPLE_FIRST_MS + (int64_t)number * SAMPLE_STEP_MS;
    ret->viewed_at_ms = at_ms - (int64_t)(more % SAMPLE_SPREAD_MS);
    ret->id = make_id(at_ms, more >> 10, mix(number ^ UINT64_C(1) << 62));
    ret->session_id =
        make_id(at_ms, more >> 22, mix(number ^ UINT64_C(1) << 63));
    ret->id_given = ret->time_given = ret->session_given = true;
    sample_user((uint32_t)(draw % users), ret->user_id);
    (void)snprintf(ret->video_id, sizeof ret->video_id,
                   "SampleVideo_%04" PRIu64 ".mp4",
                   (draw >> 32) % SAMPLE_VIDEOS);
    (void)snprintf(ret->video_path, sizeof ret->video_path, "./videos/%s",
                   ret->video_id);
    ret->position_ms = 12500;
    ret->duration_ms = 30000;
    ret->rule = VIEWED_RULE_PLAYED;
}
