#include "live_ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    EVENT_BYTES_MAX = 32 << 10, /* the longest row there can be, escaped */
};

/* 0 is for none. */
static uint64_t hash_of(const struct live_ring *ring, const char *text,
                        size_t bytes)
{
    return bytes == 0 ? 0 : siphash(&ring->key, text, bytes) | 1;
}

enum result live_ring_init(struct live_ring *ring, struct fault *fault)
{
    memset(ring, 0, sizeof *ring);
    ring->scratch = buffer_make(EVENT_BYTES_MAX);
    if (getrandom(&ring->key, sizeof ring->key, 0) != sizeof ring->key)
        return fault_set(fault, RESULT_UNAVAILABLE, "no random bytes");
    return RESULT_OK;
}

static struct live_event *slot(struct live_ring *ring, uint64_t number)
{
    return &ring->events[number % LIVE_RING_EVENTS];
}

static void drop_text(struct live_ring *ring, struct live_event *event)
{
    ring->bytes -= event->text != NULL ? event->bytes : 0;
    free(event->text);
    event->text = NULL;
}

static void drop_first(struct live_ring *ring)
{
    struct live_event *event = slot(ring, ring->first);
    ring->before = event->place;
    drop_text(ring, event);
    ring->first++;
}

void live_ring_restart(struct live_ring *ring, const struct live_place *end)
{
    while (ring->first < ring->next)
        drop_first(ring);
    ring->before = *end;
    ring->end = *end;
}

void live_ring_done(struct live_ring *ring)
{
    live_ring_restart(ring, &ring->end);
    buffer_done(&ring->scratch);
}

/* Takes the text of `scratch`. */
static bool add(struct live_ring *ring, const struct live_event *event)
{
    size_t bytes = ring->scratch.bytes;
    char *text = ring->scratch.failed ? NULL : malloc(bytes);
    if (text == NULL)
        return false;
    memcpy(text, ring->scratch.data, bytes);
    while (ring->next - ring->first >= LIVE_RING_EVENTS ||
           (ring->first < ring->next && ring->bytes + bytes > LIVE_RING_BYTES))
        drop_first(ring);
    struct live_event *to = slot(ring, ring->next++);
    *to = *event;
    to->text = text;
    to->bytes = (uint32_t)bytes;
    ring->bytes += bytes;
    return true;
}

bool live_ring_add_view(struct live_ring *ring, const struct store_row *row)
{
    struct live_event event = {
        .session_given = row->session_given,
        .user_hash = hash_of(ring, row->user_id, row->user_id_bytes),
        .video_hash = hash_of(ring, row->video_id, row->video_id_bytes),
        .session_id = row->session_id,
        .place = live_place_of(row->place.seq, &row->id),
    };
    buffer_clear(&ring->scratch);
    live_event_view(&ring->scratch, row);
    ring->end = event.place;
    if (add(ring, &event))
        return true;
    live_ring_restart(ring, &event.place);
    return false;
}

void live_ring_add_erased(struct live_ring *ring, const char *user_id)
{
    struct live_event note = {.note = true,
                              .user_hash =
                                  hash_of(ring, user_id, strlen(user_id)),
                              .place = ring->end};
    for (uint64_t n = ring->first; n < ring->next; n++)
        if (slot(ring, n)->user_hash == note.user_hash)
            drop_text(ring, slot(ring, n));
    buffer_clear(&ring->scratch);
    live_event_erased(&ring->scratch, user_id);
    (void)add(ring, &note);
}

void live_ring_add_deleted(struct live_ring *ring, const char *user_id,
                           int64_t seq, const struct uuid *id)
{
    struct live_event note = {.note = true,
                              .user_hash =
                                  hash_of(ring, user_id, strlen(user_id)),
                              .place = ring->end};
    for (uint64_t n = ring->first; n < ring->next; n++)
        if (!slot(ring, n)->note && slot(ring, n)->place.seq == seq)
            drop_text(ring, slot(ring, n));
    buffer_clear(&ring->scratch);
    live_event_deleted(&ring->scratch, id);
    (void)add(ring, &note);
}

const struct live_event *live_ring_at(const struct live_ring *ring,
                                      uint64_t number)
{
    assert(number >= ring->first && number < ring->next);
    return &ring->events[number % LIVE_RING_EVENTS];
}

bool live_ring_find(const struct live_ring *ring, int64_t seq, uint64_t *ret)
{
    if (seq < ring->before.seq)
        return false;
    uint64_t low = ring->first;
    uint64_t high = ring->next;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (live_ring_at(ring, middle)->place.seq > seq)
            high = middle;
        else
            low = middle + 1;
    }
    *ret = low;
    return true;
}

void live_filter_ready(struct live_filter *filter, const struct live_ring *ring)
{
    filter->user_hash = hash_of(ring, filter->user_id, strlen(filter->user_id));
    filter->video_hash =
        hash_of(ring, filter->video_id, strlen(filter->video_id));
}

bool live_filter_takes(const struct live_filter *filter,
                       const struct live_event *event)
{
    if (event->text == NULL ||
        (filter->user_hash != 0 && filter->user_hash != event->user_hash))
        return false;
    if (event->note)
        return true;
    return (filter->video_hash == 0 ||
            filter->video_hash == event->video_hash) &&
           (!filter->session_given ||
            (event->session_given &&
             memcmp(&filter->session_id, &event->session_id,
                    sizeof filter->session_id) == 0));
}

static bool same(const char *wanted, const char *text, size_t bytes)
{
    return wanted[0] == '\0' ||
           (strlen(wanted) == bytes && memcmp(wanted, text, bytes) == 0);
}

bool live_filter_takes_row(const struct live_filter *filter,
                           const struct store_row *row)
{
    return same(filter->user_id, row->user_id, row->user_id_bytes) &&
           same(filter->video_id, row->video_id, row->video_id_bytes) &&
           (!filter->session_given ||
            (row->session_given && memcmp(&filter->session_id, &row->session_id,
                                          sizeof filter->session_id) == 0));
}
