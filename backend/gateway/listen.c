/* Where the gateway is found: its address, the listening socket, and the file that tells clients. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "backend/gateway/private.h"
#include "common/log.h"

static const struct lws_protocols protocols[] = {
    {"http", http_callback, sizeof(struct http_pss), 4096, 0, NULL, 0},
    {"quanta.v1", stream_callback, sizeof(struct client), 4096, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

bool gateway_address(const char *text, struct gateway_address *out, char *why, size_t room)
{
    const char *colon = strrchr(text, ':');
    int used = 0, host = colon ? (int)(colon - text) : 0;
    memset(out, 0, sizeof *out);
    out->local = !strncmp(text, "unix:", 5);
    if (out->local) {
        snprintf(out->host, sizeof out->host, "%s", text + 5);
        if (text[5] == '/' && strlen(text + 5) < sizeof out->host)
            return true;
        snprintf(why, room, "listen '%s': expected unix:PATH, from / on, of at most %zu bytes", text,
                 sizeof out->host - 1);
        return false;
    }
    if (host > 0 && host < (int)sizeof out->host && sscanf(colon + 1, "%5d%n", &out->port, &used) == 1 &&
        !colon[1 + used] && out->port >= 0 && out->port <= 65535) {
        snprintf(out->host, sizeof out->host, "%.*s", host, text);
        return true;
    }
    snprintf(why, room, "listen '%s': expected HOST:PORT or unix:PATH", text);
    return false;
}

/* libwebsockets removes what stands at the path before it binds: only a socket that nobody serves any more
 * may go that way. */
static bool path_is_free(const char *path, char *why, size_t room)
{
    struct stat st;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (lstat(path, &st) != 0) {
        if (errno != ENOENT)
            snprintf(why, room, "listen unix:%s: %s", path, strerror(errno));
        return errno == ENOENT;
    }
    if (!S_ISSOCK(st.st_mode)) {
        snprintf(why, room, "listen unix:%s: a file is there that is not a socket", path);
        return false;
    }
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool served = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
        close(fd);
    if (served)
        snprintf(why, room, "listen unix:%s: another program serves there", path);
    return !served;
}

static void lws_log(int level, const char *line)
{
    char text[300];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
    log_event(level & LLL_ERR ? LOG_ERROR : LOG_WARNING, text, NULL);
}

static bool bind_to(struct gateway *g, char *why, size_t room)
{
    static const lws_retry_bo_t keepalive = {.secs_since_valid_ping = 10, .secs_since_valid_hangup = 30};
    struct lws_context_creation_info info = {0};
    struct gateway_address *a = &g->address;
    lws_set_log_level(LLL_ERR, lws_log);
    info.port = a->port;
    info.iface = a->host;
    info.protocols = protocols;
    info.user = g;
    info.alpn = "http/1.1";
    info.max_http_header_data = 8192;
    info.retry_and_idle_policy = &keepalive;
    info.timeout_secs = 20;
    info.options = LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
    if (a->local)
        info.options |= LWS_SERVER_OPTION_UNIX_SOCK;
    mode_t mask = umask(0077); /* the socket is its owner's from its first instant */
    g->context = lws_create_context(&info);
    if (g->context)
        g->vhost = lws_create_vhost(g->context, &info);
    umask(mask);
    bool bound = g->vhost && (a->local || lws_get_vhost_listen_port(g->vhost) > 0);
    if (bound && a->local && chmod(a->host, 0600) != 0) /* libwebsockets lets the group in */
        bound = false;
    if (!bound)
        snprintf(why, room, "listen %s: the address cannot be bound; is the port in use?", g->config.listen);
    else if (!a->local)
        a->port = lws_get_vhost_listen_port(g->vhost);
    g->bound = bound;
    return bound;
}

/* Other processes come by TLS 1.2 or later with a certificate of the desk's own authority, or not at all. */
static bool bind_peers(struct gateway *g, char *why, size_t room)
{
    struct lws_context_creation_info info = {0};
    if (!g->config.peer_listen)
        return true;
    if (!gateway_address(g->config.peer_listen, &g->peer, why, room))
        return false;
    info.port = g->peer.port;
    info.iface = g->peer.host;
    info.protocols = protocols;
    info.vhost_name = "peers";
    info.alpn = "http/1.1";
    info.timeout_secs = 20;
    info.keepalive_timeout = 60;
    info.ssl_cert_filepath = g->config.peer_cert;
    info.ssl_private_key_filepath = g->config.peer_key;
    info.ssl_ca_filepath = g->config.peer_ca;
    info.ssl_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1;
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    g->peer_vhost = lws_create_vhost(g->context, &info);
    if (!g->peer_vhost || lws_get_vhost_listen_port(g->peer_vhost) <= 0) {
        snprintf(why, room,
                 "peer-listen %s: cannot be served; is the port in use, are the certificates there?",
                 g->config.peer_listen);
        return false;
    }
    g->peer.port = lws_get_vhost_listen_port(g->peer_vhost);
    char url[160];
    snprintf(url, sizeof url, "https://%s:%d", g->peer.host, g->peer.port);
    struct store *s = node_store(g->node);
    if (s->ops->meta_put(s, "address", url))
        return true;
    snprintf(why, room, "the store cannot be written: %s", s->ops->error(s));
    return false;
}

/* Clients find the backend by this file; it appears whole or not at all. */
static bool write_endpoint(const struct gateway *g, char *why, size_t room)
{
    char path[420], part[440], url[160];
    if (g->address.local)
        snprintf(url, sizeof url, "unix:%s", g->address.host);
    else
        snprintf(url, sizeof url, "http://%s:%d", g->address.host, g->address.port);
    if (g->config.token_file)
        snprintf(path, sizeof path, "%s", g->config.token_file);
    else
        snprintf(path, sizeof path, "%s/token", g->config.data_dir);
    json_t *j = json_pack("{s:s,s:i,s:s}", "url", url, "pid", (int)getpid(), "token_file", path);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL; /* NULL: the path is not UTF-8 */
    json_decref(j);
    snprintf(path, sizeof path, "%s/endpoint.json", g->config.data_dir);
    snprintf(part, sizeof part, "%s.part", path);
    int fd = open(part, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && text && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    free(text);
    if (fd >= 0)
        close(fd);
    if (ok)
        ok = rename(part, path) == 0;
    if (!ok)
        snprintf(why, room, "%s: cannot be written", path);
    else
        log_event(LOG_INFO, "serving", "url.full", url, NULL);
    return ok;
}

bool gateway_listen(struct gateway *g, char *why, size_t room)
{
    if (!gateway_address(g->config.listen, &g->address, why, room))
        return false;
    if (g->address.local && !path_is_free(g->address.host, why, room))
        return false;
    return bind_to(g, why, room) && bind_peers(g, why, room) && desk_token_make(g, why, room) &&
           write_endpoint(g, why, room);
}

void listen_forget(const struct gateway *g)
{
    char path[420];
    if (!g->bound)
        return;
    snprintf(path, sizeof path, "%s/endpoint.json", g->config.data_dir);
    unlink(path);
    if (g->address.local)
        unlink(g->address.host);
}
