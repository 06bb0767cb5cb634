#include "cli/models/hub.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

#include <curl/curl.h>
#include <jansson.h>

#include "cli/models/hub_address.h"

#define MAX_HOPS 8
#define MAX_URL 1024
#define MAX_TOKEN 512
#define MAX_HEADER_BYTES ((size_t)256 << 10)
#define MAX_ASIDE_BYTES ((size_t)1 << 20) /* of a redirection's or an error's body */
#define MAX_ERROR_BODY 4096
#define CONNECT_S 30L
#define SLOW_BYTES_PER_S 1000L
#define SLOW_S 60L

struct cir__hub {
    char url[MAX_URL];
    cir__hub_address address;
    char token[MAX_TOKEN]; /* "": none */
    bool has_proxy;
    bool is_public; /* its host's name is, and the address that it was last reached at */
    CURL *curl;
};

/* One answer under way. */
typedef struct hop {
    cir__hub *hub;
    cir__hub_request *request;
    bool is_from_hub;
    bool is_asked; /* take_told was called before the body */
    bool was_private;
    bool has_headers; /* all of them */
    size_t n_header_bytes;
    size_t n_aside_bytes;
    char error_body[MAX_ERROR_BODY + 1];
} hop;

static bool fail(char error[CIR__HUB_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fail(char error[CIR__HUB_ERROR_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, CIR__HUB_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && *value != '\0';
}

/* -- the hub -- */

static bool copy_token(cir__hub *hub, const char *from, const char *text, char error[CIR__HUB_ERROR_SIZE])
{
    text += strspn(text, " \t\r\n");
    size_t n = strcspn(text, " \t\r\n");
    for (size_t i = 0; i < n; i++)
        if (text[i] < '!' || text[i] > '~')
            return fail(error, "%s: has characters that a token cannot have; set it to the token alone",
                        from);
    if (n >= sizeof hub->token || text[n + strspn(text + n, " \t\r\n")] != '\0')
        return fail(
            error, "%s: is not a token: it is too long or has blanks in it; set it to the token alone", from);
    memcpy(hub->token, text, n);
    hub->token[n] = '\0';
    return true;
}

static bool read_token(cir__hub *hub, char error[CIR__HUB_ERROR_SIZE])
{
    char text[2 * MAX_TOKEN];
    if (is_set("HF_TOKEN"))
        return copy_token(hub, "HF_TOKEN", getenv("HF_TOKEN"), error);
    if (!is_set("HF_TOKEN_PATH"))
        return true;
    FILE *file = fopen(getenv("HF_TOKEN_PATH"), "r");
    if (file == NULL)
        return fail(error, "HF_TOKEN_PATH: the file that it names cannot be read; name one or unset it");
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    return copy_token(hub, "HF_TOKEN_PATH", text, error);
}

static const char *choose_url(const char *url)
{
    if (url != NULL)
        return url;
    if (is_set("CIR_MODEL_URL"))
        return getenv("CIR_MODEL_URL");
    return is_set("HF_ENDPOINT") ? getenv("HF_ENDPOINT") : CIR__HUB_DEFAULT_URL;
}

static bool set_up(cir__hub *hub, const char *url, char error[CIR__HUB_ERROR_SIZE])
{
    char shown[CIR__HUB_TEXT_SIZE];
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    cir__hub_copy_text(url, strcspn(url, "@") < n ? 0 : n, shown); /* never a password */
    if (strpbrk(url, "?#") != NULL || n >= sizeof hub->url || !cir__hub_address_parse(url, &hub->address))
        return fail(error, "%s: is not an http:// or https:// address of a hub (without user, ? and #)",
                    shown);
    (void)snprintf(hub->url, sizeof hub->url, "%.*s", (int)n, url);
    if (!read_token(hub, error))
        return false;
    hub->is_public = !cir__hub_is_private_host(hub->address.host);
    if (hub->token[0] != '\0' && !hub->address.is_https && hub->is_public)
        return fail(error, "%s: HF_TOKEN is not sent without encryption; use https, or unset HF_TOKEN",
                    hub->url);
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY"};
    for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
        hub->has_proxy = hub->has_proxy || is_set(proxies[i]);
    hub->curl = curl_easy_init();
    return hub->curl != NULL || fail(error, "libcurl cannot be started");
}

cir__hub *cir__hub_new(const char *url, char error[CIR__HUB_ERROR_SIZE])
{
    cir__hub *hub = calloc(1, sizeof *hub);
    error[0] = '\0';
    if (hub == NULL) {
        (void)fail(error, "out of memory");
        return NULL;
    }
    if (!set_up(hub, choose_url(url), error)) {
        cir__hub_free(hub);
        return NULL;
    }
    return hub;
}

void cir__hub_free(cir__hub *hub)
{
    if (hub == NULL)
        return;
    curl_easy_cleanup(hub->curl);
    explicit_bzero(hub->token, sizeof hub->token);
    free(hub);
}

const char *cir__hub_url(const cir__hub *hub)
{
    return hub->url;
}

/* -- one answer -- */

/* Adds what the hub's own answer tells. */
static void note_told(const hop *self)
{
    cir__hub_told *told = &self->request->told;
    const cir__hub_headers *headers = &self->request->headers;
    bool is_redirection = headers->status >= 300 && headers->status < 400;
    if (headers->linked_size >= 0)
        told->size = headers->linked_size;
    else if (told->size < 0 && headers->status == 200 && !headers->is_encoded)
        told->size = headers->length;
    else if (told->size < 0 && headers->status == 206)
        told->size = headers->range_total;
    if (headers->commit[0] != '\0')
        memcpy(told->commit, headers->commit, sizeof told->commit);
    if (headers->linked_etag[0] != '\0')
        memcpy(told->sha256, headers->linked_etag, sizeof told->sha256);
    if (is_redirection || headers->status >= 400 || told->sha256[0] != '\0')
        return;
    if (strlen(headers->etag) == 64)
        memcpy(told->sha256, headers->etag, sizeof told->sha256);
    else if (headers->etag[0] != '\0')
        memcpy(told->git_sha1, headers->etag, sizeof told->git_sha1);
}

static bool is_success(long status)
{
    return status == 200 || status == 206;
}

/* Once for each answer, when its headers are whole. */
static bool ask_whether_to_go_on(hop *self)
{
    cir__hub_request *request = self->request;
    if (self->is_asked)
        return true;
    self->is_asked = true;
    bool is_last = is_success(request->headers.status);
    if (self->is_from_hub)
        note_told(self);
    request->is_from_hub = self->is_from_hub;
    if ((is_last || self->is_from_hub) && !request->take_told(request->context, &request->told, is_last))
        request->has_ended_early = true;
    return !request->has_ended_early;
}

static size_t take_header(char *bytes, size_t one, size_t n, void *context)
{
    hop *self = context;
    (void)one;
    self->n_header_bytes += n;
    if (self->n_header_bytes > MAX_HEADER_BYTES)
        return 0;
    if (n > 4 && strncasecmp(bytes, "HTTP/", 5) == 0)
        self->has_headers = false;
    else if (n > 0 && (bytes[0] == '\n' || (n > 1 && bytes[0] == '\r' && bytes[1] == '\n')))
        self->has_headers = true;
    cir__hub_headers_take(&self->request->headers, bytes, n);
    return n;
}

static size_t take_bytes(char *bytes, size_t one, size_t n, void *context)
{
    hop *self = context;
    (void)one;
    if (!ask_whether_to_go_on(self))
        return 0;
    if (is_success(self->request->headers.status)) {
        self->request->has_ended_early = !self->request->take_bytes(self->request->context, bytes, n);
        return self->request->has_ended_early ? 0 : n;
    }
    size_t used = self->n_aside_bytes < MAX_ERROR_BODY ? self->n_aside_bytes : MAX_ERROR_BODY;
    size_t room = MAX_ERROR_BODY - used;
    memcpy(self->error_body + used, bytes, n < room ? n : room);
    self->n_aside_bytes += n;
    return self->n_aside_bytes > MAX_ASIDE_BYTES ? 0 : n;
}

static int take_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                         curl_off_t up_now)
{
    hop *self = context;
    (void)total, (void)now, (void)up_total, (void)up_now;
    if (!self->request->watch(self->request->context))
        self->request->has_ended_early = true;
    return self->request->has_ended_early;
}

/* A public hub's redirections must not reach into this network, whatever a name resolves to. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    hop *self = context;
    (void)purpose;
    bool is_private = cir__hub_is_private_address(&address->addr);
    if (is_private && !self->is_from_hub && self->hub->is_public && !self->hub->has_proxy) {
        self->was_private = true;
        return CURL_SOCKET_BAD;
    }
    if (is_private && self->is_from_hub && !self->hub->has_proxy)
        self->hub->is_public = false;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_options(hop *self, const char *url, struct curl_slist *fields, char error[CURL_ERROR_SIZE])
{
    CURL *curl = self->hub->curl;
    char range[32]; /* copied */
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "cir");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    /* Asks for plain bytes, and unpacks what is sent packed nevertheless. */
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "identity");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, self);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, take_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, self);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, self);
    /* Not as a resumption, which libcurl gives up where the server sends all of it. */
    (void)snprintf(range, sizeof range, "%lld-", self->request->begin);
    if (self->request->begin > 0)
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
}

static struct curl_slist *make_fields(const cir__hub *hub)
{
    char line[MAX_TOKEN + 32];
    if (hub->token[0] == '\0')
        return NULL;
    (void)snprintf(line, sizeof line, "Authorization: Bearer %s", hub->token);
    struct curl_slist *fields = curl_slist_append(NULL, line);
    explicit_bzero(line, sizeof line);
    return fields;
}

/* -- what went wrong -- */

static int read_wait(const cir__hub_headers *headers)
{
    const char *text = headers->retry_after;
    size_t n_digits = strspn(text, "0123456789");
    if (*text == '\0')
        return -1;
    if (n_digits > 0 && text[n_digits] == '\0')
        return n_digits > 8 ? 99999999 : (int)strtol(text, NULL, 10);
    time_t then = curl_getdate(text, NULL);
    time_t now = time(NULL);
    return then == -1 ? -1 : then <= now ? 0 : then - now > 99999999 ? 99999999 : (int)(then - now);
}

/* The server's own words: of the header, or of {"error": "…"}. */
static void find_words(const hop *self, char out[CIR__HUB_TEXT_SIZE])
{
    (void)snprintf(out, CIR__HUB_TEXT_SIZE, "%s", self->request->headers.error_message);
    if (out[0] != '\0')
        return;
    json_t *top = json_loads(self->error_body, 0, NULL);
    const char *error = json_string_value(json_object_get(top, "error"));
    if (error != NULL)
        cir__hub_copy_text(error, strlen(error), out);
    json_decref(top);
}

static bool fail_status(hop *self)
{
    cir__hub_request *request = self->request;
    const cir__hub_headers *headers = &request->headers;
    const char *who = self->is_from_hub ? "the hub" : "the store that the hub redirects to";
    char words[CIR__HUB_TEXT_SIZE];
    char said[2 * CIR__HUB_TEXT_SIZE + 64];
    const char *next = "check the name and the connection, then run it again";
    long status = headers->status;
    find_words(self, words);
    (void)snprintf(said, sizeof said, "%ld%s%s%s%s%s", status, headers->error_code[0] != '\0' ? " " : "",
                   headers->error_code, words[0] != '\0' ? ": \"" : "", words, words[0] != '\0' ? "\"" : "");
    request->wait_s = read_wait(headers);
    /* A signed address may have expired meanwhile; the hub gives a new one. */
    request->is_final = self->is_from_hub && status >= 400 && status < 500 && status != 408 &&
                        status != 416 && status != 425 && status != 429;
    if ((status == 401 || status == 403) && self->is_from_hub)
        next =
            strcasecmp(headers->error_code, "RepoNotFound") == 0 && self->hub->token[0] != '\0'
                ? "the repository does not exist, or not for the owner of HF_TOKEN"
            : self->hub->token[0] != '\0'
                ? "HF_TOKEN was sent: accept the model's terms on its page, or take a token that may read it"
                : "set HF_TOKEN to a token that may read it (and accept the model's terms on its page)";
    else if (status == 404 && strcasecmp(headers->error_code, "RevisionNotFound") == 0)
        next = "the commit is gone; take the newest with --revision main";
    else if (status == 429 || status == 503)
        next = "it is busy: run it again later";
    return fail(request->error, "%s: %s answers %s; %s", request->url, who, said, next);
}

static bool fail_transfer(hop *self, CURLcode code, const char *curl_error)
{
    cir__hub_request *request = self->request;
    const char *words = curl_error[0] != '\0' ? curl_error : curl_easy_strerror(code);
    char why[CIR__HUB_TEXT_SIZE];
    cir__hub_copy_text(words, strlen(words), why); /* it may quote the server */
    if (request->has_ended_early)
        return false;
    request->is_final = true;
    if (self->was_private)
        return fail(request->error,
                    "%s: the hub redirects to an address of this network, which is refused; take another hub",
                    request->url);
    if (self->n_header_bytes > MAX_HEADER_BYTES || self->n_aside_bytes > MAX_ASIDE_BYTES)
        return fail(request->error, "%s: the response does not end; take another hub", request->url);
    request->is_final = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
    return fail(request->error, "%s: %s; check the name and the connection, then run it again", request->url,
                why);
}

/* -- redirections -- */

/* Where the answer sends on to; false where that is refused. */
static bool find_next(hop *self, cir__hub_address *at, char url[CIR__HUB_URL_SIZE])
{
    cir__hub_request *request = self->request;
    cir__hub_address from = *at;
    char *next = NULL;
    const char *why;
    curl_easy_getinfo(self->hub->curl, CURLINFO_REDIRECT_URL, &next);
    request->is_final = true;
    if (next == NULL || strlen(next) >= CIR__HUB_URL_SIZE)
        return fail(request->error, "%s: redirects without a usable address (%ld); take another hub",
                    request->url, request->headers.status);
    (void)snprintf(url, CIR__HUB_URL_SIZE, "%s", next);
    if (!cir__hub_address_may_follow(&from, url, self->hub->is_public, at, &why))
        return fail(request->error, "%s: %s, which is refused; take another hub", request->url, why);
    request->is_final = false;
    return true;
}

bool cir__hub_get(cir__hub *hub, cir__hub_request *request)
{
    char url[CIR__HUB_URL_SIZE];
    cir__hub_address at;
    request->told = (cir__hub_told){.size = -1};
    request->has_ended_early = request->is_final = false;
    request->wait_s = -1;
    request->error[0] = '\0';
    request->is_final = true;
    if (snprintf(url, sizeof url, "%s", request->url) >= (int)sizeof url || !cir__hub_address_parse(url, &at))
        return fail(request->error, "%.1000s: is not an address", request->url);
    for (int i = 0; i <= MAX_HOPS; i++) {
        char curl_error[CURL_ERROR_SIZE] = "";
        hop self = {
            .hub = hub, .request = request, .is_from_hub = cir__hub_address_is_of(&hub->address, &at)};
        struct curl_slist *fields = self.is_from_hub ? make_fields(hub) : NULL;
        cir__hub_headers_init(&request->headers);
        request->is_from_hub = self.is_from_hub;
        set_options(&self, url, fields, curl_error);
        CURLcode code = curl_easy_perform(hub->curl);
        curl_slist_free_all(fields);
        if (code == CURLE_OK &&
            !self.has_headers) /* libcurl takes a connection that is lost there for an end */
            code = CURLE_GOT_NOTHING;
        if (code != CURLE_OK)
            return fail_transfer(&self, code, curl_error);
        if (!ask_whether_to_go_on(&self)) /* an answer without a body */
            return false;
        if (is_success(request->headers.status))
            return true;
        bool is_redirection = request->headers.status >= 301 && request->headers.status <= 308 &&
                              request->headers.status != 304 && request->headers.status != 305 &&
                              request->headers.status != 306;
        if (!is_redirection)
            return fail_status(&self);
        if (!find_next(&self, &at, url))
            return false;
    }
    request->is_final = true;
    return fail(request->error, "%s: redirects more than %d times; take another hub", request->url, MAX_HOPS);
}
