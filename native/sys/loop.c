// One thread-safe function for each environment: how our threads reach JavaScript. It keeps the event loop alive only while held.
#include "sys.h"

#include <errno.h>
#include <stdlib.h>

struct loop {
  napi_threadsafe_function function;
  unsigned holds;
  struct watcher *watcher;
  struct job *jobs;
};

struct loop *loop_of(napi_env env) {
  void *data = NULL;
  napi_get_instance_data(env, &data);
  return data;
}

struct watcher **loop_watcher(struct loop *loop) { return &loop->watcher; }

static void call_javascript(napi_env env, napi_value function, void *context, void *data) {
  (void)function;
  (void)context;
  struct message *message = data;
  message->deliver(env, message);
}

// Runs before the thread-safe function is closed, because it was registered after it.
static void end_threads(void *argument) {
  struct loop *loop = argument;
  if (loop->watcher != NULL) watcher_stop(loop->watcher);
  for (struct job *job = loop->jobs; job != NULL;) {
    // Its message waits in the queue, which is emptied with env NULL: read `next` while the job is whole.
    struct job *next = job->next;
    pthread_join(job->thread, NULL);
    job = next;
  }
  loop->jobs = NULL;
}

int loop_open(napi_env env, struct loop *loop) {
  if (loop->function != NULL) return 0;
  napi_value name;
  napi_create_string_utf8(env, "sys", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, NULL, call_javascript, &loop->function) != napi_ok) return ENOMEM;
  napi_unref_threadsafe_function(env, loop->function);
  return napi_add_env_cleanup_hook(env, end_threads, loop) == napi_ok ? 0 : ENOMEM;
}

void loop_hold(napi_env env, struct loop *loop) {
  if (loop->holds++ == 0) napi_ref_threadsafe_function(env, loop->function);
}

void loop_release(napi_env env, struct loop *loop) {
  if (--loop->holds == 0) napi_unref_threadsafe_function(env, loop->function);
}

bool loop_post(struct loop *loop, struct message *message) {
  return napi_call_threadsafe_function(loop->function, message, napi_tsfn_nonblocking) == napi_ok;
}

static void *run_job(void *argument) {
  struct job *job = argument;
  job->work(job);
  // A refused message stays with the job, which is leaked: the process is ending.
  loop_post(job->loop, &job->message);
  return NULL;
}

int job_start(napi_env env, struct loop *loop, struct job *job) {
  int error = loop_open(env, loop);
  if (error != 0) return error;
  job->loop = loop;
  error = start_thread(&job->thread, run_job, job);
  if (error != 0) return error;
  job->next = loop->jobs;
  loop->jobs = job;
  loop_hold(env, loop);
  return 0;
}

void job_finish(napi_env env, struct job *job) {
  pthread_join(job->thread, NULL);
  for (struct job **link = &job->loop->jobs; *link != NULL; link = &(*link)->next) {
    if (*link != job) continue;
    *link = job->next;
    break;
  }
  loop_release(env, job->loop);
}

static void free_loop(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct loop *loop = data;
  if (loop->watcher != NULL) watcher_free(loop->watcher);
  free(loop);
}

static void define(napi_env env, napi_value exports, const struct method *methods) {
  for (const struct method *method = methods; method->name != NULL; method++) {
    napi_value function;
    napi_create_function(env, method->name, NAPI_AUTO_LENGTH, method->callback, NULL, &function);
    set_property(env, exports, method->name, function);
  }
}

NAPI_MODULE_INIT() {
  struct loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL || napi_set_instance_data(env, loop, free_loop, NULL) != napi_ok) {
    free(loop);
    napi_throw_error(env, "ENOMEM", "sys.node: no memory");
    return NULL;
  }
  const struct method *const families[] = {process_methods, watch_methods, descriptor_methods, socket_methods,  file_methods,
                                           inode_methods,   mount_methods, overlay_methods,    user_methods,    netlink_methods, self_methods, bpf_methods,
                                           lock_methods,    quota_methods, disk_methods,       inside_methods, sharing_methods, plain_methods};
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) define(env, exports, families[i]);
  return exports;
}
