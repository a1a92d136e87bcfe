#ifndef FLIXTUBE_TESTS_VIEW_FIXTURE_H
#define FLIXTUBE_TESTS_VIEW_FIXTURE_H

#include <sys/resource.h>

#include "viewed_message.h"

/* A view with a new id, of the viewer and the video of that number. */
struct viewed view_make(unsigned viewer, unsigned video);

/* The viewer's id, as view_make() gives it. */
struct uuid viewer_id(unsigned viewer);
/* "video-<n>.mp4" */
void video_id(unsigned video, char id[VIEWED_VIDEO_BYTES_MAX + 1]);

/* No file of this process may grow beyond it (RLIM_INFINITY: any may): a
 * write fails as on a full disk. */
void files_may_have(rlim_t bytes);

#endif
