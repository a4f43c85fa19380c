import {
  checked,
  decimal,
  derived,
  dictionary,
  duration,
  flag,
  kept,
  list,
  matching,
  namesAsKeys,
  object,
  oneOf,
  oneOrMore,
  optional,
  pairs,
  rewritten,
  shortOr,
  size,
  text,
  textOrNumber,
  whole,
  type Node,
  type Shape,
  type ValueOf,
} from '../shape/index.ts';
import { build } from './build.ts';
import { deploy, deviceRequests } from './deploy.ts';
import { mounts } from './mounts.ts';
import { command, extraHosts, fileReferences, healthcheck, hook, names, texts, ulimit } from './parts.ts';
import { filePath, resolvePath } from './paths.ts';
import { ports } from './ports.ts';
import { logging, provider, serviceModels, serviceNetworks } from './attachments.ts';

const dependency = object(
  { condition: oneOf('service_started', 'service_healthy', 'service_completed_successfully'), restart: flag(), required: kept(flag()) },
  ['condition'],
);
export type Dependency = ValueOf<typeof dependency>;

const dependencies = rewritten(dictionary(derived(dependency, (value) => ({ required: true, ...value }))), (node) =>
  namesAsKeys(node, (item) => ({
    kind: 'map',
    place: item.place,
    entries: new Map<string, Node>([['condition', { kind: 'scalar', value: 'service_started', place: item.place }]]),
  })),
);

const device = shortOr(object({ source: text(), target: text(), permissions: text() }, ['source', 'target']), parseDevice);
const envFile = shortOr(
  derived(object({ path: filePath(), required: kept(flag()), format: text() }, ['path']), (value) => ({ required: true, ...value })),
  (path, reading) => ({ path: resolvePath(path, reading), required: true }),
);

function parseDevice(text: string): { source: string; target: string; permissions: string } {
  const [source = '', target = source, permissions = 'rwm', ...rest] = text.split(':');
  if (rest.length > 0) throw new Error(`confusing device mapping, please use long syntax: ${text}`);
  return { source, target, permissions };
}

const watch = object(
  {
    path: derived(
      checked(text(), (path) => (path === '' ? "value can't be blank" : null)),
      resolvePath,
    ),
    action: oneOf('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec'),
    target: text(),
    exec: { ...hook, absent: (form) => (form === 'json' ? { command: null } : undefined) } satisfies Shape<ValueOf<typeof hook>>,
    include: oneOrMore(texts()),
    ignore: oneOrMore(texts()),
    initial_sync: flag(),
  },
  ['path', 'action'],
);

const deviceRates = (of: 'rate' | 'weight'): Shape<readonly Readonly<Record<string, unknown>>[]> =>
  list(
    object({
      path: { ...text(), jsonName: 'Path' },
      ...(of === 'rate' ? { rate: { ...size(), jsonName: 'Rate' } } : { weight: { ...whole(0), jsonName: 'Weight' } }),
    }) as Shape<Readonly<Record<string, unknown>>>,
  );

const blkio = object({
  weight: whole(0, 65_535),
  weight_device: deviceRates('weight'),
  device_read_bps: deviceRates('rate'),
  device_read_iops: deviceRates('rate'),
  device_write_bps: deviceRates('rate'),
  device_write_iops: deviceRates('rate'),
});

const pullPolicies = /^(?:always|never|build|if_not_present|missing|refresh|daily|weekly|every_(?:[0-9]+[wdhms])+)$/;

/** A service: its attributes in the order in which Compose shows them, which its hash depends on. Source: compose-spec 05-services. */
export const service = object({
  profiles: names(),
  annotations: pairs(''),
  attach: kept(flag()),
  build: kept(build()),
  develop: kept(optional(object({ watch: list(watch) }))),
  blkio_config: blkio,
  cap_add: names(),
  cap_drop: names(),
  cgroup_parent: text(),
  cgroup: oneOf('host', 'private'),
  cpu_count: whole(0),
  cpu_percent: decimal(),
  cpu_period: whole(),
  cpu_quota: whole(),
  cpu_rt_period: whole(),
  cpu_rt_runtime: whole(),
  cpus: decimal(),
  cpuset: text(),
  cpu_shares: whole(),
  command: command(),
  configs: fileReferences('', false),
  container_name: matching(/[a-zA-Z0-9][a-zA-Z0-9_.-]+/, 'a name of letters, digits, dots, dashes and underscores'),
  credential_spec: object({ config: text(), file: text(), registry: text() }),
  depends_on: dependencies,
  deploy: optional(deploy),
  device_cgroup_rules: texts(),
  devices: list(device, ({ target }) => target),
  dns: derived(oneOrMore(names()), (addresses) => addresses.filter((address) => address !== '')),
  dns_opt: names(),
  dns_search: oneOrMore(names()),
  domainname: text(),
  entrypoint: command(),
  provider,
  environment: pairs(null),
  env_file: oneOrMore(list(envFile, ({ path }) => path)),
  expose: list(textOrNumber(), (value) => value),
  extends: shortOr(object({ service: text(), file: text() }, ['service']), (service) => ({ service })),
  external_links: names(),
  extra_hosts: extraHosts(),
  group_add: list(textOrNumber(), (value) => value),
  gpus: deviceRequests(),
  hostname: text(),
  healthcheck,
  image: text(),
  init: kept(flag()),
  ipc: text(),
  isolation: text(),
  labels: pairs(''),
  label_file: oneOrMore(list(filePath())),
  links: names(),
  logging,
  mem_limit: sizeText(),
  mem_reservation: sizeText(),
  memswap_limit: sizeText(),
  mem_swappiness: sizeText(),
  mac_address: text(),
  models: serviceModels,
  network_mode: text(),
  networks: serviceNetworks,
  oom_kill_disable: flag(),
  oom_score_adj: whole(-1000, 1000),
  pid: text(),
  pids_limit: whole(),
  platform: text(),
  ports: ports(),
  privileged: flag(),
  pull_policy: matching(pullPolicies, 'a policy such as always, missing, never, build or every_2d'),
  pull_refresh_after: text(),
  read_only: flag(),
  restart: text(),
  runtime: text(),
  scale: kept(whole(0)),
  secrets: fileReferences('/run/secrets', true),
  security_opt: names(),
  shm_size: sizeText(),
  stdin_open: flag(),
  stop_grace_period: kept(duration()),
  stop_signal: text(),
  storage_opt: dictionary(textOrNumber()),
  sysctls: pairs(''),
  tmpfs: oneOrMore(names()),
  tty: flag(),
  ulimits: dictionary(ulimit(), { keys: /^[a-z]+$/ }),
  use_api_socket: flag(),
  user: text(),
  userns_mode: text(),
  uts: text(),
  volumes: mounts(),
  volumes_from: names(),
  working_dir: text(),
  post_start: list(hook),
  pre_stop: list(hook),
});

export type ServiceConfig = ValueOf<typeof service>;

/** A size of zero is none. */
function sizeText(): Shape<number> {
  return { ...size(), hides: (printed) => printed === '0' };
}
