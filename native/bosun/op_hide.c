/* The ops that take parts of the file system away: mask and make_read_only. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "os.h"
#include "root.h"

static bool is_directory(int fd) {
  struct stat facts;
  return fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode);
}

/* A mount of the null device, and of nothing that a container put in its place (CVE-2025-31133). Over a skeleton ours has moved into the new root. */
static int clone_null(struct stage *stage) {
  struct stat facts;
  OS_CLOSE int null = os_open(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW, 0);
  if (null == -ENOENT) null = root_open_plain(stage, "/dev/null", O_PATH);
  if (null < 0) return null;
  if (fstat(null, &facts) < 0) return -errno;
  if (!S_ISCHR(facts.st_mode) || facts.st_rdev != makedev(1, 3)) return -ENODEV;
  return os_open_tree(null, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
}

/* One tmpfs serves all masked directories: the later ones are clones of the first mount. */
static int clone_empty(struct stage *stage) {
  if (stage->empty >= 0) return os_open_tree(stage->empty, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
  int mount = root_tmpfs("1", true);
  if (mount >= 0) stage->empty = fcntl(mount, F_DUPFD_CLOEXEC, 3);
  return mount;
}

int stage_mask(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, MASK_TARGET);
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  OS_CLOSE int place = root_open(stage, target, O_PATH);
  if (place == -ENOENT || place == -ENOTDIR) return 0;
  if (place < 0) return stage_fail(stage, place, "openat2", target);
  OS_CLOSE int cover = is_directory(place) ? clone_empty(stage) : clone_null(stage);
  if (cover < 0) return stage_fail(stage, cover, "open_tree", target);
  error = os_move_mount(cover, place);
  return error < 0 ? stage_fail(stage, error, "move_mount", target) : 0;
}

int stage_make_read_only(struct stage *stage, const struct op *op) {
  static const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
  const char *target = op_text(op, MAKE_READ_ONLY_TARGET);
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  OS_CLOSE int place = root_open(stage, target, O_PATH);
  if (place == -ENOENT || place == -ENOTDIR) return 0;
  if (place < 0) return stage_fail(stage, place, "openat2", target);
  OS_CLOSE int tree = os_open_tree(place, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE);
  if (tree < 0) return stage_fail(stage, tree, "open_tree", target);
  error = os_mount_setattr(tree, AT_RECURSIVE, &read_only);
  if (error < 0) return stage_fail(stage, error, "mount_setattr", target);
  error = os_move_mount(tree, place);
  return error < 0 ? stage_fail(stage, error, "move_mount", target) : 0;
}
