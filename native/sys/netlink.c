// Sockets that belong to another network namespace. setns(2) acts on one thread, so a short-lived thread joins the
// namespace, makes the socket and ends; a socket stays in the namespace where it was made. The same for its settings.
#include "sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sched.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

struct socket_request {
  int netns;
  int domain, type, protocol;
  struct sockaddr_storage address;
  socklen_t address_length;  // 0: leave it unbound
  int fd;
  int error;
  const char *syscall;
};

static bool step(struct socket_request *request, const char *syscall, int result) {
  if (result >= 0) return true;
  request->error = errno;
  request->syscall = syscall;
  return false;
}

static bool prepare(struct socket_request *request) {
  int one = 1;
  if (request->domain == AF_NETLINK) {
    // Errors then name the attribute at fault; answers need not repeat the request.
    setsockopt(request->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
    setsockopt(request->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
    return true;
  }
  if (!step(request, "setsockopt", setsockopt(request->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one))) return false;
  return request->domain != AF_INET6 || step(request, "setsockopt", setsockopt(request->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one));
}

static bool make_socket(struct socket_request *request) {
  if (request->netns >= 0 && !step(request, "setns", setns(request->netns, CLONE_NEWNET))) return false;
  request->fd = socket(request->domain, request->type | SOCK_CLOEXEC, request->protocol);
  if (!step(request, "socket", request->fd) || !prepare(request)) return false;
  if (request->address_length == 0) return true;
  if (!step(request, "bind", bind(request->fd, (struct sockaddr *)&request->address, request->address_length))) return false;
  return request->type != SOCK_STREAM || step(request, "listen", listen(request->fd, 128));
}

static void *run_request(void *argument) {
  struct socket_request *request = argument;
  if (make_socket(request)) return NULL;
  if (request->fd >= 0) close(request->fd);
  request->fd = -1;
  return NULL;
}

static napi_value answer(struct call *call, struct socket_request *request, const char *path) {
  request->fd = -1;
  pthread_t thread;
  if (request->netns < 0) {
    run_request(request);
  } else {
    int error = start_thread(&thread, run_request, request);
    if (error != 0) return throw_errno(call, error, NULL);
    pthread_join(thread, NULL);
  }
  if (request->fd >= 0) return from_integer(call->env, request->fd);
  call->syscall = request->syscall;
  return throw_errno(call, request->error, path);
}

static napi_value netlink_open(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "socket", 2);
  struct socket_request request = {.domain = AF_NETLINK, .type = SOCK_RAW, .protocol = (int)integer_at(&call, 0), .netns = fd_at(&call, 1)};
  return call.failed ? NULL : answer(&call, &request, NULL);
}

static bool parse_address(struct socket_request *request, const char *text, uint16_t port) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)&request->address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&request->address;
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    request->address_length = sizeof *v4;
  } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    request->address_length = sizeof *v6;
  } else {
    return false;
  }
  request->domain = request->address.ss_family;
  return true;
}

static napi_value bind_in_namespace(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "bind", 4);
  struct path address;
  struct socket_request request = {.netns = fd_at(&call, 0), .type = (int)integer_at(&call, 1)};
  path_at(&call, 2, &address);
  int64_t port = integer_at(&call, 3);
  if (call.failed) return NULL;
  bool known = request.type == SOCK_STREAM || request.type == SOCK_DGRAM;
  if (!known || port < 0 || port > 65535 || !parse_address(&request, address.text, (uint16_t)port)) return throw_errno(&call, EINVAL, address.text);
  return answer(&call, &request, address.text);
}

// Takes a port of the host without serving it. A TCP socket that has listened and been shut down refuses connections, yet nobody else can listen
// there, once its own address may not be used again; listening for a moment is what finds another that is bound in the same way. Datagrams are
// dropped before they take memory.
static bool occupy(struct socket_request *request) {
  int one = 1, zero = 0;
  bool tcp = request->protocol == IPPROTO_TCP;
  struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog filter = {.len = 1, .filter = &nothing};
  request->fd = socket(request->domain, request->type | SOCK_CLOEXEC, request->protocol);
  if (!step(request, "socket", request->fd)) return false;
  if (request->domain == AF_INET6 && !step(request, "setsockopt", setsockopt(request->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one))) return false;
  // Connections of an earlier listener that linger in TIME_WAIT are in nobody's way.
  if (tcp && !step(request, "setsockopt", setsockopt(request->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one))) return false;
  if (!step(request, "setsockopt", setsockopt(request->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter))) return false;
  if (!step(request, "bind", bind(request->fd, (struct sockaddr *)&request->address, request->address_length))) return false;
  if (!tcp) return true;
  return step(request, "listen", listen(request->fd, 1)) && step(request, "shutdown", shutdown(request->fd, SHUT_RD)) &&
         step(request, "setsockopt", setsockopt(request->fd, SOL_SOCKET, SO_REUSEADDR, &zero, sizeof zero));
}

static napi_value hold_port(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "bind", 3);
  struct path address;
  struct socket_request request = {.netns = -1, .fd = -1, .protocol = (int)integer_at(&call, 0)};
  path_at(&call, 1, &address);
  int64_t port = integer_at(&call, 2);
  if (call.failed) return NULL;
  request.type = request.protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
  if (port < 1 || port > 65535 || !parse_address(&request, address.text, (uint16_t)port)) return throw_errno(&call, EINVAL, address.text);
  if (occupy(&request)) return from_integer(env, request.fd);
  if (request.fd >= 0) close(request.fd);
  call.syscall = request.syscall;
  return throw_errno(&call, request.error, address.text);
}

// Lets in what the socket of a held port kept out, so that it can be served, and listened on beside connections in TIME_WAIT.
static napi_value serve_held_port(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "setsockopt", 1);
  int fd = fd_at(&call, 0);
  if (call.failed) return NULL;
  int none = 0, one = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 || setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) != 0) return throw_errno(&call, errno, NULL);
  return NULL;
}

struct setting_request {
  int netns;
  const char *path;
  struct bytes value;
  int error;
  const char *syscall;
};

// /proc/sys/net shows whoever opens it the settings of his own namespace.
static void *run_setting(void *argument) {
  struct setting_request *request = argument;
  request->syscall = "setns";
  int fd = setns(request->netns, CLONE_NEWNET);
  if (fd == 0) {
    request->syscall = "open";
    fd = open(request->path, O_WRONLY | O_CLOEXEC);
  }
  if (fd < 0) {
    request->error = errno;
    return NULL;
  }
  request->syscall = "write";
  if (write(fd, request->value.data, request->value.length) < 0) request->error = errno;
  close(fd);
  return NULL;
}

static napi_value set_in_namespace(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "write", 3);
  struct path path;
  struct setting_request request = {.netns = fd_at(&call, 0)};
  path_at(&call, 1, &path);
  request.value = bytes_at(&call, 2);
  if (call.failed) return NULL;
  request.path = path.text;
  pthread_t thread;
  int error = start_thread(&thread, run_setting, &request);
  if (error != 0) return throw_errno(&call, error, NULL);
  pthread_join(thread, NULL);
  call.syscall = request.syscall;
  if (request.error != 0) return throw_errno(&call, request.error, path.text);
  return done(&call, 0, NULL);
}

struct opening_request {
  struct setting_request setting;
  struct socket_request socket;
};

static void *run_opening(void *argument) {
  struct opening_request *request = argument;
  run_setting(&request->setting);
  // The thread is in the namespace already.
  return request->setting.error == 0 ? run_request(&request->socket) : NULL;
}

static napi_value netlink_open_setting(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "socket", 4);
  struct path path;
  struct opening_request request = {.setting = {.netns = fd_at(&call, 1)}};
  request.socket = (struct socket_request){.domain = AF_NETLINK, .type = SOCK_RAW, .protocol = (int)integer_at(&call, 0), .netns = -1, .fd = -1};
  path_at(&call, 2, &path);
  request.setting.value = bytes_at(&call, 3);
  if (call.failed) return NULL;
  request.setting.path = path.text;
  pthread_t thread;
  int error = start_thread(&thread, run_opening, &request);
  if (error != 0) return throw_errno(&call, error, NULL);
  pthread_join(thread, NULL);
  if (request.socket.fd >= 0) return from_integer(env, request.socket.fd);
  bool set = request.setting.error == 0;
  call.syscall = set ? request.socket.syscall : request.setting.syscall;
  return throw_errno(&call, set ? request.socket.error : request.setting.error, set ? NULL : path.text);
}

static napi_value netlink_send(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "sendto", 2);
  int fd = fd_at(&call, 0);
  struct bytes message = bytes_at(&call, 1);
  if (call.failed) return NULL;
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  ssize_t count;
  do count = sendto(fd, message.data, message.length, 0, (struct sockaddr *)&kernel, sizeof kernel);
  while (count < 0 && errno == EINTR);
  return done(&call, count < 0 ? -1 : 0, NULL);
}

static napi_value netlink_receive(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "recvfrom", 1);
  int fd = fd_at(&call, 0);
  if (call.failed) return NULL;
  for (;;) {
    ssize_t size = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return null_value(env);
    if (size < 0) return throw_errno(&call, errno, NULL);
    void *data = NULL;
    napi_value buffer;
    napi_create_buffer(env, (size_t)size, &data, &buffer);
    struct sockaddr_nl sender = {0};
    socklen_t length = sizeof sender;
    if (recvfrom(fd, data, (size_t)size, MSG_DONTWAIT, (struct sockaddr *)&sender, &length) < 0) return throw_errno(&call, errno, NULL);
    // Any process may send to a netlink socket; only the kernel's port is 0 (netlink(7)).
    if (sender.nl_pid == 0) return buffer;
  }
}

const struct method netlink_methods[] = {{"netlinkOpen", netlink_open},
                                         {"netlinkSend", netlink_send},
                                         {"netlinkReceive", netlink_receive},
                                         {"bindInNamespace", bind_in_namespace},
                                         {"setInNamespace", set_in_namespace},
                                         {"netlinkOpenSetting", netlink_open_setting},
                                         {"holdPort", hold_port},
                                         {"serveHeldPort", serve_held_port},
                                         {NULL, NULL}};
