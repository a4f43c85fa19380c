import type { LinkRates } from '#network';
import { parseBitRate } from '#wire';
import type { ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';

/** What a container's links are to be held to. Pure. */
export function linkRatesOf({ request }: Pick<ContainerRecord, 'request'>): LinkRates {
  const rateOf = (name: string): number | undefined => {
    const text = request.settings?.[name];
    return text === undefined ? undefined : parseBitRate(name, text);
  };
  const [ingressBits, egressBits] = [rateOf('limits.network.ingress'), rateOf('limits.network.egress')];
  return { ...(ingressBits === undefined ? {} : { ingressBits }), ...(egressBits === undefined ? {} : { egressBits }) };
}

/** Holds links that have just come to what the container is held to. */
export function shapeNewLinks(context: EngineContext, record: Pick<ContainerRecord, 'id' | 'request'>): void {
  const rates = linkRatesOf(record);
  if (Object.keys(rates).length > 0) context.networks.shape(record.id, rates);
}
