/* Two threads of the daemon serve all connections and never wait for work: what takes long suspends its
 * connection until a worker has the answer (coalescing.h). */
#include "server/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "server/common/fail.h"
#include "server/http/framing.h"
#include "server/http/request.h"
#include "server/http/throttle.h"
#include "server/http/tls.h"
#include "server/route.h"
#include "shared/clock.h"

enum {
    N_THREADS = 2,
    MAX_CONNECTIONS_OF_ADDRESS = 256, /* of other machines; all on this one share an address */
    /* A head that does not fit is refused by the library, in words of its own: so some that are too large
     * do. */
    BUFFER_BYTES = 128 << 10,
    IDLE_SECONDS = 90 /* without a byte; the deadlines of connections.h are what matters */
};

struct cir__http {
    cir__context *context;
    struct MHD_Daemon *daemon;
    int socket; /* after the door was closed; else -1 */
    uint16_t port;
};

/* ---- one request ---- */

static cir__connection *clock_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    cir__context *self = context;
    cir__connections_enter(self->connections, clock_of(connection), CIR__PHASE_HEAD, 0);
    return cir__request_new(self, &self->intake, target);
}

/* The address that asks, or its network where one machine has as many as it likes. */
static uint64_t address_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    uint64_t address = 0;
    if (info != NULL && info->client_addr->sa_family == AF_INET)
        address = ((const struct sockaddr_in *)info->client_addr)->sin_addr.s_addr;
    else if (info != NULL && info->client_addr->sa_family == AF_INET6)
        memcpy(&address, &((const struct sockaddr_in6 *)info->client_addr)->sin6_addr, sizeof address);
    return address;
}

/* ---- the head ---- */

typedef struct head {
    cir__framing framing;
    cir__layout layout;
} head;

static enum MHD_Result add_field(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    head *self = context;
    cir__framing_add(&self->framing, name, value != NULL ? value : "");
    cir__layout_add(&self->layout, name, value != NULL ? value : "");
    return MHD_YES;
}

/* From 0.9.77 on the library looks after its lines itself, and no longer keeps its fields side by side. */
static bool keeps_layout(void)
{
    unsigned major = 0;
    unsigned minor = 0;
    unsigned patch = 0;
    return sscanf(MHD_get_version(), "%u.%u.%u", &major, &minor, &patch) == 3 && major == 0 &&
           (minor < 9 || (minor == 9 && patch <= 75));
}

/* 0, or the status with which a head is refused that might be read differently by others, or is too large. */
static unsigned check_head(cir__request *request, const char *method, const char *target, const char *version,
                           cir_error *err)
{
    head self = {.framing.is_http_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0};
    cir__layout_begin(&self.layout, method, target, request->n_target, version);
    (void)MHD_get_connection_values(request->connection, MHD_HEADER_KIND, add_field, &self);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t n_head = info != NULL ? info->header_size : 0;
    /* Where chunks end is for the library to say: nothing that follows them is taken for a request. */
    request->closes = self.framing.n_codings > 0;
    if (request->n_target > CIR__MAX_TARGET) {
        (void)cir__fail(err, CIR_LIMIT, "request: its target has %zu bytes, more than %d; send less",
                        request->n_target, CIR__MAX_TARGET);
        return 414;
    }
    if (n_head > CIR__MAX_HEAD) {
        (void)cir__fail(err, CIR_LIMIT, "request: its head has %zu bytes, more than %d; send less", n_head,
                        CIR__MAX_HEAD);
        return 431;
    }
    unsigned verdict = cir__framing_check(&self.framing, err);
    if (verdict == 0 && keeps_layout() && !cir__layout_is_plain(&self.layout, method, n_head)) {
        (void)cir__fail(
            err, CIR_ARGUMENT,
            "request: its lines are folded, end with no CR LF, or hold a zero or blanks where none "
            "may be");
        verdict = 400;
    }
    return verdict;
}

/* Whoever guesses at the token waits for the answer. */
static unsigned check_visitor(cir__request *request, const cir__visitor *visitor, cir_error *err)
{
    cir__context *context = request->context;
    double now = cir__clock_seconds();
    bool is_guess = cir__guard_is_guess(&context->guard, visitor);
    uint64_t address = is_guess ? address_of(request->connection) : 0;
    if (is_guess && !cir__throttle_allows(context->throttle, address, now)) {
        (void)cir__fail(err, CIR_PERMISSION,
                        "token: too many wrong ones from this address; try again in %d s", CIR__HOLD_SECONDS);
        return 429;
    }
    unsigned verdict = cir__guard_check(&context->guard, visitor, err);
    if (is_guess && verdict == 401)
        request->is_held = cir__throttle_count(context->throttle, address, now);
    return verdict;
}

static void begin(cir__request *request, const char *method)
{
    const char *allowed;
    cir_error err;
    (void)cir__route_find(request, method, &allowed);
    const cir__visitor visitor = {
        .method = method,
        .is_page = request->target_status == CIR_OK &&
                   (strcmp(request->params.path, "/") == 0 || request->location != NULL),
        .is_open =
            request->location != NULL || (request->route != NULL && (request->route->kind & CIR__OPEN) != 0),
        .host = cir__request_header(request, MHD_HTTP_HEADER_HOST),
        .origin = cir__request_header(request, MHD_HTTP_HEADER_ORIGIN),
        .fetch_site = cir__request_header(request, "Sec-Fetch-Site"),
        .fetch_mode = cir__request_header(request, "Sec-Fetch-Mode"),
        .authorization = cir__request_header(request, MHD_HTTP_HEADER_AUTHORIZATION),
        .cookie = cir__request_header(request, MHD_HTTP_HEADER_COOKIE),
    };
    unsigned verdict = check_visitor(request, &visitor, &err);
    if (verdict != 0) {
        cir__reply_error(request, verdict, err.message);
        if (verdict == 401)
            cir__reply_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
        else if (verdict == 429)
            cir__reply_retry_after(request, CIR__HOLD_SECONDS);
    } else if (request->target_status != CIR_OK) {
        cir__reply_failure(request, &request->target_error, false);
    } else if (request->location != NULL) {
        cir__reply_static(request, MHD_HTTP_PERMANENT_REDIRECT, NULL, "", 0);
        cir__reply_header(request, MHD_HTTP_HEADER_LOCATION, request->location);
    } else if (request->route == NULL && allowed != NULL) {
        cir__reply_error(request, 405, "request: this method is not for that path");
        cir__reply_header(request, MHD_HTTP_HEADER_ALLOW, allowed);
    } else if (request->route == NULL) {
        cir__reply_error(request, 404, "request: there is no such path; see /v1/openapi.json");
    } else {
        cir__request_expect_body(request);
    }
}

static enum MHD_Result send_answer(cir__request *request)
{
    cir__context *context = request->context;
    cir__connections_enter(context->connections, request->clock,
                           request->is_stream ? CIR__PHASE_WORK : CIR__PHASE_ANSWER, request->n_answer);
    if (request->closes)
        cir__reply_header(request, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result result = MHD_NO;
    if (request->response != NULL)
        result = MHD_queue_response(request->connection, request->status, request->response);
    cir__metrics_count(context->metrics, request->route != NULL ? request->i_route : SIZE_MAX,
                       request->status);
    if (request->route != NULL && !request->is_stream)
        cir__metrics_time(context->metrics, CIR__STAGE_TOTAL, cir__clock_seconds() - request->received_at);
    return result;
}

/* The head is there: what is refused now is refused before its body is sent, where the client asks first. */
static enum MHD_Result on_head(cir__request *request, const char *method, const char *target,
                               const char *version)
{
    cir_error err;
    request->clock = clock_of(request->connection);
    request->received_at = cir__clock_seconds();
    cir__connections_enter(request->context->connections, request->clock, CIR__PHASE_BODY, 0);
    unsigned verdict = check_head(request, method, target, version, &err);
    if (verdict != 0) {
        request->closes = true;
        cir__reply_error(request, verdict, err.message);
        return send_answer(request);
    }
    begin(request, method);
    bool asks = cir__request_header(request, MHD_HTTP_HEADER_EXPECT) != NULL;
    return request->status != 0 && asks && !request->is_held ? send_answer(request) : MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes, size_t *size,
                                  void **state)
{
    (void)context;
    cir__request *request = *state;
    if (request == NULL)
        return MHD_NO;
    if (!request->has_begun) {
        request->has_begun = true;
        request->connection = connection;
        return on_head(request, method, url, version);
    }
    if (*size > 0) {
        bool goes_on = cir__request_take(request, bytes, *size);
        *size = 0;
        return goes_on ? MHD_YES : MHD_NO;
    }
    if (!request->is_whole) {
        /* Another turn before it may be suspended: the library then no longer waits for bytes, and who has
         * ended their own side meanwhile is still answered. */
        request->is_whole = true;
        return MHD_YES;
    }
    if (!request->is_dispatched) {
        request->is_dispatched = true;
        request->received_at = cir__clock_seconds();
        cir__connections_enter(request->context->connections, request->clock, CIR__PHASE_WORK, 0);
        if (request->status == 0)
            request->route->handle(request);
        else if (request->is_held)
            (void)cir__throttle_hold(request->context->throttle, request, request->received_at);
        if (request->is_waiting)
            return MHD_YES; /* called again once it is answered */
    }
    return send_answer(request);
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode why)
{
    (void)connection;
    (void)why;
    cir__context *self = context;
    cir__request *request = *state;
    *state = NULL;
    if (request != NULL)
        cir__connections_enter(self->connections, request->clock, CIR__PHASE_IDLE, 0);
    cir__request_free(request);
}

/* ---- connections ---- */

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    cir__context *self = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context = info != NULL ? cir__connections_add(self->connections, info->connect_fd) : NULL;
    } else {
        cir__connections_remove(self->connections, *socket_context);
        *socket_context = NULL;
    }
}

/* ---- the daemon ---- */

static cir_status parse_address(const char *address, uint16_t port, struct sockaddr_storage *out,
                                socklen_t *size_out, cir_error *err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *size_out = sizeof *v4;
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *size_out = sizeof *v6;
    } else {
        return cir__fail(err, CIR_ARGUMENT,
                         "--address %.100s: is not an IPv4 or IPv6 address; use "
                         "127.0.0.1",
                         address);
    }
    return CIR_OK;
}

/* A socket of our own, so that what is wrong with the address can be told. */
static cir_status listen_at(cir__http *self, const char *address, uint16_t port, cir_error *err)
{
    struct sockaddr_storage where;
    socklen_t size;
    int yes = 1;
    cir_status status = parse_address(address, port, &where, &size, err);
    if (status != CIR_OK)
        return status;
    self->socket = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->socket >= 0 && setsockopt(self->socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(self->socket, (struct sockaddr *)&where, size) == 0 && listen(self->socket, 511) == 0 &&
        getsockname(self->socket, (struct sockaddr *)&where, &size) == 0) {
        self->port = ntohs(where.ss_family == AF_INET ? ((struct sockaddr_in *)&where)->sin_port
                                                      : ((struct sockaddr_in6 *)&where)->sin6_port);
        return CIR_OK;
    }
    int why = errno;
    cir_status kind = why == EADDRINUSE ? CIR_BUSY : why == EACCES ? CIR_PERMISSION : CIR_IO;
    const char *meaning = why == EADDRINUSE ? "is already in use; choose another with --port"
                          : why == EACCES   ? "is not for this user; choose one above 1023 with --port"
                          : why == EADDRNOTAVAIL
                              ? "cannot be used: this machine has no such address; choose another "
                                "with --address"
                              : strerror(why);
    return cir__fail(err, kind, "port %u at %s: %s", port, address, meaning);
}

/* A connection takes a file. */
static void raise_limit_of_files(void)
{
    struct rlimit limit;
    rlim_t wanted = 4 * CIR__MAX_CONNECTIONS;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

cir_status cir__http_start(cir__context *context, const char *address, uint16_t port, const char *certificate,
                           const char *key, cir__http **http_out, cir_error *err)
{
    *http_out = NULL;
    cir__http *self = calloc(1, sizeof *self);
    if (self == NULL)
        return cir__refuse_memory(err);
    self->context = context;
    raise_limit_of_files();
    cir_status status = listen_at(self, address, port, err);
    if (status != CIR_OK) {
        cir__http_stop(self);
        return status;
    }
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, self->socket, NULL},
        {MHD_OPTION_THREAD_POOL_SIZE, N_THREADS, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, CIR__MAX_CONNECTIONS, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, BUFFER_BYTES, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 0, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, context->guard.is_loopback ? 0 : MAX_CONNECTIONS_OF_ADDRESS,
         NULL},
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    if (certificate != NULL) {
        flags |= MHD_USE_TLS;
        options[7] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate};
        options[8] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key};
        options[9] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)CIR__TLS_PRIORITIES};
    }
    self->daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, on_request, context, MHD_OPTION_ARRAY, options,
                         MHD_OPTION_URI_LOG_CALLBACK, on_target, context, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                         context, MHD_OPTION_NOTIFY_CONNECTION, on_connection, context, MHD_OPTION_END);
    if (self->daemon == NULL) {
        cir__http_stop(self);
        return cir__fail(err, CIR_IO, "%s port %u: the server does not start%s", address, port,
                         certificate != NULL ? "; can certificate and key be used together?" : "");
    }
    self->socket = -1; /* the daemon's now */
    *http_out = self;
    return CIR_OK;
}

uint16_t cir__http_port(const cir__http *http)
{
    return http->port;
}

void cir__http_close_door(cir__http *http)
{
    http->socket = MHD_quiesce_daemon(http->daemon);
}

void cir__http_stop(cir__http *http)
{
    if (http == NULL)
        return;
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    if (http->socket >= 0)
        close(http->socket);
    free(http);
}
