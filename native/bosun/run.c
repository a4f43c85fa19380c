/* The monitor's part of the run plan: where the process's streams, its log and its record go. The rest is the stage's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log_ring.h"
#include "monitor.h"
#include "os.h"

#define NO_ID 0xffffffffu

struct run {
  struct plan plan;
  const int *slots;
  uint32_t slot_count;
  int streams[3];   /* the process's ends */
  bool owned[3];    /* they are ours to close */
  int output[2];    /* our ends, or -1 */
  int input;
};

static int slot_of(const struct run *run, const struct op *op, unsigned position) {
  uint32_t slot = op_word(op, position);
  return slot == NO_SLOT ? -1 : run->slots[slot];
}

static int fail(struct monitor *monitor, int error, const char *call, const char *object) {
  return report_failure(&monitor->report, error, call, object);
}

/* Our own copy of a slot; the message's descriptors are closed afterwards. */
static int keep(const struct run *run, const struct op *op, unsigned position) {
  int fd = slot_of(run, op, position);
  if (fd < 0) return -EBADF;
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return copy < 0 ? -errno : copy;
}

static int keep_log(struct monitor *monitor, const struct run *run, const struct op *op) {
  int fd = keep(run, op, KEEP_LOG_FILE);
  if (fd < 0) return fail(monitor, fd, "fcntl", "log");
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_APPEND);
  os_close(&monitor->log.fd);
  monitor->log.fd = fd;
  return 0;
}

static int format_log(struct monitor *monitor, const struct op *op) {
  struct log *log = &monitor->log;
  uint32_t length = 0;
  uint32_t format = op_word(op, FORMAT_LOG_FORMAT);
  const uint8_t *attributes = op_bytes(op, FORMAT_LOG_ATTRIBUTES, &length);
  if (format > LOG_PLAIN) return fail(monitor, -EINVAL, "log", "format");
  if (length > sizeof log->attributes) return fail(monitor, -E2BIG, "log", "attributes");
  log->format = (enum log_format)format;
  memcpy(log->attributes, attributes, length);
  log->attributes_used = length;
  return 0;
}

static int rotate_log(struct monitor *monitor, const struct run *run, const struct op *op) {
  struct log_row *row = &monitor->log.row;
  const char *name = op_text(op, ROTATE_LOG_NAME);
  struct stat facts;
  if (monitor->log.fd < 0 || fstat(monitor->log.fd, &facts) < 0) return fail(monitor, -EBADF, "fstat", "log");
  if (strlen(name) >= sizeof row->name || op_word(op, ROTATE_LOG_FILES) == 0) return fail(monitor, -EINVAL, "log", "row");
  int directory = keep(run, op, ROTATE_LOG_DIRECTORY);
  if (directory < 0) return fail(monitor, directory, "fcntl", "log directory");
  os_close(&row->directory);
  *row = (struct log_row){.directory = directory,
                          .number = op_quad(op, ROTATE_LOG_NUMBER),
                          .size_limit = op_quad(op, ROTATE_LOG_SIZE),
                          .age_limit = op_quad(op, ROTATE_LOG_AGE),
                          .files = op_word(op, ROTATE_LOG_FILES),
                          .born = op_quad(op, ROTATE_LOG_BORN),
                          .size = (uint64_t)facts.st_size};
  memcpy(row->name, name, strlen(name) + 1);
  return 0;
}

/* From here on the file is the writer's alone: closing our descriptor of it later might wait for its disk too. */
static int buffer_log(struct monitor *monitor, const struct op *op) {
  struct log *log = &monitor->log;
  if (log->fd < 0 || log->row.directory < 0) return fail(monitor, -EBADF, "log", "row");
  log->ring = ring_open(op_quad(op, BUFFER_LOG_BYTES), &log->row);
  if (log->ring == NULL) return fail(monitor, -ENOMEM, "mmap", "log buffer");
  int error = writing_start(monitor);
  if (error < 0) return fail(monitor, error, "clone", "log writer");
  os_close(&log->fd);
  return 0;
}

static int keep_memory_events(struct monitor *monitor, const struct run *run, const struct op *op) {
  int fd = keep(run, op, KEEP_MEMORY_EVENTS_EVENTS);
  if (fd < 0) return fail(monitor, fd, "fcntl", "memory events");
  os_close(&monitor->memory_events);
  monitor->memory_events = fd;
  monitor->oom_kills = memory_oom_kills(fd);
  return 0;
}

static int keep_directory(struct monitor *monitor, const struct run *run, const struct op *op) {
  int fd = keep(run, op, KEEP_DIRECTORY_DIRECTORY);
  return fd < 0 ? fail(monitor, fd, "fcntl", "directory") : directory_keep(monitor, fd);
}

static int attach_client(struct monitor *monitor, const struct run *run, const struct op *op) {
  int fd = keep(run, op, ATTACH_CLIENT_SOCKET);
  if (fd < 0) return fail(monitor, fd, "fcntl", "client");
  struct client *client = attach_adopt(monitor, fd);
  if (client == NULL) return fail(monitor, -EMFILE, "accept4", "client");
  client->hello_have = sizeof client->hello;
  client->wanted = op_word(op, ATTACH_CLIENT_STREAMS);
  return 0;
}

static int use_null(struct monitor *monitor, struct run *run, unsigned stream) {
  int fd = os_open(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY, 0);
  if (fd < 0) return fail(monitor, fd, "open", "/dev/null");
  run->streams[stream] = fd;
  run->owned[stream] = true;
  return 0;
}

/* The process may open its streams again by name (/dev/stdout), as the user that it runs as: the pipe belongs to that one. */
static int use_pipe(struct monitor *monitor, struct run *run, const struct op *op, unsigned stream) {
  int pair[2];
  uint32_t uid = op_word(op, STDIO_UID);
  uint32_t gid = op_word(op, STDIO_GID);
  if (pipe2(pair, O_CLOEXEC) < 0) return fail(monitor, -errno, "pipe2", "");
  int theirs = stream == 0 ? pair[0] : pair[1];
  int ours = stream == 0 ? pair[1] : pair[0];
  run->streams[stream] = theirs;
  run->owned[stream] = true;
  if (stream == 0) run->input = ours;
  else run->output[stream - 1] = ours;
  fcntl(ours, F_SETFL, O_NONBLOCK);
  if ((uid != NO_ID || gid != NO_ID) && fchown(theirs, uid, gid) < 0) return fail(monitor, -errno, "fchown", "pipe");
  return 0;
}

static int use_streams(struct monitor *monitor, struct run *run, const struct op *op) {
  uint32_t mode = op_word(op, STDIO_MODE);
  static const unsigned slots[] = {STDIO_STDIN, STDIO_STDOUT, STDIO_STDERR};
  if (mode > STDIO_SLOTS) return fail(monitor, -EINVAL, "stdio", "mode");
  monitor->terminal = mode == STDIO_TERMINAL;
  monitor->input.once = op_word(op, STDIO_STDIN_ONCE) != 0;
  for (unsigned stream = 0; stream < 3; stream++) {
    bool pipe = mode == STDIO_PIPES && (stream > 0 || op_word(op, STDIO_OPEN_STDIN) != 0);
    int slot = mode == STDIO_SLOTS ? slot_of(run, op, slots[stream]) : -1;
    int error = 0;
    if (pipe) error = use_pipe(monitor, run, op, stream);
    else if (slot >= 0) run->streams[stream] = slot;
    else error = use_null(monitor, run, stream);
    if (error < 0) return error;
  }
  return 0;
}

static int perform(struct monitor *monitor, struct run *run) {
  for (uint32_t i = 0; i < run->plan.count; i++) {
    struct op op = plan_op(&run->plan, i);
    int error = 0;
    if (op_shapes[op.code].by != 'm') continue;
    monitor->report = (struct report){.op = op.code, .index = i};
    if (op.code == OP_KEEP_DIRECTORY) error = keep_directory(monitor, run, &op);
    else if (op.code == OP_KEEP_LOG) error = keep_log(monitor, run, &op);
    else if (op.code == OP_FORMAT_LOG) error = format_log(monitor, &op);
    else if (op.code == OP_ROTATE_LOG) error = rotate_log(monitor, run, &op);
    else if (op.code == OP_BUFFER_LOG) error = buffer_log(monitor, &op);
    else if (op.code == OP_KEEP_MEMORY_EVENTS) error = keep_memory_events(monitor, run, &op);
    else if (op.code == OP_ATTACH_CLIENT) error = attach_client(monitor, run, &op);
    else if (op.code == OP_STDIO) error = use_streams(monitor, run, &op);
    else error = fail(monitor, -EINVAL, "run plan", "an op of a sandbox plan");
    if (error < 0) return error;
  }
  return 0;
}

/* In role create nobody is left to hold a pipe or a terminal, or to pass the word to start. */
static bool fits_one_shot(const struct plan *plan) {
  for (uint32_t i = 0; i < plan->count; i++) {
    struct op op = plan_op(plan, i);
    uint32_t mode = op.code == OP_STDIO ? op_word(&op, STDIO_MODE) : STDIO_NULL;
    if (mode == STDIO_PIPES || op.code == OP_KEEP_LOG || op.code == OP_ATTACH_CLIENT || op.code == OP_KEEP_DIRECTORY) return false;
    if (op.code == OP_WAIT_FOR_START && op_word(&op, WAIT_FOR_START_FIFO) == NO_SLOT) return false;
    if (op.code == OP_OPEN_TERMINAL && op_word(&op, OPEN_TERMINAL_CONSOLE) == NO_SLOT) return false;
  }
  return true;
}

static bool is_sound(const struct monitor *monitor, const struct plan *plan) {
  uint32_t last = plan->count == 0 ? 0 : plan_op(plan, plan->count - 1).code;
  return (last == OP_EXECUTE || last == OP_FINISH) && plan_count(plan, OP_EXECUTE) + plan_count(plan, OP_FINISH) == 1 && plan_count(plan, OP_STDIO) <= 1 &&
         plan_count(plan, OP_KEEP_DIRECTORY) <= 1 && plan_count(plan, OP_BUFFER_LOG) <= 1 && plan_count(plan, OP_WAIT_FOR_START) <= 1 && (!monitor->one_shot || fits_one_shot(plan));
}

/* The stage gets the plan, all slots, and the three streams. */
static int hand_over(struct monitor *monitor, const struct run *run, int memfd) {
  int fds[PASSING_MAXIMUM];
  unsigned count = 0;
  fds[count++] = memfd;
  memcpy(fds + count, run->slots, run->slot_count * sizeof(int));
  count += run->slot_count;
  for (unsigned stream = 0; stream < 3; stream++) fds[count++] = run->streams[stream];
  int error = message_send(monitor->stage, MESSAGE_RUN, 0, fds, count);
  return error < 0 ? fail(monitor, error, "sendmsg", "run plan") : 0;
}

static int carry_out(struct monitor *monitor, struct run *run, int memfd) {
  int error = perform(monitor, run);
  for (unsigned stream = 0; stream < 3 && error == 0; stream++) {
    if (run->streams[stream] < 0) error = use_null(monitor, run, stream);
  }
  return error < 0 ? error : hand_over(monitor, run, memfd);
}

/* Returns -EBADMSG, without having done anything, when the plan is not valid. */
int run_accept(struct monitor *monitor, const struct descriptors *descriptors) {
  struct run run = {.streams = {-1, -1, -1}, .output = {-1, -1}, .input = -1};
  if (descriptors->count == 0) return -EBADMSG;
  run.slots = descriptors->at + 1;
  run.slot_count = descriptors->count - 1;
  if (plan_map(&run.plan, descriptors->at[0], run.slot_count) < 0) return -EBADMSG;
  if (!is_sound(monitor, &run.plan)) {
    plan_unmap(&run.plan);
    return -EBADMSG;
  }
  int error = carry_out(monitor, &run, descriptors->at[0]);
  for (unsigned stream = 0; stream < 3; stream++) {
    if (run.owned[stream]) os_close(&run.streams[stream]);
  }
  plan_unmap(&run.plan);
  if (run.input >= 0) input_open(monitor, run.input, monitor->input.once);
  for (unsigned i = 0; i < 2; i++) {
    if (run.output[i] >= 0) output_open(monitor, i, run.output[i]);
  }
  monitor->run_pending = error == 0;
  return error;
}
