// What the families of sys.node share. Node-API only: the same file loads in Node and in Bun.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define NAPI_VERSION 8
#include <node_api.h>

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_ARGUMENTS 8

// One call from JavaScript. The readers below do nothing once `failed` is set, so a function reads all its arguments
// and asks once; then an exception is already pending.
struct call {
  napi_env env;
  const char *syscall;
  napi_value argument[MAX_ARGUMENTS];
  bool failed;
};

// Room for the longest path and for seeing that one is longer.
struct path {
  char text[PATH_MAX + 8];
};

// Borrowed from a Uint8Array; valid until the call returns.
struct bytes {
  uint8_t *data;
  size_t length;
};

struct integers {
  int *items;
  size_t count;
};

// NULL-terminated, as execve wants it.
struct strings {
  char **items;
  size_t count;
};

struct call call_begin(napi_env env, napi_callback_info info, const char *syscall, size_t arguments);
int64_t integer_at(struct call *call, size_t index);
static inline int fd_at(struct call *call, size_t index) { return (int)integer_at(call, index); }
uint64_t bigint_at(struct call *call, size_t index);
bool bool_at(struct call *call, size_t index);
bool null_at(struct call *call, size_t index);
const char *path_at(struct call *call, size_t index, struct path *path);
struct bytes bytes_at(struct call *call, size_t index);
// Both are freed with their release functions, which take the zero value too.
struct integers integers_at(struct call *call, size_t index);
void release_integers(struct integers *list);
struct strings strings_at(struct call *call, size_t index);
void release_strings(struct strings *list);
// A copy for free(); fails the call with EINVAL when it holds a NUL.
char *copy_string(struct call *call, napi_value value);

// Throws the error of the contract: code, errno, syscall and, unless NULL, path. Returns NULL for `return throw_errno(…)`.
napi_value throw_errno(struct call *call, int error, const char *path);
napi_value throw_errno_said(struct call *call, int error, const char *path, const char *said);
napi_value throw_type(struct call *call, const char *message);
// An error value in the same shape, for promises.
napi_value make_errno(napi_env env, const char *syscall, int error, const char *path, const char *said);

napi_value undefined(napi_env env);
napi_value null_value(napi_env env);
napi_value from_integer(napi_env env, int64_t number);
napi_value from_bigint(napi_env env, uint64_t number);
void set_property(napi_env env, napi_value object, const char *name, napi_value value);
// undefined when result >= 0, else throws errno.
napi_value done(struct call *call, int result, const char *path);
// The number when result >= 0, else throws errno.
napi_value number_or_errno(struct call *call, int64_t result, const char *path);

// A pthread with all signals blocked: signals are the main thread's business. Returns 0 or an errno.
int start_thread(pthread_t *thread, void *(*run)(void *), void *argument);

// The way back from threads of ours to JavaScript (loop.c). A message is delivered once, on the JavaScript thread;
// with env NULL when the environment is ending: then it only frees itself.
struct message {
  void (*deliver)(napi_env env, struct message *message);
};
struct loop;
struct loop *loop_of(napi_env env);
// Makes the thread-safe function if there is none yet. 0 or an errno.
int loop_open(napi_env env, struct loop *loop);
void loop_hold(napi_env env, struct loop *loop);
void loop_release(napi_env env, struct loop *loop);
// From any thread. false when the environment is ending; the message stays the caller's.
bool loop_post(struct loop *loop, struct message *message);

// A thread that ends with one message; joined at delivery or at the environment's end.
struct job {
  struct message message;
  struct loop *loop;
  pthread_t thread;
  void (*work)(struct job *job);
  struct job *next;
};
int job_start(napi_env env, struct loop *loop, struct job *job);
// To be called first by a job's deliver function, when env is not NULL.
void job_finish(napi_env env, struct job *job);

// The descriptor watcher (watch.c) that hangs on the loop.
struct watcher;
struct watcher **loop_watcher(struct loop *loop);
void watcher_stop(struct watcher *watcher);
void watcher_free(struct watcher *watcher);

struct method {
  const char *name;
  napi_callback callback;
};
extern const struct method process_methods[], watch_methods[], descriptor_methods[], socket_methods[], file_methods[], inode_methods[], mount_methods[],
    overlay_methods[], user_methods[], netlink_methods[], self_methods[], bpf_methods[], lock_methods[],
    quota_methods[], disk_methods[], inside_methods[], sharing_methods[], plain_methods[];

// fsopen, fsconfig, fsmount with the kernel's own words on failure (mounts.c); used on the JavaScript thread and by overlay jobs.
struct mount_option {
  char *key;
  char *value;  // NULL: a flag, or a descriptor
  int fd;       // -1 unless the value is a descriptor
};
struct mount_request {
  char *fstype;
  struct mount_option *options;
  size_t count;
  unsigned attributes;
};
struct mount_outcome {
  int fd;
  int error;
  const char *syscall;
  char said[512];
};
// Reads [key, string | number | null][]; the request must be released in any case.
void read_mount_options(struct call *call, size_t index, struct mount_request *request);
void release_mount_request(struct mount_request *request);
void perform_mount(const struct mount_request *request, struct mount_outcome *outcome);

// An overlay mounted by mount(2) in a namespace of the thread's own (overlay_attached.c). To be called by a thread that ends soon: first `prepare`,
// which returns 0 or has filled the outcome, then, with the identity that the overlay is to keep, `perform`. `base` must stay open meanwhile.
struct attached_request {
  int base;
  int disk;  // a detached mount that holds the last two layers, or -1
  struct strings layers;
  char *data;
  unsigned attributes;
};
int prepare_attached_mount(const struct attached_request *request, struct mount_outcome *outcome);
void perform_attached_mount(const struct attached_request *request, struct mount_outcome *outcome);
