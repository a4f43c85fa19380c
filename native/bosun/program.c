#include "program.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int program_execute(const char *program, char *const *argv, char *const *env) {
  execve(program, argv, env);
  return -errno;
}

int program_try(const char *name, const char *path, program_attempt *attempt, char *const *argv, char *const *env) {
  int denied = 0;
  if (name[0] == '\0') return -ENOENT;
  if (strchr(name, '/') != NULL) return attempt(name, argv, env);
  for (const char *at = path == NULL ? USUAL_PATH : path; at != NULL;) {
    char program[PATH_MAX];
    struct text text = TEXT_ON(program);
    size_t length = strcspn(at, ":");
    text_add_bytes(&text, at, length);
    text_add(&text, "/");
    text_add(&text, name);
    bool usable = at[0] == '/' && text.used < sizeof program - 1;
    at = at[length] == ':' ? at + length + 1 : NULL;
    int error = usable ? attempt(program, argv, env) : -ENOENT;
    if (error == -EACCES) denied = error;
    else if (error != -ENOENT && error != -ENOTDIR) return error;
  }
  return denied != 0 ? denied : -ENOENT;
}
