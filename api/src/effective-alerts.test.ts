import { expect } from 'chai';
import { alertOverrideAnnotation, alertOverridesPatch, readAlertOverrides } from './alert-override.js';
import { standardThresholds } from './alerts.js';
import { destination as destinationSchema } from './destination.js';
import { alertSettings, alertSettingsOf, alertsInForce, type AlertsInForce } from './effective-alerts.js';
import { hub as hubSchema, type Hub } from './hub.js';
import { integrationFlow, type IntegrationFlow } from './integration-flow.js';

const apiVersion = 'integrationhub.dev/v1alpha1';
const now = Date.parse('2026-11-21T12:00:00Z');
const annotated = (override: unknown): object => ({
  [alertOverrideAnnotation]: typeof override === 'string' ? override : JSON.stringify(override),
});

function hubOf(alerts?: object, override?: unknown, spec: object = {}): Hub {
  return hubSchema.parse({
    apiVersion,
    kind: 'Hub',
    metadata: { name: 'hub', ...(override !== undefined && { annotations: annotated(override) }) },
    spec: {
      kafka: { bootstrapServers: ['kafka:9092'] },
      zones: ['a', 'b'],
      ...(alerts && { alerts }),
      ...spec,
    },
  });
}

function flowOf(alerts?: object, override?: unknown): IntegrationFlow {
  return integrationFlow.parse({
    apiVersion,
    kind: 'IntegrationFlow',
    metadata: { name: 'phw', ...(override !== undefined && { annotations: annotated(override) }) },
    spec: { listener: { mllp: {} }, destinations: [{ name: 'mpi' }], ...(alerts && { alerts }) },
  });
}

function inForce(hub: Hub, flow: IntegrationFlow, at = now): AlertsInForce {
  const { settings } = alertSettingsOf(hub, flow);
  // What a program is told in its configuration is the same.
  return alertsInForce(alertSettings.parse(JSON.parse(JSON.stringify(settings))), at);
}

describe('effective alerts', () => {
  const who = { by: 'Ann', why: 'migration', until: '2026-11-21T13:00:00Z' };

  it('are the standard where nobody says anything', () => {
    const { thresholds, watched, until, overrides } = inForce(hubOf(), flowOf());
    expect(thresholds).to.deep.equal(standardThresholds);
    expect(watched).not.to.include.members(['noMessages', 'archiveLag']);
    expect(watched).to.include.members(['errorRate', 'backlogAge', 'zoneRedundancy', 'notReady']);
    expect([until, overrides]).to.deep.equal([undefined, []]);
  });

  it('are the Hub’s, then the flow’s own, then those of an annotation, field by field', () => {
    const hub = hubOf({ errorRate: { above: 10, window: '30m' }, backlogSize: { above: 7 } });
    const flow = flowOf({ errorRate: { above: 20 } });
    expect(inForce(hub, flow).thresholds.errorRate).to.deep.equal({
      ...standardThresholds.errorRate,
      above: 20,
      window: '30m',
    });
    expect(inForce(hub, flow).thresholds.backlogSize.above).to.equal(7);
    const tuned = flowOf({ errorRate: { above: 20 } }, { ...who, thresholds: { errorRate: { above: 50 } } });
    expect(inForce(hub, tuned).thresholds.errorRate).to.include({ above: 50, window: '30m' });
    expect(inForce(hub, tuned).until).to.equal(Date.parse(who.until));
  });

  it('are as before when the annotation’s time is over', () => {
    const tuned = flowOf(undefined, { ...who, thresholds: { errorRate: { above: 50 } } });
    const after = inForce(hubOf(), tuned, Date.parse(who.until));
    expect(after.thresholds).to.deep.equal(standardThresholds);
    expect(after.until).to.equal(undefined);
  });

  it('tuned on the Hub are not what a flow says itself; silenced there, all are silent', () => {
    const hub = hubOf(undefined, { ...who, thresholds: { errorRate: { above: 50, window: '1h' } } });
    expect(inForce(hub, flowOf({ errorRate: { above: 20 } })).thresholds.errorRate).to.include({
      above: 20,
      window: '1h',
    });
    const silent = inForce(hubOf(undefined, { ...who, silence: true }), flowOf());
    expect([...silent.silenced.keys()]).to.have.lengthOf(8);
    const partly = inForce(hubOf(), flowOf(undefined, { ...who, silence: ['backlogAge'] }));
    expect([...partly.silenced]).to.deep.equal([['backlogAge', { ...who, silence: ['backlogAge'] }]]);
  });

  it('have hours that are taken as a whole, and holidays of the Hub beside them', () => {
    const hub = hubOf({ noMessages: { hours: { from: '07:00' }, holidays: ['2026-12-25'] } });
    const { noMessages } = inForce(
      hub,
      flowOf({ noMessages: { enabled: true, hours: { to: '12:00' } } }),
    ).thresholds;
    expect(noMessages.hours).to.include({ from: '08:00', to: '12:00' });
    expect(noMessages.holidays).to.deep.equal(['2026-12-25']);
  });

  it('watch zones where there are two, and an archive where there is one', () => {
    const archive = {
      postgres: { host: 'db', secretName: 'db' },
      keysSecretName: 'keys',
    };
    const watched = (hub: Hub): readonly string[] =>
      alertsInForce(alertSettingsOf(hub, hub).settings, now).watched;
    expect(watched(hubOf(undefined, undefined, { zones: ['a'] }))).to.deep.equal(['notReady']);
    expect(watched(hubOf(undefined, undefined, { archive }))).to.include('archiveLag');
    const mpi = destinationSchema.parse({
      apiVersion,
      kind: 'Destination',
      metadata: { name: 'mpi' },
      spec: { mllp: { host: 'mpi', port: 2576 }, alerts: { deadLetters: { enabled: false } } },
    });
    const ofDestination = alertsInForce(alertSettingsOf(hubOf(), mpi).settings, now).watched;
    expect(ofDestination).not.to.include.members(['deadLetters', 'noMessages']);
  });

  it('may be many on one resource, each with its own end', () => {
    const later = new Date(now + 7_200_000).toISOString();
    const { settings, problems } = alertSettingsOf(
      hubOf(),
      flowOf(undefined, [
        { ...who, silence: ['backlogAge'] },
        { ...who, by: 'Nia', until: later, silence: ['deadLetters'] },
        { ...who, until: later, thresholds: { errorRate: { above: 50 } } },
      ]),
    );
    expect(problems).to.deep.equal([]);
    const first = alertsInForce(settings, now);
    expect([...first.silenced.keys()]).to.deep.equal(['backlogAge', 'deadLetters']);
    expect([first.until, first.thresholds.errorRate.above]).to.deep.equal([Date.parse(who.until), 50]);
    const second = alertsInForce(settings, Date.parse(who.until));
    expect([...second.silenced.keys()]).to.deep.equal(['deadLetters']);
    const wrong = alertSettingsOf(
      hubOf(),
      flowOf(undefined, [
        { ...who, silence: true },
        { ...who, why: '' },
      ]),
    );
    expect(wrong.problems.join()).to.match(/passed over: 1.silence|passed over: 1.why/);
  });

  it('pass over what is wrong, and say so', () => {
    const cases: [override: unknown, sentence: RegExp][] = [
      ['no JSON', /is not JSON/],
      [{ ...who }, /must have either silence or thresholds/],
      [{ ...who, silence: true, thresholds: {} }, /must have either/],
      [{ ...who, silence: true, until: 'tomorrow' }, /until must be a time such as/],
      [{ ...who, silence: true, why: ' ' }, /why must not be empty/],
      [{ ...who, silence: ['everything'] }, /silence must be true or a list of alerts/],
      [{ ...who, thresholds: { errorRate: { above: 101 } } }, /thresholds.errorRate.above/],
    ];
    for (const [override, sentence] of cases) {
      const { settings, problems } = alertSettingsOf(hubOf(), flowOf(undefined, override));
      expect(settings.overrides, JSON.stringify(override)).to.deep.equal([]);
      expect(problems.join()).to.match(sentence);
    }
    const flow = flowOf({ noMessages: { enabled: true, hours: { timeZone: 'Europe/Cardiff' } } });
    const { settings, problems } = alertSettingsOf(hubOf(), flow);
    expect(problems.join()).to.contain('"Europe/Cardiff" is no time zone');
    expect(alertsInForce(settings, now).thresholds.noMessages).to.deep.include({
      enabled: true,
      hours: standardThresholds.noMessages.hours,
    });
  });

  it('are set and taken away by a patch of the annotation alone', () => {
    const resource = { kind: 'IntegrationFlow', name: 'phw', namespace: 'hospital', uid: '1' };
    const override = { ...who, silence: true as const };
    const { metadata } = alertOverridesPatch(resource, [override, override]) as {
      metadata: { annotations: Record<string, string> };
    };
    expect(readAlertOverrides(metadata.annotations)).to.deep.equal({ overrides: [override, override] });
    expect(alertOverridesPatch({ ...resource, resourceVersion: '7' }, undefined)).to.deep.equal({
      apiVersion,
      kind: 'IntegrationFlow',
      metadata: { name: 'phw', namespace: 'hospital', uid: '1', resourceVersion: '7', annotations: {} },
    });
  });
});
