#include <stdio.h>
#include <string.h>
#include "backend/assemble.h"

static const struct service_ops *const services[] = {&trading_ops, &portfolio_ops, &risk_ops,
                                                     &compliance_ops};
#define SERVICES (sizeof services / sizeof *services)

bool runs(const char *service)
{
    return !app.service || !strcmp(app.service, service);
}

/* The queue's consumers begin once this process owns the shard: a standby takes no work. */
static bool open_queue(void)
{
    struct work_config c = {.address = config_get(app.config, "queue"), .wake = wake};
    static const char *const consumers[] = {"portfolio", "compliance"};
    if (!strcmp(c.address, "local"))
        return true;
    for (int i = 0; i < 2; i++)
        if (runs(consumers[i]))
            c.consumes[c.consume_count++] = consumers[i];
    app.work = work_open(&c, why, sizeof why);
    return app.work && node_connect(app.node, app.work, why, sizeof why);
}

static bool open_stream(void)
{
    struct stream_config c = {
        .address = config_get(app.config, "stream"), .shard = node_shard(app.node), .wake = wake};
    if (!strcmp(c.address, "local"))
        return true;
    app.stream = stream_open(&c, why, sizeof why);
    return app.stream &&
           node_follow(app.node, app.stream, config_get(app.config, "store"), &stopping, why, sizeof why);
}

/* One service of several keeps its shard in a schema of its own. */
static void name_store(void)
{
    const char *store = config_get(app.config, "store");
    if (app.service)
        snprintf(app.store, sizeof app.store, "%s#%s", store, app.service);
    else
        snprintf(app.store, sizeof app.store, *store ? "%s" : "sqlite:%s/quanta.db",
                 *store ? store : app.dir);
}

bool assemble(void)
{
    struct node_config c = {.store = app.store,
                            .clock = &clock_system,
                            .stop = &stopping,
                            .threaded = true,
                            .shard = app.service,
                            .remote_work = strcmp(config_get(app.config, "queue"), "local") != 0,
                            .wake = wake};
    name_store();
    app.cache = cache_local();
    c.cache = app.cache;
    app.node = node_new(&c, why, sizeof why);
    if (!app.node)
        return false;
    for (size_t i = 0; i < SERVICES; i++)
        if (runs(services[i]->name))
            node_add(app.node, services[i]);
        else
            node_add_absent(app.node, services[i]);
    if (runs("trading"))
        node_add(app.node, &venue_sim_ops);
    return node_recover(app.node, why, sizeof why) && open_queue() && open_stream();
}
