/**
 * What `sys.node` (native/sys) exports: thin, typed system calls, no logic. A failing call throws an Error with
 * `code` (`ENOENT`), `errno` (positive number), `syscall` and, where it had one, `path`; `sys` turns it into an ErrnoError.
 * All descriptors that it returns are close-on-exec. Uses Node-API only, so Node and Bun load the same file.
 */
export interface Addon {
  // Processes
  /**
   * posix_spawn(3). Child descriptor i is `descriptors[i]` (-1: /dev/null). Signals are reset, `session` calls setsid.
   * Only the listed descriptors are inherited.
   */
  spawn(file: string, argv: readonly string[], env: readonly string[], descriptors: readonly number[], session: boolean): { pid: number; pidfd: number };
  pidfdOpen(pid: number): number;
  pidfdSendSignal(pidfd: number, signal: number): void;
  /** waitid(P_PIDFD, WEXITED | WNOHANG). null while it runs or when it is not our child. `status` as in wait(2). */
  reap(pidfd: number): { status: number } | null;
  /** Calls back once, from the addon's epoll thread, when the descriptor is readable or hung up. The handle keeps the event loop alive only if `keepAlive`. */
  whenReadable(descriptor: number, keepAlive: boolean, callback: () => void): { cancel(): void };

  // Descriptors and sockets
  close(descriptor: number): void;
  dup(descriptor: number): number;
  /** memfd_create(2) filled with data, sealed against change. */
  memfd(name: string, data: Uint8Array): number;
  /** AF_UNIX SOCK_STREAM pair. */
  socketPair(): [number, number];
  /** sendmsg(2) with SCM_RIGHTS; sends all of data (blocking). */
  sendDescriptors(socket: number, data: Uint8Array, descriptors: readonly number[]): void;
  /** recvmsg(2), blocking unless timeoutMs passes (then ETIMEDOUT). Empty data: end of stream. */
  receiveDescriptors(socket: number, maxBytes: number, maxDescriptors: number, timeoutMs: number): { data: Buffer; descriptors: number[] };
  connectUnix(path: string): number;

  // Files, below a directory descriptor
  /** openat2(2). resolve: RESOLVE_* bits. */
  openat2(directory: number, path: string, flags: number, mode: number, resolve: number): number;
  mkdirat(directory: number, path: string, mode: number): void;
  mknodat(directory: number, path: string, mode: number, major: number, minor: number): void;
  symlinkat(target: string, directory: number, path: string): void;
  linkat(fromDirectory: number, fromPath: string, toDirectory: number, toPath: string, flags: number): void;
  unlinkat(directory: number, path: string, flags: number): void;
  renameat2(fromDirectory: number, fromPath: string, toDirectory: number, toPath: string, flags: number): void;
  readlinkat(directory: number, path: string): string;
  fchownat(directory: number, path: string, uid: number, gid: number, flags: number): void;
  fchmodat(directory: number, path: string, mode: number, flags: number): void;
  /** utimensat(2); times are nanoseconds since the epoch. */
  utimensat(directory: number, path: string, accessNs: bigint, modifyNs: bigint, flags: number): void;
  fstatat(directory: number, path: string, flags: number): { mode: number; uid: number; gid: number; size: number; nlink: number; ino: bigint; dev: bigint; rdevMajor: number; rdevMinor: number; mtimeNs: bigint; blocks: number };
  /** Extended attributes of what an O_PATH or ordinary descriptor refers to (through /proc/self/fd). */
  setxattr(descriptor: number, name: string, value: Uint8Array): void;
  getxattr(descriptor: number, name: string): Buffer | null;
  listxattr(descriptor: number): string[];
  copyFileRange(from: number, fromOffset: number, to: number, toOffset: number, length: number): number;
  /** syncfs(2). */
  syncfs(descriptor: number): void;
  statfs(path: string): { type: number; blockSize: number; blocks: number; available: number; files: number; filesFree: number };

  // Mounts (new mount API)
  openTree(directory: number, path: string, flags: number): number;
  moveMount(fromDirectory: number, fromPath: string, toDirectory: number, toPath: string, flags: number): void;
  /** fsopen, one fsconfig a [key, value] (null value: flag), FSCONFIG_CMD_CREATE, fsmount(attributes). Returns the detached mount. The kernel's own message, when it gave one, is in the error's message. */
  mountDetached(fstype: string, options: readonly (readonly [string, string | null])[], attributes: number): number;
  /**
   * The same for overlay, from a thread of the pool whose fsuid and fsgid are the given ids and whose SECBIT_NO_SETUID_FIXUP is set, so that
   * what the overlay creates belongs to them; the thread is put back afterwards, or ended when it cannot be.
   */
  mountOverlay(options: readonly (readonly [string, string | null])[], attributes: number, fsuid: number, fsgid: number): Promise<number>;
  mountSetattr(directory: number, path: string, flags: number, set: bigint, clear: bigint, propagation: bigint, userns: number): void;
  mount(source: string | null, target: string, fstype: string | null, flags: number, data: string | null): void;
  umount(target: string, flags: number): void;

  // Network
  /** A netlink socket made inside the network namespace `netns` (-1: ours), by a short-lived thread that joins it. */
  netlinkOpen(protocol: number, netns: number): number;
  netlinkSend(socket: number, message: Uint8Array): void;
  /** The next datagram, or null when none waits. */
  netlinkReceive(socket: number): Buffer | null;
  /** socket(2) + bind(2) (+ listen for SOCK_STREAM) inside a network namespace; for the embedded DNS. address: IPv4 or IPv6 text. */
  bindInNamespace(netns: number, type: number, address: string, port: number): number;

  // Terminals
  setWindowSize(descriptor: number, rows: number, columns: number): void;

  // Self
  prctl(option: number, argument: number): number;
  getrlimit(resource: number): { soft: bigint; hard: bigint };
  umask(mask: number): number;
}
