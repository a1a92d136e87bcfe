/*
 * People who watch a short video, at a rate, until SIGTERM:
 *
 *   viewers PORT VIDEO RUN FIRST RATE THREADS JOURNAL
 *
 * Each viewer is number FIRST, FIRST + 1, … of the run (a number of 32 bits),
 * is named by both, and reports once to streaming that it has played. A report
 * that is not answered by 200 is sent again, as a player would, until the end.
 * JOURNAL gets a line for each: "A n" when it was answered, "U n" when it was
 * sent and the end came first: that view may be counted or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 256,
    TEXT_BYTES = 1024,
    ANSWER_TIMEOUT_S = 10,
    PAUSE_US = 20 * 1000, /* after an error */
};

struct viewers {
    uint16_t port;
    const char *video;
    uint32_t run;
    double rate;
    unsigned threads;
    int journal;
    uint64_t first;
    _Atomic uint64_t next;
    int64_t began_us;
};

static struct viewers all;
static atomic_bool ending;

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void sleep_us(int64_t us)
{
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};
    if (us > 0)
        (void)nanosleep(&pause, NULL);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (const struct sockaddr *)&server, sizeof server) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* The body's length stands in the head: an answer is whole with it. */
static bool answer_is_whole(const char *text, size_t bytes)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "content-length:");
    if (end == NULL || length == NULL)
        return false;
    size_t head = (size_t)(end + 4 - text);
    return bytes >= head + strtoul(length + 15, NULL, 10);
}

/* 0: the connection ended before the answer was whole. */
static int read_status(int fd)
{
    char text[TEXT_BYTES];
    size_t bytes = 0;
    while (bytes < sizeof text - 1) {
        ssize_t got = recv(fd, text + bytes, sizeof text - 1 - bytes, 0);
        if (got <= 0)
            return 0;
        bytes += (size_t)got;
        text[bytes] = '\0';
        if (answer_is_whole(text, bytes))
            return (int)strtol(text + 9, NULL, 10);
    }
    return 0;
}

static int report(int fd, uint64_t number)
{
    char body[256];
    char text[TEXT_BYTES];
    int body_bytes = snprintf(
        body, sizeof body,
        "{\"videoId\":\"%s\",\"position\":1,\"played\":1,\"duration\":2}",
        all.video);
    int bytes = snprintf(text, sizeof text,
                         "POST /progress HTTP/1.1\r\nHost: localhost\r\n"
                         "Cookie: viewer=%08" PRIx32
                         "-0000-4000-8000-%012" PRIx64 "\r\n"
                         "Content-Type: application/json\r\n"
                         "Content-Length: %d\r\n\r\n%s",
                         all.run, number, body_bytes, body);
    if (send(fd, text, (size_t)bytes, MSG_NOSIGNAL) != bytes)
        return 0;
    return read_status(fd);
}

static void note(char kind, uint64_t number)
{
    char line[32];
    int bytes = snprintf(line, sizeof line, "%c %" PRIu64 "\n", kind, number);
    if (write(all.journal, line, (size_t)bytes) != bytes)
        abort(); /* without it nobody knows what was accepted */
}

static void watch_once(int *fd, uint64_t number)
{
    while (!ending) {
        if (*fd < 0)
            *fd = connect_to(all.port);
        int status = *fd >= 0 ? report(*fd, number) : 0;
        if (status == 200) {
            note('A', number);
            return;
        }
        if (*fd >= 0)
            (void)close(*fd);
        *fd = -1;
        sleep_us(PAUSE_US);
    }
    note('U', number);
}

/* Viewers come at their times; after an outage those that are late at once. */
static void *watch(void *unused)
{
    (void)unused;
    int fd = -1;
    while (!ending) {
        uint64_t number = all.next++;
        double due_us = (double)(number - all.first) / all.rate * 1e6;
        sleep_us(all.began_us + (int64_t)due_us - now_us());
        watch_once(&fd, number);
    }
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

static void end(int signal_number)
{
    (void)signal_number;
    ending = true;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    struct sigaction action = {.sa_handler = end};
    if (argc != 8)
        return 2;
    all.port = (uint16_t)strtoul(argv[1], NULL, 10);
    all.video = argv[2];
    all.run = (uint32_t)strtoul(argv[3], NULL, 10);
    all.first = strtoull(argv[4], NULL, 10);
    all.next = all.first;
    all.rate = strtod(argv[5], NULL);
    all.threads = (unsigned)strtoul(argv[6], NULL, 10);
    all.journal =
        open(argv[7], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (all.journal < 0 || all.threads < 1 || all.threads > THREADS_MAX ||
        all.rate <= 0)
        return 2;
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    all.began_us = now_us();
    for (unsigned i = 0; i < all.threads; i++)
        if (pthread_create(&threads[i], NULL, watch, NULL) != 0)
            return 1;
    for (unsigned i = 0; i < all.threads; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}
