import {
  always,
  checked,
  complain,
  decimal,
  derived,
  duration,
  kept,
  list,
  object,
  oneOf,
  pairs,
  size,
  text,
  whole,
  type Shape,
  type ValueOf,
} from '../shape/index.ts';
import { texts } from './parts.ts';

const count: Shape<number> = {
  ...whole(),
  read: (node, reading) => (node.kind === 'scalar' && node.value === 'all' ? -1 : whole().read(node, reading)),
};

const requestFields = { capabilities: texts(), driver: text(), count, device_ids: texts(), options: pairs('') };
const request = object(requestFields);
export type DeviceRequest = ValueOf<typeof request>;
function counted(shape: Shape<DeviceRequest>): Shape<DeviceRequest> {
  const exclusive = checked(shape, (value) =>
    value.count !== undefined && value.device_ids !== undefined ? '"count" and "device_ids" attributes are exclusive' : null,
  );
  return derived(exclusive, (value) => (value.count === undefined && value.device_ids === undefined ? { ...value, count: -1 } : value));
}

/** GPUs and the like; `all` stands for all of them. */
export function deviceRequests(): Shape<readonly DeviceRequest[]> {
  const some = list(counted(request));
  return {
    ...some,
    read: (node, reading) => {
      if (node.kind !== 'scalar') return some.read(node, reading);
      return node.value === 'all' ? [{ count: -1 }] : complain(reading, node, 'must be "all" or a list');
    },
  };
}

const generic = object({ discrete_resource_spec: kept(object({ kind: kept(text()), value: kept(whole()) })) });
const limits = object({ cpus: decimal(), memory: size(), pids: whole() });
const reservations = object({
  cpus: decimal(),
  memory: size(),
  devices: list(counted(object(requestFields, ['capabilities']))),
  generic_resources: list(generic),
});

const update = object({
  parallelism: kept(whole(0)),
  delay: duration0(),
  failure_action: text(),
  monitor: duration0(),
  max_failure_ratio: decimal(),
  order: oneOf('start-first', 'stop-first'),
});

/** Not shown when it is zero. */
function duration0(): Shape<number> {
  return { ...duration(), hides: (printed) => printed === '0s' };
}

const restartPolicy = object({
  condition: text(),
  delay: kept(duration()),
  max_attempts: kept(whole(0)),
  window: kept(duration()),
});

export const deploy = object({
  mode: text(),
  replicas: kept(whole(0)),
  labels: pairs(''),
  update_config: update,
  rollback_config: update,
  resources: always(object({ limits, reservations }), {}, 'json'),
  restart_policy: restartPolicy,
  placement: always(
    object({
      constraints: texts(),
      preferences: list(object({ spread: text() })),
      max_replicas_per_node: whole(0),
    }),
    {},
    'json',
  ),
  endpoint_mode: text(),
});
