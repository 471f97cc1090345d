/** Why a test cluster, or a part of it, could not be had; stable, for programs to tell apart. */
export type ClusterErrorCode =
  | 'GO_MISSING'
  | 'BUILD_FAILED'
  | 'OPENSSL_FAILED'
  | 'PACKAGES_MISSING'
  | 'NOT_ROOT'
  | 'ALREADY_UP'
  | 'NETWORK_FAILED'
  | 'IMAGE_FAILED'
  | 'KIND_FAILED'
  | 'COMPONENT_NOT_STARTED'
  | 'COMPONENT_NOT_STOPPED';

/** A test cluster could not be built, started or stopped; the message says what to do. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';

  constructor(
    readonly code: ClusterErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
