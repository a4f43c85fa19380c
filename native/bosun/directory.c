/* The monitor's directory: two sockets, and the exit record. Layout in native/README.md. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor.h"
#include "os.h"
#include "text.h"

#define RECORD_BYTES 64u
#define RECORD_MAGIC 0x584c524fu
#define CONTROL_SOCKET "control.sock"
#define ATTACH_SOCKET "attach.sock"

/* Bound by a short name from inside the directory, because its full path may be longer than an address can hold (unix(7)). */
static int listen_at(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, name, strlen(name) + 1);
  OS_CLOSE int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return -errno;
  unlink(name);
  if (bind(listener, (const struct sockaddr *)&address, sizeof address) < 0) return -errno;
  if (chmod(name, 0600) < 0 || listen(listener, 64) < 0) return -errno;
  return os_take(&listener);
}

static int fail(struct monitor *monitor, int error, const char *call, const char *object) {
  return report_failure(&monitor->report, error, call, object);
}

int directory_keep(struct monitor *monitor, int directory) {
  monitor->directory = directory;
  monitor->exit_file = os_open(directory, "exit", O_WRONLY | O_NOFOLLOW, 0);
  if (monitor->exit_file < 0) return fail(monitor, monitor->exit_file, "openat", "exit");
  if (fchdir(directory) < 0) return fail(monitor, -errno, "fchdir", "directory");
  monitor->control_listener = listen_at(CONTROL_SOCKET);
  monitor->attach_listener = listen_at(ATTACH_SOCKET);
  if (chdir("/") < 0) return fail(monitor, -errno, "chdir", "/");
  if (monitor->control_listener < 0) return fail(monitor, monitor->control_listener, "bind", CONTROL_SOCKET);
  if (monitor->attach_listener < 0) return fail(monitor, monitor->attach_listener, "bind", ATTACH_SOCKET);
  monitor_watch(monitor, &monitor->control_listener_watch, monitor->control_listener, EPOLLIN);
  monitor_watch(monitor, &monitor->attach_listener_watch, monitor->attach_listener, EPOLLIN);
  return 0;
}

/* CRC-32 as zlib and gzip have it. */
static uint32_t crc32_of(const uint8_t *data, size_t size) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/* One pwrite over bytes that are on disk already; what cannot be written cannot be told anybody either, and the frame still says it. */
void directory_record_exit(struct monitor *monitor) {
  uint8_t record[RECORD_BYTES] = {0};
  if (monitor->exit_file < 0) return;
  put_u32(record, RECORD_MAGIC);
  put_u32(record + 4, monitor->wait_status);
  put_u32(record + 8, monitor->flags);
  put_u32(record + 12, (uint32_t)monitor->pid);
  put_u64(record + 16, monitor->started);
  put_u64(record + 24, monitor->finished);
  put_u32(record + 32, log_lost(&monitor->log));
  put_u32(record + RECORD_BYTES - 4, crc32_of(record, RECORD_BYTES - 4));
  if (pwrite(monitor->exit_file, record, sizeof record, 0) == (ssize_t)sizeof record) fdatasync(monitor->exit_file);
  os_close(&monitor->exit_file);
}

void directory_leave(struct monitor *monitor) {
  if (monitor->directory < 0) return;
  unlinkat(monitor->directory, CONTROL_SOCKET, 0);
  unlinkat(monitor->directory, ATTACH_SOCKET, 0);
  os_close(&monitor->directory);
}
