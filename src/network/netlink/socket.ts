import type { NetworkCalls } from '../types.ts';
import * as n from './constants.ts';
import { openConversation, type Conversation, type Setting } from './conversation.ts';
import { parseLink, parseLinkAddress, parseRoute, type Link, type LinkAddress, type Route } from './replies.ts';
import { dumpAddresses, dumpLinks, dumpRoutes, getLink, type LinkRef } from './requests.ts';

export { isRefusal } from './conversation.ts';

/** A conversation with the rtnetlink of one network namespace (rtnetlink(7)). */
export interface RouteSocket extends Pick<Conversation, 'change'>, Disposable {
  /** null when there is no such link. */
  link(ref: LinkRef): Link | null;
  links(): Link[];
  addresses(): LinkAddress[];
  routes(): Route[];
}

/** Opens a socket in the namespace of the descriptor; -1 is ours. The descriptor may be closed afterwards. The setting is made on the way in. */
export function openRouteSocket(addon: NetworkCalls, netnsFd = -1, setting?: Setting): RouteSocket {
  const conversation = openConversation(addon, n.NETLINK_ROUTE, netnsFd, setting);
  return {
    change: conversation.change,
    link(ref) {
      const reply = conversation.ask(getLink(ref), 'ENODEV');
      return reply === null ? null : parseLink(reply.body);
    },
    links: () => conversation.list(dumpLinks(), parseLink),
    addresses: () => conversation.list(dumpAddresses(), parseLinkAddress),
    routes: () => conversation.list(dumpRoutes(), parseRoute),
    [Symbol.dispose]: () => conversation[Symbol.dispose](),
  };
}
