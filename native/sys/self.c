// This process itself.
#include "sys.h"

#include <errno.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

static bool take_fs_ids(uid_t uid, gid_t gid) {
  syscall(SYS_setfsgid, gid);
  syscall(SYS_setfsuid, uid);
  return (gid_t)syscall(SYS_setfsgid, (gid_t)-1) == gid && (uid_t)syscall(SYS_setfsuid, (uid_t)-1) == uid;
}

// setfsuid(2) for as long as the callback runs. Without SECBIT_NO_SETUID_FIXUP the kernel would drop CAP_DAC_OVERRIDE and its kin with it
// (capabilities(7)); the bit is taken back at once, so that no child of ours is born with it.
static napi_value with_fs_ids_method(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "setfsuid", 3);
  uid_t uid = (uid_t)integer_at(&call, 0);
  gid_t gid = (gid_t)integer_at(&call, 1);
  if (call.failed) return NULL;
  int bits = prctl(PR_GET_SECUREBITS);
  if (bits < 0 || prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) < 0) return throw_errno(&call, errno, NULL);
  napi_value result = NULL;
  bool taken = take_fs_ids(uid, gid);
  if (taken) napi_call_function(env, undefined(env), call.argument[2], 0, NULL, &result);
  take_fs_ids(geteuid(), getegid());
  prctl(PR_SET_SECUREBITS, bits);
  return taken ? result : throw_errno(&call, EPERM, NULL);
}

const struct method self_methods[] = {{"withFsIds", with_fs_ids_method}, {"prctl", prctl_method}, {"getrlimit", getrlimit_method}, {"umask", umask_method}, {NULL, NULL}};
