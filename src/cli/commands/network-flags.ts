import type { FlagSpec } from '../arguments/spec.ts';

/** What a container of either kind can be asked for on networks. `--network` may be repeated; the flags about an address are for the first. */
export const networkFlags: readonly FlagSpec[] = [
  { name: 'dns', kind: 'list', help: 'Name servers' },
  { name: 'dns-option', kind: 'list', help: 'Options of the resolver' },
  { name: 'dns-opt', kind: 'list', help: '', aliasOf: 'dns-option' },
  { name: 'dns-search', kind: 'list', help: 'Domains in which names are looked for' },
  { name: 'expose', kind: 'list', help: 'Expose a port or a range of them' },
  { name: 'ip', kind: 'text', help: 'IPv4 address (172.30.100.104)' },
  { name: 'ip6', kind: 'text', help: 'IPv6 address (2001:db8::33)' },
  { name: 'link-local-ip', kind: 'list', help: 'Link-local addresses' },
  { name: 'mac-address', kind: 'text', help: 'Hardware address (92:d0:c6:0a:29:33)' },
  {
    name: 'network',
    kind: 'list',
    help: 'Connect to a network: its name, or name=…,alias=…,ip=…,gw-priority=…; host, none, container:NAME',
    choices: ['host', 'none'],
    completes: 'network',
  },
  { name: 'net', kind: 'list', help: '', aliasOf: 'network' },
  { name: 'network-alias', kind: 'list', help: 'Further names of the container in its network' },
  { name: 'net-alias', kind: 'list', help: '', aliasOf: 'network-alias' },
  { name: 'publish', short: 'p', kind: 'list', help: 'Publish a port on the host ([address:][port:]port[/protocol])' },
  { name: 'publish-all', short: 'P', kind: 'flag', help: 'Publish all exposed ports on free ports of the host' },
];
