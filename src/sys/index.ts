export type { Addon, FileFacts, MountOption, PathText } from './addon.ts';
export { loadAddon } from './load-addon.ts';
