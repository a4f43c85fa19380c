import { randomBytes } from 'node:crypto';
import { EventEmitter, on, once } from 'node:events';
import { constants } from 'node:os';
import { OrlopError } from '#errors';
import type { ContainerView, CreateRequest, EngineEvent, ExecRequest, ExecView, Finding, ImageView, Progress } from '#wire';
import type { ContainerBackend, LogRecord } from '../containers/backend.ts';
import type { DockerBackend } from '../index.ts';
import { fakeContainerView, fakeImage, fakeSample, familiar, nowNs } from './fake-views.ts';
import { createFakeRegistries } from './fake-registries.ts';
import { createFakeProcess, type FakeProcess } from './fake-process.ts';

interface FakeContainer {
  view: ContainerView;
  process: FakeProcess;
}

interface FakeExec {
  readonly id: string;
  readonly containerId: string;
  readonly request: ExecRequest;
  process: FakeProcess | null;
  exitCode: number | null;
}

type Steps = { progress: (step: Progress) => void; signal: AbortSignal };

/** An engine in memory that keeps the promises which the APIs rely on; its processes are those of fake-process.ts. */
export interface FakeEngine extends DockerBackend {
  launch(source: string, request: Omit<CreateRequest, 'image' | 'kind'>, options: Steps): Promise<{ id: string; name: string }>;
  doctor(): Promise<readonly Finding[]>;
  readonly templates: {
    list(): { name: string; description: string; variants: { name: string; kind: 'app' | 'system'; image: string; built: boolean }[] }[];
    problems(): string[];
    build(name: string, options: Steps & { rebuild?: boolean }): Promise<string[]>;
  };
  /** What was asked for, for assertions. */
  readonly created: CreateRequest[];
  readonly imported: { bytes: number; name: string | undefined; changes: readonly string[] }[];
  readonly signals: string[];
}

export function createFakeEngine(): FakeEngine {
  const table = new Map<string, FakeContainer>();
  const execs = new Map<string, FakeExec>();
  const bus = new EventEmitter().setMaxListeners(0);
  const created: CreateRequest[] = [];
  const imported: FakeEngine['imported'] = [];
  const signals: string[] = [];
  let samples = 0;
  // Docker's clients write names out in full; references are the engine's business, so it is enough here to shorten them.
  const images = new Map<string, ImageView>([['debian:trixie', fakeImage('debian:trixie')]]);

  const publish = (type: EngineEvent['type'], action: string, id: string, attributes: Record<string, string> = {}): void => {
    const event: EngineEvent = { type, action, id, attributes, timeNs: nowNs() };
    bus.emit('event', event);
  };
  const find = (ref: string): FakeContainer => {
    const hit = [...table.values()].find(
      ({ view }) => view.id === ref || view.name === ref || (ref.length >= 4 && view.id.startsWith(ref)),
    );
    if (hit === undefined)
      throw new OrlopError('not-found', 'ENGINE_CONTAINER_NOT_FOUND', `No such container: ${ref}`, {
        hint: 'see them all with: orlop ps -a',
      });
    return hit;
  };
  const update = (container: FakeContainer, change: Partial<ContainerView>): void => {
    container.view = { ...container.view, ...change };
  };
  const create = async (request: CreateRequest): Promise<{ id: string; warnings: string[] }> => {
    const image = images.get(request.image);
    if (image === undefined) throw new OrlopError('not-found', 'IMAGE_NOT_FOUND', `No such image: ${request.image}`);
    const name = request.name ?? `quiet_${randomBytes(3).toString('hex')}`;
    const holder = [...table.values()].find(({ view }) => view.name === name);
    if (holder !== undefined) {
      const message = `Conflict. The container name "/${name}" is already in use by container "${holder.view.id}". You have to remove (or rename) that container to be able to reuse that name.`;
      throw new OrlopError('conflict', 'ENGINE_NAME_IN_USE', message);
    }
    created.push(request);
    const view = fakeContainerView({ ...request, name }, image);
    const command = [...view.entrypoint, ...view.command];
    const [rows = 24, columns = 80] = request.consoleSize ?? [];
    table.set(view.id, { view, process: createFakeProcess(command, { terminal: request.terminal === true, rows, columns }) });
    publish('container', 'create', view.id, { name, image: request.image });
    return { id: view.id, warnings: [] };
  };
  const settle = (container: FakeContainer, exitCode: number): void => {
    const { id, name, request } = container.view;
    update(container, { status: 'exited', exitCode, finishedAtNs: nowNs(), pid: 0 });
    publish('container', 'die', id, { name, exitCode: String(exitCode) });
    bus.emit(`exit ${id}`, exitCode);
    if (request.autoRemove === true) removeNow(container);
  };
  const removeNow = ({ view }: FakeContainer): void => {
    table.delete(view.id);
    publish('container', 'destroy', view.id, { name: view.name });
    bus.emit(`removed ${view.id}`, view.exitCode);
  };
  const start = async (ref: string): Promise<boolean> => {
    const container = find(ref);
    if (container.view.status === 'running') return false;
    const [program = ''] = [...container.view.entrypoint, ...container.view.command];
    const failure = commandFailure(program);
    if (failure !== null) {
      update(container, { error: failure.message });
      settle(container, program === 'missing' ? 127 : 126);
      throw failure;
    }
    update(container, { status: 'running', startedAtNs: nowNs(), pid: 4321 });
    publish('container', 'start', container.view.id, { name: container.view.name });
    void container.process.exited.then((code) => settle(container, code));
    container.process.run();
    return true;
  };
  const kill = async (ref: string, signal: string): Promise<void> => {
    const container = find(ref);
    if (container.view.status !== 'running')
      throw new OrlopError('conflict', 'ENGINE_CONTAINER_NOT_RUNNING', `container ${ref} is not running`);
    signals.push(signal);
    const name = `SIG${signal.toUpperCase().replace(/^SIG/, '')}`;
    container.process.signal(/^\d+$/.test(signal) ? Number(signal) : ((constants.signals as Record<string, number>)[name] ?? 15));
  };
  const wait: ContainerBackend['containers']['wait'] = async (ref, condition, signal) => {
    const { view } = find(ref);
    if (condition === 'not-running' && view.status !== 'running') return { exitCode: view.exitCode };
    const event = condition === 'removed' ? `removed ${view.id}` : `exit ${view.id}`;
    const [exitCode] = (await once(bus, event, { signal })) as [number];
    return { exitCode };
  };
  const stop: ContainerBackend['containers']['stop'] = async (ref, { signal = 'TERM' }) => {
    const container = find(ref);
    if (container.view.status !== 'running') return false;
    const exit = once(bus, `exit ${container.view.id}`);
    await kill(ref, signal);
    await exit;
    return true;
  };
  const containers: ContainerBackend['containers'] = {
    create,
    start,
    stop,
    kill,
    wait,
    restart: async (ref, options) => {
      await stop(ref, options);
      const container = find(ref);
      container.process = createFakeProcess([...container.view.entrypoint, ...container.view.command], {
        terminal: container.view.request.terminal === true,
      });
      await start(ref);
    },
    pause: async (ref) => update(find(ref), { status: 'paused' }),
    unpause: async (ref) => update(find(ref), { status: 'running' }),
    rename: async (ref, name) => update(find(ref), { name }),
    update: async (ref, change) => {
      update(find(ref), { request: { ...find(ref).view.request, ...change } });
      return [];
    },
    // Nothing is linked here.
    removeLink: async (ref) => void find(ref),
    remove: async (ref, { force }) => {
      const container = find(ref);
      if (container.view.status === 'running') {
        if (force !== true) {
          const message = `cannot remove container "/${container.view.name}": container is running: stop the container before removing or force remove`;
          throw new OrlopError('conflict', 'ENGINE_CONTAINER_RUNNING', message, {
            hint: 'stop the container before removing or force remove',
          });
        }
        const exit = once(bus, `exit ${container.view.id}`);
        container.process.signal(9);
        await exit;
      }
      if (table.has(container.view.id)) removeNow(container);
    },
    list: ({ all, filters, limit }) => {
      const names = filters?.['name'];
      return [...table.values()]
        .map(({ view }) => view)
        .toReversed()
        .filter(
          (view) =>
            (all === true || limit !== undefined || view.status === 'running') &&
            (names === undefined || names.some((name) => view.name.includes(name))),
        )
        .slice(0, limit);
    },
    inspect: (ref) => find(ref).view,
    attach: async (ref, wanted) => find(ref).process.attach(wanted),
    logs: (ref, request, signal) => replay(find(ref).process, request, signal),
    resize: async (ref, rows, columns) => find(ref).process.resize(rows, columns),
    size: async () => ({ writableBytes: 4096, contentBytes: 10, rootBytes: 110 }),
    sample: (ref) => (find(ref).view.status === 'running' ? fakeSample(++samples) : null),
    top: async (ref) => ({ titles: ['PID', 'CMD'], processes: [['4321', find(ref).view.command.join(' ')]] }),
  };
  const execView = (id: string): ExecView => {
    const exec = findExec(execs, id);
    const running = exec.process !== null && exec.exitCode === null;
    return { id, containerId: exec.containerId, request: exec.request, running, exitCode: exec.exitCode, pid: running ? 99 : 0 };
  };
  return {
    created,
    imported,
    signals,
    containers,
    disk: {
      async usage() {
        throw new OrlopError('unimplemented', 'FAKE_DISK', 'this engine has no disk');
      },
    },
    execs: {
      create: (ref, request) => {
        const { view } = find(ref);
        if (view.status !== 'running')
          throw new OrlopError('conflict', 'ENGINE_CONTAINER_NOT_RUNNING', `container ${view.id} is not running`);
        const id = randomBytes(32).toString('hex');
        execs.set(id, { id, containerId: view.id, request, process: null, exitCode: null });
        return id;
      },
      start: async (id, { detach, consoleSize }) => {
        const exec = findExec(execs, id);
        const failure = commandFailure(exec.request.command[0] ?? '');
        if (failure !== null) {
          exec.exitCode = exec.request.command[0] === 'missing' ? 127 : 126;
          throw failure;
        }
        const [rows = 24, columns = 80] = consoleSize ?? exec.request.consoleSize ?? [];
        const process = createFakeProcess(exec.request.command, { terminal: exec.request.terminal, rows, columns });
        exec.process = process;
        void process.exited.then((code) => (exec.exitCode = code));
        const { attachStdin, attachStdout, attachStderr } = exec.request;
        const attached = detach ? null : process.attach({ stdin: attachStdin, stdout: attachStdout, stderr: attachStderr });
        process.run();
        return attached;
      },
      resize: async (id, rows, columns) => findExec(execs, id).process?.resize(rows, columns),
      inspect: execView,
      check: execView,
    },
    images: {
      list: () => [...new Set(images.values())],
      inspect: (ref) => findImage(images, ref),
      download: async function* (url) {
        yield Buffer.from(url.href);
      },
      remove: async (ref) => {
        const image = findImage(images, ref);
        for (const name of image.names) images.delete(name);
        return { untagged: [...image.names], deleted: [image.id] };
      },
      tag: async (ref, name) => {
        const image = findImage(images, ref);
        const tagged = { ...image, names: [...image.names, familiar(name)] };
        for (const known of tagged.names) images.set(known, tagged);
      },
      importRoot: async (source, { name, changes = [] }) => {
        let bytes = 0;
        for await (const chunk of source) bytes += chunk.length;
        if (bytes === 0) throw new OrlopError('invalid-argument', 'IMAGE_EMPTY_IMPORT', 'the archive is empty');
        imported.push({ bytes, name, changes });
        const image = fakeImage(name ?? 'imported:latest');
        images.set(name ?? image.id, image);
        return image.id;
      },
    },
    registries: createFakeRegistries(images),
    templates: {
      list: () => [
        {
          name: 'debian/trixie',
          description: 'Debian 13',
          variants: [{ name: 'systemd', kind: 'system', image: 'debian:trixie-systemd', built: false }],
        },
      ],
      problems: () => [],
      build: async (name, { progress }) => {
        if (name !== 'debian/trixie')
          throw new OrlopError('not-found', 'IMAGE_TEMPLATE_NOT_FOUND', `no template ${name}`, {
            hint: 'see them with: orlop template list',
          });
        progress({ status: 'Fetching packages', current: 1, total: 2 });
        progress({ status: 'Unpacking', current: 2, total: 2 });
        return ['debian:trixie'];
      },
    },
    launch: async (source, request, { progress }) => {
      progress({ status: `Preparing ${source}` });
      const { id } = await create({ ...request, kind: 'system', image: 'debian:trixie', command: ['sleep'] });
      await start(id);
      return { id, name: find(id).view.name };
    },
    doctor: async () => [{ name: 'kernel', state: 'warn', text: 'is old', advice: 'boot a newer one' }],
    info: () => ({
      id: 'a1b2',
      version: '0.1.0',
      buildId: 'test',
      containers: { running: table.size, paused: 0, stopped: 0 },
      images: images.size,
      dataRoot: '/var/lib/orlop',
      execRoot: '/run/orlop',
      cgroupVersion: 'hybrid',
      cgroupDriver: 'cgroupfs',
      kernel: '6.18.0',
      operatingSystem: 'Debian GNU/Linux 12',
      architecture: 'x86_64',
      cpus: 2,
      memoryBytes: 8_000_000_000,
      hostname: 'host',
      storageDriver: 'overlay2',
      diskLimits: 'image-file',
      logDriver: 'json-file',
      logDrivers: ['json-file', 'local'],
      openFiles: 30,
      pendingWork: 5,
      warnings: [],
    }),
    events: ({ untilNs }, signal) => streamEvents(bus, untilNs, signal),
  };
}

async function* streamEvents(bus: EventEmitter, untilNs: bigint | undefined, signal: AbortSignal): AsyncGenerator<EngineEvent> {
  if (untilNs !== undefined && untilNs <= nowNs()) return;
  try {
    for await (const [event] of on(bus, 'event', { signal }) as AsyncIterable<[EngineEvent]>) yield event;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function* replay(
  process: FakeProcess,
  request: { follow: boolean; stdout: boolean; stderr: boolean; tail?: number; onOpen?: () => void },
  signal: AbortSignal,
): AsyncGenerator<LogRecord> {
  const queue: (LogRecord | null)[] = process.log.slice(request.tail === undefined ? 0 : Math.max(0, process.log.length - request.tail));
  let wake = (): void => {};
  const add = (record: LogRecord | null): void => {
    queue.push(record);
    wake();
  };
  const forget = process.onRecord(add);
  request.onOpen?.();
  if (request.follow) void process.exited.then(() => add(null));
  else add(null);
  signal.addEventListener('abort', () => add(null));
  for (;;) {
    const record = queue.shift();
    if (record === null) break;
    if (record === undefined) await new Promise<void>((resolve) => (wake = resolve));
    else if (request[record.stream]) yield record;
  }
  forget();
}

function commandFailure(program: string): OrlopError | null {
  if (program === 'missing') return new OrlopError('not-found', 'RUNTIME_COMMAND_NOT_FOUND', 'cannot execute "missing"');
  return program === 'noexec' ? new OrlopError('permission-denied', 'RUNTIME_COMMAND_NOT_EXECUTABLE', 'cannot execute "noexec"') : null;
}

function findExec(execs: ReadonlyMap<string, FakeExec>, id: string): FakeExec {
  const exec = execs.get(id);
  if (exec === undefined) throw new OrlopError('not-found', 'ENGINE_EXEC_NOT_FOUND', `No such exec instance: ${id}`);
  return exec;
}

function findImage(images: ReadonlyMap<string, ImageView>, reference: string): ImageView {
  const ref = familiar(reference);
  const image =
    images.get(ref) ??
    images.get(`${ref}:latest`) ??
    [...images.values()].find(({ id }) => id === ref || (ref.length >= 4 && id.startsWith(`sha256:${ref}`)));
  if (image === undefined) throw new OrlopError('not-found', 'IMAGE_NOT_FOUND', `No such image: ${ref}`);
  return image;
}
