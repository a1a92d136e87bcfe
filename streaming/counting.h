#ifndef FLIXTUBE_STREAMING_COUNTING_H
#define FLIXTUBE_STREAMING_COUNTING_H

#include <stdatomic.h>
#include <stdint.h>

#include "outbox.h"
#include "sessions.h"
#include "video_file.h"

/*
 * From an event to a view on disk: asks the view rule (sessions.h), and where
 * it counts, puts the view into the outbox before it answers.
 */
struct counting {
    struct sessions *sessions;
    struct outbox *outbox;
    _Atomic uint64_t views_played;
    _Atomic uint64_t views_bytes;
    _Atomic uint64_t refused; /* counted, and could not be stored */
};

/*
 * A player's report, and the trace that its request is part of, which the view
 * takes along. *ret->counts: the view is in the outbox. Any thread; waits for
 * the commit. Errors: RESULT_UNAVAILABLE, RESULT_LIMIT: not
 * counted, and the next report may count it.
 */
enum result counting_report(struct counting *counting,
                            const struct uuid *viewer,
                            const struct video_file *video,
                            const struct view_report *report,
                            const struct trace_parent *trace,
                            struct session_outcome *ret, struct fault *fault);

/* Bytes that arrived; `first` and `last` are inclusive. As above. */
enum result counting_delivered(struct counting *counting,
                               const struct uuid *viewer,
                               const struct video_file *video, uint64_t first,
                               uint64_t last, const struct trace_parent *trace,
                               struct session_outcome *ret,
                               struct fault *fault);

/* The client says that it reports by itself. Errors: sessions.h's. */
enum result counting_announce(struct counting *counting,
                              const struct uuid *viewer,
                              const struct video_file *video,
                              struct fault *fault);

#endif
