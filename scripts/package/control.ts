/** Programs that the engine starts for what everybody does, and what the package's own scripts need. */
const needed = ['init-system-helpers (>= 1.54)', 'nftables', 'passwd', 'procps'];

/** For what many do: making base images, limits of disks, archives, machines that see their own memory and processors. */
const recommended = [
  'busybox-static',
  'bzip2',
  'ca-certificates',
  'debian-archive-keyring',
  'e2fsprogs',
  'lxcfs',
  'mmdebstrap',
  'xz-utils',
];

/** For what some do: builds from git, archives of LXD's, lz4. */
const suggested = ['git', 'lz4', 'squashfs-tools'];

export interface ControlFacts {
  readonly version: string;
  /** Debian's name: amd64. */
  readonly architecture: string;
  readonly maintainer: string;
  readonly libraries: readonly string[];
  readonly installedKib: number;
}

/** The package's control file. Pure. */
export function formatControl({ version, architecture, maintainer, libraries, installedKib }: ControlFacts): string {
  return `Package: orlop
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${installedKib}
Depends: ${[...libraries, ...needed].toSorted().join(', ')}
Recommends: ${recommended.join(', ')}
Suggests: ${suggested.join(', ')}
Section: admin
Priority: optional
Description: one container engine for system containers and app containers
 Orlop runs both kinds of container with one engine: app containers, which hold
 one program from a layered image, and system containers, which hold a whole
 distribution with its init. They share images, networks, volumes and commands.
 .
 It serves the Docker Engine API, so that docker and what is made for it work
 unchanged, builds Dockerfiles, makes base images from Debian's own packages,
 and brings an OCI runtime for Podman and containerd. Containers outlive the
 engine: it can be upgraded while they run.
`;
}
