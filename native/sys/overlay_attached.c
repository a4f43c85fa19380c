// An overlay for kernels that take neither `lowerdir+` (Linux 6.5) nor layers of a detached mount (6.15): mount(2) in a mount namespace of the
// calling thread's own, which ends with the thread. The result is a detached clone. In that namespace the root is covered by a small tmpfs:
//
//   base/      what the lower layers are relative to
//   disk/      what the upper and the work directory are relative to, if that is another mount
//   0 1 2 …    links to the layers, so that any number of them fits into mount(2)'s page of data, whatever they are called
//   overlay/   where the overlay is mounted before it is cloned
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(struct mount_outcome *outcome, const char *syscall) {
  *outcome = (struct mount_outcome){.fd = -1, .error = errno, .syscall = syscall};
  return -1;
}

// A tmpfs over the root, and the calling thread in it.
static int enter_scratch(struct mount_outcome *outcome) {
  static const struct mount_option mode = {.key = "mode", .value = "0755", .fd = -1};
  struct mount_request request = {.fstype = "tmpfs", .options = (struct mount_option *)&mode, .count = 1};
  perform_mount(&request, outcome);
  if (outcome->fd < 0) return -1;
  int scratch = outcome->fd, result = 0;
  outcome->fd = -1;
  if (move_mount(scratch, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0) result = failed(outcome, "move_mount");
  else if (fchdir(scratch) < 0) result = failed(outcome, "fchdir");
  close(scratch);
  return result;
}

// Older kernels clone no detached mount, and one that has been attached cannot be detached again: `base` is attached itself and gets a clone in its stead.
static int attach_base_itself(int base, const char *at, struct mount_outcome *outcome) {
  if (move_mount(base, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0) return failed(outcome, "move_mount");
  int clone = open_tree(AT_FDCWD, at, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (clone < 0) return failed(outcome, "open_tree");
  int result = dup3(clone, base, O_CLOEXEC) < 0 ? failed(outcome, "dup3") : 0;
  close(clone);
  return result;
}

static int attach_base(int base, int clone, const char *at, struct mount_outcome *outcome) {
  if (mkdir(at, 0755) < 0) return failed(outcome, "mkdir");
  if (clone < 0) return attach_base_itself(base, at, outcome);
  return move_mount(clone, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? failed(outcome, "move_mount") : 0;
}

static int link_layers(const struct attached_request *request, struct mount_outcome *outcome) {
  for (size_t i = 0; i < request->layers.count; i++) {
    char link[24], target[PATH_MAX];
    snprintf(link, sizeof link, "%zu", i);
    bool on_disk = request->disk >= 0 && i + 2 >= request->layers.count;
    if ((size_t)snprintf(target, sizeof target, "%s/%s", on_disk ? "disk" : "base", request->layers.items[i]) >= sizeof target) {
      errno = ENAMETOOLONG;
      return failed(outcome, "symlink");
    }
    if (symlink(target, link) < 0) return failed(outcome, "symlink");
  }
  return 0;
}

static int furnish(const struct attached_request *request, int clone, struct mount_outcome *outcome) {
  if (unshare(CLONE_NEWNS) < 0) return failed(outcome, "unshare");
  // Or what is mounted here would appear in the host's namespace too.
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return failed(outcome, "mount");
  if (enter_scratch(outcome) < 0) return -1;
  if (mkdir("overlay", 0755) < 0) return failed(outcome, "mkdir");
  if (attach_base(request->base, clone, "base", outcome) < 0) return -1;
  // A disk is always a detached mount.
  if (request->disk >= 0 && attach_base(request->disk, -1, "disk", outcome) < 0) return -1;
  return link_layers(request, outcome);
}

int prepare_attached_mount(const struct attached_request *request, struct mount_outcome *outcome) {
  // While this thread still shares the namespace that `base` is mounted in, if it is.
  int clone = open_tree(request->base, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (clone < 0 && errno != EINVAL) return failed(outcome, "open_tree");
  int result = furnish(request, clone, outcome);
  if (clone >= 0) close(clone);
  return result;
}

void perform_attached_mount(const struct attached_request *request, struct mount_outcome *outcome) {
  *outcome = (struct mount_outcome){.fd = -1};
  // mount(2) reads a page at most and would cut the rest off without a word.
  if (strlen(request->data) >= 4096) {
    errno = E2BIG;
    failed(outcome, "mount");
    return;
  }
  if (mount("orlop", "overlay", "overlay", 0, request->data) < 0) {
    failed(outcome, "mount");
    return;
  }
  int tree = open_tree(AT_FDCWD, "overlay", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) {
    failed(outcome, "open_tree");
    return;
  }
  struct mount_attr attributes = {.attr_set = request->attributes, .attr_clr = MOUNT_ATTR__ATIME};
  if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
    failed(outcome, "mount_setattr");
    close(tree);
    return;
  }
  outcome->fd = tree;
}
