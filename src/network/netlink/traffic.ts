import * as n from './constants.ts';
import type { Request } from './requests.ts';
import { attribute, concatenate, nested, text, u32, viewOf } from './wire.ts';

/** Numbers of <linux/rtnetlink.h>, <linux/pkt_sched.h>, <linux/pkt_cls.h>, <linux/tc_act/tc_mirred.h>. */
const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_NEWTFILTER = 44;
const TC_H_ROOT = 0xffff_ffff;
const TC_H_INGRESS = 0xffff_fff1;
const ingressHandle = 0xffff_0000;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_TBF_PARMS = 1;
const TCA_TBF_RATE64 = 4;
const TCA_TBF_BURST = 6;
const TC_LINKLAYER_ETHERNET = 1;
const TCA_U32_SEL = 5;
const TCA_U32_ACT = 7;
const TC_U32_TERMINAL = 1;
const TCA_MATCHALL_ACT = 2;
const TCA_ACT_KIND = 1;
const TCA_ACT_OPTIONS = 2;
const TCA_MIRRED_PARMS = 2;
const TC_ACT_STOLEN = 4;
const TCA_EGRESS_REDIR = 1;
const allProtocols = 0x0003;
const priority = 1;

const put = n.NLM_F_REQUEST | n.NLM_F_ACK | n.NLM_F_CREATE | n.NLM_F_REPLACE;
const change = n.NLM_F_REQUEST | n.NLM_F_ACK;

/** How long a burst at the full rate may last, and how long what comes faster may wait before it is dropped. */
const burstS = 0.01;
const queueS = 0.05;
/** A burst holds some whole packets, also large ones that were not cut up yet. */
const leastBurstBytes = 16_384;
const leastQueueBytes = 65_536;

/** What leaves the link is held to a rate (tc-tbf(8)), whatever was so before. */
export function shapeLink(index: number, bitsPerSecond: number): Request {
  const bytesPerSecond = Math.ceil(bitsPerSecond / 8);
  const burst = Math.max(leastBurstBytes, Math.ceil(bytesPerSecond * burstS));
  const options = nested(
    TCA_OPTIONS,
    attribute(TCA_TBF_PARMS, tokenBucket(bytesPerSecond, burst + Math.max(leastQueueBytes, Math.ceil(bytesPerSecond * queueS)))),
    u32(TCA_TBF_BURST, Math.min(burst, 0xffff_ffff)),
    ...(bytesPerSecond > 0xffff_ffff ? [attribute(TCA_TBF_RATE64, u64(bytesPerSecond))] : []),
  );
  return queueing({ index, parent: TC_H_ROOT, handle: 0 }, 'tbf', [options], `hold link ${index} to a rate`);
}

/** Nothing is held back any more; ENOENT or EINVAL when nothing was. */
export function unshapeLink(index: number): Request {
  return {
    type: RTM_DELQDISC,
    flags: change,
    body: head({ index, parent: TC_H_ROOT, handle: 0 }),
    purpose: `free link ${index} of its rate`,
  };
}

/** A place for filters on what comes in through the link. */
export function watchIncoming(index: number): Request {
  return queueing({ index, parent: TC_H_INGRESS, handle: ingressHandle }, 'ingress', [], `watch what comes in through link ${index}`);
}

/** With all its filters; ENOENT or EINVAL when there is none. */
export function ignoreIncoming(index: number): Request {
  const body = head({ index, parent: TC_H_INGRESS, handle: ingressHandle });
  return { type: RTM_DELQDISC, flags: change, body, purpose: `watch link ${index} no more` };
}

/** Filters that match all there is: kernels have one, or both. */
export const filterKinds = ['matchall', 'u32'] as const;

/** All that comes in through a link leaves through another, and comes in only then (tc-mirred(8)). Needs `watchIncoming`. */
export function divertIncoming(index: number, through: number, kind: (typeof filterKinds)[number]): Request {
  const action = nested(
    1,
    text(TCA_ACT_KIND, 'mirred'),
    nested(TCA_ACT_OPTIONS, attribute(TCA_MIRRED_PARMS, words(0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, through))),
  );
  const options =
    kind === 'matchall' ? [nested(TCA_MATCHALL_ACT, action)] : [attribute(TCA_U32_SEL, matchEverything()), nested(TCA_U32_ACT, action)];
  // The protocol is in network order.
  const info = ((priority << 16) | (allProtocols << 8)) >>> 0;
  const body = concatenate([
    head({ index, parent: ingressHandle, handle: 0, info }),
    text(TCA_KIND, kind),
    nested(TCA_OPTIONS, ...options),
  ]);
  const flags = n.NLM_F_REQUEST | n.NLM_F_ACK | n.NLM_F_CREATE | n.NLM_F_EXCL;
  return { type: RTM_NEWTFILTER, flags, body, purpose: `lead what comes in through link ${index} elsewhere` };
}

interface Place {
  readonly index: number;
  readonly parent: number;
  readonly handle: number;
  readonly info?: number;
}

function queueing(place: Place, kind: string, options: readonly Uint8Array[], purpose: string): Request {
  return { type: RTM_NEWQDISC, flags: put, body: concatenate([head(place), text(TCA_KIND, kind), ...options]), purpose };
}

/** struct tcmsg. */
function head({ index, parent, handle, info = 0 }: Place): Uint8Array {
  return words(0, index, handle, parent, info);
}

/** struct tc_tbf_qopt: two struct tc_ratespec, the size of the queue, and what TCA_TBF_BURST says better. */
function tokenBucket(bytesPerSecond: number, queueBytes: number): Uint8Array {
  const rate = words(TC_LINKLAYER_ETHERNET << 8, 0, Math.min(bytesPerSecond, 0xffff_ffff));
  return concatenate([rate, words(0, 0, 0), words(Math.min(queueBytes, 0xffff_ffff), 0, 0)]);
}

/** struct tc_u32_sel with one key of no bits. */
function matchEverything(): Uint8Array {
  return concatenate([Uint8Array.of(TC_U32_TERMINAL, 0, 1, 0), words(0, 0, 0), words(0, 0, 0, 0)]);
}

/** 32-bit integers in the machine's order. */
function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  for (const [at, value] of values.entries()) viewOf(bytes).setUint32(at * 4, value >>> 0, true);
  return bytes;
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(value), true);
  return bytes;
}
