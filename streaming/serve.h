#ifndef FLIXTUBE_STREAMING_SERVE_H
#define FLIXTUBE_STREAMING_SERVE_H

#include "config.h"
#include "program.h"

/* `streaming serve`: runs until a signal ends it. Says in one line why it
 * cannot start. */
enum program_exit serve(const struct config *config);

#endif
