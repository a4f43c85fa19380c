import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { type Certificates, readCertificates } from './certificates.ts';

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

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Connections are kept for the next request, per host and way of trust. Proxies never stand between us and this machine. */
export function createAgents({ certificateDirectories, env }: AgentsOptions): Agents {
  const agents = new Map<string, HttpAgent>();
  const make = (url: URL, insecure: boolean): HttpAgent => {
    const proxy = isLoopback(url.hostname) ? {} : { proxyEnv: { ...env } };
    const common = { keepAlive: true, maxSockets: 8, maxFreeSockets: 4, timeout: 60_000, ...proxy };
    if (url.protocol === 'http:') return new HttpAgent(common);
    const certificates: Certificates = readCertificates(certificateDirectories, url.host);
    return new HttpsAgent({ ...common, ...certificates, minVersion: 'TLSv1.2', rejectUnauthorized: !insecure });
  };
  return {
    for(url, insecure) {
      const key = `${url.protocol}//${url.host} ${insecure}`;
      const agent = agents.get(key) ?? make(url, insecure);
      agents.set(key, agent);
      return agent;
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}
