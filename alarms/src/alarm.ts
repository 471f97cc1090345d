import type { AlertName, AlertSettings, Thresholds } from '@integration-hub/api';

/** Something that must not be so, and has been for a while. Times are milliseconds since 1970. */
export interface Alarm {
  /** Such as `Destination/mpi/backlogAge`; the same as long as the resource has its name. */
  readonly id: string;
  readonly kind: AlertSettings['kind'];
  readonly name: string;
  readonly alert: AlertName;
  readonly severity: Thresholds[AlertName]['severity'];
  /** Pending: not for long enough yet to be told. */
  readonly state: 'pending' | 'firing';
  /** Since when it is so. */
  readonly since: number;
  /** When it became an alarm. */
  readonly firedAt: number | undefined;
  readonly title: string;
  /** What is so, with names and figures; never a field of a message. */
  readonly sentence: string;
  readonly whatToDo: string;
  /** The section of docs/alerts.md. */
  readonly section: string;
  /** Nobody is told until then, as somebody has said. */
  readonly silenced: { readonly until: string; readonly by: string; readonly why: string } | undefined;
}

/** What people are to be told once. */
export interface AlarmChange {
  readonly type: 'firing' | 'resolved';
  readonly alarm: Alarm;
  readonly at: number;
}
