import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run-program.ts';

/** The kernels that Debian 12 has: its own, and the one of Debian 13. */
export const kernels = ['6.1', '6.12'] as const;
export type KernelVersion = (typeof kernels)[number];

const smallPackages = [
  'systemd-sysv',
  'udev',
  'dbus',
  'linux-image-cloud-amd64',
  'linux-image-6.12-cloud-amd64',
  'busybox-static',
  'nftables',
  'iproute2',
  'procps',
  'libcap2-bin',
  // What tests compare with.
  'runc',
];

/** What is on a disk: what the smoke part needs, or also the engines that run containers by our runtime, and a compiler for small programs of tests. */
const packages = {
  small: smallPackages,
  engines: [
    ...smallPackages,
    'podman',
    'conmon',
    'containerd',
    'docker.io',
    'apparmor',
    'buildah',
    'xfsprogs',
    'gcc',
    'libc6-dev',
    'nfs-kernel-server',
  ],
} as const;
export type Contents = keyof typeof packages;

/** Tests start engines of their own. */
const masked = [
  'systemd-networkd-wait-online.service',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'fstrim.timer',
  'e2scrub_all.timer',
  'apparmor.service',
  'docker.service',
  'docker.socket',
  'containerd.service',
  'podman.service',
  'podman.socket',
  'podman-restart.service',
  'podman-auto-update.service',
  'podman-auto-update.timer',
  'nfs-server.service',
  'nfs-blkmap.service',
  'rpcbind.service',
  'rpcbind.socket',
];

/** What the disk needs to be found, and the service that runs what lies on the second disk and then switches the machine off. */
const files: Readonly<Record<string, string>> = {
  'etc/initramfs-tools/initramfs.conf': 'MODULES=list\nBUSYBOX=n\nCOMPRESS=gzip\n',
  'etc/initramfs-tools/modules': 'virtio_pci\nvirtio_blk\next4\n',
  'etc/fstab': '/dev/vda / ext4 rw 0 0\nLABEL=orlop-work /checkout ext4 rw 0 0\n',
  'etc/hostname': 'older\n',
  'etc/systemd/system/orlop-test.service': `[Unit]
Description=What the second disk asks for
RequiresMountsFor=/checkout
After=multi-user.target
FailureAction=poweroff-force
[Service]
Type=oneshot
WorkingDirectory=/checkout
ExecStart=/bin/sh /checkout/tests/vm/guest.sh
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/ttyS1
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
`,
};

export interface BaseDisk {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
}

/**
 * A Debian 12 with systemd and both kernels below `directory`; made when what goes into it has changed, which takes some minutes and the network. Those who make
 * it at the same time do not get into each other's way: the first to be done keeps its disk.
 */
export async function openBaseDisk(directory: string, contents: Contents, version: KernelVersion, timeoutMs: number): Promise<BaseDisk> {
  const finished = join(directory, nameOf(contents));
  if (!existsSync(finished)) await build(directory, contents, timeoutMs);
  return { disk: join(finished, 'disk'), kernel: join(finished, `vmlinuz-${version}`), initrd: join(finished, `initrd.img-${version}`) };
}

function nameOf(contents: Contents): string {
  const recipe = createHash('sha256').update(JSON.stringify([packages[contents], masked, files]));
  return `${contents}-${recipe.digest('hex').slice(0, 16)}`;
}

async function build(directory: string, contents: Contents, timeoutMs: number): Promise<void> {
  removeOld(directory);
  const finished = join(directory, nameOf(contents));
  const scratch = join(directory, `unfinished-${process.pid}`);
  const root = join(scratch, 'root');
  using cleaning = new DisposableStack();
  cleaning.defer(() => rmSync(scratch, { recursive: true, force: true }));
  mkdirSync(scratch, { recursive: true });
  await makeRoot(root, contents, timeoutMs / 2);
  for (const version of kernels) {
    for (const kind of ['vmlinuz', 'initrd.img']) copyFileSync(findKernel(root, kind, version), join(scratch, `${kind}-${version}`));
  }
  await run('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', root, join(scratch, 'disk'), '4G'], timeoutMs);
  rmSync(root, { recursive: true });
  if (!existsSync(finished)) renameSync(scratch, finished);
}

/** A mirror may be out of reach for a moment: twice at most, in the time that there is. */
async function makeRoot(root: string, contents: Contents, timeoutMs: number): Promise<void> {
  const started = performance.now();
  try {
    await run('mmdebstrap', mmdebstrapArguments(root, contents), timeoutMs);
  } catch (error) {
    const left = timeoutMs - (performance.now() - started);
    if (left < 60_000) throw error;
    rmSync(root, { recursive: true, force: true });
    await run('mmdebstrap', mmdebstrapArguments(root, contents), left);
  }
}

/** Disks of other recipes, and what others that are no more have left. */
function removeOld(directory: string): void {
  const current = new Set([nameOf('small'), nameOf('engines')]);
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    if (current.has(name)) continue;
    const maker = /^unfinished-(\d+)$/.exec(name)?.[1];
    if (maker === undefined || !existsSync(`/proc/${maker}`)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

function mmdebstrapArguments(root: string, contents: Contents): string[] {
  const hooks = Object.entries(files).map(
    ([path, text]) => `mkdir -p "$(dirname "$1/${path}")" && printf '%s' '${text.replaceAll("'", `'\\''`)}' > "$1/${path}"`,
  );
  return [
    '--mode=root',
    '--quiet',
    '--variant=minbase',
    `--include=${packages[contents].join(',')}`,
    // Before the kernels' packages make their initial RAM disks; dpkg keeps a configuration file that is there already.
    '--dpkgopt=force-confold',
    ...hooks.map((hook) => `--essential-hook=${hook}`),
    '--customize-hook=chroot "$1" systemctl enable orlop-test.service',
    `--customize-hook=chroot "$1" systemctl mask ${masked.join(' ')}`,
    '--customize-hook=chroot "$1" passwd -d root',
    'bookworm',
    root,
  ];
}

function findKernel(root: string, kind: string, version: KernelVersion): string {
  const found = readdirSync(join(root, 'boot')).find((name) => name.startsWith(`${kind}-${version}.`));
  if (found === undefined) throw new Error(`Debian's packages brought no ${kind} of Linux ${version}`);
  return join(root, 'boot', found);
}
