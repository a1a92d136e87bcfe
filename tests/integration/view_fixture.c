#include "view_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "claim.h"

struct uuid viewer_id(unsigned viewer)
{
    struct uuid id = {{0}};
    memcpy(id.bytes, &viewer, sizeof viewer);
    return id;
}

void video_id(unsigned video, char id[VIEWED_VIDEO_BYTES_MAX + 1])
{
    (void)snprintf(id, VIEWED_VIDEO_BYTES_MAX + 1, "video-%u.mp4", video);
}

struct viewed view_make(unsigned viewer, unsigned video)
{
    struct viewed viewed = {.id = uuid_make(),
                            .id_given = true,
                            .time_given = true,
                            .viewed_at_ms = clock_now_ms(),
                            .position_ms = 12500,
                            .duration_ms = 30000,
                            .session_given = true,
                            .session_id = uuid_make(),
                            .rule = VIEWED_RULE_PLAYED};
    struct uuid id = viewer_id(viewer);
    uuid_format(&id, viewed.user_id);
    video_id(video, viewed.video_id);
    (void)snprintf(viewed.video_path, sizeof viewed.video_path, "./videos/%s",
                   viewed.video_id);
    return viewed;
}

void files_may_have(rlim_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}
