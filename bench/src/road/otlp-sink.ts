/** Takes in telemetry over OTLP/HTTP and keeps nothing of it. A process of its own; any order asks its port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerOrders } from './orders.js';

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{}');
  });
});
server.listen(0, '127.0.0.1', () => answerOrders(() => (server.address() as AddressInfo).port));
