#ifndef FLIXTUBE_HISTORY_CHECKPOINT_H
#define FLIXTUBE_HISTORY_CHECKPOINT_H

#include "amqp_link.h"
#include "counters.h"
#include "ingest.h"
#include "store.h"

/*
 * Notes, now and then, up to which offset of the stream viewed.log the store
 * is sure to have every view: where a replay into a copy of the store has to
 * begin, and no later.
 *
 * A message reaches the stream and the queue history.viewed apart from each
 * other. So an empty queue proves nothing by itself: a message that is in the
 * stream may still be on its way to the queue, or was never sent there, since
 * the queue or its binding was gone when it came. Therefore the stream itself
 * is read, from the offset that was noted last, and each id is looked up:
 *
 *   1. Read the stream's end, E. What is noted will be E at most.
 *   2. See that nothing waits in the queue, and then, while the consumer's
 *      connection stays, that there is a moment in which nothing is held: what
 *      was in the queue is stored. Where views never stop coming there are such
 *      moments too, for a few seconds are looked through. If there is none,
 *      this round is over: it is no time for more work.
 *   3. Read the stream up to E. A view whose id the store has is proven. One
 *      that it does not have is stored now, through the ingest; if it still
 *      comes by the queue it is known then. A message that is no view is the
 *      consumer's to set aside: most were long ago, and an operator may have
 *      discarded some, so one that the queue never got stays where it is. The
 *      offset is noted on the way, in the writer's transactions, after the
 *      views before it were committed.
 *
 * A message without an id cannot be looked up. It was in the stream by step 1
 * and the queue was empty at step 2, so it was taken from there, unless it was
 * on its way, or its binding was gone: for these, which are stored at least
 * once as it is, the note is good and no proof.
 *
 * Another stream of that name (the first was deleted, or the broker's data
 * lost) starts at 0 again. It shows: it ends before the offset that was noted,
 * or has another message there. Then it is read from its first.
 *
 * Each round declares the topology as well, so a queue or a binding that was
 * deleted comes back without a hand, and with the views that were missed.
 *
 * A round also finds whether the queue brings what the stream gets: not, where
 * a view was missing, or the stream has got more messages since the round
 * before than the queue brought. So it shows where what comes is no view, too.
 * (Who shares the queue, or the views with other queues, has but a part: there
 * it must be nothing at all, of very many.) That can be wrong, where something
 * was still on its way: it is noted in gap_deliveries, and the consumer gives
 * its link up only when nothing comes after that.
 *
 * Messages that left the stream by its age or size before they were read
 * cannot be proven; that is logged.
 *
 * Where several services share a store only the one that leads does this
 * (store_leads()). A thread of its own, since it blocks. Reads by the store's
 * readers.
 */
struct checkpoint;

struct checkpoint_config {
    struct store *store;
    struct ingest *ingest;
    struct counters *counters;
    struct amqp_options amqp; /* its texts outlive the thread */
    uint32_t every_s;         /* 0: never */
};

enum result checkpoint_start(const struct checkpoint_config *config,
                             struct checkpoint **ret, struct fault *fault);

/* Ends within a second or two. Before ingest_stop(). NULL is fine. */
void checkpoint_stop(struct checkpoint *checkpoint);

#endif
