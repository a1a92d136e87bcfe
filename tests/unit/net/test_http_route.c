#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cleanup.h"
#include "http_route.h"
#include "json_read.h"

static const struct http_route routes[] = {
    {.method = "GET", .path = "/"},
    {.method = "GET", .path = "/history", .parameters = {"userId", "limit"}},
    {.method = "POST",
     .path = "/history",
     .body_types = "application/json,text/plain"},
    {.method = "GET", .path = "/history/{id}"},
    {.method = "DELETE", .path = "/history/{id}"},
    {.method = "POST", .path = "/only"},
};
static const size_t count = sizeof routes / sizeof routes[0];

static enum result find(const char *method, const char *path,
                        const struct http_route **route, const char **tail,
                        struct buffer *allow)
{
    *route = NULL;
    *tail = NULL;
    buffer_clear(allow);
    return http_route_find(routes, count, method, path, route, tail, allow);
}

static void a_path_has_its_route(void **state)
{
    (void)state;
    const struct http_route *route;
    const char *tail;
    CLEANUP(buffer_done) struct buffer allow = buffer_make(128);
    assert_int_equal(find("GET", "/", &route, &tail, &allow), RESULT_OK);
    assert_ptr_equal(route, &routes[0]);
    assert_null(tail);
    assert_int_equal(find("POST", "/history", &route, &tail, &allow),
                     RESULT_OK);
    assert_ptr_equal(route, &routes[2]);
    assert_int_equal(find("HEAD", "/history", &route, &tail, &allow),
                     RESULT_OK);
    assert_ptr_equal(route, &routes[1]);
    assert_int_equal(find("DELETE", "/history/a%2fb", &route, &tail, &allow),
                     RESULT_OK);
    assert_ptr_equal(route, &routes[4]);
    assert_string_equal(tail, "a%2fb");
}

static void another_path_has_none(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "",          "/hist",    "/history/",   "/history/a/b",
        "//history", "/History", "/history/a/", "history",
        "*"};
    const struct http_route *route;
    const char *tail;
    CLEANUP(buffer_done) struct buffer allow = buffer_make(128);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(find("GET", paths[i], &route, &tail, &allow),
                         RESULT_NOT_FOUND);
        assert_int_equal(allow.bytes, 0);
    }
}

static void assert_allows(const char *method, const char *path,
                          const char *wanted)
{
    const struct http_route *route;
    const char *tail;
    CLEANUP(buffer_done) struct buffer allow = buffer_make(128);
    assert_int_equal(find(method, path, &route, &tail, &allow),
                     RESULT_MALFORMED);
    assert_int_equal(allow.bytes, strlen(wanted));
    assert_memory_equal(allow.data, wanted, strlen(wanted));
}

static void another_method_learns_which_there_are(void **state)
{
    (void)state;
    assert_allows("PUT", "/", "GET, HEAD");
    assert_allows("DELETE", "/history", "GET, HEAD, POST");
    assert_allows("POST", "/history/x", "GET, HEAD, DELETE");
    assert_allows("HEAD", "/only", "POST");
    assert_allows("get", "/", "GET, HEAD");
}

static void only_its_own_parameters_are_taken(void **state)
{
    (void)state;
    assert_true(http_route_takes(&routes[1], "userId"));
    assert_true(http_route_takes(&routes[1], "limit"));
    assert_false(http_route_takes(&routes[1], "userid"));
    assert_false(http_route_takes(&routes[1], ""));
    assert_false(http_route_takes(&routes[0], "limit"));
}

static void a_media_type_is_taken_in_any_case_and_with_parameters(void **state)
{
    (void)state;
    static const char *const taken[] = {"application/json", "Application/JSON",
                                        "application/json; charset=utf-8",
                                        "application/json;charset=utf-8",
                                        "text/plain\t"};
    static const char *const refused[] = {"",
                                          "application",
                                          "application/jsonx",
                                          "application/json,text/plain",
                                          "text/html",
                                          " application/json",
                                          "json"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        assert_true(http_route_takes_type(&routes[2], taken[i]));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(http_route_takes_type(&routes[2], refused[i]));
    assert_false(http_route_takes_type(&routes[2], NULL));
    assert_true(http_route_takes_type(&routes[0], NULL));
}

static void the_table_is_written_as_json(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer text = buffer_make(4096);
    http_routes_write(routes, count, &text);
    assert_false(text.failed);
    cJSON *json = NULL;
    assert_int_equal(json_read(text.data, text.bytes, &json, NULL), RESULT_OK);
    assert_int_equal(cJSON_GetArraySize(json), count);
    const cJSON *second = cJSON_GetArrayItem(json, 1);
    assert_string_equal(
        cJSON_GetObjectItemCaseSensitive(second, "path")->valuestring,
        "/history");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(
                         second, "parameters")),
                     2);
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_has_its_route),
        cmocka_unit_test(another_path_has_none),
        cmocka_unit_test(another_method_learns_which_there_are),
        cmocka_unit_test(only_its_own_parameters_are_taken),
        cmocka_unit_test(a_media_type_is_taken_in_any_case_and_with_parameters),
        cmocka_unit_test(the_table_is_written_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
