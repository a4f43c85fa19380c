// File systems in files: loop devices (loop(4)), growing ext4, and mounting and letting go of what a disk is waited for.
#include "sys.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// ext4 keeps this number in a header of its own (fs/ext4/ext4.h).
#ifndef EXT4_IOC_RESIZE_FS
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)
#endif

static napi_value free_loop_device(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "LOOP_CTL_GET_FREE", 1);
  int control = fd_at(&call, 0);
  return call.failed ? NULL : number_or_errno(&call, ioctl(control, LOOP_CTL_GET_FREE), NULL);
}

static napi_value configure_loop(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "LOOP_CONFIGURE", 4);
  int device = fd_at(&call, 0);
  int file = fd_at(&call, 1);
  unsigned flags = (unsigned)integer_at(&call, 2);
  unsigned block_size = (unsigned)integer_at(&call, 3);
  struct loop_config config = {.fd = (uint32_t)file, .block_size = block_size, .info = {.lo_flags = flags}};
  return call.failed ? NULL : done(&call, ioctl(device, LOOP_CONFIGURE, &config), NULL);
}

static napi_value loop_status(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "LOOP_GET_STATUS64", 1);
  struct loop_info64 status = {0};
  int device = fd_at(&call, 0);
  if (call.failed) return NULL;
  if (ioctl(device, LOOP_GET_STATUS64, &status) < 0) return errno == ENXIO ? null_value(env) : throw_errno(&call, errno, NULL);
  napi_value result;
  napi_create_object(env, &result);
  set_property(env, result, "dev", from_bigint(env, status.lo_device));
  set_property(env, result, "ino", from_bigint(env, status.lo_inode));
  set_property(env, result, "flags", from_integer(env, status.lo_flags));
  return result;
}

static napi_value refresh_loop_size(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "LOOP_SET_CAPACITY", 1);
  int device = fd_at(&call, 0);
  return call.failed ? NULL : done(&call, ioctl(device, LOOP_SET_CAPACITY, 0), NULL);
}

// What takes a disk's time has a thread of its own.
struct disk_job {
  struct job job;
  struct mount_request request;
  struct mount_outcome outcome;
  int fd;
  uint64_t blocks;
  napi_deferred deferred;
};

static void mount_aside_work(struct job *base) {
  struct disk_job *job = (struct disk_job *)base;
  perform_mount(&job->request, &job->outcome);
}

// The last descriptor of a detached mount unmounts it, and a file system is written out then: in the thread that closes.
static void close_aside_work(struct job *base) {
  struct disk_job *job = (struct disk_job *)base;
  close(job->fd);
}

static void syncfs_work(struct job *base) {
  struct disk_job *job = (struct disk_job *)base;
  job->outcome.syscall = "syncfs";
  if (syncfs(job->fd) < 0) job->outcome.error = errno;
}

static void resize_work(struct job *base) {
  struct disk_job *job = (struct disk_job *)base;
  job->outcome.syscall = "EXT4_IOC_RESIZE_FS";
  if (ioctl(job->fd, EXT4_IOC_RESIZE_FS, &job->blocks) < 0) job->outcome.error = errno;
}

static void free_disk_job(struct disk_job *job) {
  release_mount_request(&job->request);
  free(job);
}

static void deliver_disk_job(napi_env env, struct message *message) {
  struct disk_job *job = (struct disk_job *)message;
  struct mount_outcome *outcome = &job->outcome;
  if (env == NULL) {
    if (outcome->fd >= 0) close(outcome->fd);
    free_disk_job(job);
    return;
  }
  job_finish(env, &job->job);
  if (outcome->error != 0) {
    napi_reject_deferred(env, job->deferred, make_errno(env, outcome->syscall, outcome->error, job->request.fstype, outcome->said));
  } else {
    napi_resolve_deferred(env, job->deferred, outcome->fd >= 0 ? from_integer(env, outcome->fd) : undefined(env));
  }
  free_disk_job(job);
}

static struct disk_job *new_disk_job(struct call *call, void (*work)(struct job *)) {
  struct disk_job *job = calloc(1, sizeof *job);
  if (job == NULL) {
    throw_errno(call, ENOMEM, NULL);
    return NULL;
  }
  job->job.work = work;
  job->job.message.deliver = deliver_disk_job;
  job->outcome.fd = -1;
  return job;
}

static napi_value start_disk_job(struct call *call, struct disk_job *job) {
  napi_value promise = NULL;
  if (!call->failed) {
    napi_create_promise(call->env, &job->deferred, &promise);
    int error = job_start(call->env, loop_of(call->env), &job->job);
    if (error == 0) return promise;
    call->syscall = "pthread_create";
    throw_errno(call, error, NULL);
  }
  free_disk_job(job);
  return NULL;
}

static napi_value mount_aside(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "fsopen", 3);
  struct disk_job *job = new_disk_job(&call, mount_aside_work);
  if (job == NULL) return NULL;
  if (!call.failed) job->request.fstype = copy_string(&call, call.argument[0]);
  read_mount_options(&call, 1, &job->request);
  job->request.attributes = (unsigned)integer_at(&call, 2);
  return start_disk_job(&call, job);
}

static napi_value close_aside(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "close", 1);
  struct disk_job *job = new_disk_job(&call, close_aside_work);
  if (job == NULL) return NULL;
  job->fd = fd_at(&call, 0);
  return start_disk_job(&call, job);
}

static napi_value syncfs_aside(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "syncfs", 1);
  struct disk_job *job = new_disk_job(&call, syncfs_work);
  if (job == NULL) return NULL;
  job->fd = fd_at(&call, 0);
  return start_disk_job(&call, job);
}

static napi_value resize_ext4(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "EXT4_IOC_RESIZE_FS", 2);
  struct disk_job *job = new_disk_job(&call, resize_work);
  if (job == NULL) return NULL;
  job->fd = fd_at(&call, 0);
  job->blocks = (uint64_t)integer_at(&call, 1);
  return start_disk_job(&call, job);
}

const struct method disk_methods[] = {{"freeLoopDevice", free_loop_device},   {"configureLoop", configure_loop}, {"loopStatus", loop_status},
                                      {"refreshLoopSize", refresh_loop_size}, {"mountAside", mount_aside},       {"closeAside", close_aside},
                                      {"resizeExt4", resize_ext4},            {"syncfsAside", syncfs_aside},     {NULL, NULL}};
