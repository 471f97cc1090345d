import {
  alertNames,
  alertOverrideAnnotation,
  alertSettingsOf,
  alertsInForce,
  alertTexts,
  destination as destinationSchema,
  hub as hubSchema,
  integrationFlow as flowSchema,
  offsetOf,
  type Destination,
  type Hub,
  type IntegrationFlow,
} from '@integration-hub/api';
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { KubeObject } from '../kubernetes/object.js';
import { exportedMetrics, selectorsOf } from '../promql-under-test.js';
import { alertRulesName, renderAlertRules } from './alert-rules.js';

const apiVersion = 'integrationhub.dev/v1alpha1';
const now = Date.parse('2026-11-21T12:00:00Z');

interface Rule {
  alert: string;
  expr: string;
  for: string;
  keep_firing_for: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

function hubOf(alerts: object = {}): Hub {
  const archive = { postgres: { host: 'db', secretName: 'db' }, keysSecretName: 'keys' };
  return hubSchema.parse({
    apiVersion,
    kind: 'Hub',
    metadata: { name: 'hub', namespace: 'hospital' },
    spec: { kafka: { bootstrapServers: ['kafka:9092'] }, zones: ['a', 'b'], archive, alerts },
  });
}

function flowOf(alerts: object = {}, annotations?: object): IntegrationFlow {
  const noMessages = { enabled: true };
  return flowSchema.parse({
    apiVersion,
    kind: 'IntegrationFlow',
    metadata: { name: 'phw', namespace: 'hospital', annotations },
    spec: { listener: { mllp: {} }, destinations: [{ name: 'mpi' }], alerts: { noMessages, ...alerts } },
  });
}

const mpi: Destination = destinationSchema.parse({
  apiVersion,
  kind: 'Destination',
  metadata: { name: 'mpi', namespace: 'hospital' },
  spec: { mllp: { host: 'mpi', port: 2576 } },
});

function render(hub: Hub, resource: IntegrationFlow | Destination | Hub, at = now): KubeObject | undefined {
  const { settings } = alertSettingsOf(hub, resource);
  const owner = { apiVersion, kind: resource.kind, name: resource.metadata.name, uid: '1' };
  return renderAlertRules({ settings, inForce: alertsInForce(settings, at), hub, owner, now: at })?.object;
}

function rulesOf(object: KubeObject | undefined): Rule[] {
  const { groups } = object?.spec as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

describe('rendering of alert rules', () => {
  const all = (): Rule[] => [flowOf(), mpi, hubOf()].flatMap((one) => rulesOf(render(hubOf(), one)));

  it('is one object a resource, with the resource’s labels and its owner', () => {
    const object = render(hubOf({ ruleLabels: { release: 'monitoring' } }), flowOf())!;
    expect(object.metadata).to.deep.equal({
      name: 'phw-flow-alerts',
      namespace: 'hospital',
      labels: {
        release: 'monitoring',
        'app.kubernetes.io/part-of': 'integration-hub',
        'app.kubernetes.io/managed-by': 'integration-hub-operator',
        'app.kubernetes.io/component': 'alerts',
        'integrationhub.dev/flow': 'phw',
      },
      ownerReferences: [{ apiVersion, kind: 'IntegrationFlow', name: 'phw', uid: '1', controller: true }],
    });
    expect(alertRulesName({ kind: 'Hub', name: 'x' })).not.to.equal(
      alertRulesName({ kind: 'IntegrationFlow', name: 'x' }),
    );
  });

  it('has every alert, with its words', () => {
    const rules = all();
    expect(new Set(rules.map(({ alert }) => alert))).to.deep.equal(
      new Set(alertNames.map((name) => alertTexts[name].prometheusName)),
    );
    const rule = rules.find(({ alert }) => alert === 'IntegrationHubBacklogAge')!;
    expect(rule).to.deep.equal({
      alert: 'IntegrationHubBacklogAge',
      expr: 'max(max_over_time(ihub_oldest_waiting_seconds{namespace="hospital", flow="phw"}[2m])) > 900',
      for: '1m',
      keep_firing_for: '300s',
      labels: { severity: 'critical', namespace: 'hospital', flow: 'phw' },
      annotations: {
        summary: 'phw: messages wait for too long',
        description:
          'The oldest has waited for {{ $value | humanizeDuration }}; 15m are borne. See whether the receiving system answers, and what the stage’s log says.',
        runbook_url: 'docs/alerts.md#backlog-age',
      },
    });
  });

  it('names metrics and labels that there are', async () => {
    const exported = await exportedMetrics();
    const zone = {
      noMessages: { enabled: true, hours: { days: ['Saturday', 'Sunday'] }, holidays: ['2026-12-25'] },
    };
    for (const { expr } of [...all(), ...rulesOf(render(hubOf(), flowOf(zone)))]) {
      for (const { metric, labels } of selectorsOf(expr)) {
        expect(exported.get(metric), metric).to.include.members(labels);
      }
    }
  });

  it('links to sections that there are', async () => {
    const text = await readFile(new URL('../../../docs/alerts.md', import.meta.url), 'utf8');
    const sections = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!.toLowerCase().replaceAll(' ', '-'),
    );
    expect(sections).to.include.members(Object.values(alertTexts).map(({ section }) => section));
    const [rule] = rulesOf(render(hubOf({ runbooks: 'https://docs.example/alerts.md' }), mpi));
    expect(rule!.annotations.runbook_url).to.equal('https://docs.example/alerts.md#error-rate');
  });

  it('is the same all year, so that it is not written again and again', () => {
    const [january, december] = ['2026-01-01T00:00:00Z', '2026-12-31T23:59:59Z'].map((time) =>
      render(hubOf(), flowOf(), Date.parse(time)),
    );
    expect(january).to.deep.equal(december);
    expect(render(hubOf(), flowOf(), Date.parse('2027-01-01T00:00:00Z'))).not.to.deep.equal(december);
  });

  it('knows local time, in summer as in winter, and holidays', () => {
    const holidays = ['2026-12-25', '2028-12-25'];
    for (const timeZone of ['Europe/London', 'Australia/Lord_Howe', 'UTC']) {
      const flow = flowOf({ noMessages: { enabled: true, hours: { timeZone }, holidays } });
      const { expr } = rulesOf(render(hubOf(), flow)).find(
        ({ alert }) => alert === 'IntegrationHubNoMessages',
      )!;
      const [, base, changes] = /vector\(time\(\) \+ (-?[0-9]+)(.*?)\) % 86400/.exec(expr)!;
      const terms = [...changes!.matchAll(/ ([+-]) ([0-9]+) \* \(time\(\) >= bool ([0-9]+)\)/g)];
      const offsetAt = (seconds: number): number =>
        terms.reduce(
          (sum, [, sign, by, at]) => sum + (seconds >= Number(at) ? Number(`${sign!}${by!}`) : 0),
          Number(base),
        );
      for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2029, 0, 1); at += 4 * 3_600_000) {
        expect(offsetAt(at / 1_000), new Date(at).toISOString()).to.equal(offsetOf(timeZone, at) / 1_000);
      }
      for (const date of holidays) expect(expr).to.contain(`/ 86400) == ${Date.parse(date) / 86_400_000}`);
    }
  });

  it('leaves out what is silenced, until that ends, and all where all is silenced', () => {
    const override = (what: object): object => ({
      [alertOverrideAnnotation]: JSON.stringify({
        until: '2026-11-21T13:00:00Z',
        by: 'Ann',
        why: 'move',
        ...what,
      }),
    });
    const after = Date.parse('2026-11-21T13:00:00Z');
    const silent = flowOf({}, override({ silence: ['backlogAge'] }));
    const names = (at: number): string[] => rulesOf(render(hubOf(), silent, at)).map(({ alert }) => alert);
    expect(names(now)).not.to.include('IntegrationHubBacklogAge');
    expect(names(after)).to.include('IntegrationHubBacklogAge');
    expect(render(hubOf(), flowOf({}, override({ silence: true })))).to.equal(undefined);
    const tuned = flowOf({}, override({ thresholds: { backlogAge: { above: '2h' } } }));
    const age = (at: number): string =>
      rulesOf(render(hubOf(), tuned, at)).find(({ alert }) => alert === 'IntegrationHubBacklogAge')!.expr;
    expect(age(now)).to.match(/> 7200$/);
    expect(age(after)).to.match(/> 900$/);
  });
});

describe('reading of PromQL in tests', () => {
  it('finds what is wrong', () => {
    expect(() => selectorsOf('sum(a{b="c"}')).to.throw('no PromQL');
    expect(selectorsOf('rate(a{b="c", d!~"e"}[5m]) / on (f) sum by (g) (h)')).to.deep.equal([
      { metric: 'a', labels: ['b', 'd'] },
      { metric: 'h', labels: [] },
    ]);
  });
});
