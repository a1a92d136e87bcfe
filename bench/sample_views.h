#ifndef FLIXTUBE_BENCH_SAMPLE_VIEWS_H
#define FLIXTUBE_BENCH_SAMPLE_VIEWS_H

#include <stdint.h>

#include "viewed_message.h"

/*
 * Views as real ones are, by number: the same number gives the same view in
 * every program and every run, two numbers give two ids. Users and videos come
 * at random; ids and times come nearly in order; all texts have the same
 * length, so that all pages of as many rows have as many bytes. Pure.
 */
enum {
    SAMPLE_VIDEOS = 1000,
    SAMPLE_STEP_MS = 2, /* between the times of two views */
    SAMPLE_SPREAD_MS = 1000,
};

/* Of view 0. A number beyond a store's last gives views newer than its. */
#define SAMPLE_FIRST_MS INT64_C(1577836800000)

/* users: how many different ones, 1 to 1000000. */
void sample_view(uint64_t number, uint32_t users, struct viewed *ret);

void sample_user(uint32_t user, char text[VIEWED_USER_BYTES_MAX + 1]);

#endif
