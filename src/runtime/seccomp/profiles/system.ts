import type { LinuxSeccomp } from '#oci';
import { architecturesOf } from './app.ts';

const EPERM = 1;
const EACCES = 13;
const ENOSYS = 38;
const MNT_FORCE = 1;

/**
 * What a machine's init and services never need inside a user namespace, and what reaches the host's kernel as a whole: another kernel, kernel
 * modules, file handles that bypass paths (the "shocker" way out of a container), swap, the I/O ports, the kernel's log, programs in the kernel.
 */
const forbidden = `
  kexec_load kexec_file_load init_module finit_module delete_module create_module query_module get_kernel_syms open_by_handle_at
  swapon swapoff acct iopl ioperm syslog bpf perf_event_open userfaultfd lookup_dcookie nfsservctl`;

/**
 * Kernel code that many programs probe for and all do without: they fall back on ENOSYS. io_uring has been the way into the kernel too often;
 * the others are dead interfaces.
 */
const absent = 'io_uring_setup io_uring_enter io_uring_register uselib ustat sysfs _sysctl vm86 vm86old';

/**
 * The profile of system containers: a deny-list, because a distribution's init and services mount, make namespaces, keep keyrings and set
 * host names, all inside the container's own user namespace, where the kernel itself draws the line. In the spirit of what LXC and systemd-nspawn deny.
 */
export function systemProfile(arch: string): LinuxSeccomp {
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: architecturesOf(arch),
    syscalls: [
      { names: words(forbidden), action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      { names: words(absent), action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
      {
        // A forced unmount aborts what others do on the same network or FUSE file system.
        names: ['umount2'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: EACCES,
        args: [{ index: 1, value: MNT_FORCE, valueTwo: MNT_FORCE, op: 'SCMP_CMP_MASKED_EQ' }],
      },
    ],
  };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
