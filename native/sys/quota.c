// Attributes of inodes that ioctls change. Project quotas: which project a file counts for, and what a project may take. ext4 and xfs answer the same calls (quotactl(2), ioctl_xfs_fsgetxattr(2)).
#include "sys.h"

#include <errno.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PRJQUOTA
#define PRJQUOTA 2
#endif

#define QUOTA_BLOCK 1024

static int project_quota(int directory, unsigned command, uint32_t id, void *argument) {
  return (int)syscall(SYS_quotactl_fd, directory, QCMD(command, PRJQUOTA), id, argument);
}

static napi_value get_project(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "FS_IOC_FSGETXATTR", 1);
  struct fsxattr attributes;
  int fd = fd_at(&call, 0);
  if (call.failed) return NULL;
  if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) return throw_errno(&call, errno, NULL);
  return from_integer(env, attributes.fsx_projid);
}

// A directory hands its project on to what is made in it.
static napi_value set_project(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "FS_IOC_FSGETXATTR", 3);
  struct fsxattr attributes;
  int fd = fd_at(&call, 0);
  uint32_t id = (uint32_t)integer_at(&call, 1);
  bool inherited = bool_at(&call, 2);
  if (call.failed) return NULL;
  if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) return throw_errno(&call, errno, NULL);
  attributes.fsx_projid = id;
  attributes.fsx_xflags &= ~(uint32_t)FS_XFLAG_PROJINHERIT;
  if (inherited) attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  call.syscall = "FS_IOC_FSSETXATTR";
  return done(&call, ioctl(fd, FS_IOC_FSSETXATTR, &attributes), NULL);
}

// ext4's "top of directory hierarchies": what is made in it has nothing to do with each other, so that its directories get places far apart.
static napi_value spread_directories(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "FS_IOC_GETFLAGS", 1);
  int fd = fd_at(&call, 0), flags = 0;
  if (call.failed) return NULL;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return throw_errno(&call, errno, NULL);
  flags |= FS_TOPDIR_FL;
  call.syscall = "FS_IOC_SETFLAGS";
  return done(&call, ioctl(fd, FS_IOC_SETFLAGS, &flags), NULL);
}

static napi_value quota_state(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "quotactl_fd", 1);
  struct fs_quota_statv state = {.qs_version = FS_QSTATV_VERSION1};
  int fd = fd_at(&call, 0);
  if (call.failed) return NULL;
  if (project_quota(fd, Q_XGETQSTATV, 0, &state) < 0) return throw_errno(&call, errno, NULL);
  napi_value result, accounted, enforced;
  napi_create_object(env, &result);
  napi_get_boolean(env, (state.qs_flags & FS_QUOTA_PDQ_ACCT) != 0, &accounted);
  napi_get_boolean(env, (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0, &enforced);
  set_property(env, result, "accounted", accounted);
  set_property(env, result, "enforced", enforced);
  return result;
}

static napi_value get_quota(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "quotactl_fd", 2);
  struct dqblk block = {0};
  int fd = fd_at(&call, 0);
  uint32_t id = (uint32_t)integer_at(&call, 1);
  if (call.failed) return NULL;
  // ENOENT: xfs has nothing written down about this project.
  if (project_quota(fd, Q_GETQUOTA, id, &block) < 0 && errno != ENOENT) return throw_errno(&call, errno, NULL);
  napi_value result, limited;
  napi_create_object(env, &result);
  napi_get_boolean(env, block.dqb_bhardlimit != 0 || block.dqb_bsoftlimit != 0 || block.dqb_ihardlimit != 0 || block.dqb_isoftlimit != 0, &limited);
  set_property(env, result, "limited", limited);
  set_property(env, result, "limitBytes", from_integer(env, (int64_t)(block.dqb_bhardlimit * QUOTA_BLOCK)));
  set_property(env, result, "usedBytes", from_integer(env, (int64_t)block.dqb_curspace));
  set_property(env, result, "usedInodes", from_integer(env, (int64_t)block.dqb_curinodes));
  return result;
}

static napi_value set_quota(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "quotactl_fd", 3);
  int fd = fd_at(&call, 0);
  uint32_t id = (uint32_t)integer_at(&call, 1);
  uint64_t bytes = (uint64_t)integer_at(&call, 2);
  struct dqblk block = {.dqb_bhardlimit = bytes / QUOTA_BLOCK, .dqb_valid = QIF_BLIMITS};
  return call.failed ? NULL : done(&call, project_quota(fd, Q_SETQUOTA, id, &block), NULL);
}

const struct method quota_methods[] = {{"getProject", get_project},
                                       {"setProject", set_project},
                                       {"spreadDirectories", spread_directories},
                                       {"projectQuotaState", quota_state},
                                       {"getProjectQuota", get_quota},
                                       {"setProjectQuota", set_quota},
                                       {NULL, NULL}};
