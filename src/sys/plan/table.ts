/**
 * The one table of ops that a plan may hold. `native/bosun/ops.h` is generated from it and a test compares the two, so
 * that the encoder and the C decoder cannot drift apart. Codes are never reused.
 *
 * Argument kinds: `u32` `u64` numbers · `i64` signed · `slot` index of a descriptor (see below) · `string` text without
 * NUL · `strings` list of such · `bytes` raw.
 *
 * Slots: descriptor i of the message that carried the plan is slot i. `noSlot` means "none".
 */
export type ArgumentKind = 'u32' | 'u64' | 'i64' | 'slot' | 'string' | 'strings' | 'bytes';

export interface OpShape {
  readonly code: number;
  /** Who performs it: the monitor before or around clone, or the stage inside the new namespaces. */
  readonly by: 'monitor' | 'stage';
  readonly args: Readonly<Record<string, ArgumentKind>>;
}

export const noSlot = 0xffff_ffff;

export const opTable = {
  // Sandbox plan: makes the process that will become the container. Performed by the monitor, in order; `clone` once.
  /** setns(2) to a namespace or pidfd with CLONE_* flags, in an intermediate process, before `clone`. */
  join_namespaces: { code: 1, by: 'monitor', args: { fd: 'slot', flags: 'u64' } },
  /** clone3(2) with CLONE_NEW* flags; `cgroup` is a cgroup2 directory for CLONE_INTO_CGROUP. The stage then waits. */
  clone: { code: 2, by: 'monitor', args: { flags: 'u64', cgroup: 'slot' } },
  /** Writes /proc/PID/uid_map and gid_map of the stage: lines "inside outside count". */
  map_ids: { code: 3, by: 'monitor', args: { uids: 'string', gids: 'string' } },
  /** Writes the stage's pid into this cgroup.procs file. */
  enter_cgroup: { code: 4, by: 'monitor', args: { procs: 'string' } },
  /** Writes /proc/PID/oom_score_adj of the stage; EACCES and EPERM are reported only when `required`. */
  set_oom_score: { code: 5, by: 'monitor', args: { value: 'i64', required: 'u32' } },
  /**
   * Writes "0" into this v1 `tasks` file in an intermediate process, before `clone`: the stage is born where that is. A single thread that moves itself
   * takes no lock of the kernel's, while a write of another's pid, or to cgroup.procs, waits for an RCU grace period. Comes before `join_namespaces`.
   */
  join_cgroup: { code: 7, by: 'monitor', args: { tasks: 'string' } },
  /** Writes /proc/PID/timens_offsets of the intermediate before clone (time_namespaces(7)). */
  set_time_offsets: { code: 6, by: 'monitor', args: { text: 'string' } },
  /** sched_setaffinity(2) of the monitor until the stage is made, which inherits it; mask as in `set_affinity`. Before `clone`. */
  start_on: { code: 8, by: 'monitor', args: { mask: 'bytes' } },

  // Then ops of the stage that build file systems, from `become` to `enter_root`: what every container of a kind has alike is made while nobody waits.

  // Run plan, the monitor's own part.
  /** Directory that holds `control.sock`, `attach.sock` and `exit` (see native/README.md). */
  keep_directory: { code: 10, by: 'monitor', args: { directory: 'slot' } },
  /** Appends output to this descriptor in Docker's json-file format. Without it nothing is logged. */
  keep_log: { code: 11, by: 'monitor', args: { file: 'slot' } },
  /**
   * format 0: json-file, with `attributes` (`,"attrs":{…}`, at most 8 KiB) behind the stream in each record · 1: plain text, as Kubernetes has it. Records
   * of both are lines.
   */
  format_log: { code: 15, by: 'monitor', args: { format: 'u32', attributes: 'bytes' } },
  /**
   * After `keep_log`, whose file is `name.number` in `directory`: before a record that would make the file larger than `size` bytes, or that comes `age` ns after
   * its first, the log goes on in the file of the next number; at most `files` of them stay. 0: no limit. `born`: time of the file's first record,
   * ns since the epoch, 0 when it has none. `name` alone becomes another name of the last file.
   */
  rotate_log: {
    code: 16,
    by: 'monitor',
    args: { directory: 'slot', name: 'string', number: 'u64', size: 'u64', age: 'u64', born: 'u64', files: 'u32' },
  },
  /**
   * After `rotate_log`: records wait in memory, `bytes` of them at most, for a process that does nothing but write them, so that no disk holds the container up. What comes when
   * that is full is lost, and counted.
   */
  buffer_log: { code: 17, by: 'monitor', args: { bytes: 'u64' } },
  /**
   * Standard streams of the process. mode 0: /dev/null · 1: pipes held by the monitor, owned by host ids uid:gid ·
   * 2: a terminal opened by `open_terminal`, whose master the monitor holds · 3: slots stdin, stdout, stderr as they are.
   * `open_stdin` 0 gives /dev/null as standard input in mode 1; `stdin_once` closes it when the first attached client half-closes.
   */
  stdio: {
    code: 12,
    by: 'monitor',
    args: { mode: 'u32', open_stdin: 'u32', stdin_once: 'u32', uid: 'u32', gid: 'u32', stdin: 'slot', stdout: 'slot', stderr: 'slot' },
  },
  /**
   * An attached client from the first byte on: one end of a connected stream socket, served like a connection to `attach.sock` whose
   * first eight bytes were already read (`streams`: 1 stdin, 2 stdout, 4 stderr). Lets a caller attach before the process starts, losing nothing.
   */
  attach_client: { code: 13, by: 'monitor', args: { socket: 'slot', streams: 'u32' } },

  /**
   * The `memory.events` (v2) or `memory.oom_control` (v1) file of the container's cgroup: when its `oom_kill` count has grown by the end,
   * the exit record says that memory ran out.
   */
  keep_memory_events: { code: 14, by: 'monitor', args: { events: 'slot' } },

  // The stage. Paths called "target" are resolved below the new root with openat2(RESOLVE_IN_ROOT), never through the host.
  /** setsid(2). */
  new_session: { code: 20, by: 'stage', args: {} },
  /** setgroups(0), setresgid, setresuid: become this id of the joined or created user namespace, keeping capabilities. */
  become: { code: 21, by: 'stage', args: { uid: 'u32', gid: 'u32' } },
  /** unshare(2). */
  unshare: { code: 22, by: 'stage', args: { flags: 'u64' } },
  /** mount(NULL, "/", NULL, flags): MS_REC | MS_PRIVATE, MS_SLAVE, … on the whole tree. */
  set_root_propagation: { code: 23, by: 'stage', args: { flags: 'u64' } },
  /**
   * Attaches a detached mount and makes it the new root that targets resolve in. `at` is the host directory that it covers; with `noSlot` it covers
   * `/` of the new mount namespace, which needs no directory at all. Either way nobody outside the namespace sees it. In the host's own mount namespace
   * `at` must be given; the mount stays there until somebody takes it off, and the root can be entered by chroot only.
   */
  attach_root: { code: 24, by: 'stage', args: { mount: 'slot', at: 'slot' } },
  /** Takes a host directory as the new root: bound recursively over itself in the new mount namespace, and made private before. */
  open_root: { code: 25, by: 'stage', args: { path: 'string' } },
  /**
   * fsopen, fsconfig for each "key=value" or "flag" of options, fsmount(attributes), move_mount; mount(2) where a value is longer than fsconfig takes. make: 0 nothing, 1 directory, 2 file, 3 directory whose
   * permissions, when it is there already, the new file system's root gets.
   */
  mount: {
    code: 26,
    by: 'stage',
    args: { fstype: 'string', source: 'string', options: 'strings', attributes: 'u64', target: 'string', make: 'u32' },
  },
  /** move_mount of a detached mount to target. */
  attach_mount: { code: 27, by: 'stage', args: { mount: 'slot', target: 'string', make: 'u32' } },
  /**
   * move_mount to target of the next detached mount that waits in `queue`, a connected stream socket: more of them than a plan has slots for, or than may be open at
   * once. Messages on it hold 128 at most and were all sent before; each but the first is read when those before are used up.
   */
  attach_queued: { code: 71, by: 'stage', args: { queue: 'slot', target: 'string', make: 'u32' } },
  /** open_tree(OPEN_TREE_CLONE) of a host path, then move_mount to target. */
  bind: { code: 28, by: 'stage', args: { source: 'string', target: 'string', recursive: 'u32', make: 'u32' } },
  /**
   * open_tree(OPEN_TREE_CLONE) of what lies at `source` below the new root by then, earlier mounts included, then move_mount to target, which is made a file or a
   * directory like it. `userns` maps its ids first (MOUNT_ATTR_IDMAP), with `mapped` 1 those of the whole tree.
   */
  bind_inside: { code: 66, by: 'stage', args: { source: 'string', target: 'string', recursive: 'u32', userns: 'slot', mapped: 'u32' } },
  /** mount_setattr(2) on target; `userns` for MOUNT_ATTR_IDMAP; propagation 0 leaves it. */
  set_mount_attributes: {
    code: 29,
    by: 'stage',
    args: { target: 'string', set: 'u64', clear: 'u64', propagation: 'u64', recursive: 'u32', userns: 'slot' },
  },
  /** mkdir with missing parents; mode and owner apply to a directory that was missing, an existing one is left as it is. */
  make_directory: { code: 30, by: 'stage', args: { target: 'string', mode: 'u32', uid: 'u32', gid: 'u32' } },
  /** symlink(2); an existing link or file at target is left as it is. */
  make_symlink: { code: 31, by: 'stage', args: { target: 'string', to: 'string' } },
  /** mknodat(2) with S_IFCHR, S_IFBLK or S_IFIFO in mode, then chmod and chown. */
  make_node: { code: 32, by: 'stage', args: { target: 'string', mode: 'u32', major: 'u32', minor: 'u32', uid: 'u32', gid: 'u32' } },
  /** Hides target: /dev/null over a file, an empty read-only tmpfs over a directory. A missing target is fine. */
  mask: { code: 33, by: 'stage', args: { target: 'string' } },
  /** Bind onto itself, read-only. A missing target is fine. */
  make_read_only: { code: 34, by: 'stage', args: { target: 'string' } },
  /**
   * mode 0: pivot_root(".", ".") and detach the old root · 1: chroot only (the root already covers `/`), over a skeleton that holds nothing of the host,
   * and on hosts that run from an initramfs.
   */
  enter_root: { code: 35, by: 'stage', args: { mode: 'u32' } },
  set_hostname: { code: 36, by: 'stage', args: { name: 'string' } },
  set_domainname: { code: 37, by: 'stage', args: { name: 'string' } },
  /** Writes value to /proc/sys/<path> of the container ("net/ipv4/ip_forward"). */
  set_sysctl: { code: 38, by: 'stage', args: { path: 'string', value: 'string' } },
  set_rlimit: { code: 39, by: 'stage', args: { resource: 'u32', soft: 'u64', hard: 'u64' } },
  bring_up_loopback: { code: 40, by: 'stage', args: {} },
  /**
   * Opens a pseudo-terminal in the container's devpts and makes it standard input, output and error and the controlling terminal;
   * the master goes to the monitor, or to the connected socket `console` (OCI console socket). `bind_console` 1 also binds it on /dev/console.
   */
  open_terminal: {
    code: 41,
    by: 'stage',
    args: { rows: 'u32', columns: 'u32', uid: 'u32', gid: 'u32', bind_console: 'u32', console: 'slot' },
  },
  /** chdir(2), never through a magic link; fails with ENOENT when the directory turns out to lie outside the root. */
  change_directory: { code: 42, by: 'stage', args: { path: 'string' } },
  /** umask(2); without it the process gets 0022. */
  set_umask: { code: 43, by: 'stage', args: { mask: 'u32' } },
  /** setgroups, setresgid, setresuid; with PR_SET_KEEPCAPS so that set_capabilities can follow. groups: u32 little-endian each. */
  set_user: { code: 44, by: 'stage', args: { uid: 'u32', gid: 'u32', groups: 'bytes' } },
  /** Drops each capability that is not in this bit set from the bounding set. Comes before set_user. */
  drop_bounding: { code: 45, by: 'stage', args: { keep: 'u64' } },
  set_capabilities: { code: 46, by: 'stage', args: { effective: 'u64', permitted: 'u64', inheritable: 'u64', ambient: 'u64' } },
  set_no_new_privileges: { code: 47, by: 'stage', args: {} },
  /** seccomp(2) SECCOMP_SET_MODE_FILTER. filter: struct sock_filter array. With `listener` the notify descriptor is sent over that connected socket with `state` as data. */
  load_seccomp: { code: 48, by: 'stage', args: { filter: 'bytes', flags: 'u32', listener: 'slot', state: 'bytes' } },
  /** Writes label to /proc/self/attr/<attribute> ("exec", "apparmor/exec", "keycreate"). */
  set_label: { code: 49, by: 'stage', args: { attribute: 'string', label: 'string' } },
  /**
   * Looks up the program of the `execute` that follows, reports `created` and waits. `fifo` is a directory that holds `start.fifo`: whoever opens that for
   * reading lets it go on, and reads nothing when execve succeeds, else the payload of a `failed` frame. With `noSlot` the control stream's `start` does.
   */
  wait_for_start: { code: 50, by: 'stage', args: { fifo: 'slot' } },
  /** Last op. Closes all but 0, 1, 2 and `keep` descriptors after them; looks argv[0] up in the PATH of env when it has no slash; execve. */
  execute: { code: 51, by: 'stage', args: { argv: 'strings', env: 'strings', keep: 'u32' } },
  /** keyctl(KEYCTL_JOIN_SESSION_KEYRING, name); EPERM, ENOSYS are fine. */
  new_keyring: { code: 52, by: 'stage', args: { name: 'string' } },
  set_personality: { code: 53, by: 'stage', args: { persona: 'u64' } },
  /** sched_setattr(2). */
  set_scheduler: {
    code: 54,
    by: 'stage',
    args: { policy: 'u32', flags: 'u64', nice: 'i64', priority: 'u32', runtime: 'u64', deadline: 'u64', period: 'u64' },
  },
  set_io_priority: { code: 55, by: 'stage', args: { value: 'u32' } },
  /** sched_setaffinity(2); mask: CPU bit set, little-endian bytes. */
  set_affinity: { code: 56, by: 'stage', args: { mask: 'bytes' } },
  /** Copies slot `source` (a host descriptor) to descriptor number 3 + index, for --preserve-fds and LISTEN_FDS. */
  pass_descriptor: { code: 57, by: 'stage', args: { source: 'slot', index: 'u32' } },
  /**
   * Runs a hook program and waits for it at most timeout_ms (0: no limit); `state` on its standard input. Fails with ECANCELED when it exits with another
   * status than 0 (the detail holds the status and the first of what it wrote to standard error) and ETIMEDOUT when it was killed for the limit.
   */
  run_hook: { code: 58, by: 'stage', args: { path: 'string', argv: 'strings', env: 'strings', state: 'bytes', timeout_ms: 'u32' } },
  /** mkdir -p of path (already inside the new root, after enter_root) owned uid:gid, for a working directory that is missing. */
  make_working_directory: { code: 59, by: 'stage', args: { path: 'string', uid: 'u32', gid: 'u32' } },
  /** A tmpfs with room for a few directories, over `/` of the mount namespace, as the new root that targets resolve in. */
  open_skeleton: { code: 60, by: 'stage', args: {} },
  /**
   * move_mount(2) of what is mounted on `from` in the stage's own root, with all that is mounted in it, to target, which may be no link.
   * make: 0 nothing, 1 directory.
   */
  move_tree: { code: 61, by: 'stage', args: { from: 'string', target: 'string', make: 'u32' } },
  /** set_mempolicy(2): MPOL_* with MPOL_F_* bits; nodes: bit set, little-endian bytes, empty for none. */
  set_memory_policy: { code: 62, by: 'stage', args: { mode: 'u32', nodes: 'bytes' } },
  /**
   * umount2(path, MNT_DETACH) of a mount of the host's, by its path in the stage's own root; where mounts are locked together (mount_namespaces(7)) it is covered with an
   * empty directory instead. Before `enter_root` with mode 1, below which all that was the host's stays.
   */
  hide_mount: { code: 63, by: 'stage', args: { path: 'string' } },
  /**
   * Last op, in the place of `execute`, of a plan that changes something in a running container: with all before it done, the stage ends with status 0. To who asked it looks
   * like a program that has run.
   */
  finish: { code: 64, by: 'stage', args: {} },
  /** umount2(MNT_DETACH | UMOUNT_NOFOLLOW) of what is mounted on target, in a namespace that was joined. EINVAL when nothing is. */
  detach_mount: { code: 65, by: 'stage', args: { target: 'string' } },
  /** fspick(2), fsconfig for each option, FSCONFIG_CMD_RECONFIGURE: changes the file system that is mounted on target. */
  reconfigure_mount: { code: 70, by: 'stage', args: { target: 'string', options: 'strings' } },
} as const satisfies Record<string, OpShape>;

type ArgumentValue<K extends ArgumentKind> = K extends 'u32' | 'slot'
  ? number
  : K extends 'u64' | 'i64'
    ? number | bigint
    : K extends 'string'
      ? string
      : K extends 'strings'
        ? readonly string[]
        : Uint8Array;

type ArgumentsOf<Args> = { readonly [Name in keyof Args]: Args[Name] extends ArgumentKind ? ArgumentValue<Args[Name]> : never };

export type OpName = keyof typeof opTable;

/** One step of a plan: `{ op: 'set_hostname', name: 'web' }`. */
export type Op = { [Name in OpName]: { readonly op: Name } & ArgumentsOf<(typeof opTable)[Name]['args']> }[OpName];

/** Steps in order. Slots refer to the descriptors that are sent along. */
export type Plan = readonly Op[];
