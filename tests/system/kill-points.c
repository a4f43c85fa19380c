/*
 * Preloaded into an engine (ld.so(8), LD_PRELOAD): kills it with SIGKILL just before its n-th step, a step being a call that changes what is there for others: a name, a synced or a
 * written file, an attribute, a mount, a message to another process. How many steps are left stands in the file that ORLOP_KILL_POINTS names, which the test writes and reads:
 * 0 is none, ever. Only the process whose program is named node counts, not those that it starts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static _Atomic int64_t *steps_left;
static pid_t engine;

__attribute__((constructor)) static void prepare(void)
{
	const char *path = getenv("ORLOP_KILL_POINTS");
	char program[4096];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
	if (path == NULL || length <= 0)
		return;
	program[length] = '\0';
	if (strcmp(strrchr(program, '/') + 1, "node") != 0)
		return;
	int descriptor = open(path, O_RDWR | O_CLOEXEC);
	if (descriptor < 0)
		return;
	void *page = mmap(NULL, sizeof *steps_left, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	close(descriptor);
	if (page == MAP_FAILED)
		return;
	engine = getpid();
	steps_left = page;
}

static void step(void)
{
	/* A child on its way to another program shares our memory (vfork(2)). */
	if (steps_left == NULL || getpid() != engine)
		return;
	int64_t left = *steps_left;
	while (left > 0) {
		if (!__atomic_compare_exchange_n((int64_t *)steps_left, &left, left - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			continue;
		if (left == 1)
			raise(SIGKILL);
		return;
	}
}

#define STEP(type, name, parameters, ...)                                     \
	type name parameters                                                  \
	{                                                                     \
		static type(*next) parameters;                                \
		if (next == NULL)                                             \
			next = (type(*) parameters)dlsym(RTLD_NEXT, #name);   \
		step();                                                       \
		return next(__VA_ARGS__);                                     \
	}

STEP(int, rename, (const char *from, const char *to), from, to)
STEP(int, renameat, (int a, const char *from, int b, const char *to), a, from, b, to)
STEP(int, renameat2, (int a, const char *from, int b, const char *to, unsigned int flags), a, from, b, to, flags)
STEP(int, link, (const char *from, const char *to), from, to)
STEP(int, linkat, (int a, const char *from, int b, const char *to, int flags), a, from, b, to, flags)
STEP(int, symlink, (const char *target, const char *path), target, path)
STEP(int, symlinkat, (const char *target, int at, const char *path), target, at, path)
STEP(int, mkdir, (const char *path, mode_t mode), path, mode)
STEP(int, mkdirat, (int at, const char *path, mode_t mode), at, path, mode)
STEP(int, mknodat, (int at, const char *path, mode_t mode, dev_t device), at, path, mode, device)
STEP(int, unlink, (const char *path), path)
STEP(int, unlinkat, (int at, const char *path, int flags), at, path, flags)
STEP(int, rmdir, (const char *path), path)
STEP(int, fsync, (int descriptor), descriptor)
STEP(int, fdatasync, (int descriptor), descriptor)
STEP(int, ftruncate, (int descriptor, off_t length), descriptor, length)
STEP(int, ftruncate64, (int descriptor, off64_t length), descriptor, length)
STEP(ssize_t, pwrite, (int descriptor, const void *bytes, size_t count, off_t at), descriptor, bytes, count, at)
STEP(ssize_t, pwrite64, (int descriptor, const void *bytes, size_t count, off64_t at), descriptor, bytes, count, at)
STEP(int, fsetxattr, (int descriptor, const char *name, const void *value, size_t size, int flags), descriptor, name, value, size, flags)
STEP(int, setxattr, (const char *path, const char *name, const void *value, size_t size, int flags), path, name, value, size, flags)
STEP(int, lsetxattr, (const char *path, const char *name, const void *value, size_t size, int flags), path, name, value, size, flags)
STEP(int, umount2, (const char *path, int flags), path, flags)
STEP(ssize_t, sendmsg, (int socket, const struct msghdr *message, int flags), socket, message, flags)

/* The addon makes calls by number where libc of an older Debian has no function for them. */
long syscall(long number, ...)
{
	static long (*next)(long, ...);
	va_list list;
	long arguments[6];

	if (next == NULL)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	va_start(list, number);
	for (int at = 0; at < 6; at++)
		arguments[at] = va_arg(list, long);
	va_end(list);
	switch (number) {
	case SYS_renameat2:
	case SYS_fsmount:
	case SYS_move_mount:
	case SYS_mount_setattr:
	case SYS_setxattr:
		step();
	}
	return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
