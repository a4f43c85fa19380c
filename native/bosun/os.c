#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096u

static int result(long value) {
  return value < 0 ? -errno : (int)value;
}

void os_close(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

int os_take(int *fd) {
  int taken = *fd;
  *fd = -1;
  return taken;
}

int os_open(int directory, const char *path, int flags, unsigned mode) {
  return result(openat(directory, path, flags | O_CLOEXEC, mode));
}

int os_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
  /* EAGAIN: a rename happened meanwhile and the kernel could not rule out an escape; openat2(2) says to try again. */
  for (int attempt = 0;; attempt++) {
    int fd = result(syscall(SYS_openat2, directory, path, &how, sizeof how));
    if (fd != -EAGAIN || attempt == 128) return fd;
  }
}

int os_open_tree(int directory, const char *path, unsigned flags) {
  return result(syscall(SYS_open_tree, directory, path, flags | OPEN_TREE_CLOEXEC));
}

int os_move_mount(int from, int to) {
  return result(syscall(SYS_move_mount, from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int os_fsopen(const char *fstype) {
  return result(syscall(SYS_fsopen, fstype, FSOPEN_CLOEXEC));
}

int os_fsconfig(int context, unsigned command, const char *key, const char *value) {
  return result(syscall(SYS_fsconfig, context, command, key, value, 0));
}

int os_fsmount(int context, unsigned attributes) {
  return result(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
}

int os_fspick(int mount) {
  return result(syscall(SYS_fspick, mount, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
}

int os_mount_setattr(int mount, unsigned flags, const struct mount_attr *attributes) {
  return result(syscall(SYS_mount_setattr, mount, "", flags | AT_EMPTY_PATH, attributes, sizeof *attributes));
}

int os_mount(const char *source, const char *target, unsigned long flags) {
  return result(syscall(SYS_mount, source, target, NULL, flags, NULL));
}

int os_mount_new(const char *source, const char *target, const char *fstype, unsigned long flags, const char *data) {
  return result(syscall(SYS_mount, source, target, fstype, flags, data));
}

int os_umount(const char *target, int flags) {
  return result(syscall(SYS_umount2, target, flags));
}

int os_pivot_root(const char *new_root, const char *put_old) {
  return result(syscall(SYS_pivot_root, new_root, put_old));
}

pid_t os_fork(void) {
  return (pid_t)result(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

pid_t os_fork_watched(int *pidfd) {
  struct clone_args arguments = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)pidfd, .exit_signal = SIGCHLD};
  pid_t pid = (pid_t)os_clone3(&arguments);
  if (pid != -ENOSYS && pid != -EPERM) return pid;
  return (pid_t)result(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, pidfd, 0, 0));
}

int os_clone3(const struct clone_args *arguments) {
  return result(syscall(SYS_clone3, arguments, sizeof *arguments));
}

int os_setns(int fd, int flags) {
  return result(syscall(SYS_setns, fd, flags));
}

int os_unshare(uint64_t flags) {
  return result(syscall(SYS_unshare, flags));
}

int os_pidfd_open(pid_t pid) {
  return result(syscall(SYS_pidfd_open, pid, 0));
}

int os_pidfd_signal(int pidfd, int signal) {
  return result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

void os_close_from(unsigned first, unsigned last) {
  if (first <= last) syscall(SYS_close_range, first, last, 0);
}

void os_close_all_but(int *kept, unsigned count) {
  for (unsigned i = 1; i < count; i++) {
    for (unsigned j = i; j > 0 && kept[j - 1] > kept[j]; j--) {
      int greater = kept[j - 1];
      kept[j - 1] = kept[j];
      kept[j] = greater;
    }
  }
  unsigned first = 0;
  for (unsigned i = 0; i < count; i++) {
    if (kept[i] < 0) continue;
    if ((unsigned)kept[i] > first) os_close_from(first, (unsigned)kept[i] - 1);
    first = (unsigned)kept[i] + 1;
  }
  os_close_from(first, ~0u);
}

void os_give_back(void *start, size_t size) {
  uintptr_t first = ((uintptr_t)start + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  uintptr_t end = ((uintptr_t)start + size) / PAGE_BYTES * PAGE_BYTES;
  if (end > first) madvise((void *)first, end - first, MADV_DONTNEED);
}

int os_write_all(int fd, const void *data, size_t size) {
  const char *at = data;
  while (size > 0) {
    ssize_t written = write(fd, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    if (written == 0) return -EIO;
    at += written;
    size -= (size_t)written;
  }
  return 0;
}

int os_write_file(int directory, const char *path, const char *text) {
  OS_CLOSE int fd = os_open(directory, path, O_WRONLY | O_NOCTTY, 0);
  if (fd < 0) return fd;
  size_t size = strlen(text);
  ssize_t written = write(fd, text, size);
  if (written < 0) return -errno;
  return (size_t)written == size ? 0 : -EIO;
}

int os_read_text(int fd, char *text, size_t size) {
  ssize_t count = read(fd, text, size - 1);
  if (count < 0) return -errno;
  text[count] = '\0';
  return (int)count;
}

uint64_t os_clock(int clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * OS_NANOSECONDS + (uint64_t)now.tv_nsec;
}
