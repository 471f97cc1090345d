/**
 * What an annotation says for a time: other thresholds, or silence. Git tools leave it alone, since nothing in Git says
 * it, and it ends by itself.
 */
import { z } from 'zod';
import { allAlerts, alertNames } from './alerts.js';
import { apiVersion } from './metadata.js';

/** The annotation, on an IntegrationFlow, a Destination or a Hub; its value is JSON. */
export const alertOverrideAnnotation = `${apiVersion.split('/')[0]!}/alert-override`;

/** Who sets the annotation by server-side apply sets it as this field manager, so that nobody else's fields are touched. */
export const alertOverrideManager = 'integration-hub-alert-override';

const words = (longest: number): z.ZodString =>
  z.string().trim().min(1, 'must not be empty').max(longest, `must have at most ${longest} characters`);

/** The value of the annotation, once parsed as JSON. */
export const alertOverride = z
  .strictObject({
    until: z.iso.datetime({ offset: true, error: 'must be a time such as 2026-12-24T18:00:00Z' }),
    /** The person, as the console knows them. */
    by: words(253),
    why: words(500),
    /** Alerts of which nobody is told; true: of none. */
    silence: z
      .union([z.literal(true), z.array(z.enum(alertNames)).min(1)], 'must be true or a list of alerts')
      .optional(),
    /** Other limits meanwhile. */
    thresholds: allAlerts.optional(),
  })
  .refine(({ silence, thresholds }) => (silence === undefined) !== (thresholds === undefined), {
    message: 'must have either silence or thresholds',
  });

export type AlertOverride = z.output<typeof alertOverride>;

/**
 * Reads the annotation of a resource.
 * @returns nothing where there is none; what is wrong with it where it can't be used
 */
export function readAlertOverride(annotations: Readonly<Record<string, string>> | undefined): {
  readonly override?: AlertOverride;
  readonly problem?: string;
} {
  const text = annotations?.[alertOverrideAnnotation];
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: `The annotation ${alertOverrideAnnotation} is not JSON; it is passed over.` };
  }
  const parsed = alertOverride.safeParse(value);
  if (parsed.success) return { override: parsed.data };
  const [issue] = parsed.error.issues;
  const field = issue!.path.join('.');
  return {
    problem: `The annotation ${alertOverrideAnnotation} is passed over:${field === '' ? '' : ` ${field}`} ${issue!.message}.`,
  };
}

/**
 * The server-side apply patch (`application/apply-patch+yaml`) that sets or takes away the annotation, and nothing else.
 * Send it with fieldManager=`alertOverrideManager` and force=true.
 *
 * @param uid of the resource as it was seen; with it, the patch makes no resource that was deleted meanwhile
 */
export function alertOverridePatch(
  resource: {
    readonly kind: string;
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
  },
  override: AlertOverride | undefined,
): object {
  const { kind, name, namespace, uid } = resource;
  const annotations = override === undefined ? {} : { [alertOverrideAnnotation]: JSON.stringify(override) };
  return { apiVersion, kind, metadata: { name, namespace, uid, annotations } };
}
