/**
 * What `sys.node` (native/sys) exports: thin, typed system calls, no logic. A failing call throws an Error with
 * `code` (`ENOENT`), `errno` (positive number), `syscall` and, where it had one, `path`; `sys` turns it into an ErrnoError.
 * What the kernel itself said about a refused mount is in `said`. A wrong argument type throws a TypeError. All descriptors that it returns are
 * close-on-exec. Uses Node-API only, so Node and Bun load the same file.
 */

/** A path as text or, since Linux file names need not be UTF-8, as bytes. At most PATH_MAX with its NUL, without NUL inside. */
export type PathText = string | Uint8Array;

/** One fsconfig(2) parameter: a string, a flag (null) or a descriptor (number, FSCONFIG_SET_FD). The kernel takes strings up to 255 bytes. */
export type MountOption = readonly [key: string, value: string | number | null];

/** What stat(2) tells; times in nanoseconds since the epoch, `blocks` of 512 bytes. */
export interface FileFacts {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly nlink: number;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly mtimeNs: bigint;
  readonly blocks: number;
}

declare const fileQueue: unique symbol;
/** A handle of the addon's. */
export interface FileQueue {
  readonly [fileQueue]: true;
}

export interface Addon {
  // Processes
  /**
   * posix_spawn(3). Child descriptor i is `descriptors[i]` (-1: /dev/null). Signals are reset, `session` calls setsid.
   * Only the listed descriptors are inherited.
   */
  spawn(
    file: string,
    argv: readonly string[],
    env: readonly string[],
    descriptors: readonly number[],
    session: boolean,
  ): { pid: number; pidfd: number };
  pidfdOpen(pid: number): number;
  pidfdSendSignal(pidfd: number, signal: number): void;
  /** waitid(P_PIDFD, WEXITED | WNOHANG). null while it runs or when it is not our child. `status` as in wait(2). */
  reap(pidfd: number): { status: number } | null;
  /**
   * Calls back once, on the JavaScript thread, when the descriptor is readable or hung up, seen by the addon's own epoll thread. It watches a duplicate:
   * closing the descriptor neither ends the watch nor shows the peer an end until `cancel`. The event loop is kept alive only if `keepAlive`.
   */
  whenReadable(descriptor: number, keepAlive: boolean, callback: () => void): { cancel(): void };
  /**
   * poll(2), blocking: true once one of the descriptors is readable or hung up, false when `timeoutMs` has passed (negative: no limit) or a signal has come, whose handlers
   * run when the event loop does. For command lines that have nothing else to do: the event loop and the thread that watches for it take longer to set up than many waits last.
   */
  pollReadable(descriptors: readonly number[], timeoutMs: number): boolean;

  // Descriptors and sockets
  close(descriptor: number): void;
  dup(descriptor: number): number;
  /** flock(2), never blocking (LOCK_NB is added): EWOULDBLOCK comes as EAGAIN. The lock ends with the last descriptor of this open file. */
  flock(descriptor: number, operation: number): void;
  /** memfd_create(2) filled with data, sealed against change. */
  memfd(name: string, data: Uint8Array): number;
  /** AF_UNIX SOCK_STREAM pair. */
  socketPair(): [number, number];
  /** sendmsg(2) with SCM_RIGHTS; sends all of data (blocking). */
  sendDescriptors(socket: number, data: Uint8Array, descriptors: readonly number[]): void;
  /** recvmsg(2), blocking until timeoutMs has passed (then ETIMEDOUT; negative: no limit). Empty data: end of stream. More descriptors than asked for: all closed, EMSGSIZE. */
  receiveDescriptors(socket: number, maxBytes: number, maxDescriptors: number, timeoutMs: number): { data: Buffer; descriptors: number[] };
  /** A blocking AF_UNIX SOCK_STREAM connection; the path may exceed the 107 bytes of sun_path. */
  connectUnix(path: string): number;
  /** Connects to a unix datagram socket; a path that begins with "@" is an abstract name. */
  connectDatagram(path: string): number;
  /** Makes a unix datagram socket that others send to at `path`. */
  bindDatagram(path: string): number;
  /** Makes a unix stream socket at `path`, which may exceed the 107 bytes of sun_path. It does not listen yet. */
  bindStream(path: string): number;

  // Files, below a directory descriptor
  /** openat2(2), repeated while a racing rename makes it answer EAGAIN. resolve: RESOLVE_* bits; mode is 0 unless the call creates. */
  openat2(directory: number, path: PathText, flags: number, mode: number, resolve: number): number;
  mkdirat(directory: number, path: PathText, mode: number): void;
  mknodat(directory: number, path: PathText, mode: number, major: number, minor: number): void;
  symlinkat(target: PathText, directory: number, path: PathText): void;
  linkat(fromDirectory: number, fromPath: PathText, toDirectory: number, toPath: PathText, flags: number): void;
  unlinkat(directory: number, path: PathText, flags: number): void;
  renameat2(fromDirectory: number, fromPath: PathText, toDirectory: number, toPath: PathText, flags: number): void;
  readlinkat(directory: number, path: PathText): string;
  readlinkatBytes(directory: number, path: PathText): Buffer;
  fchownat(directory: number, path: PathText, uid: number, gid: number, flags: number): void;
  fchmodat(directory: number, path: PathText, mode: number, flags: number): void;
  /** utimensat(2); times are nanoseconds since the epoch. */
  utimensat(directory: number, path: PathText, accessNs: bigint, modifyNs: bigint, flags: number): void;
  fstatat(directory: number, path: PathText, flags: number): FileFacts;
  /**
   * Threads that write the contents and attributes of new files while the caller goes on; at most 8. Closing it, or losing it, ends them. The queue holds at
   * most some 16 MiB and 256 open files: who has more waits.
   */
  openFileQueue(threads: number): FileQueue;
  /**
   * Makes an empty file `name` (no path), at once: EEXIST when something has the name. Its data and its end follow, before the next file. `label` is
   * the `path` of errors about it. The umask applies until its end.
   */
  queueFile(queue: FileQueue, directory: number, name: PathText, label: string, mode: number): void;
  /** Takes a copy. Throws the first failure of any file of the queue, after which nothing more is written; so do the two below. */
  queueData(queue: FileQueue, data: Uint8Array, offset: number): void;
  /** What was not written of `size` is a hole. */
  endQueuedFile(queue: FileQueue, size: number, mode: number, uid: number, gid: number, mtimeNs: bigint): void;
  /** Returns when all is written. */
  drainFileQueue(queue: FileQueue): void;
  /** Drops what waits. EBADF when it is closed already. */
  closeFileQueue(queue: FileQueue): void;
  /** Extended attributes of what an O_PATH or ordinary descriptor refers to (through /proc/self/fd). */
  setxattr(descriptor: number, name: string, value: Uint8Array): void;
  getxattr(descriptor: number, name: string): Buffer | null;
  listxattr(descriptor: number): string[];
  copyFileRange(from: number, fromOffset: number, to: number, toOffset: number, length: number): number;
  /** syncfs(2). */
  syncfs(descriptor: number): void;
  /** The same in a thread of its own; the descriptor must stay open until then. */
  syncfsAside(descriptor: number): Promise<void>;
  /** `type`: the f_type magic; sizes in blocks of `blockSize` bytes; `flags`: ST_* bits of mount and file system (statvfs(3)). */
  statfs(path: string): {
    type: number;
    blockSize: number;
    blocks: number;
    available: number;
    files: number;
    filesFree: number;
    flags: number;
  };

  // Mounts (new mount API)
  openTree(directory: number, path: string, flags: number): number;
  moveMount(fromDirectory: number, fromPath: string, toDirectory: number, toPath: string, flags: number): void;
  /** fsopen, one fsconfig an option, FSCONFIG_CMD_CREATE, fsmount(attributes). Returns the detached mount. */
  mountDetached(fstype: string, options: readonly MountOption[], attributes: number): number;
  /**
   * The same for overlay, from a thread of its own whose fsuid and fsgid are the given ids and whose SECBIT_NO_SETUID_FIXUP is set, so that
   * what the overlay creates belongs to them. The thread then ends: no other thread ever has that identity.
   */
  mountOverlay(options: readonly MountOption[], attributes: number, fsuid: number, fsgid: number): Promise<number>;
  /**
   * The same with mount(2), for kernels before 6.15: the thread takes a mount namespace of its own, attaches `base` there (a directory's descriptor, or a
   * detached mount, which stays usable) and makes links to the layers, relative to `base`, that `data` names by number. `data` fits into a page.
   * With `disk`, a detached mount (else -1), the last two layers are relative to that. The mount that it returns is detached. Both must stay open until then.
   */
  mountOverlayAttached(
    base: number,
    disk: number,
    layers: readonly string[],
    data: string,
    attributes: number,
    fsuid: number,
    fsgid: number,
  ): Promise<number>;
  mountSetattr(directory: number, path: string, flags: number, set: bigint, clear: bigint, propagation: bigint, userns: number): void;
  /**
   * A user namespace with these maps (lines of uid_map, user_namespaces(7)) and no process in it: its descriptor, for MOUNT_ATTR_IDMAP.
   * `syscall` of a failure is `clone`, `uid_map` or `gid_map`.
   */
  userNamespace(uids: string, gids: string): number;
  /**
   * Clones of these detached mounts, with the mounts below them, whose flags a user namespace cannot take away (mount_namespaces(7)). They take the place of what was given,
   * which is to be closed, and cannot be attached any more.
   */
  lockMounts(mounts: readonly number[]): number[];
  /** A clone of one mount of another mount namespace, detached; `path` is looked up from that one's root and follows no links. */
  openTreeInside(mountNamespace: number, path: string): number;
  mount(source: string | null, target: string, fstype: string | null, flags: number, data: string | null): void;
  umount(target: string, flags: number): void;
  /** As mountDetached, in a thread of its own: for file systems that read a disk first. */
  mountAside(fstype: string, options: readonly MountOption[], attributes: number): Promise<number>;
  /** close(2) in a thread of its own: for the last descriptor of a detached mount, whose file system is written out then. */
  closeAside(descriptor: number): Promise<void>;

  // Limits of disk space. `directory` is any descriptor on the file system, O_PATH will do; the others are opened files or directories.
  /** FS_IOC_FSGETXATTR: the project that the file counts for; 0: none. */
  getProject(descriptor: number): number;
  /** FS_IOC_FSSETXATTR; `inherited`: a directory hands its project on to what is made in it. */
  setProject(descriptor: number, project: number, inherited: boolean): void;
  /** FS_TOPDIR_FL (ioctl_iflags(2)): directories that are made in this one get places far apart on the disk. ENOTTY or EOPNOTSUPP where the file system knows no such thing. */
  spreadDirectories(directory: number): void;
  /** quotactl_fd(2), Q_XGETQSTATV for project quotas. ENOSYS or EINVAL where the file system, or the kernel, has none. */
  projectQuotaState(directory: number): { accounted: boolean; enforced: boolean };
  /** `limited`: by any limit, of blocks or inodes; `limitBytes` is the hard limit of blocks, 0: none. All zeros for a project that nothing is known of. */
  getProjectQuota(directory: number, project: number): { limited: boolean; limitBytes: number; usedBytes: number; usedInodes: number };
  /** The hard limit, in units of 1 KiB; 0 takes the limit away. */
  setProjectQuota(directory: number, project: number, limitBytes: number): void;

  // Loop devices (loop(4)); `control` is /dev/loop-control
  freeLoopDevice(control: number): number;
  /** LOOP_CONFIGURE; EBUSY when another was quicker. LO_FLAGS_DIRECT_IO is left out silently where the file system of the file cannot. */
  configureLoop(device: number, file: number, flags: number, blockSize: number): void;
  /** null: there is no file behind the device. */
  loopStatus(device: number): { dev: bigint; ino: bigint; flags: number } | null;
  /** The device takes the size that its file has now. */
  refreshLoopSize(device: number): void;
  /** EXT4_IOC_RESIZE_FS, in a thread of its own: grows a mounted ext4 to so many of its blocks. */
  resizeExt4(descriptor: number, blocks: number): Promise<void>;

  /**
   * FIDEDUPERANGE of the same range of two files: how many bytes they share from then on, of the range's beginning; -1 when they differ. EOPNOTSUPP, EINVAL, ENOTTY: this file system cannot; EXDEV: they lie on two.
   */
  shareRange(source: number, target: number, offset: number, length: number): number;
  /** cachestat(2): how much of a file is in the page cache, bytes; 0 where the kernel (before 6.5) does not tell. */
  cachedBytes(descriptor: number): number;
  /** FS_IOC_FIEMAP: whether two files lie in the same blocks already, as far as their first 64 extents say. */
  sharesExtents(one: number, other: number): boolean;

  // Network
  /** A netlink socket made inside the network namespace `netns` (-1: ours), by a short-lived thread that joins it. */
  netlinkOpen(protocol: number, netns: number): number;
  netlinkSend(socket: number, message: Uint8Array): void;
  /** The next datagram from the kernel, whole, or null when none waits. ENOBUFS: the kernel had to drop some. */
  netlinkReceive(socket: number): Buffer | null;
  /** socket(2) + bind(2) (+ listen for SOCK_STREAM) inside a network namespace; for the embedded DNS. address: IPv4 or IPv6 text. */
  bindInNamespace(netns: number, type: number, address: string, port: number): number;
  /** Writes a setting of a network namespace: a file below /proc/sys/net, which shows each reader those of its own. */
  setInNamespace(netns: number, path: string, value: Uint8Array): void;
  /** setInNamespace, then netlinkOpen, for the price of one. */
  netlinkOpenSetting(protocol: number, netns: number, path: string, value: Uint8Array): number;
  /**
   * A socket of our own namespace that keeps everybody from serving this port and serves nothing itself: connections are refused, datagrams dropped.
   * protocol: IPPROTO_TCP (6), IPPROTO_UDP (17) or IPPROTO_SCTP (132). EADDRINUSE: somebody serves it, or holds it likewise.
   */
  holdPort(protocol: number, address: string, port: number): number;
  /** Makes the socket of a held port one that can be listened on, or read from. */
  serveHeldPort(descriptor: number): void;

  // Terminals
  setWindowSize(descriptor: number, rows: number, columns: number): void;

  // Device programs of cgroup2 (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE). Descriptors of cgroups are of their directories.
  /** BPF_PROG_LOAD of whole 8-byte instructions; a name of at most 15 letters, digits, `_` and `.`. `said`: the end of the verifier's log. */
  loadDeviceProgram(instructions: Uint8Array, name: string): number;
  /** Attaches beside what is attached (BPF_F_ALLOW_MULTI): a device is allowed when all programs allow it. `replaced`: in whose place, or -1. Lasts as long as the cgroup. */
  attachDeviceProgram(cgroup: number, program: number, replaced: number): void;
  detachDeviceProgram(cgroup: number, program: number): void;
  /** What is attached to this very cgroup; the name of a program that has just gone is empty. */
  devicePrograms(cgroup: number): { id: number; name: string }[];
  openProgram(id: number): number;

  // Plain files, for plain-files.ts. These throw for no failure of the system call: a negative number is its -errno.
  /** open(2) with O_CLOEXEC. */
  plainOpen(path: string, flags: number, mode: number): number;
  /** A file to its end. */
  plainRead(path: string): Buffer | number;
  /** read(2), or pread(2) unless `position` is negative. */
  plainReadInto(descriptor: number, data: Uint8Array, position: number): number;
  /** write(2), once. Texts in UTF-8. */
  plainWrite(descriptor: number, data: Uint8Array | string): number;
  /** access(2) with F_OK. */
  plainExists(path: string): number;
  plainMkdir(path: string, mode: number): number;
  /** unlinkat(2) with AT_* flags. */
  plainRemove(path: string, flags: number): number;
  plainRename(from: string, to: string): number;
  /** The names in a directory, each behind the letter of its type as `ls -l` has it, `?` where the file system does not tell. */
  plainList(path: string): string[] | number;

  // Self
  prctl(option: number, argument: number): number;
  getrlimit(resource: number): { soft: bigint; hard: bigint };
  umask(mask: number): number;
  /**
   * Files that `work` makes belong to these ids, and it walks through mounts that map owners with them, with all our capabilities (setfsuid(2)). `work` runs
   * on this thread and must not wait: what is asynchronous runs as we are.
   */
  withFsIds<Result>(uid: number, gid: number, work: () => Result): Result;
}
