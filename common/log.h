/* Logs: one ECS JSON line an event on a file descriptor (stderr by default). */
#pragma once

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* The service named in each line. Not thread-safe; call once at start. */
void log_service(const char *name);
void log_level(enum log_level least);
/* A message and pairs of ECS field names and values, ended by NULL: log_event(LOG_INFO, "serving",
 * "url.full", url, NULL). Values are sanitised. One write a line, so threads may call it. */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));
