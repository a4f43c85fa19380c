import type { Exchange } from './exchange.ts';

/** `path` is made of literal segments, `{name}` (one segment) and `{name...}` (one or more segments, for image names). */
export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS';
  readonly path: string;
  /** True when the answer may take over the connection: then `Connection: Upgrade` is honoured. */
  readonly hijacks?: boolean;
  handle(exchange: Exchange): Promise<void> | void;
}

export interface RouteMatch {
  readonly route: Route;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Router {
  /** The route for an already decoded path without version prefix; null: no such page. */
  match(method: string, path: string): RouteMatch | null;
}

interface Pattern {
  readonly route: Route;
  readonly segments: readonly string[];
}

/** Static paths are looked up in a table, then patterns are tried; of two routes that fit alike the one given first counts. */
export function createRouter(routes: readonly Route[]): Router {
  const literals = new Map<string, Route>();
  const patterns = new Map<string, Pattern[]>();
  for (const route of routes) {
    if (!route.path.includes('{')) {
      const key = `${route.method} ${route.path}`;
      if (!literals.has(key)) literals.set(key, route);
      continue;
    }
    const list = patterns.get(route.method) ?? [];
    list.push({ route, segments: route.path.split('/') });
    patterns.set(route.method, list);
  }
  const match = (method: string, path: string): RouteMatch | null => {
    const literal = literals.get(`${method} ${path}`);
    if (literal !== undefined) return { route: literal, parameters: {} };
    const given = path.split('/');
    for (const { route, segments } of patterns.get(method) ?? []) {
      const parameters = matchSegments(segments, given);
      if (parameters !== null) return { route, parameters };
    }
    return null;
  };
  return { match };
}

function matchSegments(pattern: readonly string[], given: readonly string[]): Record<string, string> | null {
  const extra = given.length - pattern.length;
  if (extra < 0) return null;
  const parameters: Record<string, string> = {};
  let at = 0;
  for (const segment of pattern) {
    const rest = segment.endsWith('...}');
    const span = rest ? extra + 1 : 1;
    const text = given.slice(at, at + span).join('/');
    at += span;
    if (!segment.startsWith('{')) {
      if (segment !== text) return null;
      continue;
    }
    if (text === '') return null;
    parameters[segment.slice(1, rest ? -4 : -1)] = text;
  }
  return at === given.length ? parameters : null;
}
