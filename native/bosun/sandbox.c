/*
 * The sandbox plan: makes the stage in the namespaces that the plan asks for, where it may build file systems before it waits for its run plan. When
 * existing namespaces or v1 cgroups must be joined, an intermediate process does that and makes the stage its sibling (CLONE_PARENT), so that the monitor itself never
 * enters a container and still is the stage's parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor.h"
#include "os.h"
#include "stage.h"
#include "text.h"

/* More processors than any kernel is built for (CONFIG_NR_CPUS). */
#define START_ON_MOST 8192

struct sandbox {
  const struct plan *plan;
  const int *slots;
  uint32_t clone; /* index of the op */
  uint32_t start_on; /* index of the op and one, or 0 */
  uint64_t flags;
  int cgroup;
  bool detour; /* through an intermediate process */
  bool own_mounts;
  bool furnished; /* the stage has ops of its own */
  int ours;   /* ends of the pair: the monitor's … */
  int theirs; /* … and the stage's */
};

static int slot_of(const struct sandbox *sandbox, const struct op *op, unsigned position) {
  uint32_t slot = op_word(op, position);
  return slot == NO_SLOT ? -1 : sandbox->slots[slot];
}

static bool comes_before(uint32_t code) {
  return code == OP_START_ON || code == OP_JOIN_CGROUP || code == OP_JOIN_NAMESPACES || code == OP_SET_TIME_OFFSETS;
}

static bool comes_after(uint32_t code) {
  return code == OP_MAP_IDS || code == OP_ENTER_CGROUP || code == OP_SET_OOM_SCORE;
}

/* What the stage may do before it is known which program it will become. */
static bool is_furnishing(uint32_t code) {
  return (code >= OP_BECOME && code <= OP_ENTER_ROOT && code != OP_ATTACH_ROOT) || code == OP_SET_SYSCTL || code == OP_BRING_UP_LOOPBACK ||
         code == OP_OPEN_SKELETON;
}

/* One clone, what it needs before it, what it allows after it, then the stage's ops, and nothing else. */
static int survey(struct sandbox *sandbox, struct report *report) {
  bool cloned = false;
  for (uint32_t i = 0; i < sandbox->plan->count; i++) {
    struct op op = plan_op(sandbox->plan, i);
    *report = (struct report){.op = op.code, .index = i};
    if (op.code == OP_CLONE && !cloned) {
      cloned = true;
      sandbox->clone = i;
      sandbox->flags |= op_quad(&op, CLONE_FLAGS);
      sandbox->cgroup = slot_of(sandbox, &op, CLONE_CGROUP);
    } else if (cloned && is_furnishing(op.code)) {
      sandbox->furnished = true;
    } else if (sandbox->furnished || !(cloned ? comes_after(op.code) : comes_before(op.code))) {
      return report_failure(report, -EINVAL, "sandbox plan", "an op out of place");
    }
    if (op.code == OP_START_ON) sandbox->start_on = i + 1;
    sandbox->detour |= op.code != OP_START_ON && comes_before(op.code);
    sandbox->own_mounts |= op.code == OP_JOIN_NAMESPACES && (op_quad(&op, JOIN_NAMESPACES_FLAGS) & CLONE_NEWNS) != 0;
  }
  sandbox->own_mounts |= (sandbox->flags & CLONE_NEWNS) != 0;
  return cloned ? 0 : report_failure(report, -EINVAL, "sandbox plan", "no clone");
}

_Noreturn static void be_stage(const struct sandbox *sandbox) {
  const struct stage_birth birth = {.socket = sandbox->theirs,
                                    .own_mounts = sandbox->own_mounts,
                                    .plan = sandbox->furnished ? sandbox->plan : NULL,
                                    .slots = sandbox->slots};
  stage_run(&birth);
}

/* Born in the cgroup instead of being moved there, which would wait for the kernel. */
static void be_born_in_cgroup(const struct sandbox *sandbox, struct clone_args *arguments) {
  if (sandbox->cgroup < 0) return;
  arguments->flags |= CLONE_INTO_CGROUP;
  arguments->cgroup = (__u64)sandbox->cgroup;
}

/*
 * clone3(2) of the stage by the process we are, as its child or as its sibling. In the stage it never returns. A sibling finds the intermediate in the
 * cgroup already: whoever has joined a cgroup namespace cannot enter it from outside where cgroup2 is mounted with nsdelegate (cgroup-v2.rst, "Delegation").
 */
static int clone_stage(const struct sandbox *sandbox, bool sibling, struct report *report) {
  const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME;
  struct clone_args arguments = {
      .flags = sandbox->flags | (sibling ? CLONE_PARENT : 0u),
      .exit_signal = sibling ? 0 : SIGCHLD,
  };
  if (!sibling) be_born_in_cgroup(sandbox, &arguments);
  struct op op = plan_op(sandbox->plan, sandbox->clone);
  *report = (struct report){.op = op.code, .index = op.index};
  if ((op_quad(&op, CLONE_FLAGS) & ~namespaces) != 0) return report_failure(report, -EINVAL, "clone3", "flags");
  int pid = os_clone3(&arguments);
  if (pid == 0) be_stage(sandbox);
  return pid < 0 ? report_failure(report, pid, "clone3", "") : pid;
}

/* time_namespaces(7): the offsets are set before any process is in the namespace, so that one is unshared here and the clone is born into it. */
static int set_time_offsets(struct sandbox *sandbox, const struct op *op, struct report *report) {
  int error = os_unshare(CLONE_NEWTIME);
  if (error < 0) return report_failure(report, error, "unshare", "time namespace");
  sandbox->flags &= ~(uint64_t)CLONE_NEWTIME;
  error = os_write_file(AT_FDCWD, "/proc/self/timens_offsets", op_text(op, SET_TIME_OFFSETS_TEXT));
  return error < 0 ? report_failure(report, error, "write", "/proc/self/timens_offsets") : 0;
}

static int join(const struct sandbox *sandbox, const struct op *op, struct report *report) {
  int fd = slot_of(sandbox, op, JOIN_NAMESPACES_FD);
  int error = fd < 0 ? -EBADF : os_setns(fd, (int)op_quad(op, JOIN_NAMESPACES_FLAGS));
  return error < 0 ? report_failure(report, error, "setns", "") : 0;
}

static int join_cgroup(const struct op *op, struct report *report) {
  const char *tasks = op_text(op, JOIN_CGROUP_TASKS);
  int error = os_write_file(AT_FDCWD, tasks, "0");
  return error < 0 ? report_failure(report, error, "write", tasks) : 0;
}

static int prepare_intermediate(struct sandbox *sandbox, const struct op *op, struct report *report) {
  if (op->code == OP_START_ON) return 0;
  if (op->code == OP_JOIN_CGROUP) return join_cgroup(op, report);
  return op->code == OP_JOIN_NAMESPACES ? join(sandbox, op, report) : set_time_offsets(sandbox, op, report);
}

_Noreturn static void run_intermediate(struct sandbox *sandbox) {
  struct report report = {0};
  int result = 0;
  /* The stage inherits it: there is no moment at which a process of the container that it enters could look into it (CVE-2016-9962). */
  prctl(PR_SET_DUMPABLE, 0);
  for (uint32_t i = 0; i < sandbox->clone && result == 0; i++) {
    struct op op = plan_op(sandbox->plan, i);
    report = (struct report){.op = op.code, .index = i};
    result = prepare_intermediate(sandbox, &op, &report);
  }
  if (result == 0) result = clone_stage(sandbox, true, &report);
  if (result < 0) message_send_report(sandbox->theirs, &report);
  else message_send(sandbox->theirs, MESSAGE_CLONED, (uint32_t)result, NULL, 0);
  _exit(0);
}

/* The stage's pid as the intermediate saw it, whose own process namespace is still ours. */
static int clone_by_detour(struct sandbox *sandbox, struct report *report) {
  struct clone_args arguments = {.exit_signal = SIGCHLD};
  struct message message;
  be_born_in_cgroup(sandbox, &arguments);
  int intermediate = os_clone3(&arguments);
  if (intermediate < 0) return report_failure(report, intermediate, "clone3", "intermediate");
  if (intermediate == 0) run_intermediate(sandbox);
  os_close(&sandbox->theirs);
  int received = message_receive(sandbox->ours, &message);
  waitpid(intermediate, NULL, 0);
  if (received <= 0) return report_failure(report, -ECANCELED, "clone3", "the intermediate process died");
  descriptors_close(&message.descriptors);
  if (message.type == MESSAGE_CLONED) return (int)message.value;
  *report = message.report;
  return -(int)message.report.error;
}

static int write_proc(struct monitor *monitor, const char *file, const char *value) {
  char path[64];
  struct text text = TEXT_ON(path);
  text_add(&text, "/proc/");
  text_add_number(&text, monitor->pid);
  text_add(&text, file);
  int error = os_write_file(AT_FDCWD, path, value);
  return error < 0 ? report_failure(&monitor->report, error, "write", path) : 0;
}

static int enter_cgroup(struct monitor *monitor, const char *procs) {
  char digits[24];
  struct text text = TEXT_ON(digits);
  text_add_number(&text, monitor->pid);
  int error = os_write_file(AT_FDCWD, procs, digits);
  return error < 0 ? report_failure(&monitor->report, error, "write", procs) : 0;
}

static int set_oom_score(struct monitor *monitor, const struct op *op) {
  char digits[24];
  struct text text = TEXT_ON(digits);
  text_add_number(&text, op_signed(op, SET_OOM_SCORE_VALUE));
  int error = write_proc(monitor, "/oom_score_adj", digits);
  bool optional = op_word(op, SET_OOM_SCORE_REQUIRED) == 0 && (error == -EACCES || error == -EPERM);
  return optional ? 0 : error;
}

static int finish(struct monitor *monitor, const struct sandbox *sandbox) {
  for (uint32_t i = sandbox->clone + 1; i < sandbox->plan->count; i++) {
    struct op op = plan_op(sandbox->plan, i);
    int error = 0;
    monitor->report = (struct report){.op = op.code, .index = i};
    if (op.code == OP_MAP_IDS) error = write_proc(monitor, "/uid_map", op_text(&op, MAP_IDS_UIDS));
    if (op.code == OP_MAP_IDS && error == 0) error = write_proc(monitor, "/gid_map", op_text(&op, MAP_IDS_GIDS));
    if (op.code == OP_ENTER_CGROUP) error = enter_cgroup(monitor, op_text(&op, ENTER_CGROUP_PROCS));
    if (op.code == OP_SET_OOM_SCORE) error = set_oom_score(monitor, &op);
    if (error < 0) return error;
  }
  return 0;
}

/* The parent goes to those processors, so that whoever it makes begins there, before any cgroup; then it goes back to its own. */
static int clone_on_processors(struct sandbox *sandbox, struct report *report) {
  uint64_t before[START_ON_MOST / 64];
  uint32_t bytes;
  if (sandbox->start_on == 0) return sandbox->detour ? clone_by_detour(sandbox, report) : clone_stage(sandbox, false, report);
  struct op op = plan_op(sandbox->plan, sandbox->start_on - 1);
  const uint8_t *mask = op_bytes(&op, START_ON_MASK, &bytes);
  *report = (struct report){.op = op.code, .index = op.index};
  long held = syscall(SYS_sched_getaffinity, 0, sizeof before, before);
  if (held < 0) return report_failure(report, -errno, "sched_getaffinity", "");
  if (syscall(SYS_sched_setaffinity, 0, bytes, mask) < 0) return report_failure(report, -errno, "sched_setaffinity", "");
  int pid = sandbox->detour ? clone_by_detour(sandbox, report) : clone_stage(sandbox, false, report);
  syscall(SYS_sched_setaffinity, 0, held, before);
  return pid;
}

static int make(struct monitor *monitor, struct sandbox *sandbox) {
  int error = survey(sandbox, &monitor->report);
  if (error < 0) return error;
  int pid = clone_on_processors(sandbox, &monitor->report);
  if (pid < 0) return pid;
  monitor->pid = pid;
  monitor->pidfd = os_pidfd_open(pid);
  if (monitor->pidfd < 0) {
    error = report_failure(&monitor->report, monitor->pidfd, "pidfd_open", "");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return error;
  }
  return finish(monitor, sandbox);
}

int sandbox_make(struct monitor *monitor, const struct plan *plan, const int *slots) {
  int pair[2];
  monitor->report = (struct report){0};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return report_failure(&monitor->report, -errno, "socketpair", "");
  struct sandbox sandbox = {.plan = plan, .slots = slots, .cgroup = -1, .ours = pair[0], .theirs = pair[1]};
  int error = make(monitor, &sandbox);
  os_close(&sandbox.theirs);
  monitor->stage = sandbox.ours;
  if (error == 0 && sandbox.furnished) {
    error = message_send(monitor->stage, MESSAGE_FURNISH, 0, NULL, 0);
    if (error < 0) report_failure(&monitor->report, error, "sendmsg", "sandbox plan");
  }
  if (error < 0) {
    os_close(&monitor->stage);
    return error;
  }
  monitor_watch(monitor, &monitor->stage_watch, monitor->stage, EPOLLIN);
  monitor_watch(monitor, &monitor->process_watch, monitor->pidfd, EPOLLIN);
  return sandbox.furnished ? 1 : 0;
}
