import { arrayOf, recordOf, type ForeignChain, type ForeignRules, type Statement } from './foreign-rules.ts';
import { matches, type Packet, type Truth } from './match.ts';

/** What other tables do with a packet that begins a conversation. */
export interface Judgement {
  readonly verdict: 'accept' | 'drop';
  /** false: there are rules on the way that cannot be judged from here, and they may decide otherwise. */
  readonly isSure: boolean;
  /** The chain of the kernel's hook in which it ends, or may end. */
  readonly chain: ForeignChain;
}

/** How a walk through a chain ended, and what may have ended it before. */
interface Walk {
  readonly end: 'accept' | 'drop' | 'return';
  readonly mayAccept: boolean;
  readonly mayDrop: boolean;
}

/** Deeper, nft would have refused the chain. */
const deepest = 16;

/** How each chain at the `forward` hook that other tables have judges the packet. Pure. */
export function judge(packet: Packet, rules: ForeignRules): Judgement[] {
  const family = packet.family === 4 ? 'ip' : 'ip6';
  return [...rules.chains.values()]
    .filter((chain) => chain.hook === 'forward' && (chain.family === family || chain.family === 'inet'))
    .map((chain) => {
      const { end, mayAccept, mayDrop } = walk(chain, packet, rules, 0);
      const isDropped = end === 'drop' || (end === 'return' && chain.policy === 'drop');
      if (isDropped) return { verdict: 'drop', isSure: !mayAccept, chain };
      return mayDrop ? { verdict: 'drop', isSure: false, chain } : { verdict: 'accept', isSure: true, chain };
    });
}

function walk(chain: ForeignChain, packet: Packet, rules: ForeignRules, depth: number): Walk {
  let [mayAccept, mayDrop] = [false, false];
  for (const rule of chain.rules) {
    const truth = conditions(rule, packet, chain, rules);
    if (truth === false) continue;
    for (const verdict of verdictsOf(rule, packet, chain, rules)) {
      const outcome = follow(verdict.statement, chain, packet, rules, depth);
      mayAccept ||= outcome.mayAccept;
      mayDrop ||= outcome.mayDrop;
      if (outcome.end === 'continue') continue;
      if (truth === true && verdict.truth === true) return { end: outcome.end, mayAccept, mayDrop };
      mayAccept ||= outcome.end === 'accept';
      mayDrop ||= outcome.end === 'drop';
    }
  }
  return { end: 'return', mayAccept, mayDrop };
}

interface Outcome {
  readonly end: Walk['end'] | 'continue';
  readonly mayAccept: boolean;
  readonly mayDrop: boolean;
}

function follow(statement: Statement, chain: ForeignChain, packet: Packet, rules: ForeignRules, depth: number): Outcome {
  const plain = (end: Outcome['end']): Outcome => ({ end, mayAccept: false, mayDrop: false });
  const target = recordOf(statement['xt'])['name'];
  if ('accept' in statement || target === 'ACCEPT') return plain('accept');
  if ('drop' in statement || 'reject' in statement || target === 'DROP' || target === 'REJECT') return plain('drop');
  if ('return' in statement || target === 'RETURN') return plain('return');
  const name = recordOf(statement['jump'] ?? statement['goto'])['target'];
  const next = rules.chains.get(`${chain.family} ${chain.table} ${String(name)}`);
  if (next === undefined || depth >= deepest) return plain('continue');
  const inner = walk(next, packet, rules, depth + 1);
  if (inner.end !== 'return') return inner;
  return { ...inner, end: 'goto' in statement ? 'return' : 'continue' };
}

/** The verdicts of a rule, each with whether it is the packet's; a map of verdicts has several. */
function verdictsOf(
  rule: readonly Statement[],
  packet: Packet,
  chain: ForeignChain,
  rules: ForeignRules,
): { statement: Statement; truth: Truth }[] {
  const verdicts: { statement: Statement; truth: Truth }[] = [];
  for (const statement of rule) {
    const { key, data } = recordOf(statement['vmap']);
    if (key === undefined) verdicts.push({ statement, truth: true });
    for (const entry of verdictEntries(data, chain, rules)) {
      const [value, verdict] = arrayOf(entry);
      verdicts.push({ statement: recordOf(verdict), truth: matches({ op: '==', left: key, right: value }, packet, chain, rules) });
    }
  }
  return verdicts.filter(({ truth }) => truth !== false);
}

function verdictEntries(data: unknown, chain: ForeignChain, rules: ForeignRules): readonly unknown[] {
  if (typeof data !== 'string') return arrayOf(recordOf(data)['set']);
  return rules.sets.get(`${chain.family} ${chain.table} ${data.slice(1)}`) ?? [];
}

/** Statements that neither ask nor decide anything. */
const silent = ['accept', 'drop', 'reject', 'return', 'jump', 'goto', 'vmap', 'counter', 'comment', 'log', 'mangle', 'notrack'];

function conditions(rule: readonly Statement[], packet: Packet, chain: ForeignChain, rules: ForeignRules): Truth {
  const truths = rule.map((statement): Truth => {
    if ('match' in statement) return matches(statement['match'], packet, chain, rules);
    if ('xt' in statement) return recordOf(statement['xt'])['type'] === 'target' ? true : null;
    return silent.some((name) => name in statement) ? true : null;
  });
  if (truths.includes(false)) return false;
  return truths.includes(null) ? null : true;
}
