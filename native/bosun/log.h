/*
 * The log: the container's output, record by record, in one of two formats, in a file or in a row of numbered files. Whatever happens to the engine, the
 * row never holds more than it was told it may.
 */
#ifndef BOSUN_LOG_H
#define BOSUN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As Docker does, longer lines are logged in pieces of this size. */
#define LOG_PIECE_BYTES 16384u
/* What stands in every record beside the line: `,"attrs":{...}`. */
#define LOG_ATTRIBUTES_BYTES 8192u
#define LOG_NAME_BYTES 64u
/* A piece of which each byte is escaped as \uXXXX, and what surrounds it. */
#define LOG_RECORD_BYTES (LOG_PIECE_BYTES * 6u + LOG_ATTRIBUTES_BYTES + 128u)
#define LOG_BUFFER_BYTES (LOG_RECORD_BYTES + 32768u)

enum log_format {
  LOG_JSON = 0, /* Docker's json-file: one object a line, whatever bytes the container writes */
  LOG_PLAIN = 1, /* as Kubernetes has it: `TIME STREAM F|P TEXT`, bytes as they are; F: a newline followed */
};

/* The row: files `name.N` with ever greater numbers, and `name` as another name of the last. */
struct log_row {
  int directory; /* -1: there is no row, the file grows for ever */
  char name[LOG_NAME_BYTES];
  uint64_t number;     /* of the file that is written */
  uint64_t size_limit; /* bytes of a file; 0: none */
  uint64_t age_limit;  /* ns from a file's first record to its last; 0: none */
  uint32_t files;      /* at most so many, with the one that is written */
  uint64_t size;       /* of the file that is written, in bytes */
  uint64_t born;       /* time of its first record, in ns since the epoch; 0: there is none yet */
};

struct log_ring;

/* A line, or a piece of one, that is logged. */
struct log_record {
  const char *stream; /* "stdout" or "stderr" */
  uint64_t began;     /* ns since the epoch */
  const char *data;
  size_t size;
  bool whole; /* a newline follows */
};

struct log {
  int fd; /* -1: nothing is logged here */
  enum log_format format;
  struct log_row row;
  struct log_ring *ring; /* NULL: who feeds the log writes it as well, else records go in here, and a process of its own writes them */
  uint64_t taken;        /* the writer's: place in the ring behind the last record that is in the buffer */
  uint64_t written;      /* the writer's: so much of what comes is in the file already */
  bool rotated;  /* a file has been closed since somebody last looked */
  uint32_t lost; /* lines that could not be written */
  size_t used;
  size_t attributes_used;
  char attributes[LOG_ATTRIBUTES_BYTES];
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

/* The container's output is kept. */
bool log_is_kept(const struct log *log);
/* Lines that could not be written, wherever they were lost. */
uint32_t log_lost(const struct log *log);
/* Takes output that was read at time now. */
void log_feed(struct log *log, struct log_line *line, const char *data, size_t size, uint64_t now);
/* The stream has ended: what is left is logged as it is, without a newline. */
void log_end(struct log *log, struct log_line *line);
/* Puts a record that comes at time now into the buffer, which is written when it is full. */
void log_write(struct log *log, const struct log_record *record, uint64_t now);
/* Writes what is buffered. A full disk costs lines, never time. */
void log_flush(struct log *log);

/* A record of `size` bytes comes at time now: goes on to the next file when this one may not take it. False: nor may any other, the record is lost. */
bool log_make_room(struct log *log, size_t size, uint64_t now);
/* The row's file of this number, which is made when it is missing. */
int log_open_file(const struct log_row *row, uint64_t number);

#endif
