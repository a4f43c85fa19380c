import type { DockerNetwork } from '#wire';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatList } from '../render/list.ts';
import { withLabels } from '../render/template/row.ts';
import { parseFilters } from '../values/pairs.ts';

const columns = ['ID', 'Name', 'Driver', 'Scope'];
const headers = { ID: 'NETWORK ID', CreatedAt: 'CREATED AT' };
const raw = { network_id: 'ID', name: 'Name', driver: 'Driver', scope: 'Scope' };

export const listNetworks: Verb = async ({ args, io, client }) => {
  const found = await (await client()).networks.list(parseFilters(args.list('filter')));
  if (args.flag('json')) {
    await printJson(io, found);
    return exitCodes.ok;
  }
  const rows = found.toSorted((a, b) => (a.Name < b.Name ? -1 : 1)).map((network) => networkRow(network, { whole: args.flag('no-trunc') }));
  const quiet = args.flag('quiet') && args.text('format') === undefined;
  const text = quiet
    ? rows.map((row) => `${row['ID']}\n`).join('')
    : formatList(rows, { format: args.text('format'), columns, headers, raw });
  await write(io.stdout, text);
  return exitCodes.ok;
};

function networkRow(network: DockerNetwork, { whole }: { readonly whole: boolean }): Record<string, string> {
  const row = {
    ID: whole ? network.Id : network.Id.slice(0, 12),
    Name: network.Name,
    Driver: network.Driver,
    Scope: network.Scope,
    IPv4: String(network.EnableIPv4),
    IPv6: String(network.EnableIPv6),
    Internal: String(network.Internal),
    Labels: Object.entries(network.Labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    CreatedAt: network.Created.replace('T', ' ').replace(/Z$/, ' +0000 UTC'),
  };
  return withLabels(row, network.Labels);
}
