/*
 * A disk that does not sync, to be put between a program and its C library by
 * LD_PRELOAD: while the file that FAILING_SYNC names is there, each fsync() and
 * fdatasync() fails, and what was written is not asked to come to the disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sync_by(long call, int file)
{
    const char *sign = getenv("FAILING_SYNC");
    if (sign != NULL && access(sign, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, file);
}

int fsync(int file)
{
    return sync_by(SYS_fsync, file);
}

int fdatasync(int file)
{
    return sync_by(SYS_fdatasync, file);
}
