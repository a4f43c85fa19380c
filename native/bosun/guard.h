/*
 * A container may get hold of our executable, as /proc/PID/exe of a process that has just entered it, and would then write to it with the host's root
 * rights (CVE-2019-5736). So the monitor, and with it every stage, only ever runs from a read-only mount that no mount namespace holds: nobody inside can
 * make that writable again.
 */
#ifndef BOSUN_GUARD_H
#define BOSUN_GUARD_H

/* Where guard_executable keeps the mount: closing it earlier would cost milliseconds, in which the kernel waits for all processors. */
#define GUARD_FD 4

/* Returns when we run from a read-only mount; if we do not, starts the same program over from one. -errno when that cannot be had. */
int guard_executable(char **argv, char **env);

#endif
