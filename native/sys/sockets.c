// Unix sockets and the descriptors that travel over them.
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_PASSED 253  // SCM_MAX_FD

static napi_value socket_pair(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "socketpair", 0);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return throw_errno(&call, errno, NULL);
  napi_value result;
  napi_create_array_with_length(env, 2, &result);
  for (uint32_t i = 0; i < 2; i++) napi_set_element(env, result, i, from_integer(env, pair[i]));
  return result;
}

union control {
  struct cmsghdr header;
  char room[CMSG_SPACE(sizeof(int) * MAX_PASSED)];
};

static void attach_descriptors(struct msghdr *message, union control *control, const struct integers *descriptors) {
  size_t size = descriptors->count * sizeof(int);
  message->msg_control = control;
  message->msg_controllen = CMSG_SPACE(size);
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(header), descriptors->items, size);
}

// 0 or an errno. The descriptors travel with the first byte.
static int send_all(int socket, struct bytes data, const struct integers *descriptors) {
  union control control;
  memset(&control, 0, sizeof control);
  bool attached = descriptors->count == 0;
  for (size_t sent = 0; sent < data.length;) {
    struct iovec part = {.iov_base = data.data + sent, .iov_len = data.length - sent};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (!attached) attach_descriptors(&message, &control, descriptors);
    ssize_t count = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      struct pollfd wait = {.fd = socket, .events = POLLOUT};
      poll(&wait, 1, -1);
      continue;
    }
    if (count < 0) return errno;
    attached = true;
    sent += (size_t)count;
  }
  return 0;
}

static napi_value send_descriptors(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "sendmsg", 3);
  int socket = fd_at(&call, 0);
  struct bytes data = bytes_at(&call, 1);
  struct integers descriptors = integers_at(&call, 2);
  int error = 0;
  if (!call.failed) {
    bool impossible = descriptors.count > MAX_PASSED || (descriptors.count > 0 && data.length == 0);
    error = impossible ? EINVAL : send_all(socket, data, &descriptors);
  }
  release_integers(&descriptors);
  if (call.failed) return NULL;
  return error != 0 ? throw_errno(&call, error, NULL) : undefined(env);
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// 0, ETIMEDOUT or another errno. timeout < 0: no limit.
static int wait_readable(int socket, int64_t timeout) {
  int64_t end = now_ms() + timeout;
  for (;;) {
    int64_t left = timeout < 0 ? -1 : end - now_ms();
    struct pollfd wait = {.fd = socket, .events = POLLIN};
    int ready = poll(&wait, 1, timeout >= 0 && left < 0 ? 0 : (int)(left > INT_MAX ? INT_MAX : left));
    if (ready > 0) return 0;
    if (ready == 0) return ETIMEDOUT;
    if (errno != EINTR) return errno;
  }
}

// Collects what SCM_RIGHTS brought; closes what exceeds `limit` and then returns false.
static bool collect_descriptors(struct msghdr *message, struct integers *descriptors, size_t limit) {
  bool complete = (message->msg_flags & MSG_CTRUNC) == 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      if (descriptors->count < limit) {
        descriptors->items[descriptors->count++] = fd;
      } else {
        complete = false;
        close(fd);
      }
    }
  }
  return complete;
}

static napi_value received(napi_env env, const char *data, size_t length, const struct integers *descriptors) {
  napi_value result, buffer, list;
  napi_create_object(env, &result);
  napi_create_buffer_copy(env, length, data, NULL, &buffer);
  napi_create_array_with_length(env, descriptors->count, &list);
  for (uint32_t i = 0; i < descriptors->count; i++) napi_set_element(env, list, i, from_integer(env, descriptors->items[i]));
  set_property(env, result, "data", buffer);
  set_property(env, result, "descriptors", list);
  return result;
}

static napi_value receive(struct call *call, int socket, char *room, size_t size, size_t limit) {
  int slots[MAX_PASSED];
  struct integers descriptors = {.items = slots};
  union control control;
  struct iovec part = {.iov_base = room, .iov_len = size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t count;
  do count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (count < 0 && errno == EINTR);
  if (count < 0) return throw_errno(call, errno, NULL);
  if (collect_descriptors(&message, &descriptors, limit)) return received(call->env, room, (size_t)count, &descriptors);
  for (size_t i = 0; i < descriptors.count; i++) close(slots[i]);
  return throw_errno(call, EMSGSIZE, NULL);
}

static napi_value receive_descriptors(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "recvmsg", 4);
  int socket = fd_at(&call, 0);
  int64_t size = integer_at(&call, 1);
  int64_t limit = integer_at(&call, 2);
  int64_t timeout = integer_at(&call, 3);
  if (call.failed) return NULL;
  if (size < 1 || size > 64 * 1024 * 1024 || limit < 0 || limit > MAX_PASSED) return throw_errno(&call, EINVAL, NULL);
  int error = wait_readable(socket, timeout);
  if (error != 0) return throw_errno(&call, error, NULL);
  char *room = malloc((size_t)size);
  if (room == NULL) return throw_errno(&call, ENOMEM, NULL);
  napi_value result = receive(&call, socket, room, (size_t)size, (size_t)limit);
  free(room);
  return result;
}

// 0 or an errno. A path longer than sun_path is reached through its directory's descriptor.
static int name_socket(struct sockaddr_un *address, const char *path, int *directory) {
  if (strlen(path) < sizeof address->sun_path) {
    strcpy(address->sun_path, path);
    return 0;
  }
  const char *slash = strrchr(path, '/');
  char parent[PATH_MAX];
  if (slash == NULL) return ENAMETOOLONG;
  snprintf(parent, sizeof parent, "%.*s", (int)(slash - path) + 1, path);
  *directory = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (*directory < 0) return errno;
  int length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", *directory, slash + 1);
  return length < (int)sizeof address->sun_path ? 0 : ENAMETOOLONG;
}

static napi_value connect_unix(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "connect", 1);
  struct path path;
  path_at(&call, 0, &path);
  if (call.failed) return NULL;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int directory = -1, connection = -1;
  int error = name_socket(&address, path.text, &directory);
  if (error == 0 && (connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) error = errno;
  if (error == 0 && connect(connection, (struct sockaddr *)&address, sizeof address) < 0) error = errno;
  if (directory >= 0) close(directory);
  if (error == 0) return from_integer(env, connection);
  if (connection >= 0) close(connection);
  return throw_errno(&call, error, path.text);
}

typedef int attach(int socket, const struct sockaddr *address, socklen_t size);

/* sd_notify(3): a first '@' stands for the NUL of an abstract name. */
static napi_value open_unix(napi_env env, napi_callback_info info, int type, const char *name, attach *attach) {
  struct call call = call_begin(env, info, name, 1);
  struct path path;
  path_at(&call, 0, &path);
  if (call.failed) return NULL;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  socklen_t size = sizeof address;
  int directory = -1, opened = -1;
  int error = name_socket(&address, path.text, &directory);
  if (path.text[0] == '@') {
    size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path));
    address.sun_path[0] = '\0';
  }
  if (error == 0 && (opened = socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) < 0) error = errno;
  if (error == 0 && attach(opened, (struct sockaddr *)&address, size) < 0) error = errno;
  if (directory >= 0) close(directory);
  if (error == 0) return from_integer(env, opened);
  if (opened >= 0) close(opened);
  return throw_errno(&call, error, path.text);
}

static napi_value connect_datagram(napi_env env, napi_callback_info info) { return open_unix(env, info, SOCK_DGRAM, "connect", connect); }

static napi_value bind_datagram(napi_env env, napi_callback_info info) { return open_unix(env, info, SOCK_DGRAM, "bind", bind); }

static napi_value bind_stream(napi_env env, napi_callback_info info) { return open_unix(env, info, SOCK_STREAM, "bind", bind); }

const struct method socket_methods[] = {{"socketPair", socket_pair},
                                        {"sendDescriptors", send_descriptors},
                                        {"receiveDescriptors", receive_descriptors},
                                        {"connectUnix", connect_unix},
                                        {"connectDatagram", connect_datagram},
                                        {"bindDatagram", bind_datagram},
                                        {"bindStream", bind_stream},
                                        {NULL, NULL}};
