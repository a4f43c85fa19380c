/** A rule's statements, as libnftables-json(5) writes them. */
export type Statement = Readonly<Record<string, unknown>>;

export interface ForeignChain {
  /** `ip filter FORWARD`. */
  readonly key: string;
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Of a chain that the kernel calls by itself. */
  readonly hook?: string;
  readonly policy?: string;
  readonly rules: readonly (readonly Statement[])[];
}

/** The tables of a host, as far as packets are judged by them. */
export interface ForeignRules {
  readonly chains: ReadonlyMap<string, ForeignChain>;
  /** Elements of named sets, by `family table name`. */
  readonly sets: ReadonlyMap<string, readonly unknown[]>;
}

/** Reads what `nft -j list ruleset` prints, without one table. What it does not know it leaves out. Pure. */
export function parseForeignRules(listing: unknown, ownTable: string): ForeignRules {
  const chains = new Map<string, ForeignChain & { rules: (readonly Statement[])[] }>();
  const sets = new Map<string, readonly unknown[]>();
  for (const entry of arrayOf(recordOf(listing)['nftables'])) {
    const { chain, rule, set, map } = recordOf(entry);
    const [about] = [chain, rule, set, map].filter((part) => part !== undefined).map(recordOf);
    if (about === undefined || about['table'] === ownTable) continue;
    const [family, table, name] = [textOf(about['family']), textOf(about['table']), textOf(about['name'])];
    if (chain !== undefined) {
      const { hook, policy } = about;
      const key = `${family} ${table} ${name}`;
      const base = { ...(typeof hook === 'string' ? { hook } : {}), ...(typeof policy === 'string' ? { policy } : {}) };
      chains.set(key, { key, family, table, name, ...base, rules: [] });
    } else if (rule !== undefined) {
      chains.get(`${family} ${table} ${textOf(about['chain'])}`)?.rules.push(arrayOf(about['expr']).map(recordOf));
    } else {
      sets.set(`${family} ${table} ${name}`, arrayOf(about['elem']));
    }
  }
  return { chains, sets };
}

export function recordOf(value: unknown): Statement {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Statement) : {};
}

export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
