#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"
#include "log_ring.h"
#include "os.h"

#define CONTROL_FD 3
#define EVENTS_AT_ONCE 16

void monitor_watch(struct monitor *monitor, struct watch *watch, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)watch->kind | (uint64_t)watch->index << 8 | (uint64_t)watch->serial << 32};
  if (fd < 0 || events == watch->events) return;
  int operation = watch->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  if (epoll_ctl(monitor->epoll, operation, fd, &event) == 0) watch->events = events;
}

void monitor_fail(struct monitor *monitor) {
  uint8_t payload[REPORT_BYTES];
  process_kill(monitor);
  control_broadcast(monitor, FRAME_FAILED, payload, report_encode(&monitor->report, payload));
  attach_close_all(monitor);
  directory_leave(monitor);
  monitor->ended = true;
}

void monitor_abandon(struct monitor *monitor) {
  process_kill(monitor);
  attach_close_all(monitor);
  directory_leave(monitor);
  monitor->ended = true;
}

/* SIGTERM and SIGINT: somebody shuts the host down, or wants the container gone without the engine. */
static void signals_event(struct monitor *monitor) {
  struct signalfd_siginfo info;
  if (read(monitor->signals, &info, sizeof info) <= 0) return;
  if (monitor->state < MONITOR_CREATED) monitor_abandon(monitor);
  else if (monitor->pidfd >= 0) os_pidfd_signal(monitor->pidfd, SIGKILL);
}

static void dispatch(struct monitor *monitor, const struct epoll_event *event) {
  uint8_t index = (uint8_t)(event->data.u64 >> 8);
  uint32_t serial = (uint32_t)(event->data.u64 >> 32);
  switch ((enum watch_kind)(event->data.u64 & 0xff)) {
    case WATCH_SIGNALS:
      signals_event(monitor);
      break;
    case WATCH_STAGE:
      process_stage_event(monitor);
      break;
    case WATCH_PROCESS:
      process_exit_event(monitor);
      break;
    case WATCH_CONTROL_LISTENER:
      control_accept(monitor);
      break;
    case WATCH_ATTACH_LISTENER:
      attach_accept(monitor);
      break;
    case WATCH_CONTROL:
      if (monitor->controls[index].watch.serial == serial) control_event(monitor, &monitor->controls[index]);
      break;
    case WATCH_CLIENT:
      if (monitor->clients[index].watch.serial == serial) attach_event(monitor, &monitor->clients[index], event->events);
      break;
    case WATCH_OUTPUT:
      output_event(monitor, &monitor->outputs[index]);
      break;
    case WATCH_INPUT:
      input_event(monitor, event->events);
      break;
    case WATCH_WRITER:
      writing_word(monitor);
      break;
    case WATCH_WRITER_END:
      writing_end(monitor);
      break;
  }
}

static void give_buffers_back(struct monitor *monitor) {
  os_give_back(monitor->chunk, sizeof monitor->chunk);
  if (monitor->log.used == 0) os_give_back(monitor->log.buffer, sizeof monitor->log.buffer);
  if (monitor->input.used == 0) os_give_back(monitor->input.data, sizeof monitor->input.data);
  for (unsigned i = 0; i < 2; i++) {
    struct log_line *line = &monitor->outputs[i].line;
    os_give_back(line->data + line->used, sizeof line->data - line->used);
  }
  /* What waits for a stuck disk takes memory until the disk goes on. */
  monitor->dirty = monitor->log.ring != NULL && !ring_give_back(monitor->log.ring);
}

/* Milliseconds until something must be done though nothing happens; -1: nothing must. */
static int patience(const struct monitor *monitor, uint64_t now) {
  uint64_t soonest = monitor->deadline == 0 ? UINT64_MAX : monitor->deadline;
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) {
    uint64_t deadline = monitor->clients[i].deadline;
    if (monitor->clients[i].fd >= 0 && deadline != 0 && deadline < soonest) soonest = deadline;
  }
  if (monitor->writer.due != 0 && monitor->writer.due < soonest) soonest = monitor->writer.due;
  if (monitor->dirty && now + QUIET_NS < soonest) soonest = now + QUIET_NS;
  if (soonest == UINT64_MAX) return -1;
  return soonest <= now ? 0 : (int)((soonest - now) / 1000000 + 1);
}

static void turn(struct monitor *monitor) {
  struct epoll_event events[EVENTS_AT_ONCE];
  int count = epoll_wait(monitor->epoll, events, EVENTS_AT_ONCE, patience(monitor, os_clock(CLOCK_MONOTONIC)));
  for (int i = 0; i < count && !monitor->ended; i++) dispatch(monitor, &events[i]);
  if (count == 0 && monitor->dirty) give_buffers_back(monitor);
  attach_drop_late(monitor, os_clock(CLOCK_MONOTONIC));
  output_rearm(monitor);
  writing_tend(monitor, os_clock(CLOCK_MONOTONIC));
  if (monitor->dying && !monitor->ended) process_settle(monitor);
}

static void clear(struct monitor *monitor, bool one_shot) {
  monitor->one_shot = one_shot;
  monitor->signals_watch.kind = WATCH_SIGNALS;
  monitor->process_watch.kind = WATCH_PROCESS;
  monitor->stage_watch.kind = WATCH_STAGE;
  monitor->control_listener_watch.kind = WATCH_CONTROL_LISTENER;
  monitor->attach_listener_watch.kind = WATCH_ATTACH_LISTENER;
  monitor->input.watch.kind = WATCH_INPUT;
  monitor->writer.watch.kind = WATCH_WRITER;
  monitor->writer.end_watch.kind = WATCH_WRITER_END;
  int *const descriptors[] = {&monitor->pidfd,     &monitor->stage,         &monitor->slave,           &monitor->directory,      &monitor->exit_file,
                              &monitor->log.fd,    &monitor->log.row.directory,      &monitor->memory_events,   &monitor->control_listener, &monitor->attach_listener,
                              &monitor->input.fd,  &monitor->outputs[0].fd, &monitor->outputs[1].fd, &monitor->writer.link, &monitor->writer.pidfd};
  for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) *descriptors[i] = -1;
  for (unsigned i = 0; i < CONTROL_LIMIT; i++) monitor->controls[i].fd = -1;
  for (unsigned i = 0; i < CLIENT_LIMIT; i++) monitor->clients[i].fd = -1;
}

/* The engine's terminal, working directory and signals are nothing to us. */
static int settle_in(struct monitor *monitor) {
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGINT);
  sigprocmask(SIG_SETMASK, &watched, NULL);
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  umask(077);
  os_close_from(GUARD_FD + 1, ~0u);
  fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
  fcntl(GUARD_FD, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_NAME, "bosun");
  if (chdir("/") < 0) return -errno;
  monitor->epoll = epoll_create1(EPOLL_CLOEXEC);
  monitor->signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  if (monitor->epoll < 0 || monitor->signals < 0) return -errno;
  monitor_watch(monitor, &monitor->signals_watch, monitor->signals, EPOLLIN);
  control_adopt(monitor, CONTROL_FD);
  return monitor->controls[0].fd < 0 ? -ENOTSOCK : 0;
}

int monitor_main(struct monitor *monitor, bool one_shot) {
  clear(monitor, one_shot);
  if (settle_in(monitor) < 0) return 1;
  while (!monitor->ended) turn(monitor);
  return 0;
}
