/** Alarms: shown, silenced and tuned for a time. */
import { alertNames, alertsInForce, type AlertName } from '@integration-hub/api';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { mostOverrideMs, thresholdsOf, type OverrideWish } from './alarm-overrides.js';
import { alarm, type Alarms, endOverride, silenceAlarm, tuneAlarm } from './api.js';
import type { Audit } from './audit.js';
import { ConsoleError } from './console-error.js';
import { type OverrideSubject, subjectKey } from './override-store.js';
import { mustBe, type User } from './user.js';
import type { Watch } from './watch.js';

/** As an annotation takes it. */
const longestName = 253;

interface ById {
  Params: { id: string };
}

export function registerAlarms(api: FastifyInstance, { watch, audit }: { watch: Watch; audit: Audit }): void {
  api.get('/api/alarms', (): Alarms => shownAlarms(watch));

  api.post<ById>('/api/alarms/:id/silence', async ({ params, body, user }): Promise<Alarms> => {
    mustBe(user, 'operator');
    const { subject, alert } = watched(watch, params.id);
    const wish = wishOf(user, silenceAlarm.parse(body));
    const about = [params.id, until(wish)];
    await audit.write({ who: user.name, action: 'alarm-silenced', about, why: wish.why });
    await watch.overrides.silence(subject, alert, wish);
    return shownAnew(watch);
  });

  api.post<ById>('/api/alarms/:id/tune', async ({ params, body, user }): Promise<Alarms> => {
    mustBe(user, 'operator');
    const { subject, alert } = watched(watch, params.id);
    const wanted = tuneAlarm.parse(body);
    const wish = wishOf(user, wanted);
    const thresholds = thresholdsOf(alert, wanted.limits);
    const limits = Object.entries(wanted.limits).map(([name, limit]) => `${name} ${limit}`);
    const about = [params.id, until(wish), ...limits];
    await audit.write({ who: user.name, action: 'alarm-tuned', about, why: wish.why });
    await watch.overrides.tune(subject, alert, thresholds, wish);
    return shownAnew(watch);
  });

  api.post<ById>('/api/alarm-overrides/:id/end', async ({ params, body, user }): Promise<Alarms> => {
    mustBe(user, 'operator');
    const { why } = endOverride.parse(body);
    const found = watch.overrides.find(params.id);
    const about = [subjectKey(found.of), ...found.alerts, `${found.kind} by ${found.by}`];
    await audit.write({ who: user.name, action: 'alarm-override-ended', about, why });
    await watch.overrides.end(found);
    return shownAnew(watch);
  });
}

/** Alarms, and what is silenced or tuned, as the console knows them now. */
export function shownAlarms({ alarms, overrides }: Watch): Alarms {
  return { alarms: [...alarms.alarms], overrides: overrides.list };
}

/** Once the console has held the new thresholds against the hub. */
async function shownAnew(watch: Watch): Promise<Alarms> {
  await watch.looked();
  return shownAlarms(watch);
}

/** @throws ConsoleError NOT_FOUND where nothing of that name is watched */
function watched({ overrides }: Watch, text: string): { subject: OverrideSubject; alert: AlertName } {
  const [kind, name, last] = alarm.shape.id.parse(text).split('.');
  const alert = z.enum(alertNames).safeParse(last).data;
  const settings = overrides.settings.find((one) => one.kind === kind && one.name === name);
  if (
    settings === undefined ||
    alert === undefined ||
    !alertsInForce(settings, Date.now()).watched.includes(alert)
  ) {
    throw new ConsoleError('NOT_FOUND', 'No such alarm is watched here: see the page of alarms.');
  }
  return { subject: { kind: settings.kind, name: settings.name }, alert };
}

/** @throws ConsoleError BAD_REQUEST where it would not end in time */
function wishOf(user: User, wanted: z.output<typeof silenceAlarm>): OverrideWish {
  const end = Date.parse(wanted.until);
  const left = end - Date.now();
  if (left <= 0 || left > mostOverrideMs) {
    const days = mostOverrideMs / 86_400_000;
    const sentence = `It must end, within ${days} days: what is to hold for longer belongs into the resource, in Git.`;
    throw new ConsoleError('BAD_REQUEST', sentence);
  }
  return { by: user.name.slice(0, longestName), until: end, why: wanted.why };
}

function until(wish: OverrideWish): string {
  return `until ${new Date(wish.until).toISOString()}`;
}
