// This process itself.
#include "sys.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static napi_value prctl_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "prctl", 2);
  int option = (int)integer_at(&call, 0);
  unsigned long argument = (unsigned long)integer_at(&call, 1);
  return call.failed ? NULL : number_or_errno(&call, prctl(option, argument, 0, 0, 0), NULL);
}

static napi_value getrlimit_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "getrlimit", 1);
  int resource = (int)integer_at(&call, 0);
  if (call.failed) return NULL;
  struct rlimit limit;
  if (getrlimit((__rlimit_resource_t)resource, &limit) < 0) return throw_errno(&call, errno, NULL);
  napi_value result;
  napi_create_object(env, &result);
  set_property(env, result, "soft", from_bigint(env, limit.rlim_cur));
  set_property(env, result, "hard", from_bigint(env, limit.rlim_max));
  return result;
}

static napi_value umask_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "umask", 1);
  mode_t mask = (mode_t)integer_at(&call, 0);
  return call.failed ? NULL : from_integer(env, umask(mask));
}

const struct method self_methods[] = {{"prctl", prctl_method}, {"getrlimit", getrlimit_method}, {"umask", umask_method}, {NULL, NULL}};
