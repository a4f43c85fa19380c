/* The kernel's calls as functions that return a result or -errno. Those that libc lacks or spells differently are made directly. */
#ifndef BOSUN_OS_H
#define BOSUN_OS_H

#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define OS_CLOSE __attribute__((cleanup(os_close)))
/* From the kernel's include/linux/fs.h and include/linux/namei.h, which are not for user space. */
#define OS_MNT_DETACH 2
#define OS_UMOUNT_NOFOLLOW 8
#define OS_NANOSECONDS 1000000000u

/* close(2) of *fd unless it is negative, then -1. */
void os_close(int *fd);
/* Gives the descriptor away: *fd becomes -1. */
int os_take(int *fd);

int os_open(int directory, const char *path, int flags, unsigned mode);
int os_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int os_open_tree(int directory, const char *path, unsigned flags);
int os_move_mount(int from, int to);
int os_fsopen(const char *fstype);
int os_fsconfig(int context, unsigned command, const char *key, const char *value);
int os_fsmount(int context, unsigned attributes);
/* A context for changing the file system of this mount. */
int os_fspick(int mount);
int os_mount_setattr(int mount, unsigned flags, const struct mount_attr *attributes);
int os_mount(const char *source, const char *target, unsigned long flags);
/* A new file system, with options as one text. */
int os_mount_new(const char *source, const char *target, const char *fstype, unsigned long flags, const char *data);
int os_umount(const char *target, int flags);
int os_pivot_root(const char *new_root, const char *put_old);
int os_clone3(const struct clone_args *arguments);
/* clone(2) as fork(2). */
pid_t os_fork(void);
/* A child and a descriptor of it. Seccomp filters know no clone3(2), whose flags they could not read: then by clone(2). */
pid_t os_fork_watched(int *pidfd);
int os_setns(int fd, int flags);
int os_unshare(uint64_t flags);
int os_pidfd_open(pid_t pid);
int os_pidfd_signal(int pidfd, int signal);
void os_close_from(unsigned first, unsigned last);
/* Closes all but these, which it puts in order; negative ones are none. */
void os_close_all_but(int *kept, unsigned count);
/* Whole pages of a buffer that holds nothing now: they are zero when they are next touched. */
void os_give_back(void *start, size_t size);

/* Writes all of it; a descriptor that takes less gives -EIO. */
int os_write_all(int fd, const void *data, size_t size);
/* One write(2) of text to a file that exists, as procfs, sysfs and cgroupfs want it. */
int os_write_file(int directory, const char *path, const char *text);
/* Reads at most size - 1 bytes and ends them with NUL. */
int os_read_text(int fd, char *text, size_t size);

uint64_t os_clock(int clock);

#endif
