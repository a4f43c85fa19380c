// Arguments in, results and errors out.
#include "sys.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call call_begin(napi_env env, napi_callback_info info, const char *syscall, size_t arguments) {
  struct call call = {.env = env, .syscall = syscall};
  size_t count = MAX_ARGUMENTS;
  napi_get_cb_info(env, info, &count, call.argument, NULL, NULL);
  if (count < arguments) throw_type(&call, "too few arguments");
  return call;
}

napi_value throw_type(struct call *call, const char *message) {
  if (call->failed) return NULL;
  char text[160];
  snprintf(text, sizeof text, "%s: %s", call->syscall, message);
  napi_throw_type_error(call->env, "ERR_INVALID_ARG_TYPE", text);
  call->failed = true;
  return NULL;
}

int64_t integer_at(struct call *call, size_t index) {
  int64_t number = 0;
  if (!call->failed && napi_get_value_int64(call->env, call->argument[index], &number) != napi_ok) throw_type(call, "expected a number");
  return number;
}

uint64_t bigint_at(struct call *call, size_t index) {
  uint64_t number = 0;
  bool lossless;
  if (!call->failed && napi_get_value_bigint_uint64(call->env, call->argument[index], &number, &lossless) != napi_ok) throw_type(call, "expected a bigint");
  return number;
}

bool bool_at(struct call *call, size_t index) {
  bool value = false;
  if (!call->failed && napi_get_value_bool(call->env, call->argument[index], &value) != napi_ok) throw_type(call, "expected a boolean");
  return value;
}

bool null_at(struct call *call, size_t index) {
  napi_valuetype type = napi_undefined;
  if (!call->failed) napi_typeof(call->env, call->argument[index], &type);
  return type == napi_null;
}

struct bytes bytes_at(struct call *call, size_t index) {
  struct bytes bytes = {0};
  if (call->failed) return bytes;
  bool typed = false;
  napi_typedarray_type type = napi_int8_array;
  void *data = NULL;
  if (napi_is_typedarray(call->env, call->argument[index], &typed) != napi_ok || !typed ||
      napi_get_typedarray_info(call->env, call->argument[index], &type, &bytes.length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array) {
    throw_type(call, "expected a Uint8Array");
    return (struct bytes){0};
  }
  bytes.data = data;
  return bytes;
}

// Paths are text or, since Linux file names need not be UTF-8, bytes.
const char *path_at(struct call *call, size_t index, struct path *path) {
  path->text[0] = 0;
  if (call->failed) return path->text;
  size_t length = 0;
  napi_valuetype type;
  napi_typeof(call->env, call->argument[index], &type);
  if (type == napi_string) {
    napi_get_value_string_utf8(call->env, call->argument[index], path->text, sizeof path->text, &length);
  } else {
    struct bytes bytes = bytes_at(call, index);
    if (call->failed) return path->text;
    length = bytes.length < PATH_MAX ? bytes.length : PATH_MAX;
    memcpy(path->text, bytes.data, length);
    path->text[length] = 0;
  }
  if (memchr(path->text, 0, length) != NULL) throw_errno(call, EINVAL, path->text);
  if (length >= PATH_MAX) throw_errno(call, ENAMETOOLONG, NULL);
  return path->text;
}

char *copy_string(struct call *call, napi_value value) {
  if (call->failed) return NULL;
  size_t length = 0;
  if (napi_get_value_string_utf8(call->env, value, NULL, 0, &length) != napi_ok) {
    throw_type(call, "expected a string");
    return NULL;
  }
  char *text = malloc(length + 1);
  if (text == NULL) {
    throw_errno(call, ENOMEM, NULL);
    return NULL;
  }
  napi_get_value_string_utf8(call->env, value, text, length + 1, &length);
  if (memchr(text, 0, length) == NULL) return text;
  throw_errno(call, EINVAL, text);
  free(text);
  return NULL;
}

static uint32_t array_length(struct call *call, size_t index) {
  uint32_t length = 0;
  if (!call->failed && napi_get_array_length(call->env, call->argument[index], &length) != napi_ok) throw_type(call, "expected an array");
  return length;
}

struct integers integers_at(struct call *call, size_t index) {
  uint32_t length = array_length(call, index);
  if (call->failed) return (struct integers){0};
  struct integers list = {.items = calloc(length + 1u, sizeof(int)), .count = length};
  if (list.items == NULL) throw_errno(call, ENOMEM, NULL);
  for (uint32_t i = 0; i < length && !call->failed; i++) {
    napi_value element;
    napi_get_element(call->env, call->argument[index], i, &element);
    if (napi_get_value_int32(call->env, element, &list.items[i]) != napi_ok) throw_type(call, "expected an array of numbers");
  }
  return list;
}

void release_integers(struct integers *list) { free(list->items); }

struct strings strings_at(struct call *call, size_t index) {
  uint32_t length = array_length(call, index);
  if (call->failed) return (struct strings){0};
  struct strings list = {.items = calloc(length + 1u, sizeof(char *)), .count = length};
  if (list.items == NULL) throw_errno(call, ENOMEM, NULL);
  for (uint32_t i = 0; i < length && !call->failed; i++) {
    napi_value element;
    napi_get_element(call->env, call->argument[index], i, &element);
    list.items[i] = copy_string(call, element);
  }
  return list;
}

void release_strings(struct strings *list) {
  for (size_t i = 0; list->items != NULL && i < list->count; i++) free(list->items[i]);
  free(list->items);
}

napi_value undefined(napi_env env) {
  napi_value value;
  napi_get_undefined(env, &value);
  return value;
}

napi_value null_value(napi_env env) {
  napi_value value;
  napi_get_null(env, &value);
  return value;
}

napi_value from_integer(napi_env env, int64_t number) {
  napi_value value;
  napi_create_int64(env, number, &value);
  return value;
}

napi_value from_bigint(napi_env env, uint64_t number) {
  napi_value value;
  napi_create_bigint_uint64(env, number, &value);
  return value;
}

void set_property(napi_env env, napi_value object, const char *name, napi_value value) { napi_set_named_property(env, object, name, value); }

static void set_text(napi_env env, napi_value object, const char *name, const char *text) {
  napi_value value;
  if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok) set_property(env, object, name, value);
}

napi_value make_errno(napi_env env, const char *syscall, int error, const char *path, const char *said) {
  const char *name = strerrorname_np(error);
  char number[24];
  if (name == NULL) {
    snprintf(number, sizeof number, "E%d", error);
    name = number;
  }
  bool spoke = said != NULL && said[0] != 0;
  char text[PATH_MAX + 800];
  snprintf(text, sizeof text, "%s: %s%s%s%s%s", name, syscall, path != NULL ? " " : "", path != NULL ? path : "", spoke ? ": " : "", spoke ? said : "");
  napi_value code, message, object;
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, code, message, &object);
  set_property(env, object, "errno", from_integer(env, error));
  set_text(env, object, "syscall", syscall);
  if (path != NULL) set_text(env, object, "path", path);
  if (spoke) set_text(env, object, "said", said);
  return object;
}

napi_value throw_errno_said(struct call *call, int error, const char *path, const char *said) {
  if (call->failed) return NULL;
  napi_throw(call->env, make_errno(call->env, call->syscall, error, path, said));
  call->failed = true;
  return NULL;
}

napi_value throw_errno(struct call *call, int error, const char *path) { return throw_errno_said(call, error, path, NULL); }

napi_value done(struct call *call, int result, const char *path) { return result < 0 ? throw_errno(call, errno, path) : undefined(call->env); }

napi_value number_or_errno(struct call *call, int64_t result, const char *path) {
  return result < 0 ? throw_errno(call, errno, path) : from_integer(call->env, result);
}

int start_thread(pthread_t *thread, void *(*run)(void *), void *argument) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(thread, NULL, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}
