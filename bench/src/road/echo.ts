/** The most that any Node server could answer: sends back what it reads. A process of its own; any order asks its port. */
import { createServer, type AddressInfo } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  socket.pipe(socket);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 2_048 }, () => process.send!({ result: 'started' }));
process.on('message', () => process.send!({ result: (server.address() as AddressInfo).port }));
process.once('disconnect', () => process.exit());
