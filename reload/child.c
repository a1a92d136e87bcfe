#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Tells the parent, through a pipe that a good exec closes, and ends. */
static void give_up(int report)
{
    int error = errno;
    ssize_t written = write(report, &error, sizeof error);

    _exit(written < 0 ? 126 : 127);
}

static void default_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* refused for a few, which stay so */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become(const char *path, const char *const arguments[],
                   pid_t parent, int report)
{
    int nothing;

    default_signals();
    if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        give_up(report);
    if (getppid() != parent) /* it died before we asked to be told */
        _exit(0);
    nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)
        give_up(report);
    if (nothing > STDERR_FILENO)
        close(nothing);
    execv(path, (char *const *)arguments);
    give_up(report);
}

/* What the child reported: 0 when exec closed the pipe. */
static int read_report(int report)
{
    int error = 0;
    ssize_t bytes;

    do {
        bytes = read(report, &error, sizeof error);
    } while (bytes < 0 && errno == EINTR);
    return bytes == (ssize_t)sizeof error ? error : 0;
}

bool child_start(const char *path, const char *const arguments[],
                 pid_t *ret_pid, struct reason *reason)
{
    pid_t parent = getpid();
    int report[2];
    int error;
    pid_t pid;

    if (pipe2(report, O_CLOEXEC) != 0)
        return reason_set(reason, "no pipe for '%s': %s", path,
                          strerror(errno));
    pid = fork();
    if (pid == 0)
        become(path, arguments, parent, report[1]);
    close(report[1]);
    if (pid < 0) {
        error = errno;
        close(report[0]);
        return reason_set(reason, "cannot start '%s': %s", path,
                          strerror(error));
    }
    error = read_report(report[0]);
    close(report[0]);
    if (error != 0) {
        waitpid(pid, NULL, 0);
        return reason_set(reason, "cannot execute '%s': %s", path,
                          strerror(error));
    }
    *ret_pid = pid;
    return true;
}

void child_signal(pid_t pid, int signal)
{
    /* ESRCH only: it has ended, and we are about to learn of it. */
    kill(pid, signal);
}

void child_signal_group(pid_t pid, int signal)
{
    kill(-pid, signal);
}

bool child_reap(pid_t *ret_pid, int *ret_status)
{
    siginfo_t ended = {0};

    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        ended.si_pid == 0)
        return false;
    /* Before it is reaped its number, and so its group's, is still its own. */
    child_signal_group(ended.si_pid, SIGKILL);
    if (waitpid(ended.si_pid, ret_status, 0) != ended.si_pid)
        return false;
    *ret_pid = ended.si_pid;
    return true;
}

bool child_ended_well(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void child_describe(int status, char text[CHILD_STATUS_BYTES])
{
    if (WIFSIGNALED(status))
        snprintf(text, CHILD_STATUS_BYTES, "killed by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, CHILD_STATUS_BYTES, "exit code %d", WEXITSTATUS(status));
}
