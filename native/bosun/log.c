/* Output into records. */
#include "log.h"

#include <string.h>
#include <time.h>

#include "json.h"
#include "log_ring.h"
#include "os.h"
#include "text.h"

static void add_json(const struct log *log, struct text *text, const struct log_record *record) {
  text_add(text, "{\"log\":\"");
  json_add_escaped(text, record->data, record->size);
  text_add(text, record->whole ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
  text_add(text, record->stream);
  text_add(text, "\"");
  text_add_bytes(text, log->attributes, log->attributes_used);
  text_add(text, ",\"time\":\"");
  json_add_time(text, record->began);
  text_add(text, "\"}\n");
}

static void add_plain(struct text *text, const struct log_record *record) {
  json_add_time(text, record->began);
  text_add(text, " ");
  text_add(text, record->stream);
  text_add(text, record->whole ? " F " : " P ");
  text_add_bytes(text, record->data, record->size);
  text_add(text, "\n");
}

/* A new file begins with the record itself: what is buffered before it goes to the old one. */
void log_write(struct log *log, const struct log_record *record, uint64_t now) {
  if (log->used + LOG_RECORD_BYTES > sizeof log->buffer) log_flush(log);
  struct text text = {.at = log->buffer + log->used, .size = sizeof log->buffer - log->used, .used = 0};
  if (log->format == LOG_PLAIN) add_plain(&text, record);
  else add_json(log, &text, record);
  size_t before = log->used;
  bool fits = log_make_room(log, text.used, now);
  if (log->used != before) memmove(log->buffer, text.at, text.used);
  if (fits) log->used += text.used;
  else log->lost++;
}

/* Lines of a ring have each a time of their own, so that a time tells which of them are in the log. */
static void emit(struct log *log, struct log_line *line, const char *data, size_t size, bool whole, uint64_t now) {
  if (!line->partial) line->began = log->ring == NULL ? now : ring_time(log->ring, now);
  line->partial = !whole;
  struct log_record record = {.stream = line->stream, .began = line->began, .data = data, .size = size, .whole = whole};
  if (log->ring == NULL) log_write(log, &record, now);
  else if (!ring_put(log->ring, &record)) log->lost++;
}

bool log_is_kept(const struct log *log) {
  return log->fd >= 0 || log->ring != NULL;
}

uint32_t log_lost(const struct log *log) {
  return log->lost + (log->ring == NULL ? 0 : log->ring->lost);
}

/* The buffer is full and the line goes on: a piece of it goes out, but no character is cut in two. */
static void emit_piece(struct log *log, struct log_line *line, uint64_t now) {
  size_t size = line->used - json_unfinished(line->data, line->used);
  emit(log, line, line->data, size, false, now);
  line->used -= size;
  memmove(line->data, line->data + size, line->used);
}

void log_feed(struct log *log, struct log_line *line, const char *data, size_t size, uint64_t now) {
  if (!log_is_kept(log)) return;
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
  if (!log_is_kept(log) || line->used == 0) return;
  emit(log, line, line->data, line->used, false, os_clock(CLOCK_REALTIME));
  line->used = 0;
}
