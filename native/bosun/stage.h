/*
 * The stage: the process that a sandbox plan makes, which carries out the run plan inside its namespaces and becomes the container's process.
 * It is forked from the monitor, never executed, so nothing of it can be reached through a file of the container, and it is not dumpable, so
 * that processes of the container cannot trace it or look through its /proc entries (CVE-2016-9962).
 */
#ifndef BOSUN_STAGE_H
#define BOSUN_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "passing.h"
#include "plan.h"
#include "report.h"

struct stage {
  int socket; /* to the monitor; SOCK_SEQPACKET */
  struct plan plan;
  struct descriptors received; /* the plan's slots */
  struct descriptors queued;   /* detached mounts of one message of a queue */
  unsigned taken;              /* how many of them have been mounted, and closed */
  int root;                    /* where targets are resolved; -1: our own root */
  int empty;                   /* a mounted empty directory that masks are cloned from, or -1 */
  int fifo;                    /* start.fifo while it is open for writing, or -1 */
  int console;                 /* the terminal's other end while it is ours, or -1 */
  bool own_mounts; /* the mount namespace is not the host's */
  bool in_place;   /* it is the host's, and the root was mounted over its own directory there */
  bool furnished; /* it has built the skeleton that its root is mounted over */
  bool umask_set;
  uint32_t keep;               /* descriptors after 2 that the process gets */
  int kept[PLAN_MAXIMUM_SLOTS]; /* which of ours they are, or -1 */
  struct report report;
};

struct stage_birth {
  int socket;
  bool own_mounts;         /* the process has left the host's mount namespace, so that ops may mount */
  const struct plan *plan; /* the sandbox plan when it holds ops of the stage's, else NULL */
  const int *slots;        /* as many as the plan has */
};

/*
 * Carries out the sandbox plan's ops of the stage, if any, when the monitor says so; then waits for the run plan on the socket, carries it out, and ends
 * with execve or _exit. Every descriptor of the monitor's but 0, 1 and 2 is closed.
 */
_Noreturn void stage_run(const struct stage_birth *birth);

/* The descriptor of a slot argument, or -1. */
int stage_slot(const struct stage *stage, const struct op *op, unsigned position);
/* A list as execve wants it, or NULL when memory is out; it goes with the process's old memory, so nobody gives it back. */
char **stage_vector(const struct op *op, unsigned position);
/* Fails unless mounts go to another mount namespace than the host's, or below a root that was mounted in place: no plan may change the host's mounts. */
int stage_require_mounts(struct stage *stage);
/* Notes the failure and returns it. */
int stage_fail(struct stage *stage, int error, const char *call, const char *object);

/* Each carries out one op: 0, or the noted failure. */
typedef int stage_op(struct stage *stage, const struct op *op);
stage_op stage_new_session, stage_become, stage_unshare, stage_set_root_propagation, stage_attach_root, stage_open_root, stage_mount;
stage_op stage_attach_mount, stage_attach_queued, stage_bind, stage_bind_inside, stage_set_mount_attributes, stage_make_directory, stage_make_symlink, stage_make_node, stage_mask;
stage_op stage_reconfigure_mount, stage_make_read_only, stage_enter_root, stage_set_hostname, stage_set_domainname, stage_set_sysctl, stage_set_rlimit;
stage_op stage_bring_up_loopback, stage_open_terminal, stage_change_directory, stage_set_umask, stage_set_user, stage_drop_bounding;
stage_op stage_set_capabilities, stage_set_no_new_privileges, stage_load_seccomp, stage_set_label, stage_wait_for_start, stage_execute;
stage_op stage_new_keyring, stage_set_personality, stage_set_scheduler, stage_set_io_priority, stage_set_affinity, stage_pass_descriptor;
stage_op stage_run_hook, stage_make_working_directory, stage_open_skeleton, stage_move_tree, stage_set_memory_policy, stage_hide_mount;
stage_op stage_finish, stage_detach_mount;

#endif
