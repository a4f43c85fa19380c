/* The process's life as the monitor sees it: through the stage's socket until it runs, then through its pidfd. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"
#include "os.h"
#include "text.h"

void process_kill(struct monitor *monitor) {
  if (monitor->pidfd < 0) return;
  os_pidfd_signal(monitor->pidfd, SIGKILL);
  monitor_watch(monitor, &monitor->process_watch, monitor->pidfd, 0);
  waitpid(monitor->pid, NULL, 0);
  os_close(&monitor->pidfd);
}

uint64_t memory_oom_kills(int file) {
  char text[512];
  ssize_t count = file < 0 ? 0 : pread(file, text, sizeof text - 1, 0);
  if (count <= 0) return 0;
  text[count] = '\0';
  const char *at = strstr(text, "oom_kill ");
  uint64_t kills = 0;
  for (at = at == NULL ? "" : at + strlen("oom_kill "); *at >= '0' && *at <= '9'; at++) kills = kills * 10 + (uint64_t)(*at - '0');
  return kills;
}

static void close_stage(struct monitor *monitor) {
  monitor_watch(monitor, &monitor->stage_watch, monitor->stage, 0);
  os_close(&monitor->stage);
}

/* We hold the terminal's other end as well until the process ends: an init that closes its console and opens it again would else be cut off. */
static void adopt_terminal(struct monitor *monitor, struct descriptors *descriptors) {
  if (descriptors->count != 1 || monitor->outputs[0].fd >= 0) {
    descriptors_close(descriptors);
    return;
  }
  int master = descriptors->at[0];
  descriptors->count = 0;
  monitor->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
  input_open(monitor, fcntl(master, F_DUPFD_CLOEXEC, 0), monitor->input.once);
  output_open(monitor, 0, master);
}

void process_sandboxed(struct monitor *monitor) {
  monitor->state = MONITOR_SANDBOXED;
  control_broadcast_pid(monitor, FRAME_SANDBOXED);
}

static void process_created(struct monitor *monitor) {
  monitor->state = MONITOR_CREATED;
  monitor->run_pending = false;
  control_broadcast_pid(monitor, FRAME_CREATED);
  monitor->ended = monitor->one_shot;
}

static void process_started(struct monitor *monitor) {
  monitor->state = MONITOR_RUNNING;
  monitor->run_pending = false;
  monitor->started = os_clock(CLOCK_REALTIME);
  control_broadcast_pid(monitor, FRAME_STARTED);
  monitor->ended = monitor->one_shot;
}

/* A container that was created but could not start still gets an exit record, with the status a shell would give: an engine may ask later. */
static void process_refused(struct monitor *monitor) {
  if (monitor->state == MONITOR_CREATED) {
    uint32_t code = monitor->report.op != OP_EXECUTE ? 125 : monitor->report.error == ENOENT ? 127 : 126;
    monitor->wait_status = code << 8;
    monitor->flags |= EXIT_NEVER_RAN;
    monitor->finished = os_clock(CLOCK_REALTIME);
    monitor->started = monitor->finished;
    directory_record_exit(monitor);
  }
  monitor_fail(monitor);
}

/* Only the host's root may map ids of the host's file systems, which a stage in a user namespace is not; the plan's user namespace says which. */
static void map_ids_for_stage(struct monitor *monitor, const struct message *message) {
  const struct descriptors *given = &message->descriptors;
  int error = -EPROTO;
  if (given->count == 2 && !monitor->executing) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (__u64)given->at[1]};
    error = os_mount_setattr(given->at[0], message->value != 0 ? AT_RECURSIVE : 0, &attributes);
  }
  message_send(monitor->stage, MESSAGE_MAPPED, (uint32_t)-error, NULL, 0);
}

void process_stage_event(struct monitor *monitor) {
  struct message message;
  if (monitor->stage < 0) return;
  int received = message_receive(monitor->stage, &message);
  if (received <= 0) {
    close_stage(monitor);
    if (monitor->executing) process_started(monitor);
    return;
  }
  switch ((enum message_type)message.type) {
    case MESSAGE_FURNISHED:
      process_sandboxed(monitor);
      break;
    case MESSAGE_CREATED:
      process_created(monitor);
      break;
    case MESSAGE_EXECUTING:
      monitor->executing = true;
      break;
    case MESSAGE_TERMINAL:
      adopt_terminal(monitor, &message.descriptors);
      break;
    case MESSAGE_MAP_IDS:
      map_ids_for_stage(monitor, &message);
      break;
    case MESSAGE_FAILED:
      monitor->report = message.report;
      process_refused(monitor);
      break;
    default:
      break;
  }
  descriptors_close(&message.descriptors);
}

/* The stage died without a report: killed, for want of memory perhaps, or by a seccomp filter of its own. */
static void report_death(struct monitor *monitor, int status) {
  char words[64];
  struct text text = TEXT_ON(words);
  bool memory = memory_oom_kills(monitor->memory_events) > monitor->oom_kills;
  text_add(&text, WIFSIGNALED(status) ? "killed by signal " : "exit status ");
  text_add_number(&text, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  monitor->report = (struct report){0};
  report_failure(&monitor->report, memory ? -ENOMEM : -ECANCELED, "wait", "");
  report_detail(&monitor->report, text.at, text.used);
}

void process_exit_event(struct monitor *monitor) {
  int status = 0;
  while (monitor->stage >= 0 && !monitor->ended) process_stage_event(monitor);
  if (monitor->ended || monitor->pidfd < 0 || waitpid(monitor->pid, &status, WNOHANG) != monitor->pid) return;
  monitor_watch(monitor, &monitor->process_watch, monitor->pidfd, 0);
  os_close(&monitor->pidfd);
  if (monitor->state < MONITOR_CREATED) {
    report_death(monitor, status);
    monitor_fail(monitor);
    return;
  }
  monitor->finished = os_clock(CLOCK_REALTIME);
  monitor->wait_status = (uint32_t)status;
  if (memory_oom_kills(monitor->memory_events) > monitor->oom_kills) monitor->flags |= EXIT_OUT_OF_MEMORY;
  monitor->dying = true;
  monitor->deadline = os_clock(CLOCK_MONOTONIC) + DRAIN_NS;
  os_close(&monitor->slave);
  input_close(monitor);
}

/* The record is on disk before anybody is told. */
static void conclude(struct monitor *monitor) {
  uint8_t payload[STATUS_BYTES];
  writing_give_up(monitor);
  control_tell_rotated(monitor, true);
  directory_record_exit(monitor);
  monitor->state = MONITOR_EXITED;
  control_encode_status(monitor, payload);
  control_broadcast(monitor, FRAME_EXITED, payload, sizeof payload);
  monitor->deadline = os_clock(CLOCK_MONOTONIC) + LAG_NS;
}

static void finish_output(struct monitor *monitor) {
  for (unsigned i = 0; i < 2; i++) output_finish(monitor, &monitor->outputs[i]);
  monitor->drained = true;
  writing_finish(monitor);
  monitor->deadline = os_clock(CLOCK_MONOTONIC) + WRITER_NS;
}

void process_settle(struct monitor *monitor) {
  bool late = os_clock(CLOCK_MONOTONIC) >= monitor->deadline;
  if (!monitor->drained) {
    if (output_is_open(monitor) && !late) return;
    finish_output(monitor);
    late = false;
  }
  if (monitor->state != MONITOR_EXITED) {
    if (!writing_is_done(monitor) && !late) return;
    conclude(monitor);
    late = false;
  }
  if (!attach_close_idle(monitor) && !late) return;
  directory_leave(monitor);
  monitor->ended = true;
}
