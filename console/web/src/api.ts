/** What the server says: its own types, which it checks what it sends and takes by. */
export type * from '@integration-hub/console/api';
