/** A zone of the test cluster: one node, in a network namespace of its own. */
export interface Zone {
  /** Also the node's name. */
  readonly name: string;
  readonly address: string;
  /** The range that its pods' addresses come from. */
  readonly podRange: string;
}

// All of it is in 198.18.0.0/15, which RFC 2544 keeps for tests of networks: nobody's real hosts are there.

export const ZONES: readonly [Zone, Zone] = [
  { name: 'zone-a', address: '198.18.0.11', podRange: '198.18.129.0/24' },
  { name: 'zone-b', address: '198.18.0.12', podRange: '198.18.130.0/24' },
];

/** The machine's own address in the network of the cluster, where the API server listens. */
export const MACHINE = '198.18.0.1';

/** All pods' addresses. Requests to Services from elsewhere get the node's own address, so that answers come back. */
export const POD_RANGE = '198.18.128.0/17';

export const SERVICE_RANGE = '198.19.0.0/16';
export const API_SERVICE = '198.19.0.1';
export const DNS_SERVICE = '198.19.0.10';
