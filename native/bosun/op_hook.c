/* The op that runs a hook and waits for it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os.h"
#include "stage.h"
#include "text.h"

#define WORDS_BYTES 200

struct hook {
  int input;     /* a memfd with the container's state */
  int output[2]; /* pipe of what it writes to standard output and error */
  int pidfd;
  pid_t pid;
  char words[WORDS_BYTES];
  size_t used;
};

static void hook_close(struct hook *hook) {
  os_close(&hook->input);
  os_close(&hook->output[0]);
  os_close(&hook->output[1]);
  os_close(&hook->pidfd);
}

#define HOOK_CLOSE __attribute__((cleanup(hook_close)))

/* The state may be larger than a pipe holds, and the hook need not read it: a file in memory never blocks. */
static int prepare(struct hook *hook, const struct op *op) {
  uint32_t bytes;
  const uint8_t *state = op_bytes(op, RUN_HOOK_STATE, &bytes);
  hook->input = memfd_create("state", MFD_CLOEXEC);
  if (hook->input < 0) return -errno;
  int error = os_write_all(hook->input, state, bytes);
  if (error < 0) return error;
  if (lseek(hook->input, 0, SEEK_SET) < 0) return -errno;
  return pipe2(hook->output, O_CLOEXEC) < 0 ? -errno : 0;
}

/* Before the root is entered a hook finds itself in it, though all its paths are the host's. */
_Noreturn static void become_hook(const struct stage *stage, struct hook *hook, const struct op *op, char **argv, char **env) {
  if (stage->root >= 0 && fchdir(stage->root) < 0) _exit(127);
  if (!stage->umask_set) umask(022);
  dup2(hook->input, 0);
  dup2(hook->output[1], 1);
  dup2(hook->output[1], 2);
  signal(SIGPIPE, SIG_DFL);
  execve(op_text(op, RUN_HOOK_PATH), argv, env);
  char words[64];
  struct text text = TEXT_ON(words);
  text_add(&text, errno == ENOENT ? "no such program" : errno == EACCES ? "not executable" : "execve failed with errno ");
  if (errno != ENOENT && errno != EACCES) text_add_number(&text, errno);
  os_write_all(2, text.at, text.used);
  _exit(127);
}

/* Keeps the first words and lets the rest pass, so that the hook never stalls. */
static void listen_to(struct hook *hook) {
  char rest[512];
  ssize_t count = read(hook->output[0], rest, sizeof rest);
  if (count <= 0) return;
  size_t room = sizeof hook->words - hook->used;
  size_t taken = (size_t)count < room ? (size_t)count : room;
  memcpy(hook->words + hook->used, rest, taken);
  hook->used += taken;
}

/* 0 when the hook has ended, -ETIMEDOUT when it was killed for its time limit. */
static int wait_for(struct hook *hook, uint32_t timeout_ms) {
  uint64_t end = os_clock(CLOCK_MONOTONIC) / 1000000 + timeout_ms;
  for (;;) {
    struct pollfd watched[] = {{.fd = hook->pidfd, .events = POLLIN}, {.fd = hook->output[0], .events = POLLIN}};
    uint64_t now = os_clock(CLOCK_MONOTONIC) / 1000000;
    if (timeout_ms > 0 && now >= end) {
      kill(hook->pid, SIGKILL);
      return -ETIMEDOUT;
    }
    poll(watched, 2, timeout_ms > 0 ? (int)(end - now > INT32_MAX ? INT32_MAX : end - now) : -1);
    if ((watched[1].revents & POLLIN) != 0) listen_to(hook);
    else if (watched[1].revents != 0) os_close(&hook->output[0]);
    /* What it left in the pipe was just read; a descendant of its may go on writing. */
    if (watched[0].revents != 0) return 0;
  }
}

static int judge(struct stage *stage, const struct hook *hook, int status, const char *path) {
  char words[WORDS_BYTES + 64];
  struct text text = TEXT_ON(words);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  text_add(&text, WIFEXITED(status) ? "exit status " : "signal ");
  text_add_number(&text, WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  if (hook->used > 0) text_add(&text, ": ");
  text_add_bytes(&text, hook->words, hook->used);
  report_detail(&stage->report, text.at, text.used);
  return stage_fail(stage, -ECANCELED, "hook", path);
}

int stage_run_hook(struct stage *stage, const struct op *op) {
  HOOK_CLOSE struct hook hook = {.input = -1, .output = {-1, -1}, .pidfd = -1};
  const char *path = op_text(op, RUN_HOOK_PATH);
  char **argv = stage_vector(op, RUN_HOOK_ARGV);
  char **env = stage_vector(op, RUN_HOOK_ENV);
  int status = 0;
  if (argv == NULL || env == NULL) return stage_fail(stage, -ENOMEM, "mmap", path);
  int error = prepare(&hook, op);
  if (error < 0) return stage_fail(stage, error, "pipe", path);
  hook.pid = os_fork_watched(&hook.pidfd);
  if (hook.pid < 0) return stage_fail(stage, hook.pid, "clone", path);
  if (hook.pid == 0) become_hook(stage, &hook, op, argv, env);
  os_close(&hook.output[1]);
  error = wait_for(&hook, op_word(op, RUN_HOOK_TIMEOUT_MS));
  if (waitpid(hook.pid, &status, 0) < 0) return stage_fail(stage, -errno, "waitpid", path);
  return error < 0 ? stage_fail(stage, error, "hook", path) : judge(stage, &hook, status, path);
}
