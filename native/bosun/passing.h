/* Bytes with descriptors over a Unix socket (unix(7), SCM_RIGHTS). */
#ifndef BOSUN_PASSING_H
#define BOSUN_PASSING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ops.h"
#include "report.h"

/* A plan, its slots and three streams; the kernel passes 253 at most. */
#define PASSING_MAXIMUM (PLAN_MAXIMUM_SLOTS + 4u)

struct descriptors {
  unsigned count;
  int at[PASSING_MAXIMUM];
};

void descriptors_close(struct descriptors *descriptors);

/* Sends all in one message and never raises SIGPIPE. 0 or -errno (-EAGAIN on a socket that is full, with MSG_DONTWAIT in flags). */
int passing_send(int socket, const void *data, size_t size, const int *fds, unsigned count, int flags);
/* Returns the bytes received (0: end of stream) or -errno. Descriptors are close-on-exec; more than fit are closed by the kernel. */
ssize_t passing_receive(int socket, void *data, size_t size, struct descriptors *descriptors, int flags);

/* What monitor and stage say to each other over a SOCK_SEQPACKET pair, one message a packet. */
enum message_type {
  MESSAGE_RUN = 1,   /* monitor: descriptors are the plan, its slots, then standard input, output and error */
  MESSAGE_START,     /* monitor: go on after wait_for_start */
  MESSAGE_CLONED,    /* the intermediate process: value is the stage's pid */
  MESSAGE_CREATED,   /* stage: it waits */
  MESSAGE_EXECUTING, /* stage: execve is next; the end of the stream then means success */
  MESSAGE_FAILED,    /* stage or intermediate: the report, before it exits */
  MESSAGE_TERMINAL,  /* stage: the descriptor is the terminal's master */
  MESSAGE_FURNISH,   /* monitor: ids are mapped and the cgroup is entered, the stage's ops of the sandbox plan may begin */
  MESSAGE_FURNISHED, /* stage: they are done */
  MESSAGE_MAP_IDS,   /* stage: descriptors are a detached tree and a user namespace whose ids its mount is to have, with value 1 all mounts of the tree */
  MESSAGE_MAPPED,    /* monitor: done, or value is why not (errno) */
};

struct message {
  uint32_t type;
  uint32_t value;
  struct report report;
  struct descriptors descriptors;
};

int message_send(int socket, enum message_type type, uint32_t value, const int *fds, unsigned count);
int message_send_report(int socket, const struct report *report);
/* 1: a message, 0: the other end is closed, else -errno. */
int message_receive(int socket, struct message *message);

#endif
