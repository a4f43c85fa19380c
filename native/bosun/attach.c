/* Attached clients: they get the output and may give input. See native/README.md for what goes over their sockets. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "log_ring.h"
#include "monitor.h"
#include "os.h"
#include "text.h"

#define FRAME_BYTES 8u
/* In the second word of what a client begins with. */
#define HELLO_EXACT 1u

struct client *attach_adopt(struct monitor *monitor, int fd) {
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) {
    struct client *client = &monitor->clients[i];
    if (client->fd >= 0) continue;
    *client = (struct client){.fd = fd, .watch = {.kind = WATCH_CLIENT, .index = (uint8_t)i, .serial = ++monitor->serial}};
    monitor_watch(monitor, &client->watch, fd, EPOLLIN);
    return client;
  }
  os_close(&fd);
  return NULL;
}

static void release_queue(struct client *client) {
  if (client->queue != NULL) munmap(client->queue, LAG_CAPACITY);
  client->queue = NULL;
  client->head = 0;
  client->length = 0;
  client->deadline = 0;
}

/* What it sent and nobody read is thrown away first: closing a socket with unread bytes would break what the client still has to read. */
void attach_close(struct monitor *monitor, struct client *client) {
  if (client->fd < 0) return;
  shutdown(client->fd, SHUT_RDWR);
  while (recv(client->fd, monitor->chunk, sizeof monitor->chunk, MSG_DONTWAIT) > 0) continue;
  monitor_watch(monitor, &client->watch, client->fd, 0);
  os_close(&client->fd);
  release_queue(client);
  client->watch.serial = 0;
}

static bool wants_input(const struct monitor *monitor, const struct client *client) {
  return (client->wanted & STREAM_STDIN) != 0 && monitor->input.fd >= 0;
}

static void rearm(struct monitor *monitor, struct client *client) {
  bool held = wants_input(monitor, client) && !input_is_free(monitor);
  uint32_t events = (client->finished || held ? 0u : (uint32_t)EPOLLIN) | (client->length > 0 ? (uint32_t)EPOLLOUT : 0u);
  /* A finished client is watched for its end; one that must wait with its input is not, since that end could not be acted on yet. */
  if (events == 0 && client->finished) events = EPOLLHUP;
  monitor_watch(monitor, &client->watch, client->fd, events);
}

void attach_rearm(struct monitor *monitor) {
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) {
    if (monitor->clients[i].fd >= 0) rearm(monitor, &monitor->clients[i]);
  }
}

void attach_accept(struct monitor *monitor) {
  for (;;) {
    int fd = accept4(monitor->attach_listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    attach_adopt(monitor, fd);
  }
}

static void welcome(struct monitor *monitor, struct client *client);

/* The eight bytes that a client begins with. False: they are not all there. */
static bool read_hello(struct monitor *monitor, struct client *client) {
  ssize_t count = recv(client->fd, client->hello + client->hello_have, sizeof client->hello - client->hello_have, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    attach_close(monitor, client);
    return false;
  }
  client->hello_have += (size_t)count;
  if (client->hello_have < sizeof client->hello) return false;
  client->wanted = get_u32(client->hello);
  if ((get_u32(client->hello + 4) & HELLO_EXACT) != 0) welcome(monitor, client);
  return client->fd >= 0;
}

void attach_collect(struct monitor *monitor) {
  if (monitor->attach_listener < 0) return;
  attach_accept(monitor);
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) {
    struct client *client = &monitor->clients[i];
    if (client->fd >= 0 && client->hello_have < sizeof client->hello) read_hello(monitor, client);
  }
}

static void read_input(struct monitor *monitor, struct client *client) {
  bool wanted = wants_input(monitor, client);
  if (wanted && !input_is_free(monitor)) {
    rearm(monitor, client);
    return;
  }
  char *buffer = wanted ? monitor->input.data : monitor->chunk;
  ssize_t count = recv(client->fd, buffer, wanted ? sizeof monitor->input.data : sizeof monitor->chunk, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) {
    if (wanted) input_take(monitor, (size_t)count);
    return;
  }
  client->finished = true;
  if (wanted && monitor->input.once) input_finish(monitor);
  if (count < 0 || client->over) attach_close(monitor, client);
  else rearm(monitor, client);
}

/* Sends from the queue. False: the client is gone. */
static bool push(struct monitor *monitor, struct client *client) {
  while (client->length > 0) {
    ssize_t count = send(client->fd, client->queue + client->head, client->length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      attach_close(monitor, client);
      return false;
    }
    client->head += (size_t)count;
    client->length -= (size_t)count;
  }
  if (client->length == 0) release_queue(client);
  else if (client->length <= LAG_BYTES / 2) client->deadline = 0;
  rearm(monitor, client);
  return true;
}

void attach_event(struct monitor *monitor, struct client *client, uint32_t events) {
  if ((events & EPOLLOUT) != 0 && !push(monitor, client)) return;
  if (client->finished && (events & (EPOLLHUP | EPOLLERR)) != 0) {
    attach_close(monitor, client);
    return;
  }
  if ((events & (EPOLLIN | EPOLLHUP)) == 0) return;
  if (client->hello_have < sizeof client->hello && !read_hello(monitor, client)) return;
  read_input(monitor, client);
}

/* What the socket does not take now waits in a buffer that exists only as long as it is needed. False: there is no room, or no memory. */
static bool enqueue(struct client *client, const char *data, size_t size) {
  if (client->queue == NULL) {
    void *queue = mmap(NULL, LAG_CAPACITY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (queue == MAP_FAILED) return false;
    client->queue = queue;
  }
  if (size > LAG_CAPACITY - client->length) return false;
  if (client->head + client->length + size > LAG_CAPACITY) {
    memmove(client->queue, client->queue + client->head, client->length);
    client->head = 0;
  }
  memcpy(client->queue + client->head + client->length, data, size);
  client->length += size;
  return true;
}

static void give(struct monitor *monitor, struct client *client, const char *frame, size_t frame_size, const char *data, size_t size) {
  struct iovec parts[] = {{.iov_base = (void *)(uintptr_t)frame, .iov_len = frame_size}, {.iov_base = (void *)(uintptr_t)data, .iov_len = size}};
  struct msghdr header = {.msg_iov = parts, .msg_iovlen = 2};
  size_t sent = 0;
  if (client->length == 0) {
    ssize_t count = sendmsg(client->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
      attach_close(monitor, client);
      return;
    }
    sent = count < 0 ? 0 : (size_t)count;
  }
  size_t of_frame = sent < frame_size ? sent : frame_size;
  size_t of_data = sent - of_frame;
  bool kept = (of_frame == frame_size || enqueue(client, frame + of_frame, frame_size - of_frame)) &&
              (of_data == size || enqueue(client, data + of_data, size - of_data));
  if (!kept) {
    attach_close(monitor, client);
    return;
  }
  if (client->length > LAG_BYTES && client->deadline == 0) client->deadline = os_clock(CLOCK_MONOTONIC) + LAG_NS;
  rearm(monitor, client);
}

/* Raw with a terminal, else each chunk behind Docker's header: stream, three zeros, length in big endian. */
static void give_output(struct monitor *monitor, struct client *client, uint8_t stream, const char *data, size_t size) {
  char frame[FRAME_BYTES] = {(char)stream, 0, 0, 0, (char)(size >> 24), (char)(size >> 16), (char)(size >> 8), (char)size};
  uint32_t bit = stream == 1 ? STREAM_STDOUT : STREAM_STDERR;
  if (client->fd >= 0 && (client->wanted & bit) != 0) give(monitor, client, frame, monitor->terminal ? 0 : sizeof frame, data, size);
}

void attach_output(struct monitor *monitor, uint8_t stream, const char *data, size_t size) {
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) give_output(monitor, &monitor->clients[i], stream, data, size);
}

/* What waits in the log's ring, up to what a client may lag behind; more will be in the log when the disk goes on. */
static void give_waiting(struct monitor *monitor, struct client *client, uint64_t at) {
  struct log_ring *ring = monitor->log.ring;
  struct log_record record;
  while (at != ring_head(ring) && client->fd >= 0 && client->length < LAG_BYTES) {
    at = ring_read(ring, at, &record, monitor->chunk);
    if (record.whole) monitor->chunk[record.size] = '\n';
    give_output(monitor, client, strcmp(record.stream, "stdout") == 0 ? 1 : 2, monitor->chunk, record.size + (record.whole ? 1 : 0));
  }
}

/* The time up to which the log has everything; of what waits in its ring nothing counts as written, though it may be by now. */
static uint64_t time_of_log(struct monitor *monitor, uint64_t waiting) {
  struct log_ring *ring = monitor->log.ring;
  uint64_t now = os_clock(CLOCK_REALTIME);
  struct log_record first;
  if (ring == NULL) return now;
  if (waiting == ring_head(ring)) return now > ring->newest ? now : ring->newest;
  ring_read(ring, waiting, &first, monitor->chunk);
  return first.began - 1;
}

/* What is in the log by now and what comes make one: the time tells where, and what is not in the log yet, at least of a line that is unfinished, comes first. */
static void welcome(struct monitor *monitor, struct client *client) {
  char now[8];
  uint64_t waiting = monitor->log.ring == NULL ? 0 : ring_tail(monitor->log.ring);
  put_u64(now, time_of_log(monitor, waiting));
  give(monitor, client, now, sizeof now, NULL, 0);
  if (monitor->log.ring != NULL) give_waiting(monitor, client, waiting);
  for (unsigned i = 0; i < 2; i++) {
    const struct output *output = &monitor->outputs[i];
    if (output->line.used > 0) give_output(monitor, client, output->stream, output->line.data, output->line.used);
  }
}

bool attach_is_pressed(const struct monitor *monitor) {
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) {
    if (monitor->clients[i].fd >= 0 && monitor->clients[i].deadline != 0) return true;
  }
  return false;
}

void attach_drop_late(struct monitor *monitor, uint64_t now) {
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) {
    struct client *client = &monitor->clients[i];
    if (client->fd >= 0 && client->deadline != 0 && client->deadline <= now) attach_close(monitor, client);
  }
}

/* Whoever still sends is told that the output is over, and listened to until it stops: a write to a closed socket would cost it what it has not read. */
static void part_from(struct monitor *monitor, struct client *client) {
  if (client->finished) {
    attach_close(monitor, client);
  } else if (!client->over) {
    client->over = true;
    client->deadline = os_clock(CLOCK_MONOTONIC) + PARTING_NS;
    shutdown(client->fd, SHUT_WR);
    rearm(monitor, client);
  }
}

bool attach_close_idle(struct monitor *monitor) {
  bool idle = true;
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) {
    struct client *client = &monitor->clients[i];
    if (client->fd >= 0 && client->length == 0) part_from(monitor, client);
    idle = idle && client->fd < 0;
  }
  return idle;
}

void attach_close_all(struct monitor *monitor) {
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) attach_close(monitor, &monitor->clients[i]);
}
