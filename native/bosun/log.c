/* Output into records. */
#include "log.h"

#include <string.h>
#include <time.h>

#include "json.h"
#include "os.h"
#include "text.h"

static void add_json(const struct log *log, struct text *text, const struct log_line *line, const char *data, size_t size, bool whole) {
  text_add(text, "{\"log\":\"");
  json_add_escaped(text, data, size);
  text_add(text, whole ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
  text_add(text, line->stream);
  text_add(text, "\"");
  text_add_bytes(text, log->attributes, log->attributes_used);
  text_add(text, ",\"time\":\"");
  json_add_time(text, line->began);
  text_add(text, "\"}\n");
}

static void add_plain(struct text *text, const struct log_line *line, const char *data, size_t size, bool whole) {
  json_add_time(text, line->began);
  text_add(text, " ");
  text_add(text, line->stream);
  text_add(text, whole ? " F " : " P ");
  text_add_bytes(text, data, size);
  text_add(text, "\n");
}

/* A new file begins with the record itself: what is buffered before it goes to the old one. */
static void write_record(struct log *log, const struct log_line *line, const char *data, size_t size, bool whole, uint64_t now) {
  if (log->used + LOG_RECORD_BYTES > sizeof log->buffer) log_flush(log);
  struct text text = {.at = log->buffer + log->used, .size = sizeof log->buffer - log->used, .used = 0};
  if (log->format == LOG_PLAIN) add_plain(&text, line, data, size, whole);
  else add_json(log, &text, line, data, size, whole);
  size_t before = log->used;
  bool fits = log_make_room(log, text.used, now);
  if (log->used != before) memmove(log->buffer, text.at, text.used);
  if (fits) log->used += text.used;
  else log->lost++;
}

static void emit(struct log *log, struct log_line *line, const char *data, size_t size, bool whole, uint64_t now) {
  if (!line->partial) line->began = now;
  line->partial = !whole;
  write_record(log, line, data, size, whole, now);
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
