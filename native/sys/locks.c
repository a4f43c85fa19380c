// Mounts whose flags nobody in a user namespace can take off again. The kernel locks them where it copies a mount namespace for an owner of less privilege
// (mount_namespaces(7)): so the mounts are attached in a namespace of their own for a moment, that is copied, and what comes back are clones of the copies.
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES 32768

// Shared with both children, which share our memory and descriptors as well, and run one after the other while we stand still (CLONE_VFORK).
struct locking {
  const int *mounts;
  int *locked;
  size_t count;
  char *stack;  // of the second child
  int error;
  const char *syscall;
};

static int fails(struct locking *locking, const char *syscall) {
  locking->error = errno;
  locking->syscall = syscall;
  return 1;
}

// In the copied namespace, whose owner is a new user namespace.
static int take_copies(void *argument) {
  struct locking *locking = argument;
  char name[24];
  for (size_t i = 0; i < locking->count; i++) {
    snprintf(name, sizeof name, "%zu", i);
    locking->locked[i] = open_tree(AT_FDCWD, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (locking->locked[i] < 0) return fails(locking, "open_tree");
  }
  return 0;
}

// Runs a child to its end, on a stack that grows down from `stack` + STACK_BYTES.
static int run_child(struct locking *locking, int (*child)(void *), char *stack, int flags) {
  pid_t pid = clone(child, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_FILES | flags, locking);
  if (pid < 0) return fails(locking, "clone");
  while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR) {
  }
  return locking->error != 0;
}

static int open_shelf(struct locking *locking) {
  int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (context < 0) return fails(locking, "fsopen"), -1;
  int shelf = fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -1 : fsmount(context, FSMOUNT_CLOEXEC, 0);
  if (shelf < 0) fails(locking, "fsmount");
  close(context);
  return shelf;
}

static int put_on_shelf(struct locking *locking, int shelf, size_t index) {
  struct stat facts;
  char name[24];
  snprintf(name, sizeof name, "%zu", index);
  if (fstat(locking->mounts[index], &facts) < 0) return fails(locking, "fstat");
  if (S_ISDIR(facts.st_mode)) {
    if (mkdirat(shelf, name, 0700) < 0) return fails(locking, "mkdirat");
  } else if (mknodat(shelf, name, S_IFREG | 0600, 0) < 0) {
    return fails(locking, "mknodat");
  }
  if (move_mount(locking->mounts[index], "", shelf, name, MOVE_MOUNT_F_EMPTY_PATH) < 0) return fails(locking, "move_mount");
  return 0;
}

// In a mount namespace that is still the host's to own. Private first: nothing of this may come out.
static int attach_all(void *argument) {
  struct locking *locking = argument;
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return fails(locking, "mount");
  int shelf = open_shelf(locking);
  if (shelf < 0) return 1;
  int failed = 0;
  if (move_mount(shelf, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0) failed = fails(locking, "move_mount");
  for (size_t i = 0; i < locking->count && !failed; i++) failed = put_on_shelf(locking, shelf, i);
  // The copy's working directory is the copy of this one. Who does not have the top of its namespace as its root may not make user namespaces (clone(2), EPERM).
  if (!failed && (fchdir(shelf) < 0 || chroot(".") < 0)) failed = fails(locking, "chroot");
  close(shelf);
  return failed ? 1 : run_child(locking, take_copies, locking->stack, CLONE_NEWUSER | CLONE_NEWNS);
}

static void lock_all(struct locking *locking) {
  sigset_t all, before;
  char *stacks = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stacks == MAP_FAILED) {
    fails(locking, "mmap");
    return;
  }
  locking->stack = stacks + STACK_BYTES;
  sigfillset(&all);
  // A signal handler of ours must never run in a child.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  run_child(locking, attach_all, stacks, CLONE_NEWNS);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  munmap(stacks, 2 * STACK_BYTES);
  for (size_t i = 0; i < locking->count && locking->error != 0; i++) {
    if (locking->locked[i] >= 0) close(locking->locked[i]);
  }
}

static napi_value list_of(napi_env env, const struct locking *locking) {
  napi_value list;
  napi_create_array_with_length(env, locking->count, &list);
  for (size_t i = 0; i < locking->count; i++) napi_set_element(env, list, (uint32_t)i, from_integer(env, locking->locked[i]));
  return list;
}

static napi_value lock_mounts_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "clone", 1);
  struct integers mounts = integers_at(&call, 0);
  napi_value result = NULL;
  int *locked = call.failed ? NULL : malloc((mounts.count + 1) * sizeof *locked);
  if (locked != NULL) {
    struct locking locking = {.mounts = mounts.items, .locked = locked, .count = mounts.count};
    for (size_t i = 0; i < mounts.count; i++) locked[i] = -1;
    lock_all(&locking);
    if (locking.error != 0) call.syscall = locking.syscall;
    result = locking.error != 0 ? throw_errno(&call, locking.error, NULL) : list_of(env, &locking);
  } else if (!call.failed) {
    result = throw_errno(&call, ENOMEM, NULL);
  }
  free(locked);
  release_integers(&mounts);
  return result;
}

const struct method lock_methods[] = {{"lockMounts", lock_mounts_method}, {NULL, NULL}};
