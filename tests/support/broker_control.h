#ifndef FLIXTUBE_TESTS_BROKER_CONTROL_H
#define FLIXTUBE_TESTS_BROKER_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "temp_folder.h"

enum {
    BROKER_URL_BYTES = 256,
};

/* A RabbitMQ for a test, in a vhost of its own. */
struct broker {
    char folder[TEMP_PATH_BYTES];
    char url[BROKER_URL_BYTES]; /* with the vhost */
    char vhost[64];
    uint16_t port;
    uint16_t management_port;
    pid_t pid;
    bool own; /* ended with broker_done() */
};

/*
 * The one that the whole run shares (FLIXTUBE_BROKER), or where there is none,
 * as by hand, one of its own. Only its vhost may be changed.
 */
void broker_shared(struct broker *ret);

/* One of its own, which may be halted and filled; `setting` (a line of its
 * configuration, KEY=VALUE) may be NULL. */
void broker_own(struct broker *ret, const char *setting);

/* Makes the vhost again, under another name, after a test has deleted it. */
void broker_make_vhost(struct broker *broker);

/* Deletes the vhost, and ends it where it is of its own. */
void broker_done(struct broker *broker);

/* The URL with another port: that of a proxy. */
void broker_url_at(const struct broker *broker, uint16_t port,
                   char url[BROKER_URL_BYTES]);

/* A call of the management API; the status. body and answer may be NULL. */
unsigned broker_manage(const struct broker *broker, const char *method,
                       const char *path, const char *body, char *answer,
                       size_t answer_bytes);

void broker_delete_queue(const struct broker *broker, const char *queue);
/* Takes the binding of the queue to the exchange (empty key) away. */
void broker_unbind(const struct broker *broker, const char *exchange,
                   const char *queue);
/* Declares a queue as JSON says: {"durable":true,"arguments":{…}}. */
void broker_declare_queue(const struct broker *broker, const char *queue,
                          const char *json);

/* These are for one of its own. Halted it keeps its connections, and answers
 * nothing; in alarm it takes no publishes. */
void broker_halt(const struct broker *broker);
void broker_go_on(const struct broker *broker);
void broker_alarm(const struct broker *broker, bool on);

#endif
