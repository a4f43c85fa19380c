/* Looking a program up as a shell does. */
#ifndef BOSUN_PROGRAM_H
#define BOSUN_PROGRAM_H

/* What to do with a candidate: 0, or -errno. -ENOENT and -ENOTDIR mean "not here". */
typedef int program_attempt(const char *program, char *const *argv, char *const *env);

/*
 * Tries the program where its name says, or, when the name has no slash, in each absolute directory of path (NULL: the usual ones), until `attempt` gives
 * something else than "not here". As execvp(3): a program that may not be executed is only reported when no other is found.
 */
int program_try(const char *name, const char *path, program_attempt *attempt, char *const *argv, char *const *env);
/* execve(2) as an attempt: returns only when it fails. */
program_attempt program_execute;

#endif
