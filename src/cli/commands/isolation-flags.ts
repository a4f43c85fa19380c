import type { FlagSpec } from '../arguments/spec.ts';

/** Limits that some kernels lack. */
export const scarceLimitFlags: readonly FlagSpec[] = [
  { name: 'blkio-weight', kind: 'integer', help: 'Share of block I/O beside other containers (10 to 1000; 0: none of its own)' },
  { name: 'blkio-weight-device', kind: 'list', help: 'The same for one device (/dev/sda:200)' },
  { name: 'cpu-rt-period', kind: 'integer', help: 'Period of the real-time budget, in microseconds' },
  { name: 'cpu-rt-runtime', kind: 'integer', help: 'Real-time budget in each period, in microseconds' },
  { name: 'device-read-bps', kind: 'list', help: 'Limit reading from a device, in bytes a second (/dev/sda:1mb)' },
  { name: 'device-read-iops', kind: 'list', help: 'Limit reading from a device, in operations a second (/dev/sda:1000)' },
  { name: 'device-write-bps', kind: 'list', help: 'Limit writing to a device, in bytes a second' },
  { name: 'device-write-iops', kind: 'list', help: 'Limit writing to a device, in operations a second' },
  { name: 'memory-swappiness', kind: 'integer', help: 'Inclination to swap (0 to 100; -1: as the host has it)' },
  { name: 'oom-kill-disable', kind: 'flag', help: 'Let processes wait for memory instead of being killed for want of it' },
];

/** Devices, and what a whole system can have of its surroundings. */
export const surroundingFlags: readonly FlagSpec[] = [
  { name: 'annotation', kind: 'list', help: 'Add an annotation to the OCI spec (name=value)' },
  { name: 'cgroup-parent', kind: 'text', help: 'Make its cgroup below this one (/path, or below the engine’s own)' },
  { name: 'device', kind: 'list', help: 'Add a device of the host, or one of CDI (/dev/fuse[:target[:rwm]], vendor.com/class=name)' },
  { name: 'device-cgroup-rule', kind: 'list', help: 'Allow devices by number (c 42:* rwm)' },
  { name: 'gpus', kind: 'list', help: 'Add GPUs that CDI describes (all, a number, device=NAME)' },
  { name: 'label-file', kind: 'list', help: 'Read labels from a file' },
];

/** What a whole system keeps to itself, and what is about Docker's images. */
export const appFlags: readonly FlagSpec[] = [
  { name: 'cgroupns', kind: 'text', help: 'Cgroup namespace (private, host)', choices: ['private', 'host'] },
  { name: 'cidfile', kind: 'text', help: 'Write the id into a new file' },
  { name: 'disable-content-trust', kind: 'flag', help: 'No effect: images are pulled by digest and not by signature' },
  { name: 'ipc', kind: 'text', help: 'IPC namespace (private, shareable, none, host, container:NAME)' },
  { name: 'isolation', kind: 'text', help: 'Isolation technology (default)', choices: ['default'] },
  { name: 'kernel-memory', kind: 'text', value: 'bytes', help: 'No effect, with a warning: kernels have no such limit any more' },
  { name: 'link', kind: 'list', help: 'Know a container by a further name, in the default network (name[:alias])' },
  { name: 'pid', kind: 'text', help: 'PID namespace (host, container:NAME)' },
  { name: 'platform', kind: 'text', help: 'Platform of the image (os/architecture)' },
  { name: 'runtime', kind: 'text', help: 'Runtime (orlop, also called runc)', choices: ['orlop', 'runc'] },
  { name: 'uts', kind: 'text', help: 'UTS namespace (host)', choices: ['host'] },
];
