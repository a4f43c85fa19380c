/** What a dependency must be before others start (compose-spec 05-services, depends_on); `ready`: running, and healthy where there is a check. */
export type Condition = 'started' | 'healthy' | 'completed' | 'ready';

/** One thing that is done to the engine. Containers are named by id where they are there already, else by name. */
export type Act =
  | { readonly kind: 'create-network' | 'create-volume'; readonly key: string }
  | { readonly kind: 'remove-network' | 'remove-volume' | 'remove-image'; readonly name: string }
  | {
      readonly kind: 'create';
      readonly service: string;
      readonly number: number;
      readonly name: string;
      readonly inherited: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'start' | 'restart'; readonly service: string; readonly ref: string }
  /** `idle`: it had ended already. */
  | { readonly kind: 'stop'; readonly service: string; readonly ref: string; readonly idle?: true }
  | { readonly kind: 'remove'; readonly ref: string; readonly volumes: boolean }
  | { readonly kind: 'rename'; readonly ref: string; readonly from: string; readonly to: string }
  | {
      readonly kind: 'wait';
      readonly service: string;
      readonly refs: readonly string[];
      readonly condition: Condition;
      readonly required: boolean;
      /** How long it must stay so, in nanoseconds. */
      readonly monitor?: number;
    }
  /** Nothing, for so many nanoseconds. */
  | { readonly kind: 'pause'; readonly service: string; readonly duration: number };

/** A step of a plan: done when those before it are. */
export interface Step {
  readonly id: string;
  readonly after: readonly string[];
  /** For people: what it is about, `Container web-1`. */
  readonly subject: string;
  readonly act: Act;
  /** The container, by name, whose replacement fails with this step: its service's `update_config` says what follows. */
  readonly updates?: string;
  /** In place of the act's own: what it is to people, and what it is once it is done. */
  readonly words?: readonly [doing: string, done: string];
  /** Part of another step to people: it is not told. */
  readonly silent?: true;
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
  /** Names of containers that run as they are wanted. */
  readonly unchanged?: readonly string[];
}

const doing: Readonly<Record<Act['kind'], readonly [doing: string, done: string]>> = {
  'create-network': ['Creating', 'Created'],
  'create-volume': ['Creating', 'Created'],
  'remove-network': ['Removing', 'Removed'],
  'remove-volume': ['Removing', 'Removed'],
  'remove-image': ['Removing', 'Removed'],
  create: ['Creating', 'Created'],
  start: ['Starting', 'Started'],
  stop: ['Stopping', 'Stopped'],
  restart: ['Restarting', 'Started'],
  remove: ['Removing', 'Removed'],
  rename: ['Renaming', 'Renamed'],
  wait: ['Waiting', 'Ready'],
  pause: ['Pausing', 'Paused'],
};

const awaited: Readonly<Record<Condition, string>> = { started: 'Started', healthy: 'Healthy', completed: 'Exited', ready: 'Ready' };

/** `Creating`, and `Created` when it is done. */
export function wordsFor({ act, words }: Step): readonly [doing: string, done: string] {
  return words ?? (act.kind === 'wait' ? ['Waiting', awaited[act.condition]] : doing[act.kind]);
}

/** What a step is about, to people: each of the containers that it waits for. */
export function subjectsOf({ act, subject }: Step): readonly string[] {
  return act.kind === 'wait' && act.refs.length > 0 && !subject.startsWith('Container ')
    ? act.refs.map((ref) => `Container ${ref}`)
    : [subject];
}

/** A plan for people: a line each, in an order in which it may happen. Pure. */
export function formatPlan({ steps }: Plan): string {
  const done = new Set<string>();
  const lines: string[] = [];
  const known = new Set(steps.map(({ id }) => id));
  let left = [...steps];
  while (left.length > 0) {
    const ready = left.filter(({ after }) => after.every((id) => done.has(id) || !known.has(id)));
    if (ready.length === 0) throw new Error(`the plan goes in a circle: ${left.map(({ id }) => id).join(', ')}`);
    for (const step of ready) {
      lines.push(`${step.subject}  ${doing[step.act.kind][0]}\n`);
      done.add(step.id);
    }
    left = left.filter(({ id }) => !done.has(id));
  }
  return lines.join('');
}
