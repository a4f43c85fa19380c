/* The ops that mount something on a target, with the new mount API throughout: see the man pages of fsopen(2), open_tree(2), mount_setattr(2). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.h"
#include "root.h"
#include "text.h"

/* What fsconfig(2) takes for a key or a value, with the NUL. */
#define OPTION_BYTES 256
/* What mount(2) takes for all options. */
#define DATA_BYTES 4096
/* `make` of the op `mount` alone. */
#define MAKE_DIRECTORY_OR_KEEP_MODE 3u

static const struct root_owner directories = {.mode = 0755};
static const struct root_owner files = {.mode = 0644};

static bool is_directory(int descriptor) {
  struct stat stat;
  return fstat(descriptor, &stat) == 0 && S_ISDIR(stat.st_mode);
}

/* mount(2) says ENOTDIR where a directory meets a file, and callers look for that; move_mount(2) says EINVAL. */
static int place_mount(int mount, int place) {
  int error = os_move_mount(mount, place);
  return error == -EINVAL && is_directory(mount) != is_directory(place) ? -ENOTDIR : error;
}

static int attach(struct stage *stage, int mount, const char *target, uint32_t make) {
  if (make > ROOT_MAKE_FILE) return stage_fail(stage, -EINVAL, "move_mount", target);
  OS_CLOSE int place = root_make(stage, target, (enum root_make)make, make == ROOT_MAKE_FILE ? &files : &directories);
  if (place < 0) return stage_fail(stage, place, "openat2", target);
  int error = root_check_place(place, target);
  if (error == 0) error = place_mount(mount, place);
  return error < 0 ? stage_fail(stage, error, "move_mount", target) : 0;
}

/* The kernel's own words about a refused mount are read from the context: "e overlay: …". */
static int refused(struct stage *stage, int error, int context, const char *call, const char *target, const char *option) {
  char said[256];
  int length = context < 0 ? -1 : os_read_text(context, said, sizeof said);
  if (length > 2) {
    size_t end = (size_t)length - (said[length - 1] == '\n' ? 1 : 0);
    report_detail(&stage->report, said + 2, end - 2);
  } else {
    report_detail(&stage->report, option, strlen(option));
  }
  return stage_fail(stage, error, call, target);
}

/* "key=value" or "flag". */
static int configure(int context, const char *option) {
  char key[OPTION_BYTES];
  size_t length = strcspn(option, "=");
  if (length >= sizeof key) return -ENAMETOOLONG;
  memcpy(key, option, length);
  key[length] = '\0';
  if (option[length] == '\0') return os_fsconfig(context, FSCONFIG_SET_FLAG, key, NULL);
  return os_fsconfig(context, FSCONFIG_SET_STRING, key, option + length + 1);
}

/* As an option, which /proc/self/mountinfo then shows, as it would one of the caller's. */
static int configure_mode(int context, int mode) {
  char octal[] = {(char)('0' + (mode >> 9 & 7)), (char)('0' + (mode >> 6 & 7)), (char)('0' + (mode >> 3 & 7)), (char)('0' + (mode & 7)), '\0'};
  return os_fsconfig(context, FSCONFIG_SET_STRING, "mode", octal);
}

/* `mode` -1: the file system's own. */
static int make_mount(struct stage *stage, const struct op *op, const char *target, int mode) {
  const char *fstype = op_text(op, MOUNT_FSTYPE);
  const char *source = op_text(op, MOUNT_SOURCE);
  OS_CLOSE int context = os_fsopen(fstype);
  if (context < 0) return refused(stage, context, -1, "fsopen", target, fstype);
  int error = source[0] == '\0' ? 0 : os_fsconfig(context, FSCONFIG_SET_STRING, "source", source);
  if (error < 0) return refused(stage, error, context, "fsconfig", target, source);
  for (uint32_t i = 0; i < op_list(op, MOUNT_OPTIONS); i++) {
    const char *option = op_list_item(op, MOUNT_OPTIONS, i);
    error = configure(context, option);
    if (error < 0) return refused(stage, error, context, "fsconfig", target, option);
  }
  error = mode < 0 ? 0 : configure_mode(context, mode);
  if (error < 0) return refused(stage, error, context, "fsconfig", target, "mode");
  error = os_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL);
  if (error < 0) return refused(stage, error, context, "fsconfig", target, fstype);
  int mount = os_fsmount(context, (unsigned)op_quad(op, MOUNT_ATTRIBUTES));
  return mount < 0 ? refused(stage, mount, context, "fsmount", target, fstype) : mount;
}

/* An overlay of many layers, for example. */
static bool is_too_long(const struct op *op) {
  for (uint32_t i = 0; i < op_list(op, MOUNT_OPTIONS); i++) {
    const char *value = strchr(op_list_item(op, MOUNT_OPTIONS, i), '=');
    if (value != NULL && strlen(value + 1) >= OPTION_BYTES) return true;
  }
  return strlen(op_text(op, MOUNT_SOURCE)) >= OPTION_BYTES;
}

static unsigned long old_flags(uint64_t attributes) {
  static const struct {
    uint64_t attribute;
    unsigned long flag;
  } table[] = {{MOUNT_ATTR_RDONLY, MS_RDONLY},         {MOUNT_ATTR_NOSUID, MS_NOSUID},   {MOUNT_ATTR_NODEV, MS_NODEV},
               {MOUNT_ATTR_NOEXEC, MS_NOEXEC},         {MOUNT_ATTR_NOATIME, MS_NOATIME}, {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
               {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW}};
  unsigned long flags = 0;
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) flags |= (attributes & table[i].attribute) != 0 ? table[i].flag : 0;
  return flags;
}

/* mount(2) takes longer options than fsconfig(2), and mounts at once. */
static int mount_at_once(struct stage *stage, const struct op *op, const char *target, uint32_t make) {
  char data[DATA_BYTES] = "";
  char link[64];
  struct text options = TEXT_ON(data);
  struct text path = TEXT_ON(link);
  const char *fstype = op_text(op, MOUNT_FSTYPE);
  for (uint32_t i = 0; i < op_list(op, MOUNT_OPTIONS); i++) {
    if (i > 0) text_add(&options, ",");
    text_add(&options, op_list_item(op, MOUNT_OPTIONS, i));
  }
  if (options.used >= sizeof data - 1) return stage_fail(stage, -ENAMETOOLONG, "mount", target);
  if (make > ROOT_MAKE_DIRECTORY) return stage_fail(stage, -EINVAL, "mount", target);
  OS_CLOSE int place = root_make(stage, target, (enum root_make)make, &directories);
  if (place < 0) return stage_fail(stage, place, "openat2", target);
  int error = root_check_place(place, target);
  text_add(&path, "/proc/self/fd/");
  text_add_number(&path, place);
  if (error == 0) error = os_mount_new(op_text(op, MOUNT_SOURCE), link, fstype, old_flags(op_quad(op, MOUNT_ATTRIBUTES)), data);
  if (error < 0) report_detail(&stage->report, fstype, strlen(fstype));
  return error < 0 ? stage_fail(stage, error, "mount", target) : 0;
}

/*
 * procfs and sysfs must lie where programs and our own checks look for them: a link in their place could lead these astray (CVE-2019-19921). Returns the
 * descriptor of the place.
 */
static int make_plain(struct stage *stage, const char *target, uint32_t make) {
  if (make == ROOT_MAKE_DIRECTORY) {
    OS_CLOSE int made = root_make(stage, target, ROOT_MAKE_DIRECTORY, &directories);
    if (made < 0) return stage_fail(stage, made, "mkdirat", target);
  }
  int place = root_open_plain(stage, target, O_PATH);
  return place < 0 ? stage_fail(stage, place, "openat2", target) : place;
}

/* The permissions of the directory that is at target already, or -1. */
static int mode_at(struct stage *stage, const char *target) {
  struct stat facts;
  OS_CLOSE int place = root_open(stage, target, O_PATH | O_DIRECTORY);
  return place >= 0 && fstat(place, &facts) == 0 ? (int)(facts.st_mode & 07777) : -1;
}

int stage_mount(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, MOUNT_TARGET);
  const char *fstype = op_text(op, MOUNT_FSTYPE);
  bool keep_mode = op_word(op, MOUNT_MAKE) == MAKE_DIRECTORY_OR_KEEP_MODE;
  uint32_t make = keep_mode ? ROOT_MAKE_DIRECTORY : op_word(op, MOUNT_MAKE);
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  if (is_too_long(op)) return mount_at_once(stage, op, target, make);
  OS_CLOSE int mount = make_mount(stage, op, target, keep_mode ? mode_at(stage, target) : -1);
  if (mount < 0) return mount;
  if (strcmp(fstype, "proc") == 0 || strcmp(fstype, "sysfs") == 0) {
    OS_CLOSE int place = make_plain(stage, target, make);
    if (place < 0) return place;
  }
  return attach(stage, mount, target, make);
}

int stage_move_tree(struct stage *stage, const struct op *op) {
  const char *from = op_text(op, MOVE_TREE_FROM);
  const char *target = op_text(op, MOVE_TREE_TARGET);
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  OS_CLOSE int tree = os_open(AT_FDCWD, from, O_PATH | O_NOFOLLOW, 0);
  if (tree < 0) return stage_fail(stage, tree, "openat", from);
  OS_CLOSE int place = make_plain(stage, target, op_word(op, MOVE_TREE_MAKE));
  if (place < 0) return place;
  error = os_move_mount(tree, place);
  return error < 0 ? stage_fail(stage, error, "move_mount", target) : 0;
}

int stage_attach_mount(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, ATTACH_MOUNT_TARGET);
  int mount = stage_slot(stage, op, ATTACH_MOUNT_MOUNT);
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  return mount < 0 ? stage_fail(stage, -EBADF, "move_mount", target) : attach(stage, mount, target, op_word(op, ATTACH_MOUNT_MAKE));
}

/* The next mount of the queue, the caller's to close, or -errno; -ENOENT when there is none. */
static int take_queued(struct stage *stage, int queue) {
  if (stage->taken == stage->queued.count) {
    uint8_t data;
    stage->taken = 0;
    ssize_t bytes = passing_receive(queue, &data, sizeof data, &stage->queued, MSG_DONTWAIT);
    if (bytes < 0) return bytes == -EAGAIN ? -ENOENT : (int)bytes;
    if (stage->queued.count == 0) return -ENOENT;
  }
  return stage->queued.at[stage->taken++];
}

int stage_attach_queued(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, ATTACH_QUEUED_TARGET);
  int queue = stage_slot(stage, op, ATTACH_QUEUED_QUEUE);
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  OS_CLOSE int mount = queue < 0 ? -EBADF : take_queued(stage, queue);
  return mount < 0 ? stage_fail(stage, mount, "recvmsg", target) : attach(stage, mount, target, op_word(op, ATTACH_QUEUED_MAKE));
}

int stage_bind(struct stage *stage, const struct op *op) {
  const char *source = op_text(op, BIND_SOURCE);
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  OS_CLOSE int tree = os_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | (op_word(op, BIND_RECURSIVE) != 0 ? AT_RECURSIVE : 0u));
  if (tree < 0) return stage_fail(stage, tree, "open_tree", source);
  return attach(stage, tree, op_text(op, BIND_TARGET), op_word(op, BIND_MAKE));
}

/* Within a user namespace the monitor has to do it. */
static int map_ids(struct stage *stage, int tree, int userns, bool whole) {
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (__u64)userns};
  int error = userns < 0 ? 0 : os_mount_setattr(tree, whole ? AT_RECURSIVE : 0, &attributes);
  if (error != -EPERM) return error;
  struct message answer;
  int given[] = {tree, userns};
  error = message_send(stage->socket, MESSAGE_MAP_IDS, whole, given, 2);
  if (error < 0) return error;
  int received = message_receive(stage->socket, &answer);
  if (received <= 0 || answer.type != MESSAGE_MAPPED) return received < 0 ? received : -EPROTO;
  return -(int)answer.value;
}

int stage_bind_inside(struct stage *stage, const struct op *op) {
  struct stat facts;
  const char *source = op_text(op, BIND_INSIDE_SOURCE);
  unsigned recursive = op_word(op, BIND_INSIDE_RECURSIVE) != 0 ? AT_RECURSIVE : 0u;
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  OS_CLOSE int place = root_open(stage, source, O_PATH);
  if (place < 0) return stage_fail(stage, place, "openat2", source);
  OS_CLOSE int tree = os_open_tree(place, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | recursive);
  if (tree < 0) return stage_fail(stage, tree, "open_tree", source);
  error = map_ids(stage, tree, stage_slot(stage, op, BIND_INSIDE_USERNS), op_word(op, BIND_INSIDE_MAPPED) != 0);
  if (error < 0) return stage_fail(stage, error, "mount_setattr", source);
  if (fstat(tree, &facts) < 0) return stage_fail(stage, -errno, "fstat", source);
  return attach(stage, tree, op_text(op, BIND_INSIDE_TARGET), S_ISDIR(facts.st_mode) ? ROOT_MAKE_DIRECTORY : ROOT_MAKE_FILE);
}

int stage_set_mount_attributes(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, SET_MOUNT_ATTRIBUTES_TARGET);
  int userns = stage_slot(stage, op, SET_MOUNT_ATTRIBUTES_USERNS);
  struct mount_attr attributes = {
      .attr_set = op_quad(op, SET_MOUNT_ATTRIBUTES_SET),
      .attr_clr = op_quad(op, SET_MOUNT_ATTRIBUTES_CLEAR),
      .propagation = op_quad(op, SET_MOUNT_ATTRIBUTES_PROPAGATION),
      .userns_fd = (__u64)(userns < 0 ? 0 : userns),
  };
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  OS_CLOSE int mount = root_open(stage, target, O_PATH);
  if (mount < 0) return stage_fail(stage, mount, "openat2", target);
  error = os_mount_setattr(mount, op_word(op, SET_MOUNT_ATTRIBUTES_RECURSIVE) != 0 ? AT_RECURSIVE : 0, &attributes);
  return error < 0 ? stage_fail(stage, error, "mount_setattr", target) : 0;
}

int stage_reconfigure_mount(struct stage *stage, const struct op *op) {
  const char *target = op_text(op, RECONFIGURE_MOUNT_TARGET);
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  OS_CLOSE int mount = root_open(stage, target, O_PATH);
  if (mount < 0) return stage_fail(stage, mount, "openat2", target);
  OS_CLOSE int context = os_fspick(mount);
  if (context < 0) return stage_fail(stage, context, "fspick", target);
  for (uint32_t i = 0; i < op_list(op, RECONFIGURE_MOUNT_OPTIONS); i++) {
    const char *option = op_list_item(op, RECONFIGURE_MOUNT_OPTIONS, i);
    error = configure(context, option);
    if (error < 0) return refused(stage, error, context, "fsconfig", target, option);
  }
  error = os_fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL);
  return error < 0 ? refused(stage, error, context, "fsconfig", target, "") : 0;
}
