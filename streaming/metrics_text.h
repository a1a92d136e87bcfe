#ifndef FLIXTUBE_STREAMING_METRICS_TEXT_H
#define FLIXTUBE_STREAMING_METRICS_TEXT_H

#include "api.h"
#include "buffer.h"

/* All that GET /metrics says. */
void metrics_text_write(struct buffer *buffer, struct api *api);

#endif
