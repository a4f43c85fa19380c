/* The op that gives the process a terminal of the container's own devpts. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "os.h"
#include "root.h"

#define PTMX "/dev/pts/ptmx"
#define CONSOLE "/dev/console"

/* The multiplexer, and nothing that only looks like it. */
static int open_master(struct stage *stage) {
  struct stat facts;
  struct statfs system;
  OS_CLOSE int master = root_open(stage, PTMX, O_RDWR | O_NOCTTY);
  if (master < 0) return stage_fail(stage, master, "openat2", PTMX);
  if (fstat(master, &facts) < 0 || fstatfs(master, &system) < 0) return stage_fail(stage, -errno, "fstat", PTMX);
  bool genuine = S_ISCHR(facts.st_mode) && facts.st_rdev == makedev(5, 2) && system.f_type == DEVPTS_SUPER_MAGIC;
  return genuine ? os_take(&master) : stage_fail(stage, -ENODEV, "fstat", PTMX);
}

/* By descriptor, not by name (ioctl_tty(2)): the name could lead elsewhere. */
static int open_slave(struct stage *stage, const struct op *op, int master) {
  int unlocked = 0;
  struct winsize size = {.ws_row = (unsigned short)op_word(op, OPEN_TERMINAL_ROWS), .ws_col = (unsigned short)op_word(op, OPEN_TERMINAL_COLUMNS)};
  if (ioctl(master, TIOCSPTLCK, &unlocked) < 0) return stage_fail(stage, -errno, "TIOCSPTLCK", PTMX);
  if (size.ws_row > 0 && ioctl(master, TIOCSWINSZ, &size) < 0) return stage_fail(stage, -errno, "TIOCSWINSZ", PTMX);
  OS_CLOSE int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) return stage_fail(stage, -errno, "TIOCGPTPEER", PTMX);
  if (fchown(slave, op_word(op, OPEN_TERMINAL_UID), op_word(op, OPEN_TERMINAL_GID)) < 0) return stage_fail(stage, -errno, "fchown", "terminal");
  if (fchmod(slave, 0620) < 0) return stage_fail(stage, -errno, "fchmod", "terminal");
  return os_take(&slave);
}

static int bind_console(struct stage *stage, int slave) {
  static const struct root_owner owner = {.mode = 0600};
  int error = stage_require_mounts(stage);
  if (error < 0) return error;
  OS_CLOSE int place = root_make(stage, CONSOLE, ROOT_MAKE_FILE, &owner);
  if (place < 0) return stage_fail(stage, place, "openat2", CONSOLE);
  error = root_check_place(place, CONSOLE);
  if (error < 0) return stage_fail(stage, error, "openat2", CONSOLE);
  OS_CLOSE int tree = os_open_tree(slave, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
  if (tree < 0) return stage_fail(stage, tree, "open_tree", CONSOLE);
  error = os_move_mount(tree, place);
  return error < 0 ? stage_fail(stage, error, "move_mount", CONSOLE) : 0;
}

/* To the monitor, or to the console socket of the OCI runtime command line, whose readers take the data for the terminal's name. */
static int give_master(struct stage *stage, const struct op *op, int master) {
  int console = stage_slot(stage, op, OPEN_TERMINAL_CONSOLE);
  int error = console >= 0 ? passing_send(console, "/dev/ptmx", sizeof "/dev/ptmx" - 1, &master, 1, 0)
                           : message_send(stage->socket, MESSAGE_TERMINAL, 0, &master, 1);
  return error < 0 ? stage_fail(stage, error, "sendmsg", "terminal") : 0;
}

int stage_open_terminal(struct stage *stage, const struct op *op) {
  OS_CLOSE int master = open_master(stage);
  if (master < 0) return master;
  OS_CLOSE int slave = open_slave(stage, op, master);
  if (slave < 0) return slave;
  if (ioctl(slave, TIOCSCTTY, 0) < 0) return stage_fail(stage, -errno, "TIOCSCTTY", "terminal");
  int error = op_word(op, OPEN_TERMINAL_BIND_CONSOLE) != 0 ? bind_console(stage, slave) : 0;
  if (error < 0) return error;
  for (int stream = 0; stream < 3; stream++) {
    if (dup2(slave, stream) < 0) return stage_fail(stage, -errno, "dup2", "terminal");
  }
  return give_master(stage, op, master);
}
