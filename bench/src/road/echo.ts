/** The most that any Node server could answer: sends back what it reads. A process of its own; any order asks its port. */
import { createServer, type AddressInfo } from 'node:net';
import { answerOrders } from './orders.js';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  socket.pipe(socket);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 2_048 }, () =>
  answerOrders(() => (server.address() as AddressInfo).port),
);
