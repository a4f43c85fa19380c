import { OrlopError } from '#errors';
import { openCgroup, openExecSandbox, startExec, type AttachedClient, type Stdio } from '#runtime';
import { createAttachment, parseSignal, type MonitorConnection } from '#sys';
import { createExecId } from '../container/names.ts';
import { requireRunning } from '../container/stop.ts';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import type { AttachedStream, Engine, ExecId, ExecRequest, ExecView } from '../model.ts';
import { exitCodeOfFailure } from './exit-code.ts';
import { planExec } from './process.ts';

interface ExecSession {
  readonly id: ExecId;
  readonly container: LiveContainer;
  readonly request: ExecRequest;
  /** Nobody asked for it: it is in no event. */
  readonly quiet: boolean;
  state: 'created' | 'running' | 'ended';
  /** Of its last process, also when that has ended, as Docker shows it; 0: there was none. */
  pid: number;
  exitCode: number | null;
  connection: MonitorConnection | null;
  /** Settles when its start, if one is under way, has come to its end. */
  starting: Promise<unknown>;
  /** Resolves with the exit code. */
  readonly ended: PromiseWithResolvers<number>;
}

/** How many ended sessions stay to be inspected. */
const endedKept = 512;

/** More processes in running containers. Sessions live in memory: a new engine does not know them, their processes end with their container. */
export function createExecs(context: EngineContext): Engine['execs'] {
  const sessions = new Map<string, ExecSession>();
  const find = (id: string): ExecSession => {
    const session = sessions.get(id) ?? [...sessions.values()].find((candidate) => id.length >= 4 && candidate.id.startsWith(id));
    if (session !== undefined) return session;
    throw new OrlopError('not-found', 'ENGINE_EXEC_NOT_FOUND', `No such exec instance: ${id}`);
  };
  return {
    create(ref, request) {
      const container = context.table.find(ref);
      requireRunning(container, ref);
      requireThawed(container, ref);
      if (request.command.length === 0) throw new OrlopError('invalid-argument', 'ENGINE_NO_COMMAND', 'no exec command specified');
      const session = createSession(context, container, request);
      dropOldest(sessions);
      sessions.set(session.id, session);
      // What was to run in it is not for its next start.
      container.onExit.add(() => void (session.state === 'created' && forget(sessions, session)));
      return session.id;
    },
    start: (id, options) => startSession(context, find(id), options),
    async resize(id, rows, columns) {
      (await running(find(id))).resize(rows, columns);
    },
    async kill(id, signal) {
      const number = parseSignal(signal);
      (await running(find(id))).signal(number);
    },
    inspect: (id) => viewOf(find(id)),
    check(id) {
      const session = find(id);
      checkStart(session);
      return viewOf(session);
    },
  };
}

/** Clients hear of a start before it is done: what they ask for then comes after it. */
async function running(session: ExecSession): Promise<MonitorConnection> {
  await session.starting;
  if (session.connection !== null) return session.connection;
  throw new OrlopError('conflict', 'ENGINE_EXEC_NOT_RUNNING', `exec ${session.id} is not running`);
}

function createSession(context: EngineContext, container: LiveContainer, request: ExecRequest, quiet = false): ExecSession {
  const session: ExecSession = {
    id: createExecId(),
    container,
    request,
    quiet,
    state: 'created',
    pid: 0,
    exitCode: null,
    connection: null,
    starting: Promise.resolve(),
    ended: Promise.withResolvers(),
  };
  if (!quiet) container.execs.add(session.id);
  tell(context, session, `exec_create: ${request.command.join(' ')}`);
  return session;
}

function tell(context: EngineContext, session: ExecSession, action: string, attributes: Readonly<Record<string, string>> = {}): void {
  if (!session.quiet) publishContainerEvent(context, session.container, action, { execID: session.id, ...attributes });
}

/** One more process, for the engine itself: its output, its exit code, and a way to end it. Fails as the start of an exec does. `quiet`: no event tells of it. */
export async function runExec(
  context: EngineContext,
  container: LiveContainer,
  request: ExecRequest,
  { quiet = false } = {},
): Promise<{ stream: AttachedStream['stream']; ended: Promise<number>; kill(): void }> {
  const session = createSession(context, container, request, quiet);
  const attached = await startSession(context, session, { detach: false });
  if (attached === null) throw new OrlopError('internal', 'ENGINE_EXEC_DETACHED', 'an attached exec has no stream');
  return { stream: attached.stream, ended: session.ended.promise, kill: () => session.connection?.signal(9) };
}

function viewOf(session: ExecSession): ExecView {
  const { id, request, pid, exitCode, container, state } = session;
  return { id, containerId: container.record.id, request, running: state === 'running', exitCode, pid };
}

function dropOldest(sessions: Map<string, ExecSession>): void {
  const ended = [...sessions.values()].filter((session) => session.state === 'ended');
  for (const session of ended.slice(0, Math.max(0, ended.length - endedKept))) forget(sessions, session);
}

function forget(sessions: Map<string, ExecSession>, session: ExecSession): void {
  sessions.delete(session.id);
  session.container.execs.delete(session.id);
}

function requireThawed(container: LiveContainer, ref: string): void {
  if (container.record.state.status !== 'paused') return;
  throw new OrlopError('conflict', 'ENGINE_CONTAINER_PAUSED', `Container ${ref} is paused, unpause the container before exec`, {
    hint: `unpause it with: orlop unpause ${container.record.name}`,
  });
}

function checkStart(session: ExecSession): void {
  const { container } = session;
  if (session.state !== 'created') {
    const done = session.state === 'running' ? 'is already running' : 'has already run';
    throw new OrlopError('conflict', 'ENGINE_EXEC_STARTED', `Error: Exec command ${session.id} ${done}`);
  }
  requireRunning(container, container.record.id);
  requireThawed(container, container.record.id);
}

async function startSession(
  context: EngineContext,
  session: ExecSession,
  options: Parameters<Engine['execs']['start']>[1],
): Promise<AttachedStream | null> {
  const { request } = session;
  checkStart(session);
  session.state = 'running';
  const pair = options.detach ? null : createAttachment(context.addon);
  try {
    const client: AttachedClient[] =
      pair === null
        ? []
        : [{ socket: pair.descriptor, stdin: request.attachStdin, stdout: request.attachStdout, stderr: request.attachStderr }];
    const starting = runProcess(context, session, client, options.consoleSize ?? request.consoleSize ?? [24, 80]);
    session.starting = starting.catch(() => undefined);
    await starting;
  } catch (error) {
    pair?.socket.destroy();
    endSession(session, exitCodeOfFailure(error));
    throw error;
  } finally {
    if (pair !== null) context.addon.close(pair.descriptor);
  }
  tell(context, session, `exec_start: ${request.command.join(' ')}`);
  const onDetach = (): void => tell(context, session, 'exec_detach');
  return pair === null ? null : { stream: pair.socket, terminal: request.terminal, onDetach };
}

async function runProcess(
  context: EngineContext,
  session: ExecSession,
  clients: AttachedClient[],
  size: readonly [number, number],
): Promise<void> {
  const { container, request } = session;
  const { run, state, request: asked } = container.record;
  if (run === null) throw new OrlopError('internal', 'ENGINE_NO_CGROUP', `container ${container.record.name} runs without a cgroup`);
  const { process, filter, idMap } = await planExec(context, container, request);
  const sandbox = await openExecSandbox({
    addon: context.addon,
    bosun: context.bosun,
    pid: state.pid,
    cgroup: openCgroup(context.cgroups, run.cgroup),
    ...(idMap === null ? {} : { idMap }),
    ...(asked.oomScoreAdjust === undefined ? {} : { oomScoreAdjust: { value: asked.oomScoreAdjust, required: true } }),
  });
  const stdio: Stdio = request.terminal
    ? { mode: 'terminal', rows: size[0], columns: size[1] }
    : { mode: 'pipes', openStdin: request.attachStdin, stdinOnce: true };
  const started = await startExec(sandbox, { process, stdio, clients, ...(filter === null ? {} : { seccomp: filter }) });
  session.pid = started.pid;
  session.connection = started.connection;
  void started.connection.exited
    .then((exit) => exit.exitCode)
    .catch(() => 255)
    .then((exitCode) => {
      started.connection.close();
      endSession(session, exitCode);
      tell(context, session, 'exec_die', { exitCode: String(exitCode) });
    });
}

function endSession(session: ExecSession, exitCode: number): void {
  session.state = 'ended';
  session.connection = null;
  session.exitCode = exitCode;
  session.ended.resolve(exitCode);
  session.container.execs.delete(session.id);
}
