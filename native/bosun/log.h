/* The log: Docker's json-file format, one JSON object a line, whatever bytes the container writes. */
#ifndef BOSUN_LOG_H
#define BOSUN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As Docker does, longer lines are logged in pieces of this size. */
#define LOG_PIECE_BYTES 16384u
/* A piece of which each byte is escaped as \uXXXX, and what surrounds it. */
#define LOG_RECORD_BYTES (LOG_PIECE_BYTES * 6u + 128u)
#define LOG_BUFFER_BYTES (LOG_RECORD_BYTES + 32768u)

struct log {
  int fd;             /* -1: nothing is logged */
  int next;           /* after a rotation: the file for the next whole line, or -1 */
  unsigned patience;  /* pieces of an unfinished line that the rotation still waits for */
  uint32_t lost;      /* lines that could not be written */
  size_t used;
  char buffer[LOG_BUFFER_BYTES];
};

/* The line, or piece of a line, that a stream of the container is writing. */
struct log_line {
  const char *stream; /* "stdout" or "stderr" */
  bool partial;       /* pieces of it are logged already */
  uint64_t began;     /* ns since the epoch: all pieces carry the time of the first */
  size_t used;
  char data[LOG_PIECE_BYTES];
};

/* Takes output that was read at time now. */
void log_feed(struct log *log, struct log_line *line, const char *data, size_t size, uint64_t now);
/* The stream has ended: what is left is logged as it is, without a newline. */
void log_end(struct log *log, struct log_line *line);
/* Writes what is buffered. A full disk costs lines, never time. */
void log_flush(struct log *log);
/* Takes over the descriptor; it is used once no line is unfinished. */
void log_rotate(struct log *log, int fd);

#endif
