#include "init.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os.h"

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

static void complain(const char *program, int error) {
  const char *name = strerrordesc_np(error);
  const char *const parts[] = {"bosun init: ", program, ": ", name == NULL ? "cannot be executed" : name, "\n"};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) os_write_all(2, parts[i], strlen(parts[i]));
}

/* A group of its own in the terminal's foreground, so that an interrupt from the keyboard reaches the program once, from the terminal itself. */
_Noreturn static void become_program(char **argv, const sigset_t *mask) {
  setpgid(0, 0);
  if (isatty(0)) {
    pid_t group = getpid();
    signal(SIGTTOU, SIG_IGN);
    ioctl(0, TIOCSPGRP, &group);
    signal(SIGTTOU, SIG_DFL);
  }
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(argv[0], argv);
  int error = errno;
  complain(argv[0], error);
  _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* Reaps whatever has ended. True: the program is among it, and *status is its. */
static bool reap(pid_t program, int *status) {
  bool over = false;
  for (;;) {
    int ended_status = 0;
    pid_t ended = waitpid(-1, &ended_status, WNOHANG);
    if (ended <= 0) return over;
    if (ended != program) continue;
    *status = ended_status;
    over = true;
  }
}

int init_main(char **argv) {
  sigset_t all;
  sigset_t before;
  int status = 0;
  sigfillset(&all);
  /* What a bug of our own raises must still end us. */
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) sigdelset(&all, faults[i]);
  sigprocmask(SIG_SETMASK, &all, &before);
  pid_t program = fork();
  if (program < 0) {
    complain("fork", errno);
    return EXIT_NOT_EXECUTABLE;
  }
  if (program == 0) become_program(argv, &before);
  for (;;) {
    siginfo_t info;
    int received = sigwaitinfo(&all, &info);
    if (received < 0) continue;
    if (received != SIGCHLD) {
      kill(program, received);
    } else if (reap(program, &status)) {
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
  }
}
