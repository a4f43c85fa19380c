import type { Row } from './page.ts';

/** What `orlop` looks at. */
export const clientVariables: readonly Row[] = [
  { term: 'ORLOP_HOST', about: "The engine's address, as -H: unix:///PATH or tcp://HOST:PORT" },
  { term: 'ORLOP_CONTEXT', about: 'The name of the engine, as --context; ORLOP_HOST goes before it' },
  { term: 'ORLOP_CURRENT_CONTEXT', about: 'Set by the launcher: default where orlop context use has said nothing' },
  { term: 'ORLOP_TLS_VERIFY', about: 'Anything but nothing: reach the engine with certificates, as --tlsverify' },
  { term: 'ORLOP_CERT_PATH', about: 'Directory of ca.pem, cert.pem and key.pem (default ~/.docker)' },
  { term: 'COMPOSE_PROJECT_NAME', about: "Name of the Compose project, as -p; Compose's other variables are read from .env as well" },
  { term: 'DOCKER_CONFIG', about: 'Directory of config.json with logins and keys that detach, as --config (default ~/.docker)' },
  { term: 'DOCKER_DEFAULT_PLATFORM', about: 'Which image of several run, create and pull take, as --platform' },
  { term: 'BUILDKIT_PROGRESS', about: 'How build shows its progress, as build --progress' },
  { term: 'SOURCE_DATE_EPOCH', about: 'Seconds since 1970: the time that built images and templates carry' },
  { term: 'SSH_AUTH_SOCK', about: 'The agent that build --ssh default hands on' },
  { term: 'VISUAL, EDITOR', about: 'The editor of edit and profile edit (default vi)' },
  { term: 'NO_COLOR', about: 'Anything but nothing: no colours' },
  { term: 'TERM', about: 'No colours when it is dumb' },
  { term: 'HOME', about: 'Where ~ is' },
  { term: 'XDG_CONFIG_HOME', about: 'Where contexts are, in orlop/ (default ~/.config)' },
];

/** What `orlopd` looks at. */
export const engineVariables: readonly Row[] = [
  { term: 'HTTP_PROXY, HTTPS_PROXY, NO_PROXY', about: 'How registries and mirrors are reached; in small letters as well' },
  { term: 'PATH', about: 'Where programs are found that it starts; /usr/sbin and /sbin are looked into besides' },
  { term: 'LISTEN_FDS, LISTEN_PID', about: 'Sockets from a service manager, for --host fd://' },
  { term: 'NOTIFY_SOCKET', about: 'Who is told that the engine is ready, and that it stops' },
  { term: 'JOURNAL_STREAM', about: 'Says that standard error is the journal: lines begin with their priority' },
  { term: 'ORLOP_BOSUN', about: 'Another bosun than the one beside the program' },
  { term: 'ORLOP_ADDON', about: 'Another sys.node' },
  { term: 'ORLOP_OVERLAY', about: 'attached: mount overlays in the way of kernels before 6.5' },
];

/** What `orlop-runtime` looks at. */
export const runtimeVariables: readonly Row[] = [
  { term: 'LISTEN_FDS, LISTEN_PID', about: "Sockets that are handed on to the container's process" },
  { term: 'NOTIFY_SOCKET', about: 'Who is told that the container is ready; the container gets one of its own' },
  { term: 'ORLOP_BOSUN', about: 'Another bosun than the one beside the program' },
];

/** What the launchers in bin/ look at. */
export const launcherVariables: readonly Row[] = [
  { term: 'ORLOP_NODE', about: 'Run this Node instead of the executable or the chosen one' },
  { term: 'ORLOP_SOURCE', about: 'Anything but nothing: run the TypeScript instead of what was built from it' },
];

/** Read by our programs and not for people: set by one program of ours for another, or when it is built. */
export const innerVariables: readonly string[] = ['ORLOP_VERSION', 'ORLOP_BUILD_ID', 'ORLOP_CALLED', 'ORLOP_LIFELINE'];
