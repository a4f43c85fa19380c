// Making, signalling and reaping child processes.
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// P_PIDFD of waitid(2); glibc's headers lack the name before 2.36.
#define WAIT_PIDFD ((idtype_t)3)

static int pidfd_open_raw(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

// Lifts each descriptor whose number is also a target (0 … count-1) above them, so that the dup2 chain in the child
// never overwrites a source that is still needed. Lifted copies are the caller's to close. 0 or an errno.
static int lift_descriptors(struct integers *descriptors, struct integers *lifted) {
  int count = (int)descriptors->count;
  for (int i = 0; i < count; i++) {
    int fd = descriptors->items[i];
    if (fd < 0 || fd >= count) continue;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, count);
    if (copy < 0) return errno;
    lifted->items[lifted->count++] = copy;
    descriptors->items[i] = copy;
  }
  return 0;
}

static int plan_descriptors(posix_spawn_file_actions_t *actions, const struct integers *descriptors) {
  int error = 0;
  int count = (int)descriptors->count;
  for (int i = 0; i < count && error == 0; i++) {
    int fd = descriptors->items[i];
    error = fd < 0 ? posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0) : posix_spawn_file_actions_adddup2(actions, fd, i);
  }
  return error != 0 ? error : posix_spawn_file_actions_addclosefrom_np(actions, count);
}

static int plan_attributes(posix_spawnattr_t *attributes, bool session) {
  sigset_t all, none;
  // Not sigfillset: that leaves out 32 and 33, which glibc's posix_spawn then has the child ignore.
  memset(&all, 0xff, sizeof all);
  sigemptyset(&none);
  int error = posix_spawnattr_setsigdefault(attributes, &all);
  if (error == 0) error = posix_spawnattr_setsigmask(attributes, &none);
  short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  if (session) flags |= POSIX_SPAWN_SETSID;
  return error != 0 ? error : posix_spawnattr_setflags(attributes, flags);
}

// 0 or an errno.
static int spawn_process(pid_t *pid, const char *file, struct strings *argv, struct strings *env, struct integers *descriptors, bool session) {
  struct integers lifted = {.items = calloc(descriptors->count + 1, sizeof(int))};
  if (lifted.items == NULL) return ENOMEM;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  int error = lift_descriptors(descriptors, &lifted);
  if (error == 0) error = plan_descriptors(&actions, descriptors);
  if (error == 0) error = plan_attributes(&attributes, session);
  if (error == 0) error = posix_spawn(pid, file, &actions, &attributes, argv->items, env->items);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  for (size_t i = 0; i < lifted.count; i++) close(lifted.items[i]);
  release_integers(&lifted);
  return error;
}

static napi_value spawn(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "posix_spawn", 5);
  struct path file;
  path_at(&call, 0, &file);
  struct strings argv = strings_at(&call, 1);
  struct strings environment = strings_at(&call, 2);
  struct integers descriptors = integers_at(&call, 3);
  bool session = bool_at(&call, 4);
  napi_value result = NULL;
  if (!call.failed) {
    pid_t pid = -1;
    int error = spawn_process(&pid, file.text, &argv, &environment, &descriptors, session);
    int pidfd = error == 0 ? pidfd_open_raw(pid) : -1;
    if (error != 0) {
      throw_errno(&call, error, file.text);
    } else if (pidfd < 0) {
      // Nobody could follow this child any more.
      error = errno;
      kill(pid, SIGKILL);
      waitpid(pid, NULL, 0);
      call.syscall = "pidfd_open";
      throw_errno(&call, error, file.text);
    } else {
      napi_create_object(env, &result);
      set_property(env, result, "pid", from_integer(env, pid));
      set_property(env, result, "pidfd", from_integer(env, pidfd));
    }
  }
  release_integers(&descriptors);
  release_strings(&environment);
  release_strings(&argv);
  return result;
}

static napi_value pidfd_open_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "pidfd_open", 1);
  pid_t pid = (pid_t)integer_at(&call, 0);
  return call.failed ? NULL : number_or_errno(&call, pidfd_open_raw(pid), NULL);
}

static napi_value pidfd_send_signal_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "pidfd_send_signal", 2);
  int pidfd = fd_at(&call, 0);
  int number = (int)integer_at(&call, 1);
  return call.failed ? NULL : done(&call, (int)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0), NULL);
}

// The status as wait(2) encodes it.
static int encode_status(const siginfo_t *info) {
  if (info->si_code == CLD_EXITED) return (info->si_status & 0xff) << 8;
  return (info->si_status & 0x7f) | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

static napi_value reap(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "waitid", 1);
  int pidfd = fd_at(&call, 0);
  if (call.failed) return NULL;
  siginfo_t child = {0};
  if (waitid(WAIT_PIDFD, (id_t)pidfd, &child, WEXITED | WNOHANG) < 0) return errno == ECHILD ? null_value(env) : throw_errno(&call, errno, NULL);
  if (child.si_pid == 0) return null_value(env);
  napi_value result;
  napi_create_object(env, &result);
  set_property(env, result, "status", from_integer(env, encode_status(&child)));
  return result;
}

const struct method process_methods[] = {
    {"spawn", spawn}, {"pidfdOpen", pidfd_open_method}, {"pidfdSendSignal", pidfd_send_signal_method}, {"reap", reap}, {NULL, NULL}};
