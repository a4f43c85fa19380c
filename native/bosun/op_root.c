/* The ops that find the new root and go there. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "os.h"
#include "root.h"
#include "text.h"

static int require_namespace(struct stage *stage) {
  return stage->own_mounts ? 0 : stage_fail(stage, -EPERM, "mount", "the host's mount namespace");
}

int stage_require_mounts(struct stage *stage) {
  return stage->in_place ? 0 : require_namespace(stage);
}

/* Of a root in place not before it was entered: until then "/" is the host's. */
int stage_set_root_propagation(struct stage *stage, const struct op *op) {
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  if (!stage->own_mounts && stage->root >= 0) return stage_fail(stage, -EPERM, "mount", "/");
  error = os_mount(NULL, "/", (unsigned long)op_quad(op, SET_ROOT_PROPAGATION_FLAGS));
  return error < 0 ? stage_fail(stage, error, "mount", "/") : 0;
}

/* A descriptor from outside belongs to the host's mount namespace; its path leads to the same directory in ours. */
static int reopen_here(int fd) {
  char link[64];
  char path[PATH_MAX];
  struct text text = TEXT_ON(link);
  text_add(&text, "/proc/self/fd/");
  text_add_number(&text, fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return -errno;
  path[length] = '\0';
  return os_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
}

/*
 * Puts the root over `at` (-1: over "/"). Absolute paths of ours still start below it, because a process's own root does not follow what is mounted over it.
 * A shared parent would let the mount escape, and pivot_root(2) refuses one: it is made private first, when it is a mount.
 */
static int cover(struct stage *stage, int mount, int at) {
  static const struct mount_attr private = {.propagation = MS_PRIVATE};
  OS_CLOSE int top = at >= 0 ? reopen_here(at) : os_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
  if (top < 0) return stage_fail(stage, top, "open", "place of the root");
  int error = os_mount_setattr(top, 0, &private);
  if (error < 0 && !(at >= 0 && error == -EINVAL)) return stage_fail(stage, error, "mount_setattr", "/");
  error = os_move_mount(mount, top);
  if (error < 0) return stage_fail(stage, error, "move_mount", "root");
  os_close(&stage->root);
  stage->root = fcntl(mount, F_DUPFD_CLOEXEC, 3);
  return stage->root < 0 ? stage_fail(stage, -errno, "fcntl", "root") : 0;
}

/* In the host's namespace nothing but the place itself is covered. Below a shared mount the root would become shared too, and what is mounted in it come out. */
static int cover_in_place(struct stage *stage, int mount, int at) {
  static const struct mount_attr slave = {.propagation = MS_SLAVE};
  int error = os_move_mount(mount, at);
  if (error < 0) return stage_fail(stage, error, "move_mount", "root");
  error = os_mount_setattr(mount, AT_RECURSIVE, &slave);
  if (error < 0) return stage_fail(stage, error, "mount_setattr", "root");
  os_close(&stage->root);
  stage->root = fcntl(mount, F_DUPFD_CLOEXEC, 3);
  stage->in_place = true;
  return stage->root < 0 ? stage_fail(stage, -errno, "fcntl", "root") : 0;
}

int stage_attach_root(struct stage *stage, const struct op *op) {
  int mount = stage_slot(stage, op, ATTACH_ROOT_MOUNT);
  int at = stage_slot(stage, op, ATTACH_ROOT_AT);
  if (mount >= 0 && at >= 0 && !stage->own_mounts) return cover_in_place(stage, mount, at);
  int error = require_namespace(stage);
  if (error < 0) return error;
  return mount < 0 ? stage_fail(stage, -EBADF, "move_mount", "root") : cover(stage, mount, at);
}

int stage_open_root(struct stage *stage, const struct op *op) {
  static const struct mount_attr private = {.propagation = MS_PRIVATE};
  const char *path = op_text(op, OPEN_ROOT_PATH);
  int error = require_namespace(stage);
  if (error < 0) return error;
  OS_CLOSE int tree = os_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | AT_RECURSIVE);
  if (tree < 0) return stage_fail(stage, tree, "open_tree", path);
  error = os_mount_setattr(tree, 0, &private);
  if (error < 0) return stage_fail(stage, error, "mount_setattr", path);
  /* Hooks that still see the host look for it there. */
  OS_CLOSE int at = os_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
  return at < 0 ? stage_fail(stage, at, "open", path) : cover(stage, tree, at);
}

/* Twelve directories to mount on are plenty. */
int stage_open_skeleton(struct stage *stage, const struct op *op) {
  (void)op;
  int error = require_namespace(stage);
  if (error < 0) return error;
  OS_CLOSE int mount = root_tmpfs("13", false);
  return mount < 0 ? stage_fail(stage, mount, "fsmount", "skeleton") : cover(stage, mount, -1);
}

/* pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one, from where it is taken off. It must not take the host's mounts along. */
static int pivot(struct stage *stage) {
  OS_CLOSE int old = os_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
  if (old < 0) return stage_fail(stage, old, "open", "/");
  if (fchdir(stage->root) < 0) return stage_fail(stage, -errno, "fchdir", "root");
  int error = os_pivot_root(".", ".");
  if (error < 0) return stage_fail(stage, error, "pivot_root", "root");
  if (fchdir(old) < 0) return stage_fail(stage, -errno, "fchdir", "old root");
  error = os_mount(NULL, ".", MS_SLAVE | MS_REC);
  if (error < 0) return stage_fail(stage, error, "mount", "old root");
  error = os_umount(".", OS_MNT_DETACH);
  return error < 0 ? stage_fail(stage, error, "umount2", "old root") : 0;
}

int stage_enter_root(struct stage *stage, const struct op *op) {
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  if (stage->root < 0) return stage_fail(stage, -EBADF, "pivot_root", "no root was attached");
  if (op_word(op, ENTER_ROOT_MODE) == 0) {
    error = require_namespace(stage);
    if (error == 0) error = pivot(stage);
    if (error < 0) return error;
  } else if (fchdir(stage->root) < 0 || chroot(".") < 0) {
    return stage_fail(stage, -errno, "chroot", "root");
  }
  os_close(&stage->root);
  return chdir("/") < 0 ? stage_fail(stage, -errno, "chdir", "/") : 0;
}
