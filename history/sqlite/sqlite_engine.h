#ifndef FLIXTUBE_HISTORY_SQLITE_ENGINE_H
#define FLIXTUBE_HISTORY_SQLITE_ENGINE_H

#include "store_engine.h"

/* A store is a file and what SQLite has beside it, and one process writes. */
extern const struct store_engine sqlite_engine;

#endif
