// whenReadable: one epoll thread for each environment. The thread and JavaScript share nothing but numbers: an event
// carries a slot and its generation, and JavaScript's table decides whether anyone still waits for it.
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

_Static_assert(sizeof(void *) == sizeof(uint64_t), "a handle's data pointer carries a 64-bit id");

#define STOP_ID UINT64_MAX
#define NO_SLOT UINT32_MAX

struct slot {
  uint32_t generation;
  uint32_t next_free;
  int fd;  // -1: free
  bool keeps_alive;
  napi_ref callback;
};

struct watcher {
  struct loop *loop;
  int epoll;
  int stop;
  pthread_t thread;
  bool running;
  struct slot *slots;
  uint32_t capacity;
  uint32_t free_slot;
};

struct event_message {
  struct message message;
  uint64_t id;
};

static void forget(napi_env env, struct watcher *watcher, uint32_t index) {
  struct slot *slot = &watcher->slots[index];
  // Closing is not enough: the watched file lives on under the caller's descriptor.
  epoll_ctl(watcher->epoll, EPOLL_CTL_DEL, slot->fd, NULL);
  close(slot->fd);
  napi_delete_reference(env, slot->callback);
  if (slot->keeps_alive) loop_release(env, watcher->loop);
  slot->fd = -1;
  slot->generation++;
  slot->next_free = watcher->free_slot;
  watcher->free_slot = index;
}

static struct slot *find(struct watcher *watcher, uint64_t id) {
  uint32_t index = (uint32_t)id;
  if (watcher == NULL || index >= watcher->capacity) return NULL;
  struct slot *slot = &watcher->slots[index];
  return slot->fd >= 0 && slot->generation == (uint32_t)(id >> 32) ? slot : NULL;
}

static void deliver_event(napi_env env, struct message *message) {
  uint64_t id = ((struct event_message *)message)->id;
  free(message);
  if (env == NULL) return;
  struct watcher *watcher = *loop_watcher(loop_of(env));
  struct slot *slot = find(watcher, id);
  if (slot == NULL) return;
  napi_value callback, result, error;
  napi_get_reference_value(env, slot->callback, &callback);
  forget(env, watcher, (uint32_t)id);
  if (napi_call_function(env, undefined(env), callback, 0, NULL, &result) != napi_pending_exception) return;
  napi_get_and_clear_last_exception(env, &error);
  napi_fatal_exception(env, error);
}

static void *run_watcher(void *argument) {
  struct watcher *watcher = argument;
  for (;;) {
    struct epoll_event events[32];
    int count = epoll_wait(watcher->epoll, events, 32, -1);
    if (count < 0 && errno != EINTR) return NULL;
    for (int i = 0; i < count; i++) {
      if (events[i].data.u64 == STOP_ID) return NULL;
      struct event_message *event = malloc(sizeof *event);
      if (event == NULL) continue;
      *event = (struct event_message){{deliver_event}, events[i].data.u64};
      if (!loop_post(watcher->loop, &event->message)) free(event);
    }
  }
}

void watcher_stop(struct watcher *watcher) {
  if (!watcher->running) return;
  uint64_t one = 1;
  if (write(watcher->stop, &one, sizeof one) == sizeof one) pthread_join(watcher->thread, NULL);
  watcher->running = false;
}

void watcher_free(struct watcher *watcher) {
  watcher_stop(watcher);
  for (uint32_t i = 0; i < watcher->capacity; i++) {
    if (watcher->slots[i].fd >= 0) close(watcher->slots[i].fd);
  }
  if (watcher->epoll >= 0) close(watcher->epoll);
  if (watcher->stop >= 0) close(watcher->stop);
  free(watcher->slots);
  free(watcher);
}

// 0 or an errno; a watcher that could not be made whole is taken down again.
static int open_watcher(napi_env env, struct loop *loop) {
  if (*loop_watcher(loop) != NULL) return 0;
  int error = loop_open(env, loop);
  if (error != 0) return error;
  struct watcher *watcher = calloc(1, sizeof *watcher);
  if (watcher == NULL) return ENOMEM;
  watcher->loop = loop;
  watcher->free_slot = NO_SLOT;
  watcher->stop = eventfd(0, EFD_CLOEXEC);
  watcher->epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = STOP_ID};
  if (watcher->stop < 0 || watcher->epoll < 0 || epoll_ctl(watcher->epoll, EPOLL_CTL_ADD, watcher->stop, &event) < 0) error = errno;
  if (error == 0) error = start_thread(&watcher->thread, run_watcher, watcher);
  if (error != 0) {
    watcher_free(watcher);
    return error;
  }
  watcher->running = true;
  *loop_watcher(loop) = watcher;
  return 0;
}

static bool grow(struct watcher *watcher) {
  uint32_t capacity = watcher->capacity == 0 ? 16 : watcher->capacity * 2;
  struct slot *slots = realloc(watcher->slots, capacity * sizeof *slots);
  if (slots == NULL) return false;
  for (uint32_t i = watcher->capacity; i < capacity; i++) {
    slots[i] = (struct slot){.fd = -1, .next_free = i + 1 < capacity ? i + 1 : watcher->free_slot};
  }
  watcher->free_slot = watcher->capacity;
  watcher->slots = slots;
  watcher->capacity = capacity;
  return true;
}

static napi_value cancel(napi_env env, napi_callback_info info) {
  void *data = NULL;
  napi_get_cb_info(env, info, NULL, NULL, NULL, &data);
  struct watcher *watcher = *loop_watcher(loop_of(env));
  uint64_t id = (uint64_t)(uintptr_t)data;
  if (find(watcher, id) != NULL) forget(env, watcher, (uint32_t)id);
  return undefined(env);
}

static napi_value make_handle(napi_env env, uint64_t id) {
  napi_value handle, function;
  napi_create_object(env, &handle);
  napi_create_function(env, "cancel", NAPI_AUTO_LENGTH, cancel, (void *)(uintptr_t)id, &function);
  set_property(env, handle, "cancel", function);
  return handle;
}

static napi_value when_readable(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "epoll_ctl", 3);
  int fd = fd_at(&call, 0);
  bool keeps_alive = bool_at(&call, 1);
  napi_valuetype type = napi_undefined;
  if (!call.failed) napi_typeof(env, call.argument[2], &type);
  if (type != napi_function) throw_type(&call, "expected a function");
  if (call.failed) return NULL;

  struct loop *loop = loop_of(env);
  int error = open_watcher(env, loop);
  if (error != 0) return throw_errno(&call, error, NULL);
  struct watcher *watcher = *loop_watcher(loop);
  if (watcher->free_slot == NO_SLOT && !grow(watcher)) return throw_errno(&call, ENOMEM, NULL);
  uint32_t index = watcher->free_slot;
  struct slot *slot = &watcher->slots[index];
  // A duplicate, so that the same descriptor may be watched twice and may be closed while it is watched.
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return throw_errno(&call, errno, NULL);
  uint64_t id = (uint64_t)slot->generation << 32 | index;
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.u64 = id};
  if (epoll_ctl(watcher->epoll, EPOLL_CTL_ADD, copy, &event) < 0) {
    error = errno;
    close(copy);
    return throw_errno(&call, error, NULL);
  }
  watcher->free_slot = slot->next_free;
  slot->fd = copy;
  slot->keeps_alive = keeps_alive;
  napi_create_reference(env, call.argument[2], 1, &slot->callback);
  if (keeps_alive) loop_hold(env, loop);
  return make_handle(env, id);
}

const struct method watch_methods[] = {{"whenReadable", when_readable}, {NULL, NULL}};
