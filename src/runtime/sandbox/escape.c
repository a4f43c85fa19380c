/* Tries to leave its root, in the way that its first argument names, and prints what it sees of "/" afterwards: one line a fact. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static int fail(const char *call) {
  printf("%s: %s\n", call, strerror(errno));
  return 1;
}

/* chroot(2): "the superuser can escape from a chroot jail by doing mkdir foo; chroot foo; cd .." */
static int leave_by_chroot(void) {
  mkdir("/inner", 0755);
  if (chroot("/inner") < 0) return fail("chroot");
  for (int i = 0; i < 64; i++) chdir("..");
  return chroot(".") < 0 ? fail("chroot") : 0;
}

/* Takes the root off and enters the mount namespace anew, at what then lies uppermost. */
static int leave_by_umount(int ourselves) {
  if (umount2("/", MNT_DETACH) < 0) return fail("umount2");
  return setns(ourselves, CLONE_NEWNS) < 0 ? fail("setns") : 0;
}

static void list(const char *path) {
  struct dirent *entry;
  DIR *directory = opendir(path);
  printf("%s:", path);
  while (directory != NULL && (entry = readdir(directory)) != NULL) {
    if (entry->d_name[0] != '.') printf(" %s", entry->d_name);
  }
  printf("\n");
  if (directory != NULL) closedir(directory);
}

int main(int count, char **argv) {
  struct statfs facts;
  int ourselves = open("/proc/self/ns/mnt", O_RDONLY);
  if (count != 2 || ourselves < 0) return fail("open");
  int failed = strcmp(argv[1], "chroot") == 0 ? leave_by_chroot() : leave_by_umount(ourselves);
  if (failed) return failed;
  list("/");
  list("/proc");
  list("/dev");
  if (statfs("/", &facts) < 0) return fail("statfs");
  printf("type %lx\n", (unsigned long)facts.f_type);
  printf("write: %s\n", open("/file", O_CREAT | O_WRONLY, 0644) < 0 ? strerror(errno) : "done");
  printf("further: %s\n", umount2("/", MNT_DETACH) < 0 ? strerror(errno) : "done");
  return 0;
}
