/** What people and programs are told of several alarms at once. */
import { createHash } from 'node:crypto';
import { runbookOf, type NotifierConfiguration } from '@integration-hub/api';
import type { Alarm, AlarmChange } from './alarm.js';

export interface AlarmMessage {
  /** The same for the same changes, so that what is sent again can be told from what is new. */
  readonly id: string;
  readonly subject: string;
  readonly text: string;
  readonly json: object;
}

/** So many alarms of one kind are named in a text, the rest counted. */
const mostNamed = 10;
const [newLine, indent] = ['\n', '    '];

/**
 * @param changes at least one
 * @param recipient tells apart messages of the same to several
 */
export function messageOf(
  { hub, namespace, runbooks }: Pick<NotifierConfiguration, 'hub' | 'namespace' | 'runbooks'>,
  changes: readonly AlarmChange[],
  recipient: string,
): AlarmMessage {
  const firing = changes.filter(({ type }) => type === 'firing');
  const resolved = changes.filter(({ type }) => type === 'resolved');
  const facts = changes.map(({ type, alarm: { id, since }, at }) => [type, id, since, at]);
  const id = createHash('sha256')
    .update(JSON.stringify([recipient, facts]))
    .digest('hex')
    .slice(0, 32);
  return {
    id,
    subject: `[Integration Hub ${namespace}/${hub}] ${subjectOf(firing, resolved)}`,
    text: [
      ...sectionsOf('NOW', firing, runbooks),
      ...sectionsOf('NO LONGER', resolved, runbooks),
      `Hub ${hub} in the namespace ${namespace}. Alarms are told once; the console shows those of now.`,
    ].join(newLine + newLine),
    json: {
      version: 1,
      hub,
      namespace,
      firing: firing.map((change) => jsonOf(change, runbooks)),
      resolved: resolved.map((change) => jsonOf(change, runbooks)),
    },
  };
}

function subjectOf(firing: readonly AlarmChange[], resolved: readonly AlarmChange[]): string {
  const isCritical = firing.some(({ alarm }) => alarm.severity === 'Critical');
  const list = firing.length > 0 ? firing : resolved;
  const what = firing.length === 0 ? 'Resolved' : isCritical ? 'CRITICAL' : 'Warning';
  if (list.length === 1) return `${what}: ${list[0]!.alarm.name}: ${list[0]!.alarm.title.toLowerCase()}`;
  const also = firing.length > 0 && resolved.length > 0 ? `, ${resolved.length} resolved` : '';
  return `${what}: ${list.length} alarms${also}`;
}

/** A paragraph for each kind of alarm. */
function sectionsOf(heading: string, changes: readonly AlarmChange[], runbooks: string): string[] {
  return [...Map.groupBy(changes, ({ alarm }) => alarm.alert).values()].map((group) => {
    const { title, severity, whatToDo, alert } = group[0]!.alarm;
    const named = group.slice(0, mostNamed).map((change) => indent + lineOf(change));
    const rest = group.length > mostNamed ? [`${indent}and ${group.length - mostNamed} more`] : [];
    const isNow = group[0]!.type === 'firing';
    const what = isNow ? [`${whatToDo} ${runbookOf(alert, runbooks)}`] : [];
    const count = group.length === 1 ? '' : ` (${group.length})`;
    return [
      `${heading}: ${title}${count}${isNow ? `, ${severity.toLowerCase()}` : ''}`,
      ...named,
      ...rest,
      ...what,
    ].join(newLine);
  });
}

function lineOf({ type, alarm: { name, sentence, since }, at }: AlarmChange): string {
  const from = new Date(since).toISOString();
  return type === 'firing'
    ? `${sentence} Since ${from}.`
    : `${name}: from ${from} to ${new Date(at).toISOString()}`;
}

function jsonOf({ alarm, at }: AlarmChange, runbooks: string): object {
  const { id, kind, name, alert, severity, title, sentence, whatToDo, since }: Alarm = alarm;
  return {
    ...{ id, kind, name, alert, severity, title, sentence, whatToDo },
    runbook: runbookOf(alert, runbooks),
    since: new Date(since).toISOString(),
    at: new Date(at).toISOString(),
  };
}
