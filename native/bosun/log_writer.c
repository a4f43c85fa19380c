#include "log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log_ring.h"
#include "os.h"

/* After so long with nothing to write the buffer's memory is given back. */
#define QUIET_MS 2000

/*
 * Two writers of one row would mix their lines and begin each other's files: when a monitor is killed, and the container started again, the next one waits until
 * the first is through. Kept until we end.
 */
static void lock_row(const struct log_row *row) {
  int directory = os_open(row->directory, ".", O_RDONLY | O_DIRECTORY, 0);
  if (directory >= 0) syscall(SYS_flock, directory, LOCK_EX);
}

/* From where the last writer was, which may have been killed between a write and its note of it. */
static void resume(struct log *log) {
  struct log_ring *ring = log->ring;
  struct stat facts;
  log->row.number = ring->number;
  log->row.born = ring->born;
  log->taken = ring->tail;
  log->lost = ring->lost;
  log->used = 0;
  log->rotated = false;
  if (log->fd < 0) log->fd = log_open_file(&log->row, log->row.number);
  uint64_t size = fstat(log->fd, &facts) == 0 ? (uint64_t)facts.st_size : 0;
  log->written = ring->begun == ring->tail && size > ring->base ? size - ring->base : 0;
  log->row.size = size - log->written;
}

static char piece[LOG_PIECE_BYTES];

/* False: there was nothing. */
static bool write_waiting(struct log *log) {
  uint64_t head = ring_head(log->ring);
  if (log->taken == head) return false;
  while (log->taken != head) {
    struct log_record record;
    uint64_t next = ring_read(log->ring, log->taken, &record, piece);
    log_write(log, &record, record.began);
    log->taken = next;
  }
  log_flush(log);
  ring_commit(log->ring, log->taken, log->lost);
  return true;
}

static void tell_rotated(struct log *log, int link) {
  if (!log->rotated) return;
  log->rotated = false;
  send(link, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Until the monitor has put something in. False: it is gone. */
static bool wait_for_word(struct log *log, int link) {
  struct pollfd watched = {.fd = link, .events = POLLIN};
  char words[64];
  if (poll(&watched, 1, QUIET_MS) == 0) {
    os_give_back(log->buffer, sizeof log->buffer);
    os_give_back(piece, sizeof piece);
    poll(&watched, 1, -1);
  }
  return recv(link, words, sizeof words, MSG_DONTWAIT) != 0;
}

void writer_main(struct log *log, int link) {
  int kept[] = {link, log->row.directory, log->fd};
  bool alone = false;
  os_close_all_but(kept, sizeof kept / sizeof kept[0]);
  prctl(PR_SET_NAME, "bosun-log");
  lock_row(&log->row);
  resume(log);
  for (;;) {
    bool last = alone || ring_is_finished(log->ring);
    if (write_waiting(log)) {
      tell_rotated(log, link);
      continue;
    }
    if (last) _exit(0);
    if (!ring_fall_asleep(log->ring) || wait_for_word(log, link)) continue;
    /* The next start has counted this row's files already: what is left goes into the last of them. */
    alone = true;
    log->row.size_limit = 0;
    log->row.age_limit = 0;
  }
}
