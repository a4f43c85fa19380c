// The mount API, new and old, on the JavaScript thread.
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static napi_value open_tree_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "open_tree", 3);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  unsigned flags = (unsigned)integer_at(&call, 2) | OPEN_TREE_CLOEXEC;
  return call.failed ? NULL : number_or_errno(&call, open_tree(directory, path.text, flags), path.text);
}

static napi_value move_mount_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "move_mount", 5);
  struct path from, to;
  int from_directory = fd_at(&call, 0);
  path_at(&call, 1, &from);
  int to_directory = fd_at(&call, 2);
  path_at(&call, 3, &to);
  unsigned flags = (unsigned)integer_at(&call, 4);
  return call.failed ? NULL : done(&call, move_mount(from_directory, from.text, to_directory, to.text, flags), to.text);
}

static napi_value mount_setattr_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "mount_setattr", 7);
  struct path path;
  int directory = fd_at(&call, 0);
  path_at(&call, 1, &path);
  unsigned flags = (unsigned)integer_at(&call, 2);
  struct mount_attr attributes = {.attr_set = bigint_at(&call, 3), .attr_clr = bigint_at(&call, 4), .propagation = bigint_at(&call, 5)};
  int64_t userns = integer_at(&call, 6);
  if (userns >= 0) attributes.userns_fd = (uint64_t)userns;
  return call.failed ? NULL : done(&call, mount_setattr(directory, path.text, flags, &attributes, sizeof attributes), path.text);
}

static void read_mount_option(struct call *call, napi_value pair, struct mount_option *option) {
  napi_value key, value;
  napi_valuetype type = napi_undefined;
  if (napi_get_element(call->env, pair, 0, &key) != napi_ok || napi_get_element(call->env, pair, 1, &value) != napi_ok) {
    throw_type(call, "expected [key, value] pairs");
    return;
  }
  option->fd = -1;
  option->key = copy_string(call, key);
  napi_typeof(call->env, value, &type);
  if (type == napi_null) return;
  if (type == napi_number) {
    napi_get_value_int32(call->env, value, &option->fd);
  } else {
    option->value = copy_string(call, value);
  }
}

void read_mount_options(struct call *call, size_t index, struct mount_request *request) {
  uint32_t count = 0;
  if (call->failed) return;
  if (napi_get_array_length(call->env, call->argument[index], &count) != napi_ok) {
    throw_type(call, "expected an array");
    return;
  }
  request->options = calloc(count + 1u, sizeof *request->options);
  if (request->options == NULL) {
    throw_errno(call, ENOMEM, NULL);
    return;
  }
  request->count = count;
  for (uint32_t i = 0; i < count && !call->failed; i++) {
    napi_value pair;
    napi_get_element(call->env, call->argument[index], i, &pair);
    read_mount_option(call, pair, &request->options[i]);
  }
}

void release_mount_request(struct mount_request *request) {
  for (size_t i = 0; request->options != NULL && i < request->count; i++) {
    free(request->options[i].key);
    free(request->options[i].value);
  }
  free(request->options);
  free(request->fstype);
}

// The kernel explains a refused mount as lines "e <text>" that are read from the context (fsopen(2)).
static void hear_kernel(int context, struct mount_outcome *outcome) {
  size_t used = 0;
  char line[256];
  ssize_t length;
  while ((length = read(context, line, sizeof line)) > 2) {
    if (line[0] != 'e' && line[0] != 'w') continue;
    size_t text = (size_t)length - 2;
    if (line[length - 1] == '\n') text--;
    if (used + text + 3 > sizeof outcome->said) break;
    if (used > 0) used = (size_t)(stpcpy(outcome->said + used, "; ") - outcome->said);
    memcpy(outcome->said + used, line + 2, text);
    used += text;
    outcome->said[used] = 0;
  }
}

static int set_option(int context, const struct mount_option *option) {
  if (option->fd >= 0) return fsconfig(context, FSCONFIG_SET_FD, option->key, NULL, option->fd);
  if (option->value == NULL) return fsconfig(context, FSCONFIG_SET_FLAG, option->key, NULL, 0);
  return fsconfig(context, FSCONFIG_SET_STRING, option->key, option->value, 0);
}

// 0 or an errno; `syscall` names what failed.
static int configure(int context, const struct mount_request *request) {
  for (size_t i = 0; i < request->count; i++) {
    if (set_option(context, &request->options[i]) < 0) return errno;
  }
  return fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? errno : 0;
}

void perform_mount(const struct mount_request *request, struct mount_outcome *outcome) {
  *outcome = (struct mount_outcome){.fd = -1, .syscall = "fsopen"};
  int context = fsopen(request->fstype, FSOPEN_CLOEXEC);
  if (context < 0) {
    outcome->error = errno;
    return;
  }
  outcome->syscall = "fsconfig";
  outcome->error = configure(context, request);
  if (outcome->error == 0) {
    outcome->syscall = "fsmount";
    outcome->fd = fsmount(context, FSMOUNT_CLOEXEC, request->attributes);
    if (outcome->fd < 0) outcome->error = errno;
  }
  if (outcome->error != 0) hear_kernel(context, outcome);
  close(context);
}

static napi_value mount_detached(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "fsopen", 3);
  struct mount_request request = {0};
  if (!call.failed) request.fstype = copy_string(&call, call.argument[0]);
  read_mount_options(&call, 1, &request);
  request.attributes = (unsigned)integer_at(&call, 2);
  napi_value result = NULL;
  if (!call.failed) {
    struct mount_outcome outcome;
    perform_mount(&request, &outcome);
    call.syscall = outcome.syscall;
    result = outcome.error == 0 ? from_integer(env, outcome.fd) : throw_errno_said(&call, outcome.error, request.fstype, outcome.said);
  }
  release_mount_request(&request);
  return result;
}

static napi_value mount_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "mount", 5);
  struct path target;
  char *source = null_at(&call, 0) ? NULL : copy_string(&call, call.argument[0]);
  path_at(&call, 1, &target);
  char *fstype = null_at(&call, 2) ? NULL : copy_string(&call, call.argument[2]);
  unsigned long flags = (unsigned long)integer_at(&call, 3);
  char *data = null_at(&call, 4) ? NULL : copy_string(&call, call.argument[4]);
  napi_value result = call.failed ? NULL : done(&call, mount(source, target.text, fstype, flags, data), target.text);
  free(data);
  free(fstype);
  free(source);
  return result;
}

static napi_value umount_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "umount2", 2);
  struct path target;
  path_at(&call, 0, &target);
  int flags = (int)integer_at(&call, 1);
  return call.failed ? NULL : done(&call, umount2(target.text, flags), target.text);
}

const struct method mount_methods[] = {{"openTree", open_tree_method},   {"moveMount", move_mount_method}, {"mountSetattr", mount_setattr_method},
                                       {"mountDetached", mount_detached}, {"mount", mount_method},           {"umount", umount_method},
                                       {NULL, NULL}};
