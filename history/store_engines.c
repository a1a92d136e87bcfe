#include "postgres_engine.h"
#include "sqlite_engine.h"
#include "store_engine.h"

/* The last one takes every path. */
static const struct store_engine *const engines[] = {
    &postgres_engine,
    &sqlite_engine,
};

const struct store_engine *store_engine_of(const char *path)
{
    size_t last = sizeof engines / sizeof engines[0] - 1;
    for (size_t i = 0; i < last; i++)
        if (engines[i]->takes(path))
            return engines[i];
    return engines[last];
}
