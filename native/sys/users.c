// A user namespace with given maps and nobody in it: what mount_setattr(2) takes the ids of a mount from.
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES 16384

// The child shares our memory, so that nothing is copied, and touches none of it but its own stack: it waits for its SIGKILL.
static int wait_for_the_end(void *unused) {
  (void)unused;
  for (;;) syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
  return 0;
}

// 0 or an errno. The kernel takes a map in one write or not at all.
static int write_map(pid_t pid, const char *file, const char *map) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  int descriptor = open(path, O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  size_t length = strlen(map);
  ssize_t written = write(descriptor, map, length);
  int error = written < 0 ? errno : (size_t)written == length ? 0 : EIO;
  close(descriptor);
  return error;
}

// The namespace's descriptor, or -1 with *error and *call.
static int map_and_open(pid_t pid, const char *uids, const char *gids, int *error, const char **call) {
  char path[64];
  *call = "uid_map";
  *error = write_map(pid, "uid_map", uids);
  if (*error != 0) return -1;
  *call = "gid_map";
  *error = write_map(pid, "gid_map", gids);
  if (*error != 0) return -1;
  *call = "open";
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) *error = errno;
  return descriptor;
}

static int make_user_namespace(const char *uids, const char *gids, int *error, const char **call) {
  *call = "mmap";
  char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) {
    *error = errno;
    return -1;
  }
  sigset_t all, before;
  sigfillset(&all);
  // A signal handler of ours must never run in the child.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  *call = "clone";
  // No exit signal: only we wait for this child (__WCLONE), and no handler of SIGCHLD hears of it.
  pid_t pid = clone(wait_for_the_end, stack + STACK_BYTES, CLONE_VM | CLONE_NEWUSER, NULL);
  *error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  int descriptor = pid < 0 ? -1 : map_and_open(pid, uids, gids, error, call);
  if (pid >= 0) {
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR) {
    }
  }
  munmap(stack, STACK_BYTES);
  return descriptor;
}

static napi_value user_namespace_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "clone", 2);
  char *uids = copy_string(&call, call.argument[0]);
  char *gids = call.failed ? NULL : copy_string(&call, call.argument[1]);
  napi_value result = NULL;
  if (!call.failed) {
    int error = 0;
    int descriptor = make_user_namespace(uids, gids, &error, &call.syscall);
    result = descriptor >= 0 ? from_integer(env, descriptor) : throw_errno(&call, error, NULL);
  }
  free(uids);
  free(gids);
  return result;
}

const struct method user_methods[] = {{"userNamespace", user_namespace_method}, {NULL, NULL}};
