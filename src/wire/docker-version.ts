/** The newest Docker Engine API that the server speaks, and the oldest that it still accepts. */
export const apiVersion = '1.51';
export const minimumApiVersion = '1.24';
/** Content types of a hijacked stream: bytes of a terminal, or framed output of a process without one. */
export const rawStreamType = 'application/vnd.docker.raw-stream';
export const multiplexedStreamType = 'application/vnd.docker.multiplexed-stream';
/** Set on each container in Docker's views, so that other people's clients can tell the kinds apart. */
export const kindLabel = 'orlop.kind';
