import type { Request } from './requests.ts';
import * as n from './constants.ts';
import { attribute, concatenate, nested, text } from './wire.ts';

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
const NFTA_DATA_VALUE = 1;

/** One element of a map of nf_tables: fields in network order, each filled up to four bytes. */
export interface MapElement {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface MapRef {
  /** Of family `inet`. */
  readonly table: string;
  readonly map: string;
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
export function addElements(place: MapRef, elements: readonly MapElement[]): Request[] {
  return elementRequests(NFT_MSG_NEWSETELEM, n.NLM_F_CREATE, place, elements);
}

/** Removing what is not there is ENOENT. */
export function deleteElements(place: MapRef, elements: readonly MapElement[]): Request[] {
  return elementRequests(NFT_MSG_DELSETELEM, 0, place, elements);
}

function elementRequests(message: number, flags: number, { table, map }: MapRef, elements: readonly MapElement[]): Request[] {
  const requests: Request[] = [];
  for (let start = 0; start < elements.length; start += elementsAtOnce) {
    const some = elements.slice(start, start + elementsAtOnce);
    const list = some.map(({ key, value }) =>
      nested(NFTA_LIST_ELEM, dataValue(NFTA_SET_ELEM_KEY, key), dataValue(NFTA_SET_ELEM_DATA, value)),
    );
    const body = concatenate([
      netfilterHead(NFPROTO_INET, 0),
      text(NFTA_SET_ELEM_LIST_TABLE, table),
      text(NFTA_SET_ELEM_LIST_SET, map),
      nested(NFTA_SET_ELEM_LIST_ELEMENTS, ...list),
    ]);
    const type = (NFNL_SUBSYS_NFTABLES << 8) | message;
    requests.push({ type, flags: n.NLM_F_REQUEST | n.NLM_F_ACK | flags, body, purpose: `change the map ${map} of table ${table}` });
  }
  return requests;
}

function dataValue(type: number, bytes: Uint8Array): Uint8Array {
  return nested(type, attribute(NFTA_DATA_VALUE, bytes));
}

/** struct nfgenmsg. */
export function netfilterHead(family: number, resource: number): Uint8Array {
  return Uint8Array.of(family, 0, resource >> 8, resource & 0xff);
}
