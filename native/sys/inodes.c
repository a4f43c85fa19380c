// What a file is: owner, mode, times, attributes, extended attributes, contents moved inside the kernel.
#include "file_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452  // Linux 6.6
#endif

static napi_value fchownat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "fchownat", 5);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  uid_t uid = (uid_t)integer_at(&call, 2);
  gid_t gid = (gid_t)integer_at(&call, 3);
  int flags = (int)integer_at(&call, 4);
  return call.failed ? NULL : done(&call, fchownat(directory, path.text, uid, gid, flags), path.text);
}

// fchmodat2(2) as it is before Linux 6.6: glibc knows links, and what a descriptor has open is reached by its link in /proc.
static int fchmodat_older(int directory, const char *path, mode_t mode, int flags) {
  if ((flags & AT_EMPTY_PATH) == 0 || path[0] != '\0') return fchmodat(directory, path, mode, flags & ~AT_EMPTY_PATH);
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
  return chmod(link, mode);
}

static napi_value fchmodat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "fchmodat", 4);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  mode_t mode = (mode_t)integer_at(&call, 2);
  int flags = (int)integer_at(&call, 3);
  if (call.failed) return NULL;
  int result = flags == 0 ? fchmodat(directory, path.text, mode, 0) : (int)syscall(SYS_fchmodat2, directory, path.text, mode, flags);
  if (result < 0 && flags != 0 && errno == ENOSYS) result = fchmodat_older(directory, path.text, mode, flags);
  return done(&call, result, path.text);
}

struct timespec to_timespec(int64_t ns) {
  struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
  if (time.tv_nsec < 0) {
    time.tv_sec--;
    time.tv_nsec += 1000000000;
  }
  return time;
}

int64_t nanoseconds_at(struct call *call, size_t index) {
  int64_t ns = 0;
  bool lossless = false;
  if (call->failed) return 0;
  if (napi_get_value_bigint_int64(call->env, call->argument[index], &ns, &lossless) != napi_ok) throw_type(call, "expected a bigint");
  if (!call->failed && !lossless) throw_errno(call, ERANGE, NULL);
  return ns;
}

static napi_value utimensat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "utimensat", 5);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  const struct timespec times[2] = {to_timespec(nanoseconds_at(&call, 2)), to_timespec(nanoseconds_at(&call, 3))};
  int flags = (int)integer_at(&call, 4);
  return call.failed ? NULL : done(&call, utimensat(directory, path.text, times, flags), path.text);
}

static napi_value fstatat_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "fstatat", 3);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  int flags = (int)integer_at(&call, 2);
  if (call.failed) return NULL;
  struct stat facts;
  if (fstatat(directory, path.text, &facts, flags) < 0) return throw_errno(&call, errno, path.text);
  napi_value result, modified;
  napi_create_object(env, &result);
  napi_create_bigint_int64(env, (int64_t)facts.st_mtim.tv_sec * 1000000000 + facts.st_mtim.tv_nsec, &modified);
  set_property(env, result, "mode", from_integer(env, facts.st_mode));
  set_property(env, result, "uid", from_integer(env, facts.st_uid));
  set_property(env, result, "gid", from_integer(env, facts.st_gid));
  set_property(env, result, "size", from_integer(env, facts.st_size));
  set_property(env, result, "nlink", from_integer(env, (int64_t)facts.st_nlink));
  set_property(env, result, "ino", from_bigint(env, facts.st_ino));
  set_property(env, result, "dev", from_bigint(env, facts.st_dev));
  set_property(env, result, "rdevMajor", from_integer(env, major(facts.st_rdev)));
  set_property(env, result, "rdevMinor", from_integer(env, minor(facts.st_rdev)));
  set_property(env, result, "mtimeNs", modified);
  set_property(env, result, "blocks", from_integer(env, facts.st_blocks));
  return result;
}

// The f*xattr calls refuse O_PATH descriptors with EBADF; the magic link reaches the same inode, a symbolic link included.
struct magic_link {
  char text[32];
};
static const char *magic_link(int fd, struct magic_link *link) {
  snprintf(link->text, sizeof link->text, "/proc/self/fd/%d", fd);
  return link->text;
}

static napi_value setxattr_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "setxattr", 3);
  struct path name;
  struct magic_link link;
  int fd = fd_at(&call, 0);
  path_at(&call, 1, &name);
  struct bytes value = bytes_at(&call, 2);
  if (call.failed) return NULL;
  int result = fsetxattr(fd, name.text, value.data, value.length, 0);
  if (result < 0 && errno == EBADF) result = setxattr(magic_link(fd, &link), name.text, value.data, value.length, 0);
  return done(&call, result, name.text);
}

static ssize_t get_attribute(int fd, const char *name, void *room, size_t size) {
  struct magic_link link;
  ssize_t length = fgetxattr(fd, name, room, size);
  return length < 0 && errno == EBADF ? getxattr(magic_link(fd, &link), name, room, size) : length;
}

static napi_value getxattr_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "getxattr", 2);
  struct path name;
  int fd = fd_at(&call, 0);
  path_at(&call, 1, &name);
  if (call.failed) return NULL;
  char *room = malloc(XATTR_SIZE_MAX);
  if (room == NULL) return throw_errno(&call, ENOMEM, NULL);
  napi_value result = NULL;
  ssize_t length = get_attribute(fd, name.text, room, XATTR_SIZE_MAX);
  if (length >= 0) {
    napi_create_buffer_copy(env, (size_t)length, room, NULL, &result);
  } else if (errno == ENODATA) {
    result = null_value(env);
  } else {
    throw_errno(&call, errno, name.text);
  }
  free(room);
  return result;
}

static ssize_t list_attributes(int fd, char *room, size_t size) {
  struct magic_link link;
  ssize_t length = flistxattr(fd, room, size);
  return length < 0 && errno == EBADF ? listxattr(magic_link(fd, &link), room, size) : length;
}

static napi_value listxattr_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "listxattr", 1);
  int fd = fd_at(&call, 0);
  if (call.failed) return NULL;
  char *room = malloc(XATTR_LIST_MAX);
  if (room == NULL) return throw_errno(&call, ENOMEM, NULL);
  napi_value result = NULL;
  ssize_t length = list_attributes(fd, room, XATTR_LIST_MAX);
  if (length < 0) throw_errno(&call, errno, NULL);
  if (length >= 0) napi_create_array(env, &result);
  uint32_t index = 0;
  for (ssize_t at = 0; at < length; at += (ssize_t)strlen(room + at) + 1) {
    napi_value name;
    napi_create_string_utf8(env, room + at, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, result, index++, name);
  }
  free(room);
  return result;
}

static napi_value copy_file_range_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "copy_file_range", 5);
  int from = fd_at(&call, 0);
  off_t from_offset = integer_at(&call, 1);
  int to = fd_at(&call, 2);
  off_t to_offset = integer_at(&call, 3);
  size_t length = (size_t)integer_at(&call, 4);
  return call.failed ? NULL : number_or_errno(&call, copy_file_range(from, &from_offset, to, &to_offset, length, 0), NULL);
}

static napi_value syncfs_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "syncfs", 1);
  int fd = fd_at(&call, 0);
  return call.failed ? NULL : done(&call, syncfs(fd), NULL);
}

static napi_value statfs_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "statfs", 1);
  struct path path;
  path_at(&call, 0, &path);
  if (call.failed) return NULL;
  struct statfs facts;
  if (statfs(path.text, &facts) < 0) return throw_errno(&call, errno, path.text);
  napi_value result;
  napi_create_object(env, &result);
  set_property(env, result, "type", from_integer(env, (uint32_t)facts.f_type));
  set_property(env, result, "blockSize", from_integer(env, facts.f_frsize));
  set_property(env, result, "blocks", from_integer(env, (int64_t)facts.f_blocks));
  set_property(env, result, "available", from_integer(env, (int64_t)facts.f_bavail));
  set_property(env, result, "files", from_integer(env, (int64_t)facts.f_files));
  set_property(env, result, "filesFree", from_integer(env, (int64_t)facts.f_ffree));
  set_property(env, result, "flags", from_integer(env, facts.f_flags));
  return result;
}

const struct method inode_methods[] = {{"openFileQueue", file_queue_open},
                                       {"queueFile", file_queue_begin},
                                       {"queueData", file_queue_data},
                                       {"endQueuedFile", file_queue_end},
                                       {"drainFileQueue", file_queue_drain},
                                       {"closeFileQueue", file_queue_close},
                                       {"fchownat", fchownat_method},
                                       {"fchmodat", fchmodat_method},
                                       {"utimensat", utimensat_method},
                                       {"fstatat", fstatat_method},
                                       {"setxattr", setxattr_method},
                                       {"getxattr", getxattr_method},
                                       {"listxattr", listxattr_method},
                                       {"copyFileRange", copy_file_range_method},
                                       {"syncfs", syncfs_method},
                                       {"statfs", statfs_method},
                                       {NULL, NULL}};
