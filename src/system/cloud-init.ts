/** What a machine's cloud-init is told (cloudinit.readthedocs.io, "NoCloud"). */
export interface SeedFacts {
  /** Another one makes cloud-init do its work once more, as on a new machine. */
  readonly instanceId: string;
  readonly hostname: string;
  readonly userData?: string | undefined;
  /** A mapping; its keys win over ours. */
  readonly metaData?: Readonly<Record<string, unknown>> | undefined;
  readonly networkConfig?: string | undefined;
}

/** Where a seed is looked for in a machine. */
export const seedDirectory = '/var/lib/cloud/seed/nocloud';

/** The program of Debian's package and of most others. */
export const cloudInitPrograms: readonly string[] = ['/usr/bin/cloud-init', '/bin/cloud-init', '/usr/local/bin/cloud-init'];

/**
 * The files of a NoCloud seed, by name. Without a network configuration of the user's, cloud-init leaves the network alone: its own guess would ask for an address on a link that has one. JSON is YAML.
 */
export function planSeed({ instanceId, hostname, userData, metaData, networkConfig }: SeedFacts): Readonly<Record<string, string>> {
  return {
    'meta-data': `${JSON.stringify({ 'instance-id': instanceId, 'local-hostname': hostname, ...metaData }, null, 2)}\n`,
    'user-data': userData ?? '#cloud-config\n{}\n',
    'network-config': networkConfig ?? 'version: 1\nconfig: disabled\n',
  };
}
