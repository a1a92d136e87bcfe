#include "json_read.h"

enum result json_read(const char *text, size_t bytes, cJSON **ret_json,
                      struct fault *fault)
{
    enum result result = json_check(text, bytes, fault);
    if (result != RESULT_OK)
        return result;
    cJSON *json = cJSON_ParseWithLength(text, bytes);
    if (json == NULL) /* it is JSON, so only memory can have failed */
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "no memory for a JSON text of %zu bytes", bytes);
    *ret_json = json;
    return RESULT_OK;
}

void json_done(cJSON **json)
{
    cJSON_Delete(*json);
    *json = NULL;
}
