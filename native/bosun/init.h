/* Role init: process 1 of a container whose program was not written to be that. */
#ifndef BOSUN_INIT_H
#define BOSUN_INIT_H

/* Runs argv (looked up in env's PATH), passes each signal on to it, reaps whatever is orphaned, and returns its exit status, or 128 and the signal. */
int init_main(char **argv, char **env);

#endif
