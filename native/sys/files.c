// Names in directories: open, make, link, rename, remove, read links.
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// openat2(2): EAGAIN means that a rename raced with RESOLVE_IN_ROOT or RESOLVE_BENEATH and asks for a retry.
#define OPEN_ATTEMPTS 64

static napi_value openat2_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "openat2", 5);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  struct open_how how = {.flags = (uint64_t)integer_at(&call, 2) | O_CLOEXEC, .mode = (uint64_t)integer_at(&call, 3), .resolve = (uint64_t)integer_at(&call, 4)};
  if (call.failed) return NULL;
  long fd = -1;
  for (int attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
    fd = syscall(SYS_openat2, directory, path.text, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || (how.flags & O_NONBLOCK && how.resolve == 0)) break;
  }
  return number_or_errno(&call, fd, path.text);
}

static napi_value mkdirat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "mkdirat", 3);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  mode_t mode = (mode_t)integer_at(&call, 2);
  return call.failed ? NULL : done(&call, mkdirat(directory, path.text, mode), path.text);
}

static napi_value mknodat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "mknodat", 5);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  mode_t mode = (mode_t)integer_at(&call, 2);
  dev_t device = makedev((unsigned)integer_at(&call, 3), (unsigned)integer_at(&call, 4));
  return call.failed ? NULL : done(&call, mknodat(directory, path.text, mode, device), path.text);
}

static napi_value symlinkat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "symlinkat", 3);
  struct path target, path;
  path_at(&call, 0, &target);
  int directory = fd_at(&call, 1);
  path_at(&call, 2, &path);
  return call.failed ? NULL : done(&call, symlinkat(target.text, directory, path.text), path.text);
}

static napi_value linkat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "linkat", 5);
  struct path from, to;
  int from_directory = fd_at(&call, 0);
  path_at(&call, 1, &from);
  int to_directory = fd_at(&call, 2);
  path_at(&call, 3, &to);
  int flags = (int)integer_at(&call, 4);
  return call.failed ? NULL : done(&call, linkat(from_directory, from.text, to_directory, to.text, flags), to.text);
}

static napi_value unlinkat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "unlinkat", 3);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  int flags = (int)integer_at(&call, 2);
  return call.failed ? NULL : done(&call, unlinkat(directory, path.text, flags), path.text);
}

static napi_value renameat2_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "renameat2", 5);
  struct path from, to;
  int from_directory = fd_at(&call, 0);
  path_at(&call, 1, &from);
  int to_directory = fd_at(&call, 2);
  path_at(&call, 3, &to);
  unsigned flags = (unsigned)integer_at(&call, 4);
  return call.failed ? NULL : done(&call, renameat2(from_directory, from.text, to_directory, to.text, flags), from.text);
}

static ssize_t read_link(struct call *call, struct path *path, char *target, size_t size) {
  int directory = fd_at(call, 0);
  path_at(call, 1, path);
  if (call->failed) return -1;
  ssize_t length = readlinkat(directory, path->text, target, size);
  if (length < 0) throw_errno(call, errno, path->text);
  return length;
}

static napi_value readlinkat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "readlinkat", 2);
  struct path path;
  char target[PATH_MAX];
  ssize_t length = read_link(&call, &path, target, sizeof target);
  napi_value result = NULL;
  if (length >= 0) napi_create_string_utf8(env, target, (size_t)length, &result);
  return result;
}

static napi_value readlinkat_bytes(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "readlinkat", 2);
  struct path path;
  char target[PATH_MAX];
  ssize_t length = read_link(&call, &path, target, sizeof target);
  napi_value result = NULL;
  if (length >= 0) napi_create_buffer_copy(env, (size_t)length, target, NULL, &result);
  return result;
}

const struct method file_methods[] = {{"openat2", openat2_method},   {"mkdirat", mkdirat_method},     {"mknodat", mknodat_method},
                                      {"symlinkat", symlinkat_method}, {"linkat", linkat_method},       {"unlinkat", unlinkat_method},
                                      {"renameat2", renameat2_method}, {"readlinkat", readlinkat_method}, {"readlinkatBytes", readlinkat_bytes},
                                      {NULL, NULL}};
