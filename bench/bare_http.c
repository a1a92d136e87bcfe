/*
 * The floor of an HTTP server: libmicrohttpd alone, which gives every request
 * the same answer.
 *
 *   bare_http thread|epoll CONNECTIONS_MAX HEADERS BODY
 *
 * HEADERS is a file with a line "Name: value" for each header, BODY a file.
 * `thread` has a thread a connection, as ours; `epoll` has two threads for all.
 * Takes a free port, prints it, and runs until its standard input ends.
 */
#include <inttypes.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

enum {
    CONNECTION_BYTES = 64 * 1024, /* as ours */
    STACK_BYTES = 256 * 1024,
    EPOLL_THREADS = 2,
    LINE_BYTES_MAX = 4096,
};

static struct MHD_Response *response;

static enum MHD_Result answer(void *context, struct MHD_Connection *connection,
                              const char *url, const char *method,
                              const char *version, const char *upload_data,
                              size_t *upload_data_size, void **request_context)
{
    static int seen;
    (void)context;
    (void)url;
    (void)method;
    (void)version;
    (void)upload_data;
    if (*request_context == NULL) { /* an answer to the first call closes */
        *request_context = &seen;
        return MHD_YES;
    }
    if (*upload_data_size > 0) {
        *upload_data_size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static FILE *file_open(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        measure_die("cannot read %s", path);
    return file;
}

static void read_body(const char *path)
{
    FILE *file = file_open(path);
    if (fseek(file, 0, SEEK_END) != 0)
        measure_die("cannot read %s", path);
    long bytes = ftell(file);
    char *body = bytes >= 0 ? malloc((size_t)bytes + 1) : NULL;
    rewind(file);
    if (body == NULL || fread(body, 1, (size_t)bytes, file) != (size_t)bytes)
        measure_die("cannot read %s", path);
    (void)fclose(file);
    response = MHD_create_response_from_buffer((size_t)bytes, body,
                                               MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        measure_die("no memory");
}

static void read_headers(const char *path)
{
    FILE *file = file_open(path);
    char line[LINE_BYTES_MAX];
    while (fgets(line, sizeof line, file) != NULL) {
        char *value = strstr(line, ": ");
        line[strcspn(line, "\r\n")] = '\0';
        if (value == NULL)
            continue;
        *value = '\0';
        if (MHD_add_response_header(response, line, value + 2) != MHD_YES)
            measure_die("cannot send the header %s", line);
    }
    (void)fclose(file);
}

static struct MHD_Daemon *start(bool threads, unsigned connections_max)
{
    if (threads)
        return MHD_start_daemon(
            MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                MHD_USE_POLL | MHD_USE_ITC,
            0, NULL, NULL, answer, NULL, MHD_OPTION_CONNECTION_LIMIT,
            connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
            (size_t)CONNECTION_BYTES, MHD_OPTION_THREAD_STACK_SIZE,
            (size_t)STACK_BYTES, MHD_OPTION_END);
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, answer,
        NULL, MHD_OPTION_CONNECTION_LIMIT, connections_max,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)EPOLL_THREADS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_END);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fputs("bare_http thread|epoll CONNECTIONS_MAX HEADERS BODY\n",
                    stderr);
        return 2;
    }
    read_body(argv[4]);
    read_headers(argv[3]);
    struct MHD_Daemon *daemon =
        start(strcmp(argv[1], "thread") == 0,
              (unsigned)measure_number(argv[2], 1, 30000));
    if (daemon == NULL)
        measure_die("cannot start");
    printf("{\"port\": %u}\n",
           MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    (void)fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    return 0;
}
