import { variantOf } from '#image';
import { createContainer } from '../container/create.ts';
import { removeContainer } from '../container/remove.ts';
import { startContainer } from '../container/start.ts';
import type { EngineContext } from '../context.ts';
import { fetchRemote } from '../image/lxd.ts';
import { buildTemplate, isBuilt } from '../image/templates.ts';
import type { Engine } from '../model.ts';

/** Makes and starts a system container from a template's system variant, or from an image that has an init. Undone whole when a step fails. */
export async function launchSystem(
  context: EngineContext,
  source: string,
  request: Parameters<Engine['launch']>[1],
  follow: Parameters<Engine['launch']>[2],
): ReturnType<Engine['launch']> {
  const image = await systemImage(context, source, follow);
  const { id } = await createContainer(context, { ...request, kind: 'system', image });
  try {
    await startContainer(context, id);
  } catch (error) {
    await removeContainer(context, id, { force: true });
    throw error;
  }
  return { id, name: context.table.find(id).record.name };
}

/** A template stands for its system variant, which is built when it is missing, a remote's name for what is fetched; anything else is an image. */
async function systemImage(context: EngineContext, source: string, follow: Parameters<Engine['launch']>[2]): Promise<string> {
  if (context.lxd.isRemoteName(source) && (source.includes('/') || !isBuilt(context, source))) {
    return (await fetchRemote(context, source, follow)).name;
  }
  if (!context.recipes.isName(source)) return source;
  const choice = context.recipes.find(source);
  const { name, reference } = variantOf(choice, 'system');
  if (!isBuilt(context, reference)) await buildTemplate(context, `${choice.template.name}/${name}`, follow);
  return reference;
}
