#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "os.h"
#include "text.h"

#define ROTATION_PATIENCE 64u

static uint32_t count_lines(const char *data, size_t size) {
  uint32_t count = 0;
  for (size_t i = 0; i < size; i++) count += data[i] == '\n';
  return count;
}

/*
 * All that is buffered goes out in one write. When the disk takes only part of it, the file is cut back to its last whole line, so that it stays
 * valid and later lines can follow.
 */
void log_flush(struct log *log) {
  size_t used = log->used;
  log->used = 0;
  if (used == 0) return;
  ssize_t written = write(log->fd, log->buffer, used);
  if (written == (ssize_t)used) return;
  size_t done = written < 0 ? 0 : (size_t)written;
  size_t whole = done;
  while (whole > 0 && log->buffer[whole - 1] != '\n') whole--;
  struct stat facts;
  if (whole < done && fstat(log->fd, &facts) == 0) {
    int ignored = ftruncate(log->fd, facts.st_size - (off_t)(done - whole));
    (void)ignored;
  }
  log->lost += count_lines(log->buffer + whole, used - whole);
}

static void switch_file(struct log *log) {
  log_flush(log);
  os_close(&log->fd);
  log->fd = os_take(&log->next);
}

void log_rotate(struct log *log, int fd) {
  os_close(&log->next);
  log->next = fd;
  log->patience = ROTATION_PATIENCE;
  if (log->fd < 0) switch_file(log);
}

static void write_record(struct log *log, struct log_line *line, const char *data, size_t size, bool whole) {
  if (log->used + LOG_RECORD_BYTES > sizeof log->buffer) log_flush(log);
  struct text text = {.at = log->buffer + log->used, .size = sizeof log->buffer - log->used, .used = 0};
  text_add(&text, "{\"log\":\"");
  json_add_escaped(&text, data, size);
  text_add(&text, whole ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
  text_add(&text, line->stream);
  text_add(&text, "\",\"time\":\"");
  json_add_time(&text, line->began);
  text_add(&text, "\"}\n");
  log->used += text.used;
}

static void emit(struct log *log, struct log_line *line, const char *data, size_t size, bool whole, uint64_t now) {
  if (log->next >= 0 && (!line->partial || log->patience-- == 0)) switch_file(log);
  if (!line->partial) line->began = now;
  line->partial = !whole;
  write_record(log, line, data, size, whole);
}

/* The buffer is full and the line goes on: a piece of it goes out, but no character is cut in two. */
static void emit_piece(struct log *log, struct log_line *line, uint64_t now) {
  size_t size = line->used - json_unfinished(line->data, line->used);
  emit(log, line, line->data, size, false, now);
  line->used -= size;
  memmove(line->data, line->data + size, line->used);
}

void log_feed(struct log *log, struct log_line *line, const char *data, size_t size, uint64_t now) {
  if (log->fd < 0) return;
  while (size > 0) {
    const char *newline = memchr(data, '\n', size);
    size_t length = newline == NULL ? size : (size_t)(newline - data);
    size_t room = sizeof line->data - line->used;
    size_t taken = length < room ? length : room;
    bool whole = newline != NULL && taken == length && line->used + taken < sizeof line->data;
    if (whole && line->used == 0) {
      emit(log, line, data, taken, true, now);
    } else {
      memcpy(line->data + line->used, data, taken);
      line->used += taken;
      if (whole) {
        emit(log, line, line->data, line->used, true, now);
        line->used = 0;
      } else if (line->used == sizeof line->data) {
        emit_piece(log, line, now);
      }
    }
    data += taken + (whole ? 1 : 0);
    size -= taken + (whole ? 1 : 0);
  }
}

void log_end(struct log *log, struct log_line *line) {
  if (log->fd < 0 || line->used == 0) return;
  emit(log, line, line->data, line->used, false, os_clock(CLOCK_REALTIME));
  line->used = 0;
}
