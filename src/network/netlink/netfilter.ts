import type { Request } from './requests.ts';
import * as n from './constants.ts';
import { attribute, concatenate, nested, text, viewOf } from './wire.ts';

/** Numbers of <linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_tables.h>. */
const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFPROTO_UNSPEC = 0;
const NFPROTO_INET = 1;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_SET_ELEM_KEY_END = 10;
const NFT_SET_ELEM_INTERVAL_END = 1;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NF_ACCEPT = 1;
const NFT_GOTO = -4;

/** What a verdict map says of a packet. */
export type Verdict = { readonly verdict: 'accept' } | { readonly verdict: 'goto'; readonly chain: string };

/** One element of a set or a map of nf_tables: fields in network order, each filled up to four bytes. */
export interface Element {
  readonly key: Uint8Array;
  /** The last key, in a set of intervals of several fields. */
  readonly keyEnd?: Uint8Array;
  /** Of a map. */
  readonly value?: Uint8Array | Verdict;
  /** In a set of intervals of one field: here the interval before it has ended. */
  readonly isEnd?: boolean;
}

export interface SetRef {
  /** Of family `inet`. */
  readonly table: string;
  /** Of a set or a map. */
  readonly name: string;
}

/** A list of elements is an attribute, which holds at most 64 KiB. */
const elementsAtOnce = 256;

/** Opens and closes a transaction of nf_tables. */
export function batchMarks(): { readonly begin: Request; readonly end: Request } {
  const body = netfilterHead(NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES);
  const purpose = 'change the firewall';
  return {
    begin: { type: NFNL_MSG_BATCH_BEGIN, flags: n.NLM_F_REQUEST, body, purpose },
    end: { type: NFNL_MSG_BATCH_END, flags: n.NLM_F_REQUEST, body, purpose },
  };
}

/** Adding what is there with the same value is no error; with another, EEXIST. */
export function addElements(place: SetRef, elements: readonly Element[]): Request[] {
  return elementRequests(NFT_MSG_NEWSETELEM, n.NLM_F_CREATE, place, elements);
}

/** Removing what is not there is ENOENT. */
export function deleteElements(place: SetRef, elements: readonly Element[]): Request[] {
  return elementRequests(NFT_MSG_DELSETELEM, 0, place, elements);
}

function elementRequests(message: number, flags: number, { table, name }: SetRef, elements: readonly Element[]): Request[] {
  const requests: Request[] = [];
  for (let start = 0; start < elements.length; start += elementsAtOnce) {
    const some = elements.slice(start, start + elementsAtOnce);
    const list = some.map((element) => nested(NFTA_LIST_ELEM, ...elementAttributes(element)));
    const body = concatenate([
      netfilterHead(NFPROTO_INET, 0),
      text(NFTA_SET_ELEM_LIST_TABLE, table),
      text(NFTA_SET_ELEM_LIST_SET, name),
      nested(NFTA_SET_ELEM_LIST_ELEMENTS, ...list),
    ]);
    const type = (NFNL_SUBSYS_NFTABLES << 8) | message;
    requests.push({ type, flags: n.NLM_F_REQUEST | n.NLM_F_ACK | flags, body, purpose: `change ${name} of table ${table}` });
  }
  return requests;
}

function elementAttributes({ key, keyEnd, value, isEnd }: Element): Uint8Array[] {
  return [
    dataValue(NFTA_SET_ELEM_KEY, key),
    ...(keyEnd === undefined ? [] : [dataValue(NFTA_SET_ELEM_KEY_END, keyEnd)]),
    ...(isEnd === true ? [bigEndian(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END)] : []),
    ...(value === undefined ? [] : [value instanceof Uint8Array ? dataValue(NFTA_SET_ELEM_DATA, value) : verdictValue(value)]),
  ];
}

function verdictValue(verdict: Verdict): Uint8Array {
  const parts =
    verdict.verdict === 'accept'
      ? [bigEndian(NFTA_VERDICT_CODE, NF_ACCEPT)]
      : [bigEndian(NFTA_VERDICT_CODE, NFT_GOTO), text(NFTA_VERDICT_CHAIN, verdict.chain)];
  return nested(NFTA_SET_ELEM_DATA, nested(NFTA_DATA_VERDICT, ...parts));
}

/** Numbers of nf_tables are in network order. */
function bigEndian(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setInt32(0, value);
  return attribute(type, bytes);
}

function dataValue(type: number, bytes: Uint8Array): Uint8Array {
  return nested(type, attribute(NFTA_DATA_VALUE, bytes));
}

/** struct nfgenmsg. */
export function netfilterHead(family: number, resource: number): Uint8Array {
  return Uint8Array.of(family, 0, resource >> 8, resource & 0xff);
}
