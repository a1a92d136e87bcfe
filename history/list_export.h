#ifndef FLIXTUBE_HISTORY_LIST_EXPORT_H
#define FLIXTUBE_HISTORY_LIST_EXPORT_H

#include "http_server.h"
#include "list_options.h"
#include "store.h"

/*
 * The rows of a query as NDJSON or CSV, as they are read: a page at a time,
 * each a short read of its own, so that neither memory nor a snapshot of the
 * store is held while a client is slow. Rows that are added or removed
 * meanwhile may be there or not, and no row comes twice. A store that cannot
 * be read ends it before its end, which shows as a body cut short.
 */
void list_export(struct store *store, const struct store_query *query,
                 const struct list_options *options, struct http_reply *reply);

#endif
