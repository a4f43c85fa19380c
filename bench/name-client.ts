// Asks a name server for names and prints how long that took: node bench/name-client.ts ADDRESS HOW-MANY-NAMES QUESTIONS AT-ONCE
import { createSocket } from 'node:dgram';

const [address = '', ...numbers] = process.argv.slice(2);
const [names = 1, questions = 1, atOnce = 1] = numbers.map(Number);
const socket = createSocket('udp4');
let asked = 0;
let answered = 0;
let began = 0;

function ask(): void {
  const id = asked % 0x10000;
  const label = Buffer.from(`c${asked % names}`);
  asked += 1;
  const head = Buffer.of(id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, label.length);
  socket.send(Buffer.concat([head, label, Buffer.of(0, 0, 1, 0, 1)]));
}

socket.on('message', (answer) => {
  if ((answer[3] ?? 0) % 16 !== 0 || answer[7] !== 1) throw new Error(`no address in an answer: ${answer.toString('hex')}`);
  answered += 1;
  if (asked < questions) ask();
  if (answered < questions) return;
  process.stdout.write(`${performance.now() - began}\n`);
  socket.close();
});
socket.connect(53, address, () => {
  began = performance.now();
  for (let first = 0; first < Math.min(atOnce, questions); first += 1) ask();
});
