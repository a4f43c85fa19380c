export { addLayer, type AddLayerOptions, addMadeLayer, packLayer } from './add-layer.ts';
export { parseChanges, type ExpandVariables } from './changes.ts';
export type { CommitRequest } from './commit.ts';
export type { LoadOptions } from './load.ts';
export { isUntagged, untaggedName } from './untagged.ts';
export { type HistoryLine, historyOf } from './history.ts';
export { createImages, type ImagesOptions } from './images.ts';
export { createLxdImages, type FetchOptions, type LxdImages, type LxdImagesOptions } from './lxd/fetch.ts';
export { type FirstBootFile, firstBootFiles } from './lxd/first-boot.ts';
export type { LxdImportRequest } from './lxd/import.ts';
export { defaultRemotes, parseRemotes, type Remotes } from './lxd/remotes.ts';
export { createTemplateBuilder, type TemplateBuilderOptions } from './templates/build.ts';
export { createMmdebstrap, type MmdebstrapOptions } from './templates/mmdebstrap.ts';
export { createTemplates, type TemplateChoice, type Templates, variantOf } from './templates/recipes.ts';
export type {
  BuildTemplateRequest,
  PackageRequest,
  Packager,
  PackagerOptions,
  RunProgram,
  Template,
  TemplateBuilder,
  TemplateOverrides,
  TemplateVariant,
} from './templates/types.ts';
export {
  type Image,
  type ImageKind,
  type ImageLayer,
  imageLabels,
  type Images,
  type ImageUser,
  type ImportRootRequest,
  type Progress,
  type ProgressEvent,
  type RemovedImage,
  type RemoveImageOptions,
} from './types.ts';
export { nameImages, type NewImage, writeImage } from './write.ts';
export type { PulledImage } from './pull.ts';
export type { PushedImage } from './push.ts';
export { createTransfers, type RemoteImage, type TransferOptions, type Transfers } from './transfers.ts';
