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

/** Holds links that have just come to what the container is held to, for this run only or not. */
export function shapeNewLinks(context: EngineContext, record: Pick<ContainerRecord, 'id' | 'request' | 'run'>): void {
  const whole = Object.entries({ ...record.request.settings, ...record.run?.once });
  const settings = Object.fromEntries(whole.filter((entry): entry is [string, string] => entry[1] !== null));
  const rates = linkRatesOf({ request: { ...record.request, settings } });
  if (Object.keys(rates).length > 0) context.networks.shape(record.id, rates);
}
