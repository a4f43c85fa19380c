#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "os.h"
#include "text.h"

#define MAXIMUM_LINKS 40
/* PROC_ROOT_INO of the kernel's include/linux/proc_ns.h: the root of any procfs. */
#define PROC_ROOT_INODE 1

int root_tmpfs(const char *inodes, bool read_only) {
  const char *const options[][2] = {{"source", "tmpfs"}, {"nr_inodes", inodes}, {"size", "64k"}, {"mode", "0755"}};
  OS_CLOSE int context = os_fsopen("tmpfs");
  if (context < 0) return context;
  int error = 0;
  for (size_t i = 0; i < sizeof options / sizeof options[0] && error == 0; i++) {
    error = os_fsconfig(context, FSCONFIG_SET_STRING, options[i][0], options[i][1]);
  }
  if (error == 0) error = os_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL);
  if (error < 0) return error;
  return os_fsmount(context, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | (read_only ? MOUNT_ATTR_RDONLY : 0));
}

static int open_below(struct stage *stage, const char *target, int flags, uint64_t resolve) {
  if (stage->root < 0) {
    stage->root = os_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    if (stage->root < 0) return stage->root;
  }
  return os_openat2(stage->root, target[0] == '\0' ? "/" : target, (uint64_t)(unsigned)flags, 0, resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int root_open(struct stage *stage, const char *target, int flags) {
  return open_below(stage, target, flags, 0);
}

int root_open_plain(struct stage *stage, const char *target, int flags) {
  return open_below(stage, target, flags, RESOLVE_NO_SYMLINKS);
}

static int own(int directory, const char *name, const struct root_owner *owner) {
  if (!owner->set) return 0;
  if (fchownat(directory, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  return 0;
}

/* Makes one missing component. That another process was faster is fine: what it made is opened next, through the kernel's checks. */
static int make_component(int directory, const char *name, bool file, const struct root_owner *owner) {
  if (file) {
    OS_CLOSE int made = os_open(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, owner->mode);
    if (made < 0) return made == -EEXIST ? 0 : made;
  } else if (mkdirat(directory, name, owner->mode) < 0) {
    return errno == EEXIST ? 0 : -errno;
  }
  return own(directory, name, owner);
}

/* When `name` is a link, which then dangles: rewrites path to where it leads. 0: it is no link; 1: rewritten. */
static int follow_link(int directory, char path[PATH_MAX], size_t start, size_t end) {
  char link[PATH_MAX];
  char followed[PATH_MAX];
  char name[NAME_MAX + 1];
  if (end - start > NAME_MAX) return -ENAMETOOLONG;
  memcpy(name, path + start, end - start);
  name[end - start] = '\0';
  ssize_t length = readlinkat(directory, name, link, sizeof link - 1);
  if (length < 0) return 0;
  link[length] = '\0';
  struct text text = TEXT_ON(followed);
  if (link[0] != '/') text_add_bytes(&text, path, start);
  text_add(&text, link);
  text_add(&text, path + end);
  if (text.used >= sizeof followed - 1) return -ENAMETOOLONG;
  memcpy(path, followed, text.used + 1);
  return 1;
}

/* One pass over path's components, making those that are missing. Returns the descriptor of the last, -errno, or -ERESTART when path was rewritten. */
static int walk(struct stage *stage, char path[PATH_MAX], enum root_make make, const struct root_owner *owner) {
  static const struct root_owner parents = {.mode = 0755};
  OS_CLOSE int at = root_open(stage, "/", O_PATH | O_DIRECTORY);
  if (at < 0) return at;
  size_t start = strspn(path, "/");
  while (path[start] != '\0') {
    size_t end = start + strcspn(path + start, "/");
    size_t next = end + strspn(path + end, "/");
    bool last = path[next] == '\0';
    char saved = path[end];
    path[end] = '\0';
    int fd = root_open(stage, path, O_PATH);
    if (fd == -ENOENT) {
      path[end] = saved;
      int link = follow_link(at, path, start, end);
      if (link != 0) return link < 0 ? link : -ERESTART;
      path[end] = '\0';
      int error = make_component(at, path + start, last && make == ROOT_MAKE_FILE, last ? owner : &parents);
      if (error < 0) return error;
      fd = root_open(stage, path, O_PATH);
    }
    path[end] = saved;
    if (fd < 0) return fd;
    os_close(&at);
    at = fd;
    start = next;
  }
  return os_take(&at);
}

int root_make(struct stage *stage, const char *target, enum root_make make, const struct root_owner *owner) {
  char path[PATH_MAX];
  int fd = root_open(stage, target, O_PATH);
  if (fd != -ENOENT || make == ROOT_MAKE_NOTHING) return fd;
  size_t length = strlen(target);
  if (length >= sizeof path) return -ENAMETOOLONG;
  memcpy(path, target, length + 1);
  for (int links = 0; links <= MAXIMUM_LINKS; links++) {
    fd = walk(stage, path, make, owner);
    if (fd != -ERESTART) return fd;
  }
  return -ELOOP;
}

int root_parent(struct stage *stage, const char *target, const char **name) {
  static const struct root_owner parents = {.mode = 0755};
  char path[PATH_MAX];
  const char *slash = strrchr(target, '/');
  const char *last = slash == NULL ? target : slash + 1;
  size_t length = (size_t)(last - target);
  if (last[0] == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0) return -EINVAL;
  if (length >= sizeof path) return -ENAMETOOLONG;
  memcpy(path, target, length);
  path[length] = '\0';
  *name = last;
  return root_make(stage, path, ROOT_MAKE_DIRECTORY, &parents);
}

static bool is_proc(int fd) {
  struct statfs facts;
  return fstatfs(fd, &facts) == 0 && facts.f_type == PROC_SUPER_MAGIC;
}

int root_check_place(int place, const char *target) {
  bool said = strncmp(target, "/proc", 5) == 0 && (target[5] == '\0' || target[5] == '/');
  return !said && is_proc(place) ? -ELOOP : 0;
}

int root_open_proc(struct stage *stage, const char *path, int flags, bool trusted) {
  struct stat facts;
  OS_CLOSE int proc = root_open_plain(stage, "/proc", O_PATH | O_DIRECTORY);
  if (proc < 0) return proc;
  if (!is_proc(proc) || fstat(proc, &facts) < 0 || facts.st_ino != PROC_ROOT_INODE) return -EXDEV;
  uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | (trusted ? 0 : RESOLVE_NO_XDEV);
  OS_CLOSE int file = os_openat2(proc, path, (uint64_t)(unsigned)flags, 0, resolve);
  if (file >= 0 && !is_proc(file)) return -EXDEV;
  return os_take(&file);
}
