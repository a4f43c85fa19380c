export type { Cgroup, CgroupController, CgroupHierarchy, CgroupLayout, CgroupStats } from './cgroups/types.ts';
export { detectCgroupLayout } from './cgroups/layout.ts';
export { type ScarceLimit, supportsLimit } from './cgroups/support.ts';
export { createCgroup, openCgroup } from './cgroups/cgroup.ts';
export { allCapabilities, defaultCapabilities } from './capabilities.ts';
export { maskedPaths, readonlyPaths } from './defaults.ts';
export { clampRlimits, type HardLimits } from './plan/limits.ts';
export { type Skeleton, skeletonKey, skeletonOf } from './plan/skeleton.ts';
export { availableCapabilities, readSecurityModules } from './sandbox/host-facts.ts';
export type {
  AttachedClient,
  LogTarget,
  ExecOptions,
  ExecSandboxOptions,
  IdMap,
  NamespaceName,
  NamespaceRequest,
  Sandbox,
  SandboxOptions,
  Started,
  StartOptions,
  Stdio,
} from './sandbox/types.ts';
export { openSandbox } from './sandbox/open.ts';
export { startContainer } from './sandbox/start.ts';
export { changeMounts, type NewMount } from './sandbox/change-mounts.ts';
export { openExecSandbox, startExec } from './sandbox/exec.ts';
export {
  compileSeccomp,
  createSeccompCache,
  defaultProfile,
  systemProfile,
  type CompiledSeccomp,
  type SeccompCache,
  type SeccompHost,
} from './seccomp/index.ts';
export { listUsers, type PasswdEntry, findUser, resolveUser, resolveUserAside, type ResolvedUser } from './users.ts';
export { runRuntime } from './oci/main.ts';
