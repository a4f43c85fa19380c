import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { decode, encode, type Answer, type DecodedPacket } from 'dns-packet';

export type FakeReply = readonly Answer[] | Uint8Array | null;

export interface FakeServer extends AsyncDisposable {
  readonly port: number;
  /** What it was asked, in order: `name type transport`. */
  readonly asked: string[];
}

export interface FakeServerOptions {
  readonly address: string;
  readonly port?: number;
  /** Records, a message of its own, or silence. */
  readonly answer: (query: DecodedPacket, isStream: boolean) => FakeReply | Promise<FakeReply>;
}

/** A name server of a test's own, UDP and TCP, written with another program's messages. */
export async function openFakeServer({ address, port = 0, answer }: FakeServerOptions): Promise<FakeServer> {
  const asked: string[] = [];
  const reply = async (message: Uint8Array, isStream: boolean): Promise<Uint8Array | null> => {
    const query = decode(Buffer.from(message));
    asked.push(`${query.questions?.[0]?.name} ${query.questions?.[0]?.type} ${isStream ? 'tcp' : 'udp'}`);
    const made = await answer(query, isStream);
    return made === null || made instanceof Uint8Array ? made : respond(query, made);
  };
  const udp = createSocket('udp4');
  udp.on('message', (message, from) => void reply(message, false).then((made) => made !== null && udp.send(made, from.port, from.address)));
  udp.bind(port, address);
  await once(udp, 'listening');
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      void reply(chunk.subarray(2), true).then((made) => {
        if (made === null) return socket.destroy();
        const length = Buffer.of(made.length >> 8, made.length & 0xff);
        // In two pieces, as a network may deliver it.
        socket.write(Buffer.concat([length, made.subarray(0, 5)]));
        return socket.write(made.subarray(5));
      });
    });
  }).listen(udp.address().port, address);
  await once(tcp, 'listening');
  return {
    port: (tcp.address() as AddressInfo).port,
    asked,
    async [Symbol.asyncDispose]() {
      udp.close();
      tcp.close();
      await once(udp, 'close');
    },
  };
}

/** An answer to a query as another program writes it. */
export function respond(query: DecodedPacket, answers: readonly Answer[], flags = 0): Buffer {
  return encode({ type: 'response', id: query.id ?? 0, flags, questions: query.questions ?? [], answers: [...answers] });
}

export function a(name: string, data: string): Answer {
  return { type: 'A', name, data, ttl: 60 };
}
