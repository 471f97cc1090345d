/**
 * JSON logs on standard output, one object a line: the workers' and the operator's. No field of a message but MSH-3,
 * MSH-9, MSH-10 and MSH-12.
 */
import winston from 'winston';

export type Log = winston.Logger;

/** The trace of the message that a line is about: its id is the correlation id without the hyphens. */
const withTraceId = winston.format((line) => {
  if (typeof line['correlationId'] === 'string') line['traceId'] = line['correlationId'].replaceAll('-', '');
  return line;
});

/**
 * @param level least level written: error, warn, info or debug
 * @param fields what every line of this process carries: stage, role, namespace, flow or destination
 */
export function createLog(level: string, fields: Readonly<Record<string, string>>): Log {
  return winston.createLogger({
    level,
    defaultMeta: fields,
    format: winston.format.combine(withTraceId(), winston.format.timestamp(), winston.format.json()),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- so winston types it
    transports: [new winston.transports.Console()],
  });
}

/**
 * What may be logged of an error that we did not make ourselves: its kind, code and stack, not its text, which
 * may quote what was being worked on.
 */
export function errorShape(error: unknown): { error: string; code?: string; at?: string[] } {
  if (!(error instanceof Error)) return { error: typeof error };
  const { code } = error as { code?: unknown };
  const at = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8)
    .map((line) => line.trim());
  return { error: error.name, ...(typeof code === 'string' && { code }), ...(at.length > 0 && { at }) };
}
