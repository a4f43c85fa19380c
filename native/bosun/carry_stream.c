#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "carry.h"
#include "os.h"

#define CHUNK 65536u
/* Chunks of one direction before the others have their turn. */
#define TURN 16
#define ACCEPTS 64
#define EDGES (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define HEADER_BYTES 128u

static void drop_pipe(struct carrier *carrier, struct carry_way *way) {
  if (way->pipe[0] < 0) return;
  if (way->pending == 0 && carrier->spare[0] < 0) {
    carrier->spare[0] = way->pipe[0];
    carrier->spare[1] = way->pipe[1];
  } else {
    close(way->pipe[0]);
    close(way->pipe[1]);
  }
  way->pipe[0] = way->pipe[1] = -1;
  way->pending = 0;
}

static int take_pipe(struct carrier *carrier, struct carry_way *way) {
  if (way->pipe[0] >= 0) return 0;
  if (carrier->spare[0] < 0) return pipe2(way->pipe, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
  way->pipe[0] = os_take(&carrier->spare[0]);
  way->pipe[1] = os_take(&carrier->spare[1]);
  return 0;
}

static void set_state(struct carrier *carrier, struct carry_stream *stream, enum carry_state state) {
  carrier->waiting -= stream->state == CARRY_WAITING;
  carrier->active -= stream->state != CARRY_FREE;
  stream->state = (uint8_t)state;
  carrier->waiting += state == CARRY_WAITING;
  carrier->active += state != CARRY_FREE;
}

/* What could not be brought to its end is cut off, so that both sides know. */
static void end(struct carrier *carrier, struct carry_stream *stream, bool whole) {
  struct linger cut = {.l_onoff = 1, .l_linger = 0};
  if (!whole) syscall(SYS_setsockopt, stream->front, SOL_SOCKET, SO_LINGER, &cut, sizeof cut);
  if (!whole && stream->back >= 0) syscall(SYS_setsockopt, stream->back, SOL_SOCKET, SO_LINGER, &cut, sizeof cut);
  drop_pipe(carrier, &stream->in);
  drop_pipe(carrier, &stream->out);
  os_close(&stream->front);
  os_close(&stream->back);
  set_state(carrier, stream, CARRY_FREE);
  if (!carrier->full || !carrier->open) return;
  carrier->full = false;
  carry_listen(carrier, true);
}

/* 0: all that there is was carried, 1: there is more, else -errno. */
static int carry(struct carrier *carrier, struct carry_way *way, int from, int to) {
  for (int turn = 0; turn < TURN; turn++) {
    if (way->pending == 0) {
      if (way->ended) return 0;
      int error = take_pipe(carrier, way);
      if (error < 0) return error;
      long count = syscall(SYS_splice, from, NULL, way->pipe[1], NULL, (size_t)CHUNK, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
      if (count <= 0) {
        error = errno;
        drop_pipe(carrier, way);
        if (count < 0) return error == EAGAIN ? 0 : -error;
        way->ended = true;
        return shutdown(to, SHUT_WR) < 0 && errno != ENOTCONN ? -errno : 0;
      }
      way->pending = (uint32_t)count;
    }
    long count = syscall(SYS_splice, way->pipe[0], NULL, to, NULL, (size_t)way->pending, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (count < 0) return errno == EAGAIN ? 0 : -errno;
    way->pending -= (uint32_t)count;
    if (way->pending == 0) drop_pipe(carrier, way);
  }
  return 1;
}

static void carry_both(struct carrier *carrier, struct carry_stream *stream) {
  int in = carry(carrier, &stream->in, stream->front, stream->back);
  int out = in < 0 ? in : carry(carrier, &stream->out, stream->back, stream->front);
  stream->again = in > 0 || out > 0;
  if (out < 0) end(carrier, stream, false);
  else if (stream->in.ended && stream->out.ended) end(carrier, stream, true);
}

static void connected(struct carrier *carrier, struct carry_stream *stream) {
  uint8_t header[HEADER_BYTES];
  size_t size = carry_header(stream->front, carrier->flags, header, sizeof header);
  set_state(carrier, stream, CARRY_CONNECTED);
  if (size > 0 && send(stream->back, header, size, MSG_NOSIGNAL) != (ssize_t)size) end(carrier, stream, false);
  else carry_both(carrier, stream);
}

/* A place where nobody listens yet is tried again for as long as the carrier is patient. */
static void failed(struct carrier *carrier, struct carry_stream *stream, int error) {
  bool may_come = error == ECONNREFUSED || error == ENOENT || error == EAGAIN || error == ENETUNREACH || error == EHOSTUNREACH;
  os_close(&stream->back);
  if (may_come && os_clock(CLOCK_MONOTONIC) < stream->until) set_state(carrier, stream, CARRY_WAITING);
  else end(carrier, stream, false);
}

static void try(struct carrier *carrier, struct carry_stream *stream) {
  const struct carry_pair *pair = &carrier->pair[stream->pair];
  sa_family_t family;
  memcpy(&family, pair->address, sizeof family);
  stream->back = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (stream->back < 0) return end(carrier, stream, false);
  long result = syscall(SYS_connect, stream->back, pair->address, pair->size);
  int error = errno;
  if (result < 0 && error != EINPROGRESS) return failed(carrier, stream, error);
  set_state(carrier, stream, CARRY_CONNECTING);
  if (carry_watch(carrier, EPOLL_CTL_ADD, stream->back, EDGES, CARRY_ON_BACK, (uint32_t)(stream - carrier->stream)) < 0)
    return end(carrier, stream, false);
  if (result == 0) connected(carrier, stream);
}

static struct carry_stream *find_free(struct carrier *carrier) {
  for (uint32_t i = 0; i < CARRY_STREAMS; i++) {
    if (i >= carrier->high) carrier->high = i + 1;
    if (carrier->stream[i].state == CARRY_FREE) return &carrier->stream[i];
  }
  return NULL;
}

static void pause_accepting(struct carrier *carrier) {
  carrier->full = true;
  carry_listen(carrier, false);
}

void carry_accept(struct carrier *carrier, uint32_t pair) {
  for (int count = 0; count < ACCEPTS; count++) {
    struct carry_stream *stream = carrier->active < CARRY_STREAMS ? find_free(carrier) : NULL;
    if (stream == NULL) return pause_accepting(carrier);
    int front = accept4(carrier->pair[pair].listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (front < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause_accepting(carrier);
      return;
    }
    *stream = (struct carry_stream){
      .front = front,
      .back = -1,
      .pair = (uint16_t)pair,
      .until = os_clock(CLOCK_MONOTONIC) + carrier->patience,
      .in = {.pipe = {-1, -1}},
      .out = {.pipe = {-1, -1}},
    };
    carrier->total++;
    set_state(carrier, stream, CARRY_CONNECTING);
    if (carry_watch(carrier, EPOLL_CTL_ADD, front, EDGES, CARRY_ON_FRONT, (uint32_t)(stream - carrier->stream)) < 0) end(carrier, stream, false);
    else try(carrier, stream);
  }
}

void carry_refuse(struct carrier *carrier) {
  for (uint32_t i = 0; i < carrier->pairs; i++) {
    int fd = carrier->pair[i].listener;
    for (int count = 0; count < 1024; count++) {
      if (carrier->pair[i].kind == CARRY_DATAGRAM) {
        uint8_t byte;
        if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0) break;
        continue;
      }
      struct carry_stream stream = {.front = accept4(fd, NULL, NULL, SOCK_CLOEXEC), .back = -1, .in = {.pipe = {-1, -1}}, .out = {.pipe = {-1, -1}}};
      if (stream.front < 0) break;
      end(carrier, &stream, false);
    }
  }
}

void carry_stream_event(struct carrier *carrier, uint32_t index, bool is_back) {
  struct carry_stream *stream = &carrier->stream[index];
  if (stream->state == CARRY_CONNECTED) carry_both(carrier, stream);
  if (stream->state != CARRY_CONNECTING || !is_back) return;
  int error = 0;
  socklen_t size = sizeof error;
  if (syscall(SYS_getsockopt, stream->back, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  if (error != 0) failed(carrier, stream, error);
  else connected(carrier, stream);
}

bool carry_streams_go_on(struct carrier *carrier) {
  bool more = false;
  for (uint32_t i = 0; i < carrier->high; i++) {
    struct carry_stream *stream = &carrier->stream[i];
    if (stream->state == CARRY_WAITING) try(carrier, stream);
    if (stream->state == CARRY_CONNECTED && stream->again) carry_both(carrier, stream);
    more = more || (stream->state == CARRY_CONNECTED && stream->again);
  }
  while (carrier->high > 0 && carrier->stream[carrier->high - 1].state == CARRY_FREE) carrier->high--;
  return more;
}

void carry_close_all(struct carrier *carrier) {
  for (uint32_t i = 0; i < carrier->high; i++) {
    if (carrier->stream[i].state != CARRY_FREE) end(carrier, &carrier->stream[i], false);
  }
}
