#ifndef FLIXTUBE_HISTORY_IMPORT_FORMATS_H
#define FLIXTUBE_HISTORY_IMPORT_FORMATS_H

#include "import_view.h"
#include "json_pull.h"

/*
 * Other programs' items, one function a program: fills in the time, the video,
 * and the user where the item says it. The item is a checked JSON object.
 * Real exports differ in which members they have, and whether numbers are
 * texts; what is not understood is skipped. Pure.
 */
enum import_skip import_takeout(const struct json_value *item,
                                struct viewed *view);
enum import_skip import_tautulli(const struct json_value *item,
                                 struct viewed *view);
enum import_skip import_trakt(const struct json_value *item,
                              struct viewed *view);

/* The member of that name (the first), unless it is null. Pure. */
bool import_member(const struct json_value *object, const char *name,
                   struct json_value *ret);

#endif
