import type { Exchange, Route } from '#api/http';
import type { DeviceConfig, DevicesBody } from '#wire';

/** What the routes of named devices need of the engine. */
export interface DeviceBackend {
  readonly devices: {
    list(ref: string): DevicesBody;
    add(ref: string, device: string, config: DeviceConfig): Promise<void>;
    change(ref: string, device: string, change: DeviceConfig): Promise<void>;
    remove(ref: string, device: string): Promise<void>;
  };
}

/** `/orlop/v1/containers/{id}/devices`, `…/{device}`: the body of a PUT is its `type` and what that takes; a POST changes some of it. */
export function orlopDeviceRoutes({ devices }: DeviceBackend): Route[] {
  const path = '/orlop/v1/containers/{id}/devices';
  const idOf = ({ parameters }: Exchange): string => parameters['id'] ?? '';
  const nameOf = ({ parameters }: Exchange): string => parameters['device'] ?? '';
  return [
    { method: 'GET', path, handle: (exchange) => exchange.json(200, devices.list(idOf(exchange))) },
    {
      method: 'PUT',
      path: `${path}/{device}`,
      async handle(exchange) {
        await devices.add(idOf(exchange), nameOf(exchange), await readConfig(exchange));
        exchange.empty(204);
      },
    },
    {
      method: 'POST',
      path: `${path}/{device}`,
      async handle(exchange) {
        await devices.change(idOf(exchange), nameOf(exchange), await readConfig(exchange));
        exchange.empty(204);
      },
    },
    {
      method: 'DELETE',
      path: `${path}/{device}`,
      async handle(exchange) {
        await devices.remove(idOf(exchange), nameOf(exchange));
        exchange.empty(204);
      },
    },
  ];
}

async function readConfig(exchange: Exchange): Promise<DeviceConfig> {
  const body = await exchange.readObject();
  return Object.fromEntries(body.keys.map((key) => [key, body.text(key)]));
}
