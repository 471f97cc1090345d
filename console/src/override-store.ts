/** Where overrides of alerts stand: in a cluster on their resource, on a laptop in a file. */
import type { AlertOverride, AlertSettings } from '@integration-hub/api';

/** A flow, a destination or the Hub. */
export type OverrideSubject = Pick<AlertSettings, 'kind' | 'name'>;

/** From the overrides that a resource has to those that it shall have. */
export type OverrideChange = (present: readonly AlertOverride[]) => readonly AlertOverride[];

export interface OverrideStore {
  /**
   * The overrides of a resource as far as they are known now.
   *
   * @param planned what the console's plan says of them, which may be a minute old
   */
  of(subject: OverrideSubject, planned: readonly AlertOverride[]): readonly AlertOverride[];

  /**
   * Changes the overrides of a resource, and nothing else of it. `change` may be asked more than once; what it throws
   * is thrown, and nothing is changed.
   *
   * @throws ConsoleError NOT_FOUND, CONFLICT, CLUSTER_REFUSED, CLUSTER_AWAY
   */
  change(subject: OverrideSubject, planned: readonly AlertOverride[], change: OverrideChange): Promise<void>;
}

export function subjectKey({ kind, name }: OverrideSubject): string {
  return `${kind}/${name}`;
}
