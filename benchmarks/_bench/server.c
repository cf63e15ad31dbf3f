/*
 * A platform that takes scores and costs next to nothing: a token for everybody, 204 for everything else, after a
 * constant delay. One thread, epoll, HTTP/1.1 with kept connections. Prints its port, serves until it is killed.
 *
 *     cc -O2 -o server server.c && ./server [MILLISECONDS]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 65536, ROOM = 16384 };

typedef struct {
    int fd;
    unsigned life; /* counts the connections that had this number: an answer of a closed one is not sent to the next */
    size_t held;
    char data[ROOM];
} Connection;

typedef struct {
    int fd;
    unsigned life;
    int token;
    int64_t due;
} Answer;

static Connection *connections[MOST];
static unsigned lives[MOST];
/* The delay is constant, so answers fall due in the order in which they were asked for: a ring is a queue of timers. */
static Answer waiting[MOST];
static size_t first, last;
static int64_t delay;
static int poller, timer;

static const char NO_CONTENT[] = "HTTP/1.1 204 No Content\r\n\r\n";
static const char TOKEN[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 96\r\n\r\n"
    "{\"access_token\": \"0123456789abcdef0123456789abcdef\", \"token_type\": \"Bearer\", \"expires_in\": 3600}";

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void end(int fd) {
    close(fd);
    free(connections[fd]);
    connections[fd] = NULL;
    lives[fd]++;
}

static void answer(const Answer *due) {
    if (!connections[due->fd] || lives[due->fd] != due->life) return;
    const char *text = due->token ? TOKEN : NO_CONTENT;
    size_t size = due->token ? sizeof TOKEN - 1 : sizeof NO_CONTENT - 1;
    if (write(due->fd, text, size) != (ssize_t)size) end(due->fd);
}

static void set_timer(void) {
    struct itimerspec at = {0};
    if (first != last) {
        at.it_value.tv_sec = waiting[first].due / 1000000000LL;
        at.it_value.tv_nsec = waiting[first].due % 1000000000LL;
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void later(Connection *connection, int token) {
    Answer due = {connection->fd, connection->life, token, now() + delay};
    if (!delay) {
        answer(&due);
        return;
    }
    int idle = first == last;
    waiting[last] = due;
    last = (last + 1) % MOST;
    if (idle) set_timer();
}

/* Returns the length of the first request held; 0: it is not whole. */
static size_t whole(Connection *connection) {
    char *head = memmem(connection->data, connection->held, "\r\n\r\n", 4);
    if (!head) return 0;
    *head = 0;
    char *announced = strcasestr(connection->data, "\r\ncontent-length:");
    *head = '\r';
    size_t size = head - connection->data + 4 + (announced ? strtoul(announced + 17, NULL, 10) : 0);
    return size <= connection->held ? size : 0;
}

static void receive(int fd) {
    Connection *connection = connections[fd];
    ssize_t got = read(fd, connection->data + connection->held, ROOM - 1 - connection->held);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) end(fd);
        return;
    }
    connection->held += got;
    connection->data[connection->held] = 0;
    size_t size;
    while (connections[fd] == connection && (size = whole(connection))) {
        int token = !strncmp(connection->data, "POST /token", 11);
        memmove(connection->data, connection->data + size, connection->held - size + 1);
        connection->held -= size;
        later(connection, token);
    }
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MOST) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Connection *connection = malloc(sizeof *connection);
        connection->fd = fd;
        connection->life = lives[fd];
        connection->held = 0;
        connections[fd] = connection;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static void send_due(void) {
    uint64_t fired;
    if (read(timer, &fired, sizeof fired) < 0) return;
    int64_t at = now();
    while (first != last && waiting[first].due <= at) {
        answer(&waiting[first]);
        first = (first + 1) % MOST;
    }
    set_timer();
}

int main(int count, char **arguments) {
    delay = count > 1 ? (int64_t)(atof(arguments[1]) * 1e6) : 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    int sources[] = {listener, timer};
    for (int each = 0; each < 2; each++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = sources[each]};
        epoll_ctl(poller, EPOLL_CTL_ADD, sources[each], &event);
    }
    struct epoll_event events[256];
    for (;;) {
        int ready = epoll_wait(poller, events, 256, -1);
        for (int each = 0; each < ready; each++) {
            int fd = events[each].data.fd;
            if (fd == listener) accept_all(listener);
            else if (fd == timer) send_due();
            else if (connections[fd]) receive(fd);
        }
    }
}
