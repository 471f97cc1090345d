/** JSON logs on standard output, one object a line. They name resources and Kubernetes' objects, never a message. */
import winston from 'winston';

export type Log = winston.Logger;

/** @param level least level written: error, warn, info or debug */
export function createLog(level: string, fields: Readonly<Record<string, string>>): Log {
  return winston.createLogger({
    level,
    defaultMeta: fields,
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- so winston types it
    transports: [new winston.transports.Console()],
  });
}
