import { OrlopError } from '#errors';
import { parseJson } from '#oci';
import { imageLabels } from '../types.ts';
import { renderFileTemplate } from './file-template.ts';
import { badLxd, type LxdMetadata } from './metadata.ts';

/** A file that a machine finds at its first boot. */
export interface FirstBootFile {
  /** Absolute, as the machine sees it. */
  readonly path: string;
  readonly content: string;
}

/** In an image's label: the pieces of the text, between which the container's name belongs. */
interface LabelledFile {
  readonly path: string;
  readonly text: readonly string[];
}

/** The engine writes these by itself for every new machine. */
const ofTheEngine = new Set(['/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/etc/machine-id']);

const maxLabelBytes = 256 * 1024;

/**
 * What the templates of an image for LXD become: a label from which each new container gets its files; null without any. Those that are to be written
 * again at each start, or by a rename, are unimplemented `IMAGE_LXD_TEMPLATE`, by name.
 */
export function planFirstBoot({ templates }: LxdMetadata, texts: ReadonlyMap<string, string>): string | null {
  const files: LabelledFile[] = [];
  for (const [path, { template, when, createOnly, properties }] of Object.entries(templates)) {
    if (ofTheEngine.has(path)) continue;
    if (!isPlainPath(path)) throw badLxd(`the template of ${JSON.stringify(path)} makes no file of its root`);
    const other = when.find((word) => word !== 'create' && word !== 'copy');
    if (other !== undefined || when.length === 0) throw wrongTime(path, other ?? 'never');
    if (createOnly) throw wrongTime(path, 'create_only');
    const text = texts.get(template);
    if (text === undefined) throw badLxd(`templates/${template} is not in it, which makes ${path}`);
    files.push({ path, text: renderFileTemplate(text, { properties, path }) });
  }
  if (files.length === 0) return null;
  const label = JSON.stringify(files);
  if (label.length > maxLabelBytes) throw badLxd('its templates are too long');
  return label;
}

/** The files that an image's labels ask for, with the container's name in its place. Invalid-argument `IMAGE_BAD_LABEL`: anybody can label an image. */
export function firstBootFiles(labels: Readonly<Record<string, string>>, name: string): FirstBootFile[] {
  const label = labels[imageLabels.firstBoot];
  if (label === undefined) return [];
  const files = parseJson(label, { name: imageLabels.firstBoot, maxBytes: maxLabelBytes });
  if (!Array.isArray(files) || !files.every(isLabelledFile) || new Set(files.map(({ path }) => path)).size < files.length) {
    throw new OrlopError('invalid-argument', 'IMAGE_BAD_LABEL', `the image's label ${imageLabels.firstBoot} is no list of files`);
  }
  return files.filter(({ path }) => !ofTheEngine.has(path)).map(({ path, text }) => ({ path, content: text.join(name) }));
}

function isLabelledFile(value: unknown): value is LabelledFile {
  const { path, text } = (value ?? {}) as Partial<Record<string, unknown>>;
  return typeof path === 'string' && isPlainPath(path) && Array.isArray(text) && text.every((part) => typeof part === 'string');
}

function isPlainPath(path: string): boolean {
  const [root, ...parts] = path.split('/');
  return root === '' && parts.length > 0 && parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'));
}

function wrongTime(path: string, when: string): OrlopError {
  const time = when === 'never' ? 'is never used' : `is to be used at: ${when}`;
  return new OrlopError('unimplemented', 'IMAGE_LXD_TEMPLATE', `the template of ${path} ${time}; only create and copy are supported`, {
    hint: 'take the template out of metadata.yaml, or let a service of the machine write the file',
  });
}
