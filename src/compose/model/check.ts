import { isOrlopError } from '#errors';
import type { Place, Problem } from '../shape/index.ts';
import type { Project } from './project.ts';
import { machineOf } from './machine.ts';
import type { ServiceConfig } from './service.ts';

/** What is wrong between the parts of a project. Pure. Source: compose-spec, and what Compose checks. */
export function checkProject(project: Project, places: ReadonlyMap<string, Place>): Problem[] {
  const nowhere: Place = { file: project.files[0] ?? 'compose.yaml', line: 1, column: 1 };
  /** Of the attribute, or of what holds it. */
  const place = (path: string): Place => {
    const found = places.get(path);
    const outer = path.replace(/(?:^|\.|\[)[^.[]*$/, '');
    return found ?? (outer === '' ? nowhere : place(outer));
  };
  const complaints = Object.entries(project.services).flatMap(([name, service]) =>
    checks.flatMap((check) => check(name, service, project).map(([path, message]) => ({ path: `services.${name}${path}`, message }))),
  );
  return [...complaints, ...findCycles(project), ...sameNames(project), ...driversAlone(project)].map(({ path, message }) => ({
    path,
    message,
    place: place(path),
  }));
}

type Complaint = readonly [path: string, message: string];
type Check = (name: string, service: ServiceConfig, project: Project) => Complaint[];

const checks: readonly Check[] = [hasImage, refersToWhatIs, isNotTwice, mountsOnce, watches, buildsForIts];

function hasImage(name: string, service: ServiceConfig): Complaint[] {
  const { image, build, provider } = service;
  let template: string | null;
  try {
    template = machineOf(name, service)?.template ?? null;
  } catch (error) {
    if (!isOrlopError(error)) throw error;
    return [['.x-orlop', error.message]];
  }
  if (image === undefined && build === undefined && provider === undefined && template === null)
    return [['', `service "${name}" has neither an image nor a build context specified`]];
  const both = build?.dockerfile !== undefined && build.dockerfile_inline !== undefined;
  return both ? [['.build', `service "${name}" declares mutually exclusive dockerfile and dockerfile_inline`]] : [];
}

function refersToWhatIs(name: string, service: ServiceConfig, project: Project): Complaint[] {
  const undefinedIn = (kind: string, path: string, wanted: readonly string[], known: object): Complaint[] =>
    wanted.filter((key) => !Object.hasOwn(known, key)).map((key) => [path, `service "${name}" refers to undefined ${kind} ${key}`]);
  const sources = (references: readonly { readonly source?: string }[] = []): string[] => references.map(({ source = '' }) => source);
  const volumes = (service.volumes ?? []).filter(({ type, source = '' }) => type === 'volume' && source !== '');
  const missing = Object.entries(service.depends_on ?? {}).filter(
    ([other, { required }]) => !Object.hasOwn(project.services, other) && (required !== false || !Object.hasOwn(project.disabled, other)),
  );
  return [
    ...undefinedIn('network', '.networks', Object.keys(service.networks ?? {}), project.networks),
    ...undefinedIn('volume', '.volumes', sources(volumes), project.volumes),
    ...undefinedIn('secret', '.secrets', sources(service.secrets), project.secrets),
    ...undefinedIn('build secret', '.build.secrets', sources(service.build?.secrets), project.secrets),
    ...undefinedIn('config', '.configs', sources(service.configs), project.configs),
    ...missing.map(([other]): Complaint => [`.depends_on`, `service "${name}" depends on undefined service "${other}"`]),
  ];
}

function isNotTwice(name: string, service: ServiceConfig): Complaint[] {
  const { deploy, networks } = service;
  const limits = deploy?.resources?.limits;
  const reserved = deploy?.resources?.reservations;
  const distinct = (path: string, a: unknown, other: string, b: unknown): Complaint[] =>
    a === undefined || b === undefined || a === b ? [] : [[`.${path}`, `can't set distinct values on '${path}' and '${other}'`]];
  const replicas = service.scale ?? deploy?.replicas ?? 1;
  return [
    ...(service.network_mode !== undefined && Object.keys(networks ?? {}).length > 0
      ? [['.network_mode', `service "${name}" declares mutually exclusive network_mode and networks`] as const]
      : []),
    ...(service.container_name !== undefined && replicas > 1
      ? [
          [
            '.container_name',
            `can't set container_name and ${service.scale === undefined ? 'deploy.replicas' : 'scale'} greater than 1: each container needs a name of its own`,
          ] as const,
        ]
      : []),
    ...distinct('cpus', service.cpus, 'deploy.resources.limits.cpus', limits?.cpus),
    ...distinct('mem_limit', service.mem_limit, 'deploy.resources.limits.memory', limits?.memory),
    ...distinct('pids_limit', service.pids_limit, 'deploy.resources.limits.pids', limits?.pids),
    ...distinct('mem_reservation', service.mem_reservation, 'deploy.resources.reservations.memory', reserved?.memory),
    ...distinct('scale', service.scale, 'deploy.replicas', deploy?.replicas),
  ];
}

function mountsOnce(_name: string, { tmpfs = [], volumes = [] }: ServiceConfig): Complaint[] {
  return tmpfs.flatMap((entry): Complaint[] => {
    const target = entry.split(':')[0] ?? '';
    const twice = tmpfs.findLast((other) => other.split(':')[0] === target) !== entry;
    const also = twice || volumes.some((mount) => mount.target === target);
    return also ? [[twice ? '.tmpfs' : '.volumes', `target ${target} is already mounted as tmpfs`]] : [];
  });
}

function buildsForIts(_name: string, { build, platform }: ServiceConfig): Complaint[] {
  const { platforms = [] } = build ?? {};
  if (platform === undefined || platforms.length === 0 || platforms.includes(platform)) return [];
  return [['.build.platforms', `service.build.platforms MUST include service.platform "${platform}"`]];
}

function watches(_name: string, { develop, build }: ServiceConfig): Complaint[] {
  return (develop?.watch ?? []).flatMap((rule, index): Complaint[] => {
    const path = `.develop.watch[${index}]`;
    if (rule.action.startsWith('sync') && rule.target === undefined) return [[path, `action "${rule.action}" needs a target`]];
    if (rule.action === 'sync+exec' && rule.exec === undefined) return [[path, 'action "sync+exec" needs exec']];
    return rule.action === 'rebuild' && build === undefined ? [[path, 'action "rebuild" needs a service with build']] : [];
  });
}

function driversAlone({ secrets }: Project): { path: string; message: string }[] {
  return Object.entries(secrets)
    .filter(([, { external, file, environment }]) => external !== true && file === undefined && environment === undefined)
    .map(([name]) => ({ path: `secrets.${name}`, message: `secret "${name}" must declare either \`file\` or \`environment\`` }));
}

function findCycles({ services }: Project): { path: string; message: string }[] {
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): string[] | null => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return null;
    for (const next of Object.keys(services[name]?.depends_on ?? {})) {
      const cycle = visit(next, [...way, name]);
      if (cycle !== null) return cycle;
    }
    done.add(name);
    return null;
  };
  for (const name of Object.keys(services)) {
    const cycle = visit(name, []);
    if (cycle !== null) return [{ path: `services.${name}.depends_on`, message: `dependency cycle detected: ${cycle.join(' -> ')}` }];
  }
  return [];
}

function sameNames({ services }: Project): { path: string; message: string }[] {
  const owners = new Map<string, string>();
  return Object.entries(services).flatMap(([name, { container_name: wanted }]) => {
    const other = wanted === undefined ? undefined : owners.get(wanted);
    if (wanted !== undefined) owners.set(wanted, name);
    return other === undefined
      ? []
      : [{ path: `services.${name}.container_name`, message: `container name "${wanted ?? ''}" is already in use by service "${other}"` }];
  });
}
