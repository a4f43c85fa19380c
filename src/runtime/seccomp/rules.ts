import type { LinuxSeccomp, LinuxSyscall } from '#oci';
import { isStricter, verdictOf } from './actions.ts';
import { type Condition, parseCondition } from './conditions.ts';
import { multiplexers } from './multiplexed.ts';
import { type Abi, syscallTable } from './syscalls/table.ts';

/** What happens to one call: the first rule whose conditions all hold, else `otherwise`. */
export interface Decision {
  readonly rules: readonly Rule[];
  readonly otherwise: number;
}

export interface Rule {
  readonly conditions: readonly Condition[];
  readonly verdict: number;
}

export interface AbiRules {
  readonly decisions: ReadonlyMap<number, Decision>;
  /** The highest number among the calls that the profile names; -1 when it names none that this interface has. */
  readonly newest: number;
}

/**
 * The profile as one interface sees it. Names that the interface lacks are skipped, rules that only repeat the default action too (both
 * as runc does). Of several rules for one call, one without conditions wins over all others.
 */
export function rulesOf(profile: LinuxSeccomp, abi: Abi): AbiRules {
  const table = syscallTable(abi);
  const otherwise = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const rules = new Map<number, Rule[]>();
  let newest = -1;
  const add = (nr: number, rule: Rule): void => {
    const list = rules.get(nr);
    if (list === undefined) rules.set(nr, [rule]);
    else list.push(rule);
  };
  for (const syscall of profile.syscalls ?? []) {
    const alternatives = rulesOfEntry(syscall);
    for (const name of syscall.names) {
      const nr = table.get(name);
      if (nr !== undefined) newest = Math.max(newest, nr);
      for (const rule of alternatives) {
        if (rule.verdict === otherwise) continue;
        if (nr !== undefined) add(nr, rule);
        if (abi === 'x86') addMultiplexed(name, rule, otherwise, table, add);
      }
    }
  }
  return { decisions: new Map([...rules].map(([nr, list]) => [nr, decide(list, otherwise)])), newest };
}

/** One rule, or one a condition when two of them look at the same argument: then any may hold, as in runc and crun. */
function rulesOfEntry(syscall: LinuxSyscall): readonly Rule[] {
  const verdict = verdictOf(syscall.action, syscall.errnoRet);
  const conditions = (syscall.args ?? []).map(parseCondition);
  const repeats = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  return repeats ? conditions.map((condition) => ({ conditions: [condition], verdict })) : [{ conditions, verdict }];
}

/**
 * The same rule behind the multiplexer, whose real arguments lie in memory out of a filter's sight: a rule with conditions is widened
 * when it denies and left out when it permits, so that the second door is never the wider one.
 */
function addMultiplexed(
  name: string,
  rule: Rule,
  otherwise: number,
  table: ReadonlyMap<string, number>,
  add: (nr: number, rule: Rule) => void,
): void {
  if (rule.conditions.length > 0 && !isStricter(rule.verdict, otherwise)) return;
  for (const { name: door, mask, calls } of multiplexers) {
    const call = Object.hasOwn(calls, name) ? calls[name] : undefined;
    const nr = table.get(door);
    if (call === undefined || nr === undefined) continue;
    const condition = parseCondition({ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: mask, valueTwo: call });
    add(nr, { conditions: [condition], verdict: rule.verdict });
  }
}

function decide(rules: readonly Rule[], otherwise: number): Decision {
  const always = rules.find(({ conditions }) => conditions.length === 0);
  return always === undefined ? { rules, otherwise } : { rules: [], otherwise: always.verdict };
}
