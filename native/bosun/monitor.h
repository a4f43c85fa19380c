/*
 * The monitor: parent of a container's process, or of an exec session's. It lives as long as that process, so it is small: one thread, one loop, no heap;
 * buffers that were used are given back when things are quiet. The engine may go away at any time once the process has started.
 */
#ifndef BOSUN_MONITOR_H
#define BOSUN_MONITOR_H

#include "frame.h"
#include "log.h"
#include "plan.h"

#define CONTROL_LIMIT 8u
#define CLIENT_LIMIT 32u
#define CHUNK_BYTES 32768u
#define INPUT_BYTES 16384u
/* From here on a client that does not read holds the output back … */
#define LAG_BYTES (1024u * 1024u)
#define LAG_CAPACITY (LAG_BYTES + 4u * CHUNK_BYTES)
/* … for at most this long; then it is dropped. */
#ifndef LAG_NS
#define LAG_NS 10000000000ull
#endif
/* How long output is awaited that a descendant of the process may still write. */
#define DRAIN_NS 5000000000ull
/* How long the end waits for a disk to take what is left of a log that has a writer of its own, as Docker's does. */
#define WRITER_NS 10000000000ull
/* The least time between two writers' beginnings. */
#define WRITER_PAUSE_NS 1000000000ull
/* How long a client that has all of the output may go on sending. */
#define PARTING_NS 2000000000ull
/* After so long without output the buffers' memory is given back. */
#define QUIET_NS 2000000000ull

/* The least time between two words about rotations of the log. */
#define ROTATION_PAUSE_NS 1000000000ull

#define EXIT_OUT_OF_MEMORY 1u
#define EXIT_NEVER_RAN 2u

enum monitor_state { MONITOR_IDLE = 0, MONITOR_SANDBOXED = 1, MONITOR_CREATED = 2, MONITOR_RUNNING = 3, MONITOR_EXITED = 4 };

enum stdio_mode { STDIO_NULL = 0, STDIO_PIPES = 1, STDIO_TERMINAL = 2, STDIO_SLOTS = 3 };

enum stream_bits { STREAM_STDIN = 1, STREAM_STDOUT = 2, STREAM_STDERR = 4 };

/* What an event of the loop is about. */
enum watch_kind {
  WATCH_SIGNALS,
  WATCH_STAGE,
  WATCH_PROCESS,
  WATCH_CONTROL_LISTENER,
  WATCH_ATTACH_LISTENER,
  WATCH_CONTROL,
  WATCH_CLIENT,
  WATCH_OUTPUT,
  WATCH_INPUT,
  WATCH_WRITER,
  WATCH_WRITER_END,
};

struct watch {
  enum watch_kind kind;
  uint8_t index;
  uint32_t serial; /* tells a new connection from the one that had its place */
  uint32_t events; /* as told to epoll; 0: not there */
};

/* A connection that speaks frames. */
struct control {
  int fd;
  struct watch watch;
  struct frame frame;
};

/* An attached client. */
struct client {
  int fd;
  struct watch watch;
  uint8_t hello[8];
  size_t hello_have;
  uint32_t wanted; /* stream_bits */
  bool finished;   /* it will send no more */
  bool over;       /* it has been told that no more output comes */
  char *queue;     /* output that it has not taken, or NULL */
  size_t head;
  size_t length;
  uint64_t deadline; /* to catch up, or 0 */
};

/* One of the process's output streams. */
struct output {
  int fd;
  struct watch watch;
  uint8_t stream; /* number in Docker's frames: 1 or 2 */
  struct log_line line;
};

/* The process's standard input. */
struct input {
  int fd;
  struct watch watch;
  bool once;     /* ends when the first attached client's does */
  bool finish;   /* ends when what is held here is written */
  bool mid_line; /* the last byte was no newline */
  size_t sent;
  size_t used;
  char data[INPUT_BYTES];
};

/* The process that writes the log, for a log that has one. */
struct writer {
  pid_t pid; /* 0: there is none */
  int pidfd;
  struct watch end_watch;
  int link; /* bytes that mean: look */
  struct watch watch;
  uint64_t begun; /* on the monotonic clock, as the next */
  uint64_t due;   /* when another begins, or 0 */
};

struct monitor {
  bool one_shot; /* role create */
  bool run_pending;
  bool executing;
  bool dying; /* the process has ended, its output not yet */
  bool drained; /* its output has ended too; the log may not be written yet */
  bool ended; /* the monitor's own work is done */
  bool terminal;
  bool dirty; /* buffers were used since they were last given back */
  enum monitor_state state;
  int epoll;
  struct watch signals_watch;
  int signals;
  pid_t pid;
  int pidfd;
  struct watch process_watch;
  int stage;
  struct watch stage_watch;
  int slave; /* our own hold on the terminal: it is not hung up while a process lives that may open it again */
  int directory;
  int exit_file;
  int memory_events;
  int control_listener;
  struct watch control_listener_watch;
  int attach_listener;
  struct watch attach_listener_watch;
  uint32_t serial;
  uint32_t wait_status;
  uint32_t flags;
  uint64_t oom_kills;
  uint64_t started; /* ns since the epoch */
  uint64_t finished;
  uint64_t deadline; /* on the monotonic clock: of the drain, then of the last clients; 0: none */
  uint64_t rotation_told; /* on the monotonic clock */
  struct report report;
  struct control controls[CONTROL_LIMIT];
  struct client clients[CLIENT_LIMIT];
  struct input input;
  struct output outputs[2];
  struct log log;
  struct writer writer;
  char chunk[CHUNK_BYTES];
};

/* The roles monitor and create; returns the exit status. */
int monitor_main(struct monitor *monitor, bool one_shot);

/* Tells epoll what to wait for; 0 takes the descriptor out. */
void monitor_watch(struct monitor *monitor, struct watch *watch, int fd, uint32_t events);
/* What could not be done is in monitor->report: kills the process, tells everyone, and ends. */
void monitor_fail(struct monitor *monitor);
/* Nobody waits for the process any more: kills it and ends. */
void monitor_abandon(struct monitor *monitor);
/* The stage's socket or the process's pidfd has something to say. */
void process_stage_event(struct monitor *monitor);
void process_exit_event(struct monitor *monitor);
void process_kill(struct monitor *monitor);
/* The stage waits for its run plan. */
void process_sandboxed(struct monitor *monitor);
/* Goes through the end, as far as it may go now: drained, recorded, said, clients gone. */
void process_settle(struct monitor *monitor);

/* Makes the stage. 0: it waits, 1: it will say when it does, or a failure noted in monitor->report. */
int sandbox_make(struct monitor *monitor, const struct plan *plan, const int *slots);
/* Carries out the monitor's part of the run plan and hands the rest to the stage. */
int run_accept(struct monitor *monitor, const struct descriptors *descriptors);

void control_adopt(struct monitor *monitor, int fd);
void control_accept(struct monitor *monitor);
void control_event(struct monitor *monitor, struct control *control);
void control_broadcast(struct monitor *monitor, enum frame_type type, const void *payload, size_t size);
/* status and exited have the same payload. */
#define STATUS_BYTES 40u
void control_encode_status(const struct monitor *monitor, uint8_t payload[STATUS_BYTES]);
/* Says that the log has gone on to another file, but not again and again in a second unless it is the last time. */
void control_tell_rotated(struct monitor *monitor, bool last);
void control_broadcast_pid(struct monitor *monitor, enum frame_type type);

struct client *attach_adopt(struct monitor *monitor, int fd);
void attach_accept(struct monitor *monitor);
void attach_event(struct monitor *monitor, struct client *client, uint32_t events);
/* Takes in every client that has connected until now, so that it misses nothing of what follows. */
void attach_collect(struct monitor *monitor);
void attach_output(struct monitor *monitor, uint8_t stream, const char *data, size_t size);
/* A client lags so far behind that output must wait. */
bool attach_is_pressed(const struct monitor *monitor);
void attach_drop_late(struct monitor *monitor, uint64_t now);
void attach_rearm(struct monitor *monitor);
void attach_close(struct monitor *monitor, struct client *client);
void attach_close_all(struct monitor *monitor);
/* Closes those that have taken everything; true when none is left. */
bool attach_close_idle(struct monitor *monitor);

void output_open(struct monitor *monitor, unsigned index, int fd);
void output_event(struct monitor *monitor, struct output *output);
void output_rearm(struct monitor *monitor);
/* Takes what is there at once and closes. */
void output_finish(struct monitor *monitor, struct output *output);
bool output_is_open(const struct monitor *monitor);

/* Makes the writer of a log whose ring is there. Fails with what fork(2) fails with. */
int writing_start(struct monitor *monitor);
/* What was put into the ring is to be written. Without a ring this does nothing, like all that follow. */
void writing_wake(struct monitor *monitor);
void writing_word(struct monitor *monitor);
void writing_end(struct monitor *monitor);
/* Makes another writer in the place of one that was killed, when its time has come. */
void writing_tend(struct monitor *monitor, uint64_t now);
/* Nothing more is put in. */
void writing_finish(struct monitor *monitor);
/* All that was put in has been written, or lost. */
bool writing_is_done(const struct monitor *monitor);
/* Kills a writer that still writes; what is left is lost, and counted. */
void writing_give_up(struct monitor *monitor);

void input_open(struct monitor *monitor, int fd, bool once);
void input_event(struct monitor *monitor, uint32_t events);
/* Room for a client's bytes, or 0 while older ones wait. */
bool input_is_free(const struct monitor *monitor);
/* Takes `size` bytes that were put into input.data. */
void input_take(struct monitor *monitor, size_t size);
void input_finish(struct monitor *monitor);
void input_close(struct monitor *monitor);

/* The monitor's directory: the sockets and the exit record. */
int directory_keep(struct monitor *monitor, int directory);
void directory_record_exit(struct monitor *monitor);
void directory_leave(struct monitor *monitor);

/* Count of processes that the memory controller has killed, from memory.events or memory.oom_control. */
uint64_t memory_oom_kills(int file);

#endif
