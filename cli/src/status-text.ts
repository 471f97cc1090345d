/** What `ihub status` shows on a terminal, or into a pipe without colours. */
import type { Colours } from './colours.js';
import type { FlowReport, Health, Overview, PodReport, StageReport } from './status-report.js';

type Paint = (text: string) => string;
/** A text and how it is painted, once it has its width. */
type Cell = string | readonly [string, Paint];

/**
 * @param now as Date.now()
 * @param allNamespaces each line names its namespace
 */
export function overviewLines(
  { hubs, flows, destinations }: Overview,
  now: number,
  colours: Colours,
  allNamespaces: boolean,
): string[] {
  const row = (health: Health, isFlow: boolean): Cell[] => {
    const { name, namespace, zones, counts, created } = health;
    return [
      ...(allNamespaces ? [namespace] : []),
      name,
      readyCell(health, colours),
      zonesCell(zones, colours),
      ...(isFlow ? [count(counts.received)] : []),
      count(counts.sent),
      count(counts.backlog),
      alarming(counts.deadLetters, colours),
      ago(created, now),
      troubleCell(health, colours),
    ];
  };
  const heading = (kind: string, isFlow: boolean): Cell[] =>
    [
      ...(allNamespaces ? ['NAMESPACE'] : []),
      ...[kind, 'READY', 'ZONES'],
      ...(isFlow ? ['RECEIVED'] : []),
      ...['SENT', 'BACKLOG', 'DEAD', 'AGE', ''],
    ].map((text) => [text, colours.bold]);
  return [
    ...hubs
      .filter(({ ready }) => !ready)
      .map(({ name, trouble = '' }) => colours.red(`Hub ${name}: ${trouble}`)),
    ...table([heading('FLOW', true), ...flows.map((flow) => row(flow, true))]),
    ...(destinations.length === 0
      ? []
      : ['', ...table([heading('DESTINATION', false), ...destinations.map((one) => row(one, false))])]),
  ];
}

/** @param now as Date.now() */
export function flowLines(report: FlowReport, now: number, colours: Colours): string[] {
  const { flow, conditions, zones, stages, destinations, endpoints, events } = report;
  const { received, sent, backlog, deadLetters } = flow.counts;
  const section = (title: string, rows: Cell[][]): string[] =>
    rows.length === 0 ? [] : ['', colours.bold(title), ...table(rows).map((line) => `  ${line}`)];
  const [readyText, paintReady] = readyCell(flow, colours);
  const counts = [
    `received ${count(received)}`,
    `sent ${count(sent)}`,
    `backlog ${count(backlog)}`,
    `dead letters ${count(deadLetters)}`,
  ];
  return [
    `${colours.bold(flow.name)} in ${flow.namespace}  ready: ${paintReady(readyText)}  ${counts.join(', ')}  age ${ago(flow.created, now)}`,
    ...(flow.trouble === undefined ? [] : [troubleCell(flow, colours)].map(([text, paint]) => paint(text))),
    ...section(
      'Conditions',
      conditions.map(({ type, status, reason, message, lastTransitionTime }) => [
        type,
        [status, statusPaint(type, status, colours)],
        reason,
        ago(lastTransitionTime, now),
        message,
      ]),
    ),
    ...section(
      'Stages',
      stages.flatMap((stage) => stageRows(stage, zones, now, colours)),
    ),
    ...section(
      'Destinations',
      destinations.map((one) => [
        one.name,
        readyCell(one, colours),
        `sent ${count(one.counts.sent)}, backlog ${count(one.counts.backlog)}, dead letters ${count(one.counts.deadLetters)}`,
        troubleCell(one, colours),
      ]),
    ),
    ...section(
      'Endpoints',
      endpoints.map(({ name, host, port }) => [name, `${host}:${port}`]),
    ),
    ...section(
      'Events',
      events.map(({ time, type, reason, about, note }) => [
        ago(time, now),
        [type, type === 'Normal' ? String : colours.yellow],
        reason,
        about,
        note.replaceAll(/\s+/g, ' '),
      ]),
    ),
  ];
}

function stageRows(stage: StageReport, zones: readonly string[], now: number, colours: Colours): Cell[][] {
  const { name, pods, wanted } = stage;
  const ready = pods.filter((pod) => pod.ready).length;
  const spread = zones.map((zone) => {
    const there = pods.filter((pod) => pod.zone === zone);
    return `${zone || 'no zone'} ${there.filter((pod) => pod.ready).length}/${there.length}`;
  });
  const row: Cell[] = [
    name,
    [`${ready}/${wanted} ready`, ready >= wanted ? colours.green : ready > 0 ? colours.yellow : colours.red],
    spread.join(', '),
  ];
  return [
    row,
    ...pods
      .filter((pod) => !pod.ready || pod.restarts > 0)
      .map((pod): Cell[] => ['', '', [podText(pod, now), pod.ready ? colours.dim : colours.yellow]]),
  ];
}

function podText({ name, restarts, trouble, ready, lastEnd, lastEndAt }: PodReport, now: number): string {
  const parts = [
    ...(ready ? [] : [trouble ?? 'not ready']),
    ...(restarts === 0 ? [] : [`${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`]),
    ...(lastEnd === undefined
      ? []
      : [`last ended with ${lastEnd}${lastEndAt === undefined ? '' : ` ${ago(lastEndAt, now)} ago`}`]),
  ];
  return `${name}: ${parts.join(', ')}`;
}

function readyCell({ ready }: Health, colours: Colours): readonly [string, Paint] {
  return ready ? ['yes', colours.green] : ['no', colours.red];
}

function troubleCell({ ready, trouble = '' }: Health, colours: Colours): readonly [string, Paint] {
  return [trouble, ready ? colours.yellow : colours.red];
}

/** Not being zone-redundant is no fault where the Hub names one zone; Paused is one where it is so. */
function statusPaint(type: string, status: string, colours: Colours): Paint {
  if (status === (type === 'Paused' ? 'False' : 'True')) return colours.green;
  return type === 'Ready' ? colours.red : colours.yellow;
}

/** A zone too few is said by its colour, too. */
function zonesCell(zones: string | undefined, colours: Colours): Cell {
  const [covered, all] = zones?.split('/') ?? [];
  return [zones ?? '-', covered === all ? String : colours.yellow];
}

function alarming(number: number | undefined, colours: Colours): Cell {
  return [count(number), (number ?? 0) > 0 ? colours.yellow : String];
}

/** What the operator has not counted is not known, which is not 0. */
function count(number: number | undefined): string {
  return number === undefined ? '-' : String(number);
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/** `5s`, `12m`, `3h`, `4d`: in the largest unit of which there are two, as kubectl shows it. */
function ago(time: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1000));
  if (Number.isNaN(seconds)) return '-';
  const [unit, size] = units.find(([, each]) => seconds >= 2 * each) ?? units.at(-1)!;
  return `${Math.floor(seconds / size)}${unit}`;
}

function table(rows: readonly Cell[][]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    // A text in the last column of a line need not fit that column.
    row.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, textOf(cell).length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const text = column === row.length - 1 ? textOf(cell) : textOf(cell).padEnd(widths[column]!);
        return typeof cell === 'string' ? text : cell[1](text);
      })
      .join('  ')
      .trimEnd(),
  );
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell[0];
}
