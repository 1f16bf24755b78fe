#include <ctype.h>
#include <string.h>
#include "backend/gateway/private.h"

static void operation(struct buf *b, const struct route *r)
{
    bool rows = !strcmp(r->method, "GET") && r->answer >= 0 && !strchr(r->path, '{');
    const char *help = r->command >= 0 ? command_info((enum command_kind)r->command)->name : r->help;
    char lower[8] = "";
    for (size_t i = 0; r->method[i] && i < sizeof lower - 1; i++)
        lower[i] = (char)tolower((unsigned char)r->method[i]);
    buf_printf(b, "\"%s\":{\"summary\":", lower);
    buf_json(b, r->command >= 0 ? help : r->help);
    if (strchr(r->path, '{'))
        buf_text(b, ",\"parameters\":[{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{"
                    "\"type\":\"string\"}}]");
    else if (rows) {
        static const char *const names[] = {"limit", "after", "filter", "as_of"};
        buf_text(b, ",\"parameters\":[");
        for (int i = 0; i < 4; i++)
            buf_printf(b, "%s{\"name\":\"%s\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}}",
                       i ? "," : "", names[i]);
        buf_char(b, ']');
    }
    if (r->request >= 0)
        buf_printf(b,
                   ",\"requestBody\":{\"required\":true,\"content\":{\"application/"
                   "json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}}}",
                   record_of((enum record_id)r->request)->name);
    buf_printf(b, ",\"responses\":{\"%d\":{\"description\":\"done\"", r->status);
    if (r->answer >= 0 && rows)
        buf_printf(b,
                   ",\"content\":{\"application/"
                   "json\":{\"schema\":{\"type\":\"object\",\"properties\":{\"rows\":{\"type\":\"array\","
                   "\"items\":{\"$ref\":"
                   "\"#/components/schemas/%s\"}},\"next\":{\"type\":[\"string\",\"null\"]}}}}}",
                   record_of((enum record_id)r->answer)->name);
    else if (r->answer >= 0)
        buf_printf(b,
                   ",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}}",
                   record_of((enum record_id)r->answer)->name);
    buf_text(b, "},\"default\":{\"description\":\"a problem (RFC "
                "9457)\",\"content\":{\"application/problem+json\":{\"schema\":{\"type\":\"object\"}}}}}}");
}

void gateway_openapi(struct buf *b)
{
    bool used[RECORD_COUNT] = {false};
    buf_text(b, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Quanta\",\"version\":\"1\"},\"paths\":{\n");
    int paths = 0;
    for (int i = 0; i < route_count; i++) {
        bool first = true;
        for (int k = 0; k < i; k++)
            first &= strcmp(routes[k].path, routes[i].path) != 0;
        if (!first)
            continue;
        buf_printf(b, "%s\"%s\":{", paths++ ? ",\n" : "", routes[i].path);
        int operations = 0;
        for (int k = i; k < route_count; k++)
            if (!strcmp(routes[k].path, routes[i].path)) {
                if (operations++)
                    buf_char(b, ',');
                operation(b, &routes[k]);
                if (routes[k].request >= 0)
                    used[routes[k].request] = true;
                if (routes[k].answer >= 0)
                    used[routes[k].answer] = true;
            }
        buf_char(b, '}');
    }
    buf_text(b, "\n},\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":"
                "\"bearer\"}},\"schemas\":{\n");
    int schemas = 0;
    for (int i = 0; i < RECORD_COUNT; i++)
        if (used[i]) {
            buf_printf(b, "%s\"%s\":", schemas++ ? ",\n" : "", record_of((enum record_id)i)->name);
            record_schema(record_of((enum record_id)i), b);
        }
    buf_text(b, "\n}},\"security\":[{\"bearer\":[]}]}\n");
}
