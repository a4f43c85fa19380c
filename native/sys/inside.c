// Mounts of another mount namespace, as clones that can be attached in any. open_tree(2) clones only what is in the caller's own namespace, so a short-lived thread
// enters that one first; what it opens is looked up without symbolic links, from that namespace's root.
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

struct request {
  int mntns;
  const char *path;
  int fd;
  int error;
  const char *syscall;
};

static void *fails(struct request *request, const char *syscall) {
  request->error = errno;
  request->syscall = syscall;
  return NULL;
}

static void *run_request(void *argument) {
  struct request *request = argument;
  // setns(2): a mount namespace is entered only by who shares its root and working directory with nobody.
  if (unshare(CLONE_FS) < 0) return fails(request, "unshare");
  if (setns(request->mntns, CLONE_NEWNS) < 0) return fails(request, "setns");
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  int place = (int)syscall(SYS_openat2, AT_FDCWD, request->path, &how, sizeof how);
  if (place < 0) return fails(request, "openat2");
  request->fd = open_tree(place, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (request->fd < 0) fails(request, "open_tree");
  close(place);
  return NULL;
}

static napi_value open_tree_inside(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "open_tree", 2);
  struct path path;
  struct request request = {.mntns = fd_at(&call, 0), .fd = -1};
  path_at(&call, 1, &path);
  if (call.failed) return NULL;
  request.path = path.text;
  pthread_t thread;
  int error = start_thread(&thread, run_request, &request);
  if (error != 0) return throw_errno(&call, error, NULL);
  pthread_join(thread, NULL);
  if (request.error == 0) return from_integer(env, request.fd);
  call.syscall = request.syscall;
  return throw_errno(&call, request.error, path.text);
}

const struct method inside_methods[] = {{"openTreeInside", open_tree_inside}, {NULL, NULL}};
