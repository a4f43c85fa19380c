#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.h"

#define STAGE_SOCKET 3

static stage_op *const performers[OP_LIMIT] = {
    [OP_NEW_SESSION] = stage_new_session,
    [OP_BECOME] = stage_become,
    [OP_UNSHARE] = stage_unshare,
    [OP_SET_ROOT_PROPAGATION] = stage_set_root_propagation,
    [OP_ATTACH_ROOT] = stage_attach_root,
    [OP_OPEN_ROOT] = stage_open_root,
    [OP_MOUNT] = stage_mount,
    [OP_ATTACH_MOUNT] = stage_attach_mount,
    [OP_ATTACH_QUEUED] = stage_attach_queued,
    [OP_BIND] = stage_bind,
    [OP_BIND_INSIDE] = stage_bind_inside,
    [OP_SET_MOUNT_ATTRIBUTES] = stage_set_mount_attributes,
    [OP_RECONFIGURE_MOUNT] = stage_reconfigure_mount,
    [OP_MAKE_DIRECTORY] = stage_make_directory,
    [OP_MAKE_SYMLINK] = stage_make_symlink,
    [OP_MAKE_NODE] = stage_make_node,
    [OP_MASK] = stage_mask,
    [OP_MAKE_READ_ONLY] = stage_make_read_only,
    [OP_ENTER_ROOT] = stage_enter_root,
    [OP_SET_HOSTNAME] = stage_set_hostname,
    [OP_SET_DOMAINNAME] = stage_set_domainname,
    [OP_SET_SYSCTL] = stage_set_sysctl,
    [OP_SET_RLIMIT] = stage_set_rlimit,
    [OP_BRING_UP_LOOPBACK] = stage_bring_up_loopback,
    [OP_OPEN_TERMINAL] = stage_open_terminal,
    [OP_CHANGE_DIRECTORY] = stage_change_directory,
    [OP_SET_UMASK] = stage_set_umask,
    [OP_SET_USER] = stage_set_user,
    [OP_DROP_BOUNDING] = stage_drop_bounding,
    [OP_SET_CAPABILITIES] = stage_set_capabilities,
    [OP_SET_NO_NEW_PRIVILEGES] = stage_set_no_new_privileges,
    [OP_LOAD_SECCOMP] = stage_load_seccomp,
    [OP_SET_LABEL] = stage_set_label,
    [OP_WAIT_FOR_START] = stage_wait_for_start,
    [OP_EXECUTE] = stage_execute,
    [OP_NEW_KEYRING] = stage_new_keyring,
    [OP_SET_PERSONALITY] = stage_set_personality,
    [OP_SET_SCHEDULER] = stage_set_scheduler,
    [OP_SET_IO_PRIORITY] = stage_set_io_priority,
    [OP_SET_AFFINITY] = stage_set_affinity,
    [OP_PASS_DESCRIPTOR] = stage_pass_descriptor,
    [OP_RUN_HOOK] = stage_run_hook,
    [OP_MAKE_WORKING_DIRECTORY] = stage_make_working_directory,
    [OP_OPEN_SKELETON] = stage_open_skeleton,
    [OP_MOVE_TREE] = stage_move_tree,
    [OP_SET_MEMORY_POLICY] = stage_set_memory_policy,
    [OP_HIDE_MOUNT] = stage_hide_mount,
    [OP_FINISH] = stage_finish,
    [OP_DETACH_MOUNT] = stage_detach_mount,
};

int stage_slot(const struct stage *stage, const struct op *op, unsigned position) {
  uint32_t slot = op_word(op, position);
  return slot == NO_SLOT || slot >= stage->received.count ? -1 : stage->received.at[slot];
}

int stage_fail(struct stage *stage, int error, const char *call, const char *object) {
  return report_failure(&stage->report, error, call, object);
}

char **stage_vector(const struct op *op, unsigned position) {
  uint32_t count = op_list(op, position);
  char **vector = mmap(NULL, ((size_t)count + 1) * sizeof(char *), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (vector == MAP_FAILED) return NULL;
  for (uint32_t i = 0; i < count; i++) vector[i] = (char *)(uintptr_t)op_list_item(op, position, i);
  return vector;
}

/* Signals as a new process expects them; the monitor, whose copy we are, blocks and ignores some. SIGPIPE follows just before execve. */
static void reset_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGHUP, SIG_DFL);
}

/* The kernel numbers received descriptors upwards, so each slot can move down to its place behind the socket without lying in another's way. */
static bool take_slots(struct stage *stage, const struct stage_birth *birth) {
  if (birth->plan == NULL) return true;
  stage->plan = *birth->plan;
  stage->received.count = birth->plan->slots;
  for (uint32_t i = 0; i < birth->plan->slots; i++) {
    int place = STAGE_SOCKET + 1 + (int)i;
    int from = birth->slots[i];
    if (from < place || (from > place && dup3(from, place, O_CLOEXEC) < 0)) return false;
    stage->received.at[i] = place;
  }
  return true;
}

/* Whoever owns this process group could signal the monitor's as well: leave it. The process is then cut off from everything of the host's but its socket. */
static void leave_monitor(struct stage *stage, const struct stage_birth *birth) {
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_NAME, "bosun-stage");
  reset_signals();
  setsid();
  umask(0);
  if (birth->socket == STAGE_SOCKET) fcntl(birth->socket, F_SETFD, FD_CLOEXEC);
  stage->socket = birth->socket == STAGE_SOCKET ? birth->socket : dup3(birth->socket, STAGE_SOCKET, O_CLOEXEC);
  if (stage->socket < 0 || !take_slots(stage, birth)) _exit(1);
  os_close_from(STAGE_SOCKET + 1 + stage->received.count, ~0u);
}

/* Descriptors 3 to 2 + keep are for the process: whatever of ours lies there moves up, while no limit of the container's forbids it. */
static int make_room(struct stage *stage) {
  int first = 3 + (int)stage->keep;
  for (uint32_t i = 0; i < stage->keep; i++) stage->kept[i] = -1;
  for (unsigned i = 0; i <= stage->received.count; i++) {
    int *fd = i == 0 ? &stage->socket : &stage->received.at[i - 1];
    if (*fd >= first) continue;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, first);
    if (moved < 0) return stage_fail(stage, -errno, "fcntl", "descriptors to keep");
    close(*fd);
    *fd = moved;
  }
  return 0;
}

/* The message's descriptors: plan, slots, streams. The streams become 0, 1 and 2; the slots stay in `received`. */
static int take_plan(struct stage *stage, const struct descriptors *from) {
  if (from->count < 4) return stage_fail(stage, -EPROTO, "recvmsg", "run plan");
  uint32_t slots = from->count - 4;
  int error = plan_map(&stage->plan, from->at[0], slots);
  if (error < 0) return stage_fail(stage, error, "mmap", "run plan");
  for (int stream = 0; stream < 3; stream++) {
    int fd = from->at[slots + 1 + (unsigned)stream];
    if (dup2(fd, stream) < 0) return stage_fail(stage, -errno, "dup2", "standard streams");
    close(fd);
  }
  close(from->at[0]);
  memcpy(stage->received.at, from->at + 1, slots * sizeof(int));
  stage->received.count = slots;
  struct op last = plan_op(&stage->plan, stage->plan.count - 1);
  stage->keep = last.code == OP_EXECUTE ? op_word(&last, EXECUTE_KEEP) : 0;
  return stage->keep > PLAN_MAXIMUM_SLOTS ? stage_fail(stage, -EINVAL, "execute", "keep") : make_room(stage);
}

static int perform(struct stage *stage) {
  for (uint32_t i = 0; i < stage->plan.count; i++) {
    struct op op = plan_op(&stage->plan, i);
    if (op_shapes[op.code].by != 's') continue;
    stage->report = (struct report){.op = op.code, .index = i};
    int error = performers[op.code](stage, &op);
    if (error < 0) return error;
  }
  return 0;
}

/* Nothing of this stays open but what it has mounted. */
static int furnish(struct stage *stage) {
  struct message message;
  if (message_receive(stage->socket, &message) <= 0 || message.type != MESSAGE_FURNISH) _exit(1);
  int error = perform(stage);
  if (error < 0) return error;
  os_close_from((unsigned)stage->socket + 1, ~0u);
  stage->root = stage->empty = -1;
  stage->received.count = 0;
  plan_unmap(&stage->plan);
  if (message_send(stage->socket, MESSAGE_FURNISHED, 0, NULL, 0) < 0) _exit(1);
  return 0;
}

static int run(struct stage *stage) {
  struct message message;
  if (message_receive(stage->socket, &message) <= 0 || message.type != MESSAGE_RUN) _exit(1);
  int error = take_plan(stage, &message.descriptors);
  if (error == 0) error = perform(stage);
  return error < 0 ? error : stage_fail(stage, -EINVAL, "execute", "the plan does not end with it");
}

_Noreturn void stage_run(const struct stage_birth *birth) {
  struct stage stage = {.root = -1, .empty = -1, .fifo = -1, .console = -1, .own_mounts = birth->own_mounts, .furnished = birth->plan != NULL};
  leave_monitor(&stage, birth);
  if (birth->plan == NULL || furnish(&stage) == 0) run(&stage);
  signal(SIGPIPE, SIG_IGN);
  message_send_report(stage.socket, &stage.report);
  if (stage.fifo >= 0) {
    uint8_t payload[REPORT_BYTES];
    os_write_all(stage.fifo, payload, report_encode(&stage.report, payload));
  }
  _exit(1);
}
