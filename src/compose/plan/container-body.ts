import { OrlopError } from '#errors';
import type { DockerCreateBody, DockerEndpointWishes, DockerHealthcheck, DockerPortMap } from '#wire';
import { machineOf } from '../model/machine.ts';
import { imageOf } from '../model/print.ts';
import type { PortConfig } from '../model/ports.ts';
import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';
import { hostConfigOf, referencedFiles } from './host-config.ts';
import { containerLabels } from './labels.ts';
import { networksOf, type ContainerWish } from './wish.ts';

/** Attributes that the specification has and this engine does not. */
const refused = ['models', 'credential_spec', 'use_api_socket', 'volume_driver', 'isolation', 'cpu_count', 'cpu_percent'] as const;

/** unimplemented names what a service asks for and the engine does not have, before anything is made. Pure. */
export function refuseUnsupported(project: Project, name: string): void {
  const service = project.services[name] ?? {};
  const key = refused.find((candidate) => Object.hasOwn(service, candidate));
  if (key !== undefined)
    throw new OrlopError(
      'unimplemented',
      'COMPOSE_UNSUPPORTED',
      `services.${name}.${key} is not supported`,
      key === 'models' ? { hint: 'no runner of models comes with the engine: run one as a service of its own' } : {},
    );
  referencedFiles(project, service);
}

/** What a container of this service is created from. unimplemented names an attribute that the engine lacks. Pure. */
export function planContainer(project: Project, name: string, wish: ContainerWish): DockerCreateBody {
  const service = project.services[name] ?? {};
  refuseUnsupported(project, name);
  const machine = machineOf(name, service);
  const exposed = [...(service.expose ?? []).flatMap(expandExposed), ...(service.ports ?? []).map(portKey)];
  const { stop_grace_period: grace, healthcheck } = service;
  return {
    Image: imageOf(project, name),
    ...(service.command == null ? {} : { Cmd: [...service.command] }),
    ...(service.entrypoint == null ? {} : { Entrypoint: service.entrypoint.length === 0 ? [''] : [...service.entrypoint] }),
    Env: Object.entries(service.environment ?? {}).flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}`])),
    Labels: containerLabels(project, service, wish),
    ...(service.hostname === undefined ? {} : { Hostname: service.hostname }),
    ...(service.domainname === undefined ? {} : { Domainname: service.domainname }),
    ...(service.user === undefined ? {} : { User: service.user }),
    ...(service.working_dir === undefined ? {} : { WorkingDir: service.working_dir }),
    ...(service.tty === true ? { Tty: true } : {}),
    ...(service.stdin_open === true ? { OpenStdin: true } : {}),
    ...(service.stop_signal === undefined ? {} : { StopSignal: service.stop_signal }),
    ...(grace === undefined ? {} : { StopTimeout: Math.ceil(grace / 1e9) }),
    ...(exposed.length === 0 ? {} : { ExposedPorts: Object.fromEntries(exposed.map((key) => [key, {}])) }),
    ...(healthcheck === undefined ? {} : { Healthcheck: healthcheckOf(healthcheck) }),
    HostConfig: {
      ...hostConfigOf(project, name, wish),
      PortBindings: portBindings(service.ports ?? []),
      // Docker's own bridge knows no names but these.
      ...(service.network_mode === 'bridge' ? { Links: linksOf(project, service) } : {}),
      ...(machine === null ? {} : { Kind: 'system', Settings: { ...machine.settings } }),
    },
    NetworkingConfig: { EndpointsConfig: endpointsOf(project, name, wish.oneOff === true) },
  };
}

function healthcheckOf(check: NonNullable<ServiceConfig['healthcheck']>): DockerHealthcheck {
  if (check.disable === true) return { Test: ['NONE'] };
  return {
    ...(check.test === undefined ? {} : { Test: [...check.test] }),
    ...(check.interval === undefined ? {} : { Interval: check.interval }),
    ...(check.timeout === undefined ? {} : { Timeout: check.timeout }),
    ...(check.start_period === undefined ? {} : { StartPeriod: check.start_period }),
    ...(check.start_interval === undefined ? {} : { StartInterval: check.start_interval }),
    ...(check.retries === undefined ? {} : { Retries: check.retries }),
  };
}

function portKey({ target, protocol = 'tcp' }: PortConfig): string {
  return `${target}/${protocol}`;
}

/** `9000-9002/udp` */
function expandExposed(text: string): string[] {
  const [, first = text, last = first, protocol = 'tcp'] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text) ?? [];
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_none, index) => `${Number(first) + index}/${protocol}`);
}

function portBindings(ports: readonly PortConfig[]): DockerPortMap {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) (bindings[portKey(port)] ??= []).push({ HostIp: port.host_ip ?? '', HostPort: port.published ?? '' });
  return bindings;
}

function endpointsOf(project: Project, name: string, oneOff: boolean): Record<string, DockerEndpointWishes> {
  const service = project.services[name] ?? {};
  const linked = linksOf(project, service);
  return Object.fromEntries(
    networksOf(service).map((key) => {
      const wishes = service.networks?.[key] ?? {};
      const mac = wishes.mac_address ?? service.mac_address;
      const options = {
        ...(wishes.interface_name === undefined ? {} : { 'com.docker.network.endpoint.ifname': wishes.interface_name }),
        ...wishes.driver_opts,
      };
      const addresses = {
        ...(wishes.ipv4_address === undefined ? {} : { IPv4Address: wishes.ipv4_address }),
        ...(wishes.ipv6_address === undefined ? {} : { IPv6Address: wishes.ipv6_address }),
        ...(wishes.link_local_ips === undefined ? {} : { LinkLocalIPs: [...wishes.link_local_ips] }),
      };
      const endpoint: DockerEndpointWishes = {
        Aliases: oneOff ? [] : [name, ...(wishes.aliases ?? [])],
        ...(Object.keys(addresses).length === 0 ? {} : { IPAMConfig: addresses }),
        ...(mac === undefined ? {} : { MacAddress: mac }),
        ...(Object.keys(options).length === 0 ? {} : { DriverOpts: options }),
        ...(wishes.gw_priority === undefined ? {} : { GwPriority: wishes.gw_priority }),
        ...(linked.length === 0 ? {} : { Links: linked }),
      };
      return [project.networks[key]?.name ?? key, endpoint];
    }),
  );
}

/** Containers that this one knows by further names: those of services, and of others (`external_links`). Who gives no name is found by its own anyway. */
function linksOf(project: Project, { links = [], external_links: others = [] }: ServiceConfig): string[] {
  const own = links.map((link) => link.split(':')).filter(([, alias]) => alias !== undefined);
  return [
    ...own.map(([other = '', alias = '']) => `${containerName(project, other, 1)}:${alias}`),
    ...others.map((link) => (link.includes(':') ? link : `${link}:${link}`)),
  ];
}

/** What the container of this number is called. */
export function containerName(project: Project, name: string, number: number): string {
  return project.services[name]?.container_name ?? [project.name, name, number].join(project.separator ?? '-');
}
