/** What people are told of each alert, the same by Prometheus and by the console. docs/alerts.md has more of each. */
import type { AlertName } from './alerts.js';

export interface AlertText {
  /** Of an alarm in Prometheus. */
  readonly prometheusName: string;
  readonly title: string;
  readonly whatToDo: string;
  /** The section of docs/alerts.md. */
  readonly section: string;
}

export const alertTexts: Readonly<Record<AlertName, AlertText>> = {
  errorRate: {
    prometheusName: 'IntegrationHubErrorRate',
    title: 'Too many messages fail',
    whatToDo: 'See the dead letters and the log of the stage for the codes of the failures.',
    section: 'error-rate',
  },
  backlogAge: {
    prometheusName: 'IntegrationHubBacklogAge',
    title: 'Messages wait for too long',
    whatToDo: 'See whether the receiving system answers, and what the stage’s log says.',
    section: 'backlog-age',
  },
  backlogSize: {
    prometheusName: 'IntegrationHubBacklogSize',
    title: 'Too many messages wait',
    whatToDo: 'See whether the stage works at all, and whether the receiver’s pace suffices.',
    section: 'backlog-size',
  },
  noMessages: {
    prometheusName: 'IntegrationHubNoMessages',
    title: 'No messages come',
    whatToDo: 'Ask the sender whether it sends, and see whether its connections are refused.',
    section: 'no-messages',
  },
  deadLetters: {
    prometheusName: 'IntegrationHubDeadLetters',
    title: 'Messages were set aside',
    whatToDo: 'See them with `ihub dead-letters list`, then correct and replay or drop them.',
    section: 'dead-letters',
  },
  zoneRedundancy: {
    prometheusName: 'IntegrationHubZoneRedundancy',
    title: 'A zone is missing',
    whatToDo: 'The loss of another zone would stop messages: see the condition ZoneRedundant.',
    section: 'zone-redundancy',
  },
  notReady: {
    prometheusName: 'IntegrationHubNotReady',
    title: 'Something does not work',
    whatToDo: 'See the condition Ready, which says why and what to do.',
    section: 'not-ready',
  },
  archiveLag: {
    prometheusName: 'IntegrationHubArchiveLag',
    title: 'The archive is behind',
    whatToDo: 'No message waits for it; see whether PostgreSQL answers and has room.',
    section: 'archive-lag',
  },
};

/** The address of an alert's section in docs/alerts.md. */
export function runbookOf(alert: AlertName, runbooks: string): string {
  return `${runbooks}#${alertTexts[alert].section}`;
}
