/* The process's output: to the log and to the attached clients. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"
#include "os.h"

#define READS_AT_ONCE 8
/* The most that a pipe may hold (fs.pipe-max-size for anyone but root). */
#define LAST_READS (1024u * 1024u / CHUNK_BYTES)

void output_open(struct monitor *monitor, unsigned index, int fd) {
  struct output *output = &monitor->outputs[index];
  output->fd = fd;
  output->stream = (uint8_t)(index + 1);
  output->watch = (struct watch){.kind = WATCH_OUTPUT, .index = (uint8_t)index};
  output->line.stream = index == 0 ? "stdout" : "stderr";
  monitor_watch(monitor, &output->watch, fd, EPOLLIN);
}

bool output_is_open(const struct monitor *monitor) {
  return monitor->outputs[0].fd >= 0 || monitor->outputs[1].fd >= 0;
}

static void output_close(struct monitor *monitor, struct output *output) {
  log_end(&monitor->log, &output->line);
  log_flush(&monitor->log);
  writing_wake(monitor);
  control_tell_rotated(monitor, true);
  monitor_watch(monitor, &output->watch, output->fd, 0);
  os_close(&output->fd);
}

/* False when there is no more for now, or for ever. EIO is how a terminal says that its other end is closed. */
static bool read_once(struct monitor *monitor, struct output *output) {
  ssize_t count = read(output->fd, monitor->chunk, sizeof monitor->chunk);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    output_close(monitor, output);
    return false;
  }
  monitor->dirty = true;
  log_feed(&monitor->log, &output->line, monitor->chunk, (size_t)count, os_clock(CLOCK_REALTIME));
  log_flush(&monitor->log);
  writing_wake(monitor);
  control_tell_rotated(monitor, false);
  attach_output(monitor, output->stream, monitor->chunk, (size_t)count);
  return true;
}

void output_event(struct monitor *monitor, struct output *output) {
  for (int i = 0; i < READS_AT_ONCE && output->fd >= 0 && !attach_is_pressed(monitor); i++) {
    if (!read_once(monitor, output)) return;
  }
}

/* A pipe that is watched but not read would wake us for ever once its writer is gone: while clients lag it is not watched. */
void output_rearm(struct monitor *monitor) {
  uint32_t events = attach_is_pressed(monitor) ? 0 : EPOLLIN;
  for (unsigned i = 0; i < 2; i++) monitor_watch(monitor, &monitor->outputs[i].watch, monitor->outputs[i].fd, events);
}

void output_finish(struct monitor *monitor, struct output *output) {
  for (unsigned i = 0; i < LAST_READS && output->fd >= 0; i++) {
    if (!read_once(monitor, output)) break;
  }
  if (output->fd >= 0) output_close(monitor, output);
}
