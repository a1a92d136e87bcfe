#include "broker_control.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claim.h"
#include "http_client.h"

enum {
    REQUEST_BYTES = 4096,
    COMMAND_BYTES = 1024,
    MANAGE_TIMEOUT_MS = 60 * 1000,
};

/* "guest:guest" */
#define AUTHORIZATION "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n"

static void run(const char *command)
{
    int status = system(command);
    if (status != 0)
        fail_msg("%s: %d", command, status);
}

static void read_env(struct broker *broker)
{
    char path[TEMP_PATH_BYTES];
    char line[256];
    unsigned number;
    temp_path(broker->folder, "broker.env", path);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail_msg("no broker has started in %s", broker->folder);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *last = strrchr(line, ':');
        if (last != NULL && sscanf(last, ":%u", &number) == 1) {
            if (strncmp(line, "amqp=", 5) == 0)
                broker->port = (uint16_t)number;
            else
                broker->management_port = (uint16_t)number;
        }
        if (sscanf(line, "pid=%u", &number) == 1)
            broker->pid = (pid_t)number;
    }
    (void)fclose(file);
}

unsigned broker_manage(const struct broker *broker, const char *method,
                       const char *path, const char *body, char *answer_text,
                       size_t answer_bytes)
{
    char request[REQUEST_BYTES];
    const char *sent_body = body != NULL ? body : "";
    (void)snprintf(request, sizeof request,
                   "%s /api%s HTTP/1.1\r\nHost: localhost\r\n" AUTHORIZATION
                   "Content-Type: application/json\r\nConnection: close\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   method, path, strlen(sent_body), sent_body);
    struct http_client client;
    struct http_answer answer;
    http_client_open(&client, broker->management_port);
    assert_true(http_client_send(&client, request));
    /* An answer without a body may have no length either. */
    bool bare = answer_text == NULL;
    if (!http_client_take(&client, bare, MANAGE_TIMEOUT_MS, &answer))
        fail_msg("the management API did not answer %s %s", method, path);
    unsigned status = answer.status;
    if (answer_text != NULL)
        (void)snprintf(answer_text, answer_bytes, "%s", answer.body);
    http_answer_done(&answer);
    http_client_close(&client, false);
    return status;
}

static void manage_well(const struct broker *broker, const char *method,
                        const char *path, const char *body)
{
    unsigned status = broker_manage(broker, method, path, body, NULL, 0);
    if (status < 200 || status > 299)
        fail_msg("%s %s: %u", method, path, status);
}

void broker_url_at(const struct broker *broker, uint16_t port,
                   char url[BROKER_URL_BYTES])
{
    (void)snprintf(url, BROKER_URL_BYTES, "amqp://guest:guest@127.0.0.1:%u/%s",
                   port, broker->vhost);
}

void broker_make_vhost(struct broker *broker)
{
    static unsigned count;
    char path[256];
    (void)snprintf(broker->vhost, sizeof broker->vhost, "test-%d-%u",
                   (int)getpid(), ++count);
    (void)snprintf(path, sizeof path, "/vhosts/%s", broker->vhost);
    manage_well(broker, "PUT", path, "{}");
    (void)snprintf(path, sizeof path, "/permissions/%s/guest", broker->vhost);
    manage_well(broker, "PUT", path,
                "{\"configure\":\".*\",\"write\":\".*\",\"read\":\".*\"}");
    broker_url_at(broker, broker->port, broker->url);
}

void broker_own(struct broker *ret, const char *setting)
{
    char command[COMMAND_BYTES];
    *ret = (struct broker){.own = true};
    temp_folder_make(ret->folder);
    (void)snprintf(command, sizeof command,
                   FLIXTUBE_SOURCE "/tools/broker start %s %s %s >/dev/null",
                   ret->folder, setting != NULL ? "--set" : "",
                   setting != NULL ? setting : "");
    run(command);
    read_env(ret);
    broker_make_vhost(ret);
}

void broker_shared(struct broker *ret)
{
    const char *folder = getenv("FLIXTUBE_BROKER");
    if (folder == NULL) {
        broker_own(ret, NULL);
        return;
    }
    *ret = (struct broker){0};
    (void)snprintf(ret->folder, sizeof ret->folder, "%s", folder);
    read_env(ret);
    broker_make_vhost(ret);
}

void broker_done(struct broker *broker)
{
    char text[COMMAND_BYTES];
    if (broker->own) {
        (void)snprintf(text, sizeof text,
                       FLIXTUBE_SOURCE "/tools/broker stop %s --now",
                       broker->folder);
        run(text);
        temp_folder_remove(broker->folder);
        return;
    }
    (void)snprintf(text, sizeof text, "/vhosts/%s", broker->vhost);
    manage_well(broker, "DELETE", text, NULL);
}

void broker_delete_queue(const struct broker *broker, const char *queue)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/queues/%s/%s", broker->vhost, queue);
    manage_well(broker, "DELETE", path, NULL);
}

void broker_unbind(const struct broker *broker, const char *exchange,
                   const char *queue)
{
    char path[256];
    /* "~" is how the API names the binding with an empty key. */
    (void)snprintf(path, sizeof path, "/bindings/%s/e/%s/q/%s/~", broker->vhost,
                   exchange, queue);
    manage_well(broker, "DELETE", path, NULL);
}

void broker_declare_queue(const struct broker *broker, const char *queue,
                          const char *json)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/queues/%s/%s", broker->vhost, queue);
    manage_well(broker, "PUT", path, json);
}

void broker_halt(const struct broker *broker)
{
    assert_true(broker->own);
    assert_int_equal(kill(broker->pid, SIGSTOP), 0);
}

void broker_go_on(const struct broker *broker)
{
    assert_true(broker->own);
    assert_int_equal(kill(broker->pid, SIGCONT), 0);
}

void broker_alarm(const struct broker *broker, bool on)
{
    char command[COMMAND_BYTES];
    assert_true(broker->own);
    (void)snprintf(command, sizeof command,
                   FLIXTUBE_SOURCE "/tests/support/broker_ctl %s"
                                   " set_disk_free_limit %s >/dev/null",
                   broker->folder, on ? "1000000GB" : "1MB");
    run(command);
}
