/* The ops about who the process is and what it may do. libc's wrappers are avoided where they act on all threads: there is one. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os.h"
#include "stage.h"

/* A change of ids sets by itself whether the process is dumpable (to the host's fs.suid_dumpable), so that is said again. */
static int change_ids(struct stage *stage, uint32_t uid, uint32_t gid, const uint8_t *groups, size_t count) {
  /* -1 would mean "as it is" to the kernel: root. */
  if (uid == UINT32_MAX || gid == UINT32_MAX) return stage_fail(stage, -EINVAL, "setresuid", "");
  if (syscall(SYS_setgroups, count, groups) < 0) return stage_fail(stage, -errno, "setgroups", "");
  if (syscall(SYS_setresgid, gid, gid, gid) < 0) return stage_fail(stage, -errno, "setresgid", "");
  if (syscall(SYS_setresuid, uid, uid, uid) < 0) return stage_fail(stage, -errno, "setresuid", "");
  prctl(PR_SET_DUMPABLE, 0);
  return 0;
}

int stage_become(struct stage *stage, const struct op *op) {
  if (prctl(PR_SET_KEEPCAPS, 1) < 0) return stage_fail(stage, -errno, "prctl", "PR_SET_KEEPCAPS");
  return change_ids(stage, op_word(op, BECOME_UID), op_word(op, BECOME_GID), NULL, 0);
}

int stage_set_user(struct stage *stage, const struct op *op) {
  uint32_t bytes;
  const uint8_t *groups = op_bytes(op, SET_USER_GROUPS, &bytes);
  if (bytes % sizeof(uint32_t) != 0) return stage_fail(stage, -EINVAL, "setgroups", "");
  if (prctl(PR_SET_KEEPCAPS, 1) < 0) return stage_fail(stage, -errno, "prctl", "PR_SET_KEEPCAPS");
  return change_ids(stage, op_word(op, SET_USER_UID), op_word(op, SET_USER_GID), groups, bytes / sizeof(uint32_t));
}

int stage_drop_bounding(struct stage *stage, const struct op *op) {
  uint64_t keep = op_quad(op, DROP_BOUNDING_KEEP);
  for (unsigned long capability = 0; capability < 64; capability++) {
    /* EINVAL: the kernel has no more of them. */
    if (prctl(PR_CAPBSET_READ, capability) < 0) return 0;
    if ((keep >> capability & 1) == 0 && prctl(PR_CAPBSET_DROP, capability) < 0) return stage_fail(stage, -errno, "prctl", "PR_CAPBSET_DROP");
  }
  return 0;
}

static int raise_ambient(struct stage *stage, uint64_t ambient) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (unsigned long capability = 0; capability < 64; capability++) {
    if ((ambient >> capability & 1) == 0) continue;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0) return stage_fail(stage, -errno, "prctl", "PR_CAP_AMBIENT_RAISE");
  }
  return 0;
}

int stage_set_capabilities(struct stage *stage, const struct op *op) {
  uint64_t effective = op_quad(op, SET_CAPABILITIES_EFFECTIVE);
  uint64_t permitted = op_quad(op, SET_CAPABILITIES_PERMITTED);
  uint64_t inheritable = op_quad(op, SET_CAPABILITIES_INHERITABLE);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
    data[i].effective = (uint32_t)(effective >> 32 * i);
    data[i].permitted = (uint32_t)(permitted >> 32 * i);
    data[i].inheritable = (uint32_t)(inheritable >> 32 * i);
  }
  if (syscall(SYS_capset, &header, data) < 0) return stage_fail(stage, -errno, "capset", "");
  return raise_ambient(stage, op_quad(op, SET_CAPABILITIES_AMBIENT));
}

int stage_set_no_new_privileges(struct stage *stage, const struct op *op) {
  (void)op;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? stage_fail(stage, -errno, "prctl", "PR_SET_NO_NEW_PRIVS") : 0;
}

int stage_load_seccomp(struct stage *stage, const struct op *op) {
  uint32_t bytes;
  uint32_t state_bytes;
  const uint8_t *filter = op_bytes(op, LOAD_SECCOMP_FILTER, &bytes);
  const uint8_t *state = op_bytes(op, LOAD_SECCOMP_STATE, &state_bytes);
  int listener = stage_slot(stage, op, LOAD_SECCOMP_LISTENER);
  uint32_t flags = op_word(op, LOAD_SECCOMP_FLAGS) | (listener >= 0 ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
  size_t count = bytes / sizeof(struct sock_filter);
  if (bytes % sizeof(struct sock_filter) != 0 || count == 0 || count > UINT16_MAX) return stage_fail(stage, -EINVAL, "seccomp", "filter");
  struct sock_fprog program = {.len = (unsigned short)count, .filter = (struct sock_filter *)(uintptr_t)filter};
  OS_CLOSE int notify = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (notify < 0) return stage_fail(stage, -errno, "seccomp", "filter");
  if (listener < 0) {
    /* 0 is success, not a descriptor. */
    notify = -1;
    return 0;
  }
  int error = passing_send(listener, state, state_bytes, &notify, 1, 0);
  return error < 0 ? stage_fail(stage, error, "sendmsg", "seccomp listener") : 0;
}

int stage_new_keyring(struct stage *stage, const struct op *op) {
  const char *name = op_text(op, NEW_KEYRING_NAME);
  const int join_session_keyring = 1;
  if (syscall(SYS_keyctl, join_session_keyring, name[0] == '\0' ? NULL : name) >= 0) return 0;
  return errno == EPERM || errno == ENOSYS ? 0 : stage_fail(stage, -errno, "keyctl", name);
}
