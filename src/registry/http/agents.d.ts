import { Agent as HttpAgent } from 'node:http';
export interface AgentsOptions {
  /** Directories that hold `HOST[:PORT]/{*.crt,*.cert,*.key}`; the first that has the host counts. */
  readonly certificateDirectories: readonly string[];
  /** `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, in either case. */
  readonly env: Readonly<Record<string, string | undefined>>;
}
export interface Agents {
  /** The agent for a URL; `insecure` accepts any certificate. */
  for(url: URL, insecure: boolean): HttpAgent;
  close(): void;
}
export declare function isLoopback(hostname: string): boolean;
/** Connections are kept for the next request, per host and way of trust. Proxies never stand between us and this machine. */
export declare function createAgents({ certificateDirectories, env }: AgentsOptions): Agents;
