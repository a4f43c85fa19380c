/*
 * Records into files. A row of files goes on by steps that may each be the last one that this process takes: the next file is made, it gets the row's name,
 * the oldest is removed. Whoever reads goes by the numbers alone; what is left over the next start clears away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "log_ring.h"
#include "os.h"
#include "text.h"

#define FILE_MODE 0640

static uint32_t count_lines(const char *data, size_t size) {
  uint32_t count = 0;
  for (size_t i = 0; i < size; i++) count += data[i] == '\n';
  return count;
}

/* When the disk takes only part of it, the file is cut back to its last whole line, so that it stays valid and later lines can follow. */
static void write_lines(struct log *log, const char *lines, size_t size) {
  ssize_t written = write(log->fd, lines, size);
  if (written == (ssize_t)size) {
    log->row.size += size;
    return;
  }
  size_t done = written < 0 ? 0 : (size_t)written;
  size_t whole = done;
  while (whole > 0 && lines[whole - 1] != '\n') whole--;
  struct stat facts;
  if (whole < done && fstat(log->fd, &facts) == 0) {
    int ignored = ftruncate(log->fd, facts.st_size - (off_t)(done - whole));
    (void)ignored;
  }
  log->row.size += whole;
  log->lost += count_lines(lines + whole, size - whole);
}

/* All that is buffered goes out in one write. A writer notes before and after how far it is; what one that was killed there had written of it is not written again. */
void log_flush(struct log *log) {
  size_t used = log->used;
  log->used = 0;
  if (used == 0) return;
  if (log->ring != NULL) ring_begin(log->ring, &log->row);
  size_t known = log->written < used ? (size_t)log->written : used;
  log->written -= known;
  log->row.size += known;
  if (known < used) write_lines(log, log->buffer + known, used - known);
  if (log->ring != NULL) ring_commit(log->ring, log->taken, log->lost);
}

static struct text name_of(const struct log_row *row, char *at, size_t size, uint64_t number) {
  struct text name = {.at = at, .size = size, .used = 0};
  text_add(&name, row->name);
  text_add(&name, ".");
  text_add_digits(&name, number, 1);
  return name;
}

/* The packed form after the other: whoever packs makes it first and removes the other then, and takes it back when that was gone already. */
static void remove_file(const struct log_row *row, uint64_t number) {
  char at[LOG_NAME_BYTES + 32];
  struct text name = name_of(row, at, sizeof at, number);
  unlinkat(row->directory, name.at, 0);
  text_add(&name, ".gz");
  unlinkat(row->directory, name.at, 0);
}

/* From here on the row's own name means this file. */
static void rename_row(const struct log_row *row) {
  char of_file[LOG_NAME_BYTES + 32];
  char at[LOG_NAME_BYTES + 32];
  struct text file = name_of(row, of_file, sizeof of_file, row->number);
  struct text name = TEXT_ON(at);
  text_add(&name, row->name);
  text_add(&name, ".new");
  unlinkat(row->directory, name.at, 0);
  if (linkat(row->directory, file.at, row->directory, name.at, 0) == 0) renameat(row->directory, name.at, row->directory, row->name);
}

int log_open_file(const struct log_row *row, uint64_t number) {
  char at[LOG_NAME_BYTES + 32];
  struct text name = name_of(row, at, sizeof at, number);
  int fd = os_open(row->directory, name.at, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, FILE_MODE);
  if (fd >= 0) fchmod(fd, FILE_MODE);
  return fd;
}

static bool open_next(struct log *log) {
  struct log_row *row = &log->row;
  struct stat facts;
  int fd = log_open_file(row, row->number + 1);
  if (fd < 0) return false;
  os_close(&log->fd);
  log->fd = fd;
  row->number++;
  row->size = fstat(fd, &facts) == 0 ? (uint64_t)facts.st_size : 0;
  row->born = 0;
  rename_row(row);
  if (row->number > row->files) remove_file(row, row->number - row->files);
  log->rotated = true;
  return true;
}

bool log_make_room(struct log *log, size_t size, uint64_t now) {
  struct log_row *row = &log->row;
  uint64_t filled = row->size + log->used;
  bool full = row->size_limit != 0 && filled > 0 && filled + size > row->size_limit;
  bool old = row->age_limit != 0 && row->born != 0 && now > row->born && now - row->born >= row->age_limit;
  if (row->directory < 0 || (!full && !old)) {
    if (row->born == 0) row->born = now;
    return true;
  }
  log_flush(log);
  /* Lines that came from the disk's end took no room: there may be some now. */
  bool opened = open_next(log);
  if (opened) row->born = now;
  return opened || !full;
}
