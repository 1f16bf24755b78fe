#include "common/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "common/buf.h"
#include "common/clock.h"
#include "common/date.h"
#include "common/text.h"

static const char *service = "quanta";
static enum log_level threshold = LOG_INFO;

void log_service(const char *name)
{
    service = name;
}

void log_level(enum log_level least)
{
    threshold = least;
}

void log_event(enum log_level level, const char *message, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < threshold)
        return;
    char when[TIME_TEXT], clean[2048];
    struct buf line = {0};
    time_format(clock_utc(&clock_system), when);
    buf_printf(&line, "{\"@timestamp\":\"%s\",\"log.level\":\"%s\",\"message\":", when, names[level]);
    text_clean(message, clean, sizeof clean);
    buf_json(&line, clean);
    buf_text(&line, ",\"ecs.version\":\"8.11\",\"service.name\":");
    buf_json(&line, service);
    buf_printf(&line, ",\"process.pid\":%d", (int)getpid());
    va_list args;
    va_start(args, message);
    for (const char *key; (key = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        buf_char(&line, ',');
        buf_json(&line, key);
        buf_char(&line, ':');
        text_clean(value ? value : "", clean, sizeof clean);
        buf_json(&line, clean);
    }
    va_end(args);
    buf_text(&line, "}\n");
    ssize_t n =
        write(STDERR_FILENO, line.data, line.length); /* nothing is left to tell when stderr is gone */
    (void)n;
    buf_free(&line);
}
