// mountOverlay: the overlay keeps the credentials of whoever configures it, so a thread of its own takes the wanted
// fsuid and fsgid, mounts and ends. Identity, securebits and capabilities belong to the thread (credentials(7)).
#include "sys.h"

#include <errno.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct overlay_job {
  struct job job;
  bool attached;
  struct mount_request request;
  struct attached_request attached_request;
  struct mount_outcome outcome;
  uid_t fsuid;
  gid_t fsgid;
  napi_deferred deferred;
};

// setfsuid(2) reports no error: it returns the previous id, so an impossible id asks what the current one is.
static bool take_identity(uid_t fsuid, gid_t fsgid) {
  syscall(SYS_setfsgid, fsgid);
  syscall(SYS_setfsuid, fsuid);
  return (gid_t)syscall(SYS_setfsgid, (gid_t)-1) == fsgid && (uid_t)syscall(SYS_setfsuid, (uid_t)-1) == fsuid;
}

static bool become(struct overlay_job *job) {
  job->outcome = (struct mount_outcome){.fd = -1, .syscall = "prctl"};
  // Without this bit the kernel drops CAP_DAC_OVERRIDE and its kin when the fsuid leaves 0 (capabilities(7)).
  int bits = prctl(PR_GET_SECUREBITS);
  if (bits < 0 || prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) < 0) {
    job->outcome.error = errno;
    return false;
  }
  if (!take_identity(job->fsuid, job->fsgid)) {
    job->outcome.syscall = "setfsuid";
    job->outcome.error = EPERM;
    return false;
  }
  return true;
}

static void mount_as(struct job *base) {
  struct overlay_job *job = (struct overlay_job *)base;
  if (job->attached && prepare_attached_mount(&job->attached_request, &job->outcome) < 0) return;
  if (!become(job)) return;
  if (job->attached) perform_attached_mount(&job->attached_request, &job->outcome);
  else perform_mount(&job->request, &job->outcome);
  // The kernel takes its time to end a thread that has a mount namespace of its own: it is not to be seen with that identity meanwhile.
  take_identity(geteuid(), getegid());
}

static void free_job(struct overlay_job *job) {
  release_mount_request(&job->request);
  release_strings(&job->attached_request.layers);
  free(job->attached_request.data);
  free(job);
}

static void deliver_mount(napi_env env, struct message *message) {
  struct overlay_job *job = (struct overlay_job *)message;
  if (env == NULL) {
    if (job->outcome.fd >= 0) close(job->outcome.fd);
    free_job(job);
    return;
  }
  job_finish(env, &job->job);
  struct mount_outcome *outcome = &job->outcome;
  if (outcome->error == 0) {
    napi_resolve_deferred(env, job->deferred, from_integer(env, outcome->fd));
  } else {
    napi_reject_deferred(env, job->deferred, make_errno(env, outcome->syscall, outcome->error, "overlay", outcome->said));
  }
  free_job(job);
}

static struct overlay_job *new_job(struct call *call) {
  struct overlay_job *job = calloc(1, sizeof *job);
  if (job == NULL) {
    throw_errno(call, ENOMEM, NULL);
    return NULL;
  }
  job->job.work = mount_as;
  job->job.message.deliver = deliver_mount;
  return job;
}

// The promise; or NULL, the job freed, and an exception is pending.
static napi_value start_job(struct call *call, struct overlay_job *job) {
  napi_value promise = NULL;
  if (!call->failed) {
    napi_create_promise(call->env, &job->deferred, &promise);
    int error = job_start(call->env, loop_of(call->env), &job->job);
    if (error == 0) return promise;
    call->syscall = "pthread_create";
    throw_errno(call, error, NULL);
  }
  free_job(job);
  return NULL;
}

static napi_value mount_overlay(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "fsopen", 4);
  struct overlay_job *job = new_job(&call);
  if (job == NULL) return NULL;
  job->request.fstype = strdup("overlay");
  if (job->request.fstype == NULL) throw_errno(&call, ENOMEM, NULL);
  read_mount_options(&call, 0, &job->request);
  job->request.attributes = (unsigned)integer_at(&call, 1);
  job->fsuid = (uid_t)integer_at(&call, 2);
  job->fsgid = (gid_t)integer_at(&call, 3);
  return start_job(&call, job);
}

static napi_value mount_overlay_attached(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "mount", 7);
  struct overlay_job *job = new_job(&call);
  if (job == NULL) return NULL;
  job->attached = true;
  struct attached_request *request = &job->attached_request;
  request->base = fd_at(&call, 0);
  request->disk = fd_at(&call, 1);
  request->layers = strings_at(&call, 2);
  if (!call.failed) request->data = copy_string(&call, call.argument[3]);
  request->attributes = (unsigned)integer_at(&call, 4);
  job->fsuid = (uid_t)integer_at(&call, 5);
  job->fsgid = (gid_t)integer_at(&call, 6);
  return start_job(&call, job);
}

const struct method overlay_methods[] = {{"mountOverlay", mount_overlay}, {"mountOverlayAttached", mount_overlay_attached}, {NULL, NULL}};
