#ifndef FLIXTUBE_HISTORY_SERVE_H
#define FLIXTUBE_HISTORY_SERVE_H

#include "config.h"
#include "program.h"

/* `history serve`: runs until a signal ends it. Says in one line why it
 * cannot start. */
enum program_exit serve(const struct config *config);

#endif
