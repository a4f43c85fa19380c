import type { FirewalledNetwork } from '../firewall/ruleset.ts';

/** A network as the firewall sees those that were made without options. */
export function plainNetwork(network: Pick<FirewalledNetwork, 'links' | 'subnets'> & Partial<FirewalledNetwork>): FirewalledNetwork {
  return {
    internal: false,
    interContainer: true,
    masquerade: { ipv4: true, ipv6: true },
    gatewayMode: { ipv4: 'nat', ipv6: 'nat' },
    trustedLinks: [],
    ...network,
  };
}
