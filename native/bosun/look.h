#ifndef BOSUN_LOOK_H
#define BOSUN_LOOK_H

/* Writes the regular files of these paths to descriptor 1, as seen from the directory of descriptor 3. The result is the exit code. */
int look_main(char **paths);

#endif
