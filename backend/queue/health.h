/* How a link to a broker or a cache stands, for the health pane and /metrics. */
#pragma once
#include <stdint.h>

struct link_health {
    char state[25];     /* ok, or why not */
    int64_t lag;        /* messages that wait */
    int64_t reconnects; /* since the start */
    int64_t seen;       /* last sign of life, ns UTC; 0: none yet */
};
