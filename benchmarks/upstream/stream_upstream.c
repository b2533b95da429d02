/*
 * An OpenAI-compatible upstream for streams, and Anthropic's form of them at /v1/messages: PORT INTERVAL_MS CHUNKS on the command line, loopback only, Linux.
 *
 * Answers each POST with server-sent events, one content chunk every INTERVAL_MS, each chunk in an HTTP chunk and a write of its own.
 * The number of chunks is the request's max_tokens (or max_completion_tokens), else CHUNKS. The first chunk leaves at once. Each
 * chunk's text is "@" and 16 digits of CLOCK_MONOTONIC nanoseconds, taken right before the write, so that a reader on the same machine
 * sees how long it was under way. A GET is answered 200 and empty. One thread, epoll; connections are looked at once a millisecond.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 4096, MAX_REQUEST = 2 * 1024 * 1024, READ_BYTES = 65536, MAX_CHUNKS = 100000 };

struct connection {
    int fd;
    char *request;
    size_t have;
    long left; /* chunks still to be sent; 0: no stream under way */
    int messages; /* Anthropic's events */
    int64_t due_ns;
};

static struct connection *by_fd[MAX_CONNECTIONS];
static int highest_fd;
static int64_t interval_ns;
static long default_chunks;
static int poller;

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char CHUNK[] =
    "data: {\"id\":\"chatcmpl-bench0000000000000000\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"@%016lld\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
static const char LAST[] =
    "data: {\"id\":\"chatcmpl-bench0000000000000000\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n";
static const char USAGE[] =
    "data: {\"id\":\"chatcmpl-bench0000000000000000\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[],\"usage\":{\"prompt_tokens\":60,\"completion_tokens\":150,\"total_tokens\":210}}\n\n";
static const char DONE[] = "data: [DONE]\n\n";

static const char M_START[] =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench0000000000000000\",\"type\":\"message\","
    "\"role\":\"assistant\",\"model\":\"bench\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
    "\"usage\":{\"input_tokens\":60,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
static const char M_CHUNK[] =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"@%016lld\"}}\n\n";
static const char M_LAST[] =
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
    "\"usage\":{\"output_tokens\":150}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void drop(struct connection *c)
{
    by_fd[c->fd] = NULL;
    close(c->fd);
    free(c->request);
    free(c);
}

/* A client that does not read for the whole socket buffer is dropped: nothing is queued here. */
static int put(struct connection *c, const char *bytes, size_t length)
{
    return send(c->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length ? 0 : -1;
}

static size_t as_http_chunk(char *out, size_t room, const char *bytes, size_t length)
{
    int head = snprintf(out, room, "%zx\r\n", length);
    memcpy(out + head, bytes, length);
    memcpy(out + head + length, "\r\n", 2);
    return (size_t)head + length + 2;
}

static int send_chunk(struct connection *c, int first)
{
    char event[1024], framed[1536];
    int length = 0;
    if (c->messages) {
        if (first)
            length = snprintf(event, sizeof event, "%s", M_START);
        length += snprintf(event + length, sizeof event - (size_t)length, M_CHUNK, (long long)now_ns());
    } else
        length = snprintf(event, sizeof event, CHUNK, first ? "\"role\":\"assistant\"," : "", (long long)now_ns());
    size_t size = as_http_chunk(framed, sizeof framed, event, (size_t)length);
    return put(c, framed, size);
}

static int send_end(struct connection *c)
{
    char events[1536], framed[2048];
    int with_usage = memmem(c->request, c->have, "include_usage", 13) != NULL;
    int length = c->messages ? snprintf(events, sizeof events, "%s", M_LAST)
                             : snprintf(events, sizeof events, "%s%s%s", LAST, with_usage ? USAGE : "", DONE);
    size_t size = as_http_chunk(framed, sizeof framed, events, (size_t)length);
    memcpy(framed + size, "0\r\n\r\n", 5);
    c->have = 0;
    return put(c, framed, size + 5);
}

static long wanted_chunks(const struct connection *c)
{
    const char *at = memmem(c->request, c->have, "max_tokens\"", 11);
    size_t skip = 11;
    if (!at) {
        at = memmem(c->request, c->have, "max_completion_tokens\"", 22);
        skip = 22;
    }
    if (!at)
        return default_chunks;
    at += skip;
    while (*at == ':' || *at == ' ')
        at++;
    long wanted = strtol(at, NULL, 10);
    return wanted > 0 && wanted <= MAX_CHUNKS ? wanted : default_chunks;
}

/* Length of the whole request, 0 while it is not all there, -1 when it cannot be read. The buffer ends in a zero byte. */
static long whole_request(struct connection *c)
{
    char *end = memmem(c->request, c->have, "\r\n\r\n", 4);
    if (!end)
        return c->have >= MAX_REQUEST ? -1 : 0;
    size_t head = (size_t)(end - c->request) + 4, body = 0;
    *end = 0;
    const char *length = strcasestr(c->request, "\r\ncontent-length:");
    int chunked = strcasestr(c->request, "\r\ntransfer-encoding:") != NULL;
    *end = '\r';
    if (length)
        body = strtoul(length + 17, NULL, 10);
    else if (chunked) /* whole once its last chunk is there: enough for requests, which are small */
        return memmem(end, c->have - head + 4, "\r\n0\r\n\r\n", 7) ? (long)c->have : 0;
    if (body > MAX_REQUEST - head)
        return -1;
    return c->have >= head + body ? (long)(head + body) : 0;
}

static int begin(struct connection *c)
{
    static const char EMPTY[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    if (memcmp(c->request, "GET ", 4) == 0) {
        c->have = 0;
        return put(c, EMPTY, sizeof EMPTY - 1);
    }
    c->messages = memcmp(c->request, "POST /v1/messages", 17) == 0;
    c->left = wanted_chunks(c);
    c->due_ns = now_ns() + interval_ns;
    if (put(c, HEAD, sizeof HEAD - 1) || send_chunk(c, 1))
        return -1;
    return --c->left ? 0 : send_end(c);
}

static int readable(struct connection *c)
{
    ssize_t got = recv(c->fd, c->request + c->have, MAX_REQUEST - c->have, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0 || c->left)
        return -1;
    c->have += (size_t)got;
    c->request[c->have] = 0;
    long size = whole_request(c);
    return size < 0 ? -1 : size ? begin(c) : 0;
}

static void pace(void)
{
    int64_t now = now_ns();
    for (int fd = 0; fd <= highest_fd; fd++) {
        struct connection *c = by_fd[fd];
        if (!c || !c->left || c->due_ns > now)
            continue;
        c->due_ns += interval_ns;
        if (send_chunk(c, 0) || (--c->left == 0 && send_end(c)))
            drop(c);
    }
}

static void accept_all(int listener)
{
    int fd, yes = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = fd < MAX_CONNECTIONS ? calloc(1, sizeof *c) : NULL;
        if (!c || !(c->request = malloc(MAX_REQUEST + 1))) {
            free(c);
            close(fd);
            continue;
        }
        c->fd = fd;
        by_fd[fd] = c;
        if (fd > highest_fd)
            highest_fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1024)) {
        perror("listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s PORT INTERVAL_MS CHUNKS\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    interval_ns = (int64_t)(atof(argv[2]) * 1e6);
    default_chunks = atol(argv[3]) > 0 ? atol(argv[3]) : 100;
    int listener = listen_on(atoi(argv[1]));
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poller, ready, 256, 1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener)
                accept_all(listener);
            else if (by_fd[fd] && readable(by_fd[fd]))
                drop(by_fd[fd]);
        }
        pace();
    }
}
