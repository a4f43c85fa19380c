/* The last ops: waiting for the word to start, and the start. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os.h"
#include "program.h"
#include "stage.h"
#include "text.h"

int stage_pass_descriptor(struct stage *stage, const struct op *op) {
  int source = stage_slot(stage, op, PASS_DESCRIPTOR_SOURCE);
  uint32_t index = op_word(op, PASS_DESCRIPTOR_INDEX);
  if (source < 0 || index >= stage->keep) return stage_fail(stage, -EBADF, "dup2", "descriptor to pass");
  stage->kept[index] = source;
  return 0;
}

static const char *search_path(const struct op *op) {
  for (uint32_t i = op_list(op, EXECUTE_ENV); i > 0; i--) {
    const char *variable = op_list_item(op, EXECUTE_ENV, i - 1);
    if (strncmp(variable, "PATH=", 5) == 0) return variable + 5;
  }
  return NULL;
}

/* What execve would say first, without doing it. */
static int try_access(const char *program, char *const *argv, char *const *env) {
  (void)argv;
  (void)env;
  struct stat facts;
  if (stat(program, &facts) < 0) return -errno;
  if (!S_ISREG(facts.st_mode)) return -EACCES;
  return syscall(SYS_faccessat2, AT_FDCWD, program, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static char found[PATH_MAX]; /* by note_place */

static int note_place(const char *program, char *const *argv, char *const *env) {
  int error = try_access(program, argv, env);
  struct text text = TEXT_ON(found);
  if (error == 0) text_add(&text, program);
  return error;
}

static const char *describe(int error) {
  switch (error) {
  case -ENOENT: return "no such file or directory";
  case -ENOEXEC: return "exec format error";
  case -EACCES: return "permission denied";
  case -EPERM: return "operation not permitted";
  case -E2BIG: return "argument list too long";
  case -ETXTBSY: return "text file busy";
  case -ENOMEM: return "cannot allocate memory";
  case -ELOOP: return "too many levels of symbolic links";
  default: return NULL;
  }
}

/* Whoever let the program begin has left and calls it begun: from here on it is the process's own end, told where its own words go (as runc's init does). */
static void tell_late(struct stage *stage, int error, const char *program) {
  char line[PATH_MAX + 64];
  struct text text = TEXT_ON(line);
  const char *words = describe(error);
  text_add(&text, "exec ");
  text_add(&text, program);
  text_add(&text, words == NULL ? ": errno " : ": ");
  if (words == NULL) text_add_number(&text, -error);
  else text_add(&text, words);
  text_add(&text, "\n");
  os_write_all(2, line, text.used);
  os_close(&stage->fifo);
}

/* The program is looked up before the wait, so that a command that does not exist already fails the creation. */
static int check_program(struct stage *stage) {
  struct op op = plan_op(&stage->plan, stage->plan.count - 1);
  if (op.code != OP_EXECUTE || op_list(&op, EXECUTE_ARGV) == 0) return 0;
  int error = program_try(op_list_item(&op, EXECUTE_ARGV, 0), search_path(&op), try_access, NULL, NULL);
  if (error >= 0 || error == -ENOSYS) return 0;
  stage->report.op = op.code;
  stage->report.index = op.index;
  return stage_fail(stage, error, "execve", op_list_item(&op, EXECUTE_ARGV, 0));
}

/* Opening the fifo for writing lasts until somebody opens it for reading (fifo(7)). */
static int wait_at_fifo(struct stage *stage, int directory) {
  stage->fifo = os_open(directory, "start.fifo", O_WRONLY, 0);
  return stage->fifo < 0 ? stage_fail(stage, stage->fifo, "openat", "start.fifo") : 0;
}

int stage_wait_for_start(struct stage *stage, const struct op *op) {
  struct message message;
  int directory = stage_slot(stage, op, WAIT_FOR_START_FIFO);
  int error = check_program(stage);
  if (error < 0) return error;
  error = message_send(stage->socket, MESSAGE_CREATED, 0, NULL, 0);
  if (error < 0) _exit(1);
  if (directory >= 0) return wait_at_fifo(stage, directory);
  if (message_receive(stage->socket, &message) <= 0 || message.type != MESSAGE_START) _exit(1);
  return 0;
}

/*
 * Leaves 0, 1, 2, the kept descriptors, and what tells of success by closing: the socket and the fifo. The rest is really closed, not only marked, because
 * execve resolves its path while they are open, and /proc/self/fd would lead out of the root (CVE-2024-21626).
 */
static int close_descriptors(struct stage *stage) {
  int first = 3 + (int)stage->keep;
  if (stage->fifo >= 0 && stage->fifo < first) {
    int moved = fcntl(stage->fifo, F_DUPFD_CLOEXEC, first);
    if (moved < 0) return stage_fail(stage, -errno, "fcntl", "start.fifo");
    stage->fifo = moved;
  }
  for (int fd = 3; fd < first; fd++) {
    int source = stage->kept[fd - 3];
    if (source < 0) close(fd);
    else if (dup2(source, fd) < 0) return stage_fail(stage, -errno, "dup2", "descriptor to pass");
  }
  unsigned low = (unsigned)stage->socket;
  unsigned high = stage->fifo < 0 ? low : (unsigned)stage->fifo;
  if (high < low) {
    unsigned swap = low;
    low = high;
    high = swap;
  }
  os_close_from((unsigned)first, low - 1);
  if (high > low) os_close_from(low + 1, high - 1);
  os_close_from(high + 1, ~0u);
  return 0;
}

int stage_execute(struct stage *stage, const struct op *op) {
  if (op_list(op, EXECUTE_ARGV) == 0) return stage_fail(stage, -EINVAL, "execve", "no arguments");
  char **argv = stage_vector(op, EXECUTE_ARGV);
  char **env = stage_vector(op, EXECUTE_ENV);
  if (argv == NULL || env == NULL) return stage_fail(stage, -ENOMEM, "mmap", "arguments");
  int error = close_descriptors(stage);
  if (error < 0) return error;
  if (!stage->umask_set) umask(022);
  /* Without a monitor nobody would see how this ends, unless it is the fifo's reader. */
  if (message_send(stage->socket, MESSAGE_EXECUTING, 0, NULL, 0) < 0 && stage->fifo < 0) _exit(1);
  signal(SIGPIPE, SIG_DFL);
  error = program_try(argv[0], search_path(op), program_execute, argv, env);
  /* What is there and cannot be found is the interpreter that it names (execve(2), ENOENT). */
  bool there = program_try(argv[0], search_path(op), note_place, NULL, NULL) >= 0;
  if (error == -ENOENT && there) report_detail(&stage->report, "interpreter", 11);
  const char *program = there ? found : argv[0];
  if (stage->fifo >= 0) tell_late(stage, error, program);
  return stage_fail(stage, error, "execve", program);
}

int stage_finish(struct stage *stage, const struct op *op) {
  (void)op;
  _exit(message_send(stage->socket, MESSAGE_EXECUTING, 0, NULL, 0) < 0 ? 1 : 0);
}
