/** What TLS is given for one host. */
export interface Certificates {
  readonly ca?: string[];
  readonly cert?: string[];
  readonly key?: string[];
}
/**
 * Docker's `certs.d`: each `*.crt` is a CA that is trusted beside the system's, each `NAME.cert` a client certificate whose key is `NAME.key`.
 * Failed-precondition `REGISTRY_BAD_CERTIFICATES` when one of a pair is missing or a file cannot be read.
 */
export declare function readCertificates(directories: readonly string[], host: string): Certificates;
