/*
 * A file system in user space with one file, /file. It answers until SIGUSR1 comes; from then on it takes each request and answers none, as a server that hangs. After SIGUSR2 it asks itself
 * something before it answers, in one thread after the other, so that its threads wait for answers of each other and cannot be killed. hanging-fuse MOUNTPOINT: mounts itself there, and goes on in the background; its process id is the output.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char content[] = "hello\n";
static const char *place;
static volatile sig_atomic_t silent, asking;

static void fall_silent(int signal) { silent = signal; }
static void ask_itself(int signal) { asking = signal; }

static void answer(int device, uint64_t unique, int error, const void *body, size_t length)
{
	static char out[sizeof(struct fuse_out_header) + 4096];
	struct fuse_out_header head = {.len = (uint32_t)(sizeof head + length), .error = -error, .unique = unique};
	memcpy(out, &head, sizeof head);
	if (length > 0)
		memcpy(out + sizeof head, body, length);
	/* Who asked may have gone. */
	if (write(device, out, head.len) < 0 && errno != ENOENT)
		_exit(3);
}

static struct fuse_attr attributes(uint64_t node)
{
	struct fuse_attr attr = {.ino = node, .nlink = 1, .blksize = 4096};
	attr.mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0755;
	attr.size = node == 1 ? 0 : sizeof content - 1;
	return attr;
}

static void answer_lookup(int device, uint64_t unique, const char *name)
{
	struct fuse_entry_out entry = {.nodeid = 2, .attr = attributes(2)};
	int there = strcmp(name, "file") == 0;
	answer(device, unique, there ? 0 : ENOENT, &entry, there ? sizeof entry : 0);
}

static void answer_read(int device, const struct fuse_in_header *head, const struct fuse_read_in *wish)
{
	struct {
		struct fuse_dirent entry;
		char name[8];
	} list = {{.ino = 2, .off = 1, .namelen = 4, .type = 8 /* DT_REG */}, "file"};
	if (head->opcode == FUSE_READDIR)
		answer(device, head->unique, 0, &list, wish->offset == 0 ? FUSE_DIRENT_SIZE(&list.entry) : 0);
	else
		answer(device, head->unique, 0, content, wish->offset == 0 ? sizeof content - 1 : 0);
}

static void serve(int device, const struct fuse_in_header *head, const void *body)
{
	struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096};
	struct fuse_attr_out attr = {.attr = attributes(head->nodeid)};
	struct fuse_open_out open = {.fh = 1};
	struct fuse_statfs_out space = {.st = {.blocks = 1, .bsize = 4096, .namelen = 255, .frsize = 4096}};
	switch (head->opcode) {
	case FUSE_INIT:
		return answer(device, head->unique, 0, &init, sizeof init);
	case FUSE_GETATTR:
		return answer(device, head->unique, 0, &attr, sizeof attr);
	case FUSE_LOOKUP:
		return answer_lookup(device, head->unique, body);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return answer(device, head->unique, 0, &open, sizeof open);
	case FUSE_READ:
	case FUSE_READDIR:
		return answer_read(device, head, body);
	case FUSE_STATFS:
		return answer(device, head->unique, 0, &space, sizeof space);
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
		return answer(device, head->unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		return answer(device, head->unique, ENOSYS, NULL, 0);
	}
}

static void *loop(void *device);

static void ask_in_turn(void *device)
{
	pthread_t next;
	struct stat facts;
	static int threads = 1;
	/* The last one only takes what the one before it asks. */
	if (threads == 3)
		silent = 1;
	else if (threads++, pthread_create(&next, NULL, loop, device) == 0)
		stat(place, &facts);
}

static void *loop(void *argument)
{
	int device = *(int *)argument;
	/* The kernel's smallest for its requests, of each thread's own. */
	char request[FUSE_MIN_READ_BUFFER + 4096];
	for (;;) {
		ssize_t got = read(device, request, sizeof request);
		if (got < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (got < (ssize_t)sizeof(struct fuse_in_header))
			return NULL;
		if (asking)
			ask_in_turn(argument);
		if (!silent)
			serve(device, (struct fuse_in_header *)request, request + sizeof(struct fuse_in_header));
	}
}

int main(int argc, char **argv)
{
	char options[100];
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (argc != 2 || device < 0)
		return perror("hanging-fuse: /dev/fuse"), 1;
	place = argv[1];
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
	if (mount("hanging", place, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return perror("hanging-fuse: mount"), 1;
	signal(SIGUSR1, fall_silent);
	signal(SIGUSR2, ask_itself);
	pid_t server = fork();
	if (server != 0)
		return printf("%d\n", server), server < 0;
	setsid();
	close(0), close(1), close(2);
	loop(&device);
	return 0;
}
