/* Paths below the container's root. Nothing here ever follows a link out of it: the kernel resolves with RESOLVE_IN_ROOT. */
#ifndef BOSUN_ROOT_H
#define BOSUN_ROOT_H

#include "stage.h"

enum root_make { ROOT_MAKE_NOTHING = 0, ROOT_MAKE_DIRECTORY = 1, ROOT_MAKE_FILE = 2 };

struct root_owner {
  uint32_t mode;
  uint32_t uid;
  uint32_t gid;
  bool set; /* false: the mode counts, the owner is whoever we are */
};

/* A detached tmpfs of at most `inodes` files (its root is one), read-only when it is to stay empty: the descriptor or -errno. */
int root_tmpfs(const char *inodes, bool read_only);
/* Opens target with open(2) flags: the descriptor or -errno. Magic links are never followed. */
int root_open(struct stage *stage, const char *target, int flags);
/* The same, refusing every symbolic link: for what must lie at exactly this path. */
int root_open_plain(struct stage *stage, const char *target, int flags);
/* An O_PATH descriptor of target, which is made when it is missing, with its parents (0755). A dangling link is followed inside the root. */
int root_make(struct stage *stage, const char *target, enum root_make make, const struct root_owner *owner);
/*
 * -ELOOP when `place`, which target was resolved to, lies on procfs and target does not say so: a link in the root then leads there, and whatever is mounted
 * would stand in for the kernel's word (CVE-2019-16884, CVE-2025-52565).
 */
int root_check_place(int place, const char *target);
/*
 * Opens a file of procfs by its path below /proc, past nothing that anybody could have mounted on /proc or in it: -EXDEV when there is something
 * (CVE-2025-52881). `trusted`: the mounts in /proc are this stage's own work and may be crossed.
 */
int root_open_proc(struct stage *stage, const char *path, int flags, bool trusted);
/* An O_PATH descriptor of target's parent, made when missing. *name points to the last component; -EINVAL when that is no name. */
int root_parent(struct stage *stage, const char *target, const char **name);

#endif
