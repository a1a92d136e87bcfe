#include "admin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "dead_operations.h"
#include "erase.h"
#include "json_read.h"
#include "log.h"

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    if (address->ss_family != AF_INET6)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return v6->sin6_addr.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static bool is_from_here(struct http_request *request)
{
    struct sockaddr_storage peer = {0};
    socklen_t bytes = sizeof peer;
    return getpeername(http_request_socket(request), (struct sockaddr *)&peer,
                       &bytes) == 0 &&
           is_loopback(&peer);
}

/* "localhost:4001", "127.0.0.1", "[::1]:80" */
static bool is_named_here(struct http_request *request)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *host = http_request_header(request, "Host");
    for (size_t i = 0; host != NULL && i < sizeof names / sizeof names[0];
         i++) {
        size_t bytes = strlen(names[i]);
        if (strncasecmp(host, names[i], bytes) == 0 &&
            (host[bytes] == '\0' || host[bytes] == ':'))
            return true;
    }
    return false;
}

bool admin_allows(const struct api *api, struct http_request *request,
                  struct http_reply *reply)
{
    if (api->access.keys != NULL)
        return true; /* by its token: see access.h */
    if (!api->admin)
        http_reply_problem(reply, 403,
                           "the operators' routes are off: see ADMIN_API");
    else if (!is_from_here(request) || !is_named_here(request))
        http_reply_problem(reply, 403,
                           "the operators' routes answer this machine alone");
    else
        return true;
    return false;
}

static void reply_json(struct http_reply *reply)
{
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "no-store");
}

static void reply_fault(struct http_reply *reply, const struct fault *fault)
{
    log_warn("dead letters not reached", log_text("why", fault->text),
             log_end());
    http_reply_problem(reply, 503, "the dead letters are not reached: %s",
                       fault->text);
}

struct letters {
    struct buffer *body;
    bool begun;
};

static void separate(struct letters *letters)
{
    if (letters->begun)
        buffer_append_text(letters->body, ",\n");
    letters->begun = true;
}

static void add_letter(void *context, const struct dead_found *found)
{
    struct letters *letters = context;
    separate(letters);
    dead_json_letter(letters->body, found, DEAD_BODY_SHOWN);
}

static void add_outcome(void *context, const struct dead_outcome *outcome)
{
    struct letters *letters = context;
    separate(letters);
    dead_json_outcome(letters->body, outcome);
}

/* 0 for what is none. */
static size_t limit_of(const char *text)
{
    if (text == NULL)
        return DEAD_LIST_DEFAULT;
    size_t limit = 0;
    for (; *text >= '0' && *text <= '9' && limit <= DEAD_LIST_MAX; text++)
        limit = limit * 10 + (size_t)(*text - '0');
    return *text == '\0' && limit <= DEAD_LIST_MAX ? limit : 0;
}

void admin_get_dead(void *context, struct http_request *request,
                    struct http_reply *reply)
{
    const struct api *api = context;
    struct fault fault = {0};
    size_t limit = limit_of(http_request_parameter(request, "limit"));
    if (limit == 0) {
        http_reply_problem(reply, 400, "limit is 1 to %d", DEAD_LIST_MAX);
        return;
    }
    if (!admin_allows(api, request, reply))
        return;
    struct letters letters = {.body = &reply->body};
    bool more = false;
    buffer_append_text(&reply->body, "{\"letters\":[");
    if (dead_list(&api->amqp, limit, add_letter, &letters, &more, &fault) !=
        RESULT_OK) {
        reply_fault(reply, &fault);
        return;
    }
    buffer_append_format(&reply->body, "],\"more\":%s}\n",
                         more ? "true" : "false");
    reply_json(reply);
}

static enum result read_ids(const cJSON *ids, struct dead_wish *wish,
                            struct fault *fault)
{
    const cJSON *id;
    cJSON_ArrayForEach(id, ids)
    {
        if (wish->count == DEAD_IDS_MAX)
            return fault_set(fault, RESULT_MALFORMED, "ids are at most %d",
                             DEAD_IDS_MAX);
        if (!cJSON_IsString(id) ||
            !uuid_parse(id->valuestring, strlen(id->valuestring),
                        &wish->ids[wish->count]))
            return fault_set(fault, RESULT_MALFORMED,
                             "ids has one that is no id of a letter");
        wish->count++;
    }
    return RESULT_OK;
}

/* {"ids":["…"]}, or {"all":true} where that may be said. */
static enum result read_wish(const char *text, size_t bytes,
                             struct dead_wish *wish, struct fault *fault)
{
    CLEANUP(json_done) cJSON *json = NULL;
    enum result r = json_read(text, bytes, &json, fault);
    if (r != RESULT_OK)
        return r;
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(json, "ids");
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(json, "all");
    bool may_all = wish->act == DEAD_RETRY;
    wish->all = may_all && cJSON_IsTrue(all);
    if (!cJSON_IsObject(json) || cJSON_GetArraySize(json) != 1 ||
        (!cJSON_IsArray(ids) && !wish->all))
        return fault_set(fault, RESULT_MALFORMED,
                         may_all ? "say {\"ids\":[…]} or {\"all\":true}"
                                 : "say {\"ids\":[…]}");
    return wish->all ? RESULT_OK : read_ids(ids, wish, fault);
}

static void act(const struct api *api, enum dead_act what,
                struct http_request *request, struct http_reply *reply)
{
    struct fault fault = {0};
    if (!admin_allows(api, request, reply))
        return;
    struct dead_wish *wish = calloc(1, sizeof *wish);
    if (wish == NULL) {
        http_reply_problem(reply, 503, "out of memory");
        return;
    }
    wish->act = what;
    size_t bytes;
    const char *body = http_request_body(request, &bytes);
    struct letters letters = {.body = &reply->body};
    enum result r = read_wish(body, bytes, wish, &fault);
    if (r == RESULT_OK) {
        buffer_append_text(&reply->body, "{\"letters\":[");
        r = dead_do(&api->amqp, wish, add_outcome, &letters, &fault);
    }
    free(wish);
    if (r == RESULT_MALFORMED) {
        http_reply_problem(reply, 400, "%s", fault.text);
    } else if (r != RESULT_OK) {
        reply_fault(reply, &fault);
    } else {
        buffer_append_text(&reply->body, "]}\n");
        reply_json(reply);
    }
}

void admin_retry_dead(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    act(context, DEAD_RETRY, request, reply);
}

void admin_discard_dead(void *context, struct http_request *request,
                        struct http_reply *reply)
{
    act(context, DEAD_DISCARD, request, reply);
}

void admin_erase(void *context, struct http_request *request,
                 struct http_reply *reply)
{
    const struct api *api = context;
    struct fault fault = {0};
    const char *user_id = http_request_parameter(request, "userId");
    if (!admin_allows(api, request, reply))
        return;
    struct erase_receipt *receipt = calloc(1, sizeof *receipt);
    if (receipt == NULL) {
        http_reply_problem(reply, 503, "out of memory");
        return;
    }
    enum result r =
        erase_in_service(api->ingest, api->db, api->backup_dir,
                         user_id != NULL ? user_id : "", receipt, &fault);
    if (r == RESULT_MALFORMED) {
        http_reply_problem(reply, 400, "userId: %s", fault.text);
    } else if (r != RESULT_OK) {
        log_error("a user was not erased", log_text("why", fault.text),
                  log_end());
        http_reply_problem(reply, 503, "not done: ask again");
    } else {
        live_erased(api->live, user_id);
        log_info("a user was erased", log_int("views", receipt->erasure.views),
                 log_end());
        erase_receipt_json(&reply->body, receipt);
        reply_json(reply);
    }
    free(receipt);
}
