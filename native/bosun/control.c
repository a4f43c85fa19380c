/* The control stream: what engines ask for and are told. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"
#include "os.h"
#include "text.h"

#define SIGNAL_LIMIT 64u

static void control_close(struct monitor *monitor, struct control *control) {
  monitor_watch(monitor, &control->watch, control->fd, 0);
  frame_clear(&control->frame);
  os_close(&control->fd);
  control->watch.serial = 0;
}

/* The one who spawned us has the first place, and it is never given to another. */
static void control_lost(struct monitor *monitor, struct control *control) {
  bool spawner = control == &monitor->controls[0];
  control_close(monitor, control);
  if (spawner && monitor->state < MONITOR_CREATED) monitor_abandon(monitor);
}

void control_adopt(struct monitor *monitor, int fd) {
  for (unsigned i = monitor->serial == 0 ? 0 : 1; i < CONTROL_LIMIT; i++) {
    struct control *control = &monitor->controls[i];
    if (control->fd >= 0) continue;
    control->fd = fd;
    control->watch = (struct watch){.kind = WATCH_CONTROL, .index = (uint8_t)i, .serial = ++monitor->serial};
    monitor_watch(monitor, &control->watch, fd, EPOLLIN);
    return;
  }
  os_close(&fd);
}

void control_encode_status(const struct monitor *monitor, uint8_t payload[STATUS_BYTES]) {
  put_u32(payload, monitor->state);
  put_u32(payload + 4, (uint32_t)monitor->pid);
  put_u32(payload + 8, monitor->wait_status);
  put_u32(payload + 12, monitor->flags);
  put_u64(payload + 16, monitor->started);
  put_u64(payload + 24, monitor->finished);
  put_u32(payload + 32, log_lost(&monitor->log));
  put_u32(payload + 36, 0);
}

void control_accept(struct monitor *monitor) {
  uint8_t payload[STATUS_BYTES];
  int fd = accept4(monitor->control_listener, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  control_encode_status(monitor, payload);
  frame_send(fd, FRAME_STATUS, payload, sizeof payload);
  control_adopt(monitor, fd);
}

/* A hint, and no reason to give anybody up: where there is no room for it, it is not sent. */
void control_tell_rotated(struct monitor *monitor, bool last) {
  uint8_t payload[8];
  if (!monitor->log.rotated) return;
  uint64_t now = os_clock(CLOCK_MONOTONIC);
  if (!last && now - monitor->rotation_told < ROTATION_PAUSE_NS) return;
  monitor->rotation_told = now;
  monitor->log.rotated = false;
  put_u64(payload, monitor->log.row.number);
  for (unsigned i = 0; i < CONTROL_LIMIT; i++) {
    if (monitor->controls[i].fd >= 0) frame_send(monitor->controls[i].fd, FRAME_ROTATED, payload, sizeof payload);
  }
}

/* A listener that does not read its few bytes is given up. */
void control_broadcast(struct monitor *monitor, enum frame_type type, const void *payload, size_t size) {
  for (unsigned i = 0; i < CONTROL_LIMIT; i++) {
    struct control *control = &monitor->controls[i];
    if (control->fd >= 0 && frame_send(control->fd, type, payload, size) == -EAGAIN) control_close(monitor, control);
  }
}

void control_broadcast_pid(struct monitor *monitor, enum frame_type type) {
  uint8_t payload[4];
  put_u32(payload, (uint32_t)monitor->pid);
  control_broadcast(monitor, type, payload, sizeof payload);
}

static void refuse(const struct control *control, uint32_t error, const char *reason) {
  uint8_t payload[4 + 128];
  size_t length = strnlen(reason, 128);
  put_u32(payload, error);
  memcpy(payload + 4, reason, length);
  frame_send(control->fd, FRAME_REFUSED, payload, 4 + length);
}

static void handle_sandbox(struct monitor *monitor, const struct control *control) {
  const struct descriptors *descriptors = &control->frame.descriptors;
  struct plan plan;
  if (monitor->state != MONITOR_IDLE || monitor->stage >= 0) {
    refuse(control, EALREADY, "there is a sandbox already");
    return;
  }
  int error = descriptors->count == 0 ? -EBADF : plan_map(&plan, descriptors->at[0], descriptors->count - 1);
  if (error < 0) {
    refuse(control, (uint32_t)-error, "the sandbox plan is not valid");
    return;
  }
  int made = sandbox_make(monitor, &plan, descriptors->at + 1);
  plan_unmap(&plan);
  if (made < 0) monitor_fail(monitor);
  else if (made == 0) process_sandboxed(monitor);
}

static void handle_run(struct monitor *monitor, const struct control *control) {
  if (monitor->state != MONITOR_SANDBOXED || monitor->run_pending) {
    refuse(control, EALREADY, "there is no sandbox that waits for a run plan");
    return;
  }
  int error = run_accept(monitor, &control->frame.descriptors);
  if (error == -EBADMSG) refuse(control, EBADMSG, "the run plan is not valid");
  else if (error < 0) monitor_fail(monitor);
}

static void handle_start(struct monitor *monitor, const struct control *control) {
  if (monitor->state != MONITOR_CREATED || monitor->stage < 0 || monitor->executing) {
    refuse(control, EALREADY, "nothing waits to be started");
    return;
  }
  attach_collect(monitor);
  message_send(monitor->stage, MESSAGE_START, 0, NULL, 0);
}

static void handle_resize(struct monitor *monitor, const uint8_t *payload) {
  struct winsize size = {.ws_row = (unsigned short)(payload[0] | payload[1] << 8), .ws_col = (unsigned short)(payload[2] | payload[3] << 8)};
  if (monitor->terminal && monitor->outputs[0].fd >= 0) ioctl(monitor->outputs[0].fd, TIOCSWINSZ, &size);
}

/* How large each payload must be; 255: no such frame comes from an engine. */
static size_t payload_wanted(uint32_t type) {
  switch (type) {
    case FRAME_RESIZE:
    case FRAME_SIGNAL:
      return 4;
    case FRAME_SANDBOX:
    case FRAME_RUN:
    case FRAME_START:
    case FRAME_CLOSE_STDIN:
      return 0;
    default:
      return 255;
  }
}

static void handle(struct monitor *monitor, struct control *control) {
  struct frame *frame = &control->frame;
  uint32_t type = frame_type(frame);
  const uint8_t *payload = frame_payload(frame);
  if (payload_wanted(type) != frame_payload_size(frame)) {
    refuse(control, EPROTO, "the frame makes no sense");
    return;
  }
  if (type == FRAME_SANDBOX) handle_sandbox(monitor, control);
  if (type == FRAME_RUN) handle_run(monitor, control);
  if (type == FRAME_START) handle_start(monitor, control);
  if (type == FRAME_RESIZE) handle_resize(monitor, payload);
  if (type == FRAME_CLOSE_STDIN) input_finish(monitor);
  if (type == FRAME_SIGNAL && get_u32(payload) <= SIGNAL_LIMIT && monitor->pidfd >= 0) os_pidfd_signal(monitor->pidfd, (int)get_u32(payload));
}

void control_event(struct monitor *monitor, struct control *control) {
  while (!monitor->ended && control->fd >= 0) {
    int received = frame_receive(control->fd, &control->frame);
    if (received == 0) return;
    if (received < 0) {
      control_lost(monitor, control);
      return;
    }
    handle(monitor, control);
    frame_clear(&control->frame);
  }
}
