/**
 * Calls that 32-bit x86 also reaches through one multiplexer: `socketcall(call, args)` (net/socket.c) and `ipc(call, …)` (ipc/syscall.c).
 * A rule for such a name must hold for both doors.
 */
export interface Multiplexer {
  readonly name: 'socketcall' | 'ipc';
  /** Which bits of the first argument choose the call: ipc keeps a version in the upper half. */
  readonly mask: number;
  readonly calls: Readonly<Record<string, number>>;
}

export const multiplexers: readonly Multiplexer[] = [
  {
    name: 'socketcall',
    mask: 0xffff_ffff,
    calls: {
      socket: 1,
      bind: 2,
      connect: 3,
      listen: 4,
      accept: 5,
      getsockname: 6,
      getpeername: 7,
      socketpair: 8,
      send: 9,
      recv: 10,
      sendto: 11,
      recvfrom: 12,
      shutdown: 13,
      setsockopt: 14,
      getsockopt: 15,
      sendmsg: 16,
      recvmsg: 17,
      accept4: 18,
      recvmmsg: 19,
      sendmmsg: 20,
    },
  },
  {
    name: 'ipc',
    mask: 0xffff,
    calls: {
      semop: 1,
      semget: 2,
      semctl: 3,
      semtimedop: 4,
      msgsnd: 11,
      msgrcv: 12,
      msgget: 13,
      msgctl: 14,
      shmat: 21,
      shmdt: 22,
      shmget: 23,
      shmctl: 24,
    },
  },
];
