// Files that share what they have in common on disk (ioctl_fideduperange(2), fiemap.rst), and what of files is in memory (cachestat(2)).
#include "sys.h"

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXTENTS 64

// -1: the two differ. The kernel compares and shares with both locked: nobody sees anything but the same bytes.
static napi_value share_range(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "FIDEDUPERANGE", 4);
  int source = fd_at(&call, 0);
  int target = fd_at(&call, 1);
  uint64_t offset = (uint64_t)integer_at(&call, 2);
  uint64_t length = (uint64_t)integer_at(&call, 3);
  if (call.failed) return NULL;
  _Alignas(struct file_dedupe_range) char room[sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info)] = {0};
  struct file_dedupe_range *range = (struct file_dedupe_range *)room;
  range->src_offset = offset;
  range->src_length = length;
  range->dest_count = 1;
  range->info[0].dest_fd = target;
  range->info[0].dest_offset = offset;
  if (ioctl(source, FIDEDUPERANGE, range) < 0) return throw_errno(&call, errno, NULL);
  if (range->info[0].status == FILE_DEDUPE_RANGE_DIFFERS) return from_integer(env, -1);
  if (range->info[0].status < 0) return throw_errno(&call, -range->info[0].status, NULL);
  return from_integer(env, (int64_t)range->info[0].bytes_deduped);
}

struct map {
  struct fiemap head;
  struct fiemap_extent extents[EXTENTS];
};

static int map_file(int fd, struct map *map) {
  memset(map, 0, sizeof *map);
  map->head.fm_length = FIEMAP_MAX_OFFSET;
  map->head.fm_flags = FIEMAP_FLAG_SYNC;
  map->head.fm_extent_count = EXTENTS;
  return ioctl(fd, FS_IOC_FIEMAP, map) < 0 ? -errno : 0;
}

// Of a file with more extents only the first count: whatever is shared again costs time, and nothing else.
static napi_value shares_extents(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "FS_IOC_FIEMAP", 2);
  static struct map maps[2];
  int fds[2] = {fd_at(&call, 0), fd_at(&call, 1)};
  if (call.failed) return NULL;
  for (int i = 0; i < 2; i++) {
    int error = map_file(fds[i], &maps[i]);
    if (error < 0) return throw_errno(&call, -error, NULL);
  }
  bool same = maps[0].head.fm_mapped_extents == maps[1].head.fm_mapped_extents && maps[0].head.fm_mapped_extents > 0;
  for (uint32_t i = 0; same && i < maps[0].head.fm_mapped_extents; i++) {
    const struct fiemap_extent *one = &maps[0].extents[i];
    const struct fiemap_extent *other = &maps[1].extents[i];
    same = (one->fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DATA_INLINE)) == 0 && one->fe_logical == other->fe_logical &&
           one->fe_physical == other->fe_physical && one->fe_length == other->fe_length;
  }
  napi_value result;
  napi_get_boolean(env, same, &result);
  return result;
}

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

// The structures of linux/mman.h, which an older Debian's headers do not have. All of them are pages.
struct cached_range {
  uint64_t offset;
  uint64_t length;
};
struct cached_pages {
  uint64_t cached;
  uint64_t dirty;
  uint64_t writeback;
  uint64_t evicted;
  uint64_t recently_evicted;
};

static napi_value cached_bytes(napi_env env, napi_callback_info info) {
  struct call call = call_begin(env, info, "cachestat", 1);
  int fd = fd_at(&call, 0);
  if (call.failed) return NULL;
  struct cached_range whole = {0};
  struct cached_pages pages = {0};
  if (syscall(SYS_cachestat, fd, &whole, &pages, 0) == 0) return from_integer(env, (int64_t)pages.cached * sysconf(_SC_PAGESIZE));
  if (errno != ENOSYS && errno != EOPNOTSUPP && errno != EPERM) return throw_errno(&call, errno, NULL);
  return from_integer(env, 0);
}

const struct method sharing_methods[] = {{"shareRange", share_range},
                                         {"sharesExtents", shares_extents},
                                         {"cachedBytes", cached_bytes},
                                         {NULL, NULL}};
