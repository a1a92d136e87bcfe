#ifndef FLIXTUBE_HISTORY_POSTGRES_ENGINE_H
#define FLIXTUBE_HISTORY_POSTGRES_ENGINE_H

#include "store_engine.h"

/* A store is a PostgreSQL database, and any number of processes write to it.
 * Its path is the database's address, "postgresql://…". */
extern const struct store_engine postgres_engine;

#endif
