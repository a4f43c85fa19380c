import type { Exchange, Route } from '#api/http';
import { toSeconds, type Dedupe, type DiskBody, type DiskView, type StoreCheck } from '#wire';
import { checkKeys } from './known-keys.ts';

/** What the routes of the store need of the engine. */
export interface StoreBackend {
  readonly disk: {
    usage(): Promise<DiskView>;
    dedupe(refs: readonly string[] | null, signal?: AbortSignal): Promise<Dedupe>;
    check(options: { readonly repair?: boolean; readonly content?: boolean; readonly signal?: AbortSignal }): Promise<StoreCheck>;
  };
}

/** `/orlop/v1/disk`, `/orlop/v1/check`, `/orlop/v1/dedupe` */
export function orlopStoreRoutes({ disk }: StoreBackend): Route[] {
  return [
    { method: 'GET', path: '/orlop/v1/disk', handle: async (exchange) => exchange.json(200, diskBodyOf(await disk.usage())) },
    { method: 'POST', path: '/orlop/v1/check', handle: (exchange) => check(disk, exchange) },
    { method: 'POST', path: '/orlop/v1/dedupe', handle: (exchange) => dedupe(disk, exchange) },
  ];
}

function diskBodyOf({ images, ...rest }: DiskView): DiskBody {
  return { ...rest, images: images.map(({ createdAtNs, ...image }) => ({ ...image, created: toSeconds(createdAtNs) })) };
}

/** `containers`: names; null: all. */
async function dedupe(disk: StoreBackend['disk'], exchange: Exchange): Promise<void> {
  const body = await exchange.readObject();
  checkKeys(body, ['containers']);
  exchange.json(200, (await disk.dedupe(body.texts('containers'), exchange.signal)) satisfies Dedupe);
}

async function check(disk: StoreBackend['disk'], exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  exchange.json(200, await disk.check({ repair: query.flag('repair'), content: query.flag('content'), signal }));
}
