/**
 * The alert rules that the operator renders, checked and tried by Prometheus' own promtool. That takes minutes to build,
 * once, so it is for `make e2e`; that rules are PromQL and name metrics that there are is tested always
 * (operator/src/render/alert-rules.test.ts).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  alertSettingsOf,
  alertsInForce,
  destination as destinationSchema,
  hub as hubSchema,
  integrationFlow as flowSchema,
  type Destination,
  type Hub,
  type IntegrationFlow,
} from '@integration-hub/api';
import { renderAlertRules } from '@integration-hub/operator';
import { expect } from 'chai';
import { tool } from './cluster/tools.js';

const apiVersion = 'integrationhub.dev/v1alpha1';
const metadata = (name: string): object => ({ name, namespace: 'hospital' });
const hub = hubSchema.parse({
  apiVersion,
  kind: 'Hub',
  metadata: metadata('hub'),
  spec: {
    kafka: { bootstrapServers: ['kafka:9092'] },
    zones: ['a', 'b'],
    archive: { postgres: { host: 'db', secretName: 'db' }, keysSecretName: 'keys' },
  },
});
const flow = (name: string, alerts: object = {}): IntegrationFlow =>
  flowSchema.parse({
    apiVersion,
    kind: 'IntegrationFlow',
    metadata: metadata(name),
    spec: { listener: { mllp: {} }, destinations: [{ name: 'mpi' }], alerts },
  });
const mpi = destinationSchema.parse({
  apiVersion,
  kind: 'Destination',
  metadata: metadata('mpi'),
  spec: { mllp: { host: 'mpi', port: 2576 } },
});

/** promtool's clock begins with 1970, on a Thursday. */
const resources: (IntegrationFlow | Destination | Hub)[] = [
  hub,
  mpi,
  flow('phw'),
  flow('days', { noMessages: { enabled: true, after: '30m' } }),
  flow('holidays', { noMessages: { enabled: true, after: '30m', holidays: ['2026-12-25'] } }),
  flow('santiago', {
    noMessages: {
      enabled: true,
      after: '1h',
      hours: { timeZone: 'America/Santiago', days: ['Saturday', 'Monday'], from: '08:00', to: '10:00' },
    },
  }),
];

const owner = { apiVersion, kind: 'Hub', name: 'hub', uid: '1' };
const groups = resources.flatMap((resource) => {
  const { settings } = alertSettingsOf(hub, resource);
  const inForce = alertsInForce(settings, Date.now());
  const rendered = renderAlertRules({ settings, inForce, hub, owner, now: 0 })!;
  return (rendered.object.spec as { groups: { name: string; rules: { alert: string }[] }[] }).groups;
});

/** When an alert is expected, and the labels that tell it from others; none: that there is none. */
interface Expected {
  readonly at: string;
  readonly alert: string;
  readonly of?: readonly object[];
}

describe('alert rules', function () {
  this.timeout(900_000);
  let promtool: string;
  let directory: string;

  before(async () => {
    promtool = await tool('promtool');
    directory = await mkdtemp(join(tmpdir(), 'ihub-rules-'));
    // JSON is YAML.
    await writeFile(join(directory, 'rules.yaml'), JSON.stringify({ groups }));
  });
  after(async () => {
    await rm(directory, { recursive: true });
  });

  const run = (...args: string[]): Promise<string> =>
    promisify(execFile)(promtool, args, { cwd: directory }).then(
      ({ stdout }) => stdout,
      (error: unknown) => {
        const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
        throw new Error(`promtool ${args.join(' ')}: ${stdout}${stderr}`);
      },
    );

  /**
   * Tries the rules.
   *
   * @param series by name with labels, in promtool's notation
   */
  async function expectAlerts(
    series: Readonly<Record<string, string>>,
    expected: readonly Expected[],
    interval = '1m',
  ): Promise<void> {
    // Without annotations, which promtool would compare whole.
    const tried = groups.map(({ name, rules }) => ({
      name,
      rules: rules
        .filter(({ alert }) => expected.some((one) => one.alert === alert))
        .map((rule) => ({ ...rule, annotations: {} })),
    }));
    await writeFile(join(directory, 'tried.yaml'), JSON.stringify({ groups: tried }));
    const test = {
      rule_files: ['tried.yaml'],
      evaluation_interval: interval,
      tests: [
        {
          interval,
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          alert_rule_test: expected.map(({ at, alert, of = [] }) => ({
            eval_time: at,
            alertname: alert,
            exp_alerts: of.map((labels) => ({ exp_labels: { namespace: 'hospital', ...labels } })),
          })),
        },
      ],
    };
    await writeFile(join(directory, 'test.yaml'), JSON.stringify(test));
    await run('test', 'rules', 'test.yaml');
  }

  it('are rules', async () => {
    expect(await run('check', 'rules', '--lint=all', '--lint-fatal', 'rules.yaml')).to.match(
      /SUCCESS: [0-9]+ rules found/,
    );
  });

  it('of the error rate: of flows, of destinations, and not of few messages', async () => {
    const worker = 'namespace="hospital"';
    await expectAlerts(
      {
        // 10 a minute, of which 1 is rejected and another not mapped.
        [`ihub_messages_received_total{${worker}, flow="phw"}`]: '0+10x60',
        [`ihub_messages_rejected_total{${worker}, flow="phw", code="X"}`]: '0+1x30 30x30',
        [`ihub_dead_letters_total{${worker}, flow="phw", stage="phw-transformer", code="Y"}`]: '0+1x30 30x30',
        // The listener's count twice otherwise.
        [`ihub_dead_letters_total{${worker}, flow="phw", stage="phw-listener", code="X"}`]: '0+9x60',
        // The receiver is away from the 30th minute on.
        [`ihub_messages_sent_total{${worker}, flow="phw", destination="mpi"}`]: '0+5x30 150x30',
        [`ihub_delivery_failures_total{${worker}, destination="mpi", code="Z"}`]: '0x30 0+2x30',
        // One of two messages in 15 minutes.
        [`ihub_messages_received_total{${worker}, flow="days"}`]: '0+0.15x60',
        [`ihub_messages_rejected_total{${worker}, flow="days", code="X"}`]: '0+0.1x60',
      },
      [
        { at: '1m', alert: 'IntegrationHubErrorRate' },
        { at: '20m', alert: 'IntegrationHubErrorRate', of: [{ severity: 'warning', flow: 'phw' }] },
        {
          at: '40m',
          alert: 'IntegrationHubErrorRate',
          of: [
            { severity: 'warning', flow: 'phw' },
            { severity: 'warning', destination: 'mpi' },
          ],
        },
        { at: '58m', alert: 'IntegrationHubErrorRate', of: [{ severity: 'warning', destination: 'mpi' }] },
      ],
    );
  });

  it('of the backlog: its age on the worst partition, kept while a worker is replaced, and its size', async () => {
    const age = 'ihub_oldest_waiting_seconds{namespace="hospital", destination="mpi", stage="mpi-sender"';
    const size =
      'ihub_backlog_messages{resource_namespace="hospital", namespace="operators", kind="Destination", name="mpi"';
    await expectAlerts(
      {
        [`${age}, partition="0"}`]: '0x60',
        [`${age}, partition="1", pod="a"}`]: '840+60x20 _x40',
        [`${age}, partition="1", pod="b"}`]: '_x22 2160+60x8 0x30',
        [`${size}, pod="a"}`]: '0x10 10001x20 0x30',
        [`${size}, pod="b"}`]: '0x10 10001x20 0x30',
        'ihub_oldest_waiting_seconds{namespace="elsewhere", destination="mpi", stage="mpi-sender"}':
          '9999x60',
      },
      [
        { at: '2m', alert: 'IntegrationHubBacklogAge' },
        { at: '3m', alert: 'IntegrationHubBacklogAge', of: [{ severity: 'critical', destination: 'mpi' }] },
        { at: '25m', alert: 'IntegrationHubBacklogAge', of: [{ severity: 'critical', destination: 'mpi' }] },
        { at: '45m', alert: 'IntegrationHubBacklogAge' },
        { at: '14m', alert: 'IntegrationHubBacklogSize' },
        { at: '17m', alert: 'IntegrationHubBacklogSize', of: [{ severity: 'warning', destination: 'mpi' }] },
        { at: '34m', alert: 'IntegrationHubBacklogSize', of: [{ severity: 'warning', destination: 'mpi' }] },
        { at: '40m', alert: 'IntegrationHubBacklogSize' },
      ],
    );
  });

  it('of messages that don’t come, by the clocks of a time zone', async () => {
    const started = (name: string): string =>
      `ihub_worker_started_timestamp_seconds{namespace="hospital", flow="${name}", role="listener"}`;
    const last = (name: string): string =>
      `ihub_last_received_timestamp_seconds{namespace="hospital", flow="${name}"}`;
    const firing = (name: string): object => ({ severity: 'warning', flow: name });
    const hours = (count: number): number => count * 4;
    await expectAlerts(
      {
        // Every quarter of an hour. A message at midnight and, on Thursday, at 10:00; none has ever come to santiago.
        [started('days')]: `0x${hours(80)}`,
        [last('days')]: `0x${hours(10) - 1} 36000x${hours(70)}`,
        [started('santiago')]: `0x${hours(80)}`,
      },
      [
        { at: '7h', alert: 'IntegrationHubNoMessages' },
        { at: '7h30m', alert: 'IntegrationHubNoMessages' },
        { at: '8h', alert: 'IntegrationHubNoMessages', of: [firing('days')] },
        { at: '9h45m', alert: 'IntegrationHubNoMessages', of: [firing('days')] },
        { at: '10h30m', alert: 'IntegrationHubNoMessages' },
        { at: '11h15m', alert: 'IntegrationHubNoMessages', of: [firing('days')] },
        { at: '17h30m', alert: 'IntegrationHubNoMessages' },
        // Friday; then Saturday, when Santiago is at work from 11:00 to 13:00 UTC.
        { at: '32h', alert: 'IntegrationHubNoMessages', of: [firing('days')] },
        { at: '56h', alert: 'IntegrationHubNoMessages' },
        { at: '60h', alert: 'IntegrationHubNoMessages' },
        { at: '60h30m', alert: 'IntegrationHubNoMessages', of: [firing('santiago')] },
        { at: '63h30m', alert: 'IntegrationHubNoMessages' },
      ],
      '15m',
    );
  });

  it('of dead letters, zones, readiness and the archive', async () => {
    const ofOperator = (kind: string, name: string): string =>
      `resource_namespace="hospital", namespace="operators", kind="${kind}", name="${name}"`;
    const condition = (type: string): string =>
      `ihub_condition{${ofOperator('IntegrationFlow', 'phw')}, type="${type}"`;
    await expectAlerts(
      {
        [`ihub_dead_letters_open{${ofOperator('Destination', 'mpi')}}`]: '0x5 1x25 0x30',
        // The standby has not seen it yet.
        [`${condition('Ready')}, pod="a"}`]: '1x5 0x5 0x50',
        [`${condition('Ready')}, pod="b"}`]: '1x5 1x5 0x50',
        [`${condition('ZoneRedundant')}}`]: '1x5 0x50',
        'ihub_oldest_waiting_seconds{namespace="hospital", stage="archivist"}': '0+60x60',
      },
      [
        { at: '6m', alert: 'IntegrationHubDeadLetters' },
        { at: '8m', alert: 'IntegrationHubDeadLetters', of: [{ severity: 'warning', destination: 'mpi' }] },
        { at: '45m', alert: 'IntegrationHubDeadLetters' },
        { at: '12m', alert: 'IntegrationHubNotReady' },
        { at: '20m', alert: 'IntegrationHubNotReady', of: [{ severity: 'critical', flow: 'phw' }] },
        { at: '20m', alert: 'IntegrationHubZoneRedundancy', of: [{ severity: 'warning', flow: 'phw' }] },
        { at: '34m', alert: 'IntegrationHubArchiveLag' },
        { at: '40m', alert: 'IntegrationHubArchiveLag', of: [{ severity: 'warning', hub: 'hub' }] },
      ],
    );
  });
});
