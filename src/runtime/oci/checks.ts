import { OrlopError } from '#errors';
import type { NamespaceType, Spec } from '#oci';
import { sysctlPath } from '../plan/sysctls.ts';

/**
 * What runc looks for in a config.json before it makes anything, in its order and words, so that a bad bundle is refused with the sentence that callers know.
 * Fails with invalid-argument `RUNTIME_SPEC_INVALID`. What the plan refuses besides keeps its own words.
 */
export function checkSpec(spec: Spec): void {
  checkVersion(spec.ociVersion);
  checkProcess(spec.process);
  if (spec.root === undefined) throw invalid('root must be specified');
  checkNamespaces(spec);
  checkSysctls(spec);
}

/** runtime-spec config, "Specification version": what cannot be a version of the first, or of what came before it, is none that we know. */
function checkVersion(version: string): void {
  if (!/^[01]\.\d+(?:\.\d+)?(?:[-+].*)?$/.test(version)) throw invalid(`unsupported ociVersion ${JSON.stringify(version)}`);
}

export function checkProcess(process: Spec['process']): asserts process is NonNullable<Spec['process']> {
  if (process === undefined) throw invalid('process property must not be empty');
  if (process.cwd === '') throw invalid('Cwd property must not be empty');
  if (!process.cwd.startsWith('/')) throw invalid('Cwd must be an absolute path');
  if ((process.args ?? []).length === 0) throw invalid('args must not be empty');
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_SPEC_INVALID', message);
}

function checkNamespaces(spec: Spec): void {
  const { linux = {}, hostname = '', domainname = '' } = spec;
  const seen = new Set<NamespaceType>();
  for (const { type, path = '' } of linux.namespaces ?? []) {
    if (seen.has(type)) throw invalid(`malformed spec file: duplicated ns {${JSON.stringify(type)} ${JSON.stringify(path)}}`);
    seen.add(type);
  }
  if (hostname !== '' && !seen.has('uts')) throw invalid('unable to set hostname without a private UTS namespace');
  if (domainname !== '' && !seen.has('uts')) throw invalid('unable to set domainname without a private UTS namespace');
  const hides = (linux.maskedPaths ?? []).length + (linux.readonlyPaths ?? []).length > 0;
  if (hides && !seen.has('mount')) throw invalid('unable to restrict sys entries without a private MNT namespace');
  const mapped = (linux.uidMappings ?? []).length > 0;
  if (mapped && !seen.has('user')) throw invalid("user namespace mappings specified, but user namespace isn't enabled in the config");
  const newUsers = (linux.namespaces ?? []).some(({ type, path = '' }) => type === 'user' && path === '');
  if (newUsers && !mapped) throw invalid('User namespaces enabled, but no uid mappings found.');
  if (newUsers && (linux.gidMappings ?? []).length === 0) throw invalid('User namespaces enabled, but no gid mappings found.');
}

const ipcNames = new Set(
  ['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced'].map((name) => `kernel/${name}`),
);

function checkSysctls({ linux = {} }: Spec): void {
  const has = (type: NamespaceType): boolean => (linux.namespaces ?? []).some((namespace) => namespace.type === type);
  for (const name of Object.keys(linux.sysctl ?? {})) {
    const path = sysctlPath(name);
    const quoted = JSON.stringify(name);
    if (path.startsWith('net/')) {
      if (!has('network')) throw invalid(`sysctl ${quoted} not allowed in host network namespace`);
    } else if (ipcNames.has(path) || path.startsWith('fs/mqueue/')) {
      if (!has('ipc')) throw invalid(`sysctl ${quoted} is not allowed in the hosts ipc namespace`);
    } else if (path === 'kernel/hostname') {
      throw invalid(`sysctl ${quoted} is not allowed as it conflicts with the OCI "hostname" field`);
    } else if (path === 'kernel/domainname') {
      if (!has('uts')) throw invalid(`sysctl ${quoted} is not allowed in the hosts uts namespace`);
    } else if (!path.startsWith('user/')) {
      throw invalid(`sysctl ${quoted} is not in a separate kernel namespace`);
    }
  }
}
