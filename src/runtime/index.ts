export type { Cgroup, CgroupController, CgroupHierarchy, CgroupLayout, CgroupStats } from './cgroups/types.ts';
export { detectCgroupLayout } from './cgroups/layout.ts';
export { createCgroup, openCgroup } from './cgroups/cgroup.ts';
export type {
  AttachedClient,
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
export { openExecSandbox, startExec } from './sandbox/exec.ts';
