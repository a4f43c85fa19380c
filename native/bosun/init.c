#include "init.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os.h"
#include "program.h"
#include "text.h"

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

static void complain(const char *program, int error) {
  char line[256];
  struct text text = TEXT_ON(line);
  text_add(&text, "bosun init: ");
  text_add(&text, program);
  text_add(&text, error == ENOENT ? ": not found" : error == EACCES ? ": not executable" : ": cannot be executed, errno ");
  if (error != ENOENT && error != EACCES) text_add_number(&text, error);
  text_add(&text, "\n");
  os_write_all(2, text.at, text.used);
}

static const char *search_path(char *const *env) {
  for (; *env != NULL; env++) {
    if (strncmp(*env, "PATH=", 5) == 0) return *env + 5;
  }
  return NULL;
}

/* A group of its own in the terminal's foreground, so that an interrupt from the keyboard reaches the program once, from the terminal itself. */
_Noreturn static void become_program(char **argv, char **env, const sigset_t *mask) {
  setpgid(0, 0);
  pid_t group = getpid();
  signal(SIGTTOU, SIG_IGN);
  /* Fails, as it should, when standard input is no terminal. */
  ioctl(0, TIOCSPGRP, &group);
  signal(SIGTTOU, SIG_DFL);
  sigprocmask(SIG_SETMASK, mask, NULL);
  int error = -program_try(argv[0], search_path(env), program_execute, argv, env);
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

int init_main(char **argv, char **env) {
  sigset_t all;
  sigset_t before;
  int status = 0;
  sigfillset(&all);
  /* What a bug of our own raises must still end us. */
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) sigdelset(&all, faults[i]);
  sigprocmask(SIG_SETMASK, &all, &before);
  /* The old call: a container's filter answers ENOSYS to clone3, whose flags it cannot see. */
  pid_t program = os_fork();
  if (program < 0) {
    complain(argv[0], -program);
    return EXIT_NOT_EXECUTABLE;
  }
  if (program == 0) become_program(argv, env, &before);
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
