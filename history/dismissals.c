#include "dismissals.h"

#include <string.h>

bool dismissals_end_user(const struct store_dismissal *all, size_t count,
                         size_t at)
{
    return at + 1 == count || memcmp(all[at].user.hash, all[at + 1].user.hash,
                                     sizeof all[at].user.hash) != 0;
}
