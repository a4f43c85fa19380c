/* A seccomp agent (runtime-spec config-linux, "listenerPath"; seccomp_unotify(2)): prints each container process state that it is sent, a line each, answers mkdir with
   ENOMEDIUM and lets every other call go on. Usage: seccomp-agent SOCKET */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* The state is one message, the descriptor comes with it. */
static int receive(int connection, char *state, size_t size) {
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec text = {.iov_base = state, .iov_len = size - 1};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (length <= 0 || head == NULL || head->cmsg_type != SCM_RIGHTS) die("recvmsg");
  state[length] = '\0';
  int notify;
  memcpy(&notify, CMSG_DATA(head), sizeof notify);
  return notify;
}

static void answer(int notify) {
  struct pollfd watched = {.fd = notify, .events = POLLIN};
  while (poll(&watched, 1, -1) > 0 && (watched.revents & POLLHUP) == 0) {
    struct seccomp_notif asked = {0};
    if (ioctl(notify, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0) continue;
    int is_mkdir = asked.data.nr == SYS_mkdirat;
#ifdef SYS_mkdir
    is_mkdir |= asked.data.nr == SYS_mkdir;
#endif
    struct seccomp_notif_resp said = {.id = asked.id};
    if (is_mkdir) said.error = -ENOMEDIUM;
    else said.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(notify, SECCOMP_IOCTL_NOTIF_SEND, &said);
  }
}

static void serve(int connection) {
  char state[65536];
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int notify = receive(connection, state, sizeof state);
  close(connection);
  printf("%s\n", state);
  fflush(stdout);
  answer(notify);
  exit(0);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0) die("listen");
  signal(SIGCHLD, SIG_IGN);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) die("accept");
    if (fork() == 0) serve(connection);
    close(connection);
  }
}
