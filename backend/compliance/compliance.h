/* Compliance: users, limits and their approval, alerts and their life. Takes notices in as work. Nobody
 * approves their own request or closes an alert on their own activity. */
#pragma once
#include "backend/platform/node.h"

extern const struct service_ops compliance_ops;
/* NULL when there is no such user. */
const struct user *compliance_user(const void *state, const char *name);
