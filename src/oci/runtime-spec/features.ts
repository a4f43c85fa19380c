import type { NamespaceType } from './linux.ts';
import type { SeccompAction, SeccompArch, SeccompFlag, SeccompOperator } from './seccomp.ts';

/** runtime-spec features.json: what a runtime can do, whatever this host can. */
export interface Features {
  readonly ociVersionMin: string;
  readonly ociVersionMax: string;
  readonly hooks?: readonly string[];
  readonly mountOptions?: readonly string[];
  readonly linux?: LinuxFeatures;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly potentiallyUnsafeConfigAnnotations?: readonly string[];
}

interface Enabled {
  readonly enabled?: boolean;
}

export interface LinuxFeatures {
  readonly namespaces?: readonly NamespaceType[];
  readonly capabilities?: readonly string[];
  readonly cgroup?: {
    readonly v1?: boolean;
    readonly v2?: boolean;
    readonly systemd?: boolean;
    readonly systemdUser?: boolean;
    readonly rdma?: boolean;
  };
  readonly seccomp?: Enabled & {
    readonly actions?: readonly SeccompAction[];
    readonly operators?: readonly SeccompOperator[];
    readonly archs?: readonly SeccompArch[];
    readonly knownFlags?: readonly SeccompFlag[];
    readonly supportedFlags?: readonly SeccompFlag[];
  };
  readonly apparmor?: Enabled;
  readonly selinux?: Enabled;
  readonly intelRdt?: Enabled & { readonly schemata?: boolean; readonly monitoring?: boolean };
  readonly memoryPolicy?: { readonly modes?: readonly string[]; readonly flags?: readonly string[] };
  readonly mountExtensions?: { readonly idmap?: Enabled };
  readonly netDevices?: Enabled;
}
