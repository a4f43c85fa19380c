/* The monitor's side of a log that has a writer of its own (log_writer.h): making that, waking it, and its end. */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log_ring.h"
#include "log_writer.h"
#include "monitor.h"
#include "os.h"

int writing_start(struct monitor *monitor) {
  struct writer *writer = &monitor->writer;
  int pair[2];
  int pidfd = -1;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
  writer->begun = os_clock(CLOCK_MONOTONIC);
  pid_t pid = os_fork_watched(&pidfd);
  if (pid == 0) writer_main(&monitor->log, pair[1]);
  os_close(&pair[1]);
  if (pid < 0) {
    os_close(&pair[0]);
    return pid;
  }
  writer->pid = pid;
  writer->pidfd = pidfd;
  writer->link = pair[0];
  writer->due = 0;
  monitor_watch(monitor, &writer->watch, writer->link, EPOLLIN);
  monitor_watch(monitor, &writer->end_watch, writer->pidfd, EPOLLIN);
  return 0;
}

static void forget(struct monitor *monitor) {
  struct writer *writer = &monitor->writer;
  monitor_watch(monitor, &writer->watch, writer->link, 0);
  monitor_watch(monitor, &writer->end_watch, writer->pidfd, 0);
  os_close(&writer->link);
  os_close(&writer->pidfd);
  writer->pid = 0;
}

static void say_look(const struct writer *writer) {
  if (writer->pid != 0) send(writer->link, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void writing_wake(struct monitor *monitor) {
  if (monitor->log.ring != NULL && ring_must_wake(monitor->log.ring)) say_look(&monitor->writer);
}

/* The writer has gone on to another file. */
static void look(struct monitor *monitor) {
  uint64_t number = monitor->log.ring->number;
  if (number == monitor->log.row.number) return;
  monitor->log.row.number = number;
  monitor->log.rotated = true;
}

void writing_word(struct monitor *monitor) {
  char words[64];
  struct writer *writer = &monitor->writer;
  if (writer->pid == 0) return;
  /* Its end is told by its pidfd. */
  if (recv(writer->link, words, sizeof words, MSG_DONTWAIT) == 0) monitor_watch(monitor, &writer->watch, writer->link, 0);
  look(monitor);
  control_tell_rotated(monitor, false);
}

bool writing_is_done(const struct monitor *monitor) {
  const struct log_ring *ring = monitor->log.ring;
  return ring == NULL || (monitor->writer.pid == 0 && ring_head(ring) == ring_tail(ring));
}

/* It has ended because it was told to, or was killed: then another goes on where it was. */
void writing_end(struct monitor *monitor) {
  struct writer *writer = &monitor->writer;
  if (writer->pid == 0 || waitpid(writer->pid, NULL, WNOHANG) != writer->pid) return;
  forget(monitor);
  look(monitor);
  if (!ring_is_finished(monitor->log.ring) || !writing_is_done(monitor)) writer->due = writer->begun + WRITER_PAUSE_NS;
}

void writing_tend(struct monitor *monitor, uint64_t now) {
  struct writer *writer = &monitor->writer;
  if (writer->due == 0 || now < writer->due) return;
  if (writing_start(monitor) < 0) writer->due = now + WRITER_PAUSE_NS;
}

void writing_finish(struct monitor *monitor) {
  if (monitor->log.ring == NULL) return;
  ring_finish(monitor->log.ring);
  say_look(&monitor->writer);
}

static uint32_t count_waiting(struct monitor *monitor) {
  const struct log_ring *ring = monitor->log.ring;
  struct log_record record;
  uint32_t count = 0;
  for (uint64_t at = ring_tail(ring); at != ring_head(ring); count++) at = ring_read(ring, at, &record, monitor->chunk);
  return count;
}

/* A process that waits for a disk is only gone when the disk answers; nobody waits for that, it is reaped by whoever reaps orphans. */
void writing_give_up(struct monitor *monitor) {
  struct writer *writer = &monitor->writer;
  if (monitor->log.ring == NULL) return;
  writer->due = 0;
  look(monitor);
  if (writing_is_done(monitor)) return;
  if (writer->pid != 0) {
    os_pidfd_signal(writer->pidfd, SIGKILL);
    forget(monitor);
  }
  monitor->log.lost += count_waiting(monitor);
}
