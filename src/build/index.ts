export type * from './model.ts';
export {
  cacheConfigType,
  type ExchangedLayer,
  type ExchangedStep,
  formatCacheConfig,
  type FoundStep,
  inlineCacheKey,
  parseCacheConfig,
} from './cache/exchange.ts';
export { checkDockerfile, checkFrom, type CheckOptions, checkText } from './check/check.ts';
export { type CheckSettings, enforceChecks, readCheckSettings, selectWarnings } from './check/settings.ts';
export { describeDockerfile } from './describe/describe.ts';
export { formatExcerpt } from './dockerfile/errors.ts';
export { expand, expandWord } from './dockerfile/expand.ts';
export { parseDockerfile } from './dockerfile/parse.ts';
export { createIgnoreMatcher, parseIgnoreFile } from '#ignore';
export { type CompileOptions, compileStage, scratchConfig } from './stages/compile.ts';
export { parseGitUrl } from './stages/git-url.ts';
export { planStages } from './stages/plan.ts';
export { copySelected, type CopyOptions } from './files/copy.ts';
export { type CopyLayer, planCopyLayer } from './files/copy-layer.ts';
export { digestSelected } from './files/digest.ts';
export { createListingMaker, listTar } from './files/list-tar.ts';
export type { ListedFile, Listing } from './files/listing.ts';
export { readSmall, type ReadTree, readTree } from './files/read-tree.ts';
export { parseMode } from './files/mode.ts';
export { noParents, type Selected, selectBelow, selectSources, showPath } from './files/select.ts';
export { openFilePlace, openOrMakeDirectory, type Owner } from './files/target.ts';
export { type FileTree, isDirectory, openPath } from './files/tree.ts';
export { isTar, readChunks, unpackTar } from './files/unpack.ts';
export * from './ports.ts';
export { configOfBase, solve, type SolveOptions } from './solver/solve.ts';
export { withLabels } from './solver/history.ts';
