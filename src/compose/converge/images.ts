import type { Client } from '#client';
import { isOrlopError, OrlopError } from '#errors';
import { machineOf } from '../model/machine.ts';
import { imageOf } from '../model/print.ts';
import type { Project } from '../model/project.ts';
import type { ServiceConfig } from '../model/service.ts';
import { inOrder } from '../plan/order.ts';
import { parseSpan } from '../shape/index.ts';

/** How images come about: with the user's credentials and files, which are the command line's. */
export interface ImageSource {
  pull(image: string, service: ServiceConfig): Promise<void>;
  /** Builds what the service's `build` describes, and names it `image`. */
  build(name: string, image: string, service: ServiceConfig): Promise<void>;
}

export interface ImageOptions {
  /** Builds also what is there. */
  readonly build?: boolean;
  readonly neverBuild?: boolean;
  /** In place of each service's own policy. */
  readonly pull?: string | undefined;
}

/** What is to be done for a service's image; null: it is here. Pure. */
export function planImage(
  service: ServiceConfig,
  there: { readonly createdMs: number } | null,
  options: ImageOptions,
  nowMs: number,
): 'pull' | 'build' | null {
  const policy = options.pull ?? service.pull_policy ?? 'missing';
  const builds = service.build !== undefined && options.neverBuild !== true;
  if (builds && (options.build === true || policy === 'build')) return 'build';
  if (policy === 'always') return builds ? 'build' : 'pull';
  if (there !== null) return isStale(policy, there.createdMs, nowMs) ? (builds ? 'build' : 'pull') : null;
  if (builds) return 'build';
  return policy === 'never' ? null : 'pull';
}

/** `daily`, `weekly`, `every_12h`: whether what is here is older than that. */
function isStale(policy: string, createdMs: number, nowMs: number): boolean {
  const spans: Readonly<Record<string, string>> = { daily: '1d', weekly: '1w' };
  const span = parseSpan(spans[policy] ?? policy.replace(/^every_/, ''));
  return span !== null && nowMs - createdMs > span / 1e6;
}

/** Pulls and builds what services need, each image once; resolves with the ids of their images. A service that another's build begins from is built before. */
export async function ensureImages(
  client: Client,
  project: Project,
  source: ImageSource,
  options: ImageOptions = {},
): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  const doing = new Map<string, Promise<string>>();
  const ensure = (name: string): Promise<string> => {
    const image = imageOf(project, name);
    const begun = doing.get(image) ?? ensureImage(name, image);
    doing.set(image, begun);
    return begun;
  };
  const ensureImage = async (name: string, image: string): Promise<string> => {
    const service = project.services[name] ?? {};
    const bases = Object.values(service.build?.additional_contexts ?? {}).flatMap((context) =>
      context.startsWith('service:') ? [context.slice('service:'.length)] : [],
    );
    await Promise.all(bases.filter((base) => Object.hasOwn(project.services, base)).map(ensure));
    const there = await imageThere(client, image);
    const template = machineOf(name, service)?.template ?? null;
    if (template !== null && service.image === undefined && service.build === undefined) return fromTemplate(client, template, image);
    const todo = planImage(service, there, options, Date.now());
    if (todo === 'build') await source.build(name, image, service);
    if (todo === 'pull') await source.pull(image, service);
    const found = todo === null ? there : await imageThere(client, image);
    if (found === null)
      throw new OrlopError('not-found', 'COMPOSE_NO_IMAGE', `no such image: ${image}`, {
        hint: `service ${name} may neither pull nor build it`,
      });
    return found.id;
  };
  const names = inOrder(project);
  const outcomes = await Promise.allSettled(names.map(async (name) => (ids[name] = await ensure(name))));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return ids;
}

/** Builds what is missing of a template, and names the image of its machine as the service's. */
async function fromTemplate(client: Client, template: string, image: string): Promise<string> {
  const built = await client.templates.build(template);
  const [first = ''] = built.toReversed();
  await client.images.tag(first, image);
  return (await client.images.inspect(image)).Id;
}

async function imageThere(client: Client, image: string): Promise<{ readonly id: string; readonly createdMs: number } | null> {
  try {
    const { Id, Created } = await client.images.inspect(image);
    return { id: Id, createdMs: Date.parse(Created) };
  } catch (error) {
    if (isOrlopError(error, 'not-found')) return null;
    throw error;
  }
}
