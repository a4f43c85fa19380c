/* The ops that make files below the root and write kernel settings through /proc. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <string.h>
#include <unistd.h>

#include "os.h"
#include "root.h"
#include "text.h"

int stage_make_directory(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, MAKE_DIRECTORY_TARGET);
  const struct root_owner owner = {.mode = op_word(op, MAKE_DIRECTORY_MODE) & 07777,
                                   .uid = op_word(op, MAKE_DIRECTORY_UID),
                                   .gid = op_word(op, MAKE_DIRECTORY_GID),
                                   .set = true};
  OS_CLOSE int made = root_make(stage, target, ROOT_MAKE_DIRECTORY, &owner);
  return made < 0 ? stage_fail(stage, made, "mkdirat", target) : 0;
}

int stage_make_working_directory(struct stage *stage, const struct op *op) {
  const char *path = op_text(op, MAKE_WORKING_DIRECTORY_PATH);
  const struct root_owner owner = {
      .mode = 0755, .uid = op_word(op, MAKE_WORKING_DIRECTORY_UID), .gid = op_word(op, MAKE_WORKING_DIRECTORY_GID), .set = true};
  OS_CLOSE int made = root_make(stage, path, ROOT_MAKE_DIRECTORY, &owner);
  return made < 0 ? stage_fail(stage, made, "mkdirat", path) : 0;
}

int stage_make_symlink(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, MAKE_SYMLINK_TARGET);
  const char *name = NULL;
  OS_CLOSE int parent = root_parent(stage, target, &name);
  if (parent < 0) return stage_fail(stage, parent, "openat2", target);
  if (symlinkat(op_text(op, MAKE_SYMLINK_TO), parent, name) < 0 && errno != EEXIST) return stage_fail(stage, -errno, "symlinkat", target);
  return 0;
}

/* A node that is there already is good when it is the same one; then mode and owner are set on it as well. */
int stage_make_node(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, MAKE_NODE_TARGET);
  const char *name = NULL;
  mode_t mode = op_word(op, MAKE_NODE_MODE);
  dev_t device = makedev(op_word(op, MAKE_NODE_MAJOR), op_word(op, MAKE_NODE_MINOR));
  struct stat facts;
  if (!S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode)) return stage_fail(stage, -EINVAL, "mknodat", target);
  OS_CLOSE int parent = root_parent(stage, target, &name);
  if (parent < 0) return stage_fail(stage, parent, "openat2", target);
  if (mknodat(parent, name, mode, S_ISFIFO(mode) ? 0 : device) < 0 && errno != EEXIST) return stage_fail(stage, -errno, "mknodat", target);
  if (fstatat(parent, name, &facts, AT_SYMLINK_NOFOLLOW) < 0) return stage_fail(stage, -errno, "fstatat", target);
  bool same = (facts.st_mode & S_IFMT) == (mode & S_IFMT) && (S_ISFIFO(mode) || facts.st_rdev == device);
  if (!same) return stage_fail(stage, -EEXIST, "mknodat", target);
  if (fchownat(parent, name, op_word(op, MAKE_NODE_UID), op_word(op, MAKE_NODE_GID), AT_SYMLINK_NOFOLLOW) < 0) {
    return stage_fail(stage, -errno, "fchownat", target);
  }
  /* It is not a link, and only we are here to make it one. */
  return fchmodat(parent, name, mode & 07777, 0) < 0 ? stage_fail(stage, -errno, "fchmodat", target) : 0;
}

/* Writes to a path that begins with /proc/, and nowhere else: a container may have put files of its own there (CVE-2019-16884, CVE-2025-52881). */
static int write_proc(struct stage *stage, const char *path, const char *value, bool trusted) {
  OS_CLOSE int file = root_open_proc(stage, path + sizeof "/proc/" - 1, O_WRONLY | O_NOCTTY, trusted);
  if (file < 0) return stage_fail(stage, file, "openat2", path);
  ssize_t written = write(file, value, strlen(value));
  return written < 0 ? stage_fail(stage, -errno, "write", path) : 0;
}

int stage_set_sysctl(struct stage *stage, const struct op *op) {
  char target[512];
  struct text text = TEXT_ON(target);
  text_add(&text, "/proc/sys/");
  text_add(&text, op_text(op, SET_SYSCTL_PATH));
  if (text.used == sizeof target - 1) return stage_fail(stage, -ENAMETOOLONG, "openat2", target);
  /* Over a skeleton, what is mounted in /proc was put there before anything of the container's was in sight. */
  return write_proc(stage, target, op_text(op, SET_SYSCTL_VALUE), stage->furnished);
}

/* /proc/self is a magic-free link, but a link: the process's own directory is named by number. */
int stage_set_label(struct stage *stage, const struct op *op) {
  char target[512];
  struct text text = TEXT_ON(target);
  text_add(&text, "/proc/");
  text_add_number(&text, getpid());
  text_add(&text, "/attr/");
  text_add(&text, op_text(op, SET_LABEL_ATTRIBUTE));
  return write_proc(stage, target, op_text(op, SET_LABEL_LABEL), false);
}
