import type { CommandSpec, FlagSpec } from '../arguments/spec.ts';

const root: FlagSpec = { name: 'root', kind: 'text', value: 'dir', help: "The registry's directory" };
const policy: FlagSpec = { name: 'policy', kind: 'text', value: 'file', help: 'Immutable tags and retention rules, in JSON' };

/** The registry's own program knows what the values mean. */
export const registryServerCommands: readonly CommandSpec[] = [
  {
    name: 'registry serve',
    summary: 'Serve images to other machines: the OCI distribution specification',
    usage: '--root DIR [OPTIONS]',
    flags: [
      { name: 'addr', kind: 'text', value: 'host:port', help: 'Where to listen (default 127.0.0.1:5000)' },
      root,
      { name: 'htpasswd', kind: 'text', value: 'file', help: 'Let in only those in this file of bcrypt hashes' },
      { name: 'anonymous-pull', kind: 'flag', help: 'With --htpasswd: let everybody pull' },
      { name: 'token-realm', kind: 'text', value: 'url', help: 'Where clients get signed tokens' },
      { name: 'token-service', kind: 'text', value: 'name', help: 'Whom tokens must be for' },
      { name: 'token-issuer', kind: 'text', value: 'name', help: 'Who must have issued tokens' },
      { name: 'token-key', kind: 'text', value: 'file', help: 'Keys and certificates that sign tokens, in PEM' },
      { name: 'tls-cert', kind: 'text', value: 'file', help: 'Certificate chain, in PEM' },
      { name: 'tls-key', kind: 'text', value: 'file', help: "The certificate's key, in PEM" },
      { name: 'tls-client-ca', kind: 'text', value: 'file', help: 'Hear only clients with a certificate that one of these has signed' },
      { name: 'read-only', kind: 'flag', help: 'Take no pushes and no deletions' },
      { name: 'sparse', kind: 'flag', help: 'Take manifests without all that they refer to' },
      { name: 'proxy', kind: 'text', value: 'url', help: 'Be a cache of this registry' },
      policy,
      { name: 'gc-every', kind: 'text', value: 'hours', help: 'Collect garbage so often; 0 never (default 24)' },
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'registry gc',
    summary: 'Remove what no manifest of a registry needs, also while it serves',
    usage: '--root DIR [OPTIONS]',
    flags: [
      root,
      { name: 'grace', kind: 'text', value: 'seconds', help: 'Keep what was pushed within this time (default 3600)' },
      { name: 'delete-untagged', kind: 'flag', help: 'Remove manifests that no tag leads to' },
      { name: 'dry-run', kind: 'flag', help: 'Only count' },
      policy,
    ],
    positionals: { min: 0, max: 0 },
  },
  {
    name: 'registry check',
    summary: "Compare a registry's content with its digests",
    usage: '--root DIR',
    flags: [root],
    positionals: { min: 0, max: 0 },
  },
];
