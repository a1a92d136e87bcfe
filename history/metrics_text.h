#ifndef FLIXTUBE_HISTORY_METRICS_TEXT_H
#define FLIXTUBE_HISTORY_METRICS_TEXT_H

#include "answer_cache.h"
#include "buffer.h"
#include "consumer.h"
#include "counters.h"
#include "ingest.h"
#include "store.h"

/* All that GET /metrics says. */
void metrics_text_write(struct buffer *buffer, struct counters *counters,
                        struct store *store, struct ingest *ingest,
                        struct consumer *consumer,
                        struct answer_cache *answers);

#endif
