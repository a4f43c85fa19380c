/* System calls with the signatures and results of section 2 of the manual: -1 and errno on failure. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"

/* The kernel's sigset_t: 64 signals. libc's is larger and begins with it. */
#define KERNEL_SIGNAL_BYTES 8

static int error_number;

int *__errno_location(void) {
  return &error_number;
}

static long done(long result) {
  if (result >= 0 || result < -4095) return result;
  error_number = (int)-result;
  return -1;
}

#define CALL(type, number, a, b, c, d, e, f) ((type)done(bare_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))))
#define CALL0(type, number) CALL(type, number, 0, 0, 0, 0, 0, 0)
#define CALL1(type, number, a) CALL(type, number, a, 0, 0, 0, 0, 0)
#define CALL2(type, number, a, b) CALL(type, number, a, b, 0, 0, 0, 0)
#define CALL3(type, number, a, b, c) CALL(type, number, a, b, c, 0, 0, 0)
#define CALL4(type, number, a, b, c, d) CALL(type, number, a, b, c, d, 0, 0)

/* clang-format off */
long syscall(long number, ...) {
  va_list list;
  long a[6];
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  return CALL(long, number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int openat(int directory, const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  unsigned mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(list, unsigned) : 0;
  va_end(list);
  return CALL4(int, SYS_openat, directory, path, flags, mode);
}

int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  long argument = va_arg(list, long);
  va_end(list);
  return CALL3(int, SYS_fcntl, fd, command, argument);
}

int ioctl(int fd, unsigned long request, ...);
int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  long argument = va_arg(list, long);
  va_end(list);
  return CALL3(int, SYS_ioctl, fd, request, argument);
}

int prctl(int option, ...) {
  va_list list;
  long a[4];
  va_start(list, option);
  for (int i = 0; i < 4; i++) a[i] = va_arg(list, long);
  va_end(list);
  return CALL(int, SYS_prctl, option, a[0], a[1], a[2], a[3], 0);
}

void _exit(int status) { for (;;) CALL1(long, SYS_exit_group, status); }

/* Descriptors */
int close(int fd) { return CALL1(int, SYS_close, fd); }
int dup3(int from, int to, int flags) { return CALL3(int, SYS_dup3, from, to, flags); }
int dup2(int from, int to) { return from == to ? (fcntl(from, F_GETFD, 0) < 0 ? -1 : to) : dup3(from, to, 0); }
int pipe2(int pair[2], int flags) { return CALL2(int, SYS_pipe2, pair, flags); }
ssize_t read(int fd, void *data, size_t size) { return CALL3(ssize_t, SYS_read, fd, data, size); }
ssize_t write(int fd, const void *data, size_t size) { return CALL3(ssize_t, SYS_write, fd, data, size); }
ssize_t pread(int fd, void *data, size_t size, off_t at) { return CALL4(ssize_t, SYS_pread64, fd, data, size, at); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return CALL4(ssize_t, SYS_pwrite64, fd, data, size, at); }
off_t lseek(int fd, off_t at, int whence) { return CALL3(off_t, SYS_lseek, fd, at, whence); }
int ftruncate(int fd, off_t size) { return CALL2(int, SYS_ftruncate, fd, size); }
int fdatasync(int fd) { return CALL1(int, SYS_fdatasync, fd); }
int memfd_create(const char *name, unsigned flags) { return CALL2(int, SYS_memfd_create, name, flags); }
int poll(struct pollfd *watched, nfds_t count, int timeout) {
  struct timespec time = {.tv_sec = timeout / 1000, .tv_nsec = (long)(timeout % 1000) * 1000000};
  return CALL(int, SYS_ppoll, watched, count, timeout < 0 ? NULL : &time, NULL, KERNEL_SIGNAL_BYTES, 0);
}
int epoll_create1(int flags) { return CALL1(int, SYS_epoll_create1, flags); }
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) { return CALL4(int, SYS_epoll_ctl, epoll, operation, fd, event); }
int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout) {
  return CALL(int, SYS_epoll_pwait, epoll, events, count, timeout, NULL, KERNEL_SIGNAL_BYTES);
}

/* Files */
int unlinkat(int directory, const char *path, int flags) { return CALL3(int, SYS_unlinkat, directory, path, flags); }
int linkat(int from, const char *path, int to, const char *name, int flags) { return CALL(int, SYS_linkat, from, path, to, name, flags, 0); }
int renameat(int from, const char *path, int to, const char *name) { return CALL(int, SYS_renameat2, from, path, to, name, 0, 0); }
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int mkdirat(int directory, const char *path, mode_t mode) { return CALL3(int, SYS_mkdirat, directory, path, mode); }
int mknodat(int directory, const char *path, mode_t mode, dev_t device) { return CALL4(int, SYS_mknodat, directory, path, mode, (unsigned)device); }
int symlinkat(const char *target, int directory, const char *path) { return CALL3(int, SYS_symlinkat, target, directory, path); }
ssize_t readlinkat(int directory, const char *path, char *target, size_t size) { return CALL4(ssize_t, SYS_readlinkat, directory, path, target, size); }
ssize_t readlink(const char *path, char *target, size_t size) { return readlinkat(AT_FDCWD, path, target, size); }
int fchownat(int directory, const char *path, uid_t uid, gid_t gid, int flags) { return CALL(int, SYS_fchownat, directory, path, uid, gid, flags, 0); }
int fchown(int fd, uid_t uid, gid_t gid) { return CALL3(int, SYS_fchown, fd, uid, gid); }
int fchmod(int fd, mode_t mode) { return CALL2(int, SYS_fchmod, fd, mode); }
/* Without flags, which is how it is called. */
int fchmodat(int directory, const char *path, mode_t mode, int flags) { return flags != 0 ? (errno = EINVAL, -1) : CALL3(int, SYS_fchmodat, directory, path, mode); }
int chmod(const char *path, mode_t mode) { return fchmodat(AT_FDCWD, path, mode, 0); }
int fstat(int fd, struct stat *facts) { return CALL2(int, SYS_fstat, fd, facts); }
int fstatat(int directory, const char *path, struct stat *facts, int flags) { return CALL4(int, SYS_newfstatat, directory, path, facts, flags); }
int stat(const char *path, struct stat *facts) { return fstatat(AT_FDCWD, path, facts, 0); }
int fstatfs(int fd, struct statfs *facts) { return CALL2(int, SYS_fstatfs, fd, facts); }
int chdir(const char *path) { return CALL1(int, SYS_chdir, path); }
int fchdir(int fd) { return CALL1(int, SYS_fchdir, fd); }
int chroot(const char *path) { return CALL1(int, SYS_chroot, path); }
mode_t umask(mode_t mask) { return CALL1(mode_t, SYS_umask, mask); }

/* Memory and time */
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) { return CALL(void *, SYS_mmap, at, size, protection, flags, fd, offset); }
int munmap(void *at, size_t size) { return CALL2(int, SYS_munmap, at, size); }
int madvise(void *at, size_t size, int advice) { return CALL3(int, SYS_madvise, at, size, advice); }
int clock_gettime(clockid_t clock, struct timespec *now) { return CALL2(int, SYS_clock_gettime, clock, now); }

/* Sockets */
int socket(int domain, int type, int protocol) { return CALL3(int, SYS_socket, domain, type, protocol); }
int socketpair(int domain, int type, int protocol, int pair[2]) { return CALL4(int, SYS_socketpair, domain, type, protocol, pair); }
int bind(int fd, const struct sockaddr *address, socklen_t size) { return CALL3(int, SYS_bind, fd, address, size); }
int listen(int fd, int backlog) { return CALL2(int, SYS_listen, fd, backlog); }
int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) { return CALL4(int, SYS_accept4, fd, address, size, flags); }
int shutdown(int fd, int how) { return CALL2(int, SYS_shutdown, fd, how); }
ssize_t send(int fd, const void *data, size_t size, int flags) { return CALL(ssize_t, SYS_sendto, fd, data, size, flags, NULL, 0); }
ssize_t recv(int fd, void *data, size_t size, int flags) { return CALL(ssize_t, SYS_recvfrom, fd, data, size, flags, NULL, NULL); }
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { return CALL3(ssize_t, SYS_sendmsg, fd, message, flags); }
ssize_t recvmsg(int fd, struct msghdr *message, int flags) { return CALL3(ssize_t, SYS_recvmsg, fd, message, flags); }
struct cmsghdr *__cmsg_nxthdr(struct msghdr *message, struct cmsghdr *part) {
  uintptr_t end = (uintptr_t)message->msg_control + message->msg_controllen;
  uintptr_t next = (uintptr_t)part + CMSG_ALIGN(part->cmsg_len);
  if (part->cmsg_len < sizeof *part || next + sizeof *part > end || next + ((struct cmsghdr *)next)->cmsg_len > end) return NULL;
  return (struct cmsghdr *)next;
}

/* Processes and signals */
int execve(const char *path, char *const *argv, char *const *env) { return CALL3(int, SYS_execve, path, argv, env); }
pid_t getpid(void) { return CALL0(pid_t, SYS_getpid); }
pid_t getsid(pid_t pid) { return CALL1(pid_t, SYS_getsid, pid); }
pid_t setsid(void) { return CALL0(pid_t, SYS_setsid); }
int setpgid(pid_t pid, pid_t group) { return CALL2(int, SYS_setpgid, pid, group); }
int kill(pid_t pid, int number) { return CALL2(int, SYS_kill, pid, number); }
pid_t waitpid(pid_t pid, int *status, int options) { return CALL4(pid_t, SYS_wait4, pid, status, options, NULL); }
int personality(unsigned long persona) { return CALL1(int, SYS_personality, persona); }
int sethostname(const char *name, size_t length) { return CALL2(int, SYS_sethostname, name, length); }
int setdomainname(const char *name, size_t length) { return CALL2(int, SYS_setdomainname, name, length); }
int sigprocmask(int how, const sigset_t *set, sigset_t *before) { return CALL4(int, SYS_rt_sigprocmask, how, set, before, KERNEL_SIGNAL_BYTES); }
int signalfd(int fd, const sigset_t *set, int flags) { return CALL4(int, SYS_signalfd4, fd, set, KERNEL_SIGNAL_BYTES, flags); }
int sigwaitinfo(const sigset_t *set, siginfo_t *info) { return CALL4(int, SYS_rt_sigtimedwait, set, info, NULL, KERNEL_SIGNAL_BYTES); }
/* clang-format on */

/* The kernel's struct sigaction. Only SIG_IGN and SIG_DFL are ever set, so no return trampoline is needed. */
__sighandler_t signal(int number, __sighandler_t handler) {
  struct {
    __sighandler_t handler;
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
  } action = {.handler = handler};
  return CALL4(int, SYS_rt_sigaction, number, &action, NULL, KERNEL_SIGNAL_BYTES) < 0 ? SIG_ERR : SIG_DFL;
}

static int change_set(sigset_t *set, int number, int member) {
  unsigned long bit = 1ul << (number - 1);
  set->__val[0] = member ? set->__val[0] | bit : set->__val[0] & ~bit;
  return 0;
}

int sigemptyset(sigset_t *set) {
  *set = (sigset_t){0};
  return 0;
}

int sigfillset(sigset_t *set) {
  *set = (sigset_t){.__val = {~0ul}};
  return 0;
}

int sigaddset(sigset_t *set, int number) {
  return change_set(set, number, 1);
}

int sigdelset(sigset_t *set, int number) {
  return change_set(set, number, 0);
}

/* Layout as in <sys/sysmacros.h>. */
dev_t gnu_dev_makedev(unsigned major, unsigned minor) {
  uint64_t high = major;
  uint64_t low = minor;
  return (high & 0xfff) << 8 | (high & ~0xfffull) << 32 | (low & 0xff) | (low & ~0xffull) << 12;
}
