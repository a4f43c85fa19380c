// Descriptors that are neither files nor sockets' business.
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u  // Linux 6.3
#endif

static napi_value close_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "close", 1);
  int fd = fd_at(&call, 0);
  return call.failed ? NULL : done(&call, close(fd), NULL);
}

static napi_value dup_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "dup", 1);
  int fd = fd_at(&call, 0);
  return call.failed ? NULL : number_or_errno(&call, fcntl(fd, F_DUPFD_CLOEXEC, 0), NULL);
}

// 0 or an errno.
static int fill_and_seal(int fd, struct bytes data) {
  for (size_t written = 0; written < data.length;) {
    ssize_t count = write(fd, data.data + written, data.length - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    written += (size_t)count;
  }
  if (lseek(fd, 0, SEEK_SET) < 0) return errno;
  return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0 ? errno : 0;
}

static napi_value memfd(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "memfd_create", 2);
  struct path name;
  path_at(&call, 0, &name);
  struct bytes data = bytes_at(&call, 1);
  if (call.failed) return NULL;
  int fd = memfd_create(name.text, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = memfd_create(name.text, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return throw_errno(&call, errno, name.text);
  int error = fill_and_seal(fd, data);
  if (error == 0) return from_integer(env, fd);
  close(fd);
  return throw_errno(&call, error, name.text);
}

static napi_value flock_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "flock", 2);
  int fd = fd_at(&call, 0);
  int operation = (int)integer_at(&call, 1);
  if (call.failed) return NULL;
  if (flock(fd, operation | LOCK_NB) == 0) return undefined(env);
  return throw_errno(&call, errno, NULL);
}

static napi_value set_window_size(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "TIOCSWINSZ", 3);
  int fd = fd_at(&call, 0);
  struct winsize size = {.ws_row = (unsigned short)integer_at(&call, 1), .ws_col = (unsigned short)integer_at(&call, 2)};
  return call.failed ? NULL : done(&call, ioctl(fd, TIOCSWINSZ, &size), NULL);
}

// A signal ends the wait as time does: whoever waits may have it to look after.
static napi_value poll_readable(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "poll", 2);
  struct integers descriptors = integers_at(&call, 0);
  int timeout = (int)integer_at(&call, 1);
  napi_value result = NULL;
  struct pollfd *waits = call.failed ? NULL : calloc(descriptors.count + 1, sizeof *waits);
  if (waits != NULL) {
    for (size_t i = 0; i < descriptors.count; i++) waits[i] = (struct pollfd){.fd = descriptors.items[i], .events = POLLIN};
    int ready = poll(waits, descriptors.count, timeout);
    if (ready >= 0 || errno == EINTR) napi_get_boolean(env, ready > 0, &result);
    else throw_errno(&call, errno, NULL);
  } else if (!call.failed) {
    throw_errno(&call, ENOMEM, NULL);
  }
  free(waits);
  release_integers(&descriptors);
  return result;
}

const struct method descriptor_methods[] = {{"close", close_method},
                                            {"dup", dup_method},
                                            {"memfd", memfd},
                                            {"flock", flock_method},
                                            {"setWindowSize", set_window_size},
                                            {"pollReadable", poll_readable},
                                            {NULL, NULL}};
