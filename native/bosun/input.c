/* The process's standard input, fed by the attached clients. */
#include <asm/termbits.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "monitor.h"
#include "os.h"

void input_open(struct monitor *monitor, int fd, bool once) {
  struct input *input = &monitor->input;
  input->fd = fd;
  input->once = once;
  input->watch = (struct watch){.kind = WATCH_INPUT};
}

void input_close(struct monitor *monitor) {
  struct input *input = &monitor->input;
  monitor_watch(monitor, &input->watch, input->fd, 0);
  os_close(&input->fd);
  input->used = 0;
  input->sent = 0;
  attach_rearm(monitor);
}

bool input_is_free(const struct monitor *monitor) {
  return monitor->input.used == 0 && !monitor->input.finish;
}

/* A terminal has no end to close. Its end-of-file character gives a reader what it has of a line; only on an empty line does it mean the end. */
static void end_terminal(struct input *input) {
  struct termios settings;
  if (ioctl(input->fd, TCGETS, &settings) < 0 || (settings.c_lflag & ICANON) == 0) return;
  char ends[2] = {(char)settings.c_cc[VEOF], (char)settings.c_cc[VEOF]};
  ssize_t ignored = write(input->fd, ends, input->mid_line ? 2 : 1);
  (void)ignored;
  input->mid_line = false;
}

static void end(struct monitor *monitor) {
  monitor->input.finish = false;
  if (monitor->terminal) end_terminal(&monitor->input);
  else input_close(monitor);
}

/* Writes what it can; what is left waits for the process to read, and so do the clients. */
static void push(struct monitor *monitor) {
  struct input *input = &monitor->input;
  while (input->sent < input->used) {
    ssize_t count = write(input->fd, input->data + input->sent, input->used - input->sent);
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      input_close(monitor);
      return;
    }
    input->sent += (size_t)count;
    input->mid_line = input->data[input->sent - 1] != '\n';
  }
  bool done = input->sent == input->used;
  if (done) {
    input->sent = 0;
    input->used = 0;
  }
  monitor_watch(monitor, &input->watch, input->fd, done ? 0 : EPOLLOUT);
  if (done && input->finish) end(monitor);
  attach_rearm(monitor);
}

void input_take(struct monitor *monitor, size_t size) {
  monitor->dirty = true;
  monitor->input.used = size;
  push(monitor);
}

void input_event(struct monitor *monitor, uint32_t events) {
  if (monitor->input.fd < 0) return;
  if ((events & EPOLLERR) != 0) input_close(monitor);
  else push(monitor);
}

void input_finish(struct monitor *monitor) {
  if (monitor->input.fd < 0) return;
  monitor->input.finish = true;
  if (monitor->input.used == 0) end(monitor);
}
