/* The ops about the process's surroundings: session, names, limits, scheduling, working directory. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os.h"
#include "root.h"

int stage_new_session(struct stage *stage, const struct op *op) {
  (void)op;
  if (getsid(0) == getpid()) return 0;
  return setsid() < 0 ? stage_fail(stage, -errno, "setsid", "") : 0;
}

int stage_unshare(struct stage *stage, const struct op *op) {
  uint64_t flags = op_quad(op, UNSHARE_FLAGS);
  int error = os_unshare(flags);
  if (error < 0) return stage_fail(stage, error, "unshare", "");
  stage->own_mounts |= (flags & CLONE_NEWNS) != 0;
  return 0;
}

int stage_set_hostname(struct stage *stage, const struct op *op) {
  const char *name = op_text(op, SET_HOSTNAME_NAME);
  return sethostname(name, strlen(name)) < 0 ? stage_fail(stage, -errno, "sethostname", name) : 0;
}

int stage_set_domainname(struct stage *stage, const struct op *op) {
  const char *name = op_text(op, SET_DOMAINNAME_NAME);
  return setdomainname(name, strlen(name)) < 0 ? stage_fail(stage, -errno, "setdomainname", name) : 0;
}

int stage_set_rlimit(struct stage *stage, const struct op *op) {
  const struct rlimit64 limit = {.rlim_cur = op_quad(op, SET_RLIMIT_SOFT), .rlim_max = op_quad(op, SET_RLIMIT_HARD)};
  if (syscall(SYS_prlimit64, 0, op_word(op, SET_RLIMIT_RESOURCE), &limit, NULL) < 0) return stage_fail(stage, -errno, "prlimit64", "");
  return 0;
}

int stage_bring_up_loopback(struct stage *stage, const struct op *op) {
  (void)op;
  struct ifreq request = {.ifr_name = "lo"};
  OS_CLOSE int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return stage_fail(stage, -errno, "socket", "lo");
  if (ioctl(socket_fd, SIOCGIFFLAGS, &request) < 0) return stage_fail(stage, -errno, "ioctl", "lo");
  request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
  return ioctl(socket_fd, SIOCSIFFLAGS, &request) < 0 ? stage_fail(stage, -errno, "ioctl", "lo") : 0;
}

/*
 * A working directory like /proc/self/fd/7 would be the host's directory behind descriptor 7 (CVE-2024-21626): magic links are refused, and the
 * kernel must be able to name where we are; a directory outside our root it calls "(unreachable)…".
 */
int stage_change_directory(struct stage *stage, const struct op *op) {
  char here[PATH_MAX];
  const char *path = op_text(op, CHANGE_DIRECTORY_PATH);
  OS_CLOSE int directory = root_open(stage, path, O_PATH | O_DIRECTORY);
  if (directory < 0) return stage_fail(stage, directory, "chdir", path);
  if (fchdir(directory) < 0) return stage_fail(stage, -errno, "chdir", path);
  long length = syscall(SYS_getcwd, here, sizeof here);
  if (length < 0) return stage_fail(stage, -errno, "getcwd", path);
  return here[0] == '/' ? 0 : stage_fail(stage, -ENOENT, "getcwd", path);
}

int stage_set_umask(struct stage *stage, const struct op *op) {
  umask(op_word(op, SET_UMASK_MASK) & 0777);
  stage->umask_set = true;
  return 0;
}

int stage_set_personality(struct stage *stage, const struct op *op) {
  return personality((unsigned long)op_quad(op, SET_PERSONALITY_PERSONA)) < 0 ? stage_fail(stage, -errno, "personality", "") : 0;
}

/* struct sched_attr of sched_setattr(2), in its first form. */
struct scheduling {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};

int stage_set_scheduler(struct stage *stage, const struct op *op) {
  struct scheduling scheduling = {
      .size = sizeof scheduling,
      .policy = op_word(op, SET_SCHEDULER_POLICY),
      .flags = op_quad(op, SET_SCHEDULER_FLAGS),
      .nice = (int32_t)op_signed(op, SET_SCHEDULER_NICE),
      .priority = op_word(op, SET_SCHEDULER_PRIORITY),
      .runtime = op_quad(op, SET_SCHEDULER_RUNTIME),
      .deadline = op_quad(op, SET_SCHEDULER_DEADLINE),
      .period = op_quad(op, SET_SCHEDULER_PERIOD),
  };
  return syscall(SYS_sched_setattr, 0, &scheduling, 0) < 0 ? stage_fail(stage, -errno, "sched_setattr", "") : 0;
}

int stage_set_io_priority(struct stage *stage, const struct op *op) {
  const int who_process = 1;
  if (syscall(SYS_ioprio_set, who_process, 0, op_word(op, SET_IO_PRIORITY_VALUE)) < 0) return stage_fail(stage, -errno, "ioprio_set", "");
  return 0;
}

int stage_set_affinity(struct stage *stage, const struct op *op) {
  uint32_t bytes;
  const uint8_t *mask = op_bytes(op, SET_AFFINITY_MASK, &bytes);
  return syscall(SYS_sched_setaffinity, 0, bytes, mask) < 0 ? stage_fail(stage, -errno, "sched_setaffinity", "") : 0;
}

/* set_mempolicy(2); the kernel takes one bit less than it is told of. */
int stage_set_memory_policy(struct stage *stage, const struct op *op) {
  uint32_t bytes;
  const uint8_t *nodes = op_bytes(op, SET_MEMORY_POLICY_NODES, &bytes);
  uint32_t mode = op_word(op, SET_MEMORY_POLICY_MODE);
  long result = bytes == 0 ? syscall(SYS_set_mempolicy, mode, NULL, 0ul) : syscall(SYS_set_mempolicy, mode, nodes, bytes * 8ul + 1);
  return result < 0 ? stage_fail(stage, -errno, "set_mempolicy", "") : 0;
}
