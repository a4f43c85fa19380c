/* The ops that take parts of the file system away: mask, make_read_only and hide_mount. */
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

static bool is_null(int fd) {
  struct stat facts;
  return fstat(fd, &facts) == 0 && S_ISCHR(facts.st_mode) && facts.st_rdev == makedev(1, 3);
}

/*
 * A mount of the null device, and of nothing that a container put in its place (CVE-2025-31133): the root's own, or else the host's, read-only, so that a
 * container whose root is the host's cannot change mode or owner of that. Writing to a device is no writing to the file system that holds its node.
 */
static int clone_null(struct stage *stage) {
  static const struct mount_attr sealed = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
  OS_CLOSE int own = root_open_plain(stage, "/dev/null", O_PATH);
  if (own >= 0 && is_null(own)) return os_open_tree(own, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
  OS_CLOSE int host = os_open(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW, 0);
  if (host < 0) return host;
  if (!is_null(host)) return -ENODEV;
  OS_CLOSE int mount = os_open_tree(host, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
  if (mount < 0) return mount;
  int error = os_mount_setattr(mount, 0, &sealed);
  return error < 0 ? error : os_take(&mount);
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

/* The host's own, by its path there. */
int stage_hide_mount(struct stage *stage, const struct op *op) {
  const char *path = op_text(op, HIDE_MOUNT_PATH);
  if (!stage->own_mounts) return stage_fail(stage, -EPERM, "umount2", path);
  int error = os_umount(path, OS_MNT_DETACH);
  if (error != -EINVAL && error != -EPERM) return error < 0 && error != -ENOENT ? stage_fail(stage, error, "umount2", path) : 0;
  OS_CLOSE int place = os_open(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
  if (place < 0) return stage_fail(stage, place, "open", path);
  OS_CLOSE int cover = clone_empty(stage);
  if (cover < 0) return stage_fail(stage, cover, "open_tree", path);
  error = os_move_mount(cover, place);
  return error < 0 ? stage_fail(stage, error, "move_mount", path) : 0;
}

/* The path is resolved below our own root, which in a namespace that was joined is the container's: whatever its links say, they lead to mounts of its own. */
int stage_detach_mount(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, DETACH_MOUNT_TARGET);
  if (!stage->own_mounts) return stage_fail(stage, -EPERM, "umount2", target);
  int error = os_umount(target, OS_MNT_DETACH | OS_UMOUNT_NOFOLLOW);
  return error < 0 ? stage_fail(stage, error, "umount2", target) : 0;
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
