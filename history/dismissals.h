#ifndef FLIXTUBE_HISTORY_DISMISSALS_H
#define FLIXTUBE_HISTORY_DISMISSALS_H

#include "store_dismissed.h"

/* Of several that lie one user after the other: whether this is the last of its
 * user, whose oldest may now be too many. Pure. */
bool dismissals_end_user(const struct store_dismissal *all, size_t count,
                         size_t at);

#endif
