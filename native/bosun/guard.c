#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os.h"

#define EXECUTABLE "/proc/self/exe"
/* ST_RDONLY of statvfs(3), which statfs(2) reports as well. */
#define MOUNT_IS_READ_ONLY 1

static int is_guarded(void) {
  struct statfs facts;
  if (syscall(SYS_statfs, EXECUTABLE, &facts) < 0) return -errno;
  return (facts.f_flags & MOUNT_IS_READ_ONLY) != 0;
}

/* Executing again from a mount that can be written would come back here for ever. */
static int check_read_only(int mount) {
  struct statfs facts;
  if (syscall(SYS_fstatfs, mount, &facts) < 0) return -errno;
  return (facts.f_flags & MOUNT_IS_READ_ONLY) != 0 ? 0 : -EROFS;
}

int guard_executable(char **argv, char **env) {
  static const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
  int guarded = is_guarded();
  if (guarded != 0) return guarded < 0 ? guarded : 0;
  OS_CLOSE int mount = os_open_tree(AT_FDCWD, EXECUTABLE, OPEN_TREE_CLONE);
  if (mount < 0) return mount;
  int error = os_mount_setattr(mount, 0, &read_only);
  if (error == 0) error = check_read_only(mount);
  if (error < 0) return error;
  if (mount == GUARD_FD) fcntl(GUARD_FD, F_SETFD, 0);
  else if (dup2(mount, GUARD_FD) < 0) return -errno;
  syscall(SYS_execveat, GUARD_FD, "", argv, env, AT_EMPTY_PATH);
  return -errno;
}
